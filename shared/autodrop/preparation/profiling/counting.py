"""Counts the rows of a block; what was counted in several is merged.

A column whose cells repeat is counted cell by cell. One whose cells hardly do is described by
aggregates: kinds, ranges, sums, a sample of fingerprints. However a text is cut, what is merged is
the same to the last bit: sums are exact, and a sample is chosen by the lines or the content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import polars as pl

from autodrop.preparation.cells.expressions import kind_codes, no_label_expr, number_expr
from autodrop.preparation.cells.kinds import (
    KINDS,
    LARGEST_EXACT,
    MAYBE_THOUSAND,
    Kind,
    as_number,
)
from autodrop.preparation.profiling.facts import MOST_COUNTED
from autodrop.preparation.profiling.sums import exact_sums
from autodrop.preparation.reading.blocks import Block, Problems, Rows, Shape, column, read_rows

# Beyond, squares are beyond a double.
LARGEST_SQUARED = 1e150
_PLACE = {kind: place for place, kind in enumerate(KINDS)}
_SEED = 0
_FIRST_CELLS = 64
_FIRST_ROWS = 1_000
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
        only: The columns to look at; None for all.
        plain_points: Columns of which the beginning shows that their points are decimal points.
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
    plain_points: frozenset[int]
    origins: tuple[float, ...]
    leading: tuple[int, ...]
    cells_every: int = 1
    rows_every: int = 1
    sample_share: float = 1.0
    only: frozenset[int] | None = None

    def looks_at(self, position: int) -> bool:
        """Return whether a column is to be looked at."""
        return self.only is None or position in self.only


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
        has_points: Whether there are numbers with a decimal point.
        has_plain_points: Whether some are no thousand where decimals stand behind a comma.
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
    has_points: npt.NDArray[np.bool_]
    has_plain_points: npt.NDArray[np.bool_]
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
            has_points=np.zeros(width, dtype=np.bool_),
            has_plain_points=np.zeros(width, dtype=np.bool_),
            shortest=np.full(width, np.iinfo(np.int64).max),
            longest=zeros(),
            characters=zeros(),
            spaced=zeros(),
            repeats_name=zeros(),
            fingerprints=[[] for _ in range(width)],
        )

    def add(self, other: Aggregates) -> None:
        """Add what was found in other rows."""
        self.kinds += other.kinds
        self.numeric += other.numeric
        self.fractions += other.fractions
        self.inexact += other.inexact
        self.characters += other.characters
        self.spaced += other.spaced
        self.repeats_name += other.repeats_name
        self.has_points |= other.has_points
        self.has_plain_points |= other.has_plain_points
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

    def take(self, positions: Iterable[int], other: Aggregates) -> None:
        """Take what describes some columns from another count of the same rows."""
        at = np.array(sorted(positions))
        for name, mine in vars(self).items():
            theirs = getattr(other, name)
            if isinstance(mine, np.ndarray):
                mine[at] = theirs[at]
            else:
                for i in at.tolist():
                    mine[i] = theirs[i]

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
        second_header: The line of what looks like another header, and its cells.
        problems: What is wrong with each block.
        counts: For each column its cells with their rows; None where they are too many.
        aggregates: What describes the columns that are not counted.
        duplicates: Fingerprints of rows, those of the sample.
        sample: Some usable rows, as comma-separated text.
        incomplete: Columns with too many cells to be counted, which were counted in some blocks.
    """

    rows: list[int] = field(default_factory=list)
    usable: list[int] = field(default_factory=list)
    labels: list[dict[str, int] | None] = field(default_factory=list)
    line_feeds: int = 0
    second_header: tuple[int, list[str]] | None = None
    problems: list[Problems | None] = field(default_factory=list)
    counts: list[dict[str, int] | None] = field(default_factory=list)
    aggregates: Aggregates = field(default_factory=lambda: Aggregates.of_nothing(0))
    duplicates: list[Hashes] = field(default_factory=list)
    sample: list[bytes] = field(default_factory=list)
    incomplete: set[int] = field(default_factory=set)


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
        second_header=rows.second_header,
        problems=[rows.problems],
    )
    usable = rows.only(usable_rows(rows, layout.target))
    frame = usable.frame
    found.usable = [frame.height]
    if layout.only is None:
        found.duplicates = [_row_fingerprints(rows.frame, layout)]
        found.sample = [_sampled(usable, layout)]
    looked_at = list(filter(layout.looks_at, range(shape.width)))
    found.counts = [{} for _ in range(shape.width)]
    for i in looked_at:
        found.counts[i] = None if i in layout.varied else _counts(frame[column(i)])
    found.labels = [found.counts[layout.target]]
    varied = [i for i in looked_at if found.counts[i] is None]
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
        merged.second_header = merged.second_header or block.second_header
        merged.problems += block.problems
        merged.duplicates += block.duplicates
        merged.sample += block.sample
        merged.aggregates.add(block.aggregates)
        for i, theirs in enumerate(block.counts):
            _merge_counts(merged, i, theirs)
    return merged


def _merge_counts(merged: BlockFacts, position: int, theirs: dict[str, int] | None) -> None:
    mine = merged.counts[position]
    if mine is None or theirs is None:
        merged.counts[position] = None
        if mine or theirs:
            # In some blocks they were counted: these have no aggregates.
            merged.incomplete.add(position)
        return
    for cell, rows in theirs.items():
        mine[cell] = mine.get(cell, 0) + rows
    if len(mine) > MOST_COUNTED:
        merged.counts[position] = None
        merged.incomplete.add(position)


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
    return frame.write_csv(include_header=False).encode()


def sampled_rows(counted: BlockFacts, width: int) -> pl.DataFrame:
    """Return all rows of the sample."""
    schema = dict.fromkeys(map(column, range(width)), pl.String)
    lines = b"".join(counted.sample)
    if not lines:
        return pl.DataFrame(schema=schema)
    return pl.read_csv(
        lines,
        has_header=False,
        schema=schema,
        infer_schema=False,
        missing_utf8_is_empty_string=True,
    )


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
    with np.errstate(invalid="ignore"):
        _add_points(found, cells, at, numbers, layout)
    lengths = cells.select(pl.all().str.len_bytes()).to_numpy()
    hashes = cells.select(pl.all().hash(_SEED)).to_numpy()
    is_sampled = hashes < np.uint64(_ALL // layout.cells_every - 1)
    plain = is_number.all(axis=0)
    found.kinds[at, _PLACE[Kind.NUMBER]] = is_number.sum(axis=0)
    longest = np.iinfo(np.uint32).max
    counted = lengths if plain.all() else np.where(is_number, lengths, longest)
    found.shortest[at] = counted.min(axis=0)
    counted = lengths if plain.all() else np.where(is_number, lengths, 0)
    found.longest[at], found.characters[at] = counted.max(axis=0), counted.sum(axis=0)
    looks_like_number = [as_number(layout.names[i]) is not None for i in positions]
    for place, i in enumerate(positions):
        if plain[place] and i not in layout.commas and not looks_like_number[place]:
            continue
        name, series = layout.names[i], cells.to_series(place)
        if not plain[place]:
            missing = _add_odd(found, i, series, is_number[:, place], numbers[:, place], name)
            is_sampled[missing, place] = False
        if i in layout.commas:
            comma = series.to_frame().select(number_expr(pl.col(names[place]), comma=True))
            numbers[:, place] = comma.to_series().fill_null(np.nan).to_numpy()
            is_number[:, place] = np.isfinite(numbers[:, place])
        if as_number(name) is not None:
            found.repeats_name[i] += int((series == name).sum())
    for place, i in enumerate(positions):
        kept = hashes[is_sampled[:, place], place]
        if len(kept):
            found.fingerprints[i].append(kept)
    _add_numbers(found, at, numbers, layout)
    return found


def _add_odd(
    found: Aggregates,
    position: int,
    series: pl.Series,
    is_number: npt.NDArray[np.bool_],
    numbers: Floats,
    name: str,
) -> npt.NDArray[np.int64]:
    """Add the cells of a column that Polars does not read as finite numbers.

    Numbers with blanks around are filled in.

    Returns:
        The rows of those that say nothing.
    """
    i = position
    rows = np.flatnonzero(~is_number)
    odd = series.filter(pl.Series(~is_number)).alias("cell")
    codes = kind_codes(odd)
    padded = codes == _PLACE[Kind.NUMBER]
    if padded.any():
        read = odd.filter(pl.Series(padded)).to_frame().select(number_expr(pl.col("cell")))
        numbers[rows[padded]] = read.to_series().to_numpy()
        is_number[rows[padded]] = True
    cell = pl.col("cell")
    length = cell.str.len_chars()
    described = (
        pl.DataFrame({"cell": odd, "code": codes})
        .group_by("code")
        .agg(
            rows=pl.len(),
            example=cell.min(),
            shortest=length.min(),
            longest=length.max(),
            characters=length.sum(),
            spaced=cell.str.strip_chars(" ").str.contains(" ", literal=True).sum(),
        )
    )
    for code, count, example, shortest, longest, characters, spaced in described.rows():
        found.kinds[i, code] += count
        if code == _PLACE[Kind.MISSING]:
            continue
        found.add_examples(i, {KINDS[code]: example})
        found.shortest[i] = min(found.shortest[i], shortest)
        found.longest[i] = max(found.longest[i], longest)
        found.characters[i] += characters
        found.spaced[i] += spaced
    if as_number(name) is None:
        found.repeats_name[i] += int((odd == name).sum())
    missing: npt.NDArray[np.int64] = rows[codes == _PLACE[Kind.MISSING]]
    return missing


def _add_numbers(
    found: Aggregates, at: npt.NDArray[np.int64], numbers: Floats, layout: Layout
) -> None:
    is_number = np.isfinite(numbers)
    has_all = bool(is_number.all())
    found.numeric[at] = is_number.sum(axis=0)
    if has_all:
        found.lowest[at], found.highest[at] = numbers.min(axis=0), numbers.max(axis=0)
    else:
        found.lowest[at] = np.where(is_number, numbers, np.inf).min(axis=0)
        found.highest[at] = np.where(is_number, numbers, -np.inf).max(axis=0)
        numbers[~is_number] = 0.0
    is_whole = numbers == np.floor(numbers)
    found.fractions[at] = len(numbers) - is_whole.sum(axis=0)
    if (found.highest[at] > LARGEST_EXACT).any() or (found.lowest[at] < -LARGEST_EXACT).any():
        found.inexact[at] = (is_whole & (np.abs(numbers) > LARGEST_EXACT)).sum(axis=0)
    deviations = _deviations(numbers, np.array(layout.origins)[at])
    if not has_all:
        deviations[~is_number] = 0.0
    totals = exact_sums(deviations)
    deviations *= deviations
    for i, total, squares in zip(at.tolist(), totals, exact_sums(deviations), strict=True):
        found.totals[i], found.squares[i] = total, squares


def _add_points(
    found: Aggregates,
    cells: pl.DataFrame,
    at: npt.NDArray[np.int64],
    numbers: Floats,
    layout: Layout,
) -> None:
    """Add whether numbers have points, and whether these can only be decimal points.

    Args:
        found: Where it is added.
        cells: The columns.
        at: Their positions.
        numbers: What Polars reads them as, before decimal commas are.
        layout: What the beginning of the table has shown.
    """
    names = cells.columns
    known = np.array([i in layout.plain_points for i in at.tolist()])
    found.has_points[at[known]] = found.has_plain_points[at[known]] = True
    left = np.flatnonzero(~known)
    if not len(left):
        return
    # In most columns the first cells show it.
    for rows in (_FIRST_CELLS, cells.height):
        part = cells.head(rows).select([names[place] for place in left])
        values = numbers[:rows, left]
        points = part.select(pl.all().str.contains(".", literal=True)).to_numpy()
        points = points & np.isfinite(values)
        found.has_points[at[left]] |= points.any(axis=0)
        # What is below one, or no whole number of thousandths, is no thousand.
        size = np.abs(values)
        may_be = (size >= 1) & (size < 1_000)
        may_be &= np.abs(size * 1_000 - np.rint(size * 1_000)) < 1e-6
        found.has_plain_points[at[left]] |= (points & ~may_be).any(axis=0)
        left = left[~found.has_plain_points[at[left]]]
        if not len(left):
            return
    for place in left[found.has_points[at[left]]]:
        pointed = cells.to_series(int(place)).filter(
            cells.to_series(int(place)).str.contains(".", literal=True)
        )
        pointed = pointed.filter(kind_codes(pointed) == _PLACE[Kind.NUMBER])
        thousands = pointed.str.contains(f"^(?:{MAYBE_THOUSAND})$")
        found.has_plain_points[at[place]] = not thousands.all()


def plain_points(frame: pl.DataFrame) -> frozenset[int]:
    """Return the columns of some rows with numbers whose points separate no thousands."""
    if not frame.height:
        return frozenset()
    cell = pl.all()
    # 0.5, 12.25 and 1234.5 cannot be thousands.
    pattern = r"^[ \t]*[+-]?(0?[.][0-9]+|[0-9]+[.]([0-9]{1,2}|[0-9]{4,})|[0-9]{4,}[.][0-9]+)[ \t]*$"
    found = frame.head(_FIRST_ROWS).select(cell.str.contains(pattern).any()).row(0)
    return frozenset(i for i, is_plain in enumerate(found) if is_plain)
