"""What is said of files that can be used: of what, how gravely, and on which line it shows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from autodrop.findings import NOTE, WARNING, Finding
from tests.preparation.files import ROWS, codes, grid, prepared, table, written


def finding(folder: Path, content: bytes, code: str, **settings: Any) -> Finding:
    """Prepare a file and return what it says with this code."""
    warnings = prepared(folder, content, **settings).dataset.warnings
    (found,) = [each for each in warnings if each.code == code]
    return found


def csv_of(rows: Iterable[Iterable[object]]) -> bytes:
    """Return rows of texts and numbers as CSV."""
    return written(map(str, row) for row in rows)


def labelled(*labels: str) -> bytes:
    """Return a table whose target has these labels in turn."""
    rows = ([i % 97, i % 7, labels[i % len(labels)]] for i in range(ROWS))
    return csv_of([["x", "z", "y"], *rows])


@pytest.mark.parametrize(
    ("labels", "shown"),
    [
        (["no", "yes", "no", "Yes"], "'Yes' (150 rows) and 'yes' (150 rows)"),
        (["no", "yes", "no", " yes"], "' yes' (150 rows) and 'yes' (150 rows)"),
        (["YES", "yes", "yes"], "'yes' (400 rows) and 'YES' (200 rows)"),
        (["new  york", "new york", "bonn"], "'new  york' (200 rows) and 'new york' (200 rows)"),
        (["1", "0", " 1"], "' 1' (200 rows) and '1' (200 rows)"),
        (["a", "A", "b", "B"], "'A' (150 rows) and 'a' (150 rows); so do those of 1 more label"),
    ],
)
def test_labels_that_differ_in_capitals_or_blanks_only_are_a_warning(
    labels: list[str], shown: str, tmp_path: Path
) -> None:
    found = finding(tmp_path, labelled(*labels), "LABEL_SPELLINGS")

    assert shown in found.message
    assert found.level == WARNING


def test_the_rarest_spelling_is_shown_with_its_first_line(tmp_path: Path) -> None:
    content = table(600).splitlines(keepends=True)
    content[300] = b"7,3, no\n"

    found = finding(tmp_path, b"".join(content), "LABEL_SPELLINGS")

    assert (found.line, found.example) == (301, " no")


@pytest.mark.parametrize("labels", [["yes", "no"], ["1.5", " 2.5", "2.5", "3.5"], ["1", "10"]])
def test_other_targets_have_no_spellings(labels: list[str], tmp_path: Path) -> None:
    assert "LABEL_SPELLINGS" not in codes(prepared(tmp_path, labelled(*labels)))


@pytest.mark.parametrize(("classes", "warned"), [(50, True), (46, False)])
def test_classes_of_which_ten_rows_cannot_train_are_told(
    classes: int, warned: bool, tmp_path: Path
) -> None:
    result = prepared(tmp_path, labelled(*(f"c{i}" for i in range(classes))))

    assert ("CLASS_TOO_SMALL" in codes(result)) is warned


@pytest.mark.parametrize(("fraction", "enough"), [(0.2, 13), (0.05, 20), (0.5, 20)])
def test_how_many_rows_a_class_needs_depends_on_what_is_held_out(
    fraction: float, enough: int, tmp_path: Path
) -> None:
    content = csv_of([*grid(["x", "z", "y"], 1200), *([1, 2, "rare"] for _ in range(7))])

    found = finding(tmp_path, content, "CLASS_TOO_SMALL", split={"test_fraction": fraction})

    assert "1 class of 3" in found.message
    assert "'rare' (7 rows)" in found.message
    assert f"until each class has {enough}" in found.remedy


@pytest.mark.parametrize(
    ("large", "said"), [([], "No class of 60"), ([0] * 100, "Only one class of 61")]
)
def test_where_hardly_a_class_can_be_learned_the_remedy_says_how_many_are_needed(
    large: list[int], said: str, tmp_path: Path
) -> None:
    rows = [[i % 97, i % 7, f"c{i % 60}"] for i in range(ROWS)] + [[i, 1, "big"] for i in large]

    found = finding(tmp_path, csv_of([["x", "z", "y"], *rows]), "CLASS_TOO_SMALL")

    assert said in found.message
    assert "at least two have 13 rows" in found.remedy


def test_a_binary_target_with_a_small_class_is_not_told_to_join_its_classes(tmp_path: Path) -> None:
    body = [[i % 97, i % 7, "yes" if i % 60 == 5 else "no"] for i in range(ROWS)]

    found = finding(tmp_path, csv_of([["x", "z", "y"], *body]), "CLASS_TOO_SMALL")

    assert "1 class of 2 with too few rows" in found.message
    assert "can fail" in found.message
    assert "join" not in found.remedy.lower()


@pytest.mark.parametrize(
    ("cells", "code", "line", "example"),
    [
        # The example that counting keeps is the most frequent, or the smallest.
        ({9: "zz", 20: "aa", 21: "aa"}, "MIXED_TYPES", 11, "zz"),
        ({9: "-inf", 20: "inf", 21: "inf"}, "INFINITE_NUMBERS", 11, "-inf"),
        ({9: "2e999", 20: "1e999", 21: "1e999"}, "HUGE_NUMBERS", 11, "2e999"),
        (
            {9: "9007199254740995", 20: "9007199254740993"},
            "INEXACT_NUMBERS",
            11,
            "9007199254740995",
        ),
    ],
)
@pytest.mark.parametrize("repeats", [True, False])
def test_a_finding_shows_the_first_of_its_cells(
    cells: dict[int, str], code: str, line: int, example: str, repeats: bool, tmp_path: Path
) -> None:
    rows = 3_000
    body = [
        [cells.get(i, i % 7 if repeats else i + 0.5), i % 5, "yes" if i % 3 else "no"]
        for i in range(rows)
    ]

    found = finding(tmp_path, csv_of([["x", "z", "y"], *body]), code)

    assert (found.line, found.example) == (line, example)


@pytest.mark.slow
def test_a_cell_far_down_is_found_and_so_is_one_near_the_beginning(tmp_path: Path) -> None:
    body: list[list[object]] = [[i % 7, i % 5, "yes" if i % 3 else "no"] for i in range(30_000)]
    body[20_000][0], body[25_000][0], body[25_001][0] = "zz", "aa", "aa"
    body[9][1], body[25_000][1] = "inf", "-inf"
    content = csv_of([["x", "z", "y"], *body])

    far = finding(tmp_path, content, "MIXED_TYPES")
    near = finding(tmp_path, content, "INFINITE_NUMBERS")

    assert (far.line, far.example) == (20_002, "zz")
    assert (near.line, near.example) == (11, "inf")


def test_a_cell_in_a_row_without_a_target_shows_nothing(tmp_path: Path) -> None:
    body = [[i % 7, i % 5, "yes" if i % 3 else "no"] for i in range(ROWS)]
    body[4] = ["aa", 1, ""]
    body[9] = ["zz", 1, "yes"]

    found = finding(tmp_path, csv_of([["x", "z", "y"], *body]), "MIXED_TYPES")

    assert (found.line, found.example) == (11, "zz")


def test_an_identifier_shows_in_the_first_row(tmp_path: Path) -> None:
    body = [[f"C-{9999 - i}", i % 7, i % 5, "yes" if i % 3 else "no"] for i in range(ROWS)]

    found = finding(tmp_path, csv_of([["customer", "x", "z", "y"], *body]), "IDENTIFIER")

    assert (found.line, found.example, found.level) == (2, "C-9999", NOTE)


@pytest.mark.parametrize(("copies", "level"), [(6, NOTE), (7, WARNING)])
def test_few_duplicates_are_a_note(copies: int, level: str, tmp_path: Path) -> None:
    body = [[f"{i / 7:.3f}", i % 5, "yes" if i % 3 else "no"] for i in range(ROWS)]

    found = finding(tmp_path, csv_of([["x", "z", "y"], *body, *body[:copies]]), "DUPLICATE_ROWS")

    assert found.level == level


def test_duplicates_that_are_kept_on_one_side_are_a_note(tmp_path: Path) -> None:
    content = labelled("yes", "no") + b"1,2,no\n" * 200

    found = finding(tmp_path, content, "DUPLICATE_ROWS", split={"method": "hash"})

    assert found.level == NOTE
    assert "one side" in found.message


@pytest.mark.parametrize(("without", "level"), [(30, NOTE), (40, WARNING)])
def test_a_few_rows_without_a_target_are_a_note(without: int, level: str, tmp_path: Path) -> None:
    found = finding(tmp_path, labelled("yes", "no") + b"1,2,\n" * without, "TARGET_MISSING")

    assert found.level == level


def test_levels_are_in_the_dataset_s_json(tmp_path: Path) -> None:
    result = prepared(tmp_path, table(600).replace(b"yes", b"Yes", 5))

    written_down = {each["code"]: each["level"] for each in result.dataset.to_json()["warnings"]}
    assert written_down["LABEL_SPELLINGS"] == WARNING
