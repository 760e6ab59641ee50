"""What drives the model, where it is wrong, and what to know of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autodrop.results import charts
from autodrop.results.charts import Chart
from autodrop.results.html import Content, Html, Kind, name, table, tag, with_code
from autodrop.results.sections.section import Section, absent, mark, value_of, with_interval
from autodrop.results.words import count, metric_name, number, percent, rows, signed


def drivers_section(found: Mapping[str, Any] | None) -> Section:
    """Return the importance of the columns, called what it is."""
    shown: list[Chart] = []
    content: Content
    if found is None or not found["features"]:
        content = absent(
            "the importance of the columns", "the best candidate has no explainability report"
        )
    elif not any(each["value"] for each in found["features"]):
        content = tag("p", _nothing_matters([each["name"] for each in found["features"]]))
    else:
        shown = [charts.importance(found)]
        note = tag(
            "p",
            f"Measured on {rows(found['rows'])}. " if found["rows"] is not None else None,
            "Importance is what the model uses, not what causes the target.",
            class_="note",
        )
        content = (note, shown[0].figure(lone=True))
    return Section("drivers", "Drivers", "What drives the model", content, shown)


def _nothing_matters(columns: Sequence[str]) -> Content:
    if len(columns) == 1:
        return (
            "The importance of the only column, ",
            name(columns[0]),
            ", is 0: what the model says does not depend on it.",
        )
    return (
        f"The importance of all {count(len(columns))} columns is 0: what the model says does not "
        "depend on any of them."
    )


def mistakes_section(found: Mapping[str, Any] | None) -> Section:
    """Return the mistakes worth looking at."""
    title = "Mistakes worth looking at"
    if found is None:
        reason = "the model gives no probabilities"
        return Section("mistakes", "Mistakes", title, absent("they", reason))
    if not found["rows"]:
        return Section("mistakes", "Mistakes", title, tag("p", "None was made."))
    is_regression = found["kind"] == "worst_residuals"
    last = "Prediction minus truth" if is_regression else "Its probability"
    return Section(
        "mistakes",
        "Mistakes",
        title,
        (
            tag(
                "p",
                "The rows that are farthest off. "
                if is_regression
                else "The model was surest of these, and wrong. ",
                "Often a label in the data is wrong, or something is missing that people know. Row "
                "numbers begin at 0 below the header, as in predictions.csv.",
                class_="note",
            ),
            table(
                title,
                {"Row": Kind.TEXT, "Truth": Kind.TEXT, "Predicted": Kind.TEXT, last: Kind.NUMBER},
                [
                    (
                        tag("span", str(each["row"]), class_="whole"),
                        name(each["truth"]),
                        name(each["prediction"]),
                        signed(each["error"]) if is_regression else percent(each["probability"]),
                    )
                    for each in found["rows"]
                ],
            ),
        ),
    )


def segments_section(summary: Mapping[str, Any]) -> Section:
    """Return the performance by the values of the main columns."""
    title = "Where it does better and worse"
    found = summary["segments"]
    if not found:
        content = (
            absent("performance by segment")
            if found is None
            else tag("p", "There is no categorical column to look at.")
        )
        return Section("segments", "Segments", title, content)
    of_target = {
        "binary": "Share that is positive",
        "multiclass": None,
        "regression": f"Mean {summary['target']}",
    }[summary["problem_type"]]
    return Section(
        "segments",
        "Segments",
        title,
        (
            tag(
                "p",
                "By the values of the main categorical columns, with 95 % intervals. A value is "
                "marked when the interval of the first metric leaves out the figure for all rows.",
                class_="note",
            ),
            [_segment(each, of_target, summary) for each in found],
        ),
    )


def _segment(
    found: Mapping[str, Any], of_target: str | None, summary: Mapping[str, Any]
) -> Content:
    names = list(found["values"][0]["metrics"]) if found["values"] else []
    is_share = summary["problem_type"] == "binary"
    columns = {"Value": Kind.TEXT, "Rows": Kind.NUMBER}
    if of_target is not None:
        columns[of_target] = Kind.NUMBER
    columns["Beside all rows"] = Kind.TEXT
    columns |= {metric_name(each): Kind.NUMBER for each in names}
    found_rows = []
    for each in found["values"]:
        row: list[Content] = [name(each["value"]), count(each["rows"])]
        if of_target is not None:
            row.append(percent(each["target"]) if is_share else number(each["target"]))
        row.append(_beside_all(each, names, summary["held_out"]["metrics"]))
        row += [with_interval(each["metrics"].get(key)) for key in names]
        found_rows.append(row)
    explained = found["explained_share"]
    other = found["other_rows"]
    return (
        tag("h3", name(found["column"])),
        None
        if explained is None
        else tag("p", f"Explains {percent(explained)} of the target by itself.", class_="note"),
        table(f"By {found['column']}", columns, found_rows),
        tag("p", f"Other values: {rows(other)}.", class_="note") if other else None,
    )


def _beside_all(
    segment: Mapping[str, Any], names: Sequence[str], overall: Mapping[str, Any]
) -> Content:
    if segment["differs"] is None:
        return tag("span", "too few rows to say", class_="absent")
    if not segment["differs"] or not names:
        return "no clear difference"
    here, there = segment["metrics"][names[0]]["value"], value_of(overall, names[0])
    if here is None or there is None:
        return "differs"
    is_better = (here > there) == (overall[names[0]]["better"] == "higher")
    return mark("better" if is_better else "worse", "good" if is_better else "bad")


def warnings_section(found: Sequence[Mapping[str, Any]]) -> Section:
    """Return warnings and notes."""
    warnings, notes = by_level(found)
    short = f"Warnings ({len(warnings)})" if warnings else "Warnings"
    return Section(
        "warnings",
        short if warnings or not notes else f"Notes ({len(notes)})",
        "Warnings, and what to do about them",
        (
            tag("ul", [_finding(each) for each in warnings], class_="warnings")
            if warnings
            else tag("p", "There are none."),
            (
                tag("h3", "Good to know"),
                tag("ul", [_finding(each) for each in notes], class_="warnings notes"),
            )
            if notes
            else None,
        ),
    )


def by_level(
    found: Sequence[Mapping[str, Any]],
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Return the warnings and the notes; what has no level is a warning."""
    notes = [each for each in found if each.get("level") == "note"]
    return [each for each in found if each.get("level") != "note"], notes


def _finding(found: Mapping[str, Any]) -> Html:
    place: list[Content] = []
    if found["line"] is not None:
        place.append(f", line {count(found['line'])}")
    if found["column"] is not None:
        place.append((", column ", name(found["column"])))
    return tag(
        "li",
        tag("p", tag("code", found["code"]), place),
        tag("p", with_code(found["message"])),
        tag("p", with_code(found["remedy"]), class_="remedy") if found["remedy"] else None,
    )
