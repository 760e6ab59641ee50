"""A Parquet file, or the parts of one, as the text of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from autodrop.errors import Rejected
from autodrop.findings import quoted
from autodrop.preparation.cells.expressions import on_one_line_expr
from autodrop.preparation.cells.spelling import spelled
from autodrop.preparation.reading.parquet_footer import read_footer
from autodrop.preparation.reading.storage import Stored
from autodrop.preparation.reading.text import too_large

_MAGIC = b"PAR1"
# How many cells are unpacked at once.
_CELLS = 2_000_000
_NESTED = (pl.List, pl.Array, pl.Struct, pl.Binary, pl.Duration, pl.Object)


def is_parquet(file: Stored) -> bool:
    """Return whether a file is Parquet: it begins and ends with `PAR1`."""
    size = file.size
    return size >= 12 and file.read(0, 4) == file.read(size - 4, size) == _MAGIC


def to_text(paths: Sequence[Path], file_name: str, folder: Path, longest: int) -> Path:
    """Return a file in `folder` with the rows of Parquet files as comma-separated text.

    Numbers are spelled with as many digits as it takes to read the same number again; what is
    null is an empty cell.

    Raises:
        Rejected: `NOT_A_TABLE` for a damaged file, `PARQUET_PARTS_DIFFER`, `NESTED_COLUMN`,
            `DUPLICATE_COLUMNS`, or `TOO_LARGE` for more than `longest` bytes of text.
    """
    target = folder / "parquet.csv"
    try:
        footers = [read_footer(path) for path in paths]
        schema, *others = [pl.read_parquet_schema(path) for path in paths]
        _check_names(footers[0].names)
        # Together, the parts would take the types of the first: 2.5 becomes 2, and a column that
        # only a later one has is left out.
        if any(dict(other) != dict(schema) for other in others):
            raise _parts_differ(file_name)
        _check_types(schema)
        # A value that repeats is in the pages but once; as text every cell has a byte at least,
        # because a separator is one.
        cells = sum(sum(footer.rows) for footer in footers) * len(schema)
        if max(cells, sum(footer.unpacked_bytes for footer in footers)) > longest:
            raise too_large(longest)
        _write_rows(paths, schema, target, longest)
    except (pl.exceptions.PolarsError, ValueError):
        raise _damaged(file_name) from None
    return target


def _write_rows(
    paths: Sequence[Path], schema: Mapping[str, pl.DataType], target: Path, longest: int
) -> None:
    """Write the rows of all parts.

    Raises:
        Rejected: `TOO_LARGE`.
    """
    at_once = max(1, _CELLS // len(schema))
    cells = [_spelled_expr(name, kind) for name, kind in schema.items()]
    lines = spelled(list(schema)).encode()
    written = 0
    for path in paths:
        frame, start = pl.scan_parquet(path, glob=False), 0
        while (part := frame.slice(start, at_once).select(cells).collect()).height:
            start += at_once
            # A value of a megabyte that repeats stands in the file but once: measured, then
            # written.
            octets = part.select(pl.all().str.len_bytes().cast(pl.Int64).sum()).row(0)
            written += sum(octets) + part.height * part.width
            if written > longest:
                raise too_large(longest)
            lines += part.write_csv(include_header=False).encode()
            with target.open("ab") as file:
                file.write(lines)
            lines = b""
    with target.open("ab") as file:
        file.write(lines)


def _check_names(names: Sequence[str]) -> None:
    """Check that each column has a name of its own.

    Raises:
        Rejected: `DUPLICATE_COLUMNS`.
    """
    repeated = next((name for name, times in Counter(names).items() if times > 1), None)
    if repeated is not None:
        raise Rejected(
            "DUPLICATE_COLUMNS",
            f"Two columns are called {quoted(repeated)}.",
            "Give every column a name of its own.",
            column=repeated,
        )


def _spelled_expr(name: str, kind: pl.DataType) -> pl.Expr:
    """Return the expression for the cells of a column as text."""
    cell = pl.col(name)
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is None:
            cell = cell.dt.to_string("%Y-%m-%d %H:%M:%S%.f")
        else:
            cell = cell.dt.convert_time_zone("UTC").dt.to_string("%Y-%m-%d %H:%M:%S%.f+00:00")
    text = on_one_line_expr(cell.cast(pl.String))
    return pl.when(text != "").then(text).alias(name)


def _check_types(schema: Mapping[str, pl.DataType]) -> None:
    """Check that a table has two columns or more, each with single values.

    Raises:
        Rejected: `NOT_A_TABLE` or `NESTED_COLUMN`.
    """
    if len(schema) < 2:
        raise Rejected(
            "NOT_A_TABLE",
            "The Parquet file has a single column.",
            "Drop a table of two columns or more.",
        )
    for name, kind in schema.items():
        if isinstance(kind, _NESTED):
            raise Rejected(
                "NESTED_COLUMN",
                f"Column {quoted(name)} holds {str(kind)[:60]}, which has no single value in a "
                "row.",
                "Leave the column out, or make plain columns of its parts.",
                column=name,
            )


def _parts_differ(file_name: str) -> Rejected:
    return Rejected(
        "PARQUET_PARTS_DIFFER",
        f"The parts of {file_name} do not have the same columns.",
        "Write all parts with the same columns and types.",
    )


def _damaged(file_name: str) -> Rejected:
    return Rejected(
        "NOT_A_TABLE",
        f"{file_name} is a damaged Parquet file.",
        "Write it again and drop it anew.",
    )
