"""What was counted in all blocks of a table → what is known of the table and its columns."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import polars as pl

from autodrop.preparation.cells.expressions import number_expr
from autodrop.preparation.cells.kinds import (
    KINDS,
    Kind,
    as_number,
    is_pointed,
    kind_of,
    maybe_thousand,
    no_label,
)
from autodrop.preparation.profiling.association import Sums, from_class_counts, from_sums
from autodrop.preparation.profiling.counting import (
    LARGEST_SQUARED,
    Aggregates,
    BlockFacts,
    Floats,
    Layout,
    plain_points,
    sampled_rows,
)
from autodrop.preparation.profiling.facts import (
    HISTOGRAM_BINS,
    MOST_COUNTED,
    QUANTILES,
    Association,
    Bin,
    ColumnFacts,
    Numbers,
    TableFacts,
    TargetKind,
)
from autodrop.preparation.profiling.numbers import equal_bins, numbers_of
from autodrop.preparation.profiling.sums import mean_of
from autodrop.preparation.reading.blocks import column

# Whole numbers with more different values than this are measurements rather than classes.
MOST_NUMERIC_CLASSES = 20
# With more classes than this, pairs of cell and class are too many to count.
_MOST_CLASSES = 100
# The most fingerprints that are kept, of rows and of all cells together: eight bytes each.
_ROW_FINGERPRINTS = 1_000_000
_CELL_FINGERPRINTS = 4_000_000
# The most rows, and cells, that are kept whole for quantiles and associations.
_SAMPLE_ROWS = 100_000
_SAMPLE_CELLS = 2_000_000
_LEADING = 3


@dataclass(frozen=True)
class Beginning:
    """What is known of a table before it is counted.

    Attributes:
        names: Its columns.
        target: Position of the column to predict.
        sample: Some rows, as wide as the table.
        frame: More of its first rows, as the frame of a block.
        rows: About how many rows there are.
        is_regression: What the settings say of the problem; None when nothing.
        decimal: What the settings say stands before decimals; None when nothing.
    """

    names: tuple[str, ...]
    target: int
    sample: Sequence[Sequence[str]]
    frame: pl.DataFrame
    rows: int
    is_regression: bool | None = None
    decimal: str | None = None


def layout_of(beginning: Beginning) -> Layout:
    """Return how a table is to be counted."""
    width = len(beginning.names)
    columns = list(zip(*beginning.sample, strict=True)) or [()] * width
    commas = frozenset(
        i for i, cells in enumerate(columns) if _reads_comma(set(cells), beginning.decimal)
    )
    different, present = _varieties(beginning.frame)
    varied = frozenset(
        i
        for i, (cells, rows) in enumerate(zip(different, present, strict=True))
        # Of a target, classes are wanted wherever there are some.
        if i != beginning.target and _hardly_repeats(cells, rows)
    )
    wanted = min(_SAMPLE_ROWS, _SAMPLE_CELLS // width)
    cells = beginning.rows * len(varied)
    return Layout(
        names=beginning.names,
        target=beginning.target,
        commas=commas,
        varied=varied,
        plain_points=plain_points(beginning.frame),
        origins=tuple(_origin(cells, comma=i in commas) for i, cells in enumerate(columns)),
        leading=tuple(sorted(range(width), key=lambda i: -different[i])[:_LEADING]),
        cells_every=_power_of_two(cells // _CELL_FINGERPRINTS),
        rows_every=_power_of_two(beginning.rows // _ROW_FINGERPRINTS),
        sample_share=min(1.0, wanted / max(beginning.rows, 1)),
    )


def _reads_comma(cells: Iterable[str], decimal: str | None) -> bool:
    """Return whether the numbers among these cells have a decimal comma."""
    if decimal is not None:
        return decimal == ","
    kinds = Counter(kind_of(cell) for cell in cells)
    commas = kinds[Kind.DECIMAL_COMMA] + kinds[Kind.AMBIGUOUS]
    return commas > 0 and not any(is_pointed(cell) for cell in cells)


def _varieties(frame: pl.DataFrame) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return for each column how many different cells it has, and how many that are not empty."""
    if not frame.height:
        return (0,) * frame.width, (0,) * frame.width
    return frame.select(pl.all().n_unique()).row(0), frame.select((pl.all() != "").sum()).row(0)


def _hardly_repeats(different: int, present: int) -> bool:
    return different > MOST_COUNTED or (different > 200 and different * 2 > present)


def _origin(cells: Sequence[str], *, comma: bool) -> float:
    numbers = sorted(
        number for cell in cells if (number := as_number(cell, comma=comma)) is not None
    )
    middle = numbers[len(numbers) // 2] if numbers else 0.0
    return middle if abs(middle) < LARGEST_SQUARED else 0.0


def _power_of_two(number: int) -> int:
    return 1 << number.bit_length() if number > 0 else 1


def describe(counted: BlockFacts, layout: Layout, beginning: Beginning) -> TableFacts:
    """Return what is known of a table of which all blocks were counted."""
    width = len(layout.names)
    sample = _Sample(sampled_rows(counted, width), layout, counted)
    described = [_column(i, counted, layout, sample) for i in range(width)]
    target = described[layout.target]
    kind = _target_kind(target, beginning)
    associated = _Associating(sample, layout, kind, described)
    rows, usable = sum(counted.rows), sum(counted.usable)
    fingerprints = np.concatenate([*counted.duplicates, np.empty(0, dtype=np.uint64)])
    duplicates = (len(fingerprints) - len(np.unique(fingerprints))) * layout.rows_every
    return TableFacts(
        rows=rows,
        columns=tuple(
            replace(facts, association=associated.of(facts.position)) for facts in described
        ),
        target=layout.target,
        target_kind=kind,
        target_missing=rows - usable,
        duplicates=duplicates,
        duplicates_are_exact=layout.rows_every == 1,
        line_feeds=counted.line_feeds,
        sampled=sample.frame.height,
    )


class _Sample:
    """Some rows of a table, and the numbers in the columns that were not counted.

    Attributes:
        frame: The rows as text.
    """

    def __init__(self, frame: pl.DataFrame, layout: Layout, counted: BlockFacts) -> None:
        self.frame = frame
        positions = [i for i, counts in enumerate(counted.counts) if counts is None]
        self._place = {i: place for place, i in enumerate(positions)}
        read = [
            number_expr(pl.col(column(i)), comma=i in layout.commas).alias(column(i))
            for i in positions
        ]
        self._numbers = frame.select(read).to_numpy() if read else np.empty((frame.height, 0))

    def cells(self, position: int) -> pl.Series:
        """Return the cells of a column."""
        return self.frame.to_series(position)

    def numbers(self, position: int) -> Floats:
        """Return the numbers of a column that was not counted, NaN where a cell holds none."""
        numbers: Floats = self._numbers[:, self._place[position]]
        return numbers


def _target_kind(target: ColumnFacts, beginning: Beginning) -> TargetKind:
    if target.counts is None:
        return TargetKind.MEASURES if target.is_numeric else TargetKind.NEITHER
    labels = [cell for cell in target.counts if not no_label(cell)]
    numbers = [as_number(label, comma=target.decimal_comma) for label in labels]
    if numbers and all(number is not None for number in numbers):
        fractions = any(number % 1 for number in numbers if number is not None)
        if beginning.is_regression or fractions or len(numbers) > MOST_NUMERIC_CLASSES:
            return TargetKind.MEASURES
    return TargetKind.CLASSES if len(labels) <= _MOST_CLASSES else TargetKind.NEITHER


def _column(position: int, counted: BlockFacts, layout: Layout, sample: _Sample) -> ColumnFacts:
    """Return the facts of a column, but for how it goes with the target."""
    counts = counted.counts[position]
    if counts is None:
        return _from_aggregates(position, counted.aggregates, layout, sample)
    if position == layout.target:
        # What says nothing with blanks around it is in no usable row.
        counts = {cell: rows for cell, rows in counts.items() if not no_label(cell)}
    return _from_counts(position, counts, layout)


def _from_counts(position: int, counts: Mapping[str, int], layout: Layout) -> ColumnFacts:
    """Return the facts of a column of which every cell was counted."""
    comma = position in layout.commas
    kind = {cell: kind_of(cell) for cell in counts}
    kinds: Counter[Kind] = Counter()
    for cell, rows in counts.items():
        kinds[kind[cell]] += rows
    shown = {cell: rows for cell, rows in counts.items() if kind[cell] is not Kind.MISSING}
    ordered = dict(sorted(shown.items(), key=lambda each: (-each[1], each[0])))
    present = sum(ordered.values())
    examples: dict[Kind, str] = {}
    for cell in ordered:
        examples.setdefault(kind[cell], cell)
    number = {c: x for c in ordered if (x := as_number(c, comma=comma)) is not None}
    pointed = [cell for cell in ordered if is_pointed(cell)]
    return ColumnFacts(
        name=layout.names[position],
        position=position,
        kinds={each: kinds[each] for each in KINDS if kinds[each]},
        examples=examples,
        distinct=len(ordered),
        never_repeats=len(ordered) == present,
        counts=ordered,
        shortest=min(map(len, ordered), default=0),
        longest=max(map(len, ordered), default=0),
        mean_length=sum(len(c) * n for c, n in ordered.items()) / present if present else 0.0,
        spaced=sum(rows for cell, rows in ordered.items() if " " in cell.strip(" ")),
        repeats_name=counts.get(layout.names[position], 0),
        decimal_comma=comma,
        numeric=sum(ordered[cell] for cell in number),
        has_points=bool(pointed),
        has_plain_points=not all(map(maybe_thousand, pointed)),
        numbers=numbers_of({c: ordered[c] for c in number}, number) if number else None,
    )


def _from_aggregates(
    position: int, aggregates: Aggregates, layout: Layout, sample: _Sample
) -> ColumnFacts:
    """Return the facts of a column whose cells were too many to be counted."""
    i = position
    rows = aggregates.kinds[i].tolist()
    kinds = {kind: count for kind, count in zip(KINDS, rows, strict=True) if count}
    present = sum(kinds.values()) - kinds.get(Kind.MISSING, 0)
    distinct, never_repeats = _distinct(aggregates, i, layout, present)
    examples = aggregates.examples[i]
    if Kind.NUMBER in kinds and Kind.NUMBER not in examples:
        examples = {**examples, Kind.NUMBER: _smallest_number(sample, i)}
    return ColumnFacts(
        name=layout.names[i],
        position=i,
        kinds=kinds,
        examples={kind: examples[kind] for kind in kinds if kind in examples},
        distinct=distinct,
        distinct_is_exact=layout.cells_every == 1,
        never_repeats=never_repeats,
        shortest=int(aggregates.shortest[i]) if present else 0,
        longest=int(aggregates.longest[i]),
        mean_length=int(aggregates.characters[i]) / present if present else 0.0,
        spaced=int(aggregates.spaced[i]),
        repeats_name=int(aggregates.repeats_name[i]),
        decimal_comma=i in layout.commas,
        numeric=int(aggregates.numeric[i]),
        has_points=bool(aggregates.has_points[i]),
        has_plain_points=bool(aggregates.has_plain_points[i]),
        numbers=_numbers(aggregates, i, layout, sample) if aggregates.numeric[i] else None,
    )


def _distinct(
    aggregates: Aggregates, position: int, layout: Layout, present: int
) -> tuple[int, bool]:
    """Return about how many different present cells there are, and whether none repeats."""
    found = aggregates.fingerprints[position]
    if not found:
        return (0, False) if not present else (1, False)
    fingerprints = np.concatenate(found)
    different = len(np.unique(fingerprints))
    if different == len(fingerprints):
        return present, True
    return min(different * layout.cells_every, present - 1), False


def _smallest_number(sample: _Sample, position: int) -> str:
    numbers = sample.numbers(position)
    if not np.isfinite(numbers).any():
        return "0"
    cell: str = sample.cells(position)[int(np.nanargmin(numbers))]
    return cell


def _numbers(aggregates: Aggregates, position: int, layout: Layout, sample: _Sample) -> Numbers:
    """Return the facts of numbers that were not counted."""
    i, rows = position, int(aggregates.numeric[position])
    lowest, highest = float(aggregates.lowest[i]), float(aggregates.highest[i])
    deviation = mean = None
    if max(-lowest, highest) < LARGEST_SQUARED:
        from_origin = mean_of(aggregates.totals[i], rows)
        if from_origin is not None:
            mean = layout.origins[i] + from_origin
        deviation = _deviation(aggregates.totals[i], aggregates.squares[i], rows)
    values = sample.numbers(i)
    values = np.sort(values[np.isfinite(values)])
    # The sample need not hold a number.
    if not len(values):
        values = np.array([lowest, highest])
    edges = equal_bins(lowest, highest)
    places = np.searchsorted(edges[1:-1], values, side="right")
    binned = np.bincount(places, minlength=len(edges) - 1)
    return Numbers(
        lowest=lowest,
        highest=highest,
        mean=mean,
        deviation=deviation,
        quantiles=tuple(np.quantile(values, QUANTILES).tolist()),
        are_whole=not aggregates.fractions[i],
        inexact=int(aggregates.inexact[i]),
        bins=tuple(
            Bin(low, high, count)
            for low, high, count in zip(edges, edges[1:], _scaled(binned, rows), strict=False)
        ),
    )


def _deviation(total: int, squares: int, rows: int) -> float | None:
    """Return the standard deviation from sums of deviations and of their squares."""
    # The origin lies among the numbers, so that these two have little in common to lose.
    spread = mean_of(squares, rows)
    shift = mean_of(total, rows)
    if spread is None or shift is None:
        return None
    return math.sqrt(max(0.0, spread - shift * shift))


def _scaled(sampled: npt.NDArray[np.int_], rows: int) -> list[int]:
    """Return the rows of all bins from those of a sample; they add up to `rows`."""
    ends = np.cumsum(sampled).astype(object) * rows // int(sampled.sum())
    return [int(end - start) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


class _Associating:
    """How the columns go with the target in the sampled rows."""

    def __init__(
        self,
        sample: _Sample,
        layout: Layout,
        kind: TargetKind,
        described: Sequence[ColumnFacts],
    ) -> None:
        self._sample = sample
        self._layout = layout
        self._kind = kind
        self._described = described
        self._target = sample.cells(layout.target).alias("y")
        read = number_expr(pl.col("y"), comma=layout.target in layout.commas)
        self._value = self._target.to_frame().select(read.alias("v")).to_series()
        labels = self._target.unique().sort().to_list()
        self._labels = [str(label) for label in labels]
        ranks = self._target.rank("dense").fill_null(1).to_numpy()
        self._codes = ranks.astype(np.int64) - 1

    def of(self, position: int) -> Association | None:
        """Return how a column goes with the target; None where that is not measured."""
        facts = self._described[position]
        if position == self._layout.target or not facts.present:
            return None
        cells = self._sample.cells(position)
        if facts.counts is not None:
            association = self._from_counts(cells, facts)
        elif self._kind is TargetKind.CLASSES and facts.numeric:
            association = self._from_bins(position)
        elif self._kind is TargetKind.MEASURES:
            association = self._from_numbers(position)
        else:
            association = None
        if facts.counts is None and len(cells) and bool((cells == self._target).all()):
            association = replace(
                association or from_sums({}, {}), equals_target=True, gives_away=True
            )
        return association

    def _from_counts(self, cells: pl.Series, facts: ColumnFacts) -> Association | None:
        pairs = pl.DataFrame({"cell": cells, "y": self._target, "v": self._value})
        number = {
            cell: value
            for cell in facts.counts or ()
            if (value := as_number(cell, comma=facts.decimal_comma)) is not None
        }
        if self._kind is TargetKind.CLASSES:
            joint: dict[str, dict[str, int]] = {}
            for cell, label, rows in pairs.group_by("cell", "y").len().rows():
                if kind_of(cell) is not Kind.MISSING:
                    joint.setdefault(cell, {})[label] = rows
            if not joint:
                return None
            return from_class_counts(joint, {c: x for c, x in number.items() if c in joint})
        if self._kind is not TargetKind.MEASURES:
            return None
        return from_sums(_sums(pairs), number)

    def _from_bins(self, position: int) -> Association:
        numbers = self._sample.numbers(position)
        known = np.isfinite(numbers)
        values = numbers[known]
        if not len(values):
            return Association()
        shares = [i / HISTOGRAM_BINS for i in range(1, HISTOGRAM_BINS)]
        edges = np.unique(np.quantile(values, shares))
        places = np.searchsorted(edges, values, side="right")
        classes = len(self._labels)
        counted = np.bincount(
            places * classes + self._codes[known], minlength=(len(edges) + 1) * classes
        ).reshape(-1, classes)
        joint = {
            str(place): dict(zip(self._labels, rows, strict=True))
            for place, rows in enumerate(counted.tolist())
            if any(rows)
        }
        return from_class_counts(joint, {each: float(each) for each in joint}, every_cell=False)

    def _from_numbers(self, position: int) -> Association:
        x, y = self._sample.numbers(position), self._value.fill_null(np.nan).to_numpy()
        with np.errstate(invalid="ignore"):
            both = (np.abs(x) < LARGEST_SQUARED) & (np.abs(y) < LARGEST_SQUARED)
        return from_sums({}, {}, correlation=_correlation(x[both], y[both]))


def _sums(pairs: pl.DataFrame) -> dict[str, Sums]:
    """Return the sums of the target for each present cell, added in the order of the rows."""
    measured = pairs.filter(pl.col("v").is_not_null())
    cells = measured["cell"].unique().sort().to_list()
    places = measured["cell"].rank("dense").to_numpy().astype(np.int64) - 1
    values = measured["v"].to_numpy()
    rows = np.bincount(places, minlength=len(cells))
    totals = np.bincount(places, weights=values, minlength=len(cells))
    with np.errstate(over="ignore"):
        squares = np.bincount(places, weights=values * values, minlength=len(cells))
    return {
        cell: Sums(*sums)
        for cell, *sums in zip(cells, rows.tolist(), totals.tolist(), squares.tolist(), strict=True)
        if kind_of(cell) is not Kind.MISSING
    }


def _correlation(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float | None:
    """Return Pearson's correlation; None where one of both does not vary."""
    if len(x) < 2:
        return None
    x, y = x - x.mean(), y - y.mean()
    root = math.sqrt(float((x * x).sum())) * math.sqrt(float((y * y).sum()))
    return max(-1.0, min(1.0, float((x * y).sum()) / root)) if root else None
