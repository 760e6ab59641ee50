"""Several classes: which the model knows, and which it confuses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autodrop.results import charts
from autodrop.results.charts import Chart
from autodrop.results.html import Content, Html, Kind, name, table, tag
from autodrop.results.sections.section import Section, absent
from autodrop.results.words import count, number, percent

# A matrix of more classes comes after the confusions that matter, and folded.
_WIDEST_MATRIX = 12


_SHADES = 7


def classes_section(held_out: Mapping[str, Any]) -> Section:
    """Return the metrics of each class, and the confusions."""
    classes = held_out["classes"] or []
    found: list[Chart] = []
    if classes:
        found.append(charts.f1_by_class(classes, _class_table(classes)))
    calibration = (held_out["curves"] or {}).get("calibration")
    if calibration:
        found.append(charts.calibration(calibration, of="of the predicted class"))
    matrix = held_out["confusion_matrix"]
    many = matrix is None or len(matrix["labels"]) > _WIDEST_MATRIX
    folded = tag("details", tag("summary", "The whole confusion matrix"), confusion_matrix(matrix))
    parts: list[Content] = [
        (tag("h3", "Confusion matrix"), confusion_matrix(matrix)) if not many else None,
        tag("h3", "The largest confusions"),
        _confusions(held_out["largest_confusions"]),
        folded if many and matrix is not None else None,
    ]
    return Section(
        "classes",
        "Classes",
        "Which classes it knows, and which it confuses",
        (
            tag("div", [each.figure() for each in found], class_="grid") if found else None,
            parts,
        ),
        found,
    )


def _class_table(classes: Sequence[Mapping[str, Any]]) -> Html:
    return table(
        "Classes",
        {
            "Class": Kind.TEXT,
            "Rows": Kind.NUMBER,
            "Predicted": Kind.NUMBER,
            "Precision": Kind.NUMBER,
            "Recall": Kind.NUMBER,
            "F1": Kind.NUMBER,
            "ROC AUC": Kind.NUMBER,
        },
        [
            (
                name(each["label"]),
                count(each["rows"]),
                count(each["predicted"]),
                percent(each["precision"]),
                percent(each["recall"]),
                number(each["f1"]),
                number(each["roc_auc"]),
            )
            for each in classes
        ],
    )


def _confusions(found: Sequence[Mapping[str, Any]] | None) -> Html:
    if not found:
        return (
            absent("the confusions") if found is None else tag("p", "None: every label is right.")
        )
    return table(
        "The largest confusions",
        {
            "Truth": Kind.TEXT,
            "Predicted": Kind.TEXT,
            "Rows": Kind.NUMBER,
            "of that truth": Kind.NUMBER,
        },
        [
            (name(e["truth"]), name(e["prediction"]), count(e["rows"]), percent(e["share"]))
            for e in found
        ],
    )


def confusion_matrix(matrix: Mapping[str, Any] | None) -> Html:
    """Return the confusion matrix, each row shaded by its shares."""
    if matrix is None:
        return absent("the confusion matrix", "there are too many classes to read one")
    labels, counts = matrix["labels"], matrix["counts"]
    head = tag(
        "tr",
        tag("th", "Truth ↓ predicted →", scope="col"),
        [tag("th", name(label), scope="col", class_="number") for label in labels],
    )
    body = []
    for i, (label, row) in enumerate(zip(labels, counts, strict=True)):
        total = sum(row)
        cells = []
        for j, n in enumerate(row):
            share = n / total if total else 0
            shade = f" s{max(1, round(share * _SHADES))}" if n else ""
            shown = tag("small", percent(share)) if n and len(labels) <= _WIDEST_MATRIX else None
            look = f"number{shade}{' right' if i == j else ''}"
            cells.append(tag("td", count(n), shown, class_=look))
        body.append(tag("tr", tag("th", name(label), scope="row"), cells))
    return tag(
        "div",
        tag(
            "table",
            tag("caption", "Confusion matrix: rows by truth and prediction"),
            tag("thead", head),
            tag("tbody", body),
            class_="matrix",
        ),
        class_="wide",
        role="region",
        tabindex=0,
        aria_label="Confusion matrix",
    )
