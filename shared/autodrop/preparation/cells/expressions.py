"""What `cells` says of a cell, as Polars' expressions for all cells of a column at once."""

from __future__ import annotations

from functools import reduce

import polars as pl

from autodrop.preparation.cells.kinds import MISSING, PATTERNS, RECORD_BREAKERS, Kind


def kind_expr(cell: pl.Expr) -> pl.Expr:
    """Return the expression for the kind of each cell, as `kind_of` gives it."""
    number = number_expr(cell)
    # Most texts begin with a letter: one look instead of one for every pattern.
    may_be_more = cell.str.contains(r"^[ \t\-+.,0-9iI]")
    others = [kind for kind in PATTERNS if kind is not Kind.NUMBER]
    expr = reduce(
        lambda rest, kind: (
            pl.when(_matches(cell, PATTERNS[kind])).then(pl.lit(str(kind))).otherwise(rest)
        ),
        reversed(others),
        pl.lit(str(Kind.TEXT)),
    )
    return (
        pl.when(is_missing_expr(cell))
        .then(pl.lit(str(Kind.MISSING)))
        .when(~may_be_more)
        .then(pl.lit(str(Kind.TEXT)))
        .when(_matches(cell, PATTERNS[Kind.NUMBER]))
        .then(
            pl.when(number.is_not_null())
            .then(pl.lit(str(Kind.NUMBER)))
            .otherwise(pl.lit(str(Kind.HUGE)))
        )
        .otherwise(expr)
    )


def is_missing_expr(cell: pl.Expr) -> pl.Expr:
    """Return the condition that a cell says nothing."""
    return cell.is_in(sorted(MISSING))


def number_expr(cell: pl.Expr, *, comma: bool = False) -> pl.Expr:
    """Return the expression for the finite number that each cell spells, as `as_number` gives it.

    Polars reads what `PATTERNS` calls a number, but for the blanks around it, and infinities.
    """
    text = cell.str.strip_chars(" \t")
    if comma:
        pointed = cell.str.contains(".", literal=True)
        text = pl.when(~pointed).then(text.str.replace_all(",", ".", literal=True))
    number = text.cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def no_label_expr(cell: pl.Expr) -> pl.Expr:
    """Return the condition that a cell of the target says nothing, as `no_label` has it."""
    return cell.str.strip_chars(" \t\n").is_in(sorted(MISSING))


def _matches(cell: pl.Expr, pattern: str) -> pl.Expr:
    return cell.str.contains(f"^(?:{pattern})$")


def on_one_line_expr(cell: pl.Expr) -> pl.Expr:
    """Return the expression for each cell with a space for each of its line breaks."""
    return cell.str.replace_all("\r\n", " ", literal=True).str.replace_all(
        rf"[\n{RECORD_BREAKERS}]", " "
    )
