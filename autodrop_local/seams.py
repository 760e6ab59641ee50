"""The one module that touches MiniStack's internals.

MiniStack is pinned, and `tests/local/host/test_seams.py` fails when a release moves what is used
here or mends what is patched here. Importing this module imports MiniStack, which reads its
settings from the environment at that moment: set them first.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import importlib.util
import json
import logging
import re
import secrets
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

from autodrop_local import authorization
from autodrop_local.decisions import Decision, DecisionLog
from autodrop_local.layout import ACCOUNT_ID, REGION
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


@dataclass
class _AsyncInvocation:
    """One event on its way to a function: AWS keeps the request id over all attempts."""

    request_id: str
    attempts: int = 0


_object_version: ContextVar[str | None] = ContextVar("object_version", default=None)
_async_invocation: ContextVar[_AsyncInvocation | None] = ContextVar(
    "async_invocation", default=None
)
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
    lambda_svc.invoke_async_with_retry = _with_one_request_id(lambda_svc.invoke_async_with_retry)
    lambda_svc._execute_function_dispatch = _counted(lambda_svc._execute_function_dispatch)
    lambda_svc._execute_function_warm = _with_error_details(lambda_svc._execute_function_warm)
    lambda_svc._route_async_failure = _send_failure
    iam_evaluator.evaluate = _with_listed_keys(iam_evaluator.evaluate)
    iam_evaluator.enforce = _by_aws_tables(iam_evaluator.enforce, decisions)
    ministack_app.SERVICE_HANDLERS["s3"] = _hiding_what_is_missing(
        ministack_app.SERVICE_HANDLERS["s3"]
    )
    iam_actions.request_tag_context = _with_event_keys(iam_actions.request_tag_context)
    eventbridge._dispatch_to_lambda = _invoke_rule_target
    eventbridge._dispatch_event = _with_object_version(eventbridge._dispatch_event)
    s3._fire_s3_event = _remembering_version(s3._fire_s3_event)
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


def _with_one_request_id(invoke: Callable[..., None]) -> Callable[..., None]:
    def invoke_with_one_request_id(function: dict[str, Any], event: Any) -> None:
        # The retry loop runs in a thread with a copy of this context.
        token = _async_invocation.set(_AsyncInvocation(str(uuid.uuid4())))
        try:
            invoke(function, event)
        finally:
            _async_invocation.reset(token)

    return invoke_with_one_request_id


def _counted(execute: Callable[..., Any]) -> Callable[..., Any]:
    def execute_counted(
        function: Any, config: Any, event: Any, request_id: str, started: float
    ) -> Any:
        invocation = _async_invocation.get()
        if invocation:
            invocation.attempts += 1
            request_id = invocation.request_id
        return execute(function, config, event, request_id, started)

    return execute_counted


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


def _send_failure(target_arn: str, name: str, event: Any, result: dict[str, Any]) -> None:
    """Sends a failed event to its OnFailure destination, in the shape that AWS documents.

    MiniStack's envelope has no version, time or request id.
    """
    invocation = _async_invocation.get() or _AsyncInvocation("")
    function_arn = lambda_svc._functions[name]["config"]["FunctionArn"]
    record = {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": invocation.request_id,
            "functionArn": f"{function_arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": invocation.attempts,
        },
        "requestPayload": event,
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": result["body"],
    }
    target = arn.parse_arn(target_arn)
    if target.service == "sqs":
        eventbridge._dispatch_to_sqs(target, json.dumps(record))
    elif target.service == "sns":
        eventbridge._dispatch_to_sns(target_arn, json.dumps(record))
    elif target.service == "lambda":
        eventbridge._dispatch_to_lambda(target_arn, json.dumps(record))
    else:
        logger.error("Function %s failed; cannot send the event to %s", name, target_arn)


def _only_lambda_packages(packages: Path) -> str:
    """A preamble for function processes: the standard library and boto3, as on Lambda.

    Without it a function would find everything that this interpreter has, and a forgotten
    requirement would go unnoticed until the function runs on AWS.
    """
    return f"""
import sys, sysconfig
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
    key = SessionKey(
        f"ASIA{secrets.token_hex(8).upper()}", secrets.token_hex(20), secrets.token_hex(32)
    )
    sts.register_session(
        key.access_key,
        {
            "Arn": f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{role_name}/{session_name}",
            "UserId": f"{role['RoleId']}:{session_name}",
            "SecretAccessKey": key.secret_key,
            "SessionToken": key.token,
        },
    )
    return key


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

    def save_changes(self) -> None:
        """Writes the state of the services that changed since the last call."""
        for name, get_state in ministack_app._build_persistence_save_dict().items():
            if name in _TOO_BIG_TO_SAVE_OFTEN:
                continue
            # Other threads change the state meanwhile; the next call gets what this one missed.
            with contextlib.suppress(RuntimeError):
                fingerprint = _fingerprint(name, get_state)
                if fingerprint != self._saved.get(name):
                    persistence.save_state(name, get_state())
                    self._saved[name] = fingerprint


def _fingerprint(name: str, get_state: Callable[[], Any]) -> int:
    # Lambda's own `get_state` hashes all code each time.
    state = (
        [lambda_svc._functions, lambda_svc._layers, lambda_svc._esms]
        if name == "lambda"
        else get_state()
    )
    return hash(json.dumps(state, default=_without_content))


def _without_content(value: Any) -> Any:
    return hash(value) if isinstance(value, bytes) else persistence._json_default(value)
