from __future__ import annotations

import json
from typing import Any

import pytest

from autodrop_local.sagemaker.api import shapes
from autodrop_local.sagemaker.api.patterns import matches
from autodrop_local.sagemaker.errors import ApiError
from tests.local.sagemaker.stage import automl_request, processing_request, transform_request

CREATE = "CreateAutoMLJobV2"
OPERATIONS = [
    "AddTags",
    "CreateAutoMLJobV2",
    "CreateModel",
    "CreateProcessingJob",
    "CreateTransformJob",
    "ListAutoMLJobs",
    "ListCandidatesForAutoMLJob",
    "ListModels",
    "ListProcessingJobs",
    "ListTags",
    "ListTransformJobs",
    "StopAutoMLJob",
    "StopProcessingJob",
]


def refused(operation: str, members: dict[str, Any]) -> ApiError:
    with pytest.raises(ApiError) as caught:
        shapes.request(operation, json.dumps(members).encode())
    return caught.value


def test_a_valid_request_comes_back_as_it_was() -> None:
    members = automl_request()

    assert shapes.request(CREATE, json.dumps(members).encode()) == members


def test_what_botocore_lets_through_is_refused_in_the_words_of_aws() -> None:
    error = refused(CREATE, automl_request("under_score"))

    assert error.code == "ValidationException"
    assert error.status == 400
    assert error.message == (
        "1 validation error detected: Value 'under_score' at 'autoMLJobName' failed to satisfy "
        "constraint: Member must satisfy regular expression pattern: "
        "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,31}"
    )


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (automl_request("a" * 33), "Member must have length less than or equal to 32"),
        (
            automl_request(tabular={"CompletionCriteria": {"MaxCandidates": 751}}),
            "Member must have value less than or equal to 750",
        ),
        (
            automl_request(tabular={"CompletionCriteria": {"MaxCandidates": 0}}),
            "Member must have value greater than or equal to 1",
        ),
        (
            automl_request(DataSplitConfig={"ValidationFraction": 2.0}),
            "Member must have value less than or equal to 1",
        ),
        (
            automl_request(AutoMLJobObjective={"MetricName": "Nope"}),
            "Member must satisfy enum value set: [Accuracy, MSE, F1,",
        ),
        (automl_request(AutoMLJobInputDataConfig=[]), "Member must have length greater than or"),
        (automl_request(RoleArn="arn:aws:iam::1:role/x"), "Member must satisfy regular expression"),
        (automl_request(RoleArn=None), "Value null at 'roleArn' failed to satisfy constraint"),
        (automl_request(Extra="x"), "Value 'Extra' at 'request'"),
        (automl_request(AutoMLProblemTypeConfig={}), "Exactly one of"),
        (
            automl_request(Tags=[{"Key": "a;b", "Value": "c"}]),
            "Value 'a;b' at 'tags.1.member.key'",
        ),
    ],
)
def test_constraints_of_the_model_hold(request_: dict[str, Any], text: str) -> None:
    error = refused(CREATE, request_)

    assert error.code == "ValidationException"
    assert text in error.message


def test_every_broken_constraint_is_named() -> None:
    message = refused(CREATE, automl_request("a_b", RoleArn="short")).message

    assert message.startswith("3 validation errors detected: ")
    assert "'autoMLJobName'" in message
    assert message.count("'roleArn'") == 2


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (CREATE, b"no json"),
        (CREATE, b"[]"),
        (CREATE, json.dumps(automl_request(AutoMLJobName=7)).encode()),
        ("ListModels", b'{"MaxResults": "ten"}'),
        ("ListModels", b'{"MaxResults": true}'),
    ],
)
def test_what_cannot_be_read_is_a_serialization_error(operation: str, body: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        shapes.request(operation, body)

    assert caught.value.code == "SerializationException"


def test_environment_of_a_transform_job_has_its_limits() -> None:
    sixteen = {f"K{number}": "" for number in range(16)}
    shapes.request(
        "CreateTransformJob", json.dumps(transform_request(Environment=sixteen)).encode()
    )

    error = refused("CreateTransformJob", transform_request(Environment={**sixteen, "K16": ""}))
    assert "'environment'" in error.message

    error = refused("CreateTransformJob", transform_request(Environment={"1st": "x"}))
    assert "'environment.key'" in error.message


def test_instance_types_are_those_of_transform_jobs() -> None:
    resources = {"InstanceType": "ml.t3.medium", "InstanceCount": 1}

    error = refused("CreateTransformJob", transform_request(TransformResources=resources))

    assert "'transformResources.instanceType'" in error.message


@pytest.mark.parametrize(
    ("request_", "member"),
    [
        (processing_request("a_b"), "processingJobName"),
        (processing_request("a" * 64), "processingJobName"),
        (processing_request(ProcessingResources={"ClusterConfig": {}}), "volumeSizeInGB"),
        (processing_request(ProcessingInputs=[{}]), "inputName"),
        (processing_request(source={"S3DataType": "Prefix"}), "s3DataType"),
        (processing_request(target={"S3UploadMode": None}), "s3UploadMode"),
        (processing_request("job", "x" * 257), "containerArguments.1.member"),
        (processing_request(StoppingCondition={"MaxRuntimeInSeconds": 777_601}), "maxRuntime"),
        (processing_request(Environment={"1st": ""}), "environment.key"),
        (processing_request(RoleArn=None), "roleArn"),
    ],
)
def test_constraints_of_processing_jobs_hold(request_: dict[str, Any], member: str) -> None:
    error = refused("CreateProcessingJob", request_)

    assert error.code == "ValidationException"
    assert member in error.message


@pytest.mark.parametrize("tag", ["größe 1", "app:x/y=z+1", "日本", "a_b.c-d@e"])
def test_java_classes_in_patterns_mean_unicode(tag: str) -> None:
    assert matches(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", tag)


@pytest.mark.parametrize("tag", ["a;b", "tab\t", "a,b", "ampers&nd"])
def test_java_classes_in_patterns_keep_the_rest_out(tag: str) -> None:
    assert not matches(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", tag)


def test_every_pattern_of_the_operations_can_be_compiled() -> None:
    model = shapes.service_model()
    patterns: set[str] = set()
    seen: set[str] = set()

    def walk(shape: Any) -> None:
        if shape.name in seen:
            return
        seen.add(shape.name)
        patterns.update([shape.metadata["pattern"]] if "pattern" in shape.metadata else [])
        for member in getattr(shape, "members", {}).values():
            walk(member)
        for part in ("member", "key", "value"):
            if hasattr(shape, part):
                walk(getattr(shape, part))

    for operation in OPERATIONS:
        walk(model.operation_model(operation).input_shape)

    for pattern in patterns:
        matches(pattern, "x")
    assert len(patterns) > 30


def test_responses_are_held_to_the_model_too() -> None:
    assert shapes.response_problems("CreateAutoMLJobV2", {"AutoMLJobArn": "no arn"})
    assert shapes.response_problems("CreateAutoMLJobV2", {})
    assert shapes.response_problems("CreateAutoMLJobV2", {"AutoMLJobArn": 3})
    assert shapes.response_problems("DeleteModel", {"More": 1})
    assert not shapes.response_problems("DeleteModel", {})
