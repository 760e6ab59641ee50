"""What a single cell says: a number, a date, nothing.

One definition for all engines: the patterns are in the part of the language that Python, RE2
(DuckDB) and Java (Spark) share, and always have to match the whole cell.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum

# What pandas' read_csv, and so the engines behind Autopilot, take for a missing value.
# https://pandas.pydata.org/docs/reference/api/pandas.read_csv.html (na_values)
MISSING = frozenset(
    {
        *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND"),
        *("1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
    }
)
LINE_BREAK = r"\r\n|\r|\n"
# Integers above lose digits in a double, which is what every engine computes with.
LARGEST_EXACT = 2.0**53


class Kind(StrEnum):
    """The kinds of cells. A cell is of one kind."""

    MISSING = "missing"
    NUMBER = "number"
    HUGE = "huge"
    INFINITE = "infinite"
    DECIMAL_COMMA = "decimal_comma"
    AMBIGUOUS = "ambiguous"
    THOUSANDS = "thousands"
    DATE = "date"
    TEXT = "text"


_TIME = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
# HUGE has the form of a number, but a double cannot hold it. AMBIGUOUS is 1,234: a thousand or one
# and a bit. THOUSANDS leaves no doubt: 1,234,567 or 1.234,56.
PATTERNS = {
    Kind.NUMBER: r"[ \t]*[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]+)?[ \t]*",
    Kind.INFINITE: r"[ \t]*[+-]?(inf|Inf|INF|infinity|Infinity|INFINITY)[ \t]*",
    Kind.AMBIGUOUS: r"[ \t]*[+-]?[1-9][0-9]{0,2},[0-9]{3}[ \t]*",
    Kind.DECIMAL_COMMA: r"[ \t]*[+-]?[0-9]*,[0-9]+([eE][+-]?[0-9]+)?[ \t]*",
    Kind.THOUSANDS: (
        r"[ \t]*[+-]?([0-9]{1,3}(,[0-9]{3}){2,}([.][0-9]+)?|[0-9]{1,3}(,[0-9]{3})+[.][0-9]+"
        r"|[0-9]{1,3}([.][0-9]{3}){2,}(,[0-9]+)?|[0-9]{1,3}([.][0-9]{3})+,[0-9]+"
        r"|[0-9]{1,3}([ '][0-9]{3})+([.,][0-9]+)?)[ \t]*"
    ),
    Kind.DATE: (
        r"[0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}([T ]" + _TIME + r")?"
        r"|[0-9]{1,2}[./-][0-9]{1,2}[./-][0-9]{4}([T ]" + _TIME + r")?"
    ),
}
_COMPILED = {kind: re.compile(pattern) for kind, pattern in PATTERNS.items()}


def kind_of(cell: str) -> Kind:
    """Return what kind of cell this is."""
    if cell in MISSING:
        return Kind.MISSING
    if _COMPILED[Kind.NUMBER].fullmatch(cell):
        return Kind.NUMBER if math.isfinite(float(cell)) else Kind.HUGE
    for kind, pattern in _COMPILED.items():
        if pattern.fullmatch(cell):
            return kind
    return Kind.TEXT


def as_number(cell: str) -> float | None:
    """Return the finite number that a cell spells, or None."""
    if not _COMPILED[Kind.NUMBER].fullmatch(cell):
        return None
    number = float(cell)
    return number if math.isfinite(number) else None


def no_label(cell: str) -> bool:
    """Return whether a cell of the target says nothing; a blank is no class."""
    return cell.strip() in MISSING
