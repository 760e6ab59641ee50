"""CSV files as tables of an engine, one after the other, however their writer spells them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from autodrop.preparation.dialect import LONGEST_ROW, Dialect
from autodrop.preparation.duckdb_engine import DuckDB
from autodrop.preparation.engine import CannotRead

# Each of them may be read more than once.
Files = Callable[[], Iterable[Path]]
_PIECE = 1 << 20
_QUOTE = ord('"')
_IS_BORDER = np.isin(np.arange(256), list(b",\n"))


class WrongWidth(Exception):
    """A record has another number of cells than it should have."""


def load(
    engine: DuckDB, table: str, columns: Sequence[str], files: Files, header: Sequence[str] | int
) -> int:
    """Make the records of files the rows of a new table, and return their number.

    Args:
        engine: Where the table is made.
        table: Its name.
        columns: Its columns, as expressions over the cells c0, c1, … with their names.
        files: The files, in order. Blank lines are no records.
        header: The first record, which every file may repeat; or the number of cells where there
            is none.

    Raises:
        WrongWidth: A record has more or fewer cells.
    """
    width = header if isinstance(header, int) else len(header)
    names = ", ".join(f"'' as c{i}" for i in range(width))
    selected = f"select {', '.join(columns)} from"
    engine.statement(f"create table {table} as {selected} (select {names}) limit 0")
    insert = f"insert into {table} {selected} cells"
    for path in files():
        first = next(_records(path), None)
        if first is None:
            continue
        if len(first) != width:
            raise WrongWidth
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
    ((rows,),) = engine.query(f"select count(*) from {table}")
    return int(rows)


def first_record(files: Files) -> list[str] | None:
    """Return the first record of the first file that has any; None where none has."""
    for path in files():
        first = next(_records(path), None)
        if first is not None:
            return first
    return None


def _is_plain(path: Path) -> bool:
    """Return whether DuckDB is sure to see the records that Python's `csv` sees."""
    rest = b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            lines, end, rest = (rest + piece).rpartition(b"\n")
            if len(rest) > LONGEST_ROW or (end and not _are_plain(lines)):
                return False
    return not rest or _are_plain(rest)


def _are_plain(lines: bytes) -> bool:
    """Return whether lines are plain.

    They may not be where they end otherwise, are blank or end with a comma, or where quotes stand
    neither around a cell nor doubled in it.
    """
    window = b"\n" + lines + b"\n"
    if any(each in window for each in (b"\r", b"\n\n", b",\n")):
        return False
    codes = np.frombuffer(window, dtype=np.uint8)
    edges = np.diff((codes == _QUOTE).astype(np.int8))
    starts, ends = np.flatnonzero(edges == 1) + 1, np.flatnonzero(edges == -1) + 1
    opens, closes = _IS_BORDER[codes[starts - 1]], _IS_BORDER[codes[ends]]
    is_odd = (ends - starts) % 2 == 1
    return bool(((opens & closes) | ((opens ^ closes) == is_odd)).all())


def _rewrite(path: Path, again: Path, width: int) -> None:
    """Write a file again, as Python's `csv` understands it, so that nobody else has to guess."""
    with again.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for record in _records(path):
            if len(record) != width:
                raise WrongWidth
            writer.writerow(record)


def _records(path: Path) -> Iterator[list[str]]:
    csv.field_size_limit(LONGEST_ROW)
    with path.open(encoding="utf-8", newline="") as file:
        yield from (record for record in csv.reader(file) if record)
