"""S3 *Object Created* of `dataset.json` → an AutoML job, or a place in the queue."""

from __future__ import annotations

from autodrop.errors import AlreadyExists, JobFailed, NotFound, QuotaExceeded
from autodrop.outcome import conclude, name_taken, refused
from autodrop.ports import Services
from autodrop.report import Report
from autodrop.requests import automl_job_request
from autodrop.run import RunState
from autodrop.steps.run_folder import read_dataset


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
