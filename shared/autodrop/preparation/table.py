"""Reading a dropped file as a table: which encoding, which delimiter, where it stops being one.

Streams: memory does not grow with the file. Cells come back exactly as the file spells them.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, cast

from autodrop.errors import Rejected

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_ROWS = 200
# In a table with damaged rows, most rows are still alike.
_LEAST_AGREEMENT = 0.5
LONGEST_CELL = 10_000_000
LINE_BREAK = re.compile(r"\r\n|\r|\n")
_GZIP_MAGIC = b"\x1f\x8b"
_DAMAGED = (gzip.BadGzipFile, zlib.error, EOFError)
# What people drop instead of a CSV, by how it starts.
_OTHER_FORMATS = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF document"),
    (b"PAR1", "a Parquet file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"SQLite format 3", "a database"),
    (b"\xff\xfe", "a UTF-16 text"),
    (b"\xfe\xff", "a UTF-16 text"),
)

# A column may be called {a}; in JSON a quoted name, another bracket or nothing comes next.
_JSON = re.compile(rb"\[?\s*\{\s*[\"}]")


@dataclass(frozen=True)
class Row:
    """One data row.

    Attributes:
        line: 1-based line of the file on which it starts.
        cells: As many as the table has columns.
    """

    line: int
    cells: list[str]


@dataclass(frozen=True)
class Table:
    """A file that starts like a table.

    Attributes:
        path: Where it is.
        compressed: Whether it is gzipped.
        delimiter: What separates its cells.
        columns: The names in its first row, line breaks replaced by spaces; an empty name is
            called `unnamed_<position>`.
    """

    path: Path
    compressed: bool
    delimiter: str
    columns: tuple[str, ...]
    encoding: str = "utf-8"

    def rows(self) -> Iterator[Row]:
        """Yield the data rows; blank lines are no rows, as in pandas.

        Raises:
            Rejected: `RAGGED_ROW`, `BAD_QUOTES` or `NOT_UTF8` at the first line that is wrong.
        """
        with _open_text(self.path, compressed=self.compressed) as text:
            records = _records(text, self.delimiter)
            next(records)
            width = len(self.columns)
            for record in records:
                if len(record.cells) != width:
                    raise _ragged(record, width)
                yield record


def open_table(path: Path, file_name: str) -> Table:
    """Look at the beginning of a file and return it as a table.

    Args:
        path: The file.
        file_name: What it was called when it was dropped, for messages.

    Raises:
        Rejected: `EMPTY_FILE`, `NOT_A_TABLE`, `NOT_UTF8`, `NO_HEADER` or `DUPLICATE_COLUMNS`.
    """
    compressed = _looks_like_csv(path, file_name)
    delimiter = _delimiter(path, file_name, compressed=compressed)
    with _open_text(path, compressed=compressed) as text:
        header = next(_records(text, delimiter))
    names = [
        LINE_BREAK.sub(" ", name) if name.strip() else _free_name(f"unnamed_{i}", header.cells)
        for i, name in enumerate(header.cells, 1)
    ]
    _check_header(names, header.line)
    return Table(path, compressed, delimiter, tuple(names))


def _looks_like_csv(path: Path, file_name: str) -> bool:
    with path.open("rb") as raw:
        start = raw.read(4096)
    compressed = start.startswith(_GZIP_MAGIC)
    if compressed:
        try:
            with gzip.open(path) as unpacked:
                start = unpacked.read(4096)
        except _DAMAGED:
            raise _not_a_table(f"{file_name} is a damaged gzip file") from None
    if not start.strip(b" \t\r\n\x00\xef\xbb\xbf"):
        raise Rejected(
            "EMPTY_FILE",
            f"{file_name} is empty.",
            "Drop a CSV file with a header in its first row and at least 500 rows of data.",
        )
    for magic, what in _OTHER_FORMATS:
        # A column may be called PAR1; what follows in a Parquet file is no text.
        if start.startswith(magic) and (magic != b"PAR1" or b"\x00" in start):
            raise _not_a_table(f"{file_name} is {what}")
    if b"\x00" in start:
        raise _not_a_table(f"{file_name} is a binary file")
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise _not_a_table(f"{file_name} is a web page or XML document")
    if _JSON.match(head):
        raise _not_a_table(f"{file_name} is a JSON document")
    return compressed


def _delimiter(path: Path, file_name: str, *, compressed: bool) -> str:
    """Return the delimiter that makes a table of the first rows.

    The one with which all of them have the same number of cells, more than one; where none does
    (a ragged file, or one with bad quotes), the one that gives the header most cells.
    """
    widths: dict[str, list[int]] = {delimiter: [] for delimiter in _DELIMITERS}
    broken: set[str] = set()
    for delimiter, seen in widths.items():
        with _open_text(path, compressed=compressed) as text:
            try:
                for record in islice(_records(text, delimiter), _SAMPLE_ROWS):
                    seen.append(len(record.cells))
            except Rejected as problem:
                # Quotes that are wrong for one delimiter can be right for another.
                if problem.code != "BAD_QUOTES":
                    raise
                broken.add(delimiter)
    header = {d: seen[0] for d, seen in widths.items() if seen and seen[0] > 1}
    even = {d: n for d, n in header.items() if d not in broken and set(widths[d]) == {n}}
    if not header and broken:
        raise _not_a_table(f"{file_name} has quotes that do not match in its first row")
    candidates = even or header
    if not candidates:
        raise _not_a_table(f"The first row of {file_name} has a single column: it is a text")
    if max(_agreement(seen) for seen in widths.values() if seen) < _LEAST_AGREEMENT:
        raise _not_a_table(f"The rows of {file_name} have all kinds of lengths: it is a text")
    return max(candidates, key=lambda delimiter: candidates[delimiter])


def _agreement(widths: list[int]) -> float:
    """Return the share of rows as wide as most rows are, 0 where that is a single cell."""
    width, rows = Counter(widths).most_common(1)[0]
    return rows / len(widths) if width > 1 else 0.0


def _free_name(name: str, taken: Sequence[str]) -> str:
    return _free_name(f"{name}_", taken) if name in taken else name


def _check_header(names: list[str], line: int) -> None:
    if all(_is_number(name) for name in names):
        raise Rejected(
            "NO_HEADER",
            "The first row holds only numbers: the file has no header.",
            "Add a first row with the column names.",
            line=line,
        )
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise Rejected(
                "DUPLICATE_COLUMNS",
                f"Two columns are called {_shortened(name)}.",
                "Give every column a name of its own.",
                line=line,
                column=name,
            )
        seen.add(name)


def _records(text: io.TextIOWrapper, delimiter: str) -> Iterator[Row]:
    """Yield all records with their first line; blank lines are skipped."""
    # The library's limit of 131,072 characters is a process-wide setting.
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    line = 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except UnicodeDecodeError:
            wrong = _first_line_not_utf8(text)
            raise Rejected(
                "NOT_UTF8",
                f"Line {wrong} is not UTF-8.",
                "Save the file with the encoding UTF-8 and drop it again.",
                line=wrong,
            ) from None
        except _DAMAGED:
            raise _not_a_table(
                f"The gzip file is damaged: nothing can be read after line {reader.line_num}"
            ) from None
        except csv.Error as error:
            raise Rejected(
                "BAD_QUOTES",
                f"The record that starts in line {line} cannot be read: {error}.",
                'Put cells with quotes into quotes and double the inner ones: "say ""hi""".',
                line=line,
            ) from None
        if len(cells) > 1 or (cells and cells[0].strip()):
            yield Row(line, cells)
        line = reader.line_num + 1


def _first_line_not_utf8(text: io.TextIOWrapper) -> int:
    # Decoding runs ahead of reading in blocks, so the reader's own line is too early.
    raw = cast("BinaryIO", text.buffer)
    raw.seek(0)
    number = 0
    for line in raw:
        number += 1
        try:
            line.decode()
        except UnicodeDecodeError:
            break
    return number


def _open_text(path: Path, *, compressed: bool) -> io.TextIOWrapper:
    # utf-8-sig drops a byte-order mark; newline="" leaves line breaks inside cells alone.
    if compressed:
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _ragged(record: Row, width: int) -> Rejected:
    return Rejected(
        "RAGGED_ROW",
        f"Line {record.line} has {len(record.cells)} cells, but the header has {width} columns.",
        "Check that line for a missing or extra delimiter, or put its text into quotes.",
        line=record.line,
    )


def _not_a_table(what: str) -> Rejected:
    return Rejected(
        "NOT_A_TABLE",
        f"{what}, not a table of comma-separated values.",
        "Drop a CSV file (UTF-8): a header in the first row, one record a line, "
        "two columns or more.",
    )


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
