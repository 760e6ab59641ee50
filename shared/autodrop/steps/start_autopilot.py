"""S3 *Object Created* of `dataset.json` → an AutoML job, or a place in the queue."""

from __future__ import annotations

import json

from autodrop.dataset import Dataset
from autodrop.errors import AlreadyExists, JobFailed, NotFound, QuotaExceeded
from autodrop.outcome import conclude
from autodrop.ports import Services
from autodrop.report import Report
from autodrop.requests import automl_job_request
from autodrop.run import Outcome, Run, RunState


def start_autopilot(services: Services, run_id: str) -> Report:
    """Start the run's AutoML job unless it has one; leave it queued when the quota is used up."""
    run = services.ledger.find(run_id)
    if run is None:
        return Report("Not a run of ours", {"run_id": run_id})
    if run.state.is_end or run.state is RunState.TRANSFORMING:
        return Report("Run is past training", {"run_id": run_id, "state": str(run.state)})
    try:
        dataset = read_dataset(services, run)
    except NotFound:
        return Report("Dataset is not ready", {"run_id": run_id})
    services.ledger.advance(run_id, RunState.PREPARED, services.now())
    try:
        services.sagemaker.create_automl_job(
            automl_job_request(dataset, services.execution_role_arn)
        )
    except AlreadyExists:
        job = services.sagemaker.describe_automl_job(run_id)
        if job is None or job.train_uri != dataset.uri(dataset.folder.train):
            return conclude(services, run, name_taken("AutoML job", run_id))
    except QuotaExceeded as error:
        services.ledger.advance(run_id, RunState.QUEUED, services.now())
        services.ledger.note(run_id, waiting_for=f"SageMaker: {error}")
        return Report("Run queued", {"run_id": run_id}, metric="RunsQueued")
    except JobFailed as refusal:
        return conclude(services, run, refused("AutoML job", refusal))
    services.ledger.advance(run_id, RunState.TRAINING, services.now())
    return Report("Autopilot job started", {"run_id": run_id}, metric="JobsStarted")


def read_dataset(services: Services, run: Run) -> Dataset:
    """Return the run's `dataset.json`.

    Raises:
        NotFound: Preparation has not written it.
    """
    return Dataset.from_json(json.loads(services.bucket.read(run.folder.dataset)))


def name_taken(what: str, name: str) -> Outcome:
    """Return how a run ends whose name in SageMaker belongs to something else."""
    return Outcome(
        RunState.FAILED,
        "NAME_TAKEN",
        f"SageMaker already has another {what} called {name}.",
        "Drop the file again: the new upload gets a new name.",
    )


def refused(what: str, refusal: JobFailed) -> Outcome:
    """Return how a run ends whose request SageMaker refuses."""
    return Outcome(
        RunState.FAILED,
        refusal.code,
        f"SageMaker refused the {what}: {refusal.message}",
        "Change what the message names and drop the file again.",
    )
