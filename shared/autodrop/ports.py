"""What the steps need from the outside. `autodrop.aws` fills it; so do the fakes of the tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from autodrop.ceilings import Ceilings
from autodrop.events import OwnEvent
from autodrop.requests import ProcessingSetup
from autodrop.run import Outcome, Run, RunState
from autodrop.sagemaker_jobs import (
    AutoMLJob,
    Candidate,
    Model,
    ProcessingJob,
    TransformJob,
)


@dataclass(frozen=True)
class ObjectFacts:
    """What S3 tells of an object without its content.

    Attributes:
        metadata: What came with the upload.
        version_id: The version that was looked at; None in a bucket without versions.
    """

    metadata: Mapping[str, str]
    version_id: str | None


class Bucket(Protocol):
    """Objects of the data bucket."""

    @property
    def name(self) -> str:
        """What it is called."""

    def download(self, key: str, path: Path, version_id: str | None = None) -> Mapping[str, str]:
        """Write the object to `path` and return its metadata.

        Raises:
            NotFound: No such object or version.
        """

    def read(self, key: str, most: int | None = None) -> bytes:
        """Return a small object whole, or the first bytes of one that somebody else wrote.

        Args:
            key: Its key.
            most: As many bytes at most; None for all.

        Raises:
            NotFound: No such object.
        """

    def facts(self, key: str, version_id: str | None = None) -> ObjectFacts:
        """Return what S3 tells of the object, or of one version of it.

        Raises:
            NotFound: No such object or version.
        """

    def exists(self, key: str) -> bool:
        """Return whether the object exists."""

    def upload(self, key: str, path: Path, content_type: str) -> None:
        """Write the file to the bucket."""

    def write(self, key: str, content: bytes, content_type: str) -> None:
        """Write a small object."""

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """Return the keys below `prefix`, in order, with their sizes in bytes."""

    def list(self, prefix: str) -> Sequence[str]:
        """Return the keys below `prefix`, in order."""


@dataclass(frozen=True)
class Lease:
    """The right to look at all runs, which one function has at a time.

    Attributes:
        until: When it ends by itself, should its holder die; tells holders apart.
        not_before: When the next look may begin at the earliest; None before the first.
        cursor: How far the last look came in the list of runs; empty before the first.
    """

    until: datetime
    not_before: datetime | None = None
    cursor: str = ""


class Ledger(Protocol):
    """The runs. Changed only by conditional writes."""

    def claim(self, run: Run) -> Run | None:
        """Store `run` unless its id is known; return the run that is stored now.

        None when the run was removed: its late events must not bring it back.
        """

    def find(self, run_id: str) -> Run | None:
        """Return the run, or None when the id is not ours."""

    def open_runs(self) -> Sequence[Run]:
        """Return the runs whose outcome has not been announced, oldest first."""

    def latest_runs(self, dataset: str, most: int) -> Sequence[Run]:
        """Return the dataset's last runs, newest first; what was just written may be missing."""

    def completed_before(self, run: Run, most: int) -> Sequence[Run]:
        """Return the last completed runs of the dataset that were created before `run`."""

    def advance(
        self, run_id: str, state: RunState, now: datetime, outcome: Outcome | None = None
    ) -> bool:
        """Bring the run to `state` from any earlier one; return False when it is there or past."""

    def claim_announcement(
        self, run_id: str, announced: str, now: datetime, before: datetime
    ) -> bool:
        """Note what is about to be announced of an open run.

        Return False when just that was noted already, and not at or `before` that time: somebody
        else announces it.
        """

    def claim_waiting_notice(self, run_id: str, state: RunState) -> bool:
        """Note that people are told how long the run waits in this state; False when they were."""

    def take_lease(self, now: datetime, until: datetime) -> Lease | None:
        """Return the lease, ours until then; None while somebody else has it."""

    def keep_lease(self, lease: Lease) -> bool:
        """Store the lease's cursor and time; return False when it is ours no longer."""

    def renew_lease(self, lease: Lease, until: datetime) -> Lease | None:
        """Return the lease, ours until then; None when it is ours no longer."""

    def end_lease(self, lease: Lease) -> None:
        """Let others have the lease, if it is still ours."""

    def note(self, run_id: str, **facts: str | datetime | None) -> None:
        """Store facts about an open run without changing its state."""

    def close(self, run_id: str) -> None:
        """Mark the run's outcome as announced."""


class SageMaker(Protocol):
    """Jobs and models."""

    def create_processing_job(self, request: Mapping[str, Any]) -> None:
        """Send CreateProcessingJob.

        Raises:
            AlreadyExists: The name is taken.
            QuotaExceeded: No room for its instance.
            JobFailed: SageMaker refuses the request.
        """

    def describe_processing_job(self, name: str) -> ProcessingJob | None:
        """Return the processing job, or None when there is none."""

    def stop_processing_job(self, name: str) -> None:
        """Ask the job to stop; content when it is not there or has ended."""

    def create_automl_job(self, request: Mapping[str, Any]) -> None:
        """Send CreateAutoMLJobV2.

        Raises:
            AlreadyExists: The name is taken.
            QuotaExceeded: Too many jobs at once.
            JobFailed: SageMaker refuses the request.
        """

    def describe_automl_job(self, name: str) -> AutoMLJob | None:
        """Return the job, or None when there is none."""

    def stop_automl_job(self, name: str) -> None:
        """Ask the job to stop; content when it is not there or has ended."""

    def list_candidates(self, name: str) -> Sequence[Candidate]:
        """Return all candidates of the job."""

    def create_model(self, request: Mapping[str, Any]) -> None:
        """Send CreateModel.

        Raises:
            AlreadyExists: The name is taken.
        """

    def describe_model(self, name: str) -> Model | None:
        """Return the model, or None when there is none."""

    def create_transform_job(self, request: Mapping[str, Any]) -> None:
        """Send CreateTransformJob.

        Raises:
            AlreadyExists: The name is taken.
            QuotaExceeded: No room for its instances.
        """

    def describe_transform_job(self, name: str) -> TransformJob | None:
        """Return the transform job, or None when there is none."""


class EventBus(Protocol):
    """Where our own events go."""

    def put(self, event: OwnEvent) -> None:
        """Put one event on the bus."""


class OutcomeTopic(Protocol):
    """Where people hear of outcomes."""

    def publish(self, subject: str, message: str) -> None:
        """Send one notification.

        Raises:
            NotDelivered: It cannot be sent, now or later.
        """


@dataclass(frozen=True)
class Services:
    """Everything a step works with.

    Attributes:
        sleep: Wait for so many seconds.
        work_folder: Where one invocation at a time keeps its files; nobody else does.
    """

    bucket: Bucket
    ledger: Ledger
    sagemaker: SageMaker
    events: EventBus
    topic: OutcomeTopic
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    execution_role_arn: str
    default_settings: Mapping[str, Any]
    max_dataset_bytes: int
    ceilings: Ceilings
    processing: ProcessingSetup
    work_folder: Path
