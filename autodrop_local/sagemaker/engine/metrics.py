"""Autopilot's metrics of a candidate, from its predictions for the validation rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn import metrics

CALIBRATED = ("F1", "BalancedAccuracy")
DEFAULT_THRESHOLD = 0.5

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.object_]


@dataclass(frozen=True)
class Classes:
    """The classes of a problem in the order of the probabilities, and where the second one wins.

    With two classes the second is the positive one; it is predicted from `threshold` on.
    """

    labels: tuple[str, ...]
    threshold: float = DEFAULT_THRESHOLD

    @property
    def binary(self) -> bool:
        """Whether there are two."""
        return len(self.labels) == 2

    def predicted(self, probabilities: Floats) -> npt.NDArray[np.intp]:
        """The position of the predicted class of every row."""
        if self.binary:
            return (probabilities[:, 1] >= self.threshold).astype(np.intp)
        winners: npt.NDArray[np.intp] = probabilities.argmax(axis=1)
        return winners


def best_threshold(
    objective: str, truth: Labels, probabilities: Floats, labels: tuple[str, ...]
) -> float:
    """The probability of the positive class from which on predicting it serves the objective.

    Only for objectives that depend on it; of equally good ones the nearest to one half.
    """
    if objective not in CALIBRATED or len(labels) != 2:
        return DEFAULT_THRESHOLD
    actual, positive = truth == labels[1], probabilities[:, 1]
    score = _f1 if objective == "F1" else _balanced_accuracy
    steps = sorted((step / 100 for step in range(5, 96)), key=lambda step: abs(step - 0.5))
    return max(steps, key=lambda step: score(actual, positive >= step))


def classification(truth: Labels, probabilities: Floats, classes: Classes) -> dict[str, float]:
    """Every classification metric that applies, by Autopilot's names."""
    actual = _positions(truth, classes)
    predicted = classes.predicted(probabilities)
    found = {
        "Accuracy": metrics.accuracy_score(actual, predicted),
        "LogLoss": -np.log(np.clip(probabilities[np.arange(len(actual)), actual], 1e-15, 1)).mean(),
    }
    if classes.binary:
        found["BalancedAccuracy"] = _balanced_accuracy(actual == 1, predicted == 1)
        found["F1"] = metrics.f1_score(actual, predicted, zero_division=0)
        found["Precision"] = metrics.precision_score(actual, predicted, zero_division=0)
        found["Recall"] = metrics.recall_score(actual, predicted, zero_division=0)
        if 0 < actual.sum() < len(actual):
            found["AUC"] = metrics.roc_auc_score(actual, probabilities[:, 1])
    else:
        macro: dict[str, Any] = {"average": "macro", "zero_division": 0}
        found["F1macro"] = metrics.f1_score(actual, predicted, **macro)
        found["PrecisionMacro"] = metrics.precision_score(actual, predicted, **macro)
        found["RecallMacro"] = metrics.recall_score(actual, predicted, **macro)
        found["BalancedAccuracy"] = metrics.balanced_accuracy_score(actual, predicted)
    return {name: float(value) for name, value in found.items()}


def regression(truth: Floats, predicted: Floats) -> dict[str, float]:
    """Every regression metric, by Autopilot's names; the errors are positive."""
    mse = float(metrics.mean_squared_error(truth, predicted))
    return {
        "MSE": mse,
        "RMSE": mse**0.5,
        "MAE": float(metrics.mean_absolute_error(truth, predicted)),
        "R2": float(metrics.r2_score(truth, predicted)),
    }


def confusion(truth: Labels, probabilities: Floats, classes: Classes) -> list[list[int]]:
    """Counts of rows, true class down and predicted class across."""
    counted: list[list[int]] = metrics.confusion_matrix(
        _positions(truth, classes),
        classes.predicted(probabilities),
        labels=list(range(len(classes.labels))),
    ).tolist()
    return counted


def _positions(truth: Labels, classes: Classes) -> npt.NDArray[np.intp]:
    position = {label: index for index, label in enumerate(classes.labels)}
    return np.array([position[label] for label in truth], dtype=np.intp)


def _f1(actual: npt.NDArray[np.bool_], predicted: npt.NDArray[np.bool_]) -> float:
    hits = int((actual & predicted).sum())
    return 2 * hits / max(int(actual.sum()) + int(predicted.sum()), 1)


def _balanced_accuracy(actual: npt.NDArray[np.bool_], predicted: npt.NDArray[np.bool_]) -> float:
    positives, negatives = max(int(actual.sum()), 1), max(int((~actual).sum()), 1)
    hits, passes = int((actual & predicted).sum()), int((~actual & ~predicted).sum())
    return (hits / positives + passes / negatives) / 2
