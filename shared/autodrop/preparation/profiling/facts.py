"""What is known of a table that was counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from autodrop.preparation.cells.kinds import Kind

# The shares of the numbers that lie below the quantiles of `Numbers`.
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
HISTOGRAM_BINS = 20
# A column with more different cells is described by aggregates, not by a count of each cell.
MOST_COUNTED = 2_000


class TargetKind(StrEnum):
    """What the target is, for measuring how the other columns go with it."""

    CLASSES = "classes"
    MEASURES = "measures"
    NEITHER = "neither"


@dataclass(frozen=True)
class Bin:
    """Numbers from `low` up to `high`; the last bin of a histogram includes its `high`."""

    low: float
    high: float
    rows: int


@dataclass(frozen=True)
class Numbers:
    """The finite numbers of a column, as doubles.

    Attributes:
        lowest: The smallest.
        highest: The largest.
        mean: None where the sum is beyond a double; so is `deviation` (of the population).
        deviation: Standard deviation.
        quantiles: One for each of `QUANTILES`, interpolated; of the sampled rows where the cells
            were too many to be counted.
        are_whole: Whether none has a fraction.
        inexact: Whole numbers beyond 2**53, of which a double loses digits.
        bins: `HISTOGRAM_BINS` of equal width; one where all numbers are equal. Their rows are
            those of the sample, scaled, where the cells were too many to be counted.
    """

    lowest: float
    highest: float
    mean: float | None
    deviation: float | None
    quantiles: tuple[float, ...]
    are_whole: bool
    inexact: int
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Association:
    """How a column goes with the target, over rows that have both.

    Attributes:
        information: Mutual information in nats, less what chance alone would give (Miller and
            Madow); numbers in twenty bins of equal share. None for a target of measurements.
        share: The share of the target's entropy that it explains, or for a target of measurements
            the share of its variance (the correlation ratio, squared); 0 to 1.
        correlation: Pearson's, where both are numbers.
        equals_target: Every cell is spelled like the target's.
        gives_away: The target follows from the column without an exception, and not only because
            every cell is another.
    """

    information: float | None = None
    share: float | None = None
    correlation: float | None = None
    equals_target: bool = False
    gives_away: bool = False


@dataclass(frozen=True)
class ColumnFacts:
    """One column over the usable rows: those with a target.

    Attributes:
        name: As in the header.
        position: 0-based, in the file.
        kinds: Cells of each kind that occurs; they add up to the rows.
        examples: One whole cell of each kind that occurs, MISSING left out.
        distinct: Different present cells.
        distinct_is_exact: False where it was estimated from a sample of the different cells.
        never_repeats: Whether no cell of that sample stands in two rows.
        counts: Every present cell with its rows, most frequent first, ties by cell; None where
            there are more than `MOST_COUNTED`.
        shortest: Characters of the shortest present cell.
        longest: Characters of the longest.
        mean_length: Mean characters of a present cell.
        spaced: Present cells with a space between two words.
        repeats_name: Rows in which the cell is the column's own name.
        decimal_comma: Whether its numbers are read with a decimal comma.
        numeric: Cells that are finite numbers.
        has_points: Whether there are numbers with a decimal point.
        has_plain_points: Whether some are no thousand where decimals stand behind a comma, as 1.234
            is.
        numbers: About its finite numbers; None when it has none.
        association: None for the target itself, for an empty column and when not measured.
    """

    name: str
    position: int
    kinds: Mapping[Kind, int]
    examples: Mapping[Kind, str]
    distinct: int
    distinct_is_exact: bool = True
    never_repeats: bool = False
    counts: Mapping[str, int] | None = None
    shortest: int = 0
    longest: int = 0
    mean_length: float = 0.0
    spaced: int = 0
    repeats_name: int = 0
    decimal_comma: bool = False
    numeric: int = 0
    has_points: bool = False
    has_plain_points: bool = False
    numbers: Numbers | None = None
    association: Association | None = None

    @property
    def top(self) -> tuple[tuple[str, int], ...]:
        """The ten most frequent cells with their rows; nothing where cells were not counted."""
        return tuple((self.counts or {}).items())[:10]

    def cells(self, *kinds: Kind) -> int:
        """Return how many cells are of one of these kinds."""
        return sum(self.kinds.get(kind, 0) for kind in kinds)

    @property
    def rows(self) -> int:
        """All cells."""
        return sum(self.kinds.values())

    @property
    def kinds_of_texts(self) -> tuple[Kind, ...]:
        """The kinds of its cells that are neither missing nor finite numbers."""
        numbers = {Kind.MISSING, Kind.NUMBER}
        if self.decimal_comma:
            numbers |= {Kind.DECIMAL_COMMA, Kind.AMBIGUOUS}
        return tuple(kind for kind in self.kinds if kind not in numbers)

    @property
    def missing(self) -> int:
        """Cells that say nothing."""
        return self.cells(Kind.MISSING)

    @property
    def present(self) -> int:
        """Cells that are not missing."""
        return self.rows - self.missing

    @property
    def is_numeric(self) -> bool:
        """Whether there are cells, and all are finite numbers."""
        return self.present > 0 and self.numeric == self.present

    @property
    def is_mixed(self) -> bool:
        """Whether some present cells are finite numbers and others are not."""
        return 0 < self.numeric < self.present

    @property
    def is_constant(self) -> bool:
        """Whether all cells are the same; a missing one differs from a present one."""
        return self.distinct + bool(self.missing) <= 1

    @property
    def differs_everywhere(self) -> bool:
        """Whether no row is missing it and no two rows have the same."""
        return not self.missing and self.rows > 0 and self.never_repeats


@dataclass(frozen=True)
class TableFacts:
    """A whole table.

    Attributes:
        rows: Data rows, those without a target included.
        columns: In file order, each over the usable rows.
        target: Position of the target.
        target_kind: What the target was taken for.
        target_missing: Rows without a target.
        duplicates: Rows that are the same as an earlier one, the target included.
        duplicates_are_exact: False where they were counted in a sample and scaled.
        line_feeds: Line feeds in all cells.
        sampled: Usable rows from which quantiles and associations of columns with many different
            cells come; all of them in a small table.
    """

    rows: int
    columns: tuple[ColumnFacts, ...]
    target: int
    target_kind: TargetKind
    target_missing: int
    duplicates: int = 0
    duplicates_are_exact: bool = True
    line_feeds: int = 0
    sampled: int = 0

    @property
    def usable(self) -> int:
        """Rows with a target."""
        return self.rows - self.target_missing

    @property
    def target_column(self) -> ColumnFacts:
        """The column to predict."""
        return self.columns[self.target]
