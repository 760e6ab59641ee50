"""Filters, order and pages of the List operations, over summaries as they are sent."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autodrop_local.sagemaker.errors import invalid

Members = dict[str, Any]


def matching(
    summaries: Iterable[Members], request: Members, name: str, status: str | None
) -> list[Members]:
    """The summaries that a request's filters let through.

    `name` and `status` are the members that hold the resource's name and status.
    """
    return [found for found in summaries if _lets_through(found, request, name, status)]


def ordered(
    summaries: Iterable[Members], key: Callable[[Members], Any], order: str
) -> list[Members]:
    """The summaries sorted; equal ones keep their order."""
    return sorted(summaries, key=key, reverse=order == "Descending")


def page(
    summaries: Sequence[Members], request: Members, default_size: int
) -> tuple[list[Members], str | None]:
    """One page, and the token of the next one if there is one.

    Raises:
        ApiError: the token is not one of ours.
    """
    start = _offset(request.get("NextToken"))
    end = start + request.get("MaxResults", default_size)
    return list(summaries[start:end]), _token(end) if end < len(summaries) else None


def _lets_through(found: Members, request: Members, name: str, status: str | None) -> bool:
    created: float = found["CreationTime"]
    modified: float = found.get("LastModifiedTime", created)
    return (
        request.get("NameContains", "").lower() in found[name].lower()
        and (status is None or request.get("StatusEquals", found[status]) == found[status])
        and request.get("CreationTimeAfter", created) <= created
        and request.get("CreationTimeBefore", created) >= created
        and request.get("LastModifiedTimeAfter", modified) <= modified
        and request.get("LastModifiedTimeBefore", modified) >= modified
    )


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(json.dumps({"offset": offset}).encode()).decode()


def _offset(token: str | None) -> int:
    if token is None:
        return 0
    try:
        offset = json.loads(base64.urlsafe_b64decode(token))["offset"]
        if isinstance(offset, int) and offset >= 0:
            return offset
    except (binascii.Error, ValueError, KeyError, TypeError):
        pass
    raise invalid("Invalid NextToken.")
