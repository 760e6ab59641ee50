"""How a column goes with the target."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autodrop.preparation.profiling.facts import Association

_BINS = 20
# Rows for each different cell, at least, before "always the same class" says something.
_ROWS_A_CELL = 5
_PERFECT = 0.999999


@dataclass(frozen=True)
class Sums:
    """A target of measurements, added up over some rows.

    Attributes:
        rows: Rows with a number.
        total: Sum of the numbers.
        squares: Sum of their squares.
    """

    rows: int = 0
    total: float = 0.0
    squares: float = 0.0

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.rows + other.rows, self.total + other.total, self.squares + other.squares)


def from_class_counts(
    joint: Mapping[str, Mapping[str, int]],
    number: Mapping[str, float],
    *,
    every_cell: bool = True,
) -> Association:
    """Return how a column goes with a target of classes.

    Args:
        joint: For each present cell, the rows of each class.
        number: What number a cell is, for those that are; when all are, they go into bins.
        every_cell: False where `joint` holds bins of numbers instead of cells.
    """
    labels = sorted({label for rows in joint.values() for label in rows})
    if len(labels) < 2:
        return Association()
    cells = sorted(joint, key=lambda cell: (number.get(cell, math.inf), cell))
    table = np.array([[joint[cell].get(label, 0) for label in labels] for cell in cells])
    are_numbers = len(number) == len(cells)
    tight = _in_bins(table) if are_numbers else table
    information = _information(tight)
    entropy = _entropy(table.sum(axis=0))
    return Association(
        information=information,
        share=min(1.0, information / entropy) if entropy else None,
        equals_target=every_cell and all(set(joint[cell]) == {cell} for cell in cells),
        gives_away=every_cell and _gives_away(table, in_order=are_numbers),
    )


def from_sums(
    sums: Mapping[str, Sums],
    number: Mapping[str, float],
    *,
    correlation: float | None = None,
) -> Association:
    """Return how a column goes with a target of measurements.

    Args:
        sums: For each present cell, the target's numbers; empty where cells were not counted.
        number: What number a cell is, for those that are.
        correlation: Pearson's, where it was measured otherwise.
    """
    if not sums:
        perfect = correlation is not None and abs(correlation) >= _PERFECT
        share = None if correlation is None else min(1.0, correlation**2)
        return Association(share=share, correlation=correlation, gives_away=perfect)
    rows = np.array([each.rows for each in sums.values()], dtype=float)
    totals = np.array([each.total for each in sums.values()])
    squares = np.array([each.squares for each in sums.values()])
    count = rows.sum()
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        spread = squares.sum() - totals.sum() ** 2 / count
        between = (totals**2 / rows).sum() - totals.sum() ** 2 / count
        share = _share(between, spread, len(sums), count)
        if number.keys() >= sums.keys():
            x = np.array([number[cell] for cell in sums])
            own = (x**2 * rows).sum() - (x * rows).sum() ** 2 / count
            common = (x * totals).sum() - (x * rows).sum() * totals.sum() / count
            root = math.sqrt(own * spread) if own > 0 and spread > 0 else 0.0
            known = root and math.isfinite(root) and math.isfinite(common)
            correlation = max(-1.0, min(1.0, float(common / root))) if known else None
    if share is None and correlation is not None:
        share = correlation**2
    enough = count >= _ROWS_A_CELL * len(sums)
    perfect = (share is not None and share >= _PERFECT and enough) or (
        correlation is not None and abs(correlation) >= _PERFECT
    )
    return Association(share=share, correlation=correlation, gives_away=perfect)


def _share(between: float, spread: float, cells: int, rows: float) -> float | None:
    """Return the share of the spread that lies between cells, less what chance alone would give."""
    if not (math.isfinite(between) and math.isfinite(spread)) or spread <= 0 or rows <= cells:
        return None
    chance = (cells - 1) * (spread - between) / (rows - cells)
    return float(max(0.0, min(1.0, (between - chance) / spread)))


def _in_bins(table: npt.NDArray[np.int_]) -> npt.NDArray[np.int_]:
    """Return the rows of the table, in the order of their numbers, in bins of about equal share."""
    if len(table) <= _BINS:
        return table
    middle = np.cumsum(table.sum(axis=1)) - table.sum(axis=1) / 2
    place = np.minimum((middle / table.sum() * _BINS).astype(int), _BINS - 1)
    binned = np.zeros((_BINS, table.shape[1]), dtype=table.dtype)
    np.add.at(binned, place, table)
    filled: npt.NDArray[np.int_] = binned[binned.sum(axis=1) > 0]
    return filled


def _information(table: npt.NDArray[np.int_]) -> float:
    total = table.sum()
    raw = _entropy(table.sum(axis=0)) + _entropy(table.sum(axis=1)) - _entropy(table.ravel())
    chance = (table.shape[0] - 1) * (table.shape[1] - 1) / (2 * total)
    return float(max(0.0, raw - chance))


def _entropy(rows: npt.NDArray[np.int_]) -> float:
    shares = rows[rows > 0] / rows.sum()
    return float(-(shares * np.log(shares)).sum())


def _gives_away(table: npt.NDArray[np.int_], *, in_order: bool) -> bool:
    """Return whether the class follows from the cell, and not because each cell occurs once."""
    if not ((table > 0).sum(axis=1) == 1).all():
        return False
    if table.sum() >= _ROWS_A_CELL * len(table):
        return True
    if not in_order:
        return False
    classes = table.argmax(axis=1)
    return int((classes[1:] != classes[:-1]).sum()) <= table.shape[1] - 1
