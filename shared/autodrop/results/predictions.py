"""What batch transform wrote, joined to the truth, with labels as the dropped file spells them."""

from __future__ import annotations

import ast
import csv
import io
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from autodrop.dataset import Dataset
from autodrop.errors import JobFailed
from autodrop.preparation.cells import with_point
from autodrop.preparation.dialect import LONGEST_ROW
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
        decimal_comma: Whether the truth is written with decimal commas.
    """

    rows: Sequence[int]
    carried: Mapping[str, Sequence[str]]
    truth: Sequence[str]
    predicted: Sequence[str]
    probabilities: Mapping[str, Floats] | None
    decimal_comma: bool = False

    def numbers(self) -> tuple[Floats, Floats]:
        """Return truth and prediction of a regression as numbers.

        Raises:
            JobFailed: One of them is no finite number.
        """
        try:
            spelled = map(with_point, self.truth) if self.decimal_comma else self.truth
            truth = np.array([float(cell) for cell in spelled])
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
    truth = _lines(truth_csv)
    header = next(truth)
    carried: dict[str, list[str]] = {name: [] for _, name in _carried(header)}
    carried_at = [i for i, _ in _carried(header)]
    rows, labels = array("q"), list[str]()
    for row in truth:
        rows.append(int(row[0]))
        for i, cells in zip(carried_at, carried.values(), strict=True):
            cells.append(row[i])
        labels.append(sys.intern(row[-1]))

    at = {key: i for i, key in enumerate(keys)}
    is_regression = problem_type is ProblemType.REGRESSION
    # Where preparation saw measurements and Autopilot classes, the truth has their spelling.
    known = [label for label, _ in dataset.target.classes] or sorted(set(labels))
    comma = dataset.target.column in dataset.decimal_commas
    spelling = _Spelling([] if is_regression else known, decimal_comma=comma)
    scores = None
    if not is_regression and {"labels", "probabilities"} <= at.keys():
        scores = _Probabilities(len(labels), spelling)
    predicted: list[str] = []
    lines = 0
    for line in _lines(output):
        if not line:
            continue
        lines += 1
        if lines > len(labels):
            continue
        if len(line) != len(keys):
            raise JobFailed(
                "PREDICTIONS_MALFORMED",
                f"Batch transform wrote lines that do not hold {', '.join(keys)}.",
            )
        label = line[at["predicted_label"]]
        predicted.append(label.strip() if is_regression else sys.intern(spelling.of(label)))
        if scores is not None:
            scores.add(line[at["labels"]], line[at["probabilities"]])
    if lines != len(labels):
        raise JobFailed(
            "PREDICTIONS_INCOMPLETE",
            f"Batch transform wrote {lines:,} predictions for {len(labels):,} rows.",
        )
    return Scored(
        rows=rows,
        carried=carried,
        truth=labels,
        predicted=predicted,
        probabilities=None if scores is None else scores.columns,
        decimal_comma=comma,
    )


def _lines(content: bytes) -> Iterator[list[str]]:
    """Yield the records of a CSV without holding more than one of them."""
    csv.field_size_limit(LONGEST_ROW)
    return csv.reader(io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline=""))


def _carried(header: Sequence[str]) -> list[tuple[int, str]]:
    taken = {"row", "truth", "prediction"}
    return [
        (i, f"{name}_ignored" if name in taken or name.startswith("probability_") else name)
        for i, name in enumerate(header[:-1])
        if i > 0
    ]


class _Probabilities:
    """A column for each label; every line names its labels itself."""

    def __init__(self, rows: int, spelling: _Spelling) -> None:
        self.columns: dict[str, Floats] = {}
        self._rows = rows
        self._spelling = spelling
        self._names: dict[str, list[str]] = {}
        self._row = 0

    def add(self, labels: str, values: str) -> None:
        """Take the two lists of the next line."""
        if labels not in self._names:
            self._names[labels] = [self._spelling.of(str(label)) for label in _list(labels)]
        names, scores = self._names[labels], _scores(values)
        if len(scores) != len(names):
            raise _malformed()
        for name, score in zip(names, scores, strict=True):
            if name not in self.columns:
                self.columns[name] = np.zeros(self._rows)
            self.columns[name][self._row] = score
        self._row += 1


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
