"""Numbers, times and metrics in words that people read; shared by the pages and the command.

A number has four significant digits and no zeros at its end, thousands separated. Billions and
trillions are words; what is larger still, or below a thousandth, has a power of ten. A share has
three digits. Minus is a minus sign.
`page.js` writes numbers by the same rule.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

# What a metric is called, and what it says, for somebody who has not met it.
_METRICS = {
    "roc_auc": (
        "ROC AUC",
        "How often a row of the positive class is ranked above one of the other; 0.5 is guessing.",
    ),
    "average_precision": (
        "Average precision",
        "Precision averaged over every recall; guessing reaches the share of positive rows.",
    ),
    "log_loss": ("Log loss", "Punishes confident mistakes; less is better."),
    "brier": ("Brier score", "Mean squared error of the probabilities; less is better."),
    "accuracy": ("Accuracy", "Share of rows whose label is right."),
    "balanced_accuracy": ("Balanced accuracy", "Recall, averaged over the classes."),
    "f1": ("F1", "Precision and recall in one number."),
    "precision": ("Precision", "Share of the rows called positive that are."),
    "recall": ("Recall", "Share of the positive rows that were found."),
    "mcc": ("MCC", "Correlation of label and truth: 0 is guessing, 1 is perfect."),
    "f1_macro": ("F1, macro", "F1 averaged over the classes, each counted alike."),
    "f1_weighted": ("F1, weighted", "F1 averaged over the classes by their rows."),
    "roc_auc_ovr": ("ROC AUC, one against rest", "Ranking of each class against all others."),
    "rmse": ("RMSE", "Typical error, large ones counting more; in the unit of the target."),
    "mae": ("MAE", "Mean absolute error, in the unit of the target."),
    "median_absolute_error": ("Median absolute error", "Half of the rows are off by less."),
    "mse": ("MSE", "Mean squared error."),
    "r2": ("R²", "Share of the variation that is explained; 0 is always saying the mean."),
    "mape": ("MAPE", "Mean absolute error as a share of the truth."),
}
_STATES = {
    "RECEIVED": "received",
    "PREPARING": "preparing",
    "PREPARED": "prepared",
    "QUEUED": "queued",
    "TRAINING": "training",
    "TRANSFORMING": "scoring",
    "COMPLETED": "completed",
    "REJECTED": "rejected",
    "FAILED": "failed",
    "STOPPED": "stopped",
}


_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_MINUS = "\u2212"
_HEADLINE = re.compile(r"(\w+) (-?\d[\d,]*(?:\.\d+)?(?:e[-+]\d+)?)(?= |$)")


def in_short(value: float) -> str:
    """Return a number: `0.957`, `48,213`, `2.7 billion`, and 3.679e-06 as a multiple of `10⁻⁶`."""
    rounded = f"{value:.3e}"
    digits, power = float(rounded.partition("e")[0]), int(rounded.partition("e")[2])
    if value and not -3 <= power < 15:
        shown = f"{digits:g}\u00a0\u00d7\u00a010{str(power).translate(_RAISED)}"
    elif power >= 9:
        unit = "billion" if power < 12 else "trillion"
        shown = f"{digits * 10 ** (power % 3):.4g}\u00a0{unit}"
    elif abs(float(rounded)) >= 1000:
        shown = f"{value:,.0f}"
    else:
        shown = f"{abs(value) if value == 0 else value:.4g}"
    return shown.replace("-", _MINUS)


def number(value: float | None) -> str | None:
    """Return a number as `in_short` does; None for None."""
    return None if value is None else in_short(value)


def headline(text: str) -> str:
    """Return the headline of a summary for people; any other text as it is.

    `roc_auc 0.8884 on 600 held-out rows`, as machines get it, is `ROC AUC 0.8884 on 600 …`.
    """
    found = _HEADLINE.match(text)
    value = float(found[2].replace(",", "")) if found is not None else math.inf
    if found is None or not math.isfinite(value):
        return text
    return f"{metric_name(found[1])} {in_short(value)}{text[found.end() :]}"


def metric_name(name: str) -> str:
    """Return what a metric is called: `ROC AUC` for `roc_auc`, any unknown name as it is."""
    return _METRICS.get(name, (name, ""))[0]


def metric_meaning(name: str) -> str:
    """Return what a metric says, in a sentence; empty for one that is not known."""
    return _METRICS.get(name, ("", ""))[1]


def state_name(state: str) -> str:
    """Return the state of a run in a word."""
    return _STATES.get(state, state)


def signed(value: float | None) -> str | None:
    """Return a number with its sign: `+0.0123`, `0`, or a minus."""
    shown = number(value)
    if value is None or shown is None:
        return None
    return f"+{shown}" if value > 0 else shown


def count(value: float | None) -> str | None:
    """Return a whole number with thousands separated: `8,238`."""
    return None if value is None else f"{value:,.0f}"


def percent(share: float | None) -> str | None:
    """Return a share of 1 in percent: `9.3 %`, `<0.1 %`."""
    if share is None:
        return None
    if 0 < share < 0.001:
        return "<0.1 %"
    # Not all of it is not 100 %.
    return ">99.9 %" if 0.9995 <= share < 1 else f"{100 * share:.3g} %"


def of_hundred(share: float) -> str:
    """Return a share as a number out of 100, which is 100 for all of them only."""
    if 0.995 <= share < 1:
        return "more than 99"
    return "less than 1" if 0 < share < 0.005 else f"{100 * share:.0f}"


def interval(metric: Mapping[str, Any]) -> str | None:
    """Return the interval of a number: `0.9451 to 0.9598`; None where it has none."""
    low, high = number(metric.get("low")), number(metric.get("high"))
    return None if low is None or high is None else f"{low} to {high}"


def seconds(value: float | None) -> str | None:
    """Return a time span: `<0.01 s`, `0.35 s`, `12 s`, `3 min 05 s`, `2 h 03 min`."""
    if value is None:
        return None
    if 0 < value < 0.01:
        return "<0.01 s"
    if value < 10:
        return f"{value:.2g} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def milliseconds(value: float | None) -> str | None:
    """Return a latency: `0.21 ms`, `35 ms`, `1.2 s`."""
    if value is None:
        return None
    if value >= 1:
        return seconds(value)
    thousandths = 1000 * value
    return f"{thousandths:.0f} ms" if thousandths >= 10 else f"{thousandths:.2g} ms"


def size(count: int) -> str:
    """Return a number of bytes: `12 bytes`, `5.8 MB`."""
    if count < 1000:
        return f"{count} bytes"
    power = min(int(math.log10(count) // 3), 4)
    return f"{count / 1000**power:.1f} {('kB', 'MB', 'GB', 'TB')[power - 1]}"


def time(iso: str | None) -> str | None:
    """Return a time as `25 Nov 2026, 00:06 UTC`."""
    if iso is None:
        return None
    return ", ".join(day_and_time(iso))


def day_and_time(iso: str) -> tuple[str, str]:
    """Return a time in two parts: `25 Nov 2026` and `00:06 UTC`."""
    when = datetime.fromisoformat(iso).astimezone(UTC)
    return f"{when.day} {when:%b %Y}", f"{when:%H:%M} UTC"


def rows(number_of: int) -> str:
    """Return `1 row`, `8,238 rows`."""
    return several(number_of, "row")


def several(number_of: int, noun: str) -> str:
    """Return a number of things: `1 column`, `8,238 columns`."""
    return f"{number_of:,} {noun}{'' if number_of == 1 else 's'}"


def seconds_between(start: str, end: str | None) -> str | None:
    """Return how long something took; None while it goes on."""
    if end is None:
        return None
    return seconds((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds())
