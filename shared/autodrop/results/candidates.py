"""`autopilot.json` and the leaderboard: every candidate, the best first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from autodrop.requests import response_keys
from autodrop.sagemaker_jobs import AutoMLJob, Candidate, Container, Objective

# Metrics of which less is better, where Autopilot does not say `Minimize` itself.
_LESS_IS_BETTER = frozenset({"MSE", "RMSE", "MAE", "MAPE", "MASE", "WAPE", "LogLoss"})


def autopilot_record(
    job: AutoMLJob, candidates: Sequence[Candidate], containers: Sequence[Container]
) -> dict[str, Any]:
    """Return the content of `autopilot.json`: what the finished AutoML job left.

    Args:
        job: The completed job, with a best candidate.
        candidates: All of its candidates.
        containers: The containers of the model, as they are asked to answer.
    """
    best = job.best_candidate
    return {
        "schema_version": 1,
        "job_name": job.name,
        "status": job.status,
        "secondary_status": job.secondary_status,
        "partial_failures": list(job.partial_failures),
        "created_at": _time(job.created_at),
        "ended_at": _time(job.ended_at),
        "problem_type": job.problem_type,
        "objective_metric": job.objective_metric,
        "best_candidate": None if best is None else _described(best),
        "candidates": [
            {"rank": rank, **_described(candidate)}
            for rank, candidate in enumerate(best_first(candidates), 1)
        ],
        "notebooks": {
            "candidate_definition": job.candidate_notebook,
            "data_exploration": job.exploration_notebook,
        },
        "response_keys": list(response_keys(containers)),
    }


def best_first(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates by objective, those without one last."""

    def key(candidate: Candidate) -> tuple[bool, float]:
        objective = candidate.objective
        if objective is None:
            return True, 0.0
        return False, objective.value if goal(objective) == "Minimize" else -objective.value

    return sorted(candidates, key=key)


def goal(objective: Objective) -> str:
    """Return `Maximize` or `Minimize`."""
    if objective.goal:
        return objective.goal
    name = objective.metric.rpartition(":")[2]
    return "Minimize" if name in _LESS_IS_BETTER or name.upper() in _LESS_IS_BETTER else "Maximize"


def _described(candidate: Candidate) -> dict[str, Any]:
    objective = candidate.objective
    seconds = None
    if candidate.created_at and candidate.ended_at:
        seconds = round((candidate.ended_at - candidate.created_at).total_seconds(), 3)
    return {
        "name": candidate.name,
        "status": candidate.status,
        "objective": None
        if objective is None
        else {"metric": objective.metric, "value": objective.value, "goal": goal(objective)},
        "training_seconds": seconds,
        "metrics": [
            {"name": metric.name, "value": metric.value, "set": metric.set}
            for metric in candidate.metrics
        ],
        "failure_reason": candidate.failure_reason,
        "explainability": candidate.explainability,
        "model_insights": candidate.model_insights,
    }


def _time(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()
