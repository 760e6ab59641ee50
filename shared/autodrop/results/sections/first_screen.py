"""The first screen of the report: three questions with their answers, and four figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autodrop.results.html import NOT_AVAILABLE, Content, Html, name, tag
from autodrop.results.sections.section import value_of
from autodrop.results.sections.understanding import by_level
from autodrop.results.words import count, interval, metric_name, number, of_hundred

# The level of an answer in a word, and how it looks.
_QUALITY = {
    "strong": ("Yes, it is strong", "good"),
    "fair": ("Fairly good", "good"),
    "weak": ("Only weakly", "care"),
    "none": ("No better than the baseline", "bad"),
    "unknown": ("Cannot be said", ""),
}


_COMPARISON = {
    "better": ("Yes, better", "good"),
    "same": ("About the same", ""),
    "worse": ("No, worse", "bad"),
    "unknown": ("Nothing to compare", ""),
}


_TRUST = {
    "yes": ("Yes", "good"),
    "caution": ("With caution", "care"),
    "unknown": ("Not known", ""),
}


def answers(summary: Mapping[str, Any]) -> Html:
    """Return the three questions with their answers."""
    verdict = summary["verdict"]
    checks: list[Content] = []
    agreement = summary["agreement"]
    # Without an interval nobody knows.
    if agreement is not None and agreement["held_out"]["low"] is not None:
        checks.append(
            f"Autopilot's own {agreement['metric']} "
            f"{'disagrees with' if agreement['disagrees'] else 'agrees with'} the held-out rows."
        )
    warnings, _ = by_level(summary["warnings"])
    if warnings:
        n = len(warnings)
        what = "Read the warning" if n == 1 else f"Read the {n} warnings"
        checks.append(tag("a", what, href="#warnings"))
    comparison = summary["comparison"]
    return tag(
        "div",
        _answer("Is it good?", verdict["quality"], _QUALITY, tag("p", _in_plain_words(summary))),
        _answer(
            "Is it better than before?",
            verdict["comparison"],
            _COMPARISON,
            None
            if comparison is None
            else tag("p", tag("a", "See what changed", href="#comparison")),
        ),
        _answer(
            "Can I trust it?",
            verdict["trust"],
            _TRUST,
            tag("ul", [tag("li", each) for each in checks]) if checks else None,
        ),
        class_="verdict",
    )


def _in_plain_words(summary: Mapping[str, Any]) -> Content:
    """Return what the headline metric means for a row, without the name of a metric."""
    held_out = summary["held_out"]
    metrics = held_out["metrics"]
    first = held_out["headline_metric"]
    value = value_of(metrics, first) if first is not None else None
    if value is None or summary["verdict"]["quality"]["level"] == "unknown":
        return None
    if first == "roc_auc":
        return (
            "Of two rows, one ",
            name(summary["positive_class"]),
            f" and one not, it ranks the right one first {of_hundred(value)} times out of 100.",
        )
    if first == "accuracy":
        return f"It is right about {of_hundred(value)} rows out of 100."
    off = {round(q["share"], 2): q["absolute"] for q in held_out["error_quantiles"] or []}
    if 0.5 in off and 0.9 in off:
        return (
            f"Half of its predictions are off by at most {number(off[0.5])}, nine of ten by at "
            f"most {number(off[0.9])}."
        )
    return None


def _answer(
    question: str,
    answer: Mapping[str, str],
    words: Mapping[str, tuple[str, str]],
    more: Content = None,
) -> Html:
    word, look = words.get(answer["level"], (answer["level"], ""))
    return tag(
        "div",
        tag("h2", question),
        tag("p", word, class_="word"),
        tag("p", answer["text"]),
        more,
        class_=f"answer {look}".rstrip(),
    )


def key_figures(summary: Mapping[str, Any]) -> Html:
    """Return the four figures below them."""
    held_out = summary["held_out"]
    first = held_out["headline_metric"]
    metric = held_out["metrics"].get(first) if first is not None else None
    cards: list[tuple[str, Content, Content]] = []
    if first is not None and metric is not None:
        between = interval(metric)
        base = number(metric["baseline"])
        cards = [
            (
                metric_name(first),
                number(metric["value"]),
                f"95 % interval {between}" if between else "no interval",
            ),
            (
                "Without a model",
                base,
                {"rmse": "always the mean", "roc_auc": "guessing"}.get(
                    first, "always the most frequent class"
                ),
            ),
        ]
    cards += [
        (
            "Rows",
            count(summary["rows"]),
            f"{count(summary['split']['train_rows'])} to train, {count(held_out['rows'])} held out",
        ),
        (
            "Best of",
            count(len(summary["candidates"])),
            (
                "candidate: " if len(summary["candidates"]) == 1 else "candidates: ",
                name(summary["best_candidate"]["algorithm"] or "see the leaderboard"),
            ),
        ),
    ]
    return tag(
        "dl",
        [
            tag(
                "div",
                tag("dt", title),
                tag("dd", value if value is not None else NOT_AVAILABLE, class_="value"),
                tag("dd", beside, class_="beside"),
            )
            for title, value, beside in cards
        ],
        class_="numbers",
    )
