"""A stack on a running host: the real `sam build` and `sam deploy`, events, permissions, logs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from autodrop_local import local_aws
from autodrop_local.decisions import read_decisions
from autodrop_local.layout import Credentials, Layout
from autodrop_local.local_aws import LocalAws, LocalAwsError
from tests.local.host.conftest import PROJECT, Stack, eventually
from tests.local.sagemaker.stage import processing_request

pytestmark = pytest.mark.e2e

RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"
JOB = {
    "AutoMLJobInputDataConfig": [
        {
            "ChannelType": "training",
            "ContentType": "text/csv;header=present",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://none/train"}},
        }
    ],
    "OutputDataConfig": {"S3OutputPath": "s3://none/output"},
    "AutoMLProblemTypeConfig": {"TabularJobConfig": {"TargetAttributeName": "y"}},
}


def drop(aws: LocalAws, stack: Stack, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = aws.client("s3").put_object(
        Bucket=stack.outputs["Bucket"], Key=f"in/{name}", Body=b"a,b\n1,2\n"
    )
    return answer


def seen(aws: LocalAws, stack: Stack, name: str) -> dict[str, Any]:
    """Return what the function wrote about a dropped object."""
    s3 = aws.client("s3")

    def look() -> dict[str, Any] | None:
        try:
            found = s3.get_object(Bucket=stack.outputs["Bucket"], Key=f"out/{name}")
        except s3.exceptions.NoSuchKey:
            return None
        content: dict[str, Any] = json.loads(found["Body"].read())
        return content

    return eventually(look)


def test_deploy_says_what_it_does_and_leaves_the_project_alone(stack: Stack) -> None:
    assert stack.reported == [f"Building for {RUNTIME}", "Deploying the stack probe"]
    assert not (PROJECT / ".aws-sam").exists()


def test_function_gets_the_event_of_a_versioned_upload_as_aws_sends_it(
    aws: LocalAws, stack: Stack
) -> None:
    uploaded = drop(aws, stack, "a b+%20 é (1).csv")

    event = seen(aws, stack, "a b+%20 é (1).csv")["event"]

    assert event["detail-type"] == "Object Created"
    assert event["detail"]["object"]["key"] == "in/a b+%20 é (1).csv"
    assert event["detail"]["object"]["version-id"] == uploaded["VersionId"]
    assert event["detail"]["object"]["sequencer"]


def test_function_has_its_layer_and_its_parameters(aws: LocalAws, stack: Stack) -> None:
    drop(aws, stack, "surroundings.csv")

    found = seen(aws, stack, "surroundings.csv")

    assert "/python/probe_layer/" in found["layer"]
    # `Greeting` is from samconfig.toml, `Place` from the call, which wins.
    assert found["greeting"] == "hello, big world"
    assert found["profile"] is None


def test_failed_function_is_retried_and_then_sends_its_event_to_the_failure_queue(
    aws: LocalAws, stack: Stack
) -> None:
    drop(aws, stack, "fail.csv")

    queue = aws.client("sqs")
    [message] = eventually(
        lambda: queue.receive_message(QueueUrl=stack.outputs["Queue"]).get("Messages")
    )
    record = json.loads(message["Body"])

    assert record["version"] == "1.0"
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["requestContext"]["functionArn"].endswith(":$LATEST")
    assert record["requestPayload"]["detail"]["object"]["key"] == "in/fail.csv"
    assert record["responsePayload"]["errorType"] == "ZeroDivisionError"
    assert record["responsePayload"]["errorMessage"] == "on purpose"
    assert record["responsePayload"]["requestId"] == record["requestContext"]["requestId"]
    logged = [line.message for line in _logs_of_the_last_minute(aws, "ReactFunction")]
    attempts = [line for line in logged if "START" in line]
    assert sum(record["requestContext"]["requestId"] in line for line in attempts) == 2


def test_slow_invocation_blocks_no_other(aws: LocalAws, stack: Stack) -> None:
    drop(aws, stack, "sleep.csv")
    for number in range(3):
        drop(aws, stack, f"quick-{number}.csv")
    for number in range(3):
        seen(aws, stack, f"quick-{number}.csv")

    written = aws.client("s3").list_objects_v2(Bucket=stack.outputs["Bucket"], Prefix="out/")
    assert "out/sleep.csv" not in [found["Key"] for found in written["Contents"]]


def test_function_may_only_do_what_its_policy_allows(
    call: Callable[..., dict[str, Any]], stack: Stack
) -> None:
    denied = call("s3", "put_object", Bucket=stack.outputs["Bucket"], Key="else/where", Body="")

    assert denied["errorType"] == "AccessDenied"


def test_missing_object_is_forbidden_to_who_may_not_list_the_bucket(
    call: Callable[..., dict[str, Any]], aws: LocalAws, stack: Stack
) -> None:
    bucket = stack.outputs["Bucket"]

    asked = call("s3", "get_object", Bucket=bucket, Key="out/nothing")
    looked = call("s3", "head_object", Bucket=bucket, Key="out/nothing")

    assert asked["errorType"] == "AccessDenied"
    assert "403" in looked["errorMessage"]
    with pytest.raises(ClientError, match="NoSuchKey"):
        aws.client("s3").get_object(Bucket=bucket, Key="out/nothing")


def test_decisions_about_roles_are_recorded_with_what_they_were_about(
    call: Callable[..., dict[str, Any]], aws: LocalAws, stack: Stack
) -> None:
    bucket = stack.outputs["Bucket"]
    call("s3", "put_object", Bucket=bucket, Key="out/recorded", Body="")
    call("s3", "put_object", Bucket=bucket, Key="else/recorded", Body="")

    recorded = {
        each.resource: each
        for each in read_decisions(Layout(aws.home).decisions)
        if each.resource.endswith("/recorded")
    }

    allowed = recorded[f"arn:aws:s3:::{bucket}/out/recorded"]
    denied = recorded[f"arn:aws:s3:::{bucket}/else/recorded"]
    assert allowed.role.startswith("probe-ReactFunctionRole")
    assert (allowed.action, allowed.allowed, denied.allowed) == ("s3:PutObject", True, False)


def test_action_that_knows_no_resource_needs_all_of_them(
    call: Callable[..., dict[str, Any]],
) -> None:
    denied = call("sagemaker", "list_candidates_for_auto_ml_job", AutoMLJobName="ad-x")

    assert "ListCandidatesForAutoMLJob on resource: *" in denied["errorMessage"]


def test_sagemaker_call_needs_permission_for_its_resource(
    call: Callable[..., dict[str, Any]], stack: Stack
) -> None:
    role = stack.outputs["Role"]

    denied = call("sagemaker", "create_auto_ml_job_v2", AutoMLJobName="other", RoleArn=role, **JOB)

    assert "AccessDeniedException" in denied["errorMessage"]
    assert "sagemaker:CreateAutoMLJobV2 on resource: arn:aws:sagemaker:" in denied["errorMessage"]
    assert "automl-job/other because no identity-based policy" in denied["errorMessage"]


def test_tags_need_a_permission_of_their_own(
    call: Callable[..., dict[str, Any]], stack: Stack
) -> None:
    denied = call(
        "sagemaker",
        "create_auto_ml_job_v2",
        AutoMLJobName="ad-x",
        RoleArn=stack.outputs["Role"],
        Tags=[{"Key": "a", "Value": "b"}],
        **JOB,
    )

    assert "sagemaker:AddTags on resource" in denied["errorMessage"]


def test_passing_a_role_needs_permission(call: Callable[..., dict[str, Any]]) -> None:
    role = "arn:aws:iam::000000000000:role/somebody-else"

    denied = call(
        "sagemaker",
        "create_model",
        ModelName="ad-x",
        ExecutionRoleArn=role,
        PrimaryContainer={"Image": "x"},
    )

    assert f"iam:PassRole on resource: {role}" in denied["errorMessage"]


def test_role_must_trust_sagemaker(call: Callable[..., dict[str, Any]], stack: Stack) -> None:
    role = stack.outputs["OtherServiceRole"]

    refused = call("sagemaker", "create_auto_ml_job_v2", AutoMLJobName="ad-x", RoleArn=role, **JOB)

    assert "ValidationException" in refused["errorMessage"]
    assert f"Could not assume role {role}" in refused["errorMessage"]


def test_allowed_call_reaches_sagemaker(call: Callable[..., dict[str, Any]], stack: Stack) -> None:
    made = call(
        "sagemaker",
        "create_model",
        ModelName="ad-x",
        ExecutionRoleArn=stack.outputs["Role"],
        PrimaryContainer={"Image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/any:1"},
    )

    assert made["ModelArn"] == "arn:aws:sagemaker:us-east-1:000000000000:model/ad-x"


SCRIPT = """
import sys
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

s3 = boto3.client("s3")
bucket, folder = sys.argv[1:]
s3.put_object(Bucket=bucket, Key="job/put", Body=b"")
try:
    s3.put_object(Bucket=bucket, Key="elsewhere", Body=b"")
except ClientError as error:
    Path(folder, "refusal").write_text(error.response["Error"]["Code"])
"""


def test_script_of_a_processing_job_has_the_permissions_of_its_role(
    aws: LocalAws, stack: Stack
) -> None:
    bucket = stack.outputs["Bucket"]
    s3, sagemaker = aws.client("s3"), aws.client("sagemaker")
    s3.put_object(Bucket=bucket, Key="job/code/script.py", Body=SCRIPT)

    sagemaker.create_processing_job(
        **processing_request(
            "ad-x-prepare",
            bucket,
            "/opt/ml/processing/output/train",
            source={"S3Uri": f"s3://{bucket}/job/code"},
            target={"S3Uri": f"s3://{bucket}/job/out"},
            RoleArn=stack.outputs["Role"],
        )
    )
    waiter = sagemaker.get_waiter("processing_job_completed_or_stopped")
    waiter.wait(ProcessingJobName="ad-x-prepare", WaiterConfig={"Delay": 1, "MaxAttempts": 30})

    put = s3.list_objects_v2(Bucket=bucket, Prefix="job/")["Contents"]
    assert {found["Key"] for found in put} == {"job/code/script.py", "job/put", "job/out/refusal"}
    refusal = s3.get_object(Bucket=bucket, Key="job/out/refusal")["Body"].read()
    assert refusal == b"AccessDenied"


def test_unknown_key_is_refused(aws: LocalAws) -> None:
    stranger = local_aws.LocalAws(
        aws.home,
        aws.endpoint,
        aws.ca_bundle,
        aws.region,
        Credentials("AKIANOBODY0000000000", "secret"),
        aws.pid,
    )

    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        stranger.client("sagemaker").list_auto_ml_jobs()


def test_function_finds_only_what_it_ships(aws: LocalAws, stack: Stack) -> None:
    answer = aws.client("lambda").invoke(FunctionName=stack.outputs["Lean"], Payload="{}")

    error = json.loads(answer["Payload"].read())
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert error["errorMessage"] == "Unable to load the function: No module named 'pandas'"
    logged = [line.message for line in _logs_of_the_last_minute(aws, "LeanFunction")]
    assert any("No module named 'pandas'" in line for line in logged)


def test_event_invoke_config_is_found_without_a_qualifier(aws: LocalAws, stack: Stack) -> None:
    found = aws.client("lambda").get_function_event_invoke_config(
        FunctionName=stack.outputs["React"]
    )

    assert found["MaximumRetryAttempts"] == 1


def test_logs_are_those_of_the_asked_function_in_order(aws: LocalAws, stack: Stack) -> None:
    drop(aws, stack, "logged.csv")
    seen(aws, stack, "logged.csv")

    lines = eventually(
        lambda: [
            line
            for line in _logs_of_the_last_minute(aws, "ReactFunction")
            if "handling in/logged.csv" in line.message
        ]
    )
    every = _logs_of_the_last_minute(aws, None)

    assert [line.function for line in lines] == ["ReactFunction"]
    assert [line.time for line in every] == sorted(line.time for line in every)
    with pytest.raises(LocalAwsError, match="there are: LeanFunction, ReactFunction"):
        _logs_of_the_last_minute(aws, "NoFunction")


def _logs_of_the_last_minute(aws: LocalAws, function: str | None) -> list[local_aws.LogLine]:
    since = datetime.now(UTC) - timedelta(minutes=1)
    return list(local_aws.read_function_logs(aws, function, since))
