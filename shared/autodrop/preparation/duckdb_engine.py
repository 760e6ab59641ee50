"""The engine for files that a function prepares: DuckDB, out of core, on a text or Parquet."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from autodrop.preparation.dialect import LONGEST_ROW, Dialect
from autodrop.preparation.engine import CannotRead, Group, TooManyGroups, column

# A whole multiple of the longest row: with others, DuckDB 1.4 fails on rows near that length.
_BUFFER = 2 * LONGEST_ROW
# More is slower: it is the parsing that takes the time, and every thread has its buffers.
_MEGABYTES = 256
# A wider table is one whose columns' buffers take the memory, in every thread again.
WIDE = 100
_MEGABYTES_FOR_COLUMN = 0.5
# A row group for what is parsed at once: the columns of more would have to fit into the memory, and
# so would a dictionary for every column.
_BY_COLUMN = "format parquet, row_group_size 1, dictionary_size_limit 1"
_SETTINGS = {
    "threads": "2",
    # Nothing is loaded or fetched that did not come with the package.
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}


_FULL = "No space left on device"


@contextmanager
def _translated() -> Iterator[None]:
    """Raise Python's own errors where the memory or the disk is at its end.

    DuckDB has an IOException for a file that cannot be written, whatever the reason, and calls the
    end of the disk for what it spills an OutOfMemoryException.

    Raises:
        TooManyGroups: The memory is too small, and so is the disk for what does not fit into it.
        OSError: The disk is full.
    """
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise TooManyGroups(type(error).__name__) from error
    except duckdb.IOException as error:
        if _FULL not in str(error):
            raise
        raise OSError(errno.ENOSPC, _FULL) from error


class DuckDB:
    """`autodrop.preparation.engine.Engine` on DuckDB.

    A context manager: leaving it closes the database.
    """

    def __init__(self, folder: Path, reserve: int | None = None) -> None:
        """Open a database.

        Args:
            folder: Takes what does not fit into memory.
            reserve: The memory to take, in megabytes, where a statement does not fit otherwise.
        """
        # Not above: the Spark container has no DuckDB, and imports what knows this class.
        import duckdb

        self._reserve = reserve
        self._connection = duckdb.connect(":memory:")
        for name, value in _SETTINGS.items():
            self._connection.execute(f"set {name} = {value}")
        self._connection.execute(f"set temp_directory = {self.literal(str(folder / 'spill'))}")
        self._megabytes = 0
        self._allow(_MEGABYTES)

    def __enter__(self) -> DuckDB:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def read_csv(self, path: Path, dialect: Dialect, width: int, *, header: bool = True) -> None:
        """Make a text, read in a dialect, the view `cells`; a header is no row of it."""
        escape = '"' if dialect.escape == "doubled" else "\\"
        columns = ", ".join(f"'{column(i)}': 'VARCHAR'" for i in range(width))
        names = ", ".join(f"'{column(i)}'" for i in range(width))
        options = (
            f"auto_detect = false, header = {header}, delim = {self.literal(dialect.delimiter)}, "
            f"quote = '\"', escape = {self.literal(escape)}, new_line = '\\n', "
            f"strict_mode = true, max_line_size = {LONGEST_ROW}, buffer_size = {_BUFFER}, "
            f"columns = {{{columns}}}, force_not_null = [{names}]"
        )
        self._connection.execute(
            "create or replace view cells as select * "
            f"from read_csv({self.literal(str(path))}, {options})"
        )
        self.expect(width)

    def expect(self, width: int) -> None:
        """Take the memory that tables of so many columns need."""
        if width > WIDE:
            self._connection.execute("set threads = 1")
            self._allow(_MEGABYTES + int(width * _MEGABYTES_FOR_COLUMN))

    def keep_by_column(self, path: Path) -> None:
        """Copy the view `cells` to `path`, from where columns are read without the others.

        Raises:
            CannotRead: The text is not what its dialect says.
            TooManyGroups: The memory is too small for rows of this width.
        """
        target = self.literal(str(path))
        self.query(f"copy (select * from cells) to {target} ({_BY_COLUMN})")
        self.query(f"create or replace view cells as select * from read_parquet({target})")

    def query(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """Return all rows of the answer.

        Raises:
            CannotRead: The text is not what its dialect says.
            TooManyGroups: The memory is too small for this question.
            OSError: The disk is full.
        """
        import duckdb

        try:
            with _translated():
                found: Sequence[tuple[Any, ...]] = self._run(sql).fetchall()
        except (duckdb.InvalidInputException, duckdb.NotImplementedException) as error:
            raise CannotRead(type(error).__name__) from error
        return found

    def arrays(self, sql: str) -> dict[str, Any]:
        """Return the columns of the answer as NumPy arrays; none of them may hold a null."""
        with _translated():
            found: dict[str, Any] = self._run(sql).fetchnumpy()
        return found

    def enumerate(self, name: str, cell: str, table: str) -> list[str]:
        """Make a type of the texts that a column holds, and return them in its order."""
        distinct = f"select distinct {cell} as text from {table} order by text"
        self.statement(f"create type {name} as enum ({distinct})")
        return [text for (text,) in self.query(f"select unnest(enum_range(null::{name}))")]

    def statement(self, sql: str) -> None:
        """Run what has no answer."""
        with _translated():
            self._run(sql)

    def _run(self, sql: str) -> Any:
        import duckdb

        try:
            return self._connection.execute(sql)
        except duckdb.OutOfMemoryException:
            if self._reserve is None:
                raise
        self._allow(self._reserve)
        self._reserve = None
        return self._connection.execute(sql)

    def _allow(self, megabytes: int) -> None:
        """Take so much memory at most, and never less than was allowed before."""
        self._megabytes = max(megabytes, self._megabytes)
        self._connection.execute(f"set memory_limit = '{self._megabytes}MB'")

    def keep(self, name: str, sql: str) -> None:
        """Keep the answer, to be asked as the table `name`.

        Raises:
            CannotRead: The text is not what its dialect says.
        """
        self.query(f"create or replace temp table {name} as {sql}")

    def write_lines(self, sql: str, path: Path, header: str = "") -> None:
        """Write the only column of the answer as lines, in the order of the file.

        Args:
            sql: The question.
            path: Where the lines go.
            header: A line to stand before them; none when empty.

        Raises:
            CannotRead: The text is not what its dialect says.
        """
        # DuckDB writes the column's name first where a header is asked for.
        name = '"' + (header or "line").replace('"', '""') + '"'
        self.query(
            f"copy (select * from ({sql}) as lines({name})) to {self.literal(str(path))} "
            f"(format csv, header {bool(header)}, quote '', escape '', delimiter '\x01')"
        )

    def literal(self, text: str) -> str:
        """Return `text` as an SQL literal."""
        return "'" + text.replace("'", "''") + "'"

    def matches(self, cell: str, pattern: str) -> str:
        """Return the condition that the whole of `cell` matches `pattern`."""
        return f"regexp_full_match({cell}, {self.literal(pattern)})"

    def number(self, cell: str) -> str:
        """Return `cell` as a double, null or infinite where a double cannot hold it."""
        return f"try_cast({cell} as double)"

    def grouped(self, source: str, groups: Sequence[Group], aggregates: str) -> str:
        """Return the query that groups the rows of a query in several ways at once."""
        which = " ".join(
            f"when grouping({next(iter(keys.values()))}) = 0 then {which}" for which, keys in groups
        )
        columns: dict[str, dict[str, None]] = {}
        for _, keys in groups:
            for name, key in keys.items():
                columns.setdefault(name, {})[key] = None
        shown = ", ".join(
            f"coalesce({', '.join(each)}) as {name}" for name, each in columns.items()
        )
        sets = ", ".join(f"({', '.join(keys.values())})" for _, keys in groups)
        return (
            f"select case {which} end as which, {shown}, {aggregates} from ({source}) "
            f"group by grouping sets ({sets})"
        )

    def octets(self, cell: str) -> str:
        """Return the bytes of `cell` in UTF-8."""
        return f"strlen({cell})"

    def fingerprint(self, cells: Sequence[str]) -> str:
        """Return a whole number that is the same for the same cells and no other, nearly."""
        return f"hash({', '.join(cells)})"

    def quantiles(self, number: str, shares: Sequence[float]) -> str:
        """Return the expression for a list of quantiles of `number`, nulls left out."""
        return f"approx_quantile({number}, [{', '.join(map(str, shares))}])"
