"""Objects of S3 that are read by range: only ever what was found under the key."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from autodrop.aws import objects
from autodrop.aws.objects import S3Object
from autodrop.errors import NotFound, Rejected, Transient
from tests.adapters.conftest import shared_client
from tests.fakes import BUCKET

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CONTENT = bytes(range(256))
KEY = "inbox/bank/Q1 + Q2.csv"


@pytest.fixture
def s3(s3_bucket: Any, monkeypatch: pytest.MonkeyPatch) -> S3Client:
    """Return the client of a bucket with a file in it."""
    client: S3Client = s3_bucket._client
    client.put_object(Bucket=BUCKET, Key=KEY, Body=CONTENT)
    monkeypatch.setattr(objects, "_client", lambda: client)
    return client


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Return the answers of an S3 that is asked for two bytes."""
    client = shared_client("s3")
    monkeypatch.setattr(objects, "_client", lambda: client)
    with Stubber(client) as stubber:
        yield stubber


@pytest.mark.parametrize(
    ("start", "end"), [(0, 256), (0, 1), (255, 256), (10, 20), (200, 999), (256, 300), (5, 5)]
)
def test_any_part_is_read_and_nothing_behind_the_end(start: int, end: int, s3: S3Client) -> None:
    found = S3Object.find(BUCKET, KEY)

    assert found.size == 256
    assert found.read(start, end) == CONTENT[start:end]


def test_another_machine_reads_the_same_object(s3: S3Client) -> None:
    found = S3Object.find(BUCKET, KEY)

    assert pickle.loads(pickle.dumps(found)).read(0, 3) == CONTENT[:3]


def test_a_version_is_read_although_the_key_has_another_one_by_now(s3: S3Client) -> None:
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"the version")["VersionId"]
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"a later one")

    assert S3Object.find(BUCKET, KEY, version).read(0, 99) == b"the version"


def test_an_object_that_was_replaced_is_not_read_on(s3: S3Client) -> None:
    found = S3Object.find(BUCKET, KEY)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=CONTENT[::-1])

    with pytest.raises(Rejected) as caught:
        found.read(0, 10)

    assert caught.value.code == "FILE_REPLACED"
    assert "Q1 + Q2.csv" in caught.value.message


def test_an_object_that_is_not_there_is_not_found(s3: S3Client) -> None:
    found = S3Object.find(BUCKET, KEY)
    s3.delete_object(Bucket=BUCKET, Key=KEY)

    with pytest.raises(NotFound):
        found.read(0, 10)
    with pytest.raises(NotFound):
        S3Object.find(BUCKET, KEY)


def test_bytes_that_do_not_arrive_whole_are_asked_for_again_later(stub: Stubber) -> None:
    body = StreamingBody(io.BytesIO(b"a"), 1)
    expected = {"Bucket": "b", "Key": "k", "IfMatch": '"e"', "Range": "bytes=0-1"}
    stub.add_response("get_object", {"Body": body}, expected)

    with pytest.raises(Transient):
        S3Object("b", "k", '"e"', 2).read(0, 2)


def test_throttling_passes_by_itself(stub: Stubber) -> None:
    stub.add_client_error("get_object", "SlowDown", http_status_code=503)

    with pytest.raises(Transient):
        S3Object("b", "k", '"e"', 2).read(0, 2)
