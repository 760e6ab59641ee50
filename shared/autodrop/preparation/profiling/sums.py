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
    rest = np.where(np.abs(values) < _SMALLEST, 0.0, values)
    bits = 52 - len(values).bit_length()
    totals = [0] * values.shape[1]
    while len(rest):
        exponents = np.frexp(np.abs(rest).max(axis=0))[1]
        if not rest.any():
            break
        shifts = np.maximum(exponents - bits, -UNITS)
        units = np.ldexp(1.0, shifts)
        parts = np.rint(rest / units)
        for i, part in enumerate(parts.sum(axis=0).tolist()):
            if part:
                totals[i] += int(part) << int(shifts[i] + UNITS)
        rest -= parts * units
    return totals


def mean_of(total: int, rows: int) -> float | None:
    """Return a mean, rounded once; None where it is beyond a double."""
    try:
        return total / (rows << UNITS)
    except OverflowError:
        return None
