"""The bodies of the requests that create things in SageMaker. Pure: data in, data out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from autodrop.dataset import Dataset
from autodrop.sagemaker_jobs import Container

# In the order asked for; a container gives those it supports. `probabilities` and `labels` are
# lists in the same order: the only score whose class is certain, because `probability` means the
# positive class in HYPERPARAMETER_TUNING and the predicted class in ENSEMBLING.
# https://docs.aws.amazon.com/sagemaker/latest/dg/autopilot-automate-model-development-container-output.html
INFERENCE_RESPONSE = ("predicted_label", "probability", "probabilities", "labels")

_SUPPORTED = "SAGEMAKER_INFERENCE_SUPPORTED"
_OUTPUT = "SAGEMAKER_INFERENCE_OUTPUT"
_INPUT = "SAGEMAKER_INFERENCE_INPUT"


def automl_job_request(dataset: Dataset, role_arn: str) -> dict[str, Any]:
    """Return the body of CreateAutoMLJobV2 for a prepared dataset."""
    settings = dataset.settings
    tabular: dict[str, Any] = {
        "TargetAttributeName": dataset.target.column,
        "Mode": settings.autopilot.mode,
        "CompletionCriteria": {
            "MaxCandidates": settings.autopilot.max_candidates,
            "MaxAutoMLJobRuntimeInSeconds": settings.autopilot.max_runtime_minutes * 60,
        },
    }
    request: dict[str, Any] = {
        "AutoMLJobName": dataset.run_id,
        "AutoMLJobInputDataConfig": [
            {
                "ChannelType": "training",
                "ContentType": "text/csv;header=present",
                "CompressionType": "None",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": dataset.uri(dataset.folder.train),
                    }
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": dataset.uri(dataset.folder.output)},
        "AutoMLProblemTypeConfig": {"TabularJobConfig": tabular},
        "RoleArn": role_arn,
        "Tags": _tags(dataset),
    }
    if settings.problem_type is not None:
        # Autopilot takes problem type and objective together or not at all.
        tabular["ProblemType"] = settings.problem_type.autopilot_name
        request["AutoMLJobObjective"] = {
            "MetricName": settings.objective or settings.problem_type.objectives[0]
        }
    return request


def model_request(
    dataset: Dataset, containers: Sequence[Container], role_arn: str
) -> dict[str, Any]:
    """Return the body of CreateModel from a candidate's containers, asking for probabilities."""
    return {
        "ModelName": dataset.run_id,
        "ExecutionRoleArn": role_arn,
        "Containers": [
            {
                "Image": container.image,
                "ModelDataUrl": container.model_data_url,
                "Environment": dict(container.environment),
            }
            for container in asking_for_probabilities(containers)
        ],
        "Tags": _tags(dataset),
    }


def asking_for_probabilities(containers: Sequence[Container]) -> tuple[Container, ...]:
    """Return the containers with their response set to label and probabilities where offered.

    Each container that lists what it supports gives that much of `INFERENCE_RESPONSE`, and takes
    what the one before it gives. Containers that list nothing (all of a regression) stay as they
    are.
    """
    asking = []
    given_before: tuple[str, ...] = ()
    for container in containers:
        supported = container.environment.get(_SUPPORTED, "").replace(" ", "").split(",")
        gives = tuple(key for key in INFERENCE_RESPONSE if key in supported)
        changes = {}
        if gives:
            changes[_OUTPUT] = ",".join(gives)
            if given_before:
                changes[_INPUT] = ",".join(given_before)
        asking.append(replace(container, environment={**container.environment, **changes}))
        given_before = gives
    return tuple(asking)


def response_keys(containers: Sequence[Container]) -> tuple[str, ...]:
    """Return what each line of the model's output holds, in order.

    A last container that says nothing gives the prediction alone, as regression does.
    """
    asked = containers[-1].environment.get(_OUTPUT, "") if containers else ""
    return tuple(key.strip() for key in asked.split(",") if key.strip()) or ("predicted_label",)


def transform_job_request(dataset: Dataset) -> dict[str, Any]:
    """Return the body of CreateTransformJob over the held-out rows."""
    return {
        "TransformJobName": dataset.run_id,
        "ModelName": dataset.run_id,
        "TransformInput": {
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": dataset.uri(dataset.folder.test),
                }
            },
            "ContentType": "text/csv",
            "CompressionType": "None",
            "SplitType": "Line",
        },
        "TransformOutput": {
            "S3OutputPath": dataset.uri(dataset.folder.inference_results),
            "Accept": "text/csv",
            "AssembleWith": "Line",
        },
        "TransformResources": {
            "InstanceType": dataset.settings.transform.instance_type,
            "InstanceCount": dataset.settings.transform.instance_count,
        },
        "Tags": _tags(dataset),
    }


def _tags(dataset: Dataset) -> list[dict[str, str]]:
    folder = dataset.folder.prefix.split("/")[1]
    return [
        {"Key": "autodrop:run", "Value": dataset.run_id},
        {"Key": "autodrop:dataset", "Value": folder},
    ]
