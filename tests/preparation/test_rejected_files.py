"""Files that cannot be used: which code, which line, and a sentence that helps."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from pathlib import Path

import pytest

from tests.preparation.files import refusal, table

pytestmark = pytest.mark.slow


def workbook() -> bytes:
    """Return a zip archive as Excel writes it."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    return written.getvalue()


PROSE = b"""It was a bright cold day in April, and the clocks were striking thirteen.
Winston Smith, his chin nuzzled into his breast in an effort to escape the vile wind,
slipped quickly through the glass doors of Victory Mansions, though not quickly enough
to prevent a swirl of gritty dust from entering along with him.

The hallway smelt of boiled cabbage and old rag mats.
"""
NO_TABLE = {
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(200), "a picture"),
    "jpeg": (b"\xff\xd8\xff\xe0" + bytes(200), "a picture"),
    "pdf": (b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog, /Pages 2 0 R >>\n", "a PDF document"),
    "xlsx": (workbook(), "Excel workbook"),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(200), "old Excel workbook"),
    "parquet": (b"PAR1" + bytes(200), "Parquet"),
    "sqlite": (b"SQLite format 3\x00" + bytes(200), "a database"),
    "json": (b'{"rows": [{"a": 1, "y": "no"}, {"a": 2, "y": "yes"}]}', "JSON"),
    "json list": (b'[{"a": 1, "y": "no"},\n {"a": 2, "y": "yes"}]', "JSON"),
    "json lines": (b'{"a": 1, "y": "no"}\n{"a": 2, "y": "yes"}\n', "JSON"),
    "html": (b"<!DOCTYPE html>\n<html><body><p>404, not found</p></body></html>", "web page"),
    "html, spaced": (b"\n  <HTML>\n<table><tr><td>1, 2</td></tr></table></HTML>", "web page"),
    "xml": (b'\xef\xbb\xbf<?xml version="1.0"?><rows><row a="1,2"/></rows>', "XML"),
    "binary": (b"a,b\n" + bytes(range(32)) * 9, "NUL byte"),
    "tarball": (gzip.compress(b"bank.csv" + bytes(500), mtime=0), "NUL byte"),
    "packed twice": (gzip.compress(gzip.compress(table(), mtime=0), mtime=0), "compressed twice"),
    "gzipped png": (gzip.compress(b"\x89PNG\r\n\x1a\n" + bytes(200), mtime=0), "a picture"),
    "damaged gzip": (b"\x1f\x8b\x08\x00 nothing of this is gzip", "damaged"),
    "prose": (PROSE, "a text"),
    "prose without commas": (PROSE.replace(b",", b""), "a text"),
    "one column": (b"y\n" + b"yes\nno\n" * 300, "single column"),
    "unmatched quote": (b'"a,b,y\n1,2,3\n', "quotes"),
}


@pytest.mark.parametrize(
    "content",
    [b"", b" \n\t\r\n  \n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n\n", gzip.compress(b"", mtime=0)],
)
def test_an_empty_file(content: bytes, tmp_path: Path) -> None:
    problem = refusal(tmp_path, content, "empty.csv")

    assert problem.code == "EMPTY_FILE"
    assert "empty.csv is empty" in problem.message
    assert "500 rows" in problem.remedy


@pytest.mark.parametrize("kind", NO_TABLE)
def test_what_is_no_table_is_called_by_its_kind(kind: str, tmp_path: Path) -> None:
    content, what = NO_TABLE[kind]

    problem = refusal(tmp_path, content, "thing.csv")

    assert problem.code == "NOT_A_TABLE"
    assert what in problem.message
    assert "UTF-8" in problem.remedy or "Pack the file again" in problem.remedy


@pytest.mark.parametrize("content", [b"x,z,y", b"x,z,y\n", b"x,z,y\r\n\r\n", b"x;z;y\n\n\n"])
def test_a_header_without_rows(content: bytes, tmp_path: Path) -> None:
    problem = refusal(tmp_path, content)

    assert problem.code == "NO_ROWS"
    assert "500 rows" in problem.remedy


@pytest.mark.parametrize("rows", [1, 499, 500, 509])
def test_too_few_rows_are_counted(rows: int, tmp_path: Path) -> None:
    problem = refusal(tmp_path, table(rows))

    assert problem.code == "TOO_FEW_ROWS"
    assert f"has {rows:,} row" in problem.message
    assert "510" in problem.remedy


def test_rows_without_a_target_do_not_count(tmp_path: Path) -> None:
    problem = refusal(tmp_path, table(505) + b"1,2,\n" * 95)

    assert problem.code == "TOO_FEW_ROWS"
    assert "505 rows" in problem.message
    assert "95 more have no target" in problem.message


def test_a_target_without_any_value(tmp_path: Path) -> None:
    problem = refusal(tmp_path, b"x,z,y\n" + b"1,2,\n" * 600)

    assert (problem.code, problem.column) == ("TARGET_EMPTY", "y")


@pytest.mark.parametrize("wanted", ["colour", "Age ", "balence"])
def test_a_missing_target_names_the_closest_columns(wanted: str, tmp_path: Path) -> None:
    content = table(header="age,balance,y").replace(b"age", b"color")

    problem = refusal(tmp_path, content, target=wanted)

    closest = {"colour": "'color'", "Age ": "'y'", "balence": "'balance'"}[wanted]
    assert (problem.code, problem.column) == ("TARGET_NOT_FOUND", wanted)
    assert closest in problem.remedy


def test_one_class_only(tmp_path: Path) -> None:
    problem = refusal(tmp_path, table().replace(b"yes", b"no"))

    assert (problem.code, problem.column) == ("TARGET_CONSTANT", "y")
    assert "one class only" in problem.message


def test_one_number_only(tmp_path: Path) -> None:
    problem = refusal(tmp_path, b"x,y\n" + b"1,2.5\n" * 600)

    assert problem.code == "TARGET_CONSTANT"


@pytest.mark.parametrize(
    ("row", "cells"), [(b"1,2", "2 cells"), (b"1,2,3,4", "4 cells"), (b"1", "1 cell")]
)
def test_a_ragged_row_is_named_by_its_line(row: bytes, cells: str, tmp_path: Path) -> None:
    problem = refusal(tmp_path, table(600) + row + b"\n" + table(50).partition(b"\n")[2])

    assert (problem.code, problem.line) == ("RAGGED_ROW", 602)
    assert problem.message == f"Line 602 has {cells}, but the header has 3 columns."


@pytest.mark.parametrize("at", [2, 100, 201, 250, 9_999])
def test_a_ragged_row_is_found_wherever_it_is(at: int, tmp_path: Path) -> None:
    lines = table(10_000).splitlines(keepends=True)
    lines[at - 1] = b"too,many,cells,here\n"

    problem = refusal(tmp_path, b"".join(lines))

    assert (problem.code, problem.line) == ("RAGGED_ROW", at)


def test_a_line_number_counts_lines_inside_quotes_and_blank_ones(tmp_path: Path) -> None:
    content = b'x,z,y\n"one\r\ncell",1,no\n\n\n' + b"1,2\n"

    problem = refusal(tmp_path, content + table(600).partition(b"\n")[2])

    assert (problem.code, problem.line) == ("RAGGED_ROW", 6)


def test_a_row_that_is_ragged_because_of_an_unquoted_comma(tmp_path: Path) -> None:
    problem = refusal(tmp_path, table() + b"Doe, Jane,2,no\n")

    assert problem.code == "RAGGED_ROW"
    assert "quotes" in problem.remedy


@pytest.mark.parametrize("at", [2, 150, 900])
def test_bad_quotes_are_named_by_their_line(at: int, tmp_path: Path) -> None:
    lines = table(1000).splitlines(keepends=True)
    lines[at - 1] = b'"said "hi" twice",2,no\n'

    problem = refusal(tmp_path, b"".join(lines))

    assert (problem.code, problem.line) == ("BAD_QUOTES", at)
    assert '""hi""' in problem.remedy


@pytest.mark.parametrize("at", [3, 300])
def test_a_quote_that_is_never_closed_is_named_by_the_line_it_opens_in(
    at: int, tmp_path: Path
) -> None:
    lines = table().splitlines(keepends=True)
    lines[at - 1] = b'"open,2,no\n'

    problem = refusal(tmp_path, b"".join(lines))

    assert (problem.code, problem.line) == ("BAD_QUOTES", at)


@pytest.mark.parametrize("at", [1, 2, 57, 5_000])
def test_text_that_is_not_utf8_is_named_by_its_line(at: int, tmp_path: Path) -> None:
    lines = table(6_000).splitlines(keepends=True)
    lines[at - 1] = "größe,2,no\n".encode("latin-1")

    problem = refusal(tmp_path, b"".join(lines), read={"encoding": "utf-8"})

    assert (problem.code, problem.line) == ("NOT_UTF8", at)
    assert f"Line {at} is not UTF-8" in problem.message


def test_a_gzip_file_that_breaks_off_is_damaged(tmp_path: Path) -> None:
    content = gzip.compress(table(50_000))

    problem = refusal(tmp_path, content[: len(content) // 2], "bank.csv.gz")

    assert problem.code == "NOT_A_TABLE"
    assert "damaged" in problem.message


def test_a_gzip_file_with_a_wrong_checksum_is_damaged(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(table(50_000)))
    content[-6] ^= 0xFF

    problem = refusal(tmp_path, bytes(content), "bank.csv.gz")

    assert "damaged" in problem.message


def test_columns_of_the_same_name(tmp_path: Path) -> None:
    problem = refusal(tmp_path, table(header="x,x,y"))

    assert (problem.code, problem.line, problem.column) == ("DUPLICATE_COLUMNS", 1, "x")
    assert "'x'" in problem.message


def test_a_file_without_a_header(tmp_path: Path) -> None:
    problem = refusal(tmp_path, b"1,2.5,0\n" * 600)

    assert (problem.code, problem.line) == ("NO_HEADER", 1)


def test_an_ignored_column_that_is_not_there(tmp_path: Path) -> None:
    problem = refusal(tmp_path, table(), ignore=["id"])

    assert (problem.code, problem.column) == ("IGNORED_COLUMN_NOT_FOUND", "id")


def test_a_target_that_is_ignored(tmp_path: Path) -> None:
    problem = refusal(tmp_path, table(), ignore=["y"])

    assert problem.code == "TARGET_IGNORED"


def test_no_column_to_learn_from(tmp_path: Path) -> None:
    problem = refusal(tmp_path, table(), ignore=["x", "z"])

    assert problem.code == "NO_FEATURES"


def test_a_regression_on_texts(tmp_path: Path) -> None:
    problem = refusal(tmp_path, table(), problem_type="regression")

    assert (problem.code, problem.column) == ("TARGET_NOT_NUMERIC", "y")


def test_a_binary_problem_with_seven_values(tmp_path: Path) -> None:
    problem = refusal(tmp_path, table(), problem_type="binary", target="z")

    assert problem.code == "TARGET_NOT_BINARY"
    assert "7 values" in problem.message


def test_a_text_of_its_own_in_every_row_is_no_class(tmp_path: Path) -> None:
    rows = "".join(f"{i},name-{i}\n" for i in range(1001))

    problem = refusal(tmp_path, f"x,y\n{rows}".encode())

    assert problem.code == "TARGET_UNIQUE"


def test_texts_that_hardly_repeat_are_no_classes(tmp_path: Path) -> None:
    rows = "".join(f"{i % 9},name-{i - i % 4 // 3}\n" for i in range(1001))

    problem = refusal(tmp_path, f"x,y\n{rows}".encode())

    assert problem.code == "TARGET_TOO_MANY_CLASSES"


def test_a_positive_class_that_never_occurs_names_the_two_that_do(tmp_path: Path) -> None:
    problem = refusal(tmp_path, table(), positive_class="maybe")

    assert problem.code == "POSITIVE_CLASS_NOT_FOUND"
    assert "'yes'" in problem.remedy
    assert "'no'" in problem.remedy


def test_a_share_so_small_that_nothing_is_held_out(tmp_path: Path) -> None:
    problem = refusal(tmp_path, table(), split={"test_fraction": 0.0001})

    assert problem.code == "BAD_SETTINGS"
    assert "split.test_fraction" in problem.remedy


@pytest.mark.parametrize("kind", NO_TABLE)
def test_a_rejection_is_short_and_can_be_written_down(kind: str, tmp_path: Path) -> None:
    problem = refusal(tmp_path, NO_TABLE[kind][0])

    assert len(json.dumps([problem.message, problem.remedy])) < 400


def test_a_target_of_numbers_with_a_few_words_is_mixed(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i * 1.5 if i != 7 else 'unknown'}\n" for i in range(600))

    problem = refusal(tmp_path, f"x,y\n{rows}".encode())

    assert problem.code == "TARGET_MIXED"
    assert "1 text among 599 numbers" in problem.message


def test_a_target_with_thousands_separators_is_no_class(tmp_path: Path) -> None:
    rows = "".join(f'{i % 9},"{i % 500 * 12_345 + 1_000_000:,}"\n' for i in range(600))

    problem = refusal(tmp_path, f"x,y\n{rows}".encode())

    assert problem.code == "TARGET_TOO_MANY_CLASSES"
    assert "thousands separators" in problem.remedy


@pytest.mark.parametrize("other", ["7", "7.5"])
def test_a_target_that_may_have_thousands_separators_is_asked_about(
    other: str, tmp_path: Path
) -> None:
    rows = "".join(f'{i % 9},{other},"{i % 500 * 1234 + 1000:,}"\n' for i in range(600))

    problem = refusal(tmp_path, f"x,z,y\n{rows}".encode())

    assert (problem.code, problem.column) == ("NUMBERS_UNCLEAR", "y")
    assert problem.line is not None


def test_features_that_never_change_are_not_worth_a_job(tmp_path: Path) -> None:
    rows = "".join(f"1,a,{'yes' if i % 3 else 'no'}\n" for i in range(600))

    assert refusal(tmp_path, f"x,z,y\n{rows}".encode()).code == "FEATURES_CONSTANT"


def test_fewer_than_ten_held_out_rows_are_too_few(tmp_path: Path) -> None:
    problem = refusal(tmp_path, table(), split={"test_fraction": 0.01})

    assert problem.code == "BAD_SETTINGS"
    assert "only 6 of 600 rows" in problem.message


def test_a_target_of_names_that_come_a_few_times_each_is_not_worth_a_job(tmp_path: Path) -> None:
    rows = "".join(f"{i % 9},name-{i // 5}\n" for i in range(1000))

    problem = refusal(tmp_path, f"x,y\n{rows}".encode())

    assert problem.code == "TARGET_TOO_MANY_CLASSES"
    assert "200 different texts, none of them in more than 5 rows" in problem.message


def test_numbers_that_are_to_be_classes_are_not_called_mixed(tmp_path: Path) -> None:
    rows = "".join(f"{i % 9},{i * 7919 % 100_003}\n" for i in range(600))

    problem = refusal(tmp_path, f"x,y\n{rows}".encode(), problem_type="multiclass")

    assert problem.code == "TARGET_TOO_MANY_CLASSES"
    assert "regression" in problem.remedy


def test_a_refused_target_is_told_of_its_spellings(tmp_path: Path) -> None:
    content = table(600).replace(b"yes", b"Yes", 5)

    problem = refusal(tmp_path, content, problem_type="binary")

    assert problem.code == "TARGET_NOT_BINARY"
    assert "LABEL_SPELLINGS" in [each.code for each in problem.others]


def test_the_first_of_the_cells_that_are_no_numbers_is_named(tmp_path: Path) -> None:
    odd = {5: "inf", 7: "1e400", 8: "1e400", 9: "aaa"}
    rows = "".join(f"{i % 9},{odd.get(i, i * 1.5)}\n" for i in range(600))

    problem = refusal(tmp_path, f"x,y\n{rows}".encode())

    assert (problem.code, problem.line, problem.example) == ("TARGET_MIXED", 7, "inf")


def test_a_text_is_named_where_the_numbers_have_a_decimal_comma(tmp_path: Path) -> None:
    rows = "".join(f"{i % 9};{'n.n.' if i == 7 else f'{i},5'}\n" for i in range(600))

    problem = refusal(tmp_path, f"x;y\n{rows}".encode(), read={"decimal": "comma"})

    assert (problem.code, problem.line, problem.example) == ("TARGET_MIXED", 9, "n.n.")


@pytest.mark.parametrize(("more", "said"), [(1, "1 more row has"), (2, "2 more rows have")])
def test_one_is_not_many(more: int, said: str, tmp_path: Path) -> None:
    problem = refusal(tmp_path, table(300) + b"1,2\n" * (1 + more) + table(300)[6:])

    assert problem.code == "RAGGED_ROW"
    assert said in problem.message


def test_one_column_is_the_closest(tmp_path: Path) -> None:
    problem = refusal(tmp_path, table(header="income,zip,y"), target="incom")

    assert "the closest is 'income'." in problem.remedy
