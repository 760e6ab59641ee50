"""`summary.json`: the result of a run for machines; `docs/summary.schema.json` is its schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Any

from autodrop import VERSION
from autodrop.dataset import Dataset
from autodrop.findings import NOTE, Finding, quoted
from autodrop.naming import RunFolder
from autodrop.results.candidates import leaderboard, validation_metrics
from autodrop.results.comparison import comparison
from autodrop.results.held_out import held_out
from autodrop.results.scored import ScoredLabels, ScoredNumbers
from autodrop.results.segments import segments
from autodrop.results.verdict import FAILED_AFTER_TRAINING, agreement, verdict
from autodrop.results.words import metric_name, percent
from autodrop.run import Run, RunState
from autodrop.sagemaker_jobs import TransformJob
from autodrop.settings import ProblemType

SCHEMA_VERSION = 2
# Beyond as many rows there is a Parquet file beside the CSV.
ROWS_FOR_PARQUET = 1_000_000
_REMEDY_FOR_FLATTERY = (
    "Believe the held-out rows. Look for rows that belong together but stand on both sides of the "
    "split, and for data that change over time."
)
_FILES = ("summary.json", "leaderboard.csv", "predictions.csv", "report.html")


@dataclass(frozen=True)
class Previous:
    """The previous completed run of the dataset.

    Attributes:
        summary: Its `summary.json`, of schema version 1 or 2.
        profile: Its `profile.json`; None where it is gone.
    """

    summary: Mapping[str, Any]
    profile: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Drivers:
    """What the model says of the probe.

    Attributes:
        section: The section `drivers` of the summary; None where it is not available.
        missing: Why not.
    """

    section: Mapping[str, Any] | None
    missing: str | None = None


@dataclass(frozen=True)
class Evidence:
    """What a summary is made from besides the rows.

    Attributes:
        autopilot: The content of `autopilot.json`.
        transform: The completed batch transform.
        problem_type: The kind that Autopilot resolved.
        profile: The content of `profile.json`; None where it is gone.
        importance: The section of this name.
        segment_columns: The columns of the segments with the share that they explain.
        previous: The previous completed run.
        drivers: Returns the section of this name for the section `held_out`.
    """

    autopilot: Mapping[str, Any]
    transform: TransformJob
    problem_type: ProblemType
    profile: Mapping[str, Any] | None = None
    importance: Mapping[str, Any] | None = None
    segment_columns: Mapping[str, float | None] = field(default_factory=dict)
    previous: Previous | None = None
    drivers: Callable[[Mapping[str, Any]], Drivers] | None = None


def headline(measured: Mapping[str, Any]) -> str:
    """Return the section `held_out` in a few words: `ROC AUC 0.953 on 8,238 held-out rows`."""
    name, rows = measured["headline_metric"], measured["rows"]
    if name is None:
        return f"{rows:,} held-out rows scored"
    value = measured["metrics"][name]["value"]
    # As plain text everywhere: it is the subject of a mail, too, which holds ASCII only.
    number = f"{value:,.0f}" if 1_000 <= abs(value) < 1e15 else f"{value:.4g}"
    return f"{metric_name(name)} {number} on {rows:,} held-out rows"


def summarise(
    run: Run,
    dataset: Dataset,
    scored: ScoredLabels | ScoredNumbers,
    evidence: Evidence,
    now: datetime,
) -> dict[str, Any]:
    """Return the content of `summary.json`."""
    autopilot = evidence.autopilot
    best = autopilot["best_candidate"]
    measured = held_out(scored, validation_metrics(best))
    asked = Drivers(None) if evidence.drivers is None else evidence.drivers(measured)
    split = dataset.split
    agreed = agreement(best["objective"], measured["metrics"], (split.train_rows, split.test_rows))
    is_binary = evidence.problem_type is ProblemType.BINARY
    summary: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "run_id": run.run_id,
        "dataset": run.dataset,
        "state": str(RunState.COMPLETED),
        "completed_at": now.isoformat(),
        "headline": headline(measured),
        "verdict": None,
        "source": dataset.source,
        "rows": dataset.rows,
        "columns": len(dataset.columns),
        "features": len(dataset.features),
        "target": dataset.target.column,
        "target_reason": dataset.target.reason,
        "problem_type": str(evidence.problem_type),
        "positive_class": dataset.target.positive_class if is_binary else None,
        "model_labels": dataset.target.model_labels if dataset.target.is_recoded else None,
        "split": {
            "method": dataset.split.method,
            "test_fraction": dataset.split.test_fraction,
            "seed": dataset.split.seed,
            "file": _test_file(run, dataset),
            "train_rows": dataset.split.train_rows,
            "test_rows": dataset.split.test_rows,
        },
        "objective": best["objective"],
        "best_candidate": {
            "name": best["name"],
            "algorithm": best.get("algorithm"),
            "objective": best["objective"],
        },
        "candidates": leaderboard(autopilot),
        "held_out": measured,
        "agreement": agreed,
        "drivers": asked.section,
        "drivers_missing": asked.missing,
        "importance": evidence.importance,
        "mistakes": _mistakes(scored),
        "segments": segments(scored, evidence.segment_columns),
        "comparison": None,
        "notebooks": autopilot["notebooks"],
        "files": _files(dataset, run.folder, len(scored)),
        "timings": _timings(run, autopilot, evidence.transform, now),
        "versions": {"autodrop": VERSION},
        "warnings": [
            _warning(each) for each in _warnings(dataset, autopilot, agreed, asked.section)
        ],
    }
    if (previous := evidence.previous) is not None:
        both = None
        if previous.profile is not None and evidence.profile is not None:
            both = previous.profile, evidence.profile
        summary["comparison"] = comparison(summary, previous.summary, both)
    summary["verdict"] = verdict(summary)
    return summary


def _test_file(run: Run, dataset: Dataset) -> str | None:
    names = {key.rpartition("/")[2] for key in run.drop.test_file_keys}
    # Which of several names it was, nobody has written down.
    return names.pop() if dataset.split.method == "file" and len(names) == 1 else None


def _mistakes(scored: ScoredLabels | ScoredNumbers) -> dict[str, Any] | None:
    if scored.mistakes is None:
        return None
    is_number = isinstance(scored, ScoredNumbers)
    return {
        "kind": "worst_residuals" if is_number else "most_confident",
        "rows": [
            {
                "row": each.row,
                "truth": each.truth,
                "prediction": each.prediction,
                "probability": None if is_number else each.size,
                # The difference of two huge numbers is infinite.
                "error": each.size if is_number and isfinite(each.size) else None,
            }
            for each in scored.mistakes
        ],
    }


def _files(dataset: Dataset, folder: RunFolder, rows: int) -> dict[str, str | None]:
    table = folder.result("predictions.parquet")
    return {
        "folder": dataset.uri(folder.results),
        **{name.partition(".")[0]: dataset.uri(folder.result(name)) for name in _FILES},
        "predictions_parquet": dataset.uri(table) if rows > ROWS_FOR_PARQUET else None,
        "index": dataset.uri(folder.index),
    }


def _warnings(
    dataset: Dataset,
    autopilot: Mapping[str, Any],
    agreed: Mapping[str, Any] | None,
    asked: Mapping[str, Any] | None,
) -> Iterator[Finding]:
    yield from dataset.warnings
    if autopilot["status"] == "Failed":
        reason = autopilot.get("failure_reason") or "SageMaker gives no reason"
        yield Finding(
            FAILED_AFTER_TRAINING,
            f"Autopilot's job failed after its best candidate was trained: {reason.rstrip('.')}.",
            "Its model is scored on the held-out rows all the same: believe these. Candidates and "
            "reports of Autopilot's own may be missing.",
        )
    for message in autopilot["partial_failures"]:
        yield Finding("AUTOPILOT_PARTIAL_FAILURE", message)
    if agreed is not None and agreed["disagrees"]:
        yield Finding(
            "VALIDATION_DISAGREES",
            agreed["sentence"],
            _REMEDY_FOR_FLATTERY if agreed["flatters"] else "Believe the held-out rows.",
        )
    if asked is not None and (dominant := asked["dominant"]) is not None:
        yield _one_column(dominant)


def _one_column(dominant: Mapping[str, Any]) -> Finding:
    column = dominant["name"]
    share = dominant["of_skill"]
    if share is None or share < dominant["of_importance"]:
        share, of = dominant["of_importance"], "of the importance of all columns together"
    else:
        of = "of what the model is better than without a model"
    return Finding(
        "ONE_COLUMN_DECIDES",
        f"The model leans mostly on {quoted(column)}: without it, "
        f"{percent(min(share, 1.0))} {of} would be lost.",
        f"Is {quoted(column)} known at the time of the prediction? If not, put it on the list "
        "`ignore` and drop the file again. If it is, all is well.",
        column=column,
        level=NOTE,
    )


def _warning(finding: Finding) -> dict[str, Any]:
    """Return the finding without its example: a summary holds no cells."""
    return {
        "code": finding.code,
        "level": finding.level,
        "message": finding.message,
        "remedy": finding.remedy,
        "line": finding.line,
        "column": finding.column,
    }


def _timings(
    run: Run, autopilot: Mapping[str, Any], transform: TransformJob, now: datetime
) -> dict[str, float | None]:
    """Return the seconds of each step; SageMaker's own times where it tells them."""
    prepared = run.entered.get(RunState.PREPARED)
    job_created = datetime.fromisoformat(autopilot["created_at"])
    job_ended = datetime.fromisoformat(autopilot["ended_at"]) if autopilot["ended_at"] else None
    return {
        "prepare_seconds": _seconds(run.created_at, prepared),
        "queue_seconds": _seconds(prepared, job_created),
        "training_seconds": _seconds(job_created, job_ended),
        "model_seconds": _seconds(job_ended, transform.created_at),
        "transform_seconds": _seconds(transform.created_at, transform.ended_at),
        "results_seconds": _seconds(transform.ended_at, now),
        "total_seconds": _seconds(run.created_at, now),
    }


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    if start is None or end is None:
        return None
    # Two clocks tell these times: a step that took no time may seem to end before it began.
    return round(max((end - start).total_seconds(), 0.0), 3)
