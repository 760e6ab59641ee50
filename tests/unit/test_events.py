"""Events are read for names alone; what AWS leaves out or writes in two ways does no harm."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from autodrop.errors import MalformedEvent
from autodrop.events import (
    NOT_STARTED,
    FailedDelivery,
    is_only_a_look,
    job_changed,
    parse_dataset_ready,
    parse_drop,
    parse_failed_delivery,
    parse_job_name,
    parse_run_ended,
    processing_changed,
    run_changed,
    transform_changed,
)
from autodrop.naming import Drop
from autodrop.run import Run, RunState
from tests.builders import NOON, a_run
from tests.journey import DROPPED, RUN

Load = Callable[[str], dict[str, Any]]


def test_a_drop_is_the_object_and_its_version(load_event: Load) -> None:
    version = "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"

    drop = parse_drop(load_event("dataset-dropped"))

    assert drop == Drop("data-bucket", DROPPED, version, version, 5834924)


def test_a_bucket_without_versions_gives_its_sequencer(load_event: Load) -> None:
    drop = parse_drop(load_event("dataset-dropped-unversioned"))

    assert (drop.version, drop.version_id) == ("0055AED6DCD90281E5", None)


def test_a_key_stays_as_it_is(load_event: Load) -> None:
    drop = parse_drop(load_event("dataset-dropped-unversioned"))

    assert drop.key == "inbox/sales 2024/Q1+Q2 50%.csv"
    assert drop.dataset == "sales 2024"


@pytest.mark.parametrize(
    "key", ["inbox/a+b/c%20d.csv", "inbox/é/한글 😀.csv", "inbox/a&b=c/#?.csv"]
)
def test_no_key_is_decoded(key: str, load_event: Load) -> None:
    event = load_event("dataset-dropped")
    event["detail"]["object"]["key"] = key

    assert parse_drop(event).key == key


@pytest.mark.parametrize("member", ["size", "version-id", "etag"])
def test_a_member_that_is_null_counts_as_left_out(member: str, load_event: Load) -> None:
    event = load_event("dataset-dropped")
    event["detail"]["object"][member] = None
    without = load_event("dataset-dropped")
    del without["detail"]["object"][member]

    assert parse_drop(event) == parse_drop(without)


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"detail": None},
        {"detail": []},
        {"detail": {"bucket": None, "object": {"key": "k", "sequencer": "1"}}},
        {"detail": {"bucket": {"name": None}, "object": {"key": "k", "sequencer": "1"}}},
        {"detail": {"bucket": {"name": "b"}, "object": None}},
        {"detail": {"bucket": {"name": "b"}, "object": {"key": None, "sequencer": "1"}}},
        {"detail": {"bucket": {"name": "b"}, "object": {"key": "k"}}},
        {"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}}]},
    ],
)
def test_what_is_no_drop_is_malformed(event: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        parse_drop(event)


def test_a_prepared_dataset_gives_its_run(load_event: Load) -> None:
    assert parse_dataset_ready(load_event("dataset-prepared")) == RUN


def test_another_object_is_no_prepared_dataset(load_event: Load) -> None:
    with pytest.raises(MalformedEvent):
        parse_dataset_ready(load_event("dataset-dropped"))


@pytest.mark.parametrize(
    "name",
    [
        "autopilot-completed",
        "autopilot-failed",
        "transform-completed",
        "transform-failed",
        "transform-found-completed",
        "processing-completed",
        "processing-failed",
        "processing-found-completed",
        "processing-found-failed",
        "processing-not-started",
    ],
)
def test_an_event_of_a_job_gives_its_run(name: str, load_event: Load) -> None:
    assert parse_job_name(load_event(name)) == RUN


@pytest.mark.parametrize(
    "tags", [{}, {"project": "x"}, [], [{"Key": "project", "Value": "x"}], None, "no tags"]
)
def test_tags_come_in_any_shape(tags: object, load_event: Load) -> None:
    event = load_event("transform-completed")
    event["detail"]["Tags"] = tags

    assert parse_job_name(event) == RUN


@pytest.mark.parametrize("when", [None, 1696427182554, 1592411992203.0, "1583831889050", "soon"])
def test_times_come_in_any_shape(when: object, load_event: Load) -> None:
    event = load_event("transform-completed")
    event["detail"]["TransformEndTime"] = event["detail"]["CreationTime"] = when

    assert parse_job_name(event) == RUN


@pytest.mark.parametrize("member", ["TransformJobName", "ProcessingJobName", "run_id"])
def test_an_event_may_lack_all_but_the_name(member: str) -> None:
    assert parse_job_name({"detail": {member: RUN}}) == RUN


@pytest.mark.parametrize("member", ["TransformJobName", "ProcessingJobName"])
@pytest.mark.parametrize(
    "name", ["ad-mine", "db-1-0a1b2c", f"{RUN}-x", RUN.upper(), "../../etc", f"{RUN}\n"]
)
def test_a_job_of_somebody_else_is_nobody_s_run(name: str, member: str) -> None:
    assert parse_job_name({"detail": {member: name}}) is None


@pytest.mark.parametrize(
    "event", [{}, {"detail": None}, {"detail": {}}, {"detail": {"run_id": 7}}, {"detail": [RUN]}]
)
def test_an_event_without_a_name_is_malformed(event: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        parse_job_name(event)


def test_our_own_events_are_what_the_files_say(load_event: Load) -> None:
    run = a_run()
    for event, name in (
        (job_changed(run, "Completed"), "autopilot-completed"),
        (job_changed(run, "Failed"), "autopilot-failed"),
        (transform_changed(run, "Completed"), "transform-found-completed"),
        (processing_changed(run, "Completed"), "processing-found-completed"),
        (processing_changed(run, "Failed"), "processing-found-failed"),
        (processing_changed(run, NOT_STARTED), "processing-not-started"),
    ):
        file = load_event(name)

        assert event.detail_type == file["detail-type"]
        assert event.detail == {**file["detail"], "run_id": run.run_id}


def test_an_ended_run_is_told_whole() -> None:
    run = a_run(state=RunState.REJECTED, code="NO_ROWS", reason="No rows.")

    assert run_changed(run).detail == {
        "run_id": run.run_id,
        "bucket": "data-bucket",
        "dataset": "bank",
        "state": "REJECTED",
        "code": "NO_ROWS",
        "reason": "No rows.",
        "headline": None,
        "folder": f"s3://data-bucket/{run.folder.prefix}",
    }


@pytest.mark.parametrize("name", ["run-completed", "run-rejected"])
def test_an_ended_run_is_told_as_the_file_says(name: str, load_event: Load) -> None:
    file = load_event(name)
    told = file["detail"]
    drop = parse_drop(load_event("dataset-dropped"))
    result = {each: told[each] for each in ("code", "reason", "headline")}
    run = Run(RUN, drop, RunState(told["state"]), NOON, **result)

    event = run_changed(run)

    assert (event.detail_type, event.detail) == (file["detail-type"], told)
    assert parse_run_ended(file) == RUN


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"detail-type": "Run State Change", "detail": {"run_id": "ad-mine"}},
        {"detail-type": "Run State Change", "detail": {}},
        {"detail-type": "Autopilot Job State Change", "detail": {"run_id": RUN}},
    ],
)
def test_what_tells_of_no_run_of_ours_that_ended_is_malformed(event: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        parse_run_ended(event)


@pytest.mark.parametrize(
    ("name", "look"),
    [
        ("watch-runs-tick", True),
        ("training-job-ended", True),
        ("processing-job-ended", True),
        # `watch_runs` gets it as well, and sends ours in its place.
        ("processing-completed", True),
        ("processing-failed", True),
        ("processing-found-completed", False),
        ("processing-not-started", False),
        ("tuning-job-ended", True),
        ("transform-completed", False),
        ("autopilot-completed", False),
        ("run-completed", False),
        ("dataset-dropped", False),
    ],
)
def test_looks_are_told_from_events_about_a_run(name: str, look: bool, load_event: Load) -> None:
    assert is_only_a_look(load_event(name)) is look


def test_lambda_s_failure_record_holds_event_error_and_request(load_event: Load) -> None:
    record = load_event("failure-queue")["Records"][0]

    failed = parse_failed_delivery(record["body"], record["messageAttributes"])

    assert failed.event == load_event("dataset-dropped")
    assert failed.error == "ZeroDivisionError: division by zero"
    assert failed.error_kind == "ZeroDivisionError"
    assert failed.request_id == "e4b46cbf-b738-4e25-8880-a18cdf61200e"
    assert "PrepareDatasetFunction" in str(failed.function_arn)


def test_eventbridge_s_dead_letter_holds_event_and_reason(load_event: Load) -> None:
    record = load_event("failure-queue-undelivered")["Records"][0]

    failed = parse_failed_delivery(record["body"], record["messageAttributes"])

    assert failed == FailedDelivery(
        load_event("dataset-prepared"),
        "EventBridge could not deliver: Lambda function is not allowed to be invoked by the rule.",
    )


@pytest.mark.parametrize(
    ("response", "error"),
    [
        ({"errorMessage": "2026-01-02T03:04:05Z Task timed out"}, "RetriesExhausted: 2026"),
        ({"errorType": "Runtime.ExitError"}, "Runtime.ExitError"),
        (None, "RetriesExhausted"),
        ("a text", "RetriesExhausted"),
        ([], "RetriesExhausted"),
    ],
)
def test_a_failure_record_may_say_little(response: object, error: str) -> None:
    body = {
        "requestContext": {"condition": "RetriesExhausted"},
        "requestPayload": {"source": "aws.s3"},
        "responsePayload": response,
    }

    assert parse_failed_delivery(json.dumps(body)).error.startswith(error)


@pytest.mark.parametrize("attributes", [None, {}, {"ERROR_CODE": {"stringValue": "NO_RESOURCE"}}])
def test_a_dead_letter_may_say_little(attributes: dict[str, Any] | None) -> None:
    body = json.dumps({"detail-type": "Object Created", "source": "aws.s3"})

    error = parse_failed_delivery(body, attributes).error

    assert error.endswith("NO_RESOURCE" if attributes else "no reason given")


@pytest.mark.parametrize("body", ["", "no JSON", "7", "[]", "{}", '{"requestPayload": "text"}'])
def test_another_message_is_malformed(body: str) -> None:
    with pytest.raises(MalformedEvent):
        parse_failed_delivery(body)
