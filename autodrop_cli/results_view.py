"""How a run ended, for people: the summary of a completed run, the reason of any other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from autodrop.errors import NotFound
from autodrop.results import charts, words
from autodrop.run import Run, RunState
from autodrop_cli.connection import Connection
from autodrop_cli.plots import along, bar, place, sparkline
from autodrop_cli.problems import FAILED, REJECTED
from autodrop_cli.terminal import plain
from autodrop_cli.untrusted_json import (
    count,
    items,
    number,
    numbers,
    part,
    parts,
    read_document,
    word,
)

_EXIT_CODES = {RunState.COMPLETED: 0, RunState.REJECTED: REJECTED}
# A confusion matrix of more classes is for the report.
_WIDEST_MATRIX = 12
_MOST_DRIVERS = 8
_MOST_MISTAKES = 5
_MOST_CONFUSIONS = 8
_NOT_AVAILABLE = "not available"
_PLOT_WIDTH = 40
# Below this width the numbers need the place of the pictures.
_WIDE = 130
# Below this one Autopilot's own numbers are left to the report, so that names stay whole.
_NARROW = 100
_DIRECTIONS = {
    "rises": "goes up with it",
    "falls": "goes down with it",
    "both_ways": "goes up and down",
    "flat": "hardly any",
    "by_value": "differs by value",
}
_QUESTIONS = {
    "quality": "is it good?",
    "comparison": "better than before?",
    "trust": "can I trust it?",
}
_LEVELS = {
    "strong": "green",
    "fair": "green",
    "weak": "yellow",
    "none": "red",
    "better": "green",
    "worse": "red",
    "yes": "green",
    "caution": "yellow",
}


def exit_code_of(run: Run) -> int:
    """Return 0 for a completed run, 3 for a rejected one, 1 for any other end."""
    return _EXIT_CODES.get(run.state, FAILED)


def kept_report(run: Run) -> Path:
    """Return where a copy of the report is kept for the browser: always the same file for a run.

    A browser may read it long after the command has ended, so that it cannot be removed then.
    """
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(home) / "autodrop" / run.run_id
    # It shows some rows of the data.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / "report.html"


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
            "schema_version": 1,
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


def render_outcome(
    run: Run, outcome: Mapping[str, Any], *, with_tables: bool = False
) -> Iterator[RenderableType]:
    """Yield what to print of `read_outcome`, block by block."""
    if run.state is RunState.COMPLETED:
        yield from render_summary(outcome, with_tables=with_tables)
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


def render_summary(
    summary: Mapping[str, Any], *, with_tables: bool = False
) -> Iterator[RenderableType]:
    """Yield the results of a completed run, of schema version 1 or 2.

    The answers come last, where a terminal stands when the command has ended.
    """
    yield _overview(summary)
    if with_tables:
        yield from _held_out(summary)
        yield from _curves(summary)
        yield from _drivers(summary)
        yield from _mistakes(summary)
        yield from _comparison(summary)
        yield from _leaderboard(summary)
    yield from _warnings(summary)
    yield _places(summary, with_tables=with_tables)
    yield Text.assemble(
        ("COMPLETED", "bold green"), f": {words.headline(word(summary.get('headline')))}"
    )
    yield from _verdict(summary)


def _verdict(summary: Mapping[str, Any]) -> Iterator[Text]:
    answers = []
    width = max(map(len, _QUESTIONS.values()))
    for name, question in _QUESTIONS.items():
        answer = part(summary, "verdict", name)
        if text := word(answer.get("text")):
            style = _LEVELS.get(word(answer.get("level")), "")
            answers.append(Text.assemble((f"{question:<{width}}  ", "dim"), (text, style)))
    if answers:
        yield Text("\n").join(answers)


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
            f"{count(split.get('test_rows'))} held out ({_split(split)})",
        ),
        ("best candidate", word(best.get("name"))),
        (
            "objective",
            f"{word(reached.get('metric'))} {_number(reached.get('value'))} "
            "on Autopilot's own validation rows"
            if reached
            else _NOT_AVAILABLE,
        ),
        ("time", _times(part(summary, "timings"))),
    )


def _split(split: Mapping[str, Any]) -> str:
    if file := word(split.get("file")):
        return f"test file {file}"
    method = word(split.get("method"))
    return "test file" if method == "file" else f"{method}, seed {word(split.get('seed'))}"


def _times(timings: Mapping[str, Any]) -> str:
    took = {
        name.removesuffix("_seconds"): seconds
        for name, value in timings.items()
        if (seconds := number(value)) is not None
    }
    total = took.pop("total", None)
    steps = ", ".join(f"{plain(name)} {words.seconds(seconds)}" for name, seconds in took.items())
    return steps if total is None else f"{words.seconds(total)} ({steps})"


def _leaderboard(summary: Mapping[str, Any]) -> Iterator[RenderableType]:
    candidates = parts(summary, "candidates")
    if not candidates:
        return
    table = _table("Leaderboard")
    table.add_column("rank", justify="right")
    table.add_column("candidate", overflow="fold")
    # The same word in every line tells nobody which is which.
    algorithms = [word(each.get("algorithm")) for each in candidates]
    has_algorithm = len(set(algorithms)) > 1
    if has_algorithm:
        table.add_column("algorithm")
    # That all are completed says nothing, and takes the place of their names.
    statuses = [word(each.get("status")) for each in candidates]
    has_status = set(statuses) != {"Completed"}
    if has_status:
        table.add_column("status")
    metric_name = word(candidates[0].get("objective_metric"))
    table.add_column(metric_name or "objective", justify="right")
    table.add_column("training", justify="right")
    for each, algorithm, status in zip(candidates, algorithms, statuses, strict=True):
        seconds = number(each.get("training_seconds"))
        table.add_row(
            word(each.get("rank")),
            word(each.get("name")),
            *([algorithm] if has_algorithm else []),
            *([status] if has_status else []),
            _number(each.get("objective_value")),
            words.seconds(seconds) or "",
        )
    yield table


def _held_out(summary: Mapping[str, Any]) -> Iterator[RenderableType]:
    held_out = part(summary, "held_out")
    metrics = part(held_out, "metrics")
    rows = count(held_out.get("rows"))
    title = f"On {rows} held-out {'row' if rows == '1' else 'rows'}"
    if any(isinstance(each, dict) for each in metrics.values()):
        yield _Metrics(title, metrics)
    elif metrics:
        table = _table(title)
        table.add_column("metric")
        table.add_column("value", justify="right")
        for name, value in metrics.items():
            table.add_row(_metric_name(name), _number(value))
        yield table
    yield from _confusions(held_out)


@dataclass(frozen=True)
class _Metrics:
    """Metrics with their intervals; with a picture of each where the terminal is wide enough."""

    title: str
    metrics: Mapping[str, Any]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        is_wide, is_narrow = options.max_width >= _WIDE, options.max_width < _NARROW
        table = _table(self.title)
        table.add_column("metric", overflow="fold")
        table.add_column("value", justify="right")
        table.add_column("95 % interval", justify="right", no_wrap=True)
        if is_wide:
            table.add_column("● value  ━ interval  │ without a model", no_wrap=True)
        table.add_column("without a model", justify="right")
        if not is_narrow:
            table.add_column("Autopilot's own", justify="right")
        for name in self.metrics:
            each = part(self.metrics, name)
            value, low, high, base = (
                number(each.get(key)) for key in ("value", "low", "high", "baseline")
            )
            picture = _picture(name, value, low, high, base, word(each.get("better")))
            table.add_row(
                _metric_name(name),
                _number(value),
                words.interval({"low": low, "high": high}) or "",
                *([picture] if is_wide else []),
                _number(base),
                *([] if is_narrow else [_number(each.get("validation"))]),
            )
        yield table


def _picture(
    name: str,
    value: float | None,
    low: float | None,
    high: float | None,
    base: float | None,
    better: str,
) -> str:
    """Return where the numbers lie on the scale of the metric; nothing without a value."""
    if value is None:
        return ""
    known = [each for each in (value, low, high, base) if each is not None]
    start, end = charts.scale(name, known, better=better)

    def share(number: float | None) -> float | None:
        if number is None:
            return None
        found = (number - start) / (end - start)
        # Numbers may be so far apart that their distance is infinite.
        return min(max(found, 0.0), 1.0) if isfinite(found) else 0.0

    return place(share(value) or 0.0, share(low), share(high), share(base), _PLOT_WIDTH)


def _confusions(held_out: Mapping[str, Any]) -> Iterator[RenderableType]:
    matrix = part(held_out, "confusion_matrix")
    labels = [word(each) for each in items(matrix.get("labels"))]
    if 0 < len(labels) <= _WIDEST_MATRIX:
        table = _table("Confusion matrix")
        table.add_column("truth \\ prediction")
        for label in labels:
            table.add_column(label, justify="right")
        for label, counts in zip(labels, items(matrix.get("counts")), strict=False):
            table.add_row(label, *(count(each) for each in items(counts)[: len(labels)]))
        yield table
        return
    confusions = parts(held_out, "largest_confusions")
    if confusions:
        table = _table("The largest confusions")
        table.add_column("truth")
        table.add_column("prediction")
        table.add_column("rows", justify="right")
        for each in confusions[:_MOST_CONFUSIONS]:
            table.add_row(
                word(each.get("truth")), word(each.get("prediction")), count(each.get("rows"))
            )
        yield table


def _curves(summary: Mapping[str, Any]) -> Iterator[RenderableType]:
    """Yield the shapes that can be read from one line of blocks each."""
    held_out = part(summary, "held_out")
    found = []
    for title, curve, across, up in (
        ("found, by false alarms", "roc", "false_positive_rate", "true_positive_rate"),
        ("found, by rows looked at", "gain", "flagged_share", "found_share"),
    ):
        data = part(held_out, "curves", curve)
        xs, ys = numbers(data.get(across)), numbers(data.get(up))
        if xs and len(xs) == len(ys):
            found.append((title, sparkline(along(xs, ys, _PLOT_WIDTH), 1.0), "0 % to 100 %"))
    calibration = parts(part(held_out, "curves"), "calibration")
    for title, name in (("predicted, by tenths", "predicted"), ("observed", "observed")):
        shares = numbers([each.get(name) for each in calibration])
        if shares:
            found.append((title, sparkline(shares, 1.0), ""))
    residuals = part(held_out, "residuals")
    edges, counts = numbers(residuals.get("edges")), numbers(residuals.get("counts"))
    if counts and edges:
        ends = f"{_number(edges[0])} to {_number(edges[-1])}"
        found.append(("rows, by error", sparkline(counts), ends))
    if found:
        table = Table.grid(padding=(0, 2))
        for title, plot, ends in found:
            table.add_row(Text(title, "dim"), Text(plot, no_wrap=True), Text(ends, "dim"))
        yield table


def _drivers(summary: Mapping[str, Any]) -> Iterator[RenderableType]:
    if asked := parts(part(summary, "drivers"), "features"):
        yield from _asked(part(summary, "drivers"), asked)
        return
    importance = part(summary, "importance")
    features = [
        (word(each.get("name")), value)
        for each in parts(importance, "features")
        if (value := number(each.get("value"))) is not None
    ][:_MOST_DRIVERS]
    if not features:
        return
    if not any(value for _, value in features):
        yield Text("The importance of every column is 0: the labels depend on none of them.")
        return
    most = max(value for _, value in features)
    table = _table("What drives the model")
    table.add_column("column", overflow="fold")
    table.add_column("importance", no_wrap=True)
    table.add_column("", justify="right")
    for name, value in features:
        table.add_row(name, bar(value, most, _PLOT_WIDTH // 2), _number(value))
    yield table
    if label := word(importance.get("label")):
        yield Text(label, "dim")


def _asked(
    drivers: Mapping[str, Any], features: Sequence[Mapping[str, Any]]
) -> Iterator[RenderableType]:
    """Yield what drives the model, as it says itself."""
    values = [number(each.get("importance")) or 0.0 for each in features]
    most = max(values)
    if most <= 0:
        yield Text("No column is important: what the model says depends on none of them much.")
        return
    metric = _metric_name(word(drivers.get("metric")))
    table = _table("What drives the model")
    table.add_column("column", overflow="fold")
    table.add_column("importance", no_wrap=True)
    table.add_column("", justify="right")
    table.add_column("95 % interval", justify="right", no_wrap=True)
    table.add_column("effect")
    for each, value in list(zip(features, values, strict=True))[:_MOST_DRIVERS]:
        ends = {end: number(each.get(end)) for end in ("low", "high")}
        table.add_row(
            word(each.get("name")),
            bar(max(value, 0.0), most, _PLOT_WIDTH // 2),
            _number(value),
            words.interval(ends) or "",
            _DIRECTIONS.get(word(each.get("direction")), ""),
        )
    yield table
    yield Text(
        f"Permutation importance: how much {metric} suffers when a column is shuffled, on "
        f"{count(drivers.get('rows'))} held-out rows.",
        "dim",
    )


def _mistakes(summary: Mapping[str, Any]) -> Iterator[RenderableType]:
    mistakes = parts(part(summary, "mistakes"), "rows")[:_MOST_MISTAKES]
    if not mistakes:
        return
    table = _table("Mistakes worth looking at")
    table.add_column("row", justify="right")
    table.add_column("truth")
    table.add_column("prediction")
    table.add_column("probability or error", justify="right")
    for each in mistakes:
        off = number(each.get("error"))
        table.add_row(
            word(each.get("row")),
            *(
                word(each.get(name)) if off is None else _in_short(word(each.get(name)))
                for name in ("truth", "prediction")
            ),
            words.percent(number(each.get("probability"))) or _NOT_AVAILABLE
            if off is None
            else words.signed(off),
        )
    yield table


def _comparison(summary: Mapping[str, Any]) -> Iterator[RenderableType]:
    comparison = part(summary, "comparison")
    metrics = part(comparison, "metrics")
    if not metrics:
        return
    table = _table(f"Beside the previous run, {word(comparison.get('run_id'))}")
    table.add_column("metric")
    table.add_column("previous", justify="right")
    table.add_column("this", justify="right")
    table.add_column("difference", justify="right")
    table.add_column("which is")
    for name in metrics:
        each = part(metrics, name)
        level = word(each.get("level")) or "not known"
        table.add_row(
            _metric_name(name),
            _number(part(each, "previous").get("value")),
            _number(part(each, "current").get("value")),
            words.signed(number(each.get("difference"))) or _NOT_AVAILABLE,
            Text("within noise" if level == "same" else level, _LEVELS.get(level, "")),
        )
    yield table


def _warnings(summary: Mapping[str, Any]) -> Iterator[RenderableType]:
    found = parts(summary, "warnings")
    # Notes come last: nothing needs to be done about them.
    for each in sorted(found, key=lambda each: each.get("level") == "note"):
        remedy = word(each.get("remedy"))
        yield Text.assemble(
            ("Note ", "dim") if each.get("level") == "note" else ("Warning ", "yellow"),
            f"{word(each.get('code'))}: {word(each.get('message'))}",
            (f" {remedy}" if remedy else "", "dim"),
        )


def _places(summary: Mapping[str, Any], *, with_tables: bool) -> Text:
    files, notebooks = part(summary, "files"), part(summary, "notebooks")
    run = word(summary.get("run_id"))
    return _facts(
        ("all tables", f"autodrop results {run} --all" if run and not with_tables else ""),
        ("results", word(files.get("folder"))),
        ("report", word(files.get("report"))),
        ("all runs", word(files.get("index"))),
        ("candidate notebook", word(notebooks.get("candidate_definition"))),
        ("data notebook", word(notebooks.get("data_exploration"))),
    )


def _in_short(cell: str) -> str:
    """Return a number of the file as the others; what is none, as it is."""
    try:
        value = float(cell)
    except ValueError:
        return cell
    return words.in_short(value) if isfinite(value) else cell


def _number(value: Any) -> str:
    return words.number(number(value)) or _NOT_AVAILABLE


def _metric_name(name: str) -> str:
    return plain(words.metric_name(name))


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
