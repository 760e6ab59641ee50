"""S3 as a job sees it: with the execution role's credentials, at the host's endpoint."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from autodrop_local.sagemaker.ports import Place, RoleCredentials

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 4},
    connect_timeout=5,
    read_timeout=120,
    s3={"addressing_style": "path"},
    user_agent_extra="autodrop-local-sagemaker",
)
_ABSENT = ("404", "NoSuchKey", "NoSuchBucket", "NotFound")
_DENIED = ("403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "Forbidden")


_session_lock = threading.Lock()


@cache
def _session() -> boto3.session.Session:
    """One session, for reading S3's service model takes longer than most requests."""
    return boto3.session.Session()


class ObjectError(Exception):
    """S3 refused or failed; `code` is S3's, `absent` and `denied` say which kind it is."""

    def __init__(self, action: str, uri: str, code: str) -> None:
        super().__init__(f"{action} {uri} failed: {code}")
        self.code = code

    @property
    def absent(self) -> bool:
        """There is no such object or bucket."""
        return self.code in _ABSENT

    @property
    def denied(self) -> bool:
        """The role may not do this."""
        return self.code in _DENIED


@dataclass(frozen=True)
class Location:
    """A bucket and a key or key prefix.

    >>> Location.of("s3://bucket/a/b.csv").key
    'a/b.csv'
    """

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> Location:
        """The location that an `s3://` URI names."""
        bucket, _, key = uri.partition("://")[2].partition("/")
        return cls(bucket, key)

    @property
    def uri(self) -> str:
        """The `s3://` form."""
        return f"s3://{self.bucket}/{self.key}"

    def below(self, *parts: str) -> Location:
        """A location further down.

        >>> Location("b", "out/").below("x", "y.csv").uri
        's3://b/out/x/y.csv'
        """
        start = [self.key.rstrip("/")] if self.key.strip("/") else []
        return Location(self.bucket, "/".join([*start, *parts]))


class Objects:
    """Reads and writes objects; everything that S3 refuses is an `ObjectError`."""

    def __init__(self, client: S3Client) -> None:
        self._client = client

    @classmethod
    def connect(cls, place: Place, credentials: RoleCredentials) -> Objects:
        """S3 at the host's endpoint, as the role."""
        secure = urlsplit(place.endpoint).scheme == "https"
        with _session_lock:
            client = _session().client(
                "s3",
                endpoint_url=place.endpoint,
                verify=str(place.ca_bundle) if secure and place.ca_bundle else None,
                config=_CONFIG,
                region_name=place.region,
                aws_access_key_id=credentials.access_key,
                aws_secret_access_key=credentials.secret_key,
                aws_session_token=credentials.token or None,
            )
        return cls(client)

    def listed(self, prefix: str) -> list[Location]:
        """The objects whose key starts with the prefix, in lexical order, without folder marks."""
        where = Location.of(prefix)
        try:
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=where.bucket, Prefix=where.key
            )
            keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        except (ClientError, BotoCoreError) as error:
            raise ObjectError("Listing", prefix, _code(error)) from error
        return [Location(where.bucket, key) for key in sorted(keys) if not key.endswith("/")]

    def of_source(self, source: dict[str, str]) -> list[Location]:
        """The objects of an `S3DataSource`: those below a prefix, or those in a manifest."""
        if source["S3DataType"] == "S3Prefix":
            return self.listed(source["S3Uri"])
        entries = json.loads(self.read(Location.of(source["S3Uri"])))
        start = entries[0]["prefix"]
        return [Location.of(start + entry) for entry in entries[1:]]

    def stream(self, where: Location) -> IO[bytes]:
        """The object's bytes, to be read piece by piece."""
        try:
            answer = self._client.get_object(Bucket=where.bucket, Key=where.key)
        except (ClientError, BotoCoreError) as error:
            raise ObjectError("Reading", where.uri, _code(error)) from error
        body: IO[bytes] = answer["Body"]  # type: ignore[assignment]
        return body

    def read(self, where: Location) -> bytes:
        """The whole object."""
        with self.stream(where) as body:
            return body.read()

    def head(self, where: Location, size: int) -> bytes:
        """The first bytes of an object, at most `size` of them."""
        try:
            answer = self._client.get_object(
                Bucket=where.bucket, Key=where.key, Range=f"bytes=0-{size - 1}"
            )
            return answer["Body"].read()
        except (ClientError, BotoCoreError) as error:
            if _code(error) == "InvalidRange":  # what S3 says of an empty object
                return b""
            raise ObjectError("Reading", where.uri, _code(error)) from error

    def check(self, where: Location) -> None:
        """Content when the object is there and readable, else raises `ObjectError`."""
        try:
            self._client.head_object(Bucket=where.bucket, Key=where.key)
        except (ClientError, BotoCoreError) as error:
            raise ObjectError("Reading", where.uri, _code(error)) from error

    def download(self, where: Location, path: Path) -> None:
        """Copies an object into a file."""
        with self.stream(where) as body, path.open("wb") as file:
            for piece in _pieces(body):
                file.write(piece)

    def upload(self, path: Path, where: Location) -> None:
        """Copies a file into an object."""
        try:
            self._client.upload_file(str(path), where.bucket, where.key)
        except (ClientError, BotoCoreError, boto3.exceptions.Boto3Error) as error:
            raise ObjectError("Writing", where.uri, _code(error)) from error

    def write(self, where: Location, body: str, content_type: str) -> None:
        """Puts a text as an object."""
        try:
            self._client.put_object(
                Bucket=where.bucket,
                Key=where.key,
                Body=body.encode("utf-8"),
                ContentType=content_type,
            )
        except (ClientError, BotoCoreError) as error:
            raise ObjectError("Writing", where.uri, _code(error)) from error


def _pieces(body: IO[bytes]) -> Iterator[bytes]:
    while piece := body.read(1 << 20):
        yield piece


def _code(error: Exception) -> str:
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", "Unknown"))
    for denied in _DENIED:
        if denied in str(error):
            return denied
    return type(error).__name__
