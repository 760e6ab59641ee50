"""The previous run beside this one: more than noise, or not; and what changed in the data."""

from __future__ import annotations

from typing import Any

import pytest

from autodrop.results.comparison import comparison, data_changes

QUANTILES = ("0.01", "0.05", "0.25", "0.5", "0.75", "0.95", "0.99")


def a_summary(value: float = 0.9, half: float = 0.02, **more: Any) -> dict[str, Any]:
    """Return what a comparison reads of a summary of version 2."""
    metric = {"value": value, "low": value - half, "high": value + half}
    return {
        "schema_version": 2,
        "run_id": "ad-bank-0123456789ab",
        "completed_at": "2026-01-02T13:00:00+00:00",
        "headline": f"roc_auc {value} on 100 held-out rows",
        "rows": 600,
        "columns": 3,
        "target": "y",
        "problem_type": "binary",
        "positive_class": "yes",
        "best_candidate": {"name": "best", "objective": None},
        "held_out": {"headline_metric": "roc_auc", "metrics": {"roc_auc": metric}},
        **more,
    }


def a_column(name: str, kind: str = "numeric", **more: Any) -> dict[str, Any]:
    """Return a column of a profile."""
    return {"name": name, "type": kind, "rows": 1000, "missing": 0, "distinct": 9, **more}


def numbers(*values: float, name: str = "x") -> dict[str, Any]:
    """Return a column of numbers with these quantiles."""
    return a_column(name, quantiles=dict(zip(QUANTILES, values, strict=True)))


def texts(name: str = "z", **rows: int) -> dict[str, Any]:
    """Return a column of texts with these counts."""
    top = [{"value": value, "rows": count} for value, count in rows.items()]
    return a_column(name, "text", top_values=top)


def changes(before: dict[str, Any], now: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what moved between two columns."""
    found: list[dict[str, Any]] = data_changes({"columns": [before]}, {"columns": [now]})[
        "distributions"
    ]
    return found


@pytest.mark.parametrize(
    ("now", "level"), [(0.91, "same"), (0.95, "better"), (0.85, "worse"), (0.9, "same")]
)
def test_a_difference_counts_when_it_is_more_than_noise(now: float, level: str) -> None:
    told = comparison(a_summary(now), a_summary(0.9), None)

    beside = told["metrics"]["roc_auc"]
    assert beside["level"] == level
    assert beside["difference"] == pytest.approx(now - 0.9)
    assert beside["high"] - beside["low"] == pytest.approx(2 * (2 * 0.02**2) ** 0.5)
    assert f"{now:.4g} after 0.9" in told["sentence"]


def test_less_is_better_where_it_is() -> None:
    def of_error(value: float) -> dict[str, Any]:
        metric = {"value": value, "low": value - 0.1, "high": value + 0.1}
        held_out = {"headline_metric": "rmse", "metrics": {"rmse": metric}}
        return a_summary(held_out=held_out)

    assert comparison(of_error(2), of_error(3), None)["metrics"]["rmse"]["level"] == "better"
    assert comparison(of_error(3), of_error(2), None)["metrics"]["rmse"]["level"] == "worse"


def test_a_summary_of_version_1_has_no_intervals_to_tell_noise_by() -> None:
    former = a_summary(schema_version=1, held_out={"rows": 100, "metrics": {"roc_auc": 0.8}})
    del former["completed_at"]

    told = comparison(a_summary(0.9), former, None)

    assert told["metrics"]["roc_auc"]["difference"] == pytest.approx(0.1)
    assert told["metrics"]["roc_auc"]["level"] is None
    assert told["completed_at"] is None
    assert "without an interval" in told["sentence"]


@pytest.mark.parametrize(
    "other", [{"target": "z"}, {"problem_type": "regression"}, {"positive_class": "no"}]
)
def test_another_question_has_no_metrics_to_compare(other: dict[str, Any]) -> None:
    told = comparison(a_summary(), a_summary(**other), None)

    assert told["metrics"] == {}
    assert "something else" in told["sentence"]


def test_a_metric_that_was_not_measured_is_compared_with_nothing() -> None:
    nothing = {"value": None, "low": None, "high": None}
    former = a_summary(held_out={"headline_metric": None, "metrics": {"roc_auc": nothing}})

    told = comparison(a_summary(), former, None)

    assert told["metrics"]["roc_auc"]["difference"] is None
    assert told["sentence"] == "The previous run has no metric to compare with."


def test_columns_that_came_went_or_changed_their_type() -> None:
    before = {"columns": [a_column("a"), a_column("b"), a_column("c", "text")]}
    now = {"columns": [a_column("a"), a_column("c"), a_column("d")]}

    told = data_changes(before, now)

    assert told["columns_added"] == ["d"]
    assert told["columns_removed"] == ["b"]
    assert told["types_changed"] == [{"column": "c", "before": "text", "after": "numeric"}]
    assert told["distributions"] == []


@pytest.mark.parametrize(
    "column",
    [
        numbers(1, 2, 3, 4, 5, 6, 7),
        numbers(0, 0, 0, 0, 0, 0, 9),
        numbers(*[5] * 7),
        texts(a=500, b=300, c=200),
        texts(a=50, b=49),
    ],
)
def test_the_same_distribution_has_not_moved(column: dict[str, Any]) -> None:
    assert changes(column, column) == []


def test_numbers_that_are_larger_now_have_moved() -> None:
    (change,) = changes(numbers(1, 2, 3, 4, 5, 6, 7), numbers(4, 5, 6, 7, 8, 9, 10))

    assert change["measure"] == "values"
    assert change["distance"] == pytest.approx(0.7)
    assert change["sentence"] == "Its median is 7, after 4."


def test_numbers_that_are_all_beyond_have_moved_as_far_as_can_be() -> None:
    (change,) = changes(numbers(1, 2, 3, 4, 5, 6, 7), numbers(11, 12, 13, 14, 15, 16, 17))

    assert change["distance"] == pytest.approx(0.98)


def test_values_that_are_more_frequent_now_have_moved() -> None:
    (change,) = changes(texts(a=700, b=200, c=100), texts(a=300, b=400, c=300))

    assert change["distance"] == pytest.approx(0.4)
    assert change["sentence"] == "'a' is 30 % of its values, after 70 %."


def test_a_value_that_is_not_listed_may_be_as_frequent_as_the_last_that_is() -> None:
    assert changes(texts(a=20, b=19, c=18), texts(d=20, e=19, f=18)) == []


def test_more_missing_cells_are_told() -> None:
    before, now = a_column("x"), {**a_column("x"), "missing": 250}

    (change,) = changes(before, now)

    assert (change["measure"], change["distance"]) == ("missing", 0.25)
