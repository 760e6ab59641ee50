"""The local AWS judges every call by AWS's tables, MiniStack's part of the work included."""

from __future__ import annotations

import ast
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
import pytest

from autodrop_local import authorization
from autodrop_local.authorization import TABLE, is_about, is_action, only_listed
from docs.generate_authorization import text

PROJECT = Path(__file__).parents[3]
CODE = ("shared/autodrop", "autodrop_cli", "functions")
BUCKET = "arn:aws:s3:::b"
TABLE_ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/t"
TOPIC = "arn:aws:sns:us-east-1:000000000000:t"
KEY = {"Bucket": "b", "Key": "runs/a b+c"}
OBJECT = f"{BUCKET}/runs/a b+c"
# Every call of our code as it is sent, and what it needs: the action and its resource.
CALLS: dict[tuple[str, str, str], tuple[dict[str, Any], str, str]] = {
    ("s3", "get_object", ""): (KEY, "s3:GetObject", OBJECT),
    ("s3", "get_object", "a version"): (
        {**KEY, "VersionId": "v"},
        "s3:GetObjectVersion",
        OBJECT,
    ),
    ("s3", "head_object", ""): (KEY, "s3:GetObject", OBJECT),
    ("s3", "head_object", "a version"): (
        {**KEY, "VersionId": "v"},
        "s3:GetObjectVersion",
        OBJECT,
    ),
    ("s3", "put_object", ""): ({**KEY, "Body": b"x"}, "s3:PutObject", OBJECT),
    ("s3", "create_multipart_upload", ""): (KEY, "s3:PutObject", OBJECT),
    ("s3", "upload_part", ""): (
        {**KEY, "UploadId": "u", "PartNumber": 1, "Body": b"x"},
        "s3:PutObject",
        OBJECT,
    ),
    ("s3", "complete_multipart_upload", ""): ({**KEY, "UploadId": "u"}, "s3:PutObject", OBJECT),
    ("s3", "abort_multipart_upload", ""): (
        {**KEY, "UploadId": "u"},
        "s3:AbortMultipartUpload",
        OBJECT,
    ),
    ("s3", "list_objects_v2", ""): ({"Bucket": "b", "Prefix": "p"}, "s3:ListBucket", BUCKET),
    ("s3", "list_object_versions", ""): ({"Bucket": "b"}, "s3:ListBucketVersions", BUCKET),
    ("s3", "delete_objects", ""): (
        {"Bucket": "b", "Delete": {"Objects": [{"Key": "runs/a b+c"}]}},
        "s3:DeleteObject",
        OBJECT,
    ),
    ("dynamodb", "put_item", ""): (
        {"TableName": "t", "Item": {"run_id": {"S": "r"}}},
        "dynamodb:PutItem",
        TABLE_ARN,
    ),
    ("dynamodb", "get_item", ""): (
        {"TableName": "t", "Key": {"run_id": {"S": "r"}}},
        "dynamodb:GetItem",
        TABLE_ARN,
    ),
    ("dynamodb", "update_item", ""): (
        {"TableName": "t", "Key": {"run_id": {"S": "r"}}},
        "dynamodb:UpdateItem",
        TABLE_ARN,
    ),
    ("dynamodb", "query", ""): (
        {"TableName": "t", "IndexName": "open-runs"},
        "dynamodb:Query",
        f"{TABLE_ARN}/index/open-runs",
    ),
    ("dynamodb", "scan", ""): ({"TableName": "t"}, "dynamodb:Scan", TABLE_ARN),
    ("events", "put_events", ""): (
        {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}]},
        "events:PutEvents",
        "arn:aws:events:us-east-1:000000000000:event-bus/default",
    ),
    ("sns", "publish", ""): ({"TopicArn": TOPIC, "Message": "m"}, "sns:Publish", TOPIC),
    # Only the command asks it, with its user's own permissions.
    ("cloudformation", "describe_stacks", ""): (
        {"StackName": "s"},
        "cloudformation:DescribeStacks",
        "arn:aws:cloudformation:us-east-1:000000000000:stack/s/*",
    ),
}
# What boto3 itself makes of one call.
TRANSFERS = {
    "upload_fileobj": {
        *("put_object", "create_multipart_upload", "upload_part"),
        *("complete_multipart_upload", "abort_multipart_upload"),
    }
}


class Sent(Exception):
    """A request that would have been sent."""


def sent(service: str, method: str, arguments: dict[str, Any]) -> Any:
    """Return the request that boto3 makes of a call; nothing is sent."""
    client = boto3.client(
        service,  # type: ignore[call-overload]
        region_name="us-east-1",
        endpoint_url="https://localhost:1",
    )

    def stop(request: Any, **_: Any) -> None:
        raise Sent(request)

    client.meta.events.register("before-send", stop)
    with pytest.raises(Sent) as stopped:
        getattr(client, method)(**arguments)
    return stopped.value.args[0]


@pytest.fixture(scope="module")
def called() -> set[tuple[str, str]]:
    """Return service and method of every call of AWS in our code."""
    return set(_called_in_code())


def _called_in_code() -> Iterator[tuple[str, str]]:
    """Yield service and method of every call of AWS in our code."""
    methods = {
        name: service
        for service in ("s3", "dynamodb", "events", "sns", "sagemaker", "cloudformation")
        for name in boto3.client(service, region_name="us-east-1").meta.method_to_api_mapping
    }
    for folder in CODE:
        for file in (PROJECT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                name = _called(node)
                for each in TRANSFERS.get(name, {name}):
                    if each in methods:
                        yield methods[each], each


def _called(node: ast.AST) -> str:
    match node:
        case ast.Call(
            func=ast.Attribute(attr="get_paginator"), args=[ast.Constant(value=str(name))]
        ):
            return name
        case ast.Attribute(attr=name):
            return name
    return ""


def test_the_tables_are_those_of_the_pinned_package() -> None:
    assert TABLE.read_text(encoding="utf-8") == text(), "run `make docs`"


@pytest.mark.parametrize(("service", "method", "how"), CALLS)
def test_ministack_judges_a_call_by_an_action_and_a_resource_that_aws_has(
    service: str, method: str, how: str
) -> None:
    arguments, action, resource = CALLS[service, method, how]
    request = sent(service, method, arguments)
    actions, app = (
        importlib.import_module(f"ministack.{name}") for name in ("core.iam_actions", "app")
    )
    url = urlsplit(request.url)
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    body = request.body or b""
    if not isinstance(body, bytes):
        body = body.encode() if isinstance(body, str) else body.read()
    path = unquote(url.path)
    query = parse_qs(url.query, keep_blank_values=True)
    query = app._routing_params(request.method, path, headers, body, query)

    asked = actions.extract_iam_action(service, request.method, path, headers, body, query)
    about = actions.extract_resource_arn(
        service, request.method, path, headers, body, query, "us-east-1", "000000000000"
    )

    assert asked == action
    assert authorization.judged_resource(asked, about) == resource
    assert is_action(asked)
    assert is_about(asked, about)


def test_every_call_in_our_code_is_among_those_examined(
    called: set[tuple[str, str]],
) -> None:
    examined = {(service, method) for service, method, _ in CALLS}

    assert {each for each in called if each[0] != "sagemaker"} == examined


def test_every_call_of_sagemaker_in_our_code_is_an_action_of_aws(
    called: set[tuple[str, str]],
) -> None:
    names = boto3.client("sagemaker", region_name="us-east-1").meta.method_to_api_mapping

    asked = {names[method] for service, method in called if service == "sagemaker"}

    assert "ListCandidatesForAutoMLJob" in asked
    assert {each for each in asked if not is_action(f"sagemaker:{each}")} == set()


SAGEMAKER = "arn:aws:sagemaker:us-east-1:000000000000:"


@pytest.mark.parametrize(
    ("action", "resource", "is_so"),
    [
        ("sagemaker:ListCandidatesForAutoMLJob", "*", True),
        ("sagemaker:ListCandidatesForAutoMLJob", f"{SAGEMAKER}automl-job/ad-*", False),
        ("sagemaker:DescribeModel", f"{SAGEMAKER}model/ad-*", True),
        ("sagemaker:DescribeModel", f"{SAGEMAKER}automl-job/ad-*", False),
        ("sagemaker:DescribeModel", f"{SAGEMAKER}*", True),
        ("s3:GetObject", "arn:aws:s3:::b/runs/*", True),
        ("s3:GetObject", "arn:aws:s3:::b", False),
        ("s3:ListBucket", "arn:aws:s3:::b", True),
        ("s3:ListBucket", "arn:aws:s3:::b/runs/*", False),
        ("dynamodb:Query", f"{TABLE_ARN}/index/open-runs", True),
        ("dynamodb:GetItem", f"{TABLE_ARN}/index/open-runs", False),
        ("logs:PutLogEvents", "arn:aws:logs:us-east-1:1:log-group:/aws/sagemaker/*", True),
        ("sagemaker:DescribeAutoMLJobV3", "*", False),
    ],
)
def test_a_resource_is_one_that_the_action_knows(action: str, resource: str, is_so: bool) -> None:
    assert is_about(action, resource) is is_so


def test_a_condition_key_that_aws_does_not_list_is_not_in_the_request() -> None:
    context = {
        "aws:RequestTag/team": "a",
        "aws:TagKeys": ["team"],
        "aws:SourceAccount": "000000000000",
        "sagemaker:InstanceTypes": ["ml.m5.large"],
    }

    transform = only_listed("sagemaker:CreateTransformJob", context)
    describe = only_listed("sagemaker:DescribeTransformJob", context)

    assert transform == context
    assert describe == {**dict.fromkeys(context), "aws:SourceAccount": "000000000000"}


def test_the_tables_name_where_they_are_from_and_of_when() -> None:
    source = json.loads(TABLE.read_text(encoding="utf-8"))["source"]

    assert "Service Authorization Reference" in source
    assert "parliament 1." in source
    assert source.count("-") >= 2
