"""What a run may cost at most: set by the template's parameters, and by nobody who drops a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from autodrop.dataset import Dataset
from autodrop.errors import Rejected
from autodrop.settings import SCHEMA, Settings

# The template's default: processors without accelerators, up to sixteen of them.
_DEFAULT_TYPES = tuple(
    f"ml.{family}.{size}"
    for family in ("m5", "c5", "m6i", "c6i")
    for size in ("large", "xlarge", "2xlarge", "4xlarge")
    # https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TransformResources.html
    if (family, size) != ("c5", "large")
)


@dataclass(frozen=True)
class Ceilings:
    """The ceilings of a stack, each under the name of its template parameter.

    Attributes:
        by_parameter: What each setting with a ceiling may be at most, or one of.
        rows: The most rows of a dropped file.
    """

    by_parameter: Mapping[str, int | tuple[str, ...]]
    rows: int

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Ceilings:
        """Return the ceilings that the template writes, as numbers by the parameters' names.

        Raises:
            KeyError: One is missing.
        """
        found: dict[str, int | tuple[str, ...]] = {}
        for setting in SCHEMA:
            if setting.ceiling:
                value = written[setting.ceiling]
                if isinstance(value, str):
                    value = tuple(each.strip() for each in value.split(","))
                found[setting.ceiling] = value
        return cls(found, written["CeilingRows"])

    def check(self, dataset: Dataset) -> None:
        """Check a prepared dataset before it costs anything.

        Raises:
            Rejected: `SETTING_ABOVE_CEILING` or `ROWS_ABOVE_CEILING`.
        """
        self.check_settings(dataset.settings)
        self.check_rows(dataset.rows)

    def check_settings(self, settings: Settings) -> None:
        """Check that the settings of a run stay below.

        Raises:
            Rejected: `SETTING_ABOVE_CEILING`. Nothing is lowered in silence: a smaller search is
                another one than was asked for.
        """
        for setting in SCHEMA:
            if not setting.ceiling:
                continue
            value, ceiling = attrgetter(setting.name)(settings), self.by_parameter[setting.ceiling]
            if isinstance(ceiling, int):
                if value > ceiling:
                    raise _above(setting.name, value, setting.ceiling, f"at most {ceiling:,}")
            elif value not in ceiling:
                raise _above(setting.name, value, setting.ceiling, f"one of {', '.join(ceiling)}")

    def check_rows(self, rows: int) -> None:
        """Check that a file does not have too many rows.

        Raises:
            Rejected: `ROWS_ABOVE_CEILING`.
        """
        if rows > self.rows:
            raise Rejected(
                "ROWS_ABOVE_CEILING",
                f"The file has {rows:,} rows; this stack takes at most {self.rows:,}.",
                "Drop a sample of the rows, or ask whoever runs the stack to raise its parameter "
                "`CeilingRows`.",
            )


def _above(name: str, value: object, parameter: str, allowed: str) -> Rejected:
    shown = f"{value:,}" if isinstance(value, int) else value
    return Rejected(
        "SETTING_ABOVE_CEILING",
        f"The setting `{name}` is {shown}; this stack allows {allowed}.",
        f"Set `{name}` to what is allowed, or ask whoever runs the stack to raise its parameter "
        f"`{parameter}`.",
    )


DEFAULT_CEILINGS = Ceilings.from_json(
    {
        "CeilingCandidates": 50,
        "CeilingRuntimeMinutes": 480,
        "AllowedTransformInstanceTypes": ",".join(_DEFAULT_TYPES),
        "CeilingTransformInstances": 4,
        "CeilingRows": 100_000_000,
    }
)
