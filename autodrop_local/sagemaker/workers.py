"""Starts the processes of jobs.

Importing AutoGluon takes seconds of a processor, so a process that has done so waits for the next
job. On Linux it is one process for good, and those of the jobs are its forks. Elsewhere it becomes
the process of the job, and the next one warms up: macOS's own libraries do not survive a fork.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
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


class Fork:
    """The process of one job, forked from one that is ready.

    `end` ends the process of a name, and returns when it has.
    """

    def __init__(self, name: bytes, orders: int, messages: int, end: Callable[[bytes], None]):
        self._name = name
        self._orders = os.fdopen(orders, "wb")
        self._messages = os.fdopen(messages, "rb")
        self._end = end

    def give(self, order: Order) -> None:
        """Hands over the order; the pipe stays open as the sign that the host lives."""
        self._orders.write(order.written())
        self._orders.flush()

    def messages(self) -> Iterator[Members]:
        """What the process tells, until it ends."""
        with self._messages:
            for line in self._messages:
                yield json.loads(line)
        self.end()

    def end(self) -> None:
        """Ends the process and all that it started, and waits until it has ended."""
        with contextlib.suppress(BrokenPipeError):
            # It would end by this alone, if its one thread for that gets to run.
            self._orders.close()
        self._end(self._name)


class Forks:
    """Has worker processes forked by one that has imported all they need."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    def start(self) -> None:
        """Starts the process that the others are forked from."""
        with self._lock:
            self._ready()

    def take(self) -> Fork:
        """A process that waits for its order, as soon as it can be forked."""
        name = uuid.uuid4().bytes
        orders, give_orders = os.pipe()
        read_messages, messages = os.pipe()
        try:
            with self._lock:
                try:
                    socket.send_fds(self._ready(), [name], [orders, messages])
                except ConnectionError:
                    # It died a moment ago: another one has to be made ready.
                    self._close()
                    socket.send_fds(self._ready(), [name], [orders, messages])
        finally:
            os.close(orders)
            os.close(messages)
        return Fork(name, give_orders, read_messages, self._end)

    def stop(self) -> None:
        """Ends the process that forks, and with it all that it has forked."""
        with self._lock:
            self._close()

    def _ready(self) -> socket.socket:
        if self._server is not None and self._server.poll() is not None:
            self._close()
        if self._control is None:
            # Keeps messages apart, and says when the other end is closed.
            self._control, given = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._control.settimeout(_PATIENCE)
            with given:
                self._server = started(self._home, ["--fork"], given.fileno(), subprocess.DEVNULL)
        return self._control

    def _close(self) -> None:
        if self._control is not None and self._server is not None:
            self._control.close()
            self._server.wait()
        self._server = self._control = None

    def _end(self, name: bytes) -> None:
        with self._lock:
            if self._control is not None:
                # Without an answer in time, the fork ends by its closed pipe.
                with contextlib.suppress(OSError):
                    self._control.send(name)
                    while self._control.recv(len(name)) not in (name, b""):
                        pass


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
        return Worker(started(self._home, [], subprocess.PIPE, subprocess.PIPE))


def processes_of_jobs(home: Path) -> WorkerSource:
    """Where the processes of jobs come from on this machine; `home` is for their logs."""
    return Forks(home) if sys.platform == "linux" else Workers(home)


def started(
    home: Path, arguments: Sequence[str], given: int, taken: int
) -> subprocess.Popen[bytes]:
    """Return a process of `worker` with a standard input and output."""
    home.mkdir(parents=True, exist_ok=True)
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
    with (home / "workers.log").open("ab") as log:
        # its own session: an interrupt at the terminal is for the host, which ends the jobs
        return subprocess.Popen(  # noqa: S603 - a program of this package
            [sys.executable, "-m", "autodrop_local.sagemaker.worker", *arguments],
            stdin=given,
            stdout=taken,
            stderr=log,
            cwd=home,
            env=environment,
            start_new_session=True,
        )
