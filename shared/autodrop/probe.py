"""The probe: rows made from held-out rows, with which the model itself is asked what drives it.

Batch transform scores them beside the held-out rows. The plan says what each of them is for.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

SCHEMA_VERSION = 1
PROBE_FILE = "probe_rows.csv"


@dataclass(frozen=True)
class BaseRow:
    """A held-out row as it is.

    Attributes:
        truth: Its target as the dropped file spells it.
        weight: How many rows it stands for, relative to the others.
    """

    truth: str
    weight: float


@dataclass(frozen=True)
class ProbedFeature:
    """A column that the model is asked about.

    Attributes:
        name: Its name.
        is_numeric: Whether its grid are numbers, ascending; else the most frequent cells.
        grid: The cells that some rows get one after the other, as the model reads them; empty
            where there is nothing to compare.
    """

    name: str
    is_numeric: bool
    grid: tuple[str, ...]


@dataclass(frozen=True)
class ProbePlan:
    """What the lines of the probe file are, in this order.

    First the base rows, those of the first repeat first. Then for each feature the base rows once
    more, its cell replaced by that of another held-out row. Then for each feature, for each of
    `curve_rows` rows, the row with every cell of the grid in turn.

    Attributes:
        repeats: How many times importance is measured, each time with other rows.
        base: The base rows; each repeat has as many.
        curve_rows: How many rows get the cells of a grid.
        features: The columns, in the order of the file.
        not_asked: How many columns there was no room for.
    """

    repeats: int
    base: tuple[BaseRow, ...]
    curve_rows: int
    features: tuple[ProbedFeature, ...]
    not_asked: int = 0

    @property
    def rows(self) -> int:
        """The number of lines in the probe file."""
        grids = sum(len(feature.grid) for feature in self.features)
        return len(self.base) * (1 + len(self.features)) + self.curve_rows * grids

    def to_json(self) -> dict[str, Any]:
        """Return what is written as `plan.json`."""
        return {"schema_version": SCHEMA_VERSION, **asdict(self)}

    @classmethod
    def from_json(cls, written: Any) -> ProbePlan:
        """Return the plan that `to_json` wrote.

        Raises:
            LookupError, TypeError, ValueError: It is another document.
        """
        plan = cls(
            repeats=int(written["repeats"]),
            base=tuple(BaseRow(str(row["truth"]), float(row["weight"])) for row in written["base"]),
            curve_rows=int(written["curve_rows"]),
            features=tuple(
                ProbedFeature(
                    str(feature["name"]),
                    bool(feature["is_numeric"]),
                    tuple(map(str, feature["grid"])),
                )
                for feature in written["features"]
            ),
            not_asked=int(written["not_asked"]),
        )
        if plan.repeats < 1 or not plan.base or len(plan.base) % plan.repeats:
            raise ValueError("the repeats do not have as many rows each")
        return plan
