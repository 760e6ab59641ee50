"""The process that is the local AWS: MiniStack with our SageMaker in it, on loopback, with TLS.

    python -m autodrop_local.host --home DIR --port N [N ...] [--listen ADDRESS ...]

Everything it keeps is below DIR. It ends by SIGTERM, after saving its state.
"""

import argparse
import asyncio
import contextlib
import errno
import fcntl
import ipaddress
import logging
import logging.handlers
import os
import secrets
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from autodrop_local.certificate import ensure_certificate
from autodrop_local.decisions import DecisionLog
from autodrop_local.layout import (
    ACCOUNT_ID,
    DEFAULT_AUTOML_JOB_QUOTA,
    DEFAULT_PORT,
    REGION,
    Credentials,
    HostRecord,
    Layout,
    default_function_concurrency,
)
from autodrop_local.unpacked import forget_unused

if TYPE_CHECKING:
    from autodrop_local.sagemaker.service import SageMakerService

logger = logging.getLogger(__name__)

_LOOPBACK = ("127.0.0.1", "::1")
_LOCK_SECONDS = 1.0
_SAVE_EVERY_SECONDS = 2.0
_WARM_EVERY_SECONDS = 0.5
# Settings of the user's own AWS, of other emulators and of Python that must not reach functions.
_FOREIGN_SETTINGS = ("AWS_", "SAM_", "MINISTACK_", "LAMBDA_", "LOCALSTACK_", "POWERTOOLS_")
_FOREIGN_NAMES = {"SERVICES", "LOG_LEVEL", "DEBUG", "EDGE_PORT", "PYTHONDONTWRITEBYTECODE"}


class CannotStartError(Exception):
    """The host cannot run here and now; the message says why. Not retried."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the host until it is told to end; returns the exit status."""
    options = _parse(arguments)
    # Whatever it and its processes write is for their owner.
    os.umask(0o077)
    layout = Layout(options.home.resolve())
    layout.create()
    try:
        lock = _lock(layout)
        sockets = _listen(options.port, options.listen)
    except CannotStartError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    port = sockets[0].getsockname()[1]
    layout.write_record(
        HostRecord(
            os.getpid(),
            port,
            tuple(options.listen),
            options.unreliable_events,
            options.automl_job_quota,
            options.function_concurrency,
        )
    )
    _log_to(layout)
    _empty(layout.scratch)
    forget_unused(layout.code)
    ensure_certificate(layout, ["localhost", *_LOOPBACK, *options.listen])
    environment = _environment(layout, port, os.environ)
    environment["LAMBDA_ACCOUNT_CONCURRENCY"] = str(options.function_concurrency)
    os.environ.clear()
    os.environ.update(environment)
    with lock:
        return asyncio.run(_serve(layout, options, port, sockets))


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m autodrop_local.host")
    parser.add_argument("--home", type=Path, required=True, help="folder for everything it keeps")
    parser.add_argument(
        "--port",
        type=int,
        nargs="+",
        default=[DEFAULT_PORT],
        help="the first of these that is free; 0 for any",
    )
    parser.add_argument(
        "--listen",
        type=_one_address,
        action="append",
        default=[],
        metavar="ADDRESS",
        help="an address besides loopback, such as a Docker bridge's",
    )
    parser.add_argument("--unreliable-events", action="store_true")
    parser.add_argument("--automl-job-quota", type=int, default=DEFAULT_AUTOML_JOB_QUOTA)
    parser.add_argument("--function-concurrency", type=int, default=default_function_concurrency())
    return parser.parse_args(arguments)


def _one_address(text: str) -> str:
    address = ipaddress.ip_address(text)
    if address.is_unspecified:
        raise argparse.ArgumentTypeError("name the address itself, not all of them")
    return str(address)


def _lock(layout: Layout) -> IO[str]:
    """The open lock file, held until this process ends. Raises CannotStartError."""
    lock = layout.lock.open("a")
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # Whoever looks whether a host runs holds the lock for a moment.
            if time.monotonic() > deadline:
                lock.close()
                message = f"A local AWS is already running in {layout.home}."
                raise CannotStartError(message) from None
            time.sleep(0.02)
        else:
            return lock


def _listen(ports: Sequence[int], extra: Sequence[str]) -> list[socket.socket]:
    """Listening sockets, all on the first of the ports that is free. Raises CannotStartError."""
    *others, last = ports
    for port in others:
        with contextlib.suppress(CannotStartError):
            return _listen_on(port, extra)
    return _listen_on(last, extra)


def _listen_on(port: int, extra: Sequence[str]) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    for address in (*_LOOPBACK, *extra):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            sockets.append(_listening_socket(family, address, port))
        except OSError as error:
            if address == "::1" and error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                continue
            for opened in sockets:
                opened.close()
            raise CannotStartError(
                f"Cannot use port {port} of {address}: {error.strerror}."
            ) from None
        port = sockets[0].getsockname()[1]
    return sockets


def _listening_socket(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    # Where SO_REUSEADDR lets two programs share a port (macOS), binding alone would not notice.
    with socket.socket(family) as probe:
        if port and probe.connect_ex((address, port)) == 0:
            raise OSError(errno.EADDRINUSE, "another program listens there")
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(128)
    return listener


def _log_to(layout: Layout) -> None:
    handler = logging.handlers.RotatingFileHandler(
        layout.host_log, maxBytes=10_000_000, backupCount=3, encoding="utf-8"
    )
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s [%(name)s] %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.captureWarnings(True)
    logging.getLogger("asyncio").addFilter(_is_worth_logging)
    # It reports every file that it writes, and state is written every few seconds.
    logging.getLogger("persistence").setLevel(logging.WARNING)


def _is_worth_logging(record: logging.LogRecord) -> bool:
    """Not clients that end a connection without TLS's goodbye: they are many, and harmless."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, TimeoutError) and "SSL shutdown" in str(error))


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(exist_ok=True)


def _environment(layout: Layout, port: int, inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of the host and, through it, of every function."""
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.startswith(_FOREIGN_SETTINGS)
        and name not in _FOREIGN_NAMES
        and not name.lower().endswith("_proxy")
    }
    credentials = _credentials(layout)
    return kept | {
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_CA_BUNDLE": str(layout.ca_bundle),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": f"https://localhost:{port}",
        "AWS_REGION": REGION,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        # MiniStack removes containers that it finds; it has no business with the user's Docker.
        "DOCKER_HOST": f"unix://{layout.home}/no-docker.sock",
        "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        # What a busy minute leaves behind need not stay for long on a laptop.
        "LAMBDA_WARM_TTL_SECONDS": "60",
        "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
        "MINISTACK_HOST": "localhost",
        "MINISTACK_REGION": REGION,
        "MINISTACK_SSL_CERT": str(layout.certificate),
        "MINISTACK_SSL_KEY": str(layout.private_key),
        "PERSIST_STATE": "1",
        "PYTHONUTF8": "1",
        "S3_DATA_DIR": str(layout.objects),
        "S3_PERSIST": "1",
        "SFTP_ENABLED": "0",
        "STATE_DIR": str(layout.state),
        "TMPDIR": str(layout.scratch),
        "TZ": "UTC",
        "USE_SSL": "1",
    }


def _credentials(layout: Layout) -> Credentials:
    try:
        return layout.read_credentials()
    except OSError:
        made = Credentials(f"AKIA{secrets.token_hex(8).upper()}", secrets.token_hex(20))
        layout.write_credentials(made)
        return made


async def _serve(
    layout: Layout, options: argparse.Namespace, port: int, sockets: list[socket.socket]
) -> int:
    """Serves until SIGTERM or SIGINT; 0 unless SageMaker could not start."""
    # MiniStack reads its settings when it is imported, so this must come after they are made.
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    from autodrop_local import seams, signatures

    seams.link_lambda_packages(layout.lambda_runtime)
    seams.install(layout.code, layout.lambda_runtime, DecisionLog(layout.decisions))
    events = seams.open_async_events(layout.async_events)
    state = seams.StateKeeper()
    sagemaker = _sagemaker(layout, options, port)
    seams.add_sagemaker(sagemaker.handle)

    guarded = signatures.guard(seams.application(), seams.IssuedKeys())
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    started = asyncio.Event()
    failures: list[Exception] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        async def send_and_notice(message: Any) -> None:
            await send(message)
            if message["type"] == "lifespan.startup.complete":
                started.set()

        await guarded(scope, receive, send_and_notice)

    async def start_the_rest() -> None:
        await started.wait()
        # Not before: what is saved before MiniStack has read its state is an empty state.
        _repeat(save, _SAVE_EVERY_SECONDS, finished)
        _repeat(seams.Warmer().warm_new_functions, _WARM_EVERY_SECONDS, finished)
        try:
            await asyncio.to_thread(sagemaker.start)
            # After SageMaker has taken up its jobs: the functions of old events start new ones.
            events.start()
        except Exception as error:
            logger.exception("SageMaker did not start")
            failures.append(error)
            ended.set()

    def save() -> None:
        handled = events.handled()
        if state.save_changes():
            events.forget(handled)

    async def wait_for_end() -> None:
        await ended.wait()
        events.stop()
        await asyncio.to_thread(sagemaker.stop)

    config = Config()
    config.bind = [f"fd://{listener.detach()}" for listener in sockets]
    config.certfile, config.keyfile = str(layout.certificate), str(layout.private_key)
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    finished = threading.Event()
    starting = asyncio.create_task(start_the_rest())
    await serve(application, config, shutdown_trigger=wait_for_end)
    finished.set()
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting
    # MiniStack saved its state when it was told to end.
    events.forget(events.handled())
    await asyncio.to_thread(seams.stop_functions)
    return 1 if failures else 0


def _sagemaker(layout: Layout, options: argparse.Namespace, port: int) -> "SageMakerService":
    from autodrop_local import seams
    from autodrop_local.sagemaker.events import EmittedEvent
    from autodrop_local.sagemaker.ports import RoleCredentials
    from autodrop_local.sagemaker.service import SageMakerService

    def emit(event: EmittedEvent) -> None:
        seams.emit_aws_event("aws.sagemaker", event.detail_type, event.detail, event.resources)

    def credentials_for_role(role_arn: str) -> RoleCredentials:
        key = seams.assume_role(role_arn, "sagemaker.amazonaws.com", "SageMaker")
        return RoleCredentials(key.access_key, key.secret_key, key.token)

    return SageMakerService(
        home=layout.home,
        endpoint=f"https://localhost:{port}",
        ca_bundle=layout.ca_bundle,
        region=REGION,
        account_id=ACCOUNT_ID,
        emit=emit,
        credentials_for_role=credentials_for_role,
        automl_job_quota=options.automl_job_quota,
        unreliable_events=options.unreliable_events,
    )


def _repeat(step: Callable[[], None], seconds: float, finished: threading.Event) -> None:
    def run() -> None:
        while not finished.wait(seconds):
            try:
                step()
            except Exception:
                logger.exception("%s failed", step.__qualname__)

    threading.Thread(target=run, name=step.__qualname__, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
