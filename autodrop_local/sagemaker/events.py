"""SageMaker's state-change events, in the shapes that AWS documents.

There is none for AutoML jobs, on AWS as here: only their training and processing jobs raise
events. Times are milliseconds since the epoch and `Tags` is a map, as events seen in practice
have them. https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autodrop_local.sagemaker.state import Members, Model, StepJob, TransformJob


@dataclass(frozen=True)
class EmittedEvent:
    """An event without what EventBridge adds; its source is `aws.sagemaker`."""

    detail_type: str
    detail: dict[str, Any]
    resources: list[str]


def transform_event(job: TransformJob) -> EmittedEvent:
    """`SageMaker Transform Job State Change`."""
    request = job.request
    detail = {
        "TransformJobName": job.name,
        "TransformJobArn": job.arn,
        "TransformJobStatus": job.status,
        "FailureReason": job.failure_reason,
        "ModelName": request["ModelName"],
        "MaxConcurrentTransforms": request.get("MaxConcurrentTransforms"),
        "MaxPayloadInMB": request.get("MaxPayloadInMB"),
        "BatchStrategy": request.get("BatchStrategy"),
        "Environment": request.get("Environment", {}),
        "TransformInput": request["TransformInput"],
        "TransformOutput": request["TransformOutput"],
        "TransformResources": request["TransformResources"],
        "CreationTime": milliseconds(job.created),
        "TransformStartTime": milliseconds(job.started),
        "TransformEndTime": milliseconds(job.ended),
        "Tags": dict(job.tags or {}),
    }
    return EmittedEvent("SageMaker Transform Job State Change", detail, [job.arn])


def step_event(job: StepJob, described: Members) -> EmittedEvent:
    """The state change of a training or processing job, from what describing it says."""
    what = "Training" if job.kind == "training" else "Processing"
    dropped = {
        "AutoMLJobArn",
        "BillableTimeInSeconds",
        "Environment",
        "ExitMessage",
        "FinalMetricDataList",
        "ModelArtifacts",
    }
    detail = {
        name: milliseconds(value) if name.endswith("Time") else value
        for name, value in described.items()
        if name not in dropped
    }
    if job.kind == "training":
        detail["SecondaryStatusTransitions"] = []
    detail["Tags"] = dict(job.tags or {})
    return EmittedEvent(f"SageMaker {what} Job State Change", detail, [job.arn])


def model_event(model: Model) -> EmittedEvent:
    """`SageMaker Model State Change`, raised when a model is created and when it is deleted."""
    detail = {
        "ModelName": model.name,
        "PrimaryContainer": model.request.get("PrimaryContainer"),
        "Containers": model.request.get("Containers"),
        "ExecutionRoleArn": model.request.get("ExecutionRoleArn"),
        "CreationTime": milliseconds(model.created),
        "ModelArn": model.arn,
        "Tags": dict(model.tags or {}),
    }
    return EmittedEvent("SageMaker Model State Change", detail, [model.arn])


def milliseconds(seconds: float | None) -> int | None:
    """Epoch milliseconds, as the events have them."""
    return None if seconds is None else int(seconds * 1000)


class UnreliableEmit:
    """Delivery as bad as AWS says it may be: some events dropped, some repeated, all out of order.

    What happens to the n-th event is the same in every run.
    """

    DROPPED = 0.2
    REPEATED = 0.5
    LONGEST_DELAY = 3.0

    def __init__(self, emit: Callable[[EmittedEvent], None], seed: int = 0) -> None:
        self._emit = emit
        self._random = random.Random(seed)  # noqa: S311 - a coin for deliveries, not a secret
        self._lock = threading.Lock()

    def __call__(self, event: EmittedEvent) -> None:
        """Delivers the event later, perhaps several times, perhaps never."""
        for delay in self.delays():
            timer = threading.Timer(delay, self._emit, [event])
            timer.daemon = True
            timer.start()

    def delays(self) -> list[float]:
        """After how many seconds the next event is delivered; empty when it is dropped."""
        with self._lock:
            if self._random.random() < self.DROPPED:
                return []
            times = 1 + (self._random.random() < self.REPEATED)
            return [self._random.uniform(0, self.LONGEST_DELAY) for _ in range(times)]
