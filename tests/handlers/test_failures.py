"""Jobs that fail or stop, requests that SageMaker refuses, functions that never succeed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from autodrop.errors import JobFailed, NotDelivered, Transient
from autodrop.run import Outcome, RunState
from tests.fakes import BUCKET
from tests.functions import TICK, failure_message
from tests.journey import FOLDER, RUN, Journey, event

REQUEST_ID = "e4b46cbf-b738-4e25-8880-a18cdf61200e"
OUTPUT = f"{FOLDER.inference_results}/test_data.csv.out"


def refuse(message: str) -> Callable[[Mapping[str, Any]], None]:
    """Return a call that SageMaker answers with a refusal."""

    def call(_request: Mapping[str, Any]) -> None:
        raise JobFailed("REFUSED_BY_SAGEMAKER", message)

    return call


def break_down(*_: object) -> None:
    """Do what only a bug does."""
    raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        ("Failed", RunState.FAILED, "AUTOPILOT_FAILED"),
        ("Stopped", RunState.STOPPED, "AUTOPILOT_STOPPED"),
    ],
)
def test_a_job_that_ends_badly_ends_the_run_with_sagemaker_s_reason(
    status: str, state: RunState, code: str, journey: Journey
) -> None:
    journey.to("training").world.sagemaker.end_job(RUN, status, "AlgorithmError: no signal")

    journey.wait(1)

    assert journey.state is state
    assert journey.run.code == journey.failure["code"] == code
    assert "AlgorithmError: no signal" in journey.failure["message"]
    assert journey.failure["remedy"]


REASON = "ClientError: SageMaker Clarify is not available for this account."


def test_a_job_that_failed_after_training_goes_on_with_a_warning(journey: Journey) -> None:
    journey.to("training").world.sagemaker.end_job(RUN, "Failed", REASON, candidate=True)

    journey.wait(1)
    assert journey.state is RunState.TRANSFORMING
    assert journey.world.bucket.json(FOLDER.autopilot)["failure_reason"] == REASON
    assert journey.run.job_status == f"Failed, Failed: {REASON}"

    journey.world.sagemaker.end_transform(RUN)
    journey.functions.deliver_all()

    assert journey.run.state is RunState.COMPLETED
    summary = journey.world.bucket.json(FOLDER.result("summary.json"))
    assert [REASON in each["message"] for each in summary["warnings"]].count(True) == 1
    assert REASON in journey.world.bucket.objects[FOLDER.result("report.html")].decode()
    ((_, message),) = journey.world.messages
    assert "Autopilot's job failed after training" in message


def test_the_event_of_a_job_that_failed_after_training_says_both_statuses(
    journey: Journey,
) -> None:
    journey.to("training").world.sagemaker.end_job(RUN, "Failed", REASON, candidate=True)

    journey.functions.tick()

    (told,) = journey.world.take_events()
    assert (told["detail"]["status"], told["detail"]["job_status"]) == ("Completed", "Failed")


@pytest.mark.parametrize("goal", ["training", "transforming", "transformed", "completed"])
def test_a_late_event_that_says_failed_does_not_end_a_run_that_goes_on(
    goal: str, journey: Journey
) -> None:
    journey.to(goal)
    sagemaker = journey.world.sagemaker
    sagemaker.end_job(RUN, "Failed", REASON, candidate=True)
    before = journey.state

    journey.invoke("record_failure", "autopilot-failed")

    assert journey.state is before
    assert FOLDER.failure not in journey.world.bucket.objects


@pytest.mark.parametrize(
    ("status", "candidate", "code"),
    [
        ("Failed", False, "AUTOPILOT_FAILED"),
        ("Stopped", True, "AUTOPILOT_STOPPED"),
        ("Stopped", False, "AUTOPILOT_STOPPED"),
    ],
)
def test_a_job_that_left_no_candidate_or_was_stopped_ends_the_run(
    status: str, candidate: bool, code: str, journey: Journey
) -> None:
    journey.to("training").world.sagemaker.end_job(RUN, status, REASON, candidate=candidate)

    journey.wait(1)

    assert journey.run.code == code


def test_a_job_that_failed_with_a_candidate_without_containers_ends_the_run(
    journey: Journey,
) -> None:
    sagemaker = journey.to("training").world.sagemaker
    sagemaker.end_job(RUN, "Failed", REASON, candidate=True)
    best = sagemaker.jobs[RUN].best_candidate
    assert best is not None
    sagemaker.jobs[RUN] = replace(sagemaker.jobs[RUN], best_candidate=replace(best, containers=()))

    journey.wait(1)

    assert journey.run.code == "AUTOPILOT_FAILED"


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        ("Failed", RunState.FAILED, "TRANSFORM_FAILED"),
        ("Stopped", RunState.STOPPED, "TRANSFORM_STOPPED"),
    ],
)
def test_a_transform_that_ends_badly_ends_the_run_with_sagemaker_s_reason(
    status: str, state: RunState, code: str, journey: Journey
) -> None:
    journey.to("transforming").world.sagemaker.end_transform(RUN, status, "ClientError: row 7")

    journey.functions.deliver_all()

    assert journey.state is state
    assert journey.failure["code"] == code
    assert "ClientError: row 7" in journey.failure["message"]


def test_what_describe_says_goes_before_what_the_event_says(journey: Journey) -> None:
    journey.to("training").world.sagemaker.end_job(RUN, "Stopped")

    journey.invoke("record_failure", "autopilot-failed")

    assert journey.state is RunState.STOPPED


def test_a_failed_run_lists_what_it_kept(journey: Journey) -> None:
    journey.to("transforming").world.sagemaker.end_transform(RUN, "Failed", "ClientError")

    journey.invoke("record_failure", "transform-failed")

    assert journey.failure["kept"] == sorted(
        [
            *(FOLDER.autopilot, FOLDER.dataset, FOLDER.probe_plan, FOLDER.profile),
            *(FOLDER.model_train, FOLDER.test, FOLDER.train, FOLDER.truth),
            f"{FOLDER.prefix}test/probe_rows.csv",
        ]
    )
    assert all(key in journey.world.bucket.objects for key in journey.failure["kept"])


def test_a_failure_is_told_with_its_reason_and_its_place(journey: Journey) -> None:
    journey.to("training").world.sagemaker.end_job(RUN, "Failed", "AlgorithmError: no signal")
    journey.invoke("record_failure", "autopilot-failed")

    ((subject, text),) = journey.world.messages
    assert subject == "autodrop: bank-marketing failed: AUTOPILOT_FAILED"
    assert "AlgorithmError: no signal" in text
    assert f"s3://{BUCKET}/{FOLDER.failure}" in text
    (told,) = (each for each in journey.world.events if each["source"] == "autodrop")
    assert told["detail-type"] == "Run State Change"
    assert (told["detail"]["state"], told["detail"]["code"]) == ("FAILED", "AUTOPILOT_FAILED")


def test_a_job_without_a_best_candidate_ends_the_run(journey: Journey) -> None:
    journey.to("trained")
    jobs = journey.world.sagemaker.jobs
    jobs[RUN] = replace(
        jobs[RUN], best_candidate=None, secondary_status="MaxAutoMLJobRuntimeReached"
    )

    journey.invoke("create_model", "autopilot-completed")

    assert journey.state is RunState.FAILED
    assert journey.failure["code"] == "NO_CANDIDATE"
    assert "MaxAutoMLJobRuntimeReached" in journey.failure["message"]


def test_a_best_candidate_without_containers_ends_the_run(journey: Journey) -> None:
    journey.to("trained")
    jobs = journey.world.sagemaker.jobs
    best = jobs[RUN].best_candidate
    assert best is not None
    jobs[RUN] = replace(jobs[RUN], best_candidate=replace(best, containers=()))

    journey.invoke("create_model", "autopilot-completed")

    assert journey.failure["code"] == "NO_CANDIDATE"


@pytest.mark.parametrize(
    ("goal", "call", "function", "name", "what"),
    [
        (
            "prepared",
            "create_automl_job",
            "start_autopilot",
            "dataset-prepared",
            "the AutoML job: Target",
        ),
        ("trained", "create_model", "create_model", "autopilot-completed", "the model: Target"),
        (
            "trained",
            "create_transform_job",
            "create_model",
            "autopilot-completed",
            "the batch transform: Target",
        ),
    ],
)
def test_a_request_that_sagemaker_refuses_ends_the_run_with_its_words(
    goal: str,
    call: str,
    function: str,
    name: str,
    what: str,
    journey: Journey,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    journey.to(goal)
    monkeypatch.setattr(journey.world.sagemaker, call, refuse("Target attribute is unknown."))

    journey.invoke(function, name)

    assert journey.state is RunState.FAILED
    assert journey.failure["code"] == "REFUSED_BY_SAGEMAKER"
    assert f"SageMaker refused {what}" in journey.failure["message"]


def test_a_job_of_somebody_else_under_our_name_is_not_taken_for_ours(journey: Journey) -> None:
    with Journey.begins() as other:
        foreign = other.to("training").world.sagemaker.jobs[RUN]
    journey.to("prepared")
    journey.world.sagemaker.jobs[RUN] = replace(foreign, train_uri="s3://elsewhere/train.csv")

    journey.invoke("start_autopilot", "dataset-prepared")

    assert journey.failure["code"] == "NAME_TAKEN"
    assert "AutoML job" in journey.failure["message"]


def test_a_model_of_somebody_else_under_our_name_is_not_taken_for_ours(journey: Journey) -> None:
    with Journey.begins() as other:
        foreign = other.to("transforming").world.sagemaker.models[RUN]
    container = replace(foreign.containers[0], model_data_url="s3://elsewhere/model.tar.gz")
    journey.to("trained")
    journey.world.sagemaker.models[RUN] = replace(foreign, containers=(container,))

    journey.invoke("create_model", "autopilot-completed")

    assert journey.failure["code"] == "NAME_TAKEN"
    assert "model" in journey.failure["message"]


def test_a_transform_of_somebody_else_under_our_name_is_not_taken_for_ours(
    journey: Journey,
) -> None:
    with Journey.begins() as other:
        foreign = other.to("transforming").world.sagemaker.transforms[RUN]
    journey.to("trained")
    journey.world.sagemaker.transforms[RUN] = replace(foreign, input_uri="s3://elsewhere/test.csv")

    journey.invoke("create_model", "autopilot-completed")

    assert journey.failure["code"] == "NAME_TAKEN"
    assert "transform job" in journey.failure["message"]


def test_a_transform_without_output_ends_the_run(journey: Journey) -> None:
    journey.to("transformed")
    del journey.world.bucket.objects[OUTPUT]

    journey.invoke("write_results", "transform-completed")

    assert journey.state is RunState.FAILED
    assert journey.failure["code"] == "PREDICTIONS_MISSING"


def test_a_transform_with_two_outputs_ends_the_run(journey: Journey) -> None:
    journey.to("transformed")
    objects = journey.world.bucket.objects
    objects[OUTPUT.replace("test_data", "more")] = objects[OUTPUT]

    journey.invoke("write_results", "transform-completed")

    assert journey.failure["code"] == "PREDICTIONS_MISSING"


def test_an_output_that_is_too_short_ends_the_run_with_both_counts(journey: Journey) -> None:
    journey.to("transformed")
    objects = journey.world.bucket.objects
    objects[OUTPUT] = b"".join(objects[OUTPUT].splitlines(keepends=True)[:-20])

    journey.invoke("write_results", "transform-completed")

    assert journey.failure["code"] == "PREDICTIONS_INCOMPLETE"
    assert "80 predictions for 100 rows" in journey.failure["message"]


def test_an_output_with_other_columns_ends_the_run(journey: Journey) -> None:
    journey.to("transformed")
    journey.world.bucket.objects[OUTPUT] = b"yes,0.5\n" * 100

    journey.invoke("write_results", "transform-completed")

    assert journey.failure["code"] == "PREDICTIONS_MALFORMED"


def test_a_run_that_failed_has_no_results(journey: Journey) -> None:
    journey.to("transformed")
    del journey.world.bucket.objects[OUTPUT]

    journey.invoke("write_results", "transform-completed")

    assert not [key for key in journey.world.bucket.objects if key.startswith(FOLDER.results)]


def test_a_drop_whose_function_never_succeeds_ends_with_the_request_id(journey: Journey) -> None:
    journey.invoke("record_failure", "failure-queue")

    assert journey.state is RunState.FAILED
    assert journey.failure["code"] == "INTERNAL_ERROR"
    assert "ZeroDivisionError: division by zero" in journey.failure["message"]
    assert REQUEST_ID in journey.failure["message"]


@pytest.mark.parametrize(
    ("goal", "call", "file"),
    [
        ("prepared", "create_automl_job", "dataset-prepared"),
        ("trained", "create_model", "autopilot-completed"),
        ("trained", "create_transform_job", "autopilot-completed"),
    ],
)
def test_a_function_that_always_fails_ends_the_run_through_the_failure_queue(
    goal: str, call: str, file: str, journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey.to(goal)
    monkeypatch.setattr(journey.world.sagemaker, call, break_down)

    journey.functions.deliver(event(file))

    assert journey.state is RunState.FAILED
    assert journey.failure["code"] == "INTERNAL_ERROR"
    assert not journey.run.open


def test_a_function_that_fails_twice_and_then_succeeds_leaves_no_failure(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey.to("prepared")
    create = journey.world.sagemaker.create_automl_job
    attempts: list[int] = []

    def fails_twice(request: Mapping[str, Any]) -> None:
        attempts.append(1)
        if len(attempts) < 3:
            break_down()
        create(request)

    monkeypatch.setattr(journey.world.sagemaker, "create_automl_job", fails_twice)

    journey.functions.deliver(event("dataset-prepared"))

    assert journey.state is RunState.TRAINING
    assert FOLDER.failure not in journey.world.bucket.objects


def test_a_run_goes_on_although_eventbridge_could_not_deliver_its_event(
    journey: Journey,
) -> None:
    journey.to("prepared")

    journey.invoke("record_failure", "failure-queue-undelivered")

    assert journey.state is RunState.PREPARED


def test_a_run_goes_on_although_aws_was_throttling_for_longer_than_lambda_tries(
    journey: Journey,
) -> None:
    journey.to("training").world.sagemaker.end_job(RUN)
    message = failure_message(event("autopilot-completed"), Transient("Rate exceeded"))

    journey.functions.invoke("record_failure", message)

    assert journey.state is RunState.TRAINING


def test_a_model_that_finds_no_room_waits_for_it(journey: Journey) -> None:
    world = journey.to("training").world
    world.sagemaker.end_job(RUN)
    world.sagemaker.model_quota = 0

    journey.invoke("create_model", "autopilot-completed")

    assert journey.state is RunState.TRAINING
    assert "models" in (journey.run.waiting_for or "")


def test_a_job_created_for_a_run_that_ended_meanwhile_is_stopped(journey: Journey) -> None:
    world = journey.to("prepared").world
    create = world.sagemaker.create_automl_job

    def create_while_the_run_ends(request: Mapping[str, Any]) -> None:
        create(request)
        world.ledger.advance(RUN, RunState.STOPPED, world.now, Outcome(RunState.STOPPED))

    with patch.object(world.sagemaker, "create_automl_job", create_while_the_run_ends):
        journey.invoke("start_autopilot", "dataset-prepared")

    assert world.sagemaker.jobs[RUN].status == "Stopping"


def test_sagemaker_s_reason_goes_before_our_own_failure(journey: Journey) -> None:
    journey.to("training").world.sagemaker.end_job(RUN, "Failed", "AlgorithmError: no signal")
    message = failure_message(event("autopilot-failed"), ZeroDivisionError("division by zero"))

    journey.functions.invoke("record_failure", message)

    assert journey.failure["code"] == "AUTOPILOT_FAILED"


@pytest.mark.parametrize(
    ("goal", "file"),
    [
        ("prepared", "dataset-dropped"),
        ("training", "dataset-dropped"),
        ("training", "dataset-prepared"),
        ("transforming", "dataset-prepared"),
        ("transforming", "autopilot-completed"),
        ("completed", "transform-completed"),
        ("completed", "dataset-dropped"),
    ],
)
def test_a_late_failure_of_an_event_that_was_handled_meanwhile_changes_nothing(
    goal: str, file: str, journey: Journey
) -> None:
    journey.to(goal)
    before = journey.snapshot()

    journey.functions.invoke(
        "record_failure", failure_message(event(file), ZeroDivisionError("division by zero"))
    )

    assert journey.snapshot() == before


@pytest.mark.parametrize("look", [TICK, event("training-job-ended"), event("processing-job-ended")])
def test_a_failed_look_at_the_runs_ends_none_of_them(
    look: dict[str, Any], journey: Journey
) -> None:
    journey.to("training")
    before = journey.snapshot()

    result = journey.functions.invoke("record_failure", failure_message(look, KeyError("x")))

    assert result == {"batchItemFailures": []}
    assert journey.snapshot() == before


@pytest.mark.parametrize("key", ["inbox/bank-marketing/autodrop.yaml", "inbox/bank-marketing/"])
def test_a_failed_delivery_of_settings_makes_no_run(key: str, journey: Journey) -> None:
    undelivered = event("dataset-dropped")
    undelivered["detail"]["object"]["key"] = key

    journey.functions.invoke("record_failure", failure_message(undelivered, KeyError("x")))

    assert journey.world.ledger.items == {}
    assert journey.world.messages == []


@pytest.mark.parametrize(
    "body",
    [
        "not JSON",
        "[]",
        "{}",
        json.dumps({"requestPayload": {"source": "aws.s3", "detail": None}}),
        json.dumps({"requestPayload": {"source": "nobody", "detail": {}}}),
        json.dumps({"requestPayload": {"source": "aws.s3"}, "responsePayload": "a text"}),
    ],
)
def test_one_message_that_nobody_understands_does_not_keep_the_others(
    body: str, journey: Journey, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    batch = event("failure-queue")
    bad = {**batch["Records"][0], "messageId": "bad", "body": body}
    batch["Records"].insert(0, bad)

    result = journey.functions.invoke("record_failure", batch)

    assert result == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert journey.state is RunState.FAILED
    assert [line["level"] for line in log_lines()] == ["WARNING", "INFO"]


def test_a_batch_of_which_nothing_is_understood_goes_back_whole(journey: Journey) -> None:
    batch = event("failure-queue")
    batch["Records"] = [
        {**batch["Records"][0], "messageId": name, "body": "not JSON"} for name in ("a", "b")
    ]

    result = journey.functions.invoke("record_failure", batch)

    assert result == {"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "b"}]}


def test_a_message_comes_back_when_recording_is_throttled(journey: Journey) -> None:
    journey.world.throttle_next = True

    result = journey.invoke("record_failure", "failure-queue")

    assert len(result["batchItemFailures"]) == 1


def test_a_topic_that_is_gone_does_not_keep_a_run_open(journey: Journey) -> None:
    journey.to("transformed")

    with patch.object(journey.world.services.topic, "publish", side_effect=NotDelivered("gone")):
        journey.invoke("write_results", "transform-completed")

    assert journey.state is RunState.COMPLETED
    assert not journey.run.open
