"""Starting, stopping and deploying to the local AWS: what the command line and the tests use."""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import ipaddress
import os
import shlex
import signal
import ssl
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from autodrop_local.layout import (
    DEFAULT_AUTOML_JOB_QUOTA,
    DEFAULT_PORT,
    REGION,
    Credentials,
    HostRecord,
    Layout,
    default_function_concurrency,
)

_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_PACKAGE_PARENT = Path(__file__).resolve().parent.parent
_UNDEPLOYABLE = {"ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"}


class LocalAwsError(Exception):
    """The local AWS cannot do what was asked; the message says why. Not retried."""


class DeployError(LocalAwsError):
    """`sam` failed; the message ends with what it said. Not retried."""


@dataclass(frozen=True)
class LocalAws:
    """A running local AWS. Raises LocalAwsError for an endpoint that is not loopback."""

    home: Path
    endpoint: str
    ca_bundle: Path
    region: str
    credentials: Credentials
    pid: int

    def __post_init__(self) -> None:
        if not _is_loopback(self.endpoint):
            raise LocalAwsError(f"{self.endpoint} is not on this machine.")

    def client(self, service_name: str) -> Any:
        """A boto3 client that talks to this local AWS, whatever the environment says."""
        return self._session.client(
            service_name,  # type: ignore[call-overload]
            region_name=self.region,
            endpoint_url=self.endpoint,
            verify=str(self.ca_bundle),
            aws_access_key_id=self.credentials.access_key,
            aws_secret_access_key=self.credentials.secret_key,
            config=Config(proxies={}, retries={"mode": "standard"}),
        )

    @cached_property
    def _session(self) -> boto3.Session:
        # Only explicit values: a profile in the user's environment may not even exist.
        nothing = {
            "profile": (None, None, None, None),
            "config_file": (None, None, os.devnull, None),
            "credentials_file": (None, None, os.devnull, None),
        }
        return boto3.Session(botocore_session=botocore.session.Session(session_vars=nothing))

    def environment(self) -> dict[str, str]:
        """This process's environment, changed so that AWS tools find this AWS and no other."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "SAM_CLI_"))
        }
        direct = ",".join(filter(None, [os.environ.get("NO_PROXY"), "localhost,127.0.0.1,::1"]))
        return kept | {
            "AWS_ACCESS_KEY_ID": self.credentials.access_key,
            "AWS_CA_BUNDLE": str(self.ca_bundle),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_PAGER": "",
            "AWS_REGION": self.region,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret_key,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": direct,
            "SAM_CLI_TELEMETRY": "0",
            "no_proxy": direct,
        }


@dataclass(frozen=True)
class LogLine:
    """One line that a function wrote, or that Lambda wrote about it."""

    time: datetime
    function: str
    message: str


# Life cycle -----------------------------------------------------------------------------------


def start(
    home: Path,
    *,
    port: int = 0,
    listen: Sequence[str] = (),
    unreliable_events: bool = False,
    automl_job_quota: int = DEFAULT_AUTOML_JOB_QUOTA,
    function_concurrency: int | None = None,
) -> LocalAws:
    """The local AWS of this home, started unless it runs already.

    Port 0 means the one that this home used last, else 4566, else any free one. No more functions
    than `function_concurrency` run at once: by default two for each processor, and at least 4.
    Raises LocalAwsError when it does not come up, or when it runs already with other settings.
    """
    layout = Layout(home.resolve())
    layout.create()
    concurrency = function_concurrency or default_function_concurrency()
    wanted = HostRecord(0, port, tuple(listen), unreliable_events, automl_job_quota, concurrency)
    running = find_running(home)
    if running is None:
        running = _spawn(layout, wanted)
    _check_settings(layout, wanted)
    return running


def find_running(home: Path) -> LocalAws | None:
    """The local AWS of this home when it runs and answers, else None."""
    layout = Layout(home.resolve())
    record = layout.read_record()
    if record is None or not _is_locked(layout) or not _is_healthy(layout, record):
        return None
    return LocalAws(
        home=layout.home,
        endpoint=record.endpoint,
        ca_bundle=layout.ca_bundle,
        region=REGION,
        credentials=layout.read_credentials(),
        pid=record.pid,
    )


def stop(home: Path) -> bool:
    """Ends the local AWS of this home and all its processes; False when none was running."""
    layout = Layout(home.resolve())
    record = layout.read_record()
    if record is None or not _is_locked(layout):
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(record.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while _is_locked(layout) and time.monotonic() < deadline:
        _has_ended(record.pid)
        time.sleep(0.05)
    # The host leads its own process group: this reaches what it left behind, or itself.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(record.pid, signal.SIGKILL)
    _has_ended(record.pid)
    return True


def _spawn(layout: Layout, wanted: HostRecord) -> LocalAws:
    command = [sys.executable, "-m", "autodrop_local.host", "--home", str(layout.home)]
    ports = [wanted.port] if wanted.port else _usual_ports(layout)
    command += ["--port", *map(str, ports)]
    command += [part for address in wanted.listen for part in ("--listen", address)]
    command += ["--unreliable-events"] if wanted.unreliable_events else []
    command += ["--automl-job-quota", str(wanted.automl_job_quota)]
    command += ["--function-concurrency", str(wanted.function_concurrency)]
    create = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    # A session of its own, so that Ctrl-C in the caller's terminal does not reach it.
    pid = os.posix_spawn(
        sys.executable,
        command,
        os.environ | {"PYTHONPATH": str(_PACKAGE_PARENT)},
        setsid=True,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(layout.host_output), create, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
            *((os.POSIX_SPAWN_CLOSE, number) for number in _inherited_files()),
        ],
    )
    ended = False
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        ended = ended or _has_ended(pid)
        running = find_running(layout.home)
        if running:
            return running
        # Another start may have been quicker; its host then holds the lock.
        if ended and not _is_locked(layout):
            break
        time.sleep(0.05)
    raise LocalAwsError(f"The local AWS did not come up.\n{_last_words(layout)}")


def _inherited_files() -> list[int]:
    """Files that this process got from its own parent, such as a lock: the host outlives both."""
    numbers = []
    for number in (int(name) for name in os.listdir("/dev/fd")):  # noqa: PTH208
        with contextlib.suppress(OSError):
            if number > 2 and os.get_inheritable(number):
                numbers.append(number)
    return numbers


def _has_ended(pid: int) -> bool:
    """Whether a process that this one started is gone; the system may then forget it."""
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == pid
    except ChildProcessError:
        return False


def _usual_ports(layout: Layout) -> list[int]:
    """The port of this home's last host, the default one, and 0 for any, in order of preference.

    Only the host can tell which is free: another home's may be about to take one.
    """
    record = layout.read_record()
    return [*([] if record is None else [record.port]), DEFAULT_PORT, 0]


def _check_settings(layout: Layout, wanted: HostRecord) -> None:
    """Raises LocalAwsError when the running host lacks something that was asked for."""
    running = layout.read_record() or wanted
    lacking = [
        f"does not listen on {address}"
        for address in wanted.listen
        if address not in running.listen
    ]
    if wanted.unreliable_events and not running.unreliable_events:
        lacking.append("sends reliable events")
    if wanted.automl_job_quota not in (DEFAULT_AUTOML_JOB_QUOTA, running.automl_job_quota):
        lacking.append(f"has an AutoML job quota of {running.automl_job_quota}")
    default = default_function_concurrency()
    if wanted.function_concurrency not in (default, running.function_concurrency):
        lacking.append(f"runs {running.function_concurrency} functions at once")
    if lacking:
        raise LocalAwsError(f"The local AWS runs already and {', '.join(lacking)}. Stop it first.")


def _last_words(layout: Layout) -> str:
    lines: list[str] = []
    for log in (layout.host_output, layout.host_log):
        with contextlib.suppress(OSError):
            lines += log.read_text(errors="replace").splitlines()[-15:]
    return "\n".join([*lines, f"Its logs are in {layout.logs}."])


def _is_locked(layout: Layout) -> bool:
    """Whether a host holds the home's lock: it does from its start to its end, however it ends."""
    try:
        with layout.lock.open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _is_healthy(layout: Layout, record: HostRecord) -> bool:
    """Whether this home's host answers: nobody else has a certificate of this home's authority."""
    try:
        context = ssl.create_default_context(cafile=str(layout.ca_bundle))
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(f"{record.endpoint}/_ministack/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, ssl.SSLError, urllib.error.URLError):
        return False


def _is_loopback(endpoint: str) -> bool:
    host = urllib.parse.urlsplit(endpoint).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


# Deployment -----------------------------------------------------------------------------------


def deploy(
    aws: LocalAws,
    project: Path,
    *,
    parameters: Mapping[str, str] | None = None,
    report: Callable[[str], None],
) -> dict[str, str]:
    """The outputs of the project's stack, after `sam build` and `sam deploy` with `local` settings.

    Functions run on this interpreter's version of Python. Raises DeployError with sam's output.
    """
    project = project.resolve()
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if importlib.util.find_spec("pip") is None:
        raise DeployError(f"sam build needs pip in {sys.prefix}: python -m ensurepip")
    settings = tomllib.loads((project / "samconfig.toml").read_text()).get("local", {})
    stack = _setting(settings, "deploy", "stack_name")
    if not stack:
        raise DeployError("samconfig.toml has no stack_name for the environment `local`.")
    overrides = {**(parameters or {}), "PythonRuntime": runtime}
    sam = Layout(aws.home).sam

    report(f"Building for {runtime}")
    _sam(
        aws,
        project,
        "build",
        [
            f"--template-file={project / 'template.yaml'}",
            f"--build-dir={sam / 'build'}",
            f"--cache-dir={sam / 'cache'}",
            *_parameter_overrides(settings, "build", overrides),
        ],
    )
    _remove_failed_stack(aws, stack, report)
    report(f"Deploying the stack {stack}")
    _sam(
        aws,
        project,
        "deploy",
        [
            f"--template-file={sam / 'build' / 'template.yaml'}",
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--no-progressbar",
            *_parameter_overrides(settings, "deploy", overrides),
        ],
    )
    described = aws.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}


def _setting(settings: Mapping[str, Any], command: str, name: str) -> Any:
    """A value of samconfig.toml, where `global` holds for every command."""
    for section in (command, "global"):
        found = settings.get(section, {}).get("parameters", {}).get(name)
        if found is not None:
            return found
    return None


def _parameter_overrides(
    settings: Mapping[str, Any], command: str, overrides: Mapping[str, str]
) -> list[str]:
    """The option with samconfig.toml's values and ours; alone, ours would replace the others."""
    configured = _setting(settings, command, "parameter_overrides") or []
    pairs = shlex.split(configured) if isinstance(configured, str) else configured
    merged = dict(pair.split("=", 1) for pair in pairs) | dict(overrides)
    quoted = {name: value.replace('"', '\\"') for name, value in merged.items()}
    return ["--parameter-overrides", *(f'{name}="{value}"' for name, value in quoted.items())]


def _sam(aws: LocalAws, project: Path, command: str, options: Sequence[str]) -> None:
    layout = Layout(aws.home)
    layout.sam.mkdir(exist_ok=True)
    # sam looks for the runtime's interpreter on the path.
    environment = aws.environment() | {
        "__SAM_CLI_APP_DIR": str(layout.sam / "app"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }
    config = ["--config-file", str(project / "samconfig.toml"), "--config-env", "local"]
    log = layout.logs / f"sam-{command}.log"
    with log.open("wb") as output:
        # From its own folder, because sam leaves some of its files in the current one.
        finished = subprocess.run(  # noqa: S603
            [sys.executable, "-m", "samcli", command, *config, *options],
            cwd=layout.sam,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if finished.returncode:
        said = log.read_text(errors="replace").splitlines()
        raise DeployError("\n".join([f"sam {command} failed:", *said[-40:], f"All of it: {log}"]))


def _remove_failed_stack(aws: LocalAws, stack: str, report: Callable[[str], None]) -> None:
    """Deletes a stack whose creation failed, because CloudFormation will not update it."""
    cloudformation = aws.client("cloudformation")
    states = {
        found["StackName"]: found["StackStatus"]
        for page in cloudformation.get_paginator("list_stacks").paginate()
        for found in page["StackSummaries"]
        if found["StackStatus"] != "DELETE_COMPLETE"
    }
    if states.get(stack) in _UNDEPLOYABLE:
        report(f"Removing the stack {stack}, which is {states[stack]}")
        cloudformation.delete_stack(StackName=stack)
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=stack, WaiterConfig={"Delay": 1}
        )


# Logs -----------------------------------------------------------------------------------------


def read_function_logs(
    aws: LocalAws, function_logical_id: str | None, since: datetime
) -> Iterator[LogLine]:
    """What a function, or every function, logged from `since` on, oldest first.

    A function's lines appear when its invocation ends. Raises LocalAwsError for an unknown name.
    """
    functions = _deployed_functions(aws)
    if function_logical_id is not None:
        if function_logical_id not in functions:
            known = ", ".join(sorted(functions)) or "none"
            raise LocalAwsError(f"No function {function_logical_id}; there are: {known}.")
        functions = {function_logical_id: functions[function_logical_id]}
    logs, lambdas = aws.client("logs"), aws.client("lambda")
    lines: list[LogLine] = []
    for logical_id, name in functions.items():
        config = lambdas.get_function_configuration(FunctionName=name)
        group = config.get("LoggingConfig", {}).get("LogGroup") or f"/aws/lambda/{name}"
        with contextlib.suppress(logs.exceptions.ResourceNotFoundException):
            pages = logs.get_paginator("filter_log_events").paginate(
                logGroupName=group, startTime=int(since.timestamp() * 1000)
            )
            lines += [
                LogLine(
                    datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
                    logical_id,
                    event["message"],
                )
                for page in pages
                for event in page["events"]
            ]
    yield from sorted(lines, key=lambda line: line.time)


def _deployed_functions(aws: LocalAws) -> dict[str, str]:
    """Function names by their logical ids, over all stacks."""
    cloudformation = aws.client("cloudformation")
    return {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for page in cloudformation.get_paginator("describe_stacks").paginate()
        for stack in page["Stacks"]
        for resource in cloudformation.describe_stack_resources(StackName=stack["StackName"])[
            "StackResources"
        ]
        if resource["ResourceType"] == "AWS::Lambda::Function"
    }
