"""The engine for files that a processing job prepares: Spark, on one machine or many."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodrop.preparation.engine import CannotRead, Group, column
from autodrop.preparation.large_text import Item, Result, Rows
from autodrop.preparation.spelling import on_one_line_sql

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# What the SQL here relies on, whatever the container's own settings are.
_SETTINGS = {
    # A text that is no number is null, not an error.
    "spark.sql.ansi.enabled": "false",
    # Two Parquet columns may be called a and A.
    "spark.sql.caseSensitive": "true",
    "spark.sql.codegen.wholeStage": "true",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.session.timeZone": "UTC",
    # A cell may hold ${…}.
    "spark.sql.variable.substitute": "false",
}
# A part is a partition, whatever its size: rows of a part stay together and in order.
_PART_BYTES = 1 << 40
# What stands before the cells of a row.
_BEFORE = ("part", "row", "line")
# Spelled as they are in a literal; all others are escaped.
_SAFE = re.compile(r"[^A-Za-z0-9 _.,:;/<>()#+=-]")
_ANY_TEXT = r"(.|\n)*"


class Spark:
    """`autodrop.preparation.engine.Engine` on Spark.

    Its view `cells` has two more columns: `n`, the 0-based number of the data row, and `line`, the
    1-based line of the text on which the row begins; null where there are no lines.
    """

    def __init__(self, session: SparkSession, shuffles: int | None = None) -> None:
        self.session = session
        self._kept: dict[str, DataFrame] = {}
        for name, value in _SETTINGS.items():
            session.conf.set(name, value)
        if shuffles is not None:
            session.conf.set("spark.sql.shuffle.partitions", str(shuffles))

    def parallel(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Return the results of some work on each of the items, done by Spark's workers."""
        if not items:
            return []
        found: list[Result] = (
            self.session.sparkContext.parallelize(items, len(items)).map(work).collect()
        )
        return found

    def read_rows(self, rows: Rows, width: int) -> None:
        """Make rows that were written in parts the view `cells`."""
        self.session.conf.set("spark.sql.files.maxPartitionBytes", str(_PART_BYTES))
        self.session.conf.set("spark.sql.files.openCostInBytes", str(_PART_BYTES))
        names = [*_BEFORE, *map(_source, range(width))]
        # Strict reading has been done. Neither separator nor line end are in any cell, and NUL, the
        # sign for no quotes, is in no text.
        options = {
            "sep": rows.separator,
            "lineSep": rows.end,
            "quote": "",
            "escape": "",
            "mode": "FAILFAST",
            "maxColumns": str(len(names) + 1),
        }
        schema = ", ".join(f"{name} string" for name in names)
        reader = self.session.read.schema(schema).options(**options)
        reader.csv(file_uri(rows.folder)).createOrReplaceTempView("files")
        cells = ", ".join(f"coalesce({_source(i)}, '') as {column(i)}" for i in range(width))
        self._view(
            "cells",
            f"select element_at({_firsts(rows.rows)}, cast(part as int) + 1) "
            f"+ cast(row as bigint) as n, cast(line as bigint) as line, {cells} from files",
        )

    def read_parquet(self, folder: Path, files: int) -> None:
        """Make the rows of so many Parquet files with the same columns the view `cells`.

        The first characters of a file's name are its number, in which order they are read.
        """
        from pyspark.sql import functions

        for name in ("maxPartitionBytes", "openCostInBytes"):
            self.session.conf.unset(f"spark.sql.files.{name}")
        table = self.session.read.parquet(file_uri(folder))
        width = len(table.columns)
        place = functions.col("_metadata")
        file = functions.substring(place.getField("file_name"), 1, 6).cast("int")
        numbered = table.select("*", file, place.getField("row_index"))
        numbered.toDF(*map(_source, range(width)), "file", "row").createOrReplaceTempView("files")
        rows = dict(self.query("select file, count(*) from files group by file"))
        firsts = _firsts([rows.get(number, 0) for number in range(files)])
        texts = [f"coalesce(cast({_source(i)} as string), '')" for i in range(width)]
        cells = ", ".join(
            f"{on_one_line_sql(self, text)} as {column(i)}" for i, text in enumerate(texts)
        )
        self._view(
            "cells",
            f"select element_at({firsts}, file + 1) + row as n, cast(null as bigint) as line, "
            f"{cells} from files",
        )

    def parquet_types(self, path: Path) -> list[tuple[str, str]]:
        """Return the names and types of the columns of a Parquet file.

        Raises:
            CannotRead: It is damaged.
        """
        from py4j.protocol import Py4JError  # type: ignore[import-untyped]
        from pyspark.errors import PySparkException

        try:
            schema = self.session.read.parquet(file_uri(path)).schema
        except (Py4JError, PySparkException) as error:
            raise CannotRead(type(error).__name__) from error
        return [(each.name, each.dataType.simpleString()) for each in schema.fields]

    def unpack_zstd(self, path: Path, target: Path, longest: int) -> None:
        """Write what a file packed with zstd holds, or a little more than `longest` bytes of it.

        Raises:
            CannotRead: It is damaged.
        """
        from py4j.protocol import Py4JError

        context: Any = self.session.sparkContext
        java, new_array = context._jvm, context._gateway.new_array
        no_strings = new_array(java.java.lang.String, 0)
        no_options = new_array(java.java.nio.file.CopyOption, 0)
        packed = java.java.io.FileInputStream(str(path))
        # A library that is missing is not the file's fault: outside of what is called damaged.
        plain = java.com.github.luben.zstd.ZstdInputStream(packed)
        try:
            some = java.org.apache.commons.io.input.BoundedInputStream(plain, longest + 1)
            where = java.java.nio.file.Paths.get(str(target), no_strings)
            java.java.nio.file.Files.copy(some, where, no_options)
        except Py4JError as error:
            raise CannotRead(type(error).__name__) from error
        finally:
            packed.close()

    def _view(self, name: str, sql: str) -> None:
        self.session.sql(sql).createOrReplaceTempView(name)

    def query(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """Return all rows of the answer."""
        return [tuple(row) for row in self.session.sql(sql).collect()]

    def keep(self, name: str, sql: str) -> None:
        """Keep the answer, to be asked as the table `name`."""
        from pyspark import StorageLevel

        kept = self.session.sql(sql).persist(StorageLevel.MEMORY_AND_DISK)
        kept.count()
        kept.createOrReplaceTempView(name)
        before = self._kept.get(name)
        self._kept[name] = kept
        if before is not None:
            before.unpersist()

    def literal(self, text: str) -> str:
        """Return `text` as an SQL literal."""
        return "'" + _SAFE.sub(_escaped, text) + "'"

    def matches(self, cell: str, pattern: str) -> str:
        """Return the condition that the whole of `cell` matches `pattern`."""
        # Java goes one call deeper for each character of a repeated group.
        flat = pattern.replace(_ANY_TEXT, r"[\s\S]*")
        whole = self.literal(rf"\A(?:{flat})\z")
        return f"({cell} rlike {whole})"

    def number(self, cell: str) -> str:
        """Return `cell` as a double, null or infinite where a double cannot hold it."""
        return f"cast({cell} as double)"

    def grouped(self, source: str, groups: Sequence[Group], aggregates: str) -> str:
        """Return the query that groups the rows of a query in several ways at once."""
        # With grouping sets, every group would have as many keys as the table has columns.
        names = list(dict.fromkeys(name for _, keys in groups for name in keys))
        rows = ", ".join(
            ", ".join([str(which), *(keys.get(name, "null") for name in names)])
            for which, keys in groups
        )
        shown = ", ".join(f"one.{name}" for name in ("which", *names))
        return (
            f"select {shown}, {aggregates} from ({source}) "
            f"lateral view stack({len(groups)}, {rows}) one as which, {', '.join(names)} "
            f"group by {shown}"
        )

    def octets(self, cell: str) -> str:
        """Return the bytes of `cell` in UTF-8."""
        return f"octet_length({cell})"

    def fingerprint(self, cells: Sequence[str]) -> str:
        """Return a whole number that is the same for the same cells and no other, nearly."""
        return f"xxhash64({', '.join(cells)})"

    def quantiles(self, number: str, shares: Sequence[float]) -> str:
        """Return the expression for a list of quantiles of `number`, nulls left out."""
        return f"percentile_approx({number}, array({', '.join(f'{each}D' for each in shares)}))"


def _escaped(found: re.Match[str]) -> str:
    r"""Return a character as Spark's SQL escapes it: `\u0027`, in two halves beyond `\uffff`."""
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def file_uri(path: Path) -> str:
    """Return what Spark calls a file or folder of the machine."""
    # Without a scheme, a path in Spark's container is one of its cluster's file system.
    return f"file://{path.absolute()}"


def _source(position: int) -> str:
    """Return the name of a column that still has its own type."""
    return f"s{position}"


def _firsts(rows: Sequence[int]) -> str:
    """Return an array of the number of the first row of each part, of which these are the rows."""
    before = accumulate(rows[:-1], initial=0)
    return f"array({', '.join(f'{first}L' for first in before)})"
