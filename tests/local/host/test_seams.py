"""MiniStack is still what `autodrop_local/seams.py` was written for.

A failure here means that MiniStack changed: either a touch point moved, and seams.py must follow,
or a defect is mended, and the patch for it in seams.py can go. Nothing here is patched: these
tests look at MiniStack as it comes.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import inspect
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from autodrop_local import seams
from autodrop_local.async_events import AsyncEvent, Failure
from autodrop_local.decisions import Decision, DecisionLog, read_decisions

TOUCH_POINTS = {
    "app.app": "(scope, receive, send)",
    "app._build_persistence_save_dict": "()",
    "core.iam_evaluator.is_root_access_key": "(access_key_id: str) -> bool",
    "core.iam_evaluator.resolve_credential": (
        "(access_key_id: str, account_id: str | None = None, "
        "session_token=<object object>) -> "
        "ministack.core.iam_evaluator.ResolvedCredential | "
        "ministack.core.iam_evaluator.CredentialResolutionError"
    ),
    "core.lambda_runtime.execution_credentials": "(config: dict) -> dict[str, str]",
    "core.responses.fix_error_content_type": "(service: str, status: int, headers: dict) -> None",
    "core.router.detect_service": (
        "(method: str, path: str, headers: dict, query_params: dict) -> str"
    ),
    "core.sigv4.header_signature_failure": (
        "(signature: ministack.core.sigv4.HeaderSignature, secret: str, method: str, "
        "raw_path: str, query_params: collections.abc.Mapping[str, typing.Any], "
        "headers: collections.abc.Mapping[str, typing.Any], body: bytes, "
        "*, presigned: bool = False, explain: bool = False) -> tuple[str, str] | None"
    ),
    "core.arn.parse_arn": "(value: str) -> ministack.core.arn.Arn",
    "core.iam_actions.identity_denial_message": (
        "(action: str, principal_arn: str, resource: str, explicit_deny: bool) -> str"
    ),
    "core.iam_actions.request_tag_context": (
        "(service: str, iam_action: str, body: bytes, params: dict) -> dict"
    ),
    "core.iam_evaluator._fnmatch_compile": "(pattern: str, ignore_case: bool) -> re.Pattern",
    "core.iam_evaluator.enforce": (
        "(access_key_id: str, iam_action: str, service: str, region: str, resource_arn: str = '*', "
        "service_context: dict[str, typing.Any] | None = None) -> "
        "ministack.core.iam_evaluator.EvalResult | ministack.core.iam_evaluator.AuthError | None"
    ),
    "core.iam_evaluator.evaluate": (
        "(ctx: ministack.core.iam_evaluator.EvalContext, "
        "policies: list[list[ministack.core.iam_evaluator.ParsedStatement]], "
        "*limits: list[list[ministack.core.iam_evaluator.ParsedStatement]]) -> "
        "ministack.core.iam_evaluator.EvalResult"
    ),
    "core.iam_evaluator.parse_policy_document": (
        "(doc: str | dict) -> list[ministack.core.iam_evaluator.ParsedStatement]"
    ),
    "core.lambda_runtime.acquire_worker": (
        "(func_name: str, config: dict, code_zip: bytes, qualifier: str = '$LATEST', "
        "max_concurrency: int | None = None)"
    ),
    "core.lambda_runtime.ensure_spawned": (
        "(worker: ministack.core.lambda_runtime.Worker) -> None"
    ),
    "core.lambda_runtime.release_worker": (
        "(worker: ministack.core.lambda_runtime.Worker) -> None"
    ),
    "core.lambda_runtime.reset": "()",
    "core.persistence._state_format_version": "(service: str) -> int",
    "core.persistence._json_default": "(obj)",
    "core.responses.request_scope": "(account_id: str, region: str)",
    "core.router.extract_access_key_id": "(headers: dict, query_params=None) -> str",
    "services.eventbridge._dispatch_event": "(event, view=None)",
    "services.eventbridge._dispatch_to_lambda": "(arn, payload)",
    "services.eventbridge._dispatch_to_sns": "(arn, payload)",
    "services.eventbridge._dispatch_to_sqs": "(spec, payload, sqs_parameters=None)",
    "services.eventbridge._put_events": "(data, allow_aws_source=False)",
    "services.lambda_svc._event_invoke_config": (
        "(func: dict, qualifier: str | None) -> dict | None"
    ),
    "services.lambda_svc._acquire_execution_slot": "(func: dict, config: dict)",
    "services.lambda_svc._execute_function_dispatch": (
        "(func: dict, config: dict, event: dict, request_id: str, started: float) -> dict"
    ),
    "services.lambda_svc._execute_function_warm": (
        "(func: dict, event: dict, request_id: str) -> dict"
    ),
    "services.lambda_svc._execution_record_for_config": "(func: dict, config: dict) -> dict",
    "services.lambda_svc._get_func_record_for_ref": (
        "(function_ref: str) -> tuple[dict | None, dict | None, str]"
    ),
    "services.lambda_svc._release_execution_slot": "(key: str) -> None",
    "services.lambda_svc._run_sqs_batch": ("(esm, func_rec, event, batch, queue_url, queue_name)"),
    "services.lambda_svc._run_with_function_config_scope": (
        "(func_or_config: dict, callback, *args, **kwargs)"
    ),
    "services.lambda_svc.invoke_async_with_retry": "(func: dict, event: dict) -> None",
    "services.s3._fire_s3_event_async": (
        "(bucket_name: str, key: str, event_name: str, size: int = 0, etag: str = '', "
        "deletion_type: str | None = None, version_id: str | None = None, "
        "object_extra: dict | None = None, record_extra: dict | None = None) -> None"
    ),
    "services.s3._get_object": (
        "(bucket_name: str, key: str, headers: dict, query_params: dict = None)"
    ),
    "services.s3._next_event_sequencer": "(event_name: str) -> str | None",
    "services.s3._parse_range": "(range_header: str, total: int)",
    "services.s3._parse_bucket_key": "(path: str, headers: dict)",
    "services.sts.register_session": "(access_key: str, session: dict) -> None",
}
# Called inside MiniStack by these names, so that replacing the name replaces the call.
CALLED_BY_NAME = {
    "app._dispatch_service_request": [
        "from ministack.core.iam_evaluator import AuthError, enforce,",
        "denied = enforce(",
        "request_tag_context(",
        "SERVICE_HANDLERS.get(service)",
    ],
    "core.iam_evaluator.fnmatch_iam": ["_fnmatch_compile(pattern, True).match(value)"],
    "core.iam_evaluator.fnmatch_iam_cs": ["_fnmatch_compile(pattern, False).match(value)"],
    "core.iam_evaluator.enforce": ["result = evaluate(ctx, principal.policies, *principal.limits)"],
    "core.lambda_runtime._detect_runtime_binary": ["_PYTHON_WORKER_SCRIPT"],
    "core.lambda_runtime.Worker._spawn": [
        "execution_credentials(self.config)",
        "zf.extractall(code_dir)",
        "lzf.extractall(layer_dir)",
    ],
    "services.eventbridge._invoke_target": ["_dispatch_to_lambda(arn, event_payload)"],
    "services.lambda_svc._execute_function": [
        "_acquire_execution_slot(func, config)",
        "_release_execution_slot(slot)",
    ],
    "services.lambda_svc._execute_function_dispatch": ["_execute_function_warm("],
    "services.lambda_svc._get_event_invoke_config": ["_event_invoke_config("],
    "services.lambda_svc._invoke": ["invoke_async_with_retry(exec_record, event)"],
    "services.lambda_svc._poll_sqs": ["_run_sqs_batch, esm"],
    "services.s3._dispatch": ["_get_object(bucket, key, headers, query_params)"],
    "services.s3._fire_s3_event": ["_eb._dispatch_event(eb_event)"],
    "services.s3._put_object": ["_fire_s3_event_async("],
    "services.scheduler._ticker_loop": ["time.sleep(_SCHEDULE_TICK_INTERVAL)"],
}


def find(name: str) -> Any:
    """Return what a dotted name below `ministack` is."""
    parts = name.split(".")
    modules = 2 if parts[0] in ("core", "services") else 1
    found = importlib.import_module(".".join(["ministack", *parts[:modules]]))
    for part in parts[modules:]:
        found = getattr(found, part)
    return found


def test_seams_are_written_for_the_pinned_version() -> None:
    project = tomllib.loads((Path(seams.__file__).parents[1] / "pyproject.toml").read_text())

    pinned = project["project"]["optional-dependencies"]["local"]

    assert f"ministack=={seams.PINNED_VERSION}" in pinned
    assert importlib.metadata.version("ministack") == seams.PINNED_VERSION


@pytest.mark.parametrize(("name", "signature"), TOUCH_POINTS.items())
def test_touch_point_has_not_moved(name: str, signature: str) -> None:
    assert re.sub(" at 0x[0-9a-f]+", "", str(inspect.signature(find(name)))) == signature


@pytest.mark.parametrize(("name", "calls"), CALLED_BY_NAME.items())
def test_replaced_function_is_called_by_its_name(name: str, calls: list[str]) -> None:
    source = inspect.getsource(find(name))

    assert [call for call in calls if call not in source] == []


def test_ministack_has_no_sagemaker_of_its_own() -> None:
    assert "sagemaker" not in find("app.SERVICE_HANDLERS")
    assert "sagemaker" not in find("core.router.SERVICE_PATTERNS")
    assert "sagemaker" not in find("core.iam_actions.SERVICE_TO_IAM_NAMESPACE")


def test_ministack_refuses_events_of_aws_from_callers() -> None:
    entry = {"Source": "aws.sagemaker", "DetailType": "x", "Detail": "{}"}

    refused = json.loads(find("services.eventbridge._put_events")({"Entries": [entry]})[2])

    assert refused["FailedEntryCount"] == 1


def test_defect_object_created_has_no_version_id(monkeypatch: pytest.MonkeyPatch) -> None:
    s3, eventbridge = find("services.s3"), find("services.eventbridge")
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(s3, "_bucket_notifications", {"b": "<EventBridgeConfiguration/>"})
    monkeypatch.setattr(eventbridge, "_dispatch_event", sent.append)

    s3._fire_s3_event("b", "k", "s3:ObjectCreated:Put", version_id="v1")

    assert "version-id" not in json.loads(sent[0]["Detail"])["object"]


def test_defect_a_part_of_a_version_is_the_whole_of_it() -> None:
    source = inspect.getsource(find("services.s3._get_object"))

    of_a_version, of_the_newest = source.split("body = _version_body", 1)
    assert "range" not in of_a_version
    assert "return 200, resp_headers, body" in of_the_newest.partition("NoSuchVersion")[0]


@pytest.mark.parametrize(
    ("asked", "status", "body"),
    [
        ("bytes=2-4", 206, b"cde"),
        ("bytes=8-99", 206, b"ij"),
        ("", 200, b"abcdefghij"),
    ],
)
def test_a_part_of_a_version_is_that_part(asked: str, status: int, body: bytes) -> None:
    def whole(*_: Any) -> seams.Response:
        return (
            200,
            {"Content-Length": "10", "x-amz-checksum-crc32": "x", "ETag": "e"},
            b"abcdefghij",
        )

    answer = seams._with_parts_of_versions(whole)("b", "k", {"range": asked}, {"versionId": "v"})

    assert (answer[0], answer[2]) == (status, body)
    assert answer[1]["Content-Length"] == str(len(body))
    assert answer[1]["ETag"] == "e"
    assert ("x-amz-checksum-crc32" in answer[1]) == (status == 200)


def test_defect_rule_invokes_its_function_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lambdas = find("services.lambda_svc")
    invoked: list[str] = []
    record: tuple[dict[str, Any], dict[str, Any], str] = (
        {"config": {}},
        {"FunctionName": "f"},
        "f",
    )
    monkeypatch.setattr(lambdas, "_get_func_record_for_ref", lambda arn: record)
    monkeypatch.setattr(
        lambdas, "invoke_async_with_retry", lambda *_: invoked.append("with retries")
    )
    monkeypatch.setattr(lambdas, "_execute_function_with_config_scope", lambda *_: None)

    find("services.eventbridge._dispatch_to_lambda")("arn:aws:lambda:r:1:function:f", "{}")

    assert invoked == []


def test_defect_event_invoke_config_of_cloudformation_is_not_found() -> None:
    stored = {"event_invoke_configs": {"$LATEST": {"MaximumRetryAttempts": 1}}}

    assert find("services.lambda_svc._event_invoke_config")(stored, None) is None


def test_defect_every_event_starts_a_thread_at_once_and_is_lost_with_the_host() -> None:
    source = inspect.getsource(find("services.lambda_svc.invoke_async_with_retry"))

    assert "threading.Thread(target=ctx_snapshot.run" in source


def test_defect_event_of_an_upload_is_sent_by_a_thread() -> None:
    assert "threading.Thread(" in inspect.getsource(find("services.s3._fire_s3_event_async"))


@pytest.mark.parametrize(
    "upload", ["_put_object", "_post_object", "_copy_object", "_complete_multipart_upload"]
)
def test_event_of_an_upload_is_sent_before_the_object_is_on_disk(upload: str) -> None:
    """A host that is killed at any moment has no object of which nobody was told."""
    source = inspect.getsource(find(f"services.s3.{upload}"))

    event, object_ = source.index("_fire_s3_event_async("), source.index("_persist_object(")
    assert event < object_


def test_defect_failed_save_is_only_logged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    persistence = find("core.persistence")
    monkeypatch.setattr(persistence, "PERSIST_STATE", True)
    monkeypatch.setattr(persistence, "STATE_DIR", str(tmp_path))

    persistence.save_state("any", {"not JSON": object()})

    assert list(tmp_path.iterdir()) == []


def test_defect_every_error_has_the_same_type(monkeypatch: pytest.MonkeyPatch) -> None:
    lambdas = find("services.lambda_svc")
    raised = {"status": "error", "error": "boom", "trace": "Traceback ...\nKeyError: 'boom'"}
    worker = SimpleNamespace(invoke=lambda *args, **kwargs: raised)
    monkeypatch.setattr(lambdas, "acquire_worker", lambda *args, **kwargs: (worker, "spawn"))
    monkeypatch.setattr(lambdas, "release_worker", lambda worker: None)
    monkeypatch.setattr(lambdas, "_ensure_reaper_thread", lambda: None)
    config = {"FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:f"}

    result = lambdas._execute_function_warm({"config": config, "code_zip": b"x"}, {}, "id")

    assert result["body"]["errorType"] == "Runtime.HandlerError"


def test_defect_key_of_a_function_can_be_computed_by_anybody() -> None:
    source = inspect.getsource(find("core.lambda_runtime.execution_credentials"))

    assert 'hashlib.sha256(f"{function_arn}:{role_arn}".encode())' in source


def test_defect_test_is_root() -> None:
    assert find("core.iam_evaluator.is_root_access_key")("test")
    assert find("core.iam_evaluator.is_root_access_key")("123456789012")


def test_defect_put_events_has_no_condition_keys() -> None:
    body = json.dumps({"Entries": [{"Source": "autodrop", "DetailType": "x"}]}).encode()

    context = find("core.iam_actions.request_tag_context")("events", "events:PutEvents", body, {})

    assert "events:source" not in context


def test_defect_minute_schedules_are_looked_at_every_ten_seconds() -> None:
    assert find("services.scheduler._SCHEDULE_TICK_INTERVAL") == 10


# Our own parts, without a host ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("operation", "request_body", "needed"),
    [
        (
            "CreateAutoMLJobV2",
            {"AutoMLJobName": "a", "RoleArn": "r"},
            ["sagemaker:CreateAutoMLJobV2 automl-job/a", "iam:PassRole r"],
        ),
        (
            "CreateModel",
            {"ModelName": "m", "ExecutionRoleArn": "r", "Tags": [{"Key": "k", "Value": "v"}]},
            ["sagemaker:CreateModel model/m", "sagemaker:AddTags model/m", "iam:PassRole r"],
        ),
        (
            "CreateTransformJob",
            {"TransformJobName": "t", "ModelName": "m"},
            ["sagemaker:CreateTransformJob transform-job/t"],
        ),
        (
            "ListCandidatesForAutoMLJob",
            {"AutoMLJobName": "a"},
            ["sagemaker:ListCandidatesForAutoMLJob *"],
        ),
        ("ListAutoMLJobs", {}, ["sagemaker:ListAutoMLJobs *"]),
        (
            "DescribeTransformJob",
            {"TransformJobName": "t"},
            ["sagemaker:DescribeTransformJob transform-job/t"],
        ),
        ("ListTags", {"ResourceArn": "arn:x"}, ["sagemaker:ListTags arn:x"]),
    ],
)
def test_needed_permissions(
    operation: str, request_body: dict[str, Any], needed: list[str]
) -> None:
    arn = "arn:aws:sagemaker:us-east-1:000000000000:"

    found = [
        f"{action} {resource.removeprefix(arn)}"
        for action, resource, _ in seams._needed_permissions(operation, request_body)
    ]

    assert found == needed


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Decision]:
    """Return a function that has a call of a role judged, and returns the recorded decision."""
    evaluator = find("core.iam_evaluator")
    monkeypatch.setattr(evaluator, "evaluate", seams._with_listed_keys(evaluator.evaluate))
    log = tmp_path / "decisions.jsonl"
    enforce = seams._by_aws_tables(evaluator.enforce, DecisionLog(log))

    def ask(action: str, resource: str, statement: dict[str, Any], **context: str) -> Decision:
        document = {"Statement": [{"Sid": "It", "Effect": "Allow", "Action": action, **statement}]}
        role = {
            "Arn": "arn:aws:iam::000000000000:role/r",
            "RoleId": "AROA",
            "AssumeRolePolicyDocument": trust({"Service": "lambda.amazonaws.com"}),
            "InlinePolicies": {"p": json.dumps(document)},
            "AttachedPolicies": [],
        }
        monkeypatch.setitem(find("services.iam")._roles, "r", role)
        key = seams.assume_role(role["Arn"], "lambda.amazonaws.com", "f")  # type: ignore[arg-type]
        denied = enforce(key.access_key, action, "sagemaker", "us-east-1", resource, context)
        decision = read_decisions(log)[-1]
        assert decision.allowed == (denied is None)
        return decision

    return ask


AUTOML_JOB = "arn:aws:sagemaker:us-east-1:000000000000:automl-job/a"


@pytest.mark.parametrize(("resource", "allowed"), [("*", True), (AUTOML_JOB, False)])
def test_action_that_knows_no_resource_is_judged_against_all_of_them(
    ask: Callable[..., Decision], resource: str, allowed: bool
) -> None:
    action = "sagemaker:ListCandidatesForAutoMLJob"

    decision = ask(action, AUTOML_JOB, {"Resource": resource})

    assert (decision.resource, decision.allowed) == ("*", allowed)
    assert decision.statement == ("It" if allowed else "")


@pytest.mark.parametrize(
    ("action", "allowed"),
    [("sagemaker:CreateAutoMLJobV2", True), ("sagemaker:DescribeAutoMLJobV2", False)],
)
def test_condition_holds_only_on_keys_that_aws_lists_for_the_action(
    ask: Callable[..., Decision], action: str, allowed: bool
) -> None:
    condition = {"StringEquals": {"aws:RequestTag/team": "a"}}
    statement = {"Resource": "*", "Condition": condition}

    decision = ask(action, AUTOML_JOB, statement, **{"aws:RequestTag/team": "a"})

    assert (decision.role, decision.allowed) == ("r", allowed)
    assert decision.context == ({"aws:requesttag/team": "a"} if allowed else {})


def test_traceback_gives_class_and_frames_of_the_last_exception() -> None:
    log = (
        "some line\n"
        "Traceback (most recent call last):\n"
        '  File "a.py", line 1, in f\n'
        "KeyError: 'x'\n"
        "\nDuring handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n"
        '  File "b.py", line 2, in g\n'
        "    raise Late(1)\n"
        "package.module.LateError: said on\ntwo lines\n"
    )

    assert seams._last_traceback(log) == {
        "errorType": "LateError",
        "stackTrace": ['  File "b.py", line 2, in g', "    raise Late(1)"],
    }


@pytest.mark.parametrize("log", ["", "no traceback", "Traceback (most recent call last):\n"])
def test_log_without_an_exception_gives_nothing(log: str) -> None:
    assert seams._last_traceback(log) == {}


def test_emitted_event_has_the_shape_of_an_aws_service(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(
        find("services.eventbridge"), "_dispatch_event", lambda event, view: sent.append(event)
    )

    seams.emit_aws_event("aws.sagemaker", "SageMaker Model State Change", {"a": 1}, ["arn"])

    assert sent[0]["Source"] == "aws.sagemaker"
    assert sent[0]["DetailType"] == "SageMaker Model State Change"
    assert json.loads(sent[0]["Detail"]) == {"a": 1}
    assert sent[0]["Resources"] == ["arn"]
    assert (sent[0]["Account"], sent[0]["Region"]) == ("000000000000", "us-east-1")


def trust(principal: dict[str, str], **conditions: dict[str, str]) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [{**statement, "Condition": conditions}]}


@pytest.mark.parametrize(
    ("policy", "trusted"),
    [
        (trust({"Service": "sagemaker.amazonaws.com"}), True),
        (trust({"Service": "lambda.amazonaws.com"}), False),
        (trust({"AWS": "arn:aws:iam::000000000000:root"}), False),
        (
            trust(
                {"Service": "sagemaker.amazonaws.com"},
                StringEquals={"aws:SourceAccount": "000000000000"},
            ),
            True,
        ),
        (
            trust(
                {"Service": "sagemaker.amazonaws.com"},
                StringEquals={"aws:SourceAccount": "111111111111"},
            ),
            False,
        ),
    ],
)
@pytest.mark.parametrize("stored_as", [json.dumps, lambda policy: policy], ids=["text", "object"])
def test_only_a_role_that_trusts_the_service_is_assumed(
    monkeypatch: pytest.MonkeyPatch,
    policy: dict[str, Any],
    trusted: bool,
    stored_as: Callable[[dict[str, Any]], Any],
) -> None:
    arn = "arn:aws:iam::000000000000:role/r"
    role = {"Arn": arn, "RoleId": "AROA", "AssumeRolePolicyDocument": stored_as(policy)}
    monkeypatch.setattr(find("services.iam"), "_roles", {"r": role})
    sessions: dict[str, Any] = {}
    monkeypatch.setattr(find("services.sts"), "_sessions", sessions)

    if not trusted:
        with pytest.raises(seams.RoleNotAssumableError, match=arn):
            seams.assume_role(arn, "sagemaker.amazonaws.com", "SageMaker")
        return
    key = seams.assume_role(arn, "sagemaker.amazonaws.com", "SageMaker")

    session = sessions[key.access_key]
    assert session["Arn"] == "arn:aws:sts::000000000000:assumed-role/r/SageMaker"
    assert (session["SecretAccessKey"], session["SessionToken"]) == (key.secret_key, key.token)


def test_unknown_role_is_not_assumed() -> None:
    with pytest.raises(seams.RoleNotAssumableError):
        seams.assume_role("arn:aws:iam::000000000000:role/no", "sagemaker.amazonaws.com", "x")


def test_failure_record_is_the_one_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(
        find("services.eventbridge"), "_dispatch_to_sqs", lambda _, text: sent.append(text)
    )
    event = AsyncEvent("id", "arn", {"a": 1}, accepted=0.0, attempts=2)
    queue, function = "arn:aws:sqs:us-east-1:000000000000:q", "arn:function:f"

    seams._send_failure(queue, function, event, Failure("RetriesExhausted", {"errorType": "E"}))
    seams._send_failure(queue, function, event, Failure("EventAgeExceeded"))

    failed, too_old = map(json.loads, sent)
    assert failed["version"] == "1.0"
    assert failed["requestContext"] == {
        "requestId": "id",
        "functionArn": "arn:function:f:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 2,
    }
    assert failed["requestPayload"] == {"a": 1}
    assert failed["responsePayload"] == {"errorType": "E"}
    assert too_old["requestContext"]["condition"] == "EventAgeExceeded"
    assert "responsePayload" not in too_old


def test_foreign_files_do_not_keep_the_local_aws_from_starting(tmp_path: Path) -> None:
    (tmp_path / "foreign" / "deep").mkdir(parents=True)
    (tmp_path / "foreign" / "deep" / "file").touch()
    (tmp_path / "boto3").mkdir()
    (tmp_path / "dangling").symlink_to("nowhere")

    seams.link_lambda_packages(tmp_path)

    assert not (tmp_path / "foreign").exists()
    assert (tmp_path / "boto3").is_symlink()


def test_lambda_packages_are_those_of_lambda(tmp_path: Path) -> None:
    seams.link_lambda_packages(tmp_path)
    seams.link_lambda_packages(tmp_path)

    assert {"boto3", "botocore", "six.py"} <= {entry.name for entry in tmp_path.iterdir()}
    assert (tmp_path / "boto3" / "__init__.py").is_file()
