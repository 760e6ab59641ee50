"""The frame of a page: one file with its style and scripts in it, and nothing else allowed."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from autodrop.results.html import Content, Html, html, json_for_html, tag

ECHARTS = "echarts-6.1.0.min.js"
_ASSETS = Path(__file__).parent / "assets"


def page(title: str, body: Content, data: Any) -> str:
    """Return a whole page that works from a file, from S3 and on paper, and fetches nothing.

    Args:
        title: Of the window.
        body: What is on the page; without scripts it is complete, but for the charts.
        data: What `page.js` draws, as JSON.
    """
    style, scripts = _asset("page.css"), (_asset(ECHARTS), _asset("page.js"))
    head = html(
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(style, scripts)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", title),
        tag("style", Html(style)),
    )
    return html(
        Html("<!doctype html>\n"),
        tag(
            "html",
            tag("head", head),
            Html("\n"),
            tag(
                "body",
                tag("a", "Skip to the content", href="#content", class_="skip"),
                body,
                tag("p", id="spoken", class_="unseen", aria_live="polite"),
                tag("script", json_for_html(data), type="application/json", id="data"),
                [tag("script", Html(each)) for each in scripts],
            ),
            lang="en",
        ),
        Html("\n"),
    )


def _policy(style: str, scripts: tuple[str, ...]) -> str:
    """Return a policy under which no script or style runs but ours, and nothing is fetched."""
    hashes = " ".join(_hash(each) for each in scripts)
    # The chart library sets `style` attributes of what it draws.
    return (
        f"default-src 'none'; script-src {hashes}; style-src {_hash(style)}; "
        "style-src-attr 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _asset(name: str) -> str:
    return (_ASSETS / name).read_text(encoding="utf-8")
