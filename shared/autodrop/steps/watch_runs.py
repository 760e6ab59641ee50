"""Every minute, and whenever a child job of Autopilot ends → what each open run needs now."""

from __future__ import annotations

from collections import Counter

from autodrop.decisions import Action, Step, announcement, next_step
from autodrop.errors import Transient
from autodrop.events import job_changed, processing_changed, transform_changed
from autodrop.outcome import announce, conclude
from autodrop.ports import Services
from autodrop.report import Report
from autodrop.run import Run, RunState
from autodrop.steps.start_autopilot import RUNS_QUEUED, start_autopilot

_TELLS = {
    Action.TELL_TRANSFORM: transform_changed,
    Action.TELL_PROCESSING: processing_changed,
}


def watch_runs(services: Services) -> Report:
    """Look at every open run and bring forward the one that is due.

    A run that cannot be looked at because of throttling waits for the next minute; the others do
    not. Queued runs start oldest first, and stop trying at the first that finds no room.

    Raises:
        Exception: The first unexpected error, after all other runs were looked at.
    """
    done: Counter[str] = Counter()
    unexpected: Exception | None = None
    room = True
    for run in services.ledger.open_runs():
        if run.state is RunState.QUEUED and not room:
            done[Action.WAIT] += 1
            continue
        try:
            step = _step_for(services, run)
            if step.action is Action.START_JOB:
                room = start_autopilot(services, run.run_id).metric != RUNS_QUEUED
            else:
                _do(services, run, step)
            done[step.action] += 1
        except Transient:
            done["later"] += 1
        except Exception as error:  # noqa: BLE001 - one run must not keep the others waiting
            unexpected = unexpected or error
    if unexpected is not None:
        raise unexpected
    return Report("Runs watched", {"runs": done.total(), **{str(k): v for k, v in done.items()}})


def _step_for(services: Services, run: Run) -> Step:
    now = services.now()
    if run.state is RunState.RECEIVED:
        return next_step(run, now, dataset_ready=services.bucket.exists(run.folder.dataset))
    if run.state is RunState.PREPARING:
        processing = services.sagemaker.describe_processing_job(run.run_id)
        return next_step(run, now, processing=processing)
    if run.state is RunState.TRAINING:
        job = services.sagemaker.describe_automl_job(run.run_id)
        if job is not None and job.status_line != run.job_status:
            services.ledger.note(run.run_id, job_status=job.status_line)
        return next_step(run, now, job=job)
    if run.state is RunState.TRANSFORMING:
        transform = services.sagemaker.describe_transform_job(run.run_id)
        return next_step(run, now, transform=transform)
    return next_step(run, now)


def _do(services: Services, run: Run, step: Step) -> None:
    event = None
    if step.action is Action.TELL_JOB:
        event = job_changed(run, step.status, step.job_status)
    elif tell := _TELLS.get(step.action):
        event = tell(run, step.status)
    if event is not None:
        services.events.put(event)
        services.ledger.note(run.run_id, announced=announcement(step), announced_at=services.now())
    elif step.action is Action.ANNOUNCE:
        announce(services, run)
    elif step.action is Action.END and step.outcome is not None:
        conclude(services, run, step.outcome)
