"""Files that can be used: what is written for Autopilot, the transform and the results."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autodrop.dataset import Dataset
from autodrop.preparation.cells.kinds import LINE_BREAK
from autodrop.preparation.splitting.sides import random_training_rows, training_row_count
from autodrop.settings import ProblemType
from tests.preparation.files import (
    ROWS,
    Table,
    cells,
    codes,
    grid,
    prepared,
    rows_of,
    table,
    written,
)

pytestmark = pytest.mark.slow


def test_the_parts_hold_every_row_once_and_nothing_else(tmp_path: Path) -> None:
    result = prepared(tmp_path, table(), keep=["x"])

    header, *rows = list(csv.reader(io.StringIO(table().decode())))
    assert rows_of(result) == rows
    assert cells(result.train)[0] == header
    assert (len(cells(result.train)), len(cells(result.test))) == (501, 100)


def test_the_held_out_rows_are_those_that_pandas_leaves_out(tmp_path: Path) -> None:
    frame = pd.read_csv(io.BytesIO(table(1000)), dtype=str)
    training = frame.sample(frac=0.8, random_state=200)

    result = prepared(tmp_path, table(1000), keep=["x"])

    train = pd.read_csv(result.train, dtype=str)
    pd.testing.assert_frame_equal(train, training.sort_index().reset_index(drop=True))
    truth = cells(result.truth)
    assert [int(row[0]) for row in truth[1:]] == list(frame.drop(training.index).index)


@given(
    rows=st.integers(1, 400),
    fraction=st.floats(0.001, 0.999),
    seed=st.integers(0, 2**32 - 1),
)
@example(rows=41_188, fraction=0.2, seed=200)
@example(rows=5, fraction=0.5, seed=0)
@example(rows=10, fraction=0.3, seed=2**32 - 1)
@settings(max_examples=50)
def test_the_split_is_that_of_pandas(rows: int, fraction: float, seed: int) -> None:
    frame = pd.DataFrame({"row": range(rows)})

    count = training_row_count(rows, fraction, 0)
    mask = random_training_rows(rows, count, seed)

    expected = frame.sample(frac=1 - fraction, random_state=seed)["row"]
    assert sorted(expected) == np.flatnonzero(mask).tolist()


@pytest.mark.parametrize(
    ("rows", "fraction", "train"), [(41_188, 0.2, 32_950), (600, 0.2, 500), (2000, 0.9, 500)]
)
def test_autopilot_s_minimum_goes_before_the_share(rows: int, fraction: float, train: int) -> None:
    assert training_row_count(rows, fraction, 500) == train


def test_a_small_test_set_is_warned_of(tmp_path: Path) -> None:
    result = prepared(tmp_path, table(550), ignore=["x"])

    assert result.dataset.split.train_rows == 500
    assert result.dataset.split.test_rows == 50
    (warning,) = (each for each in result.dataset.warnings if each.code == "SMALL_TEST_SET")
    assert "50 rows are held out instead of 110" in warning.message


def test_another_seed_holds_out_other_rows(tmp_path: Path) -> None:
    one = cells(prepared(tmp_path, table()).truth)
    other = cells(prepared(tmp_path, table(), split={"seed": 1}).truth)

    assert len(one) == len(other)
    assert one != other


def test_preparing_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    def parts() -> list[bytes]:
        result = prepared(tmp_path, table())
        return [each.read_bytes() for each in (result.train, result.test, result.truth)]

    assert parts() == parts()


rows_of_two = st.lists(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), max_size=12),
        min_size=2,
        max_size=2,
    ),
    min_size=1,
    max_size=20,
)


@given(odd=rows_of_two)
@example(odd=[["", " "], [" a", "b "], ['"', "''"], ["1.0", "01"], ["<=50K", "=1"], ["한", "😀"]])
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_cell_is_spelled_as_in_the_file(odd: Table, tmp_path: Path) -> None:
    rows = [[*odd[i % len(odd)], str(i), "yes" if i % 3 else "no"] for i in range(ROWS)]

    result = prepared(tmp_path, written([["a", "b", "c", "y"], *rows]), keep=["c"])

    assert rows_of(result) == [[LINE_BREAK.sub(" ", cell) for cell in row] for row in rows]


@pytest.mark.parametrize(
    ("delimiter", "file"), [(",", "a.csv"), (";", "a.csv"), ("\t", "a.tsv"), ("|", "a.txt")]
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_delimiters_and_line_ends_of_any_kind(
    delimiter: str, file: str, line_end: str, tmp_path: Path
) -> None:
    rows = grid(["a b", "b", "y"])

    result = prepared(tmp_path, written(rows, delimiter=delimiter, lineterminator=line_end), file)

    assert result.dataset.reading.delimiter == delimiter
    assert rows_of(result) == rows[1:]
    for part in (result.train, result.test, result.truth):
        assert b"\r" not in part.read_bytes()


def test_a_semicolon_file_with_decimal_commas(tmp_path: Path) -> None:
    rows = [["price", "size", "y"], *([f"1,{i}", f"2,{i}", "ab"[i % 2]] for i in range(ROWS))]

    result = prepared(tmp_path, written(rows, delimiter=";", quoting=csv.QUOTE_NONE))

    assert result.dataset.reading.delimiter == ";"
    assert rows_of(result) == rows[1:]


def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + table()

    for dropped in (content, gzip.compress(content)):
        assert prepared(tmp_path, dropped, keep=["x"]).dataset.columns == ("x", "z", "y")


def test_a_byte_order_mark_before_a_quoted_name(tmp_path: Path) -> None:
    result = prepared(tmp_path, b'\xef\xbb\xbf"x",z,y' + table().partition(b"x,z,y")[2])

    assert result.dataset.columns == ("x", "z", "y")


def test_a_gzip_file_is_read_whatever_it_is_called(tmp_path: Path) -> None:
    for file in ("bank.csv.gz", "bank.csv"):
        result = prepared(tmp_path, gzip.compress(table()), file)

        assert result.dataset.rows == ROWS


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n\n", b"\r\n\r\n", b"\n  \n"])
def test_the_end_of_the_file_may_be_anything(end: bytes, tmp_path: Path) -> None:
    result = prepared(tmp_path, table().rstrip(b"\n") + end)

    assert result.dataset.rows == ROWS


def test_blank_lines_are_no_rows_as_in_pandas(tmp_path: Path) -> None:
    lines = table().splitlines(keepends=True)
    content = b"".join([*lines[:5], b"\n", *lines[5:300], b"\r\n\n", *lines[300:]])
    frame = pd.read_csv(io.BytesIO(content), dtype=str)

    result = prepared(tmp_path, content)

    for row, *_, truth in cells(result.truth)[1:]:
        assert frame.loc[int(row), "y"] == truth


def test_names_of_columns_may_be_anything(tmp_path: Path) -> None:
    names = ["Größe (cm)", "a, b", 'say "hi"', "<script>", "a.b-c/d", " spaced ", "한글", "y"]
    rows = grid(names)

    result = prepared(tmp_path, written(rows))

    assert list(result.dataset.columns) == cells(result.train)[0] == names


def test_a_line_break_in_a_column_s_name_becomes_a_space(tmp_path: Path) -> None:
    rows = grid(["age\n(years)", "a\rb", "c\r\nd", "y"])

    result = prepared(tmp_path, written(rows))

    assert cells(result.train)[0] == ["age (years)", "a b", "c d", "y"]


def test_columns_without_a_name_are_called_by_their_position(tmp_path: Path) -> None:
    result = prepared(tmp_path, table(header=", ,y"))

    assert result.dataset.columns == ("unnamed_1", "unnamed_2", "y")


def test_commas_and_quotes_inside_cells(tmp_path: Path) -> None:
    rows = [["a", "b", "y"], *([f"Doe, Jane {i}", 'say "hi"', "ab"[i % 2]] for i in range(ROWS))]

    result = prepared(tmp_path, written(rows))

    assert rows_of(result) == rows[1:]


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n"])
def test_line_breaks_inside_cells_become_spaces_on_both_sides(
    line_break: str, tmp_path: Path
) -> None:
    rows = [
        ["id", "a", "y"],
        *([f"i{line_break}{i}", f"a{line_break}{i % 9}", "ab"[i % 2]] for i in range(ROWS)),
    ]

    result = prepared(tmp_path, written(rows, quoting=csv.QUOTE_ALL), ignore=["id"])

    assert len(result.test.read_text().splitlines()) == result.dataset.split.test_rows
    assert cells(result.train)[1][0].startswith("a ")
    assert all(row[0].startswith("a ") for row in cells(result.test))
    assert all(row[1] == f"i {row[0]}" for row in cells(result.truth)[1:])


def test_replaced_line_breaks_are_counted(tmp_path: Path) -> None:
    rows = [["a", "y"], *([f"a\n{i % 9}", "ab"[i % 2]] for i in range(ROWS))]

    result = prepared(tmp_path, written(rows))

    assert result.dataset.newlines_replaced == ROWS
    assert "LINE_BREAKS_REPLACED" in codes(result)


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n"])
def test_a_label_with_a_line_break_is_one_class_everywhere(line_break: str, tmp_path: Path) -> None:
    rows = [
        ["x", "y"],
        *([str(i % 9), ["no", f"yes{line_break}sir"][i % 3 == 0]] for i in range(ROWS)),
    ]

    result = prepared(tmp_path, written(rows, quoting=csv.QUOTE_ALL))

    labels = {label for label, _ in result.dataset.target.classes}
    assert labels == {"no", "yes sir"}
    assert {row[-1] for row in cells(result.truth)[1:]} == labels
    assert {row[-1] for row in cells(result.train)[1:]} == labels
    assert result.dataset.target.positive_class == "yes sir"


def test_missing_values_stay_missing_and_are_counted(tmp_path: Path) -> None:
    rows = [["a", "b", "y"], *(["", "NA" if i % 2 else "7", "ab"[i % 2]] for i in range(ROWS))]

    result = prepared(tmp_path, written(rows))

    assert rows_of(result) == rows[1:]
    assert [column["missing"] for column in result.profile["columns"]] == [ROWS, ROWS // 2, 0]
    assert [column["type"] for column in result.profile["columns"]] == ["empty", "numeric", "text"]


def test_a_row_with_a_single_feature_that_is_missing_is_still_a_line(tmp_path: Path) -> None:
    rows = [["x", "y"], *(["" if i % 3 else "1", "ab"[i % 2]] for i in range(ROWS))]

    result = prepared(tmp_path, written(rows))

    lines = result.test.read_text().splitlines()
    assert set(lines) == {'""', "1"}
    assert len(lines) == result.dataset.split.test_rows


def test_rows_without_a_target_are_in_neither_part(tmp_path: Path) -> None:
    lines = table(700).splitlines(keepends=True)
    lines[1:701:10] = [b"x,1,\n"] * 70

    result = prepared(tmp_path, b"".join(lines))

    assert result.dataset.rows == 700
    assert result.dataset.target.missing == 70
    assert len(cells(result.train)) + len(cells(result.test)) == 631
    assert not [row for row in cells(result.truth)[1:] if int(row[0]) % 10 == 0]
    assert "TARGET_MISSING" in codes(result)


def test_rows_of_the_truth_are_rows_of_the_file_although_some_have_no_target(
    tmp_path: Path,
) -> None:
    lines = [f"{i},{'' if i % 5 == 0 else 'ab'[i % 2]}" for i in range(1000)]
    content = "\n".join(["x,y", *lines]).encode()

    result = prepared(tmp_path, content, keep=["x"])

    for (row, truth), (x,) in zip(cells(result.truth)[1:], cells(result.test), strict=True):
        assert row == x
        assert truth == "ab"[int(x) % 2]


def test_a_target_in_the_middle_stays_there_in_training_and_leaves_no_gap_in_the_test(
    tmp_path: Path,
) -> None:
    rows = [["a", "target", "b"], *([f"a{i % 9}", "ab"[i % 2], f"b{i % 9}"] for i in range(ROWS))]

    result = prepared(tmp_path, written(rows))

    assert cells(result.train)[0] == ["a", "target", "b"]
    assert all(row[0][1:] == row[1][1:] for row in cells(result.test))
    assert rows_of(result) == rows[1:]


def test_labels_like_those_of_the_census(tmp_path: Path) -> None:
    rows = [["x", "income"], *([str(i % 9), ["<=50K", ">50K"][i % 4 == 0]] for i in range(ROWS))]

    result = prepared(tmp_path, written(rows))

    target = result.dataset.target
    assert target.classes == (("<=50K", 450), (">50K", 150))
    assert (target.column, target.positive_class) == ("income", ">50K")


def test_eighty_columns(tmp_path: Path) -> None:
    rows = grid([f"column {i} (unit)" for i in range(79)] + ["SalePrice"])

    result = prepared(tmp_path, written(rows))

    assert len(result.dataset.features) == 79
    assert rows_of(result) == rows[1:]


def test_ignored_columns_are_kept_out_of_training_and_carried_to_the_truth(tmp_path: Path) -> None:
    rows = [
        ["id", "x", "y", "note"],
        *([f"#{i}", str(i % 9), "ab"[i % 2], "n"] for i in range(ROWS)),
    ]

    result = prepared(tmp_path, written(rows), ignore=["note", "id"], target="y")

    assert result.dataset.features == ("x",)
    assert cells(result.train)[0] == ["x", "y"]
    header, *truth = cells(result.truth)
    assert header == ["row", "id", "note", "y"]
    assert all(identifier == f"#{row}" for row, identifier, _, _ in truth)


@pytest.mark.parametrize(
    ("header", "wanted", "column", "why"),
    [
        ("a,b,c", None, "c", "last column"),
        ("y,b,c", None, "y", "called y"),
        ("Y,b,y", None, "Y", "called y"),
        ("a,Target,c", None, "Target", "called target"),
        ("class,label,c", None, "label", "called label"),
        ("a,b,c", "b", "b", "is set"),
        ("a,Bee,c", "bee", "Bee", "is set"),
        (" a ,b,c", "a", " a ", "is set"),
    ],
)
def test_the_target_is_chosen_with_a_reason(
    header: str, wanted: str | None, column: str, why: str, tmp_path: Path
) -> None:
    rows = [header.split(","), *([["no", "yes"][i % 2]] * 3 for i in range(ROWS))]

    result = prepared(tmp_path, written(rows), target=wanted)

    assert result.dataset.target.column == column
    assert why in result.dataset.target.reason


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["no", "yes"], ProblemType.BINARY),
        (["0", "1"], ProblemType.BINARY),
        (["0.5", "1.5"], ProblemType.BINARY),
        (["a", "b", "c"], ProblemType.MULTICLASS),
        ([str(i) for i in range(20)], ProblemType.MULTICLASS),
        ([str(i) for i in range(21)], ProblemType.REGRESSION),
        (["1.5", "2.5", "3"], ProblemType.REGRESSION),
        ([str(i * 7) for i in range(1200)], ProblemType.REGRESSION),
        (["1", "2", "x"], ProblemType.MULTICLASS),
        (["1_000", "2_000", "3_000"], ProblemType.MULTICLASS),
    ],
)
def test_the_kind_of_problem_follows_from_the_values(
    values: list[str], kind: ProblemType, tmp_path: Path
) -> None:
    rows = [["x", "y"], *([str(i % 9), values[i % len(values)]] for i in range(1200))]

    assert prepared(tmp_path, written(rows)).dataset.target.inferred_type is kind


def test_two_measurements_are_described(tmp_path: Path) -> None:
    rows = [["a", "y"], *([str(i % 9), ["1e3", "-2.5"][i % 2]] for i in range(ROWS))]

    column = prepared(tmp_path, written(rows)).profile["columns"][1]

    assert column["type"] == "numeric"
    assert (column["min"], column["max"], column["mean"]) == (-2.5, 1000.0, 498.75)
    assert column["top_values"] == [{"value": "-2.5", "rows": 300}, {"value": "1e3", "rows": 300}]


def test_numbers_beyond_measure_are_still_json(tmp_path: Path) -> None:
    rows = [
        ["a", "b", "c", "y"],
        *(["1.7e308", "inf", str(i % 9), "ab"[i % 2]] for i in range(ROWS)),
    ]

    huge, infinite, *_ = prepared(tmp_path, written(rows)).profile["columns"]

    assert json.dumps([huge, infinite], allow_nan=False)
    assert huge["mean"] is None
    assert infinite["type"] == "text"


def test_a_column_of_many_values_does_not_keep_them(tmp_path: Path) -> None:
    rows = [["id", "x", "y"], *([f"id-{i}", str(i % 9), "ab"[i % 2]] for i in range(2001))]

    column = prepared(tmp_path, written(rows)).profile["columns"][0]

    assert column["distinct"] == 2001
    assert "top_values" not in column


def test_the_dataset_comes_back_from_its_json(tmp_path: Path) -> None:
    dataset = prepared(
        tmp_path,
        table(700) + b"1,2,\n",
        ignore=["x"],
        problem_type="binary",
        objective="AUC",
        positive_class="no",
    ).dataset

    assert Dataset.from_json(json.loads(json.dumps(dataset.to_json()))) == dataset


def test_the_dataset_says_where_its_parts_are(tmp_path: Path) -> None:
    content = prepared(tmp_path, table()).dataset.to_json()

    folder = "s3://data-bucket/runs/bank/ad-bank-0123456789ab"
    assert content["files"] == {
        "train": f"{folder}/train/train_data.csv",
        "test": f"{folder}/test/test_data.csv",
        "truth": f"{folder}/truth/truth.csv",
        "model_train": f"{folder}/model-input/train/train_data.csv",
        "model_test": f"{folder}/test/test_data.csv",
    }
    assert content["schema_version"] == 2
    assert content["target"]["classes"] == [
        {"label": "no", "rows": 400},
        {"label": "yes", "rows": 200},
    ]


def held_out_rows(rows: int = ROWS) -> list[int]:
    """Return the rows of a file that are held out."""
    mask = random_training_rows(rows, training_row_count(rows, 0.2, 500), 200)
    return [int(row) for row in np.flatnonzero(~mask)]


@pytest.mark.parametrize("odd", ["?", "abc", "\uff11\uff12"])
def test_a_text_that_training_has_never_seen_counts_as_missing_for_the_model(
    odd: str, tmp_path: Path
) -> None:
    rows = [["a", "b", "y"], *([str(i % 9), str(i % 7), "ab"[i % 2]] for i in range(ROWS))]
    for row in held_out_rows()[:3]:
        rows[1 + row][1] = odd

    result = prepared(tmp_path, written(rows))

    assert rows_of(result) == rows[1:]
    assert result.model_test is not None
    assert [row[1] for row in cells(result.model_test)[:4]] == [
        "",
        "",
        "",
        str(held_out_rows()[3] % 7),
    ]
    assert result.dataset.emptied_texts == ("b",)
    (warning,) = (each for each in result.dataset.warnings if each.code == "TEXT_AMONG_NUMBERS")
    assert "'b'" in warning.message
    assert "3 texts" in warning.message


@pytest.mark.parametrize("text", ["", "plain", '"quoted" and, more', "ключ 😀", "N/A"])
def test_no_row_that_the_model_gets_is_longer_than_is_said(tmp_path: Path, text: str) -> None:
    rows = [["a", "b", "y"], *([str(i % 9), text * (i % 20), "ab"[i % 2]] for i in range(ROWS))]

    result = prepared(tmp_path, written(rows))

    longest = max(map(len, result.test.read_bytes().splitlines()))
    assert longest <= result.dataset.longest_row <= 8 * longest + 200


def test_an_infinite_number_is_no_text_among_numbers(tmp_path: Path) -> None:
    rows = [["a", "b", "y"], *([str(i % 9), str(i % 7), "ab"[i % 2]] for i in range(ROWS))]
    rows[1 + held_out_rows()[0]][1] = "-inf"

    result = prepared(tmp_path, written(rows))

    assert result.dataset.emptied_texts == ()
    assert result.model_test is None


def test_a_text_among_numbers_that_training_rows_have_too_stays(tmp_path: Path) -> None:
    rows = [
        ["a", "b", "y"],
        *([str(i % 9), "?" if i % 10 == 0 else str(i % 7), "ab"[i % 2]] for i in range(ROWS)),
    ]

    result = prepared(tmp_path, written(rows))

    assert rows_of(result) == rows[1:]
    assert result.model_test is None
    assert "TEXT_AMONG_NUMBERS" not in codes(result)


def test_a_missing_value_beside_an_emptied_text_stays_as_it_is_spelled(tmp_path: Path) -> None:
    rows = [
        ["a", "b", "y"],
        *([str(i % 9), "NA" if i % 4 == 0 else str(i % 7), "ab"[i % 2]] for i in range(ROWS)),
    ]
    odd = held_out_rows()[3]
    rows[1 + odd][1] = "?"

    result = prepared(tmp_path, written(rows))

    assert result.model_test is not None
    spelled = dict(zip(held_out_rows(), (row[1] for row in cells(result.model_test)), strict=True))
    rows[1 + odd][1] = ""
    assert spelled == {row: rows[1 + row][1] for row in held_out_rows()}


def test_decimal_commas_become_points_for_the_model_only(tmp_path: Path) -> None:
    rows = [
        ["price", "size", "y"],
        *([f"1,{i % 90}", f"{i % 9},5", "ab"[i % 2]] for i in range(ROWS)),
    ]

    result = prepared(tmp_path, written(rows, delimiter=";"))

    assert rows_of(result) == rows[1:]
    assert result.model_train is not None
    assert result.model_test is not None
    pointed = [[cell.replace(",", ".") for cell in row[:2]] for row in cells(result.train)]
    assert [row[:2] for row in cells(result.model_train)] == pointed
    pointed = [[cell.replace(",", ".") for cell in row] for row in cells(result.test)]
    assert cells(result.model_test) == pointed
    assert result.dataset.decimal_commas == ("price", "size")


def test_a_target_with_decimal_commas_is_measured(tmp_path: Path) -> None:
    rows = [["x", "y"], *([str(i % 9), f"{i % 50},25"] for i in range(ROWS))]

    result = prepared(tmp_path, written(rows, delimiter=";"))

    assert result.dataset.target.inferred_type is ProblemType.REGRESSION
    assert rows_of(result) == rows[1:]
    assert result.model_train is not None
    assert cells(result.model_train)[1:] == [
        [x, y.replace(",", ".")] for x, y in cells(result.train)[1:]
    ]


def test_a_single_feature_that_the_model_gets_otherwise_is_still_a_line_where_it_is_missing(
    tmp_path: Path,
) -> None:
    rows = [["x", "y"], *(["" if i % 3 else "1,5", "ab"[i % 2]] for i in range(ROWS))]

    result = prepared(tmp_path, written(rows, delimiter=";"))

    assert result.model_test is not None
    assert set(result.model_test.read_text().splitlines()) == {'""', "1.5"}


@pytest.mark.parametrize("keep", [[], ["id"]])
def test_identifiers_are_kept_out_and_carried_unless_they_are_to_be_kept(
    keep: list[str], tmp_path: Path
) -> None:
    rows = [["id", "x", "y"], *([f"#{i}", str(i % 9), "ab"[i % 2]] for i in range(ROWS))]

    result = prepared(tmp_path, written(rows), keep=keep)

    assert ("id" in cells(result.train)[0]) is bool(keep)
    assert ("id" in cells(result.truth)[0]) is not bool(keep)
    assert ("IDENTIFIER" in codes(result)) is not bool(keep)
    assert result.dataset.identifiers == (() if keep else ("id",))


@pytest.mark.parametrize(
    ("name", "cell", "is_one"),
    [
        ("id", lambda i: str(7 * i), True),
        ("customerId", lambda i: str(7 * i), True),
        ("income", lambda i: str(7 * i), False),
        ("row", lambda i: str(i), True),
        ("code", lambda i: f"K{i:x}", True),
        ("price", lambda i: f"{i}.5", False),
        ("price", lambda i: f"{1000 + i:,}.50", False),
        ("born", lambda i: f"{1900 + i}-01-31", False),
        ("note", lambda i: f"note of customer {i}", False),
    ],
)
def test_what_looks_like_an_identifier(
    name: str, cell: Callable[[int], str], is_one: bool, tmp_path: Path
) -> None:
    rows = [[name, "x", "y"], *([cell(i), str(i % 9), "ab"[i % 2]] for i in range(ROWS))]

    assert bool(prepared(tmp_path, written(rows)).dataset.identifiers) is is_one


@pytest.mark.parametrize("blank", [" ", "  ", "NA", "null", ""])
def test_a_blank_target_is_a_missing_one(blank: str, tmp_path: Path) -> None:
    rows = [[str(i % 9), blank if i % 20 == 0 else "ab"[i % 2]] for i in range(ROWS)]

    target = prepared(tmp_path, written([["a", "y"], *rows])).dataset.target

    assert target.missing == ROWS // 20
    assert target.inferred_type is ProblemType.BINARY


@pytest.mark.parametrize("header", ["PAR1,PAR2,y", "{a},b,y", "[x],{y},y"])
def test_a_header_that_looks_like_another_format_is_a_header(header: str, tmp_path: Path) -> None:
    content = table().replace(b"x,z,y", header.encode())

    assert ",".join(prepared(tmp_path, content).dataset.columns) == header


def test_an_unnamed_column_gets_a_name_that_is_free(tmp_path: Path) -> None:
    content = table().replace(b"x,z,y", b",unnamed_1,y")

    assert prepared(tmp_path, content).dataset.columns == ("unnamed_1_", "unnamed_1", "y")


def test_a_line_of_nothing_but_spaces_is_no_row_and_moves_no_line_number(tmp_path: Path) -> None:
    lines = table().splitlines(keepends=True)
    lines[400] = b"3,unknown,no\n"
    lines.insert(10, b"   \n")

    result = prepared(tmp_path, b"".join(lines))

    assert result.dataset.rows == ROWS
    (warning,) = (each for each in result.dataset.warnings if each.code == "MIXED_TYPES")
    assert warning.line == 402


def test_thousands_among_numbers_with_a_point_never_become_small_numbers(tmp_path: Path) -> None:
    rows = [
        ["income", "rate", "y"],
        *([f"{900 + i:,}", f"{i % 9}.5", "ab"[i % 2]] for i in range(ROWS)),
    ]

    result = prepared(tmp_path, written(rows), read={"decimal": "point"}, keep=["income"])

    assert rows_of(result) == rows[1:]
    assert result.dataset.decimal_commas == ()
    assert "THOUSANDS_SEPARATORS" in codes(result)


def test_a_table_of_nothing_but_measurements(tmp_path: Path) -> None:
    rows = [["x", "y"], *([f"{i * 7 % 601}.5", f"{i * 11 % 607}.25"] for i in range(ROWS))]

    result = prepared(tmp_path, written(rows))

    assert rows_of(result) == rows[1:]
    assert result.dataset.target.inferred_type is ProblemType.REGRESSION


def test_many_columns_of_measurements_fit_into_the_memory(tmp_path: Path) -> None:
    draw = random.Random(5)
    names = [f"x{i}" for i in range(120)]
    rows = [
        ",".join([*(f"{draw.random():.6f}" for _ in names), draw.choice(["yes", "no"])])
        for _ in range(600)
    ]
    content = "\n".join([",".join([*names, "y"]), *rows])

    result = prepared(tmp_path, content.encode())

    assert len(result.dataset.features) == 120


def test_a_table_of_two_thousand_columns_comes_to_an_end(tmp_path: Path) -> None:
    names = [f"x{i}" for i in range(1_999)]
    rows = [[*(str((i * 7 + k) % 5) for k in range(1_999)), str(i % 2)] for i in range(520)]

    result = prepared(tmp_path, written([[*names, "y"], *rows]))

    assert rows_of(result) == rows


def test_the_cells_of_a_wide_table_may_be_long(tmp_path: Path) -> None:
    names = [f"x{i}" for i in range(120)]
    rows = [[*(f"{i % 3} " * 300 for _ in names), str(i % 2)] for i in range(520)]

    result = prepared(tmp_path, written([[*names, "y"], *rows]))

    assert rows_of(result) == rows
