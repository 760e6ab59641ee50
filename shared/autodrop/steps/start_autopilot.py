"""S3 *Object Created* of `dataset.json` → an AutoML job, or a place in the queue."""

from __future__ import annotations

from autodrop.errors import AlreadyExists, JobFailed, NotFound, QuotaExceeded, Rejected
from autodrop.outcome import conclude, name_taken, refused, rejection
from autodrop.ports import Services
from autodrop.report import Report
from autodrop.requests import automl_job_request
from autodrop.run import Run, RunState
from autodrop.steps.run_folder import read_dataset, unusable_dataset

RUNS_QUEUED = "RunsQueued"


def start_autopilot(services: Services, run_id: str) -> Report:
    """Start the run's AutoML job unless it has one; leave it queued when the quota is used up."""
    run = services.ledger.find(run_id)
    if run is None:
        return Report("Not a run of ours", {"run_id": run_id})
    if run.state.is_end or run.state is RunState.TRANSFORMING:
        return Report("Run is past training", {"run_id": run_id, "state": str(run.state)})
    try:
        dataset = read_dataset(services, run)
        services.ceilings.check(dataset)
    except NotFound as problem:
        if run.state in RunState.PREPARED.predecessors:
            return Report("Dataset is not ready", {"run_id": run_id})
        return conclude(services, run, unusable_dataset(problem))
    except JobFailed as problem:
        return conclude(services, run, unusable_dataset(problem))
    except Rejected as problem:
        return conclude(services, run, rejection(problem))
    services.ledger.advance(run_id, RunState.PREPARED, services.now())
    if _others_wait_longer(services, run):
        return _queued(services, run_id, "Earlier runs are waiting for room.")
    try:
        services.sagemaker.create_automl_job(
            automl_job_request(dataset, services.execution_role_arn)
        )
    except AlreadyExists:
        job = services.sagemaker.describe_automl_job(run_id)
        if job is None or job.train_uri != dataset.train_uri:
            return conclude(services, run, name_taken("AutoML job", run_id))
    except QuotaExceeded as error:
        return _queued(services, run_id, f"SageMaker: {error}")
    except JobFailed as refusal:
        return conclude(services, run, refused("AutoML job", refusal))
    if not services.ledger.advance(run_id, RunState.TRAINING, services.now()):
        current = services.ledger.find(run_id)
        if current is None or current.state.is_end:
            # It ended, or was cleaned up, while its job was being created.
            services.sagemaker.stop_automl_job(run_id)
            return Report("Autopilot job of an ended run stopped", {"run_id": run_id})
    return Report("Autopilot job started", {"run_id": run_id}, metric="JobsStarted")


def _others_wait_longer(services: Services, run: Run) -> bool:
    if run.state not in RunState.QUEUED.predecessors:
        # It has its place in the queue, or a job.
        return False
    return any(other.state is RunState.QUEUED for other in services.ledger.open_runs())


def _queued(services: Services, run_id: str, reason: str) -> Report:
    services.ledger.advance(run_id, RunState.QUEUED, services.now())
    services.ledger.note(run_id, waiting_for=reason)
    return Report("Run queued", {"run_id": run_id}, metric=RUNS_QUEUED)
