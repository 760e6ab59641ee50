"""DuckDB on tables that need not fit into the memory: what the results are computed with."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from autodrop.preparation.reading.dialect import Dialect
from autodrop.preparation.reading.text import LONGEST_ROW

# A whole multiple of the longest row: with others, DuckDB 1.4 fails on rows near that length.
_BUFFER = 2 * LONGEST_ROW
# More is slower: it is the parsing that takes the time, and every thread has its buffers.
_MEGABYTES = 256
# A wider table is one whose columns' buffers take the memory, in every thread again.
_WIDE = 100
_MEGABYTES_FOR_COLUMN = 0.5
_SETTINGS = {
    "threads": "2",
    # Nothing is loaded or fetched that did not come with the package.
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}


_FULL = "No space left on device"


class CannotRead(Exception):
    """The engine cannot read the text as the table that its dialect makes of it."""


class TooManyGroups(MemoryError):
    """The answer has more groups than the memory, and the disk beside it, holds at once."""


def column(position: int) -> str:
    """Return the name of a column in the view `cells`."""
    return f"c{position}"


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
    """A database with a view `cells` of text columns c0, c1, … in file order, none of them null.

    A context manager: leaving it closes the database.
    """

    def __init__(self, folder: Path, reserve: int | None = None) -> None:
        """Open a database.

        Args:
            folder: Takes what does not fit into memory.
            reserve: The memory to take, in megabytes, where a statement does not fit otherwise.
        """
        # Not above: only the function that writes results has DuckDB.
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
        if width > _WIDE:
            self._connection.execute("set threads = 1")
            self._allow(_MEGABYTES + int(width * _MEGABYTES_FOR_COLUMN))

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
