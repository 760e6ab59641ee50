"""How a run ends: failure.json, the ledger, and everybody who wants to know."""

from __future__ import annotations

import json
from contextlib import suppress

from autodrop import VERSION
from autodrop.errors import JobFailed, NotDelivered, Rejected, Transient
from autodrop.events import run_changed, run_waiting
from autodrop.ports import Services
from autodrop.report import Report
from autodrop.run import Outcome, Run, RunState

JSON = "application/json"


def conclude(services: Services, run: Run, outcome: Outcome) -> Report:
    """End the run with `outcome` unless it has ended already, and announce it.

    What the run produced stays where it is; `failure.json` lists it.
    """
    if outcome.state is not RunState.COMPLETED:
        current = services.ledger.find(run.run_id)
        if current is not None and not current.state.is_end:
            _write_failure(services, run, outcome)
    ended = services.ledger.advance(run.run_id, outcome.state, services.now(), outcome)
    if not ended:
        return Report("Run had ended already", {"run_id": run.run_id})
    concluded = services.ledger.find(run.run_id)
    notified = concluded is not None and announce(services, concluded)
    return Report(
        "Run ended",
        {
            "run_id": run.run_id,
            "state": str(outcome.state),
            "code": outcome.code,
            "notified": notified,
        },
        metric=f"Runs{outcome.state.title()}",
    )


def announce(services: Services, run: Run) -> bool:
    """Tell the bus and the topic how the run ended, then take it off the list of open runs.

    Dying in between tells it twice rather than never: `watch_runs` finds the run still open.
    Returns whether people were notified: a topic that is gone must not keep the run open for ever.
    """
    services.events.put(run_changed(run))
    try:
        services.topic.publish(*notification(run))
        notified = True
    except NotDelivered:
        notified = False
    services.ledger.close(run.run_id)
    return notified


def name_taken(what: str, name: str) -> Outcome:
    """Return how a run ends whose name in SageMaker belongs to something else."""
    return Outcome(
        RunState.FAILED,
        "NAME_TAKEN",
        f"SageMaker already has another {what} called {name}.",
        "Drop the file again: the new upload gets a new name.",
    )


def refused(what: str, refusal: JobFailed) -> Outcome:
    """Return how a run ends whose request SageMaker refuses."""
    return Outcome(
        RunState.FAILED,
        refusal.code,
        f"SageMaker refused the {what}: {refusal.message}",
        "Change what the message names and drop the file again.",
    )


def rejection(problem: Rejected) -> Outcome:
    """Return how a run ends whose file or settings cannot be used."""
    return Outcome(
        RunState.REJECTED,
        problem.code,
        problem.message,
        problem.remedy,
        problem.line,
        problem.column,
        problem.example,
        problem.others,
    )


def notification(run: Run) -> tuple[str, str]:
    """Return subject and text of the message that people get."""
    bucket = f"s3://{run.drop.bucket}"
    if run.state is RunState.COMPLETED:
        subject = f"autodrop: {run.dataset} completed: {run.headline}"
        lines = [
            f"The model for {run.dataset} is trained and tested: {run.headline}.",
            *(["", run.details] if run.details else []),
            "",
            f"Report: {bucket}/{run.folder.result('report.html')}",
            f"Predictions and leaderboard: {bucket}/{run.folder.results}",
        ]
    else:
        subject = f"autodrop: {run.dataset} {run.state.lower()}: {run.code}"
        lines = [run.reason or "", *([run.details] if run.details else [])]
        lines += ["", f"Details: {bucket}/{run.folder.failure}"]
    lines += [
        f"All runs of {run.dataset}: {bucket}/{run.folder.index}",
        "",
        f"Dropped file: {bucket}/{run.drop.key}",
        f"Run: {run.run_id}",
    ]
    return subject, "\n".join(lines)


# What a run waits for, how its quota is called in Service Quotas, and when it gives up.
_QUOTAS = "https://console.aws.amazon.com/servicequotas/home/services/sagemaker/quotas"
_WAITS = {
    RunState.QUEUED: (
        "another Autopilot job",
        "“Number of concurrent Autopilot jobs”",
        "7 days",
    ),
    RunState.PREPARING: (
        "the Processing job that reads its file",
        "“<instance type> for processing job usage”",
        "24 hours",
    ),
    RunState.TRAINING: (
        "the batch transform that scores its held-out rows",
        "“<instance type> for transform job usage”",
        "24 hours",
    ),
}


def tell_waiting(services: Services, run: Run, reason: str) -> None:
    """Tell people and the bus once that the run has been waiting for room for hours.

    Args:
        services: What it is told with.
        run: A run that is QUEUED, PREPARING or TRAINING.
        reason: What it waits for, in SageMaker's words.

    Raises:
        Transient: It could not be sent now; it is tried again.
    """
    if not services.ledger.claim_waiting_notice(run.run_id, run.state):
        return
    try:
        services.events.put(run_waiting(run, reason))
        with suppress(NotDelivered):
            services.topic.publish(*waiting_notification(run, reason))
    except Transient:
        services.ledger.note(run.run_id, waiting_told=None)
        raise


def waiting_notification(run: Run, reason: str) -> tuple[str, str]:
    """Return subject and text of the message about a run that waits for room."""
    what, quota, limit = _WAITS[run.state]
    lines = [
        f"The run of {run.dataset} has been waiting for hours: the AWS account has no room for "
        f"{what}.",
        reason,
        "",
        "It goes on by itself as soon as there is room, also when another job ends. Where the "
        "limit is 0, or this happens often, ask AWS for a higher one: Service Quotas, Amazon "
        f"SageMaker, {quota}.",
        _QUOTAS,
        "",
        f"It gives up after {limit}. To stop waiting: autodrop cleanup {run.run_id} --stop",
        "",
        f"Dropped file: s3://{run.drop.bucket}/{run.drop.key}",
        f"Run: {run.run_id}",
    ]
    return f"autodrop: {run.dataset} waits for room in the AWS account", "\n".join(lines)


def _write_failure(services: Services, run: Run, outcome: Outcome) -> None:
    failure = {
        "schema_version": 1,
        "autodrop_version": VERSION,
        "run_id": run.run_id,
        "dataset": run.dataset,
        "state": str(outcome.state),
        "code": outcome.code,
        "message": outcome.reason,
        "remedy": outcome.remedy,
        "line": outcome.line,
        "column": outcome.column,
        "example": outcome.example,
        "others": [each.to_json() for each in outcome.others],
        "source": {
            "bucket": run.drop.bucket,
            "key": run.drop.key,
            "version_id": run.drop.version_id,
        },
        # Without itself: it is there already when this is done a second time.
        "kept": [
            key for key in services.bucket.list(run.folder.prefix) if key != run.folder.failure
        ],
    }
    services.bucket.write(run.folder.failure, to_json(failure), JSON)


def to_json(content: object) -> bytes:
    """Return `content` as indented JSON in UTF-8; NaN is refused, because it is no JSON."""
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False).encode()
