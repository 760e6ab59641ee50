"""What the charts of the pages show: as data for `assets/page.js`, and as tables for everybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil, floor, log10
from typing import Any

from autodrop.results.html import Content, Html, Kind, name, table, tag
from autodrop.results.words import (
    count,
    interval,
    metric_name,
    number,
    percent,
    rows,
    several,
    signed,
    time,
)

# A table beside a chart has no more rows of a curve than these.
_CURVE_ROWS = 11
# A bar chart of more bars is a table.
_MOST_BARS = 30
_MOST_COLUMNS = 20


@dataclass(frozen=True)
class Chart:
    """One chart.

    Attributes:
        id: Name in the page.
        title: Heading.
        reading: How to read it, in a sentence or two.
        label: What it shows, for somebody who does not see it.
        spec: What `page.js` draws.
        numbers: The same as a table.
        legend: What its colours are: key of the colour, and its meaning.
    """

    id: str
    title: str
    reading: str
    label: str
    spec: Mapping[str, Any]
    numbers: Html
    legend: tuple[tuple[str, str], ...] = ()

    def figure(self, *, lone: bool = False, heading: str = "h3") -> Html:
        """Return its place in the page; the table stays open where no script runs.

        Args:
            lone: Whether it stands by itself, and may be larger.
            heading: The element of its title.
        """
        return tag(
            "figure",
            tag(
                "figcaption",
                tag(heading, self.title),
                tag("p", self.reading, class_="reading"),
                _legend(self.legend),
            ),
            tag("div", class_="plot", role="img", aria_label=self.label, data_chart=self.id),
            tag(
                "details",
                tag("summary", "The numbers", tag("span", f": {self.title}", class_="unseen")),
                self.numbers,
                open=True,
            ),
            class_="lone" if lone else None,
        )


def specs(charts: Iterable[Chart]) -> dict[str, Any]:
    """Return the charts for `page.js`."""
    return {chart.id: chart.spec for chart in charts}


# ------------------------------------------------------------------ binary


def roc(curve: Mapping[str, Any], auc: str | None) -> Chart:
    """Return the ROC curve."""
    false, true, cut = (
        curve[each] for each in ("false_positive_rate", "true_positive_rate", "threshold")
    )
    points = list(zip(false, true, cut, strict=True))
    at_tenth = max(y for x, y, _ in points if x <= 0.1)
    return Chart(
        "roc",
        "ROC curve",
        "How many positive rows are found for how many false alarms. The farther above the dashed "
        "line of guessing, the better.",
        f"ROC curve, area {auc or 'not available'}. With false alarms for at most 10 % of the "
        f"negative rows, {percent(at_tenth)} of the positive rows are found.",
        {
            "kind": "xy",
            "x": _axis("False alarms (false positive rate)", "percent", 0, 1),
            "y": _axis("Found (true positive rate)", "percent", 0, 1),
            "series": [
                _line("Guessing", [(0, 0), (1, 1)], look="guide"),
                _line("Model", [(x, y) for x, y, _ in points], notes=[_cut(c) for *_, c in points]),
            ],
        },
        table(
            "ROC curve",
            {
                "Threshold": Kind.TEXT,
                "False positive rate": Kind.NUMBER,
                "True positive rate": Kind.NUMBER,
            },
            [(number(c) or "above all", percent(x), percent(y)) for x, y, c in _thinned(points)],
        ),
        (("1", "Model"), ("guide", "Guessing")),
    )


def precision_recall(curve: Mapping[str, Any], base: float | None) -> Chart:
    """Return precision against recall; `base` is the share of positive rows."""
    recall, precision, cut = (curve[each] for each in ("recall", "precision", "threshold"))
    points = sorted(zip(recall, precision, cut, strict=True), key=lambda each: (each[0], -each[1]))
    at_half = max((y for x, y, _ in points if x >= 0.5), default=None)
    guessing = [] if base is None else [_line("Guessing", [(0, base), (1, base)], look="guide")]
    return Chart(
        "precision-recall",
        "Precision and recall",
        "How many of the flagged rows are right, for how many positive rows are found. Guessing "
        f"is right for {percent(base) or 'as many as are positive'}.",
        f"Precision against recall. Where half of the positive rows are found, "
        f"{percent(at_half) or 'an unknown share'} of the flagged rows are right.",
        {
            "kind": "xy",
            "x": _axis("Found (recall)", "percent", 0, 1),
            "y": _axis("Right among the flagged (precision)", "percent", 0, 1),
            "series": [
                *guessing,
                _line("Model", [(x, y) for x, y, _ in points], notes=[_cut(c) for *_, c in points]),
            ],
        },
        table(
            "Precision and recall",
            {"Threshold": Kind.TEXT, "Recall": Kind.NUMBER, "Precision": Kind.NUMBER},
            [(number(c), percent(x), percent(y)) for x, y, c in _thinned(points)],
        ),
        (("1", "Model"), ("guide", "Guessing")),
    )


def calibration(bins: Sequence[Mapping[str, Any]], *, of: str) -> Chart:
    """Return predicted against observed shares; `of` says of what the probability is."""
    farthest = max(bins, key=lambda each: abs(each["predicted"] - each["observed"]))
    points = [(b["predicted"], b["observed"], b["low"], b["high"]) for b in bins]
    top = max(max(b["high"], b["predicted"]) for b in bins)
    # Four steps of a round size.
    end = 1.0 if top > 0.4 else 4 * _round_step(max(top, 0.0004) * 1.05 / 4)
    return Chart(
        "calibration",
        "Calibration",
        f"Can a probability {of} be taken at its word? Points on the dashed line can; the bars are "
        "95 % intervals.",
        f"Calibration {of}. Farthest off where {percent(farthest['predicted'])} was predicted and "
        f"{percent(farthest['observed'])} observed.",
        {
            "kind": "xy",
            "x": _axis("Predicted", "percent", 0, end),
            "y": _axis("Observed", "percent", 0, end),
            "series": [
                _line("As predicted", [(0, 0), (end, end)], look="guide"),
                _line("Model", points, look="points", notes=[rows(b["rows"]) for b in bins]),
            ],
        },
        table(
            "Calibration",
            {
                "Predicted between": Kind.TEXT,
                "Rows": Kind.NUMBER,
                "Predicted": Kind.NUMBER,
                "Observed": Kind.NUMBER,
                "95 % interval": Kind.NUMBER,
            },
            [
                (
                    f"{percent(b['from'])} and {percent(b['to'])}",
                    count(b["rows"]),
                    percent(b["predicted"]),
                    percent(b["observed"]),
                    f"{percent(b['low'])} to {percent(b['high'])}",
                )
                for b in bins
            ],
        ),
        (("1", "Model"), ("guide", "As predicted")),
    )


def gain(curve: Mapping[str, Any]) -> Chart:
    """Return how many positive rows are found among the rows flagged first."""
    points = list(zip(curve["flagged_share"], curve["found_share"], strict=True))
    found = _at(points, 0.1)
    return Chart(
        "gain",
        "Gain",
        "Whoever looks at the rows in the model's order finds this share of all positive rows "
        "after that share of the rows.",
        f"Gain. The first 10 % of the rows hold {percent(found)} of the positive ones.",
        {
            "kind": "xy",
            "x": _axis("Rows looked at", "percent", 0, 1),
            "y": _axis("Positive rows found", "percent", 0, 1),
            "series": [
                _line("Guessing", [(0, 0), (1, 1)], look="guide"),
                _line("Model", points),
            ],
        },
        table(
            "Gain",
            {"Rows looked at": Kind.NUMBER, "Positive rows found": Kind.NUMBER},
            [(percent(x), percent(y)) for x, y in _thinned(points)],
        ),
        (("1", "Model"), ("guide", "In any order")),
    )


def lift(curve: Mapping[str, Any]) -> Chart:
    """Return how many times as many positive rows are among the rows flagged first."""
    points = list(zip(curve["flagged_share"], curve["lift"], strict=True))
    at_tenth = _at(points, 0.1)
    return Chart(
        "lift",
        "Lift",
        "How many times as many positive rows are among the first ones as among rows picked "
        "blindly.",
        f"Lift. The first 10 % of the rows hold {number(at_tenth)} times as many positive rows as "
        "10 % picked blindly.",
        {
            "kind": "xy",
            "x": _axis("Rows looked at", "percent", 0, 1),
            "y": _axis("Times as many", "number", 0),
            "series": [_line("Blind", [(0, 1), (1, 1)], look="guide"), _line("Model", points)],
        },
        table(
            "Lift",
            {"Rows looked at": Kind.NUMBER, "Times as many": Kind.NUMBER},
            [(percent(x), number(y)) for x, y in _thinned(points)],
        ),
        (("1", "Model"), ("guide", "Picked blindly")),
    )


def scores(histogram: Mapping[str, Any], positive: str) -> Chart:
    """Return how the probabilities of the two classes are spread, each class by itself."""
    edges = _halved_edges(histogram["edges"])
    found = {
        each: _shares(_halved(histogram[each], len(histogram["edges"]) - 1))
        for each in ("positive", "negative")
    }
    highest = max(max(each) for each in found.values())
    names = (f"Truth is {positive}", "Truth is not")
    return Chart(
        "scores",
        "Where the probabilities lie",
        "The rows of either class by the probability that the model gave. The farther apart, the "
        "better it tells them apart.",
        "Histogram of the probability of the positive class. Below 50 % are "
        f"{_of_class(edges, found['positive'])} of the positive and "
        f"{_of_class(edges, found['negative'])} of the other rows.",
        {
            "kind": "histogram",
            "edges": edges,
            "x": _axis("Probability of the positive class", "percent", 0, 1),
            "y": _axis(
                "Share of the rows of the class", "percent", 0, 1 if highest > 0.8 else None
            ),
            "series": [
                {"name": names[0], "counts": found["positive"], "colour": 1},
                {"name": names[1], "counts": found["negative"], "colour": 2},
            ],
        },
        table(
            "Where the probabilities lie",
            {"Probability": Kind.TEXT, "Positive rows": Kind.NUMBER, "Other rows": Kind.NUMBER},
            [
                (f"{percent(a) or '0 %'} to {percent(b)}", percent(p), percent(n))
                for a, b, p, n in zip(
                    edges, edges[1:], found["positive"], found["negative"], strict=False
                )
            ],
        ),
        (("1", names[0]), ("2", names[1])),
    )


def thresholds(found: Sequence[Mapping[str, Any]]) -> Chart:
    """Return precision, recall and F1 by threshold."""
    series = (("precision", "Precision", 1), ("recall", "Recall", 2), ("f1", "F1", 3))
    best = max(found, key=lambda each: each["f1"] or 0)
    return Chart(
        "thresholds",
        "Precision and recall by threshold",
        "A row is called positive from this probability on. A higher threshold flags fewer rows: "
        "fewer false alarms, more misses.",
        f"Precision, recall and F1 by threshold. F1 is highest, {number(best['f1'])}, at "
        f"{number(best['threshold'])}.",
        {
            "kind": "xy",
            "x": _axis("Threshold", "number", 0, 1),
            "y": _axis("Score", "percent", 0, 1),
            "series": [
                _line(
                    title,
                    [(t["threshold"], t[key]) for t in found if t[key] is not None],
                    colour=colour,
                    dash="solid" if colour == 1 else "dashed" if colour == 2 else "dotted",
                )
                for key, title, colour in series
            ],
        },
        table(
            "Thresholds",
            {
                "Threshold": Kind.TEXT,
                "Flagged": Kind.NUMBER,
                "of all": Kind.NUMBER,
                "Precision": Kind.NUMBER,
                "Recall": Kind.NUMBER,
                "Specificity": Kind.NUMBER,
                "F1": Kind.NUMBER,
                "Accuracy": Kind.NUMBER,
                "MCC": Kind.NUMBER,
                "Found": Kind.NUMBER,
                "False alarms": Kind.NUMBER,
                "Missed": Kind.NUMBER,
            },
            [
                (
                    number(t["threshold"]),
                    count(t["flagged"]),
                    percent(t["flagged_share"]),
                    percent(t["precision"]),
                    percent(t["recall"]),
                    percent(t["specificity"]),
                    number(t["f1"]),
                    percent(t["accuracy"]),
                    number(t["mcc"]),
                    count(t["true_positives"]),
                    count(t["false_positives"]),
                    count(t["false_negatives"]),
                )
                for t in found
            ],
        ),
        tuple((f"{colour} key-of-{colour}", title) for _, title, colour in series),
    )


# ------------------------------------------------------------------ multiclass


def f1_by_class(classes: Sequence[Mapping[str, Any]], table_of: Html) -> Chart:
    """Return F1 of each class, the hardest first; of many classes only those."""
    hardest = sorted(
        (each for each in classes if each["f1"] is not None), key=lambda each: float(each["f1"])
    )[:_MOST_BARS]
    which = "The hardest classes" if len(hardest) < len(classes) else "Classes, the hardest first"
    return Chart(
        "classes",
        which,
        "F1 of each class: precision and recall in one number, of which 1 is perfect.",
        f"F1 by class. The lowest is {number(hardest[0]['f1'])} for {hardest[0]['label']}, the "
        f"highest shown {number(hardest[-1]['f1'])} for {hardest[-1]['label']}."
        if hardest
        else "F1 by class: not available.",
        {
            "kind": "bars",
            "x": _axis("F1", "number", 0, 1),
            "names": [each["label"] for each in hardest],
            "values": [each["f1"] for each in hardest],
            "notes": [
                f"{rows(each['rows'])}, recall {percent(each['recall'])}, "
                f"precision {percent(each['precision']) or 'not available'}"
                for each in hardest
            ],
        },
        table_of,
    )


# ------------------------------------------------------------------ regression


def predicted_vs_actual(found: Mapping[str, Any], target: str) -> Chart:
    """Return the two-dimensional histogram of truth and prediction."""
    actual, predicted, counts = found["actual_edges"], found["predicted_edges"], found["counts"]
    cells = [
        (actual[i], actual[i + 1], predicted[j], predicted[j + 1], n)
        for i, row in enumerate(counts)
        for j, n in enumerate(row)
        if n
    ]
    near = sum(n for a, b, c, d, n in cells if c <= b and d >= a)
    total = sum(n for *_, n in cells)
    fullest = sorted(cells, key=lambda cell: -cell[4])[:20]
    return Chart(
        "predicted-actual",
        "Predicted against actual",
        f"Every row by its true and its predicted {target}. The darker, the more rows; on the "
        "dashed line the prediction is exact. The outermost fields hold what is beyond them.",
        f"Predicted against actual {target}: of {rows(total)}, {count(near)} lie in a field that "
        "the line of exact predictions crosses.",
        {
            "kind": "density",
            "x": _axis(f"Actual {target}", "number", actual[0], actual[-1]),
            "y": _axis(f"Predicted {target}", "number", predicted[0], predicted[-1]),
            "cells": cells,
        },
        table(
            "Predicted against actual, the fullest fields",
            {"Actual": Kind.TEXT, "Predicted": Kind.TEXT, "Rows": Kind.NUMBER},
            [
                (f"{number(a)} to {number(b)}", f"{number(c)} to {number(d)}", count(n))
                for a, b, c, d, n in fullest
            ],
        ),
        (("1", "Rows"), ("2 key-of-2", "Exactly right")),
    )


def residuals(found: Mapping[str, Any]) -> Chart:
    """Return the histogram of the errors."""
    edges, counts = found["edges"], found["counts"]
    total = sum(counts) or 1
    above = sum(n for a, b, n in zip(edges, edges[1:], counts, strict=False) if a + b > 0)
    return Chart(
        "residuals",
        "Errors",
        "Prediction minus truth: right of zero the model says too much, left of it too little. "
        "The outermost bars hold what is beyond them.",
        f"Histogram of the errors: {percent(above / total)} of the rows are predicted too high.",
        {
            "kind": "histogram",
            "edges": edges,
            "x": _axis("Prediction minus truth", "number", edges[0], edges[-1]),
            "y": _axis("Rows", "count", 0),
            "series": [{"name": "Rows", "counts": counts, "colour": 1}],
        },
        table(
            "Errors",
            {"Prediction minus truth": Kind.TEXT, "Rows": Kind.NUMBER},
            [
                (f"{number(a)} to {number(b)}", count(n))
                for a, b, n in zip(edges, edges[1:], counts, strict=False)
            ],
        ),
    )


def error_quantiles(found: Sequence[Mapping[str, Any]]) -> Chart:
    """Return how far off which share of the rows is at most."""
    nine_tenths = next((q["absolute"] for q in found if abs(q["share"] - 0.9) < 1e-9), None)
    return Chart(
        "error-quantiles",
        "How far off",
        "This share of the rows is off by at most that much.",
        f"Quantiles of the absolute error: 90 % of the rows are off by at most "
        f"{number(nine_tenths) or 'an unknown amount'}.",
        {
            "kind": "xy",
            "x": _axis("Share of the rows", "percent", 0, 1),
            "y": _axis("Off by at most", "number", 0),
            "series": [_line("Model", [(q["share"], q["absolute"]) for q in found], look="points")],
        },
        table(
            "How far off",
            {
                "Share of the rows": Kind.TEXT,
                "Off by at most": Kind.NUMBER,
                "Quantile of prediction minus truth": Kind.NUMBER,
            },
            [(percent(q["share"]), number(q["absolute"]), signed(q["signed"])) for q in found],
        ),
    )


def error_by_prediction(found: Sequence[Mapping[str, Any]]) -> Chart:
    """Return the mean absolute error by what was predicted."""
    worst = max(found, key=lambda each: float(each["mae"]))
    names = [f"{number(each['from'])} to {number(each['to'])}" for each in found]
    return Chart(
        "error-by-prediction",
        "Error by prediction",
        "The mean absolute error of each tenth of the rows by what was predicted: where a "
        "prediction can be relied on less.",
        f"Mean absolute error by prediction. It is largest, {number(worst['mae'])}, where "
        f"{number(worst['from'])} to {number(worst['to'])} was predicted.",
        {
            "kind": "bars",
            "x": _axis("Mean absolute error", "number", 0),
            "names": names,
            "values": [each["mae"] for each in found],
            "notes": [
                f"{rows(each['rows'])}, {signed(each['mean_error'])} on average" for each in found
            ],
        },
        table(
            "Error by prediction",
            {
                "Predicted": Kind.TEXT,
                "Rows": Kind.NUMBER,
                "Mean absolute error": Kind.NUMBER,
                "Mean of prediction minus truth": Kind.NUMBER,
            },
            [
                (label, count(each["rows"]), number(each["mae"]), signed(each["mean_error"]))
                for label, each in zip(names, found, strict=True)
            ],
        ),
    )


# ------------------------------------------------------------------ all kinds


def drivers(found: Mapping[str, Any]) -> Chart:
    """Return the importance of the columns that the model was asked about, with intervals."""
    features = found["features"]
    shown = features[:_MOST_COLUMNS]
    called = metric_name(found["metric"])
    first = features[0]
    is_error = found["metric"] == "rmse"
    ends = [
        each[end]
        for each in shown
        for end in ("importance", "low", "high")
        if each[end] is not None
    ]
    return Chart(
        "drivers",
        "Columns by importance" if len(shown) == len(features) else "The most important columns",
        f"How much {'higher' if is_error else 'lower'} {called} gets when a column's cells are "
        "those of other rows. The lines are 95 % intervals: a column whose line crosses zero may "
        "as well matter little.",
        f"Importance of the columns in {called}. The first is {first['name']} with "
        f"{number(first['importance'])}.",
        {
            "kind": "bars",
            "x": _axis_of_bars(f"{called} {'added' if is_error else 'lost'}", ends),
            "names": [each["name"] for each in shown],
            "values": [each["importance"] for each in shown],
            "low": [each["low"] for each in shown],
            "high": [each["high"] for each in shown],
        },
        table(
            "Columns by importance",
            {
                "Column": Kind.TEXT,
                f"{called} {'added' if is_error else 'lost'}": Kind.NUMBER,
                "95 % interval": Kind.NUMBER,
            },
            [(name(each["name"]), number(each["importance"]), interval(each)) for each in features],
        ),
    )


def effect(
    place: int, feature: Mapping[str, Any], reading: str, ends: tuple[float, float]
) -> Chart:
    """Return how the prediction goes with a column.

    Args:
        place: Its place among those with curves.
        feature: The column.
        reading: Its effect in words.
        ends: Of the axis that all columns share.
    """
    curves, what = feature["effect"], "Prediction"
    form = "number"
    if curves["of"] is not None:
        what, form = f"Probability of {curves['of']}", "percent"
    grid = [_cell_name(cell) for cell in curves["grid"]]
    lowest, highest = (
        [end(row[i] for row in curves["curves"]) for i in range(len(grid))] for end in (min, max)
    )
    x: dict[str, Any] = _axis("", "number")
    points: list[Any] = [float(cell) for cell in curves["grid"]] if curves["is_numeric"] else grid
    if not curves["is_numeric"]:
        x["categories"] = grid
    return Chart(
        f"effect-{place}",
        feature["name"],
        reading,
        f"{what} by {feature['name']}. {reading}",
        {
            "kind": "curves",
            "x": x,
            "y": _axis("", form, *ends),
            "what": what,
            "grid": points,
            "mean": curves["mean"],
            "curves": curves["curves"],
        },
        table(
            f"{what} by {feature['name']}",
            {
                feature["name"]: Kind.TEXT,
                "Mean": Kind.NUMBER,
                "Single rows": Kind.NUMBER,
            },
            [
                (
                    number(float(cell)) if curves["is_numeric"] else name(cell),
                    _in_form(mean, form),
                    f"{_in_form(low, form)} to {_in_form(high, form)}",
                )
                for cell, mean, low, high in zip(
                    curves["grid"], curves["mean"], lowest, highest, strict=True
                )
            ],
        ),
    )


def ends_of_effects(features: Iterable[Mapping[str, Any]]) -> tuple[float, float]:
    """Return from where to where all effects go, so that they can be compared."""
    curves = [each["effect"] for each in features if each["effect"] is not None]
    numbers = [value for each in curves for row in each["curves"] for value in row]
    low, high = min(numbers), max(numbers)
    if curves[0]["of"] is not None:
        return 0.0, 1.0 if high > 0.4 else _plain(4 * _round_step(max(high, 0.0004) / 4))
    step = _round_step((high - low) / 4 or abs(high) / 4 or 1.0)
    return _plain(floor(low / step) * step), _plain(ceil(high / step) * step)


def _in_form(value: float, form: str) -> str:
    return str(percent(value) if form == "percent" else number(value))


def _cell_name(cell: str) -> str:
    return cell or "(empty)"


def importance(found: Mapping[str, Any]) -> Chart:
    """Return what drives the model, the most important column first."""
    features = found["features"]
    shown = features[:_MOST_COLUMNS]
    has_deviation = any(each["deviation"] is not None for each in shown)
    ends = [
        end
        for each in shown
        for end in (each["value"], _off(each, -1), _off(each, 1))
        if end is not None
    ]
    return Chart(
        "importance",
        "Columns by importance" if len(shown) == len(features) else "The most important columns",
        str(found["label"]) + (" The bars at the ends are ± one deviation." * has_deviation),
        f"Importance of the columns. The first is {features[0]['name']} with "
        f"{number(features[0]['value'])}.",
        {
            "kind": "bars",
            "x": _axis_of_bars("Importance", ends),
            "names": [each["name"] for each in shown],
            "values": [each["value"] for each in shown],
            "low": [_off(each, -1) for each in shown],
            "high": [_off(each, 1) for each in shown],
        },
        table(
            "Columns by importance",
            {"Column": Kind.TEXT, "Importance": Kind.NUMBER, "Deviation": Kind.NUMBER},
            [
                (name(each["name"]), number(each["value"]), number(each["deviation"]))
                for each in features
            ],
        ),
    )


def history(runs: Sequence[Mapping[str, Any]]) -> Chart:
    """Return the headline metric of completed runs over time, oldest first, with intervals."""
    metric = runs[-1]["metric"]
    called = metric_name(metric["name"])
    points = [
        (
            datetime.fromisoformat(run["created_at"]).timestamp() * 1000,
            run["metric"]["value"],
            run["metric"]["low"],
            run["metric"]["high"],
        )
        for run in runs
    ]
    when, axis_name, ticks = _time_ticks([datetime.fromisoformat(r["created_at"]) for r in runs])
    return Chart(
        "history",
        f"{called} over time",
        f"On the held-out rows of each run, with 95 % intervals; {metric['better']} is better. "
        "Runs whose intervals overlap widely may differ by chance alone.",
        f"{called} of {several(len(runs), 'run')}: {number(runs[0]['metric']['value'])} at first, "
        f"{number(metric['value'])} at last.",
        {
            "kind": "xy",
            "x": _axis(axis_name, "time", *when) | {"ticks": ticks},
            "y": _axis(called, "number") | _fitted(metric, points),
            "series": [
                _line(called, points, look="points", notes=[str(run["run_id"]) for run in runs])
            ],
        },
        table(
            f"{called} over time",
            {"Run": Kind.TEXT, "Dropped": Kind.TEXT, called: Kind.NUMBER, "Interval": Kind.NUMBER},
            [
                (
                    run["run_id"],
                    time(run["created_at"]),
                    number(run["metric"]["value"]),
                    interval(run["metric"]),
                )
                for run in runs
            ],
        ),
    )


def scale(metric: str, known: Iterable[float], *, better: str) -> tuple[float, float]:
    """Return from where to where a picture of a metric goes.

    An error begins at 0 and ends where the numbers do; all else ends at 1, which is perfect.

    Args:
        metric: Its name; MCC goes from -1.
        known: The numbers in the picture.
        better: `lower` for an error.
    """
    numbers = [0.0, *known]
    if better == "lower":
        return min(numbers), max(numbers) * 1.05 or 1.0
    # R² has no least value: an interval that goes on beyond -1 is cut there.
    return -1.0 if metric == "mcc" else max(-1.0, min(numbers)), 1.0


def strip(name: str, metric: Mapping[str, Any]) -> Content:
    """Return a small picture of a metric, its interval and its baseline; nothing without a value.

    It repeats what stands beside it, so it is hidden from screen readers.
    """
    value, low, high, base = (metric.get(each) for each in ("value", "low", "high", "baseline"))
    known = [each for each in (value, low, high, base) if each is not None]
    if value is None:
        return ""
    start, end = scale(name, known, better=metric["better"])

    def at(number: float) -> float:
        share = min(max((number - start) / (end - start), 0.0), 1.0)
        return float(round(1 + 98 * share, 2))

    def bar(class_: str, left: float, width: float, y: int, height: int) -> Html:
        return tag("rect", class_=class_, x=str(left), y=y, width=str(width), height=height)

    return tag(
        "svg",
        bar("track", 0, 100, 5, 6),
        None
        if low is None or high is None
        else bar("range", at(low), max(round(at(high) - at(low), 2), 0.5), 3, 10),
        None if base is None else bar("baseline", at(base) - 0.5, 1, 1, 14),
        bar("value", at(value) - 0.9, 1.8, 3, 10),
        class_="strip",
        viewBox="0 0 100 16",
        preserveAspectRatio="none",
        aria_hidden="true",
    )


# Seconds between the marks of a time axis, from a minute to half a day.
_CLOCK_STEPS = tuple(60 * n for n in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720))
_DAY = 86_400
_MOST_TICKS = 5


def _time_ticks(times: Sequence[datetime]) -> tuple[tuple[float, float], str, list[Any]]:
    """Return the ends of a time axis, its name, and few marks that all say something else.

    Args:
        times: Of the runs, ascending.
    """
    first, last = times[0].astimezone(UTC), times[-1].astimezone(UTC)
    span = (last - first).total_seconds()
    margin = span * 0.04 or 3_600.0
    ends = (1000 * (first.timestamp() - margin), 1000 * (last.timestamp() + margin))
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    day = f"{first.day} {first:%b %Y}"
    if span < 60:
        # All at once, or only one.
        return ends, f"Run, {day} (UTC)", [(1000 * first.timestamp(), f"{first:%H:%M}")]
    step = next((each for each in _CLOCK_STEPS if span / each <= _MOST_TICKS), 0)
    is_one_day = first.date() == last.date()
    if step:
        written = "%H:%M" if is_one_day else "{day} %b, %H:%M"
    else:
        step = _DAY * ceil(span / _DAY / _MOST_TICKS)
        written = "{day} %b" if first.year == last.year else "{day} %b %Y"
    grid = min(step, _DAY)
    at = midnight + timedelta(seconds=grid * ceil((first - midnight).total_seconds() / grid))
    ticks = []
    while at <= last:
        ticks.append((1000 * at.timestamp(), at.strftime(written).replace("{day}", str(at.day))))
        at += timedelta(seconds=step)
    if is_one_day:
        return ends, f"Run, {day} (UTC)", ticks
    return ends, f"Run, {first.year} (UTC)" if first.year == last.year else "Run (UTC)", ticks


def _fitted(metric: Mapping[str, Any], points: Sequence[Sequence[float | None]]) -> dict[str, Any]:
    """Return ends and steps of an axis that holds the numbers and nothing that cannot be."""
    known = [each for _, *numbers in points for each in numbers if each is not None]
    low, high = min(known), max(known)
    room = (high - low) * 0.1 or abs(high) * 0.1 or 0.1
    if metric["better"] == "lower":
        least, most = 0.0, float("inf")
    else:
        least, most = scale(metric["name"], known, better="higher")
        least = min(least, low)
    step = _round_step((high - low + 2 * room) / 4)
    start, end = max(low - room, least), min(high + room, most)
    start, end = floor(start / step + 1e-9) * step, ceil(end / step - 1e-9) * step
    # Steps such as 0.15 do not meet 1.
    return {"min": _plain(max(start, least)), "max": _plain(min(end, most)), "interval": step}


def _round_step(least: float) -> float:
    """Return the next round number: 0.0113 becomes 0.015, 30 stays 30."""
    unit = 10.0 ** floor(log10(least))
    return next(
        (_plain(each * unit) for each in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8) if each * unit >= least),
        _plain(10 * unit),
    )


def _plain(value: float) -> float:
    """Return the number without the last digits that adding steps leaves behind."""
    return float(f"{value:.9g}")


def _axis(
    title: str, form: str, least: float | None = None, most: float | None = None
) -> dict[str, Any]:
    return {"name": title, "format": form, "min": least, "max": most}


def _axis_of_bars(title: str, ends: Iterable[float]) -> dict[str, Any]:
    """Return an axis from 0 that ends where the bars and their intervals do, at a round number."""
    low, high = min(0.0, *ends), max(0.0, *ends)
    step = _round_step((high - low) / 10 or 0.01)
    start, end = floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step
    return _axis(title, "number", _plain(start), _plain(end)) | {"interval": _plain(2 * step)}


def _line(
    title: str,
    points: Sequence[Sequence[Any]],
    *,
    look: str = "line",
    colour: int = 1,
    notes: Sequence[str] | None = None,
    dash: str = "solid",
) -> dict[str, Any]:
    return {
        "name": title,
        "look": look,
        "colour": "guide" if look == "guide" else colour,
        "points": points,
        "notes": notes,
        "dash": dash,
    }


def _legend(entries: Sequence[tuple[str, str]]) -> Content:
    if not entries:
        return None
    return tag(
        "ul",
        [
            tag(
                "li",
                tag(
                    "svg",
                    tag("line", x1=0, y1=5, x2=24, y2=5, stroke_width=4, class_=f"key-{key}"),
                    viewBox="0 0 24 10",
                    aria_hidden="true",
                ),
                meaning,
            )
            for key, meaning in entries
        ],
        class_="legend",
    )


def _cut(cut: float | None) -> str:
    return "nothing flagged" if cut is None else f"threshold {number(cut)}"


def _off(feature: Mapping[str, Any], sign: int) -> float | None:
    deviation = feature["deviation"]
    return None if deviation is None else float(feature["value"] + sign * deviation)


def _thinned(points: Sequence[Any]) -> list[Any]:
    """Return the first, the last, and evenly spaced points between them."""
    if len(points) <= _CURVE_ROWS:
        return list(points)
    step = (len(points) - 1) / (_CURVE_ROWS - 1)
    return [points[round(i * step)] for i in range(_CURVE_ROWS)]


def _at(points: Sequence[tuple[float, float]], x: float) -> float:
    """Return the height of the point nearest to `x`."""
    return min(points, key=lambda point: abs(point[0] - x))[1]


def _halved_edges(edges: Sequence[float]) -> list[float]:
    return list(edges[::2]) if (len(edges) - 1) % 2 == 0 else list(edges)


def _halved(counts: Sequence[int], bins: int) -> list[int]:
    """Return the counts of pairs of bins: two colours side by side need the width."""
    if bins % 2:
        return list(counts)
    return [a + b for a, b in zip(counts[::2], counts[1::2], strict=True)]


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts) or 1
    return [round(each / total, 6) for each in counts]


def _of_class(edges: Sequence[float], shares: Sequence[float]) -> str:
    """Return the share of a class below one half; there may be no row of it."""
    if not any(shares):
        return "none (there are none)"
    return str(percent(_below_half(edges, shares)))


def _below_half(edges: Sequence[float], shares: Sequence[float]) -> float:
    return sum(share for end, share in zip(edges[1:], shares, strict=True) if end <= 0.5 + 1e-9)
