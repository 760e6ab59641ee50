"""Each function may do what it does, also when it fails or comes twice, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any

import pytest

from autodrop.errors import Transient
from autodrop_local.authorization import resource_types
from docs.policies import as_list
from tests.fakes import Killed, World
from tests.functions import MODULES
from tests.journey import RUN, SCENES, Journey

pytestmark = pytest.mark.slow

Needed = set[tuple[str, str]]

TABLE = "LedgerTable.Arn"
BUCKET = "DataBucket.Arn"
_SAGEMAKER = "arn:${AWS::Partition}:sagemaker:${AWS::Region}:${AWS::AccountId}"
# What a call of the fakes is to IAM: actions, each with its resource.
CALLS: dict[str, Needed] = {
    "dynamodb:PutItem": {("dynamodb:PutItem", TABLE), ("dynamodb:GetItem", TABLE)},
    "dynamodb:GetItem": {("dynamodb:GetItem", TABLE)},
    "dynamodb:UpdateItem": {("dynamodb:UpdateItem", TABLE)},
    "dynamodb:Query": {("dynamodb:Query", f"{TABLE}/index/open-runs")},
    "dynamodb:Query dataset-runs": {("dynamodb:Query", f"{TABLE}/index/dataset-runs")},
    "s3:ListObjects": {("s3:ListBucket", BUCKET)},
    "events:PutEvents": {
        (
            "events:PutEvents",
            "arn:${AWS::Partition}:events:${AWS::Region}:${AWS::AccountId}:event-bus/default",
        )
    },
    "sns:Publish": {("sns:Publish", "OutcomeTopic")},
}
_PASS_ROLE = ("iam:PassRole", "SageMakerExecutionRole.Arn")
for _kind, _actions in {
    "processing-job": (
        "CreateProcessingJob",
        "DescribeProcessingJob",
        "StopProcessingJob",
    ),
    "automl-job": (
        "CreateAutoMLJobV2",
        "DescribeAutoMLJobV2",
        "ListCandidatesForAutoMLJob",
        "StopAutoMLJob",
    ),
    "model": ("CreateModel", "DescribeModel"),
    "transform-job": ("CreateTransformJob", "DescribeTransformJob"),
}.items():
    for _action in _actions:
        # By AWS's own table: some actions know no resource.
        _knows_any = resource_types(f"sagemaker:{_action}")
        _resource = f"{_SAGEMAKER}:{_kind}/{RUN}" if _knows_any else "*"
        CALLS[f"sagemaker:{_action}"] = {(f"sagemaker:{_action}", _resource)}
        if _action.startswith("Create"):
            # All of them are created with tags.
            CALLS[f"sagemaker:{_action}"].add(("sagemaker:AddTags", _resource))
for _action in ("CreateProcessingJob", "CreateAutoMLJobV2", "CreateModel"):
    CALLS[f"sagemaker:{_action}"].add(_PASS_ROLE)
# Needed only when a run ends while its job is being created: `tests/handlers/test_failures.py`.
RARE = {"sagemaker:StopAutoMLJob", "sagemaker:StopProcessingJob"}
# S3 says 404 rather than 403 only to those who may list.
_READING = {"s3:GetObject", "s3:ListBucket"}
_ON_OBJECTS = {
    "download": {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"},
    "read": _READING,
    "exists": _READING,
    "facts": {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"},
    "write": {"s3:PutObject"},
}


@pytest.fixture(scope="module")
def needed() -> dict[str, Needed]:
    """Return what each function did in any scene: at once, after dying, and when throttled."""
    found: dict[str, Needed] = {function: set() for function in MODULES}
    for scene in SCENES.values():
        for disturb in (_nothing, *_deaths(), _throttle):
            with scene.opens() as journey:
                _record(journey, found[scene.function])
                disturb(journey.world)
                with suppress(Killed, Transient):
                    scene.play(journey)
                journey.world.kill_after = None
                scene.play(journey)
    return found


@pytest.mark.parametrize("function", MODULES)
def test_a_function_may_do_all_that_it_does(
    function: str, needed: dict[str, Needed], resources: dict[str, dict[str, Any]]
) -> None:
    allowed = _allowed(function, resources)

    refused = {
        (action, resource)
        for action, resource in needed[function]
        if not any(action == each and fnmatchcase(resource, pattern) for each, pattern in allowed)
    }
    assert refused == set()


@pytest.mark.parametrize("function", MODULES)
def test_a_function_may_do_nothing_that_it_never_does(
    function: str, needed: dict[str, Needed], resources: dict[str, dict[str, Any]]
) -> None:
    unused = {
        (action, pattern)
        for action, pattern in _allowed(function, resources)
        if action not in RARE
        and not any(
            action == each and fnmatchcase(resource, pattern) for each, resource in needed[function]
        )
    }

    # The two below share a statement with the other's kind of resource.
    if function in ("create_model", "record_failure"):
        unused = {each for each in unused if not _mixed(*each)}
    assert unused == set()


def _mixed(action: str, pattern: str) -> bool:
    """Return whether the resource is of another kind than the action, which allows nothing."""
    kind = pattern.rpartition(":")[2].partition("/")[0].replace("-", "")
    return action.startswith("sagemaker:") and kind not in action.lower()


def _allowed(function: str, resources: dict[str, dict[str, Any]]) -> Needed:
    """Return every action of the function's own policies with every resource."""
    role = "".join(word.title() for word in function.split("_")) + "FunctionRole"
    return {
        (action, _text(resource))
        for policy in resources[role]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        # SAM's own statement, for the failure destination, has none.
        if "Sid" in statement
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


def _text(resource: Any) -> str:
    if resource == "*":
        return "*"
    if "Fn::GetAtt" in resource:
        return ".".join(resource["Fn::GetAtt"])
    written: str = resource.get("Ref") or resource["Fn::Sub"]
    # Square brackets are fnmatch's, not IAM's; no resource has them.
    return written.replace("${DataBucket.Arn}", BUCKET).replace("${LedgerTable.Arn}", TABLE)


def _record(journey: Journey, found: Needed) -> None:
    """Let the journey's world note what every call needs."""
    world = journey.world
    count = world.before

    def before(call: str) -> None:
        found.update(CALLS.get(call, set()))
        assert call in CALLS or call.startswith("s3:"), call
        count(call)

    world.before = before  # type: ignore[method-assign]
    for method, actions in _ON_OBJECTS.items():
        _record_object(world, method, actions, found)


def _record_object(world: World, method: str, actions: set[str], found: Needed) -> None:
    call: Callable[..., object] = getattr(world.bucket, method)

    def recorded(key: str, *arguments: object) -> object:
        # A version is asked for only where the call names one.
        unversioned = method == "download" and len(arguments) == 1
        found.update(
            (action, BUCKET if action == "s3:ListBucket" else f"{BUCKET}/{key}")
            for action in actions - ({"s3:GetObjectVersion"} if unversioned else set())
        )
        return call(key, *arguments)

    setattr(world.bucket, method, recorded)


def _nothing(world: World) -> None:
    """Leave the world alone."""


def _throttle(world: World) -> None:
    world.throttle_next = True


def _deaths() -> list[Callable[[World], None]]:
    def death(calls: int) -> Callable[[World], None]:
        def die(world: World) -> None:
            world.kill_after = calls

        return die

    return [death(calls) for calls in range(1, 30)]
