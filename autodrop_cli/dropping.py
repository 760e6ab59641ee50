"""Dropping a file: where it goes, what goes with it, and which run it becomes."""

from __future__ import annotations

import mimetypes
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from autodrop.aws.client_errors import translated
from autodrop.naming import (
    COMPLETE_MARK,
    INBOX,
    SETTINGS_FILE,
    Drop,
    dataset_name,
    test_file_names,
)
from autodrop.settings import parse_settings
from autodrop.settings_file import read_settings_file
from autodrop_cli.problems import BAD_USAGE, Problem

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
_LONGEST_KEY = 1024
# "the user-defined metadata is limited to 2 KB in size", names included
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
_LONGEST_METADATA = 1900


@dataclass(frozen=True)
class Upload:
    """One upload that is about to be made.

    Attributes:
        path: The file.
        key: Where it goes.
        size: Its size in bytes.
        metadata: Settings that travel with the object.
    """

    path: Path
    key: str
    size: int
    metadata: Mapping[str, str]

    @property
    def settings_key(self) -> str:
        """Where the settings of its dataset go."""
        return Drop("", self.key, "", None, 0).settings_key


def plan_uploads(path: Path, dataset: str | None, target: str | None) -> list[Upload]:
    """Return all uploads that a drop of `path` takes, in order; the last one is the drop.

    A test file that lies beside the file comes before it, and the Parquet files of a folder come
    before the mark that says the folder is complete.

    Args:
        path: A file, or a folder of Parquet files.
        dataset: The dataset's name; None takes that of the file.
        target: The column to predict, when it is given.

    Raises:
        Problem: The file, the name or the target cannot be used.
    """
    if path.is_dir():
        return _plan_folder(path, dataset, target)
    upload = plan_upload(path, dataset, target)
    folder = upload.key.removesuffix(path.name)
    beside = (path.with_name(name) for name in test_file_names(path.name))
    return [
        *(
            Upload(test, folder + test.name, test.stat().st_size, {})
            for test in beside
            if test.is_file()
        ),
        upload,
    ]


def _plan_folder(path: Path, dataset: str | None, target: str | None) -> list[Upload]:
    mark = path / COMPLETE_MARK
    parts = sorted(path.glob("*.parquet"))
    if not parts or not mark.is_file():
        raise Problem(
            f"{path} is no complete folder of Parquet files: it needs *.parquet files, and an "
            f"empty file {COMPLETE_MARK} when all of them are there.",
            BAD_USAGE,
        )
    _check_name("the folder's name", path.name)
    name = default_dataset(path.name) if dataset is None else dataset
    _check_name("the dataset's name", name)
    folder = f"{INBOX}{name}/{path.name}/"
    metadata = {} if target is None else {"autodrop-target": metadata_value(target)}
    return [
        *(Upload(part, folder + part.name, part.stat().st_size, {}) for part in parts),
        Upload(mark, folder + COMPLETE_MARK, 0, metadata),
    ]


def plan_upload(path: Path, dataset: str | None, target: str | None) -> Upload:
    """Return the upload of `path` as dataset `dataset`, by default named after the file.

    Raises:
        Problem: The file, the name or the target cannot be used.
    """
    if not path.exists():
        raise Problem(f"There is no file {path}.", BAD_USAGE)
    if not path.is_file():
        raise Problem(f"{path} is not a file.", BAD_USAGE)
    if path.name == SETTINGS_FILE:
        raise Problem(
            f"{SETTINGS_FILE} holds settings, not data: give it with --config beside a data file.",
            BAD_USAGE,
        )
    _check_name("the file's name", path.name)
    folder = default_dataset(path.name) if dataset is None else dataset
    _check_name("the dataset's name", folder)
    key = f"{INBOX}{folder}/{path.name}"
    if len(key.encode()) > _LONGEST_KEY:
        raise Problem(f"S3 takes keys of at most {_LONGEST_KEY} bytes: {key}", BAD_USAGE)
    metadata = {} if target is None else {"autodrop-target": metadata_value(target)}
    return Upload(path=path, key=key, size=path.stat().st_size, metadata=metadata)


def default_dataset(file_name: str) -> str:
    """Return the dataset's name for a file: `Sales 2024.csv.gz` becomes `sales-2024`."""
    stem = file_name.removesuffix(".gz").removesuffix(".zst")
    return dataset_name(stem.rpartition(".")[0] or stem)


def metadata_value(text: str) -> str:
    """Return `text` as S3 metadata can carry it: as it is, or `utf-8''` and percent-encoded.

    Raises:
        Problem: It is empty or too long.
    """
    if not text:
        raise Problem("--target is empty: name a column.", BAD_USAGE)
    # HTTP drops spaces at either end of a header.
    as_it_is = text.isascii() and text.isprintable() and text == text.strip()
    try:
        value = text if as_it_is and not text.startswith("utf-8''") else f"utf-8''{quote(text)}"
    except UnicodeEncodeError:
        raise Problem("--target is not valid text.", BAD_USAGE) from None
    if len(value) > _LONGEST_METADATA:
        raise Problem("--target is too long; set `target` with --config instead.", BAD_USAGE)
    return value


def read_settings(path: Path) -> bytes:
    """Return the content of a settings file that the pipeline will accept.

    Raises:
        Problem: It is not there.
        Rejected: It is not YAML, or says what no setting may say.
    """
    if not path.is_file():
        raise Problem(f"There is no file {path}.", BAD_USAGE)
    content = path.read_bytes()
    parse_settings(read_settings_file(content, str(path)))
    return content


def send(s3: S3Client, bucket: str, upload: Upload, on_bytes: Callable[[int], None]) -> Drop:
    """Upload the file, in parts and in parallel when it is large; return it as the drop it became.

    Args:
        s3: A client that makes no other upload meanwhile.
        bucket: The data bucket.
        upload: What to upload.
        on_bytes: Called with the number of bytes sent since the last call, from any thread.

    Raises:
        Problem: The bucket keeps no versions, so the run's name cannot be known.
    """
    written: list[str] = []

    def remember(parsed: Mapping[str, Any], **_: object) -> None:
        if parsed.get("VersionId"):
            written.append(parsed["VersionId"])

    # `upload_file` returns nothing, and asking for the latest version afterwards could find that
    # of somebody else: the answer to this very upload is the only place to take it from.
    answers = ("after-call.s3.PutObject", "after-call.s3.CompleteMultipartUpload")
    for answer in answers:
        s3.meta.events.register(answer, remember)
    try:
        with translated():
            s3.upload_file(
                str(upload.path),
                bucket,
                upload.key,
                ExtraArgs={
                    "Metadata": dict(upload.metadata),
                    "ContentType": _content_type(upload.path.name),
                },
                Callback=on_bytes,
            )
    finally:
        for answer in answers:
            s3.meta.events.unregister(answer, remember)
    if not written or written[-1] == "null":
        raise Problem(
            f"The file is uploaded, but bucket {bucket} keeps no versions, so its run has no name "
            "yet: look for it with `autodrop status`."
        )
    return Drop(
        bucket=bucket,
        key=upload.key,
        version=written[-1],
        version_id=written[-1],
        size=upload.size,
    )


def _check_name(what: str, name: str) -> None:
    bad = not name or name in (".", "..") or "/" in name
    if bad or any(unicodedata.category(each) in ("Cc", "Cs") for each in name):
        raise Problem(
            f"{what.capitalize()} {name!r} cannot be part of an S3 key: use letters, digits, "
            "spaces, dots and dashes.",
            BAD_USAGE,
        )


def _content_type(file_name: str) -> str:
    if file_name.endswith(".gz"):
        return "application/gzip"
    return mimetypes.guess_type(file_name)[0] or "application/octet-stream"
