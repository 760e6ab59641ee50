"""Showing the progress of a run: a live list of stages on a terminal, else a line a change."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from autodrop.run import Run, RunState
from autodrop_cli.progress import (
    Mark,
    Progress,
    Sighting,
    progress_of,
    run_json,
    stage_lines,
)
from autodrop_cli.terminal import duration, plain

Show = Callable[[Sighting], None]

_STYLES = {
    RunState.COMPLETED: "green",
    RunState.REJECTED: "yellow",
    RunState.FAILED: "red",
    RunState.STOPPED: "yellow",
}
_SIGNS = {
    Mark.DONE: ("✓", "green"),
    Mark.AHEAD: ("·", "dim"),
    Mark.ENDED_HERE: ("✗", "red"),
}
_REFRESHES_PER_SECOND = 8
_NOT_HERE_YET = "waiting for the bucket's event"


@contextmanager
def progress_screen(console: Console, now: Callable[[], datetime]) -> Iterator[Show]:
    """Yield a function that shows sightings as they come, in the way that the console allows."""
    if console.is_terminal:
        with _live(console, now) as show:
            yield show
    else:
        yield _lines(console, now)


def render_progress(progress: Progress, spinner: RenderableType = "▸") -> RenderableType:
    """Return the list of stages with their times.

    Args:
        progress: What to show.
        spinner: The sign of the stage at work.
    """
    head = Text.assemble(
        (plain(progress.run_id), "bold"),
        "  ",
        (str(progress.state), _STYLES.get(progress.state, "cyan")),
        "  ",
        (duration(progress.elapsed), "dim"),
    )
    table = Table.grid(padding=(0, 2))
    table.add_column()
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    for stage in progress.stages:
        sign: RenderableType = spinner
        if stage.mark is not Mark.WORKING:
            sign = Text(*_SIGNS[stage.mark])
        took = ""
        if stage.mark is not Mark.AHEAD and stage.seconds is not None:
            took = duration(stage.seconds)
        table.add_row(
            sign,
            Text(stage.title, "dim" if stage.mark is Mark.AHEAD else ""),
            took,
            Text(stage.detail, "dim"),
        )
    return Group(head, table)


def render_runs(runs: list[Run]) -> RenderableType:
    """Return the table of runs in the order given."""
    if not runs:
        return Text("No runs yet: `autodrop drop FILE` starts one.")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("run", no_wrap=True)
    table.add_column("dataset", overflow="ellipsis", max_width=40, no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("dropped", no_wrap=True)
    table.add_column("result", overflow="fold")
    for run in runs:
        table.add_row(
            plain(run.run_id),
            plain(run.dataset),
            Text(str(run.state), _STYLES.get(run.state, "cyan")),
            run.created_at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            plain(run.headline or run.reason or run.waiting_for or run.job_status or ""),
        )
    return table


@contextmanager
def runs_screen(console: Console, *, as_json: bool) -> Iterator[Callable[[list[Run]], None]]:
    """Yield a function that shows all runs again: in place on a terminal, else what has changed.

    Args:
        console: Where to show them.
        as_json: Print a line of JSON on standard output each time that something has changed.
    """
    if not as_json and console.is_terminal:
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            yield lambda runs: live.update(render_runs(runs), refresh=True)
        return
    printed: dict[str, str] | None = None

    def show(runs: list[Run]) -> None:
        nonlocal printed
        lines = {run.run_id: progress_of(Sighting(run), run.updated_at).line for run in runs}
        if as_json and lines != printed:
            typer.echo(json.dumps([run_json(run) for run in runs]))
        if not as_json:
            for run in reversed(runs):
                if lines[run.run_id] != (printed or {}).get(run.run_id):
                    console.print(f"{run.run_id} {lines[run.run_id]}", soft_wrap=True)
        printed = lines

    yield show


@contextmanager
def _live(console: Console, now: Callable[[], datetime]) -> Iterator[Show]:
    latest: list[Sighting] = []
    spinner = Spinner("dots")

    def picture() -> RenderableType:
        # Called several times a second, so that the times run on between two looks.
        if not latest:
            return Text("")
        if latest[-1].run is None:
            return Group(Spinner("dots", Text(_NOT_HERE_YET)))
        return render_progress(progress_of(latest[-1], now()), spinner)

    with Live(console=console, get_renderable=picture, refresh_per_second=_REFRESHES_PER_SECOND):
        yield latest.append


def _lines(console: Console, now: Callable[[], datetime]) -> Show:
    printed = ""

    def show(sighting: Sighting) -> None:
        nonlocal printed
        if sighting.run is None:
            line, at = _NOT_HERE_YET, 0.0
        else:
            progress = progress_of(sighting, now())
            line, at = progress.line, progress.elapsed
        if line != printed:
            console.print(f"[{int(at) // 60:>2}:{int(at) % 60:02}] {line}", soft_wrap=True)
            printed = line
        if sighting.run is not None and sighting.run.state.is_end:
            for each in stage_lines(progress_of(sighting, now())):
                console.print(each, soft_wrap=True)

    return show
