"""Objects of S3 of which any part can be read, on any machine that has the permission."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, IncompleteReadError, ReadTimeoutError
from urllib3.exceptions import ProtocolError

from autodrop import VERSION
from autodrop.aws.client_errors import translated
from autodrop.errors import Rejected, Transient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# Nobody waits for a single request here, unlike in a function.
_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 8},
    user_agent_extra=f"autodrop/{VERSION}",
)
_CHANGED = 412


@dataclass(frozen=True)
class S3Object:
    """`autodrop.preparation.reading.storage.Stored` in S3.

    Attributes:
        bucket: Its bucket.
        key: Its key.
        etag: What it holds: no other bytes are ever read under the key.
        size: How many bytes there are.
        version_id: The version to read, when the bucket has versions.
    """

    bucket: str
    key: str
    etag: str
    size: int
    version_id: str | None = None

    @classmethod
    def find(cls, bucket: str, key: str, version_id: str | None = None) -> S3Object:
        """Return an object.

        Raises:
            NotFound: No such object or version.
        """
        with translated():
            answer = _client().head_object(Bucket=bucket, Key=key, **_version(version_id))  # type: ignore[arg-type]
        return cls(bucket, key, answer["ETag"], answer["ContentLength"], version_id)

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to before `end`, fewer where the object ends before.

        Raises:
            NotFound: It is not there any more.
            Rejected: `FILE_REPLACED`: another one lies there now.
            Transient: The bytes did not arrive whole.
        """
        end = min(end, self.size)
        if start >= end:
            return b""
        try:
            with translated():
                answer = _client().get_object(
                    Bucket=self.bucket,
                    Key=self.key,
                    IfMatch=self.etag,
                    Range=f"bytes={start}-{end - 1}",
                    **_version(self.version_id),  # type: ignore[arg-type]
                )
            data = answer["Body"].read()
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != _CHANGED:
                raise
            name = self.key.rpartition("/")[2]
            raise Rejected(
                "FILE_REPLACED",
                f"{name} was replaced while it was being read.",
                "Nothing is lost: the newer file has a run of its own.",
            ) from error
        except (IncompleteReadError, ProtocolError, ReadTimeoutError) as error:
            raise Transient(f"{self.key} did not arrive whole: {error}") from error
        if len(data) != end - start:
            raise Transient(f"{self.key} did not arrive whole")
        return data


def _version(version_id: str | None) -> dict[str, str]:
    return {"VersionId": version_id} if version_id else {}


@cache
def _client() -> S3Client:
    return boto3.client("s3", config=_CONFIG)
