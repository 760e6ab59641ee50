"""A part of the report, and the small pieces that several of them are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autodrop.results.charts import Chart
from autodrop.results.html import Content, Html, name, tag
from autodrop.results.words import interval, number


@dataclass(frozen=True)
class Section:
    """A part of the page.

    Attributes:
        id: Where links lead to.
        short: In the list of contents.
        title: Heading.
        content: What stands below it.
        charts: Those in it.
    """

    id: str
    short: str
    title: str
    content: Content
    charts: Sequence[Chart] = field(default=())


def value_of(metrics: Mapping[str, Any], key: str) -> float | None:
    """Return the value of a metric; None where it was not measured."""
    value: float | None = metrics.get(key, {}).get("value")
    return value


def with_interval(metric: Mapping[str, Any] | None) -> Content:
    """Return a metric's value with its interval below."""
    if metric is None or metric["value"] is None:
        return None
    between = interval(metric)
    return (number(metric["value"]), None if between is None else tag("small", between))


def mark(text: str, look: str) -> Html:
    """Return a word with a colour."""
    return tag("span", text, class_=f"tag is-{look}" if look else "tag")


def unseen(text: str) -> Html:
    """Return a text for screen readers only."""
    return tag("span", text, class_="unseen")


def listed(names: Sequence[str]) -> Content:
    """Return names, one after the other."""
    return [(", " if i else None, name(each)) for i, each in enumerate(names)]


def named(text: str | None) -> Content:
    """Return a name from the data, or that it is not available."""
    return None if text is None else name(text)


def location(uri: str | None) -> Content:
    """Return an `s3://` URI."""
    return None if uri is None else tag("code", uri)


def absent(what: str, why: str | None = None) -> Html:
    """Return that something is not available; `they` are what the heading names."""
    sentence = (
        f"{'Not' if what == 'they' else f'{what[0].upper()}{what[1:]}: not'} available"
        f"{f', because {why}' if why else ''}."
    )
    return tag("p", sentence, class_="absent")
