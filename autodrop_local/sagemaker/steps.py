"""Training and processing jobs as AWS describes them; most are steps of an AutoML job."""

from __future__ import annotations

from dataclasses import replace

from autodrop_local.sagemaker import processing
from autodrop_local.sagemaker.images import clarify_image, training_image
from autodrop_local.sagemaker.ports import Place
from autodrop_local.sagemaker.state import AutoMLJob, Members, StepJob

INSTANCE = {"InstanceCount": 1, "InstanceType": "ml.m5.4xlarge", "VolumeSizeInGB": 50}
LONGEST_SECONDS = 86_400


def begun(job: AutoMLJob, message: Members, place: Place, now: float) -> StepJob:
    """The child job that a `step_started` message of an AutoML job speaks of."""
    kind, name = message["kind"], message["name"]
    return StepJob(
        name=name,
        arn=place.arn(f"{kind}-job", name),
        kind=kind,
        created=now,
        modified=now,
        automl_job=job.name,
        details={
            **message["details"],
            "RoleArn": job.request["RoleArn"],
            "AutoMLJobArn": job.arn,
            "Input": job.request["AutoMLJobInputDataConfig"][0]["DataSource"]["S3DataSource"],
            "Output": job.request["OutputDataConfig"]["S3OutputPath"],
        },
    )


def ended(step: StepJob, status: str, now: float, reason: str | None = None) -> StepJob:
    """The child job after its end."""
    return replace(step, status=status, modified=now, ended=now, failure_reason=reason)


def described(step: StepJob, place: Place) -> Members:
    """`DescribeTrainingJob` or `DescribeProcessingJob`."""
    if step.request is not None:
        return processing.described(step, step.request)
    shown = _training(step, place) if step.kind == "training" else _processing(step, place)
    return {name: value for name, value in shown.items() if value is not None}


def _training(step: StepJob, place: Place) -> Members:
    details = step.details or {"Output": ""}
    secondary = "Training" if step.status == "InProgress" else step.status
    begun_then = [{"Status": "Training", "StartTime": step.created}]
    over = [] if step.ended is None else [{"Status": step.status, "StartTime": step.ended}]
    return {
        "TrainingJobName": step.name,
        "TrainingJobArn": step.arn,
        "AutoMLJobArn": details.get("AutoMLJobArn"),
        "ModelArtifacts": {"S3ModelArtifacts": details.get("ModelArtifacts") or details["Output"]},
        "TrainingJobStatus": step.status,
        "SecondaryStatus": secondary,
        "FailureReason": step.failure_reason,
        "HyperParameters": details.get("HyperParameters", {}),
        "AlgorithmSpecification": {
            "TrainingImage": training_image(place.region),
            "TrainingInputMode": "File",
        },
        "RoleArn": details.get("RoleArn"),
        "InputDataConfig": [
            {"ChannelName": "train", "DataSource": {"S3DataSource": _source(details)}}
        ],
        "OutputDataConfig": {"S3OutputPath": details.get("Output", "")},
        "ResourceConfig": INSTANCE,
        "StoppingCondition": {"MaxRuntimeInSeconds": LONGEST_SECONDS},
        "CreationTime": step.created,
        "TrainingStartTime": step.created,
        "TrainingEndTime": step.ended,
        "LastModifiedTime": step.modified,
        "SecondaryStatusTransitions": begun_then + over,
    }


def _processing(step: StepJob, place: Place) -> Members:
    details = step.details or {}
    return {
        "ProcessingInputs": [
            {
                "InputName": "dataset",
                "S3Input": {
                    "S3Uri": _source(details)["S3Uri"],
                    "LocalPath": "/opt/ml/processing/input",
                    "S3DataType": _source(details)["S3DataType"],
                    "S3InputMode": "File",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "report",
                    "S3Output": {
                        "S3Uri": details.get("Output", ""),
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "ProcessingJobName": step.name,
        "ProcessingResources": {"ClusterConfig": INSTANCE},
        "StoppingCondition": {"MaxRuntimeInSeconds": LONGEST_SECONDS},
        "AppSpecification": {"ImageUri": clarify_image(place.region)},
        "RoleArn": details.get("RoleArn"),
        "ProcessingJobArn": step.arn,
        "ProcessingJobStatus": step.status,
        "FailureReason": step.failure_reason,
        "ProcessingStartTime": step.created,
        "ProcessingEndTime": step.ended,
        "LastModifiedTime": step.modified,
        "CreationTime": step.created,
        "AutoMLJobArn": details.get("AutoMLJobArn"),
    }


def _source(details: Members) -> Members:
    source = details.get("Input") or {}
    return {
        "S3DataType": source.get("S3DataType", "S3Prefix"),
        "S3Uri": source.get("S3Uri", ""),
    }
