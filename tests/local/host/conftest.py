"""One host for all tests that need a running one, with a small stack deployed on it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from autodrop_local import local_aws
from autodrop_local.local_aws import LocalAws

PROJECT = Path(__file__).parent / "project"

T = TypeVar("T")


@dataclass(frozen=True)
class Stack:
    """The deployed test project."""

    outputs: dict[str, str]
    reported: list[str]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("local-aws") / "home"


@pytest.fixture(scope="session")
def aws(home: Path) -> Iterator[LocalAws]:
    yield local_aws.start(home, port=0)
    local_aws.stop(home)


@pytest.fixture(scope="session")
def stack(aws: LocalAws) -> Stack:
    reported: list[str] = []
    outputs = local_aws.deploy(
        aws, PROJECT, parameters={"Place": "big world"}, report=reported.append
    )
    return Stack(outputs, reported)


@pytest.fixture
def call(aws: LocalAws, stack: Stack) -> Callable[..., dict[str, Any]]:
    """Return a function that makes an AWS call with the permissions of a Lambda function."""

    def call_as_function(service: str, method: str, **arguments: Any) -> dict[str, Any]:
        payload = {"service": service, "method": method, "arguments": arguments}
        answer = aws.client("lambda").invoke(
            FunctionName=stack.outputs["React"], Payload=json.dumps(payload)
        )
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        return result

    return call_as_function


def eventually(look: Callable[[], T | None], seconds: float = 15.0) -> T:
    """Return what `look` finds as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing found in {seconds} s")
