"""The `autodrop` command: reads the command line, calls what does the work, prints, exits."""

from __future__ import annotations

import json
import sys
import webbrowser
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NoReturn, Protocol

import typer
from rich.console import Console, RenderableType
from rich.text import Text
from typer.core import TyperGroup

from autodrop import VERSION
from autodrop.errors import Rejected
from autodrop.findings import counted
from autodrop.naming import RUN_ID, run_id
from autodrop.preparation.examining import MIN_ROWS
from autodrop.run import Run, RunState
from autodrop_cli import cleaning, local_commands
from autodrop_cli.checking import (
    check_file,
    dataset_json,
    examined_json,
    look_at,
    prepare_file,
    rejection_json,
    render_examined,
    render_rejection,
    written_lines,
)
from autodrop_cli.connection import Connection, connect
from autodrop_cli.downloading import download_report, download_results
from autodrop_cli.dropping import plan_uploads, read_settings
from autodrop_cli.following import Clock, JobWatcher, follow, unknown_run
from autodrop_cli.problems import BAD_USAGE, FAILED, INTERRUPTED, REJECTED, Problem, in_sentences
from autodrop_cli.progress import Sighting, progress_json, progress_of, run_json
from autodrop_cli.results_view import exit_code_of, kept_report, read_outcome, render_outcome
from autodrop_cli.screens import progress_screen, render_progress, render_runs, runs_screen
from autodrop_cli.terminal import open_console, plain
from autodrop_cli.uploading import upload_with_progress


class Connect(Protocol):
    """`autodrop_cli.connection.connect`, or what a test puts in its place."""

    def __call__(self, stack: str | None, *, local: bool) -> Connection:
        """Return the autodrop to work with."""


@dataclass(frozen=True)
class Surroundings:
    """What the commands take from outside; tests bring their own.

    Attributes:
        connect: Finds the autodrop to work with.
        clock: The time.
        open_page: Shows an address in the browser; tells whether there is one.
    """

    connect: Connect = connect
    clock: Clock = field(default_factory=Clock)
    open_page: Callable[[str], bool] = webbrowser.open


class SentenceGroup(TyperGroup):
    """Says what went wrong in a sentence, and exits with its code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command.

        Raises:
            Exit: It did not succeed.
        """
        try:
            with in_sentences():
                return super().invoke(ctx)
        except Problem as problem:
            console = open_console(stderr=True)
            for line in problem.sentence.splitlines():
                console.print(plain(line), soft_wrap=True)
            raise typer.Exit(problem.exit_code) from None
        except KeyboardInterrupt:
            open_console(stderr=True).print("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(
    cls=SentenceGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Drop a CSV file, get a trained model, scored predictions and a report.",
)
app.add_typer(local_commands.app, name="local")

FileArgument = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A CSV or Parquet file, or a folder of Parquet parts."),
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run's id, as `drop` says it.")]
StackOption = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="NAME",
        help="Work with this stack on AWS (else AUTODROP_STACK; region and profile as for the "
        "AWS CLI).",
    ),
]
LocalOption = Annotated[
    bool,
    typer.Option("--local", help="Work with the local AWS; the default while one is running here."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"autodrop {VERSION}")
        raise typer.Exit


@app.callback()
def _prepare(
    ctx: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
) -> None:
    if ctx.obj is None:
        ctx.obj = Surroundings()


@app.command()
def drop(
    ctx: typer.Context,
    file: FileArgument,
    dataset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The dataset it belongs to; default: the file's name."),
    ] = None,
    target: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column to predict, for this drop.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Settings to store for this dataset, used by later drops too."
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the run to its end.")] = False,
    to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="With --wait: download the result files into DIR."),
    ] = None,
    as_json: JsonOption = False,
    stack: StackOption = None,
    local: LocalOption = False,
) -> None:
    """Upload a file and start its run.

    With --wait, the exit code is 0 when the run is completed, 3 when the file was rejected and 1
    when the run failed or was stopped.
    """
    if to is not None and not wait:
        raise Problem("Use --to together with --wait.", BAD_USAGE)
    surroundings = _surroundings(ctx)
    *before, upload = plan_uploads(file, dataset, target)
    settings = None if config is None else read_settings(config)
    connection = surroundings.connect(stack, local=local)
    console = open_console(stderr=as_json)
    if settings is not None:
        connection.bucket.write(upload.settings_key, settings, "application/yaml")
    for each in before:
        upload_with_progress(connection, each, console)
    dropped = upload_with_progress(connection, upload, console)
    name = run_id(dropped)
    console.print(f"Run {name}", soft_wrap=True)
    if wait:
        sighting = _watch(connection, name, console, surroundings.clock, just_dropped=True)
        _finish(connection, sighting, surroundings.clock, as_json=as_json, to=to)
    elif as_json:
        _print_json(
            {
                "run_id": name,
                "dataset": dropped.dataset,
                "file": dropped.key,
                "bucket": dropped.bucket,
                "version_id": dropped.version_id,
            }
        )
    else:
        console.print(
            f"Follow it with: autodrop status {name} --watch{connection.options}", soft_wrap=True
        )


ConfigOption = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings, as autodrop.yaml.")
]
TargetOption = Annotated[
    str | None, typer.Option("--target", metavar="COLUMN", help="The column to predict.")
]
MinRowsOption = Annotated[
    int,
    typer.Option(
        "--min-rows", metavar="N", min=2, help="The fewest rows with a target; Autopilot needs 510."
    ),
]


@app.command()
def check(
    file: FileArgument,
    config: ConfigOption = None,
    target: TargetOption = None,
    min_rows: MinRowsOption = MIN_ROWS,
    as_json: JsonOption = False,
) -> None:
    """Look at a file on this machine as a drop would be looked at; nothing is uploaded.

    The exit code is 0 when it is usable and 3 when it would be rejected.
    """
    try:
        examined = check_file(look_at(file, config, target, min_rows))
    except Rejected as problem:
        _print_rejection(problem, as_json=as_json)
    if as_json:
        _print_json(examined_json(examined))
    else:
        _print_blocks(render_examined(examined, file.name))


@app.command()
def prepare(
    file: FileArgument,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the files go.")],
    config: ConfigOption = None,
    target: TargetOption = None,
    min_rows: MinRowsOption = MIN_ROWS,
    as_json: JsonOption = False,
) -> None:
    """Write what the run folder of a drop would hold: dataset, profile, training, test, truth.

    The exit code is 0 when the file is usable and 3 when it would be rejected.
    """
    try:
        dataset = prepare_file(look_at(file, config, target, min_rows), to)
    except Rejected as problem:
        _print_rejection(problem, as_json=as_json)
    if as_json:
        _print_json(dataset_json(dataset))
        return
    console = open_console()
    for line in written_lines(to, dataset):
        console.print(line, soft_wrap=True)


@app.command()
def status(
    ctx: typer.Context,
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="One run; without it, all runs.")
    ] = None,
    watch: Annotated[
        bool,
        typer.Option("--watch", help="Keep looking: at one run until it ends, else until Ctrl-C."),
    ] = False,
    as_json: JsonOption = False,
    stack: StackOption = None,
    local: LocalOption = False,
) -> None:
    """Show where the runs are, newest first, or how far one run is.

    With RUN and --watch, the exit code is that of `drop --wait`.
    """
    surroundings = _surroundings(ctx)
    clock = surroundings.clock
    if run is not None:
        _check_run_id(run)
    connection = surroundings.connect(stack, local=local)
    console = open_console(stderr=as_json)
    if run is None:
        _show_runs(connection, console, clock, watch=watch, as_json=as_json)
        return
    if watch:
        sighting = _watch(connection, run, console, clock)
        _finish(connection, sighting, clock, as_json=as_json)
    found = _find(connection, run)
    sighting = JobWatcher(connection.sagemaker).look(Sighting(found))
    if as_json:
        _print_json(progress_json(sighting, clock.now()))
        return
    console.print(render_progress(progress_of(sighting, clock.now())))
    if found.state.is_end:
        told = found.headline or ": ".join(filter(None, (found.code, found.reason)))
        console.print(plain(told), soft_wrap=True)
        console.print(f"More with: autodrop results {run}{connection.options}", soft_wrap=True)


@app.command()
def results(
    ctx: typer.Context,
    run: RunArgument,
    to: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Download the result files into DIR.")
    ] = None,
    opened: Annotated[
        bool,
        typer.Option(
            "--open", help="Open the report in the browser; without --to, a copy in ~/.cache."
        ),
    ] = False,
    with_tables: Annotated[
        bool, typer.Option("--all", help="Show all tables: metrics, drivers, mistakes, candidates.")
    ] = False,
    as_json: JsonOption = False,
    stack: StackOption = None,
    local: LocalOption = False,
) -> None:
    """Show what came out of a run: its summary, or why it ended without one.

    The exit code is that of `drop --wait`; 1 while the run is still working.
    """
    _check_run_id(run)
    surroundings = _surroundings(ctx)
    connection = surroundings.connect(stack, local=local)
    found = _find(connection, run)
    if not found.state.is_end:
        raise Problem(
            f"Run {run} is not finished, it is {found.state}: "
            f"autodrop status {run} --watch{connection.options}"
        )
    outcome = read_outcome(connection, found)
    console = open_console()
    if as_json:
        _print_json(outcome)
    else:
        _print_outcome(console, found, outcome, with_tables=with_tables)
    if to is not None:
        _download(connection, found, to, as_json=as_json)
    if opened:
        _open_report(surroundings, connection, found, to, as_json=as_json)
    raise typer.Exit(exit_code_of(found))


@app.command()
def cleanup(
    ctx: typer.Context,
    run: RunArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="Stop the run first when it is still working.")
    ] = False,
    stack: StackOption = None,
    local: LocalOption = False,
) -> None:
    """Remove what a run made: its objects, its model, its entry; never the dropped file.

    Safe to repeat. Asks first on a terminal.
    """
    _check_run_id(run)
    surroundings = _surroundings(ctx)
    connection = surroundings.connect(stack, local=local)
    console = open_console()
    found = cleaning.find_leftovers(connection, run)
    if found.busy and not stop:
        raise Problem(
            f"Run {run} is still working, {found.busy}: wait for its end, or add --stop to stop it."
        )
    question = f"Remove all objects, the model and the entry of run {run}?"
    if not yes and is_asked_by_a_person() and not typer.confirm(question):
        raise Problem("Nothing was removed.")
    if found.busy:
        console.print(f"Stopping run {run} and waiting for its jobs to end", soft_wrap=True)
        cleaning.stop(connection, run, surroundings.clock)
        found = cleaning.find_leftovers(connection, run)
    removed = cleaning.remove(connection, found, surroundings.clock.now())
    for line in cleaning.report_lines(connection, found, removed):
        console.print(plain(line), soft_wrap=True)


def _print_rejection(problem: Rejected, *, as_json: bool) -> NoReturn:
    if as_json:
        _print_json(rejection_json(problem))
    else:
        _print_blocks(render_rejection(problem))
    raise typer.Exit(REJECTED)


def _print_blocks(blocks: Iterable[RenderableType]) -> None:
    console = open_console()
    for block in blocks:
        # Tables fit themselves to the terminal; lines are left whole, so that they can be copied.
        console.print(block, soft_wrap=isinstance(block, Text))


def is_asked_by_a_person() -> bool:
    """Return whether somebody can answer a question."""
    return sys.stdin.isatty()


def _surroundings(ctx: typer.Context) -> Surroundings:
    surroundings: Surroundings = ctx.obj
    return surroundings


def _check_run_id(run: str) -> None:
    if not RUN_ID.fullmatch(run):
        raise Problem(
            f"{run!r} is not the id of a run; ids look like ad-iris-0123456789ab and are listed by "
            "`autodrop status`.",
            BAD_USAGE,
        )


def _find(connection: Connection, run: str) -> Run:
    found = connection.ledger.find(run)
    if found is None:
        raise unknown_run(connection, run)
    return found


def _watch(
    connection: Connection, run: str, console: Console, clock: Clock, *, just_dropped: bool = False
) -> Sighting:
    """Show the run until it ends; return the last sighting."""
    sighting = Sighting(None)
    try:
        with progress_screen(console, clock.now) as show:
            for sighting in follow(connection, run, clock, just_dropped=just_dropped):
                show(sighting)
    except KeyboardInterrupt:
        console.print(
            "No longer watching; the run goes on. Look at it with: "
            f"autodrop status {run} --watch{connection.options}",
            soft_wrap=True,
        )
        raise typer.Exit(INTERRUPTED) from None
    return sighting


def _finish(
    connection: Connection,
    sighting: Sighting,
    clock: Clock,
    *,
    as_json: bool,
    to: Path | None = None,
) -> None:
    """Print how the run ended, and download its results where that is asked for.

    Raises:
        Exit: Always, with the code of that end.
    """
    if (run := sighting.run) is None:
        raise Problem("The run was not seen.", FAILED)
    outcome = read_outcome(connection, run)
    if as_json:
        _print_json(progress_json(sighting, clock.now()) | {"outcome": dict(outcome)})
    else:
        console = open_console()
        _print_outcome(console, run, outcome)
        if run.state is RunState.COMPLETED and to is None:
            console.print(
                f"Download them with: autodrop results {run.run_id} --to DIR{connection.options}",
                soft_wrap=True,
            )
    if to is not None:
        _download(connection, run, to, as_json=as_json)
    raise typer.Exit(exit_code_of(run))


def _download(connection: Connection, run: Run, to: Path, *, as_json: bool) -> None:
    written = download_results(connection, run, to)
    notes = open_console(stderr=as_json)
    notes.print(f"Downloaded {counted(len(written), 'file')} into {plain(to)}:", soft_wrap=True)
    for path in written:
        notes.print(f"  {plain(path)}", soft_wrap=True)


def _open_report(
    surroundings: Surroundings, connection: Connection, run: Run, to: Path | None, *, as_json: bool
) -> None:
    """Open the report in the browser, from where the results were downloaded to or else a copy."""
    notes = open_console(stderr=as_json)
    if run.state is not RunState.COMPLETED:
        notes.print("There is no report to open: the run is not completed.", soft_wrap=True)
        return
    report = kept_report(run) if to is None else to / "report.html"
    if to is None:
        download_report(connection, run, report)
    if not report.is_file():
        raise Problem(f"The run has no report: {connection.uri(run.folder.results)}")
    if not surroundings.open_page(report.resolve().as_uri()):
        notes.print("There is no browser here.", soft_wrap=True)
    notes.print(f"The report is {plain(report)}", soft_wrap=True)


def _print_outcome(console: Console, run: Run, outcome: Any, *, with_tables: bool = False) -> None:
    for block in render_outcome(run, outcome, with_tables=with_tables):
        console.print()
        # Tables fit themselves to the terminal; lines are left whole, so that they can be copied.
        console.print(block, soft_wrap=isinstance(block, Text))


def _show_runs(
    connection: Connection, console: Console, clock: Clock, *, watch: bool, as_json: bool
) -> None:
    if not watch:
        runs = list(connection.ledger.runs())
        if as_json:
            _print_json([run_json(run) for run in runs])
        else:
            console.print(render_runs(runs))
        return
    show: Callable[[list[Run]], None]
    try:
        with runs_screen(console, as_json=as_json) as show:
            while True:
                show(list(connection.ledger.runs()))
                clock.sleep(connection.poll_seconds)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2))
