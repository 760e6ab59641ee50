"""S3 *Object Created* below `inbox/` → a run folder with `dataset.json`, a job, or a rejection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

from autodrop.errors import AutodropError, NotFound, OutOfRoom, Rejected
from autodrop.naming import Drop, run_id
from autodrop.outcome import JSON, conclude, rejection, to_json
from autodrop.ports import Services
from autodrop.preparation.examining import Dropped
from autodrop.preparation.prepare import Prepared, Work, prepare
from autodrop.preparation.reading.text import TOO_LARGE
from autodrop.report import Report
from autodrop.run import Run, RunState
from autodrop.steps.drop_parts import no_parts, parts_of
from autodrop.steps.processing_job import continue_preparation, prepare_by_job
from autodrop.steps.run_settings import file_gone, read_settings
from autodrop.work_folder import empty_work_folder, within_room

_CSV = "text/csv"
_HEARD_EVERY_SECONDS = 60


def prepare_dataset(services: Services, drop: Drop) -> Report:
    """Claim the run of a drop, check the file, split it, and write the run folder.

    `dataset.json` is written last: its creation is the event that starts the training. The same
    drop again finds it there and does nothing. A file that is too large for a function goes to a
    processing job.
    """
    if not drop.is_dataset or drop.bucket != services.bucket.name:
        return Report("Not a dataset", {"key": drop.key})
    if drop.is_folder:
        # The mark of a folder is empty: its parts are what is large.
        drop = replace(drop, size=sum(parts_of(services, drop).values()))
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
            with _heard_of(services, run.run_id):
                is_prepared = _prepare_and_upload(services, run)
            if not is_prepared:
                return prepare_by_job(services, run)
        except Rejected as problem:
            return conclude(services, run, rejection(problem))
    services.ledger.advance(run.run_id, RunState.PREPARED, services.now())
    return Report("Dataset prepared", {"run_id": run.run_id}, metric="RunsPrepared")


@contextmanager
def _heard_of(services: Services, run_id: str) -> Iterator[None]:
    """Let the ledger hear every minute that the run is being prepared: whoever is killed is silent.

    What it does not hear because of throttling, it hears a minute later.
    """
    ended = Event()

    def tell() -> None:
        while not ended.wait(_HEARD_EVERY_SECONDS):
            with suppress(AutodropError):
                services.ledger.note(run_id, working_at=services.now())

    services.ledger.note(run_id, working_at=services.now())
    teller = Thread(target=tell, daemon=True)
    teller.start()
    try:
        yield
    finally:
        ended.set()
        teller.join()


def _prepare_and_upload(services: Services, run: Run) -> bool:
    """Return False when the file is too large for a function."""
    if run.drop.size > services.max_dataset_bytes:
        return False
    with empty_work_folder(services.work_folder) as folder:
        try:
            with within_room():
                prepared = _prepare(services, run, folder)
        except OutOfRoom:
            return False
        except Rejected as problem:
            if problem.code == TOO_LARGE:
                return False
            raise
        _upload(services, run, prepared)
        return True


def _prepare(services: Services, run: Run, folder: Path) -> Prepared:
    drop = run.drop
    dropped = folder / "dropped"
    dropped.mkdir()
    paths, metadata = _download(services, drop, dropped)
    settings = read_settings(services, drop, metadata)
    prepared = prepare(
        Dropped(
            paths=paths,
            drop=drop,
            run_id=run.run_id,
            test_path=_download_test_file(services, drop, folder / "test"),
            longest=services.max_dataset_bytes,
        ),
        settings,
        Work(folder),
    )
    services.ceilings.check_rows(prepared.dataset.rows)
    return prepared


def _download(
    services: Services, drop: Drop, folder: Path
) -> tuple[Sequence[Path], Mapping[str, str]]:
    """Return the dropped file, or the parts of a folder, with the metadata of the drop."""
    mark = folder / "file"
    try:
        metadata = services.bucket.download(drop.key, mark, drop.version_id)
        if not drop.is_folder:
            return [mark], metadata
        paths = []
        for number, key in enumerate(parts_of(services, drop)):
            paths.append(folder / f"part-{number:05}.parquet")
            services.bucket.download(key, paths[-1])
    except NotFound:
        raise file_gone(drop) from None
    if not paths:
        raise no_parts(drop)
    return paths, metadata


def _download_test_file(services: Services, drop: Drop, path: Path) -> Path | None:
    for key in drop.test_file_keys:
        try:
            services.bucket.download(key, path)
        except NotFound:
            continue
        return path
    return None


def _upload(services: Services, run: Run, prepared: Prepared) -> None:
    folder = run.folder
    services.bucket.upload(folder.train, prepared.train, _CSV)
    services.bucket.upload(folder.test, prepared.test, _CSV)
    services.bucket.upload(folder.truth, prepared.truth, _CSV)
    if prepared.model_train is not None:
        services.bucket.upload(folder.model_train, prepared.model_train, _CSV)
    if prepared.model_test is not None:
        services.bucket.upload(folder.model_test, prepared.model_test, _CSV)
    if prepared.probe is not None and prepared.plan is not None:
        services.bucket.upload(prepared.dataset.probe_key, prepared.probe, _CSV)
        services.bucket.write(folder.probe_plan, to_json(prepared.plan.to_json()), JSON)
    services.bucket.write(folder.profile, to_json(prepared.profile), JSON)
    services.bucket.write(folder.dataset, to_json(prepared.dataset.to_json()), JSON)
