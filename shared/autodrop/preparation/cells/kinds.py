"""What a single cell says: a number, a date, nothing.

Asked of one cell here, and of whole columns in `expressions`; both use the same patterns, in the
part of the language that Python and Rust share. A pattern always has to match the whole cell.
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
# Batch transform ends a record at a line feed; readers in its containers may do so at any of what
# Python's str.splitlines takes for the end of a line.
RECORD_BREAKERS = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
LINE_BREAK = re.compile(rf"\r\n|[\n{RECORD_BREAKERS}]")
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


KINDS = tuple(Kind)
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
# What a number is where decimals stand behind a comma.
COMMA_NUMBER = r"[ \t]*[+-]?([0-9]+,?[0-9]*|,[0-9]+)([eE][+-]?[0-9]+)?[ \t]*"
# A number that is a thousand where decimals stand behind a comma: 1.234
MAYBE_THOUSAND = r"[ \t]*[+-]?[1-9][0-9]{0,2}[.][0-9]{3}[ \t]*"
_COMPILED = {kind: re.compile(pattern) for kind, pattern in PATTERNS.items()}
_COMMA_NUMBER = re.compile(COMMA_NUMBER)
_MAYBE_THOUSAND = re.compile(MAYBE_THOUSAND)


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


def as_number(cell: str, *, comma: bool = False) -> float | None:
    """Return the finite number that a cell spells, or None.

    Args:
        cell: The cell.
        comma: Whether decimals stand behind a comma.
    """
    if not (_COMMA_NUMBER if comma else _COMPILED[Kind.NUMBER]).fullmatch(cell):
        return None
    number = float(with_point(cell) if comma else cell)
    return number if math.isfinite(number) else None


def with_point(cell: str) -> str:
    """Return a number with a decimal comma as one with a point."""
    return cell.replace(",", ".")


def is_pointed(cell: str) -> bool:
    """Return whether a cell is a number with a decimal point."""
    return "." in cell and as_number(cell) is not None


def maybe_thousand(cell: str) -> bool:
    """Return whether a number with a point is a thousand where decimals stand behind a comma."""
    return bool(_MAYBE_THOUSAND.fullmatch(cell))


def no_label(cell: str) -> bool:
    """Return whether a cell of the target says nothing; a blank is no class."""
    return cell.strip(" \t\n") in MISSING
