"""Rows of truth and predictions, counted as `labels_table` counts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from autodrop.results.bootstrap import in_blocks
from autodrop.results.metrics import Confusion, Ranking, confusion, losses
from autodrop.results.scored import Mistake, ScoredLabels, ScoredNumbers, Segment


def ranked(is_positive: ArrayLike, score: ArrayLike) -> Ranking:
    """Return the counts of each distinct score, the highest first."""
    distinct, where = np.unique(-np.asarray(score, dtype=float), return_inverse=True)
    hits = np.asarray(is_positive, dtype=bool)
    size = len(distinct)
    return Ranking(
        -distinct,
        np.bincount(where[hits], minlength=size),
        np.bincount(where[~hits], minlength=size),
    )


def paired(labels: Sequence[str], truth: ArrayLike, predicted: ArrayLike) -> Confusion:
    """Return the counts of the pairs; truth and predictions are positions in `labels`."""
    codes = np.asarray(truth, dtype=int)
    return confusion(labels, codes, np.asarray(predicted, dtype=int), np.ones(len(codes), int))


def scored_labels(
    labels: Sequence[str],
    truth: ArrayLike,
    predicted: ArrayLike,
    *,
    positive: str | None = None,
    score: ArrayLike | None = None,
    probabilities: ArrayLike | None = None,
    mistakes: Sequence[Mistake] | None = None,
    segments: Mapping[str, tuple[Sequence[str], ArrayLike]] | None = None,
) -> ScoredLabels:
    """Return what is counted of these rows.

    Args:
        labels: What the codes stand for.
        truth: Codes, shape (rows,).
        predicted: Codes, shape (rows,).
        positive: The positive class, for two classes.
        score: Its probability, shape (rows,).
        probabilities: For several classes, shape (rows, labels).
        mistakes: As they are.
        segments: By column: its cells, and their positions, shape (rows,).
    """
    codes, said = np.asarray(truth, dtype=int), np.asarray(predicted, dtype=int)
    more: dict[str, Any] = {}
    if score is not None and positive is not None:
        more["ranking"] = ranked(codes == labels.index(positive), score)
    if probabilities is not None:
        p, rows = np.asarray(probabilities, dtype=float), np.arange(len(codes))
        more = {
            "confidence": ranked(codes == said, p[rows, said]),
            "losses": in_blocks([losses(p[rows, codes])]),
            "rankings": {
                label: ranked(codes == i, p[:, i])
                for i, label in enumerate(labels)
                if (codes == i).any()
            },
        }
    found = None
    if segments is not None:
        found = {
            name: [
                Segment(cell, _some_of(labels, codes, said, positive, score, at))
                for cell, at in _largest(cells, positions)
            ]
            for name, (cells, positions) in segments.items()
        }
    return ScoredLabels(
        paired(labels, codes, said), positive, mistakes=mistakes, segments=found, **more
    )


def scored_numbers(
    truth: ArrayLike,
    predicted: ArrayLike,
    mistakes: Sequence[Mistake] = (),
    segments: Mapping[str, tuple[Sequence[str], ArrayLike]] | None = None,
) -> ScoredNumbers:
    """Return truth and predictions with their segments."""
    numbers, said = np.asarray(truth, dtype=float), np.asarray(predicted, dtype=float)
    mean = float(numbers.mean())
    with np.errstate(over="ignore", invalid="ignore"):
        values = {
            "truth": numbers,
            "predicted": said,
            "error": said - numbers,
            "absolute": np.abs(said - numbers),
            "deviation": np.abs(numbers - mean),
        }

    def quantiles(name: str, shares: Sequence[float]) -> Any:
        with np.errstate(over="ignore", invalid="ignore"):
            # Without interpolation at the ends, where numbers may be huge.
            ends = {0.0: values[name].min(), 1.0: values[name].max()}
            return np.array([ends.get(each, np.quantile(values[name], each)) for each in shares])

    found = None
    if segments is not None:
        found = {
            name: [
                Segment(cell, scored_numbers(numbers[at], said[at]))
                for cell, at in _largest(cells, positions)
            ]
            for name, (cells, positions) in segments.items()
        }
    halves = len(numbers) // 2
    pieces = [(numbers[:halves], said[:halves]), (numbers[halves:], said[halves:])]
    return ScoredNumbers(len(numbers), mean, lambda: pieces, quantiles, mistakes, found)


def _some_of(
    labels: Sequence[str],
    truth: Any,
    predicted: Any,
    positive: str | None,
    score: ArrayLike | None,
    at: Any,
) -> ScoredLabels:
    some = None if score is None else np.asarray(score)[at]
    return scored_labels(labels, truth[at], predicted[at], positive=positive, score=some)


def _largest(cells: Sequence[str], positions: ArrayLike) -> list[tuple[str, Any]]:
    where = np.asarray(positions)
    order = np.argsort(-np.bincount(where, minlength=len(cells))[: len(cells)], kind="stable")
    return [(cells[i], where == i) for i in order[:8] if (where == i).any()]
