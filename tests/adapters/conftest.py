"""No network; S3 and DynamoDB by moto, the table as `template.yaml` defines it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from moto import mock_aws
from samtranslator.yaml_helper import yaml_parse

from autodrop.aws.bucket import S3Bucket
from autodrop.aws.ledger import DynamoLedger
from tests.fakes import BUCKET
from tests.network import no_network as no_network

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table
    from mypy_boto3_s3 import S3Client

LEDGER = "ledger"
TEMPLATE = Path(__file__).parents[2] / "template.yaml"
# What CloudFormation knows and CreateTable does not.
_NOT_OF_CREATE_TABLE = {
    "PointInTimeRecoverySpecification",
    "SSESpecification",
    "TimeToLiveSpecification",
}


@cache
def session() -> boto3.Session:
    """Return a session that knows nobody; making clients is slow, so all tests share them."""
    return boto3.Session("testing", "testing", region_name="us-east-1")


@cache
def shared_client(service: str) -> Any:
    """Return the client of a service; what answers it is up to moto or a Stubber."""
    return session().client(service, config=Config(retries={"total_max_attempts": 1}))  # type: ignore[call-overload]


@cache
def _dynamodb() -> DynamoDBServiceResource:
    return session().resource("dynamodb", config=Config(retries={"total_max_attempts": 1}))


@pytest.fixture
def _moto(_no_aws_account: None) -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def s3(_moto: None) -> S3Client:
    """Return a client of an S3 with one versioned bucket."""
    client: S3Client = shared_client("s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.fixture
def s3_bucket(s3: S3Client) -> S3Bucket:
    """Return the real adapter."""
    return S3Bucket(s3, BUCKET)


@pytest.fixture
def table(_moto: None) -> Table:
    """Return an empty ledger table."""
    return create_table()


@pytest.fixture
def dynamo_ledger(table: Table) -> DynamoLedger:
    """Return the real adapter."""
    return DynamoLedger(table)


@cache
def _table_properties() -> dict[str, Any]:
    properties: dict[str, Any] = yaml_parse(TEMPLATE.read_text())["Resources"]["LedgerTable"][
        "Properties"
    ]
    return properties


def create_table() -> Table:
    """Create the ledger table as the template defines it."""
    properties = {
        name: value
        for name, value in _table_properties().items()
        if name not in _NOT_OF_CREATE_TABLE
    }
    return _dynamodb().create_table(TableName=LEDGER, **properties)


def ledger_table() -> Table:
    """Return the ledger table, there or not."""
    return _dynamodb().Table(LEDGER)
