"""A Parquet file, or the parts of one, as the text of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from autodrop.errors import Rejected
from autodrop.findings import quoted
from autodrop.preparation.duckdb_engine import DuckDB
from autodrop.preparation.engine import CannotRead, TooManyGroups
from autodrop.preparation.spelling import spelled, spelled_sql
from autodrop.preparation.text import TextFile, is_parquet, open_text, too_large

__all__ = ["is_parquet", "to_text"]

_NESTED = ("[]", "STRUCT(", "MAP(", "UNION(", "BLOB", "INTERVAL", "BIT")


def to_text(paths: Sequence[Path], file_name: str, folder: Path, longest: int) -> TextFile:
    """Return the rows of Parquet files as comma-separated text in `folder`.

    Numbers are spelled with as many digits as it takes to read the same number again; what is
    null is an empty cell.

    Raises:
        Rejected: `NOT_A_TABLE` for a damaged file, `PARQUET_PARTS_DIFFER`, `NESTED_COLUMN`,
            `DUPLICATE_COLUMNS`, or `TOO_LARGE` for more than `longest` bytes of text.
    """
    # Not above: the Spark container has no DuckDB, and reads Parquet by itself.
    import duckdb

    target = folder / "parquet.csv"
    with DuckDB(folder) as engine:
        files = f"[{', '.join(engine.literal(str(path)) for path in paths)}]"
        try:
            engine.statement("set TimeZone = 'UTC'")
            described, *others = [
                engine.query(f"describe select * from read_parquet({engine.literal(str(path))})")
                for path in paths
            ]
            # Together, the parts would take the types of the first: 2.5 becomes 2, and a column
            # that only a later one has is left out.
            kinds = {name: kind for name, kind, *_ in described}
            if any({name: kind for name, kind, *_ in each} != kinds for each in others):
                raise parts_differ(file_name)
            check_types(list(kinds.items()))
            names = _names(engine, paths[0])
            texts = [
                f"coalesce(cast({_identifier(name)} as varchar), '')" for name, *_ in described
            ]
            cells = ", ".join(f"{text} as c{i}" for i, text in enumerate(texts))
            width = len(described)
            engine.expect(width)
            _check_size(engine, files, texts, longest)
            engine.statement(f"create view cells as select {cells} from read_parquet({files})")
            line = ", ".join(spelled_sql(engine, f"c{i}", breakers=True) for i in range(width))
            header = spelled(names).rstrip("\n")
            engine.write_lines(f"select concat_ws(',', {line}) from cells", target, header)
        except (duckdb.OutOfMemoryException, TooManyGroups):
            raise too_large(longest) from None
        except (duckdb.Error, CannotRead):
            raise damaged(file_name) from None
    if target.stat().st_size > longest:
        raise too_large(longest)
    return open_text(target, file_name, folder, encoding="utf-8", longest=longest)


def _names(engine: DuckDB, path: Path) -> list[str]:
    """Return what a file calls its columns: DuckDB gives the second of two equal names another.

    Raises:
        Rejected: `DUPLICATE_COLUMNS`.
    """
    root = f"select name from parquet_schema({engine.literal(str(path))}) offset 1"
    names = [name for (name,) in engine.query(root)]
    repeated = next((name for name, times in Counter(names).items() if times > 1), None)
    if repeated is not None:
        raise Rejected(
            "DUPLICATE_COLUMNS",
            f"Two columns are called {quoted(repeated)}.",
            "Give every column a name of its own.",
            column=repeated,
        )
    return names


def _check_size(engine: DuckDB, files: str, texts: Sequence[str], longest: int) -> None:
    """Check how much text a few bytes of Parquet become, before any of it is written.

    Args:
        engine: Who reads them.
        files: The files, as SQL.
        texts: The expressions for the cells.
        longest: The most bytes.

    Raises:
        Rejected: `TOO_LARGE`. Quotes around cells and in them can still double what is written.
    """
    (rows,) = engine.query(f"select sum(num_rows) from parquet_file_metadata({files})")
    # First what the files say of themselves: to look at 10^12 rows takes hours.
    if (rows[0] or 0) * len(texts) > longest:
        raise too_large(longest)
    octets = ", ".join(f"sum({engine.octets(text)})" for text in texts)
    (sizes,) = engine.query(f"select {octets} from read_parquet({files})")
    if sum(size or 0 for size in sizes) > longest:
        raise too_large(longest)


def check_types(columns: Sequence[tuple[str, str]], nested: Sequence[str] = _NESTED) -> None:
    """Check that a table has two columns or more, each with single values.

    Args:
        columns: Their names and types.
        nested: What is in the name of a type that has more than one value or none to show.

    Raises:
        Rejected: `NOT_A_TABLE` or `NESTED_COLUMN`.
    """
    if len(columns) < 2:
        raise Rejected(
            "NOT_A_TABLE",
            "The Parquet file has a single column.",
            "Drop a table of two columns or more.",
        )
    for name, kind in columns:
        if any(each in kind for each in nested):
            raise Rejected(
                "NESTED_COLUMN",
                f"Column {quoted(name)} holds {kind[:60]}, which has no single value in a row.",
                "Leave the column out, or make plain columns of its parts.",
                column=name,
            )


def parts_differ(file_name: str) -> Rejected:
    """Return the refusal of parts with different columns or types."""
    return Rejected(
        "PARQUET_PARTS_DIFFER",
        f"The parts of {file_name} do not have the same columns.",
        "Write all parts with the same columns and types.",
    )


def damaged(file_name: str) -> Rejected:
    """Return the refusal of a file that cannot be read to its end."""
    return Rejected(
        "NOT_A_TABLE",
        f"{file_name} is a damaged Parquet file.",
        "Write it again and drop it anew.",
    )


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
