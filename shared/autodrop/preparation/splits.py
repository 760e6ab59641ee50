"""Which rows are held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodrop.errors import Rejected
from autodrop.findings import counted, quoted
from autodrop.preparation.engine import Engine, column, no_label_sql, number_sql
from autodrop.preparation.facts import ColumnFacts
from autodrop.settings import SplitSettings

Mask = npt.NDArray[np.bool_]
# Takes the target cells of the next usable rows, in the order of the file; returns what trains.
Rule = Callable[[Sequence[bytes]], Mask]

# How the engine marks a row, where a rule of Python's does not.
TRAIN, TEST, ASIDE, BY_RULE = "t", "h", "x", "r"

_PIECE = 8 * 131_072
_DATE = r"([0-9]{1,4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,4})"
# DuckDB extracts groups up to the ninth.
_CLOCK = r"(?:[T ]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})([.][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
_TIME = _DATE + _CLOCK
# Which number of 25-03-01 is the year, nobody can tell.
_FOUR_DIGIT_YEAR = r"[0-9]{4}[^0-9].*|[0-9]{1,2}[^0-9][0-9]{1,2}[^0-9][0-9]{4}([T ].*)?"


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


def random_rule(rows: int, train_rows: int, seed: int) -> Rule:
    """Return the rule that trains on the rows of `random_training_rows`."""
    mask = random_training_rows(rows, train_rows, seed)
    at = 0

    def rule(cells: Sequence[bytes]) -> Mask:
        nonlocal at
        at += len(cells)
        return mask[at - len(cells) : at]

    return rule


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


def stratified_rule(classes: Mapping[str, int], train_rows: int, seed: int) -> Rule:
    """Return the rule that draws at random in each class, by its label as it stands in the file."""
    taken = stratified_training_rows(classes, train_rows)
    masks = {
        label.encode(): random_training_rows(rows, taken[label], seed).tolist()
        for label, rows in classes.items()
    }
    draws = {label: iter(mask) for label, mask in masks.items()}

    def rule(cells: Sequence[bytes]) -> Mask:
        return np.fromiter((next(draws[cell]) for cell in cells), np.bool_, len(cells))

    return rule


@dataclass(frozen=True)
class SideSql:
    """How an engine decides.

    Attributes:
        held_out: The condition that a usable row is held out.
        note: What `dataset.json` says about where the border is, in words; may be empty.
    """

    held_out: str
    note: str = ""


def side_sql(
    engine: Engine,
    settings: SplitSettings,
    names: Sequence[str],
    target: int,
    by: ColumnFacts | None,
) -> SideSql:
    """Return how the methods `hash`, `group` and `time` choose, the same in every engine.

    Args:
        engine: The engine with the view `cells`.
        settings: The method, its fraction, seed and column.
        names: The columns.
        target: Position of the target.
        by: The column of the groups or times.

    Raises:
        Rejected: `TIME_UNREADABLE`, `TIME_UNCLEAR` or `SPLIT_IMPOSSIBLE`.
    """
    if settings.method == "hash" or by is None:
        cells = ", ".join(column(i) for i in range(len(names)))
        row = f"concat_ws({engine.literal(chr(31))}, {cells})"
        return SideSql(f"{_hash(engine, row, settings.seed)} < '{_share(settings.test_fraction)}'")
    usable = f"not {no_label_sql(engine, column(target))}"
    cell = column(by.position)
    if settings.method == "group":
        return _by_group(engine, settings, cell, usable, by)
    return _by_time(engine, settings, cell, usable, by)


def _hash(engine: Engine, text: str, seed: int) -> str:
    return f"md5({engine.literal(f'{seed}:')} || {text})"


def _double(number: float) -> str:
    """Return a number with which all engines compute alike: as a decimal, they would not."""
    return f"cast('{number!r}' as double)"


def _share(fraction: float) -> str:
    """Return where in the order of all hashes, as 16 hex digits, a share of them ends."""
    return f"{int(fraction * 2**64):016x}"


def _by_group(
    engine: Engine, settings: SplitSettings, cell: str, usable: str, by: ColumnFacts
) -> SideSql:
    """Hold out whole groups, in the order of their hashes, until they hold the share asked for."""
    hashed = _hash(engine, cell, settings.seed)
    ((cut, groups, held_out),) = engine.query(
        "select max(case when before < wanted then h end), count(*), "
        "sum(case when before < wanted then 1 else 0 end) from ("
        f"select h, sum(n) over (order by h) - n as before, "
        f"{_double(settings.test_fraction)} * sum(n) over () as wanted from ("
        f"select {hashed} as h, count(*) as n from cells where {usable} group by 1) as g) as b"
    )
    if groups < 2 or held_out >= groups:
        raise Rejected(
            "SPLIT_IMPOSSIBLE",
            f"Column {quoted(by.name)} has {counted(groups, 'group')}: too few to hold one out "
            "and train on "
            "another.",
            "Set `split.column` to a column with more groups, or `split.method` to random.",
            column=by.name,
        )
    return SideSql(f"{hashed} <= '{cut}'", f"{held_out:,} of {groups:,} groups are held out")


def _by_time(
    engine: Engine, settings: SplitSettings, cell: str, usable: str, by: ColumnFacts
) -> SideSql:
    """Hold out the latest rows; rows of one time are never on both sides."""
    key = _time_key(engine, cell, usable, by)
    rows = engine.query(
        "select min(case when after < wanted then k end), "
        "sum(case when after < wanted then n else 0 end), sum(n) from ("
        "select k, n, sum(n) over (order by k desc) - n as after, "
        f"{_double(settings.test_fraction)} * sum(n) over () as wanted from ("
        f"select {key} as k, count(*) as n from cells where {usable} group by 1) as g "
        "where k is not null) as b"
    )
    ((cut, held_out, dated),) = rows
    if cut is None or held_out >= dated:
        raise Rejected(
            "SPLIT_IMPOSSIBLE",
            f"Column {quoted(by.name)} has too few different times to hold out the latest.",
            "Set `split.column` to a column with more times, or `split.method` to random.",
            column=by.name,
        )
    border = f"'{cut}'" if isinstance(cut, str) else _double(cut)
    shown = _shown_time(cut)
    return SideSql(f"coalesce({key} >= {border}, false)", f"from {shown} on, rows are held out")


def _shown_time(key: object) -> str:
    if not isinstance(key, str):
        return f"{key:g}" if isinstance(key, float) and abs(key) < 1e6 else str(key)
    return f"{key[:4]}-{key[4:6]}-{key[6:8]} {key[8:10]}:{key[10:12]}:{key[12:14]}"


def _time_key(engine: Engine, cell: str, usable: str, by: ColumnFacts) -> str:
    """Return the expression by which times are ordered: a number, or digits from year to second."""
    if by.is_numeric:
        return number_sql(engine, cell, comma=by.decimal_comma)
    # DuckDB would trim more than the spaces that Spark does.
    text = f"trim(both ' ' from {cell})"
    matched = f"({engine.matches(text, _TIME)} and {engine.matches(text, _FOUR_DIGIT_YEAR)})"

    def part(group: int, width: int) -> str:
        return f"lpad(regexp_extract({text}, {engine.literal(_TIME)}, {group}), {width}, '0')"

    ((times, others, year_first, first_above, second_above, zones),) = engine.query(
        f"select sum(case when {matched} then 1 else 0 end), "
        f"sum(case when {matched} or {text} = '' or {_is_missing(engine, cell)} "
        "then 0 else 1 end), "
        f"sum(case when {matched} and y > 31 then 1 else 0 end), "
        "sum(case when f > 12 then 1 else 0 end), sum(case when s > 12 then 1 else 0 end), "
        "count(distinct z) from (select *, "
        f"case when {matched} then cast(regexp_extract({text}, {engine.literal(_TIME)}, 1) as int) "
        "end as y, "
        f"case when {matched} and length({part(1, 1)}) < 3 "
        f"then cast({part(1, 2)} as int) end as f, "
        f"case when {matched} then cast({part(2, 2)} as int) end as s, "
        f"case when {matched} then regexp_extract({text}, {engine.literal(_TIME)}, 8) end as z "
        f"from cells where {usable}) as parts"
    )
    if not times or others:
        raise Rejected(
            "TIME_UNREADABLE",
            f"Column {quoted(by.name)} has {counted(int(others or 0), 'cell')} that hold neither a "
            "number nor a date.",
            "Write times as 2024-12-31 or 2024-12-31T23:59:59, or set another `split.column`.",
            column=by.name,
        )
    if zones > 1:
        raise Rejected(
            "TIME_UNCLEAR",
            f"The times in column {quoted(by.name)} have different offsets from UTC, or some have "
            "none.",
            "Write all times with the same offset.",
            column=by.name,
        )
    if year_first not in (0, times):
        raise Rejected(
            "TIME_UNCLEAR",
            f"Column {quoted(by.name)} has dates with the year first and others with it last.",
            "Write all dates as 2024-12-31.",
            column=by.name,
        )
    if year_first:
        year, month, day = part(1, 4), part(2, 2), part(3, 2)
    elif first_above and second_above:
        raise Rejected(
            "TIME_UNCLEAR",
            f"Column {quoted(by.name)} has dates with the day first and others with the month "
            "first.",
            "Write all dates as 2024-12-31.",
            column=by.name,
        )
    elif not first_above and not second_above:
        raise Rejected(
            "TIME_UNCLEAR",
            f"The dates in column {quoted(by.name)} can be read with the day first or with the "
            "month first.",
            "Write them as 2024-12-31.",
            column=by.name,
        )
    else:
        first, second = part(1, 2), part(2, 2)
        day, month = (first, second) if first_above else (second, first)
        year = part(3, 4)
    clock = " || ".join(part(group, 2) for group in (4, 5, 6))
    fraction = f"regexp_extract({text}, {engine.literal(_TIME)}, 7)"
    return f"case when {matched} then {year} || {month} || {day} || {clock} || {fraction} end"


def _is_missing(engine: Engine, cell: str) -> str:
    return no_label_sql(engine, cell)
