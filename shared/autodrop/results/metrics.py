"""Metrics on held-out rows, as scikit-learn defines them.

scikit-learn and SciPy do not fit beside pandas into a Lambda function of 200 MB; the tests compare
every number here with scikit-learn's. A metric that the rows do not define is None, never a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Metrics = dict[str, float | None]


@dataclass(frozen=True)
class ConfusionMatrix:
    """Counts of shape (labels, labels): rows are the truth, columns the prediction."""

    labels: tuple[str, ...]
    counts: npt.NDArray[np.int64]


def binary_metrics(
    truth: Sequence[str],
    predicted: Sequence[str],
    positive: str,
    probability: Floats | None,
) -> Metrics:
    """Return the metrics of two classes, of which `positive` is the one looked for.

    Args:
        truth: Labels, shape (rows,).
        predicted: Labels, shape (rows,).
        positive: The positive label.
        probability: Of the positive class, shape (rows,); None where the model gives none.
    """
    is_positive = np.array([label == positive for label in truth], dtype=np.bool_)
    said_positive = np.array([label == positive for label in predicted], dtype=np.bool_)
    tp = int(np.sum(is_positive & said_positive))
    fp = int(np.sum(~is_positive & said_positive))
    fn = int(np.sum(is_positive & ~said_positive))
    tn = int(np.sum(~is_positive & ~said_positive))
    precision = _share(tp, tp + fp)
    recall = _share(tp, tp + fn)
    specificity = _share(tn, tn + fp)
    scored: Metrics = dict.fromkeys(("roc_auc", "average_precision", "log_loss", "brier"))
    if probability is not None:
        scored = {
            "roc_auc": roc_auc(is_positive, probability),
            "average_precision": average_precision(is_positive, probability),
            "log_loss": log_loss(np.where(is_positive, probability, 1 - probability)),
            "brier": float(np.mean((probability - is_positive) ** 2)),
        }
    return {
        **scored,
        "accuracy": _share(tp + tn, len(truth)),
        "balanced_accuracy": (
            None if recall is None or specificity is None else (recall + specificity) / 2
        ),
        "f1": _share(2 * tp, 2 * tp + fp + fn),
        "precision": precision,
        "recall": recall,
        "mcc": _mcc(tp, fp, fn, tn),
    }


def multiclass_metrics(
    truth: Sequence[str], predicted: Sequence[str], probabilities: Mapping[str, Floats] | None
) -> Metrics:
    """Return the metrics of several classes.

    Args:
        truth: Labels, shape (rows,).
        predicted: Labels, shape (rows,).
        probabilities: For each label, shape (rows,); None where the model gives none.
    """
    matrix = confusion_matrix(truth, predicted)
    hits = matrix.counts.diagonal()
    actual = matrix.counts.sum(axis=1)
    said = matrix.counts.sum(axis=0)
    recalls = [hits[i] / actual[i] for i in range(len(hits)) if actual[i]]
    f1s = [2 * hits[i] / (actual[i] + said[i]) for i in range(len(hits))]
    loss = None
    if probabilities is not None and set(truth) <= probabilities.keys():
        of_truth = np.array([probabilities[label][i] for i, label in enumerate(truth)])
        loss = log_loss(of_truth)
    return {
        "accuracy": _share(int(hits.sum()), len(truth)),
        "balanced_accuracy": float(np.mean(recalls)),
        "f1_macro": float(np.mean(f1s)),
        "f1_weighted": float(np.average(f1s, weights=actual)),
        "log_loss": loss,
    }


def regression_metrics(truth: Floats, predicted: Floats) -> Metrics:
    """Return the metrics of numbers, both of shape (rows,), in the unit of the target."""
    with np.errstate(over="ignore", invalid="ignore"):
        error = predicted - truth
        squares = float(np.sum((truth - truth.mean()) ** 2))
        mse = float(np.mean(error**2))
        metrics = {
            "rmse": float(np.sqrt(mse)),
            "mae": float(np.mean(np.abs(error))),
            "median_absolute_error": float(np.median(np.abs(error))),
            "mse": mse,
            "r2": np.nan if squares == 0 else 1 - float(np.sum(error**2)) / squares,
        }
    # Squares of numbers beyond 1e154 are infinite.
    return {name: value if np.isfinite(value) else None for name, value in metrics.items()}


def confusion_matrix(truth: Sequence[str], predicted: Sequence[str]) -> ConfusionMatrix:
    """Return the counts over all labels that occur on either side, in alphabetical order."""
    labels = tuple(sorted({*truth, *predicted}))
    at = {label: i for i, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(counts, ([at[label] for label in truth], [at[label] for label in predicted]), 1)
    return ConfusionMatrix(labels, counts)


def roc_auc(is_positive: Bools, score: Floats) -> float | None:
    """Return the area under the ROC curve, ties counted half; None with one class only.

    It equals the Mann-Whitney statistic over the mean ranks of the scores.
    """
    positives = int(is_positive.sum())
    negatives = len(is_positive) - positives
    if not positives or not negatives:
        return None
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = float(mean_rank[inverse][is_positive].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def average_precision(is_positive: Bools, score: Floats) -> float | None:
    """Return the precision averaged over the steps in recall; None without positive rows."""
    positives = int(is_positive.sum())
    if not positives:
        return None
    order = np.argsort(-score, kind="stable")
    sorted_score = score[order]
    hits = np.cumsum(is_positive[order])
    last_of_ties = np.append(np.flatnonzero(np.diff(sorted_score)), len(score) - 1)
    precision = hits[last_of_ties] / (last_of_ties + 1)
    steps = np.diff(hits[last_of_ties] / positives, prepend=0.0)
    return float(np.sum(precision * steps))


def log_loss(probability_of_truth: Floats) -> float:
    """Return the mean negative logarithm, probabilities cut off at the smallest float above 0."""
    smallest = np.finfo(np.float64).eps
    return float(-np.mean(np.log(np.clip(probability_of_truth, smallest, 1.0))))


def _mcc(tp: int, fp: int, fn: int, tn: int) -> float | None:
    below = float(tp + fp) * float(tp + fn) * float(tn + fp) * float(tn + fn)
    return None if below == 0 else (tp * tn - fp * fn) / float(np.sqrt(below))


def _share(part: int, whole: int) -> float | None:
    return None if whole == 0 else part / whole
