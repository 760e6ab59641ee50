"""Lets in only requests that are signed with a key that this local AWS issued, as AWS does.

Signature Version 4 as AWS documents it
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html):
signed in the `Authorization` header or in the query, S3's payloads also in chunks or not at all.
MiniStack computes; what is checked, and that nothing goes past it, is decided here.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import parse_qs, quote

from ministack.core import sigv4

logger = logging.getLogger(__name__)

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Any, Receive, Send], Awaitable[None]]
Headers = dict[str, str]
Query = dict[str, list[str]]

HEALTH_PATH = "/_ministack/health"
# MiniStack's own paths, among them one that wipes everything. Neither deploying nor the command
# needs any of them.
_INTERNAL_PATHS = ("/_ministack", "/_localstack", "/_aws")
_ALGORITHM = "AWS4-HMAC-SHA256"
# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
_LONGEST_PRESIGNED = timedelta(days=7)
_PRESIGNED_SKEW = timedelta(minutes=15)
_QUERY_CREDENTIALS = {"x-amz-algorithm", "x-amz-credential", "x-amz-signature", "awsaccesskeyid"}
_HASH_HEADER = "x-amz-content-sha256"
_UNSIGNED_PAYLOADS = {"UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
_SIGNED_CHUNKS = {
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
}
# A client that is refused in the middle of its body would see a broken connection, no reason.
_MAX_DISCARDED_BYTES = 16_000_000


@dataclass(frozen=True)
class Failure:
    """Why a request is refused: AWS's name for it, and a message."""

    code: str
    message: str


class Keys(Protocol):
    """The keys that were issued, and how their service answers a request that has none."""

    def find_secret(self, access_key: str, token: str) -> str | Failure:
        """The secret of an issued key, or why the key and its session token do not count."""

    def caller(self, headers: Headers, query: Query) -> str:
        """The access key whose permissions hold for this request behind the gate."""

    def refusal(
        self, failure: Failure, method: str, path: str, headers: Headers, query: Query
    ) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a refusal, as the service that is asked words it."""


@dataclass(frozen=True)
class Request:
    """The head of an HTTP request as it arrived; names of headers are in lower case."""

    method: str
    raw_path: str
    path: str
    query: Query
    headers: Headers

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> Request:
        """The request of an ASGI scope of the type `http`."""
        headers: Headers = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1").lower(), sigv4.decode_header_value(raw_value)
            # A header on several lines is signed as its values with a comma between them.
            headers[name] = f"{headers[name]},{value}" if name in headers else value
        raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
        query = scope.get("query_string", b"").decode("utf-8", "replace")
        return cls(
            scope["method"],
            raw_path.decode("latin-1"),
            scope["path"],
            parse_qs(query, keep_blank_values=True),
            headers,
        )


@dataclass(frozen=True)
class _Signed:
    """A signature that is complete and in time, with the secret that it must be made with."""

    signature: sigv4.HeaderSignature
    presigned: bool
    secret: str

    @property
    def _is_s3(self) -> bool:
        return bool(self.signature.service == "s3")

    def payload(self, request: Request) -> str:
        """What the request says of its body: a hash, one of S3's markers, or nothing."""
        if self.presigned and self._is_s3:
            return "UNSIGNED-PAYLOAD"
        return request.headers.get(_HASH_HEADER, "")

    def has_open_payload(self, request: Request) -> bool:
        """Whether the signature does not cover the body: only S3 lets TLS alone protect it."""
        return self._is_s3 and self.payload(request) in _UNSIGNED_PAYLOADS

    def has_signed_chunks(self, request: Request) -> bool:
        """Whether each chunk of the body has a signature of its own."""
        return self._is_s3 and self.payload(request) in _SIGNED_CHUNKS

    def failure(self, request: Request, body: bytes = b"") -> Failure | None:
        """None when the signature is that of the request, with this body where it needs one."""
        failure = sigv4.header_signature_failure(
            self.signature,
            self.secret,
            request.method,
            request.raw_path,
            request.query,
            request.headers,
            body,
            presigned=self.presigned,
        )
        return Failure(*failure) if failure else None


def _utc_now() -> datetime:
    return datetime.now(UTC)


def guard(
    application: Application, keys: Keys, now: Callable[[], datetime] = _utc_now
) -> Application:
    """The application behind a check of every request. Only its health is open to everybody."""

    async def guarded(scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await application(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["type"] == "http":
            await _guard_request(application, keys, now(), scope, receive, send)

    return guarded


async def _guard_request(
    application: Application, keys: Keys, now: datetime, scope: Any, receive: Receive, send: Send
) -> None:
    request = Request.of(scope)
    if request.path == HEALTH_PATH and request.method in ("GET", "HEAD"):
        await application(scope, receive, send)
        return
    checked = _check_head(request, keys, now)
    body = _Body(receive)
    if isinstance(checked, _Signed):
        failure = await _check_body(request, checked, body)
    else:
        failure = checked
    if failure is None:
        await application(scope, body.receive, send)
        return
    logger.info("refused %s %s: %s", request.method, request.path, failure.code)
    await body.discard()
    await _answer(
        send,
        request.method,
        *keys.refusal(failure, request.method, request.path, request.headers, request.query),
    )


def _check_head(request: Request, keys: Keys, now: datetime) -> _Signed | Failure:
    """The request's signature once all but the comparison is right, or why it is refused."""
    if request.path.startswith(_INTERNAL_PATHS):
        return Failure("AccessDenied", "This path is closed.")
    parsed = _parse(request)
    if isinstance(parsed, Failure):
        return parsed
    signature, presigned = parsed
    failure = _time_failure(request, signature, now, presigned) or _header_failure(
        request, signature
    )
    if failure:
        return failure
    # What is checked here and what is authorized behind it must be the same key.
    if keys.caller(request.headers, request.query) != signature.access_key_id:
        return Failure("IncompleteSignature", "The credentials are not those of the signature.")
    token = (
        _query_value(request.query, "X-Amz-Security-Token")
        if presigned
        else request.headers.get("x-amz-security-token", "")
    )
    secret = keys.find_secret(signature.access_key_id, token)
    return secret if isinstance(secret, Failure) else _Signed(signature, presigned, secret)


def _parse(request: Request) -> tuple[sigv4.HeaderSignature, bool] | Failure:
    """The signature of a request and whether it is in the query, or why it has none."""
    authorization = request.headers.get("authorization", "")
    in_query = _QUERY_CREDENTIALS & {name.lower() for name in request.query}
    if not authorization and not in_query:
        return Failure("MissingAuthenticationToken", "Request is missing Authentication Token")
    if authorization and (in_query or not authorization.startswith(f"{_ALGORITHM} ")):
        return Failure("UnsupportedSignature", f"Use {_ALGORITHM}, in one place.")
    if not authorization and _query_value(request.query, "X-Amz-Algorithm") != _ALGORITHM:
        return Failure("UnsupportedSignature", f"Use {_ALGORITHM}.")
    parsed = (
        sigv4.parse_header_signature(request.headers)
        if authorization
        else sigv4.parse_query_signature(request.query)
    )
    return Failure(*parsed) if isinstance(parsed, tuple) else (parsed, not authorization)


def _time_failure(
    request: Request, signature: sigv4.HeaderSignature, now: datetime, presigned: bool
) -> Failure | None:
    try:
        signed_at = datetime.strptime(signature.amz_date, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return Failure("IncompleteSignature", "Date must be in ISO-8601 'basic format'.")
    if not presigned:
        skewed = sigv4.request_time_failure(signature, now=now)
        return Failure(*skewed) if skewed else None
    expires = _query_value(request.query, "X-Amz-Expires")
    if not re.fullmatch(r"[0-9]{1,6}", expires):
        return Failure("IncompleteSignature", "X-Amz-Expires should be a number of seconds.")
    lifetime = timedelta(seconds=int(expires))
    if lifetime > _LONGEST_PRESIGNED:
        return Failure("IncompleteSignature", "X-Amz-Expires must be less than a week.")
    if not signed_at - _PRESIGNED_SKEW <= now <= signed_at + lifetime:
        return Failure("RequestExpired", "Request has expired")
    return None


def _header_failure(request: Request, signature: sigv4.HeaderSignature) -> Failure | None:
    """A header that changes what is asked for must be signed, as AWS demands it."""
    signed = set(signature.signed_headers.split(";"))
    # The hash of the payload and the date are signed as parts of their own.
    needed = {"host"} | {
        name
        for name in request.headers
        if name.startswith("x-amz-") and name not in (_HASH_HEADER, "x-amz-date")
    }
    lacking = sorted(needed - signed)
    if not lacking:
        return None
    return Failure(
        "AccessDenied",
        f"There were headers present in the request which were not signed: {', '.join(lacking)}",
    )


async def _check_body(request: Request, signed: _Signed, body: _Body) -> Failure | None:
    """None when the signature and, where it covers it, the body are right."""
    if signed.has_open_payload(request):
        return signed.failure(request)
    if signed.has_signed_chunks(request):
        return signed.failure(request, await body.read())
    declared = signed.payload(request)
    # Whoever has a wrong signature is refused before a body is taken from him.
    failure = signed.failure(request) if declared else None
    if failure:
        return failure
    found = await body.hash()
    if not declared:
        headers = {**request.headers, _HASH_HEADER: found}
        return signed.failure(
            Request(request.method, request.raw_path, request.path, request.query, headers)
        )
    if not hmac.compare_digest(declared.encode(), found.encode()):
        return Failure(
            "XAmzContentSHA256Mismatch"
            if signed.signature.service == "s3"
            else "SignatureDoesNotMatch",
            f"The provided '{_HASH_HEADER}' header does not match what was computed.",
        )
    return None


class _Body:
    """A request's body: read for a check, then given to the application once more."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._read: deque[dict[str, Any]] = deque()
        self._ended = False

    async def receive(self) -> dict[str, Any]:
        """The next message of the request, those first that were read for the check."""
        return self._read.popleft() if self._read else await self._receive()

    async def hash(self) -> str:
        """The SHA-256 of the whole body, in hexadecimal digits."""
        digest = hashlib.sha256()
        while not self._ended:
            digest.update(await self._next())
        return digest.hexdigest()

    async def read(self) -> bytes:
        """The whole body."""
        while not self._ended:
            await self._next()
        return b"".join(message.get("body", b"") for message in self._read)

    async def discard(self) -> None:
        """Takes what the client still sends, within bounds, so that it gets to read its answer."""
        left = _MAX_DISCARDED_BYTES
        while not self._ended and left > 0:
            left -= len(await self._next())
            self._read.clear()

    async def _next(self) -> bytes:
        message = await self._receive()
        self._read.append(message)
        self._ended = message["type"] != "http.request" or not message.get("more_body", False)
        content: bytes = message.get("body", b"")
        return content


def _query_value(query: Query, name: str) -> str:
    return (query.get(name) or query.get(name.lower()) or [""])[0]


async def _answer(
    send: Send, method: str, status: int, headers: Mapping[str, str], content: bytes
) -> None:
    fields = {**headers, "Content-Length": str(len(content))}
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else content})
