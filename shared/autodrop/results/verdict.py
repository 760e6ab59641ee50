"""The first screen in plain words: is it good, better than before, can I trust it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autodrop.results.candidates import our_name
from autodrop.results.held_out import FEWEST_ROWS_OF_CLASS, interval_of
from autodrop.results.words import in_short

_FEW_ROWS = 200
_FEW_ROWS_OF_CLASS = 20
# Autopilot tells its metric without the rows that it was measured on. It cross-validates, or holds
# out a part of the training rows; this is as if it were a fifth of them.
_VALIDATION_SHARE = 0.2
_LEAKS = ("GIVES_TARGET_AWAY", "COPY_OF_TARGET")
FAILED_AFTER_TRAINING = "AUTOPILOT_FAILED_AFTER_TRAINING"
_NAMES = {
    "roc_auc": "ROC AUC",
    "accuracy": "accuracy",
    "rmse": "RMSE",
    "r2": "R²",
}


def agreement(
    objective: Mapping[str, Any] | None,
    metrics: Mapping[str, Mapping[str, Any]],
    rows: tuple[int, int],
) -> dict[str, Any] | None:
    """Return Autopilot's own validation metric beside the same one on held-out rows.

    None where autodrop does not measure Autopilot's objective.

    Args:
        objective: The best candidate's, with `metric` and `value`.
        metrics: `held_out.metrics` of the summary.
        rows: How many rows the model learned from, and how many are held out.
    """
    name = None if objective is None else our_name(objective["metric"])
    if objective is None or name is None or metrics.get(name, {}).get("value") is None:
        return None
    metric, value = metrics[name], float(objective["value"])
    low, high = metric["low"], metric["high"]
    disagrees = False
    if low is not None and high is not None:
        # Both numbers come from samples: the noise of their difference is larger than that of one.
        wider = float(np.sqrt(1 + rows[1] / (_VALIDATION_SHARE * rows[0])))
        below, above = (wider * (metric["value"] - low), wider * (high - metric["value"]))
        disagrees = not metric["value"] - below <= value <= metric["value"] + above
    numbers = f"{objective['metric']} is {in_short(value)} on Autopilot's own validation rows"
    here = f"{in_short(metric['value'])}{_between(metric)} on held-out rows"
    flatters = (value > metric["value"]) == (metric["better"] == "higher")
    if not disagrees:
        ending = ": they agree." if low is not None else "."
    else:
        ending = f": Autopilot's is more {'favourable' if flatters else 'cautious'}, beyond noise."
    return {
        "metric": objective["metric"],
        "held_out_metric": name,
        "validation": value,
        "held_out": interval_of(metric),
        "disagrees": disagrees,
        "flatters": disagrees and flatters,
        "sentence": f"{numbers} and {here}{ending}",
    }


def verdict(summary: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the three answers, from the other sections of the summary."""
    held_out = summary["held_out"]
    scarce = _scarce(held_out, summary["problem_type"], summary["positive_class"])
    return {
        "quality": _quality(held_out, scarce),
        "comparison": _comparison(held_out, summary["comparison"]),
        "trust": _trust(
            held_out, summary["agreement"], summary["warnings"], scarce, summary["drivers"]
        ),
    }


def _scarce(
    held_out: Mapping[str, Any], problem_type: str, positive: str | None
) -> tuple[int, str] | None:
    """Return how many held-out rows the rarer side has, and its name; None where it has enough.

    The sides are the positive class and all others, or the most frequent class and all others.
    """
    if held_out["classes"] is None:
        return None
    rows = {each["label"]: each["rows"] for each in held_out["classes"]}
    if problem_type == "binary" and positive is not None:
        label, of_label = positive, rows.get(positive, 0)
    else:
        label, of_label = max(rows.items(), key=lambda each: each[1])
    others = held_out["rows"] - of_label
    if min(of_label, others) >= _FEW_ROWS_OF_CLASS:
        return None
    return (of_label, f"'{label}'") if of_label <= others else (others, f"not '{label}'")


def _quality(held_out: Mapping[str, Any], scarce: tuple[int, str] | None) -> dict[str, str]:
    name = held_out["headline_metric"]
    if name is None:
        return {"level": "unknown", "text": "No metric could be measured on the held-out rows."}
    if held_out["rows"] < FEWEST_ROWS_OF_CLASS:
        rows = "1 row is" if held_out["rows"] == 1 else f"{held_out['rows']} rows are"
        return {"level": "unknown", "text": f"That cannot be said: only {rows} held out."}
    if scarce is not None and scarce[0] < FEWEST_ROWS_OF_CLASS:
        rows = f"the {held_out['rows']:,} held-out rows"
        return {"level": "unknown", "text": f"That cannot be said: {_few_of(rows, scarce)}."}
    metric = held_out["metrics"][name]
    said = f"{_NAMES[name]} {in_short(metric['value'])}{_between(metric)}"
    baseline = metric["baseline"]
    if baseline is None:
        return {"level": "unknown", "text": f"{said}; there is no baseline to compare with."}
    what = {"roc_auc": "guessing", "accuracy": "always saying the most frequent class"}
    guess = f"{what.get(name, 'always saying the mean')} scores {in_short(baseline)}"
    constant = _constant(held_out)
    above = held_out["better_than_baseline"]
    if above is None:
        gain = metric["value"] - baseline
        above = gain > 0 if metric["better"] == "higher" else gain < 0
    if not above:
        return {"level": "none", "text": f"No better than the baseline: {said}; {guess}.{constant}"}
    level = _level(held_out["metrics"], name, metric["value"], baseline)
    word = {"strong": "Strong", "fair": "Fair", "weak": "Weak, but better than the baseline"}
    return {"level": level, "text": f"{word[level]}: {said}; {guess}.{constant}"}


def _constant(held_out: Mapping[str, Any]) -> str:
    """Return a sentence about a model that says the same of every row, if it does."""
    for each in held_out["classes"] or ():
        if each["predicted"] == held_out["rows"] > 1:
            return f" It says '{each['label']}' of every row."
    return ""


def _few_of(all_rows: str, scarce: tuple[int, str]) -> str:
    rows, what = scarce
    if rows == 0:
        return f"none of {all_rows} is {what}"
    return f"only {rows} of {all_rows} {'is' if rows == 1 else 'are'} {what}"


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
    scarce: tuple[int, str] | None,
    drivers: Mapping[str, Any] | None,
) -> dict[str, str]:
    rows = held_out["rows"]
    counted = f"{rows:,} row" if rows == 1 else f"{rows:,} rows"
    doubts = []
    leaks = [f"'{each['column']}'" for each in warnings if each["code"] in _LEAKS]
    if leaks:
        doubts.append(f"{_listed(leaks)} may give the target away")
    if rows < _FEW_ROWS:
        doubts.append(f"only {counted} {'was' if rows == 1 else 'were'} held out")
    if scarce is not None:
        doubts.append(_few_of("them", scarce))
    if agreement is not None and agreement["disagrees"]:
        doubts.append("Autopilot's own metric disagrees")
    if any(each["code"] == FAILED_AFTER_TRAINING for each in warnings):
        doubts.append("Autopilot's job failed after training")
    named = (*_LEAKS, "VALIDATION_DISAGREES", FAILED_AFTER_TRAINING)
    others = [each for each in warnings if each["level"] == "warning" and each["code"] not in named]
    if others:
        more = " more" if doubts else ""
        doubts.append(
            f"there is one{more} warning"
            if len(others) == 1
            else f"there are {len(others)}{more} warnings"
        )
    measured = f"Measured on {counted} that the model had never seen"
    asked = ""
    if drivers is not None and drivers["dominant"] is not None:
        column = f"'{drivers['dominant']['name']}'"
        # No reason to doubt, but a question that only people can answer.
        asked = f" It leans mostly on {column}: is {column} known at the time of the prediction?"
    if doubts:
        return {"level": "caution", "text": f"{measured}, but {_listed(doubts)}.{asked}"}
    if agreement is None:
        return {"level": "yes", "text": f"{measured}.{asked}"}
    return {"level": "yes", "text": f"{measured}; Autopilot's own metric agrees.{asked}"}


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _between(metric: Mapping[str, Any]) -> str:
    if metric["low"] is None or metric["high"] is None:
        return ""
    return f" (95 % interval {in_short(metric['low'])} to {in_short(metric['high'])})"
