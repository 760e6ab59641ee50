"""What counts the cells of a table. DuckDB does for a function's files, Spark for larger ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from autodrop.preparation.cells import (
    COMMA_NUMBER,
    LARGEST_DOUBLE,
    LARGEST_EXACT,
    MISSING,
    PATTERNS,
    Kind,
)


class CannotRead(Exception):
    """The engine cannot read the text as the table that its dialect makes of it."""


class TooManyGroups(MemoryError):
    """The answer has more groups than the memory, and the disk beside it, holds at once."""


class Group(NamedTuple):
    """A grouping: what tells it from others, and the columns of its keys by the keys' names."""

    which: int
    keys: Mapping[str, str]


class Engine(Protocol):
    """SQL over a view `cells` with text columns c0, c1, … in file order, none of them null.

    The methods but the first two give the few expressions that the engines spell differently.
    """

    def query(self, sql: str) -> Sequence[tuple[Any, ...]]:
        """Return all rows of the answer."""

    def keep(self, name: str, sql: str) -> None:
        """Keep the answer, to be asked as the table `name`."""

    def literal(self, text: str) -> str:
        """Return `text` as an SQL literal."""

    def matches(self, cell: str, pattern: str) -> str:
        """Return the condition that the whole of `cell` matches `pattern`."""

    def number(self, cell: str) -> str:
        """Return `cell` as a double, null or infinite where a double cannot hold it."""

    def grouped(self, source: str, groups: Sequence[Group], aggregates: str) -> str:
        """Return the query that groups the rows of a query in several ways at once.

        Its answer has `which`, the keys by their names, null where a grouping has none of the
        name, and the aggregates.

        Args:
            source: A query.
            groups: Each has a first key that no earlier one has among its keys.
            aggregates: Expressions with their names.
        """

    def octets(self, cell: str) -> str:
        """Return the bytes of `cell` in UTF-8."""

    def fingerprint(self, cells: Sequence[str]) -> str:
        """Return a whole number that is the same for the same cells and no other, nearly."""

    def quantiles(self, number: str, shares: Sequence[float]) -> str:
        """Return the expression for a list of quantiles of `number`, nulls left out."""


def column(position: int) -> str:
    """Return the name of a column in the view `cells`."""
    return f"c{position}"


def kind_sql(engine: Engine, cell: str) -> str:
    """Return the expression for the kind of a cell, as `cells.kind_of` tells it."""
    missing = ", ".join(engine.literal(each) for each in sorted(MISSING))
    longest = max(map(len, MISSING))
    finite = f"coalesce(abs({engine.number(cell)}) <= {LARGEST_DOUBLE}, false)"
    number = engine.matches(cell, PATTERNS[Kind.NUMBER])
    others = " ".join(
        f"when {engine.matches(cell, pattern)} then '{kind}'"
        for kind, pattern in PATTERNS.items()
        if kind is not Kind.NUMBER
    )
    # Most texts begin with a letter: one look instead of one for every pattern.
    firsts = ", ".join(engine.literal(each) for each in " \t-+.,0123456789iI")
    maybe = f"substr({cell}, 1, 1) in ({firsts})"
    return (
        f"case when length({cell}) <= {longest} and {cell} in ({missing}) then '{Kind.MISSING}' "
        f"when {number} then case when {finite} then '{Kind.NUMBER}' else '{Kind.HUGE}' end "
        f"when not {maybe} then '{Kind.TEXT}' {others} else '{Kind.TEXT}' end"
    )


def number_sql(engine: Engine, cell: str, *, comma: bool) -> str:
    """Return a cell as a finite double, null where it is none.

    Args:
        engine: The engine.
        cell: The cell.
        comma: Whether decimals stand behind a comma.
    """
    point, pattern = cell, PATTERNS[Kind.NUMBER]
    if comma:
        point, pattern = f"replace({cell}, ',', '.')", COMMA_NUMBER
    number = engine.number(point)
    return (
        f"case when {engine.matches(cell, pattern)} and abs({number}) <= {LARGEST_DOUBLE} "
        f"then {number} end"
    )


def no_label_sql(engine: Engine, cell: str) -> str:
    """Return the condition that a cell of the target says nothing, as `cells.no_label` tells it."""
    missing = "|".join(
        "".join(f"[{c}]" if c in "#/<>.+-" else c for c in each) for each in sorted(MISSING)
    )
    # Labels are short words, and the comparison with a pattern is slow.
    nothing = engine.matches(cell, rf"[ \t\n]*({missing})[ \t\n]*")
    return f"(length({cell}) < 40 and {nothing})"


def inexact_sql(number: str) -> str:
    """Return the condition that a whole number may have lost digits."""
    return f"({number} = floor({number}) and abs({number}) > {LARGEST_EXACT:.1f})"
