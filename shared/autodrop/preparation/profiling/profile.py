"""`profile.json`: what each column holds."""

from __future__ import annotations

from typing import Any

from autodrop.findings import shortened
from autodrop.preparation.cells.kinds import Kind
from autodrop.preparation.profiling.facts import QUANTILES, ColumnFacts, TableFacts

SCHEMA_VERSION = 2
_LONGEST_VALUE = 200


def profile_json(facts: TableFacts) -> dict[str, Any]:
    """Return the content of `profile.json`."""
    return {
        "schema_version": SCHEMA_VERSION,
        "rows": facts.rows,
        "rows_without_target": facts.target_missing,
        "duplicate_rows": facts.duplicates,
        "duplicate_rows_exact": facts.duplicates_are_exact,
        "columns": [_column(column) for column in facts.columns],
    }


def type_of(column: ColumnFacts) -> str:
    """Return `empty`, `numeric`, `mixed`, `date`, `free_text` or `text`."""
    if not column.present:
        return "empty"
    if column.is_numeric:
        return "numeric"
    if column.is_mixed:
        return "mixed"
    if column.cells(Kind.DATE) == column.present:
        return "date"
    return "free_text" if is_free_text(column) else "text"


def is_free_text(column: ColumnFacts) -> bool:
    """Return whether the cells are sentences rather than labels."""
    return (
        column.spaced * 2 > column.present
        and column.mean_length >= 20
        and column.distinct * 10 > column.present
    )


def _column(column: ColumnFacts) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": column.name,
        "type": type_of(column),
        "rows": column.rows,
        "missing": column.missing,
        "distinct": column.distinct,
        "distinct_exact": column.distinct_is_exact,
        "kinds": {str(kind): rows for kind, rows in column.kinds.items()},
        "length": {
            "min": column.shortest,
            "max": column.longest,
            "mean": column.mean_length,
        },
        "examples": [
            shortened(example, _LONGEST_VALUE) for example in list(column.examples.values())[:5]
        ],
        "decimal_comma": column.decimal_comma and column.numeric > 0,
    }
    if column.counts is not None:
        described["top_values"] = [
            {"value": shortened(value, _LONGEST_VALUE), "rows": rows} for value, rows in column.top
        ]
    if (numbers := column.numbers) is not None:
        described |= {
            "min": numbers.lowest,
            "max": numbers.highest,
            "mean": numbers.mean,
            "std": numbers.deviation,
            "quantiles": {
                f"{share:g}": value
                for share, value in zip(QUANTILES, numbers.quantiles, strict=True)
            },
            "histogram": [
                {"from": each.low, "to": each.high, "rows": each.rows} for each in numbers.bins
            ],
        }
    if (association := column.association) is not None:
        described["target"] = {
            "mutual_information": association.information,
            "explained_share": association.share,
            "correlation": association.correlation,
        }
    return described
