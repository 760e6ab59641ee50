"""The first screen in plain words: is it good, better than before, can I trust it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autodrop.results.candidates import our_name
from autodrop.results.held_out import interval_of
from autodrop.results.words import in_short

_FEW_ROWS = 200
_NAMES = {
    "roc_auc": "ROC AUC",
    "accuracy": "accuracy",
    "rmse": "RMSE",
    "r2": "R²",
}


def agreement(
    objective: Mapping[str, Any] | None, metrics: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Return Autopilot's own validation metric beside the same one on held-out rows.

    None where autodrop does not measure Autopilot's objective.

    Args:
        objective: The best candidate's, with `metric` and `value`.
        metrics: `held_out.metrics` of the summary.
    """
    name = None if objective is None else our_name(objective["metric"])
    if objective is None or name is None or metrics.get(name, {}).get("value") is None:
        return None
    metric, value = metrics[name], float(objective["value"])
    low, high = metric["low"], metric["high"]
    disagrees = low is not None and high is not None and not low <= value <= high
    numbers = f"{objective['metric']} is {in_short(value)} on Autopilot's own validation rows"
    here = f"{in_short(metric['value'])}{_between(metric)} on held-out rows"
    if not disagrees:
        ending = ": they agree." if low is not None else "."
    else:
        flatters = (value > metric["value"]) == (metric["better"] == "higher")
        ending = f": Autopilot's is too {'favourable' if flatters else 'cautious'}."
    return {
        "metric": objective["metric"],
        "held_out_metric": name,
        "validation": value,
        "held_out": interval_of(metric),
        "disagrees": disagrees,
        "sentence": f"{numbers} and {here}{ending}",
    }


def verdict(summary: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the three answers, from the other sections of the summary."""
    return {
        "quality": _quality(summary["problem_type"], summary["held_out"]),
        "comparison": _comparison(summary["held_out"], summary["comparison"]),
        "trust": _trust(summary["held_out"], summary["agreement"], summary["warnings"]),
    }


def _quality(problem_type: str, held_out: Mapping[str, Any]) -> dict[str, str]:
    name = held_out["headline_metric"]
    if name is None:
        return {"level": "unknown", "text": "No metric could be measured on the held-out rows."}
    metric = held_out["metrics"][name]
    said = f"{_NAMES[name]} {in_short(metric['value'])}{_between(metric)}"
    baseline = metric["baseline"]
    if baseline is None:
        return {"level": "unknown", "text": f"{said}; there is no baseline to compare with."}
    what = {"binary": "guessing", "multiclass": "always saying the most frequent class"}
    guess = f"{what.get(problem_type, 'always saying the mean')} scores {in_short(baseline)}"
    low, high = metric["low"], metric["high"]
    if low is not None and high is not None:
        above = low > baseline if metric["better"] == "higher" else high < baseline
    else:
        above = (metric["value"] > baseline) == (metric["better"] == "higher")
    if not above:
        return {"level": "none", "text": f"No better than the baseline: {said}; {guess}."}
    level = _level(held_out["metrics"], name, metric["value"], baseline)
    word = {"strong": "Strong", "fair": "Fair", "weak": "Weak, but better than the baseline"}
    return {"level": level, "text": f"{word[level]}: {said}; {guess}."}


def _level(
    metrics: Mapping[str, Mapping[str, Any]], name: str, value: float, baseline: float
) -> str:
    if name == "roc_auc":
        skill, strong, fair = value, 0.9, 0.75
    elif name == "accuracy":
        skill, strong, fair = (value - baseline) / max(1 - baseline, 1e-12), 0.5, 0.2
    else:
        skill, strong, fair = metrics["r2"]["value"] or 0.0, 0.8, 0.5
    if skill >= strong:
        return "strong"
    return "fair" if skill >= fair else "weak"


def _comparison(
    held_out: Mapping[str, Any], comparison: Mapping[str, Any] | None
) -> dict[str, str]:
    if comparison is None:
        return {"level": "unknown", "text": "There is no previous run to compare with."}
    beside = comparison["metrics"].get(held_out["headline_metric"])
    level = (beside and beside["level"]) or "unknown"
    return {"level": level, "text": comparison["sentence"]}


def _trust(
    held_out: Mapping[str, Any],
    agreement: Mapping[str, Any] | None,
    warnings: Sequence[Mapping[str, Any]],
) -> dict[str, str]:
    rows = held_out["rows"]
    counted = f"{rows:,} row" if rows == 1 else f"{rows:,} rows"
    doubts = []
    if rows < _FEW_ROWS:
        doubts.append(f"only {counted} {'was' if rows == 1 else 'were'} held out")
    if agreement is not None and agreement["disagrees"]:
        doubts.append("Autopilot's own metric disagrees")
    others = [each for each in warnings if each["code"] != "VALIDATION_DISAGREES"]
    if others:
        doubts.append(
            "there is a warning" if len(others) == 1 else f"there are {len(others)} warnings"
        )
    measured = f"Measured on {counted} that the model had never seen"
    if doubts:
        return {"level": "caution", "text": f"{measured}, but {_listed(doubts)}."}
    if agreement is None:
        return {"level": "yes", "text": f"{measured}."}
    return {"level": "yes", "text": f"{measured}; Autopilot's own metric agrees."}


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _between(metric: Mapping[str, Any]) -> str:
    if metric["low"] is None or metric["high"] is None:
        return ""
    return f" (95 % interval {in_short(metric['low'])} to {in_short(metric['high'])})"
