"""The bodies of the requests that create things in SageMaker. Pure: data in, data out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from autodrop.dataset import Dataset
from autodrop.naming import RunFolder
from autodrop.run import Run
from autodrop.sagemaker_jobs import Container
from autodrop.settings import ProblemType

# In the order asked for; a container gives those it supports. `probabilities` and `labels` are
# lists in the same order: the only score whose class is certain, because `probability` means the
# positive class in HYPERPARAMETER_TUNING and the predicted class in ENSEMBLING.
# https://docs.aws.amazon.com/sagemaker/latest/dg/autopilot-automate-model-development-container-output.html
INFERENCE_RESPONSE = ("predicted_label", "probability", "probabilities", "labels")

_SUPPORTED = "SAGEMAKER_INFERENCE_SUPPORTED"
_OUTPUT = "SAGEMAKER_INFERENCE_OUTPUT"
_INPUT = "SAGEMAKER_INFERENCE_INPUT"


# What the processing job is given, below `RunFolder.processing_code`.
CODE_ARCHIVE = "autodrop.zip"
CODE_SCRIPT = "prepare_large.py"
CODE_ORDER = "order.json"
CODE_LIBRARIES = "libraries.zip"
# Folders of the container. Its script is told them, because a local AWS has them elsewhere.
_INPUT_FOLDER = "/opt/ml/processing/input"
_OUTPUT_FOLDER = "/opt/ml/processing/output"
CODE_INPUT = "code"
# What limits the cost of a job that never comes to an end. SageMaker allows nine days.
_LONGEST_PROCESSING_SECONDS = 12 * 60 * 60
_GIGABYTE = 1_000_000_000
_SMALLEST_VOLUME_GB = 30
_LARGEST_VOLUME_GB = 16_384
# For what lies on the volume besides the data.
_SPARE_GB = 20
# Parts hold every row, and where the model needs other cells twice. Instances do not share the
# blocks evenly, so each has room for twice its share.
_PLAIN_TIMES = 4
# Packed files unpack to ten times their size and more, and are there packed and as text as well.
_PACKED_TIMES = 1 + 10 * (_PLAIN_TIMES + 1)
# An instance more for each. What it saves has to be worth its start.
_BYTES_PER_INSTANCE = 20 * _GIGABYTE
_PLAIN_SUFFIXES = (".csv", ".tsv", ".txt")
_MEGABYTE = 1 << 20
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html
_DEFAULT_PAYLOAD_MB = 6
_CONTENT_LIMIT = "MAX_CONTENT_LENGTH"
# What sagemaker-xgboost takes where the environment does not say more. Autopilot sets 20 MB.
# https://github.com/aws/sagemaker-xgboost-container (algorithm_mode/serve.py)
_DEFAULT_CONTENT_LIMIT = 6 * _MEGABYTE
# How much larger rows become as sparse RecordIO-protobuf, by that format: a number is 4 bytes and
# an index of up to 3, and an empty cell, which is one byte of CSV, becomes two numbers (what stands
# in for it, and that it was missing); a row has some 35 bytes around them, and is 2 bytes of CSV at
# least. Words that become many numbers each can exceed it; SageMaker has no smaller payload than
# the 1 MB that this gives.
_MOST_GROWTH = 20


@dataclass(frozen=True)
class ProcessingSetup:
    """What processing jobs run on.

    Attributes:
        image_uri: The Spark container; empty where nobody has said which.
        instance_type: The instances.
        most_instances: How many a job may have.
    """

    image_uri: str
    instance_type: str
    most_instances: int = 1


def processing_code_uri(run: Run) -> str:
    """Return the `s3://` URI of what the run's processing job is given: nobody else has it."""
    return f"s3://{run.drop.bucket}/{run.folder.processing_code()}"


def processing_instances(size: int, file_name: str, most: int) -> int:
    """Return how many instances share a file: what is packed is unpacked by one.

    Args:
        size: Bytes of the file as it was dropped.
        file_name: Its name, which tells whether it is packed.
        most: How many there may be.
    """
    wanted = math.ceil(size / _BYTES_PER_INSTANCE) if _is_plain(file_name) else 1
    return min(max(wanted, 1), most)


def processing_volume_gb(size: int, file_name: str, instances: int = 1) -> int:
    """Return how many GB the volume of each instance has: parts, and what is unpacked.

    Args:
        size: Bytes of the file as it was dropped.
        file_name: Its name, which tells whether it is packed.
        instances: How many share it.
    """
    times = _PLAIN_TIMES if _is_plain(file_name) else _PACKED_TIMES
    needed = math.ceil(size * times / instances / _GIGABYTE)
    return min(max(needed + _SPARE_GB, _SMALLEST_VOLUME_GB), _LARGEST_VOLUME_GB)


def part_folders(folder: RunFolder) -> dict[str, str]:
    """Return beside which keys a job's parts lie, by the names of its outputs."""
    return {
        "train": folder.train,
        "test": folder.test,
        "truth": folder.truth,
        "model-train": folder.model_train,
        "model-test": folder.model_test,
    }


def _is_plain(file_name: str) -> bool:
    return file_name.lower().endswith(_PLAIN_SUFFIXES)


def processing_job_request(run: Run, setup: ProcessingSetup, role_arn: str) -> dict[str, Any]:
    """Return the body of CreateProcessingJob for a file that is too large for a function.

    The dropped file is no input of it: every instance reads some blocks from S3, in the version
    that was dropped. Each writes its parts to its own disk, from where SageMaker uploads them when
    the job has ended.
    """
    folder, bucket, drop = run.folder, run.drop.bucket, run.drop
    instances = processing_instances(drop.size, drop.file_name, setup.most_instances)
    outputs = {**part_folders(folder), "outcome": folder.outcome}
    return {
        "ProcessingJobName": run.run_id,
        "AppSpecification": {
            "ImageUri": setup.image_uri,
            "ContainerEntrypoint": [
                "smspark-submit",
                "--py-files",
                f"{_INPUT_FOLDER}/code/{CODE_ARCHIVE}",
                f"{_INPUT_FOLDER}/code/{CODE_SCRIPT}",
            ],
            "ContainerArguments": ["--input", _INPUT_FOLDER, "--output", _OUTPUT_FOLDER],
        },
        "ProcessingInputs": [_processing_input(CODE_INPUT, processing_code_uri(run))],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": name,
                    "S3Output": {
                        # Several files lie where a function writes one.
                        "S3Uri": f"s3://{bucket}/{key.rpartition('/')[0]}",
                        "LocalPath": f"{_OUTPUT_FOLDER}/{name}",
                        "S3UploadMode": "EndOfJob",
                    },
                }
                for name, key in outputs.items()
            ]
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": instances,
                "InstanceType": setup.instance_type,
                "VolumeSizeInGB": processing_volume_gb(drop.size, drop.file_name, instances),
            }
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": _LONGEST_PROCESSING_SECONDS},
        "RoleArn": role_arn,
        "Tags": _tags(folder, run.run_id),
    }


def _processing_input(name: str, uri: str) -> dict[str, Any]:
    return {
        "InputName": name,
        "S3Input": {
            "S3Uri": uri,
            "LocalPath": f"{_INPUT_FOLDER}/{name}",
            "S3DataType": "S3Prefix",
            "S3InputMode": "File",
            "S3DataDistributionType": "FullyReplicated",
        },
    }


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
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": dataset.train_uri}
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": dataset.uri(dataset.folder.output)},
        "AutoMLProblemTypeConfig": {"TabularJobConfig": tabular},
        "RoleArn": role_arn,
        "Tags": _tags(dataset.folder, dataset.run_id),
    }
    problem_type = settings.problem_type
    if problem_type is None and dataset.target.model_labels:
        # Nobody but autodrop knows that these ones and zeros are classes.
        problem_type = ProblemType.BINARY
    if problem_type is not None:
        # Autopilot takes problem type and objective together or not at all.
        tabular["ProblemType"] = problem_type.autopilot_name
        request["AutoMLJobObjective"] = {
            "MetricName": settings.objective or problem_type.objectives[0]
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
        "Tags": _tags(dataset.folder, dataset.run_id),
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


def transform_job_request(dataset: Dataset, containers: Sequence[Container]) -> dict[str, Any]:
    """Return the body of CreateTransformJob over the held-out rows.

    Args:
        dataset: The prepared dataset.
        containers: Those of the model.
    """
    return {
        "TransformJobName": dataset.run_id,
        "ModelName": dataset.run_id,
        "MaxPayloadInMB": _max_payload_mb(dataset, containers),
        "TransformInput": {
            "DataSource": {
                "S3DataSource": {
                    "S3DataType": "S3Prefix",
                    "S3Uri": dataset.test_uri,
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
        "Tags": _tags(dataset.folder, dataset.run_id),
    }


def _max_payload_mb(dataset: Dataset, containers: Sequence[Container]) -> int:
    """Return how many MB of rows are sent at once, 1 to 6.

    A single container reads the rows as they are. Of several, the first makes numbers of them, and
    the request to the next one may not exceed that one's `MAX_CONTENT_LENGTH`. A row that is longer
    than what is sent at once would fail the job, so it is at least as much as the longest.
    """
    if len(containers) < 2:
        return _DEFAULT_PAYLOAD_MB
    # One that states no limit behind one that does is given predictions only.
    stated = (each.environment.get(_CONTENT_LIMIT, "") for each in containers[1:])
    limits = (int(each) for each in stated if each.isascii() and each.isdigit())
    limit = min(limits, default=_DEFAULT_CONTENT_LIMIT)
    longest = math.ceil(dataset.longest_row / _MEGABYTE)
    return min(max(1, limit // (_MOST_GROWTH * _MEGABYTE), longest), _DEFAULT_PAYLOAD_MB)


def _tags(folder: RunFolder, run_id: str) -> list[dict[str, str]]:
    return [
        {"Key": "autodrop:run", "Value": run_id},
        {"Key": "autodrop:dataset", "Value": folder.prefix.split("/")[1]},
    ]
