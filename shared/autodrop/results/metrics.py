"""Metrics on held-out rows, as scikit-learn defines them.

scikit-learn and SciPy do not fit into a Lambda function of 200 MB; the tests compare every number
here with scikit-learn's. All of them are computed from what is enough to know them: the counts of
each distinct score, the confusion matrix, or sums over errors. These may have a leading axis of
bootstrap replicates, for which a metric that is not defined is NaN; outside, it is None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.int64]
Codes = npt.NDArray[np.integer[Any]]
Metrics = dict[str, float | None]
# Of numbers or of arrays of shape (replicates,).
Values = dict[str, Any]

# Which way a metric is better; the names that are not here are better when they are lower.
HIGHER_IS_BETTER = frozenset(
    {
        *("roc_auc", "average_precision", "accuracy", "balanced_accuracy", "f1", "precision"),
        *("recall", "mcc", "f1_macro", "f1_weighted", "roc_auc_ovr", "r2"),
    }
)
_PIECE = 500_000
_SMALLEST = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Ranking:
    """How many rows of either class have which score: all that a ranking metric needs.

    Attributes:
        score: Probabilities of the positive class, the highest first, shape (scores,).
        positives: Rows of the positive class, shape (scores,) or (replicates, scores).
        negatives: The other rows, of the same shape.
    """

    score: Floats
    positives: Any
    negatives: Any

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return int(self.positives.sum() + self.negatives.sum())


@dataclass(frozen=True)
class Blocks:
    """Values of rows, summed in blocks: all that a mean and its interval need.

    Attributes:
        sums: Of the values in each block, shape (blocks,).
        rows: In each block, shape (blocks,).
    """

    sums: Floats
    rows: Floats

    @property
    def mean(self) -> float:
        """The mean over all rows."""
        return float(self.sums.sum() / self.rows.sum())


@dataclass(frozen=True)
class ErrorSums:
    """Sums over the rows of a regression: numbers, or arrays of shape (blocks,) or (replicates,).

    Attributes:
        rows: Their number.
        truth: Of truths, less a number that is near their mean.
        truth_squares: Of the squares of these.
        absolute: Of errors without their sign.
        squares: Of the squares of errors.
        shares: Of errors as a share of the truth.
    """

    rows: Any
    truth: Any
    truth_squares: Any
    absolute: Any
    squares: Any
    shares: Any


@dataclass(frozen=True)
class Confusion:
    """Counts of the pairs of truth and prediction that occur.

    Attributes:
        labels: All labels that occur on either side, in alphabetical order.
        truth: Positions in `labels`, ascending, shape (pairs,).
        predicted: Positions in `labels`, shape (pairs,).
        counts: Rows of each pair, shape (pairs,) or (replicates, pairs).
    """

    labels: tuple[str, ...]
    truth: Integers
    predicted: Integers
    counts: Any

    def of(self, label: str) -> tuple[int, int, int, int]:
        """Return true and false positives, false and true negatives, with `label` as positive."""
        if label not in self.labels:
            return 0, 0, 0, int(self.counts.sum())
        at = self.labels.index(label)
        tp, fn = int(self.hits[at]), int(self.actual[at] - self.hits[at])
        fp = int(self.said[at]) - tp
        return tp, fp, fn, int(self.counts.sum()) - tp - fp - fn

    @property
    def matrix(self) -> Integers:
        """Counts of shape (labels, labels): rows are the truth, columns the prediction."""
        counts = np.zeros((len(self.labels), len(self.labels)), dtype=np.int64)
        counts[self.truth, self.predicted] = self.counts
        return counts

    @property
    def actual(self) -> Any:
        """Rows with each true label, shape (…, labels)."""
        return _summed(self.counts, self.truth, len(self.labels))

    @property
    def said(self) -> Any:
        """Rows with each predicted label, shape (…, labels)."""
        return _summed(self.counts, self.predicted, len(self.labels))

    @property
    def hits(self) -> Any:
        """Rows with each label on both sides, shape (…, labels)."""
        same = self.truth == self.predicted
        return _summed(self.counts[..., same], self.truth[same], len(self.labels))


def score_metrics(ranking: Ranking) -> Values:
    """Return `roc_auc`, `average_precision`, `log_loss` and `brier`, NaN where not defined."""
    rows = ranking.positives.sum(axis=-1) + ranking.negatives.sum(axis=-1)
    loss: Any = 0.0
    squares: Any = 0.0
    for piece in pieces(len(ranking.score)):
        score = ranking.score[piece]
        # As floats, because of whole numbers NumPy multiplies matrices slowly.
        positives = ranking.positives[..., piece].astype(np.float64)
        negatives = ranking.negatives[..., piece].astype(np.float64)
        loss -= positives @ np.log(np.clip(score, _SMALLEST, 1.0))
        loss -= negatives @ np.log(np.clip(1 - score, _SMALLEST, 1.0))
        squares += positives @ (1 - score) ** 2 + negatives @ score**2
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "roc_auc": roc_auc(ranking),
            "average_precision": average_precision(ranking),
            "log_loss": loss / rows,
            "brier": squares / rows,
        }


def roc_auc(ranking: Ranking) -> Any:
    """Return the area under the ROC curve, ties counted half; NaN with one class only."""
    positives = ranking.positives.sum(axis=-1, dtype=np.float64)
    negatives = ranking.negatives.sum(axis=-1, dtype=np.float64)
    area: Any = 0.0
    below = negatives[..., None]
    for piece in pieces(len(ranking.score)):
        # The Mann-Whitney statistic: the negative rows that stand below each positive one.
        here = ranking.negatives[..., piece]
        left = below - np.cumsum(here, axis=-1)
        area += (ranking.positives[..., piece] * (left + here / 2)).sum(axis=-1)
        below = left[..., -1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        return area / (positives * negatives)


def average_precision(ranking: Ranking) -> Any:
    """Return the precision averaged over the steps in recall; NaN without positive rows."""
    total: Any = 0.0
    tp: Any = 0
    fp: Any = 0
    with np.errstate(divide="ignore", invalid="ignore"):
        for piece in pieces(len(ranking.score)):
            hits = tp + np.cumsum(ranking.positives[..., piece], axis=-1)
            misses = fp + np.cumsum(ranking.negatives[..., piece], axis=-1)
            # A replicate may have none of the first scores.
            precision = np.where(hits > 0, hits / (hits + misses), 0.0)
            total += (precision * ranking.positives[..., piece]).sum(axis=-1)
            tp, fp = hits[..., -1:], misses[..., -1:]
        return total / tp[..., 0]


def pieces(size: int) -> Iterator[slice]:
    """Yield slices of a long array, so that what is computed from it need not be as long."""
    for start in range(0, size, _PIECE):
        yield slice(start, start + _PIECE)


def label_metrics(tp: Any, fp: Any, fn: Any, tn: Any) -> Values:
    """Return the metrics of two classes' labels, NaN where not defined.

    Args:
        tp: Positive rows that are called positive; a number, or an array of replicates.
        fp: Negative rows that are called positive.
        fn: Positive rows that are called negative.
        tn: Negative rows that are called negative.
    """
    tp, fp, fn, tn = (np.asarray(each, dtype=np.float64) for each in (tp, fp, fn, tn))
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = tp / (tp + fn)
        return {
            "accuracy": (tp + tn) / (tp + fp + fn + tn),
            "balanced_accuracy": (recall + tn / (tn + fp)) / 2,
            "f1": 2 * tp / (2 * tp + fp + fn),
            "precision": tp / (tp + fp),
            "recall": recall,
            "mcc": (tp * tn - fp * fn)
            / (np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)),
        }


def confusion(labels: Sequence[str], truth: Codes, predicted: Codes, counts: Integers) -> Confusion:
    """Return the counts of the pairs that occur.

    Args:
        labels: What the codes stand for.
        truth: Codes, shape (pairs,); a pair may occur more than once.
        predicted: Codes, shape (pairs,).
        counts: Rows of each pair, at least one.
    """
    used = sorted({*truth.tolist(), *predicted.tolist()}, key=lambda code: labels[code])
    position = np.zeros(max(len(labels), 1), dtype=np.int64)
    position[used] = np.arange(len(used))
    size = max(len(used), 1)
    pairs, where = np.unique(position[truth] * size + position[predicted], return_inverse=True)
    summed = np.zeros(len(pairs), dtype=np.int64)
    np.add.at(summed, where, counts)
    return Confusion(tuple(labels[code] for code in used), pairs // size, pairs % size, summed)


def multiclass_metrics(counted: Confusion) -> Values:
    """Return the metrics of several classes' labels: `accuracy`, `f1_macro` and so on."""
    hits, actual, said = counted.hits, counted.actual, counted.said
    rows = actual.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = np.where(actual > 0, hits / actual, np.nan)
        # Only of labels that occur on a side, which in a replicate need not be all of them.
        f1 = np.where(actual + said > 0, 2 * hits / (actual + said), np.nan)
        occurring = (~np.isnan(recall)).sum(axis=-1)
        return {
            "accuracy": hits.sum(axis=-1) / rows,
            "balanced_accuracy": np.nansum(recall, axis=-1) / occurring,
            "f1_macro": np.nansum(f1, axis=-1) / (~np.isnan(f1)).sum(axis=-1),
            "f1_weighted": np.nansum(f1 * actual, axis=-1) / rows,
        }


def losses(probability_of_truth: Floats) -> Floats:
    """Return negative logarithms, probabilities cut off at the smallest float above 0."""
    lost: Floats = -np.log(np.clip(probability_of_truth, _SMALLEST, 1.0))
    return lost


def regression_metrics(sums: ErrorSums) -> Values:
    """Return the metrics of numbers, in the unit of the target.

    `mape` is a share, and not finite where a truth is zero; `r2` is not where all are the same.

    Args:
        sums: Over all rows, or over the rows of each replicate.
    """
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mse = sums.squares / sums.rows
        spread = sums.truth_squares - sums.truth**2 / sums.rows
        return {
            "rmse": np.sqrt(mse),
            "mae": sums.absolute / sums.rows,
            "mse": mse,
            # Of truths that are all the same, nothing but rounding is left.
            "r2": np.where(spread > 1e-12 * sums.truth_squares, 1 - sums.squares / spread, np.nan),
            "mape": sums.shares / sums.rows,
        }


def plain(values: Mapping[str, Any]) -> Metrics:
    """Return the numbers as JSON can say them: None for what is not defined or infinite."""
    return {
        name: float(value) if value is not None and np.isfinite(value) else None
        for name, value in values.items()
    }


def _summed(counts: Any, positions: Integers, size: int) -> Any:
    """Return the sums of `counts` by position, shape (…, size)."""
    shape = (*counts.shape[:-1], size)
    if not len(positions):
        return np.zeros(shape)
    order = np.argsort(positions, kind="stable")
    in_order = positions[order]
    starts = np.append(0, np.flatnonzero(in_order[1:] != in_order[:-1]) + 1)
    sums = np.zeros(shape)
    sums[..., in_order[starts]] = np.add.reduceat(counts[..., order], starts, axis=-1)
    return sums
