"""Which autodrop the command works with."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError, NoRegionError
from botocore.stub import Stubber
from typer.testing import CliRunner

from autodrop_cli.connection import NoSuchStack, connect, stack_outputs
from autodrop_cli.main import app
from autodrop_cli.problems import Problem, sentence_for


@pytest.fixture(autouse=True)
def _empty_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTODROP_STACK", raising=False)
    monkeypatch.delenv("AUTODROP_HOME", raising=False)


def local_aws(monkeypatch: pytest.MonkeyPatch, running: object) -> None:
    """Install a local AWS of which only `find_running` is needed."""
    module = ModuleType("autodrop_local.local_aws")
    module.find_running = lambda home: running  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "autodrop_local.local_aws", module)
    Path(".autodrop").mkdir()


class Running:
    """A local AWS that refuses connections."""

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": "https://localhost:1",
        }


def asked(monkeypatch: pytest.MonkeyPatch, outputs: dict[str, str]) -> list[tuple[str, str]]:
    """Answer with these outputs; return a list that gets the endpoints and stacks asked for."""
    seen: list[tuple[str, str]] = []

    def answer(cloudformation: Any, stack: str) -> dict[str, str]:
        seen.append((cloudformation.meta.endpoint_url, stack))
        return outputs

    monkeypatch.setattr("autodrop_cli.connection.stack_outputs", answer)
    return seen


OUTPUTS = {"DataBucketName": "the-bucket", "LedgerTableName": "the-table"}
ON_AWS = "https://cloudformation.us-east-1.amazonaws.com"


def test_without_a_word_it_is_the_stack_autodrop(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = asked(monkeypatch, OUTPUTS)

    connection = connect(None, local=False)

    assert seen == [(ON_AWS, "autodrop")]
    assert connection.bucket_name == "the-bucket"
    assert connection.poll_seconds == 10
    assert connection.options == ""


def test_a_local_aws_that_runs_here_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = asked(monkeypatch, OUTPUTS)
    local_aws(monkeypatch, Running())
    monkeypatch.setenv("AWS_PROFILE", "does-not-exist")

    connection = connect(None, local=False)

    assert seen == [("https://localhost:1", "autodrop-local")]
    assert connection.is_local
    assert connection.poll_seconds == 1


@pytest.mark.slow
def test_a_named_stack_comes_before_a_local_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = asked(monkeypatch, OUTPUTS)
    local_aws(monkeypatch, Running())

    assert connect("mine", local=False).options == " --stack mine"
    monkeypatch.setenv("AUTODROP_STACK", "other")
    assert connect(None, local=False).options == ""
    assert connect(None, local=True).options == " --local"
    assert seen == [(ON_AWS, "mine"), (ON_AWS, "other"), ("https://localhost:1", "autodrop-local")]


def test_a_region_can_be_given_as_the_aws_cli_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = asked(monkeypatch, OUTPUTS)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")

    assert connect("mine", local=False).place == "stack mine in eu-central-1"
    assert seen == [("https://cloudformation.eu-central-1.amazonaws.com", "mine")]


def test_without_a_local_aws_local_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Problem, match=r"No local AWS is running in \.autodrop"):
        connect(None, local=True)

    local_aws(monkeypatch, None)
    with pytest.raises(Problem, match=r"No local AWS is running in \.autodrop"):
        connect(None, local=True)


def test_without_the_extra_the_command_works_against_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = asked(monkeypatch, OUTPUTS)
    Path(".autodrop").mkdir()
    monkeypatch.setitem(sys.modules, "autodrop_local.local_aws", None)

    connect(None, local=False)

    assert seen == [(ON_AWS, "autodrop")]


def test_both_a_stack_and_local_is_bad_usage() -> None:
    result = CliRunner().invoke(app, ["status", "--stack", "mine", "--local"])

    assert result.exit_code == 2
    assert result.stderr == "Use either --stack or --local, not both.\n"


def test_a_stack_that_is_not_autodrop_is_said_to_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    asked(monkeypatch, {"Website": "https://example.com"})

    with pytest.raises(Problem, match="it is not an autodrop stack"):
        connect("mine", local=False)


def test_a_stack_that_is_not_there_is_said_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(cloudformation: Any, stack: str) -> dict[str, str]:
        raise NoSuchStack(stack)

    monkeypatch.setattr("autodrop_cli.connection.stack_outputs", missing)

    result = CliRunner().invoke(app, ["status", "--stack", "mine"])

    assert result.exit_code == 1
    assert result.stderr.startswith("There is no stack mine in us-east-1. Deploy it with")


def test_a_local_aws_without_autodrop_is_said_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(cloudformation: Any, stack: str) -> dict[str, str]:
        raise NoSuchStack(stack)

    monkeypatch.setattr("autodrop_cli.connection.stack_outputs", missing)
    local_aws(monkeypatch, Running())

    with pytest.raises(Problem, match="autodrop is not deployed on it"):
        connect(None, local=True)


def test_outputs_are_read_from_cloudformation() -> None:
    client = boto3.client("cloudformation")
    with Stubber(client) as stubber:
        stubber.add_response(
            "describe_stacks",
            {
                "Stacks": [
                    {
                        "StackName": "mine",
                        "CreationTime": "2026-01-01",
                        "StackStatus": "CREATE_COMPLETE",
                        "Outputs": [{"OutputKey": "A", "OutputValue": "b"}],
                    }
                ]
            },
            {"StackName": "mine"},
        )
        stubber.add_client_error(
            "describe_stacks", "ValidationError", "Stack with id mine does not exist", 400
        )

        assert stack_outputs(client, "mine") == {"A": "b"}
        with pytest.raises(NoSuchStack):
            stack_outputs(client, "mine")


def test_missing_settings_of_aws_are_named() -> None:
    assert "AWS_REGION" in sentence_for(NoRegionError())
    assert "AWS_PROFILE" in sentence_for(NoCredentialsError())
    assert sentence_for(FileNotFoundError(2, "No such file", "x.csv")) == "x.csv: No such file"


def test_the_version_is_printed() -> None:
    result = CliRunner().invoke(app, ["--version"])

    assert result.exit_code == 0
    assert result.stdout == "autodrop 0.1.0\n"


def test_a_local_aws_that_is_stopped_is_said_to_be_so() -> None:
    Path(".autodrop").mkdir()

    result = CliRunner().invoke(app, ["status"])

    assert result.exit_code == 1
    assert "is not running: start it with `autodrop local start`" in result.stderr
