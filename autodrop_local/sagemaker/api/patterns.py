"""Patterns of the service model, which are Java regular expressions, as Python ones."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from itertools import groupby

_CLASSES = re.compile(r"\\p\{([LMNPSZ]|Alnum)\}")
_SURROGATE_RANGE = r"\uD800\uDC00-\uDBFF\uDFFF"


def matches(pattern: str, value: str) -> bool:
    r"""Whether the whole value matches, as AWS checks it.

    >>> matches(r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)", "größe 1")
    True
    """
    return _compiled(pattern).fullmatch(value) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    python = pattern.replace(_SURROGATE_RANGE, "\U00010000-\U0010ffff")
    return re.compile(_CLASSES.sub(lambda found: _members(found[1]), python))


@cache
def _members(name: str) -> str:
    r"""The inside of a character class that holds a Unicode category, as Java's `\p{L}` does."""
    if name == "Alnum":
        return "a-zA-Z0-9"
    return "".join(rf"\U{low:08x}-\U{high:08x}" for low, high in _ranges()[name])


@cache
def _ranges() -> dict[str, list[tuple[int, int]]]:
    """Return the code points of every category, by its first letter: all of Unicode in one go."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    categories = map(unicodedata.category, map(chr, range(sys.maxunicode + 1)))
    low = 0
    for letter, run in groupby(category[0] for category in categories):
        high = low + sum(1 for _ in run) - 1
        ranges.setdefault(letter, []).append((low, high))
        low = high + 1
    return ranges
