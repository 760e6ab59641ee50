"""Events as they arrive and as we send them; the only place that knows AWS's spelling of them.

An event never carries the truth: parsing takes the name of the thing from it and nothing that a
later look could contradict. SageMaker's events are best effort, repeated and unordered.
https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autodrop.errors import MalformedEvent
from autodrop.naming import RUN_ID, Drop, run_of_dataset_key
from autodrop.run import Run

OUR_SOURCE = "autodrop"
JOB_CHANGED = "Autopilot Job State Change"
TRANSFORM_CHANGED = "Transform Job State Change"
PROCESSING_CHANGED = "Processing Job State Change"
RUN_CHANGED = "Run State Change"
RUN_WAITING = "Run Waiting"
SAGEMAKER_TRANSFORM_CHANGED = "SageMaker Transform Job State Change"
# What our event says of a processing job that is not there; SageMaker has no such status.
NOT_STARTED = "NotStarted"


@dataclass(frozen=True)
class OwnEvent:
    """An event that autodrop puts on the bus, with source `autodrop`."""

    detail_type: str
    detail: Mapping[str, Any]


def parse_drop(event: Mapping[str, Any]) -> Drop:
    """Return the upload in an S3 *Object Created* event from EventBridge.

    The key arrives as it is, not URL-encoded; `version-id` only on buckets with versions.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html

    Raises:
        MalformedEvent: Not such an event.
    """
    bucket, thing = _bucket_and_object(event)
    version_id = thing.get("version-id")
    version = version_id or thing.get("sequencer")
    if not version:
        raise MalformedEvent("the event has neither version-id nor sequencer")
    return Drop(
        bucket=bucket,
        key=str(thing["key"]),
        version=str(version),
        version_id=str(version_id) if version_id else None,
        size=int(thing.get("size") or 0),
    )


def parse_dataset_ready(event: Mapping[str, Any]) -> str:
    """Return the run id of the *Object Created* event of a `dataset.json`.

    Raises:
        MalformedEvent: Not such an event.
    """
    _, thing = _bucket_and_object(event)
    try:
        return run_of_dataset_key(str(thing["key"]))
    except ValueError as error:
        raise MalformedEvent(str(error)) from None


def parse_job_name(event: Mapping[str, Any]) -> str | None:
    """Return the run that a job event is about, or None when the name is not one of ours.

    Takes our own events, *SageMaker Transform Job State Change* and *SageMaker Processing Job
    State Change*; Autopilot's child jobs send the latter two as well, under names of their own.

    Raises:
        MalformedEvent: The event has no name.
    """
    detail = event.get("detail")
    name = None
    if isinstance(detail, Mapping):
        members = ("run_id", "TransformJobName", "ProcessingJobName")
        name = next((detail[each] for each in members if detail.get(each)), None)
    if not isinstance(name, str) or not name:
        raise MalformedEvent("the event names no job")
    return name if RUN_ID.fullmatch(name) else None


def parse_run_ended(event: Mapping[str, Any]) -> str:
    """Return the run id of our own *Run State Change*.

    Raises:
        MalformedEvent: Not such an event.
    """
    run_id = parse_job_name(event)
    if run_id is None or event.get("detail-type") != RUN_CHANGED:
        raise MalformedEvent("the event is about no run of ours")
    return run_id


def is_only_a_look(event: Mapping[str, Any]) -> bool:
    """Return whether nobody has to end a run because this event could not be handled.

    It only makes `watch_runs` look. So does the end of a run's own processing job, for which
    `watch_runs` sends our event when nothing comes of SageMaker's.
    """
    if event.get("source") == "aws.scheduler":
        return True
    return (
        event.get("source") == "aws.sagemaker"
        and event.get("detail-type") != SAGEMAKER_TRANSFORM_CHANGED
    )


_PASSING = ("Transient", "QuotaExceeded", "EventAgeExceeded")


@dataclass(frozen=True)
class FailedDelivery:
    """An event that a function could not handle, as it lies in the failure queue.

    Attributes:
        event: The original event.
        error: What the function raised or why EventBridge gave up, without row data.
        request_id: Lambda's request id, when a function ran.
        function_arn: The function, when one ran.
    """

    event: Mapping[str, Any]
    error: str
    request_id: str | None = None
    function_arn: str | None = None

    @property
    def passes_by_itself(self) -> bool:
        """Whether the same event would go through later: throttling, or never delivered."""
        return self.function_arn is None or self.error_kind in _PASSING

    @property
    def error_kind(self) -> str:
        """The error without its text, which may quote the data: fit for a log."""
        return self.error.partition(":")[0]


def parse_failed_delivery(
    body: str, attributes: Mapping[str, Mapping[str, Any]] | None = None
) -> FailedDelivery:
    """Return the failed delivery in a message of the failure queue.

    Two senders write it: Lambda's on-failure destination (a record around the event), and
    EventBridge's dead-letter queue (the event itself, the reason in message attributes).
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html

    Raises:
        MalformedEvent: Neither.
    """
    try:
        message = json.loads(body)
    except ValueError:
        raise MalformedEvent("the message is not JSON") from None
    if not isinstance(message, dict):
        raise MalformedEvent("the message is not an object")
    payload = message.get("requestPayload")
    if isinstance(payload, dict):
        context = message.get("requestContext") or {}
        response = message.get("responsePayload")
        if not isinstance(response, dict):
            # The age limit was reached, or the function's answer was no error object.
            response = {}
        kind = response.get("errorType") or context.get("condition") or "unknown error"
        text = response.get("errorMessage")
        return FailedDelivery(
            event=payload,
            error=f"{kind}: {text}" if text else str(kind),
            request_id=context.get("requestId"),
            function_arn=context.get("functionArn"),
        )
    if "detail-type" in message:
        told = (attributes or {}).get("ERROR_MESSAGE") or (attributes or {}).get("ERROR_CODE") or {}
        text = told.get("stringValue") or told.get("StringValue") or "no reason given"
        return FailedDelivery(event=message, error=f"EventBridge could not deliver: {text}")
    raise MalformedEvent("the message holds no event")


def job_changed(run: Run, status: str, job_status: str = "") -> OwnEvent:
    """Return the event that Autopilot itself never sends.

    Args:
        run: The run.
        status: What rules go by: `Completed` also for a job that failed after training.
        job_status: What SageMaker says of such a job.
    """
    detail = {**_about(run), "status": status}
    return OwnEvent(JOB_CHANGED, {**detail, "job_status": job_status} if job_status else detail)


def transform_changed(run: Run, status: str) -> OwnEvent:
    """Return the event that stands in for a Transform event that never came."""
    return OwnEvent(TRANSFORM_CHANGED, {**_about(run), "status": status})


def processing_changed(run: Run, status: str) -> OwnEvent:
    """Return the event that stands in for a Processing event that never came.

    Its status is `NOT_STARTED` when there is no job at all.
    """
    return OwnEvent(PROCESSING_CHANGED, {**_about(run), "status": status})


def run_changed(run: Run) -> OwnEvent:
    """Return the event that tells everybody how a run ended."""
    return OwnEvent(
        RUN_CHANGED,
        {
            **_about(run),
            "dataset": run.dataset,
            "state": str(run.state),
            "code": run.code,
            "reason": run.reason,
            "headline": run.headline,
            "folder": f"s3://{run.drop.bucket}/{run.folder.prefix}",
        },
    )


def run_waiting(run: Run, reason: str) -> OwnEvent:
    """Return the event that tells that a run has been waiting for room for long, and why."""
    return OwnEvent(
        RUN_WAITING,
        {
            **_about(run),
            "dataset": run.dataset,
            "state": str(run.state),
            "waiting_for": reason,
            "since": run.updated_at.isoformat(),
        },
    )


def _about(run: Run) -> dict[str, Any]:
    # The bucket keeps two stacks in one account apart: rules filter on it.
    return {"run_id": run.run_id, "bucket": run.drop.bucket}


def _bucket_and_object(event: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    try:
        detail = event["detail"]
        bucket = detail["bucket"]["name"]
        thing = detail["object"]
        if not isinstance(thing["key"], str) or not isinstance(bucket, str):
            raise MalformedEvent("bucket or key is not a text")
    except (KeyError, TypeError) as error:
        raise MalformedEvent(f"not an S3 Object Created event: {error!r}") from None
    return bucket, thing
