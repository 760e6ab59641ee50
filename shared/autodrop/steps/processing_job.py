"""A file too large for a function → a processing job with Spark, and what comes of it.

A run is PREPARING from before its job is created until what the job found is taken up. Whatever
happens in between is put right by looking: at the job, at its outcome, at the run folder.
"""

from __future__ import annotations

import json
from typing import Any

from autodrop.dataset import Dataset
from autodrop.errors import AlreadyExists, JobFailed, NotFound, QuotaExceeded, Rejected
from autodrop.findings import Finding
from autodrop.outcome import JSON, conclude, name_taken, refused, rejection, to_json
from autodrop.ports import Services
from autodrop.report import Report
from autodrop.requests import (
    CODE_ARCHIVE,
    CODE_LIBRARIES,
    CODE_ORDER,
    CODE_SCRIPT,
    part_folders,
    processing_code_uri,
    processing_instances,
    processing_job_request,
)
from autodrop.run import Outcome, Run, RunState
from autodrop.sagemaker_jobs import ProcessingJob
from autodrop.settings import Settings
from autodrop.steps.drop_parts import no_parts, parts_of
from autodrop.steps.processing_code import SCRIPT, package_archive, write_library_archive
from autodrop.steps.run_folder import is_about
from autodrop.steps.run_settings import file_gone, read_settings
from autodrop.work_folder import empty_work_folder

_WHAT = "Processing job"
_ZIP = "application/zip"


def continue_preparation(services: Services, run_id: str) -> Report:
    """Do what the run's processing job still needs: create it, or take up what it found."""
    run = services.ledger.find(run_id)
    if run is None or run.state is not RunState.PREPARING:
        return Report("No job prepares this run", {"run_id": run_id})
    job = services.sagemaker.describe_processing_job(run_id)
    if job is None:
        return prepare_by_job(services, run)
    if not _is_ours(job, run):
        return conclude(services, run, name_taken(_WHAT, run_id))
    if job.status != "Completed":
        _waits_no_longer(services, run)
        return Report("Processing job is not completed", {"run_id": run_id})
    return _take_up(services, run)


def prepare_by_job(services: Services, run: Run) -> Report:
    """Start the run's processing job; leave the run waiting when there is no room for it.

    Settings come first: one that cannot be used costs no job.
    """
    try:
        settings = _settings(services, run)
        files = _files(services, run)
    except Rejected as problem:
        return conclude(services, run, rejection(problem))
    if not services.processing.image_uri:
        return conclude(services, run, _no_image())
    services.ledger.advance(run.run_id, RunState.PREPARING, services.now())
    _write_code(services, run, settings, files)
    try:
        services.sagemaker.create_processing_job(
            processing_job_request(run, services.processing, services.execution_role_arn)
        )
    except AlreadyExists:
        job = services.sagemaker.describe_processing_job(run.run_id)
        if job is None or not _is_ours(job, run):
            return conclude(services, run, name_taken(_WHAT, run.run_id))
    except QuotaExceeded as error:
        # The run stays where it is: `watch_runs` tells of the job that is not there.
        services.ledger.note(run.run_id, waiting_for=f"SageMaker: {error}")
        return Report("Run waits for room", {"run_id": run.run_id})
    except JobFailed as refusal:
        return conclude(services, run, refused(_WHAT, refusal))
    current = services.ledger.find(run.run_id)
    if current is None or current.state.is_end:
        # It ended, or was cleaned up, while its job was being created.
        services.sagemaker.stop_processing_job(run.run_id)
        return Report("Processing job of an ended run stopped", {"run_id": run.run_id})
    _waits_no_longer(services, current)
    return Report("Processing job started", {"run_id": run.run_id}, metric="JobsStarted")


def _waits_no_longer(services: Services, run: Run) -> None:
    if run.waiting_for is not None:
        services.ledger.note(run.run_id, waiting_for=None)


def _settings(services: Services, run: Run) -> Settings:
    try:
        facts = services.bucket.facts(run.drop.key, run.drop.version_id)
    except NotFound:
        raise file_gone(run.drop) from None
    return read_settings(services, run.drop, facts.metadata)


def _files(services: Services, run: Run) -> list[str]:
    """Return the keys that the job reads: the dropped file, or the parts of a folder.

    Raises:
        Rejected: There are no parts.
    """
    if not run.drop.is_folder:
        return [run.drop.key]
    keys = list(parts_of(services, run.drop))
    if not keys:
        raise no_parts(run.drop)
    return keys


def _write_code(services: Services, run: Run, settings: Settings, files: list[str]) -> None:
    """Write what the job is given into the run's own folder, which it may read and nobody else.

    The libraries too: of one archive for all runs, every run could spoil those of the others.
    """
    drop, bucket = run.drop, services.bucket
    test_files = (key for key in drop.test_file_keys if bucket.exists(key))
    most = services.processing.most_instances
    order = {
        "schema_version": 1,
        "run_id": run.run_id,
        "drop": {
            "bucket": drop.bucket,
            "key": drop.key,
            "version": drop.version,
            "version_id": drop.version_id,
            "size": drop.size,
        },
        "files": files,
        "test_file": next(test_files, None),
        "instances": processing_instances(drop.size, drop.file_name, most),
        "settings": settings.to_json(),
    }
    write, key = bucket.write, run.folder.processing_code
    write(key(CODE_ARCHIVE), package_archive(), _ZIP)
    with empty_work_folder(services.work_folder) as folder:
        write_library_archive(folder / CODE_LIBRARIES)
        bucket.upload(key(CODE_LIBRARIES), folder / CODE_LIBRARIES, _ZIP)
    write(key(CODE_SCRIPT), SCRIPT, "text/x-python")
    write(key(CODE_ORDER), to_json(order), JSON)


def _is_ours(job: ProcessingJob, run: Run) -> bool:
    return job.input_uri == processing_code_uri(run)


def _take_up(services: Services, run: Run) -> Report:
    """Write what the job found into the run folder; `dataset.json` last, as always."""
    folder = run.folder
    if not services.bucket.exists(folder.dataset):
        try:
            dataset, profile, plan = _found(services, run)
        except Rejected as problem:
            return conclude(services, run, rejection(problem))
        except JobFailed as problem:
            return conclude(services, run, _unusable(problem))
        if plan is not None:
            services.bucket.write(folder.probe_plan, to_json(plan), JSON)
        services.bucket.write(folder.profile, to_json(profile), JSON)
        services.bucket.write(folder.dataset, to_json(dataset), JSON)
    services.ledger.advance(run.run_id, RunState.PREPARED, services.now())
    return Report("Dataset prepared", {"run_id": run.run_id}, metric="RunsPrepared")


def _found(services: Services, run: Run) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """Return dataset, profile and the plan of the probe as the job has written them.

    Raises:
        Rejected: The job found that the file cannot be used, or it is above a ceiling.
        JobFailed: The job left nothing, or nothing that can be read.
    """
    try:
        content = services.bucket.read(run.folder.outcome)
    except NotFound:
        raise JobFailed(
            "OUTCOME_MISSING", "The Processing job completed but left no outcome.json."
        ) from None
    try:
        told = json.loads(content)
        if "rejected" in told:
            raise _rejected(told["rejected"])
        dataset, profile = told["dataset"], told["profile"]
        parsed = Dataset.from_json(dataset)
        parts = dict(told["parts"])
        if not is_about(parsed, run) or not isinstance(profile, dict):
            raise _malformed()
    except (ValueError, TypeError, LookupError, AttributeError):
        raise _malformed() from None
    services.ceilings.check(parsed)
    _check_parts(services, run, parts)
    return dataset, profile, told.get("probe")


def _check_parts(services: Services, run: Run, parts: dict[str, int]) -> None:
    """Check that the parts of all instances are in the run's folder, and no others.

    Raises:
        JobFailed: Some are missing: docs/aws.md, Processing jobs.
    """
    for name, key in part_folders(run.folder).items():
        below = services.bucket.list(f"{key.rpartition('/')[0]}/part-")
        if len(below) != parts.get(name, 0):
            raise JobFailed(
                "PARTS_MISSING",
                f"The Processing job wrote {parts.get(name, 0):,} parts of {name}, but "
                f"{len(below):,} of them are there.",
            )


def _rejected(told: dict[str, Any]) -> Rejected:
    found = {key: value for key, value in told.items() if key != "others"}
    others = [Finding.from_json(each) for each in told.get("others") or ()]
    return Rejected.of(Finding.from_json(found), others)


def _malformed() -> JobFailed:
    return JobFailed(
        "OUTCOME_MALFORMED", "The Processing job completed, but its outcome.json cannot be read."
    )


def _unusable(problem: JobFailed) -> Outcome:
    return Outcome(
        RunState.FAILED,
        problem.code,
        problem.message,
        "Look at the job's log in CloudWatch (/aws/sagemaker/ProcessingJobs) and at the files "
        "under processing/.",
    )


def _no_image() -> Outcome:
    return Outcome(
        RunState.FAILED,
        "NO_SPARK_IMAGE",
        "The file is too large for a function, and AWS lists no Spark container for this region.",
        "Set the stack's parameter `SparkImageUri` to one, and drop the file again.",
    )
