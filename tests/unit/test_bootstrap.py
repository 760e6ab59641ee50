"""Intervals: those of a plain bootstrap, in a fraction of the time and always the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from autodrop.results import bootstrap
from autodrop.results.bootstrap import Interval
from autodrop.results.metrics import roc_auc, score_metrics
from tests.scored_rows import paired, ranked


def plainly(
    rows: int, metric: Callable[[Any], float], replicates: int = 200
) -> tuple[float, float]:
    """Return the interval by drawing rows and computing the metric again."""
    rng = np.random.default_rng(11)
    values = [metric(rng.integers(0, rows, rows)) for _ in range(replicates)]
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def alike(ours: Interval, theirs: tuple[float, float], by: float = 0.2) -> bool:
    """Return whether both ends are closer than a share of the width."""
    width = theirs[1] - theirs[0]
    low, high = ours
    assert low is not None
    assert high is not None
    return max(abs(low - theirs[0]), abs(high - theirs[1])) < by * width


def two_classes(rows: int, one_in: int = 3) -> tuple[Any, Any]:
    """Return truth and scores with ties."""
    rng = np.random.default_rng(7)
    truth = np.arange(rows) % one_in == 0
    return truth, np.round(np.clip(rng.normal(0.4 + 0.2 * truth, 0.15), 0, 1), 4)


def plainly_all(
    rows: int, metrics: Callable[[Any], Mapping[str, Any]], replicates: int = 200
) -> dict[str, tuple[float, float]]:
    """Return the intervals of several metrics by drawing rows and computing them again."""
    rng = np.random.default_rng(11)
    values = [metrics(rng.integers(0, rows, rows)) for _ in range(replicates)]
    found = {}
    for name in values[0]:
        low, high = np.quantile([float(each[name]) for each in values], [0.025, 0.975])
        found[name] = (float(low), float(high))
    return found


# Up to 10,000 rows nothing is put into bins.
@pytest.mark.parametrize(("rows", "one_in"), [(400, 3), (14_000, 3), (14_000, 500)])
def test_intervals_of_scores_are_those_of_a_plain_bootstrap(rows: int, one_in: int) -> None:
    truth, score = two_classes(rows, one_in)

    ours = bootstrap.of_scores(ranked(truth, score))

    theirs = plainly_all(rows, lambda i: score_metrics(ranked(truth[i], score[i])))
    assert {name: alike(ours[name], theirs[name], 0.25) for name in theirs} == dict.fromkeys(
        theirs, True
    )


def test_bins_do_not_move_the_interval_away_from_the_metric() -> None:
    truth, score = two_classes(200_000)
    ranking = ranked(truth, score + np.arange(200_000) * 1e-12)

    ours = bootstrap.of_scores(ranking)

    for name, value in score_metrics(ranking).items():
        low, high = ours[name]
        assert low is not None
        assert high is not None
        assert abs((low + high) / 2 - value) < (high - low) / 4, name


@pytest.mark.slow
def test_intervals_of_labels_are_those_of_a_plain_bootstrap() -> None:
    truth, score = two_classes(600)
    predicted = score > 0.5
    tn, fp, fn, tp = sk.confusion_matrix(truth, predicted).ravel().tolist()

    ours = bootstrap.of_labels(tp, fp, fn, tn)

    theirs = {"precision": sk.precision_score, "recall": sk.recall_score, "f1": sk.f1_score}
    for name, metric in theirs.items():

        def of_rows(rows: Any, metric: Callable[..., float] = metric) -> float:
            return float(metric(truth[rows], predicted[rows]))

        assert alike(ours[name], plainly(600, of_rows)), name


@pytest.mark.slow
def test_intervals_of_classes_are_those_of_a_plain_bootstrap() -> None:
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 5, 800)
    predicted = np.where(rng.random(800) < 0.7, truth, rng.integers(0, 5, 800))

    ours = bootstrap.of_classes(paired("abcde", truth, predicted))

    macro = plainly(800, lambda i: sk.f1_score(truth[i], predicted[i], average="macro"))
    assert alike(ours["f1_macro"], macro)
    assert alike(ours["accuracy"], plainly(800, lambda i: (truth[i] == predicted[i]).mean()))


@pytest.mark.slow
@pytest.mark.parametrize("rows", [501, 500, 14_000])
def test_intervals_of_a_regression_are_those_of_a_plain_bootstrap(rows: int) -> None:
    rng = np.random.default_rng(4)
    truth = rng.gamma(2, 3, rows) + 1
    predicted = truth + rng.standard_t(4, rows)

    ours = bootstrap.of_regression(bootstrap.error_sums([(truth, predicted)], truth.mean()))
    absolute = np.abs(predicted - truth)
    ours["median"] = bootstrap.of_median(rows, lambda shares: np.quantile(absolute, shares))

    def metrics(i: Any) -> dict[str, float]:
        mse = sk.mean_squared_error(truth[i], predicted[i])
        return {
            "rmse": np.sqrt(mse),
            "mae": sk.mean_absolute_error(truth[i], predicted[i]),
            "mse": mse,
            "r2": sk.r2_score(truth[i], predicted[i]),
            "mape": sk.mean_absolute_percentage_error(truth[i], predicted[i]),
            "median": sk.median_absolute_error(truth[i], predicted[i]),
        }

    theirs = plainly_all(rows, metrics)
    assert ours.keys() == theirs.keys()
    assert {name: alike(ours[name], theirs[name], 0.25) for name in theirs} == dict.fromkeys(
        theirs, True
    )


def test_the_interval_of_a_mean() -> None:
    values = np.random.default_rng(9).exponential(1, 45_000)

    low, high = bootstrap.of_mean(bootstrap.in_blocks([values]))

    half = 1.96 * values.std() / np.sqrt(len(values))
    assert alike((low, high), (values.mean() - half, values.mean() + half))


def test_the_interval_of_a_macro_area_holds_that_of_a_plain_bootstrap() -> None:
    rng = np.random.default_rng(8)
    truth = rng.integers(0, 3, 900)
    scores = rng.random((900, 3)) + 0.4 * np.eye(3)[truth]
    scores /= scores.sum(axis=1, keepdims=True)
    rankings = {str(i): ranked(truth == i, scores[:, i]) for i in range(3)}

    low, high = bootstrap.of_macro_auc(rankings)

    theirs = plainly(
        900,
        lambda i: float(
            np.mean([float(roc_auc(ranked(truth[i] == c, scores[i, c]))) for c in range(3)])
        ),
    )
    mean = float(np.mean([roc_auc(each) for each in rankings.values()]))
    assert low is not None
    assert high is not None
    assert low < theirs[0] < mean < theirs[1] < high
    assert high - low < 2.5 * (theirs[1] - theirs[0])


def test_the_same_rows_have_the_same_intervals() -> None:
    ranking = ranked(*two_classes(20_000))

    assert bootstrap.of_scores(ranking) == bootstrap.of_scores(ranking)


def test_what_most_replicates_do_not_define_has_no_interval() -> None:
    assert bootstrap.of_labels(0, 0, 5, 95)["precision"] == (None, None)
    assert bootstrap.of_macro_auc({}) == (None, None)


def test_wilson_s_interval() -> None:
    # Wilson (1927) as R's prop.test(7, 20, correct = FALSE) gives it.
    assert bootstrap.wilson(7, 20) == pytest.approx((0.1811918, 0.5671457), abs=1e-6)
    assert bootstrap.wilson(0, 0) == (0, 1)


def test_a_difference_is_as_uncertain_as_both_together() -> None:
    change, low, high = bootstrap.difference((0.8, 0.77, 0.83), (0.9, 0.86, 0.94))

    assert change == pytest.approx(0.1)
    assert (high - low) / 2 == pytest.approx(0.05)
