"""95 % intervals: the rows are drawn again with replacement, and the metrics computed again.

Rows that a metric cannot tell apart are counted together first, and the counts are drawn from a
multinomial distribution: that is the bootstrap itself, without touching a row again. It is exact
for metrics of labels, and for the others as long as there are few rows:

- scores: beyond `MOST_ROWS` rows, neighbours are counted together in some hundred bins (`_binned`);
  the interval is moved by what the bins change in the metric itself;
- means over rows (errors, losses): beyond `MOST_ROWS` rows, every `MOST_ROWS`-th row is summed
  into one block, and blocks are drawn;
- a median: beyond as many rows, the quantiles between which the median of a sample lies, which is
  what the bootstrap comes to.

The draws are the same every time: the same rows get the same intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from autodrop.results.metrics import (
    Blocks,
    Confusion,
    ErrorSums,
    Floats,
    Integers,
    Ranking,
    Values,
    label_metrics,
    multiclass_metrics,
    pieces,
    regression_metrics,
    roc_auc,
    score_metrics,
)

LEVEL = 0.95
REPLICATES = 400
MOST_ROWS = 10_000
_BINS = 300
METHOD = "percentile bootstrap over held-out rows"
_AT_ONCE = 50
_SEED = 20_240_229
Z = 1.959963984540054

Interval = tuple[float | None, float | None]
Intervals = dict[str, Interval]
_NONE: Interval = (None, None)


def of_scores(ranking: Ranking) -> Intervals:
    """Return the intervals of what `score_metrics` returns."""
    exact = score_metrics(ranking)
    binned = ranking if ranking.rows <= MOST_ROWS else _binned(ranking)
    size = len(binned.score)
    cells = np.concatenate([binned.positives, binned.negatives])
    drawn = _collected(
        score_metrics(Ranking(binned.score, counts[:, :size], counts[:, size:]))
        for counts in _draws(cells)
    )
    rough = score_metrics(binned)
    return {
        name: _percentiles(values + (exact[name] - rough[name])) for name, values in drawn.items()
    }


def of_labels(tp: int, fp: int, fn: int, tn: int) -> Intervals:
    """Return the intervals of what `label_metrics` returns."""
    drawn = _collected(
        label_metrics(*counts.T) for counts in _draws(np.array([tp, fp, fn, tn], dtype=np.int64))
    )
    found = {name: _percentiles(values) for name, values in drawn.items()}
    shares = {
        "accuracy": (tp + tn, tp + fp + fn + tn),
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
    }
    return found | _certain(found, shares)


def of_classes(counted: Confusion) -> Intervals:
    """Return the intervals of what `multiclass_metrics` returns."""
    drawn = _collected(
        multiclass_metrics(replace(counted, counts=counts)) for counts in _draws(counted.counts)
    )
    found = {name: _percentiles(values) for name, values in drawn.items()}
    rows = int(counted.counts.sum())
    return found | _certain(found, {"accuracy": (int(counted.hits.sum()), rows)})


def _certain(found: Intervals, shares: Mapping[str, tuple[int, int]]) -> Intervals:
    """Return Wilson's intervals of shares that are the same in every replicate, 0 or 1."""
    return {
        name: wilson(hits, rows)
        for name, (hits, rows) in shares.items()
        if found[name] == _NONE and rows and hits in (0, rows)
    }


def of_mean(blocks: Blocks) -> Interval:
    """Return the interval of the mean of values."""
    sums, rows = blocks.sums, blocks.rows
    drawn = _collected({"mean": (w @ sums) / (w @ rows)} for w in _draws_of_blocks(rows))
    return _percentiles(drawn["mean"])


def in_blocks(pieces: Iterable[Floats]) -> Blocks:
    """Return the sums of every `MOST_ROWS`-th row, or the rows themselves when they are few.

    Args:
        pieces: The values, shape (rows,).
    """
    rows, sums = _summed([piece] for piece in pieces)
    return Blocks(sums, rows)


def error_sums(pieces: Iterable[tuple[Floats, Floats]], centre: float) -> ErrorSums:
    """Return the sums in blocks: of every `MOST_ROWS`-th row, or of each when they are few.

    Args:
        pieces: Truth and predictions, both of shape (rows,).
        centre: Near the mean of the truths.
    """

    def columns() -> Iterator[Sequence[Floats]]:
        for truth, predicted in pieces:
            y, absolute = truth - centre, np.abs(predicted - truth)
            yield y, y**2, absolute, absolute**2, absolute / np.abs(truth)

    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return ErrorSums(*_summed(columns()))


def total(sums: ErrorSums) -> ErrorSums:
    """Return the sums over all blocks."""
    return _weighted(sums, np.ones(len(sums.rows)))


def of_regression(sums: ErrorSums) -> Intervals:
    """Return the intervals of what `regression_metrics` returns, from sums in blocks."""
    drawn = _collected(
        regression_metrics(_weighted(sums, weights)) for weights in _draws_of_blocks(sums.rows)
    )
    return {name: _percentiles(values) for name, values in drawn.items()}


def of_median(rows: int, quantiles: Callable[[Sequence[float]], Floats]) -> Interval:
    """Return the interval of a median.

    Args:
        rows: How many values there are.
        quantiles: Returns quantiles of the values, interpolated between neighbours.
    """
    if rows > MOST_ROWS:
        half = Z / (2 * np.sqrt(rows))
        low, high = quantiles([0.5 - half, 0.5 + half])
        return (float(low), float(high)) if np.isfinite([low, high]).all() else _NONE
    in_order = quantiles(np.linspace(0, 1, rows).tolist())
    if not np.isfinite(in_order).all():
        return _NONE

    def medians(weights: Integers) -> Values:
        below = np.cumsum(weights, axis=1)
        # The two rows in the middle, which are one where their number is odd.
        first = (below < (rows + 1) // 2).sum(axis=1)
        second = (below < rows // 2 + 1).sum(axis=1)
        with np.errstate(over="ignore"):
            return {"median": (in_order[first] + in_order[second]) / 2}

    ones = np.ones(rows, dtype=np.int64)
    return _percentiles(_collected(map(medians, _draws(ones)))["median"])


def of_macro_auc(rankings: Mapping[str, Ranking]) -> Interval:
    """Return an interval of the mean of several classes' areas, from DeLong's variances.

    The classes' errors are taken as going together completely, which makes it too wide rather than
    too narrow: how they go together is not known from counts.
    """
    if not rankings:
        return _NONE
    areas = [float(roc_auc(each)) for each in rankings.values()]
    spread = [float(np.sqrt(_variance_of_auc(each))) for each in rankings.values()]
    mean, half = float(np.mean(areas)), Z * float(np.mean(spread))
    if not np.isfinite(mean + half):
        return _NONE
    return max(mean - half, 0.0), min(mean + half, 1.0)


def wilson(hits: float, rows: float) -> tuple[float, float]:
    """Return Wilson's interval of a share; (0, 1) without rows."""
    if rows == 0:
        return 0.0, 1.0
    share = hits / rows
    below = 1 + Z**2 / rows
    centre = (share + Z**2 / (2 * rows)) / below
    half = Z * float(np.sqrt(share * (1 - share) / rows + Z**2 / (4 * rows**2))) / below
    return max(centre - half, 0.0), min(centre + half, 1.0)


def standard_error(low: float, high: float) -> float:
    """Return the standard error that a 95 % interval stands for."""
    return (high - low) / (2 * Z)


def difference(
    before: tuple[float, float, float], now: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Return `now - before` with its interval; both are value, low and high."""
    change = now[0] - before[0]
    error = np.hypot(standard_error(*before[1:]), standard_error(*now[1:]))
    return change, change - Z * float(error), change + Z * float(error)


def _binned(ranking: Ranking) -> Ranking:
    """Return the counts in bins of neighbours.

    A bin has at most a `_BINS`-th of the positive rows and a `_BINS`-th of the negative ones, and
    its ranks are close to each other also in relation to the first of them: precision changes
    fastest among the first rows, above all when positive rows are rare.
    """
    p, n = int(ranking.positives.sum()), int(ranking.negatives.sum())
    starts_of_pieces, done, last = [np.zeros(1, dtype=np.int64)], (0, 0), None
    for piece in pieces(len(ranking.score)):
        here = ranking.positives[piece], ranking.negatives[piece]
        up_to = done[0] + np.cumsum(here[0]), done[1] + np.cumsum(here[1])
        before = up_to[0] - here[0], up_to[1] - here[1]
        rank = np.log1p(before[0] + before[1]) * (_BINS / np.log1p(p + n))
        keys = np.stack(
            [
                before[0] * _BINS // max(p, 1),
                (up_to[0] - 1) * _BINS // max(p, 1),
                before[1] * _BINS // max(n, 1),
                rank.astype(np.int64),
            ]
        )
        previous = keys[:, :1] if last is None else last
        changes = (np.diff(keys, axis=1, prepend=previous) != 0).any(axis=0)
        starts_of_pieces.append(np.flatnonzero(changes) + piece.start)
        done, last = (int(up_to[0][-1]), int(up_to[1][-1])), keys[:, -1:]
    starts = np.concatenate(starts_of_pieces)
    positives = np.add.reduceat(ranking.positives, starts)
    negatives = np.add.reduceat(ranking.negatives, starts)
    rows = ranking.positives + ranking.negatives
    sums = np.add.reduceat(ranking.score * rows, starts)
    return Ranking(sums / (positives + negatives), positives, negatives)


def _summed(pieces: Iterable[Sequence[Floats]]) -> Any:
    """Return sums of each kind of value in blocks, rows first, shape (1 + kinds, blocks).

    Args:
        pieces: Each has some values of each kind, all of the same rows.
    """
    seen = 0
    sums: Any = np.zeros((1, 1))
    for columns in pieces:
        block = (np.arange(len(columns[0])) + seen) % MOST_ROWS
        here = [np.bincount(block, minlength=MOST_ROWS)]
        here += [np.bincount(block, values, minlength=MOST_ROWS) for values in columns]
        sums = sums + np.array(here) if seen else np.array(here)
        seen += len(block)
    return sums[:, : min(seen, MOST_ROWS)]


def _weighted(sums: ErrorSums, weights: Any) -> ErrorSums:
    """Return sums over blocks, each taken as often as its weight, shape (…, blocks), says."""
    with np.errstate(over="ignore", invalid="ignore"):
        return ErrorSums(*(weights @ getattr(sums, each.name) for each in fields(sums)))


def _draws_of_blocks(rows: Floats) -> Iterator[Integers]:
    return _draws(np.ones(len(rows), dtype=np.int64))


def _draws(counts: Integers) -> Iterator[Integers]:
    """Yield the counts of samples of as many rows, shape (some replicates, cells)."""
    rng = np.random.default_rng(_SEED)
    total, cells = int(counts.sum()), len(counts)
    cell_of_row = np.repeat(np.arange(cells), counts) if total <= MOST_ROWS else None
    for _ in range(0, REPLICATES, _AT_ONCE):
        if cell_of_row is None:
            yield rng.multinomial(total, counts / total, size=_AT_ONCE)
            continue
        # The same for few rows in less time.
        drawn = cell_of_row[rng.integers(0, total, size=(_AT_ONCE, total))]
        drawn += np.arange(_AT_ONCE)[:, None] * cells
        counted = np.bincount(drawn.ravel(), minlength=_AT_ONCE * cells)
        yield counted.reshape(_AT_ONCE, cells)


def _collected(parts: Iterator[Values]) -> dict[str, Floats]:
    gathered: dict[str, list[Any]] = {}
    for part in parts:
        for name, values in part.items():
            gathered.setdefault(name, []).append(values)
    return {name: np.concatenate(each) for name, each in gathered.items()}


def _percentiles(values: Floats) -> Interval:
    """Return the middle 95 % of the replicates that define the metric, if most of them do."""
    defined = values[np.isfinite(values)]
    if len(defined) * 2 <= len(values):
        return _NONE
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    # Rows that are all alike tell nothing of others: every replicate is the same.
    return (float(low), float(high)) if high > low else _NONE


def _variance_of_auc(ranking: Ranking) -> float:
    """Return DeLong's variance of the area; NaN with fewer than two rows of a class."""
    p, n = float(ranking.positives.sum()), float(ranking.negatives.sum())
    if p < 2 or n < 2:
        return float("nan")
    area = float(roc_auc(ranking))
    lower = (n - np.cumsum(ranking.negatives) + ranking.negatives / 2) / n
    higher = (np.cumsum(ranking.positives) - ranking.positives / 2) / p
    of_positives = float((ranking.positives * (lower - area) ** 2).sum()) / (p - 1)
    of_negatives = float((ranking.negatives * (higher - area) ** 2).sum()) / (n - 1)
    return of_positives / p + of_negatives / n
