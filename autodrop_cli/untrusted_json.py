"""Reading JSON that somebody else may have written: nothing in it is where or what it should be."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from autodrop_cli.problems import Problem
from autodrop_cli.terminal import plain

# Those of `summary.json`; `failure.json` has been of version 1 all along.
SCHEMA_VERSIONS = (1, 2)


def read_document(content: bytes, name: str) -> Mapping[str, Any]:
    """Return the JSON object in `content`.

    Raises:
        Problem: It is none, or of a schema that this version cannot read.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        raise Problem(f"{name} is not valid JSON.") from None
    if not isinstance(document, dict):
        raise Problem(f"{name} is not a JSON object.")
    version = document.get("schema_version")
    if version not in SCHEMA_VERSIONS:
        raise Problem(
            f"{name} has schema version {plain(version)}; this autodrop reads versions "
            f"{' and '.join(map(str, SCHEMA_VERSIONS))}. Install the version that is deployed."
        )
    return document


def part(value: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return the object at `path`, empty when there is none."""
    found: Any = value
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def parts(value: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """Return the objects in the list `name`."""
    return [each for each in items(value.get(name)) if isinstance(each, dict)]


def items(value: Any) -> Sequence[Any]:
    """Return a list as it is, and an empty one for anything else."""
    return value if isinstance(value, list) else []


def word(value: Any) -> str:
    """Return a text or number to print; empty for anything else."""
    return plain(value) if isinstance(value, str | int | float) else ""


def number(value: Any) -> float | None:
    """Return a finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def numbers(value: Any) -> list[float]:
    """Return the numbers of a list; empty when anything else is among them."""
    found = [number(each) for each in items(value)]
    return [each for each in found if each is not None] if None not in found else []


def count(value: Any) -> str:
    """Return a whole number with thousands separated: `8,238`; `?` for anything else."""
    found = number(value)
    return "?" if found is None else f"{found:,.0f}"


def metric(value: Any) -> str:
    """Return a metric's value to four decimals, or to four digits where that hides it."""
    found = number(value)
    if found is None:
        return "not available"
    if found == 0 or 0.001 <= abs(found) < 10_000:
        return f"{found:.4f}"
    return f"{found:.4g}" if abs(found) < 0.001 else f"{found:,.1f}"
