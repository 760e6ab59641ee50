"""The Lambda functions as AWS calls them, wired as `template.yaml` wires them, on the fakes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch
from zipfile import ZipFile

from autodrop.steps import prepare_dataset as steps
from autodrop.steps import processing_job
from functions.create_model import app as create_model
from functions.prepare_dataset import app as prepare_dataset
from functions.record_failure import app as record_failure
from functions.start_autopilot import app as start_autopilot
from functions.watch_runs import app as watch_runs
from functions.write_dataset_page import app as write_dataset_page
from functions.write_results import app as write_results
from tests.fakes import World
from tests.remembered import prepare_once

MODULES: dict[str, ModuleType] = {
    "prepare_dataset": prepare_dataset,
    "start_autopilot": start_autopilot,
    "watch_runs": watch_runs,
    "create_model": create_model,
    "write_results": write_results,
    "write_dataset_page": write_dataset_page,
    "record_failure": record_failure,
}
TICK = {"source": "aws.scheduler", "detail-type": "Scheduled Event"}
ATTEMPTS = 3


@dataclass
class LambdaContext:
    """What Powertools wants of a context."""

    function_name: str = "autodrop-test"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:111122223333:function:autodrop-test"
    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"


def _no_library(target: Path) -> None:
    """Write an archive in place of 200 MB of libraries that nobody unpacks here."""
    with ZipFile(target, "w"):
        pass


class Functions:
    """Calls the functions, and delivers events as EventBridge and Lambda do."""

    def __init__(self, world: World) -> None:
        self.world = world

    @classmethod
    @contextmanager
    def in_world(cls, world: World) -> Iterator[Functions]:
        """Return the functions with their services replaced by those of `world`."""
        with ExitStack() as patches:
            for module in MODULES.values():
                patches.enter_context(patch.object(module, "services", lambda: world.services))
            patches.enter_context(patch.object(steps, "prepare", prepare_once))
            patches.enter_context(
                patch.object(processing_job, "write_library_archive", _no_library)
            )
            yield cls(world)

    def invoke(self, function: str, event: dict[str, Any]) -> Any:
        """Call one function once."""
        return MODULES[function].lambda_handler(event, LambdaContext())

    def tick(self) -> None:
        """Call `watch_runs` as the schedule does."""
        self.invoke("watch_runs", TICK)

    def deliver(self, event: dict[str, Any]) -> None:
        """Give the event to every function whose rule matches, with Lambda's retries.

        After three failures it goes through the failure queue to `record_failure`.
        """
        for function in targets(event):
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    self.invoke(function, event)
                except Exception as error:  # noqa: BLE001 - as Lambda does
                    if attempt == ATTEMPTS:
                        self.fail(event, error)
                else:
                    break

    def deliver_all(self) -> None:
        """Deliver events until none is left."""
        while events := self.world.take_events():
            for event in events:
                self.deliver(event)

    def fail(self, event: dict[str, Any], error: Exception) -> Any:
        """Put the event through the failure queue."""
        return self.invoke("record_failure", failure_message(event, error))


def failure_message(event: dict[str, Any], error: Exception) -> dict[str, Any]:
    """Return the SQS event with Lambda's record of a failed asynchronous invocation."""
    body = {
        "version": "1.0",
        "timestamp": "2026-01-02T03:04:05.000Z",
        "requestContext": {
            "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
            "functionArn": "arn:aws:lambda:us-east-1:111122223333:function:autodrop-x:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
        "responsePayload": {"errorType": type(error).__name__, "errorMessage": str(error)},
    }
    return {
        "Records": [
            {
                "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                "body": json.dumps(body),
                "attributes": {},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:111122223333:failures",
                "awsRegion": "us-east-1",
            }
        ]
    }


def targets(event: dict[str, Any]) -> list[str]:
    """Return the functions whose rules in `template.yaml` match the event.

    `tests/template` holds these rules against the real patterns.
    """
    detail = event["detail"]
    kind = event["detail-type"]
    if event["source"] == "aws.s3":
        key = detail["object"]["key"]
        if key.startswith("inbox/"):
            return ["prepare_dataset"]
        is_dataset = key.startswith("runs/") and key.endswith("/dataset.json")
        return ["start_autopilot"] if is_dataset else []
    if kind == "Run State Change":
        return ["write_dataset_page"]
    if kind == "SageMaker Processing Job State Change":
        ended = _PROCESSING.get(detail["ProcessingJobStatus"])
        return ["watch_runs", ended] if ended else []
    if kind == "Processing Job State Change":
        ended = _PROCESSING.get(detail["status"])
        return [ended] if ended else []
    if event["source"] == "aws.sagemaker" and kind != "SageMaker Transform Job State Change":
        return ["watch_runs"]
    status = detail.get("status") or detail.get("TransformJobStatus")
    if status in ("Failed", "Stopped"):
        return ["record_failure"]
    if status != "Completed":
        return []
    return ["create_model"] if kind == "Autopilot Job State Change" else ["write_results"]


# Who is told how a processing job stands; `NotStarted` is a status of ours alone.
_PROCESSING = {
    "Completed": "prepare_dataset",
    "NotStarted": "prepare_dataset",
    "Failed": "record_failure",
    "Stopped": "record_failure",
}
