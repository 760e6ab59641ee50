"""Which rows are held out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def random_training_rows(rows: int, train_rows: int, seed: int) -> npt.NDArray[np.bool_]:
    """Return a mask of shape (rows,), true for the rows that pandas would sample for training.

    `DataFrame.sample(n=train_rows, random_state=seed)` draws
    `RandomState(seed).choice(rows, size=n, replace=False)`, which is the head of a permutation;
    NumPy keeps `RandomState`'s stream frozen (NEP 19), so the rows stay the same for ever.
    """
    mask = np.zeros(rows, dtype=np.bool_)
    mask[np.random.RandomState(seed).permutation(rows)[:train_rows]] = True
    return mask


def training_row_count(rows: int, test_fraction: float, min_train_rows: int) -> int:
    """Return how many rows are for training.

    As many as `DataFrame.sample(frac=1 - test_fraction)` takes, but at least `min_train_rows`: in a
    small table Autopilot's minimum goes before the share that is held out.
    """
    return max(round((1 - test_fraction) * rows), min(min_train_rows, rows))
