"""What drives the model, called what it is; and which columns are segments."""

from __future__ import annotations

from typing import Any

import pytest

from autodrop.results.importance import importance
from autodrop.results.segments import segment_columns
from tests.builders import a_dataset

SOURCE = "s3://b/analysis.json"


def shap(**labels: dict[str, float]) -> dict[str, Any]:
    """Return a report as SageMaker Clarify writes it."""
    return {
        "version": "1.0",
        "explanations": {
            "kernel_shap": {
                label: {"global_shap_values": values, "expected_value": 0.5}
                for label, values in labels.items()
            }
        },
    }


def test_shap_values_are_called_so() -> None:
    found = importance(shap(label0={"x": 0.1, "z": 0.4}), SOURCE)

    assert found is not None
    assert found["method"] == "autopilot_shap"
    assert found["features"] == [
        {"name": "z", "value": 0.4, "deviation": None},
        {"name": "x", "value": 0.1, "deviation": None},
    ]


def test_several_classes_are_averaged() -> None:
    found = importance(shap(a={"x": 0.1, "z": 0.4}, b={"x": 0.9, "z": 0.4}), SOURCE)

    assert found is not None
    assert [(each["name"], each["value"]) for each in found["features"]] == [("x", 0.5), ("z", 0.4)]


def test_permutation_importance_of_the_local_engine_is_called_so() -> None:
    report = {
        "explanations": {
            "permutation_importance": {
                "y": {
                    "global_importance_values": {"x": 0.2},
                    "standard_deviations": {"x": 0.01},
                }
            }
        },
        "method": {"name": "permutation_importance", "rows": 1000},
    }

    found = importance(report, SOURCE)

    assert found is not None
    assert (found["method"], found["rows"]) == ("permutation", 1000)
    assert "shuffled" in found["label"]
    assert found["features"] == [{"name": "x", "value": 0.2, "deviation": 0.01}]


@pytest.mark.parametrize(
    "report",
    [None, [], {}, {"explanations": None}, {"explanations": {"kernel_shap": {"a": 3}}}, shap(a={})],
)
def test_a_report_without_importance_is_none(report: object) -> None:
    assert importance(report, SOURCE) is None


def column(name: str, kind: str, distinct: int, share: float | None) -> dict[str, Any]:
    """Return a column of a profile."""
    target = None if share is None else {"explained_share": share}
    return {"name": name, "type": kind, "distinct": distinct, "target": target}


def test_segments_are_the_categorical_features_that_tell_most() -> None:
    profile = {
        "columns": [
            column("low", "text", 5, 0.1),
            column("high", "text", 5, 0.9),
            column("flag", "numeric", 2, 0.5),
            column("measure", "numeric", 900, 0.95),
            column("notes", "free_text", 40, 0.95),
            column("constant", "text", 1, 0.0),
            column("id", "text", 5000, 0.99),
            column("unknown", "text", 3, None),
            column("y", "text", 2, None),
        ]
    }
    features = tuple(each["name"] for each in profile["columns"][:-1])

    found = segment_columns(a_dataset(features=features), profile)

    assert found == {"high": 0.9, "flag": 0.5, "low": 0.1, "unknown": None}
    assert list(found) == ["high", "flag", "low", "unknown"]


def test_there_are_at_most_five_and_none_without_a_profile() -> None:
    names = tuple("abcdefgh")
    profile = {"columns": [column(name, "text", 3, 0.5) for name in names]}

    assert list(segment_columns(a_dataset(features=names), profile)) == list("abcde")
    assert segment_columns(a_dataset(features=names), None) == {}
