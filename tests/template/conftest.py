"""`template.yaml` as it is written, and as SAM translates it; no network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

from tests.network import no_network as no_network

ROOT = Path(__file__).parents[2]
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


class _ManagedPolicies:
    """SAM's loader of managed policies, without asking IAM."""

    def load(self) -> dict[str, str]:
        return _MANAGED


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """Return the template as it is written, intrinsic functions as mappings."""
    parsed: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return parsed


@pytest.fixture(scope="session")
def translated(template: dict[str, Any]) -> dict[str, Any]:
    """Return the template as CloudFormation gets it, code already uploaded."""
    uploaded = json.loads(json.dumps(template))
    for resource in uploaded["Resources"].values():
        for place in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            resource["Properties"][place] = _UPLOADED
    with patch.dict("os.environ", {"AWS_DEFAULT_REGION": "us-east-1"}):
        result: dict[str, Any] = transform(uploaded, {}, _ManagedPolicies())
    return json.loads(json.dumps(result))  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def resources(translated: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return all translated resources by logical id."""
    found: dict[str, dict[str, Any]] = translated["Resources"]
    return found
