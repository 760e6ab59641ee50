"""`predictions.parquet`: the table of `predictions.csv` in types, its cells as they were."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from autodrop.duckdb_engine import DuckDB, column
from autodrop.preparation.reading.dialect import Dialect
from autodrop.preparation.reading.text import LONGEST_ROW
from autodrop.results.spreadsheet import CHANGED


def write_parquet(table: Path, target: Path, folder: Path, *, is_regression: bool) -> None:
    """Write the Parquet file: row numbers and probabilities as numbers, the rest as texts.

    Args:
        table: What `predictions.score` wrote.
        target: Where to write.
        folder: For what does not fit into DuckDB's memory.
        is_regression: Whether the predictions are numbers.
    """
    csv.field_size_limit(LONGEST_ROW)
    with table.open(encoding="utf-8", newline="") as file:
        names = next(csv.reader(file))
    prediction = max(i for i, name in enumerate(names) if name == "prediction")
    with DuckDB(folder) as engine:
        engine.read_csv(table, Dialect(","), len(names))
        columns = []
        for i, name in enumerate(names):
            cell = column(i)
            if i == 0:
                cell = f"cast({cell} as bigint)"
            elif i > prediction or (i == prediction and is_regression):
                cell = f"cast({cell} as double)"
            else:
                changed = f"regexp_matches({cell}, {engine.literal(CHANGED)})"
                cell = f"case when {changed} then substr({cell}, 2) else {cell} end"
            columns.append(f"{cell} as {_identifier(_restored(name))}")
        selected = f"select {', '.join(columns)} from cells"
        engine.query(
            f"copy ({selected}) to {engine.literal(str(target))} "
            "(format parquet, compression zstd, row_group_size 100000)"
        )


def _restored(name: str) -> str:
    return name[1:] if re.match(CHANGED, name) else name


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
