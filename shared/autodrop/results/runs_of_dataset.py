"""What the page of a dataset is told of each of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autodrop.run import Run

# Version 1 named no headline metric, and did not say which way one is better.
_FORMER_HEADLINES = {"roc_auc": "higher", "accuracy": "higher", "rmse": "lower"}


def described_run(run: Run, summary: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return an element of the `runs` of `index_page`: `$defs/index_run` in the schema.

    Args:
        run: As the ledger has it.
        summary: Its `summary.json`, of version 1 or 2; None where it has none.
    """
    ended = run.entered.get(run.state) if run.state.is_end else None
    told = summary or {}
    return {
        "run_id": run.run_id,
        "state": str(run.state),
        "created_at": run.created_at.isoformat(),
        "ended_at": told.get("completed_at") or (ended.isoformat() if ended else None),
        "key": run.drop.key,
        "headline": told.get("headline") or run.headline,
        "code": run.code,
        "reason": run.reason,
        "rows": told.get("rows"),
        "target": told.get("target"),
        "problem_type": told.get("problem_type"),
        "metric": _metric(told.get("held_out") or {}),
        "report": None if summary is None else f"{run.run_id}/results/report.html",
    }


def _metric(held_out: Mapping[str, Any]) -> dict[str, Any] | None:
    metrics = held_out.get("metrics") or {}
    headline = held_out.get("headline_metric")
    for name in [headline] if headline else _FORMER_HEADLINES:
        found = metrics.get(name)
        # Version 1 had a number where there is an interval now.
        told = found if isinstance(found, Mapping) else {"value": found}
        if told.get("value") is not None:
            return {
                "name": name,
                "value": told["value"],
                "low": told.get("low"),
                "high": told.get("high"),
                "better": told.get("better") or _FORMER_HEADLINES.get(name, "higher"),
            }
    return None
