"""Ranges, quantiles and histograms of numbers that were counted."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from autodrop.preparation.cells.kinds import LARGEST_EXACT
from autodrop.preparation.profiling.facts import HISTOGRAM_BINS, QUANTILES, Bin, Numbers


def numbers_of(rows: Mapping[str, int], number: Mapping[str, float]) -> Numbers:
    """Return the facts of a column's numbers.

    Args:
        rows: How often each cell occurs.
        number: What number each cell is.
    """
    order = sorted(rows, key=lambda cell: number[cell])
    values = np.array([number[cell] for cell in order])
    counts = np.array([rows[cell] for cell in order])
    total = int(counts.sum())
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float((values * counts).sum() / total)
        deviation = float(np.sqrt((((values - mean) ** 2) * counts).sum() / total))
    lowest, highest = float(values[0]), float(values[-1])
    edges = equal_bins(lowest, highest)
    places = np.searchsorted(edges[1:-1], values, side="right")
    binned = np.bincount(places, weights=counts, minlength=len(edges) - 1).astype(int)
    whole = values == np.floor(values)
    return Numbers(
        lowest=lowest,
        highest=highest,
        mean=mean if math.isfinite(mean) else None,
        deviation=deviation if math.isfinite(deviation) else None,
        quantiles=_quantiles(values, counts),
        are_whole=bool(whole.all()),
        inexact=int(counts[whole & (np.abs(values) > LARGEST_EXACT)].sum()),
        bins=tuple(
            Bin(low, high, int(count))
            for low, high, count in zip(edges, edges[1:], binned, strict=False)
        ),
    )


def equal_bins(lowest: float, highest: float) -> list[float]:
    """Return the edges of a histogram's bins; one bin where all numbers are equal."""
    width = highest / HISTOGRAM_BINS - lowest / HISTOGRAM_BINS
    if not width:
        return [lowest, highest]
    return [lowest, *(lowest + width * i for i in range(1, HISTOGRAM_BINS)), highest]


def _quantiles(values: npt.NDArray[np.float64], counts: npt.NDArray[np.int_]) -> tuple[float, ...]:
    """Return the quantiles as `numpy.quantile` interpolates them over all rows."""
    ends = np.cumsum(counts)
    places = np.array(QUANTILES) * (ends[-1] - 1)
    below = values[np.searchsorted(ends, np.floor(places), side="right")]
    above = values[np.searchsorted(ends, np.ceil(places), side="right")]
    part = places - np.floor(places)
    # As a weighted mean: the difference of two large numbers may be beyond a double.
    return tuple(float(each) for each in below * (1 - part) + above * part)
