"""What each role can reach, from its statements: one line for each thing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from docs.policies import Statement

COLUMNS = ("bucket", "ledger", "SageMaker", "else")
_COLUMN_OF = {"s3": "bucket", "dynamodb": "ledger", "sagemaker": "SageMaker"}
# What an action does, by the word that its name begins with.
_VERBS = {
    "AbortMultipartUpload": "write",
    "AddTags": "tag",
    "Batch": "read",
    "Create": "create",
    "Delete": "delete",
    "Describe": "read",
    "Get": "read",
    "Invoke": "ask",
    "List": "list",
    "PassRole": "hand on",
    "Publish": "publish",
    "Put": "write",
    "Query": "read",
    "Stop": "stop",
    "Update": "write",
}
_ACCOUNT = re.compile(r"arn:aws:[a-z0-9]+:[a-z0-9-]*:\d{12}:")
_BUCKET = re.compile(r"arn:aws:s3:::[a-z-]+/?")


def reach(statements: Iterable[Statement]) -> Mapping[str, Sequence[str]]:
    """Return what the statements of one role reach, by column.

    A line is such as ``read, write `runs/*` ``.

    Raises:
        KeyError: An action of which `_VERBS` does not know what it does.
    """
    reached: dict[str, dict[str, dict[str, None]]] = {column: {} for column in COLUMNS}
    for statement in statements:
        for action in statement.actions:
            service, _, name = action.partition(":")
            column = _COLUMN_OF.get(service, "else")
            for resource in statement.resources:
                verbs = reached[column].setdefault(_short(resource, service), {})
                verbs[_verb(name)] = None
    return {
        column: [f"{', '.join(verbs)} `{thing}`" for thing, verbs in things.items()]
        for column, things in reached.items()
    }


def _verb(action: str) -> str:
    for beginning, verb in _VERBS.items():
        if action.startswith(beginning):
            return verb
    raise KeyError(action)


def _short(resource: str, service: str) -> str:
    """Return an ARN without what is the same in all of them."""
    if resource == "*":
        return f"{service}:*"
    within = _BUCKET.sub("", resource) if resource.startswith("arn:aws:s3") else resource
    return _ACCOUNT.sub("", within) or "keys"
