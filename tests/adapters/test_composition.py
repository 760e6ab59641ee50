"""The environment of the template is all that the functions' services are built from."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import gettempdir

import pytest

from autodrop.aws.bucket import S3Bucket
from autodrop.aws.composition import services_from
from autodrop.aws.ledger import DynamoLedger
from autodrop.aws.sagemaker import SageMakerJobs
from autodrop.aws.spark_image import spark_image
from autodrop.settings import Settings, parse_settings
from autodrop_local.sagemaker.engine.spark_container import Submission
from tests.conftest import EVENTS

# `tests/template` sees to it that all functions have the same variables.
ENVIRONMENT: dict[str, str] = json.loads((EVENTS / "env.json").read_text())["WatchRunsFunction"]


def test_services_are_built_from_the_environment_of_a_function() -> None:
    services = services_from(ENVIRONMENT)

    assert isinstance(services.bucket, S3Bucket)
    assert isinstance(services.ledger, DynamoLedger)
    assert isinstance(services.sagemaker, SageMakerJobs)
    assert parse_settings(services.default_settings) == Settings()
    assert services.execution_role_arn == ENVIRONMENT["SAGEMAKER_ROLE_ARN"]
    assert services.max_dataset_bytes == 500_000_000
    assert services.processing.instance_type == "ml.m5.4xlarge"
    assert services.now().tzinfo is not None


def test_an_execution_environment_has_one_work_folder_that_no_other_has() -> None:
    first, again, second = (
        services_from({**ENVIRONMENT, "AWS_LAMBDA_LOG_STREAM_NAME": name}).work_folder
        for name in ("2026/01/02/[$LATEST]aa", "2026/01/02/[$LATEST]aa", "2026/01/02/[$LATEST]bb")
    )

    assert first == again != second
    assert first.parent == second.parent == Path(gettempdir())


def test_the_spark_container_is_that_of_the_region_unless_another_is_named() -> None:
    named = {**ENVIRONMENT, "SPARK_IMAGE_URI": "registry/spark:3.5-of-our-own"}

    assert services_from(ENVIRONMENT).processing.image_uri == spark_image("us-east-1")
    assert services_from(named).processing.image_uri == "registry/spark:3.5-of-our-own"


@pytest.mark.parametrize(
    ("region", "registry"),
    [
        ("us-east-1", "173754725891.dkr.ecr.us-east-1.amazonaws.com"),
        ("eu-central-1", "906073651304.dkr.ecr.eu-central-1.amazonaws.com"),
        ("cn-north-1", "671472414489.dkr.ecr.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_every_region_has_a_registry_of_its_own(region: str, registry: str) -> None:
    image = spark_image(region)

    assert image.startswith(f"{registry}/sagemaker-spark-processing:3.5-")
    # What the local AWS plays.
    assert Submission.of(
        {"ImageUri": image, "ContainerEntrypoint": ["smspark-submit", "/opt/ml/script.py"]}
    )


def test_a_region_that_aws_does_not_list_has_no_container() -> None:
    assert spark_image("eu-isoe-west-1") == ""


@pytest.mark.parametrize("variable", sorted(set(ENVIRONMENT) - {"POWERTOOLS_LOG_LEVEL"}))
def test_a_variable_that_is_missing_is_named(variable: str) -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name != variable}

    with pytest.raises(KeyError, match=variable):
        services_from(environment)
