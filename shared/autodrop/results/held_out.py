"""The section `held_out` of the summary: how good the model is on rows that it has never seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from math import comb
from typing import Any

import numpy as np

from autodrop.results import bootstrap, curves
from autodrop.results.bootstrap import Interval, Intervals
from autodrop.results.metrics import (
    HIGHER_IS_BETTER,
    Confusion,
    ErrorSums,
    Metrics,
    Ranking,
    label_metrics,
    multiclass_metrics,
    plain,
    regression_metrics,
    roc_auc,
    score_metrics,
)
from autodrop.results.scored import ScoredLabels, ScoredNumbers

# A matrix of more labels than this is for nobody's eyes.
_LARGEST_MATRIX = 50
_MOST_CONFUSIONS = 20
_MOST_CLASSES = 200
_MEDIAN = "median_absolute_error"
_HEADLINES = ("roc_auc", "accuracy", "rmse")
# Fewer rows of a class tell too little of others like them for an interval.
FEWEST_ROWS_OF_CLASS = 5
_MOST_FOR_EXACT = 500
_WITHOUT_CLASSES = ("accuracy", "log_loss", "brier")
_NOTHING: dict[str, Any] = {
    "label_threshold": None,
    "at_half": None,
    "at_best_f1": None,
    "confusion_matrix": None,
    "largest_confusions": None,
    "classes": None,
    "curves": None,
    "scores": None,
    "thresholds": None,
    "error_quantiles": None,
    "predicted_vs_actual": None,
    "residuals": None,
    "error_by_prediction": None,
}


def held_out(
    scored: ScoredLabels | ScoredNumbers, validation: Mapping[str, float]
) -> dict[str, Any]:
    """Return the section.

    Args:
        scored: The rows; at least one.
        validation: The best candidate's metrics on Autopilot's own validation rows, by our names.
    """
    if isinstance(scored, ScoredNumbers):
        found = _numbers(scored, validation)
    elif scored.positive is not None:
        found = _two_classes(scored, scored.positive, validation)
    else:
        found = _classes(scored, validation)
    if len(scored) == 1:
        # One row tells nothing of how others would differ.
        for metric in found["metrics"].values():
            metric.update(low=None, high=None)
    name = headline_metric(found["metrics"])
    return {
        "rows": len(scored),
        "headline_metric": name,
        "better_than_baseline": None
        if name is None
        else _is_better(scored, found["metrics"], name),
        "interval": {
            "level": bootstrap.LEVEL,
            "method": bootstrap.METHOD,
            "replicates": bootstrap.REPLICATES,
        },
        **_NOTHING,
        **found,
    }


def headline_metric(metrics: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the metric that people look at first; None where none was measured."""
    for name in _HEADLINES:
        if metrics.get(name, {}).get("value") is not None:
            return name
    return None


def _two_classes(
    scored: ScoredLabels, positive: str, validation: Mapping[str, float]
) -> dict[str, Any]:
    ranking, counted = scored.ranking, scored.counted
    counts = counted.of(positive)
    rows, positives = len(scored), counts[0] + counts[2]
    values: Metrics = dict.fromkeys(("roc_auc", "average_precision", "log_loss", "brier"))
    intervals: Intervals = {}
    if ranking is not None:
        values = plain(score_metrics(ranking))
        intervals = bootstrap.of_scores(ranking)
    values |= plain(label_metrics(*counts))
    intervals |= bootstrap.of_labels(*counts)
    intervals = _trusted(intervals, counts)
    share = positives / rows
    always = (
        (positives, rows - positives, 0, 0) if share > 0.5 else (0, 0, positives, rows - positives)
    )
    baseline = _constant_score(share, one_class=positives in (0, rows))
    baseline |= plain(label_metrics(*always))
    rankings = {}
    if ranking is not None:
        other = Ranking(1 - ranking.score[::-1], ranking.negatives[::-1], ranking.positives[::-1])
        rankings = {name: ranking if name == positive else other for name in counted.labels}
    found = {
        "metrics": _metrics(values, intervals, baseline, validation),
        **_confusions(counted),
        "classes": _class_table(counted, rankings if len(counted.labels) <= 2 else {}),
        "label_threshold": scored.label_threshold,
    }
    return found if ranking is None else {**found, **_of_ranking(ranking, baseline)}


def _of_ranking(ranking: Ranking, baseline: Metrics) -> dict[str, Any]:
    gained = curves.gain(ranking)
    best = curves.best_f1_threshold(ranking)
    return {
        "at_half": _at_threshold(ranking, 0.5, baseline),
        "at_best_f1": None if best is None else _at_threshold(ranking, best, baseline),
        "curves": {
            "roc": curves.roc(ranking),
            "precision_recall": curves.precision_recall(ranking),
            "calibration": curves.calibration(ranking),
            "gain": gained and gained[0],
            "lift": gained and gained[1],
        },
        "scores": curves.score_histogram(ranking),
        "thresholds": curves.threshold_table(ranking),
    }


def _at_threshold(ranking: Ranking, threshold: float, baseline: Metrics) -> dict[str, Any]:
    counts = curves.counts_at(ranking, threshold)
    values = plain(label_metrics(*counts))
    intervals = _trusted(bootstrap.of_labels(*counts), counts)
    return {"threshold": threshold, "metrics": _metrics(values, intervals, baseline, {})}


def _trusted(intervals: Intervals, counts: tuple[int, int, int, int]) -> Intervals:
    """Return the intervals that mean something with so many rows of either class."""
    tp, fp, fn, tn = counts
    if min(tp + fn, fp + tn) >= FEWEST_ROWS_OF_CLASS:
        return intervals
    return {name: each for name, each in intervals.items() if name in _WITHOUT_CLASSES}


def _is_better(
    scored: ScoredLabels | ScoredNumbers, metrics: Mapping[str, Mapping[str, Any]], name: str
) -> bool | None:
    """Return whether the metric is better than the baseline's by more than noise.

    Both are measured on the same rows, which is noise that they share: the errors of numbers are
    compared by R², and labels by the rows that only one of both gets right (McNemar).
    """
    if name == "rmse":
        low, value = metrics["r2"]["low"], metrics["r2"]["value"]
        if value is None:
            return None
        return bool((value if low is None else low) > 0)
    if name == "roc_auc" or not isinstance(scored, ScoredLabels):
        low = metrics[name]["low"]
        return None if low is None else bool(low > metrics[name]["baseline"])
    counted, rows = scored.counted, len(scored)
    most = int(counted.actual.argmax())
    won = int(counted.hits.sum() - counted.hits[most])
    lost = int(counted.actual[most] - counted.hits[most])
    if won + lost <= _MOST_FOR_EXACT:
        # The chance that so many of the rows that tell are won by tossing a coin.
        n = won + lost
        by_chance: float = sum(comb(n, k) for k in range(won, n + 1)) / 2**n
        return by_chance < (1 - bootstrap.LEVEL) / 2
    return bool(won - lost > bootstrap.Z * np.sqrt(won + lost - (won - lost) ** 2 / rows))


def _constant_score(share: float, *, one_class: bool) -> Metrics:
    """Return what a constant probability of `share` scores."""
    entropy = -sum(each * np.log(each) for each in (share, 1 - share) if each > 0)
    return {
        "roc_auc": None if one_class else 0.5,
        "average_precision": share or None,
        "log_loss": float(entropy),
        "brier": share * (1 - share),
    }


def _classes(scored: ScoredLabels, validation: Mapping[str, float]) -> dict[str, Any]:
    counted = scored.counted
    values = plain(multiclass_metrics(counted))
    intervals = bootstrap.of_classes(counted)
    values |= {"log_loss": None, "roc_auc_ovr": None}
    if scored.losses is not None:
        values["log_loss"] = scored.losses.mean
        intervals["log_loss"] = bootstrap.of_mean(scored.losses)
    rankings = dict(scored.rankings or {})
    occurring = {label for label, n in zip(counted.labels, counted.actual, strict=True) if n}
    if occurring and occurring <= rankings.keys():
        areas = [float(roc_auc(rankings[label])) for label in occurring]
        values |= plain({"roc_auc_ovr": np.mean(areas)})
        intervals["roc_auc_ovr"] = bootstrap.of_macro_auc(
            {label: rankings[label] for label in sorted(occurring)}
        )
    return {
        "metrics": _metrics(values, intervals, _majority(counted), validation),
        **_confusions(counted),
        "classes": _class_table(counted, rankings),
        "curves": _confidence_curves(scored),
    }


def _majority(counted: Confusion) -> Metrics:
    """Return what one scores who always says the label with the most rows."""
    actual = counted.actual
    shares = actual[actual > 0] / actual.sum()
    at = np.arange(len(counted.labels))[actual > 0]
    always = Confusion(counted.labels, at, np.full(len(at), actual.argmax()), actual[actual > 0])
    return {
        **plain(multiclass_metrics(always)),
        "log_loss": float(-(shares * np.log(shares)).sum()),
        "roc_auc_ovr": 0.5 if len(shares) > 1 else None,
    }


def _confidence_curves(scored: ScoredLabels) -> dict[str, Any] | None:
    if scored.confidence is None:
        return None
    return {
        "roc": None,
        "precision_recall": None,
        "calibration": curves.calibration(scored.confidence),
        "gain": None,
        "lift": None,
    }


def _confusions(counted: Confusion) -> dict[str, Any]:
    wrong = np.flatnonzero(counted.truth != counted.predicted)
    largest = wrong[np.argsort(-counted.counts[wrong], kind="stable")[:_MOST_CONFUSIONS]]
    actual = counted.actual
    matrix = None
    if len(counted.labels) <= _LARGEST_MATRIX:
        matrix = {"labels": list(counted.labels), "counts": counted.matrix.tolist()}
    return {
        "confusion_matrix": matrix,
        "largest_confusions": [
            {
                "truth": counted.labels[counted.truth[i]],
                "prediction": counted.labels[counted.predicted[i]],
                "rows": int(counted.counts[i]),
                "share": float(counted.counts[i] / actual[counted.truth[i]]),
            }
            for i in largest
        ],
    }


def _class_table(counted: Confusion, rankings: Mapping[str, Ranking]) -> list[dict[str, Any]]:
    hits, actual, said = counted.hits, counted.actual, counted.said
    order = np.argsort(-actual, kind="stable")[:_MOST_CLASSES]
    table = []
    for i in order.tolist():
        label = counted.labels[i]
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = plain(
                {
                    "precision": hits[i] / said[i],
                    "recall": hits[i] / actual[i],
                    "f1": 2 * hits[i] / (actual[i] + said[i]),
                    "roc_auc": roc_auc(rankings[label]) if label in rankings else None,
                }
            )
        table.append({"label": label, "rows": int(actual[i]), "predicted": int(said[i]), **shares})
    return table


def _numbers(scored: ScoredNumbers, validation: Mapping[str, float]) -> dict[str, Any]:
    sums = bootstrap.error_sums(scored.pieces(), scored.mean)
    values = _with_median(sums, scored, "absolute")
    intervals = bootstrap.of_regression(sums)
    intervals[_MEDIAN] = bootstrap.of_median(len(scored), partial(scored.quantiles, "absolute"))
    constant = ((truth, np.full(len(truth), scored.mean)) for truth, _ in scored.pieces())
    baseline = _with_median(bootstrap.error_sums(constant, scored.mean), scored, "deviation")
    found = {"metrics": _metrics(values, intervals, baseline, validation)}
    # Numbers near the largest double have no quantile, bin or mean that JSON could say.
    ends = [scored.quantiles(each, [0.0, 1.0]) for each in ("truth", "predicted")]
    if np.abs(ends).max() >= 1e150:
        return found
    return {
        **found,
        "error_quantiles": curves.error_quantiles(scored),
        "predicted_vs_actual": curves.predicted_vs_actual(scored),
        "residuals": curves.residuals(scored),
        "error_by_prediction": curves.error_by_prediction(scored),
    }


def _with_median(sums: ErrorSums, scored: ScoredNumbers, of: str) -> Metrics:
    values = regression_metrics(bootstrap.total(sums))
    median = scored.quantiles(of, [0.5])[0]
    return plain({"rmse": None, "mae": None, _MEDIAN: median, **values})


def _metrics(
    values: Metrics,
    intervals: Mapping[str, Interval],
    baseline: Metrics,
    validation: Mapping[str, float],
) -> dict[str, dict[str, Any]]:
    told = {}
    for name, value in values.items():
        low, high = intervals.get(name, (None, None)) if value is not None else (None, None)
        told[name] = {
            "value": value,
            "low": low,
            "high": high,
            "baseline": baseline.get(name),
            "validation": validation.get(name),
            "better": "higher" if name in HIGHER_IS_BETTER else "lower",
        }
    return told


def interval_of(metric: Mapping[str, Any]) -> dict[str, float | None]:
    """Return value, low and high of a metric in the summary."""
    return {name: metric[name] for name in ("value", "low", "high")}


def segment_metrics(
    scored: ScoredLabels | ScoredNumbers,
) -> tuple[float | None, dict[str, dict[str, float | None]]]:
    """Return the mean of the target over the rows, and their main metrics with intervals."""
    if isinstance(scored, ScoredNumbers):
        sums = bootstrap.error_sums(scored.pieces(), scored.mean)
        values = plain(regression_metrics(bootstrap.total(sums)))
        return scored.mean, _some(values, bootstrap.of_regression(sums), ("rmse", "mae"))
    if scored.positive is None:
        values = plain(multiclass_metrics(scored.counted))
        return None, _some(values, bootstrap.of_classes(scored.counted), ("accuracy", "f1_macro"))
    counts = scored.counted.of(scored.positive)
    values, intervals = plain(label_metrics(*counts)), bootstrap.of_labels(*counts)
    names: tuple[str, ...] = ("accuracy", "precision", "recall", "f1")
    if scored.ranking is not None:
        values |= plain(score_metrics(scored.ranking))
        intervals |= bootstrap.of_scores(scored.ranking)
        names = ("roc_auc", *names)
    tp, _, fn, _ = counts
    return (tp + fn) / len(scored), _some(values, _trusted(intervals, counts), names)


def _some(
    values: Metrics, intervals: Intervals, names: Sequence[str]
) -> dict[str, dict[str, float | None]]:
    told = {}
    for name in names:
        low, high = intervals.get(name, (None, None)) if values[name] is not None else (None, None)
        told[name] = {"value": values[name], "low": low, "high": high}
    return told
