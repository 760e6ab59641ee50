"""Runs, datasets and jobs with sensible values, so that a test only says what it is about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from autodrop.dataset import Dataset, Reading, Split, Target
from autodrop.naming import Drop, RunFolder, run_id
from autodrop.run import Run, RunState
from autodrop.sagemaker_jobs import AutoMLJob, Candidate, Container, Objective, TransformJob
from autodrop.settings import ProblemType, Settings, parse_settings
from tests.fakes import BUCKET

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)

_IMAGES = "382416733822.dkr.ecr.us-east-1.amazonaws.com"
_MODELS = f"s3://{BUCKET}/runs/bank/output"


def a_drop(dataset: str = "bank", version: str | None = "v1", file: str = "bank.csv") -> Drop:
    """Return an upload."""
    key = f"inbox/{dataset}/{file}"
    return Drop(BUCKET, key, version or "617f08299329d189", version, 1000)


def a_run(
    dataset: str = "bank",
    version: str = "v1",
    state: RunState = RunState.RECEIVED,
    at: datetime = NOON,
    **more: Any,
) -> Run:
    """Return a run that came to its state at `at`."""
    drop = a_drop(dataset, version)
    return Run(run_id(drop), drop, state, at, {state: at}, **more)


def a_dataset(
    target: str = "y",
    kind: ProblemType = ProblemType.BINARY,
    classes: tuple[tuple[str, int], ...] = (("no", 400), ("yes", 200)),
    positive: str | None = "yes",
    settings: Settings | None = None,
    **more: Any,
) -> Dataset:
    """Return a prepared dataset of the run that `a_run()` gives."""
    run = a_run()
    values: dict[str, Any] = {
        "run_id": run.run_id,
        "name": "bank",
        "source": {
            "bucket": BUCKET,
            "key": run.drop.key,
            "version_id": run.drop.version_id,
            "size": 1000,
        },
        "reading": Reading(),
        "rows": 600,
        "columns": ("x", "z", target),
        "features": ("x", "z"),
        "target": Target(
            target,
            "It is set as the target.",
            kind,
            classes,
            positive,
            model_labels=model_labels(classes, positive),
        ),
        "split": Split("random", 0.2, 200, 500, 100),
        "settings": settings or parse_settings(),
    }
    return Dataset(**{**values, **more})


def model_labels(classes: tuple[tuple[str, int], ...], positive: str | None) -> dict[str, str]:
    """Return the file's label by the model's for two classes, nothing for others."""
    if positive is None or len(classes) != 2 or positive not in dict(classes):
        return {}
    (other,) = dict(classes).keys() - {positive}
    return {"1": positive, "0": other}


def a_job(status: str = "InProgress", **more: Any) -> AutoMLJob:
    """Return the AutoML job of the run that `a_run()` gives."""
    run = a_run()
    train = f"s3://{BUCKET}/{RunFolder.of('bank', run.run_id).model_train}"
    return AutoMLJob(run.run_id, status, "ModelTuning", train, NOON, **more)


def a_transform(status: str = "InProgress", **more: Any) -> TransformJob:
    """Return the transform job of the run that `a_run()` gives."""
    run = a_run()
    test = f"s3://{BUCKET}/{run.folder.test}"
    return TransformJob(run.run_id, status, run.run_id, test, NOON, **more)


def a_candidate(name: str = "c", objective: Objective | None = None, **more: Any) -> Candidate:
    """Return a completed candidate."""
    return Candidate(name, "Completed", objective, **more)


def tuning_containers() -> tuple[Container, ...]:
    """Return the three of a classification in HYPERPARAMETER_TUNING mode, as AWS showed them."""
    preprocess = Container(
        f"{_IMAGES}/sagemaker-sklearn-automl:0.2-1-cpu-py3",
        f"{_MODELS}/dpp5/model.tar.gz",
        {
            "AUTOML_SPARSE_ENCODE_RECORDIO_PROTOBUF": "1",
            "AUTOML_TRANSFORM_MODE": "feature-transform",
            "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "application/x-recordio-protobuf",
            "SAGEMAKER_PROGRAM": "sagemaker_serve",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        },
    )
    algorithm = Container(
        f"{_IMAGES}/sagemaker-xgboost:1.0-1-cpu-py3",
        f"{_MODELS}/xgb/model.tar.gz",
        {
            "MAX_CONTENT_LENGTH": "20971520",
            "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
            "SAGEMAKER_INFERENCE_OUTPUT": "predicted_label",
            "SAGEMAKER_INFERENCE_SUPPORTED": "predicted_label,probability,probabilities",
        },
    )
    inverse_label = Container(
        preprocess.image,
        preprocess.model_data_url,
        {
            "AUTOML_TRANSFORM_MODE": "inverse-label-transform",
            "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
            "SAGEMAKER_INFERENCE_INPUT": "predicted_label",
            "SAGEMAKER_INFERENCE_OUTPUT": "predicted_label",
            "SAGEMAKER_INFERENCE_SUPPORTED": "predicted_label,probability,labels,probabilities",
            "SAGEMAKER_PROGRAM": "sagemaker_serve",
            "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        },
    )
    return preprocess, algorithm, inverse_label


def ensembling_container() -> Container:
    """Return the only one of a classification in ENSEMBLING mode."""
    return Container(
        f"{_IMAGES}/autogluon-inference:0.4.3-cpu-py38-ubuntu20.04",
        f"{_MODELS}/ensemble/model.tar.gz",
        {
            "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
            "SAGEMAKER_INFERENCE_OUTPUT": "predicted_label",
            "SAGEMAKER_INFERENCE_SUPPORTED": "predicted_label,probability,probabilities,labels",
        },
    )


def regression_containers() -> tuple[Container, ...]:
    """Return the two of a regression in HYPERPARAMETER_TUNING mode: nothing to choose."""
    preprocess, algorithm, _ = tuning_containers()
    plain = Container(
        algorithm.image,
        algorithm.model_data_url,
        {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv"},
    )
    return preprocess, plain
