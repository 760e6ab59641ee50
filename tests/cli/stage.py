"""An autodrop for the command to work with: moto's S3 and DynamoDB, our own SageMaker and time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from click.testing import Result
from typer.testing import CliRunner

from autodrop.aws.bucket import S3Bucket
from autodrop.aws.ledger import DynamoLedger
from autodrop.errors import JobFailed
from autodrop.naming import Drop, run_id
from autodrop.run import Outcome, Run, RunState
from autodrop.sagemaker_jobs import AutoMLJob, Candidate, ProcessingJob, TransformJob
from autodrop_cli.connection import Connection
from autodrop_cli.following import Clock
from autodrop_cli.main import Surroundings, app
from tests.adapters.conftest import create_table

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "data-bucket"
BEGIN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@cache
def s3_client() -> S3Client:
    """Return a client of moto; made once, because making one takes longer than a test."""
    return boto3.Session("testing", "testing", region_name="us-east-1").client("s3")


@dataclass
class FakeJobs:
    """`autodrop_cli.connection.Jobs` in dictionaries."""

    processing: dict[str, ProcessingJob] = field(default_factory=dict)
    automl: dict[str, AutoMLJob] = field(default_factory=dict)
    candidates: dict[str, list[Candidate]] = field(default_factory=dict)
    transforms: dict[str, TransformJob] = field(default_factory=dict)
    models: set[str] = field(default_factory=set)
    stopped: list[str] = field(default_factory=list)
    failure: Exception | None = None
    looks: int = 0

    def describe_processing_job(self, name: str) -> ProcessingJob | None:
        return self.processing.get(name)

    def stop_processing_job(self, name: str) -> None:
        self.stopped.append(name)
        self.processing[name] = replace(self.processing[name], status="Stopping")

    def describe_automl_job(self, name: str) -> AutoMLJob | None:
        self.looks += 1
        if self.failure is not None:
            raise self.failure
        return self.automl.get(name)

    def list_candidates(self, name: str) -> list[Candidate]:
        return self.candidates.get(name, [])

    def stop_automl_job(self, name: str) -> None:
        job = self.automl[name]
        if job.status != "InProgress":
            raise JobFailed("REFUSED_BY_SAGEMAKER", f"the job is {job.status}")
        self.stopped.append(name)
        self.automl[name] = replace(job, status="Stopping")

    def describe_transform_job(self, name: str) -> TransformJob | None:
        return self.transforms.get(name)

    def delete_model(self, name: str) -> bool:
        found = name in self.models
        self.models.discard(name)
        return found


@dataclass
class Stage:
    """The autodrop, the pipeline's part in it, and the command."""

    jobs: FakeJobs = field(default_factory=FakeJobs)
    now: datetime = BEGIN
    slept: list[float] = field(default_factory=list)
    script: list[Callable[[], object]] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    has_browser: bool = True

    def __post_init__(self) -> None:
        self.s3 = s3_client()
        self.s3.create_bucket(Bucket=BUCKET)
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        self.ledger = DynamoLedger(create_table())
        self.connection = Connection(
            place="stack test in us-east-1",
            options=" --stack test",
            is_local=False,
            bucket_name=BUCKET,
            bucket=S3Bucket(self.s3, BUCKET),
            ledger=self.ledger,
            sagemaker=self.jobs,
            s3=self.s3,
            poll_seconds=10.0,
        )

    def run_command(self, *arguments: object, answer: str | None = None) -> Result:
        """Run `autodrop` with these arguments; its output is no terminal."""

        def connect(stack: str | None, *, local: bool) -> Connection:
            return self.connection

        surroundings = Surroundings(
            connect=connect,
            clock=Clock(now=self._now, sleep=self._sleep),
            open_page=self._open_page,
        )
        result: Any = CliRunner().invoke(
            app, [str(each) for each in arguments], obj=surroundings, input=answer
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        found: Result = result
        return found

    def then(self, *steps: Callable[[], object]) -> None:
        """Let one of these happen each time that the command sleeps."""
        self.script.extend(steps)

    def dropped(self, file: Path) -> Drop:
        """Return the newest upload of the file of this name."""
        versions = self.s3.list_object_versions(Bucket=BUCKET, Prefix="inbox/")["Versions"]
        newest = next(
            each
            for each in versions
            if each["IsLatest"] and each["Key"].rpartition("/")[2] == file.name
        )
        version = newest["VersionId"]
        return Drop(BUCKET, newest["Key"], version, version, newest["Size"])

    def claim(self, drop: Drop) -> Run:
        """Let `prepare_dataset` claim the run of the drop."""
        run = Run(run_id(drop), drop, RunState.RECEIVED, self.now, {RunState.RECEIVED: self.now})
        claimed = self.ledger.claim(run)
        assert claimed is not None
        return claimed

    def new_run(self, state: RunState = RunState.RECEIVED, key: str = "inbox/iris/iris.csv") -> Run:
        """Return a run of a drop of its own, advanced to `state`."""
        version = self.s3.put_object(Bucket=BUCKET, Key=key, Body=b"a,y\n1,2\n")["VersionId"]
        run = self.claim(Drop(BUCKET, key, version, version, 8))
        if state is not RunState.RECEIVED:
            self.advance(run, state)
        return self.find(run)

    def find(self, run: Run) -> Run:
        """Return the run as the ledger has it now."""
        found = self.ledger.find(run.run_id)
        if found is None:
            raise LookupError(run.run_id)
        return found

    def advance(self, run: Run, state: RunState, outcome: Outcome | None = None) -> None:
        """Bring the run to `state`."""
        if not self.ledger.advance(run.run_id, state, self.now, outcome):
            raise AssertionError(f"the run cannot become {state}")

    def write(self, key: str, content: object) -> None:
        """Write an object; anything but bytes as JSON."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def complete(self, run: Run, summary: dict[str, Any] | None = None) -> None:
        """Let `write_results` complete the run."""
        self.write(run.folder.result("summary.json"), summary or summary_of(run))
        self.advance(run, RunState.COMPLETED, Outcome(RunState.COMPLETED, reason=HEADLINE))

    def reject(self, run: Run, **changes: object) -> None:
        """Let `prepare_dataset` reject the file."""
        failure = {
            "schema_version": 1,
            "run_id": run.run_id,
            "dataset": run.dataset,
            "state": "REJECTED",
            "code": "RAGGED_ROW",
            "message": "Line 17 has 4 cells instead of 5.",
            "remedy": "Put cells that hold a comma in quotes.",
            "line": 17,
            "column": "age",
            "kept": [run.folder.dataset],
        }
        self.write(run.folder.failure, failure | changes)
        self.advance(
            run,
            RunState.REJECTED,
            Outcome(RunState.REJECTED, "RAGGED_ROW", "Line 17 has 4 cells instead of 5."),
        )

    def keys(self, prefix: str = "") -> list[str]:
        """Return every key that has a version or a delete marker."""
        page = self.s3.list_object_versions(Bucket=BUCKET, Prefix=prefix)
        found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        return sorted({str(each["Key"]) for each in found})

    def _open_page(self, address: str) -> bool:
        self.pages.append(address)
        return self.has_browser

    def _now(self) -> datetime:
        return self.now

    def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)
        if self.script:
            self.script.pop(0)()


HEADLINE = "ROC AUC 0.953 on 8,238 held-out rows"


def automl_job(name: str, status: str = "InProgress", secondary: str = "ModelTuning") -> AutoMLJob:
    """Return an AutoML job."""
    return AutoMLJob(name, status, secondary, "s3://data-bucket/train.csv", created_at=BEGIN)


def processing_job(name: str, status: str = "InProgress") -> ProcessingJob:
    """Return a processing job."""
    return ProcessingJob(name, status, "s3://data-bucket/inbox/iris/iris.csv", created_at=BEGIN)


def transform_job(name: str, status: str = "InProgress") -> TransformJob:
    """Return a transform job."""
    return TransformJob(name, status, name, "s3://data-bucket/test.csv", created_at=BEGIN)


def summary_of(run: Run, **changes: object) -> dict[str, Any]:
    """Return a `summary.json` as `write_results` writes it."""
    objective = {"metric": "F1", "value": 0.6234, "goal": "Maximize"}
    folder = f"s3://{BUCKET}/{run.folder.results}"
    return {
        "schema_version": 1,
        "run_id": run.run_id,
        "dataset": run.dataset,
        "state": "COMPLETED",
        "rows": 41188,
        "columns": 21,
        "target": "y",
        "problem_type": "binary",
        "positive_class": "yes",
        "split": {
            "method": "random",
            "test_fraction": 0.2,
            "seed": 200,
            "train_rows": 32950,
            "test_rows": 8238,
        },
        "objective": objective,
        "best_candidate": {"name": "WeightedEnsemble", "objective": objective},
        "candidates": [
            {
                "rank": 1,
                "name": "WeightedEnsemble",
                "status": "Completed",
                "objective_metric": "F1",
                "objective_value": 0.6234,
                "training_seconds": 61.0,
                "metrics": [{"name": "AUC", "value": 0.95, "set": "Validation"}],
            },
            {
                "rank": 2,
                "name": "CatBoost",
                "status": "Failed",
                "objective_metric": None,
                "objective_value": None,
                "training_seconds": None,
                "metrics": [],
            },
        ],
        "held_out": {
            "rows": 8238,
            "metrics": {"roc_auc": 0.95312, "log_loss": None},
            "confusion_matrix": {"labels": ["no", "yes"], "counts": [[7000, 310], [400, 528]]},
        },
        "notebooks": {
            "candidate_definition": "s3://data-bucket/candidates.ipynb",
            "data_exploration": None,
        },
        "files": {"folder": folder, "report": f"{folder}report.html"},
        "timings": {"prepare_seconds": 4.2, "training_seconds": 65.0, "total_seconds": 83.0},
        "versions": {},
        "warnings": [{"code": "TARGET_MISSING", "message": "3 rows have no target."}],
        "headline": HEADLINE,
        **changes,
    }
