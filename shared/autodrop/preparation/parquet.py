"""A Parquet file, or the parts of one, as the text of a table."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import duckdb

from autodrop.errors import Rejected
from autodrop.findings import quoted
from autodrop.preparation.duckdb_engine import DuckDB
from autodrop.preparation.spelling import spelled_sql
from autodrop.preparation.text import TextFile, is_parquet, open_text, too_large

__all__ = ["is_parquet", "to_text"]

_NESTED = ("[]", "STRUCT(", "MAP(", "UNION(", "BLOB", "INTERVAL", "BIT")


def to_text(paths: Sequence[Path], file_name: str, folder: Path, longest: int) -> TextFile:
    """Return the rows of Parquet files as comma-separated text in `folder`.

    Numbers are spelled with as many digits as it takes to read the same number again; what is
    null is an empty cell.

    Raises:
        Rejected: `NOT_A_TABLE` for a damaged file, `PARQUET_PARTS_DIFFER`, or `NESTED_COLUMN`.
    """
    target = folder / "parquet"
    with DuckDB(folder) as engine:
        files = f"[{', '.join(engine.literal(str(path)) for path in paths)}]"
        try:
            engine.statement("set TimeZone = 'UTC'")
            described = engine.query(f"describe select * from read_parquet({files})")
            _check_types([(name, kind) for name, kind, *_ in described])
            cells = ", ".join(
                f"coalesce(cast({_identifier(name)} as varchar), '') as c{i}"
                for i, (name, *_) in enumerate(described)
            )
            width = len(described)
            engine.statement(f"create view cells as select {cells} from read_parquet({files})")
            line = " || ',' || ".join(
                spelled_sql(engine, f"c{i}", breakers=True) for i in range(width)
            )
            engine.write_lines(f"select {line} from cells", target)
        except duckdb.Error as error:
            raise _unreadable(file_name, len(paths), error) from None
    if target.stat().st_size > longest:
        raise too_large(longest)
    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow([name for name, *_ in described])
    headed = folder / "parquet.csv"
    with headed.open("wb") as file, target.open("rb") as body:
        file.write(header.getvalue().encode())
        while chunk := body.read(4 * 1024 * 1024):
            file.write(chunk)
    target.unlink()
    return open_text(headed, file_name, folder, encoding="utf-8", longest=longest)


def _check_types(columns: Sequence[tuple[str, str]]) -> None:
    if len(columns) < 2:
        raise Rejected(
            "NOT_A_TABLE",
            "The Parquet file has a single column.",
            "Drop a table of two columns or more.",
        )
    for name, kind in columns:
        if any(each in kind for each in _NESTED):
            raise Rejected(
                "NESTED_COLUMN",
                f"Column {quoted(name)} holds {kind[:60]}, which has no single value in a row.",
                "Leave the column out, or make plain columns of its parts.",
                column=name,
            )


def _unreadable(file_name: str, parts: int, error: duckdb.Error) -> Rejected:
    if parts > 1 and "schema" in str(error).lower():
        return Rejected(
            "PARQUET_PARTS_DIFFER",
            f"The parts of {file_name} do not have the same columns.",
            "Write all parts with the same columns and types.",
        )
    return Rejected(
        "NOT_A_TABLE",
        f"{file_name} is a damaged Parquet file.",
        "Write it again and drop it anew.",
    )


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
