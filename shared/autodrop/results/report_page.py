"""`report.html`: the summary for people, from the answer in three sentences to every number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from autodrop.results import charts
from autodrop.results.html import Content, html, name, tag
from autodrop.results.page import page
from autodrop.results.sections.classes import classes_section
from autodrop.results.sections.decisions import decisions_section, own_threshold
from autodrop.results.sections.first_screen import answers, key_figures
from autodrop.results.sections.performance import errors_section, metrics_section, ranking_section
from autodrop.results.sections.provenance import (
    comparison_section,
    leaderboard_section,
    run_section,
)
from autodrop.results.sections.section import Section
from autodrop.results.sections.understanding import (
    drivers_section,
    mistakes_section,
    segments_section,
    warnings_section,
)
from autodrop.results.words import headline, several, time


def report_page(summary: Mapping[str, Any]) -> str:
    """Return the whole page for a summary of schema version 2."""
    sections = list(_sections(summary))
    body = html(
        tag(
            "header",
            tag("h1", name(summary["dataset"])),
            tag("p", _lead(summary), class_="lead"),
        ),
        tag(
            "main",
            answers(summary),
            key_figures(summary),
            tag(
                "nav",
                tag("ul", [tag("li", tag("a", s.short, href=f"#{s.id}")) for s in sections]),
                aria_label="Contents",
            ),
            [tag("section", tag("h2", s.title), s.content, id=s.id) for s in sections],
            id="content",
        ),
        tag("footer", tag("p", _made_by(summary))),
    )
    data = {
        "charts": charts.specs(chart for each in sections for chart in each.charts),
        "thresholds": summary["held_out"]["thresholds"] or [],
        "start": own_threshold(summary["held_out"]),
    }
    return page(f"{summary['dataset']}: {headline(summary['headline'])}", body, data)


def _lead(summary: Mapping[str, Any]) -> Content:
    positive = summary["positive_class"]
    kind = {"binary": "one of two classes", "multiclass": "a class", "regression": "a number"}
    return (
        "Predicts ",
        tag("strong", name(summary["target"])),
        f" ({kind[summary['problem_type']]}",
        None if positive is None else (", positive is ", name(positive)),
        f") from {several(summary['features'], 'column')}. "
        f"Completed {time(summary['completed_at'])}.",
    )


def _sections(summary: Mapping[str, Any]) -> Iterator[Section]:
    held_out = summary["held_out"]
    yield metrics_section(summary)
    if summary["problem_type"] == "binary":
        yield ranking_section(held_out, str(summary["positive_class"]))
        yield decisions_section(held_out, str(summary["positive_class"]))
    if summary["problem_type"] == "multiclass":
        yield classes_section(held_out)
    if summary["problem_type"] == "regression":
        yield errors_section(held_out, str(summary["target"]))
    yield drivers_section(summary)
    yield mistakes_section(summary["mistakes"])
    yield segments_section(summary)
    yield leaderboard_section(summary)
    yield comparison_section(summary)
    yield warnings_section(summary["warnings"])
    yield run_section(summary)


def _made_by(summary: Mapping[str, Any]) -> str:
    return (
        f"Made by autodrop {summary['versions']['autodrop']} from summary.json. This page holds "
        "aggregates and the mistakes shown above, fetches nothing, and prints."
    )
