"""How a run ends: failure.json, the ledger, and everybody who wants to know."""

from __future__ import annotations

import json

from autodrop import VERSION
from autodrop.errors import JobFailed, NotDelivered, Rejected
from autodrop.events import run_changed
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
