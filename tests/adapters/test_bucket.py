"""The bucket: one contract for S3 and for the fake that stands in for it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from autodrop.aws.bucket import S3Bucket
from autodrop.errors import NotFound, Transient
from autodrop.ports import Bucket, ObjectFacts
from tests.adapters.conftest import shared_client
from tests.fakes import BUCKET, World

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEYS = ["a.txt", "inbox/Q1 + Q2/50% é.csv", "한글/😀", "a//b", "a/../b", "a+b&c=d"]


@pytest.fixture(params=["S3", "fake"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """Return both, one after the other."""
    if request.param == "fake":
        return World().bucket
    real: S3Bucket = request.getfixturevalue("s3_bucket")
    return real


@pytest.mark.parametrize("key", KEYS)
def test_what_was_written_is_read(key: str, bucket: Bucket) -> None:
    bucket.write(key, b"content", "text/plain")

    assert bucket.read(key) == b"content"
    assert bucket.exists(key)
    assert bucket.list("") == [key]


def test_no_more_is_read_than_asked_for(bucket: Bucket) -> None:
    bucket.write("key", b"content", "text/plain")

    assert bucket.read("key", 3) == b"con"
    assert bucket.read("key", 7) == bucket.read("key", 8) == b"content"


def test_a_later_write_replaces_an_earlier_one(bucket: Bucket) -> None:
    bucket.write("key", b"one", "text/plain")
    bucket.write("key", b"two", "text/plain")

    assert bucket.read("key") == b"two"
    assert bucket.list("key") == ["key"]


def test_what_is_not_there_is_not_found(bucket: Bucket, tmp_path: Path) -> None:
    bucket.write("folder/key", b"", "text/plain")

    assert not bucket.exists("folder")
    for missing in ("folder", "folder/", "folder/key2"):
        with pytest.raises(NotFound):
            bucket.read(missing)
        with pytest.raises(NotFound):
            bucket.download(missing, tmp_path / "file")
        with pytest.raises(NotFound):
            bucket.facts(missing)


def test_an_empty_object_is_there(bucket: Bucket) -> None:
    bucket.write("empty", b"", "text/plain")

    assert bucket.exists("empty")
    assert bucket.read("empty") == b""


def test_a_file_is_uploaded_and_downloaded_byte_by_byte(bucket: Bucket, tmp_path: Path) -> None:
    content = bytes(range(256)) * 40
    (tmp_path / "up").write_bytes(content)

    bucket.upload("key", tmp_path / "up", "text/csv")
    metadata = bucket.download("key", tmp_path / "down")

    assert (tmp_path / "down").read_bytes() == content
    assert metadata == {}


def test_keys_are_listed_in_order_and_only_below_the_prefix(bucket: Bucket) -> None:
    for key in ("b/2", "a/1", "b/10", "ab", "b/1/x", "c"):
        bucket.write(key, b"", "text/plain")

    assert bucket.list("b/") == ["b/1/x", "b/10", "b/2"]
    assert bucket.list("nothing/") == []


@pytest.fixture(params=["S3", "fake"])
def versioned(request: pytest.FixtureRequest) -> tuple[Bucket, str]:
    """Return a bucket whose object `key` was written twice, and the first version's id."""
    metadata = {"autodrop-target": "y"}
    if request.param == "fake":
        world = World()
        world.drop("key", b"first", metadata, "v1")
        world.drop("key", b"second", {}, "v2")
        return world.bucket, "v1"
    client: S3Client = request.getfixturevalue("s3")
    first = client.put_object(Bucket=BUCKET, Key="key", Body=b"first", Metadata=metadata)
    client.put_object(Bucket=BUCKET, Key="key", Body=b"second")
    return S3Bucket(client, BUCKET), first["VersionId"]


def test_a_version_stays_what_it_was_with_its_metadata(
    versioned: tuple[Bucket, str], tmp_path: Path
) -> None:
    bucket, first = versioned

    metadata = bucket.download("key", tmp_path / "file", first)

    assert (tmp_path / "file").read_bytes() == b"first"
    assert metadata == {"autodrop-target": "y"}


def test_without_a_version_the_latest_is_downloaded(
    versioned: tuple[Bucket, str], tmp_path: Path
) -> None:
    bucket, _ = versioned

    metadata = bucket.download("key", tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == b"second"
    assert metadata == {}


def test_a_version_of_another_key_is_not_found(
    versioned: tuple[Bucket, str], tmp_path: Path
) -> None:
    bucket, first = versioned
    bucket.write("other", b"", "text/plain")

    with pytest.raises(NotFound):
        bucket.download("other", tmp_path / "file", first)
    with pytest.raises(NotFound):
        bucket.facts("other", first)


def test_the_facts_of_a_version_are_its_own(versioned: tuple[Bucket, str]) -> None:
    bucket, first = versioned

    facts = bucket.facts("key", first)

    assert facts == ObjectFacts({"autodrop-target": "y"}, first)


def test_the_facts_of_an_object_tell_its_newest_version(versioned: tuple[Bucket, str]) -> None:
    bucket, first = versioned

    facts = bucket.facts("key")

    assert facts.metadata == {}
    assert facts.version_id not in (None, first)


def test_a_bucket_without_versions_tells_none() -> None:
    client = shared_client("s3")
    with Stubber(client) as stub:
        stub.add_response("head_object", {"Metadata": {}}, {"Bucket": BUCKET, "Key": "key"})

        assert S3Bucket(client, BUCKET).facts("key") == ObjectFacts({}, None)


def test_objects_have_the_content_type_that_was_given(
    s3_bucket: S3Bucket, s3: S3Client, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"a,b")
    s3_bucket.upload("uploaded", tmp_path / "file", "text/csv")
    s3_bucket.write("written", b"{}", "application/json")

    types = [s3.head_object(Bucket=BUCKET, Key=key)["ContentType"] for key in s3_bucket.list("")]

    assert types == ["text/csv", "application/json"]


def test_every_version_below_a_prefix_is_deleted_and_nothing_else(
    s3_bucket: S3Bucket, s3: S3Client
) -> None:
    for key in ("runs/a/1", "runs/a/1", "runs/a/2", "runs/ab/1"):
        s3_bucket.write(key, b"", "text/plain")
    s3.delete_object(Bucket=BUCKET, Key="runs/a/2")

    deleted = s3_bucket.delete_all_versions("runs/a/")

    assert deleted == 4
    left = s3.list_object_versions(Bucket=BUCKET)
    assert [each["Key"] for each in left["Versions"]] == ["runs/ab/1"]
    assert "DeleteMarkers" not in left


def test_deleting_what_is_not_there_deletes_nothing(s3_bucket: S3Bucket) -> None:
    assert s3_bucket.delete_all_versions("runs/") == 0


def test_deleting_more_than_one_page_deletes_all(s3: S3Client) -> None:
    def page(key: str, **more: Any) -> dict[str, Any]:
        return {"Versions": [{"Key": key, "VersionId": "v"}], **more}

    with Stubber(s3) as stub:
        next_ = {"IsTruncated": True, "NextKeyMarker": "a", "NextVersionIdMarker": "v"}
        stub.add_response("list_object_versions", page("a", **next_))
        stub.add_response("delete_objects", {}, _deleting("a"))
        stub.add_response("list_object_versions", page("b"))
        stub.add_response("delete_objects", {}, _deleting("b"))

        assert S3Bucket(s3, BUCKET).delete_all_versions("") == 2
        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "error"), [("AccessDenied", ClientError), ("InternalError", Transient)]
)
def test_what_s3_did_not_delete_is_not_counted_as_deleted(
    code: str, error: type[Exception], s3: S3Client
) -> None:
    with Stubber(s3) as stub:
        stub.add_response("list_object_versions", {"Versions": [{"Key": "a", "VersionId": "v"}]})
        stub.add_response("delete_objects", {"Errors": [{"Key": "a", "Code": code}]})

        with pytest.raises(error):
            S3Bucket(s3, BUCKET).delete_all_versions("")


def test_a_listing_of_more_than_one_page_is_whole(s3: S3Client) -> None:
    with Stubber(s3) as stub:
        stub.add_response(
            "list_objects_v2",
            {
                "Contents": [{"Key": "a", "Size": 1}],
                "IsTruncated": True,
                "NextContinuationToken": "more",
            },
        )
        stub.add_response(
            "list_objects_v2",
            {"Contents": [{"Key": "b", "Size": 2}]},
            {"Bucket": BUCKET, "Prefix": "", "ContinuationToken": "more"},
        )

        assert S3Bucket(s3, BUCKET).sizes("") == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("SlowDown", 503, Transient),
        ("InternalError", 500, Transient),
        ("RequestTimeout", 400, Transient),
        ("SomethingNew", 502, Transient),
        ("AccessDenied", 403, ClientError),
        ("NoSuchBucket", 404, ClientError),
    ],
)
def test_answers_of_s3_are_our_errors(
    code: str, status: int, error: type[Exception], tmp_path: Path
) -> None:
    client = shared_client("s3")
    bucket = S3Bucket(client, BUCKET)
    (tmp_path / "file").write_bytes(b"content")
    with Stubber(client) as stub:
        for operation in ("get_object", "put_object", "put_object", "list_objects_v2"):
            stub.add_client_error(operation, code, http_status_code=status)

        with pytest.raises(error):
            bucket.read("key")
        with pytest.raises(error):
            bucket.write("key", b"", "text/plain")
        with pytest.raises(error):
            bucket.upload("key", tmp_path / "file", "text/plain")
        with pytest.raises(error):
            bucket.list("")


def test_a_forbidden_object_is_not_taken_for_a_missing_one() -> None:
    client = shared_client("s3")
    with Stubber(client) as stub:
        stub.add_client_error("head_object", "403", http_status_code=403)

        with pytest.raises(ClientError):
            S3Bucket(client, BUCKET).exists("key")


def _deleting(key: str) -> dict[str, Any]:
    return {
        "Bucket": ANY,
        "Delete": {"Objects": [{"Key": key, "VersionId": "v"}], "Quiet": True},
    }


def test_an_object_comes_in_one_request_and_whole_or_not_at_all(tmp_path: Path) -> None:
    client = shared_client("s3")
    body = StreamingBody(io.BytesIO(b"half"), 4)
    with Stubber(client) as stub:
        stub.add_response(
            "get_object",
            {"Body": body, "ContentLength": 8, "Metadata": {}},
            {"Bucket": BUCKET, "Key": "key", "VersionId": "v1"},
        )

        with pytest.raises(Transient, match="did not arrive whole"):
            S3Bucket(client, BUCKET).download("key", tmp_path / "file", "v1")
