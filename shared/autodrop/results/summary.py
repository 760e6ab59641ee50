"""`summary.json`: the result of a run for machines; `docs/summary.md` describes its schema."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from autodrop import VERSION
from autodrop.dataset import Dataset
from autodrop.results.metrics import (
    ConfusionMatrix,
    Metrics,
    binary_metrics,
    confusion_matrix,
    multiclass_metrics,
    regression_metrics,
)
from autodrop.results.predictions import Scored
from autodrop.run import Run, RunState
from autodrop.sagemaker_jobs import TransformJob
from autodrop.settings import ProblemType

SCHEMA_VERSION = 1
# The metric that a person looks at first, and the one to fall back on.
_HEADLINES = {
    ProblemType.BINARY: ("roc_auc", "accuracy"),
    ProblemType.MULTICLASS: ("accuracy",),
    ProblemType.REGRESSION: ("rmse",),
}
# A matrix of more labels than this is for nobody's eyes.
_LARGEST_MATRIX = 50


def held_out_metrics(
    dataset: Dataset, problem_type: ProblemType, scored: Scored
) -> tuple[Metrics, ConfusionMatrix | None]:
    """Return the metrics on the held-out rows, and the confusion matrix of classes.

    Raises:
        JobFailed: Predictions of a regression are no numbers.
    """
    if problem_type is ProblemType.REGRESSION:
        return regression_metrics(*scored.numbers()), None
    matrix = confusion_matrix(scored.truth, scored.predicted)
    positive = dataset.target.positive_class
    if problem_type is ProblemType.BINARY and positive is not None:
        probability = (scored.probabilities or {}).get(positive)
        return binary_metrics(scored.truth, scored.predicted, positive, probability), matrix
    return multiclass_metrics(scored.truth, scored.predicted, scored.probabilities), matrix


def headline(problem_type: ProblemType, metrics: Metrics, rows: int) -> str:
    """Return the result in a few words, such as `roc_auc 0.953 on 8,238 held-out rows`."""
    for name in _HEADLINES[problem_type]:
        value = metrics.get(name)
        if value is not None:
            return f"{name} {value:.4g} on {rows:,} held-out rows"
    return f"{rows:,} held-out rows scored"


def summarise(
    run: Run,
    dataset: Dataset,
    autopilot: Mapping[str, Any],
    transform: TransformJob,
    problem_type: ProblemType,
    metrics: Metrics,
    matrix: ConfusionMatrix | None,
    now: datetime,
) -> dict[str, Any]:
    """Return the content of `summary.json`."""
    best = autopilot["best_candidate"]
    small_enough = matrix is not None and len(matrix.labels) <= _LARGEST_MATRIX
    folder = run.folder
    warnings = [{"code": each.code, "message": each.message} for each in dataset.warnings]
    warnings += [
        {"code": "AUTOPILOT_PARTIAL_FAILURE", "message": message}
        for message in autopilot["partial_failures"]
    ]
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": run.run_id,
        "dataset": run.dataset,
        "state": str(RunState.COMPLETED),
        "headline": headline(problem_type, metrics, dataset.split.test_rows),
        "source": dataset.source,
        "rows": dataset.rows,
        "columns": len(dataset.columns),
        "features": len(dataset.features),
        "target": dataset.target.column,
        "target_reason": dataset.target.reason,
        "problem_type": str(problem_type),
        "positive_class": dataset.target.positive_class
        if problem_type is ProblemType.BINARY
        else None,
        "split": {
            "method": dataset.split.method,
            "test_fraction": dataset.split.test_fraction,
            "seed": dataset.split.seed,
            "train_rows": dataset.split.train_rows,
            "test_rows": dataset.split.test_rows,
        },
        "objective": best["objective"],
        "best_candidate": {"name": best["name"], "objective": best["objective"]},
        "candidates": [
            {
                "rank": each["rank"],
                "name": each["name"],
                "status": each["status"],
                "objective_metric": each["objective"] and each["objective"]["metric"],
                "objective_value": each["objective"] and each["objective"]["value"],
                "training_seconds": each["training_seconds"],
                "metrics": each["metrics"],
            }
            for each in autopilot["candidates"]
        ],
        "held_out": {
            "rows": dataset.split.test_rows,
            "metrics": metrics,
            "confusion_matrix": {"labels": list(matrix.labels), "counts": matrix.counts.tolist()}
            if matrix is not None and small_enough
            else None,
        },
        "notebooks": autopilot["notebooks"],
        "files": {
            "folder": dataset.uri(folder.results),
            **{
                name.partition(".")[0]: dataset.uri(folder.result(name))
                for name in ("summary.json", "leaderboard.csv", "predictions.csv", "report.html")
            },
        },
        "timings": _timings(run, autopilot, transform, now),
        "versions": {"autodrop": VERSION},
        "warnings": warnings,
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
