from __future__ import annotations

import numpy as np
import pytest

from autodrop_local.sagemaker.engine import metrics
from autodrop_local.sagemaker.engine.metrics import Classes

TRUTH = np.array(["no", "no", "no", "yes", "yes"], dtype=object)
POSITIVE = np.array([0.1, 0.3, 0.45, 0.4, 0.8])
PROBABILITIES = np.column_stack([1 - POSITIVE, POSITIVE])


def test_binary_metrics_are_those_of_the_second_class() -> None:
    scores = metrics.classification(TRUTH, PROBABILITIES, Classes(("no", "yes")))

    assert scores["Accuracy"] == pytest.approx(0.8)
    assert scores["Precision"] == 1.0
    assert scores["Recall"] == 0.5
    assert scores["F1"] == pytest.approx(2 / 3)
    assert scores["AUC"] == pytest.approx(5 / 6)
    assert scores["BalancedAccuracy"] == 0.75
    assert scores["LogLoss"] > 0


def test_of_zeros_and_ones_the_ones_are_the_positive_class() -> None:
    truth = np.where(TRUTH == "yes", "1", "0").astype(object)

    scores = metrics.classification(truth, PROBABILITIES, Classes(("0", "1")))

    assert scores == metrics.classification(TRUTH, PROBABILITIES, Classes(("no", "yes")))


def test_the_threshold_serves_the_objective() -> None:
    labels = ("no", "yes")

    threshold = metrics.best_threshold("F1", TRUTH, PROBABILITIES, labels)

    at_half = metrics.classification(TRUTH, PROBABILITIES, Classes(labels))["F1"]
    calibrated = metrics.classification(TRUTH, PROBABILITIES, Classes(labels, threshold))["F1"]
    assert calibrated > at_half
    assert metrics.best_threshold("AUC", TRUTH, PROBABILITIES, labels) == 0.5
    assert metrics.best_threshold("Accuracy", TRUTH, PROBABILITIES, labels) == 0.5


def test_multiclass_metrics_count_every_class_the_same() -> None:
    truth = np.array(["a", "a", "b", "c"], dtype=object)
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    classes = Classes(("a", "b", "c"))

    scores = metrics.classification(truth, probabilities, classes)

    assert scores["Accuracy"] == 0.75
    assert scores["RecallMacro"] == scores["BalancedAccuracy"] == pytest.approx(2.5 / 3)
    assert "AUC" not in scores
    assert metrics.confusion(truth, probabilities, classes) == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_errors_of_regression_are_positive() -> None:
    scores = metrics.regression(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 5.0]))

    assert scores["MSE"] == pytest.approx(4 / 3)
    assert scores["RMSE"] == pytest.approx((4 / 3) ** 0.5)
    assert scores["MAE"] == pytest.approx(2 / 3)
    assert scores["R2"] == pytest.approx(-1.0)
