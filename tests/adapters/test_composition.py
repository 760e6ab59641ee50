"""The environment of the template is all that the functions' services are built from."""

from __future__ import annotations

import json

import pytest

from autodrop.aws.bucket import S3Bucket
from autodrop.aws.composition import services_from
from autodrop.aws.ledger import DynamoLedger
from autodrop.aws.sagemaker import SageMakerJobs
from autodrop.settings import Settings, parse_settings
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
    assert services.now().tzinfo is not None


@pytest.mark.parametrize("variable", sorted(set(ENVIRONMENT) - {"POWERTOOLS_LOG_LEVEL"}))
def test_a_variable_that_is_missing_is_named(variable: str) -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name != variable}

    with pytest.raises(KeyError, match=variable):
        services_from(environment)
