"""The leaderboard: the best first, whichever way the metric goes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from autodrop.results.candidates import (
    algorithm,
    autopilot_record,
    best_first,
    goal,
    leaderboard_csv,
    our_name,
    validation_metrics,
)
from autodrop.sagemaker_jobs import Container, Metric, Objective
from autodrop.settings import ProblemType
from tests.builders import (
    NOON,
    a_candidate,
    a_job,
    ensembling_container,
    regression_containers,
    tuning_containers,
)


def order(*objectives: Objective | None) -> list[float | None]:
    """Return the values in the order of the leaderboard."""
    ranked = best_first([a_candidate(str(i), each) for i, each in enumerate(objectives)])
    return [each.objective.value if each.objective else None for each in ranked]


def test_the_highest_is_first_where_more_is_better() -> None:
    assert order(
        Objective("F1", 0.5, "Maximize"),
        Objective("F1", 0.9, "Maximize"),
        Objective("F1", 0.7, "Maximize"),
    ) == [0.9, 0.7, 0.5]


def test_the_lowest_is_first_where_less_is_better() -> None:
    assert order(
        Objective("MSE", 5, "Minimize"),
        Objective("MSE", 0, "Minimize"),
        Objective("MSE", 7, "Minimize"),
    ) == [0, 5, 7]


def test_candidates_without_an_objective_are_last() -> None:
    assert order(None, Objective("MSE", 5), None, Objective("MSE", 2)) == [2, 5, None, None]


def test_equal_candidates_stay_in_the_order_in_which_they_were_made() -> None:
    ranked = best_first([a_candidate(name, Objective("F1", 0.5)) for name in "abc"])

    assert [each.name for each in ranked] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("F1", "Maximize"),
        ("AUC", "Maximize"),
        ("R2", "Maximize"),
        ("validation:f1", "Maximize"),
        ("validation:binary_f_beta", "Maximize"),
        ("MSE", "Minimize"),
        ("RMSE", "Minimize"),
        ("LogLoss", "Minimize"),
        ("validation:mse", "Minimize"),
        ("validation:rmse", "Minimize"),
        ("validation:mae", "Minimize"),
    ],
)
def test_the_goal_follows_from_the_metric_where_autopilot_does_not_say_it(
    metric: str, expected: str
) -> None:
    assert goal(Objective(metric, 0.5)) == expected


@pytest.mark.parametrize("said", ["Maximize", "Minimize"])
def test_what_autopilot_says_of_the_goal_is_believed(said: str) -> None:
    assert goal(Objective("MSE", 0.5, said)) == said


def test_the_record_holds_all_that_the_job_left() -> None:
    best = a_candidate(
        "best",
        Objective("AUC", 0.9, "Maximize"),
        containers=(ensembling_container(),),
        metrics=(Metric("F1", 0.5, "Validation"),),
        created_at=NOON,
        ended_at=NOON + timedelta(seconds=90),
        explainability="s3://b/explain",
        model_insights="s3://b/insights",
    )
    failed = a_candidate("failed", failure_reason="AlgorithmError")
    job = a_job(
        "Failed",
        failure_reason="ClientError: Clarify is closed.",
        best_candidate=best,
        ended_at=NOON + timedelta(hours=1),
        partial_failures=("No explainability report.",),
        problem_type=ProblemType.BINARY,
        objective_metric="AUC",
        candidate_notebook="s3://b/candidates.ipynb",
        exploration_notebook="s3://b/exploration.ipynb",
    )

    record = autopilot_record(job, [failed, best], [ensembling_container()])

    described = {
        "name": "best",
        "status": "Completed",
        "algorithm": "autogluon",
        "objective": {"metric": "AUC", "value": 0.9, "goal": "Maximize"},
        "training_seconds": 90.0,
        "metrics": [{"name": "F1", "value": 0.5, "set": "Validation"}],
        "failure_reason": None,
        "explainability": "s3://b/explain",
        "model_insights": "s3://b/insights",
    }
    assert record["best_candidate"] == described
    assert record["candidates"][0] == {"rank": 1, **described}
    assert record["candidates"][1]["rank"] == 2
    assert record["candidates"][1]["failure_reason"] == "AlgorithmError"
    assert record["candidates"][1]["objective"] is None
    assert record["notebooks"] == {
        "candidate_definition": "s3://b/candidates.ipynb",
        "data_exploration": "s3://b/exploration.ipynb",
    }
    assert (record["status"], record["failure_reason"]) == (
        "Failed",
        "ClientError: Clarify is closed.",
    )
    assert record["partial_failures"] == ["No explainability report."]
    assert record["problem_type"] == "binary"
    assert record["ended_at"] == "2026-01-02T13:00:00+00:00"
    assert record["response_keys"] == ["predicted_label"]


@pytest.mark.parametrize(
    ("containers", "expected"),
    [
        ((ensembling_container(),), "autogluon"),
        (tuning_containers(), "xgboost"),
        (regression_containers(), "xgboost"),
        ((), None),
    ],
)
def test_the_algorithm_follows_from_the_containers(
    containers: tuple[Container, ...], expected: str | None
) -> None:
    assert algorithm(a_candidate(containers=containers)) == expected


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("AUC", "roc_auc"),
        ("BalancedAccuracy", "balanced_accuracy"),
        ("F1macro", "f1_macro"),
        ("validation:f1", "f1"),
        ("LogLoss", "log_loss"),
        ("R2", "r2"),
        ("PrecisionMacro", None),
        ("InferenceLatency", None),
    ],
)
def test_autopilot_s_metrics_by_our_names(theirs: str, ours: str | None) -> None:
    assert our_name(theirs) == ours


def test_validation_metrics_are_those_of_validation_rows_and_the_objective() -> None:
    candidate = {
        "objective": {"metric": "F1", "value": 0.6},
        "metrics": [
            {"name": "AUC", "value": 0.9, "set": "Validation"},
            {"name": "Accuracy", "value": 0.99, "set": "Train"},
        ],
    }

    assert validation_metrics(candidate) == {"roc_auc": 0.9, "f1": 0.6}


def test_the_leaderboard_has_a_column_for_each_metric_that_occurs() -> None:
    candidates = [
        {
            "rank": 1,
            "name": "=best",
            "metrics": [
                {"name": "F1", "value": 0.5, "set": "Train"},
                {"name": "InferenceLatency", "value": 0.1, "set": "Validation"},
            ],
        },
        {"rank": 2, "name": "b", "metrics": [{"name": "AUC", "value": -1.0, "set": "Validation"}]},
    ]

    assert leaderboard_csv(candidates) == (
        "rank,name,train_F1,validation_AUC\n1,'=best,0.5,\n2,b,,-1.0\n"
    )
