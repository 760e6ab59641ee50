"""A dropped file as a table of blocks, and what is wrong where it cannot be one."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from autodrop.errors import Rejected
from autodrop.findings import counted, quoted, shortened
from autodrop.preparation.cells.kinds import Kind, kind_of
from autodrop.preparation.reading import parquet
from autodrop.preparation.reading.blocks import Block, Problems, Shape, blocks_of, read_rows
from autodrop.preparation.reading.dialect import (
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
from autodrop.preparation.reading.storage import Stored, on_disk, stored
from autodrop.preparation.reading.text import BLOCK_BYTES, LONGEST_ROW, Span, Text, open_text
from autodrop.processors import Processors
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

    text: Text
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
    def shape(self) -> Shape:
        """How its rows are to be read."""
        return Shape(self.text, self.dialect, self.width)

    @property
    def expected_rows(self) -> int:
        """About how many rows there are: exactly, where every record is a line."""
        return max(self.text.total.lines - self.header_lines, len(self.sample))

    def line_of(self, line: int) -> int:
        """Return the line of the dropped file that is this 1-based line of the text."""
        return line + self.text.skipped


def open_table(
    files: Sequence[Stored],
    file_name: str,
    folder: Path,
    settings: ReadSettings,
    processors: Processors,
    *,
    longest: int,
    block_bytes: int = BLOCK_BYTES,
) -> Table:
    """Look at the beginning of a file, or of the parts of a Parquet folder, as a table.

    Args:
        files: The file, or the parts.
        file_name: What it was called when it was dropped, for messages.
        folder: Where copies go.
        settings: What the user says about reading it.
        processors: Who looks at the whole of it.
        longest: The most bytes that it may have unpacked.
        block_bytes: About how many bytes are read together.

    Raises:
        Rejected: It is no table, or it is one in more than one reading.
    """
    is_parquet = parquet.is_parquet(files[0])
    file, encoding = files[0], settings.encoding
    if is_parquet:
        parts = [on_disk(each, folder / f"part-{i:05}") for i, each in enumerate(files)]
        file = stored(parquet.to_text(parts, file_name, folder, longest))
        settings = ReadSettings(delimiter=",", escape="doubled", decimal=".")
        encoding = "utf-8"
    text = open_text(
        file,
        file_name,
        folder,
        processors,
        encoding=encoding,
        longest=longest,
        block_bytes=block_bytes,
    )
    if settings.header_line - 1 > text.skipped:
        text = text.without_lines(settings.header_line - 1 - text.skipped)
    start = text.beginning(SAMPLE_BYTES).decode(errors="ignore")
    if not start.strip():
        raise Rejected(
            "EMPTY_FILE",
            f"{file_name} has nothing from line {text.skipped + 1} on.",
            "Correct `read.header_line`: it is to be the line of the column names.",
        )
    found = readings(start, delimiter=settings.delimiter, escape=settings.escape)
    sample = _the_one(choose(found, file_name, text.skipped + 1), text, processors)
    if settings.escape is None or sample.dialect.escape == "backslash":
        _check_escapes(text, sample.dialect, processors)
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


def _the_one(tables: Sequence[Sample], text: Text, processors: Processors) -> Sample:
    """Return the reading that is right.

    Raises:
        Rejected: `DIALECT_UNCLEAR` when two are possible to the end of the file.
    """
    if len(tables) > 1 and text.total.size > SAMPLE_BYTES:
        right = [each for each in tables if _reads(each, text, processors)]
        tables = right or tables[:1]
    if len(tables) > 1 and (refusal := unclear(tables[0], tables[1])):
        raise refusal
    return tables[0]


def _reads(sample: Sample, text: Text, processors: Processors) -> bool:
    """Return whether the whole text is a table in this reading."""
    shape = Shape(text, sample.dialect, len(sample.header))
    blocks = blocks_of(text, sample.dialect, processors)
    return all(processors.map(partial(_can_be_read, shape), blocks))


def _can_be_read(shape: Shape, block: Block) -> bool:
    problems = read_rows(shape, block).problems
    # Where a block was cut in a cell, only the next one can tell.
    return problems is None or problems.is_cut


def _check_escapes(text: Text, dialect: Dialect, processors: Processors) -> None:
    """Check that backslashes are either characters or before quotes, without a doubt.

    Raises:
        Rejected: `ESCAPES_UNCLEAR`.
    """
    total = text.total
    if not total.backslashes or (dialect.escape == "doubled" and total.escapes):
        return
    others = any(processors.map(partial(_has_other_escapes, text), text.spans))
    if dialect.escape == "backslash":
        if others:
            raise escapes_unclear()
    elif not others:
        # All come in pairs, as where each stands for one.
        raise Rejected(
            "ESCAPES_UNCLEAR",
            "All backslashes of the file come in pairs: each pair can be two characters, or an "
            "escaped one.",
            "Set `read.escape` to doubled if they are two characters, else to backslash.",
        )


def _has_other_escapes(text: Text, span: Span) -> bool:
    """Return whether a backslash stands before something else than a quote or a backslash."""
    return b"\\" in text.read(span).replace(b"\\\\", b"").replace(b'\\"', b"")


def escapes_unclear() -> Rejected:
    """Return the refusal of a text whose backslashes can be characters or signs."""
    return Rejected(
        "ESCAPES_UNCLEAR",
        'Some quotes are written as \\" but other backslashes can be read in two ways: as '
        "characters of the text, or as signs that are left out.",
        'Write quotes inside quoted cells twice ("say ""hi"""), or set `read.escape: doubled` if '
        "backslashes are only characters.",
    )


def check_blocks(table: Table, problems: Iterable[tuple[Problems | None, int]]) -> None:
    """Check that all blocks could be read, and hold rows as wide as the table only.

    Args:
        table: The table.
        problems: What is wrong with each block, and how many rows it has.

    Raises:
        Rejected: What is wrong first: `RAGGED_ROW`, `BAD_QUOTES`, `BAD_LINE_END`, `ROW_TOO_LONG`,
            `FOOTER`, `MULTIPLE_TABLES`, `CSV_UNCLEAR` or `ESCAPES_UNCLEAR`.
    """
    ragged: Counter[int] = Counter()
    first: Record | None = None
    good_after = blank_before = False
    listed = [(each or Problems(), rows) for each, rows in problems]
    for each, rows in listed:
        if first is None:
            first, blank_before = each.first_ragged, each.blank_before
            good_after = first is not None and each.good_after
        else:
            good_after = good_after or rows > 0
        ragged += each.ragged
        if first is None and each.too_long is not None:
            raise too_long(table.line_of(each.too_long))
        if first is None and each.error is not None:
            raise bad_record(table, *each.error)
        if each.error is not None or each.too_long is not None:
            break
    if first is not None:
        raise ragged_rows(table, first, ragged, good_after=good_after, blank_before=blank_before)
    for each, _ in listed:
        if each.spaced is not None:
            raise spaced_quote(table, each.spaced)
        if each.unaccounted and table.dialect.escape == "backslash":
            raise escapes_unclear()
        if each.unaccounted:
            raise Rejected(
                "CSV_UNCLEAR",
                "Two readers understand the line ends or quotes of this file differently.",
                "Save it anew with one kind of line ends and quotes around every text, the inner "
                "ones doubled, or drop it as Parquet.",
            )
        if each.swallowed is not None:
            raise swallowed(table, *each.swallowed)


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
    end = table.text.end(_LAST_BYTES).decode(errors="ignore")
    body = end.rstrip("\n")
    last = body.rpartition("\n")[2]
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
        lines = table.text.total.lines - (len(end) - len(body)) + 1
        raise Rejected(
            "FOOTER",
            f"The last row, {quoted(said[0])}, adds up the others.",
            "Delete it.",
            line=table.line_of(lines),
            example=shortened(last),
        )


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
