"""A running host and somebody else on the machine, who has the port but no key."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from autodrop_local.local_aws import LocalAws
from tests.local.host.conftest import Stack

pytestmark = pytest.mark.e2e

NOBODY = 65534
# Root starts it, because another user may not even reach the interpreter, and it becomes nobody.
PROBE = """
import http.client, json, os, ssl, sys
order = json.load(sys.stdin)
context = ssl._create_unverified_context()
def status(method, path, headers):
    connection = http.client.HTTPSConnection("127.0.0.1", order["port"], context=context)
    connection.request(method, path, body=b"{}" if method == "POST" else None, headers=headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status
def is_readable(path):
    for look in (os.listdir, lambda path: open(path).close()):
        try:
            look(path)
            return True
        except OSError:
            pass
    return False
status("GET", "/_ministack/health", {})
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(order["uid"])
    os.setuid(order["uid"])
answers = [[*request[:2], status(*request)] for request in order["requests"]]
readable = [path for path in order["paths"] if is_readable(path)]
print(json.dumps({"uid": os.getuid(), "answers": answers, "readable": readable}))
"""
TARGET = {
    "X-Amz-Target": "DynamoDB_20120810.ListTables",
    "Content-Type": "application/x-amz-json-1.0",
}
BASIC = {"Authorization": "Basic dGVzdDp0ZXN0"}
FORGED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=0",
    "X-Amz-Date": "20250101T000000Z",
}


def port(aws: LocalAws) -> int:
    return int(aws.endpoint.rpartition(":")[2])


def somebody(
    aws: LocalAws, requests: list[tuple[str, str, dict[str, str]]], paths: list[Path]
) -> dict[str, Any]:
    """Return what another user of this machine gets; without root, the same user without a key."""
    order = {
        "port": port(aws),
        "uid": NOBODY,
        "requests": requests,
        "paths": [str(path) for path in paths],
    }
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROBE],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_another_user_of_the_machine_can_do_nothing(aws: LocalAws, stack: Stack) -> None:
    bucket = stack.outputs["Bucket"]
    aws.client("s3").put_object(Bucket=bucket, Key="else/secret.csv", Body=b"a\n1\n")
    everything = [aws.home, *aws.home.rglob("*")]
    requests: list[tuple[str, str, dict[str, str]]] = [
        ("POST", "/_ministack/reset", {}),
        ("POST", "/_ministack/reset?init=1", BASIC),
        ("POST", "/_ministack/config", {}),
        ("GET", "/_ministack/ready", {}),
        ("GET", "/_ministack/sqs/messages", {}),
        ("GET", "/_ministack/lambda-code/any", {}),
        ("GET", "/", {}),
        ("GET", f"/{bucket}/else/secret.csv", {}),
        ("GET", f"/{bucket}/else/secret.csv", FORGED),
        ("PUT", f"/{bucket}/else/other.csv", {}),
        ("DELETE", f"/{bucket}/else/secret.csv", FORGED),
        ("OPTIONS", f"/{bucket}/else/secret.csv", {}),
        ("POST", "/", TARGET),
        ("POST", "/", {**TARGET, **FORGED}),
        ("POST", "/?Action=CreateUser&UserName=me&Version=2010-05-08", {}),
        ("GET", "/2015-03-31/functions/", {}),
        ("GET", "/_ministack/health", {}),
    ]

    found = somebody(aws, requests, everything)

    let_in = [answer for answer in found["answers"] if answer[2] < 400]
    assert let_in == [["GET", "/_ministack/health", 200]]
    if os.geteuid() == 0:
        assert (found["uid"], found["readable"]) == (NOBODY, [])
    kept = aws.client("s3").get_object(Bucket=bucket, Key="else/secret.csv")["Body"].read()
    assert kept == b"a\n1\n"


def test_nothing_that_the_host_writes_is_for_others(aws: LocalAws, stack: Stack) -> None:
    aws.client("s3").put_object(Bucket=stack.outputs["Bucket"], Key="else/a/b.csv", Body=b"a\n")
    folders = [aws.home / name for name in ("state", "s3", "tls", "code", "tmp", "lambda-runtime")]
    written = [path for folder in folders for path in (folder, *folder.rglob("*"))]

    open_to_others = [
        path
        for path in (aws.home, aws.home / "credentials.json", *written)
        if not path.is_symlink() and path.stat().st_mode & 0o077
    ]

    assert open_to_others == []


def test_host_opens_no_other_port(aws: LocalAws, stack: Stack) -> None:
    host = psutil.Process(aws.pid)
    ports = {
        connection.laddr.port
        for process in (host, *host.children(recursive=True))
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }

    assert ports == {port(aws)}


def client_of(
    aws: LocalAws, service: str, key: tuple[str, str, str | None], version: str | None = None
) -> Any:
    """Return a client with this access key, secret and token."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=aws.endpoint,
        verify=str(aws.ca_bundle),
        region_name=aws.region,
        aws_access_key_id=key[0],
        aws_secret_access_key=key[1],
        aws_session_token=key[2],
        config=Config(proxies={}, retries={"total_max_attempts": 1}, signature_version=version),
    )


def refused(
    aws: LocalAws, service: str, method: str, key: tuple[str, str, str | None], **arguments: Any
) -> str:
    """Return the error code of a call with somebody else's key."""
    with pytest.raises(ClientError) as raised:
        getattr(client_of(aws, service, key), method)(**arguments)
    return str(raised.value.response["Error"]["Code"])


CALLS: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("s3", "list_buckets", {}, "InvalidAccessKeyId", "SignatureDoesNotMatch"),
    ("sts", "get_caller_identity", {}, "InvalidClientTokenId", "SignatureDoesNotMatch"),
    ("dynamodb", "list_tables", {}, "UnrecognizedClientException", "InvalidSignatureException"),
    ("lambda", "list_functions", {}, "UnrecognizedClientException", "InvalidSignatureException"),
    ("sagemaker", "list_models", {}, "UnrecognizedClientException", "InvalidSignatureException"),
    ("sqs", "list_queues", {}, "InvalidClientTokenId", "SignatureDoesNotMatch"),
    ("cloudformation", "list_stacks", {}, "InvalidClientTokenId", "SignatureDoesNotMatch"),
]


@pytest.mark.parametrize(("service", "method", "arguments", "unknown", "wrong"), CALLS)
def test_keys_are_refused_as_aws_does(
    aws: LocalAws, service: str, method: str, arguments: dict[str, Any], unknown: str, wrong: str
) -> None:
    root = aws.credentials.access_key

    assert refused(aws, service, method, ("test", "test", None), **arguments) == unknown
    assert refused(aws, service, method, ("000000000000", "test", None), **arguments) == unknown
    assert refused(aws, service, method, (root, "guessed", None), **arguments) == wrong


def test_key_of_a_function_cannot_be_computed_from_its_name(aws: LocalAws, stack: Stack) -> None:
    """MiniStack would derive it from the function's and the role's ARN."""
    found = aws.client("lambda").get_function_configuration(FunctionName=stack.outputs["React"])
    digest = hashlib.sha256(f"{found['FunctionArn']}:{found['Role']}".encode()).hexdigest()
    secret = hashlib.sha256(f"secret:{digest}".encode()).hexdigest()
    token = hashlib.sha256(f"token:{digest}".encode()).hexdigest()
    computed = (f"ASIA{digest[:16].upper()}", secret, token)

    code = refused(aws, "s3", "list_objects_v2", computed, Bucket=stack.outputs["Bucket"])

    assert code == "InvalidAccessKeyId"


def test_large_upload_and_download_keep_their_content(
    aws: LocalAws, stack: Stack, tmp_path: Path
) -> None:
    content = os.urandom(1 << 20) * 24
    s3, bucket = aws.client("s3"), stack.outputs["Bucket"]
    (tmp_path / "large").write_bytes(content)

    s3.upload_file(str(tmp_path / "large"), bucket, "else/large")
    root = (aws.credentials.access_key, aws.credentials.secret_key, None)
    signer = client_of(aws, "s3", root, "s3v4")
    url = urlsplit(
        signer.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "else/large"})
    )

    assert s3.get_object(Bucket=bucket, Key="else/large")["Body"].read() == content
    found = somebody(aws, [("GET", f"{url.path}?{url.query}", {"Host": url.netloc})], [])
    assert found["answers"][0][2] == 200
