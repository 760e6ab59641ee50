"""How a cell is written into the files that Autopilot and batch transform read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from autodrop.preparation.cells import LINE_BREAK, RECORD_BREAKERS


class Quoting(Protocol):
    """The part of an engine that is needed here."""

    def literal(self, text: str) -> str:
        """Return `text` as an SQL literal."""


def on_one_line(cell: str) -> str:
    """Return a cell with a space for each of its line breaks."""
    return LINE_BREAK.sub(" ", cell)


def on_one_line_sql(engine: Quoting, cell: str) -> str:
    """Return the expression for a cell on one line, as `on_one_line` gives it."""
    pairs = f"replace({cell}, {engine.literal(chr(13) + chr(10))}, ' ')"
    breakers = "\n" + RECORD_BREAKERS
    return f"translate({pairs}, {engine.literal(breakers)}, {engine.literal(' ' * len(breakers))})"


def spelled_sql(engine: Quoting, cell: str, *, breakers: bool, never_empty: bool = False) -> str:
    """Return the expression for a cell as it stands in a comma-separated file of one-line records.

    Args:
        engine: Who spells the literals.
        cell: The expression for the cell.
        breakers: Whether it may hold line breaks.
        never_empty: Whether an empty cell gets quotes: alone on a line it would be a blank line.
    """
    line = on_one_line_sql(engine, cell) if breakers else cell
    doubled = f"""replace({line}, '"', '""')"""
    empty = f"""when {cell} = '' then '""' """ if never_empty else ""
    return (
        f"""case {empty}when {cell} like '%"%' or {cell} like '%,%' """
        f"""then '"' || {doubled} || '"' else {line} end"""
    )


def spelled(cells: Sequence[str]) -> str:
    """Return cells as one record of such a file, its line end included."""
    quoted = [
        '"' + cell.replace('"', '""') + '"' if '"' in cell or "," in cell else cell
        for cell in map(on_one_line, cells)
    ]
    line = ",".join(quoted)
    return f"{line}\n" if line else '""\n'
