"""What AWS judges a call by, from its own tables: resource types and condition keys of each action.

The tables are an extract of AWS's Service Authorization Reference in `authorization.json`;
`docs/generate_authorization.py` writes it.
https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

import functools
import itertools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("authorization.json")

_ANYTHING, _NO_SLASH = "*", "?"
# The names in ARNs that may have slashes in them.
_WITH_SLASHES = {
    *("LogGroupName", "LogStreamName", "ObjectName", "RepositoryName", "RoleNameWithPath"),
}
# Of the keys that begin with `aws:`, AWS lists only these for each action; the others are in every
# request: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
_LISTED_GLOBAL_KEYS = ("aws:requesttag/", "aws:resourcetag/", "aws:tagkeys")


def has_service(action: str) -> bool:
    """Whether the tables have the service of an action."""
    return action.partition(":")[0] in _services()


def is_action(action: str) -> bool:
    """Whether AWS has an action of this name, such as `s3:GetObject`."""
    return _entry(action) is not None


def resource_types(action: str) -> tuple[str, ...]:
    """The resource types that an action knows, such as `automl-job`; none for an unknown action."""
    return tuple(kind.rstrip("*") for kind in (_entry(action) or {}).get("resources", ()))


def needs(action: str) -> tuple[str, ...]:
    """The further actions that a caller may need, such as `iam:PassRole`."""
    return tuple((_entry(action) or {}).get("needs", ()))


def is_about(action: str, resource: str) -> bool:
    """Whether a resource as policies name it, with wildcards, can be one that the action knows.

    Where an action knows none, only `*` is.
    """
    kinds = resource_types(action)
    if not kinds:
        return resource == "*" and is_action(action)
    service = action.partition(":")[0]
    return any(_overlap(_arn(service, kind), resource) for kind in kinds)


def judged_resource(action: str, resource: str) -> str:
    """What a call that names `resource` is judged against: that, or `*` where none is known."""
    return resource if resource_types(action) or not is_action(action) else "*"


def only_listed(action: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """The context of a request as AWS would fill it: keys that it does not list have no value."""
    listed = [key.lower() for key in (_entry(action) or {}).get("conditions", ())]
    return {
        key: value if _is_set(key.lower(), listed) or not is_action(action) else None
        for key, value in context.items()
    }


def _is_set(key: str, listed: list[str]) -> bool:
    if key.startswith("aws:") and not key.startswith(_LISTED_GLOBAL_KEYS):
        return True
    # A key of many names is listed as `aws:RequestTag/${TagKey}` or `s3:RequestObjectTag/<key>`.
    return any(
        key == each
        or (len(stem := re.split(r"[$<]", each)[0]) < len(each) and key.startswith(stem))
        for each in listed
    )


def _entry(action: str) -> dict[str, Any] | None:
    service, _, name = action.partition(":")
    entry: dict[str, Any] | None = _services().get(service, {}).get("actions", {}).get(name)
    return entry


@functools.cache
def _services() -> dict[str, Any]:
    services: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))["services"]
    return services


def _arn(service: str, kind: str) -> str:
    """The ARN of a resource type: `*` where anything may stand, `?` for all but a slash."""
    parts = re.split(r"\$\{(\w+)\}", _services()[service]["resources"][kind])
    names = [_ANYTHING if name in _WITH_SLASHES else _NO_SLASH for name in parts[1::2]]
    return "".join(itertools.chain(*itertools.zip_longest(parts[::2], names, fillvalue="")))


@functools.cache
def _overlap(kind: str, resource: str) -> bool:
    """Whether some ARN is of the kind and matches the resource, which has its own wildcards."""
    if not kind or not resource:
        return not kind.strip(_ANYTHING + _NO_SLASH) and not resource.strip(_ANYTHING)
    if kind[0] in (_ANYTHING, _NO_SLASH):
        may_take = kind[0] == _ANYTHING or resource[0] != "/"
        return _overlap(kind[1:], resource) or (may_take and _overlap(kind, resource[1:]))
    if resource[0] == _ANYTHING:
        return _overlap(kind, resource[1:]) or _overlap(kind[1:], resource)
    return kind[0] == resource[0] and _overlap(kind[1:], resource[1:])
