"""Writes the probe: held-out rows, and the same rows with one cell of another held-out row."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import isqrt
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import numpy.typing as npt

from autodrop.dataset import Dataset
from autodrop.findings import shortened
from autodrop.preparation.cells.kinds import Kind, kind_of
from autodrop.preparation.cells.spelling import spelled
from autodrop.preparation.reading.text import LONGEST_ROW
from autodrop.probe import PROBE_FILE, BaseRow, ProbedFeature, ProbePlan
from autodrop.settings import ProblemType

_BLOCK = 4 * 1024 * 1024
_LINE_FEED = ord("\n")
_CELL = re.compile(r'("(?:[^"]|"")*"|[^,]*),')
# With fewer rows for each of them, some columns are left out.
_FEWEST_ROWS = 24
# The rest is for the curves.
_SHARE_OF_IMPORTANCE = 0.65
_FEWEST_CURVES = 3
_SMALLEST_GRID = 4
_POOL = 2_000
_WITHOUT_GRID = ("date", "free_text", "empty")
# The outermost quantiles of a grid, so that it does not end at an outlier.
_QUANTILES = (0.05, 0.95)

Positions = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Row = Sequence[str]
# Its numbers are the same in every version of NumPy.
Random = np.random.RandomState


@dataclass(frozen=True)
class Budget:
    """How large a probe may be.

    Attributes:
        rows: The most rows.
        size: The most bytes.
        repeats: How many times importance is measured.
        base_rows: The most rows of a repeat.
        curve_rows: The most rows that get the cells of a grid.
        grid: The most cells of a grid.
    """

    rows: int = 2_000
    size: int = 2_000_000
    repeats: int = 5
    base_rows: int = 100
    curve_rows: int = 20
    grid: int = 10


@dataclass(frozen=True)
class _HeldOut:
    """Some held-out rows, their cells as they are spelled.

    Attributes:
        base: Positions of the base rows, in the order in which they are used up.
        by_class: The same for either class, positive first, with the class's share of all rows;
            empty where rows are drawn without looking at their class.
        pool: Positions of the rows that give their cells, in random order.
        cells: The cells by position.
        truth: The target by position.
    """

    base: Sequence[int]
    by_class: Sequence[tuple[Sequence[int], float]]
    pool: Sequence[int]
    cells: Mapping[int, Row]
    truth: Mapping[int, str]


class HeldOutRows(Protocol):
    """The held-out rows of a dataset, wherever they lie."""

    @property
    def size(self) -> int:
        """Their bytes as the model reads them."""

    def positives(self, label: str) -> Mask:
        """Return a mask of shape (rows,), true for those of a class."""

    def lines(self, positions: Positions) -> tuple[Sequence[str], Sequence[str]]:
        """Return the lines at some positions, which ascend: as the model reads them, the truth."""


@dataclass(frozen=True)
class WrittenRows:
    """Held-out rows in files of this machine.

    Attributes:
        test: The rows as the model reads them, without header; parts in order.
        truth: Row numbers, carried columns and target, each with a header; parts in order.
    """

    test: Sequence[Path]
    truth: Sequence[Path]

    @property
    def size(self) -> int:
        """Their bytes as the model reads them."""
        return sum(path.stat().st_size for path in self.test)

    def positives(self, label: str) -> Mask:
        """Return which of them are of a class."""
        blocks = _blocks(self.truth, header=True)
        return np.concatenate([_are_of_class(*block, label) for block in blocks])

    def lines(self, positions: Positions) -> tuple[Sequence[str], Sequence[str]]:
        """Return the lines of some of them."""
        return (
            list(_lines_at(self.test, positions, header=False)),
            list(_lines_at(self.truth, positions, header=True)),
        )


def write_probe(
    dataset: Dataset,
    profile: Mapping[str, Any],
    rows_held_out: HeldOutRows,
    folder: Path,
    budget: Budget | None = None,
) -> ProbePlan | None:
    """Write `probe_rows.csv` into `folder` and return its plan; None when no row is small enough.

    The same rows, in one part or in several, give the same probe. Cells are copied as they are
    spelled, so that the model reads nothing that no held-out row holds.

    Args:
        dataset: What was found and decided.
        profile: The content of `profile.json`.
        rows_held_out: The held-out rows.
        folder: Where the file goes.
        budget: How large it may be.
    """
    budget = budget or Budget()
    random = Random(dataset.split.seed)
    held_out = _held_out(dataset, rows_held_out, random, budget)
    if held_out is None:
        return None
    rows, state = budget.rows, random.get_state()
    while True:
        random.set_state(state)
        plan, lines = _planned(dataset, profile, held_out, random, replace(budget, rows=rows))
        if plan is None:
            return None
        content = "".join(lines).encode()
        if len(content) <= budget.size:
            (folder / PROBE_FILE).write_bytes(content)
            return plan
        rows = min(plan.rows - 1, int(rows * budget.size / len(content) * 0.95))


def probed_class(dataset: Dataset) -> str | None:
    """Return the class of two of which as many rows are drawn as of the other, None for none."""
    target = dataset.target
    return target.positive_class if target.inferred_type is ProblemType.BINARY else None


def _held_out(
    dataset: Dataset, held_out: HeldOutRows, random: Random, budget: Budget
) -> _HeldOut | None:
    """Return the rows to choose from, drawn from all held-out rows; None without two of them."""
    rows = dataset.split.test_rows
    # Rows of which so few fit into the probe are not read into memory, either.
    if rows < 2 or held_out.size / rows > budget.size / _FEWEST_ROWS:
        return None
    pool = _sample(random, rows, _POOL)
    wanted = budget.repeats * budget.base_rows
    base: Sequence[int] = _sample(random, rows, wanted)
    by_class: list[tuple[Sequence[int], float]] = []
    label = probed_class(dataset)
    if label is not None:
        is_positive = held_out.positives(label)
        sides = [np.flatnonzero(is_positive), np.flatnonzero(~is_positive)]
        if min(map(len, sides)) >= 2:
            for side in sides:
                places = _sample(random, len(side), wanted // 2)
                by_class.append((side[places].tolist(), len(side) / len(is_positive)))
            base = [position for positions, _ in by_class for position in positions]
    needed = np.unique(np.array([*base, *pool], dtype=np.int64))
    test, truth = held_out.lines(needed)
    lines = dict(zip(needed.tolist(), test, strict=True))
    truths = dict(zip(needed.tolist(), truth, strict=True))
    return _HeldOut(
        base,
        by_class,
        pool,
        {position: _CELL.findall(f"{line},") for position, line in lines.items()},
        {position: _last_cell(truths[position]) for position in base},
    )


def _sample(random: Random, rows: int, most: int) -> list[int]:
    """Return positions of rows in random order, all different: `most`, or all there are."""
    if rows <= 2 * most:
        order: list[int] = random.permutation(rows)[:most].tolist()
        return order
    chosen: dict[int, None] = {}
    while len(chosen) < most:
        chosen |= dict.fromkeys(random.randint(rows, size=most).tolist())
    return list(chosen)[:most]


def _planned(
    dataset: Dataset,
    profile: Mapping[str, Any],
    held_out: _HeldOut,
    random: Random,
    budget: Budget,
) -> tuple[ProbePlan | None, list[str]]:
    """Return a plan of at most so many rows, and its lines; None where these are too few."""
    described = {each["name"]: each for each in profile["columns"]}
    columns = _asked(dataset.features, described, budget.rows // _FEWEST_ROWS)
    base = _base_rows(held_out, len(columns), budget)
    if not columns or not base:
        return None, []
    pool = [held_out.cells[position] for position in held_out.pool]
    room = budget.rows - len(base) * (len(columns) + 1)
    grids, curve_rows = _grids(pool, columns, dataset.features, described, room, budget)
    lines = [_line(held_out.cells[position]) for position, _ in base]
    for column in columns:
        for position, _ in base:
            donor = int(random.randint(len(held_out.pool)))
            if held_out.pool[donor] == position:
                donor = (donor + 1) % len(held_out.pool)
            lines.append(_line(held_out.cells[position], column, pool[donor][column]))
    for column, grid in zip(columns, grids, strict=True):
        for row in pool[:curve_rows]:
            lines += [_line(row, column, cell) for cell in grid]
    plan = ProbePlan(
        budget.repeats,
        tuple(BaseRow(held_out.truth[position], weight) for position, weight in base),
        curve_rows,
        tuple(
            ProbedFeature(
                dataset.features[column],
                described[dataset.features[column]]["type"] == "numeric",
                tuple(shortened(_unquoted(cell)) for cell in grid),
            )
            for column, grid in zip(columns, grids, strict=True)
        ),
        len(dataset.features) - len(columns),
    )
    return plan, lines


def _asked(
    features: Sequence[str], described: Mapping[str, Mapping[str, Any]], most: int
) -> list[int]:
    """Return the positions of the features to ask about: of too many those that tell most."""

    def told(column: int) -> float:
        share = (described[features[column]].get("target") or {}).get("explained_share")
        return -1.0 if share is None else float(share)

    return sorted(sorted(range(len(features)), key=lambda column: -told(column))[:most])


def _base_rows(held_out: _HeldOut, columns: int, budget: Budget) -> list[tuple[int, float]]:
    """Return the base rows of all repeats with their weights; none where there is no room.

    Of two classes each repeat has as many rows, because a ranking does not depend on how many there
    are: so its noise is the least. The weights bring the shares back.
    """
    room = int(_SHARE_OF_IMPORTANCE * budget.rows / (budget.repeats * (columns + 1)))
    size = min(budget.base_rows, room)
    sides = [(positions, size, 1.0) for positions in (held_out.base,)]
    if held_out.by_class:
        sides = [(positions, size // 2, 2 * share) for positions, share in held_out.by_class]
    sides = [(positions, min(most, len(positions)), weight) for positions, most, weight in sides]
    if held_out.by_class:
        # Of either class as many.
        least = min(most for _, most, _ in sides)
        sides = [(positions, least, weight) for positions, _, weight in sides]
    if sum(most for _, most, _ in sides) < 2:
        return []
    chosen = []
    for repeat in range(budget.repeats):
        for positions, most, weight in sides:
            # Where there are too few rows, a repeat begins from the first ones again.
            places = range(repeat * most, (repeat + 1) * most)
            chosen += [(positions[place % len(positions)], weight) for place in places]
    return chosen


def _grids(
    pool: Sequence[Row],
    columns: Sequence[int],
    features: Sequence[str],
    described: Mapping[str, Mapping[str, Any]],
    room: int,
    budget: Budget,
) -> tuple[list[list[str]], int]:
    """Return the cells of each column's grid, and how many rows get them."""
    most = min(budget.grid, max(_SMALLEST_GRID, isqrt(room // len(columns))))
    while True:
        grids = [_grid(pool, i, described[features[i]]["type"], most) for i in columns]
        cells = sum(map(len, grids))
        curve_rows = min(budget.curve_rows, len(pool), room // cells) if cells else 0
        if curve_rows >= min(_FEWEST_CURVES, len(pool)):
            return grids, curve_rows
        if most == 2 or not cells:
            return [[] for _ in columns], 0
        most -= 1


def _grid(pool: Sequence[Row], column: int, kind: str, most: int) -> list[str]:
    """Return the cells to compare: evenly spaced quantiles, or the most frequent cells."""
    if kind in _WITHOUT_GRID:
        return []
    cells = Counter(row[column] for row in pool)
    if kind != "numeric":
        ordered = sorted(cells.items(), key=lambda each: (-each[1], each[0]))
        # What occurs only once is no category.
        grid = [cell for cell, rows in ordered if rows > 1][:most]
        return grid if len(grid) > 1 else []
    # Of several spellings of a number the first one, so that the order of the pool decides.
    spelling: dict[float, str] = {}
    numbers = []
    for row in pool:
        number = _number(row[column])
        if number is not None:
            spelling.setdefault(number, row[column])
            numbers.append(number)
    distinct = sorted(spelling)
    if len(distinct) > most:
        chosen = _quantiles(sorted(numbers), most, _QUANTILES)
        # Where nearly all rows have the same number, the others are told apart.
        distinct = chosen if 2 * len(chosen) > most else _quantiles(distinct, most, (0.0, 1.0))
    return [spelling[number] for number in distinct] if len(distinct) > 1 else []


def _quantiles(ordered: Sequence[float], most: int, ends: tuple[float, float]) -> list[float]:
    low, high = ends
    shares = [low + (high - low) * i / (most - 1) for i in range(most)]
    return sorted({ordered[round(share * (len(ordered) - 1))] for share in shares})


def _number(cell: str) -> float | None:
    text = _unquoted(cell)
    return float(text) if kind_of(text) is Kind.NUMBER else None


def _line(row: Row, column: int | None = None, cell: str = "") -> str:
    if column is None:
        return f"{','.join(row)}\n"
    return f"{','.join([*row[:column], cell, *row[column + 1 :]])}\n"


def _unquoted(cell: str) -> str:
    return cell[1:-1].replace('""', '"') if cell.startswith('"') else cell


def _last_cell(line: str) -> str:
    csv.field_size_limit(LONGEST_ROW)
    return next(csv.reader([line]))[-1]


def _blocks(paths: Sequence[Path], *, header: bool) -> Iterator[tuple[bytes, Positions]]:
    """Yield blocks of whole lines, with where each of their lines begins, and where the last ends.

    The header stays in its block, but no place is that of its beginning.
    """
    for path in paths:
        with path.open("rb") as file:
            skipped = int(header)
            for block in _blocks_of_lines(file):
                yield block, _places(block)[skipped:]
                skipped = 0


def positives(truth: bytes, label: str) -> Mask:
    """Return for each line of a truth without header whether its last cell is `label`."""
    return _are_of_class(truth, _places(truth), label)


def _places(lines: bytes) -> Positions:
    """Return where each line begins, and where the last one ends."""
    ends = np.flatnonzero(np.frombuffer(lines, dtype=np.uint8) == _LINE_FEED) + 1
    return np.concatenate(([0], ends))


def _are_of_class(block: bytes, places: Positions, label: str) -> Mask:
    # What is in quotes ends with one: no other cell ends like this.
    ending = np.frombuffer(f",{spelled([label])}".encode(), dtype=np.uint8)
    codes = np.frombuffer(block, dtype=np.uint8)
    begins = places[1:] - len(ending)
    found: Mask = begins >= places[:-1]
    for i, code in enumerate(ending.tolist()):
        found &= codes[np.maximum(begins, 0) + i] == code
    return found


def _lines_at(paths: Sequence[Path], wanted: Positions, *, header: bool) -> Iterator[str]:
    """Yield the lines at some positions, which ascend."""
    first = 0
    for block, places in _blocks(paths, header=header):
        rows = len(places) - 1
        low, high = np.searchsorted(wanted, [first, first + rows])
        for place in (wanted[low:high] - first).tolist():
            yield block[places[place] : places[place + 1] - 1].decode()
        first += rows


def _blocks_of_lines(source: BinaryIO) -> Iterator[bytes]:
    """Yield a file in blocks of whole lines."""
    kept = b""
    while chunk := source.read(_BLOCK):
        end = chunk.rfind(b"\n") + 1
        if end:
            yield kept + chunk[:end]
            kept = chunk[end:]
        else:
            kept += chunk
