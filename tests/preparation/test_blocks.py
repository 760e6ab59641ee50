"""A text in blocks is read as the csv module reads the whole of it, wherever the blocks end."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodrop.errors import Rejected
from autodrop.preparation.reading import blocks as reader
from autodrop.preparation.reading.blocks import Shape, blocks_of, joined, read_rows
from autodrop.preparation.reading.dialect import Dialect
from autodrop.preparation.reading.storage import LocalFile
from autodrop.preparation.reading.table import Table, check_blocks
from autodrop.preparation.reading.text import Text, open_text
from autodrop.processors import Threads

ONE = Threads(1)
NAMES = ("a", "b", "c")


def opened(content: bytes, folder: Path, block_bytes: int) -> Text:
    path = folder / "dropped.csv"
    path.write_bytes(content)
    return open_text(
        LocalFile(str(path)), "dropped.csv", folder, ONE, longest=1 << 40, block_bytes=block_bytes
    )


def rows_of(content: bytes, folder: Path, block_bytes: int) -> list[list[str]]:
    """Return line and cells of all rows below the header `a,b,c`."""
    text = opened(content, folder, block_bytes)
    shape = Shape(text, Dialect(","), 3)
    table = Table(text, Dialect(","), NAMES, NAMES, 1, [])
    found, read = [], []
    cut = None
    for block in blocks_of(text, shape.dialect, ONE):
        whole = block if cut is None else joined(cut, block)
        rows, cut = read_rows(shape, whole), None
        if rows.problems is not None and rows.problems.is_cut and not whole.is_last:
            cut = whole
            continue
        read.append((rows.problems, rows.frame.height))
        for line, cells in zip(rows.lines.tolist(), rows.frame.rows(), strict=True):
            found.append([str(line), *cells])
    check_blocks(table, read)
    return found


def by_csv(text: str) -> list[list[str]]:
    reading = csv.reader(io.StringIO(text, newline="\n"), strict=True)
    next(reading)
    found: list[list[str]] = []
    line = reading.line_num + 1
    for cells in reading:
        if len(cells) == 3:
            found.append([str(line), *cells])
        line = reading.line_num + 1
    return found


# Quotes inside cells without quotes are characters: what the blocks begin with is guessed wrongly.
CELLS = st.sampled_from(
    ["x", "", '"two\nlines"', '"a,b"', '"say ""hi"""', 'five"', "é", '"\n\n"', '""', '"\n"']
)
ROWS = st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=40)
TAME = st.sampled_from(["x", "", '"two\nlines"', '"a,b"', '"say ""hi"""', "é", '""', '"""', "7"])


@given(rows=ROWS, block_bytes=st.integers(1, 60), blank=st.booleans())
def test_wherever_blocks_end_the_rows_are_the_same(
    rows: list[tuple[str, str, str]], block_bytes: int, blank: bool
) -> None:
    text = "a,b,c\n" + ("\n\n" if blank else "\n").join(map(",".join, rows)) + "\n"

    with TemporaryDirectory() as folder:
        assert rows_of(text.encode(), Path(folder), block_bytes) == by_csv(text)


@given(rows=st.lists(st.tuples(TAME, TAME, TAME), min_size=1, max_size=20))
def test_what_the_quick_reader_reads_the_strict_one_reads_alike(
    rows: list[tuple[str, str, str]],
) -> None:
    content = ("a,b,c\n" + "\n".join(map(",".join, rows)) + "\n").encode()

    with TemporaryDirectory() as folder:
        text = opened(content, Path(folder), 1 << 20)
        shape = Shape(text, Dialect(","), 3)
        (block,) = blocks_of(text, Dialect(","), ONE)
        quick = read_rows(shape, block)
        with patch.object(reader, "_read_quickly", lambda *_: None):
            strict = read_rows(shape, block)

    assert (quick.problems is None) == (strict.problems is None)
    if strict.problems is None:
        assert quick.frame.rows() == strict.frame.rows()
        assert quick.lines.tolist() == strict.lines.tolist()
        assert quick.line_feeds == strict.line_feeds


def test_a_plain_text_and_one_in_quotes_are_read_quickly(tmp_path: Path) -> None:
    content = b'a,b,c\n"1","say ""hi""\nthere","3"\n' * 5

    with patch.object(reader, "_read_strictly", side_effect=AssertionError("slow")):
        assert len(rows_of(content, tmp_path, 1 << 20)) == 9


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

    first, second, *_ = blocks_of(text, Dialect(","), ONE)

    assert sum(len(text.read(span)) for span in first.spans) == 6 + 3 + 100 + 4
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


def test_a_line_without_an_end_fills_no_memory(tmp_path: Path) -> None:
    content = b"a,b,c\n" + b"1,2,3\n" * 1000 + b"x" * 30_000_000

    with pytest.raises(Rejected) as refusal:
        rows_of(content, tmp_path, 1_000_000)

    assert (refusal.value.code, refusal.value.line) == ("ROW_TOO_LONG", 1002)
