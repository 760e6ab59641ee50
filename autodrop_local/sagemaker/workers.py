"""Starts the processes of jobs, and keeps one warm.

Importing AutoGluon takes seconds, so a process that has done so waits for the next job. It costs
some memory while idle and makes a small transform job a matter of a second.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from autodrop_local.sagemaker.engine.orders import Order
from autodrop_local.sagemaker.state import Members

_SOURCE_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 5.0


class JobProcess(Protocol):
    """The process of one job, as the service sees it."""

    def give(self, order: Order) -> None:
        """Hands over the order."""

    def messages(self) -> Iterator[Members]:
        """What the process tells, until it ends."""

    def end(self) -> None:
        """Ends the process, and waits until it has."""


class WorkerSource(Protocol):
    """Where the processes of jobs come from."""

    def start(self) -> None:
        """Gets ready."""

    def take(self) -> JobProcess:
        """A process that waits for its order."""

    def stop(self) -> None:
        """Ends what is ready but unused."""


class Worker:
    """The process of one job."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def alive(self) -> bool:
        """Whether the process has not ended."""
        return self._process.poll() is None

    def give(self, order: Order) -> None:
        """Hands over the order; the pipe stays open as the sign that the host lives."""
        assert self._process.stdin is not None  # noqa: S101 - it is made with pipes
        self._process.stdin.write(order.written())
        self._process.stdin.flush()

    def messages(self) -> Iterator[Members]:
        """What the process tells, until it ends."""
        assert self._process.stdout is not None  # noqa: S101 - it is made with pipes
        for line in self._process.stdout:
            yield json.loads(line)
        self._kill()
        self._process.wait()
        self._close()

    def end(self) -> None:
        """Ends the process and all that it started, and waits until it has ended."""
        self._kill()
        self._process.wait(_PATIENCE)

    def discard(self) -> None:
        """Ends a process that nobody reads from."""
        self.end()
        self._close()

    def _kill(self) -> None:
        # until it is waited for, its number is its own, and that of its group
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


class Workers:
    """Starts worker processes; `take` gives a warm one if there is one."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._spare: Worker | None = None
        self._open = False

    def start(self) -> None:
        """Warms up the first spare process."""
        with self._lock:
            self._open = True
            self._spare = self._spare or self._started()

    def take(self) -> Worker:
        """A process that waits for its order."""
        with self._lock:
            worker, self._spare = self._spare, None
            if worker is None or not worker.alive:
                worker = self._started()
            if self._open:
                self._spare = self._started()
            return worker

    def stop(self) -> None:
        """Ends the spare process."""
        with self._lock:
            self._open = False
            spare, self._spare = self._spare, None
        if spare is not None:
            spare.discard()

    def _started(self) -> Worker:
        self._home.mkdir(parents=True, exist_ok=True)
        paths = [str(_SOURCE_ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in paths if path),
            "PYTHONWARNINGS": "ignore",
            # threads that wait for each other must not spin: with other processes on the same
            # cores that makes training many times slower
            "OMP_WAIT_POLICY": "PASSIVE",
            "GOMP_SPINCOUNT": "0",
        }
        with (self._home / "workers.log").open("ab") as log:
            # its own session: an interrupt at the terminal is for the host, which ends the jobs
            process = subprocess.Popen(
                [sys.executable, "-m", "autodrop_local.sagemaker.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=self._home,
                env=environment,
                start_new_session=True,
            )
        return Worker(process)
