"""Cells that a spreadsheet program shows as they are, rather than run as formulas.

A cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return gets an apostrophe in front,
unless it is a plain number; so does one that begins with apostrophes and then one of these, so
that taking one apostrophe off brings every cell back.
"""

from __future__ import annotations

import re

from autodrop.duckdb_engine import DuckDB

_DANGEROUS = r"'*[=+\-@\t\r]"
_NUMBER = r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][+-]?[0-9]+)?"
_FIRST = "=+-@\t\r'"
# For DuckDB: which cells `safe_cell` has changed.
CHANGED = r"^'+[=+\-@\t\r]"


def safe_cell(cell: str) -> str:
    """Return the cell as it is written.

    >>> [safe_cell(each) for each in ("=1+1", "-1.5", "-x", "it's", "'=x")]
    ["'=1+1", '-1.5', "'-x", "it's", "''=x"]
    """
    if re.match(_DANGEROUS, cell) and not re.fullmatch(_NUMBER, cell):
        return f"'{cell}"
    return cell


def may_change_sql(engine: DuckDB, cell: str) -> str:
    """Return the condition without which `safe_cell` leaves a cell as it is."""
    firsts = ", ".join(engine.literal(each) for each in _FIRST)
    return f"substr({cell}, 1, 1) in ({firsts})"


def safe_sql(engine: DuckDB, cell: str) -> str:
    """Return the expression for a cell as `safe_cell` gives it."""
    # Most cells begin otherwise: one look instead of two patterns.
    maybe = may_change_sql(engine, cell)
    dangerous = f"regexp_matches({cell}, {engine.literal('^' + _DANGEROUS)})"
    number = engine.matches(cell, _NUMBER)
    apostrophe = engine.literal("'")
    return (
        f"case when {maybe} and {dangerous} and not {number} "
        f"then {apostrophe} || {cell} else {cell} end"
    )
