"""How far a run is: pure, from what was seen of it and the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from autodrop.run import Run, RunState
from autodrop.sagemaker_jobs import AutoMLJob, TransformJob
from autodrop_cli.terminal import duration, plain


@dataclass(frozen=True)
class Sighting:
    """What one look at a run found.

    Attributes:
        run: The run in the ledger; None while it is not there.
        job: Its AutoML job, when it could be looked at.
        candidates: How many candidates are finished, when they could be counted.
        transform: Its transform job, when it could be looked at.
    """

    run: Run | None
    job: AutoMLJob | None = None
    candidates: int | None = None
    transform: TransformJob | None = None


class Mark(StrEnum):
    """How a stage stands."""

    DONE = "done"
    WORKING = "working"
    AHEAD = "ahead"
    ENDED_HERE = "ended here"


@dataclass(frozen=True)
class Stage:
    """One of the stages of every run.

    Attributes:
        name: For JSON: `prepare`, `start`, `train`, `score`.
        title: For people.
        mark: How it stands.
        seconds: How long it took or has been taking; None when that is not known.
        detail: What is going on in it, in a few words.
    """

    name: str
    title: str
    mark: Mark
    seconds: float | None = None
    detail: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        run_id: The run.
        dataset: Its dataset.
        state: Its state.
        elapsed: Seconds from the drop to the end, or to now.
        stages: All stages in order.
    """

    run_id: str
    dataset: str
    state: RunState
    elapsed: float
    stages: tuple[Stage, ...]

    @property
    def line(self) -> str:
        """The progress in one line; two sightings with nothing new between give the same one."""
        detail = next((each.detail for each in self.stages if each.mark is Mark.WORKING), "")
        return f"{self.state}: {detail}" if detail else str(self.state)


_STAGES = (
    ("prepare", "Look at the data and split it"),
    ("start", "Start Autopilot"),
    ("train", "Train and tune candidates"),
    ("score", "Score the held-out rows"),
)
# In which stage a run is after it has entered a state.
_STAGE_OF = {
    RunState.RECEIVED: 0,
    RunState.PREPARING: 0,
    RunState.PREPARED: 1,
    RunState.QUEUED: 1,
    RunState.TRAINING: 2,
    RunState.TRANSFORMING: 3,
}


def progress_of(sighting: Sighting, now: datetime) -> Progress:
    """Return how far a run that is in the ledger has come.

    Raises:
        ValueError: The run is not in the ledger yet.
    """
    run = sighting.run
    if run is None:
        raise ValueError("a run that is not in the ledger has no progress")
    ended = run.entered.get(run.state, run.updated_at) if run.state.is_end else None
    starts = _starts(run)
    reached = max(index for index, start in enumerate(starts) if start is not None)
    stages = []
    for index, (name, title) in enumerate(_STAGES):
        later = next((start for start in starts[index + 1 :] if start is not None), None)
        start, end = starts[index], later or ended or now
        stages.append(
            Stage(
                name=name,
                title=title,
                mark=_mark(run.state, index, reached),
                seconds=None if start is None else max(0.0, (end - start).total_seconds()),
                detail=_detail(sighting) if index == reached and ended is None else "",
            )
        )
    return Progress(
        run_id=run.run_id,
        dataset=run.dataset,
        state=run.state,
        elapsed=max(0.0, ((ended or now) - run.created_at).total_seconds()),
        stages=tuple(stages),
    )


def stage_lines(progress: Progress) -> list[str]:
    """Return the stages that have begun, one line each, with their times."""
    return [
        f"  {each.title}: {_took(each)}" for each in progress.stages if each.mark is not Mark.AHEAD
    ]


def run_json(run: Run) -> dict[str, Any]:
    """Return a run for machines, as one of the list of runs."""
    return {
        "run_id": run.run_id,
        "dataset": run.dataset,
        "file": run.drop.key,
        "state": str(run.state),
        "created_at": run.created_at.isoformat(),
        "updated_at": run.updated_at.isoformat(),
        "headline": run.headline,
        "code": run.code,
        "reason": run.reason,
        "job_status": run.job_status,
        "waiting_for": run.waiting_for,
    }


def progress_json(sighting: Sighting, now: datetime) -> dict[str, Any]:
    """Return a run for machines with the times of its stages and where its objects are.

    Raises:
        ValueError: The run is not in the ledger yet.
    """
    progress = progress_of(sighting, now)
    if (run := sighting.run) is None:
        raise ValueError("a run that is not in the ledger has no progress")
    told = run_json(run)
    if sighting.job is not None and not run.state.is_end:
        told["job_status"] = sighting.job.status_line
    return told | {
        "elapsed_seconds": progress.elapsed,
        "candidates": sighting.candidates,
        "steps": [
            {"name": each.name, "state": str(each.mark), "seconds": each.seconds}
            for each in progress.stages
        ],
        "entered": {str(state): when.isoformat() for state, when in run.entered.items()},
        "folder": f"s3://{run.drop.bucket}/{run.folder.prefix}",
    }


def _starts(run: Run) -> list[datetime | None]:
    starts: list[datetime | None] = [run.created_at, None, None, None]
    for state, when in run.entered.items():
        index = _STAGE_OF.get(state, 0)
        if index > 0:
            known = starts[index]
            starts[index] = when if known is None else min(known, when)
    # The ledger may know that a run is somewhere without knowing since when.
    here = _STAGE_OF.get(run.state)
    if here is not None and starts[here] is None:
        starts[here] = run.updated_at
    return starts


def _mark(state: RunState, index: int, reached: int) -> Mark:
    if state is RunState.COMPLETED or index < reached:
        return Mark.DONE
    if index > reached:
        return Mark.AHEAD
    return Mark.ENDED_HERE if state.is_end else Mark.WORKING


def _detail(sighting: Sighting) -> str:
    run = sighting.run
    if run is None or run.state is RunState.RECEIVED:
        return ""
    words = []
    if run.state is RunState.PREPARING and not run.waiting_for:
        words.append("too large for a function, so a Processing job does it")
    if run.state is RunState.TRAINING:
        status = sighting.job.status_line if sighting.job else run.job_status
        if status:
            words.append(_secondary(status))
        if sighting.candidates is not None:
            noun = "candidate" if sighting.candidates == 1 else "candidates"
            words.append(f"{sighting.candidates} {noun} so far")
    if run.state is RunState.TRANSFORMING and sighting.transform is not None:
        done = sighting.transform.status == "Completed"
        words.append("writing the results" if done else f"transform {sighting.transform.status}")
    if run.waiting_for:
        words.append(f"waiting: {run.waiting_for}")
    return plain(", ".join(words))


def _secondary(status_line: str) -> str:
    """Return the secondary status, and the main one too when it is not the usual one."""
    main, _, secondary = status_line.partition(", ")
    return secondary if secondary and main == "InProgress" else status_line


def _took(stage: Stage) -> str:
    took = "time not known" if stage.seconds is None else duration(stage.seconds)
    return f"{took}, the run ended here" if stage.mark is Mark.ENDED_HERE else took
