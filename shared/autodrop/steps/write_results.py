"""A completed batch transform → predictions, leaderboard, summary and report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from autodrop.dataset import Dataset
from autodrop.errors import JobFailed, NotFound, OutOfRoom
from autodrop.outcome import JSON, conclude, to_json
from autodrop.ports import Bucket, Services
from autodrop.probe import PROBE_FILE
from autodrop.report import Report
from autodrop.results import importance as explained
from autodrop.results.candidates import leaderboard_csv
from autodrop.results.comparison import question
from autodrop.results.parquet_table import write_parquet
from autodrop.results.predictions import Sources, score
from autodrop.results.records import Files
from autodrop.results.report_page import report_page
from autodrop.results.segments import segment_columns
from autodrop.results.summary import ROWS_FOR_PARQUET, Evidence, Previous, summarise
from autodrop.run import Outcome, Run, RunState
from autodrop.sagemaker_jobs import TransformJob
from autodrop.settings import ProblemType
from autodrop.steps.ask_model import PROBE_OUTPUT, ask_model
from autodrop.steps.run_folder import (
    read_dataset,
    read_object,
    read_summary,
    unusable_dataset,
)
from autodrop.work_folder import empty_work_folder, within_room

_OUTPUT = ".out"
_HTML = "text/html; charset=utf-8"
_PARQUET = "application/vnd.apache.parquet"
# One of them is to be about the same target; a summary is read for each.
_MOST_PREVIOUS = 10


def write_results(services: Services, run_id: str) -> Report:
    """Score the run's predictions against the truth, write its results and complete it."""
    run = services.ledger.find(run_id)
    if run is None or run.state.is_end:
        return Report("Run is not waiting for results", {"run_id": run_id})
    transform = services.sagemaker.describe_transform_job(run_id)
    if transform is None or transform.status != "Completed":
        return Report("Batch transform is not completed", {"run_id": run_id})
    try:
        dataset = read_dataset(services, run)
    except (NotFound, JobFailed) as problem:
        return conclude(services, run, unusable_dataset(problem))
    try:
        with within_room():
            summary = _write(services, run, dataset, transform)
    except OutOfRoom:
        return conclude(services, run, _too_many_rows())
    except JobFailed as problem:
        return conclude(services, run, _unusable(problem))
    return conclude(
        services,
        run,
        Outcome(RunState.COMPLETED, reason=summary["headline"], details=_details(summary)),
    )


def _write(
    services: Services, run: Run, dataset: Dataset, transform: TransformJob
) -> dict[str, Any]:
    bucket, folder = services.bucket, run.folder
    autopilot = json.loads(bucket.read(folder.autopilot))
    problem_type = ProblemType(autopilot["problem_type"] or dataset.target.inferred_type)
    profile = read_object(bucket, folder.profile)
    columns = segment_columns(dataset, profile)
    evidence = Evidence(
        autopilot,
        transform,
        problem_type,
        profile,
        _importance(bucket, dataset, autopilot),
        columns,
        _previous(services, run, dataset, problem_type),
        partial(
            ask_model,
            bucket,
            dataset,
            problem_type,
            autopilot["response_keys"],
            services.work_folder,
        ),
    )
    with empty_work_folder(services.work_folder) as place:
        table = place / "predictions.csv"
        with score(
            dataset,
            problem_type,
            autopilot["response_keys"],
            _sources(services, run, dataset, place),
            table,
            list(columns),
        ) as scored:
            summary = summarise(run, dataset, scored, evidence, services.now())
        bucket.upload(folder.result(table.name), table, "text/csv")
        if summary["held_out"]["rows"] > ROWS_FOR_PARQUET:
            target = place / "predictions.parquet"
            is_regression = problem_type is ProblemType.REGRESSION
            write_parquet(table, target, place, is_regression=is_regression)
            bucket.upload(folder.result(target.name), target, _PARQUET)
    board = leaderboard_csv(summary["candidates"])
    bucket.write(folder.result("leaderboard.csv"), board.encode(), "text/csv")
    bucket.write(folder.result("report.html"), report_page(summary).encode(), _HTML)
    bucket.write(folder.result("summary.json"), to_json(summary), JSON)
    return summary


def _details(summary: Mapping[str, Any]) -> str:
    """Return the three answers of the first screen, one a line."""
    verdict = summary["verdict"]
    questions = {
        "quality": "Is it good?",
        "comparison": "Better than before?",
        "trust": "Can I trust it?",
    }
    return "\n".join(f"{asked} {verdict[name]['text']}" for name, asked in questions.items())


def _importance(
    bucket: Bucket, dataset: Dataset, autopilot: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return what the best candidate's explainability report holds; None where there is none."""
    place = autopilot["best_candidate"].get("explainability") or ""
    prefix = place.removeprefix(dataset.uri(""))
    if not place or prefix == place:
        return None
    for key in bucket.list(prefix):
        if _name(key) == explained.FILE:
            found = explained.importance(read_object(bucket, key), dataset.uri(key))
            if found is not None:
                return found
    return None


def _previous(
    services: Services, run: Run, dataset: Dataset, problem_type: ProblemType
) -> Previous | None:
    """Return the last completed run about the same target, else the last one about any."""
    target, is_binary = dataset.target, problem_type is ProblemType.BINARY
    asked = (target.column, str(problem_type), target.positive_class if is_binary else None)
    last: Previous | None = None
    for each in services.ledger.completed_before(run, _MOST_PREVIOUS):
        summary = read_summary(services.bucket, each)
        if summary is None:
            continue
        is_same = question(summary) == asked
        if is_same or last is None:
            found = Previous(summary, read_object(services.bucket, each.folder.profile))
            if is_same:
                return found
            last = found
    return last


def _sources(services: Services, run: Run, dataset: Dataset, folder: Path) -> Sources:
    truths, outputs = _parts(services, run, dataset)
    tests = _tests(services, run, dataset, [_name(key) for key in truths])
    return Sources(
        truth=_files(services.bucket, truths, folder),
        output=_files(services.bucket, outputs, folder),
        test=None if tests is None else _files(services.bucket, tests, folder),
    )


def _files(bucket: Bucket, keys: Sequence[str], folder: Path) -> Files:
    """Return what yields the objects as files, of which only one is there at a time."""
    numbers = count()

    def files() -> Iterator[Path]:
        for key in keys:
            path = folder / f"{next(numbers)}-{id(numbers)}"
            bucket.download(key, path)
            try:
                yield path
            finally:
                path.unlink(missing_ok=True)

    return files


def _tests(
    services: Services, run: Run, dataset: Dataset, truths: Sequence[str]
) -> Sequence[str] | None:
    """Return the keys of the test data, in the order of the truth; None where some are gone."""
    prefix = run.folder.test
    if dataset.parts:
        prefix = f"{prefix.rpartition('/')[0]}/"
    found = {_name(key): key for key in services.bucket.list(prefix)}
    found.pop(PROBE_FILE, None)
    if not dataset.parts:
        return list(found.values()) if len(found) == 1 else None
    return [found[name] for name in truths] if found.keys() == set(truths) else None


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
        if key.endswith(_OUTPUT) and _name(key) != PROBE_OUTPUT
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


def _too_many_rows() -> Outcome:
    return Outcome(
        RunState.FAILED,
        "RESULTS_TOO_LARGE",
        "The held-out rows do not fit on the disk of the function that scores them.",
        "Lower `split.test_fraction` and drop the file again; the predictions are under "
        "inference-results/.",
    )


def _unusable(problem: JobFailed) -> Outcome:
    return Outcome(
        RunState.FAILED,
        problem.code,
        problem.message,
        "Look at the files under inference-results/, and drop the file again.",
    )
