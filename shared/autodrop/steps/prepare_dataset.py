"""S3 *Object Created* below `inbox/` → a run folder with `dataset.json`, a job, or a rejection."""

from __future__ import annotations

import errno
import gzip
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

from autodrop.errors import NotFound, Rejected
from autodrop.naming import Drop, run_id
from autodrop.outcome import JSON, conclude, rejection, to_json
from autodrop.ports import Services
from autodrop.preparation.prepare import Prepared, prepare
from autodrop.report import Report
from autodrop.run import Run, RunState
from autodrop.steps.processing_job import continue_preparation, prepare_by_job
from autodrop.steps.run_settings import file_gone, read_settings

_CSV = "text/csv"
_CHUNK = 1024 * 1024


def prepare_dataset(services: Services, drop: Drop) -> Report:
    """Claim the run of a drop, check the file, split it, and write the run folder.

    `dataset.json` is written last: its creation is the event that starts the training. The same
    drop again finds it there and does nothing. A file that is too large for a function goes to a
    processing job.
    """
    if not drop.is_dataset:
        return Report("Not a dataset", {"key": drop.key})
    now = services.now()
    run = services.ledger.claim(
        Run(run_id(drop), drop, RunState.RECEIVED, now, {RunState.RECEIVED: now})
    )
    if run is None:
        return Report("Run was removed", {"key": drop.key})
    if run.state is RunState.PREPARING:
        return continue_preparation(services, run.run_id)
    if run.state is not RunState.RECEIVED:
        return Report("Drop was handled already", {"run_id": run.run_id, "state": str(run.state)})
    if not services.bucket.exists(run.folder.dataset):
        try:
            if not _prepare_and_upload(services, run):
                return prepare_by_job(services, run)
        except Rejected as problem:
            return conclude(services, run, rejection(problem))
    services.ledger.advance(run.run_id, RunState.PREPARED, services.now())
    return Report("Dataset prepared", {"run_id": run.run_id}, metric="RunsPrepared")


def _prepare_and_upload(services: Services, run: Run) -> bool:
    """Return False when the file is too large for a function."""
    if run.drop.size > services.max_dataset_bytes:
        return False
    with TemporaryDirectory(prefix="autodrop-") as folder:
        dropped = Path(folder, "dropped")
        try:
            prepared = _prepare(services, run, dropped)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            return False
        if prepared is None:
            return False
        _upload(services, run, prepared)
        return True


def _prepare(services: Services, run: Run, dropped: Path) -> Prepared | None:
    drop = run.drop
    try:
        metadata = services.bucket.download(drop.key, dropped, drop.version_id)
    except NotFound:
        raise file_gone(drop) from None
    if _unpacked_size(dropped, services.max_dataset_bytes) > services.max_dataset_bytes:
        return None
    settings = read_settings(services, drop, metadata)
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


def _upload(services: Services, run: Run, prepared: Prepared) -> None:
    folder = run.folder
    services.bucket.upload(folder.train, prepared.train, _CSV)
    services.bucket.upload(folder.test, prepared.test, _CSV)
    services.bucket.upload(folder.truth, prepared.truth, _CSV)
    services.bucket.write(folder.profile, to_json(prepared.profile), JSON)
    services.bucket.write(folder.dataset, to_json(prepared.dataset.to_json()), JSON)
