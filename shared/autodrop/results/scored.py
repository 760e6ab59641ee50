"""What is known of the held-out rows and their predictions: counts, and not a row of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from autodrop.results.metrics import Blocks, Confusion, Floats, Ranking


@dataclass(frozen=True)
class Mistake:
    """A row whose prediction is wrong.

    Attributes:
        row: 0-based row of the dropped file.
        truth: The target as the file spells it.
        prediction: The prediction; a label as the file spells it.
        size: Probability of the predicted label, or prediction minus truth.
    """

    row: int
    truth: str
    prediction: str
    size: float


@dataclass(frozen=True)
class ScoredNumbers:
    """Truth and predictions of a regression, in the unit of the target.

    Attributes:
        rows: Their number.
        mean: Of the truth.
        pieces: Yields truth and predictions, both of shape (some rows,), in order; more than once.
        quantiles: Returns quantiles of `truth`, `predicted`, `error` (prediction minus truth),
            `absolute` (without its sign) or `deviation` (of the truth from its mean, without its
            sign), interpolated between neighbours, for shares of the rows.
        mistakes: The worst, worst first.
        segments: By column; None where the test data do not fit the rows.
    """

    rows: int
    mean: float
    pieces: Callable[[], Iterable[tuple[Floats, Floats]]]
    quantiles: Callable[[str, Sequence[float]], Floats]
    mistakes: Sequence[Mistake] = ()
    segments: Mapping[str, Sequence[Segment]] | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.rows


@dataclass(frozen=True)
class ScoredLabels:
    """Truth, labels and probabilities of a classification, counted.

    Attributes:
        counted: The pairs of truth and prediction, as the dropped file spells them.
        positive: The positive class, for two classes.
        ranking: For two classes: how the probability of the positive class ranks the rows; None
            where the model gives none.
        label_threshold: For two classes: the probability of the positive class from which on the
            model names it; None where its labels do not follow from one.
        confidence: For several classes: how the probability of the predicted label ranks right
            predictions before wrong ones; None where some rows have none.
        losses: For several classes: the losses of the true labels; None where some have none.
        rankings: For several classes: how each class's probability ranks the rows, by label; None
            where it is not known.
        mistakes: The most confident ones, most confident first; None without probabilities.
        segments: By column; None where the test data do not fit the rows.
    """

    counted: Confusion
    positive: str | None = None
    ranking: Ranking | None = None
    label_threshold: float | None = None
    confidence: Ranking | None = None
    losses: Blocks | None = None
    rankings: Mapping[str, Ranking] | None = None
    mistakes: Sequence[Mistake] | None = None
    segments: Mapping[str, Sequence[Segment]] | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.counted.counts.sum())


@dataclass(frozen=True)
class Segment:
    """The rows that have one value in a column.

    Attributes:
        value: The cell.
        scored: Its rows, without mistakes and segments.
    """

    value: str
    scored: ScoredLabels | ScoredNumbers
