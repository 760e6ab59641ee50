"""Transform jobs as pure functions: how one ends, and what is shown of it."""

from __future__ import annotations

from dataclasses import replace

from autodrop_local.sagemaker.state import Members, TransformJob

_FROM_REQUEST = (
    "ModelName",
    "MaxConcurrentTransforms",
    "ModelClientConfig",
    "MaxPayloadInMB",
    "BatchStrategy",
    "Environment",
    "TransformInput",
    "TransformOutput",
    "DataCaptureConfig",
    "TransformResources",
    "ExperimentConfig",
)


def after_message(job: TransformJob, message: Members, now: float) -> TransformJob:
    """The job after what its process has told."""
    match message:
        case {"subject": "finished"}:
            return ended(job, "Completed", now)
        case {"subject": "failed", "reason": reason}:
            return ended(job, "Failed", now, reason)
    return job


def started(job: TransformJob, now: float) -> TransformJob:
    """The job after its process was started."""
    return replace(job, started=now, modified=now)


def stopping(job: TransformJob, now: float) -> TransformJob:
    """The job after it was asked to stop."""
    return replace(job, status="Stopping", modified=now)


def ended(job: TransformJob, status: str, now: float, reason: str | None = None) -> TransformJob:
    """The job after its end."""
    return replace(job, status=status, ended=now, modified=now, failure_reason=reason)


def described(job: TransformJob) -> Members:
    """`DescribeTransformJob`."""
    shown = {
        "TransformJobName": job.name,
        "TransformJobArn": job.arn,
        "TransformJobStatus": job.status,
        "FailureReason": job.failure_reason,
        **{name: job.request.get(name) for name in _FROM_REQUEST},
        "CreationTime": job.created,
        "TransformStartTime": job.started,
        "TransformEndTime": job.ended,
        "DataProcessing": {
            "InputFilter": "$",
            "OutputFilter": "$",
            "JoinSource": "None",
            **job.request.get("DataProcessing", {}),
        },
    }
    return {name: value for name, value in shown.items() if value is not None}


def summary(job: TransformJob) -> Members:
    """The job's entry in `ListTransformJobs`."""
    shown = {
        "TransformJobName": job.name,
        "TransformJobArn": job.arn,
        "CreationTime": job.created,
        "TransformEndTime": job.ended,
        "LastModifiedTime": job.modified,
        "TransformJobStatus": job.status,
        "FailureReason": job.failure_reason,
    }
    return {name: value for name, value in shown.items() if value is not None}
