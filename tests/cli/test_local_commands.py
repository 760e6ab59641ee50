"""`autodrop local`, on a stand-in for `autodrop_local.local_aws`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from autodrop_cli.local_commands import logical_id, parse_age, verb_name
from autodrop_cli.main import app
from autodrop_cli.problems import Problem
from autodrop_local.local_aws import LocalAwsError, LogLine


@dataclass
class FakeLocalAws:
    """What was asked of the local AWS, and what it answers."""

    running: bool = False
    asked: list[Any] = field(default_factory=list)
    failure: Exception | None = None
    lines: list[LogLine] = field(default_factory=list)
    endpoint: str = "https://localhost:4566"
    pid: int = 17

    def start(self, home: Path, **settings: object) -> FakeLocalAws:
        if self.failure is not None:
            raise self.failure
        self.asked.append(("start", home, settings))
        return self

    def stop(self, home: Path) -> bool:
        return self.running

    def find_running(self, home: Path) -> FakeLocalAws | None:
        return self if self.running else None

    def deploy(
        self, aws: FakeLocalAws, project: Path, *, report: Callable[[str], None]
    ) -> dict[str, str]:
        self.asked.append(("deploy", project))
        report("Building")
        return {}

    def read_function_logs(
        self, aws: FakeLocalAws, function: str | None, since: datetime
    ) -> Iterator[LogLine]:
        self.asked.append((function, since))
        yield from self.lines

    def client(self, name: str) -> str:
        return name


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeLocalAws:
    """Return the stand-in, installed in an empty directory."""
    fake = FakeLocalAws()
    module: Any = ModuleType("autodrop_local.local_aws")
    module.LocalAwsError = LocalAwsError
    for name in ("start", "stop", "find_running", "deploy", "read_function_logs"):
        setattr(module, name, getattr(fake, name))
    monkeypatch.setitem(sys.modules, "autodrop_local.local_aws", module)
    monkeypatch.setattr("autodrop_local.local_aws", module, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTODROP_HOME", raising=False)
    return fake


def run_command(*arguments: str) -> Result:
    result: Result = CliRunner().invoke(app, ["local", *arguments])  # type: ignore[assignment]
    return result


def test_start_deploys_what_is_here(local: FakeLocalAws, tmp_path: Path) -> None:
    Path("template.yaml").write_text("")

    result = run_command(
        *("start", "--port", "4600", "--listen", "172.17.0.1", "--unreliable-events"),
        *("--function-concurrency", "6"),
    )

    assert result.exit_code == 0
    assert local.asked == [
        (
            "start",
            Path(".autodrop"),
            {
                "port": 4600,
                "listen": ("172.17.0.1",),
                "unreliable_events": True,
                "function_concurrency": 6,
            },
        ),
        ("deploy", tmp_path),
    ]
    assert result.stdout.splitlines() == [
        "Starting the local AWS in .autodrop",
        "It listens on https://localhost:4566",
        "Building",
        "Ready: autodrop drop FILE --wait",
    ]


def test_start_outside_of_the_checkout_starts_nothing(local: FakeLocalAws) -> None:
    result = run_command("start")

    assert result.exit_code == 2
    assert "There is no template.yaml here" in result.stderr
    assert local.asked == []


def test_start_without_deployment_works_anywhere(
    local: FakeLocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTODROP_HOME", "elsewhere")

    result = run_command("start", "--no-deploy")

    assert result.exit_code == 0
    assert [asked[:2] for asked in local.asked] == [("start", Path("elsewhere"))]


def test_what_the_local_aws_refuses_is_said_line_by_line(local: FakeLocalAws) -> None:
    local.failure = LocalAwsError("It did not come up.\nThe log says:\n\x1b[31mno")

    result = run_command("start", "--no-deploy")

    assert result.exit_code == 1
    assert result.stderr == "It did not come up.\nThe log says:\n[31mno\n"


def test_without_the_extra_it_says_what_to_install(
    local: FakeLocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("autodrop_local.local_aws")
    monkeypatch.setitem(sys.modules, "autodrop_local.local_aws", None)

    result = run_command("status")

    assert result.exit_code == 1
    assert "pip install 'autodrop[local]'" in result.stderr


def test_stop_says_whether_there_was_something_to_stop(local: FakeLocalAws) -> None:
    nothing = run_command("stop")
    local.running = True
    something = run_command("stop")

    assert (nothing.exit_code, nothing.stdout) == (0, "No local AWS is running in .autodrop.\n")
    assert (something.exit_code, something.stdout) == (0, "Stopped.\n")


def test_status_shows_the_endpoint_and_the_outputs(
    local: FakeLocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.running = True
    monkeypatch.setattr(
        "autodrop_cli.local_commands.stack_outputs", lambda client, stack: {"Stack": stack}
    )

    result = run_command("status")

    assert result.exit_code == 0
    assert "https://localhost:4566 (process 17)" in result.stdout
    assert "  Stack: autodrop-local\n" in result.stdout


def test_status_of_nothing_exits_1(local: FakeLocalAws) -> None:
    assert run_command("status").exit_code == 1


def test_logs_are_asked_for_by_the_verb_name(local: FakeLocalAws) -> None:
    local.running = True
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    local.lines = [LogLine(when, "PrepareDatasetFunction", '{"message": "\x1b[2Jhello"}\n')]

    result = run_command("logs", "prepare_dataset", "--since", "1h")

    (function, since) = local.asked[0]
    assert function == "PrepareDatasetFunction"
    assert timedelta(minutes=59) < datetime.now(UTC) - since < timedelta(minutes=61)
    assert result.stdout.endswith(' prepare_dataset {"message": "[2Jhello"}\n')


def test_following_logs_prints_a_line_once_and_ends_with_ctrl_c(
    local: FakeLocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.running = True
    first, second = (
        LogLine(datetime(2026, 1, 2, tzinfo=UTC), "WatchRunsFunction", text) for text in "ab"
    )
    local.lines = [first]
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 1:
            raise KeyboardInterrupt
        local.lines = [first, second]

    monkeypatch.setattr("autodrop_cli.local_commands.sleep", sleep)

    result = run_command("logs", "--follow")

    assert result.exit_code == 130
    assert [line[-1] for line in result.stdout.splitlines()] == ["a", "b"]


def test_logs_of_nothing_exit_1(local: FakeLocalAws) -> None:
    assert run_command("logs").exit_code == 1


@pytest.mark.parametrize("text", ["", "10", "m", "-5m", "5 weeks", "1h30m"])
def test_a_time_span_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Problem, match="is not a time span"):
        parse_age(text)


def test_names_of_functions_go_both_ways() -> None:
    assert logical_id("record_failure") == "RecordFailureFunction"
    assert logical_id("RecordFailureFunction") == "RecordFailureFunction"
    assert verb_name("RecordFailureFunction") == "record_failure"
    assert parse_age("2h") == timedelta(hours=2)
