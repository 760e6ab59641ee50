"""A text in blocks of whole records, and the rows of a block.

Two readers give the same rows. The quick one, Polars between two looks at all bytes, reads what is
written as RFC 4180 has it. What these looks do not account for is read by Python's strict `csv`,
which also knows what is wrong and on which line.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import accumulate

import numpy as np
import numpy.typing as npt
import polars as pl

from autodrop.preparation.cells.kinds import Kind, kind_of
from autodrop.preparation.reading.dialect import Dialect, Record
from autodrop.preparation.reading.text import LONGEST_ROW, Span, Text
from autodrop.processors import Processors

_QUOTE, _LINE_FEED, _COMMA = b'",'[0], b"\n"[0], b","[0]
_UNEXPECTED_END = "unexpected end of data"
_ESCAPED = re.compile(rb'\\[\s\S]|["\n]')
_PLAIN = re.compile(rb'["\n]')
# Stands for a backslash while quotes are doubled: no UTF-8 holds it.
_BACKSLASH = b"\xff"

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Block:
    """Some records that are read together.

    Attributes:
        spans: Where its bytes are.
        line: Lines of the text before it.
        after_blank: Whether the line before it is blank.
        is_last: Whether the text ends with it.
    """

    spans: tuple[Span, ...]
    line: int
    after_blank: bool
    is_last: bool

    @property
    def has_header(self) -> bool:
        """Whether its first record is the header."""
        return self.line == 0


@dataclass(frozen=True)
class Shape:
    """How the rows of a text are to be read.

    Attributes:
        text: The text.
        dialect: How its cells are separated and quoted.
        width: How many cells a row has.
    """

    text: Text
    dialect: Dialect
    width: int


@dataclass
class Problems:
    """What keeps a block from being rows of a table. Lines are those of the text, and 1-based.

    Attributes:
        ragged: How many rows have which other number of cells.
        first_ragged: The first of them.
        blank_before: Whether a blank line comes before it.
        good_after: Whether a row as wide as the table comes after it.
        error: What stopped the reading, and the line of the record that did.
        too_long: The line of a row that is longer than batch transform takes.
        spaced: The line of a row with a cell that begins with spaces and a quote.
        swallowed: The line of a row that holds others, and the lines of its cell.
        unaccounted: Whether there are bytes that are in no cell and not between two.
    """

    ragged: Counter[int] = field(default_factory=Counter)
    first_ragged: Record | None = None
    blank_before: bool = False
    good_after: bool = False
    error: tuple[int, str] | None = None
    too_long: int | None = None
    spaced: int | None = None
    swallowed: tuple[int, int] | None = None
    unaccounted: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether the block ended inside a quoted cell."""
        return self.error is not None and self.error[1] == _UNEXPECTED_END

    def __bool__(self) -> bool:
        return bool(
            self.ragged
            or self.error
            or self.too_long is not None
            or self.spaced is not None
            or self.swallowed
            or self.unaccounted
        )


@dataclass(frozen=True)
class Rows:
    """The rows of a block, the header left out.

    Attributes:
        frame: A text column c0, c1, … for each column of the file, none of them null.
        lines: Shape (rows,): the line of the text on which each row begins, 1-based.
        line_feeds: Line feeds inside of cells.
        second_header: The line of what looks like another header behind a blank line, with its
            cells.
        problems: What is wrong; the rows are not all there then.
    """

    frame: pl.DataFrame
    lines: Positions
    line_feeds: int = 0
    second_header: tuple[int, list[str]] | None = None
    problems: Problems | None = None

    def only(self, chosen: npt.NDArray[np.bool_]) -> Rows:
        """Return some of the rows."""
        if chosen.all():
            return self
        return replace(self, frame=self.frame.filter(pl.Series(chosen)), lines=self.lines[chosen])


def column(position: int) -> str:
    """Return the name of a column in the frame of a block."""
    return f"c{position}"


def blocks_of(text: Text, dialect: Dialect, processors: Processors) -> list[Block]:
    """Return a text as blocks of records, as far as its quotes tell where a record ends."""
    if dialect.escape == "doubled":
        quotes = [seen.quotes for seen in text.looks]
    else:
        quotes = list(processors.map(partial(_plain_quotes, text), text.spans))
    opened = [before % 2 for before in accumulate(quotes, initial=0)]
    open_spans = [i for i, inside in enumerate(opened[:-1]) if inside]
    asked = processors.map(partial(_record_end, text, dialect), [text.spans[i] for i in open_spans])
    ends = dict(zip(open_spans, asked, strict=True))
    blocks: list[Block] = []
    current: list[Span] = []
    first_line = line = 0
    after_blank = False
    for i, (span, seen) in enumerate(zip(text.spans, text.looks, strict=True)):
        end, lines = ends.get(i, (span.first, 0))
        if end is None:
            current.append(span)
        else:
            if end > span.first:
                current.append(replace(span, last=end))
            if current:
                blocks.append(Block(tuple(current), first_line, after_blank, is_last=False))
            current, first_line = [replace(span, first=end)], line + lines
            # The line in which a quoted cell ends is not blank.
            after_blank = i > 0 and end == span.first and text.looks[i - 1].ends_blank
        line += seen.lines
    if current:
        blocks.append(Block(tuple(current), first_line, after_blank, is_last=False))
    return [*blocks[:-1], replace(blocks[-1], is_last=True)] if blocks else []


def joined(first: Block, second: Block) -> Block:
    """Return two neighbours as one block."""
    return replace(first, spans=(*first.spans, *second.spans), is_last=second.is_last)


def read_rows(shape: Shape, block: Block) -> Rows:
    """Return the rows of a block."""
    data = b"".join(map(shape.text.read, block.spans))
    if block.is_last:
        data = data.rstrip(b"\n")
    if data and not data.endswith(b"\n"):
        if not block.is_last:
            # The file was cut where a line has no end.
            too_long = Problems(too_long=block.line + data.count(b"\n") + 1)
            return replace(_read_strictly(shape, block, b""), problems=too_long)
        data += b"\n"
    return (_read_quickly(shape, block, data) if data else None) or _read_strictly(
        shape, block, data
    )


def first_rows(shape: Shape, size: int) -> pl.DataFrame:
    """Return the rows in the first bytes of a text; a last one that is cut off may be missing."""
    data = shape.text.beginning(size)
    block = Block((), 0, after_blank=False, is_last=False)
    rows = _read_quickly(shape, block, data) if data.endswith(b"\n") else None
    return (rows or _read_strictly(shape, block, data)).frame


def _plain_quotes(text: Text, span: Span) -> int:
    """Return how many quotes have no backslash before them."""
    return text.read(span).replace(b"\\\\", b"").replace(b'\\"', b"").count(b'"')


def _record_end(text: Text, dialect: Dialect, span: Span) -> tuple[int | None, int]:
    """Return where a record ends that began before the span, and the lines until there."""
    signs = _PLAIN if dialect.escape == "doubled" else _ESCAPED
    data = text.read(span)
    inside, lines = True, 0
    for sign in signs.finditer(data):
        if sign[0] == b'"':
            inside = not inside
        elif sign[0] == b"\n":
            lines += 1
            if not inside:
                return span.first + sign.end(), lines
        else:
            lines += sign[0].count(b"\n")
    return None, lines


@dataclass(frozen=True)
class _Ends:
    """Where the records of a block end.

    Attributes:
        records: Positions of the line feeds behind records.
        lines: For each record, the lines of the block before it.
        line_feeds: Line feeds inside of cells.
        quotes: Quotes, those inside of cells twice.
        doubled: Quotes inside of cells.
    """

    records: Positions
    lines: Positions
    line_feeds: int = 0
    quotes: int = 0
    doubled: int = 0


def _read_quickly(shape: Shape, block: Block, data: bytes) -> Rows | None:
    """Return the rows of a block; None where not every byte of it is accounted for."""
    escaped = 0
    if shape.dialect.escape == "backslash" and b"\\" in data:
        escaped = data.replace(b"\\\\", b"").count(b'\\"')
        data = data.replace(b"\\\\", _BACKSLASH).replace(b'\\"', b'""').replace(_BACKSLASH, b"\\")
    delimiter = shape.dialect.delimiter
    ends = _ends(data, ord(delimiter), shape.width)
    if ends is None or (shape.dialect.escape == "backslash" and ends.doubled != escaped):
        return None
    lengths = np.diff(ends.records, prepend=-1)
    if not len(lengths) or int(lengths.min()) < 2 or int(lengths.max()) > LONGEST_ROW:
        return None
    try:
        frame = pl.read_csv(
            data,
            has_header=False,
            schema=dict.fromkeys(map(column, range(shape.width)), pl.String),
            separator=delimiter,
            quote_char='"' if ends.quotes else None,
            infer_schema=False,
            missing_utf8_is_empty_string=True,
            rechunk=True,
        )
    except pl.exceptions.PolarsError:
        return None
    if frame.height != len(ends.records):
        return None
    octets = sum(frame.select(pl.all().str.len_bytes().sum()).row(0))
    between = frame.height * shape.width + ends.quotes - ends.doubled
    if octets + between != len(data):
        return None
    lines = ends.lines + (block.line + 1)
    if block.has_header:
        frame, lines = frame[1:], lines[1:]
    return Rows(frame, lines, ends.line_feeds)


def _ends(data: bytes, delimiter: int, width: int) -> _Ends | None:
    """Return where records end; None where a quote stands neither around a cell nor doubled in one.

    Nor where a quoted cell runs over lines that can be rows of the table.
    """
    codes = np.frombuffer(data, dtype=np.uint8)
    line_feeds = np.flatnonzero(codes == _LINE_FEED)
    if b'"' not in data:
        return _Ends(line_feeds, np.arange(len(line_feeds)))
    quotes = np.flatnonzero(codes == _QUOTE)
    if len(quotes) % 2:
        return None
    opening, closing = quotes[::2], quotes[1::2]
    # Of two quotes beside each other, the first closes and the second opens again.
    doubled = opening[1:] == closing[:-1] + 1
    before = np.where(opening > 0, codes[opening - 1], _LINE_FEED)
    behind = codes[closing + 1]
    opens = (before == delimiter) | (before == _LINE_FEED)
    closes = (behind == delimiter) | (behind == _LINE_FEED)
    opens[1:] |= doubled
    closes[:-1] |= doubled
    if not (opens.all() and closes.all()):
        return None
    is_inside = np.searchsorted(quotes, line_feeds) % 2 == 1
    inside = line_feeds[is_inside]
    if (
        len(inside)
        and width > 2
        and _may_swallow(codes, inside, closing, doubled, delimiter, width)
    ):
        return None
    ends = np.flatnonzero(~is_inside)
    starts = np.concatenate(([0], ends[:-1] + 1))
    return _Ends(line_feeds[ends], starts, len(inside), len(quotes), int(doubled.sum()))


def _may_swallow(
    codes: npt.NDArray[np.uint8],
    inside: Positions,
    closing: Positions,
    doubled: npt.NDArray[np.bool_],
    delimiter: int,
    width: int,
) -> bool:
    """Return whether a line inside of a quoted cell has as many separators as a row has."""
    last = closing[np.concatenate((~doubled, [True]))]
    cells = np.searchsorted(last, inside)
    separators = np.flatnonzero((codes == delimiter) | (codes == _COMMA))
    counted = np.searchsorted(separators, inside)
    is_line = cells[1:] == cells[:-1]
    return bool((is_line & (np.diff(counted) == width - 1)).any())


def _read_strictly(shape: Shape, block: Block, data: bytes) -> Rows:
    """Return the rows of a block as Python's `csv` reads them, and what it is that it refuses."""
    # The library's limit of 131,072 characters is a process-wide setting.
    csv.field_size_limit(2 * LONGEST_ROW)
    dialect, width = shape.dialect, shape.width
    problems = Problems()
    whole_row = row_pattern(dialect, width)
    rows: list[list[str]] = []
    lines: list[int] = []
    line_feeds = 0
    accounted = _Accounted()
    second_header: tuple[int, list[str]] | None = None
    after_blank, is_header = block.after_blank, block.has_header
    first_line = block.line + 1
    reader = csv.reader(
        io.StringIO(data.decode(), newline="\n"),
        delimiter=dialect.delimiter,
        strict=True,
        doublequote=dialect.escape == "doubled",
        escapechar=None if dialect.escape == "doubled" else "\\",
    )
    spaced: list[int] = []
    try:
        for cells in reader:
            line, first_line = first_line, block.line + reader.line_num + 1
            if len(cells) != width:
                record = Record(line, first_line - 1, cells)
                if record.is_blank:
                    after_blank = True
                    accounted.add(cells)
                    continue
                if problems.first_ragged is None:
                    problems.first_ragged, problems.blank_before = record, after_blank
                    problems.good_after = False
                problems.ragged[len(cells)] += 1
                after_blank = False
                continue
            problems.good_after = True
            if first_line - line > 1:
                line_feeds += sum(cell.count("\n") for cell in cells)
                over = swallowed_lines(cells, whole_row) if whole_row else 0
                if over and problems.swallowed is None:
                    problems.swallowed = line, over
            if after_blank:
                if second_header is None and looks_like_header(cells, width):
                    second_header = line, cells
                after_blank = False
            if any('"' in cell and cell.lstrip(" \t")[:1] == '"' for cell in cells):
                spaced.append(line)
            accounted.add(cells)
            if is_header:
                is_header = False
                line_feeds -= sum(cell.count("\n") for cell in cells)
                continue
            if sum(map(len, cells)) > LONGEST_ROW // 4 and (
                len("".join(cells).encode()) + width - 1 > LONGEST_ROW
            ):
                problems.too_long = line
                break
            rows.append(cells)
            lines.append(line)
    except csv.Error as error:
        problems.error = first_line, str(error)
    problems.spaced = _spaced_line(block, data, spaced, dialect)
    if not problems:
        problems.unaccounted = not accounted.is_all_of(data, dialect)
    names = list(map(column, range(width)))
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return Rows(
        frame,
        np.array(lines, dtype=np.int64),
        line_feeds,
        second_header,
        problems if problems else None,
    )


@dataclass
class _Accounted:
    """Bytes that are in cells, by what they are.

    Python's `csv` leaves a carriage return at the end of a row away, and takes a backslash before
    any character for an escape: what is not accounted for shows here.
    """

    separators: int = 0
    octets: int = 0
    quotes: int = 0
    line_feeds: int = 0
    backslashes: int = 0

    def add(self, cells: Sequence[str]) -> None:
        """Add the cells of a record."""
        record = "".join(cells)
        self.separators += max(len(cells) - 1, 0)
        self.octets += len(record.encode())
        self.quotes += record.count('"')
        self.line_feeds += record.count("\n")
        self.backslashes += record.count("\\")

    def is_all_of(self, data: bytes, dialect: Dialect) -> bool:
        """Return whether these are all bytes of a text, but for quotes and line ends."""
        raw = len(data) - data.count(b'"') - data.count(b"\n")
        read = self.octets - self.quotes - self.line_feeds + self.separators
        if dialect.escape == "doubled":
            return raw == read
        backslashes = data.count(b"\\")
        return (
            raw - backslashes == read - self.backslashes
            and backslashes == 2 * self.backslashes + self.quotes
        )


def _spaced_line(block: Block, data: bytes, lines: Sequence[int], dialect: Dialect) -> int | None:
    """Return the first of some lines on which spaces and a quote begin a cell."""
    if not lines:
        return None
    asked, spaced = set(lines), space_before_quote(dialect.delimiter)
    for number, line in enumerate(data.split(b"\n"), block.line + 1):
        if number in asked and spaced.search(line.decode()):
            return number
    return None


def space_before_quote(delimiter: str) -> re.Pattern[str]:
    """Return what finds a cell that begins with spaces and a quote in a line."""
    return re.compile(rf'(?:^|{re.escape(delimiter)})[ \t]+"')


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


def looks_like_header(cells: Sequence[str], width: int) -> bool:
    """Return whether cells can be the names of a table as wide as this."""
    return len(cells) == width and all(kind_of(cell) is Kind.TEXT for cell in cells)
