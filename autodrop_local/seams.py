"""The one module that touches MiniStack's internals.

MiniStack is pinned, and `tests/local/host/test_seams.py` fails when a release moves what is used
here or mends what is patched here. Importing this module imports MiniStack, which reads its
settings from the environment at that moment: set them first.
"""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import json
import logging
import os
import re
import secrets
import shutil
import threading
import time
import types
import uuid
import zipfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ministack import app as ministack_app
from ministack.core import (
    arn,
    iam_actions,
    iam_evaluator,
    lambda_runtime,
    persistence,
    responses,
    router,
)
from ministack.services import eventbridge, iam, lambda_svc, s3, scheduler, sts

from autodrop_local import async_events, authorization
from autodrop_local.async_events import AsyncEvent, AsyncEvents
from autodrop_local.decisions import Decision, DecisionLog
from autodrop_local.layout import ACCOUNT_ID, REGION, replace_text
from autodrop_local.signatures import Failure
from autodrop_local.unpacked import unpack_once

logger = logging.getLogger(__name__)

PINNED_VERSION = "1.5.33"

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[Response]]


class RoleNotAssumableError(Exception):
    """A role does not exist, or its trust policy does not let the service in. Not retried."""


@dataclass(frozen=True)
class SessionKey:
    """Temporary credentials of a role."""

    access_key: str
    secret_key: str
    token: str


_object_version: ContextVar[str | None] = ContextVar("object_version", default=None)
# What was asked and answered about one call, the caller's own policies first.
_judgements: ContextVar[list[tuple[Any, Any]] | None] = ContextVar("judgements", default=None)


def application() -> Any:
    """MiniStack's ASGI application."""
    return ministack_app.app


def install(code_store: Path, lambda_packages: Path, decisions: DecisionLog) -> None:
    """Changes MiniStack where it differs from AWS in ways that matter here. Call it once.

    What roles are allowed and denied from then on is kept in `decisions`.
    """
    installed = importlib.metadata.version("ministack")
    if installed != PINNED_VERSION:
        raise RuntimeError(
            f"autodrop's local AWS works with MiniStack {PINNED_VERSION}, found {installed}."
        )
    scheduler._SCHEDULE_TICK_INTERVAL = 1
    lambda_svc._event_invoke_config = _event_invoke_config(lambda_svc._event_invoke_config)
    lambda_svc.invoke_async_with_retry = _invoke_async
    lambda_svc._acquire_execution_slot = _queue_batches.acquire(lambda_svc._acquire_execution_slot)
    lambda_svc._release_execution_slot = _queue_batches.release(lambda_svc._release_execution_slot)
    lambda_svc._run_sqs_batch = _queue_batches.run(lambda_svc._run_sqs_batch)
    lambda_svc._execute_function_warm = _with_error_details(lambda_svc._execute_function_warm)
    iam_evaluator._fnmatch_compile = _iam_pattern
    iam_evaluator.evaluate = _with_listed_keys(iam_evaluator.evaluate)
    iam_evaluator.enforce = _by_aws_tables(iam_evaluator.enforce, decisions)
    ministack_app.SERVICE_HANDLERS["s3"] = _hiding_what_is_missing(
        ministack_app.SERVICE_HANDLERS["s3"]
    )
    iam_actions.request_tag_context = _with_event_keys(iam_actions.request_tag_context)
    eventbridge._dispatch_to_lambda = _invoke_rule_target
    eventbridge._dispatch_event = _with_object_version(eventbridge._dispatch_event)
    s3._fire_s3_event = _remembering_version(s3._fire_s3_event)
    s3._fire_s3_event_async = _fire_at_once
    s3._get_object = _with_parts_of_versions(s3._get_object)
    lambda_runtime.execution_credentials = _random_credentials
    lambda_svc.execution_credentials = _random_credentials
    lambda_runtime._PYTHON_WORKER_SCRIPT = (
        _only_lambda_packages(lambda_packages) + lambda_runtime._PYTHON_WORKER_SCRIPT
    )
    lambda_runtime.zipfile = types.SimpleNamespace(
        **{**vars(zipfile), "ZipFile": functools.partial(_UnpackedZip, store=code_store)}
    )


# EventBridge and S3 ---------------------------------------------------------------------------


def emit_aws_event(
    source: str, detail_type: str, detail: dict[str, Any], resources: list[str]
) -> None:
    """Puts one event of an AWS service on the default bus, from any thread."""
    entry = {
        "Source": source,
        "DetailType": detail_type,
        "Detail": json.dumps(detail),
        "Resources": resources,
    }
    with responses.request_scope(ACCOUNT_ID, REGION):
        eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def _remembering_version(fire: Callable[..., None]) -> Callable[..., None]:
    def fire_remembering(*args: Any, **kwargs: Any) -> None:
        token = _object_version.set(kwargs.get("version_id"))
        try:
            fire(*args, **kwargs)
        finally:
            _object_version.reset(token)

    return fire_remembering


def _fire_at_once(bucket: str, key: str, event_name: str, *args: Any, **kwargs: Any) -> None:
    """Accepts an object's event before its upload is answered.

    MiniStack does it in a thread: a host that was killed right after the answer lost the event.
    """
    if bucket in s3._bucket_notifications:
        sequencer = s3._next_event_sequencer(event_name)
        s3._fire_s3_event(bucket, key, event_name, *args, sequencer=sequencer, **kwargs)


def _with_parts_of_versions(get: Callable[..., Response]) -> Callable[..., Response]:
    """Answers a request for a part of a version with that part, not with the whole version."""

    def get_part(bucket: str, key: str, headers: dict[str, str], query: Any = None) -> Response:
        status, told, body = get(bucket, key, headers, query)
        part = s3._parse_range(headers.get("range", ""), len(body))
        if status != 200 or part is None:
            return status, told, body
        start, end = part
        # They are of all bytes: a client would find that the part has another.
        kept = {
            name: value
            for name, value in told.items()
            if not name.lower().startswith(("content-length", "x-amz-checksum-"))
        }
        kept["Content-Range"] = f"bytes {start}-{end}/{len(body)}"
        some = body[start : end + 1]
        return 206, {**kept, "Content-Length": str(len(some))}, some

    return get_part


def _with_object_version(dispatch: Callable[..., None]) -> Callable[..., None]:
    """MiniStack leaves the `version-id` out of the events of versioned buckets."""

    def dispatch_with_version(event: dict[str, Any], view: Any = None) -> None:
        version = _object_version.get()
        if version and event["Source"] == "aws.s3":
            detail = json.loads(event["Detail"])
            detail["object"]["version-id"] = version
            event = {**event, "Detail": json.dumps(detail)}
        dispatch(event, view)

    return dispatch_with_version


def _invoke_rule_target(function_arn: str, payload: str) -> None:
    """Invokes a rule's function as AWS does: with retries and the function's OnFailure destination.

    MiniStack invokes it once.
    """
    function, config, name = lambda_svc._get_func_record_for_ref(function_arn)
    if not function or not config:
        logger.warning("A rule's target is gone: function %s", name)
        return
    lambda_svc.invoke_async_with_retry(
        lambda_svc._execution_record_for_config(function, config), json.loads(payload)
    )


# Lambda ---------------------------------------------------------------------------------------


def _event_invoke_config(find: Callable[..., Any]) -> Callable[..., Any]:
    """CloudFormation stores the config under `$LATEST`; AWS finds it without a qualifier too."""

    def find_either(function: dict[str, Any], qualifier: str | None) -> Any:
        return find(function, qualifier) or (None if qualifier else find(function, "$LATEST"))

    return find_either


def _invoke_async(function: dict[str, Any], event: Any) -> None:
    """Puts an event into our queue: MiniStack starts a thread, and a process, for each at once."""
    if _async_events is None:
        raise RuntimeError("Events cannot be accepted before the queue is open.")
    _async_events.accept(function["config"]["FunctionArn"], event)


class _LambdaFunction:
    """A function as the queue of asynchronous events needs it."""

    def __init__(self, record: dict[str, Any]) -> None:
        self._record = record
        self._config = record["config"]
        settings = lambda_svc._event_invoke_config(record, None) or {}
        retries = settings.get("MaximumRetryAttempts")
        self.max_retries = 2 if retries is None else int(retries)
        self.max_age_seconds = float(settings.get("MaximumEventAgeInSeconds") or 21_600)
        on_failure = (settings.get("DestinationConfig") or {}).get("OnFailure") or {}
        dead_letters = self._config.get("DeadLetterConfig") or {}
        self._destination = on_failure.get("Destination") or dead_letters.get("TargetArn") or ""
        self._unit: str | None = None

    def reserve(self) -> bool:
        if _queue_batches.are_waiting():
            return False
        self._unit, _ = lambda_svc._acquire_execution_slot(self._record, self._config)
        return self._unit is not None

    def run(self, event: AsyncEvent) -> async_events.Failure | None:
        try:
            result = lambda_svc._run_with_function_config_scope(
                self._config,
                lambda_svc._execute_function_dispatch,
                self._record,
                self._config,
                event.payload,
                event.request_id,
                time.time(),
            )
        except Exception as error:
            logger.exception("Function %s could not be run", self._config["FunctionArn"])
            result = {"error": True, "body": {"errorMessage": str(error)}}
        finally:
            lambda_svc._release_execution_slot(self._unit)
        if result.get("log"):
            logger.info("%s:\n%s", self._config["FunctionName"], result["log"])
        if not result.get("error"):
            return None
        return async_events.Failure("RetriesExhausted", result["body"])

    def send_failure(self, event: AsyncEvent, failure: async_events.Failure) -> None:
        if self._destination:
            _send_failure(self._destination, self._config["FunctionArn"], event, failure)


def _find_function(function_arn: str) -> _LambdaFunction | None:
    with responses.request_scope(ACCOUNT_ID, REGION):
        function, config, _ = lambda_svc._get_func_record_for_ref(function_arn)
        if not function or not config:
            return None
        return _LambdaFunction(lambda_svc._execution_record_for_config(function, config))


class _QueueBatches:
    """Batches of messages that wait until the account has room for them, before all events.

    A message was taken from its queue already: refused now, it would be invisible for minutes.
    """

    def __init__(self) -> None:
        self._room = threading.Condition()
        self._waiting = 0
        self._is_batch: ContextVar[bool] = ContextVar("is_batch", default=False)

    def are_waiting(self) -> bool:
        """Whether the next free unit of concurrency is for one of them."""
        return self._waiting > 0

    def run(self, run_batch: Callable[..., None]) -> Callable[..., None]:
        """MiniStack's way to hand a batch to a function, marked as one that may wait."""

        def run_patiently(*args: Any) -> None:
            token = self._is_batch.set(True)
            try:
                run_batch(*args)
            finally:
                self._is_batch.reset(token)

        return run_patiently

    def acquire(self, acquire: Callable[..., Any]) -> Callable[..., Any]:
        """MiniStack's way to take a unit of concurrency, which refuses when there is none."""

        def acquire_patiently(function: Any, config: Any) -> Any:
            unit, limit = acquire(function, config)
            if unit is not None or not self._is_batch.get():
                return unit, limit
            with self._room:
                self._waiting += 1
                try:
                    while unit is None:
                        self._room.wait(1.0)
                        unit, limit = acquire(function, config)
                finally:
                    self._waiting -= 1
            return unit, limit

        return acquire_patiently

    def release(self, release: Callable[[str | None], None]) -> Callable[[str | None], None]:
        """MiniStack's way to give a unit back, after which those who wait look again."""

        def release_and_tell(unit: str | None) -> None:
            release(unit)
            with self._room:
                self._room.notify_all()
            if _async_events:
                _async_events.wake()

        return release_and_tell


_queue_batches = _QueueBatches()
_async_events: AsyncEvents | None = None


def open_async_events(folder: Path) -> AsyncEvents:
    """The queue of all functions' asynchronous events, with those that an earlier host left."""
    global _async_events
    _async_events = AsyncEvents(folder, _find_function)
    return _async_events


def _with_error_details(execute: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a failed invocation AWS's error payload, and a log line when the code did not load.

    MiniStack calls every error `Runtime.HandlerError` and logs nothing about a failed import.
    """

    def execute_with_details(function: Any, event: Any, request_id: str) -> Any:
        result = execute(function, event, request_id)
        if result.get("error"):
            body = result["body"]
            if body["errorMessage"].startswith("Worker init failed: "):
                reason = body["errorMessage"].removeprefix("Worker init failed: ")
                body["errorMessage"] = f"Unable to load the function: {reason}"
                body["errorType"] = "Runtime.ImportModuleError"
                result["log"] = f"{body['errorType']}: {body['errorMessage']}"
            elif body["errorType"] == "Runtime.HandlerError":
                trace = _last_traceback(result.get("log") or "")
                body.update(trace, requestId=request_id)
        return result

    return execute_with_details


def _last_traceback(log: str) -> dict[str, Any]:
    """The class and the frames of the last exception in a log; empty when there is none."""
    _, found, trace = log.rpartition("Traceback (most recent call last):\n")
    frames = re.match(r"(?:[ \t].*\n)*", trace)
    raised = re.match(r"[\w.]+", trace[frames.end() :]) if found and frames else None
    if not frames or not raised:
        return {}
    return {
        "errorType": raised.group().rpartition(".")[2],
        "stackTrace": frames.group().splitlines(),
    }


def _send_failure(
    target_arn: str, function_arn: str, event: AsyncEvent, failure: async_events.Failure
) -> None:
    """Sends a failed event to its OnFailure destination, in the shape that AWS documents.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    record = {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": f"{function_arn}:$LATEST",
            "condition": failure.condition,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": event.payload,
    }
    if failure.response is not None:
        record["responseContext"] = {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        }
        record["responsePayload"] = failure.response
    target = arn.parse_arn(target_arn)
    if target.service == "sqs":
        eventbridge._dispatch_to_sqs(target, json.dumps(record))
    elif target.service == "sns":
        eventbridge._dispatch_to_sns(target_arn, json.dumps(record))
    elif target.service == "lambda":
        eventbridge._dispatch_to_lambda(target_arn, json.dumps(record))
    else:
        logger.error("%s failed; cannot send the event to %s", function_arn, target_arn)


# After the host, which answers them all, and before jobs, which a function would wait for.
_FUNCTION_NICENESS = 3


def _only_lambda_packages(packages: Path) -> str:
    """A preamble for function processes: the standard library and boto3, as on Lambda.

    Without it a function would find everything that this interpreter has, and a forgotten
    requirement would go unnoticed until the function runs on AWS.
    """
    return f"""
import os, sys, sysconfig
os.nice({_FUNCTION_NICENESS})
_stdlib = sysconfig.get_path("stdlib")
sys.path[:] = [
    p for p in sys.path
    if p.startswith(_stdlib) and "site-packages" not in p and "dist-packages" not in p
] + [{str(packages)!r}]
"""


def link_lambda_packages(folder: Path) -> None:
    """Fills a folder with links to boto3 and what it needs: the packages that Lambda provides."""
    folder.mkdir(exist_ok=True)
    for stale in folder.iterdir():
        if stale.is_dir() and not stale.is_symlink():
            shutil.rmtree(stale)
        else:
            stale.unlink()
    for name in ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"):
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise RuntimeError(f"The local AWS needs the package {name}.")
        source = Path(spec.origin)
        source = source.parent if source.name == "__init__.py" else source
        (folder / source.name).symlink_to(source)


class _UnpackedZip:
    """Stands in for `ZipFile` where a worker unpacks its code: links to the unpacked folder."""

    def __init__(self, archive: str, *, store: Path) -> None:
        self._folder = unpack_once(Path(archive), store)

    def __enter__(self) -> _UnpackedZip:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return None

    def namelist(self) -> list[str]:
        return []

    def extractall(self, target: str) -> None:
        Path(target).rmdir()
        Path(target).symlink_to(self._folder)


class Warmer:
    """Starts a process for every new version of a function before its first event comes."""

    def __init__(self) -> None:
        self._warmed: dict[tuple[str, ...], str] = {}

    def warm_new_functions(self) -> None:
        """Returns when every function that was created or changed has a process."""
        for key, function in lambda_svc._functions.all_items():
            config = function["config"]
            revision = config.get("RevisionId", "")
            if config.get("State") == "Active" and self._warmed.get(key) != revision:
                self._warmed[key] = revision
                with responses.request_scope(*key[:2]):
                    self._warm(key[2], config, function["code_zip"])

    def _warm(self, name: str, config: dict[str, Any], code: bytes) -> None:
        worker, _ = lambda_runtime.acquire_worker(name, config, code)
        try:
            lambda_runtime.ensure_spawned(worker)
        except (RuntimeError, OSError) as error:
            logger.warning("Function %s does not start: %s", name, error)
        finally:
            lambda_runtime.release_worker(worker)


def stop_functions() -> None:
    """Ends all function processes."""
    lambda_runtime.reset()


# Keys -----------------------------------------------------------------------------------------


class IssuedKeys:
    """The keys that MiniStack knows: the root user's of this home, users', and roles' sessions."""

    def find_secret(self, access_key: str, token: str) -> str | Failure:
        """The secret of an issued key, or why the key and its session token do not count.

        MiniStack takes `test` and any twelve digits for root; here they are nobody.
        """
        unknown = Failure(
            "InvalidClientTokenId", "The security token included in the request is invalid."
        )
        is_root = iam_evaluator.is_root_access_key(access_key)
        if is_root and access_key != os.environ["AWS_ACCESS_KEY_ID"]:
            return unknown
        found = iam_evaluator.resolve_credential(access_key, ACCOUNT_ID, token)
        if isinstance(found, iam_evaluator.CredentialResolutionError):
            # AWS knows no session key without its token.
            without_token = found.code == "InvalidToken" and not token
            return unknown if without_token else Failure(found.code, found.message)
        return str(found.secret_access_key)

    def caller(self, headers: dict[str, str], query: dict[str, list[str]]) -> str:
        """The access key whose permissions hold for this request in MiniStack."""
        return str(router.extract_access_key_id(headers, query))

    def refusal(
        self,
        failure: Failure,
        method: str,
        path: str,
        headers: dict[str, str],
        query: dict[str, Any],
    ) -> Response:
        """Status, headers and body of a refusal, in the protocol of the service that is asked."""
        service = router.detect_service(method, path, headers, query)
        status, answer_headers, body = iam_actions.access_denied_response(
            service,
            "",
            "",
            str(uuid.uuid4()),
            error_code=failure.code,
            message=failure.message,
            headers=headers,
        )
        responses.fix_error_content_type(service, status, answer_headers)
        return status, answer_headers, body


def _issue_session(role_name: str, role_id: str, session_name: str) -> SessionKey:
    """New temporary credentials of a role."""
    key = SessionKey(
        f"ASIA{secrets.token_hex(8).upper()}", secrets.token_hex(20), secrets.token_hex(32)
    )
    sts.register_session(
        key.access_key,
        {
            "Arn": f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role_name}/{session_name}",
            "UserId": f"{role_id}:{session_name}",
            "SecretAccessKey": key.secret_key,
            "SessionToken": key.token,
        },
    )
    return key


@functools.cache
def _function_session(role_arn: str, function_name: str) -> SessionKey:
    """The key that all processes of a function have while this host runs."""
    role_name = role_arn.rpartition("/")[2]
    return _issue_session(role_name, role_name, function_name[:64])


def _random_credentials(config: dict[str, Any]) -> dict[str, str]:
    """MiniStack makes a function's key from its public ARN, so that anybody could compute it."""
    key = _function_session(config["Role"], config["FunctionName"])
    return {
        "AWS_ACCESS_KEY_ID": key.access_key,
        "AWS_SECRET_ACCESS_KEY": key.secret_key,
        "AWS_SESSION_TOKEN": key.token,
    }


# IAM ------------------------------------------------------------------------------------------


def _by_aws_tables(enforce: Callable[..., Any], decisions: DecisionLog) -> Callable[..., Any]:
    """Judges an action that knows no resource against `*`, and keeps every decision about a role.

    MiniStack takes the resource from whatever the request names.
    """

    def enforce_by_tables(
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        resource = authorization.judged_resource(action, resource_arn)
        if authorization.has_service(action) and not authorization.is_about(action, resource):
            logger.warning("AWS's tables have no %s on %s", action, resource)
        judgements: list[tuple[Any, Any]] = []
        token = _judgements.set(judgements)
        try:
            denied = enforce(
                access_key,
                action,
                service,
                region,
                resource_arn=resource,
                service_context=service_context,
            )
        finally:
            _judgements.reset(token)
        # Root is asked nothing, and who is not known has no role.
        if judgements and judgements[0][0].principal_type == "AssumedRole":
            decisions.record(_decision(*judgements[0], allowed=denied is None))
        return denied

    return enforce_by_tables


@functools.cache
def _iam_pattern(pattern: str, ignore_case: bool) -> re.Pattern[str]:
    """A pattern of a policy: its wildcards are any characters, a line break too.

    In MiniStack's, they are not, and a line break at the end of a name is overlooked.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    wildcards = {"*": ".*", "?": "."}
    parts = [wildcards.get(each) or re.escape(each) for each in pattern]
    return re.compile(f"{''.join(parts)}\\Z", re.DOTALL | (re.IGNORECASE if ignore_case else 0))


def _with_listed_keys(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    """Leaves out the condition keys that AWS does not set for an action."""

    def evaluate_with_listed_keys(context: Any, policies: Any, *limits: Any) -> Any:
        context.service_context = authorization.only_listed(context.action, context.service_context)
        result = evaluate(context, policies, *limits)
        judgements = _judgements.get()
        if judgements is not None:
            judgements.append((context, result))
        return result

    return evaluate_with_listed_keys


def _decision(context: Any, result: Any, *, allowed: bool) -> Decision:
    return Decision(
        role=context.principal_arn.split("/")[1],
        action=context.action,
        resource=context.resource_arn,
        context={key: value for key, value in context.service_context.items() if value is not None},
        allowed=allowed,
        statement=result.matched_sid,
    )


def would_allow(decision: Decision, documents: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a role with these policies and no others would be allowed what a decision is about.

    It is the evaluation that decided it: with one statement less, it says who needed it.
    """
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{decision.role}/again",
        principal_type="AssumedRole",
        principal_account=ACCOUNT_ID,
        action=decision.action,
        resource_arn=decision.resource,
        region=REGION,
        # All of our calls go over TLS.
        secure_transport=True,
        service_context={key.lower(): value for key, value in decision.context.items()},
    )
    # Where no host runs, nothing has been installed.
    iam_evaluator._fnmatch_compile = _iam_pattern
    policies = [iam_evaluator.parse_policy_document(dict(document)) for document in documents]
    return bool(iam_evaluator.evaluate(context, policies).decision == "Allow")


def _hiding_what_is_missing(handle: Handler) -> Handler:
    """S3 says that an object is missing only to who may list the bucket; to others it is forbidden.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (Permissions)
    """

    async def handle_or_hide(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Response:
        answer = await handle(method, path, headers, body, query)
        bucket, key = s3._parse_bucket_key(path, headers)
        is_look = method in ("GET", "HEAD") and key and "versionId" not in query
        if answer[0] != 404 or not is_look or bucket not in s3._buckets:
            return answer
        arn = f"arn:aws:s3:::{bucket}"
        caller = router.extract_access_key_id(headers, query)
        denied = iam_evaluator.enforce(caller, "s3:ListBucket", "s3", REGION, resource_arn=arn)
        if not isinstance(denied, iam_evaluator.EvalResult):
            return answer
        refusal: Response = iam_actions.access_denied_response(
            "s3", "s3:ListBucket", denied.principal_arn, uuid.uuid4().hex, headers=headers
        )
        return (*refusal[:2], b"") if method == "HEAD" else refusal

    return handle_or_hide


def _with_event_keys(context_of: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """Adds the condition keys of `events:PutEvents`, which MiniStack does not know."""

    def context_with_event_keys(
        service: str, action: str, body: bytes, params: dict[str, Any]
    ) -> dict[str, Any]:
        context = context_of(service, action, body, params)
        if action == "events:PutEvents":
            entries = _json_object(body).get("Entries") or []
            for key, field in (("events:source", "Source"), ("events:detail-type", "DetailType")):
                values = sorted({str(entry.get(field, "")) for entry in entries})
                context[key] = values[0] if len(values) == 1 else values
        return context

    return context_with_event_keys


def _json_object(body: bytes) -> dict[str, Any]:
    """A request's body, or an empty object when it is none: the service then refuses it."""
    try:
        content = json.loads(body or b"{}")
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


# Which member of a request names a resource of a type.
_NAMED_BY = {
    "automl-job": "AutoMLJobName",
    "model": "ModelName",
    "processing-job": "ProcessingJobName",
    "training-job": "TrainingJobName",
    "transform-job": "TransformJobName",
}


def add_sagemaker(handle: Handler) -> None:
    """Routes SageMaker's API to `handle`, behind the IAM checks that AWS makes first."""

    async def handle_authorized(
        method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Response:
        denied = _denied(headers, body, query)
        return denied or await handle(method, path, headers, body, query)

    ministack_app.SERVICE_HANDLERS["sagemaker"] = handle_authorized
    router.SERVICE_PATTERNS["sagemaker"] = {"target_prefixes": ["SageMaker."]}


def _denied(headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Response | None:
    """AWS's refusal when the caller lacks a permission that the call needs, else None."""
    action = headers.get("x-amz-target", "").rpartition(".")[2]
    caller = router.extract_access_key_id(headers, query)
    for needed, resource, context in _needed_permissions(action, _json_object(body)):
        denied = iam_evaluator.enforce(
            caller, needed, "sagemaker", REGION, resource_arn=resource, service_context=context
        )
        if denied:
            message = iam_actions.identity_denial_message(
                needed, denied.principal_arn, resource, denied.decision == "Deny"
            )
            refusal = {"__type": "AccessDeniedException", "Message": message}
            return 400, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(refusal).encode()
    return None


def _needed_permissions(
    action: str, request: dict[str, Any]
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Action, resource and condition keys of every permission that a call needs."""
    asked = f"sagemaker:{action}"
    resource = _named_resource(asked, request)
    tags = {tag.get("Key"): tag.get("Value") for tag in request.get("Tags") or []}
    context: dict[str, Any] = {f"aws:RequestTag/{key}": value for key, value in tags.items()}
    if tags:
        context["aws:TagKeys"] = list(tags)
    yield asked, resource, context
    needed = authorization.needs(asked)
    if tags and "sagemaker:AddTags" in needed:
        yield "sagemaker:AddTags", resource, context
    role = request.get("RoleArn") or request.get("ExecutionRoleArn")
    if role and "iam:PassRole" in needed:
        yield "iam:PassRole", role, {"iam:PassedToService": "sagemaker.amazonaws.com"}


def _named_resource(action: str, request: dict[str, Any]) -> str:
    """The ARN of what a request names, if AWS's table lists its type for the action; else `*`."""
    kinds = authorization.resource_types(action)
    for kind in kinds:
        if name := request.get(_NAMED_BY.get(kind, "")):
            return f"arn:aws:sagemaker:{REGION}:{ACCOUNT_ID}:{kind}/{name}"
    return str(request.get("ResourceArn", "*")) if kinds else "*"


def assume_role(role_arn: str, service: str, session_name: str) -> SessionKey:
    """Credentials of a role for an AWS service such as `sagemaker.amazonaws.com`, from any thread.

    They carry the role's permissions and nothing else. Raises RoleNotAssumableError.
    """
    role_name = role_arn.rpartition("/")[2]
    with responses.request_scope(ACCOUNT_ID, REGION):
        role = iam._roles.get(role_name)
        if role is None or role["Arn"] != role_arn or not _trusts(role, service):
            raise RoleNotAssumableError(
                f"Could not assume role {role_arn}. Please ensure that the role exists and allows "
                f"principal '{service}' to assume the role."
            )
    return _issue_session(role_name, role["RoleId"], session_name)


def _trusts(role: dict[str, Any], service: str) -> bool:
    context = iam_evaluator.EvalContext(
        principal_arn=f"arn:aws:iam::{ACCOUNT_ID}:service/{service}",
        principal_type="Service",
        principal_account=ACCOUNT_ID,
        action="sts:AssumeRole",
        resource_arn=role["Arn"],
        region=REGION,
        service_context={"aws:sourceaccount": ACCOUNT_ID},
    )
    trust = role["AssumeRolePolicyDocument"]
    trust = json.loads(trust) if isinstance(trust, str) else trust
    statements = (
        trust["Statement"] if isinstance(trust["Statement"], list) else [trust["Statement"]]
    )
    # Other principals are not asked here: MiniStack's evaluation lets an account's root match any
    # caller of the account. It also wants a resource, and a trust policy has none.
    document = {
        "Statement": [
            {**statement, "Principal": _services_of(statement), "Resource": "*"}
            for statement in statements
        ]
    }
    decision = iam_evaluator.evaluate_resource_policy(document, context, service=service)
    return bool(decision.decision == "Allow")


def _services_of(statement: dict[str, Any]) -> dict[str, Any]:
    principal = statement.get("Principal")
    return {"Service": principal.get("Service", [])} if isinstance(principal, dict) else {}


# Persistence ----------------------------------------------------------------------------------

_TOO_BIG_TO_SAVE_OFTEN = {"cloudwatch", "cloudwatch_logs"}


class StateKeeper:
    """Saves MiniStack's state while it runs; by itself it does so only when it is told to end."""

    def __init__(self) -> None:
        self._saved: dict[str, int] = {}

    def save_changes(self) -> bool:
        """Writes the state of the services that changed since the last call.

        False when some of it could not be read because it changed meanwhile: the next call gets
        what this one missed.
        """
        complete = True
        for name, get_state in ministack_app._build_persistence_save_dict().items():
            if name in _TOO_BIG_TO_SAVE_OFTEN:
                continue
            try:
                if name == "lambda":
                    self._save_lambda(get_state)
                else:
                    self._save(name, _as_json(get_state()))
            except RuntimeError:
                complete = False
        return complete

    def _save(self, name: str, state: str) -> None:
        if self._saved.get(name) != hash(state):
            version = persistence._state_format_version(name)
            # Not by MiniStack's `save_state`: that encodes ten times as slowly, with everybody
            # else waiting, and does not say when it fails.
            text = f'{{"__ministack_format__": {version}, "payload": {state}}}'
            replace_text(Path(persistence.STATE_DIR) / f"{name}.json", text)
            self._saved[name] = hash(state)

    def _save_lambda(self, get_state: Callable[[], Any]) -> None:
        # Its own `get_state` hashes all code each time.
        kept = [lambda_svc._functions, lambda_svc._layers, lambda_svc._esms]
        fingerprint = hash(json.dumps(kept, default=_without_content))
        if self._saved.get("lambda functions") != fingerprint:
            self._save("lambda", _as_json(get_state()))
            self._saved["lambda functions"] = fingerprint


def _as_json(state: Any) -> str:
    return json.dumps(state, default=persistence._json_default)


def _without_content(value: Any) -> Any:
    return hash(value) if isinstance(value, bytes) else persistence._json_default(value)
