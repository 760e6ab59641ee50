"""S3 *Object Created* below `inbox/` → the run folder with `dataset.json`, or a rejection."""

from __future__ import annotations

import errno
import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from autodrop.errors import NotFound, Rejected
from autodrop.naming import Drop, run_id
from autodrop.outcome import JSON, conclude, to_json
from autodrop.ports import Services
from autodrop.preparation.prepare import Prepared, prepare
from autodrop.report import Report
from autodrop.run import Outcome, Run, RunState
from autodrop.settings import parse_settings, settings_from_metadata
from autodrop.settings_file import read_settings_file

_CSV = "text/csv"
_CHUNK = 1024 * 1024


def prepare_dataset(services: Services, drop: Drop) -> Report:
    """Claim the run of a drop, check the file, split it, and write the run folder.

    `dataset.json` is written last: its creation is the event that starts the training. The same
    drop again finds it there and does nothing.
    """
    if not drop.is_dataset:
        return Report("Not a dataset", {"key": drop.key})
    now = services.now()
    run = services.ledger.claim(
        Run(run_id(drop), drop, RunState.RECEIVED, now, {RunState.RECEIVED: now})
    )
    if run is None:
        return Report("Run was removed", {"key": drop.key})
    if run.state is not RunState.RECEIVED:
        return Report("Drop was handled already", {"run_id": run.run_id, "state": str(run.state)})
    if not services.bucket.exists(run.folder.dataset):
        try:
            _prepare_and_upload(services, run)
        except Rejected as problem:
            return conclude(services, run, _rejection(problem))
    services.ledger.advance(run.run_id, RunState.PREPARED, services.now())
    return Report("Dataset prepared", {"run_id": run.run_id}, metric="RunsPrepared")


def _prepare_and_upload(services: Services, run: Run) -> None:
    with TemporaryDirectory(prefix="autodrop-") as folder:
        dropped = Path(folder, "dropped")
        try:
            prepared = _prepare(services, run, dropped)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise _too_large(services.max_dataset_bytes) from None
        _upload(services, run, prepared)


def _prepare(services: Services, run: Run, dropped: Path) -> Prepared:
    drop = run.drop
    if drop.size > services.max_dataset_bytes:
        raise _too_large(services.max_dataset_bytes)
    try:
        metadata = services.bucket.download(drop.key, dropped, drop.version_id)
    except NotFound:
        raise Rejected(
            "FILE_GONE",
            f"{drop.file_name} was deleted before it could be read.",
            "Drop the file again and leave it there until the run has ended.",
        ) from None
    if _unpacked_size(dropped, services.max_dataset_bytes) > services.max_dataset_bytes:
        raise _too_large(services.max_dataset_bytes)
    settings = parse_settings(
        services.default_settings,
        _read_settings(services, drop),
        settings_from_metadata(metadata),
    )
    return prepare(dropped, drop, run.run_id, settings, dropped.parent)


def _unpacked_size(path: Path, limit: int) -> int:
    """Return the bytes that a gzipped file unpacks to, counted until they are over the limit."""
    size = 0
    try:
        with gzip.open(path) as unpacked:
            while size <= limit and (chunk := unpacked.read(_CHUNK)):
                size += len(chunk)
    except (OSError, EOFError, zlib.error):
        # Not gzipped, or damaged, which reading the table tells better.
        return size
    return size


def _read_settings(services: Services, drop: Drop) -> Mapping[str, Any]:
    """Return what the dataset's `autodrop.yaml` says; nothing when there is none."""
    try:
        content = services.bucket.read(drop.settings_key)
    except NotFound:
        return {}
    return read_settings_file(content, f"s3://{drop.bucket}/{drop.settings_key}")


def _upload(services: Services, run: Run, prepared: Prepared) -> None:
    folder = run.folder
    services.bucket.upload(folder.train, prepared.train, _CSV)
    services.bucket.upload(folder.test, prepared.test, _CSV)
    services.bucket.upload(folder.truth, prepared.truth, _CSV)
    services.bucket.write(folder.profile, to_json(prepared.profile), JSON)
    services.bucket.write(folder.dataset, to_json(prepared.dataset.to_json()), JSON)


def _rejection(problem: Rejected) -> Outcome:
    return Outcome(
        RunState.REJECTED,
        problem.code,
        problem.message,
        problem.remedy,
        problem.line,
        problem.column,
    )


def _too_large(limit: int) -> Rejected:
    return Rejected(
        "TOO_LARGE",
        f"The file is too large to be prepared: the limit is {limit / 1e6:,.0f} MB unpacked.",
        "Drop a sample of the rows.",
    )
