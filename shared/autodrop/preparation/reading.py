"""A dropped file as a table that an engine reads, and what is wrong where it cannot be one."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from autodrop.errors import Rejected
from autodrop.findings import counted, quoted, shortened
from autodrop.preparation import parquet
from autodrop.preparation.cells import Kind, kind_of
from autodrop.preparation.dialect import (
    LONGEST_ROW,
    SAMPLE_BYTES,
    Dialect,
    Record,
    Sample,
    choose,
    column_names,
    csv_records,
    readings,
    unclear,
)
from autodrop.preparation.duckdb_engine import DuckDB
from autodrop.preparation.engine import CannotRead
from autodrop.preparation.facts import TableFacts
from autodrop.preparation.text import (
    TextFile,
    from_line,
    open_text,
    without_lines,
)
from autodrop.settings import ReadSettings

# A file that ends with at most so many rows of another width has a footer, not damaged rows.
_LONGEST_FOOTER = 20
_LAST_BYTES = 64 * 1024
_TOTALS = frozenset(
    {"total", "totals", "grand total", "sum", "subtotal", "gesamt", "summe", "totale", "somme"}
)


@dataclass(frozen=True)
class Table:
    """A file that begins like a table.

    Attributes:
        text: The file as text, header first.
        dialect: How its cells are separated and quoted.
        header: The cells of the header as they are.
        names: The columns.
        header_lines: Lines of `text` that the header takes.
        sample: The first rows below the header, all as wide as the header.
        is_parquet: Whether the dropped file was Parquet.
    """

    text: TextFile
    dialect: Dialect
    header: tuple[str, ...]
    names: tuple[str, ...]
    header_lines: int
    sample: Sequence[Sequence[str]] = field(repr=False)
    is_parquet: bool = False

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.names)

    @property
    def expected_rows(self) -> int:
        """About how many rows there are: exactly, where every record is a line."""
        return max(self.text.lines - self.header_lines, len(self.sample))

    def line_of(self, line: int) -> int:
        """Return the line of the dropped file that is this 1-based line of the text."""
        return line + self.text.skipped

    def header_bytes(self) -> bytes:
        """Return the header as it stands in the text."""
        with self.text.path.open("rb") as file:
            return b"".join(file.readline() for _ in range(self.header_lines))


def open_table(
    paths: Sequence[Path], file_name: str, folder: Path, settings: ReadSettings, longest: int
) -> Table:
    """Look at the beginning of a file, or of the parts of a Parquet folder, as a table.

    Args:
        paths: The file, or the parts.
        file_name: What it was called when it was dropped, for messages.
        folder: Where copies go.
        settings: What the user says about reading it.
        longest: The most bytes that it may have unpacked.

    Raises:
        Rejected: It is no table, or it is one in more than one reading.
    """
    is_parquet = parquet.is_parquet(paths[0])
    if is_parquet:
        text = parquet.to_text(paths, file_name, folder, longest)
        settings = ReadSettings(delimiter=",", escape="doubled", decimal=".")
    else:
        text = open_text(paths[0], file_name, folder, encoding=settings.encoding, longest=longest)
    if settings.header_line > 1:
        text = from_line(text, settings.header_line, folder)
    return table_of(
        text,
        file_name,
        settings,
        lambda found: _the_one(found, text, folder),
        lambda: _other_escapes(text.path),
        is_parquet=is_parquet,
    )


def table_of(
    text: TextFile,
    file_name: str,
    settings: ReadSettings,
    the_one: Callable[[Sequence[Sample]], Sample],
    other_escapes: Callable[[], bool],
    *,
    is_parquet: bool = False,
) -> Table:
    """Return the table that a text begins like.

    Args:
        text: The text; only its beginning is read.
        file_name: What it was called when it was dropped, for messages.
        settings: What the user says about reading it.
        the_one: Chooses between readings that the beginning allows, by the rest of the text.
        other_escapes: Tells whether a backslash stands before something else than a quote or a
            backslash, anywhere in the text.
        is_parquet: Whether the dropped file was Parquet.

    Raises:
        Rejected: It is no table, or it is one in more than one reading.
    """
    start = _beginning(text)
    if not start.strip():
        raise Rejected(
            "EMPTY_FILE",
            f"{file_name} has nothing from line {text.skipped + 1} on.",
            "Correct `read.header_line`: it is to be the line of the column names.",
        )
    found = readings(start, delimiter=settings.delimiter, escape=settings.escape)
    sample = the_one(choose(found, file_name, text.skipped + 1))
    if settings.escape is None and sample.dialect.escape == "doubled":
        _check_backslashes(text, other_escapes)
    check_header(sample.header, text.skipped + 1)
    records = csv_records(io.StringIO(start, newline="\n"), sample.dialect)
    header = next(records)
    return Table(
        text=text,
        dialect=sample.dialect,
        header=tuple(sample.header),
        names=column_names(sample.header),
        header_lines=header.last_line,
        sample=[row for row in sample.rows[1:] if len(row) == len(sample.header)],
        is_parquet=is_parquet,
    )


def check_reading(table: Table, facts: TableFacts, folder: Path) -> Table | None:
    """Check that every byte of the text is in a cell, or between two; None when it is so.

    DuckDB forgives a delimiter at the end of a row and a space behind a quote. A cell, a
    separator or a line end that is not accounted for shows here, and a slower reader finds it.

    Returns the table to read instead, when lines of nothing but spaces were in the way.

    Raises:
        Rejected: `RAGGED_ROW`, `BAD_QUOTES`, `ESCAPES_UNCLEAR`, `CSV_UNCLEAR` and the like.
    """
    if not is_accounted_for(table, facts, lambda: _other_escapes(table.text.path)):
        return diagnosed(table, folder)
    if facts.line_feeds:
        _check_swallowed(table)
    if not table.is_parquet:
        check_totals(table)
    if may_hold_two_tables(table, facts):
        _check_second_table(table)
    return None


def is_accounted_for(
    table: Table, facts: TableFacts, other_escapes: Callable[[], bool], *, spaces: int = 0
) -> bool:
    """Return whether every byte of the text is in a cell that was counted, or between two.

    Args:
        table: The text, as it was read.
        facts: What was counted in it.
        other_escapes: Tells whether a backslash stands before something else than a quote or a
            backslash, anywhere in the text.
        spaces: Bytes in lines of nothing but spaces that were left out.

    Raises:
        Rejected: `ESCAPES_UNCLEAR`.
    """
    text, header = table.text, table.header_bytes()
    size = text.size - len(header) - spaces
    quotes = text.quotes - header.count(b'"')
    line_feeds = text.lines - header.count(b"\n")
    backslashes = text.backslashes - header.count(b"\\")
    raw = size - quotes - line_feeds
    read = facts.octets - facts.quotes - facts.line_feeds + facts.rows * (table.width - 1)
    if table.dialect.escape == "backslash":
        raw -= backslashes
        read -= facts.backslashes
        if backslashes != 2 * facts.backslashes + facts.quotes or other_escapes():
            raise _escapes_unclear()
    blank = line_feeds - facts.line_feeds - facts.rows
    return raw == read and blank >= -1 and facts.quotes <= quotes


def diagnosed(table: Table, folder: Path) -> Table:
    """Return the table without its lines of nothing but spaces, which stop DuckDB.

    Read by Python's strict `csv`, which is slow and tells the line.

    Raises:
        Rejected: There is something else that keeps the text from being a table.
    """
    spaces: set[int] = set()
    ragged: Counter[int] = Counter()
    first: Record | None = None
    good_after = blank_before = False
    after_blank = False
    with table.text.path.open(encoding="utf-8", newline="\n") as file:
        records = csv_records(file, table.dialect, blank=True)
        line = 1
        try:
            for record in records:
                line = record.last_line + 1
                if record.is_blank:
                    after_blank = True
                    if record.cells and record.cells[0]:
                        spaces.update(range(record.line, record.last_line + 1))
                    continue
                if len(record.cells) == table.width:
                    good_after = bool(ragged)
                else:
                    if first is None:
                        first = record
                        blank_before = after_blank
                    ragged[len(record.cells)] += 1
                after_blank = False
        except csv.Error as error:
            if first is None:
                raise bad_record(table, line, str(error)) from None
    if first is not None:
        raise ragged_rows(table, first, ragged, good_after=good_after, blank_before=blank_before)
    if not spaces:
        raise csv_unclear(table)
    text = without_lines(table.text, frozenset(spaces), folder)
    return Table(text, table.dialect, table.header, table.names, table.header_lines, table.sample)


def csv_unclear(table: Table) -> Rejected:
    """Return the refusal of a text that two strict readers understand differently."""
    spaced = space_before_quote(table.dialect.delimiter)
    with table.text.path.open(encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, 1):
            if spaced.search(line):
                return spaced_quote(table, number)
    return Rejected(
        "CSV_UNCLEAR",
        "Two readers understand the line ends or quotes of this file differently.",
        "Save it anew with one kind of line ends and quotes around every text, the inner ones "
        "doubled, or drop it as Parquet.",
    )


def space_before_quote(delimiter: str) -> re.Pattern[str]:
    """Return what finds a cell that begins with spaces and a quote in a line."""
    return re.compile(rf'(?:^|{re.escape(delimiter)})[ \t]+"')


def spaced_quote(table: Table, line: int) -> Rejected:
    """Return the refusal of a text with such a cell on a line."""
    place = table.line_of(line)
    return Rejected(
        "CSV_UNCLEAR",
        f"In line {place} a space stands before a quote: the quote can belong to the text, or "
        "stand around it.",
        "Write quotes right behind the delimiter.",
        line=place,
    )


def lines_of(table: Table, rows: Sequence[int]) -> dict[int, int]:
    """Return the line of the dropped file on which each 0-based data row begins."""
    if table.is_parquet:
        return {}
    if not table.text.quotes and not _has_blank_lines(table):
        return {row: table.line_of(row + table.header_lines + 1) for row in rows}
    wanted, found = set(rows), {}
    with table.text.path.open(encoding="utf-8", newline="\n") as file:
        records = csv_records(file, table.dialect)
        next(records)
        for row, record in enumerate(records):
            if row in wanted:
                found[row] = table.line_of(record.line)
                if len(found) == len(wanted):
                    break
    return found


def _has_blank_lines(table: Table) -> bool:
    with table.text.path.open("rb") as file:
        last = b""
        while chunk := file.read(4 * 1024 * 1024):
            if b"\n\n" in last + chunk:
                return True
            last = chunk[-1:]
    return False


def _beginning(text: TextFile) -> str:
    with text.path.open("rb") as file:
        start = file.read(SAMPLE_BYTES)
        if len(start) == SAMPLE_BYTES:
            # To the end of a line; a line longer than the sample is taken whole.
            cut = start.rfind(b"\n")
            start = start[: cut + 1] if cut > 0 else start + file.readline(LONGEST_ROW)
    return start.decode(errors="ignore")


def _the_one(tables: Sequence[Sample], text: TextFile, folder: Path) -> Sample:
    """Return the reading that is right.

    Raises:
        Rejected: `DIALECT_UNCLEAR` when two are possible to the end of the file.
    """
    if len(tables) > 1 and text.size > SAMPLE_BYTES:
        tables = [table for table in tables if _reads(table, text, folder)] or tables[:1]
    if len(tables) > 1 and (refusal := unclear(tables[0], tables[1])):
        raise refusal
    return tables[0]


def _reads(sample: Sample, text: TextFile, folder: Path) -> bool:
    with DuckDB(folder) as engine:
        try:
            engine.read_csv(text.path, sample.dialect, len(sample.header))
            engine.query("select count(c0) from cells")
        except CannotRead:
            return False
    return True


def check_header(header: Sequence[str], line: int) -> None:
    """Check that a header holds names, each once.

    Raises:
        Rejected: `NO_HEADER` or `DUPLICATE_COLUMNS`.
    """
    if all(kind_of(name) in (Kind.NUMBER, Kind.DECIMAL_COMMA, Kind.HUGE) for name in header):
        raise Rejected(
            "NO_HEADER",
            "The first row holds only numbers: the file has no header.",
            "Add a first row with the column names.",
            line=line,
        )
    names = column_names(header)
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        more = f" (and {len(repeated) - 1} more)" if len(repeated) > 1 else ""
        raise Rejected(
            "DUPLICATE_COLUMNS",
            f"Two columns are called {quoted(repeated[0])}{more}.",
            "Give every column a name of its own.",
            line=line,
            column=repeated[0],
        )


def bad_record(table: Table, line: int, error: str) -> Rejected:
    """Return the refusal of a table whose record on a line stops `csv` with an error."""
    place = table.line_of(line)
    if "new-line character" in error:
        return Rejected(
            "BAD_LINE_END",
            f"Line {place} has a carriage return in the middle.",
            "Save the file with one kind of line ends.",
            line=place,
        )
    if "field larger" in error:
        return too_long(place)
    return Rejected(
        "BAD_QUOTES",
        f"The record that starts in line {place} cannot be read: {error}.",
        'Put cells with quotes into quotes and double the inner ones: "say ""hi""".',
        line=place,
    )


def too_long(line: int | None) -> Rejected:
    """Return the refusal of a table with a row that is longer than engines read."""
    return Rejected(
        "ROW_TOO_LONG",
        f"A row is longer than {LONGEST_ROW / 1e6:.1f} MB, the most that batch transform takes.",
        "Shorten its texts, or check the quotes around it.",
        line=line,
    )


def check_row_lengths(table: Table) -> None:
    """Check that no line is longer than an engine reads; called where one could not read.

    Raises:
        Rejected: `ROW_TOO_LONG`.
    """
    with table.text.path.open("rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_ROW + 1), b""), 1):
            if len(line) > LONGEST_ROW:
                raise too_long(table.line_of(number))


def ragged_rows(
    table: Table,
    first: Record,
    ragged: Counter[int],
    *,
    good_after: bool,
    blank_before: bool,
) -> Rejected:
    """Return the refusal of a table in which some rows have another number of cells.

    Args:
        table: The table.
        first: The first of them.
        ragged: How many rows there are of each other number.
        good_after: Whether a row as wide as the table comes after the first.
        blank_before: Whether a blank line comes before the first.
    """
    line, cells = table.line_of(first.line), len(first.cells)
    rows = ragged.total()
    if not good_after and blank_before and rows > 1 and len(ragged) == 1 and cells > 1:
        return Rejected(
            "MULTIPLE_TABLES",
            f"A second table begins in line {line}: {counted(rows, 'row')} of "
            f"{counted(cells, 'cell')} after a blank line, but the header has "
            f"{counted(table.width, 'column')}.",
            "Drop each table as a file of its own.",
            line=line,
        )
    is_note = cells == 1 and table.width > 2 and kind_of(first.cells[0]) is Kind.TEXT
    if not good_after and rows <= _LONGEST_FOOTER and (is_note or blank_before):
        return Rejected(
            "FOOTER",
            f"What stands from line {line} on is no part of the table, which has "
            f"{counted(table.width, 'column')}.",
            "Delete the lines below the table.",
            line=line,
            example=shortened(table.dialect.delimiter.join(first.cells)),
        )
    have = "has" if rows == 2 else "have"
    more = f" {counted(rows - 1, 'more row')} {have} another number of cells as well."
    return Rejected(
        "RAGGED_ROW",
        f"Line {line} has {counted(cells, 'cell')}, but the header has "
        f"{counted(table.width, 'column')}.{more if rows > 1 else ''}",
        "Check that line for a missing or extra delimiter, or put its text into quotes.",
        line=line,
    )


def _other_escapes(path: Path) -> bool:
    """Return whether a backslash stands before something else than a quote or a backslash."""
    kept = b""
    with path.open("rb") as file:
        while chunk := file.read(4 * 1024 * 1024):
            rest = (kept + chunk).replace(b"\\\\", b"").replace(b'\\"', b"")
            kept = b"\\" if rest.endswith(b"\\") else b""
            if b"\\" in rest[: len(rest) - len(kept)]:
                return True
    return bool(kept)


def _check_backslashes(text: TextFile, other_escapes: Callable[[], bool]) -> None:
    """Check that backslashes are characters, where no quote stands behind one.

    Raises:
        Rejected: `ESCAPES_UNCLEAR` when all of them come in pairs, as where each stands for one.
    """
    if text.backslashes and not text.escapes and not other_escapes():
        raise Rejected(
            "ESCAPES_UNCLEAR",
            "All backslashes of the file come in pairs: each pair can be two characters, or an "
            "escaped one.",
            "Set `read.escape` to doubled if they are two characters, else to backslash.",
        )


def _escapes_unclear() -> Rejected:
    return Rejected(
        "ESCAPES_UNCLEAR",
        'Some quotes are written as \\" but other backslashes can be read in two ways: as '
        "characters of the text, or as signs that are left out.",
        'Write quotes inside quoted cells twice ("say ""hi"""), or set `read.escape: doubled` if '
        "backslashes are only characters.",
    )


def _check_swallowed(table: Table) -> None:
    """Check that no quoted cell runs over lines that are rows of the table.

    Raises:
        Rejected: `BAD_QUOTES` where a quote that was never closed meets a later one.
    """
    row = row_pattern(table.dialect, table.width)
    if row is None:
        return
    with table.text.path.open(encoding="utf-8", newline="\n") as file:
        for record in csv_records(file, table.dialect):
            if record.last_line > record.line and (lines := swallowed_lines(record.cells, row)):
                raise swallowed(table, record.line, lines)


def row_pattern(dialect: Dialect, width: int) -> re.Pattern[str] | None:
    """Return what a row of a table matches; None where any text with a comma would."""
    if width < 3:
        return None
    delimiters = re.escape(dialect.delimiter) + ","
    return re.compile(rf"(?:[^{delimiters}\n]*[{delimiters}]){{{width - 1}}}[^{delimiters}\n]*")


def swallowed_lines(cells: Sequence[str], row: re.Pattern[str]) -> int:
    """Return over how many lines the first cell runs that holds a whole row; 0 if none does."""
    for cell in cells:
        inner = cell.split("\n")[1:-1]
        if any(row.fullmatch(line) for line in inner):
            return len(inner) + 1
    return 0


def swallowed(table: Table, line: int, lines: int) -> Rejected:
    """Return the refusal of a table in which a quoted cell runs over so many lines."""
    place = table.line_of(line)
    return Rejected(
        "BAD_QUOTES",
        f"A quoted cell in the record that starts in line {place} runs over {lines:,} lines that "
        "look like rows of the table.",
        "Close the quote, or double it if it belongs to the text.",
        line=place,
    )


def check_totals(table: Table) -> None:
    """Check that the last row does not add up the others.

    Raises:
        Rejected: `FOOTER`.
    """
    with table.text.path.open("rb") as file:
        file.seek(max(0, table.text.size - _LAST_BYTES))
        end = file.read().decode(errors="ignore").rstrip("\n")
    last = end.rpartition("\n")[2]
    try:
        cells = next(csv_records(io.StringIO(last), table.dialect)).cells
    except (csv.Error, StopIteration):
        return
    said = [cell.strip() for cell in cells if cell.strip()]
    if (
        len(cells) == table.width > 2
        and said
        and said[0].rstrip(":").lower() in _TOTALS
        and 2 * len(said) <= table.width + 1
    ):
        line = table.line_of(table.text.lines + (not _ends_with_line_feed(table)))
        raise Rejected(
            "FOOTER",
            f"The last row, {quoted(said[0])}, adds up the others.",
            "Delete it.",
            line=line - _blank_lines_at_end(table),
            example=shortened(last),
        )


def _ends_with_line_feed(table: Table) -> bool:
    with table.text.path.open("rb") as file:
        file.seek(-1, 2)
        return file.read() == b"\n"


def _blank_lines_at_end(table: Table) -> int:
    with table.text.path.open("rb") as file:
        file.seek(max(0, table.text.size - _LAST_BYTES))
        end = file.read()
    return max(0, len(end) - len(end.rstrip(b"\n")) - 1)


def may_hold_two_tables(table: Table, facts: TableFacts) -> bool:
    """Return whether there are blank lines, and texts in a column that is mostly numbers."""
    lines = table.text.lines - table.header_bytes().count(b"\n")
    return lines - facts.line_feeds - facts.rows > 0 and any(
        column.is_mixed and column.numeric * 2 > column.present for column in facts.columns
    )


def looks_like_header(cells: Sequence[str], width: int) -> bool:
    """Return whether cells can be the names of a table as wide as this."""
    return len(cells) == width and all(kind_of(cell) is Kind.TEXT for cell in cells)


def second_table(table: Table, line: int, cells: Sequence[str]) -> Rejected:
    """Return the refusal of a text in which these cells are the header of another table."""
    place = table.line_of(line)
    return Rejected(
        "MULTIPLE_TABLES",
        f"A second table begins in line {place}, after a blank line: "
        f"{shortened(table.dialect.delimiter.join(cells))}",
        "Drop each table as a file of its own.",
        line=place,
    )


def _check_second_table(table: Table) -> None:
    """Check that no other header follows a blank line.

    Raises:
        Rejected: `MULTIPLE_TABLES`.
    """
    blank = False
    with table.text.path.open(encoding="utf-8", newline="\n") as file:
        for record in csv_records(file, table.dialect, blank=True):
            if blank and not record.is_blank and looks_like_header(record.cells, table.width):
                raise second_table(table, record.line, record.cells)
            blank = record.is_blank
