"""Which rows are held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import md5
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from autodrop.errors import Rejected
from autodrop.findings import counted, quoted
from autodrop.preparation.cells.expressions import no_label_expr, number_expr
from autodrop.preparation.profiling.counting import CountedBlocks, usable_rows
from autodrop.preparation.profiling.facts import ColumnFacts
from autodrop.preparation.reading.blocks import Block, Shape, column, read_rows
from autodrop.processors import Processors
from autodrop.settings import SplitSettings

Mask = npt.NDArray[np.bool_]

_PIECE = 8 * 131_072
_SEPARATOR = "\x1f"
_DATE = r"([0-9]{1,4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,4})"
_CLOCK = r"(?:[T ]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})([.][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
_TIME = _DATE + _CLOCK
# Which number of 25-03-01 is the year, nobody can tell.
_FOUR_DIGIT_YEAR = r"[0-9]{4}[^0-9].*|[0-9]{1,2}[^0-9][0-9]{1,2}[^0-9][0-9]{4}([T ].*)?"


class Sides(Protocol):
    """Decides which usable rows of one block train; the others are held out."""

    def training(self, frame: pl.DataFrame) -> Mask:
        """Return a mask of shape (rows,), true for the rows that train."""


@dataclass(frozen=True)
class OneSide:
    """All rows are on the same side."""

    trains: bool

    def training(self, frame: pl.DataFrame) -> Mask:
        """Return the same for all rows."""
        return np.full(frame.height, self.trains)


@dataclass(frozen=True)
class ByPlace:
    """What was drawn for the rows of one block, in their order."""

    drawn: Mask

    def training(self, frame: pl.DataFrame) -> Mask:
        """Return what was drawn.

        Raises:
            ValueError: These are not the rows for which it was drawn.
        """
        if frame.height != len(self.drawn):
            raise ValueError("the rows of the block have changed")
        return self.drawn


@dataclass(frozen=True)
class ByLabel:
    """What was drawn for the rows of each class in one block, in their order."""

    target: int
    drawn: Mapping[str, Mask]

    def training(self, frame: pl.DataFrame) -> Mask:
        """Return what was drawn."""
        labels = frame[column(self.target)]
        trains = np.zeros(frame.height, dtype=np.bool_)
        for label, drawn in self.drawn.items():
            trains[np.flatnonzero((labels == label).to_numpy())] = drawn
        return trains


@dataclass(frozen=True)
class ByContent:
    """The hash of a row decides."""

    seed: int
    share: str

    def training(self, frame: pl.DataFrame) -> Mask:
        """Return whose hash is not among the first share of all hashes."""
        rows = frame.select(pl.concat_str(pl.all(), separator=_SEPARATOR)).to_series()
        return np.fromiter(
            (hashed(self.seed, row) >= self.share for row in rows), np.bool_, len(rows)
        )


@dataclass(frozen=True)
class ByGroup:
    """The hash of a cell decides, so that all rows of a group are on one side."""

    position: int
    seed: int
    cut: str

    def training(self, frame: pl.DataFrame) -> Mask:
        """Return whose group's hash is above the cut."""
        cells = frame[column(self.position)]
        trains = [cell for cell in cells.unique() if hashed(self.seed, cell) > self.cut]
        return cells.is_in(trains).to_numpy()


@dataclass(frozen=True)
class ByTime:
    """Rows before a border train, and those without a time."""

    key: TimeKey
    border: float | str

    def training(self, frame: pl.DataFrame) -> Mask:
        """Return which rows are before the border."""
        keys = frame.select(self.key.expr()).to_series()
        return ~(keys >= self.border).fill_null(value=False).to_numpy()


@dataclass(frozen=True)
class TimeKey:
    """By what the times in a column are ordered.

    Attributes:
        position: The column.
        order: The order of year, month and day in a date, as in `ymd`; empty for numbers.
        comma: Whether numbers have a decimal comma.
    """

    position: int
    order: str = ""
    comma: bool = False

    def expr(self) -> pl.Expr:
        """Return the expression for a number, or for digits from year to fraction of a second."""
        cell = pl.col(column(self.position))
        if not self.order:
            return number_expr(cell, comma=self.comma)
        widths = {"y": 4, "m": 2, "d": 2}
        parts = {name: _part(cell, group, widths[name]) for group, name in enumerate(self.order, 1)}
        clock = [_part(cell, group, 2) for group in (4, 5, 6)]
        fraction = _text(cell).str.extract(f"^(?:{_TIME})$", 7).fill_null("")
        return pl.when(_is_time(cell)).then(
            pl.concat_str([*(parts[name] for name in "ymd"), *clock, fraction])
        )


def hashed(seed: int, text: str) -> str:
    """Return the hash by which rows and groups are ordered, as 32 hex digits."""
    return md5(f"{seed}:{text}".encode(), usedforsecurity=False).hexdigest()


def random_training_rows(rows: int, train_rows: int, seed: int) -> Mask:
    """Return a mask of shape (rows,), true for the rows that pandas would sample for training.

    `DataFrame.sample(n=train_rows, random_state=seed)` draws
    `RandomState(seed).choice(rows, size=n, replace=False)`, which is the head of a permutation;
    NumPy keeps `RandomState`'s stream frozen (NEP 19), so the rows stay the same for ever. Four
    bytes a row: a shuffle draws the same for numbers of any size.
    """
    order = np.arange(rows, dtype=np.int32 if rows < 2**31 else np.int64)
    np.random.RandomState(seed).shuffle(order)
    held_out = order[train_rows:]
    held_out.sort()
    # A bit a row until the order is gone: together they are the most memory that a split takes.
    bits = np.zeros(-(-rows // 8), dtype=np.uint8)
    for start in range(0, rows, _PIECE):
        piece = np.ones(min(_PIECE, rows - start), dtype=np.bool_)
        # Borders of another type would have all numbers copied to that type.
        borders = np.array((start, min(start + _PIECE, rows)), dtype=order.dtype)
        first, last = np.searchsorted(held_out, borders)
        piece[held_out[first:last] - start] = False
        bits[start // 8 : start // 8 + -(-len(piece) // 8)] = np.packbits(piece)
    del order, held_out
    return np.unpackbits(bits, count=rows).view(np.bool_)


def training_row_count(rows: int, test_fraction: float, min_train_rows: int) -> int:
    """Return how many rows are for training.

    As many as `DataFrame.sample(frac=1 - test_fraction)` takes, but at least `min_train_rows`: in a
    small table Autopilot's minimum goes before the share that is held out.
    """
    return max(round((1 - test_fraction) * rows), min(min_train_rows, rows))


def stratified_training_rows(classes: Mapping[str, int], train_rows: int) -> dict[str, int]:
    """Return how many rows of each class train: the same share of every class.

    The largest remainders are rounded up, so that the numbers add up to `train_rows`. A class of
    two rows or more has one on both sides, a single row trains.
    """
    total = sum(classes.values())
    exact = {label: rows * train_rows / total for label, rows in classes.items()}
    most = {label: max(rows - 1, 1) for label, rows in classes.items()}
    taken = {label: min(max(int(share), 1), most[label]) for label, share in exact.items()}
    step = 1 if sum(taken.values()) < train_rows else -1
    while off := abs(train_rows - sum(taken.values())):
        free = [label for label in taken if 1 <= taken[label] + step <= most[label]]
        if not free:
            break
        nearest = sorted(free, key=lambda each: (step * (taken[each] - exact[each]), each))
        for label in nearest[:off]:
            taken[label] += step
    return taken


@dataclass(frozen=True)
class SplitPlan:
    """Which side decides in each block, and what `dataset.json` says about where the border is."""

    sides: Sequence[Sides]
    note: str = ""


def random_sides(blocks: CountedBlocks, train_rows: int, seed: int) -> SplitPlan:
    """Return what trains on the rows of `random_training_rows`."""
    mask = random_training_rows(sum(blocks.usable), train_rows, seed)
    ends = np.cumsum([0, *blocks.usable]).tolist()
    return SplitPlan([ByPlace(mask[start:end]) for start, end in pairwise(ends)])


def stratified_sides(
    blocks: CountedBlocks, target: int, classes: Mapping[str, int], train_rows: int, seed: int
) -> SplitPlan:
    """Return what draws at random in each class.

    Args:
        blocks: The blocks.
        target: Position of the target.
        classes: The rows of each cell of the target.
        train_rows: Rows that train.
        seed: What the draw depends on.
    """
    taken = stratified_training_rows(classes, train_rows)
    masks = {
        label: random_training_rows(rows, taken[label], seed) for label, rows in classes.items()
    }
    drawn: dict[str, int] = dict.fromkeys(classes, 0)
    sides: list[Sides] = []
    for labels in blocks.labels:
        mine: dict[str, Mask] = {}
        for label, rows in (labels or {}).items():
            if label in drawn:
                mine[label] = masks[label][drawn[label] : drawn[label] + rows]
                drawn[label] += rows
        sides.append(ByLabel(target, mine))
    return SplitPlan(sides)


def content_sides(
    blocks: CountedBlocks,
    settings: SplitSettings,
    target: int,
    by: ColumnFacts | None,
    processors: Processors,
) -> SplitPlan:
    """Return how the methods `hash`, `group` and `time` choose.

    Args:
        blocks: The blocks.
        settings: The method, its fraction, seed and column.
        target: Position of the target.
        by: The column of the groups or times.
        processors: Who looks at the groups or times.

    Raises:
        Rejected: `TIME_UNREADABLE`, `TIME_UNCLEAR` or `SPLIT_IMPOSSIBLE`.
    """
    if settings.method == "hash" or by is None:
        share = f"{int(settings.test_fraction * 2**64):016x}"
        return SplitPlan([ByContent(settings.seed, share)] * len(blocks.blocks))
    side: Sides
    if settings.method == "group":
        side, note = _by_group(blocks, settings, target, by, processors)
    else:
        side, note = _by_time(blocks, settings, target, by, processors)
    return SplitPlan([side] * len(blocks.blocks), note)


def _usable_frame(shape: Shape, target: int, block: Block) -> pl.DataFrame:
    rows = read_rows(shape, block)
    return rows.only(usable_rows(rows, target)).frame


def _counted_keys(shape: Shape, target: int, key: TimeKey | int, block: Block) -> pl.DataFrame:
    expr = pl.col(column(key)) if isinstance(key, int) else key.expr()
    keys = _usable_frame(shape, target, block).select(expr.alias("key"))
    return keys.drop_nulls().group_by("key").len("rows")


def _all_keys(
    blocks: CountedBlocks, target: int, key: TimeKey | int, processors: Processors
) -> pl.DataFrame:
    """Return the keys of all usable rows with their rows, in order."""
    count = partial(_counted_keys, blocks.shape, target, key)
    merged: pl.DataFrame | None = None
    for keys in processors.map(count, blocks.blocks):
        merged = keys if merged is None else pl.concat([merged, keys])
        merged = merged.group_by("key").agg(pl.col("rows").sum())
    if merged is None:
        return pl.DataFrame({"key": [], "rows": []})
    return merged.sort("key")


def _by_group(
    blocks: CountedBlocks,
    settings: SplitSettings,
    target: int,
    by: ColumnFacts,
    processors: Processors,
) -> tuple[ByGroup, str]:
    """Hold out whole groups, in the order of their hashes, until they hold the share asked for."""
    groups = _all_keys(blocks, target, by.position, processors)
    hashes = sorted((hashed(settings.seed, group), rows) for group, rows in groups.iter_rows())
    wanted = settings.test_fraction * sum(rows for _, rows in hashes)
    held_out = before = 0
    cut = ""
    for hash_of_group, rows in hashes:
        if before >= wanted:
            break
        cut, held_out, before = hash_of_group, held_out + 1, before + rows
    if len(hashes) < 2 or held_out >= len(hashes):
        raise Rejected(
            "SPLIT_IMPOSSIBLE",
            f"Column {quoted(by.name)} has {counted(len(hashes), 'group')}: too few to hold one "
            "out and train on another.",
            "Set `split.column` to a column with more groups, or `split.method` to random.",
            column=by.name,
        )
    note = f"{held_out:,} of {len(hashes):,} groups are held out"
    return ByGroup(by.position, settings.seed, cut), note


def _by_time(
    blocks: CountedBlocks,
    settings: SplitSettings,
    target: int,
    by: ColumnFacts,
    processors: Processors,
) -> tuple[ByTime, str]:
    """Hold out the latest rows; rows of one time are never on both sides."""
    key = TimeKey(by.position, comma=by.decimal_comma)
    if not by.is_numeric:
        key = replace(key, order=_date_order(blocks, target, by, processors))
    keys = _all_keys(blocks, target, key, processors)
    dated = int(keys["rows"].sum())
    wanted = settings.test_fraction * dated
    held_out, cut = 0, None
    for time, rows in keys.reverse().iter_rows():
        if held_out >= wanted:
            break
        cut, held_out = time, held_out + rows
    if cut is None or held_out >= dated:
        raise Rejected(
            "SPLIT_IMPOSSIBLE",
            f"Column {quoted(by.name)} has too few different times to hold out the latest.",
            "Set `split.column` to a column with more times, or `split.method` to random.",
            column=by.name,
        )
    return ByTime(key, cut), f"from {_shown_time(cut)} on, rows are held out"


def _shown_time(key: object) -> str:
    if not isinstance(key, str):
        return f"{key:g}" if isinstance(key, float) and abs(key) < 1e6 else str(key)
    return f"{key[:4]}-{key[4:6]}-{key[6:8]} {key[8:10]}:{key[10:12]}:{key[12:14]}"


def _text(cell: pl.Expr) -> pl.Expr:
    return cell.str.strip_chars(" ")


def _is_time(cell: pl.Expr) -> pl.Expr:
    text = _text(cell)
    return text.str.contains(f"^(?:{_TIME})$") & text.str.contains(f"^(?:{_FOUR_DIGIT_YEAR})$")


def _part(cell: pl.Expr, group: int, width: int) -> pl.Expr:
    part = _text(cell).str.extract(f"^(?:{_TIME})$", group).fill_null("")
    return part.str.pad_start(width, "0")


@dataclass(frozen=True)
class _Times:
    """What the dates of a column look like.

    Attributes:
        times: How many there are.
        others: Cells that are neither a time nor missing.
        year_first: Times that begin with the year.
        first_above: Times whose first number is no month, where the year is last.
        second_above: Times whose second number is no month.
        zones: Their offsets from UTC.
    """

    times: int = 0
    others: int = 0
    year_first: int = 0
    first_above: int = 0
    second_above: int = 0
    zones: frozenset[str] = frozenset()

    def __add__(self, other: _Times) -> _Times:
        return _Times(
            self.times + other.times,
            self.others + other.others,
            self.year_first + other.year_first,
            self.first_above + other.first_above,
            self.second_above + other.second_above,
            self.zones | other.zones,
        )


def _times(shape: Shape, target: int, position: int, block: Block) -> _Times:
    cell = pl.col(column(position))
    cells = _usable_frame(shape, target, block).select(
        cell.alias("cell"),
        is_time=_is_time(cell),
        is_missing=no_label_expr(cell) | (_text(cell) == ""),
        first=_part(cell, 1, 1),
        second=_part(cell, 2, 1),
        zone=_text(cell).str.extract(f"^(?:{_TIME})$", 8).fill_null(""),
    )
    times = cells.filter("is_time").with_columns(
        pl.col("first").cast(pl.Int64), pl.col("second").cast(pl.Int64)
    )
    year_last = pl.col("first") <= 31
    short_first = year_last & (pl.col("first") > 12)
    return _Times(
        times.height,
        cells.filter(~pl.col("is_time") & ~pl.col("is_missing")).height,
        times.filter(~year_last).height,
        times.filter(short_first).height,
        times.filter(pl.col("second") > 12).height,
        frozenset(times["zone"].unique()),
    )


def _date_order(blocks: CountedBlocks, target: int, by: ColumnFacts, processors: Processors) -> str:
    """Return the order of year, month and day in the dates of a column.

    Raises:
        Rejected: `TIME_UNREADABLE` or `TIME_UNCLEAR`.
    """
    look = partial(_times, blocks.shape, target, by.position)
    times = sum(processors.map(look, blocks.blocks), _Times())
    if not times.times or times.others:
        raise Rejected(
            "TIME_UNREADABLE",
            f"Column {quoted(by.name)} has {counted(times.others, 'cell')} that hold neither a "
            "number nor a date.",
            "Write times as 2024-12-31 or 2024-12-31T23:59:59, or set another `split.column`.",
            column=by.name,
        )
    problem = _unclear_times(times)
    if problem is not None:
        message, remedy = problem
        raise Rejected("TIME_UNCLEAR", message.format(name=quoted(by.name)), remedy, column=by.name)
    if times.year_first:
        return "ymd"
    return "dmy" if times.first_above else "mdy"


def _unclear_times(times: _Times) -> tuple[str, str] | None:
    """Return what can be read in two ways, and what to do about it."""
    if len(times.zones) > 1:
        return (
            "The times in column {name} have different offsets from UTC, or some have none.",
            "Write all times with the same offset.",
        )
    if times.year_first not in (0, times.times):
        return (
            "Column {name} has dates with the year first and others with it last.",
            "Write all dates as 2024-12-31.",
        )
    if times.year_first:
        return None
    if times.first_above and times.second_above:
        return (
            "Column {name} has dates with the day first and others with the month first.",
            "Write all dates as 2024-12-31.",
        )
    if not times.first_above and not times.second_above:
        return (
            "The dates in column {name} can be read with the day first or with the month first.",
            "Write them as 2024-12-31.",
        )
    return None
