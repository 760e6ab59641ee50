"""Small plots of characters."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

_EIGHTHS = "▁▂▃▄▅▆▇█"
_PARTS = " ▏▎▍▌▋▊▉"


def sparkline(values: Sequence[float], most: float | None = None) -> str:
    """Return a character for each value: `[0, 1, 2]` is `▁▅█`.

    Args:
        values: None below zero.
        most: The value of a full block; else the largest.
    """
    top = max(values, default=0.0) if most is None else most
    if top <= 0:
        return _EIGHTHS[0] * len(values)
    last = len(_EIGHTHS) - 1
    return "".join(_EIGHTHS[round(min(max(each / top, 0.0), 1.0) * last)] for each in values)


def bar(value: float, most: float, width: int) -> str:
    """Return a bar, to an eighth of a character: `bar(1, 2, 4)` is `██  `."""
    share = min(max(value / most, 0.0), 1.0) if most > 0 else 0.0
    eighths = round(share * width * 8)
    text = "█" * (eighths // 8) + (_PARTS[eighths % 8] if eighths % 8 else "")
    return text.ljust(width)


def place(
    value: float, low: float | None, high: float | None, baseline: float | None, width: int
) -> str:
    """Return where a number, its interval and its baseline lie: `┄┄│┄┄━●━┄`."""
    known = [each for each in (value, low, high, baseline) if each is not None]
    start, top = min(0.0, *known), max(known)
    end = 1.0 if top <= 1 else top * 1.05

    def at(number: float) -> int:
        share = (number - start) / (end - start)
        # Numbers may be so far apart that their distance is infinite.
        return round(min(max(share, 0.0), 1.0) * (width - 1)) if isfinite(share) else 0

    marks = ["┄"] * width
    if low is not None and high is not None:
        for i in range(at(low), at(high) + 1):
            marks[i] = "━"
    if baseline is not None:
        marks[at(baseline)] = "│"
    marks[at(value)] = "●"
    return "".join(marks)


def along(xs: Sequence[float], ys: Sequence[float], width: int) -> list[float]:
    """Return the height of a curve at evenly spaced places between 0 and 1.

    Args:
        xs: Ascending.
        ys: As many.
        width: How many places.
    """
    if not xs:
        return []
    found = []
    i = 0
    for step in range(width):
        x = step / max(width - 1, 1)
        while i + 1 < len(xs) and xs[i + 1] <= x:
            i += 1
        found.append(ys[i])
    return found
