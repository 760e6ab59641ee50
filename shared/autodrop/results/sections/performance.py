"""How good the model is: metrics, curves of two classes, errors of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autodrop.results import charts
from autodrop.results.charts import Chart
from autodrop.results.html import Content, Kind, name, table, tag
from autodrop.results.sections.section import Section, absent, unseen, value_of, with_interval
from autodrop.results.words import count, metric_meaning, metric_name, number, percent, rows


def metrics_section(summary: Mapping[str, Any]) -> Section:
    """Return all metrics with intervals, baseline and Autopilot's own."""
    held_out = summary["held_out"]
    how = held_out["interval"]
    columns = {
        "Metric": Kind.TEXT,
        "Held-out rows": Kind.NUMBER,
        "Without a model": Kind.NUMBER,
        "Autopilot's validation": Kind.NUMBER,
        unseen("Picture"): Kind.TEXT,
    }
    found = [
        (
            (metric_name(key), tag("span", metric_meaning(key), class_="meaning")),
            with_interval(metric),
            number(metric["baseline"]),
            number(metric["validation"]),
            charts.strip(key, metric),
        )
        for key, metric in held_out["metrics"].items()
    ]
    agreement = summary["agreement"]
    return Section(
        "metrics",
        "Metrics",
        f"On {rows(held_out['rows'])} that the model has never seen",
        (
            tag(
                "p",
                f"Below each value its {100 * how['level']:.0f} % interval. ",
                tag(
                    "span",
                    "In the pictures: the value with its interval in blue, in orange what one "
                    "scores without a model. ",
                    class_="of-pictures",
                ),
                f"Intervals: {how['method']}, {count(how['replicates'])} replicates."
                if how["replicates"]
                else f"Intervals: {how['method']}.",
                class_="note",
            ),
            table("Metrics on held-out rows", columns, found),
            None if agreement is None else tag("p", agreement["sentence"]),
        ),
    )


def ranking_section(held_out: Mapping[str, Any], positive: str) -> Section:
    """Return the curves of two classes."""
    curves = held_out["curves"] or {}
    metrics = held_out["metrics"]
    found: list[Chart] = []
    if curves.get("roc"):
        found.append(charts.roc(curves["roc"], number(value_of(metrics, "roc_auc"))))
    point = _only_point(curves.get("precision_recall"))
    if curves.get("precision_recall") and point is None:
        base = metrics.get("average_precision", {}).get("baseline")
        found.append(charts.precision_recall(curves["precision_recall"], base))
    if curves.get("calibration"):
        found.append(charts.calibration(curves["calibration"], of=f"of {positive}"))
    if held_out["scores"]:
        found.append(charts.scores(held_out["scores"], positive))
    if curves.get("gain"):
        found.append(charts.gain(curves["gain"]))
    if curves.get("lift"):
        found.append(charts.lift(curves["lift"]))
    return Section(
        "curves",
        "Curves",
        "How well it tells the classes apart",
        (
            _why_not_all_curves(held_out, positive, point) if found else None,
            tag("div", [each.figure() for each in found], class_="grid")
            if found
            else absent("the curves", "the model gives no probabilities"),
        ),
        found,
    )


def _only_point(curve: Mapping[str, Any] | None) -> tuple[float, float, float] | None:
    """Return recall, precision and threshold where any row is found; None if there are several.

    So it is with one positive row, and with positive rows that all have the same probability.
    """
    if curve is None:
        return None
    points = zip(curve["recall"], curve["precision"], curve["threshold"], strict=True)
    found = [point for point in points if point[0] > 0]
    return found[0] if len(found) == 1 else None


def _why_not_all_curves(
    held_out: Mapping[str, Any], positive: str, point: tuple[float, float, float] | None
) -> Content:
    """Return why curves are missing that people look for; nothing where there are all."""
    if _classes_held_out(held_out) == 1:
        return tag(
            "p",
            _all_of_one(held_out, positive),
            ", so there is nothing to tell apart, and no ROC curve to draw.",
            class_="absent",
        )
    if point is None:
        return None
    recall, precision, cut = point
    return tag(
        "p",
        "Precision and recall have one point, which makes no curve: from a probability of "
        f"{number(cut)} on, {percent(recall)} of the positive rows are found, and "
        f"{percent(precision)} of the flagged rows are right.",
        class_="absent",
    )


def _classes_held_out(held_out: Mapping[str, Any]) -> int:
    """Return of how many of two classes there is a held-out row; 2 where it is not known."""
    counts = next(iter(held_out["thresholds"] or []), None)
    if counts is None:
        return 2
    positives = counts["true_positives"] + counts["false_negatives"]
    return 1 if positives in (0, held_out["rows"]) else 2


def _all_of_one(held_out: Mapping[str, Any], positive: str) -> Content:
    counts = held_out["thresholds"][0]
    is_positive = counts["true_positives"] + counts["false_negatives"] > 0
    return ("Every held-out row is " if is_positive else "No held-out row is ", name(positive))


def errors_section(held_out: Mapping[str, Any], target: str) -> Section:
    """Return how far off the numbers are, and where."""
    found: list[Chart] = []
    if held_out["predicted_vs_actual"]:
        found.append(charts.predicted_vs_actual(held_out["predicted_vs_actual"], target))
    if held_out["residuals"]:
        found.append(charts.residuals(held_out["residuals"]))
    if held_out["error_quantiles"]:
        found.append(charts.error_quantiles(held_out["error_quantiles"]))
    if held_out["error_by_prediction"]:
        found.append(charts.error_by_prediction(held_out["error_by_prediction"]))
    return Section(
        "errors",
        "Errors",
        "How far off it is, and where",
        tag("div", [each.figure() for each in found], class_="grid") if found else absent("they"),
        found,
    )
