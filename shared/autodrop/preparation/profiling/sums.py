"""Sums that do not depend on the order or the grouping of what is added."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# All doubles that are not smaller are whole multiples of 2**-UNITS.
UNITS = 1_000
_SMALLEST = 2.0**-900


def exact_sums(values: npt.NDArray[np.float64]) -> list[int]:
    """Return the sum of each column in units of 2**-UNITS, without an error of rounding.

    A column is taken apart into multiples of powers of two, so few bits each that doubles add them
    without rounding (Demmel and Nguyen, "Fast Reproducible Floating-Point Summation", 2013, whose
    bins are fixed; here the sums are kept as whole numbers instead). What is smaller than 2**-900
    counts as zero.

    Args:
        values: Shape (rows, columns), finite.
    """
    rest = values.copy()
    largest = np.abs(rest)
    rest[largest < _SMALLEST] = 0.0
    exponents = np.frexp(largest.max(axis=0, initial=0.0))[1].astype(np.int64)
    bits = 52 - len(values).bit_length()
    totals = [0] * values.shape[1]
    parts = largest
    while rest.any():
        shifts = np.maximum(exponents - bits, -UNITS)
        np.multiply(rest, np.ldexp(1.0, -shifts), out=parts)
        np.rint(parts, out=parts)
        for i, part in enumerate(parts.sum(axis=0).tolist()):
            if part:
                totals[i] += int(part) << int(shifts[i] + UNITS)
        parts *= np.ldexp(1.0, shifts)
        rest -= parts
        # What is left is half a unit at most.
        exponents = shifts
    return totals


def mean_of(total: int, rows: int) -> float | None:
    """Return a mean, rounded once; None where it is beyond a double."""
    try:
        return total / (rows << UNITS)
    except OverflowError:
        return None
