"""Where in the file a finding shows first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl

from autodrop.findings import Finding, exactly
from autodrop.preparation.cells.expressions import kind_codes, number_expr
from autodrop.preparation.cells.kinds import KINDS, LARGEST_EXACT, Kind, kind_of
from autodrop.preparation.profiling.counting import CountedBlocks, usable_rows
from autodrop.preparation.profiling.facts import ColumnFacts, TableFacts
from autodrop.preparation.reading.blocks import Block, Shape, column, read_rows
from autodrop.preparation.reading.table import Table
from autodrop.processors import Processors

# Findings about all cells of a kind, of which any one may have been kept as the example.
_ABOUT_A_KIND = {
    "MIXED_TYPES",
    "THOUSANDS_SEPARATORS",
    "DECIMAL_COMMAS",
    "DATES",
    "INFINITE_NUMBERS",
    "HUGE_NUMBERS",
}


@dataclass(frozen=True)
class Shows:
    """What a cell has to be to show a finding.

    Attributes:
        position: Its column.
        kinds: Its kind is one of these.
        equals: It is this cell.
        inexact: It is a whole number of which a double loses digits.
        comma: Whether numbers have a decimal comma.
    """

    position: int
    kinds: tuple[Kind, ...] = ()
    equals: str | None = None
    inexact: bool = False
    comma: bool = False

    def rows(self, frame: pl.DataFrame) -> pl.Series:
        """Return which rows of a block show it."""
        cells = frame[column(self.position)]
        if self.kinds:
            wanted = np.array([kind in self.kinds for kind in KINDS])
            return pl.Series(wanted[kind_codes(cells)])
        if self.equals is not None:
            return cells == self.equals
        if self.inexact:
            number = number_expr(pl.col(cells.name), comma=self.comma)
            whole = (number == number.floor()) & (number.abs() > LARGEST_EXACT)
            return frame.select(whole.fill_null(value=False)).to_series()
        return pl.Series([True]).new_from_index(0, frame.height)


def place_findings(
    table: Table,
    blocks: CountedBlocks,
    facts: TableFacts,
    processors: Processors,
    findings: Sequence[Finding],
) -> list[Finding]:
    """Return the findings with the first cell that shows each, and the line that it is on."""
    columns = {facts_of.name: facts_of for facts_of in facts.columns}
    asked: dict[int, Shows] = {}
    for at, finding in enumerate(findings):
        about = columns.get(finding.column or "")
        if finding.line is None and finding.example is not None and about is not None:
            asked[at] = _shows(finding, about)
    places: dict[int, tuple[int, str]] = {}
    if asked and not table.is_parquet:
        places = _first_places(blocks, facts.target, asked, processors)
    placed = []
    for at, finding in enumerate(findings):
        line, cell = places.get(at, (None, None))
        example = finding.example if cell is None else cell
        placed.append(
            replace(
                finding,
                line=finding.line or (line and table.line_of(line)),
                example=None if example is None else exactly(example),
            )
        )
    return placed


def _first_places(
    blocks: CountedBlocks, target: int, asked: dict[int, Shows], processors: Processors
) -> dict[int, tuple[int, str]]:
    """Return for each question the line of the first cell that shows it, and the cell."""
    places: dict[int, tuple[int, str]] = {}
    look = partial(_look_for, blocks.shape, target, asked)
    # Most of what is shown is near the beginning: blocks are looked at in order, until all is seen.
    for seen in processors.map(look, blocks.blocks):
        places = seen | places
        if len(places) == len(asked):
            break
    return places


def _look_for(
    shape: Shape, target: int, asked: dict[int, Shows], block: Block
) -> dict[int, tuple[int, str]]:
    rows = read_rows(shape, block)
    rows = rows.only(usable_rows(rows, target))
    places: dict[int, tuple[int, str]] = {}
    for at, shows in asked.items():
        shown = shows.rows(rows.frame)
        if shown.any():
            seen = shown.arg_max() or 0
            cell = rows.frame[column(shows.position)][seen]
            places[at] = int(rows.lines[seen]), cell
    return places


def _shows(finding: Finding, about: ColumnFacts) -> Shows:
    """Return what a cell has to be to show a finding about a column."""
    example, position = finding.example or "", about.position
    if finding.code == "IDENTIFIER":
        return Shows(position)
    if finding.code == "INEXACT_NUMBERS":
        return Shows(position, inexact=True, comma=about.decimal_comma)
    if finding.code == "TARGET_MIXED":
        return Shows(position, about.kinds_of_texts)
    if finding.code in _ABOUT_A_KIND:
        return Shows(position, _kinds_like(kind_of(example), finding.code))
    return Shows(position, equals=example)


def _kinds_like(kind: Kind, code: str) -> tuple[Kind, ...]:
    if kind in (Kind.DECIMAL_COMMA, Kind.AMBIGUOUS) and code != "THOUSANDS_SEPARATORS":
        return (Kind.DECIMAL_COMMA, Kind.AMBIGUOUS)
    if kind in (Kind.TEXT, Kind.DATE) and code == "MIXED_TYPES":
        return (Kind.TEXT, Kind.DATE)
    return (kind,)
