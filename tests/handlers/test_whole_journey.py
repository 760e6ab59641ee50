"""From drop to results by the event files; delivered twice, late, and out of order."""

from __future__ import annotations

from typing import Any

import pytest

from autodrop.preparation.prepare import prepare
from autodrop.run import RunState
from autodrop.steps import prepare_dataset
from tests.fakes import table
from tests.functions import MODULES
from tests.journey import DROPPED, FOLDER, RUN, SCENES, STEPS, Journey, event

RESULTS = ("summary.json", "leaderboard.csv", "predictions.csv", "report.html")
JOB_EVENTS = [
    ("start_autopilot", "dataset-prepared"),
    ("create_model", "autopilot-completed"),
    ("record_failure", "autopilot-failed"),
    ("record_failure", "transform-failed"),
    ("write_results", "transform-completed"),
    ("write_results", "transform-found-completed"),
    ("write_dataset_page", "run-completed"),
]


def test_the_event_files_lead_a_drop_to_its_results(journey: Journey) -> None:
    journey.to("listed")

    assert journey.state is RunState.COMPLETED
    assert not journey.run.open
    for name in RESULTS:
        assert FOLDER.result(name) in journey.world.bucket.objects
    assert FOLDER.failure not in journey.world.bucket.objects
    assert RUN in journey.world.bucket.objects[FOLDER.index].decode()


def test_the_world_s_own_events_lead_a_drop_to_its_results(journey: Journey) -> None:
    world, functions = journey.world, journey.functions
    world.drop("inbox/other/file.csv", table())
    functions.deliver_all()
    (run_id,) = world.ledger.items

    world.sagemaker.end_job(run_id)
    journey.wait(1)
    world.sagemaker.end_transform(run_id)
    functions.deliver_all()

    assert world.ledger.items[run_id].state is RunState.COMPLETED


def test_preparation_that_is_remembered_is_preparation_that_is_done_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Journey.begins() as first:
        first.to("prepared")
    with Journey.begins() as again, monkeypatch.context() as patches:
        patches.setattr(prepare_dataset, "prepare", prepare)
        again.to("prepared")

    assert again.snapshot() == first.snapshot()


def test_an_outcome_is_announced_once(journey: Journey) -> None:
    journey.to("transformed").invoke("write_results", "transform-completed")
    sent = journey.world.take_events()
    journey.wait().wait()

    told = [each for each in sent if each["detail-type"] == "Run State Change"]
    assert [each["detail"]["state"] for each in told] == ["COMPLETED"]
    assert journey.world.take_events() == []
    ((subject, text),) = journey.world.messages
    assert subject.startswith("autodrop: bank-marketing completed: ROC AUC 0.")
    assert f"s3://data-bucket/{FOLDER.results}" in text


def test_two_deliveries_at_the_same_time_announce_one_outcome(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey.to("transformed")
    write = journey.world.bucket.write

    def write_while_another_one_does_all(key: str, content: bytes, content_type: str) -> None:
        monkeypatch.setattr(journey.world.bucket, "write", write)
        journey.invoke("write_results", "transform-completed")
        write(key, content, content_type)

    monkeypatch.setattr(journey.world.bucket, "write", write_while_another_one_does_all)
    journey.invoke("write_results", "transform-completed")

    assert journey.state is RunState.COMPLETED
    assert len(journey.world.messages) == 1


def test_every_step_enters_its_state_once(journey: Journey) -> None:
    journey.to("completed")

    assert journey.world.ledger.history == [
        (RUN, state)
        for state in (
            RunState.RECEIVED,
            RunState.PREPARED,
            RunState.TRAINING,
            RunState.TRANSFORMING,
            RunState.COMPLETED,
        )
    ]


@pytest.mark.parametrize("name", SCENES)
def test_an_event_that_comes_twice_changes_nothing_the_second_time(name: str) -> None:
    scene = SCENES[name]
    with scene.opens() as journey:
        scene.play(journey)
        once = journey.snapshot()
        told = list(journey.world.messages)

        scene.play(journey)

        assert journey.snapshot() == once
        assert journey.world.messages == told


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({each.event for each in SCENES.values()}))
def test_an_event_that_comes_after_the_end_changes_nothing(name: str, journey: Journey) -> None:
    journey.to("listed")
    ended = journey.snapshot()

    for scene in SCENES.values():
        if scene.event == name:
            scene.play(journey)

    assert journey.snapshot() == ended
    assert len(journey.world.messages) == 1


@pytest.mark.parametrize(("function", "name"), JOB_EVENTS)
def test_an_event_about_a_run_that_nobody_knows_asks_sagemaker_nothing(
    function: str, name: str, journey: Journey
) -> None:
    journey.invoke(function, name)

    assert journey.world.ledger.items == {}
    assert [call for call in journey.world.calls if call.startswith("sagemaker:")] == []


@pytest.mark.parametrize(
    ("goal", "function", "name"),
    [
        ("training", "create_model", "autopilot-completed"),
        ("training", "record_failure", "autopilot-failed"),
        ("training", "write_results", "transform-completed"),
        ("trained", "record_failure", "autopilot-failed"),
        ("trained", "write_results", "transform-completed"),
        ("transforming", "write_results", "transform-completed"),
        ("transforming", "record_failure", "transform-failed"),
        ("transforming", "start_autopilot", "dataset-prepared"),
    ],
)
def test_an_event_that_comes_too_early_or_says_the_wrong_thing_is_not_believed(
    goal: str, function: str, name: str, journey: Journey
) -> None:
    journey.to(goal)
    before = journey.snapshot()

    journey.invoke(function, name)

    assert journey.snapshot() == before


def test_results_are_written_although_the_ledger_lags_behind_sagemaker(journey: Journey) -> None:
    journey.to("trained")
    lagging = journey.run
    journey.invoke("create_model", "autopilot-completed")
    journey.world.ledger.items[RUN] = lagging
    journey.world.sagemaker.end_transform(RUN)

    journey.invoke("write_results", "transform-completed")

    assert lagging.state is RunState.TRAINING
    assert journey.state is RunState.COMPLETED


@pytest.mark.parametrize("name", ["ad-bank-mar-dpp0-rpb-1-0a1b2c3d4e5f6", "db-1-0a1b2c3d"])
def test_transforms_of_autopilot_s_own_children_are_ignored(name: str, journey: Journey) -> None:
    journey.to("transforming")
    before = journey.snapshot()
    journey.world.calls.clear()
    for function, file in (
        ("write_results", "transform-completed"),
        ("record_failure", "transform-failed"),
    ):
        child = event(file)
        child["detail"]["TransformJobName"] = name

        journey.functions.invoke(function, child)

    assert journey.snapshot() == before
    assert not journey.world.calls


def test_a_new_upload_of_the_same_key_is_a_new_run(journey: Journey) -> None:
    journey.to("prepared")
    again = event("dataset-dropped")
    again["detail"]["object"]["version-id"] = "another"
    journey.world.drop(DROPPED, table(700), version="another")

    journey.functions.invoke("prepare_dataset", again)

    assert len(journey.world.ledger.items) == 2


def test_a_drop_on_a_bucket_without_versions_is_prepared(journey: Journey) -> None:
    dropped = event("dataset-dropped-unversioned")
    key = dropped["detail"]["object"]["key"]
    journey.world.bucket.put(key, table())

    journey.functions.invoke("prepare_dataset", dropped)

    (run,) = journey.world.ledger.items.values()
    assert run.state is RunState.PREPARED
    assert (run.drop.key, run.drop.version_id) == (key, None)
    assert run.run_id.startswith("ad-sales-2024-")


@pytest.mark.parametrize("key", ["inbox/bank-marketing/autodrop.yaml", "inbox/bank-marketing/"])
def test_settings_and_folders_are_no_drops(key: str, journey: Journey) -> None:
    dropped = event("dataset-dropped")
    dropped["detail"]["object"]["key"] = key

    journey.functions.invoke("prepare_dataset", dropped)

    assert not journey.world.calls


@pytest.mark.parametrize("function", sorted(set(MODULES) - {"watch_runs"}))
@pytest.mark.parametrize("malformed", [{}, {"detail": None}, {"detail": {"object": None}}])
def test_an_event_that_nobody_can_handle_is_logged_and_let_go(
    function: str, malformed: dict[str, Any], journey: Journey, log_lines: Any
) -> None:
    journey.functions.invoke(function, malformed)

    assert not journey.world.calls
    (line,) = log_lines()
    assert (line["level"], line["message"]) == ("ERROR", "Event cannot be handled")


def test_every_function_logs_one_line_with_the_run_and_the_request(log_lines: Any) -> None:
    with Journey.begins() as journey:
        journey.to("listed")

    steps = [step for step in STEPS.values() if step is not None]
    lines = log_lines()
    assert len(lines) == len(steps)
    for line in lines:
        assert line["run_id"] == RUN
        assert line["function_request_id"]
        assert line["level"] == "INFO"


def test_the_dropped_file_is_left_as_it_is(journey: Journey) -> None:
    before = journey.world.bucket.objects[DROPPED]

    journey.to("completed")

    assert journey.world.bucket.objects[DROPPED] == before
