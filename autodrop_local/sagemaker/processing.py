"""Processing jobs of the user's as pure functions: how one ends, and what is shown of it."""

from __future__ import annotations

from dataclasses import replace

from autodrop_local.sagemaker.state import Members, StepJob

DEFAULT_MAX_RUNTIME = 86_400

_FROM_REQUEST = (
    "ProcessingResources",
    "AppSpecification",
    "Environment",
    "NetworkConfig",
    "RoleArn",
    "ExperimentConfig",
)


def after_message(job: StepJob, message: Members, now: float) -> StepJob:
    """The job after what its process has told."""
    match message:
        case {"subject": "finished", "exit_message": exit_message}:
            return replace(ended(job, "Completed", now), exit_message=exit_message)
        case {"subject": "failed", "reason": reason}:
            exit_message = message.get("exit_message")
            return replace(ended(job, "Failed", now, reason), exit_message=exit_message)
    return job


def started(job: StepJob, now: float) -> StepJob:
    """The job after its process was started."""
    return replace(job, started=now, modified=now)


def stopping(job: StepJob, now: float) -> StepJob:
    """The job after it was asked to stop, or has used up its runtime."""
    return replace(job, status="Stopping", modified=now)


def ended(job: StepJob, status: str, now: float, reason: str | None = None) -> StepJob:
    """The job after its end."""
    return replace(job, status=status, ended=now, modified=now, failure_reason=reason)


def max_runtime(job: StepJob) -> int:
    """The seconds that the job may run."""
    seconds: int = _stopping_condition(job.request or {})["MaxRuntimeInSeconds"]
    return seconds


def described(job: StepJob, request: Members) -> Members:
    """`DescribeProcessingJob`, with the defaults that AWS fills in."""
    inputs, outputs = request.get("ProcessingInputs"), request.get("ProcessingOutputConfig")
    shown = {
        "ProcessingInputs": None if inputs is None else [_input(given) for given in inputs],
        "ProcessingOutputConfig": None if outputs is None else _output_config(outputs),
        **{name: request.get(name) for name in _FROM_REQUEST},
        "StoppingCondition": _stopping_condition(request),
        "ProcessingJobName": job.name,
        "ProcessingJobArn": job.arn,
        "ProcessingJobStatus": job.status,
        "ExitMessage": job.exit_message,
        "FailureReason": job.failure_reason,
        "ProcessingStartTime": job.started,
        "ProcessingEndTime": job.ended,
        "LastModifiedTime": job.modified,
        "CreationTime": job.created,
    }
    return {name: value for name, value in shown.items() if value is not None}


def summary(job: StepJob) -> Members:
    """The job's entry in `ListProcessingJobs`, which lists the steps of AutoML jobs too."""
    shown = {
        "ProcessingJobName": job.name,
        "ProcessingJobArn": job.arn,
        "CreationTime": job.created,
        "ProcessingEndTime": job.ended,
        "LastModifiedTime": job.modified,
        "ProcessingJobStatus": job.status,
        "FailureReason": job.failure_reason,
        "ExitMessage": job.exit_message,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _input(given: Members) -> Members:
    replicated = {"S3DataDistributionType": "FullyReplicated"}
    return {"AppManaged": False, **given, "S3Input": {**replicated, **given["S3Input"]}}


def _output_config(given: Members) -> Members:
    return {**given, "Outputs": [{"AppManaged": False, **output} for output in given["Outputs"]]}


def _stopping_condition(request: Members) -> Members:
    default = {"MaxRuntimeInSeconds": DEFAULT_MAX_RUNTIME}
    return {**default, **(request.get("StoppingCondition") or {})}
