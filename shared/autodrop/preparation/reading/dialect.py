"""How the cells of a text are separated and quoted, found out from its first rows.

Decides which reading makes a table; reading the whole file with it is another module's work.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from autodrop.errors import Rejected
from autodrop.findings import counted, quoted
from autodrop.preparation.cells.kinds import LINE_BREAK, Kind, kind_of
from autodrop.preparation.reading.text import LONGEST_ROW

_DELIMITERS = (",", ";", "\t", "|")
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
SAMPLE_BYTES = 1_000_000
# In a table with damaged rows, most rows are still alike.
_LEAST_AGREEMENT = 0.5
# Of two readings that both make a table, one is believed when this much more of its cells are
# numbers, dates or missing.
_CLEARER_BY = 0.15


@dataclass(frozen=True)
class Dialect:
    """How a text is to be read.

    Attributes:
        delimiter: What separates cells.
        escape: How a quote stands in a quoted cell: `doubled` or behind a `backslash`.
    """

    delimiter: str
    escape: str = "doubled"

    def __str__(self) -> str:
        told = f"separated by {NAMES[self.delimiter]}s"
        return told if self.escape == "doubled" else f"{told} with quotes behind backslashes"


@dataclass(frozen=True)
class Sample:
    """The first rows of a text in one reading.

    Attributes:
        dialect: The reading.
        rows: Header first; blank lines left out.
        error: What stopped the reading, if something did.
        lines: The 1-based line on which each row begins.
    """

    dialect: Dialect
    rows: Sequence[Sequence[str]]
    error: str = ""
    lines: Sequence[int] = ()

    @property
    def header(self) -> Sequence[str]:
        """The cells of the first row."""
        return self.rows[0] if self.rows else ()

    @property
    def is_table(self) -> bool:
        """Whether all rows have as many cells as the header, and more than one."""
        width = len(self.header)
        return not self.error and width > 1 and all(len(row) == width for row in self.rows)

    @cached_property
    def usual_width(self) -> int:
        """The number of cells that most rows have."""
        return Counter(len(row) for row in self.rows).most_common(1)[0][0] if self.rows else 0

    @cached_property
    def agreement(self) -> float:
        """The share of rows as wide as most rows are, 0 where that is a single cell."""
        width = self.usual_width
        if width < 2:
            return 0.0
        return sum(len(row) == width for row in self.rows) / len(self.rows)

    @cached_property
    def clarity(self) -> float:
        """The share of the cells below the header that are more than just text."""
        cells = [cell for row in self.rows[1:2001] for cell in row]
        return sum(kind_of(cell) is not Kind.TEXT for cell in cells) / max(len(cells), 1)

    def is_like(self, other: Sample) -> bool:
        """Return whether both readings give the same cells."""
        return list(map(list, self.rows)) == list(map(list, other.rows))


def readings(start: str, *, delimiter: str | None, escape: str | None) -> list[Sample]:
    """Return the beginning of a text in every reading that the settings allow.

    Args:
        start: Whole lines.
        delimiter: What the settings say, else None.
        escape: What the settings say, else None; backslashes are tried where one is before a quote.
    """
    escapes = [escape] if escape else ["doubled", *(["backslash"] if '\\"' in start else [])]
    return [
        _sample(start, Dialect(each, how))
        for each in ([delimiter] if delimiter else _DELIMITERS)
        for how in escapes
    ]


def choose(samples: Sequence[Sample], file_name: str, line: int) -> list[Sample]:
    """Return the readings that make a table of the first rows, the likeliest first.

    More than one means that only the rest of the file can tell them apart. Where none does (a
    damaged file), the one in which most rows are alike.

    Args:
        samples: All readings.
        file_name: For messages.
        line: The line of the header, for messages.

    Raises:
        Rejected: `NOT_A_TABLE`, `PREAMBLE` or `BAD_QUOTES`.
    """
    tables = [sample for sample in samples if sample.is_table]
    if tables:
        return _distinct(sorted(tables, key=lambda sample: -sample.clarity))
    best = max(samples, key=lambda sample: (sample.agreement, sample.usual_width))
    headed = max(samples, key=lambda sample: len(sample.header))
    if best.agreement < _LEAST_AGREEMENT:
        if len(headed.header) > 1 and len(headed.rows) == 1 and not headed.error:
            return [headed]
        broken = next((sample for sample in samples if sample.error), None)
        if broken is not None and len(headed.header) < 2:
            raise _not_a_table(f"{file_name} has quotes that do not match", line)
        if broken is not None:
            return [headed]
        if all(len(sample.header) < 2 for sample in samples) and best.usual_width < 2:
            raise _not_a_table(
                f"The first row of {file_name} has a single column: it is a text", line
            )
        raise _not_a_table(f"The rows of {file_name} have all kinds of lengths: it is a text", line)
    _check_preamble(best, line)
    return [best]


def _check_preamble(sample: Sample, line: int) -> None:
    width = sample.usual_width
    before = 0
    while before < len(sample.rows) and len(sample.rows[before]) != width:
        before += 1
    if not 0 < before < len(sample.rows) or len(sample.header) > width:
        return
    if before == 1 and len(sample.header) == width - 1 and not _is_header(sample.rows[1]):
        # The names of the rows have no name, as R's write.table leaves it.
        raise Rejected(
            "RAGGED_ROW",
            f"The header has {counted(width - 1, 'column')}, but the rows have "
            f"{counted(width, 'cell')}.",
            "Take the delimiter away from the end of the rows."
            if all(row[-1] == "" for row in sample.rows[1:])
            else "Give every column a name, also the first.",
            line=line,
        )
    rest = sample.rows[before:]
    if sum(len(row) == width for row in rest) >= 0.9 * len(rest):
        raise Rejected(
            "PREAMBLE",
            f"The table begins in line {line + sample.lines[before] - 1}, with "
            f"{quoted(sample.rows[before][0])}; what stands before it is no part of it.",
            "Delete the lines before the column names, or set "
            f"`read: {{header_line: {line + sample.lines[before] - 1}}}`.",
            line=line,
        )


def _is_header(row: Sequence[str]) -> bool:
    return all(kind_of(cell) is Kind.TEXT for cell in row)


def _distinct(tables: Sequence[Sample]) -> list[Sample]:
    """Return the readings without those that give the same cells as a better one."""
    kept: list[Sample] = []
    for table in sorted(tables, key=lambda sample: sample.dialect.escape != "doubled"):
        if not any(table.is_like(other) for other in kept):
            kept.append(table)
    return sorted(kept, key=lambda sample: -sample.clarity)


def unclear(first: Sample, second: Sample) -> Rejected | None:
    """Return the refusal of a file that is a table in two readings, None where one is clearer."""
    if first.clarity - second.clarity >= _CLEARER_BY:
        return None
    setting = "escape" if first.dialect.delimiter == second.dialect.delimiter else "delimiter"
    return Rejected(
        "DIALECT_UNCLEAR",
        f"The file can be read in two ways: {first.dialect}, with "
        f"{counted(len(first.header), 'column')}; or {second.dialect}, with "
        f"{counted(len(second.header), 'column')}.",
        f"Set `read.{setting}` to the one that is right.",
        line=1,
    )


def column_names(header: Sequence[str]) -> tuple[str, ...]:
    """Return the names in a header: on one line each, an empty one is `unnamed_<position>`."""
    return tuple(
        LINE_BREAK.sub(" ", name) if name.strip() else _free_name(f"unnamed_{i}", header)
        for i, name in enumerate(header, 1)
    )


def _free_name(name: str, taken: Sequence[str]) -> str:
    return _free_name(f"{name}_", taken) if name in taken else name


def _sample(start: str, dialect: Dialect) -> Sample:
    rows: list[list[str]] = []
    lines: list[int] = []
    error = ""
    records = csv_records(io.StringIO(start, newline="\n"), dialect)
    try:
        for record in records:
            rows.append(record.cells)
            lines.append(record.line)
    except csv.Error as problem:
        error = str(problem)
        if "unexpected end" in error and rows:
            # The sample may have been cut inside a quoted cell.
            error = "" if len(start) > SAMPLE_BYTES // 2 else error
    return Sample(dialect, rows, error, lines)


@dataclass(frozen=True)
class Record:
    """One record of a text.

    Attributes:
        line: The 1-based line on which it starts.
        last_line: The line on which it ends.
        cells: Its cells.
    """

    line: int
    last_line: int
    cells: list[str]

    @property
    def is_blank(self) -> bool:
        """Whether it is a line without anything."""
        return not self.cells or (len(self.cells) == 1 and not self.cells[0].strip())


def csv_records(text: io.TextIOBase, dialect: Dialect, *, blank: bool = False) -> Iterator[Record]:
    """Yield the records of a text, blank lines only where asked for.

    Raises:
        csv.Error: A quote stands where none may.
    """
    # The library's limit of 131,072 characters is a process-wide setting.
    csv.field_size_limit(2 * LONGEST_ROW)
    reader = csv.reader(
        text,
        delimiter=dialect.delimiter,
        strict=True,
        doublequote=dialect.escape == "doubled",
        escapechar=None if dialect.escape == "doubled" else "\\",
    )
    line = 1
    for cells in reader:
        record = Record(line, reader.line_num, cells)
        line = reader.line_num + 1
        if blank or not record.is_blank:
            yield record


def _not_a_table(what: str, line: int) -> Rejected:
    return Rejected(
        "NOT_A_TABLE",
        f"{what}, not a table of comma-separated values.",
        "Drop a CSV file (UTF-8): a header in the first row, one record a line, "
        "two columns or more.",
        line=line,
    )
