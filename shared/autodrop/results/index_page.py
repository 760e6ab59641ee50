"""`runs/<dataset>/index.html`: all runs of a dataset, and how they have done over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from autodrop.results import charts
from autodrop.results.html import Content, Html, Kind, html, name, table, tag
from autodrop.results.page import page
from autodrop.results.words import (
    count,
    day_and_time,
    interval,
    metric_name,
    number,
    seconds_between,
    state_name,
    time,
)

_LOOKS = {"COMPLETED": "good", "REJECTED": "care", "STOPPED": "care", "FAILED": "bad"}
_WITHOUT_RESULTS = frozenset({"REJECTED", "FAILED", "STOPPED"})


def index_page(dataset: str, runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the page of a dataset.

    Its links are relative, so that they work in the bucket and in a downloaded folder.

    Args:
        dataset: Its name.
        runs: Its runs as `index_run` in `docs/summary.schema.json` describes them, newest first.
    """
    measured = _measured(runs)
    chart = charts.history(measured[::-1]) if measured else None
    body = html(
        tag(
            "header",
            tag("h1", name(dataset)),
            tag("p", _lead(runs, measured), class_="lead"),
        ),
        tag(
            "main",
            None
            if chart is None
            else tag("section", chart.figure(lone=True, heading="h2"), class_="wide-chart"),
            tag("section", tag("h2", "All runs"), _table(runs), id="runs"),
            id="content",
        ),
        tag(
            "footer",
            tag(
                "p",
                "Written by autodrop at the end of every run. This page fetches nothing, and "
                "prints.",
            ),
        ),
    )
    return page(
        f"{dataset}: all runs",
        body,
        {"charts": {} if chart is None else charts.specs([chart]), "thresholds": []},
    )


def _measured(runs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the runs with target and metric of the newest: others are another question."""
    found = [run for run in runs if run["metric"] is not None]
    return [run for run in found if _question(run) == _question(found[0])]


def _question(run: Mapping[str, Any]) -> tuple[Any, ...]:
    return run["target"], run["problem_type"], run["metric"]["name"]


def _lead(runs: Sequence[Mapping[str, Any]], measured: Sequence[Mapping[str, Any]]) -> Content:
    states = dict.fromkeys(run["state"] for run in runs)
    counted = ", ".join(
        f"{sum(run['state'] == state for run in runs)} {state_name(state)}" for state in states
    )
    said = f"{len(runs):,} run{'' if len(runs) == 1 else 's'}"
    if counted:
        said += f": {counted}"
    if not measured:
        is_waited_for = bool(runs) and "COMPLETED" not in states
        return f"{said}. There is no result yet." if is_waited_for else f"{said}."
    metric = measured[0]["metric"]
    best = (max if metric["better"] == "higher" else min)(
        measured, key=lambda run: float(run["metric"]["value"])
    )
    called = metric_name(metric["name"])
    newest = f" The newest result is {called} {number(metric['value'])}"
    if _has_several_targets(runs):
        newest += f" for {measured[0]['target']}"
    if len(measured) == 1:
        return f"{said}.{newest}."
    if best is not measured[0]:
        beside = "about the same as" if _overlap(metric, best["metric"]) else "not as good as"
        return f"{said}.{newest}, {beside} the best so far, {_with_time(best)}."
    before = (max if metric["better"] == "higher" else min)(
        measured[1:], key=lambda run: float(run["metric"]["value"])
    )
    if _overlap(metric, before["metric"]):
        return f"{said}.{newest}, about the same as the best before, {_with_time(before)}."
    return f"{said}.{newest}, the best so far."


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two results may differ by chance; those without intervals do not tell."""
    if any(metric[end] is None for metric in (one, other) for end in ("low", "high")):
        return bool(one["value"] == other["value"])
    return bool(one["low"] <= other["high"] and other["low"] <= one["high"])


def _with_time(run: Mapping[str, Any]) -> str:
    return f"{number(run['metric']['value'])} on {time(run['created_at'])}"


def _has_several_targets(runs: Sequence[Mapping[str, Any]]) -> bool:
    return len({run["target"] for run in runs if run["target"]}) > 1


def _table(runs: Sequence[Mapping[str, Any]]) -> Html:
    if not runs:
        return tag("p", "There are none yet.")
    several = _has_several_targets(runs)
    columns: dict[str, tuple[Kind, list[Content]]] = {
        "Dropped": (Kind.TEXT, [_when(run["created_at"]) for run in runs]),
        "State": (Kind.TEXT, [_state(run["state"]) for run in runs]),
        "Result": (Kind.TEXT, [_result(run) for run in runs]),
        "95 % interval": (
            Kind.NUMBER,
            [interval(run["metric"]) if run["metric"] else "" for run in runs],
        ),
        # Of one target, everybody knows which it is.
        "Target": (
            Kind.TEXT,
            [name(run["target"]) if run["target"] else "" for run in runs] if several else [],
        ),
        "Rows": (Kind.NUMBER, [count(run["rows"]) or "" for run in runs]),
        "Took": (
            Kind.NUMBER,
            [seconds_between(run["created_at"], run["ended_at"]) or "" for run in runs],
        ),
        "File": (Kind.TEXT, [name(str(run["key"]).rpartition("/")[2]) for run in runs]),
        "Run": (Kind.TEXT, [tag("code", run["run_id"], class_="whole") for run in runs]),
    }
    # Of files that were rejected nobody has counted the rows.
    told = {title: (kind, cells) for title, (kind, cells) in columns.items() if any(cells)}
    return table(
        "All runs, the newest first",
        {title: kind for title, (kind, _) in told.items()},
        zip(*(cells for _, cells in told.values()), strict=True),
    )


def _when(iso: str) -> Html:
    day, clock = day_and_time(iso)
    return tag("span", day, tag("small", clock), class_="whole")


def _state(state: str) -> Html:
    look = _LOOKS.get(state)
    return tag("span", state_name(state), class_=f"tag is-{look}" if look else "tag")


def _result(run: Mapping[str, Any]) -> Content:
    """Return the result as a link to the report, or the reason as a link to what is known of it."""
    if run["report"] is not None:
        metric = run["metric"]
        said = (
            f"{metric_name(metric['name'])} {number(metric['value'])}"
            if metric
            else run["headline"] or "report"
        )
        return tag("a", said, href=_relative(run["report"]))
    if run["state"] == "COMPLETED":
        return f"{run['headline'] or 'results'}, deleted since"
    if run["state"] not in _WITHOUT_RESULTS:
        return "not yet"
    failure = tag("a", run["code"] or "the reason", href=_relative(f"{run['run_id']}/failure.json"))
    return (failure, f": {run['reason']}" if run["reason"] else None)


def _relative(path: str) -> str:
    """Return a link below this folder: quoted, so that it can lead nowhere else."""
    return f"./{quote(path)}"
