"""A completed batch transform → predictions, leaderboard, summary and report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from autodrop.dataset import Dataset
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

_OUTPUT = ".out"


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
    truths, outputs = _parts(services, run, dataset)
    scored = read_scored(
        dataset,
        problem_type,
        autopilot["response_keys"],
        _joined(services, truths, with_header=True),
        _joined(services, outputs, with_header=False),
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


def _parts(services: Services, run: Run, dataset: Dataset) -> tuple[Sequence[str], Sequence[str]]:
    """Return the keys of the truth and of the transform's outputs, one beside the other.

    Outputs are listed, because their paths are not contractual: `part-00000.csv.out` belongs to
    `part-00000.csv`, wherever it lies. What a function has prepared is one file each.

    Raises:
        JobFailed: An output is missing, or there is one too many; or the truth is gone.
    """
    prefix = f"{run.folder.inference_results}/"
    outputs = {
        _name(key).removesuffix(_OUTPUT): key
        for key in services.bucket.list(prefix)
        if key.endswith(_OUTPUT)
    }
    truth = dataset.truth_uri.removeprefix(dataset.uri(""))
    truths = {_name(key): key for key in services.bucket.list(truth)}
    if not truths:
        raise JobFailed("TRUTH_MISSING", "The truth of the held-out rows was deleted.")
    if dataset.parts:
        if truths.keys() != outputs.keys():
            raise _missing(len(outputs), len(truths))
        names = sorted(truths)
        return [truths[name] for name in names], [outputs[name] for name in names]
    if len(outputs) != 1:
        raise _missing(len(outputs), 1)
    return list(truths.values()), list(outputs.values())


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _missing(found: int, wanted: int) -> JobFailed:
    return JobFailed(
        "PREDICTIONS_MISSING",
        f"Batch transform wrote {found:,} outputs instead of "
        f"{'one' if wanted == 1 else f'those of {wanted:,} parts'}.",
    )


def _joined(services: Services, keys: Sequence[str], *, with_header: bool) -> bytes:
    """Return the objects one after the other, as if they had always been one.

    Args:
        services: Everything outside.
        keys: The objects.
        with_header: Whether the first line is a header, which the others may repeat.
    """
    contents: list[bytes] = []
    header = b""
    for key in keys:
        content = services.bucket.read(key)
        if content and not content.endswith(b"\n"):
            content += b"\n"
        if with_header and not contents:
            header = content[: content.find(b"\n") + 1]
        elif header and content.startswith(header):
            content = content[len(header) :]
        contents.append(content)
    return b"".join(contents)


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
