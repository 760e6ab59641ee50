"""HTML in which any text is escaped that does not say that it is HTML already."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from html import escape
from typing import Any, TypeAlias

Content: TypeAlias = "str | Iterable[Content] | None"
Attribute: TypeAlias = str | int | bool | None

NOT_AVAILABLE = "not available"
_EMPTY_NAME = "(empty)"
# Elements without content; those of SVG need the slash, HTML allows it.
_VOID = frozenset({"input", "line", "meta", "rect"})


class Html(str):
    """Text that is HTML already; `html` and `tag` escape any other text."""

    __slots__ = ()


class Kind(Enum):
    """How a column of a table is set."""

    TEXT = "text"
    NUMBER = "number"


def html(*content: Content) -> Html:
    """Return the content as HTML: `html("a < b", Html("<br>"), None)` is `a &lt; b<br>`."""
    return Html("".join(_rendered(each) for each in content))


def tag(element: str, /, *content: Content, **attributes: Attribute) -> Html:
    """Return an element: `tag("td", "<", class_="number")` is `<td class="number">&lt;</td>`.

    Underscores in names of attributes are hyphens. True is an attribute without value; with False
    and None there is none.
    """
    start = element
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        start += " " + key.rstrip("_").replace("_", "-")
        if value is not True:
            start += f'="{escape(str(value))}"'
    if element in _VOID:
        return Html(f"<{start}/>")
    return Html(f"<{start}>{html(*content)}</{element}>")


def name(text: object) -> Html:
    """Return a name or value from the data, which may be empty or written from right to left."""
    return tag("bdi", str(text) or _EMPTY_NAME)


def with_code(text: str) -> Content:
    """Return a sentence with what stands between backticks as code: "use `ignore`"."""
    parts = text.split("`")
    # One that stands alone is only a character.
    if len(parts) % 2 == 0:
        return text
    return [tag("code", part) if i % 2 else part for i, part in enumerate(parts)]


def table(
    caption: str,
    columns: Mapping[str, Kind],
    rows: Iterable[Sequence[Content]],
    *,
    class_: str | None = None,
) -> Html:
    """Return a table whose first cells name the rows; None is shown as not available.

    It scrolls by itself where it is too wide, with the keyboard too, and screen readers announce
    its caption, which is not shown: it stands below a heading.
    """
    kinds = list(columns.values())
    head = tag("tr", [tag("th", each, scope="col", class_=k.value) for each, k in columns.items()])
    body = [
        tag(
            "tr",
            tag("th", _cell(first), scope="row"),
            [tag("td", _cell(c), class_=k.value) for c, k in zip(rest, kinds[1:], strict=True)],
        )
        for first, *rest in rows
    ]
    return _scrolling(
        caption, tag("caption", caption), tag("thead", head), tag("tbody", body), class_=class_
    )


def facts(caption: str, rows: Iterable[tuple[str, Content]]) -> Html:
    """Return a table of facts with their names; None is shown as not available."""
    body = [tag("tr", tag("th", n, scope="row"), tag("td", _cell(fact))) for n, fact in rows]
    return _scrolling(caption, tag("caption", caption), tag("tbody", body), class_="facts")


def json_for_html(value: Any) -> Html:
    r"""Return JSON that can stand in a `script` element: `"</script>"` is `"\u003c/script\u003e"`.

    Without `<` it neither ends the element nor begins a comment; it is ASCII, so it has none of the
    line ends that JSON and JavaScript disagree on.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    for each in "<>&":
        text = text.replace(each, f"\\u{ord(each):04x}")
    return Html(text)


def _scrolling(caption: str, *content: Content, class_: str | None) -> Html:
    return tag(
        "div",
        tag("table", *content, class_=class_),
        class_="wide",
        role="region",
        tabindex=0,
        aria_label=caption,
    )


def _cell(content: Content) -> Content:
    return tag("span", NOT_AVAILABLE, class_="absent") if content is None else content


def _rendered(content: Content) -> str:
    if content is None:
        return ""
    if isinstance(content, Html):
        return content
    if isinstance(content, str):
        return escape(content)
    return "".join(_rendered(each) for each in content)
