"""The processes of jobs: ready when they are wanted, and gone when they are not."""

from __future__ import annotations

import importlib.metadata
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autodrop_local.sagemaker import worker
from autodrop_local.sagemaker.workers import Forks, JobProcess, Workers, WorkerSource
from tests.local.sagemaker.stage import eventually, is_running

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]
# Imports take seconds of a processor that others use, too.
PATIENCE = 120
SOURCES = [Workers, Forks]


@pytest.fixture(params=SOURCES)
def workers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WorkerSource]:
    source: WorkerSource = request.param(tmp_path)
    source.start()
    yield source
    source.stop()


def processes_in(folder: Path) -> set[int]:
    """Return the processes that work in a folder and have not ended."""

    def works_there(process: Path) -> bool:
        try:
            return (process / "cwd").readlink() == folder
        except OSError:
            return False

    processes = (each for each in Path("/proc").iterdir() if each.name.isdigit())
    return {int(each.name) for each in processes if works_there(each)}


def job_process(workers: WorkerSource, home: Path) -> tuple[JobProcess, int]:
    """Take a process, and return it with its number."""
    before = processes_in(home) if isinstance(workers, Forks) else set()
    process = workers.take()
    if isinstance(workers, Forks):
        eventually(lambda: bool(processes_in(home) - before), PATIENCE)
        (number,) = processes_in(home) - before
        return process, number
    return process, process._process.pid  # type: ignore[attr-defined]


def end(process: JobProcess) -> None:
    """End a process as the service does: it reads what there still is, too."""
    process.end()
    assert list(process.messages()) == []


def test_a_process_that_is_ended_has_ended(workers: WorkerSource, tmp_path: Path) -> None:
    process, number = job_process(workers, tmp_path)

    process.end()

    assert not is_running(number)
    assert list(process.messages()) == []


def test_a_process_that_dies_ends_its_messages(workers: WorkerSource, tmp_path: Path) -> None:
    process, number = job_process(workers, tmp_path)

    os.kill(number, signal.SIGKILL)

    assert list(process.messages()) == []


def test_the_end_of_one_process_is_not_that_of_another(
    workers: WorkerSource, tmp_path: Path
) -> None:
    one, _ = job_process(workers, tmp_path)
    other, number = job_process(workers, tmp_path)

    end(one)

    assert is_running(number)
    end(other)


def test_nothing_is_left_when_all_has_stopped(workers: WorkerSource, tmp_path: Path) -> None:
    process, _ = job_process(workers, tmp_path)

    workers.stop()
    end(process)

    eventually(lambda: processes_in(tmp_path) == set())


def test_the_forks_of_a_process_that_died_end_and_another_forks_the_next(tmp_path: Path) -> None:
    forks = Forks(tmp_path)
    forks.start()
    (server,) = processes_in(tmp_path)
    orphan, number = job_process(forks, tmp_path)
    os.kill(server, signal.SIGKILL)

    end(orphan)
    next_one, next_number = job_process(forks, tmp_path)

    eventually(lambda: not is_running(number))
    assert is_running(next_number)
    end(next_one)
    forks.stop()


@pytest.mark.parametrize("source", SOURCES)
def test_no_process_outlives_its_host(
    source: Callable[[Path], WorkerSource], tmp_path: Path
) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        f"from {source.__module__} import {source.__name__} as Source\n"
        f"source = Source(Path({str(tmp_path)!r}))\n"
        "source.start()\n"
        "process = source.take()\n"
        "print(flush=True)\n"
        "time.sleep(600)\n"
    )
    host = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    host.stdout.readline()
    eventually(lambda: len(processes_in(tmp_path)) == 2, PATIENCE)

    host.kill()
    host.wait()
    host.stdout.close()

    eventually(lambda: processes_in(tmp_path) == set(), PATIENCE)


def test_autogluon_reads_once_which_packages_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    utils: Any = importlib.import_module("autogluon.common.utils.utils")
    monkeypatch.setattr(utils, "get_package_versions", utils.get_package_versions)
    worker._list_packages_once()

    monkeypatch.setattr(importlib.metadata, "distributions", lambda: pytest.fail("read again"))

    assert "autogluon.tabular" in utils.get_autogluon_metadata()["packages"]
