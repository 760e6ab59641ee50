"""Two classes are one and zero for the model, and stay what they are everywhere else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autodrop.dataset import Dataset
from autodrop.preparation.prepare import Prepared, Work, prepare
from autodrop.settings import parse_settings
from tests.preparation.files import (
    ROWS,
    cells,
    dropped,
    prepared,
    table,
    written,
)

pytestmark = pytest.mark.slow

HOSTILE = [
    "=1+1",
    "<script>alert(1)</script>",
    'say "yes", twice',
    "a\nb",
    "☃",
    "' or 1=1 --",
    "\\N",
]


def two_classes(positive: str, other: str, place: int = 2, rows: int = ROWS) -> list[list[str]]:
    """Return a table whose target stands at a place; a third of the rows is positive."""
    made = []
    for i in range(-1, rows):
        row = ["x", "z"] if i < 0 else [str(i * 7 % 90), "uvw"[i % 3] + ", w" * (i % 5 == 0)]
        row.insert(place, "target" if i < 0 else positive if i % 3 == 0 else other)
        made.append(row)
    return made


def coded(result: Prepared, column: str, positive: str) -> list[list[str]]:
    """Return the training file with one for a label of a column and zero for others."""
    header, *rows = cells(result.train)
    at = header.index(column)
    return [
        header,
        *([*row[:at], str(int(row[at] == positive)), *row[at + 1 :]] for row in rows),
    ]


def learned(result: Prepared) -> list[list[str]]:
    assert result.model_train is not None
    return cells(result.model_train)


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    ("positive", "other"),
    [
        ("yes", "no"),
        ("ja", "nein"),
        ("0", "1"),
        ("True", "False"),
        ("01", "1"),
        ("10", "1"),
        ("a", "ab"),
        ("ba", "aa"),
    ],
)
def test_the_positive_class_is_one_in_what_the_model_learns_from(
    positive: str, other: str, place: int, tmp_path: Path
) -> None:
    rows = two_classes(positive, other, place)

    result = prepared(tmp_path, written(rows), target="target", positive_class=positive)

    assert set(map(tuple, cells(result.train)[1:])) <= set(map(tuple, rows[1:]))
    assert {row[-1] for row in cells(result.truth)[1:]} == {positive, other}
    assert learned(result) == coded(result, "target", positive)
    assert result.model_test is None


@pytest.mark.parametrize("positive", HOSTILE)
@pytest.mark.parametrize("other", ["no", "1", "0"])
def test_labels_may_hold_anything(positive: str, other: str, tmp_path: Path) -> None:
    result = prepared(
        tmp_path,
        written(two_classes(positive, other)),
        target="target",
        positive_class=positive,
    )

    shown = positive.replace("\n", " ")
    assert result.dataset.target.model_labels == {"1": shown, "0": other}
    assert learned(result) == coded(result, "target", shown)


def test_ones_and_zeros_need_no_copy(tmp_path: Path) -> None:
    result = prepared(tmp_path, written(two_classes("1", "0")), target="target")

    assert (result.model_train, result.model_test) == (None, None)
    assert result.dataset.target.model_labels == {"1": "1", "0": "0"}


@pytest.mark.parametrize("kind", ["three classes", "numbers"])
def test_other_targets_are_learned_as_they_are(kind: str, tmp_path: Path) -> None:
    labels = ["a", "b", "c"] if kind == "three classes" else [str(i) for i in range(40)]
    rows = [["x", "y"], *([str(i % 9), labels[i % len(labels)]] for i in range(ROWS))]

    result = prepared(tmp_path, written(rows))

    assert result.model_train is None
    assert result.dataset.target.model_labels == {}


def test_two_numbers_that_are_to_be_measured_are_learned_as_they_are(tmp_path: Path) -> None:
    result = prepared(
        tmp_path, written(two_classes("5", "3")), target="target", problem_type="regression"
    )

    assert result.model_train is None
    assert result.dataset.target.model_labels == {}


@pytest.mark.parametrize("method", ["random", "stratified"])
def test_a_model_learns_the_same_from_the_same_rows_in_any_language(
    method: str, tmp_path: Path
) -> None:
    learned_from = []
    for positive, other in (("Yes", "No"), ("ja", "nein"), ("1", "0"), ("WAHR", "FALSCH")):
        folder = tmp_path / positive
        folder.mkdir()
        content = written(two_classes(positive, other))
        result = prepared(folder, content, target="target", split={"method": method})
        learned_from.append((result.model_train or result.train).read_bytes())
        assert result.test.read_bytes() == (tmp_path / "Yes" / result.test.name).read_bytes()

    assert len(set(learned_from)) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"split": {"method": "hash"}},
        {"split": {"method": "stratified"}},
        {"split": {"method": "group", "column": "x"}},
        {"ignore": ["x"]},
    ],
)
def test_however_rows_are_split_the_copy_has_those_of_the_training_file(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    rows = two_classes("ja", "nein", place=1, rows=900)

    result = prepared(tmp_path, written(rows), target="target", **settings)

    assert learned(result) == coded(result, "target", "ja")


def test_rows_without_a_label_are_in_neither(tmp_path: Path) -> None:
    rows = two_classes("ja", "nein")
    for row in rows[5:50:9]:
        row[2] = ""

    result = prepared(tmp_path, written(rows), target="target")

    assert learned(result) == coded(result, "target", "ja")
    assert {row[2] for row in learned(result)[1:]} == {"0", "1"}


def test_decimal_commas_and_labels_are_rewritten_in_one_copy(tmp_path: Path) -> None:
    rows = [["price", "y"], *([f"{i % 90},5", "ja" if i % 3 else "nein"] for i in range(ROWS))]

    result = prepared(tmp_path, written(rows, delimiter=";"))

    expected = [[price.replace(",", "."), y] for price, y in coded(result, "y", "ja")]
    assert learned(result) == expected
    assert result.model_test is not None


def test_labels_with_decimal_commas_are_one_and_zero_and_the_test_file_has_no_copy(
    tmp_path: Path,
) -> None:
    rows = [["x", "y"], *([str(i % 90), "1,5" if i % 3 else "0,5"] for i in range(ROWS))]

    result = prepared(tmp_path, written(rows, delimiter=";"))

    assert result.dataset.target.model_labels == {"1": "0,5", "0": "1,5"}
    assert learned(result) == coded(result, "y", "0,5")
    assert result.model_test is None


def test_a_test_file_of_one_s_own_gives_the_truth_as_it_is_spelled(tmp_path: Path) -> None:
    own = tmp_path / "own.csv"
    own.write_bytes(written(two_classes("ja", "nein", place=0, rows=120)))
    file = replace(dropped(tmp_path, written(two_classes("ja", "nein"))), test_path=own)

    result = prepare(file, parse_settings({"target": "target"}), Work(tmp_path))

    assert learned(result) == coded(result, "target", "ja")
    assert {row[-1] for row in cells(result.truth)[1:]} == {"ja", "nein"}
    assert result.model_test is None


def test_both_files_are_named_where_they_are(tmp_path: Path) -> None:
    dataset = prepared(tmp_path, table()).dataset
    content = dataset.to_json()

    assert content["target"]["model_labels"] == {"1": "yes", "0": "no"}
    assert content["files"]["model_train"].endswith("/model-input/train/train_data.csv")
    assert content["files"]["model_test"] == content["files"]["test"]
    assert not dataset.has_model_test
    assert Dataset.from_json(json.loads(json.dumps(content))) == dataset


def test_a_dataset_of_an_older_version_has_a_model_that_learned_the_labels_themselves(
    tmp_path: Path,
) -> None:
    content = prepared(tmp_path, table()).dataset.to_json()
    del content["target"]["model_labels"]

    dataset = Dataset.from_json(content)

    assert dataset.target.model_labels == {}
    assert dataset.train_uri.endswith("/train/train_data.csv")
    assert "model-input" not in dataset.train_uri
