"""A Parquet file, or the parts of one, as the text of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from autodrop.errors import Rejected
from autodrop.findings import quoted
from autodrop.preparation.duckdb_engine import DuckDB
from autodrop.preparation.engine import CannotRead
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
            if _unpacked_bytes(engine, files) > longest:
                raise too_large(longest)
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
            if _text_bytes(engine, files, texts) > longest:
                raise too_large(longest)
            engine.statement(f"create view cells as select {cells} from read_parquet({files})")
            line = ", ".join(spelled_sql(engine, f"c{i}", breakers=True) for i in range(width))
            header = spelled(names).rstrip("\n")
            engine.write_lines(f"select concat_ws(',', {line}) from cells", target, header)
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


def _text_bytes(engine: DuckDB, files: str, texts: Sequence[str]) -> int:
    """Return how many bytes the cells have as text, quotes and separators left out.

    A value of a megabyte that repeats stands in the files but once. To measure is to read all rows:
    what says at its end that it has too many is not measured.
    """
    octets = ", ".join(f"coalesce(sum({engine.octets(text)}), 0)" for text in texts)
    (sizes,) = engine.query(f"select {octets} from read_parquet({files})")
    return sum(map(int, sizes))


def _unpacked_bytes(engine: DuckDB, files: str) -> int:
    """Return how many bytes the rows have at least, by what the files say at their ends.

    That is the size of their pages unpacked. A value that repeats is in these but once: as text,
    every cell has a byte at least, and a separator is one.
    """
    ((pages, cells),) = engine.query(
        "select coalesce(sum(total_uncompressed_size), 0), coalesce(sum(row_group_num_rows), 0) "
        f"from parquet_metadata({files})"
    )
    return max(int(pages), int(cells))


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
