"""A text in blocks is read as the csv module reads the whole of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from autodrop.preparation.large_text import (
    Item,
    LargeText,
    Result,
    blocks_of,
    open_large_text,
    part_name,
    write_rows,
)
from hypothesis import given
from hypothesis import strategies as st

from autodrop.errors import Rejected
from autodrop.preparation.reading.dialect import Dialect
from autodrop.preparation.reading.table import Table


def one_by_one(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [work(item) for item in items]


def packed(path: Path, compression: str) -> Path:
    raise AssertionError("nothing is packed here")


def opened(content: bytes, folder: Path, block_bytes: int) -> LargeText:
    path = folder / "dropped.csv"
    path.write_bytes(content)
    return open_large_text(path, "dropped.csv", folder, one_by_one, packed, block_bytes=block_bytes)


def rows_of(content: bytes, folder: Path, block_bytes: int) -> list[list[str]]:
    """Return number, line and cells of all rows below the header `a,b,c`."""
    text = opened(content, folder, block_bytes)
    names = ("a", "b", "c")
    table = Table(text.text, Dialect(","), names, names, 1, [])
    rows = write_rows(text, table, folder / "rows", one_by_one)
    found = []
    for part, count in enumerate(rows.rows):
        path = folder / "rows" / part_name(part)
        lines = path.read_bytes().decode().split(rows.end)[:-1] if path.exists() else []
        assert len(lines) == count
        for line in lines:
            of_part, of_row, *rest = line.split(rows.separator)
            assert int(of_part) == part
            found.append([str(sum(rows.rows[:part]) + int(of_row)), *rest])
    return found


def by_csv(text: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline="\n"), strict=True)
    next(reader)
    found: list[list[str]] = []
    line = reader.line_num + 1
    for cells in reader:
        if len(cells) == 3:
            found.append([str(len(found)), str(line), *cells])
        line = reader.line_num + 1
    return found


# Quotes inside cells without quotes are characters: what the blocks begin with is guessed wrongly.
CELLS = st.sampled_from(
    ["x", "", '"two\nlines"', '"a,b"', '"say ""hi"""', 'five"', "é", '"\n\n"', '""', '"\n"']
)
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=40)


@given(rows=ROWS, block_bytes=st.integers(1, 60), blank=st.booleans())
def test_wherever_blocks_end_the_rows_are_the_same(
    rows: list[tuple[str, str, str]], block_bytes: int, blank: bool
) -> None:
    text = "a,b,c\n" + ("\n\n" if blank else "\n").join(map(",".join, rows)) + "\n"

    with TemporaryDirectory() as folder:
        assert rows_of(text.encode(), Path(folder), block_bytes) == by_csv(text)


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"a,b,c\n" + b"1,2,3\n" * 50 + b"1,2\n" + b"1,2,3\n" * 50, "RAGGED_ROW", 52),
        (b"a,b,c\n" + b"1,2,3\n" * 50 + b'1,"2,3\n' + b"1,2,3\n" * 50, "BAD_QUOTES", 52),
        (b"a,b,c\n" + b"1,2,3\n" * 50 + b'1,"2"x,3\n' + b"1,2,3\n" * 50, "BAD_QUOTES", 52),
        (b"a,b,c\n" + b"1,2,3\n" * 50 + b"\nx,y\nz,w\n", "MULTIPLE_TABLES", 53),
        (b"a,b,c\n" + b"1,2,3\n" * 50 + b"1,\0,3\n", "NOT_A_TABLE", 52),
    ],
)
@pytest.mark.parametrize("block_bytes", [1, 7, 60, 10_000])
def test_a_damaged_row_is_found_on_its_line(
    content: bytes, code: str, line: int, block_bytes: int, tmp_path: Path
) -> None:
    with pytest.raises(Rejected) as refusal:
        rows_of(content, tmp_path, block_bytes)

    assert (refusal.value.code, refusal.value.line) == (code, line)


def test_a_block_begins_behind_a_quoted_cell_and_not_inside(tmp_path: Path) -> None:
    text = opened(b"a,b,c\n" + b'1,"' + b"\n" * 100 + b'",3\n' + b"4,5,6\n" * 20, tmp_path, 50)

    first, second, *_ = blocks_of(text, Dialect(","), one_by_one)

    assert sum(span.size for span in first.spans) == 6 + 3 + 100 + 4
    assert second.line == 102


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "latin-1"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("block_bytes", [5, 64, 10_000])
def test_encodings_and_line_ends_are_translated_block_by_block(
    encoding: str, line_end: str, block_bytes: int, tmp_path: Path
) -> None:
    text = "a,b,c\n" + "".join(f"grün {i},x,{i}\n" for i in range(50))

    found = rows_of(text.replace("\n", line_end).encode(encoding), tmp_path, block_bytes)

    assert found == by_csv(text)
