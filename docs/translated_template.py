"""`template.yaml` as SAM translates it, and with its references resolved; no network."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).parents[1] / "template.yaml"
# Managed policies that SAM attaches to the functions' roles.
_MANAGED = {
    name: f"arn:aws:iam::aws:policy/{name}"
    for name in (
        "AWSLambdaBasicExecutionRole",
        "AWSLambdaSQSQueueExecutionRole",
        "AWSXrayWriteOnlyAccess",
    )
}
_UPLOADED = {"Bucket": "sam-artifacts", "Key": "code.zip"}
_PSEUDO_PARAMETERS = {
    "AWS::AccountId": "111122223333",
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "autodrop",
}
_HERE = "us-east-1:111122223333"
# What a resource's ARN is like, by its type; `{}` is its name.
_ARNS = {
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{_HERE}:table/{{}}",
    "AWS::Events::Rule": f"arn:aws:events:{_HERE}:rule/{{}}",
    "AWS::IAM::Role": "arn:aws:iam::111122223333:role/{}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{_HERE}:function:{{}}",
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SNS::Topic": f"arn:aws:sns:{_HERE}:{{}}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{_HERE}:{{}}",
}
# Whose `Ref` is not its name.
_REFERRED_BY_ARN = {"AWS::SNS::Topic"}


class _ManagedPolicies:
    """SAM's loader of managed policies, without asking IAM."""

    def load(self) -> dict[str, str]:
        return _MANAGED


def written_template() -> dict[str, Any]:
    """Return the template as it is written, intrinsic functions as mappings."""
    parsed: dict[str, Any] = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
    return parsed


def translate(template: dict[str, Any]) -> dict[str, Any]:
    """Return a written template as CloudFormation gets it, code already uploaded."""
    uploaded = json.loads(json.dumps(template))
    for resource in uploaded["Resources"].values():
        for place in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            resource["Properties"][place] = _UPLOADED
    with patch.dict("os.environ", {"AWS_DEFAULT_REGION": "us-east-1"}):
        result: dict[str, Any] = transform(uploaded, {}, _ManagedPolicies())
    return json.loads(json.dumps(result))  # type: ignore[no-any-return]


def resolve(value: Any, resources: dict[str, dict[str, Any]]) -> Any:
    """Return a part of the translated template with `Ref`, `GetAtt` and `Sub` as texts.

    Names and ARNs are such as AWS gives: `arn:aws:s3:::autodrop-databucket/runs/*`.

    Raises:
        KeyError: A resource or attribute that nobody taught this module.
    """
    if isinstance(value, list):
        return [resolve(each, resources) for each in value]
    if not isinstance(value, dict):
        return value
    match value:
        case {"Ref": str(name)}:
            return _reference(name, resources)
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return _attribute(name, attribute, resources)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([\w:.]+)\}", lambda found: _named(found[1], resources), text)
    return {name: resolve(each, resources) for name, each in value.items()}


def _named(name: str, resources: dict[str, dict[str, Any]]) -> str:
    logical_id, dot, attribute = name.partition(".")
    return (
        _attribute(logical_id, attribute, resources) if dot else _reference(logical_id, resources)
    )


def _reference(name: str, resources: dict[str, dict[str, Any]]) -> str:
    if name in _PSEUDO_PARAMETERS:
        return _PSEUDO_PARAMETERS[name]
    if resources[name]["Type"] in _REFERRED_BY_ARN:
        return _attribute(name, "Arn", resources)
    return _name(name, resources)


def _name(name: str, resources: dict[str, dict[str, Any]]) -> str:
    full = f"autodrop-{name}"
    # A bucket's name has no capitals.
    return full.lower() if resources[name]["Type"] == "AWS::S3::Bucket" else full


def _attribute(name: str, attribute: str, resources: dict[str, dict[str, Any]]) -> str:
    if attribute != "Arn":
        raise KeyError(f"{name}.{attribute}")
    return _ARNS[resources[name]["Type"]].format(_name(name, resources))
