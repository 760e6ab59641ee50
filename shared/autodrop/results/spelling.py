"""Labels as the dropped file spells them, for labels as a model writes them."""

from __future__ import annotations

from collections.abc import Sequence

from autodrop.preparation.cells import with_point


class Spelling:
    """The file's spelling of every label, found by text first, then by number or word."""

    def __init__(self, labels: Sequence[str], *, decimal_comma: bool = False) -> None:
        self._known = {label: label for label in labels}
        self._loose: dict[object, str | None] = {}
        for label in labels:
            key = _loose_key(with_point(label) if decimal_comma else label)
            # Two spellings of one thing, such as 1 and 1.0, can only be told apart exactly.
            self._loose[key] = None if key in self._loose else label

    def of(self, label: str) -> str:
        """Return the file's spelling: the same text, else the same number or word."""
        known = self._known.get(label)
        if known is None:
            known = self._loose.get(_loose_key(label)) or label
            self._known[label] = known
        return known


def _loose_key(label: str) -> object:
    try:
        return float(label)
    except ValueError:
        return label.strip().lower()
