from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from autodrop_local.sagemaker.engine.artifact import Artifact, pack, unpack
from autodrop_local.sagemaker.engine.failure import JobFailedError
from autodrop_local.sagemaker.engine.inference import (
    OUTPUT,
    SUPPORTED,
    BadRecordError,
    Container,
    chosen_keys,
    csv_line,
)
from autodrop_local.sagemaker.engine.metrics import Classes, Floats
from autodrop_local.sagemaker.engine.table import Column

COLUMNS = (Column("x", numeric=True), Column("word", numeric=False))
BINARY = Artifact("m", "BinaryClassification", COLUMNS, Classes(("<=50K", ">50K"), 0.4))
REGRESSION = Artifact("m", "Regression", COLUMNS, None)
ALL_KEYS = ("predicted_label", "probability", "probabilities", "labels")


class Echo:
    """Takes the first feature as its score."""

    def __init__(self, binary: bool) -> None:
        self._binary = binary

    def scores(self, features: pd.DataFrame) -> Floats:
        x = features["x"].fillna(0.0).to_numpy(dtype=float)
        return np.column_stack([1 - x, x]) if self._binary else x


def test_keys_come_in_the_order_that_was_asked_for() -> None:
    container = Container(BINARY, Echo(binary=True), ALL_KEYS)

    assert container.respond([["0.25", "a"], ["0.45", "b"]]) == [
        ["<=50K", "0.75", "[0.75, 0.25]", "['<=50K', '>50K']"],
        [">50K", "0.45", "[0.55, 0.45]", "['<=50K', '>50K']"],
    ]
    reordered = Container(BINARY, Echo(binary=True), ("probability", "predicted_label"))
    assert reordered.respond([["0.25", "a"]]) == [["0.75", "<=50K"]]


def test_lists_are_one_quoted_field() -> None:
    line = csv_line(["a,b", "0.9", "[0.9, 0.1]", "['a,b', \"it's\"]"])

    assert line == '"a,b",0.9,"[0.9, 0.1]","[\'a,b\', ""it\'s""]"'


def test_regression_gives_the_number_whatever_is_asked_for() -> None:
    keys = chosen_keys({OUTPUT: "predicted_label,probability"}, REGRESSION)

    assert Container(REGRESSION, Echo(binary=False), keys).respond([["1.5", "a"]]) == [["1.5"]]


def test_the_default_is_the_label_alone() -> None:
    assert chosen_keys({}, BINARY) == ("predicted_label",)
    assert chosen_keys({OUTPUT: "labels, probability"}, BINARY) == ("labels", "probability")


@pytest.mark.parametrize(
    "environment",
    [{OUTPUT: "score"}, {OUTPUT: ","}, {OUTPUT: "labels", SUPPORTED: "predicted_label"}],
)
def test_a_key_that_is_not_offered_fails_the_job(environment: dict[str, str]) -> None:
    with pytest.raises(JobFailedError, match=OUTPUT):
        chosen_keys(environment, BINARY)


def test_records_need_the_columns_of_training() -> None:
    container = Container(BINARY, Echo(binary=True), ("predicted_label",))

    with pytest.raises(BadRecordError, match="expected 2 columns, received 3") as caught:
        container.respond([["0.1", "a"], ["0.1", "a", "more"]])
    assert caught.value.position == 1
    with pytest.raises(BadRecordError, match="column x holds a value that is not a number"):
        container.respond([["word", "a"]])


def test_an_artifact_comes_back_from_its_archive(tmp_path: Path) -> None:
    predictor = tmp_path / "saved"
    predictor.mkdir()
    (predictor / "part").write_text("p")

    pack(predictor, BINARY, tmp_path / "model.tar.gz")

    assert unpack(tmp_path / "model.tar.gz", tmp_path / "out") == BINARY
    assert (tmp_path / "out" / "predictor" / "part").read_text() == "p"


def test_a_foreign_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.tar.gz").write_bytes(b"something else")

    with pytest.raises(JobFailedError, match="not a model that this local SageMaker made"):
        unpack(tmp_path / "model.tar.gz", tmp_path / "out")
