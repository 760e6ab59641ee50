"""Every minute, and whenever a child job of Autopilot ends → what each open run needs now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from autodrop.decisions import (
    BETWEEN_LOOKS,
    CALLS_A_SECOND,
    LEASE,
    LONGEST_LOOK,
    MOST_STARTED,
    RENEWED_BEFORE,
    RESEND_AFTER,
    WAIT,
    Action,
    Step,
    agenda,
    announcement,
    next_step,
    waits_too_long,
)
from autodrop.errors import Transient
from autodrop.events import job_changed, processing_changed, transform_changed
from autodrop.outcome import announce, conclude, tell_waiting
from autodrop.ports import Lease, Services
from autodrop.report import Report
from autodrop.run import Run, RunState
from autodrop.steps.start_autopilot import RUNS_QUEUED, start_autopilot

_TELLS = {
    Action.TELL_TRANSFORM: transform_changed,
    Action.TELL_PROCESSING: processing_changed,
}


def watch_runs(services: Services) -> Report:
    """Look at open runs and bring forward those that are due, one look at a time.

    Events ask for a look far more often than one is needed: who comes while another look is under
    way, or too soon after one, is content. A look that dies keeps the others out until its lease
    ends.

    Raises:
        Exception: The first unexpected error, after all other runs were looked at.
    """
    now = services.now()
    lease = services.ledger.take_lease(now, now + LEASE)
    if lease is None:
        return Report("Another look is under way")
    turn = _Turn(services, lease)
    try:
        report = _look(services, turn, now)
    except Exception:
        services.ledger.end_lease(turn.lease)
        raise
    services.ledger.end_lease(turn.lease)
    return report


@dataclass
class _Turn:
    """The lease of a look, for as long as the look takes."""

    services: Services
    lease: Lease

    def goes_on(self) -> bool:
        """Return whether the lease is still ours, and renew it when little of it is left."""
        now = self.services.now()
        if self.lease.until - now > RENEWED_BEFORE:
            return True
        renewed = self.services.ledger.renew_lease(self.lease, now + LEASE)
        self.lease = renewed or self.lease
        return renewed is not None


def _look(services: Services, turn: _Turn, now: datetime) -> Report:
    """Wait until it is time, and look at the runs whose turn it is.

    A run that cannot be looked at because of throttling waits for its next turn; the others do
    not. Queued runs start oldest first, and stop trying at the first that finds no room.
    """
    early = (turn.lease.not_before or now) - now
    if early > BETWEEN_LOOKS:
        return Report("Too soon for another look")
    if early > timedelta():
        services.sleep(early.total_seconds())
    begun = services.now()
    plan = agenda(services.ledger.open_runs(), turn.lease.cursor)
    # Before the first call: a run that kills every look must not be the first of the next one too.
    turn.lease = replace(turn.lease, cursor=plan.cursor, not_before=begun + plan.takes)
    if not services.ledger.keep_lease(turn.lease):
        return Report("Another look is under way")
    look = _Look(services, _why_nobody_starts(plan.queued))
    unexpected: list[Exception] = []
    for number, run in enumerate((*plan.looked_at, *plan.queued)):
        if services.now() - begun > LONGEST_LOOK or not turn.goes_on():
            break
        if 0 < number < len(plan.looked_at):
            services.sleep(1 / CALLS_A_SECOND)
        try:
            look.bring_forward(run)
        except Transient:
            look.done["later"] += 1
        except Exception as error:  # noqa: BLE001 - one run must not keep the others waiting
            unexpected.append(error)
    if unexpected:
        raise unexpected[0]
    done = {str(action): runs for action, runs in look.done.items()}
    return Report("Runs watched", {"runs": look.done.total(), **done})


@dataclass
class _Look:
    """One look: what it did so far, and how many runs it may still start or tell of."""

    services: Services
    why_queued: str | None
    notices_left: int = MOST_STARTED
    starts_left: int = MOST_STARTED
    done: Counter[str] = field(default_factory=Counter)

    def bring_forward(self, run: Run) -> None:
        """Do what the run needs."""
        is_queued = run.state is RunState.QUEUED
        step, waits = _step_for(self.services, run)
        if step.action is Action.START_JOB and is_queued and self.starts_left == 0:
            step = WAIT
        self.done[step.action] += 1
        if step.action is not Action.START_JOB:
            _do(self.services, run, step)
            waits = waits and step.action is not Action.END
        elif start_autopilot(self.services, run.run_id).metric == RUNS_QUEUED:
            self.starts_left = 0
        elif is_queued:
            self.starts_left -= 1
            waits = False
        if waits and self.notices_left:
            self.notices_left -= 1
            reason = self.why_queued if is_queued else run.waiting_for
            tell_waiting(self.services, run, reason or "SageMaker gives no reason.")


def _why_nobody_starts(queued: Sequence[Run]) -> str | None:
    """Return SageMaker's refusal of the run that waits longest: the others wait behind it."""
    return queued[0].waiting_for if queued else None


def _step_for(services: Services, run: Run) -> tuple[Step, bool]:
    """Return what the run needs now, and whether people are to be told that it waits."""
    now = services.now()
    waits = waits_too_long(run, now)
    if run.state is RunState.RECEIVED:
        dataset_ready = services.bucket.exists(run.folder.dataset)
        return next_step(run, now, dataset_ready=dataset_ready), waits
    if run.state is RunState.PREPARING:
        processing = services.sagemaker.describe_processing_job(run.run_id)
        return next_step(run, now, processing=processing), waits and processing is None
    if run.state is RunState.TRAINING:
        job = services.sagemaker.describe_automl_job(run.run_id)
        if job is not None and job.status_line != run.job_status:
            services.ledger.note(run.run_id, job_status=job.status_line)
        return next_step(run, now, job=job), waits_too_long(run, now, job)
    if run.state is RunState.TRANSFORMING:
        transform = services.sagemaker.describe_transform_job(run.run_id)
        return next_step(run, now, transform=transform), waits
    return next_step(run, now), waits


def _do(services: Services, run: Run, step: Step) -> None:
    event = None
    if step.action is Action.TELL_JOB:
        event = job_changed(run, step.status, step.job_status)
    elif tell := _TELLS.get(step.action):
        event = tell(run, step.status)
    if event is not None:
        # Claimed first: should the event not go out, it is told again after that time.
        now = services.now()
        if services.ledger.claim_announcement(
            run.run_id, announcement(step), now, now - RESEND_AFTER
        ):
            services.events.put(event)
    elif step.action is Action.ANNOUNCE:
        announce(services, run)
    elif step.action is Action.END and step.outcome is not None:
        conclude(services, run, step.outcome)
