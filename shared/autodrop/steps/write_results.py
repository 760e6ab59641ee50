"""A completed batch transform → predictions, leaderboard, summary and report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from autodrop.errors import JobFailed
from autodrop.outcome import JSON, conclude, to_json
from autodrop.ports import Services
from autodrop.report import Report
from autodrop.results.predictions import read_scored
from autodrop.results.report_page import report_page
from autodrop.results.summary import held_out_metrics, summarise
from autodrop.run import Outcome, Run, RunState
from autodrop.sagemaker_jobs import TransformJob
from autodrop.settings import ProblemType
from autodrop.steps.run_folder import read_dataset


def write_results(services: Services, run_id: str) -> Report:
    """Score the run's predictions against the truth, write its results and complete it."""
    run = services.ledger.find(run_id)
    if run is None or run.state.is_end:
        return Report("Run is not waiting for results", {"run_id": run_id})
    transform = services.sagemaker.describe_transform_job(run_id)
    if transform is None or transform.status != "Completed":
        return Report("Batch transform is not completed", {"run_id": run_id})
    try:
        summary = _write(services, run, transform)
    except JobFailed as problem:
        return conclude(services, run, _unusable(problem))
    return conclude(services, run, Outcome(RunState.COMPLETED, reason=summary["headline"]))


def _write(services: Services, run: Run, transform: TransformJob) -> dict[str, Any]:
    folder = run.folder
    dataset = read_dataset(services, run)
    autopilot = json.loads(services.bucket.read(folder.autopilot))
    problem_type = ProblemType(autopilot["problem_type"] or dataset.target.inferred_type)
    scored = read_scored(
        dataset,
        problem_type,
        autopilot["response_keys"],
        services.bucket.read(folder.truth),
        services.bucket.read(_output_key(services, run)),
    )
    metrics, matrix = held_out_metrics(dataset, problem_type, scored)
    summary = summarise(
        run, dataset, autopilot, transform, problem_type, metrics, matrix, services.now()
    )
    predictions = scored.table().to_csv(index=False).encode()
    services.bucket.write(folder.result("predictions.csv"), predictions, "text/csv")
    services.bucket.write(
        folder.result("leaderboard.csv"), _leaderboard(summary).encode(), "text/csv"
    )
    services.bucket.write(
        folder.result("report.html"), report_page(summary).encode(), "text/html; charset=utf-8"
    )
    services.bucket.write(folder.result("summary.json"), to_json(summary), JSON)
    return summary


def _output_key(services: Services, run: Run) -> str:
    """Return the key of the transform's output: listed, because the path is not contractual.

    Raises:
        JobFailed: There is not exactly one.
    """
    prefix = f"{run.folder.inference_results}/"
    keys = [key for key in services.bucket.list(prefix) if key.endswith(".out")]
    if len(keys) != 1:
        raise JobFailed(
            "PREDICTIONS_MISSING", f"Batch transform wrote {len(keys)} outputs instead of one."
        )
    return keys[0]


def _leaderboard(summary: Mapping[str, Any]) -> str:
    rows = []
    for candidate in summary["candidates"]:
        row = {name: value for name, value in candidate.items() if name != "metrics"}
        for metric in candidate["metrics"]:
            row[f"{metric['set'].lower()}_{metric['name']}"] = metric["value"]
        rows.append(row)
    return pd.DataFrame(rows).to_csv(index=False)


def _unusable(problem: JobFailed) -> Outcome:
    return Outcome(
        RunState.FAILED,
        problem.code,
        problem.message,
        "Look at the files under inference-results/, and drop the file again.",
    )
