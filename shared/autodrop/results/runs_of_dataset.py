"""What the page of a dataset is told of each of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autodrop.results.metrics import HIGHER_IS_BETTER
from autodrop.run import Run, RunState

_FORMER_HEADLINES = ("roc_auc", "accuracy", "rmse")


def described_run(run: Run, summary: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return an element of the `runs` of `index_page`: `$defs/index_run` in the schema.

    Args:
        run: As the ledger has it, or about to be completed.
        summary: Its `summary.json`, of version 1 or 2; None where it has none.
    """
    state = run.state if summary is None else RunState.COMPLETED
    ended = run.entered.get(state)
    told = summary or {}
    return {
        "run_id": run.run_id,
        "state": str(state),
        "created_at": run.created_at.isoformat(),
        "ended_at": told.get("completed_at") or (ended.isoformat() if ended else None)
        if state.is_end
        else None,
        "key": run.drop.key,
        "headline": told.get("headline") or run.headline,
        "code": run.code,
        "reason": run.reason,
        "rows": told.get("rows"),
        "problem_type": told.get("problem_type"),
        "metric": _metric(told.get("held_out") or {}),
        "report": None if summary is None else f"{run.run_id}/results/report.html",
    }


def _metric(held_out: Mapping[str, Any]) -> dict[str, Any] | None:
    metrics = held_out.get("metrics") or {}
    names = [held_out["headline_metric"]] if "headline_metric" in held_out else _FORMER_HEADLINES
    for name in names:
        found = metrics.get(name)
        # Version 1 had a number where there is an interval now.
        value = found.get("value") if isinstance(found, Mapping) else found
        if value is not None:
            interval = found if isinstance(found, Mapping) else {}
            return {
                "name": name,
                "value": value,
                "low": interval.get("low"),
                "high": interval.get("high"),
                "better": "higher" if name in HIGHER_IS_BETTER else "lower",
            }
    return None
