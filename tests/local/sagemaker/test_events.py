from __future__ import annotations

from dataclasses import replace

from autodrop_local.sagemaker import steps
from autodrop_local.sagemaker.events import (
    EmittedEvent,
    UnreliableEmit,
    model_event,
    step_event,
    transform_event,
)
from autodrop_local.sagemaker.ports import Place
from autodrop_local.sagemaker.state import AutoMLJob, Model, StepJob, TransformJob
from tests.local.sagemaker.stage import (
    automl_request,
    model_request,
    processing_request,
    transform_request,
)

PLACE = Place("us-east-1", "111122223333", "http://localhost", None)
ARN = PLACE.arn("transform-job", "job")
TRANSFORM = TransformJob(
    "job", ARN, transform_request(), 1696427182.554, 1.0, started=1696427186.229, tags={"k": "v"}
)
AUTOML = AutoMLJob("parent", PLACE.arn("automl-job", "parent"), automl_request(), 1.0, 1.0)


def test_a_transform_event_has_the_documented_members() -> None:
    event = transform_event(TRANSFORM)

    assert event.detail_type == "SageMaker Transform Job State Change"
    assert event.resources == [ARN]
    assert set(event.detail) == {
        "TransformJobName",
        "TransformJobArn",
        "TransformJobStatus",
        "FailureReason",
        "ModelName",
        "MaxConcurrentTransforms",
        "MaxPayloadInMB",
        "BatchStrategy",
        "Environment",
        "TransformInput",
        "TransformOutput",
        "TransformResources",
        "CreationTime",
        "TransformStartTime",
        "TransformEndTime",
        "Tags",
    }
    assert event.detail["TransformJobStatus"] == "InProgress"
    assert event.detail["FailureReason"] is None
    assert event.detail["Tags"] == {"k": "v"}


def test_times_in_events_are_milliseconds() -> None:
    detail = transform_event(TRANSFORM).detail

    assert detail["CreationTime"] == 1696427182554
    assert detail["TransformStartTime"] == 1696427186229
    assert detail["TransformEndTime"] is None


def test_a_failed_transform_says_why_in_its_event() -> None:
    failed = replace(TRANSFORM, status="Failed", failure_reason="because", ended=1696427190.0)

    assert transform_event(failed).detail["FailureReason"] == "because"


def test_events_of_child_jobs_do_not_name_their_parent() -> None:
    for kind, what in (("training", "Training"), ("processing", "Processing")):
        message = {
            "kind": kind,
            "name": f"parent-{kind}",
            "details": {"ModelArtifacts": "s3://b/m"},
        }
        step = steps.begun(AUTOML, message, PLACE, 5.0)
        event = step_event(step, steps.described(step, PLACE))

        assert event.detail_type == f"SageMaker {what} Job State Change"
        assert event.detail[f"{what}JobName"] == f"parent-{kind}"
        assert event.detail[f"{what}JobStatus"] == "InProgress"
        assert event.detail["CreationTime"] == 5000
        assert "AutoMLJobArn" not in event.detail
        assert steps.described(step, PLACE)["AutoMLJobArn"] == AUTOML.arn


def test_a_processing_event_has_the_documented_members() -> None:
    job = StepJob(
        "job",
        PLACE.arn("processing-job", "job"),
        "processing",
        created=1704320199.0,
        modified=1704320746.0,
        status="Failed",
        ended=1704320746.0,
        failure_reason="AlgorithmError: See job logs for more information",
        request=processing_request(Environment={"A": "b"}, NetworkConfig={}, ExperimentConfig={}),
        started=1704320734.0,
        exit_message="Algorithm Error",
    )

    event = step_event(job, steps.described(job, PLACE))

    assert event.detail_type == "SageMaker Processing Job State Change"
    assert event.resources == [job.arn]
    assert set(event.detail) == {
        "ProcessingInputs",
        "ProcessingOutputConfig",
        "ProcessingJobName",
        "ProcessingResources",
        "StoppingCondition",
        "AppSpecification",
        "NetworkConfig",
        "RoleArn",
        "ExperimentConfig",
        "ProcessingJobArn",
        "ProcessingJobStatus",
        "FailureReason",
        "ProcessingEndTime",
        "ProcessingStartTime",
        "LastModifiedTime",
        "CreationTime",
        "Tags",
    }
    assert event.detail["ProcessingEndTime"] == 1704320746000
    assert event.detail["ProcessingStartTime"] == 1704320734000


def test_a_model_event_has_no_status() -> None:
    model = Model("model", PLACE.arn("model", "model"), model_request(), 1.0)
    event = model_event(model)

    assert event.detail_type == "SageMaker Model State Change"
    assert not any(name.endswith("Status") for name in event.detail)


def test_unreliable_delivery_drops_repeats_and_reorders() -> None:
    emit = UnreliableEmit(lambda event: None)
    deliveries = [emit.delays() for _ in range(100)]

    assert 5 < sum(not delays for delays in deliveries) < 40
    assert any(len(delays) > 1 for delays in deliveries)
    first = [delays[0] for delays in deliveries if delays]
    assert first != sorted(first)


def test_unreliable_delivery_is_the_same_in_every_run() -> None:
    one, other = UnreliableEmit(lambda event: None), UnreliableEmit(lambda event: None)

    assert [one.delays() for _ in range(20)] == [other.delays() for _ in range(20)]


def test_an_event_that_is_not_dropped_arrives() -> None:
    arrived: list[EmittedEvent] = []
    emit = UnreliableEmit(arrived.append)
    emit.LONGEST_DELAY = 0.0

    for _ in range(50):
        emit(transform_event(TRANSFORM))

    assert len(arrived) > 25
