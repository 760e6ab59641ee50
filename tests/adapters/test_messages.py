"""The event bus and the topic take what we send, and say so when they do not."""

from __future__ import annotations

import json

import pytest
from botocore.stub import Stubber

from autodrop.aws.messages import DefaultEventBus, SnsOutcomeTopic
from autodrop.errors import Transient
from autodrop.events import run_changed
from autodrop.outcome import notification
from autodrop.run import RunState
from tests.adapters.conftest import shared_client
from tests.builders import a_run

TOPIC = "arn:aws:sns:us-east-1:111122223333:outcomes"


def test_an_event_goes_out_under_our_name_on_the_default_bus() -> None:
    client = shared_client("events")
    event = run_changed(a_run(state=RunState.COMPLETED, headline="roc_auc 0.95"))
    entry = {
        "Source": "autodrop",
        "DetailType": "Run State Change",
        "Detail": json.dumps(event.detail),
    }
    with Stubber(client) as stub:
        stub.add_response(
            "put_events",
            {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]},
            {"Entries": [entry]},
        )

        DefaultEventBus(client).put(event)

        stub.assert_no_pending_responses()


def test_an_event_that_the_bus_did_not_take_is_tried_again() -> None:
    client = shared_client("events")
    failed = {"ErrorCode": "ThrottlingException", "ErrorMessage": "Rate exceeded"}
    with Stubber(client) as stub:
        stub.add_response("put_events", {"FailedEntryCount": 1, "Entries": [failed]})

        with pytest.raises(Transient, match="ThrottlingException: Rate exceeded"):
            DefaultEventBus(client).put(run_changed(a_run()))


@pytest.mark.parametrize(
    ("subject", "sent"),
    [
        ("autodrop: bank completed: roc_auc 0.95", "autodrop: bank completed: roc_auc 0.95"),
        ("autodrop: " + "x" * 200, "autodrop: " + "x" * 89),
        ("autodrop: 한글 é", "autodrop: ?? ?"),
        ("autodrop: a\r\nb\tc\x00d\x7fe", "autodrop: a  b c d e"),
    ],
)
def test_a_subject_is_cut_to_what_sns_takes(subject: str, sent: str) -> None:
    client = shared_client("sns")
    with Stubber(client) as stub:
        stub.add_response(
            "publish",
            {"MessageId": "1"},
            {"TopicArn": TOPIC, "Subject": sent, "Message": "whole\n한글"},
        )

        SnsOutcomeTopic(client, TOPIC).publish(subject, "whole\n한글")

        stub.assert_no_pending_responses()


def test_a_throttled_notification_is_tried_again() -> None:
    client = shared_client("sns")
    with Stubber(client) as stub:
        stub.add_client_error("publish", "Throttled", http_status_code=429)
        stub.add_client_error("publish", "Throttling", http_status_code=400)

        with pytest.raises(Transient):
            SnsOutcomeTopic(client, TOPIC).publish("s", "m")
        with pytest.raises(Transient):
            SnsOutcomeTopic(client, TOPIC).publish("s", "m")


@pytest.mark.parametrize(
    ("state", "subject"),
    [
        (RunState.COMPLETED, "autodrop: bank completed: roc_auc 0.95"),
        (RunState.REJECTED, "autodrop: bank rejected: NO_ROWS"),
        (RunState.STOPPED, "autodrop: bank stopped: NO_ROWS"),
    ],
)
def test_people_are_told_how_it_ended_and_where_to_look(state: RunState, subject: str) -> None:
    run = a_run(state=state, code="NO_ROWS", reason="No rows.", headline="roc_auc 0.95")

    told = notification(run)

    folder = f"s3://data-bucket/{run.folder.prefix}"
    assert told[0] == subject
    assert (folder + ("results/" if state is RunState.COMPLETED else "failure.json")) in told[1]
    assert "All runs of bank: s3://data-bucket/runs/bank/index.html" in told[1].splitlines()
    assert f"s3://data-bucket/{run.drop.key}" in told[1]
    assert run.run_id in told[1]


def test_the_message_of_a_completed_run_answers_what_people_ask() -> None:
    details = "Is it good? Strong: ROC AUC 0.95.\nBetter than before? Within noise."
    run = a_run(state=RunState.COMPLETED, headline="roc_auc 0.95", details=details)

    _, text = notification(run)

    assert text.splitlines() == [
        "The model for bank is trained and tested: roc_auc 0.95.",
        "",
        "Is it good? Strong: ROC AUC 0.95.",
        "Better than before? Within noise.",
        "",
        f"Report: s3://data-bucket/{run.folder.results}report.html",
        f"Predictions and leaderboard: s3://data-bucket/{run.folder.results}",
        "All runs of bank: s3://data-bucket/runs/bank/index.html",
        "",
        f"Dropped file: s3://data-bucket/{run.drop.key}",
        f"Run: {run.run_id}",
    ]


def test_the_message_about_a_rejected_file_says_what_to_do() -> None:
    run = a_run(state=RunState.REJECTED, code="NO_ROWS", reason="No rows.", details="Add rows.")

    _, text = notification(run)

    assert text.splitlines()[:4] == [
        "No rows.",
        "Add rows.",
        "",
        f"Details: s3://data-bucket/{run.folder.failure}",
    ]
