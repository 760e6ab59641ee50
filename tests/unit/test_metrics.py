"""Every metric equals scikit-learn's on the same predictions, and is None where there is none."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from autodrop.results.metrics import (
    Metrics,
    binary_metrics,
    confusion_matrix,
    multiclass_metrics,
    regression_metrics,
)

MANY = settings(max_examples=40)
# Few values, so that ties are the rule.
scores = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.5000001, 0.9, 1.0])
binary_rows = st.lists(st.tuples(st.booleans(), scores, st.booleans()), min_size=1, max_size=40)
LABELS = ["a", "b", "ç", "한"]
multiclass_rows = st.lists(
    st.tuples(
        st.sampled_from(LABELS),
        st.sampled_from(LABELS),
        st.lists(st.floats(0.01, 1), min_size=4, max_size=4),
    ),
    min_size=1,
    max_size=40,
)
numbers = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


@contextmanager
def scikit_learn_s_opinions_unheard() -> Iterator[None]:
    """Let scikit-learn answer 0 where it would rather warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def close(ours: float | None, theirs: Any) -> bool:
    """Return whether both are the same number."""
    return ours is not None and math.isclose(ours, float(theirs), rel_tol=1e-9, abs_tol=1e-9)


def both_classes(rows: list[tuple[bool, float, bool]]) -> bool:
    """Return whether the truth has both classes."""
    return len({row[0] for row in rows}) == 2


def of_binary(rows: list[tuple[bool, float, bool]]) -> tuple[Metrics, Any, Any, Any]:
    """Return our metrics, and truth, scores and predictions for scikit-learn's."""
    truth, score, predicted = (np.array(each) for each in zip(*rows, strict=True))
    names = np.array(["no", "yes"])
    ours = binary_metrics(
        names[truth.astype(int)].tolist(), names[predicted.astype(int)].tolist(), "yes", score
    )
    return ours, truth, score, predicted


@given(binary_rows)
@example([(True, 0.9, True), (False, 0.1, False)])
@example([(True, 0.1, False), (False, 0.9, True)])
@example([(True, 0.5, True), (False, 0.5, True), (False, 0.5, False)])
@example([(i == 0, 0.25, False) for i in range(30)])
@MANY
def test_ranking_metrics_of_two_classes(rows: list[tuple[bool, float, bool]]) -> None:
    ours, truth, score, _ = of_binary(rows)

    if both_classes(rows):
        assert close(ours["roc_auc"], sk.roc_auc_score(truth, score))
    else:
        assert ours["roc_auc"] is None
    if truth.any():
        assert close(ours["average_precision"], sk.average_precision_score(truth, score))
    else:
        assert ours["average_precision"] is None


@given(binary_rows)
@example([(True, 0.0, True)])
@example([(False, 1.0, True), (True, 0.0, False)])
@MANY
def test_probability_metrics_of_two_classes(rows: list[tuple[bool, float, bool]]) -> None:
    ours, truth, score, _ = of_binary(rows)

    assert close(ours["log_loss"], sk.log_loss(truth, score, labels=[False, True]))
    assert close(ours["brier"], np.mean((score - truth) ** 2))
    if both_classes(rows):
        assert close(ours["brier"], sk.brier_score_loss(truth, score))


@given(binary_rows)
@example([(False, 0.0, False)] * 5)
@example([(True, 0.0, True)] * 5)
@example([(True, 0.0, False), (False, 0.0, False)])
@example([(i == 7, 0.0, i == 7) for i in range(40)])
@MANY
def test_label_metrics_of_two_classes(rows: list[tuple[bool, float, bool]]) -> None:
    ours, truth, _, predicted = of_binary(rows)
    tn, fp, fn, tp = sk.confusion_matrix(truth, predicted, labels=[False, True]).ravel()

    assert close(ours["accuracy"], sk.accuracy_score(truth, predicted))
    with scikit_learn_s_opinions_unheard():
        theirs = {
            "precision": (sk.precision_score(truth, predicted), tp + fp),
            "recall": (sk.recall_score(truth, predicted), tp + fn),
            "f1": (sk.f1_score(truth, predicted), tp + fp + fn),
            "balanced_accuracy": (
                sk.balanced_accuracy_score(truth, predicted),
                (tp + fn) * (tn + fp),
            ),
            "mcc": (
                sk.matthews_corrcoef(truth, predicted),
                (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn),
            ),
        }
    for name, (value, defined) in theirs.items():
        assert close(ours[name], value) if defined else ours[name] is None, name


def test_without_probabilities_there_are_only_label_metrics() -> None:
    ours = binary_metrics(["no", "yes"], ["no", "yes"], "yes", None)

    assert [ours[name] for name in ("roc_auc", "average_precision", "log_loss", "brier")] == (
        [None] * 4
    )
    assert ours["accuracy"] == 1


def test_the_positive_class_decides_what_is_looked_for() -> None:
    truth, predicted = ["a", "a", "a", "b"], ["a", "a", "b", "b"]

    assert binary_metrics(truth, predicted, "a", None)["precision"] == 1
    assert binary_metrics(truth, predicted, "b", None)["precision"] == 0.5


def test_a_hundred_thousand_rows_do_not_overflow() -> None:
    truth = ["yes", "no"] * 50_000

    ours = binary_metrics(truth, truth, "yes", None)

    assert ours["mcc"] == 1


@given(multiclass_rows)
@example([("a", "a", [1.0, 1.0, 1.0, 1.0])])
@example([("a", "b", [0.5, 0.5, 0.5, 0.5]), ("b", "한", [0.1, 0.2, 0.3, 0.4])])
@MANY
def test_metrics_of_many_classes(rows: list[tuple[str, str, list[float]]]) -> None:
    truth, predicted, weights = ([*each] for each in zip(*rows, strict=True))
    of_label = np.array(weights) / np.sum(weights, axis=1, keepdims=True)

    ours = multiclass_metrics(
        truth, predicted, {label: of_label[:, i] for i, label in enumerate(LABELS)}
    )

    with scikit_learn_s_opinions_unheard():
        theirs = {
            "accuracy": sk.accuracy_score(truth, predicted),
            "balanced_accuracy": sk.balanced_accuracy_score(truth, predicted),
            "f1_macro": sk.f1_score(truth, predicted, average="macro"),
            "f1_weighted": sk.f1_score(truth, predicted, average="weighted"),
            "log_loss": sk.log_loss(truth, of_label, labels=LABELS),
        }
    assert ours.keys() == theirs.keys()
    assert {name: close(ours[name], theirs[name]) for name in theirs} == dict.fromkeys(theirs, True)


def test_a_label_without_a_probability_leaves_no_log_loss() -> None:
    ours = multiclass_metrics(["a", "b"], ["a", "a"], {"a": np.array([0.5, 0.5])})

    assert ours["log_loss"] is None
    assert ours["accuracy"] == 0.5


@given(st.lists(st.sampled_from(LABELS), min_size=1, max_size=30), st.randoms())
@MANY
def test_the_confusion_matrix(truth: list[str], random: Any) -> None:
    predicted = [random.choice(LABELS) for _ in truth]

    matrix = confusion_matrix(truth, predicted)

    assert matrix.labels == tuple(sorted({*truth, *predicted}))
    with scikit_learn_s_opinions_unheard():
        theirs = sk.confusion_matrix(truth, predicted, labels=list(matrix.labels))
    assert matrix.counts.tolist() == theirs.tolist()


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=40))
@example([(1.0, 1.0), (2.0, 2.0)])
@example([(3.0, 1.0)])
@example([(3.0, 1.0), (3.0, 5.0)])
@MANY
def test_metrics_of_a_regression(rows: list[tuple[float, float]]) -> None:
    truth, predicted = (np.array(each) for each in zip(*rows, strict=True))

    ours = regression_metrics(truth, predicted)

    assert close(ours["mse"], sk.mean_squared_error(truth, predicted))
    assert close(ours["rmse"], sk.root_mean_squared_error(truth, predicted))
    assert close(ours["mae"], sk.mean_absolute_error(truth, predicted))
    assert close(ours["median_absolute_error"], sk.median_absolute_error(truth, predicted))
    if np.sum((truth - truth.mean()) ** 2):
        assert close(ours["r2"], sk.r2_score(truth, predicted))
    else:
        assert ours["r2"] is None


@pytest.mark.parametrize("huge", [1e200, 1.7e308])
def test_numbers_whose_squares_are_infinite_leave_their_metrics_out(huge: float) -> None:
    ours = regression_metrics(np.array([huge, -huge]), np.array([-huge, huge / 2]))

    assert (ours["mse"], ours["rmse"], ours["r2"]) == (None, None, None)
    assert all(value is None or math.isfinite(value) for value in ours.values())


@pytest.mark.parametrize(
    "ours",
    [
        binary_metrics(["a", "b"], ["a", "a"], "a", np.array([0.5, 0.5])),
        multiclass_metrics(["a", "b"], ["a", "a"], {"a": np.ones(2), "b": np.ones(2)}),
        regression_metrics(np.array([1.0, 2.0]), np.array([1.0, 1.0])),
    ],
)
def test_metrics_are_plain_numbers_that_json_can_say(ours: Metrics) -> None:
    assert {type(value) for value in ours.values()} <= {float, type(None)}
