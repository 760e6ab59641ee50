"""Removing what a run made: objects, model, its place on the page, at last its ledger entry."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from autodrop.aws.client_errors import translated
from autodrop.errors import JobFailed
from autodrop.naming import RUNS
from autodrop.run import Outcome, Run, RunState
from autodrop.sagemaker_jobs import TERMINAL_STATUSES
from autodrop.steps.write_dataset_page import write_page
from autodrop_cli.connection import Connection
from autodrop_cli.following import Clock
from autodrop_cli.problems import Problem

_STOPS_WITHIN = timedelta(minutes=15)
_SILENCE = timedelta(minutes=2)


@dataclass(frozen=True)
class Leftovers:
    """What there still is of a run.

    Attributes:
        run_id: The run.
        run: Its entry in the ledger.
        folders: Prefixes that hold objects of it, or versions of such.
        busy: What is still at work, in words; empty when nothing is.
        listed: Whether SageMaker lists jobs of it.
    """

    run_id: str
    run: Run | None
    folders: tuple[str, ...]
    busy: str
    listed: bool


@dataclass(frozen=True)
class Removed:
    """What was removed.

    Attributes:
        versions: Objects, every version counted.
        model: Whether there was a model.
        entry: Whether there was an entry in the ledger.
    """

    versions: int
    model: bool
    entry: bool

    @property
    def anything(self) -> bool:
        """False when nothing was left to remove."""
        return bool(self.versions or self.model or self.entry)


def find_leftovers(connection: Connection, run_id: str) -> Leftovers:
    """Return what there still is of a run, also of one that the ledger has forgotten."""
    run = connection.ledger.find(run_id)
    jobs = _job_statuses(connection, run_id)
    return Leftovers(
        run_id=run_id,
        run=run,
        folders=tuple(_folders(connection, run_id)),
        busy=_busy(run, jobs),
        listed=bool(jobs),
    )


def stop(connection: Connection, run_id: str, clock: Clock) -> None:
    """End a run that is still working, and wait until its jobs have ended too.

    Raises:
        Problem: The function that prepares it, or its jobs, did not end in time.
    """
    give_up = clock.now() + _STOPS_WITHIN
    while True:
        run = connection.ledger.find(run_id)
        jobs = _job_statuses(connection, run_id)
        busy = _busy(run, jobs) or _still_prepared(run, clock.now())
        if not busy:
            return
        if jobs.get("AutoML") == "InProgress":
            # Asked for each time: start_autopilot may have been at work on a queued run just now.
            # A refusal means that the job has ended meanwhile, which the next look shows.
            with suppress(JobFailed):
                connection.sagemaker.stop_automl_job(run_id)
        if jobs.get("processing") == "InProgress":
            connection.sagemaker.stop_processing_job(run_id)
        connection.ledger.advance(
            run_id,
            RunState.STOPPED,
            clock.now(),
            Outcome(RunState.STOPPED, "STOPPED_BY_USER", "Stopped with `autodrop cleanup --stop`."),
        )
        if clock.now() > give_up:
            raise Problem(
                f"SageMaker was asked to stop run {run_id}, but {busy}. Nothing was removed; "
                "try again later."
            )
        clock.sleep(connection.poll_seconds)


def remove(connection: Connection, leftovers: Leftovers, now: datetime) -> Removed:
    """Remove everything that can be removed; the entry in the ledger goes last.

    A second call finds what a first one, interrupted, has left.

    Raises:
        Problem: Objects are still there afterwards; the entry in the ledger stays then.
    """
    versions = sum(connection.bucket.delete_all_versions(each) for each in leftovers.folders)
    model = connection.sagemaker.delete_model(leftovers.run_id)
    if still_there := [each for each in leftovers.folders if _holds_versions(connection, each)]:
        raise Problem(
            f"Objects are left below {connection.uri(still_there[0])}: you may lack the right to "
            "delete versions (s3:DeleteObjectVersion). The run stays in the list."
        )
    if leftovers.run is not None:
        _take_off_page(connection, leftovers.run)
        connection.ledger.remove(leftovers.run_id, now)
    return Removed(versions=versions, model=model, entry=leftovers.run is not None)


def _take_off_page(connection: Connection, run: Run) -> None:
    """Write the dataset's page without the run; a dataset without other runs has none."""
    left = write_page(connection.bucket, connection.ledger, run, {run.run_id: None})
    if not left:
        connection.bucket.delete_all_versions(run.folder.index)


def _job_statuses(connection: Connection, run_id: str) -> dict[str, str]:
    """Return the status of each SageMaker job that carries the run's name."""
    job = connection.sagemaker.describe_automl_job(run_id)
    transform = connection.sagemaker.describe_transform_job(run_id)
    processing = connection.sagemaker.describe_processing_job(run_id)
    found = {
        "processing": processing.status if processing else None,
        "AutoML": job.status if job else None,
        "transform": transform.status if transform else None,
    }
    return {kind: status for kind, status in found.items() if status}


def _busy(run: Run | None, jobs: Mapping[str, str]) -> str:
    at_work = [
        f"its {kind} job is {status}"
        for kind, status in jobs.items()
        if status not in TERMINAL_STATUSES
    ]
    if not at_work and run is not None and not run.state.is_end:
        at_work = [f"it is {run.state}"]
    return " and ".join(at_work)


def _still_prepared(run: Run | None, now: datetime) -> str:
    """Return that a function still prepares a run that was stopped, in words; empty if none does.

    It is heard of every minute, and writes into the run's folder at its end.
    """
    if run is None or run.working_at is None or RunState.PREPARED in run.entered:
        return ""
    is_heard = run.state is RunState.STOPPED and now - run.working_at < _SILENCE
    return "a function still prepares it" if is_heard else ""


def _folders(connection: Connection, run_id: str) -> list[str]:
    """Return the run folders that hold anything; usually one, whatever the ledger says."""
    with translated():
        pages = connection.s3.get_paginator("list_object_versions").paginate(
            Bucket=connection.bucket_name, Prefix=RUNS, Delimiter="/"
        )
        candidates = [
            f"{each['Prefix']}{run_id}/"
            for page in pages
            for each in page.get("CommonPrefixes", [])
        ]
    return [each for each in candidates if _holds_versions(connection, each)]


def _holds_versions(connection: Connection, prefix: str) -> bool:
    with translated():
        page = connection.s3.list_object_versions(
            Bucket=connection.bucket_name, Prefix=prefix, MaxKeys=1
        )
    return bool(page.get("Versions") or page.get("DeleteMarkers"))


def report_lines(connection: Connection, leftovers: Leftovers, removed: Removed) -> list[str]:
    """Return what to tell the user after `remove`."""
    name = leftovers.run_id
    if not removed.anything:
        lines = [f"Nothing is left of run {name}."]
    else:
        gone = [f"its objects ({removed.versions:,} with all their versions)"]
        gone += ["its model"] if removed.model else []
        gone += ["its entry in the list of runs"] if removed.entry else []
        lines = [f"Removed of run {name}: {', '.join(gone)}."]
    if leftovers.run is not None:
        lines.append(f"Kept: the file you dropped, {connection.uri(leftovers.run.drop.key)}")
    if leftovers.listed:
        lines.append(
            "SageMaker cannot delete processing, AutoML and transform jobs: those of this run stay "
            "in its lists and cost nothing."
        )
    return lines
