"""The gate: requests as boto3 really sends them pass, all that was changed or made up does not."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore import auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from autodrop_local.signatures import Failure, guard

Call = tuple[str, str, dict[str, Any]]

ISSUED = {"AKIAROOT": ("root-secret", ""), "ASIASESSION": ("session-secret", "its-token")}


class IssuedKeys:
    """Two keys; refusals are the name of the failure."""

    def find_secret(self, access_key: str, token: str) -> str | Failure:
        secret, expected = ISSUED.get(access_key, ("", "no key"))
        return secret if token == expected else Failure("InvalidClientTokenId", "unknown")

    def caller(self, headers: dict[str, str], query: dict[str, list[str]]) -> str:
        scope = headers.get("authorization", "").partition("Credential=")[2]
        return (scope or query.get("X-Amz-Credential", [""])[0]).partition("/")[0]

    def refusal(self, failure: Failure, *request: Any) -> tuple[int, dict[str, str], bytes]:
        return 403, {}, failure.code.encode()


@dataclass(frozen=True)
class Sent:
    """A request on the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    def having(self, header: str, value: str) -> Sent:
        return replace(self, headers={**self.headers, header: value})

    def without(self, header: str) -> Sent:
        assert header in self.headers
        kept = {name: value for name, value in self.headers.items() if name != header}
        return replace(self, headers=kept)

    def at(self, old: str, new: str) -> Sent:
        assert old in self.target
        return replace(self, target=self.target.replace(old, new))


@dataclass
class Answer:
    """What became of a request: passed on with this body, or refused with this reason."""

    passed: list[bytes] = field(default_factory=list)
    refused: str = ""


def ask(sent: Sent, minutes_later: int = 0) -> Answer:
    """Send a request through the gate."""
    now = datetime.now(UTC) + timedelta(minutes=minutes_later)
    answer = Answer()
    path, _, query = sent.target.partition("?")
    parts = [sent.body[start : start + 7] for start in range(0, len(sent.body), 7)] or [b""]
    messages = [
        {"type": "http.request", "body": part, "more_body": number < len(parts) - 1}
        for number, part in enumerate(parts)
    ]
    scope = {
        "type": "http",
        "method": sent.method,
        "raw_path": path.encode(),
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.headers.items()],
    }

    async def receive() -> dict[str, Any]:
        return messages.pop(0)

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            answer.refused = message["body"].decode()

    async def application(scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        answer.passed.append(body)

    async def pass_on() -> None:
        await guard(application, IssuedKeys(), lambda: now)(scope, receive, send)

    asyncio.run(pass_on())
    return answer


class Caught(Exception):
    """Ends a call at the moment when its request would leave."""

    def __init__(self, sent: Sent) -> None:
        super().__init__()
        self.sent = sent


def catch(request: AWSPreparedRequest, **_: Any) -> None:
    url = urlsplit(request.url)
    content: Any = request.body or b""
    content = content.encode() if isinstance(content, str) else content
    headers = {
        name.lower(): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    raise Caught(
        Sent(
            request.method,
            url.path + (f"?{url.query}" if url.query else ""),
            {"host": url.netloc, **headers},
            bytes(content.read() if hasattr(content, "read") else content),
        )
    )


@functools.cache
def client(
    service: str,
    access_key: str = "AKIAROOT",
    secret: str | None = None,
    token: str | None = None,
    payload_is_signed: bool = False,
) -> Any:
    """Return a boto3 client whose requests are caught."""
    settings: Any = {
        "signature_version": "s3v4" if service == "s3" else None,
        "request_checksum_calculation": "when_required" if payload_is_signed else "when_supported",
        "s3": {"addressing_style": "path", "payload_signing_enabled": payload_is_signed},
    }
    made = boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url="https://localhost:4566",
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret or ISSUED[access_key][0],
        aws_session_token=ISSUED.get(access_key, ("", ""))[1] if token is None else token,
        config=Config(retries={"total_max_attempts": 1}, **settings),
    )
    made.meta.events.register("before-send", catch)
    return made


def caught(call: Call, **credentials: Any) -> Sent:
    """Return what boto3 would put on the wire for a call."""
    service, method, arguments = call
    with pytest.raises(Caught) as raised:
        getattr(client(service, **credentials), method)(**arguments)
    return raised.value.sent


def presigned(method: str, seconds: int = 60) -> Sent:
    """Return a request by a presigned URL."""
    url = urlsplit(
        client("s3").generate_presigned_url(
            method, {"Bucket": "b", "Key": "a b/é+=&.csv"}, ExpiresIn=seconds
        )
    )
    verb = {"get_object": "GET", "put_object": "PUT"}[method]
    return Sent(verb, f"{url.path}?{url.query}", {"host": url.netloc})


UPLOAD: Call = (
    "s3",
    "put_object",
    {
        "Bucket": "b",
        "Key": "in box/é+=&(1).csv",
        "Body": b"a,b\n1,2\n",
        "Metadata": {"autodrop-target": "y"},
    },
)
CALLS: dict[str, Call] = {
    "upload": UPLOAD,
    "upload of a stream": ("s3", "put_object", {**UPLOAD[2], "Body": io.BytesIO(b"a,b\n1,2\n")}),
    "download": ("s3", "get_object", {"Bucket": "b", "Key": "é +", "Range": "bytes=0-3"}),
    "listing": ("s3", "list_objects_v2", {"Bucket": "b", "Prefix": "a b+/", "Delimiter": "/"}),
    "deletion": ("s3", "delete_objects", {"Bucket": "b", "Delete": {"Objects": [{"Key": "k"}]}}),
    "bare query": ("s3", "get_bucket_versioning", {"Bucket": "b"}),
    "DynamoDB": ("dynamodb", "get_item", {"TableName": "t", "Key": {"id": {"S": "é"}}}),
    "query protocol": ("sts", "get_caller_identity", {}),
    "CloudFormation": ("cloudformation", "describe_stacks", {"StackName": "a b"}),
    "invocation": ("lambda", "invoke", {"FunctionName": "f:live", "Payload": b'{"a": 1}'}),
    "scheduler": ("scheduler", "get_schedule", {"Name": "x y"}),
    "SageMaker": ("sagemaker", "list_models", {}),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


@every_call
@pytest.mark.parametrize("access_key", ISSUED)
def test_signed_request_passes_with_its_body(call: Call, access_key: str) -> None:
    sent = caught(call, access_key=access_key)

    assert ask(sent) == Answer(passed=[sent.body])


@pytest.mark.parametrize("method", ["get_object", "put_object"])
def test_presigned_request_passes(method: str) -> None:
    sent = replace(presigned(method), body=b"any" if method == "put_object" else b"")

    assert ask(sent).passed == [sent.body]


def test_upload_whose_payload_is_signed_passes() -> None:
    sent = caught(UPLOAD, payload_is_signed=True)

    assert re.fullmatch("[0-9a-f]{64}", sent.headers["x-amz-content-sha256"])
    assert ask(sent) == Answer(passed=[sent.body])


def test_upload_in_signed_chunks_passes_and_a_changed_chunk_does_not() -> None:
    sent = in_signed_chunks(b"a,b\n", b"1,2\n")

    assert ask(sent) == Answer(passed=[sent.body])
    changed = replace(sent, body=sent.body.replace(b"1,2", b"9,9"))
    assert ask(changed).refused == "SignatureDoesNotMatch"
    cut = replace(sent, body=sent.body[: sent.body.index(b"1,2")])
    assert ask(cut).refused == "SignatureDoesNotMatch"


def test_health_is_open_and_nothing_else_of_ministack() -> None:
    assert ask(Sent("GET", "/_ministack/health", {})).passed
    assert ask(Sent("POST", "/_ministack/health", {})).refused
    for path in ("/_ministack/ready", "/_ministack/reset", "/_ministack/config", "/health", "/"):
        assert ask(Sent("POST", path, {})).refused, path


def test_internal_path_is_closed_even_with_a_key() -> None:
    sent = in_query_protocol("POST", "/_ministack/reset")

    assert ask(sent).refused == "AccessDenied"
    assert ask(in_query_protocol("POST", "/reset")).passed


def test_websocket_is_closed_before_it_is_open() -> None:
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def application(*_: Any) -> None:
        raise AssertionError("passed on")

    asyncio.run(guard(application, IssuedKeys())({"type": "websocket"}, receive, send))  # type: ignore[arg-type]

    assert [message["type"] for message in sent] == ["websocket.close"]


@every_call
def test_wrong_secret_is_refused(call: Call) -> None:
    assert ask(caught(call, secret="guessed")).refused == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("access_key", "token"),
    [("test", ""), ("000000000000", ""), ("ASIASESSION", ""), ("ASIASESSION", "other")],
)
def test_key_that_was_not_issued_is_refused(access_key: str, token: str) -> None:
    secret = ISSUED.get(access_key, ("test",))[0]
    sent = caught(CALLS["query protocol"], access_key=access_key, secret=secret, token=token)

    assert ask(sent).refused == "InvalidClientTokenId"


@every_call
def test_request_without_a_signature_is_refused(call: Call) -> None:
    sent = caught(call).without("authorization")

    assert ask(sent).refused == "MissingAuthenticationToken"


@pytest.mark.parametrize("name", ["DynamoDB", "invocation", "CloudFormation"])
def test_changed_body_is_refused(name: str) -> None:
    sent = caught(CALLS[name])

    assert ask(replace(sent, body=sent.body + b" ")).refused == "SignatureDoesNotMatch"


def test_changed_body_of_an_upload_with_its_hash_is_refused() -> None:
    sent = caught(UPLOAD, payload_is_signed=True)

    assert ask(replace(sent, body=b"other")).refused == "XAmzContentSHA256Mismatch"


def test_body_without_a_hash_is_s3s_alone() -> None:
    assert ask(without_hash_of_body("s3")).passed == [b"{}"]
    assert ask(without_hash_of_body("dynamodb")).refused == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    "change",
    [
        lambda sent: replace(sent, method="DELETE"),
        lambda sent: sent.at("box", "other"),
        lambda sent: replace(sent, target=f"{sent.target}?acl="),
        lambda sent: sent.having("host", "localhost:1"),
        lambda sent: sent.having("x-amz-meta-autodrop-target", "other"),
        lambda sent: sent.having("x-amz-date", "20200101T000000Z"),
        lambda sent: sent.without("x-amz-meta-autodrop-target"),
        lambda sent: sent.having("x-amz-content-sha256", "0" * 64),
    ],
)
def test_changed_request_is_refused(change: Callable[[Sent], Sent]) -> None:
    answer = ask(change(caught(UPLOAD)))

    assert answer.passed == []
    assert answer.refused in {
        "SignatureDoesNotMatch",
        "RequestTimeTooSkewed",
        "CredentialDateMismatch",
    }


def test_header_that_was_added_is_refused() -> None:
    sent = caught(UPLOAD).having("x-amz-copy-source", "/b/secret")

    assert ask(sent).refused == "AccessDenied"


def test_target_of_a_call_is_signed() -> None:
    sent = caught(CALLS["DynamoDB"])

    changed = sent.having("x-amz-target", "DynamoDB_20120810.DeleteTable")

    assert ask(changed).refused == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("minutes", "passes"), [(-16, False), (-14, True), (14, True), (16, False)]
)
def test_request_is_good_for_a_quarter_of_an_hour(minutes: int, passes: bool) -> None:
    answer = ask(caught(UPLOAD), minutes)

    assert bool(answer.passed) == passes
    assert answer.refused == ("" if passes else "RequestTimeTooSkewed")


@pytest.mark.parametrize(
    ("minutes", "seconds", "refused"),
    [(2, 60, "RequestExpired"), (2, 180, ""), (-20, 60, "RequestExpired")],
)
def test_presigned_request_is_good_as_long_as_it_says(
    minutes: int, seconds: int, refused: str
) -> None:
    assert ask(presigned("get_object", seconds), minutes).refused == refused


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ("a%20b", "a%20c", "SignatureDoesNotMatch"),
        ("X-Amz-Expires=60", "X-Amz-Expires=600", "SignatureDoesNotMatch"),
        ("X-Amz-Expires=60", "X-Amz-Expires=9999999", "IncompleteSignature"),
        ("X-Amz-Expires=60", "X-Amz-Expires=x", "IncompleteSignature"),
        ("X-Amz-Date=2", "X-Amz-Date=x", "IncompleteSignature"),
        ("Credential=AKIAROOT", "Credential=ASIASESSION", "InvalidClientTokenId"),
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256", "UnsupportedSignature"),
        ("&X-Amz-Signature=", "&X-Amz-Nothing=", "MissingAuthorizationParameter"),
    ],
)
def test_changed_presigned_request_is_refused(old: str, new: str, refused: str) -> None:
    assert ask(presigned("get_object").at(old, new)).refused == refused


def test_presigned_request_with_another_method_is_refused() -> None:
    sent = replace(presigned("get_object"), method="DELETE")

    assert ask(sent).refused == "SignatureDoesNotMatch"


def test_two_credentials_in_one_request_are_refused() -> None:
    """Otherwise one key could be checked and the permissions of another one hold."""
    session = caught(CALLS["bare query"], access_key="ASIASESSION")
    both = replace(session, target=f"{session.target}&X-Amz-Credential=AKIAROOT/20200101/r/s3/x")
    twice = session.having(
        "authorization",
        session.headers["authorization"].replace(
            "Credential=", "Credential=AKIAROOT/, Credential="
        ),
    )

    assert ask(both).refused == "UnsupportedSignature"
    assert ask(twice).refused == "IncompleteSignature"


@pytest.mark.parametrize(
    "authorization",
    [
        "AWS AKIAROOT:c2lnbmF0dXJl",
        "Basic dGVzdDp0ZXN0",
        "Bearer x",
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA256 Credential=AKIAROOT",
        "AWS4-HMAC-SHA256 Credential=AKIAROOT/x/x/s3/aws4_request, SignedHeaders=, Signature=",
        "AWS4-HMAC-SHA256 Credential=AKIAROOT/x/x/s3/aws4_request, SignedHeaders=a, Signature=é",
    ],
)
def test_authorization_that_is_none_is_refused(authorization: str) -> None:
    answer = ask(caught(UPLOAD).having("authorization", authorization))

    assert answer.refused
    assert not answer.passed


def in_query_protocol(method: str, path: str) -> Sent:
    """Return a rightly signed request for any path."""
    request = AWSRequest(method, f"https://localhost:4566{path}", data=b"")
    auth.SigV4Auth(Credentials("AKIAROOT", "root-secret"), "sts", "us-east-1").add_auth(request)
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    return Sent(method, path, {"host": "localhost:4566", **headers})


def without_hash_of_body(service: str) -> Sent:
    """Return a rightly signed request that leaves its body open."""
    request = AWSRequest("POST", "https://localhost:4566/b/k", data=b"{}")
    request.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
    auth.SigV4Auth(Credentials("AKIAROOT", "root-secret"), service, "us-east-1").add_auth(request)
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    return Sent("POST", "/b/k", {"host": "localhost:4566", **headers}, b"{}")


class ChunkSigner(auth.S3SigV4Auth):
    """Signs for a body of signed chunks."""

    def payload(self, request: AWSRequest) -> str:
        return "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


def in_signed_chunks(*chunks: bytes) -> Sent:
    """Return an upload as SDKs of other languages send it; after AWS's own description.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
    """
    request = AWSRequest("PUT", "https://localhost:4566/b/k", data=b"")
    request.headers["X-Amz-Content-SHA256"] = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
    signer = ChunkSigner(Credentials("AKIAROOT", "root-secret"), "s3", "us-east-1")
    signer.add_auth(request)
    previous = request.headers["Authorization"].partition("Signature=")[2]
    scope = signer.credential_scope(request)
    body = b""
    for chunk in (*chunks, b""):
        hashes = (previous, hashlib.sha256(b"").hexdigest(), hashlib.sha256(chunk).hexdigest())
        text = ["AWS4-HMAC-SHA256-PAYLOAD", request.context["timestamp"], scope, *hashes]
        previous = signer.signature("\n".join(text), request)
        body += f"{len(chunk):x};chunk-signature={previous}\r\n".encode() + chunk + b"\r\n"
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    return Sent("PUT", "/b/k", {"host": "localhost:4566", **headers}, body)
