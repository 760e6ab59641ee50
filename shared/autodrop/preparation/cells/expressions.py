"""What `cells` says of a cell, as Polars' expressions for all cells of a column at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from autodrop.preparation.cells.kinds import KINDS, MISSING, PATTERNS, RECORD_BREAKERS, Kind

_CODE = {kind: np.uint8(place) for place, kind in enumerate(KINDS)}
# With what a cell begins that is more than a text.
_FIRSTS = list(" \t-+.,0123456789iI")
# Numbers and dates are what there is most of; no other kind looks like one of these.
_ORDER = (
    Kind.NUMBER,
    Kind.DATE,
    *(kind for kind in PATTERNS if kind not in (Kind.NUMBER, Kind.DATE)),
)


def kind_codes(cells: pl.Series) -> npt.NDArray[np.uint8]:
    """Return the place in `KINDS` of the kind of each cell, as `kind_of` gives it."""
    cell = pl.col(cells.name)
    frame = cells.to_frame().with_row_index("row")
    is_missing = frame.select(is_missing_expr(cell)).to_series()
    codes = np.where(is_missing.to_numpy(), _CODE[Kind.MISSING], _CODE[Kind.TEXT])
    # Most texts begin with a letter: one look instead of one for every pattern.
    rest = frame.filter(~is_missing & frame.select(cell.str.head(1).is_in(_FIRSTS)).to_series())
    for kind in _ORDER:
        if not rest.height:
            break
        matches = rest.select(cell.str.contains(f"^(?:{PATTERNS[kind]})$")).to_series()
        matched, rest = rest.filter(matches), rest.filter(~matches)
        rows = matched["row"].to_numpy()
        codes[rows] = _CODE[kind]
        if kind is Kind.NUMBER and matched.height:
            huge = matched.select(number_expr(cell).is_null()).to_series().to_numpy()
            codes[rows[huge]] = _CODE[Kind.HUGE]
    return codes


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


def on_one_line_expr(cell: pl.Expr) -> pl.Expr:
    """Return the expression for each cell with a space for each of its line breaks."""
    return cell.str.replace_all("\r\n", " ", literal=True).str.replace_all(
        rf"[\n{RECORD_BREAKERS}]", " "
    )
