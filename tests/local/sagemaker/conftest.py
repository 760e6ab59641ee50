"""A service for tests that act out its processes, and one that really trains."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.sagemaker.stage import ActedProcesses, LocalAws, running


@pytest.fixture
def processes() -> ActedProcesses:
    """The processes of the jobs of `aws`."""
    return ActedProcesses()


@pytest.fixture
def aws(tmp_path: Path, processes: ActedProcesses) -> Iterator[LocalAws]:
    """A service on an empty bucket, whose jobs' processes are acted out."""
    with running(tmp_path, workers=processes) as local:
        yield local


@pytest.fixture(scope="session")
def real_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    """A service that really trains, shared by the tests that need one."""
    with running(tmp_path_factory.mktemp("real")) as local:
        local.service.start()
        yield local
