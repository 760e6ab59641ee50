"""The IAM policies of the translated template, and who has them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from docs.translated_template import resolve

Resources = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Policy:
    """One policy document; its references are resolved.

    `holder` is the logical id of the role that has it, or of the resource that it protects.
    """

    holder: str
    kind: str
    document: dict[str, Any]

    @property
    def statements(self) -> list[dict[str, Any]]:
        """The policy's statements."""
        listed: list[dict[str, Any]] = self.document["Statement"]
        return listed


@dataclass(frozen=True)
class Statement:
    """One statement of a role's own policy: what the role may do, and why where nobody sees it."""

    role: str
    sid: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: dict[str, Any] = field(default_factory=dict)
    needed_on_aws: str | None = None


def identity_policies(resources: Resources) -> Iterator[Policy]:
    """Yield the policies that let a role do something."""
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Role":
            for each in properties.get("Policies", []):
                yield Policy(name, "identity", resolve(each["PolicyDocument"], resources))
        elif resource["Type"] == "AWS::IAM::Policy":
            for role in properties["Roles"]:
                document = resolve(properties["PolicyDocument"], resources)
                yield Policy(role["Ref"], "identity", document)


def resource_policies(resources: Resources) -> Iterator[Policy]:
    """Yield the policies that a bucket or queue has, and those that say who may assume a role."""
    for name, resource in resources.items():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::IAM::Role":
            yield Policy(name, "trust", _trust(name, resources))
        elif resource["Type"] in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"):
            yield Policy(name, "resource", resolve(properties["PolicyDocument"], resources))


def _trust(role: str, resources: Resources) -> dict[str, Any]:
    """Return who may assume a role, with the resource that is left out there: the role itself."""
    document = resolve(resources[role]["Properties"]["AssumeRolePolicyDocument"], resources)
    arn = resolve({"Fn::GetAtt": [role, "Arn"]}, resources)
    return {**document, "Statement": [{**each, "Resource": arn} for each in document["Statement"]]}


def statements(resources: Resources, written: Resources) -> Iterator[Statement]:
    """Yield every statement that the template gives a role, in order; SAM's own have no Sid.

    `written` are the resources before the translation: their metadata says which statements only
    AWS needs, and why.
    """
    for policy in identity_policies(resources):
        reasons = needed_on_aws(policy.holder, written)
        for each in policy.statements:
            if "Sid" in each:
                yield Statement(
                    policy.holder,
                    each["Sid"],
                    tuple(as_list(each["Action"])),
                    tuple(as_list(each["Resource"])),
                    each.get("Condition", {}),
                    reasons.get(each["Sid"]),
                )


def needed_on_aws(role: str, written: Resources) -> dict[str, str]:
    """Return why a role has the statements that nothing uses on the local AWS, by Sid.

    The reasons stand beside the statements, as `Metadata: {Autodrop: {NeededOnAws: …}}`.
    """
    holders = [role, role.removesuffix("Role")]
    holders += [
        name
        for name, each in written.items()
        if each["Type"] == "AWS::IAM::Policy" and {"Ref": role} in each["Properties"]["Roles"]
    ]
    reasons: dict[str, str] = {}
    for holder in holders:
        metadata = written.get(holder, {}).get("Metadata", {})
        reasons |= metadata.get("Autodrop", {}).get("NeededOnAws", {})
    return reasons


def as_list(value: Any) -> list[Any]:
    """Return the value as IAM reads it: one thing is a list of one."""
    return value if isinstance(value, list) else [value]
