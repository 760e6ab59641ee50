"""Counts the rows of a block; what was counted in several is merged.

A column whose cells repeat is counted cell by cell. One whose cells hardly do is described by
aggregates: kinds, ranges, sums, a sample of fingerprints. However a text is cut, what is merged is
the same to the last bit: sums are exact, and a sample is chosen by the lines or the content.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from autodrop.preparation.cells.expressions import kind_expr, no_label_expr, number_expr
from autodrop.preparation.cells.kinds import (
    LARGEST_EXACT,
    MAYBE_THOUSAND,
    Kind,
    as_number,
    is_pointed,
    kind_of,
    maybe_thousand,
)
from autodrop.preparation.profiling.facts import MOST_COUNTED
from autodrop.preparation.profiling.sums import exact_sums
from autodrop.preparation.reading.blocks import Block, Problems, Rows, Shape, column, read_rows

# Beyond, squares are beyond a double.
LARGEST_SQUARED = 1e150
KINDS = tuple(Kind)
_PLACE = {kind: place for place, kind in enumerate(KINDS)}
_SEED = 0
_ALL = 1 << 64

Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Layout:
    """How the columns of a table are to be counted, by what its beginning shows.

    Attributes:
        names: The columns.
        target: Position of the column to predict.
        commas: Columns whose numbers have a decimal comma.
        varied: Columns whose cells hardly repeat: they are not counted cell by cell.
        origins: A number for each column from which its deviations are measured.
        leading: The columns that vary most, by which equal rows are looked for first.
        cells_every: One of so many fingerprints of cells is kept.
        rows_every: One of so many fingerprints of rows is kept.
        sample_share: The share of the rows that is kept whole.
    """

    names: tuple[str, ...]
    target: int
    commas: frozenset[int]
    varied: frozenset[int]
    origins: tuple[float, ...]
    leading: tuple[int, ...]
    cells_every: int = 1
    rows_every: int = 1
    sample_share: float = 1.0


@dataclass
class Aggregates:
    """What describes columns whose cells are not counted, over usable rows.

    All arrays have an element, or a row, for each column of the table.

    Attributes:
        kinds: Cells of each of `KINDS`.
        examples: The first cell in sorted order of each kind.
        numeric: Finite numbers.
        lowest: The smallest of them.
        highest: The largest.
        totals: Sums of their deviations from the origin, in units of `sums.UNITS`.
        squares: Sums of the squares of these.
        fractions: Numbers with a fraction.
        inexact: Whole numbers of which a double loses digits.
        points: Numbers with a decimal point.
        plain_points: Those that are no thousand where decimals stand behind a comma.
        shortest: Characters of the shortest present cell.
        longest: Characters of the longest.
        characters: Characters of all present cells.
        spaced: Present cells with a space between two words.
        repeats_name: Cells that are the column's own name.
        fingerprints: Fingerprints of present cells, those of the sample.
    """

    kinds: npt.NDArray[np.int64]
    examples: list[dict[Kind, str]]
    numeric: npt.NDArray[np.int64]
    lowest: Floats
    highest: Floats
    totals: list[int]
    squares: list[int]
    fractions: npt.NDArray[np.int64]
    inexact: npt.NDArray[np.int64]
    points: npt.NDArray[np.int64]
    plain_points: npt.NDArray[np.int64]
    shortest: npt.NDArray[np.int64]
    longest: npt.NDArray[np.int64]
    characters: npt.NDArray[np.int64]
    spaced: npt.NDArray[np.int64]
    repeats_name: npt.NDArray[np.int64]
    fingerprints: list[list[Hashes]]

    @classmethod
    def of_nothing(cls, width: int) -> Aggregates:
        """Return those of no row."""

        def zeros() -> npt.NDArray[np.int64]:
            return np.zeros(width, dtype=np.int64)

        return cls(
            kinds=np.zeros((width, len(KINDS)), dtype=np.int64),
            examples=[{} for _ in range(width)],
            numeric=zeros(),
            lowest=np.full(width, np.inf),
            highest=np.full(width, -np.inf),
            totals=[0] * width,
            squares=[0] * width,
            fractions=zeros(),
            inexact=zeros(),
            points=zeros(),
            plain_points=zeros(),
            shortest=np.full(width, np.iinfo(np.int64).max),
            longest=zeros(),
            characters=zeros(),
            spaced=zeros(),
            repeats_name=zeros(),
            fingerprints=[[] for _ in range(width)],
        )

    def add(self, other: Aggregates) -> None:
        """Add what was found in other rows."""
        for name in ("kinds", "numeric", "fractions", "inexact", "points", "plain_points"):
            getattr(self, name)[...] += getattr(other, name)
        for name in ("characters", "spaced", "repeats_name"):
            getattr(self, name)[...] += getattr(other, name)
        np.minimum(self.lowest, other.lowest, out=self.lowest)
        np.maximum(self.highest, other.highest, out=self.highest)
        np.minimum(self.shortest, other.shortest, out=self.shortest)
        np.maximum(self.longest, other.longest, out=self.longest)
        for i, (total, squares) in enumerate(zip(other.totals, other.squares, strict=True)):
            if total or squares:
                self.totals[i] += total
                self.squares[i] += squares
            if other.examples[i]:
                self.add_examples(i, other.examples[i])
            self.fingerprints[i] += other.fingerprints[i]

    def add_examples(self, position: int, examples: Mapping[Kind, str]) -> None:
        """Keep of each kind the cell that comes first in sorted order."""
        mine = self.examples[position]
        for kind, cell in examples.items():
            mine[kind] = min(mine.get(kind, cell), cell)


@dataclass
class BlockFacts:
    """What was counted in one block or in several.

    Attributes:
        rows: Rows of each block, in order.
        usable: Rows with a target of each block.
        labels: How often the target has which cell in each block; None where they are too many.
        line_feeds: Line feeds inside of cells.
        blank_lines: Lines with nothing in them.
        second_header: The line of what looks like another header, and its cells.
        problems: What is wrong with each block.
        counts: For each column its cells with their rows; None where they are too many.
        aggregates: What describes the columns that are not counted.
        duplicates: Fingerprints of rows, those of the sample.
        sample: Some usable rows, as Arrow files.
    """

    rows: list[int] = field(default_factory=list)
    usable: list[int] = field(default_factory=list)
    labels: list[dict[str, int] | None] = field(default_factory=list)
    line_feeds: int = 0
    blank_lines: int = 0
    second_header: tuple[int, list[str]] | None = None
    problems: list[Problems | None] = field(default_factory=list)
    counts: list[dict[str, int] | None] = field(default_factory=list)
    aggregates: Aggregates = field(default_factory=lambda: Aggregates.of_nothing(0))
    duplicates: list[Hashes] = field(default_factory=list)
    sample: list[bytes] = field(default_factory=list)


@dataclass(frozen=True)
class CountedBlocks:
    """The blocks of a table, and what was counted in each.

    Attributes:
        shape: How they are read.
        blocks: All of them in order.
        rows: Their rows.
        usable: Their rows with a target.
        labels: How often the target has which cell; None where they are too many.
    """

    shape: Shape
    blocks: Sequence[Block]
    rows: Sequence[int]
    usable: Sequence[int]
    labels: Sequence[Mapping[str, int] | None]


def count_block(shape: Shape, layout: Layout, block: Block) -> BlockFacts:
    """Return what is in the rows of a block."""
    rows = read_rows(shape, block)
    found = BlockFacts(
        rows=[rows.frame.height],
        line_feeds=rows.line_feeds,
        blank_lines=rows.blank_lines,
        second_header=rows.second_header,
        problems=[rows.problems],
        duplicates=[_row_fingerprints(rows.frame, layout)],
    )
    usable = rows.only(usable_rows(rows, layout.target))
    frame = usable.frame
    found.usable = [frame.height]
    found.sample = [_sampled(usable, layout)] if frame.height else []
    found.counts = [
        None if i in layout.varied else _counts(frame[column(i)]) for i in range(shape.width)
    ]
    found.labels = [found.counts[layout.target]]
    varied = [i for i, counts in enumerate(found.counts) if counts is None]
    found.aggregates = _aggregated(frame, varied, layout)
    return found


def usable_rows(rows: Rows, target: int) -> npt.NDArray[np.bool_]:
    """Return which rows have a target."""
    says_nothing = rows.frame.select(no_label_expr(pl.col(column(target)))).to_series()
    usable: npt.NDArray[np.bool_] = ~says_nothing.to_numpy()
    return usable


def merge(facts: Iterable[BlockFacts], layout: Layout) -> BlockFacts:
    """Return what was counted in all blocks of a text, given in order."""
    width = len(layout.names)
    merged = BlockFacts(counts=[{} for _ in range(width)], aggregates=Aggregates.of_nothing(width))
    for block in facts:
        merged.rows += block.rows
        merged.usable += block.usable
        merged.labels += block.labels
        merged.line_feeds += block.line_feeds
        merged.blank_lines += block.blank_lines
        merged.second_header = merged.second_header or block.second_header
        merged.problems += block.problems
        merged.duplicates += block.duplicates
        merged.sample += block.sample
        merged.aggregates.add(block.aggregates)
        for i, theirs in enumerate(block.counts):
            _merge_counts(merged, i, theirs, layout)
    return merged


def _merge_counts(
    merged: BlockFacts, position: int, theirs: dict[str, int] | None, layout: Layout
) -> None:
    mine = merged.counts[position]
    if mine is not None and theirs is not None:
        for cell, rows in theirs.items():
            mine[cell] = mine.get(cell, 0) + rows
        if len(mine) <= MOST_COUNTED:
            return
    # In other blocks, or together, they are too many to be counted.
    for counts in (mine, theirs if mine is None else None):
        if counts:
            add_counts(merged.aggregates, position, counts, layout)
    merged.counts[position] = None


def add_counts(
    aggregates: Aggregates, position: int, counts: Mapping[str, int], layout: Layout
) -> None:
    """Add the cells of one column, which were counted."""
    i, comma, origin = position, position in layout.commas, layout.origins[position]
    numbers: dict[float, int] = {}
    for cell, rows in counts.items():
        kind = kind_of(cell)
        aggregates.kinds[i, _PLACE[kind]] += rows
        if kind is Kind.MISSING:
            continue
        aggregates.add_examples(i, {kind: cell})
        aggregates.shortest[i] = min(aggregates.shortest[i], len(cell))
        aggregates.longest[i] = max(aggregates.longest[i], len(cell))
        aggregates.characters[i] += rows * len(cell)
        aggregates.spaced[i] += rows * (" " in cell.strip(" "))
        number = as_number(cell, comma=comma)
        if number is not None:
            numbers[number] = numbers.get(number, 0) + rows
        if is_pointed(cell):
            aggregates.points[i] += rows
            aggregates.plain_points[i] += rows * (not maybe_thousand(cell))
    aggregates.repeats_name[i] += counts.get(layout.names[i], 0)
    present = [cell for cell in counts if kind_of(cell) is not Kind.MISSING]
    hashes = pl.Series(present, dtype=pl.String).hash(_SEED)
    times = np.array([counts[cell] for cell in present], dtype=np.int64)
    kept = hashes.to_numpy() < np.uint64(_ALL // layout.cells_every - 1)
    # A cell that repeats stands here twice: that is all that is asked.
    aggregates.fingerprints[i].append(
        np.repeat(hashes.to_numpy()[kept], np.minimum(times[kept], 2))
    )
    for number, rows in numbers.items():
        _add_number(aggregates, i, number, rows, origin)


def _add_number(
    aggregates: Aggregates, position: int, number: float, rows: int, origin: float
) -> None:
    i = position
    aggregates.numeric[i] += rows
    aggregates.lowest[i] = min(aggregates.lowest[i], number)
    aggregates.highest[i] = max(aggregates.highest[i], number)
    aggregates.fractions[i] += rows * (number % 1 != 0)
    aggregates.inexact[i] += rows * (number % 1 == 0 and abs(number) > LARGEST_EXACT)
    deviations = _deviations(np.array([[number]]), np.array([origin]))
    aggregates.totals[i] += rows * exact_sums(deviations)[0]
    aggregates.squares[i] += rows * exact_sums(deviations**2)[0]


def _deviations(numbers: Floats, origins: Floats) -> Floats:
    """Return how far numbers are from the origin of their column; 0 where that has no square."""
    with np.errstate(over="ignore", invalid="ignore"):
        found: Floats = numbers - origins
        found[~(np.abs(found) < LARGEST_SQUARED)] = 0.0
    return found


def _counts(cells: pl.Series) -> dict[str, int] | None:
    """Return how often each cell occurs; None where they are too many."""
    counted = cells.value_counts(name="rows")
    if counted.height > MOST_COUNTED:
        return None
    return dict(zip(counted[cells.name].to_list(), counted["rows"].to_list(), strict=True))


def _row_fingerprints(frame: pl.DataFrame, layout: Layout) -> Hashes:
    """Return the fingerprints of the rows in the sample."""
    if layout.rows_every > 1:
        # Equal rows are in the sample together or not at all; few cells tell that faster.
        few = frame.select([column(i) for i in layout.leading]).hash_rows(_SEED)
        frame = frame.filter(pl.Series(few.to_numpy() < np.uint64(_ALL // layout.rows_every)))
    return frame.hash_rows(_SEED).to_numpy()


def _sampled(rows: Rows, layout: Layout) -> bytes:
    """Return the rows of a block that are in the sample, chosen by the lines they stand on."""
    frame = rows.frame
    if layout.sample_share < 1:
        chosen = _mixed(rows.lines) < np.uint64(layout.sample_share * 2.0**64)
        frame = frame.filter(pl.Series(chosen))
    written = io.BytesIO()
    # The format that holds these rows only, not the block that they are cut from.
    frame.write_ipc(written, compat_level=pl.CompatLevel.oldest())
    return written.getvalue()


def _mixed(numbers: npt.NDArray[np.int64]) -> Hashes:
    """Return numbers that look random (the finalizer of SplitMix64, Steele et al. 2014)."""
    x = numbers.astype(np.uint64)
    with np.errstate(over="ignore"):
        x = (x + np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def _aggregated(frame: pl.DataFrame, positions: Sequence[int], layout: Layout) -> Aggregates:
    """Return what describes some columns of a block."""
    found = Aggregates.of_nothing(len(layout.names))
    if not positions or not frame.height:
        return found
    names = [column(i) for i in positions]
    at = np.array(positions)
    cells = frame.select(names)
    # Not `strict`: what Polars does not take for a number is looked at below.
    numbers = np.array(cells.select(pl.all().cast(pl.Float64, strict=False)).to_numpy(), order="F")
    is_number = np.isfinite(numbers)
    lengths = cells.select(pl.all().str.len_bytes()).to_numpy()
    points = cells.select(pl.all().str.contains(".", literal=True)).to_numpy()
    hashes = cells.select(pl.all().hash(_SEED)).to_numpy()
    is_sampled = hashes < np.uint64(_ALL // layout.cells_every - 1)
    plain = is_number.all(axis=0)
    found.kinds[at, _PLACE[Kind.NUMBER]] = is_number.sum(axis=0)
    found.shortest[at] = lengths.min(axis=0, where=is_number, initial=np.iinfo(np.uint32).max)
    found.longest[at] = lengths.max(axis=0, where=is_number, initial=0)
    found.characters[at] = np.where(is_number, lengths, 0).sum(axis=0)
    for place, i in enumerate(positions):
        name, series = layout.names[i], cells[names[place]]
        odd = None
        if not plain[place] or i in layout.commas:
            odd = _Odd.of(series, is_number[:, place], numbers[:, place])
            _add_odd(found, i, odd, name)
            is_sampled[odd.at[odd.missing], place] = False
        if i in layout.commas:
            comma = series.to_frame().select(number_expr(pl.col(names[place]), comma=True))
            numbers[:, place] = comma.to_series().fill_null(np.nan).to_numpy()
            is_number[:, place] = np.isfinite(numbers[:, place])
        if as_number(name) is not None:
            found.repeats_name[i] += int((series == name).sum())
        kept = hashes[is_sampled[:, place], place]
        if len(kept):
            found.fingerprints[i].append(kept)
    _add_numbers(found, at, numbers, layout)
    _add_points(found, cells, at, numbers, points, layout)
    return found


@dataclass(frozen=True)
class _Odd:
    """The cells of a column that Polars does not read as finite numbers.

    Attributes:
        cells: A column `cell` and its `kind`.
        at: The rows in which they stand.
        missing: Which of them say nothing.
    """

    cells: pl.DataFrame
    at: npt.NDArray[np.int64]
    missing: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, series: pl.Series, is_number: npt.NDArray[np.bool_], numbers: Floats) -> _Odd:
        """Return them, and fill in the numbers among them, with blanks around."""
        at = np.flatnonzero(~is_number)
        odd = series.filter(pl.Series(~is_number)).rename("cell").to_frame()
        odd = odd.with_columns(kind=kind_expr(pl.col("cell")), number=number_expr(pl.col("cell")))
        numbers[at] = odd["number"].fill_null(np.nan).to_numpy()
        is_number[at] = np.isfinite(numbers[at])
        missing = (odd["kind"] == str(Kind.MISSING)).to_numpy()
        return cls(odd.select("cell", "kind"), at, missing)


def _add_odd(found: Aggregates, position: int, odd: _Odd, name: str) -> None:
    cell = pl.col("cell")
    length = cell.str.len_chars()
    described = odd.cells.group_by("kind").agg(
        rows=pl.len(),
        example=cell.min(),
        shortest=length.min(),
        longest=length.max(),
        characters=length.sum(),
        spaced=cell.str.strip_chars(" ").str.contains(" ", literal=True).sum(),
    )
    i = position
    for kind, rows, example, shortest, longest, characters, spaced in described.rows():
        found.kinds[i, _PLACE[Kind(kind)]] += rows
        if kind == Kind.MISSING:
            continue
        found.add_examples(i, {Kind(kind): example})
        found.shortest[i] = min(found.shortest[i], shortest)
        found.longest[i] = max(found.longest[i], longest)
        found.characters[i] += characters
        found.spaced[i] += spaced
    if as_number(name) is None:
        found.repeats_name[i] += int((odd.cells["cell"] == name).sum())


def _add_numbers(
    found: Aggregates, at: npt.NDArray[np.int64], numbers: Floats, layout: Layout
) -> None:
    is_number = np.isfinite(numbers)
    found.numeric[at] = is_number.sum(axis=0)
    found.lowest[at] = numbers.min(axis=0, where=is_number, initial=np.inf)
    found.highest[at] = numbers.max(axis=0, where=is_number, initial=-np.inf)
    numbers[~is_number] = 0.0
    is_whole = numbers == np.floor(numbers)
    found.fractions[at] = (~is_whole).sum(axis=0)
    found.inexact[at] = (is_whole & (np.abs(numbers) > LARGEST_EXACT)).sum(axis=0)
    deviations = _deviations(numbers, np.array(layout.origins)[at])
    deviations[~is_number] = 0.0
    for i, total, squares in zip(
        at.tolist(), exact_sums(deviations), exact_sums(deviations**2), strict=True
    ):
        found.totals[i], found.squares[i] = total, squares
    numbers[~is_number] = np.nan


def _add_points(
    found: Aggregates,
    cells: pl.DataFrame,
    at: npt.NDArray[np.int64],
    numbers: Floats,
    points: npt.NDArray[np.bool_],
    layout: Layout,
) -> None:
    for place, i in enumerate(at.tolist()):
        column_points = points[:, place]
        if not column_points.any():
            continue
        series = cells.to_series(place)
        if i in layout.commas or not np.isfinite(numbers[:, place]).all():
            expr = number_expr(pl.col(series.name)).is_not_null()
            column_points = column_points & series.to_frame().select(expr).to_series().to_numpy()
        values = numbers[column_points, place]
        found.points[i] = len(values)
        # What is no whole number of thousandths, or has more or fewer digits before the point, is
        # no thousand; the pattern decides about the rest.
        with np.errstate(invalid="ignore"):
            maybe = (np.abs(values) >= 1) & (np.abs(values) < 1_000)
            maybe &= np.abs(values * 1_000 - np.rint(values * 1_000)) < 1e-6
        maybe |= ~np.isfinite(values)
        thousands = 0
        if maybe.any():
            rest = series.filter(pl.Series(column_points)).filter(pl.Series(maybe))
            thousands = int(rest.str.contains(f"^(?:{MAYBE_THOUSAND})$").sum())
        found.plain_points[i] = len(values) - thousands


def kinds_of(aggregates: Aggregates, position: int) -> dict[Kind, int]:
    """Return how many cells of a column are of which kind."""
    rows = aggregates.kinds[position].tolist()
    return {kind: count for kind, count in zip(KINDS, rows, strict=True) if count}
