"""A failed or stopped job, or an event in the failure queue → a run that ends with a reason."""

from __future__ import annotations

from autodrop.errors import MalformedEvent
from autodrop.events import (
    JOB_CHANGED,
    PROCESSING_CHANGED,
    RUN_CHANGED,
    FailedDelivery,
    is_only_a_look,
    parse_dataset_ready,
    parse_drop,
    parse_job_name,
    parse_run_ended,
)
from autodrop.naming import INBOX, run_id
from autodrop.outcome import conclude
from autodrop.ports import Services
from autodrop.report import Report
from autodrop.run import Outcome, Run, RunState


def record_job_failure(services: Services, name: str) -> Report:
    """End the run whose processing, AutoML or transform job Describe shows as failed or stopped."""
    run = services.ledger.find(name)
    if run is None or run.state.is_end:
        return Report("No open run of this name", {"run_id": name})
    outcome = _job_outcome(services, run)
    if outcome is None:
        return Report("No job of the run failed", {"run_id": name})
    return conclude(services, run, outcome)


def record_failed_delivery(services: Services, failed: FailedDelivery) -> Report:
    """End the run that an event in the failure queue was about, if it still waits for that event.

    A late failure of an event that another delivery has handled meanwhile changes nothing.

    Raises:
        MalformedEvent: The event is of no kind that we know.
    """
    if is_only_a_look(failed.event):
        return Report("A look at the runs failed", {"error": failed.error_kind})
    if failed.event.get("detail-type") == RUN_CHANGED:
        ended = parse_run_ended(failed.event)
        return Report("Dataset page not written", {"run_id": ended, "error": failed.error_kind})
    run, stages = _waiting_for(services, failed)
    if run is None or run.state.is_end or run.state not in stages:
        return Report("Late failure, nothing waits for it", {"error": failed.error_kind})
    outcome = _job_outcome(services, run)
    if outcome is None and _goes_on_by_itself(services, run, failed):
        return Report("Left to watch_runs", {"run_id": run.run_id, "error": failed.error_kind})
    return conclude(services, run, outcome or _our_failure(failed))


def _goes_on_by_itself(services: Services, run: Run, failed: FailedDelivery) -> bool:
    """Return whether `watch_runs` brings the run forward although this event is lost.

    It does so from PREPARING on. What passes by itself is no reason to end a run, and a job that is
    under way goes on without anybody.
    """
    if run.state is RunState.RECEIVED:
        return False
    if failed.passes_by_itself:
        return True
    job = services.sagemaker.describe_automl_job(run.run_id)
    return run.state in RunState.TRAINING.predecessors and job is not None


def _waiting_for(
    services: Services, failed: FailedDelivery
) -> tuple[Run | None, tuple[RunState, ...]]:
    """Return the run and the states in which it waits for this event."""
    event = failed.event
    if event.get("source") == "aws.s3":
        key = event.get("detail", {}).get("object", {}).get("key", "")
        if not str(key).startswith(INBOX):
            name = parse_dataset_ready(event)
            return services.ledger.find(name), RunState.TRAINING.predecessors
        drop, now = parse_drop(event), services.now()
        if not drop.is_dataset or drop.bucket != services.bucket.name:
            return None, ()
        # Not even the claim may have worked: without a run nobody would hear of the failure.
        new = Run(run_id(drop), drop, RunState.RECEIVED, now, {RunState.RECEIVED: now})
        return services.ledger.claim(new), (RunState.RECEIVED,)
    job = parse_job_name(event)
    if job is None:
        raise MalformedEvent("the failed event is about no run")
    if event.get("detail-type") == PROCESSING_CHANGED:
        return services.ledger.find(job), (RunState.PREPARING,)
    if event.get("detail-type") == JOB_CHANGED:
        return services.ledger.find(job), (RunState.TRAINING,)
    return services.ledger.find(job), (RunState.TRAINING, RunState.TRANSFORMING)


def _job_outcome(services: Services, run: Run) -> Outcome | None:
    name = run.run_id
    if run.state is RunState.PREPARING:
        processing = services.sagemaker.describe_processing_job(name)
        if processing is None or processing.status not in ("Failed", "Stopped"):
            return None
        reason = processing.reason
        if reason is None and processing.status == "Stopped":
            reason = "Somebody stopped the Processing job, or it had used up its time."
        return _ended("Processing job", "PROCESSING", processing.status, reason)
    job = services.sagemaker.describe_automl_job(name)
    if job is None:
        return None
    if job.result_status in ("Failed", "Stopped"):
        return _ended("Autopilot job", "AUTOPILOT", job.status, job.failure_reason)
    transform = services.sagemaker.describe_transform_job(name)
    if transform is not None and transform.status in ("Failed", "Stopped"):
        return _ended("batch transform", "TRANSFORM", transform.status, transform.failure_reason)
    return None


def _ended(what: str, code: str, status: str, reason: str | None) -> Outcome:
    if status == "Stopped":
        return Outcome(
            RunState.STOPPED,
            f"{code}_STOPPED",
            reason or f"Somebody stopped the {what}.",
            "Drop the file again to start anew.",
        )
    return Outcome(
        RunState.FAILED,
        f"{code}_FAILED",
        f"The {what} failed: {reason or 'SageMaker gives no reason'}",
        "Change what the reason names and drop the file again.",
    )


def _our_failure(failed: FailedDelivery) -> Outcome:
    request = f" (request {failed.request_id})" if failed.request_id else ""
    return Outcome(
        RunState.FAILED,
        "INTERNAL_ERROR",
        f"autodrop could not go on: {failed.error[:300]}{request}",
        "Look at the function's log with that request id; drop the file again to try anew.",
    )
