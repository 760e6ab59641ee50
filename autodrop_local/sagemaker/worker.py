"""`python -m autodrop_local.sagemaker.worker`: the process of one job.

It imports what jobs need, waits for an order on its standard input, does it, and writes messages
(a line of JSON each) to what was its standard output. It ends when the host does: the host holds
the other end of its standard input for as long as it lives.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
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
    "lightgbm",
    "catboost",
    "xgboost",
)


def main() -> None:
    """Serves one order."""
    messages = os.dup(1)
    os.dup2(2, 1)  # libraries print; the pipe is for messages only
    os.nice(NICENESS)
    for name in PRELOADED:
        importlib.import_module(name)
    line = sys.stdin.buffer.readline()
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
