"""This run beside the previous completed run of the same dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autodrop.results.bootstrap import difference
from autodrop.results.metrics import HIGHER_IS_BETTER
from autodrop.results.words import in_short, metric_name, percent

_MOST_MOVED = 50
_MOVED = 0.1


def comparison(
    current: Mapping[str, Any],
    previous: Mapping[str, Any],
    profiles: tuple[Mapping[str, Any], Mapping[str, Any]] | None,
) -> dict[str, Any]:
    """Return the section of the summary.

    Args:
        current: This run's summary without the section, schema version 2.
        previous: The previous run's, of version 1 or 2. Version 1 has no intervals.
        profiles: Both `profile.json`, the previous one first; None where one is gone.
    """
    best = previous.get("best_candidate") or {}
    same_question = question(previous) == question(current)
    metrics = _metrics(current, previous) if same_question else {}
    return {
        "run_id": previous["run_id"],
        "completed_at": previous.get("completed_at"),
        "headline": previous.get("headline"),
        "rows": previous.get("rows"),
        "columns": previous.get("columns"),
        "best_candidate": {"name": best.get("name"), "objective": best.get("objective")},
        "metrics": metrics,
        "sentence": _sentence(current, metrics, same_question=same_question),
        "data": None if profiles is None else data_changes(*profiles),
    }


def question(summary: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what a run was about: only runs about the same have metrics to compare."""
    return tuple(summary.get(name) for name in ("target", "problem_type", "positive_class"))


def data_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return which columns came, went, changed their type or moved, from two `profile.json`."""
    old = {each["name"]: each for each in before["columns"]}
    new = {each["name"]: each for each in now["columns"]}
    both = [name for name in new if name in old]
    retyped = [name for name in both if old[name]["type"] != new[name]["type"]]
    moved = [
        change
        for name in both
        if name not in retyped
        for change in _moved(name, old[name], new[name])
        if change["distance"] >= _MOVED
    ]
    return {
        "columns_added": [name for name in new if name not in old],
        "columns_removed": [name for name in old if name not in new],
        "types_changed": [
            {"column": name, "before": old[name]["type"], "after": new[name]["type"]}
            for name in retyped
        ],
        "distributions": sorted(moved, key=lambda each: -each["distance"])[:_MOST_MOVED],
    }


def _metrics(current: Mapping[str, Any], previous: Mapping[str, Any]) -> dict[str, Any]:
    before = (previous.get("held_out") or {}).get("metrics") or {}
    return {
        name: _beside(name, _interval(before[name]), _interval(metric))
        for name, metric in current["held_out"]["metrics"].items()
        if name in before
    }


def _interval(metric: Any) -> dict[str, float | None]:
    """Return a metric of version 1 (a number) or 2 as value, low and high."""
    if isinstance(metric, Mapping):
        return {name: metric.get(name) for name in ("value", "low", "high")}
    return {"value": metric, "low": None, "high": None}


def _beside(
    name: str, before: Mapping[str, float | None], now: Mapping[str, float | None]
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "previous": before,
        "current": now,
        "difference": None,
        "low": None,
        "high": None,
        "level": None,
        "better": "higher" if name in HIGHER_IS_BETTER else "lower",
    }
    old, new = before["value"], now["value"]
    if old is None or new is None:
        return told
    told["difference"] = new - old
    bounds = (before["low"], before["high"], now["low"], now["high"])
    if None in bounds:
        return told
    low_0, high_0, low_1, high_1 = (float(each or 0.0) for each in bounds)
    _, low, high = difference((old, low_0, high_0), (new, low_1, high_1))
    level = "same"
    if low > 0 or high < 0:
        level = "better" if (low > 0) == (name in HIGHER_IS_BETTER) else "worse"
    return {**told, "low": low, "high": high, "level": level}


def _sentence(
    current: Mapping[str, Any],
    metrics: Mapping[str, Any],
    *,
    same_question: bool,
) -> str:
    if not same_question:
        return "The previous run predicted something else: its metrics say nothing about this one."
    name = current["held_out"]["headline_metric"]
    beside = metrics.get(name)
    if beside is None or beside["difference"] is None:
        return "The previous run has no metric to compare with."
    was, is_now = beside["previous"]["value"], beside["current"]["value"]
    numbers = f"{metric_name(name)} {in_short(is_now)} after {in_short(was)} in the previous run"
    endings = {
        "same": "which is within noise",
        "better": "better by more than noise",
        "worse": "worse by more than noise",
        None: "without an interval to tell it from noise",
    }
    return f"{numbers}, {endings[beside['level']]}."


def _moved(
    name: str, before: Mapping[str, Any], now: Mapping[str, Any]
) -> Sequence[dict[str, Any]]:
    changes = []
    if before["rows"] and now["rows"]:
        was, is_now = before["missing"] / before["rows"], now["missing"] / now["rows"]
        changes.append(
            {
                "column": name,
                "measure": "missing",
                "distance": abs(is_now - was),
                "sentence": f"{percent(is_now)} of its cells are missing, after {percent(was)}.",
            }
        )
    if before.get("quantiles") and now.get("quantiles") and now["type"] == "numeric":
        median, old_median = now["quantiles"]["0.5"], before["quantiles"]["0.5"]
        if median is not None and old_median is not None:
            changes.append(
                {
                    "column": name,
                    "measure": "values",
                    "distance": _quantile_distance(before["quantiles"], now["quantiles"]),
                    "sentence": f"Its median is {in_short(median)}, after {in_short(old_median)}.",
                }
            )
    elif before.get("top_values") and now.get("top_values"):
        old, new = _shares(before), _shares(now)
        apart = {value: _apart(value, old, new) for value in {**old, **new}}
        most = max(apart, key=lambda value: apart[value])
        changes.append(
            {
                "column": name,
                "measure": "values",
                "distance": min(sum(apart.values()) / 2, 1.0),
                "sentence": f"{most!r} is {percent(new.get(most, 0.0))} of its values, "
                f"after {percent(old.get(most, 0.0))}.",
            }
        )
    return changes


def _shares(column: Mapping[str, Any]) -> dict[str, float]:
    present = max(column["rows"] - column["missing"], 1)
    return {each["value"]: each["rows"] / present for each in column["top_values"]}


def _apart(value: str, old: Mapping[str, float], new: Mapping[str, float]) -> float:
    """Return how far the shares of a value are apart; one that is not listed may be the next."""
    if value in old and value in new:
        return abs(new[value] - old[value])
    listed, other = (old, new) if value in old else (new, old)
    is_all = sum(other.values()) > 1 - 1e-9
    return max(listed[value] - (0.0 if is_all else min(other.values())), 0.0)


def _quantile_distance(before: Mapping[str, float], now: Mapping[str, float]) -> float:
    """Return the largest distance between two distributions of which quantiles are known.

    It is Kolmogorov and Smirnov's, between lines through the quantiles.
    """
    names = [name for name in before if name in now]
    shares = [float(name) for name in names]
    old, new = [before[name] for name in names], [now[name] for name in names]
    return max(
        _beyond(share, _shares_at(there, shares, value))
        for here, there in ((old, new), (new, old))
        for share, value in zip(shares, here, strict=True)
    )


def _beyond(share: float, within: tuple[float, float]) -> float:
    return max(within[0] - share, share - within[1], 0.0)


def _shares_at(
    values: Sequence[float], shares: Sequence[float], value: float
) -> tuple[float, float]:
    """Return the shares of rows below and up to `value`, as far as quantiles tell."""
    at = [share for each, share in zip(values, shares, strict=True) if each == value]
    if at:
        return at[0], at[-1]
    if value < values[0]:
        return 0.0, shares[0]
    if value > values[-1]:
        return shares[-1], 1.0
    i = next(i for i, each in enumerate(values) if each > value)
    low, high = values[i - 1], values[i]
    share = shares[i - 1] + (value - low) / (high - low) * (shares[i] - shares[i - 1])
    return share, share
