"""`autodrop local`: the local AWS of this directory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from autodrop_cli.connection import LOCAL_STACK, NoSuchStack, local_home, stack_outputs
from autodrop_cli.problems import BAD_USAGE, FAILED, Problem
from autodrop_cli.terminal import open_console, plain

if TYPE_CHECKING:
    from autodrop_local.local_aws import LocalAws, LogLine

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="An AWS on this computer, without an account; its data is in .autodrop (AUTODROP_HOME).",
)

_AGE = re.compile(r"(\d{1,6})\s*([smhd])")
_FOLLOW_SECONDS = 2.0
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@app.command()
def start(
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65_535,
            show_default=False,
            help="The port to listen on; default: the last one, 4566, or any that is free.",
        ),
    ] = 0,
    listen: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS",
            help="Listen on this address too, such as that of the Docker bridge.",
        ),
    ] = None,
    unreliable_events: Annotated[
        bool,
        typer.Option(
            "--unreliable-events", help="Lose, repeat and shuffle SageMaker's events, as AWS may."
        ),
    ] = False,
    function_concurrency: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default=False,
            help="How many functions run at once; default: two for each processor, at least 4.",
        ),
    ] = None,
    deploy: Annotated[
        bool, typer.Option("--deploy/--no-deploy", help="Build and deploy template.yaml.")
    ] = True,
) -> None:
    """Start the local AWS and deploy autodrop on it; run it again to deploy what has changed."""
    project = Path.cwd()
    if deploy and not (project / "template.yaml").is_file():
        raise Problem(
            "There is no template.yaml here: go to autodrop's checkout, or use --no-deploy.",
            BAD_USAGE,
        )
    console = open_console()

    def say(line: str) -> None:
        console.print(plain(line), soft_wrap=True)

    with _local_aws() as local_aws:
        say(f"Starting the local AWS in {local_home()}")
        aws = local_aws.start(
            local_home(),
            port=port,
            listen=tuple(listen or ()),
            unreliable_events=unreliable_events,
            function_concurrency=function_concurrency,
        )
        say(f"It listens on {aws.endpoint}")
        if deploy:
            local_aws.deploy(aws, project, report=say)
            say("Ready: autodrop drop FILE --wait")


@app.command()
def stop() -> None:
    """Stop the local AWS; its data stays."""
    with _local_aws() as local_aws:
        stopped = local_aws.stop(local_home())
    typer.echo("Stopped." if stopped else f"No local AWS is running in {local_home()}.")


@app.command()
def status() -> None:
    """Show whether the local AWS is running, and what is deployed on it; exit code 1 when not."""
    with _local_aws() as local_aws:
        aws: LocalAws | None = local_aws.find_running(local_home())
    if aws is None:
        typer.echo(f"No local AWS is running in {local_home()}.")
        raise typer.Exit(FAILED)
    typer.echo(f"Running in {local_home()}: {aws.endpoint} (process {aws.pid})")
    try:
        outputs = stack_outputs(aws.client("cloudformation"), LOCAL_STACK)
    except NoSuchStack:
        typer.echo("autodrop is not deployed: autodrop local start")
        return
    for name, value in sorted(outputs.items()):
        typer.echo(f"  {plain(name)}: {plain(value)}")


@app.command()
def logs(
    function: Annotated[
        str | None,
        typer.Argument(metavar="[FUNCTION]", help="Such as prepare_dataset; without it, all."),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    since: Annotated[
        str, typer.Option(metavar="AGE", help="How far back: 30s, 10m, 2h, 1d.")
    ] = "10m",
) -> None:
    """Show what the functions have logged; their lines appear when an invocation ends."""
    start_at = datetime.now(UTC) - parse_age(since)
    console = open_console()
    name = None if function is None else logical_id(function)
    printed: set[LogLine] = set()
    with _local_aws() as local_aws:
        aws: LocalAws | None = local_aws.find_running(local_home())
        if aws is None:
            raise Problem(f"No local AWS is running in {local_home()}.")
        while True:
            for line in local_aws.read_function_logs(aws, name, start_at):
                if line not in printed:
                    printed.add(line)
                    console.print(render_log_line(line), soft_wrap=True)
            if not follow:
                return
            sleep(_FOLLOW_SECONDS)


def render_log_line(line: LogLine) -> str:
    """Return a line of a log: local time, function, and what it wrote."""
    at = line.time.astimezone().strftime("%H:%M:%S.%f")[:-3]
    return f"{at} {verb_name(line.function)} {plain(line.message.rstrip())}"


def logical_id(function: str) -> str:
    """Return a function's name in the template: `prepare_dataset` is `PrepareDatasetFunction`."""
    if function.endswith("Function"):
        return function
    return "".join(word.capitalize() for word in re.split(r"[_-]", function)) + "Function"


def verb_name(logical_id: str) -> str:
    """Return the opposite of `logical_id`: `PrepareDatasetFunction` is `prepare_dataset`."""
    words = re.findall(r"[A-Z][a-z0-9]*", logical_id.removesuffix("Function"))
    return "_".join(words).lower()


def parse_age(text: str) -> timedelta:
    """Return the time span in `30s`, `10m`, `2h` or `1d`.

    Raises:
        Problem: It is none.
    """
    match = _AGE.fullmatch(text.strip())
    if not match:
        raise Problem(f"--since {text!r} is not a time span: use 30s, 10m, 2h or 1d.", BAD_USAGE)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@contextmanager
def _local_aws() -> Iterator[ModuleType]:
    """Yield `autodrop_local.local_aws`; what it refuses inside the block is a `Problem`."""
    try:
        from autodrop_local import local_aws
    except ImportError as error:
        raise Problem(
            f"The local AWS is not installed ({error}): pip install 'autodrop[local]'"
        ) from error
    try:
        yield local_aws
    except local_aws.LocalAwsError as error:
        raise Problem(str(error)) from error
