"""A busy day: many drops within a minute, unreliable events, and a host that is killed hard.

    python -m bench.load [--drops 200] [--kills 2]

On a local AWS of its own. First a single quiet run, then the load; every run must end right and
exactly once. What a run costs is compared with the quiet one. Resident memory counts pages that
processes share once for each of them.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import os
import re
import signal
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from autodrop_local import local_aws
from autodrop_local.layout import Layout
from autodrop_local.local_aws import LocalAws

PROJECT = Path(__file__).parent.parent
EXAMPLE = PROJECT / "examples" / "bank-marketing" / "bank-additional-full.csv.gz"
ROWS = 600
QUOTA = 4
DROP_SECONDS = 60.0
CHEAP = {"MaxCandidates": "1", "MaxRuntimeMinutes": "10"}
_ATTEMPT = re.compile(r"autodrop-local-(\w+)Function-\w+, attempt \d+ of event")
_SAMPLE_SECONDS = 0.5
_LOOK_SECONDS = 2.0


@dataclass(frozen=True)
class Outcome:
    """What became of all drops: each count is right when it is the number of drops."""

    states: Mapping[str, int]
    automl_jobs: int
    models: int
    transforms: int
    results: int

    def is_right(self, drops: int) -> bool:
        """Whether every drop completed, and exactly once."""
        counts = (self.automl_jobs, self.models, self.transforms, self.results)
        return dict(self.states) == {"COMPLETED": drops} and set(counts) == {drops}


@dataclass
class Usage:
    """What all processes of the local AWS took: host, functions and jobs."""

    cpu_seconds: dict[tuple[int, float], float] = field(default_factory=dict)
    kinds: dict[tuple[int, float], str] = field(default_factory=dict)
    peak_bytes: int = 0
    peak_processes: int = 0
    head_seconds: list[float] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        """Seconds of processor time."""
        return sum(self.cpu_seconds.values())

    def cpu_by_kind(self) -> Mapping[str, float]:
        """Seconds of processor time of the host, of the functions and of the jobs."""
        seconds: dict[str, float] = {}
        for identity, kind in self.kinds.items():
            seconds[kind] = seconds.get(kind, 0.0) + self.cpu_seconds[identity]
        return seconds


@dataclass(frozen=True)
class Measured:
    """A load: how it ended, how long it took, and what it cost."""

    outcome: Outcome
    seconds: float
    usage: Usage
    invocations: Mapping[str, int]


class BusyAws:
    """A local AWS with autodrop on it, whose host can be killed."""

    def __init__(self, home: Path, *, unreliable_events: bool = True) -> None:
        self._home = home
        self._unreliable_events = unreliable_events
        self.aws = self._start()
        self._outputs = local_aws.deploy(self.aws, PROJECT, parameters=CHEAP, report=lambda _: None)

    def _start(self) -> LocalAws:
        return local_aws.start(
            self._home, automl_job_quota=QUOTA, unreliable_events=self._unreliable_events
        )

    def kill_and_restart(self) -> None:
        """Kills the host and its functions; its jobs end when they notice."""
        os.killpg(self.aws.pid, signal.SIGKILL)
        while psutil.pid_exists(self.aws.pid) and local_aws.find_running(self._home):
            time.sleep(0.05)
        self.aws = self._start()

    def stop(self) -> None:
        """Ends the local AWS."""
        local_aws.stop(self._home)

    def drop(self, dataset: str, content: bytes) -> None:
        """Uploads a file."""
        self.aws.client("s3").put_object(
            Bucket=self._outputs["DataBucketName"],
            Key=f"inbox/{dataset}/bank.csv",
            Body=content,
            Metadata={"autodrop-target": "y"},
        )

    def states(self) -> Counter[str]:
        """How many runs are in which state; runs whose ends nobody heard of yet are `open`."""
        pages = self.aws.client("dynamodb").get_paginator("scan")
        runs = [
            item
            for page in pages.paginate(TableName=self._outputs["LedgerTableName"])
            for item in page["Items"]
        ]
        return Counter(
            run["state"]["S"] + (" open" if "open" in run else "") for run in runs if "state" in run
        )

    def outcome(self) -> Outcome:
        """What there is of all runs."""
        sagemaker, s3 = self.aws.client("sagemaker"), self.aws.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._outputs["DataBucketName"], Prefix="runs/"
        )
        keys = [found["Key"] for page in pages for found in page.get("Contents", [])]

        def count(operation: str, member: str) -> int:
            found = sagemaker.get_paginator(operation).paginate()
            return sum(len(page[member]) for page in found)

        return Outcome(
            self.states(),
            count("list_auto_ml_jobs", "AutoMLJobSummaries"),
            count("list_models", "Models"),
            count("list_transform_jobs", "TransformJobSummaries"),
            sum(key.endswith("/results/summary.json") for key in keys),
        )

    def invocations(self) -> Counter[str]:
        """How often which function was run by an event, since the local AWS was made."""
        log = Layout(self._home).host_log
        files = log.parent.glob(f"{log.name}*")
        return Counter(
            found for file in files for found in _ATTEMPT.findall(file.read_text(errors="replace"))
        )

    @contextlib.contextmanager
    def watched(self) -> Iterator[Usage]:
        """Measures while the block runs: processor time, memory, and how fast S3 answers."""
        usage, ended = Usage(), threading.Event()
        before = {_identity(process): _cpu(process) for process in self._processes()}

        def watch() -> None:
            while not ended.wait(_SAMPLE_SECONDS):
                self._sample(usage, before)

        def ask() -> None:
            s3 = self._impatient_s3()
            while not ended.wait(_SAMPLE_SECONDS):
                started = time.perf_counter()
                # Nobody answers while the host is down, which is not what is measured.
                with contextlib.suppress(ClientError, BotoCoreError):
                    s3.head_bucket(Bucket=self._outputs["DataBucketName"])
                    usage.head_seconds.append(time.perf_counter() - started)

        threads = [threading.Thread(target=work, daemon=True) for work in (watch, ask)]
        for thread in threads:
            thread.start()
        try:
            yield usage
        finally:
            self._sample(usage, before)
            ended.set()
            for thread in threads:
                thread.join()

    def _impatient_s3(self) -> Any:
        """A client that tries once, so that its seconds are those of one answer."""
        return boto3.client(
            "s3",
            endpoint_url=self.aws.endpoint,
            verify=str(self.aws.ca_bundle),
            region_name=self.aws.region,
            aws_access_key_id=self.aws.credentials.access_key,
            aws_secret_access_key=self.aws.credentials.secret_key,
            config=Config(proxies={}, retries={"total_max_attempts": 1}),
        )

    def _processes(self) -> list[psutil.Process]:
        with contextlib.suppress(psutil.Error):
            host = psutil.Process(self.aws.pid)
            return [host, *host.children(recursive=True)]
        return []

    def _sample(self, usage: Usage, before: Mapping[tuple[int, float], float]) -> None:
        resident = processes = 0
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                identity = _identity(process)
                usage.cpu_seconds[identity] = _cpu(process) - before.get(identity, 0.0)
                if identity not in usage.kinds:
                    usage.kinds[identity] = _kind(process)
                resident += process.memory_info().rss
                processes += 1
        usage.peak_bytes = max(usage.peak_bytes, resident)
        usage.peak_processes = max(usage.peak_processes, processes)


def _identity(process: psutil.Process) -> tuple[int, float]:
    return process.pid, process.create_time()


def _kind(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    kinds = {"autodrop_local.host": "host", "ministack-lambda": "functions"}
    return next((kind for part, kind in kinds.items() if part in command), "jobs")


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def rows(count: int = ROWS) -> bytes:
    """Returns the header and every 13th row of the example, as many as asked for."""
    header, *lines = gzip.decompress(EXAMPLE.read_bytes()).splitlines(keepends=True)
    return b"".join([header, *lines[::13][:count]])


def carry(
    busy: BusyAws, drops: int, kills: int, limit_seconds: float, over_seconds: float = DROP_SECONDS
) -> Measured:
    """Drops files, kills the host in between, and waits until all runs have ended.

    The host is killed the first time when all files are dropped and a part of the runs has
    completed. Ends after the limit in any case.
    """
    content, earlier, states = rows(), busy.invocations(), busy.states()
    completed_before = states["COMPLETED"]
    started = time.monotonic()
    with busy.watched() as usage:
        for number in range(drops):
            busy.drop(f"load-{drops}-{number:03}", content)
            time.sleep(max(0.0, started + over_seconds * number / drops - time.monotonic()))
        killed = 0
        while time.monotonic() - started < limit_seconds:
            states = busy.states()
            completed = states["COMPLETED"] - completed_before
            if killed < kills and completed >= drops * (killed + 1) // (kills + 2):
                busy.kill_and_restart()
                killed += 1
            if completed >= drops and killed == kills:
                break
            time.sleep(_LOOK_SECONDS)
        seconds = time.monotonic() - started
    return Measured(busy.outcome(), seconds, usage, busy.invocations() - earlier)


def report(name: str, measured: Measured, drops: int) -> None:
    """Prints what a load took."""
    usage, per_minute = measured.usage, drops / measured.seconds * 60
    answers = sorted(usage.head_seconds)
    parts = ", ".join(f"{kind} {each / drops:.1f}" for kind, each in usage.cpu_by_kind().items())
    print(
        f"{name}: {drops} runs in {measured.seconds:.0f} s, {per_minute:.1f} a minute; "
        f"{usage.cpu / drops:.1f} s of processor time each ({parts}); at most "
        f"{usage.peak_bytes / 1e9:.1f} GB in {usage.peak_processes} processes; S3 answers after "
        f"{statistics.median(answers) * 1e3:.0f} ms, one in twenty after "
        f"{answers[int(len(answers) * 0.95)] * 1e3:.0f} ms, at worst {answers[-1] * 1e3:.0f} ms"
    )
    print(f"  {measured.outcome}")
    for function, count in sorted(measured.invocations.items()):
        print(f"  {function:<20}{count:>6}{count / drops:>8.1f} a run")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures a quiet run and the load; 1 when a run did not end right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drops", type=int, default=200)
    parser.add_argument("--kills", type=int, default=2)
    parser.add_argument("--limit", type=float, default=7200.0, help="seconds")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="autodrop-load-") as folder:
        busy = BusyAws(Path(folder, "home"))
        try:
            quiet = carry(busy, 1, 0, options.limit)
            report("Quiet", quiet, 1)
            loaded = carry(busy, options.drops, options.kills, options.limit)
            report("Busy", loaded, options.drops)
        finally:
            busy.stop()
    ratio = loaded.usage.cpu / options.drops / quiet.usage.cpu
    print(f"A run took {ratio:.2f} times the processor time of the quiet one.")
    return 0 if loaded.outcome.is_right(options.drops + 1) else 1


if __name__ == "__main__":
    raise SystemExit(main())
