"""Write `autodrop_local/authorization.json` from the data of the pinned parliament: `make docs`.

parliament carries AWS's Service Authorization Reference, which says what every action is judged
by: https://docs.aws.amazon.com/service-authorization/latest/reference/
"""

from __future__ import annotations

import importlib.metadata
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from autodrop_local.authorization import TABLE

# Those that the functions, the command, SageMaker's role and SAM's own policies use.
SERVICES = (
    *("cloudformation", "cloudwatch", "dynamodb", "ecr", "events", "iam", "lambda", "logs"),
    *("s3", "sagemaker", "sns", "sqs", "sts", "xray"),
)
_LOCK = Path(__file__).parents[1] / "uv.lock"


def table() -> dict[str, Any]:
    """Return the extract: for each service its resource types, and by what its actions are judged.

    An action's `resources` are its resource types, those that every call needs with a star; its
    `conditions` are the keys that AWS sets for it or for those resources; its `needs` are further
    actions that the caller may need.
    """
    package = importlib.metadata.distribution("parliament")
    definition = Path(str(package.locate_file("parliament/iam_definition.json"))).read_text("utf-8")
    services: dict[str, Any] = {}
    for listed in json.loads(definition):
        if listed["prefix"] in SERVICES:
            service = services.setdefault(listed["prefix"], {"resources": {}, "actions": {}})
            _add(service, listed)
    return {
        "source": "AWS's Service Authorization Reference, "
        f"as parliament {package.version} of {_released(package.version)} has it",
        "services": dict(sorted(services.items())),
    }


def text() -> str:
    """Return the content of the file: one line for each resource type and action."""
    content = table()
    lines = ["{", f'"source": {json.dumps(content["source"])},', '"services": {']
    for number, (prefix, service) in enumerate(content["services"].items()):
        lines.append(f'{"," if number else ""}"{prefix}": {{"resources": {{')
        lines.append(_entries(service["resources"]))
        lines.append('}, "actions": {')
        lines.append(_entries(service["actions"]))
        lines.append("}}")
    return "\n".join([*lines, "}}", ""])


def _add(service: dict[str, Any], listed: Mapping[str, Any]) -> None:
    # Some services are listed in parts, some parts in an older edition too.
    keys = {each["resource"]: each["condition_keys"] for each in listed["resources"]}
    for each in listed["resources"]:
        service["resources"][each["resource"]] = each["arn"]
    for privilege in listed["privileges"]:
        rows = privilege["resource_types"]
        kinds = [each["resource_type"] for each in rows if each["resource_type"]]
        conditions = {key for each in rows for key in each["condition_keys"]}
        conditions |= {key for kind in kinds for key in keys.get(kind.rstrip("*"), [])}
        action: dict[str, Any] = {"resources": sorted(set(kinds)), "conditions": sorted(conditions)}
        if needs := sorted({need for each in rows for need in each["dependent_actions"]}):
            action["needs"] = needs
        service["actions"][privilege["privilege"]] = action


def _entries(entries: Mapping[str, Any]) -> str:
    return ",\n".join(
        f"{json.dumps(name)}: {json.dumps(entries[name])}" for name in sorted(entries)
    )


def _released(version: str) -> str:
    """Return the day on which the pinned release was published."""
    packages = tomllib.loads(_LOCK.read_text(encoding="utf-8"))["package"]
    pinned = next(each for each in packages if each["name"] == "parliament")
    if pinned["version"] != version:
        raise RuntimeError(f"uv.lock pins parliament {pinned['version']}, installed is {version}")
    # tomllib leaves the time a text, as uv quotes it.
    return str(pinned["sdist"]["upload-time"])[:10]


if __name__ == "__main__":
    TABLE.write_text(text(), encoding="utf-8")
