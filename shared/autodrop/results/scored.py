"""The held-out rows with their predictions, in arrays: a few bytes a row, no texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from autodrop.results.metrics import Codes, Floats, Ranking, ranked

# As many probabilities are kept one by one: beyond, they are counted by class and size.
MOST_PROBABILITIES = 20_000_000
# A table of counts for each class, of this many sizes.
_SIZES = 2 * (0x3F000000 >> 16)
_MOST_COUNTED_CLASSES = 200


@dataclass(frozen=True)
class Mistake:
    """A row whose prediction is wrong.

    Attributes:
        row: 0-based row of the dropped file.
        truth: The target as the file spells it.
        prediction: The prediction; a label as the file spells it.
        size: Probability of the predicted label, or prediction minus truth.
    """

    row: int
    truth: str
    prediction: str
    size: float


@dataclass(frozen=True)
class SegmentCodes:
    """A categorical column of the held-out rows.

    Attributes:
        values: Its cells, as many as are told apart.
        codes: Positions in `values`, or beyond for all others, shape (rows,).
    """

    values: Sequence[str]
    codes: npt.NDArray[np.uint16]


@dataclass(frozen=True)
class ScoredNumbers:
    """Truth and predictions of a regression, shape (rows,).

    Attributes:
        truth: In the unit of the target.
        predicted: The same.
        mistakes: The worst, worst first.
        segments: Of the columns that were asked for; None where the test data do not fit.
    """

    truth: Floats
    predicted: Floats
    mistakes: Sequence[Mistake] = ()
    segments: Mapping[str, SegmentCodes] | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.truth)


@dataclass(frozen=True)
class ScoredLabels:
    """Truth, labels and probabilities of a classification.

    Attributes:
        labels: What the codes stand for, as the dropped file spells them.
        truth: Codes, shape (rows,).
        predicted: Codes, shape (rows,).
        positive: Code of the positive class, for two classes.
        score: Probability of the positive class, shape (rows,); None for more classes, or where the
            model gives none.
        of_prediction: Probability of the predicted label, shape (rows,); NaN where the model names
            another one; None where it gives none.
        of_truth: Probability of the true label, the same.
        rankings: For several classes: how each class's probability ranks the rows, by label; None
            where it is not known.
        mistakes: The most confident ones, most confident first; None without probabilities.
        segments: Of the columns that were asked for; None where the test data do not fit.
    """

    labels: Sequence[str]
    truth: Codes
    predicted: Codes
    positive: int | None = None
    score: Floats | None = None
    of_prediction: npt.NDArray[np.float32] | None = None
    of_truth: Floats | None = None
    rankings: Mapping[str, Ranking] | None = None
    mistakes: Sequence[Mistake] | None = None
    segments: Mapping[str, SegmentCodes] | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.truth)


@dataclass
class ClassProbabilities:
    """Takes probabilities of several classes block by block, and ranks the rows by each class.

    Up to `most` of them are kept. Beyond, they are counted in sizes less than one percent apart,
    near 0 and near 1 alike.
    """

    labels: Sequence[str]
    most: int = MOST_PROBABILITIES
    _kept: list[Floats] = field(default_factory=list)
    _truth: list[Codes] = field(default_factory=list)
    _cells: int = 0
    _counts: npt.NDArray[np.int64] | None = None

    def add(self, probabilities: Floats, truth: Codes) -> None:
        """Take a block.

        Args:
            probabilities: Shape (rows, labels).
            truth: Positions in `labels`, -1 for another label, shape (rows,).
        """
        if self._counts is None:
            self._kept.append(probabilities)
            self._truth.append(truth)
            self._cells += probabilities.size
            if self._cells > self.most and len(self.labels) <= _MOST_COUNTED_CLASSES:
                self._counts = np.zeros((2, len(self.labels), _SIZES + 1), dtype=np.int64)
                for kept, of_kept in zip(self._kept, self._truth, strict=True):
                    self._count(kept, of_kept)
                self._kept, self._truth = [], []
            elif self._cells > self.most:
                self._kept, self._truth = [], []
        else:
            self._count(probabilities, truth)

    def rankings(self) -> dict[str, Ranking] | None:
        """Return how each class that occurs ranks the rows against all others.

        None when there are too many probabilities of too many classes to keep or count.
        """
        if self._counts is not None:
            return {
                label: ranking
                for i, label in enumerate(self.labels)
                if (ranking := _from_counts(self._counts[1, i], self._counts[0, i])) is not None
            }
        if not self._kept:
            return None
        truth = np.concatenate(self._truth)
        found = {}
        for i, label in enumerate(self.labels):
            is_it = truth == i
            if is_it.any():
                found[label] = ranked(is_it, np.concatenate([each[:, i] for each in self._kept]))
        return found

    def _count(self, probabilities: Floats, truth: Codes) -> None:
        assert self._counts is not None  # noqa: S101 - only called when there are counts
        for i in range(len(self.labels)):
            sizes = _size_of(probabilities[:, i])
            is_it = truth == i
            self._counts[1, i] += np.bincount(sizes[is_it], minlength=_SIZES + 1)
            self._counts[0, i] += np.bincount(sizes[~is_it], minlength=_SIZES + 1)


def _size_of(probability: Floats) -> npt.NDArray[np.int64]:
    """Return an integer that grows with the probability: the first bits of its float."""
    inside = np.clip(probability, 0.0, 1.0)
    small = np.minimum(inside, 1 - inside).astype(np.float32).view(np.int32) >> 16
    return np.where(inside < 0.5, small, _SIZES - small).astype(np.int64)


def _middle_of(size: npt.NDArray[np.int64]) -> Floats:
    small = np.where(size <= _SIZES // 2, size, _SIZES - size).astype(np.int32) << 16
    value = small.view(np.float32).astype(np.float64)
    return np.where(size <= _SIZES // 2, value, 1 - value)


def _from_counts(
    positives: npt.NDArray[np.int64], negatives: npt.NDArray[np.int64]
) -> Ranking | None:
    if not positives.any():
        return None
    used = np.flatnonzero(positives + negatives)[::-1]
    return Ranking(_middle_of(used), positives[used], negatives[used])
