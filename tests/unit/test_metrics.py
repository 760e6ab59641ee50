"""Every metric equals scikit-learn's on the same predictions, and is None where there is none."""

from __future__ import annotations

import json
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

from autodrop.results.held_out import headline_metric, held_out
from autodrop.results.metrics import (
    Metrics,
    average_precision,
    label_metrics,
    losses,
    multiclass_metrics,
    plain,
    score_metrics,
)
from autodrop.results.scored import ScoredLabels
from tests.scored_rows import paired, ranked, scored_labels, scored_numbers

MANY = settings(max_examples=40, deadline=None)
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


def columns(rows: list[tuple[bool, float, bool]]) -> tuple[Any, Any, Any]:
    """Return truth, scores and predictions as arrays."""
    truth, score, predicted = (np.array(each) for each in zip(*rows, strict=True))
    return truth, score, predicted


def of_labels(truth: Any, predicted: Any) -> Metrics:
    """Return our metrics of two classes' labels."""
    tp, fp = int((truth & predicted).sum()), int((~truth & predicted).sum())
    fn, tn = int((truth & ~predicted).sum()), int((~truth & ~predicted).sum())
    return plain(label_metrics(tp, fp, fn, tn))


def coded(labels: list[str]) -> Any:
    """Return the positions in `LABELS`."""
    return np.array([LABELS.index(label) for label in labels])


@pytest.mark.slow
@given(binary_rows)
@example([(True, 0.9, True), (False, 0.1, False)])
@example([(True, 0.1, False), (False, 0.9, True)])
@example([(True, 0.5, True), (False, 0.5, True), (False, 0.5, False)])
@example([(i == 0, 0.25, False) for i in range(30)])
@MANY
def test_ranking_metrics_of_two_classes(rows: list[tuple[bool, float, bool]]) -> None:
    truth, score, _ = columns(rows)
    ours = plain(score_metrics(ranked(truth, score)))

    if truth.any() and not truth.all():
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
    truth, score, _ = columns(rows)
    ours = plain(score_metrics(ranked(truth, score)))

    assert close(ours["log_loss"], sk.log_loss(truth, score, labels=[False, True]))
    assert close(ours["brier"], np.mean((score - truth) ** 2))
    if truth.any() and not truth.all():
        assert close(ours["brier"], sk.brier_score_loss(truth, score))


@pytest.mark.slow
@given(binary_rows)
@example([(False, 0.0, False)] * 5)
@example([(True, 0.0, True)] * 5)
@example([(True, 0.0, False), (False, 0.0, False)])
@example([(i == 7, 0.0, i == 7) for i in range(40)])
@MANY
def test_label_metrics_of_two_classes(rows: list[tuple[bool, float, bool]]) -> None:
    truth, _, predicted = columns(rows)
    ours = of_labels(truth, predicted)
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


def test_precision_and_recall_are_not_swapped() -> None:
    ours = of_labels(np.array([True] * 3 + [False] * 7), np.array([True] * 2 + [False] * 8))

    assert (ours["precision"], ours["recall"]) == (1.0, 2 / 3)


def test_one_positive_row_in_a_thousand() -> None:
    rng = np.random.default_rng(3)
    truth = np.arange(50_000) % 1000 == 0
    score = np.round(np.clip(rng.normal(0.2 + 0.2 * truth, 0.1), 0, 1), 3)
    predicted = score > 0.45

    ours = plain(score_metrics(ranked(truth, score))) | of_labels(truth, predicted)

    assert close(ours["roc_auc"], sk.roc_auc_score(truth, score))
    assert close(ours["average_precision"], sk.average_precision_score(truth, score))
    assert close(ours["log_loss"], sk.log_loss(truth, score))
    assert close(ours["mcc"], sk.matthews_corrcoef(truth, predicted))
    assert close(ours["f1"], sk.f1_score(truth, predicted))


def test_millions_of_rows_do_not_overflow() -> None:
    assert plain(label_metrics(5_000_000, 0, 0, 5_000_000))["mcc"] == pytest.approx(1)


@pytest.mark.slow
@given(multiclass_rows)
@example([("a", "a", [1.0, 1.0, 1.0, 1.0])])
@example([("a", "b", [0.5, 0.5, 0.5, 0.5]), ("b", "한", [0.1, 0.2, 0.3, 0.4])])
@MANY
def test_metrics_of_many_classes(rows: list[tuple[str, str, list[float]]]) -> None:
    truth, predicted, weights = ([*each] for each in zip(*rows, strict=True))
    of_label = np.array(weights) / np.sum(weights, axis=1, keepdims=True)
    codes = coded(truth)

    ours = plain(multiclass_metrics(paired(LABELS, codes, coded(predicted))))
    ours["log_loss"] = float(losses(of_label[np.arange(len(codes)), codes]).mean())

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


def thirty_classes(rows: int = 3000) -> tuple[Any, Any, Any]:
    """Return truth, predictions and probabilities of shape (rows, 30), with ties."""
    rng = np.random.default_rng(5)
    probabilities = np.round(rng.dirichlet(np.full(30, 0.2), rows), 2) + 0.001
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    truth = (probabilities.cumsum(axis=1) > rng.random((rows, 1))).argmax(axis=1)
    return truth, probabilities.argmax(axis=1), probabilities


def scored_classes() -> tuple[ScoredLabels, Any, Any, Any]:
    """Return thirty classes as they are counted, and as arrays."""
    truth, predicted, probabilities = thirty_classes()
    labels = [f"c{i:02}" for i in range(30)]
    scored = scored_labels(labels, truth, predicted, probabilities=probabilities)
    return scored, truth, predicted, probabilities


def test_thirty_classes_with_all_of_their_metrics() -> None:
    scored, truth, predicted, probabilities = scored_classes()

    told = held_out(scored, {})

    theirs = {
        "accuracy": sk.accuracy_score(truth, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, predicted),
        "f1_macro": sk.f1_score(truth, predicted, average="macro"),
        "f1_weighted": sk.f1_score(truth, predicted, average="weighted"),
        "log_loss": sk.log_loss(truth, probabilities),
        "roc_auc_ovr": sk.roc_auc_score(truth, probabilities, multi_class="ovr"),
    }
    assert {name: each["value"] for name, each in told["metrics"].items()} == pytest.approx(theirs)
    assert all(each["low"] <= each["value"] <= each["high"] for each in told["metrics"].values())
    precision, recall, f1, rows = sk.precision_recall_fscore_support(truth, predicted)
    assert len(told["classes"]) == 30
    for each in told["classes"]:
        i = int(each["label"][1:])
        found = (each["precision"], each["recall"], each["f1"], each["rows"])
        assert found == pytest.approx((precision[i], recall[i], f1[i], rows[i]))
        assert each["roc_auc"] == pytest.approx(sk.roc_auc_score(truth == i, probabilities[:, i]))


def test_confusions_and_matrix_of_thirty_classes() -> None:
    scored, truth, predicted, _ = scored_classes()

    told = held_out(scored, {})

    theirs = sk.confusion_matrix(truth, predicted)
    assert told["confusion_matrix"]["counts"] == theirs.tolist()
    np.fill_diagonal(theirs, 0)
    assert [each["rows"] for each in told["largest_confusions"]] == sorted(
        theirs.ravel().tolist(), reverse=True
    )[:20]


def test_a_label_without_a_probability_leaves_no_log_loss() -> None:
    scored = scored_labels(["a", "b"], [0, 1], [0, 0])

    metrics = held_out(scored, {})["metrics"]

    assert metrics["log_loss"]["value"] is None
    assert metrics["roc_auc_ovr"]["value"] is None
    assert metrics["accuracy"]["value"] == 0.5


@given(st.lists(st.sampled_from(LABELS), min_size=1, max_size=30), st.randoms())
@MANY
def test_the_confusion_matrix(truth: list[str], random: Any) -> None:
    predicted = [random.choice(LABELS) for _ in truth]

    found = paired(LABELS, coded(truth), coded(predicted))

    assert found.labels == tuple(sorted({*truth, *predicted}))
    with scikit_learn_s_opinions_unheard():
        theirs = sk.confusion_matrix(truth, predicted, labels=list(found.labels))
    assert found.matrix.tolist() == theirs.tolist()


@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=40))
@example([(1.0, 1.0), (2.0, 2.0)])
@example([(3.0, 1.0)])
@example([(3.0, 1.0), (3.0, 5.0)])
@example([(0.0, 1.0), (3.0, 5.0)])
@MANY
def test_metrics_of_a_regression(rows: list[tuple[float, float]]) -> None:
    truth, predicted = (np.array(each) for each in zip(*rows, strict=True))

    told = held_out(scored_numbers(truth, predicted), {})["metrics"]
    ours = {name: each["value"] for name, each in told.items()}

    assert close(ours["mse"], sk.mean_squared_error(truth, predicted))
    assert close(ours["rmse"], sk.root_mean_squared_error(truth, predicted))
    assert close(ours["mae"], sk.mean_absolute_error(truth, predicted))
    assert close(ours["median_absolute_error"], sk.median_absolute_error(truth, predicted))
    if truth.all():
        assert close(ours["mape"], sk.mean_absolute_percentage_error(truth, predicted))
    else:
        assert ours["mape"] is None
    if np.ptp(truth):
        assert close(ours["r2"], sk.r2_score(truth, predicted))
    else:
        assert ours["r2"] is None


@pytest.mark.parametrize("huge", [1e200, 1.7e308])
def test_numbers_whose_squares_are_infinite_leave_their_metrics_out(huge: float) -> None:
    scored = scored_numbers(np.array([huge, -huge]), np.array([-huge, huge / 2]))

    told = held_out(scored, {})

    metrics = {name: each["value"] for name, each in told["metrics"].items()}
    assert (metrics["mse"], metrics["rmse"], metrics["r2"]) == (None, None, None)
    json.dumps(told, allow_nan=False)


BASELINES = [
    (np.arange(40) % 4 == 0, {"roc_auc": 0.5, "average_precision": 0.25, "accuracy": 0.75}),
    (np.arange(40) % 4 != 0, {"roc_auc": 0.5, "average_precision": 0.75, "f1": 6 / 7}),
]


@pytest.mark.parametrize(("truth", "expected"), BASELINES)
def test_the_baseline_is_what_the_majority_class_and_the_share_score(
    truth: Any, expected: Metrics
) -> None:
    scored = scored_labels(["no", "yes"], truth, truth, positive="yes", score=np.linspace(0, 1, 40))
    constant = np.full(40, truth.mean())

    baseline = {n: each["baseline"] for n, each in held_out(scored, {})["metrics"].items()}

    assert {name: baseline[name] for name in expected} == pytest.approx(expected)
    assert baseline["log_loss"] == pytest.approx(sk.log_loss(truth, constant))
    assert baseline["brier"] == pytest.approx(sk.brier_score_loss(truth, constant))
    assert baseline["balanced_accuracy"] == 0.5
    assert baseline["mcc"] is None


def test_the_baseline_of_a_regression_is_the_mean() -> None:
    truth = np.array([1.0, 2.0, 3.0, 10.0])

    metrics = held_out(scored_numbers(truth, truth), {})["metrics"]

    mean = np.full(4, truth.mean())
    assert metrics["r2"]["baseline"] == 0
    assert metrics["rmse"]["baseline"] == pytest.approx(sk.root_mean_squared_error(truth, mean))
    assert metrics["mae"]["baseline"] == pytest.approx(sk.mean_absolute_error(truth, mean))


def test_one_class_only_has_no_ranking_and_no_best_threshold() -> None:
    scored = scored_labels(
        ["no", "yes"], [0] * 9, [0] * 9, positive="yes", score=np.linspace(0, 1, 9)
    )

    told = held_out(scored, {})

    assert told["metrics"]["roc_auc"] == {
        **dict.fromkeys(("value", "low", "high", "baseline", "validation")),
        "better": "higher",
    }
    assert told["curves"]["roc"] is None
    assert told["at_best_f1"] is None
    assert told["headline_metric"] == "accuracy"


def test_without_a_metric_there_is_no_headline() -> None:
    assert headline_metric({}) is None


def test_a_single_row_has_no_interval() -> None:
    metrics = held_out(scored_numbers(np.array([1.0]), np.array([2.0])), {})["metrics"]

    assert (metrics["mae"]["value"], metrics["mae"]["low"], metrics["mae"]["high"]) == (
        1,
        None,
        None,
    )


def test_average_precision_of_replicates_that_lack_the_first_scores_is_defined() -> None:
    ranking = ranked(np.array([True, False, True]), np.array([0.9, 0.5, 0.1]))
    drawn = type(ranking)(ranking.score, np.array([[0, 0, 2]]), np.array([[0, 1, 0]]))

    assert average_precision(drawn).tolist() == [pytest.approx(2 / 3)]
