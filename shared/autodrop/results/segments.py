"""Performance by the values of the main categorical columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autodrop.dataset import Dataset
from autodrop.results.held_out import segment_metrics
from autodrop.results.scored import ScoredLabels, ScoredNumbers

MOST_COLUMNS = 5
_MOST_VALUES = 8
# A column with more values is no segment; one of numbers only when they are few.
_MOST_TEXTS = 1_000
_MOST_NUMBERS = 12


def segment_columns(dataset: Dataset, profile: Mapping[str, Any] | None) -> dict[str, float | None]:
    """Return the categorical features that tell most of the target, with the share they explain.

    Args:
        dataset: The prepared dataset.
        profile: The content of `profile.json`; without it there are none.
    """
    features = set(dataset.features)
    found: dict[str, float | None] = {}
    for column in (profile or {}).get("columns", ()):
        name, distinct = column["name"], column["distinct"]
        most = {"text": _MOST_TEXTS, "mixed": _MOST_TEXTS, "numeric": _MOST_NUMBERS}
        if name in features and 2 <= distinct <= most.get(column["type"], 0):
            found[name] = (column.get("target") or {}).get("explained_share")
    order = sorted(found, key=lambda name: -(found[name] or 0.0))[:MOST_COLUMNS]
    return {name: found[name] for name in order}


def segments(
    scored: ScoredLabels | ScoredNumbers, columns: Mapping[str, float | None]
) -> list[dict[str, Any]] | None:
    """Return the section of the summary; None where the test data do not fit the rows.

    Args:
        scored: The rows, with the codes of these columns.
        columns: The columns with the share that they explain.
    """
    if scored.segments is None:
        return None
    _, overall = segment_metrics(scored, np.ones(len(scored), dtype=np.bool_))
    return [
        _segment(scored, name, share, overall)
        for name, share in columns.items()
        if name in scored.segments
    ]


def _segment(
    scored: ScoredLabels | ScoredNumbers,
    column: str,
    share: float | None,
    overall: Mapping[str, Mapping[str, float | None]],
) -> dict[str, Any]:
    assert scored.segments is not None  # noqa: S101 - the caller has looked
    coded = scored.segments[column]
    counts = np.bincount(coded.codes, minlength=len(coded.values))
    largest: Sequence[int] = np.argsort(-counts[: len(coded.values)], kind="stable").tolist()
    values: list[dict[str, Any]] = []
    for code in largest[:_MOST_VALUES]:
        target, metrics = segment_metrics(scored, coded.codes == code)
        values.append(
            {
                "value": coded.values[code],
                "rows": int(counts[code]),
                "target": target,
                "metrics": metrics,
                "differs": _differs(metrics, overall),
            }
        )
    shown = sum(each["rows"] for each in values)
    return {
        "column": column,
        "explained_share": share,
        "values": values,
        "other_rows": len(scored) - shown,
    }


def _differs(
    metrics: Mapping[str, Mapping[str, float | None]],
    overall: Mapping[str, Mapping[str, float | None]],
) -> bool | None:
    """Return whether the first metric is another than over all rows, beyond noise."""
    name, metric = next(iter(metrics.items()))
    low, high, everywhere = metric["low"], metric["high"], overall[name]["value"]
    if low is None or high is None or everywhere is None:
        return None
    return not low <= everywhere <= high
