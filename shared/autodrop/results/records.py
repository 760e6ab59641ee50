"""CSV files as tables of an engine, one after the other, however their writer spells them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from autodrop.duckdb_engine import CannotRead, DuckDB
from autodrop.preparation.reading.dialect import Dialect
from autodrop.preparation.reading.text import LONGEST_ROW

# Each of them may be read more than once.
Files = Callable[[], Iterable[Path]]
_PIECE = 1 << 20
_QUOTE, _LINE_END = b'"\n'
_NO_LINE = np.isin(np.arange(256), list(b",\n"))
_ENDS = np.isin(np.arange(256), list(b',\n"'))


class NotRecords(Exception):
    """A file does not hold records with the number of cells that they should have."""


def load(
    engine: DuckDB, table: str, columns: Sequence[str], files: Files, width: int | None = None
) -> tuple[int, list[str]]:
    """Make the records of files the rows of a new table; without any record there is none.

    Args:
        engine: Where the table is made.
        table: Its name.
        columns: Its columns, as expressions over the cells c0, c1, … with their names.
        files: The files, in order. Blank lines are no records.
        width: The number of cells; None where the first record is a header, which every file may
            repeat.

    Returns:
        The number of rows, and the header; empty where there is none.

    Raises:
        NotRecords: A record has more or fewer cells, or the file is no text.
    """
    header: list[str] = []
    is_there = False
    for path in files():
        first = next(read_records(path), None)
        if first is None:
            continue
        if width is None:
            header, width = first, len(first)
        if len(first) != width:
            raise NotRecords
        names = ", ".join(f"'' as c{i}" for i in range(width))
        selected = f"select {', '.join(columns)} from"
        engine.statement(
            f"create table if not exists {table} as {selected} (select {names}) limit 0"
        )
        is_there = True
        insert = f"insert into {table} {selected} cells"
        has_header = first == header
        if _is_plain(path):
            try:
                engine.read_csv(path, Dialect(","), width, header=has_header)
                engine.query(insert)
                continue
            except CannotRead:
                pass
        again = path.with_name(f"{path.name}-again")
        try:
            _rewrite(path, again, width)
            engine.read_csv(again, Dialect(","), width, header=has_header)
            engine.query(insert)
        finally:
            again.unlink(missing_ok=True)
    return _count(engine, table) if is_there else 0, header


def _count(engine: DuckDB, table: str) -> int:
    ((rows,),) = engine.query(f"select count(*) from {table}")
    return int(rows)


def _is_plain(path: Path) -> bool:
    """Return whether DuckDB is sure to see the records that Python's `csv` sees.

    It may not where lines end otherwise, are blank or end with a comma, or where something stands
    between a cell's quotes and its end.
    """
    window, quotes_before = b"\n", 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            window = window[-2:] + piece
            codes = np.frombuffer(window, dtype=np.uint8)
            line_ends = np.flatnonzero(codes[1:] == _LINE_END) + 1
            if b"\r" in window or b"\0" in window or _NO_LINE[codes[line_ends - 1]].any():
                return False
            quotes = np.flatnonzero(codes[1:-1] == _QUOTE) + 1
            # Every second quote closes a cell, or is the first of two that stand for one in it.
            opening = quotes[quotes_before % 2 :: 2]
            closing = quotes[1 - quotes_before % 2 :: 2]
            if not (_ENDS[codes[opening - 1]].all() and _ENDS[codes[closing + 1]].all()):
                return False
            quotes_before += len(quotes)
    return not window.endswith(b",") and (quotes_before + window.endswith(b'"')) % 2 == 0


def _rewrite(path: Path, again: Path, width: int) -> None:
    """Write a file again, as Python's `csv` understands it, so that nobody else has to guess."""
    with again.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for record in read_records(path):
            if len(record) != width or any("\0" in cell for cell in record):
                raise NotRecords
            writer.writerow(record)


def read_records(path: Path) -> Iterator[list[str]]:
    """Yield the records of a file as Python's `csv` sees them.

    Raises:
        NotRecords: It is no text, or no such file.
    """
    csv.field_size_limit(LONGEST_ROW)
    # DuckDB, too, takes a byte order mark for none of the text.
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            yield from (record for record in csv.reader(file) if record)
        except (UnicodeDecodeError, csv.Error):
            raise NotRecords from None
