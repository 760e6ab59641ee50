"""What batch transform wrote, joined to the truth, with labels as the dropped file spells them."""

from __future__ import annotations

import ast
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from autodrop.dataset import Dataset
from autodrop.errors import JobFailed
from autodrop.results.metrics import Floats
from autodrop.settings import ProblemType


@dataclass(frozen=True)
class Scored:
    """The held-out rows with their predictions.

    Attributes:
        rows: 0-based row numbers of the dropped file, shape (rows,).
        carried: Ignored columns, one list of cells each.
        truth: Target cells as the file spells them.
        predicted: Predictions; labels as the file spells them, numbers as the model writes them.
        probabilities: For each class, shape (rows,); None where the model gives none.
    """

    rows: Sequence[int]
    carried: Mapping[str, Sequence[str]]
    truth: Sequence[str]
    predicted: Sequence[str]
    probabilities: Mapping[str, Floats] | None

    def numbers(self) -> tuple[Floats, Floats]:
        """Return truth and prediction of a regression as numbers.

        Raises:
            JobFailed: One of them is no finite number.
        """
        try:
            truth = np.array([float(cell) for cell in self.truth])
            predicted = np.array([float(cell) for cell in self.predicted])
        except ValueError:
            truth = predicted = np.array([np.nan])
        if not (np.isfinite(truth).all() and np.isfinite(predicted).all()):
            # Without the cell: this text goes into logs.
            raise JobFailed("PREDICTION_NOT_A_NUMBER", "A prediction is not a number.")
        return truth, predicted

    def table(self) -> pd.DataFrame:
        """Return the table of `predictions.csv`."""
        columns: dict[str, Sequence[object] | Floats] = {"row": self.rows, **self.carried}
        columns |= {"truth": self.truth, "prediction": self.predicted}
        for label, probability in (self.probabilities or {}).items():
            columns[f"probability_{label}"] = probability
        return pd.DataFrame(columns)


def read_scored(
    dataset: Dataset,
    problem_type: ProblemType,
    keys: Sequence[str],
    truth_csv: bytes,
    output: bytes,
) -> Scored:
    """Return the held-out rows with their predictions; batch transform keeps the order of rows.

    Args:
        dataset: The prepared dataset.
        problem_type: The kind that Autopilot resolved.
        keys: What each line of `output` holds, in order.
        truth_csv: The content of `truth.csv`.
        output: The content of the `.out` file.

    Raises:
        JobFailed: The output does not belong to these rows.
    """
    header, *truth_rows = csv.reader(io.StringIO(truth_csv.decode(), newline=""))
    lines = [line for line in csv.reader(io.StringIO(output.decode(), newline="")) if line]
    if len(lines) != len(truth_rows):
        raise JobFailed(
            "PREDICTIONS_INCOMPLETE",
            f"Batch transform wrote {len(lines):,} predictions for {len(truth_rows):,} rows.",
        )
    if any(len(line) != len(keys) for line in lines):
        raise JobFailed(
            "PREDICTIONS_MALFORMED",
            f"Batch transform wrote lines that do not hold {', '.join(keys)}.",
        )
    at = {key: i for i, key in enumerate(keys)}
    predicted: list[str] = [line[at["predicted_label"]].strip() for line in lines]
    probabilities = None
    if problem_type is not ProblemType.REGRESSION:
        # Where preparation saw measurements and Autopilot classes, the truth has their spelling.
        labels = [label for label, _ in dataset.target.classes]
        spelling = _Spelling(labels or sorted({row[-1] for row in truth_rows}))
        predicted = [spelling.of(label) for label in predicted]
        if {"labels", "probabilities"} <= at.keys():
            probabilities = _probabilities(
                [line[at["labels"]] for line in lines],
                [line[at["probabilities"]] for line in lines],
                spelling,
            )
    return Scored(
        rows=[int(row[0]) for row in truth_rows],
        carried={name: [row[i] for row in truth_rows] for i, name in _carried(header)},
        truth=[row[-1] for row in truth_rows],
        predicted=predicted,
        probabilities=probabilities,
    )


def _carried(header: Sequence[str]) -> list[tuple[int, str]]:
    taken = {"row", "truth", "prediction"}
    return [
        (i, f"{name}_ignored" if name in taken or name.startswith("probability_") else name)
        for i, name in enumerate(header[:-1])
        if i > 0
    ]


def _probabilities(
    labels: Sequence[str], values: Sequence[str], spelling: _Spelling
) -> dict[str, Floats]:
    """Return a column for each label; every line names its labels itself."""
    names: dict[str, list[str]] = {}
    columns: dict[str, Floats] = {}
    for row, (label_list, value_list) in enumerate(zip(labels, values, strict=True)):
        if label_list not in names:
            names[label_list] = [spelling.of(str(label)) for label in _list(label_list)]
        scores = _scores(value_list)
        if len(scores) != len(names[label_list]):
            raise _malformed()
        for name, score in zip(names[label_list], scores, strict=True):
            if name not in columns:
                columns[name] = np.zeros(len(labels))
            columns[name][row] = score
    return columns


def _scores(written: str) -> list[float]:
    try:
        scores = [float(str(value)) for value in _list(written)]
    except ValueError:
        raise _malformed() from None
    if not np.isfinite(scores).all():
        raise _malformed()
    return scores


def _list(written: str) -> list[object]:
    # Lists come in Python's spelling: ['1', '0'] is no JSON.
    try:
        value = ast.literal_eval(written)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise _malformed()
    return value


def _malformed() -> JobFailed:
    return JobFailed("PREDICTIONS_MALFORMED", "Batch transform wrote a list nobody can read.")


class _Spelling:
    """Labels as the dropped file spells them, for labels as a model writes them."""

    def __init__(self, labels: Sequence[str]) -> None:
        self._known = {label: label for label in labels}
        self._loose: dict[object, str | None] = {}
        for label in labels:
            key = _loose_key(label)
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
