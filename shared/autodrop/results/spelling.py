"""Labels as the dropped file spells them, for labels as a model writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from autodrop.dataset import MODEL_NEGATIVE, MODEL_POSITIVE, Dataset
from autodrop.preparation.cells.kinds import with_point


class Spelling:
    """The file's spelling of every label, found by text first, then by number or word."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        """Take the file's label by each label that a model may write."""
        self._known = dict(labels)
        self._loose: dict[object, str | None] = {}
        for written, label in labels.items():
            key = _loose_key(written)
            # Two spellings of one thing, such as 1 and 1.0, can only be told apart exactly.
            self._loose[key] = None if key in self._loose else label

    def of(self, label: str) -> str:
        """Return the file's spelling: for the same text, else for the same number or word."""
        known = self._known.get(label)
        if known is None:
            known = self._loose.get(_loose_key(label)) or label
            self._known[label] = known
        return known


def spelling_of(dataset: Dataset, truth: Sequence[str] = ()) -> Spelling:
    """Return the spelling of whatever the dataset's model predicts, and of its lists of labels.

    Args:
        dataset: The prepared dataset.
        truth: The labels in the held-out rows, for a target of which preparation noted none.
    """
    target = dataset.target
    if target.model_labels:
        positive, negative = (target.model_labels[it] for it in (MODEL_POSITIVE, MODEL_NEGATIVE))
        return Spelling({**target.model_labels, "true": positive, "false": negative})
    labels = [label for label, _ in target.classes] or truth
    written = {label: label for label in labels}
    if target.column in dataset.decimal_commas:
        written = {with_point(label): label for label in labels} | written
    return Spelling(written)


def _loose_key(label: str) -> object:
    try:
        return float(label)
    except ValueError:
        return label.strip().lower()
