"""Fake credentials, no network but loopback, events from files, and the functions on fakes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings
from xdist.scheduler import LoadScopeScheduling

from tests.fakes import World
from tests.functions import Functions

EVENTS = Path(__file__).parent.parent / "events"

hypothesis_settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis_settings.load_profile("ci")


# They start an AWS of their own, beside which the others of their folder may run.
OF_THEIR_OWN = ("tests/e2e/test_busy_day.py", "tests/e2e/test_sam_local_invoke.py")


class ByFolder(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps on one worker what shares a local AWS, a Spark or a browser: the tests of a folder."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file in OF_THEIR_OWN else file.rpartition("/")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFolder | None:
    """Return how `--dist loadscope` hands out tests; None leaves it to xdist."""
    return ByFolder(config, log) if config.getvalue("dist") == "loadscope" else None


@pytest.fixture(autouse=True)
def _no_aws_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture
def load_event() -> Callable[[str], dict[str, Any]]:
    """Return a function that reads `events/<name>.json`."""

    def load(name: str) -> dict[str, Any]:
        event: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
        return event

    return load


@pytest.fixture
def world() -> World:
    """Return an empty AWS."""
    return World()


@pytest.fixture
def functions(world: World) -> Iterator[Functions]:
    """Return the seven Lambda functions, working in `world`."""
    with Functions.in_world(world) as functions:
        yield functions
