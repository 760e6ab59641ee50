"""What batch transform wrote, joined to the truth, with labels as the dropped file spells them.

All files are read and written side by side, some thousand rows at a time. What stays in memory is
a few numbers for each row.
"""

from __future__ import annotations

import ast
import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from autodrop.dataset import Dataset
from autodrop.errors import JobFailed
from autodrop.preparation.cells import with_point
from autodrop.preparation.dialect import LONGEST_ROW
from autodrop.results.metrics import Codes, Floats
from autodrop.results.scored import (
    ClassProbabilities,
    Mistake,
    ScoredLabels,
    ScoredNumbers,
    SegmentCodes,
)
from autodrop.results.spelling import Spelling
from autodrop.results.spreadsheet import safe_cell, safe_cells
from autodrop.settings import ProblemType

# Each of them may be read more than once.
Files = Callable[[], Iterable[Path]]
_BATCH = 20_000
_MISTAKES = 20
_MOST_VALUES = 5_000
_FEW_LABELS = 2**15


@dataclass(frozen=True)
class Sources:
    """The files that a scoring reads; parts in the same order.

    Attributes:
        truth: Row number, carried columns and target, each with a header.
        output: The `.out` files.
        test: The features without header, in the order of `Dataset.features`; None where gone.
    """

    truth: Files
    output: Files
    test: Files | None = None


def score(
    dataset: Dataset,
    problem_type: ProblemType,
    keys: Sequence[str],
    sources: Sources,
    table: Path,
    segment_columns: Sequence[str] = (),
) -> ScoredLabels | ScoredNumbers:
    """Write `predictions.csv` to `table` and return what the metrics need.

    Batch transform keeps the order of rows.

    Args:
        dataset: The prepared dataset.
        problem_type: The kind that Autopilot resolved.
        keys: What each line of the output holds, in order.
        sources: What to read.
        table: Where to write.
        segment_columns: The features by whose values the rows are told apart.

    Raises:
        JobFailed: The output does not belong to these rows, or a regression's is no number.
    """
    segments = _Segments(dataset, segment_columns)
    test = _records(sources.test) if sources.test and segments.columns else None
    if problem_type is ProblemType.REGRESSION:
        numbers = _Numbers(comma=dataset.target.column in dataset.decimal_commas)
        _join(keys, sources, table, numbers, segments, test)
        return numbers.scored(segments.found())
    # Where preparation saw measurements and Autopilot classes, the truth has their spelling.
    known = [label for label, _ in dataset.target.classes] or _labels_of(sources.truth)
    spelling = Spelling(known, decimal_comma=dataset.target.column in dataset.decimal_commas)
    positive = dataset.target.positive_class if problem_type is ProblemType.BINARY else None
    columns: list[str] | None = None
    while True:
        labels = _Labels(keys, spelling, positive, columns)
        try:
            _join(keys, sources, table, labels, segments, test)
            return labels.scored(segments.found())
        except _MoreLabels as more:
            # A line names a label that the lines before did not: its column is needed from the top.
            columns = [*(labels.columns or ()), *more.labels]
            segments = _Segments(dataset, segment_columns)
            test = _records(sources.test) if sources.test and segments.columns else None


class _MoreLabels(Exception):
    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__()
        self.labels = labels


def _join(
    keys: Sequence[str],
    sources: Sources,
    table: Path,
    taker: _Labels | _Numbers,
    segments: _Segments,
    test: Iterator[list[str]] | None,
) -> None:
    """Read the truth and the output side by side, and write the table."""
    truth = _truth_records(sources.truth)
    header = next(truth, ["row", ""])
    output = (line for line in _records(sources.output) if line)
    carried = _carried(header)
    rows = lines = 0
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        while True:
            known = list(islice(truth, _BATCH))
            said = list(islice(output, len(known) if known else _BATCH))
            features = [] if test is None else list(islice(test, len(known)))
            if not known and not said:
                break
            if len(known) == len(said):
                if set(map(len, said)) != {len(keys)}:
                    raise JobFailed(
                        "PREDICTIONS_MALFORMED",
                        f"Batch transform wrote lines that do not hold {', '.join(keys)}.",
                    )
                told = dict(zip(keys, zip(*said, strict=True), strict=True))
                cells = list(zip(*known, strict=True))
                prediction, probabilities = taker.take(cells[0], cells[-1], told)
                segments.take(features, len(known))
                if rows == 0:
                    names = ["row", *carried.values(), "truth", "prediction"]
                    names += [f"probability_{label}" for label in taker.columns or ()]
                    writer.writerow(map(safe_cell, names))
                writer.writerows(
                    zip(
                        cells[0],
                        *(safe_cells(cells[i]) for i in carried),
                        safe_cells(cells[-1]),
                        safe_cells(prediction),
                        *probabilities,
                        strict=True,
                    )
                )
            rows += len(known)
            lines += len(said)
            if len(known) != len(said):
                # Only to be told with both numbers.
                rows += sum(1 for _ in truth)
                lines += sum(1 for _ in output)
                break
    if lines != rows or not rows:
        raise JobFailed(
            "PREDICTIONS_INCOMPLETE",
            f"Batch transform wrote {lines:,} predictions for {rows:,} rows.",
        )


class _Numbers:
    """Takes the predictions of a regression."""

    columns = None

    def __init__(self, *, comma: bool) -> None:
        self._comma = comma
        self._truth: list[Floats] = []
        self._predicted: list[Floats] = []
        self._worst = _Worst()

    def take(
        self, rows: Sequence[str], truth: Sequence[str], told: Mapping[str, Sequence[str]]
    ) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        """Take a batch; return the predictions as they are written, and no probabilities."""
        predicted = [cell.strip() for cell in told["predicted_label"]]
        try:
            spelled = map(with_point, truth) if self._comma else truth
            of_truth = np.fromiter(map(float, spelled), np.float64, len(truth))
            of_prediction = np.fromiter(map(float, predicted), np.float64, len(truth))
        except ValueError:
            of_truth = of_prediction = np.array([np.nan])
        if not (np.isfinite(of_truth).all() and np.isfinite(of_prediction).all()):
            # Without the cell: this text goes into logs.
            raise JobFailed("PREDICTION_NOT_A_NUMBER", "A prediction is not a number.")
        self._truth.append(of_truth)
        self._predicted.append(of_prediction)
        with np.errstate(over="ignore"):
            error = of_prediction - of_truth
        self._worst.take(
            np.where(error != 0, np.abs(error), -np.inf),
            lambda i: Mistake(int(rows[i]), truth[i], predicted[i], float(error[i])),
        )
        return predicted, ()

    def scored(self, segments: Mapping[str, SegmentCodes] | None) -> ScoredNumbers:
        """Return what was taken."""
        return ScoredNumbers(
            _together(self._truth), _together(self._predicted), self._worst.found, segments
        )


class _Labels:
    """Takes the predictions of a classification.

    Attributes:
        columns: The labels that have a probability, in the order of their columns; None where the
            model gives none.
    """

    def __init__(
        self,
        keys: Sequence[str],
        spelling: Spelling,
        positive: str | None,
        columns: list[str] | None,
    ) -> None:
        self._spelling = spelling
        self._positive = positive
        self.columns = columns
        self._has_lists = {"labels", "probabilities"} <= set(keys)
        self._codes: dict[str, int] = {}
        self._names: dict[str, list[str]] = {}
        self._truth: list[Codes] = []
        self._predicted: list[Codes] = []
        self._score: list[Floats] = []
        self._of_prediction: list[Any] = []
        self._of_truth: list[Floats] = []
        self._classes: ClassProbabilities | None = None
        self._worst = _Worst()

    def take(
        self, rows: Sequence[str], truth: Sequence[str], told: Mapping[str, Sequence[str]]
    ) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
        """Take a batch; return labels and probabilities as they are written."""
        predicted = list(map(self._spelling.of, told["predicted_label"]))
        of_truth, of_prediction = self._coded(truth), self._coded(predicted)
        self._truth.append(of_truth)
        self._predicted.append(of_prediction)
        if not self._has_lists:
            return predicted, ()
        probabilities, columns = self._probabilities(told["labels"], told["probabilities"])
        at = self._columns_of_codes()
        confidence = _picked(probabilities, at[of_prediction])
        if self._positive is None:
            if self._classes is None:
                self._classes = ClassProbabilities(list(self.columns or ()))
            self._classes.add(probabilities, at[of_truth])
            self._of_truth.append(_picked(probabilities, at[of_truth]))
            self._of_prediction.append(confidence.astype(np.float32))
        elif self._positive in (self.columns or ()):
            self._score.append(probabilities[:, (self.columns or []).index(self._positive)].copy())
        is_wrong = (of_truth != of_prediction) & np.isfinite(confidence)
        self._worst.take(
            np.where(is_wrong, confidence, -np.inf),
            lambda i: Mistake(int(rows[i]), truth[i], predicted[i], float(confidence[i])),
        )
        return predicted, columns

    def scored(self, segments: Mapping[str, SegmentCodes] | None) -> ScoredLabels:
        """Return what was taken."""
        return ScoredLabels(
            labels=list(self._codes),
            truth=_together(self._truth),
            predicted=_together(self._predicted),
            positive=None if self._positive is None else self._code_of(self._positive),
            score=_together(self._score) if self._score else None,
            of_prediction=_together(self._of_prediction) if self._of_prediction else None,
            of_truth=_together(self._of_truth) if self._of_truth else None,
            rankings=None if self._classes is None else self._classes.rankings(),
            mistakes=self._worst.found if self._has_lists else None,
            segments=segments,
        )

    def _code_of(self, label: str) -> int:
        return self._codes.setdefault(label, len(self._codes))

    def _coded(self, labels: Sequence[str]) -> Codes:
        codes = self._codes
        for label in dict.fromkeys(labels):
            codes.setdefault(label, len(codes))
        # Two bytes a row, unless there are very many labels.
        kind = np.int16 if len(codes) < _FEW_LABELS else np.int32
        return np.fromiter(map(codes.__getitem__, labels), kind, len(labels))

    def _columns_of_codes(self) -> Codes:
        """Return the column of each code, -1 for labels without one."""
        position = {label: i for i, label in enumerate(self.columns or ())}
        return np.fromiter((position.get(label, -1) for label in self._codes), np.int64)

    def _probabilities(
        self, labels: Sequence[str], written: Sequence[str]
    ) -> tuple[Floats, list[list[str]]]:
        """Return the probabilities of shape (rows, columns), and their texts by column."""
        kinds = dict.fromkeys(labels)
        for kind in kinds:
            names = self._names_in(kind)
            if self.columns is None:
                self.columns = list(names)
            if missing := [name for name in names if name not in self.columns]:
                raise _MoreLabels(missing)
        columns = self.columns or []
        if len(kinds) == 1 and self._names_in(labels[0]) == columns:
            return _of_lists(written, len(columns))
        # Every line names its labels itself, and not all have to name the same.
        values = np.zeros((len(labels), len(columns)))
        texts = [["0.0"] * len(labels) for _ in columns]
        for kind in kinds:
            names = self._names_in(kind)
            of_kind = [i for i, each in enumerate(labels) if each == kind]
            found, found_texts = _of_lists([written[i] for i in of_kind], len(names))
            for j, name in enumerate(names):
                to = columns.index(name)
                values[of_kind, to] = found[:, j]
                for i, text in zip(of_kind, found_texts[j], strict=True):
                    texts[to][i] = text
        return values, texts

    def _names_in(self, kind: str) -> list[str]:
        if kind not in self._names:
            self._names[kind] = [self._spelling.of(str(label)) for label in _list(kind)]
        return self._names[kind]


@dataclass
class _Worst:
    """Keeps the rows with the largest values, the first of equal ones."""

    found: list[Mistake] = field(default_factory=list)
    _values: list[float] = field(default_factory=list)

    def take(self, values: Floats, mistake: Callable[[int], Mistake]) -> None:
        """Look at a batch; rows at minus infinity are none."""
        least = self._values[-1] if len(self._values) == _MISTAKES else -np.inf
        candidates = np.flatnonzero(values > least)
        if not len(candidates):
            return
        order = candidates[np.argsort(-values[candidates], kind="stable")[:_MISTAKES]]
        merged = [*zip(self._values, self.found, strict=True)]
        merged += [(float(values[i]), mistake(int(i))) for i in order]
        merged.sort(key=lambda each: -each[0])
        self._values = [value for value, _ in merged[:_MISTAKES]]
        self.found = [found for _, found in merged[:_MISTAKES]]


class _Segments:
    """Takes the cells of some columns of the test data."""

    def __init__(self, dataset: Dataset, columns: Sequence[str]) -> None:
        self.columns = {name: dataset.features.index(name) for name in columns}
        self._width = len(dataset.features)
        self._values: dict[str, dict[str, int]] = {name: {} for name in columns}
        self._codes: dict[str, list[Any]] = {name: [] for name in columns}
        self._fits = True

    def take(self, features: Sequence[Sequence[str]], rows: int) -> None:
        """Take a batch of test data, which may be missing."""
        if not self.columns or not self._fits:
            return
        if len(features) != rows or set(map(len, features)) != {self._width}:
            self._fits = False
            return
        for name, i in self.columns.items():
            values = self._values[name]
            cells = [row[i] for row in features]
            for cell in dict.fromkeys(cells):
                if len(values) < _MOST_VALUES:
                    values.setdefault(cell, len(values))
            codes = (values.get(cell, _MOST_VALUES) for cell in cells)
            self._codes[name].append(np.fromiter(codes, np.uint16, rows))

    def found(self) -> dict[str, SegmentCodes] | None:
        """Return the columns; None where the test data are not those of the rows."""
        if not self._fits:
            return None
        return {
            name: SegmentCodes(list(values), _together(self._codes[name]))
            for name, values in self._values.items()
        }


def _together(parts: list[Any]) -> Any:
    """Return the parts as one array, and let go of them."""
    whole = np.concatenate(parts)
    parts.clear()
    return whole


def _picked(probabilities: Floats, columns: Codes) -> Floats:
    """Return one probability of each row, NaN where its column is -1."""
    if not probabilities.shape[1]:
        return np.full(len(columns), np.nan)
    picked: Floats = probabilities[np.arange(len(columns)), columns]
    return np.where(columns < 0, np.nan, picked)


def _records(files: Files) -> Iterator[list[str]]:
    """Yield the records of CSV files, one after the other."""
    csv.field_size_limit(LONGEST_ROW)
    for path in files():
        with path.open(encoding="utf-8", newline="") as file:
            yield from csv.reader(file)


def _truth_records(files: Files) -> Iterator[list[str]]:
    """Yield the header of the truth, then its rows; every part may repeat the header."""
    csv.field_size_limit(LONGEST_ROW)
    header: list[str] | None = None
    for path in files():
        with path.open(encoding="utf-8", newline="") as file:
            records = csv.reader(file)
            first = next(records, None)
            if first is None:
                continue
            if first != header:
                yield first
            header = header or first
            yield from records


def _labels_of(truth: Files) -> list[str]:
    records = _truth_records(truth)
    next(records, None)
    return sorted({row[-1] for row in records})


def _carried(header: Sequence[str]) -> dict[int, str]:
    """Return the positions of the carried columns, and their names in the table."""
    taken = {"row", "truth", "prediction"}
    return {
        i: f"{name}_ignored" if name in taken or name.startswith("probability_") else name
        for i, name in enumerate(header[:-1])
        if i > 0
    }


def _of_lists(written: Sequence[str], width: int) -> tuple[Floats, list[list[str]]]:
    """Return lists of numbers as an array of shape (rows, width), and their texts by column."""
    if all(text[:1] == "[" and text[-1:] == "]" for text in written) and width:
        inner = [text[1:-1] for text in written]
        texts = ",".join(inner).replace(" ", "").split(",")
        if all(text.count(",") == width - 1 for text in inner):
            try:
                values = np.fromiter(map(float, texts), np.float64, len(texts))
            except ValueError:
                values = np.array([np.nan])
            if np.isfinite(values).all():
                return values.reshape(-1, width), [texts[i::width] for i in range(width)]
    # Numbers that are quoted, spelled otherwise, or none.
    found = [_scores(text) for text in written]
    if any(len(each) != width for each in found):
        raise _malformed()
    values = np.array(found, dtype=np.float64).reshape(len(found), width)
    return values, [list(map(repr, column)) for column in values.T.tolist()]


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
