"""The end of a run → the page of its dataset, with all runs as they are now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autodrop.ports import Bucket, Ledger, Services
from autodrop.report import Report
from autodrop.results.index_page import index_page
from autodrop.results.runs_of_dataset import described_run
from autodrop.run import Run, RunState
from autodrop.steps.run_folder import read_summary

_HTML = "text/html; charset=utf-8"
# A summary is read for each that is completed.
_MOST_RUNS = 100
# Runs that go on ending meanwhile send events of their own.
_MOST_WRITES = 5


def write_dataset_page(services: Services, run_id: str) -> Report:
    """Write the page of the run's dataset anew; a run that was removed is on no page."""
    run = services.ledger.find(run_id)
    if run is None:
        return Report("No run of this name", {"run_id": run_id})
    shown = write_page(services.bucket, services.ledger, run, {run_id: run})
    return Report("Dataset page written", {"run_id": run_id, "runs": shown})


def write_page(bucket: Bucket, ledger: Ledger, run: Run, certain: Mapping[str, Run | None]) -> int:
    """Write the page of the run's dataset and return how many runs it shows; without any, no page.

    Of two that write at the same time, the last may have looked first. So whoever has written looks
    again, and writes again what has changed: the last one shows what the other one knew.

    Args:
        bucket: Where the page is.
        ledger: The runs.
        run: Any run of the dataset.
        certain: Runs as they are, None when removed: the ledger's index may not tell it yet.
    """
    ended: dict[str, dict[str, Any]] = {}

    def look() -> list[dict[str, Any]]:
        return [_described(bucket, each, ended) for each in _runs(ledger, run.dataset, certain)]

    runs = look()
    for _ in range(_MOST_WRITES):
        if not runs:
            break
        bucket.write(run.folder.index, index_page(run.dataset, runs).encode(), _HTML)
        written, runs = runs, look()
        if runs == written:
            break
    return len(runs)


def _runs(ledger: Ledger, dataset: str, certain: Mapping[str, Run | None]) -> list[Run]:
    """Return the dataset's last runs as they are now, newest first."""
    listed = {each.run_id: each for each in ledger.latest_runs(dataset, _MOST_RUNS)}
    runs = []
    for run_id, run in {**listed, **certain}.items():
        # Whoever is at work in the index may have ended, or have been removed.
        is_settled = run is None or run.state.is_end
        now = run if is_settled else ledger.find(run_id)
        if now is not None:
            runs.append(now)
    runs.sort(key=lambda each: (each.created_at, each.run_id), reverse=True)
    return runs[:_MOST_RUNS]


def _described(bucket: Bucket, run: Run, ended: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return what the page is told of the run; what has ended is read once, into `ended`."""
    if run.run_id in ended:
        return ended[run.run_id]
    is_completed = run.state is RunState.COMPLETED
    described = described_run(run, read_summary(bucket, run) if is_completed else None)
    if run.state.is_end:
        ended[run.run_id] = described
    return described
