"""parliament on every IAM policy of the translated template.

parliament carries AWS's service authorization reference: which actions there are, which resources
and condition keys each of them knows. https://github.com/duo-labs/parliament
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import types
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from autodrop_local.authorization import is_about
from docs.generate_security import only_roles_write_runs
from docs.policies import Policy, as_list, identity_policies, resource_policies

# Sid and finding → why it is accepted.
ACCEPTED = {
    ("PullContainers", "RESOURCE_STAR"): (
        "The containers lie in accounts of AWS that differ by region; AWS's own minimum has a star."
    ),
    ("", "NO_VERSION"): "SAM writes these, and gives them none: they use no variables.",
}


@pytest.fixture(scope="module")
def parliament() -> Any:
    """Return parliament, which imports a module that setuptools no longer has.

    It wants the path of its own data from it and nothing else, and leaves those files open.
    """
    stand_in = types.ModuleType("pkg_resources")
    stand_in.resource_filename = _resource_filename  # type: ignore[attr-defined]
    with patch.dict(sys.modules, pkg_resources=stand_in), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("parliament")


def _resource_filename(package: str, name: str) -> str:
    return str(importlib.metadata.distribution(package).locate_file(Path(package, name)))


def findings(parliament: Any, policy: Policy) -> set[tuple[str, str]]:
    """Return what parliament says about each statement: its Sid and the finding."""
    found = set()
    for statement in policy.statements:
        document = {**policy.document, "Statement": [statement]}
        analyzed = parliament.analyze_policy_string(json.dumps(document))
        found |= {(statement.get("Sid", ""), each.issue) for each in analyzed.findings}
    return found


def test_no_policy_of_a_role_asks_for_what_aws_does_not_know(
    parliament: Any, resources: dict[str, dict[str, Any]]
) -> None:
    found = {
        finding
        for policy in identity_policies(resources)
        for finding in findings(parliament, policy)
    }

    # Also when an accepted finding is no more: its reason is then to be taken back.
    assert found == ACCEPTED.keys()


def test_no_policy_of_a_bucket_a_queue_or_a_role_asks_for_what_aws_does_not_know(
    parliament: Any, resources: dict[str, dict[str, Any]]
) -> None:
    found = {
        (policy.holder, *finding)
        for policy in resource_policies(resources)
        for finding in findings(parliament, policy)
    }

    assert found == set()


def test_the_statement_that_keeps_runs_for_the_roles_is_one_that_aws_knows(
    parliament: Any, resources: dict[str, dict[str, Any]]
) -> None:
    document = {"Version": "2012-10-17", "Statement": [only_roles_write_runs(resources)]}

    assert findings(parliament, Policy("DataBucket", "resource", document)) == set()


@pytest.mark.parametrize(
    ("action", "resource", "finding"),
    [
        ("sagemaker:ListCandidatesForAutoMLJob", "automl-job/ad-*", "RESOURCE_MISMATCH"),
        ("sagemaker:DescribeAutoMLJobV3", "automl-job/ad-*", "UNKNOWN_ACTION"),
        ("sagemaker:DescribeAutoMLJobV2", "model/ad-*", "RESOURCE_MISMATCH"),
    ],
)
def test_a_mistake_is_noticed(parliament: Any, action: str, resource: str, finding: str) -> None:
    arn = f"arn:aws:sagemaker:us-east-1:111122223333:{resource}"
    statement = {"Sid": "Wrong", "Effect": "Allow", "Action": action, "Resource": arn}
    policy = Policy("Role", "identity", {"Version": "2012-10-17", "Statement": [statement]})

    assert findings(parliament, policy) == {("Wrong", finding)}


def test_every_action_of_every_statement_is_about_one_of_its_resources_and_the_other_way_round(
    resources: dict[str, dict[str, Any]],
) -> None:
    wrong = []
    for policy in (*identity_policies(resources), *resource_policies(resources)):
        for statement in policy.statements:
            actions, about = as_list(statement["Action"]), as_list(statement["Resource"])
            if statement["Effect"] == "Deny":
                # `s3:*` over TLS only: whatever there is.
                continue
            pairs = [(action, each) for action in actions for each in about]
            fitting = [pair for pair in pairs if is_about(*pair)]
            for what in {*actions, *about} - {part for pair in fitting for part in pair}:
                wrong.append((policy.holder, statement.get("Sid"), what))

    assert wrong == []
