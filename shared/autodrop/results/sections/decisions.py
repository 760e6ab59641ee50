"""What follows from the labels of two classes, and from other thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autodrop.results import charts
from autodrop.results.html import Content, Html, Kind, name, table, tag
from autodrop.results.sections.classes import confusion_matrix
from autodrop.results.sections.performance import _all_of_one, _classes_held_out
from autodrop.results.sections.section import Section, with_interval
from autodrop.results.words import metric_name, number

# Below this, curves of precision and recall lie on the axes.
_LEAST_F1 = 0.01


def decisions_section(held_out: Mapping[str, Any], positive: str) -> Section:
    """Return the labels' confusion matrix and what other thresholds would do."""
    found = held_out["thresholds"] or []
    is_one = _classes_held_out(held_out) == 1
    best = max((each["f1"] or 0.0 for each in found), default=0.0)
    chart = charts.thresholds(found) if best >= _LEAST_F1 and not is_one else None
    other: Content = None
    if chart is not None:
        other = chart.figure(lone=True)
    elif found and not is_one:
        other = tag(
            "p",
            f"F1 is at most {number(best)} at any threshold, so precision and recall by threshold "
            "are not drawn: one of them is next to nothing everywhere.",
            class_="absent",
        )
    elif found:
        other = tag(
            "p",
            _all_of_one(held_out, positive),
            ", so precision and recall by threshold say nothing, and are not drawn.",
            class_="absent",
        )
    return Section(
        "decisions",
        "Decisions",
        "What its decisions cost",
        (
            tag("h3", "The labels that it gives"),
            _own_labels(held_out, positive),
            confusion_matrix(held_out["confusion_matrix"]),
            _at_thresholds(held_out),
            tag("div", tag("h3", "With another threshold"), _slider(positive), class_="on-screen")
            if found
            else None,
            other,
        ),
        [chart] if chart is not None else [],
    )


def own_threshold(held_out: Mapping[str, Any]) -> float | None:
    """Return from which probability on the model says the positive label, where it is not 0.5."""
    own: float | None = held_out.get("label_threshold")
    return None if own is None or number(own) == number(0.5) else own


def _own_labels(held_out: Mapping[str, Any], positive: str) -> Content:
    own = own_threshold(held_out)
    if own is None:
        return None
    return tag(
        "p",
        "The model's labels follow its own threshold: it says ",
        name(positive),
        f" from a probability of about {number(own)} on, not 0.5.",
    )


def _at_thresholds(held_out: Mapping[str, Any]) -> Content:
    """Return the metrics of labels at 0.5 and at the best F1 beside those of the model's labels."""
    half, best = held_out["at_half"], held_out["at_best_f1"]
    if half is None and best is None:
        return None
    sets = [("The model's labels", held_out["metrics"])]
    if half is not None:
        sets.append((f"At {number(half['threshold'])}", half["metrics"]))
    if best is not None:
        sets.append((f"At {number(best['threshold'])}, the best F1", best["metrics"]))
    names = (half or best)["metrics"]
    flatters = (
        " The threshold of the best F1 was found on these very rows, which flatters it a little."
    )
    return (
        tag("h3", "At three thresholds" if half and best else "At another threshold"),
        tag(
            "p",
            f"Below each value its 95 % interval.{flatters if best is not None else ''}",
            class_="note",
        ),
        table(
            "Metrics of labels by threshold",
            {"Metric": Kind.TEXT, **{title: Kind.NUMBER for title, _ in sets}},
            [
                (metric_name(key), *(with_interval(metrics.get(key)) for _, metrics in sets))
                for key in names
            ],
        ),
    )


def _slider(positive: str) -> Html:
    def cell(key: str, *, is_right: bool = False) -> Html:
        return tag("td", data_cell=key, class_="number right" if is_right else "number")

    return tag(
        "div",
        tag(
            "label",
            "Call a row ",
            name(positive),
            " from this probability on",
            for_="threshold-input",
        ),
        tag("input", type="range", min=0, max=0, step=1, id="threshold-input"),
        tag("output", for_="threshold-input", aria_live="polite"),
        tag(
            "table",
            tag("caption", "Confusion matrix at this threshold"),
            tag(
                "thead",
                tag(
                    "tr",
                    tag("td"),
                    tag("th", "Flagged", scope="col", class_="number"),
                    tag("th", "Not flagged", scope="col", class_="number"),
                ),
            ),
            tag(
                "tbody",
                tag(
                    "tr",
                    tag("th", "Truth is ", name(positive), scope="row"),
                    cell("true_positives", is_right=True),
                    cell("false_negatives"),
                ),
                tag(
                    "tr",
                    tag("th", "Truth is not", scope="row"),
                    cell("false_positives"),
                    cell("true_negatives", is_right=True),
                ),
            ),
            class_="matrix",
        ),
        id="threshold",
        class_="slider",
        hidden=True,
    )
