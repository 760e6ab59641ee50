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

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from autodrop.results.metrics import (
    Blocks,
    Confusion,
    Floats,
    Integers,
    Ranking,
    Values,
    label_metrics,
    multiclass_metrics,
    pieces,
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
_Z = 1.959963984540054

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
    return {name: _percentiles(values) for name, values in drawn.items()}


def of_classes(counted: Confusion) -> Intervals:
    """Return the intervals of what `multiclass_metrics` returns."""
    drawn = _collected(
        multiclass_metrics(replace(counted, counts=counts)) for counts in _draws(counted.counts)
    )
    return {name: _percentiles(values) for name, values in drawn.items()}


def of_mean(blocks: Blocks) -> Interval:
    """Return the interval of the mean of values."""
    sums, rows = blocks.sums, blocks.rows
    drawn = _collected({"mean": (w @ sums) / (w @ rows)} for w in _draws_of_blocks(rows))
    return _percentiles(drawn["mean"])


def in_blocks(pieces: Iterable[Floats]) -> Blocks:
    """Return the sums of every `MOST_ROWS`-th row, or the rows themselves when they are few.

    Args:
        pieces: The values, shape (rows,); each but the last of a multiple of `MOST_ROWS` rows.
    """
    sums, rows = np.zeros(MOST_ROWS), np.zeros(MOST_ROWS)
    for piece in pieces:
        here = _blocks(piece)
        sums[: len(here)] += here
        rows[: len(here)] += _rows_of_blocks(len(piece))
    used = rows > 0
    return Blocks(sums[used], rows[used])


def of_regression(truth: Floats, predicted: Floats) -> Intervals:
    """Return the intervals of what `regression_metrics` returns, both of shape (rows,)."""
    centre = truth.mean()
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        absolute = np.abs(predicted - truth)
        rows = _rows_of_blocks(len(truth))
        sums = {
            "absolute": _blocks(absolute),
            "square": _blocks(absolute**2),
            "y": _blocks(truth - centre),
            "y2": _blocks((truth - centre) ** 2),
        }
        if truth.all():
            sums["share"] = _blocks(absolute / np.abs(truth))

        def metrics(weights: Integers) -> Values:
            n = weights @ rows
            of = {name: weights @ column for name, column in sums.items()}
            spread = of["y2"] - of["y"] ** 2 / n
            mse = of["square"] / n
            return {
                "rmse": np.sqrt(mse),
                "mae": of["absolute"] / n,
                "mse": mse,
                "r2": np.where(spread > 0, 1 - of["square"] / spread, np.nan),
                "mape": of["share"] / n if "share" in of else np.full(len(n), np.nan),
            }

        drawn = _collected(metrics(weights) for weights in _draws_of_blocks(rows))
        found = {name: _percentiles(values) for name, values in drawn.items()}
    return {**found, "median_absolute_error": _of_median(absolute)}


def of_macro_auc(rankings: Mapping[str, Ranking]) -> Interval:
    """Return an interval of the mean of several classes' areas, from DeLong's variances.

    The classes' errors are taken as going together completely, which makes it too wide rather than
    too narrow: how they go together is not known from counts.
    """
    if not rankings:
        return _NONE
    areas = [float(roc_auc(each)) for each in rankings.values()]
    spread = [float(np.sqrt(_variance_of_auc(each))) for each in rankings.values()]
    mean, half = float(np.mean(areas)), _Z * float(np.mean(spread))
    if not np.isfinite(mean + half):
        return _NONE
    return max(mean - half, 0.0), min(mean + half, 1.0)


def wilson(hits: float, rows: float) -> tuple[float, float]:
    """Return Wilson's interval of a share; (0, 1) without rows."""
    if rows == 0:
        return 0.0, 1.0
    share = hits / rows
    below = 1 + _Z**2 / rows
    centre = (share + _Z**2 / (2 * rows)) / below
    half = _Z * float(np.sqrt(share * (1 - share) / rows + _Z**2 / (4 * rows**2))) / below
    return max(centre - half, 0.0), min(centre + half, 1.0)


def standard_error(low: float, high: float) -> float:
    """Return the standard error that a 95 % interval stands for."""
    return (high - low) / (2 * _Z)


def difference(
    before: tuple[float, float, float], now: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Return `now - before` with its interval; both are value, low and high."""
    change = now[0] - before[0]
    error = np.hypot(standard_error(*before[1:]), standard_error(*now[1:]))
    return change, change - _Z * float(error), change + _Z * float(error)


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


def _blocks(column: Floats) -> Floats:
    """Return the sums of every `MOST_ROWS`-th row, shape (blocks,); the rows when they are few."""
    size = min(len(column), MOST_ROWS)
    whole = len(column) // size * size
    sums: Floats = column[:whole].reshape(-1, size).sum(axis=0)
    sums[: len(column) - whole] += column[whole:]
    return sums


def _rows_of_blocks(total: int) -> Floats:
    size = min(total, MOST_ROWS)
    rows = np.full(size, float(total // size))
    rows[: total % size] += 1
    return rows


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
    return float(low), float(high)


def _of_median(values: Floats) -> Interval:
    if not np.isfinite(values).all():
        return _NONE
    if len(values) > MOST_ROWS:
        half = _Z / (2 * np.sqrt(len(values)))
        low, high = np.quantile(values, [0.5 - half, 0.5 + half])
        return float(low), float(high)
    in_order = np.sort(values)
    total = len(values)

    def medians(weights: Integers) -> Values:
        below = np.cumsum(weights, axis=1)
        # The two rows in the middle, which are one where their number is odd.
        first = (below < (total + 1) // 2).sum(axis=1)
        second = (below < total // 2 + 1).sum(axis=1)
        return {"median": (in_order[first] + in_order[second]) / 2}

    ones = np.ones(total, dtype=np.int64)
    return _percentiles(_collected(map(medians, _draws(ones)))["median"])


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
