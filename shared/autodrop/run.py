"""A run and its states: what the ledger stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from autodrop.findings import Finding
from autodrop.naming import Drop, RunFolder


class RunState(StrEnum):
    """Where a run is. The first six come in this order; the last four are ends.

    PREPARING is only for files that are too large for a function, QUEUED only for runs that find
    no room in the account: the others go past them.
    """

    RECEIVED = "RECEIVED"
    PREPARING = "PREPARING"
    PREPARED = "PREPARED"
    QUEUED = "QUEUED"
    TRAINING = "TRAINING"
    TRANSFORMING = "TRANSFORMING"
    COMPLETED = "COMPLETED"
    REJECTED = "REJECTED"
    FAILED = "FAILED"
    STOPPED = "STOPPED"

    @property
    def is_end(self) -> bool:
        """True when nothing happens to the run any more."""
        return self in ENDS

    @property
    def predecessors(self) -> tuple[RunState, ...]:
        """The states from which a run may come to this one: any earlier one, never an end."""
        if self.is_end:
            return _WORKING
        return _WORKING[: _WORKING.index(self)]


_WORKING = (
    RunState.RECEIVED,
    RunState.PREPARING,
    RunState.PREPARED,
    RunState.QUEUED,
    RunState.TRAINING,
    RunState.TRANSFORMING,
)
ENDS = frozenset(RunState) - frozenset(_WORKING)


@dataclass(frozen=True)
class Run:
    """One run as the ledger knows it.

    Attributes:
        run_id: Its name, and that of its processing job, AutoML job, model and transform job.
        drop: The upload that it is about.
        state: Where it is.
        created_at: When the drop was claimed (UTC).
        entered: When each state was entered.
        open: True until its outcome has been announced.
        job_status: Autopilot's status and secondary status, as last seen.
        announced: What `watch_runs` last sent for this run, and when.
        working_at: When the function that prepares it was last heard of.
        waiting_for: Why the run does not move, when it waits for room in the account.
        waiting_told: The state in which people were told that it waits for long.
        code: Stable name of why it was rejected, failed or stopped.
        reason: The same in words.
        headline: The result in a few words, such as `AUC 0.953`.
        details: The result in a few sentences, or what the user can do about the reason; for the
            message that people get.
    """

    run_id: str
    drop: Drop
    state: RunState
    created_at: datetime
    entered: Mapping[RunState, datetime] = field(default_factory=dict)
    open: bool = True
    job_status: str | None = None
    announced: str | None = None
    announced_at: datetime | None = None
    working_at: datetime | None = None
    waiting_for: str | None = None
    waiting_told: str | None = None
    code: str | None = None
    reason: str | None = None
    headline: str | None = None
    details: str | None = None

    @property
    def dataset(self) -> str:
        """The dataset's name as it was dropped."""
        return self.drop.dataset

    @property
    def folder(self) -> RunFolder:
        """Where its objects are."""
        return RunFolder.of(self.dataset, self.run_id)

    @property
    def updated_at(self) -> datetime:
        """When the run last changed its state."""
        return max(self.entered.values(), default=self.created_at)


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        state: One of the ends.
        code: Stable name of the reason, empty for COMPLETED.
        reason: The reason in words, or for COMPLETED the headline metric.
        remedy: What the user can do about it.
        line: 1-based line of the file the reason is about.
        column: Column the reason is about.
        example: A cell that shows it, shortened. For the user's eyes, never for a log.
        others: What else was found in the file.
        details: For COMPLETED, the result in a few sentences, one a line.
    """

    state: RunState
    code: str = ""
    reason: str = ""
    remedy: str = ""
    line: int | None = None
    column: str | None = None
    example: str | None = field(default=None, repr=False)
    others: tuple[Finding, ...] = field(default=(), repr=False)
    details: str = ""
