"""What drives the model, where it is wrong, and what to know of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from autodrop.results import charts
from autodrop.results.charts import Chart
from autodrop.results.html import Content, Html, Kind, name, table, tag, with_code
from autodrop.results.sections.section import Section, absent, mark, value_of, with_interval
from autodrop.results.words import (
    count,
    metric_name,
    number,
    percent,
    rows,
    several,
    signed,
)

# What of the effects is not folded.
_OPEN_EFFECTS = 6
_DIRECTIONS = {
    "rises": "Goes up with it.",
    "falls": "Goes down with it.",
    "both_ways": "Goes up and down with it.",
    "flat": "Hardly any effect.",
}


def drivers_section(summary: Mapping[str, Any]) -> Section:
    """Return what drives the model: as it says itself, and as Autopilot reports."""
    asked, report = summary.get("drivers"), summary["importance"]
    title = "What drives the model"
    if asked is None:
        reported, shown = _reported(report)
        missing = summary.get("drivers_missing")
        why = tag("p", f"The model itself was not asked, because {missing}.", class_="absent")
        return Section("drivers", "Drivers", title, (why if missing else None, reported), shown)
    content, shown = _asked(asked)
    if report is not None and report["features"]:
        reported, more = _reported(report)
        folded = tag("summary", "Autopilot's own report on the importance of the columns")
        content = (content, tag("details", folded, reported, open=True, class_="folded"))
        shown = [*shown, *more]
    return Section("drivers", "Drivers", title, content, shown)


def _asked(found: Mapping[str, Any]) -> tuple[Content, list[Chart]]:
    """Return importance and effects as the model itself says."""
    features = found["features"]
    left_out = found["not_asked"]
    note = tag(
        "p",
        f"Permutation importance, measured on {rows(found['rows'])} that were held out, in "
        f"{several(found['repeats'], 'repeat')}",
        f", for the {count(len(features))} columns that go best with the target; "
        f"{count(left_out)} others were not asked about"
        if left_out
        else None,
        ". It is what the model uses, not what causes the target; of columns that say the same, "
        "each seems to matter less.",
        class_="note",
    )
    if not any(each["importance"] for each in features):
        content: Content = tag("p", _nothing_matters([each["name"] for each in features]))
        shown = []
    else:
        shown = [charts.drivers(found)]
        content = (_question(found["dominant"]), note, shown[0].figure(lone=True))
    with_curves = [each for each in features if each["effect"] is not None]
    if not with_curves:
        return content, shown
    ends = charts.ends_of_effects(with_curves)
    effects = [
        charts.effect(place, each, _direction(each), ends) for place, each in enumerate(with_curves)
    ]
    figures = [each.figure(heading="h4") for each in effects]
    more = figures[_OPEN_EFFECTS:]
    return (
        content,
        tag("h3", "How the prediction goes with each column"),
        tag(
            "p",
            f"The bold line is the mean over {several(found['curve_rows'], 'held-out row')} of "
            "what the model says when nothing but this column is changed (partial dependence); "
            "each thin line is one of these rows. The most important columns come first, all on "
            "the same scale.",
            class_="note",
        ),
        tag("div", figures[:_OPEN_EFFECTS], class_="grid small"),
        tag(
            "details",
            tag("summary", f"{several(len(more), 'more column')}"),
            tag("div", more, class_="grid small"),
            open=True,
            class_="folded",
        )
        if more
        else None,
    ), [*shown, *effects]


def _question(dominant: Mapping[str, Any] | None) -> Content:
    if dominant is None:
        return None
    return tag(
        "p",
        "The model leans mostly on ",
        name(dominant["name"]),
        ". ",
        tag(
            "strong",
            "Is ",
            name(dominant["name"]),
            " known at the time of the prediction?",
        ),
    )


def _direction(feature: Mapping[str, Any]) -> str:
    """Return the effect of a column in words."""
    curves, direction = feature["effect"], feature["direction"]
    said = _DIRECTIONS.get(direction)
    if said is None:
        ranked = sorted(zip(curves["mean"], curves["grid"], strict=True))
        low, high = (str(cell) or "(empty)" for _, cell in (ranked[0], ranked[-1]))
        said = f"Highest for {high}, lowest for {low}."
    if curves["of"] is None:
        return said
    return f"Probability of {curves['of']}: {said[0].lower()}{said[1:]}"


def _reported(found: Mapping[str, Any] | None) -> tuple[Content, list[Chart]]:
    """Return the importance of the columns as Autopilot reports it, called what it is."""
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
    return content, shown


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
    kind = Kind.NUMBER if is_regression else Kind.TEXT
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
                {"Row": Kind.TEXT, "Truth": kind, "Predicted": kind, last: Kind.NUMBER},
                [
                    (
                        tag("span", str(each["row"]), class_="whole"),
                        _in_short(each["truth"]) if is_regression else name(each["truth"]),
                        _in_short(each["prediction"])
                        if is_regression
                        else name(each["prediction"]),
                        signed(each["error"]) if is_regression else percent(each["probability"]),
                    )
                    for each in found["rows"]
                ],
            ),
        ),
    )


def _in_short(cell: str) -> Content:
    """Return a number of the file as the others of the page; what is none, as it is."""
    try:
        value = float(cell)
    except ValueError:
        return name(cell)
    return number(value) if isfinite(value) else name(cell)


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
            # Of a column of rare values there is nothing to say: it comes last.
            [
                _segment(each, of_target, summary)
                for each in sorted(found, key=lambda each: not any(map(_is_told, each["values"])))
            ],
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
    columns["Against all rows"] = Kind.TEXT
    columns |= {metric_name(each): Kind.NUMBER for each in names}

    def table_of(values: Sequence[Mapping[str, Any]]) -> Html:
        rows_of: list[list[Content]] = []
        for each in values:
            row: list[Content] = [name(each["value"]), count(each["rows"])]
            if of_target is not None:
                row.append(percent(each["target"]) if is_share else number(each["target"]))
            row.append(_against_all(each, names, summary["held_out"]["metrics"]))
            row += [with_interval(each["metrics"].get(key)) for key in names]
            rows_of.append(row)
        return table(f"By {found['column']}", columns, rows_of)

    told = [each for each in found["values"] if _is_told(each)]
    rare = [each for each in found["values"] if not _is_told(each)]
    explained = found["explained_share"]
    other = found["other_rows"]
    return (
        tag("h3", name(found["column"])),
        None
        if explained is None
        else tag("p", f"Explains {percent(explained)} of the target by itself.", class_="note"),
        table_of(told) if told or not rare else None,
        tag(
            "details",
            tag("summary", f"{several(len(rare), 'value')} with too few rows to say"),
            table_of(rare),
            class_="folded",
            open=True,
        )
        if rare
        else None,
        tag("p", f"Other values: {rows(other)}.", class_="note") if other else None,
    )


def _is_told(segment: Mapping[str, Any]) -> bool:
    return segment["differs"] is not None


def _against_all(
    segment: Mapping[str, Any], names: Sequence[str], overall: Mapping[str, Any]
) -> Content:
    """Return in which direction the first metric differs; only what is worse has a colour.

    What is better than a poor figure may still be poor.
    """
    if segment["differs"] is None:
        return tag("span", "too few rows to say", class_="absent")
    if not segment["differs"] or not names:
        return "no clear difference"
    here, there = segment["metrics"][names[0]]["value"], value_of(overall, names[0])
    if here is None or there is None:
        return "differs"
    is_better = (here > there) == (overall[names[0]]["better"] == "higher")
    direction = "higher" if here > there else "lower"
    return mark(f"{direction} {metric_name(names[0])}", "" if is_better else "bad")


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
