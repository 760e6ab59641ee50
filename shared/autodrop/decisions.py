"""What does a run in this state need next? Pure: `watch_runs` asks, and does what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from autodrop.events import NOT_STARTED
from autodrop.run import Outcome, Run, RunState
from autodrop.sagemaker_jobs import TERMINAL_STATUSES, AutoMLJob, ProcessingJob, TransformJob

# A function that prepares a file is heard of every minute. Lambda's retries of one that was killed
# come 1 and 2 minutes later.
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
PREPARATION_DEADLINE = timedelta(minutes=10)
# How long the event that should have come gets before we send it (again).
GRACE = timedelta(minutes=2)
RESEND_AFTER = timedelta(minutes=5)
# A run that waits for room, to look at its file or to score its held-out rows, gives up after this
# long; so does one whose job has ended and of which nothing comes.
GIVE_UP_AFTER = timedelta(hours=24)
# Other jobs may go on for days; that the account has no room for any does not pass by itself.
QUEUE_LIMIT = timedelta(days=7)
# When people are told that a run waits for room, and what to ask AWS for.
TELL_WAITING_AFTER = timedelta(hours=3)
# A look costs SageMaker one Describe a run. How many it answers AWS does not document (it says
# "Rate exceeded" beyond), so all looks together stay at 300 a minute, one after the other.
CALLS_A_SECOND = 5
MOST_LOOKED_AT = 300
# Of the runs that wait for room, so many are tried at a look; it ends at the first refusal anyway.
MOST_STARTED = 10
# How close looks follow one another, whatever events ask for; the one event that comes too early
# waits so long, and all others are content with its look.
BETWEEN_LOOKS = timedelta(seconds=5)
# A look ends before Lambda's timeout of 5 minutes does it.
LONGEST_LOOK = timedelta(minutes=4)
# A look that goes on renews its lease before a run when no more than that is left of it; one that
# died keeps the others out until its lease ends.
LEASE = timedelta(seconds=90)
RENEWED_BEFORE = timedelta(seconds=60)


class Action(StrEnum):
    """What `watch_runs` can do for a run."""

    WAIT = "wait"
    START_JOB = "start_job"
    TELL_JOB = "tell_job"
    TELL_TRANSFORM = "tell_transform"
    TELL_PROCESSING = "tell_processing"
    ANNOUNCE = "announce"
    END = "end"


@dataclass(frozen=True)
class Step:
    """One action.

    Attributes:
        action: What to do.
        status: For the three TELLs, the status to tell.
        job_status: What SageMaker says itself, where that is another one.
        outcome: For END, how the run ends.
    """

    action: Action
    status: str = ""
    job_status: str = ""
    outcome: Outcome | None = None


WAIT = Step(Action.WAIT)


def next_step(
    run: Run,
    now: datetime,
    *,
    dataset_ready: bool = False,
    job: AutoMLJob | None = None,
    transform: TransformJob | None = None,
    processing: ProcessingJob | None = None,
) -> Step:
    """Return what an open run needs now.

    Args:
        run: The run as the ledger knows it.
        now: The time.
        dataset_ready: Whether its `dataset.json` exists; looked up for RECEIVED runs.
        job: Its AutoML job; looked up for TRAINING runs.
        transform: Its transform job; looked up for TRANSFORMING runs.
        processing: Its processing job; looked up for PREPARING runs.
    """
    if run.state.is_end:
        return Step(Action.ANNOUNCE) if _quiet_for(run, now, GRACE) else WAIT
    if run.state is RunState.RECEIVED:
        return _received(run, now, dataset_ready=dataset_ready)
    if run.state is RunState.PREPARING:
        return _preparing(run, now, processing)
    if run.state is RunState.PREPARED:
        return Step(Action.START_JOB) if _quiet_for(run, now, GRACE) else WAIT
    if run.state is RunState.QUEUED:
        return _queued(run, now)
    if run.state is RunState.TRAINING:
        return _training(run, now, job)
    return _transforming(run, now, transform)


def _received(run: Run, now: datetime, *, dataset_ready: bool) -> Step:
    if dataset_ready and _quiet_for(run, now, GRACE):
        return Step(Action.START_JOB)
    silent_for = now - (run.working_at or run.created_at)
    if silent_for > PREPARATION_DEADLINE:
        outcome = Outcome(
            RunState.FAILED,
            "PREPARATION_LOST",
            "The file was never prepared: nothing was heard of the function for "
            f"{silent_for // timedelta(minutes=1)} minutes, and it left no failure behind.",
            "Drop the file again; if it happens again, look at the log of prepare_dataset.",
        )
        return Step(Action.END, outcome=outcome)
    return WAIT


def _preparing(run: Run, now: datetime, processing: ProcessingJob | None) -> Step:
    status, since = NOT_STARTED, run.updated_at
    if processing is not None:
        if processing.status not in TERMINAL_STATUSES:
            return WAIT
        status, since = processing.status, processing.ended_at or run.updated_at
    if now - since < GRACE:
        # The function may still be at work, or the event on its way.
        return WAIT
    told = run.announced == _said(status, "processing")
    if told and not _announced_before(run, now, RESEND_AFTER):
        return WAIT
    if told and now - since > GIVE_UP_AFTER:
        return Step(Action.END, outcome=_never_prepared(run, started=processing is not None))
    return Step(Action.TELL_PROCESSING, status=status)


def _never_prepared(run: Run, *, started: bool) -> Outcome:
    if started:
        return Outcome(
            RunState.FAILED,
            "PREPARATION_NEVER_FINISHED",
            "The Processing job ended, but what it found could not be taken up for 24 hours.",
            "Look at the log of prepare_dataset; what the job wrote is under processing/.",
        )
    return Outcome(
        RunState.FAILED,
        "PREPARATION_NEVER_STARTED",
        run.waiting_for or "The Processing job could not be started for 24 hours.",
        "Ask AWS for a higher quota of the instance type for processing jobs, or set another "
        "`ProcessingInstanceType` in the stack's parameters, and drop the file again.",
    )


def _queued(run: Run, now: datetime) -> Step:
    # It is tried once more after people were told: nobody may have looked at it for days.
    if now - run.updated_at > QUEUE_LIMIT and run.waiting_told == RunState.QUEUED:
        outcome = Outcome(
            RunState.FAILED,
            "QUEUE_TIMEOUT",
            "The account had no room for another Autopilot job for 7 days. "
            f"{run.waiting_for or ''}".strip(),
            "Ask AWS for a higher quota “Number of concurrent Autopilot jobs” of SageMaker, or "
            "stop Autopilot jobs that are not needed, and drop the file again.",
        )
        return Step(Action.END, outcome=outcome)
    return Step(Action.START_JOB)


def waits_too_long(run: Run, now: datetime, job: AutoMLJob | None = None) -> bool:
    """Return whether people are to be told that the run waits for room in the account.

    Args:
        run: The run.
        now: The time.
        job: Its AutoML job, for TRAINING runs: they wait for room for their transform.
    """
    since = (job and job.ended_at) or run.updated_at
    return (
        run.waiting_for is not None
        and run.state in (RunState.QUEUED, RunState.PREPARING, RunState.TRAINING)
        and run.waiting_told != run.state
        and now - since >= TELL_WAITING_AFTER
    )


def _training(run: Run, now: datetime, job: AutoMLJob | None) -> Step:
    if job is None:
        return Step(Action.START_JOB)
    if job.status not in TERMINAL_STATUSES:
        return WAIT
    status = job.result_status
    told = run.announced == _said(status)
    if told and not _announced_before(run, now, RESEND_AFTER):
        return WAIT
    ended = job.ended_at or run.updated_at
    if told and status == "Completed" and now - ended > GIVE_UP_AFTER:
        outcome = Outcome(
            RunState.FAILED,
            "TRANSFORM_NEVER_STARTED",
            run.waiting_for or "The batch transform could not be started for 24 hours.",
            "Ask AWS for a higher quota of the transform's instance type, or set another "
            "`transform.instance_type`, and drop the file again.",
        )
        return Step(Action.END, outcome=outcome)
    return Step(
        Action.TELL_JOB, status=status, job_status=job.status if job.status != status else ""
    )


def _transforming(run: Run, now: datetime, transform: TransformJob | None) -> Step:
    if transform is None:
        # The ledger says more than SageMaker does: create_model has to go on where it died.
        return Step(Action.TELL_JOB, status="Completed")
    if transform.status not in TERMINAL_STATUSES:
        return WAIT
    ended = transform.ended_at or run.updated_at
    if now - ended < GRACE:
        return WAIT
    told = run.announced == _said(transform.status, "transform")
    if told and not _announced_before(run, now, RESEND_AFTER):
        return WAIT
    if told and now - ended > GIVE_UP_AFTER:
        outcome = Outcome(
            RunState.FAILED,
            "RESULTS_NEVER_WRITTEN",
            "The batch transform ended, but its results could not be written for 24 hours.",
            "Look at the log of write_results; the predictions are under inference-results/.",
        )
        return Step(Action.END, outcome=outcome)
    return Step(Action.TELL_TRANSFORM, status=transform.status)


@dataclass(frozen=True)
class Agenda:
    """Which runs a look is about.

    Attributes:
        looked_at: Runs of which each may cost one call, in this order.
        queued: Runs that wait for room, whoever waits longest first.
        cursor: Where the next look goes on.
        takes: How long it has to be before the next look may begin.
    """

    looked_at: tuple[Run, ...]
    queued: tuple[Run, ...]
    cursor: str
    takes: timedelta


def agenda(runs: Sequence[Run], cursor: str) -> Agenda:
    """Return what a look does that goes on where the last one ended.

    Args:
        runs: All open runs, oldest first.
        cursor: Of the last look; empty before the first.
    """
    queued = tuple(run for run in runs if run.state is RunState.QUEUED)
    others = [run for run in runs if run.state is not RunState.QUEUED]
    later = [run for run in others if _place(run) > cursor]
    turn = (later + others[: len(others) - len(later)])[:MOST_LOOKED_AT]
    takes = max(BETWEEN_LOOKS, timedelta(seconds=len(turn) / CALLS_A_SECOND))
    return Agenda(tuple(turn), queued, _place(turn[-1]) if turn else "", takes)


def _place(run: Run) -> str:
    return f"{run.created_at.isoformat(timespec='microseconds')} {run.run_id}"


def announcement(step: Step) -> str:
    """Return what the ledger remembers of a TELL, so that it is not told every minute."""
    return _said(step.status, _KINDS[step.action])


_KINDS = {
    Action.TELL_JOB: "job",
    Action.TELL_TRANSFORM: "transform",
    Action.TELL_PROCESSING: "processing",
}


def _said(status: str, kind: str = "job") -> str:
    return f"{kind} {status}"


def _announced_before(run: Run, now: datetime, age: timedelta) -> bool:
    return run.announced_at is None or now - run.announced_at >= age


def _quiet_for(run: Run, now: datetime, age: timedelta) -> bool:
    return now - run.updated_at >= age
