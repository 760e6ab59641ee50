"""Event patterns as EventBridge matches them, as far as `template.yaml` uses them.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Return whether every member of the pattern has an event member that it matches.

    Raises:
        NotImplementedError: The pattern uses an operator that nobody taught this module.
    """
    for name, wanted in pattern.items():
        if isinstance(wanted, Mapping):
            inner = event.get(name)
            if not isinstance(inner, Mapping) or not matches(wanted, inner):
                return False
        elif name not in event or not _matches_one(wanted, event[name]):
            return False
    return True


def _matches_one(alternatives: Sequence[Any], value: object) -> bool:
    return any(_matches(alternative, value) for alternative in alternatives)


def _matches(alternative: object, value: object) -> bool:
    if not isinstance(alternative, Mapping):
        return alternative == value
    match dict(alternative):
        case {"prefix": str(prefix), **rest} if not rest:
            return isinstance(value, str) and value.startswith(prefix)
        case {"wildcard": str(wildcard), **rest} if not rest:
            regex = ".*".join(map(re.escape, wildcard.split("*")))
            return isinstance(value, str) and re.fullmatch(regex, value, re.DOTALL) is not None
        case other:
            raise NotImplementedError(f"pattern operator {other}")
