"""The data bucket in S3."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import (
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
)
from urllib3.exceptions import ProtocolError

from autodrop.aws.client_errors import translated
from autodrop.errors import NotFound, Transient
from autodrop.ports import ObjectFacts

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_DELETE_BATCH = 1000
_CHUNK = 1024 * 1024


class S3Bucket:
    """`autodrop.ports.Bucket` on S3."""

    def __init__(self, client: S3Client, name: str) -> None:
        self._client = client
        self._name = name

    @property
    def name(self) -> str:
        """What the bucket is called."""
        return self._name

    def download(self, key: str, path: Path, version_id: str | None = None) -> Mapping[str, str]:
        """Write the object to `path` and return its metadata.

        One request for the whole object: parts would be no faster on a function's network.

        Raises:
            NotFound: No such object or version.
            Transient: The object did not arrive whole.
        """
        with translated():
            version: dict[str, str] = {"VersionId": version_id} if version_id else {}
            answer = self._client.get_object(Bucket=self._name, Key=key, **version)  # type: ignore[arg-type]
            try:
                with path.open("wb") as file:
                    shutil.copyfileobj(answer["Body"], file, _CHUNK)
            except (IncompleteReadError, ProtocolError, ReadTimeoutError) as error:
                raise Transient(f"{key} did not arrive whole: {error}") from error
        if path.stat().st_size != answer["ContentLength"]:
            raise Transient(f"{key} did not arrive whole")
        return answer["Metadata"]

    def read(self, key: str, most: int | None = None) -> bytes:
        """Return a small object whole, or its first `most` bytes.

        Raises:
            NotFound: No such object.
        """
        with (
            translated(),
            closing(self._client.get_object(Bucket=self._name, Key=key)["Body"]) as body,
        ):
            return body.read(most)

    def facts(self, key: str, version_id: str | None = None) -> ObjectFacts:
        """Return what S3 tells of the object, or of one version of it.

        Raises:
            NotFound: No such object or version.
        """
        with translated():
            version: dict[str, str] = {"VersionId": version_id} if version_id else {}
            answer = self._client.head_object(Bucket=self._name, Key=key, **version)  # type: ignore[arg-type]
        return ObjectFacts(answer["Metadata"], answer.get("VersionId"))

    def exists(self, key: str) -> bool:
        """Return whether the object exists."""
        try:
            with translated():
                self._client.head_object(Bucket=self._name, Key=key)
        except NotFound:
            return False
        return True

    def upload(self, key: str, path: Path, content_type: str) -> None:
        """Write the file to the bucket, in parts when it is large."""
        # Unlike upload_file, this leaves ClientError as it is.
        with translated(), path.open("rb") as file:
            self._client.upload_fileobj(
                file, self._name, key, ExtraArgs={"ContentType": content_type}
            )

    def write(self, key: str, content: bytes, content_type: str) -> None:
        """Write a small object."""
        with translated():
            self._client.put_object(
                Bucket=self._name, Key=key, Body=content, ContentType=content_type
            )

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """Return the keys below `prefix`, in order, with their sizes in bytes."""
        with translated():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._name, Prefix=prefix
            )
            return {
                each["Key"]: each["Size"] for page in pages for each in page.get("Contents", [])
            }

    def list(self, prefix: str) -> Sequence[str]:
        """Return the keys below `prefix`, in order."""
        return list(self.sizes(prefix))

    def delete_all_versions(self, prefix: str) -> int:
        """Delete every version of every object below `prefix`; return how many were deleted.

        Raises:
            ClientError: S3 did not delete all of them, and not for a passing reason.
        """
        deleted = 0
        with translated():
            pages = self._client.get_paginator("list_object_versions").paginate(
                Bucket=self._name, Prefix=prefix
            )
            for page in pages:
                found = [
                    {"Key": each["Key"], "VersionId": each["VersionId"]}
                    for kind in (page.get("Versions", []), page.get("DeleteMarkers", []))
                    for each in kind
                ]
                for start in range(0, len(found), _DELETE_BATCH):
                    batch = found[start : start + _DELETE_BATCH]
                    answer = self._client.delete_objects(
                        Bucket=self._name,
                        Delete={"Objects": batch, "Quiet": True},  # type: ignore[typeddict-item]
                    )
                    # S3 says with HTTP 200 what it did not delete.
                    for kept in answer.get("Errors", []):
                        said = {"Code": kept.get("Code", ""), "Message": kept.get("Message", "")}
                        raise ClientError({"Error": said}, "DeleteObjects")  # type: ignore[typeddict-item]
                    deleted += len(batch)
        return deleted
