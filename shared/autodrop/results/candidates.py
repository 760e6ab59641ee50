"""`autopilot.json` and the leaderboard: every candidate, the best first."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from autodrop.requests import response_keys
from autodrop.results.spreadsheet import safe_cell
from autodrop.sagemaker_jobs import AutoMLJob, Candidate, Container, Objective

# Metrics of which less is better, where Autopilot does not say `Minimize` itself.
_LESS_IS_BETTER = frozenset({"MSE", "RMSE", "MAE", "MAPE", "MASE", "WAPE", "LogLoss"})


def autopilot_record(
    job: AutoMLJob, candidates: Sequence[Candidate], containers: Sequence[Container]
) -> dict[str, Any]:
    """Return the content of `autopilot.json`: what the finished AutoML job left.

    Args:
        job: The completed job, or one that failed after training, with a best candidate.
        candidates: All of its candidates.
        containers: The containers of the model, as they are asked to answer.
    """
    best = job.best_candidate
    return {
        "schema_version": 1,
        "job_name": job.name,
        "status": job.status,
        "secondary_status": job.secondary_status,
        "failure_reason": job.failure_reason,
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


# What is in the name of an image, and what people call it.
_ALGORITHMS = {
    "autogluon": "autogluon",
    "xgboost": "xgboost",
    "linear-learner": "linear-learner",
    "mxnet-algorithms": "mlp",
}
# Autopilot's metrics by our names, in lower case and without separators.
_LATENCY = "InferenceLatency"
_OUR_NAMES = {
    "auc": "roc_auc",
    "accuracy": "accuracy",
    "balancedaccuracy": "balanced_accuracy",
    "f1": "f1",
    "f1macro": "f1_macro",
    "precision": "precision",
    "recall": "recall",
    "logloss": "log_loss",
    "mse": "mse",
    "rmse": "rmse",
    "mae": "mae",
    "r2": "r2",
}


def algorithm(candidate: Candidate) -> str | None:
    """Return the algorithm, from the images of its containers; None where they do not tell."""
    images = [each.image.rpartition("/")[2] for each in candidate.containers]
    for name, called in _ALGORITHMS.items():
        if any(name in image for image in images):
            return called
    return None


def our_name(metric: str) -> str | None:
    """Return our name of a metric of Autopilot's; None where autodrop has no such metric.

    >>> our_name("F1macro"), our_name("validation:f1"), our_name("InferenceLatency")
    ('f1_macro', 'f1', None)
    """
    return _OUR_NAMES.get(metric.rpartition(":")[2].replace("_", "").lower())


def validation_metrics(candidate: Mapping[str, Any]) -> dict[str, float]:
    """Return a candidate's metrics on Autopilot's validation rows, by our names."""
    found = {
        name: float(metric["value"])
        for metric in candidate.get("metrics", ())
        if metric["set"] == "Validation" and (name := our_name(metric["name"])) is not None
    }
    objective = candidate.get("objective")
    if objective is not None and (name := our_name(objective["metric"])) is not None:
        found.setdefault(name, float(objective["value"]))
    return found


def leaderboard(autopilot: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the candidates of `autopilot.json` as the summary lists them, the best first."""
    return [
        {
            "rank": each["rank"],
            "name": each["name"],
            "status": each["status"],
            "algorithm": each.get("algorithm"),
            "objective_metric": each["objective"] and each["objective"]["metric"],
            "objective_value": each["objective"] and each["objective"]["value"],
            "training_seconds": each["training_seconds"],
            "inference_latency_seconds": next(
                (metric["value"] for metric in each["metrics"] if metric["name"] == _LATENCY),
                None,
            ),
            "failure_reason": each["failure_reason"],
            "metrics": each["metrics"],
        }
        for each in autopilot["candidates"]
    ]


def leaderboard_csv(candidates: Sequence[Mapping[str, Any]]) -> str:
    """Return the leaderboard as a table: a column for each metric and set that occurs.

    But for the latency, which has a column without a set.
    """
    rows: list[dict[str, Any]] = []
    for candidate in candidates:
        row = {name: value for name, value in candidate.items() if name != "metrics"}
        for metric in candidate["metrics"]:
            if metric["name"] != _LATENCY:
                row[f"{metric['set'].lower()}_{metric['name']}"] = metric["value"]
        rows.append(row)
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(safe_cell, columns))
    for row in rows:
        cells = [row.get(name) for name in columns]
        writer.writerow(safe_cell(each) if isinstance(each, str) else each for each in cells)
    return text.getvalue()


def _described(candidate: Candidate) -> dict[str, Any]:
    objective = candidate.objective
    seconds = None
    if candidate.created_at and candidate.ended_at:
        seconds = round((candidate.ended_at - candidate.created_at).total_seconds(), 3)
    return {
        "name": candidate.name,
        "status": candidate.status,
        "algorithm": algorithm(candidate),
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
