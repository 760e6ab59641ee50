"""A strict in-memory AWS behind the ports, with the events that real AWS would send.

Strict: requests are checked against botocore's model and the rules that botocore leaves out, names
are taken for ever, and whoever asks for what is not there is told so. Any call can be the last that
a function makes (`World.kill_after`), or be throttled (`World.throttle_next`).
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from autodrop.aws.ledger import fitting
from autodrop.ceilings import DEFAULT_CEILINGS
from autodrop.errors import AlreadyExists, NotFound, QuotaExceeded, Transient
from autodrop.events import OUR_SOURCE, OwnEvent
from autodrop.naming import Drop
from autodrop.ports import Lease, ObjectFacts, Services
from autodrop.requests import CODE_INPUT, ProcessingSetup
from autodrop.run import Outcome, Run, RunState
from autodrop.sagemaker_jobs import (
    AutoMLJob,
    Candidate,
    Container,
    Metric,
    Model,
    Objective,
    ProcessingJob,
    TransformJob,
)
from autodrop.settings import ProblemType, parse_settings
from autodrop_local.sagemaker.api import rules, shapes

BUCKET = "data-bucket"
ROLE = "arn:aws:iam::111122223333:role/autodrop-sagemaker"
SPARK = ProcessingSetup(
    "173754725891.dkr.ecr.us-east-1.amazonaws.com/sagemaker-spark-processing:3.5-cpu-py312-v1.3",
    "ml.m5.4xlarge",
)


class Killed(BaseException):
    """The function died: out of memory, out of time, or its machine went away."""


@dataclass
class World:
    """Everything outside the functions."""

    now: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    events: list[dict[str, Any]] = field(default_factory=list)
    messages: list[tuple[str, str]] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    kill_after: int | None = None
    throttle_next: bool = False
    quota: int = 4

    def __post_init__(self) -> None:
        self.bucket = FakeBucket(self)
        self.ledger = FakeLedger(self)
        self.sagemaker = FakeSageMaker(self)
        self.services = Services(
            bucket=self.bucket,
            ledger=self.ledger,
            sagemaker=self.sagemaker,
            events=FakeEventBus(self),
            topic=FakeTopic(self),
            now=self._tick,
            sleep=self._sleep,
            execution_role_arn=ROLE,
            default_settings={},
            max_dataset_bytes=10_000_000,
            ceilings=DEFAULT_CEILINGS,
            processing=SPARK,
            work_folder=Path(gettempdir()) / f"autodrop-test-{os.getpid()}",
        )

    def _tick(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def _sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def before(self, call: str) -> None:
        """Count a call that is about to happen; throttle it if that is due."""
        self.calls[call] += 1
        if self.throttle_next:
            self.throttle_next = False
            raise Transient("ThrottlingException: Rate exceeded")

    def after(self) -> None:
        """Let the function die if this was its last call."""
        if self.kill_after is not None:
            self.kill_after -= 1
            if self.kill_after <= 0:
                self.kill_after = None
                raise Killed

    def drop(
        self,
        key: str,
        content: bytes,
        metadata: Mapping[str, str] | None = None,
        version: str | None = None,
    ) -> None:
        """Upload a file as a user would."""
        self.bucket.put(key, content, metadata, version)

    def limit(self, max_dataset_bytes: int) -> None:
        """Let larger files than this go to a processing job."""
        self.services = replace(self.services, max_dataset_bytes=max_dataset_bytes)

    def take_events(self) -> list[dict[str, Any]]:
        """Return the events sent since last asked."""
        taken, self.events = self.events, []
        return taken


@dataclass
class FakeBucket:
    """`autodrop.ports.Bucket` with versions; every write sends *Object Created*."""

    world: World
    objects: dict[str, bytes] = field(default_factory=dict)
    versions: dict[tuple[str, str | None], tuple[bytes, Mapping[str, str]]] = field(
        default_factory=dict
    )
    newest: dict[str, str] = field(default_factory=dict)
    writes: int = 0
    longest_read: int = 0
    name: str = BUCKET

    def put(
        self,
        key: str,
        content: bytes,
        metadata: Mapping[str, str] | None = None,
        version: str | None = None,
    ) -> None:
        self.writes += 1
        version = version or f"v{self.writes}"
        self.objects[key] = content
        self.newest[key] = version
        for each in (version, None):
            self.versions[key, each] = (content, metadata or {})
        self.world.events.append(object_created(key, len(content), version))

    def download(self, key: str, path: Path, version_id: str | None = None) -> Mapping[str, str]:
        self.world.before("s3:GetObject")
        if version_id is None:
            # A test may have put an object here behind the back of its versions.
            content, metadata = self._get(key), self.versions.get((key, None), (b"", {}))[1]
        elif (key, version_id) in self.versions:
            content, metadata = self.versions[key, version_id]
        else:
            raise NotFound(key)
        path.write_bytes(content)
        self.world.after()
        return metadata

    def read(self, key: str, most: int | None = None) -> bytes:
        self.world.before("s3:GetObject")
        content = self._get(key)[:most]
        self.longest_read = max(self.longest_read, len(content))
        self.world.after()
        return content

    def facts(self, key: str, version_id: str | None = None) -> ObjectFacts:
        self.world.before("s3:HeadObject")
        if (key, version_id) not in self.versions or (
            version_id is None and key not in self.objects
        ):
            raise NotFound(key)
        _, metadata = self.versions[key, version_id]
        self.world.after()
        return ObjectFacts(metadata, version_id or self.newest[key])

    def exists(self, key: str) -> bool:
        self.world.before("s3:HeadObject")
        self.world.after()
        return key in self.objects

    def upload(self, key: str, path: Path, content_type: str) -> None:
        self.write(key, path.read_bytes(), content_type)

    def write(self, key: str, content: bytes, content_type: str) -> None:
        self.world.before("s3:PutObject")
        self.put(key, content)
        self.world.after()

    def sizes(self, prefix: str) -> Mapping[str, int]:
        return {key: len(self.objects[key]) for key in self.list(prefix)}

    def list(self, prefix: str) -> Sequence[str]:
        self.world.before("s3:ListObjects")
        self.world.after()
        return sorted(key for key in self.objects if key.startswith(prefix))

    def below(self, uri: str) -> Sequence[str]:
        """Return the keys that SageMaker reads when it is given `uri` as an S3Prefix."""
        return sorted(key for key in self.objects if key.startswith(_key(uri)))

    def json(self, key: str) -> Any:
        return json.loads(self.objects[key])

    def _get(self, key: str) -> bytes:
        if key not in self.objects:
            raise NotFound(key)
        return self.objects[key]


@dataclass
class FakeLedger:
    """`autodrop.ports.Ledger` in a dict."""

    world: World
    items: dict[str, Run] = field(default_factory=dict)
    history: list[tuple[str, RunState]] = field(default_factory=list)
    # What the index of a dataset's runs still shows, where it lags behind.
    lagging: Mapping[str, Run] | None = None
    removed: set[str] = field(default_factory=set)
    lease: Lease | None = None
    is_leased: bool = False

    def claim(self, run: Run) -> Run | None:
        self.world.before("dynamodb:PutItem")
        if run.run_id not in self.items and run.run_id not in self.removed:
            self.items[run.run_id] = run
            self.history.append((run.run_id, run.state))
        self.world.after()
        return self.items.get(run.run_id)

    def remove(self, run_id: str, now: datetime) -> None:
        self.world.before("dynamodb:PutItem")
        self.items.pop(run_id, None)
        self.removed.add(run_id)
        self.world.after()

    def find(self, run_id: str) -> Run | None:
        self.world.before("dynamodb:GetItem")
        self.world.after()
        return self.items.get(run_id)

    def open_runs(self) -> Sequence[Run]:
        self.world.before("dynamodb:Query")
        self.world.after()
        return sorted(
            (run for run in self.items.values() if run.open), key=lambda run: run.created_at
        )

    def latest_runs(self, dataset: str, most: int) -> Sequence[Run]:
        self.world.before("dynamodb:Query dataset-runs")
        self.world.after()
        shown = self.items if self.lagging is None else self.lagging
        runs = [run for run in shown.values() if run.dataset == dataset]
        return sorted(runs, key=lambda run: run.created_at, reverse=True)[:most]

    def completed_before(self, run: Run, most: int) -> Sequence[Run]:
        self.world.before("dynamodb:Query dataset-runs")
        self.world.after()
        found = (
            each
            for each in self.items.values()
            if each.dataset == run.dataset
            and each.state is RunState.COMPLETED
            and each.created_at < run.created_at
        )
        return sorted(found, key=lambda each: each.created_at, reverse=True)[:most]

    def advance(
        self, run_id: str, state: RunState, now: datetime, outcome: Outcome | None = None
    ) -> bool:
        self.world.before("dynamodb:UpdateItem")
        run = self.items.get(run_id)
        if run is None or run.state not in state.predecessors:
            self.world.after()
            return False
        run = replace(run, state=state, entered={**run.entered, state: now}, waiting_for=None)
        if outcome is not None:
            completed = state is RunState.COMPLETED
            run = replace(
                run,
                code=outcome.code or None,
                reason=None if completed else fitting(outcome.reason) or None,
                headline=fitting(outcome.reason) if completed else None,
                details=fitting(outcome.details or outcome.remedy) or None,
            )
        self.items[run_id] = run
        self.history.append((run_id, state))
        self.world.after()
        return True

    def claim_announcement(
        self, run_id: str, announced: str, now: datetime, before: datetime
    ) -> bool:
        self.world.before("dynamodb:UpdateItem")
        run = self.items.get(run_id)
        free = run is not None and (
            run.announced != announced or run.announced_at is None or run.announced_at <= before
        )
        if run is not None and free:
            self.items[run_id] = replace(run, announced=announced, announced_at=now)
        self.world.after()
        return free

    def claim_waiting_notice(self, run_id: str, state: RunState) -> bool:
        self.world.before("dynamodb:UpdateItem")
        run = self.items.get(run_id)
        free = run is not None and run.waiting_told != str(state)
        if run is not None and free:
            self.items[run_id] = replace(run, waiting_told=str(state))
        self.world.after()
        return free

    def take_lease(self, now: datetime, until: datetime) -> Lease | None:
        self.world.before("dynamodb:UpdateItem")
        if self.is_leased and self.lease is not None and self.lease.until > now:
            self.world.after()
            return None
        self.lease = replace(self.lease or Lease(until), until=until)
        self.is_leased = True
        self.world.after()
        return self.lease

    def keep_lease(self, lease: Lease) -> bool:
        self.world.before("dynamodb:UpdateItem")
        ours = self._has(lease)
        if ours:
            self.lease = lease
        self.world.after()
        return ours

    def renew_lease(self, lease: Lease, until: datetime) -> Lease | None:
        self.world.before("dynamodb:UpdateItem")
        renewed = replace(lease, until=until) if self._has(lease) else None
        self.lease = renewed or self.lease
        self.world.after()
        return renewed

    def end_lease(self, lease: Lease) -> None:
        self.world.before("dynamodb:UpdateItem")
        if self._has(lease):
            self.is_leased = False
        self.world.after()

    def _has(self, lease: Lease) -> bool:
        return self.is_leased and self.lease is not None and self.lease.until == lease.until

    def note(self, run_id: str, **facts: str | datetime | None) -> None:
        self.world.before("dynamodb:UpdateItem")
        known = {
            "job_status",
            "announced",
            "announced_at",
            "waiting_for",
            "waiting_told",
            "headline",
            "working_at",
        }
        if unknown := facts.keys() - known:
            raise ValueError(f"a run has no {sorted(unknown)}")
        if run_id in self.items:
            self.items[run_id] = replace(self.items[run_id], **facts)  # type: ignore[arg-type]
        self.world.after()

    def close(self, run_id: str) -> None:
        self.world.before("dynamodb:UpdateItem")
        if run_id in self.items:
            self.items[run_id] = replace(self.items[run_id], open=False)
        self.world.after()


@dataclass
class FakeSageMaker:
    """`autodrop.ports.SageMaker`; names are taken for ever, case-insensitively for AutoML jobs."""

    world: World
    processing: dict[str, ProcessingJob] = field(default_factory=dict)
    processing_requests: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    jobs: dict[str, AutoMLJob] = field(default_factory=dict)
    job_requests: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    transforms: dict[str, TransformJob] = field(default_factory=dict)
    processing_quota: int = 4
    transform_quota: int = 4
    model_quota: int = 100

    def create_processing_job(self, request: Mapping[str, Any]) -> None:
        self.world.before("sagemaker:CreateProcessingJob")
        _checked("CreateProcessingJob", request, rules.check_processing_job)
        name = request["ProcessingJobName"]
        if name in self.processing:
            raise AlreadyExists(name)
        running = sum(job.status == "InProgress" for job in self.processing.values())
        if running >= self.processing_quota:
            raise QuotaExceeded("ml.m5.4xlarge for processing job usage: 0 Instances")
        inputs = {
            each["InputName"]: each["S3Input"]["S3Uri"] for each in request["ProcessingInputs"]
        }
        for uri in inputs.values():
            if not self.world.bucket.below(uri):
                raise AssertionError(f"SageMaker was asked to process {uri}, which is not there")
        self.processing_requests[name] = request
        self.processing[name] = ProcessingJob(
            name, "InProgress", inputs[CODE_INPUT], created_at=self.world.now
        )
        self.world.after()

    def describe_processing_job(self, name: str) -> ProcessingJob | None:
        self.world.before("sagemaker:DescribeProcessingJob")
        self.world.after()
        return self.processing.get(name)

    def stop_processing_job(self, name: str) -> None:
        self.world.before("sagemaker:StopProcessingJob")
        if name in self.processing and self.processing[name].status == "InProgress":
            self.processing[name] = replace(self.processing[name], status="Stopping")
        self.world.after()

    def create_automl_job(self, request: Mapping[str, Any]) -> None:
        self.world.before("sagemaker:CreateAutoMLJobV2")
        _checked("CreateAutoMLJobV2", request, rules.check_automl_job)
        name = request["AutoMLJobName"].lower()
        if name in self.jobs:
            raise AlreadyExists(name)
        if sum(job.status == "InProgress" for job in self.jobs.values()) >= self.world.quota:
            raise QuotaExceeded("The account-level service limit is 4 jobs.")
        source = request["AutoMLJobInputDataConfig"][0]["DataSource"]["S3DataSource"]
        if not self.world.bucket.below(source["S3Uri"]):
            raise AssertionError("SageMaker was asked to train on an object that is not there")
        self.job_requests[name] = request
        self.jobs[name] = AutoMLJob(
            name, "InProgress", "Starting", source["S3Uri"], created_at=self.world.now
        )
        self.world.after()

    def describe_automl_job(self, name: str) -> AutoMLJob | None:
        self.world.before("sagemaker:DescribeAutoMLJobV2")
        self.world.after()
        return self.jobs.get(name)

    def stop_automl_job(self, name: str) -> None:
        self.world.before("sagemaker:StopAutoMLJob")
        if name in self.jobs and self.jobs[name].status == "InProgress":
            self.jobs[name] = replace(self.jobs[name], status="Stopping")
        self.world.after()

    def list_candidates(self, name: str) -> Sequence[Candidate]:
        self.world.before("sagemaker:ListCandidatesForAutoMLJob")
        self.world.after()
        best = self.jobs[name].best_candidate
        if best is None:
            return []
        worse = replace(best, name=f"{name}-2", objective=Objective("F1", 0.1, "Maximize"))
        return [worse, best]

    def create_model(self, request: Mapping[str, Any]) -> None:
        self.world.before("sagemaker:CreateModel")
        _checked("CreateModel", request, rules.check_model)
        name = request["ModelName"]
        if name in self.models:
            raise AlreadyExists(name)
        if len(self.models) >= self.model_quota:
            raise QuotaExceeded("The account-level service limit of models is reached.")
        self.models[name] = Model(
            name,
            tuple(
                Container(each["Image"], each["ModelDataUrl"], each["Environment"])
                for each in request["Containers"]
            ),
        )
        self.world.after()

    def describe_model(self, name: str) -> Model | None:
        self.world.before("sagemaker:DescribeModel")
        self.world.after()
        return self.models.get(name)

    def create_transform_job(self, request: Mapping[str, Any]) -> None:
        self.world.before("sagemaker:CreateTransformJob")
        _checked("CreateTransformJob", request, rules.check_transform_job)
        name = request["TransformJobName"]
        if name in self.transforms:
            raise AlreadyExists(name)
        if request["ModelName"] not in self.models:
            raise NotFound(f'Could not find model "{request["ModelName"]}".')
        running = sum(job.status == "InProgress" for job in self.transforms.values())
        if running >= self.transform_quota:
            raise QuotaExceeded("ml.m5.4xlarge for transform job usage: 0 Instances")
        uri = request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
        self.transforms[name] = TransformJob(
            name, "InProgress", request["ModelName"], uri, created_at=self.world.now
        )
        self.world.after()

    def describe_transform_job(self, name: str) -> TransformJob | None:
        self.world.before("sagemaker:DescribeTransformJob")
        self.world.after()
        return self.transforms.get(name)

    def end_processing(
        self,
        name: str,
        status: str = "Completed",
        reason: str | None = None,
        exit_message: str | None = None,
        outcome: object = None,
    ) -> None:
        """End a processing job: its outputs, and its event.

        Without an `outcome` the job finds that its file can be used.
        """
        self.processing[name] = replace(
            self.processing[name],
            status=status,
            ended_at=self.world.now,
            failure_reason=reason,
            exit_message=exit_message,
        )
        if status == "Completed":
            self._process(name, outcome)
        self.world.events.append(processing_changed(name, status))

    def _process(self, name: str, outcome: object) -> None:
        """Do what the script does: every part in two files, and what was found."""
        outputs = {
            each["OutputName"]: _key(each["S3Output"]["S3Uri"])
            for each in self.processing_requests[name]["ProcessingOutputConfig"]["Outputs"]
        }
        if outcome is None:
            (code,) = self.processing_requests[name]["ProcessingInputs"]
            order = self.world.bucket.json(f"{_key(code['S3Input']['S3Uri'])}order.json")
            drop = order["drop"]
            content, _ = self.world.bucket.versions[drop["key"], drop["version_id"]]
            for part, lines in _parts(content).items():
                self.world.bucket.put(f"{outputs[part.split('/')[0]]}/{part.split('/')[1]}", lines)
            outcome = _outcome(order)
        self.world.bucket.put(f"{outputs['outcome']}/outcome.json", json.dumps(outcome).encode())

    def end_job(
        self,
        name: str,
        status: str = "Completed",
        reason: str | None = None,
        *,
        candidate: bool = False,
    ) -> None:
        """End an AutoML job; Autopilot sends no event of it.

        With a `candidate`, one that does not complete has trained its best before.
        """
        best = _candidate(name) if candidate or status == "Completed" else None
        self.jobs[name] = replace(
            self.jobs[name],
            status=status,
            secondary_status=status,
            ended_at=self.world.now,
            failure_reason=reason,
            best_candidate=best,
            problem_type=ProblemType.BINARY,
            objective_metric="F1",
            candidate_notebook=f"s3://{BUCKET}/candidates.ipynb",
            exploration_notebook=f"s3://{BUCKET}/exploration.ipynb",
        )

    def end_transform(
        self, name: str, status: str = "Completed", reason: str | None = None
    ) -> None:
        """End a transform job: its output, and its event."""
        job = self.transforms[name]
        self.transforms[name] = replace(
            job, status=status, ended_at=self.world.now, failure_reason=reason
        )
        if status == "Completed":
            keys = (
                self.models[job.model_name].containers[-1].environment["SAGEMAKER_INFERENCE_OUTPUT"]
            )
            for key in self.world.bucket.below(job.input_uri):
                test = self.world.bucket.objects[key].decode()
                rows = len(list(csv.reader(io.StringIO(test))))
                output = key.replace("/test/", "/inference-results/") + ".out"
                self.world.bucket.put(output, _predictions(keys.split(","), rows))
        self.world.events.append(transform_changed(name, status))


@dataclass
class FakeEventBus:
    """`autodrop.ports.EventBus`."""

    world: World

    def put(self, event: OwnEvent) -> None:
        self.world.before("events:PutEvents")
        self.world.events.append(
            {
                "version": "0",
                "id": "own",
                "source": OUR_SOURCE,
                "detail-type": event.detail_type,
                "detail": json.loads(json.dumps(event.detail)),
            }
        )
        self.world.after()


@dataclass
class FakeTopic:
    """`autodrop.ports.OutcomeTopic`."""

    world: World

    def publish(self, subject: str, message: str) -> None:
        self.world.before("sns:Publish")
        self.world.messages.append((subject, message))
        self.world.after()


def object_created(key: str, size: int, version: str) -> dict[str, Any]:
    """Return an *Object Created* event as S3 sends it to EventBridge."""
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-01-02T03:04:05Z",
        "region": "us-east-1",
        "resources": [f"arn:aws:s3:::{BUCKET}"],
        "detail": {
            "version": "0",
            "bucket": {"name": BUCKET},
            "object": {
                "key": key,
                "size": size,
                "etag": "b1946ac92492d2347c6235b4d2611184",
                "version-id": version,
                "sequencer": "617f08299329d189",
            },
            "reason": "PutObject",
        },
    }


def transform_changed(name: str, status: str) -> dict[str, Any]:
    """Return a *SageMaker Transform Job State Change* event."""
    return {
        "version": "0",
        "id": "844e2571-85d4-695f-b930-0153b71dcb42",
        "detail-type": "SageMaker Transform Job State Change",
        "source": "aws.sagemaker",
        "detail": {
            "TransformJobName": name,
            "TransformJobStatus": status,
            "FailureReason": None,
            "TransformEndTime": 1696427186229,
            "Tags": {},
        },
    }


def processing_changed(name: str, status: str) -> dict[str, Any]:
    """Return a *SageMaker Processing Job State Change* event."""
    return {
        "version": "0",
        "id": "0c7d2b5e-6f31-4d0a-8f0e-2b9a5c4d7e10",
        "detail-type": "SageMaker Processing Job State Change",
        "source": "aws.sagemaker",
        "detail": {
            "ProcessingJobName": name,
            "ProcessingJobStatus": status,
            "FailureReason": None,
            "ProcessingEndTime": 1696427186229,
            "Tags": {},
        },
    }


def table(rows: int = 600, header: str = "x,z,y") -> bytes:
    """Return a small CSV with a target of two classes."""
    lines = [f"{i},{i % 7},{'yes' if i % 3 == 0 else 'no'}" for i in range(rows)]
    return "\n".join([header, *lines, ""]).encode()


def _checked(
    operation: str, request: Mapping[str, Any], check: Callable[[dict[str, Any]], None]
) -> None:
    check(shapes.request(operation, json.dumps(request).encode()))


def _parts(content: bytes) -> dict[str, bytes]:
    """Return the part files of a table of ours; the last sixth of its rows is held out."""
    header, *rows = content.decode().splitlines()
    held_out = len(rows) * 5 // 6
    target = header.rpartition(",")[2]
    train, test, truth = rows[:held_out], [], []
    coded = [
        f"{cells},{int(label == 'yes')}"
        for cells, _, label in (row.rpartition(",") for row in train)
    ]
    for number, row in enumerate(rows[held_out:], held_out):
        cells, _, label = row.rpartition(",")
        test.append(cells)
        truth.append(f"{number},{label}")
    written = {}
    for name, first, lines in (
        ("train", [header], train),
        ("model-train", [header], coded),
        ("test", [], test),
        ("truth", [f"row,{target}"], truth),
    ):
        half = len(lines) // 2
        for number, part in enumerate((lines[:half], lines[half:])):
            written[f"{name}/part-{number:05}.csv"] = "\n".join([*first, *part, ""]).encode()
    return written


def _outcome(order: Mapping[str, Any]) -> dict[str, Any]:
    # The builders use names of this module.
    from tests.builders import a_dataset

    drop = order["drop"]
    dataset = a_dataset(
        run_id=order["run_id"],
        name=Drop(**drop).dataset,
        source={name: drop[name] for name in ("bucket", "key", "version_id", "size")},
        settings=parse_settings(
            {name: value for name, value in order["settings"].items() if value is not None}
        ),
        parts=True,
    )
    return {
        "dataset": dataset.to_json(),
        "profile": {"schema_version": 1, "columns": []},
        "parts": dict.fromkeys(("train", "model-train", "test", "truth"), 2),
    }


def _candidate(job: str) -> Candidate:
    return Candidate(
        name=f"{job}-trial-t1-1",
        status="Completed",
        objective=Objective("F1", 0.6, "Maximize"),
        containers=(
            Container(
                "382416733822.dkr.ecr.us-east-1.amazonaws.com/autogluon-inference:1.0",
                f"s3://{BUCKET}/{job}/model.tar.gz",
                {
                    "SAGEMAKER_INFERENCE_SUPPORTED": (
                        "predicted_label,probability,probabilities,labels"
                    ),
                    "SAGEMAKER_INFERENCE_OUTPUT": "predicted_label",
                    "OTHER": "kept",
                },
            ),
        ),
        metrics=(Metric("AUC", 0.9, "Validation"),),
        created_at=datetime(2026, 1, 2, 3, 0, tzinfo=UTC),
        ended_at=datetime(2026, 1, 2, 3, 1, tzinfo=UTC),
    )


def _predictions(keys: Sequence[str], rows: int) -> bytes:
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    for row in range(rows):
        score = round((row % 10) / 10, 1)
        values = {
            "predicted_label": "1" if score > 0.5 else "0",
            "probability": max(score, 1 - score),
            "probabilities": str([1 - score, score]),
            "labels": "['0', '1']",
        }
        writer.writerow([values[key] for key in keys])
    return written.getvalue().encode()


def _key(uri: str) -> str:
    return uri.removeprefix(f"s3://{BUCKET}/")
