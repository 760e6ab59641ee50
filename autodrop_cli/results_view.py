"""How a run ended, for people: the summary of a completed run, the reason of any other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from autodrop.errors import NotFound
from autodrop.run import Run, RunState
from autodrop_cli.connection import Connection
from autodrop_cli.problems import FAILED, REJECTED
from autodrop_cli.terminal import duration, plain
from autodrop_cli.untrusted_json import (
    SCHEMA_VERSION,
    count,
    items,
    metric,
    number,
    part,
    parts,
    read_document,
    word,
)

_EXIT_CODES = {RunState.COMPLETED: 0, RunState.REJECTED: REJECTED}
# A confusion matrix of more classes is for the report.
_WIDEST_MATRIX = 12


def exit_code_of(run: Run) -> int:
    """Return 0 for a completed run, 3 for a rejected one, 1 for any other end."""
    return _EXIT_CODES.get(run.state, FAILED)


def read_outcome(connection: Connection, run: Run) -> Mapping[str, Any]:
    """Return `summary.json` of a completed run, `failure.json` of any other that has ended.

    Where there is no `failure.json`, what the ledger knows comes back in its shape.

    Raises:
        NotFound: A completed run without `summary.json`.
        Problem: The document cannot be read.
    """
    if run.state is RunState.COMPLETED:
        key = run.folder.result("summary.json")
        try:
            return read_document(connection.bucket.read(key), connection.uri(key))
        except NotFound:
            raise NotFound(f"{connection.uri(key)} is not there: somebody removed it.") from None
    key = run.folder.failure
    try:
        return read_document(connection.bucket.read(key), connection.uri(key))
    except NotFound:
        return {
            "schema_version": SCHEMA_VERSION,
            "run_id": run.run_id,
            "dataset": run.dataset,
            "state": str(run.state),
            "code": run.code,
            "message": run.reason,
            "remedy": None,
            "line": None,
            "column": None,
            "kept": [],
        }


def render_outcome(run: Run, outcome: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield what to print of `read_outcome`, block by block."""
    if run.state is RunState.COMPLETED:
        yield from render_summary(outcome)
    else:
        yield from render_failure(run.state, outcome)


def render_failure(state: RunState, failure: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield why a run ended without results, and what to do."""
    style = "yellow" if state is RunState.REJECTED else "red"
    code = word(failure.get("code")) or "no reason is recorded"
    yield Text.assemble((str(state), f"bold {style}"), f": {code}")
    if message := word(failure.get("message")):
        yield Text(message)
    place = [
        f"{name} {word(failure.get(name))}"
        for name in ("line", "column")
        if word(failure.get(name))
    ]
    kept = [word(each) for each in items(failure.get("kept"))]
    yield _facts(
        ("where", ", ".join(place)),
        ("what to do", word(failure.get("remedy"))),
        *(("kept", each) for each in kept),
    )


def render_summary(summary: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield the results of a completed run."""
    yield Text.assemble(("COMPLETED", "bold green"), f": {word(summary.get('headline'))}")
    yield _overview(summary)
    yield from _leaderboard(summary)
    yield from _held_out(summary)
    yield from _warnings(summary)
    yield _places(summary)


def _overview(summary: Mapping[str, Any]) -> Text:
    split = part(summary, "split")
    best = part(summary, "best_candidate")
    reached = part(best, "objective") or part(summary, "objective")
    kind = word(summary.get("problem_type"))
    positive = word(summary.get("positive_class"))
    return _facts(
        ("dataset", word(summary.get("dataset"))),
        (
            "target",
            f"{word(summary.get('target'))} ({kind}"
            + (f", positive class {positive})" if positive else ")"),
        ),
        (
            "rows",
            f"{count(summary.get('rows'))}: {count(split.get('train_rows'))} to train, "
            f"{count(split.get('test_rows'))} held out "
            f"({word(split.get('method'))}, seed {word(split.get('seed'))})",
        ),
        ("best candidate", word(best.get("name"))),
        (
            "objective",
            f"{word(reached.get('metric'))} {metric(reached.get('value'))} "
            "on Autopilot's own validation rows",
        ),
        ("time", _times(part(summary, "timings"))),
    )


def _times(timings: Mapping[str, Any]) -> str:
    took = {
        name.removesuffix("_seconds"): seconds
        for name, value in timings.items()
        if (seconds := number(value)) is not None
    }
    total = took.pop("total", None)
    steps = ", ".join(f"{plain(name)} {duration(seconds)}" for name, seconds in took.items())
    return steps if total is None else f"{duration(total)} ({steps})"


def _leaderboard(summary: Mapping[str, Any]) -> Iterator[RenderableType]:
    candidates = parts(summary, "candidates")
    if not candidates:
        return
    table = _table("Leaderboard")
    table.add_column("rank", justify="right")
    table.add_column("candidate", overflow="fold")
    table.add_column("status")
    metric_name = word(candidates[0].get("objective_metric"))
    table.add_column(metric_name or "objective", justify="right")
    table.add_column("training", justify="right")
    for each in candidates:
        seconds = number(each.get("training_seconds"))
        table.add_row(
            word(each.get("rank")),
            word(each.get("name")),
            word(each.get("status")),
            metric(each.get("objective_value")),
            "" if seconds is None else duration(seconds),
        )
    yield table


def _held_out(summary: Mapping[str, Any]) -> Iterator[RenderableType]:
    held_out = part(summary, "held_out")
    metrics = part(held_out, "metrics")
    if metrics:
        table = _table(f"On {count(held_out.get('rows'))} held-out rows")
        table.add_column("metric")
        table.add_column("value", justify="right")
        for name, value in metrics.items():
            table.add_row(plain(name), metric(value))
        yield table
    matrix = part(held_out, "confusion_matrix")
    labels = [word(each) for each in items(matrix.get("labels"))]
    if not 0 < len(labels) <= _WIDEST_MATRIX:
        return
    table = _table("Confusion matrix")
    table.add_column("truth \\ prediction")
    for label in labels:
        table.add_column(label, justify="right")
    for label, counts in zip(labels, items(matrix.get("counts")), strict=False):
        table.add_row(label, *(count(each) for each in items(counts)[: len(labels)]))
    yield table


def _warnings(summary: Mapping[str, Any]) -> Iterator[RenderableType]:
    for each in parts(summary, "warnings"):
        yield Text.assemble(
            ("Note ", "yellow"), f"{word(each.get('code'))}: {word(each.get('message'))}"
        )


def _places(summary: Mapping[str, Any]) -> Text:
    files, notebooks = part(summary, "files"), part(summary, "notebooks")
    return _facts(
        ("results", word(files.get("folder"))),
        ("report", word(files.get("report"))),
        ("candidate notebook", word(notebooks.get("candidate_definition"))),
        ("data notebook", word(notebooks.get("data_exploration"))),
    )


def _facts(*facts: tuple[str, str]) -> Text:
    """Return those that say something, one a line and never broken, so that URIs can be copied."""
    shown = [(name, fact) for name, fact in facts if fact]
    width = max((len(name) for name, _ in shown), default=0)
    lines = [Text.assemble((f"{name:<{width}}", "dim"), f"  {fact}") for name, fact in shown]
    return Text("\n").join(lines)


def _table(title: str) -> Table:
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        show_edge=False,
    )
