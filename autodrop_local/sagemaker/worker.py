"""`python -m autodrop_local.sagemaker.worker`: the process of one job, or of all of them.

The process of a job imports what jobs need, waits for an order on its standard input, does it, and
writes messages (a line of JSON each) to what was its standard output. It ends when the host does:
the host holds the other end of its standard input for as long as it lives.

With `--fork`, its standard input is a socket on which the host asks for processes of jobs. They are
forks of this one, which has imported everything already. They end when this one is told to.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import json
import os
import shutil
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from autodrop_local.sagemaker.engine.failure import reason_of
from autodrop_local.sagemaker.engine.orders import Order
from autodrop_local.sagemaker.objects import Objects

NICENESS = 10
PRELOADED = (
    "autodrop_local.sagemaker.engine.automl_process",
    "autodrop_local.sagemaker.engine.processing_process",
    "autodrop_local.sagemaker.engine.transform_process",
    "autogluon.tabular",
    "autogluon.tabular.models.lgb.callbacks",
    "boto3",
    "lightgbm",
    "catboost",
    "networkx",
    "xgboost",
)


def main() -> None:
    """Serves one order, or forks a process for each."""
    os.nice(NICENESS)
    if sys.argv[1:] == ["--fork"]:
        control = socket.socket(fileno=os.dup(0))
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        _preload()
        # What is here stays as it is: the forks need not copy it to look for garbage in it.
        gc.freeze()
        _serve_forks(control)
    else:
        messages = os.dup(1)
        os.dup2(2, 1)  # libraries print; the pipe is for messages only
        _preload()
        _serve_order(messages)


def _preload() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    _list_packages_once()


def _list_packages_once() -> None:
    """Have AutoGluon read once which packages there are: it does so three times in a small job.

    That takes a third of the job. AutoGluon only notes them beside the model.
    """
    utils: Any = importlib.import_module("autogluon.common.utils.utils")
    if hasattr(utils, "get_package_versions"):
        utils.get_package_versions = functools.cache(utils.get_package_versions)
        utils.get_package_versions()


def _serve_forks(control: socket.socket) -> None:
    """Forks a process for two pipes that come with a name, ends it when the name comes alone."""
    processes: dict[bytes, int] = {}
    while True:
        name, pipes, _, _ = socket.recv_fds(control, 64, 2)
        if pipes:
            process = os.fork()
            if process == 0:
                control.close()
                os.setpgid(0, 0)
                orders, messages = pipes
                os.dup2(orders, 0)
                os.close(orders)
                _serve_order(messages)
                os._exit(0)
            with contextlib.suppress(PermissionError, ProcessLookupError):
                os.setpgid(process, process)  # whichever of the two is first
            processes[name] = process
            for pipe in pipes:
                os.close(pipe)
        elif name:
            _end(processes.pop(name, None))
            control.send(name)
        else:
            break
    for process in processes.values():
        _end(process)


def _end(process: int | None) -> None:
    """Ends a fork with all programs that it runs; its number is its own until it is waited for."""
    if process is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _serve_order(messages: int) -> None:
    with open(0, "rb", buffering=0, closefd=False) as orders:
        line = orders.readline()
    if not line:
        return
    threading.Thread(target=_end_with_host, daemon=True).start()
    order = Order.of(line)
    _log_to(Path(order.log))

    def tell(subject: str, /, **members: Any) -> None:
        os.write(messages, json.dumps({"subject": subject, **members}).encode() + b"\n")

    work = Path(order.work)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    os.chdir(work)
    try:
        module = importlib.import_module(f"autodrop_local.sagemaker.engine.{order.kind}_process")
        module.run(order, Objects.connect(order.place, order.credentials), tell)
    except Exception as error:  # noqa: BLE001 - whatever ends a job is its FailureReason
        traceback.print_exc()
        tell("failed", reason=reason_of(error))
    finally:
        os.chdir("/")
        shutil.rmtree(work, ignore_errors=True)
    sys.stdout.flush()
    os._exit(0)  # the libraries' thread pools are not worth waiting for


def _end_with_host() -> None:
    while os.read(0, 1024):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with the programs that the job runs
    os._exit(1)


def _log_to(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


if __name__ == "__main__":
    main()
