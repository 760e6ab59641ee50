"""Fake credentials, no network but loopback, events from files, and the functions on fakes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings as hypothesis_settings

from tests.fakes import World
from tests.functions import Functions

EVENTS = Path(__file__).parent.parent / "events"

hypothesis_settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis_settings.load_profile("ci")


# Before xdist, which reads the mark at the same time.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep on one worker what shares a local AWS, a Spark or a browser: `--dist loadgroup`."""
    for item in items:
        shares_autodrop = "autodrop" in getattr(item, "fixturenames", ())
        group = "autodrop" if shares_autodrop else item.path.parent.name
        item.add_marker(pytest.mark.xdist_group(group))


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
