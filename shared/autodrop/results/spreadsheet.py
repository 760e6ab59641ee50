"""Cells that a spreadsheet program shows as they are, rather than run as formulas.

A cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return gets an apostrophe in front,
unless it is a plain number; so does one that begins with apostrophes and then one of these, so
that taking one apostrophe off brings every cell back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_FIRST = frozenset("=+-@\t\r'")
_DANGEROUS = re.compile(r"'*[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
# For DuckDB: which cells `safe_cell` has changed.
CHANGED = r"^'+[=+\-@\t\r]"


def safe_cell(cell: str) -> str:
    """Return the cell as it is written.

    >>> [safe_cell(each) for each in ("=1+1", "-1.5", "-x", "it's", "'=x")]
    ["'=1+1", '-1.5', "'-x", "it's", "''=x"]
    """
    if cell[:1] in _FIRST and _DANGEROUS.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def safe_cells(cells: Iterable[str]) -> list[str]:
    """Return the cells as they are written."""
    return [safe_cell(cell) if cell[:1] in _FIRST else cell for cell in cells]
