"""What charts are drawn from: on the curves of scikit-learn, in few points."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as sk

from autodrop.results import curves
from autodrop.results.metrics import Ranking
from tests.scored_rows import ranked, scored_numbers


def two_classes(rows: int) -> tuple[Any, Any, Ranking]:
    """Return truth, scores with ties, and their counts."""
    rng = np.random.default_rng(1)
    truth = rng.random(rows) < 0.3
    score = np.round(np.clip(rng.normal(0.4 + 0.2 * truth, 0.15), 0, 1), 3 if rows > 99 else 1)
    return truth, score, ranked(truth, score)


@pytest.mark.parametrize("rows", [12, 5000])
def test_the_roc_curve_is_scikit_learn_s(rows: int) -> None:
    truth, score, ranking = two_classes(rows)
    fpr, tpr, thresholds = sk.roc_curve(truth, score, drop_intermediate=False)
    theirs = dict(zip(thresholds.tolist(), zip(fpr, tpr, strict=True), strict=True))

    ours = curves.roc(ranking)

    assert ours is not None
    points = list(zip(ours["false_positive_rate"], ours["true_positive_rate"], strict=True))
    assert points[0] == (0, 0)
    assert points[-1] == (1, 1)
    assert len(points) <= curves.MOST_POINTS
    for point, threshold in zip(points[1:], ours["threshold"][1:], strict=True):
        assert point == pytest.approx(theirs[threshold])
    x, y = ours["false_positive_rate"], ours["true_positive_rate"]
    assert np.trapezoid(y, x) == pytest.approx(sk.roc_auc_score(truth, score), abs=0.001)


def test_the_precision_recall_curve_is_scikit_learn_s() -> None:
    truth, score, ranking = two_classes(5000)
    precision, recall, thresholds = sk.precision_recall_curve(truth, score)
    theirs = dict(
        zip(thresholds.tolist(), zip(recall[:-1], precision[:-1], strict=True), strict=True)
    )

    ours = curves.precision_recall(ranking)

    assert ours is not None
    assert len(ours["recall"]) <= curves.MOST_POINTS
    assert ours["recall"] == sorted(ours["recall"])
    assert ours["recall"][-1] == 1
    for i, threshold in enumerate(ours["threshold"]):
        assert (ours["recall"][i], ours["precision"][i]) == pytest.approx(theirs[threshold])


def test_gain_and_lift_end_where_all_rows_are_flagged() -> None:
    found = curves.gain(two_classes(5000)[2])

    assert found is not None
    gain, lift = found
    assert (gain["flagged_share"][0], gain["found_share"][0]) == (0, 0)
    assert (gain["flagged_share"][-1], gain["found_share"][-1], lift["lift"][-1]) == (1, 1, 1)
    assert lift["lift"][0] > 2


def test_calibration_bins_hold_all_rows_about_evenly() -> None:
    truth, score, ranking = two_classes(5000)

    bins = curves.calibration(ranking)

    assert sum(each["rows"] for each in bins) == 5000
    assert all(400 < each["rows"] < 600 for each in bins)
    for each in bins:
        here = (score >= each["from"]) & (score <= each["to"])
        assert each["rows"] == here.sum()
        assert each["predicted"] == pytest.approx(score[here].mean())
        assert each["observed"] == pytest.approx(truth[here].mean())
        assert each["low"] <= each["observed"] <= each["high"]


@pytest.mark.slow
def test_the_best_f1_is_that_of_all_thresholds() -> None:
    truth, score, ranking = two_classes(400)

    best = curves.best_f1_threshold(ranking)

    every = {each: sk.f1_score(truth, score >= each) for each in np.unique(score).tolist()}
    assert best is not None
    assert every[best] == max(every.values())


def test_the_table_of_thresholds_says_what_each_flags() -> None:
    truth, score, ranking = two_classes(3000)

    table = curves.threshold_table(ranking)

    assert 0.5 in [each["threshold"] for each in table]
    assert curves.best_f1_threshold(ranking) in [each["threshold"] for each in table]
    for each in table:
        said = score >= each["threshold"]
        assert each["flagged"] == said.sum()
        assert each["true_positives"] == (said & truth).sum()
        assert each["recall"] == pytest.approx(sk.recall_score(truth, said))
        if said.any():
            assert each["precision"] == pytest.approx(sk.precision_score(truth, said))


def test_a_threshold_flags_the_rows_at_it() -> None:
    ranking = ranked(np.array([True, False, True]), np.array([0.5, 0.5, 0.4]))

    assert curves.counts_at(ranking, 0.5) == (1, 1, 1, 0)
    assert curves.counts_at(ranking, 0.6) == (0, 0, 2, 1)
    assert curves.counts_at(ranking, 0.0) == (2, 1, 0, 0)


def test_scores_are_counted_by_class() -> None:
    found = curves.score_histogram(
        ranked(np.array([True, False, True]), np.array([1.0, 0.0, 0.51]))
    )

    assert (found["positive"][-1], found["positive"][25], found["negative"][0]) == (1, 1, 1)
    assert sum(found["positive"]) + sum(found["negative"]) == 3
    assert len(found["edges"]) == len(found["positive"]) + 1


def test_histograms_of_a_regression_hold_every_row_also_the_far_ones() -> None:
    rng = np.random.default_rng(1)
    truth = np.append(rng.normal(0, 1, 5000), [1e9, -1e9])
    predicted = truth + rng.normal(0, 0.1, 5002)

    both = curves.predicted_vs_actual(scored_numbers(truth, predicted))
    left = curves.residuals(scored_numbers(truth, predicted))

    assert np.sum(both["counts"]) == 5002
    assert max(both["actual_edges"]) < 100
    assert np.trace(np.array(both["counts"])) > 2500
    assert sum(left["counts"]) == 5002
    assert left["edges"][0] == -left["edges"][-1]


def test_errors_by_prediction_are_those_of_tenths_of_the_rows() -> None:
    predicted = np.arange(100.0)
    truth = predicted - np.where(predicted < 50, 1.0, -2.0)

    found = curves.error_by_prediction(scored_numbers(truth, predicted))

    assert [each["rows"] for each in found] == [10] * 10
    assert [each["mean_error"] for each in found] == [1.0] * 5 + [-2.0] * 5
    assert [each["mae"] for each in found] == [1.0] * 5 + [2.0] * 5


def test_a_constant_prediction_is_one_bin() -> None:
    found = curves.error_by_prediction(scored_numbers(np.array([1.0, 2.0, 3.0]), np.full(3, 2.0)))

    assert [(each["rows"], each["mean_error"]) for each in found] == [(3, 0.0)]
    assert sum(curves.residuals(scored_numbers(np.zeros(3), np.zeros(3)))["counts"]) == 3


def test_error_quantiles() -> None:
    found = {
        each["share"]: each
        for each in curves.error_quantiles(scored_numbers(np.zeros(101), np.arange(-50.0, 51.0)))
    }

    assert found[0.5]["signed"] == 0
    assert found[0.9]["absolute"] == pytest.approx(np.quantile(np.abs(np.arange(-50.0, 51.0)), 0.9))
