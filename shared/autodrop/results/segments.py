"""Performance by the values of the main categorical columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autodrop.dataset import Dataset
from autodrop.results.held_out import segment_metrics
from autodrop.results.scored import ScoredLabels, ScoredNumbers, Segment

MOST_COLUMNS = 5
_FEWEST_ROWS = 30
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
        scored: The rows, with the segments of these columns.
        columns: The columns with the share that they explain.
    """
    if scored.segments is None:
        return None
    _, overall = segment_metrics(scored)
    return [
        _column(name, share, scored.segments[name], len(scored), overall)
        for name, share in columns.items()
        if name in scored.segments
    ]


def _column(
    name: str,
    share: float | None,
    found: Sequence[Segment],
    rows: int,
    overall: Mapping[str, Mapping[str, float | None]],
) -> dict[str, Any]:
    values: list[dict[str, Any]] = []
    for segment in found:
        target, metrics = segment_metrics(segment.scored)
        values.append(
            {
                "value": segment.value,
                "rows": len(segment.scored),
                "target": target,
                "metrics": metrics,
                "differs": _differs(metrics, overall)
                if len(segment.scored) >= _FEWEST_ROWS
                else None,
            }
        )
    return {
        "column": name,
        "explained_share": share,
        "values": values,
        "other_rows": rows - sum(len(segment.scored) for segment in found),
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
