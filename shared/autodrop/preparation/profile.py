"""What each column holds, collected while the rows stream by."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

# What pandas' read_csv, and so the engines behind Autopilot, take for a missing value.
# https://pandas.pydata.org/docs/reference/api/pandas.read_csv.html (na_values)
MISSING = frozenset(
    {
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND"),
        *("1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    }
)
_MOST_DISTINCT = 1000


class ColumnProfile:
    """Counts of one column; memory is bounded by a thousand distinct values."""

    def __init__(self, name: str, *, is_target: bool = False) -> None:
        self.name = name
        self._is_missing = no_label if is_target else MISSING.__contains__
        self.missing = 0
        self.present = 0
        self.numbers = 0
        self.values: Counter[str] | None = Counter()
        self._total = 0.0
        self._lowest = math.inf
        self._highest = -math.inf

    def add(self, cell: str) -> None:
        """Count one cell."""
        if self._is_missing(cell):
            self.missing += 1
            return
        self.present += 1
        if self.values is not None:
            self.values[cell] += 1
            if len(self.values) > _MOST_DISTINCT:
                self.values = None
        number = as_number(cell)
        if number is not None:
            self.numbers += 1
            self._total += number
            self._lowest = min(self._lowest, number)
            self._highest = max(self._highest, number)

    @property
    def is_numeric(self) -> bool:
        """Whether every present cell is a finite number."""
        return self.present > 0 and self.numbers == self.present

    @property
    def is_constant(self) -> bool:
        """Whether all cells are the same; a missing one is different from a present one."""
        return self.values is not None and len(self.values) + bool(self.missing) <= 1

    @property
    def is_mixed(self) -> bool:
        """Whether some present cells are finite numbers and others are not."""
        return 0 < self.numbers < self.present

    @property
    def has_fractions(self) -> bool:
        """Whether the numbers seen are too many or too fine to be class labels."""
        if self.values is None:
            return True
        return any(float(value) % 1 for value in self.values) if self.is_numeric else False

    def to_json(self) -> dict[str, Any]:
        """Return the column's part of `profile.json`."""
        described: dict[str, Any] = {
            "name": self.name,
            "type": "numeric" if self.is_numeric else "text" if self.present else "empty",
            "missing": self.missing,
            "distinct": None if self.values is None else len(self.values),
        }
        if self.is_numeric:
            described |= {
                "min": self._lowest,
                "max": self._highest,
                # The sum of numbers near the largest float is infinite, which JSON cannot say.
                "mean": self._total / self.numbers if math.isfinite(self._total) else None,
            }
        if self.values is not None:
            described["top_values"] = [
                {"value": value, "rows": rows} for value, rows in self.values.most_common(10)
            ]
        return described


def profile_columns(
    columns: Sequence[str], target: str, rows: Iterable[Sequence[str]]
) -> list[ColumnProfile]:
    """Return a profile for each column after reading all rows."""
    profiles = [ColumnProfile(name, is_target=name == target) for name in columns]
    adders = [profile.add for profile in profiles]
    for cells in rows:
        for add, cell in zip(adders, cells, strict=True):
            add(cell)
    return profiles


def no_label(cell: str) -> bool:
    """Return whether a cell of the target says nothing; a blank is no class."""
    return cell.strip() in MISSING


def as_number(text: str) -> float | None:
    """Return the finite number that a cell spells, or None."""
    return float(text) if is_number(text) and math.isfinite(float(text)) else None


def is_text(cell: str) -> bool:
    """Return whether a cell is neither missing nor a number."""
    return cell not in MISSING and not is_number(cell)


def is_number(text: str) -> bool:
    """Return whether a cell spells a number, also an infinite one."""
    try:
        float(text)
    except ValueError:
        return False
    # Python reads 1_000 and full-width digits as numbers; no CSV reader does.
    return "_" not in text and text.isascii()
