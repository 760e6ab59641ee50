from __future__ import annotations

import pandas as pd
import pytest

from autodrop_local.sagemaker.engine import dataset
from autodrop_local.sagemaker.engine.dataset import Prepared
from autodrop_local.sagemaker.engine.failure import JobFailedError


def texts(target: list[str]) -> pd.DataFrame:
    size = len(target)
    return pd.DataFrame({"x": [str(n) for n in range(size)], "w": ["1"] * size, "y": target})


def prepared(target: list[str], problem_type: str, **changes: object) -> Prepared:
    settings: dict[str, object] = {
        "target": "y",
        "weight": None,
        "problem_type": problem_type,
        "validation_fraction": 0.2,
        "validation_texts": None,
        **changes,
    }
    return dataset.prepared(texts(target), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "problem_type"),
    [
        (["yes", "no"], "BinaryClassification"),
        (["1", "0"], "BinaryClassification"),
        (["1.5", "2.5"], "BinaryClassification"),
        (["a", "b", "c"], "MulticlassClassification"),
        ([str(n) for n in range(10)], "MulticlassClassification"),
        ([str(n) for n in range(100)], "Regression"),
        (["1.5", "2.5", "3.25"], "Regression"),
        ([str(n) for n in range(100)] + ["n"], "MulticlassClassification"),
    ],
)
def test_the_problem_type_follows_from_the_values(values: list[str], problem_type: str) -> None:
    assert dataset.inferred_problem_type(values) == problem_type


@pytest.mark.parametrize(
    ("columns", "rows", "reason"),
    [
        (["x", "y"], 499, "minimum of 500 rows with a target is required .* it has 499"),
        (["x"], 500, "Target attribute name y does not exist"),
        (["y"], 500, "no column besides the target"),
    ],
)
def test_data_that_cannot_be_trained_on_is_refused(
    columns: list[str], rows: int, reason: str
) -> None:
    with pytest.raises(JobFailedError, match=reason):
        dataset.check(texts(["a"] * rows)[columns], "y", None)


def test_rows_without_a_target_do_not_count() -> None:
    with pytest.raises(JobFailedError, match="it has 450"):
        dataset.check(texts(["a"] * 450 + ["", " "] * 50), "y", None)


def test_labels_keep_their_spelling() -> None:
    data = prepared(["01", "1"] * 300, "BinaryClassification")

    assert set(data.training["y"]) == set(data.validation["y"]) == {"01", "1"}
    assert (len(data.training), len(data.validation)) == (480, 120)


def test_classes_are_held_out_in_their_proportions() -> None:
    data = prepared(["a"] * 900 + ["b"] * 100, "BinaryClassification", validation_fraction=0.3)

    assert data.validation["y"].value_counts().to_dict() == {"a": 270, "b": 30}


def test_classes_too_rare_to_learn_are_left_out_and_counted() -> None:
    data = prepared(["a"] * 300 + ["b"] * 300 + ["c"] * 9, "MulticlassClassification")

    assert data.left_out_rows == 9
    assert set(data.training["y"]) == {"a", "b"}


@pytest.mark.parametrize(
    ("target", "problem_type", "reason"),
    [
        (["a"] * 600, "BinaryClassification", "2 classes; y has 1"),
        (["a", "b", "c"] * 200, "BinaryClassification", "2 classes; y has 3"),
        (["a"] * 600, "MulticlassClassification", "at least 2 classes"),
        (["1", "x"] * 300, "Regression", "numeric target"),
        (["1"] * 600, "Regression", "the same value in every row"),
    ],
)
def test_a_target_must_fit_the_problem_type(
    target: list[str], problem_type: str, reason: str
) -> None:
    with pytest.raises(JobFailedError, match=reason):
        prepared(target, problem_type)


def test_a_weight_is_a_number_and_no_feature() -> None:
    data = prepared(["a", "b"] * 300, "BinaryClassification", weight="w")

    assert [column.name for column in data.features] == ["x"]
    assert data.training["w"].dtype == "float64"


def test_a_validation_channel_is_used_as_it_is() -> None:
    validation = texts(["a", "b", "unseen"] * 10)

    data = prepared(["a", "b"] * 300, "BinaryClassification", validation_texts=validation)

    assert len(data.training) == 600
    assert sorted(set(data.validation["y"])) == ["a", "b"]
