"""What SageMaker tells about our jobs, reduced to what autodrop looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from autodrop.settings import ProblemType

TERMINAL_STATUSES = ("Completed", "Failed", "Stopped")


@dataclass(frozen=True)
class Objective:
    """An objective metric and its value for one candidate.

    Attributes:
        metric: Autopilot's name, the standard one where Autopilot gives it.
        value: As Autopilot reports it.
        goal: `Maximize` or `Minimize`, when Autopilot says it.
    """

    metric: str
    value: float
    goal: str | None = None


@dataclass(frozen=True)
class Metric:
    """One of a candidate's further metrics, on Autopilot's own train or validation rows."""

    name: str
    value: float
    set: str


@dataclass(frozen=True)
class Container:
    """An inference container of a candidate."""

    image: str
    model_data_url: str
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """One model that Autopilot tried."""

    name: str
    status: str
    objective: Objective | None = None
    containers: tuple[Container, ...] = ()
    metrics: tuple[Metric, ...] = ()
    created_at: datetime | None = None
    ended_at: datetime | None = None
    failure_reason: str | None = None
    explainability: str | None = None
    model_insights: str | None = None


@dataclass(frozen=True)
class AutoMLJob:
    """An AutoML job as DescribeAutoMLJobV2 tells it.

    Attributes:
        name: Its name, which is the run id.
        status: InProgress, Completed, Failed, Stopping or Stopped. What is done next follows from
            `result_status`, never from this.
        secondary_status: What it is at, for people.
        train_uri: Its input.
        created_at: When it was created.
        ended_at: When it ended.
        failure_reason: SageMaker's own words.
        partial_failures: What went wrong without ending the job.
        best_candidate: May be missing even in a Completed job, present even in a Stopped one.
        problem_type: The kind that Autopilot resolved.
        objective_metric: The metric that Autopilot resolved.
        candidate_notebook: `s3://` URI of the candidate definition notebook.
        exploration_notebook: `s3://` URI of the data exploration notebook.
    """

    name: str
    status: str
    secondary_status: str
    train_uri: str
    created_at: datetime
    ended_at: datetime | None = None
    failure_reason: str | None = None
    partial_failures: tuple[str, ...] = ()
    best_candidate: Candidate | None = None
    problem_type: ProblemType | None = None
    objective_metric: str | None = None
    candidate_notebook: str | None = None
    exploration_notebook: str | None = None

    @property
    def status_line(self) -> str:
        """Both statuses in a few words, such as `InProgress, ModelTuning`, and why it failed."""
        line = f"{self.status}, {self.secondary_status}"
        return f"{line}: {self.failure_reason}" if self.failure_reason else line

    @property
    def failed_after_training(self) -> bool:
        """Whether it failed, but left a best candidate that a model can be made of.

        With which status Autopilot ends where only its explainability or insights report failed is
        not documented: SageMaker Clarify and Model Monitor are closed to new customers. A job that
        somebody stopped is none of these.
        """
        return self.status == "Failed" and bool(
            self.best_candidate and self.best_candidate.containers
        )

    @property
    def result_status(self) -> str:
        """Its status, but `Completed` for one that failed after training: the run goes on."""
        return "Completed" if self.failed_after_training else self.status


@dataclass(frozen=True)
class ProcessingJob:
    """A processing job as DescribeProcessingJob tells it.

    Attributes:
        name: Its name, which is the run id.
        status: InProgress, Completed, Failed, Stopping or Stopped.
        input_uri: The code that it is given; empty for a job that has no such input.
        created_at: When it was created.
        started_at: When it began to work.
        ended_at: When it ended.
        failure_reason: SageMaker's own words.
        exit_message: What the container left in `/opt/ml/output/message`.
    """

    name: str
    status: str
    input_uri: str
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    failure_reason: str | None = None
    exit_message: str | None = None

    @property
    def reason(self) -> str | None:
        """Why it failed: SageMaker's reason and the container's last words, as far as told."""
        told = [each for each in (self.failure_reason, self.exit_message) if each]
        return "; ".join(told) or None


@dataclass(frozen=True)
class TransformJob:
    """A batch transform as DescribeTransformJob tells it."""

    name: str
    status: str
    model_name: str
    input_uri: str
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    failure_reason: str | None = None


@dataclass(frozen=True)
class Model:
    """A model as DescribeModel tells it."""

    name: str
    containers: tuple[Container, ...]
