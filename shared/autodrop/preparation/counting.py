"""Counts a table in as few passes as its columns allow: one where their cells repeat.

A pass groups by each column together with the target (`GROUPING SETS`), which gives counts, kinds,
ranges, quantiles, histograms and what the column says about the target, all exact. Columns whose
cells hardly repeat would make a group of every row: they are aggregated instead, in three passes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from autodrop.preparation.association import (
    Sums,
    from_class_counts,
    from_sums,
)
from autodrop.preparation.cells import (
    MAYBE_THOUSAND,
    Kind,
    as_number,
    is_pointed,
    kind_of,
    maybe_thousand,
    no_label,
)
from autodrop.preparation.engine import (
    Engine,
    Group,
    TooManyGroups,
    column,
    inexact_sql,
    kind_sql,
    no_label_sql,
    number_sql,
)
from autodrop.preparation.facts import (
    HISTOGRAM_BINS,
    MOST_COUNTED,
    QUANTILES,
    Bin,
    ColumnFacts,
    Numbers,
    TableFacts,
    TargetKind,
)
from autodrop.preparation.numbers import equal_bins, numbers_of

_Answer = TypeVar("_Answer")
# Whole numbers with more different values than this are measurements rather than classes.
MOST_NUMERIC_CLASSES = 20
# With more classes than this, pairs of cell and class are too many to count.
_MOST_CLASSES = 100
# Rows and cells that are looked at to estimate how many of them are different.
_FINGERPRINTS = 250_000
# Columns in one pass; where their groups do not fit into the memory, half as many and so on.
_COLUMNS_AT_ONCE = 32
# Of columns that hardly repeat: each takes memory for many groups from the start.
_AGGREGATED_AT_ONCE = 8
_SHARES = tuple(i / HISTOGRAM_BINS for i in range(1, HISTOGRAM_BINS))


@dataclass(frozen=True)
class Layout:
    """What is known of a table before it is counted.

    Attributes:
        names: Its columns.
        target: Position of the column to predict.
        sample: Some rows, as wide as the table.
        rows: About how many rows there are.
        is_regression: What the settings say of the problem; None when nothing.
        decimal: What the settings say stands before decimals; None when nothing.
        has_quotes: Whether there is a double quote anywhere in the text.
    """

    names: tuple[str, ...]
    target: int
    sample: Sequence[Sequence[str]]
    rows: int
    is_regression: bool | None = None
    decimal: str | None = None
    has_quotes: bool = True


def count_table(engine: Engine, layout: Layout) -> TableFacts:
    """Return what is in the engine's view `cells`.

    Raises:
        CannotRead: The engine cannot read the text to its end.
        TooManyGroups: The memory is too small for rows of this width.
    """
    kind = _target_kind(
        {row[layout.target] for row in layout.sample}, layout.is_regression, layout.decimal
    )
    facts = _Counting(engine, layout, kind).table()
    seen = facts.target_column.counts
    cells = None if seen is None else set(seen)
    settled = _target_kind(cells, layout.is_regression, layout.decimal, facts.target_column)
    if settled is not kind:
        facts = _Counting(engine, layout, settled).table()
    return facts


def _target_kind(
    cells: set[str] | None,
    is_regression: bool | None,
    decimal: str | None,
    column: ColumnFacts | None = None,
) -> TargetKind:
    """Return what a target with these cells, too many to be counted when None, is."""
    labels = None if cells is None else {cell for cell in cells if not no_label(cell)}
    if labels is None:
        numeric = column is not None and column.is_numeric
        return TargetKind.MEASURES if numeric else TargetKind.NEITHER
    comma = _reads_comma(labels, decimal)
    numbers = [as_number(each, comma=comma) for each in labels]
    if numbers and all(number is not None for number in numbers):
        fractions = any(number % 1 for number in numbers if number is not None)
        if is_regression or fractions or len(numbers) > MOST_NUMERIC_CLASSES:
            return TargetKind.MEASURES
    return TargetKind.CLASSES if len(labels) <= _MOST_CLASSES else TargetKind.NEITHER


def _reads_comma(cells: Iterable[str], decimal: str | None) -> bool:
    """Return whether the numbers among these cells have a decimal comma."""
    if decimal is not None:
        return decimal == ","
    kinds = Counter(kind_of(cell) for cell in cells)
    commas = kinds[Kind.DECIMAL_COMMA] + kinds[Kind.AMBIGUOUS]
    return commas > 0 and not any(is_pointed(cell) for cell in cells)


@dataclass
class _Cells:
    """The different cells of one column, for each class of the target."""

    by_cell: dict[str, Counter[str]] = field(default_factory=dict)
    sums: dict[str, Sums] = field(default_factory=dict)

    def add(self, cell: str, label: str, rows: int, sums: Sums | None) -> None:
        """Count a cell that stands in rows of one class."""
        self.by_cell.setdefault(cell, Counter())[label] += rows
        if sums is not None:
            self.sums[cell] = self.sums.get(cell, Sums()) + sums


class _Counting:
    """One way of counting a table: with the target taken for classes, measurements or neither."""

    def __init__(self, engine: Engine, layout: Layout, kind: TargetKind) -> None:
        self._engine = engine
        self._layout = layout
        self._kind = kind
        self._every = _power_of_two(layout.rows // _FINGERPRINTS)
        self._labels: Counter[str] = Counter()
        self._duplicates = 0
        self._octets = self._quotes = self._line_feeds = self._backslashes = 0
        columns = list(zip(*layout.sample, strict=True)) or [()] * len(layout.names)
        self._comma = [_reads_comma(set(cells), layout.decimal) for cells in columns]
        different = [len(set(cells)) for cells in columns]
        self._varied = sorted(range(len(columns)), key=lambda i: -different[i])[:3]
        self._wide = {i for i, cells in enumerate(columns) if _hardly_repeats(cells)}
        if kind is TargetKind.CLASSES:
            self._wide.discard(layout.target)

    def table(self) -> TableFacts:
        """Count."""
        layout = self._layout
        every = range(len(layout.names))
        facts: dict[int, ColumnFacts] = {}
        narrow = [i for i in every if i not in self._wide]
        first = True
        at_once = _COLUMNS_AT_ONCE
        while narrow or first:
            batch = narrow[:at_once]
            try:
                counted = self._count(batch, rows_too=first)
            except TooManyGroups:
                if not batch:
                    raise
                if len(batch) == 1 and not first:
                    self._wide.add(narrow.pop(0))
                # The first pass looks at whole rows too, where need be at nothing else.
                at_once = len(batch) // 2 if first else max(len(batch) // 2, 1)
                continue
            narrow, first = narrow[len(batch) :], False
            at_once = at_once or _COLUMNS_AT_ONCE
            # At once, because the cells of all columns would take more memory than the facts.
            facts |= {i: self._from_counts(i, cells) for i, cells in counted.items()}
        self._wide |= set(every) - set(facts)
        if self._kind is TargetKind.CLASSES and layout.target not in facts:
            cells = {label: Counter({label: rows}) for label, rows in self._labels.items()}
            facts[layout.target] = self._from_counts(layout.target, _Cells(cells))
            self._wide.discard(layout.target)
        rows = sum(self._labels.values())
        missing = sum(rows for label, rows in self._labels.items() if self._says_nothing(label))
        for aggregated in _in_batches(
            sorted(self._wide), lambda batch: self._aggregate(batch, rows - missing)
        ):
            facts |= aggregated
        return TableFacts(
            rows=rows,
            columns=tuple(facts[i] for i in every),
            target=layout.target,
            target_kind=self._kind,
            target_missing=missing,
            duplicates=self._duplicates,
            duplicates_are_exact=self._every == 1,
            octets=self._octets,
            quotes=self._quotes,
            line_feeds=self._line_feeds,
            backslashes=self._backslashes,
        )

    def _says_nothing(self, label: str) -> bool:
        return no_label(label) if self._kind is TargetKind.CLASSES else not label

    @property
    def _label(self) -> str:
        """The expression for the class of a row; 'x' for a usable row where there are none."""
        target = column(self._layout.target)
        if self._kind is TargetKind.CLASSES:
            return target
        return f"case when {no_label_sql(self._engine, target)} then '' else 'x' end"

    def _usable(self, target: str) -> str:
        """Return the condition that a row has a target, once the labels are counted."""
        if not any(self._says_nothing(label) for label in self._labels):
            return "true"
        return f"not {no_label_sql(self._engine, target)}"

    def _number(self, position: int, kind: str) -> str:
        """Return the expression for a cell as a number, where its kind is known."""
        cell = column(position)
        if self._comma[position]:
            return number_sql(self._engine, cell, comma=True)
        return f"case when {kind} = '{Kind.NUMBER}' then {self._engine.number(cell)} end"

    @property
    def _value(self) -> str | None:
        """The expression for the target as a number, where it is a measurement."""
        if self._kind is not TargetKind.MEASURES:
            return None
        target = self._layout.target
        return number_sql(self._engine, column(target), comma=self._comma[target])

    def _count(self, positions: Sequence[int], *, rows_too: bool) -> dict[int, _Cells]:
        """Return the cells of those columns that have at most `MOST_COUNTED` different ones."""
        engine = self._engine
        columns = [column(i) for i in positions]
        value = self._value
        inner = [*columns, f"{self._label} as y"]
        sums = ""
        if value is not None:
            inner.append(f"{value} as v")
            sums = ", count(v) as k, sum(v) as s, sum(v * v) as q"
        groups = [Group(i, {"cell": column(i), "y": "y"}) for i in positions]
        if rows_too:
            every = [column(i) for i in range(len(self._layout.names))]
            # Equal rows are in the sample together or not at all; few cells tell that faster.
            chosen = engine.fingerprint([column(i) for i in self._varied])
            inner.append(
                f"case when {chosen} % {self._every} = 0 then {engine.fingerprint(every)} end as d"
            )
            groups += [Group(-1, {"d": "d"}), Group(-2, {"y": "y"})]
        source = f"select {', '.join(inner)} from cells"
        engine.keep("counted", engine.grouped(source, groups, f"count(*) as n{sums}"))
        if rows_too:
            for label, rows in engine.query("select y, n from counted where which = -2"):
                self._labels[label] += rows
            ((rows, distinct),) = engine.query(
                "select coalesce(sum(n), 0), count(*) from counted "
                "where which = -1 and d is not null"
            )
            self._duplicates = (int(rows) - int(distinct)) * self._every
        if not positions:
            return {}
        few = [
            int(which)
            for which, distinct in engine.query(
                "select which, count(distinct cell) from counted where which >= 0 group by which"
            )
            if distinct <= MOST_COUNTED
        ]
        found = {i: _Cells() for i in few}
        wanted = ", ".join(map(str, few)) or "null"
        selected = "which, cell, y, n" + (", k, s, q" if sums else "")
        for which, cell, label, rows, *more in engine.query(
            f"select {selected} from counted where which in ({wanted})"
        ):
            found[which].add(cell, label, rows, Sums(*more) if more and more[0] else None)
        return found

    def _from_counts(self, position: int, cells: _Cells) -> ColumnFacts:
        """Return the facts of a column of which every cell was counted."""
        name, comma = self._layout.names[position], self._comma[position]
        is_target = position == self._layout.target
        usable: dict[str, int] = {}
        joint: dict[str, Counter[str]] = {}
        for cell, labels in cells.by_cell.items():
            everywhere = sum(labels.values())
            self._octets += len(cell.encode()) * everywhere
            self._quotes += cell.count('"') * everywhere
            self._line_feeds += cell.count("\n") * everywhere
            self._backslashes += cell.count("\\") * everywhere
            kept = Counter({y: n for y, n in labels.items() if not self._says_nothing(y)})
            if kept:
                usable[cell] = sum(kept.values())
                joint[cell] = kept
        kind = {cell: kind_of(cell) for cell in usable}
        if is_target:
            kind |= {cell: Kind.MISSING for cell in usable if no_label(cell)}
        present = {c: n for c, n in usable.items() if kind[c] is not Kind.MISSING}
        counts = dict(sorted(present.items(), key=lambda each: (-each[1], each[0])))
        kinds: Counter[Kind] = Counter()
        for cell, rows in usable.items():
            kinds[kind[cell]] += rows
        number = {
            cell: value for cell in counts if (value := as_number(cell, comma=comma)) is not None
        }
        association = None
        if not is_target and counts:
            pairs = {cell: joint[cell] for cell in counts}
            if self._kind is TargetKind.CLASSES:
                association = from_class_counts(pairs, number)
            elif self._kind is TargetKind.MEASURES:
                association = from_sums(
                    {c: cells.sums[c] for c in counts if c in cells.sums}, number
                )
        total = sum(present.values())
        return ColumnFacts(
            name=name,
            position=position,
            kinds=dict(kinds),
            examples=_examples((cell, kind[cell]) for cell in counts),
            distinct=len(counts),
            counts=counts,
            shortest=min(map(len, counts), default=0),
            longest=max(map(len, counts), default=0),
            mean_length=sum(len(c) * n for c, n in counts.items()) / total if total else 0.0,
            spaced=sum(n for c, n in counts.items() if len(c.split()) > 1),
            repeats_name=usable.get(name, 0),
            decimal_comma=comma,
            numeric=sum(counts[cell] for cell in number),
            points=sum(counts[cell] for cell in counts if is_pointed(cell)),
            maybe_thousands=sum(counts[cell] for cell in counts if maybe_thousand(cell)),
            numbers=numbers_of({c: counts[c] for c in number}, number) if number else None,
            association=association,
        )

    def _aggregate(self, positions: Sequence[int], usable: int) -> dict[int, ColumnFacts]:
        """Return the facts of columns whose cells are too many to count each."""
        engine = self._engine
        target = column(self._layout.target)
        shown, inner, numbers = [], [f"{self._label} as y", f"{target} as t"], []
        for i in positions:
            inner += [
                f"{column(i)} as c{i}",
                f"{kind_sql(engine, column(i))} as k{i}",
            ]
            numbers.append(f"{self._number(i, f'k{i}')} as x{i}")
            shown += [sql for _, sql in self._aggregates(i)]
        if self._value is not None:
            inner.append(f"{self._value} as v")
        usable_sql = self._usable("t")
        (answer,) = engine.query(
            f"select {', '.join(shown)} from (select *, {usable_sql} as u, {', '.join(numbers)} "
            f"from (select {', '.join(inner)} from cells))"
        )
        values = iter(answer)
        told = {i: {name: next(values) for name, _ in self._aggregates(i)} for i in positions}
        distinct = self._distinct(positions)
        edges = {i: _edges(told[i]) for i in positions if told[i]["numeric"]}
        bins = self._bins(list(edges), edges) if edges else {}
        return {
            i: self._from_aggregates(i, told[i], distinct[i], bins.get(i, {}), usable)
            for i in positions
        }

    def _aggregates(self, i: int) -> list[tuple[str, str]]:
        """Return the names and expressions of all that is aggregated of a column."""
        engine, cell, kind, x = self._engine, f"c{i}", f"k{i}", f"x{i}"
        present = f"u and {kind} <> '{Kind.MISSING}'"
        x = f"case when u then {x} end"

        # The pattern is looked at only where its shape is possible.
        pointed = f"u and {kind} = '{Kind.NUMBER}' and {cell} like '%.___%'"
        thousand = f"case when {engine.matches(cell, MAYBE_THOUSAND)} then 1 else 0 end"

        def rows(condition: str) -> str:
            return f"coalesce(sum(case when {condition} then 1 else 0 end), 0)"

        def characters(text: str) -> str:
            taken = f"length(replace({cell}, {engine.literal(text)}, ''))"
            return f"coalesce(sum(length({cell}) - {taken}), 0)"

        found = [
            ("octets", f"coalesce(sum({engine.octets(cell)}), 0)"),
            # Without a quote in the text, no cell holds one or a line feed.
            ("quotes", characters('"') if self._layout.has_quotes else "0"),
            ("line_feeds", characters("\n") if self._layout.has_quotes else "0"),
            ("backslashes", characters("\\") if self._layout.has_quotes else "0"),
            ("shortest", f"min(case when {present} then length({cell}) end)"),
            ("longest", f"max(case when {present} then length({cell}) end)"),
            ("mean_length", f"avg(case when {present} then length({cell}) end)"),
            ("spaced", rows(f"{present} and trim({cell}) like '% %'")),
            ("repeats", rows(f"u and {cell} = {engine.literal(self._layout.names[i])}")),
            ("equal", rows(f"u and {cell} = t")),
            ("numeric", f"count({x})"),
            ("lowest", f"min({x})"),
            ("highest", f"max({x})"),
            ("mean", f"avg({x})"),
            ("deviation", f"stddev_pop(case when abs({x}) < 1e150 then {x} end)"),
            ("whole", f"coalesce(sum(case when {x} = floor({x}) then 1 else 0 end), 0)"),
            ("inexact", rows(f"u and {inexact_sql(f'x{i}')}")),
            ("quantiles", engine.quantiles(x, sorted({*QUANTILES, *_SHARES}))),
            ("points", rows(f"u and {kind} = '{Kind.NUMBER}' and {cell} like '%.%'")),
            ("thousands", f"coalesce(sum(case when {pointed} then {thousand} else 0 end), 0)"),
        ]
        if self._kind is TargetKind.MEASURES and i != self._layout.target:
            within = f"abs({x}) < 1e150 and abs(v) < 1e150"
            found.append(("correlation", f"corr(case when {within} then {x} end, v)"))
        for each in Kind:
            found.append((f"rows {each}", rows(f"u and {kind} = '{each}'")))
            if each is not Kind.MISSING:
                found.append(
                    (f"example {each}", f"min(case when u and {kind} = '{each}' then {cell} end)")
                )
        return found

    def _distinct(self, positions: Sequence[int]) -> dict[int, tuple[int, bool]]:
        """Return about how many different present cells there are, and whether none repeats."""
        engine = self._engine
        inner = []
        for i in positions:
            cell = column(i)
            fingerprint = engine.fingerprint([cell])
            inner.append(
                f"case when {fingerprint} % {self._every} = 0 then {fingerprint} end as h{i}"
            )
        # Cells that say nothing are one fingerprint too many at most.
        usable = self._usable(column(self._layout.target))
        counted = engine.grouped(
            f"select {', '.join(inner)} from cells where {usable}",
            [Group(i, {"h": f"h{i}"}) for i in positions],
            "count(*) as n",
        )
        found = {
            int(which): (int(distinct) * self._every, int(rows) == int(distinct))
            for which, distinct, rows in engine.query(
                f"select which, count(*), sum(n) from ({counted}) where h is not null "
                "group by which"
            )
        }
        return {i: found.get(i, (0, False)) for i in positions}

    def _bins(
        self, positions: Sequence[int], edges: Mapping[int, Sequence[float]]
    ) -> dict[int, dict[int, Counter[str]]]:
        """Return for columns with numbers how many rows of each class are between their edges."""
        engine = self._engine
        numbers, places = [f"{self._label} as y"], ["y"]
        for i in positions:
            x, at = f"x{i}", edges[i]
            numbers.append(f"{number_sql(engine, column(i), comma=self._comma[i])} as {x}")
            place = " ".join(
                f"when {x} < cast('{edge!r}' as double) then {n}" for n, edge in enumerate(at)
            )
            places.append(f"case when {x} is null then -1 {place} else {len(at)} end as b{i}")
        usable = self._usable(column(self._layout.target))
        found: dict[int, dict[int, Counter[str]]] = {i: {} for i in positions}
        counted = engine.grouped(
            f"select {', '.join(places)} from (select {', '.join(numbers)} from cells "
            f"where {usable})",
            [Group(i, {"b": f"b{i}", "y": "y"}) for i in positions],
            "count(*) as n",
        )
        for i, place, label, rows in engine.query(f"select which, b, y, n from ({counted})"):
            found[i].setdefault(place, Counter())[label] += rows
        return found

    def _from_aggregates(
        self,
        position: int,
        told: Mapping[str, Any],
        distinct: tuple[int, bool],
        bins: Mapping[int, Counter[str]],
        usable: int,
    ) -> ColumnFacts:
        self._octets += int(told["octets"])
        self._quotes += int(told["quotes"])
        self._line_feeds += int(told["line_feeds"])
        self._backslashes += int(told["backslashes"])
        is_target = position == self._layout.target
        kinds = {each: int(told[f"rows {each}"]) for each in Kind if told[f"rows {each}"]}
        present = sum(kinds.values()) - kinds.get(Kind.MISSING, 0)
        different, never_repeats = distinct
        numbers = _numbers(told, bins) if told["numeric"] else None
        association = None
        if not is_target and self._kind is TargetKind.CLASSES and numbers is not None:
            association = from_class_counts(
                {str(place): labels for place, labels in bins.items() if place >= 0},
                {str(place): float(place) for place in bins if place >= 0},
                every_cell=False,
            )
        elif not is_target and self._kind is TargetKind.MEASURES:
            correlation = told.get("correlation")
            known = correlation is not None and math.isfinite(correlation)
            association = from_sums({}, {}, correlation=correlation if known else None)
        if not is_target and present and int(told["equal"]) == usable:
            association = replace(
                association or from_sums({}, {}), equals_target=True, gives_away=True
            )
        return ColumnFacts(
            name=self._layout.names[position],
            position=position,
            kinds=kinds,
            examples={
                each: told[f"example {each}"]
                for each in Kind
                if each is not Kind.MISSING and told[f"rows {each}"]
            },
            # Where no cell of the sample repeats, as many as there are; else as many as estimated.
            distinct=present if never_repeats else min(different, present - 1),
            distinct_is_exact=self._every == 1,
            shortest=int(told["shortest"] or 0),
            longest=int(told["longest"] or 0),
            mean_length=float(told["mean_length"] or 0),
            spaced=int(told["spaced"]),
            repeats_name=int(told["repeats"]),
            decimal_comma=self._comma[position],
            numeric=int(told["numeric"]),
            points=int(told["points"]),
            maybe_thousands=int(told["thousands"]),
            numbers=numbers,
            association=association,
        )


def _in_batches(
    positions: Sequence[int], ask: Callable[[Sequence[int]], _Answer]
) -> Iterator[_Answer]:
    """Yield what is answered about some columns at a time; fewer where the memory is short.

    Raises:
        TooManyGroups: It is too small even for one column.
    """
    rest, at_once = list(positions), _AGGREGATED_AT_ONCE
    while rest:
        batch = rest[:at_once]
        try:
            answer = ask(batch)
        except TooManyGroups:
            if len(batch) == 1:
                raise
            at_once = len(batch) // 2
            continue
        rest = rest[len(batch) :]
        yield answer


def _hardly_repeats(cells: Sequence[str]) -> bool:
    present = [cell for cell in cells if cell]
    different = len(set(present))
    return different > MOST_COUNTED or (different > 200 and different * 2 > len(present))


def _power_of_two(number: int) -> int:
    return 1 << max(0, number).bit_length() if number else 1


def _examples(cells: Iterable[tuple[str, Kind]]) -> dict[Kind, str]:
    found: dict[Kind, str] = {}
    for cell, kind in cells:
        if kind is not Kind.MISSING:
            found.setdefault(kind, cell)
    return found


def _edges(told: Mapping[str, Any]) -> list[float]:
    """Return where a histogram's bins and twenty equal shares of the rows begin, in order."""
    equal = equal_bins(told["lowest"], told["highest"])
    shares = [float(each) for each in told["quantiles"]]
    inside = {edge for edge in (*equal[1:-1], *shares) if told["lowest"] < edge <= told["highest"]}
    return sorted(inside)


def _numbers(told: Mapping[str, Any], bins: Mapping[int, Counter[str]]) -> Numbers:
    edges = _edges(told)
    lowest, highest = float(told["lowest"]), float(told["highest"])
    equal = equal_bins(lowest, highest)
    rows = [0] * (len(equal) - 1)
    for place, labels in bins.items():
        if place >= 0:
            start = lowest if place == 0 else edges[place - 1]
            at = sum(start >= low for low in equal[1:-1])
            rows[at] += sum(labels.values())
    asked = dict(zip(sorted({*QUANTILES, *_SHARES}), told["quantiles"], strict=True))
    mean, deviation = told["mean"], told["deviation"]
    if max(-lowest, highest) >= 1e150:
        deviation = None
    return Numbers(
        lowest=lowest,
        highest=highest,
        mean=mean if mean is not None and math.isfinite(mean) else None,
        deviation=deviation if deviation is not None and math.isfinite(deviation) else None,
        quantiles=tuple(float(asked[share]) for share in QUANTILES),
        are_whole=int(told["whole"]) == int(told["numeric"]),
        inexact=int(told["inexact"]),
        bins=tuple(
            Bin(low, high, count) for low, high, count in zip(equal, equal[1:], rows, strict=False)
        ),
    )
