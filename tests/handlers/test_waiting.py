"""Quotas, lost events and looks that go wrong: what waits, and what goes on by itself."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from autodrop.decisions import BETWEEN_LOOKS, RENEWED_BEFORE
from autodrop.errors import Rejected, Transient
from autodrop.events import OwnEvent
from autodrop.run import RunState
from autodrop.steps import prepare_dataset as steps
from tests.fakes import Killed, World, object_created, table
from tests.functions import Functions
from tests.journey import RUN, Journey


def drops(world: World, functions: Functions, count: int) -> list[str]:
    """Drop files one after the other, and return their runs in that order."""
    for number in range(count):
        world.drop(f"inbox/set-{number}/file.csv", table())
        functions.deliver_all()
    return list(world.ledger.items)


def states(world: World) -> list[RunState]:
    """Return the states of all runs, oldest first."""
    return [run.state for run in world.ledger.items.values()]


def test_a_fifth_job_waits_and_starts_by_itself_when_one_ends(
    world: World, functions: Functions
) -> None:
    first, *_, fifth = drops(world, functions, 5)
    assert states(world) == [*[RunState.TRAINING] * 4, RunState.QUEUED]
    functions.tick()
    assert world.ledger.items[fifth].state is RunState.QUEUED

    world.sagemaker.end_job(first)
    functions.tick()

    assert world.ledger.items[fifth].state is RunState.TRAINING
    assert fifth in world.sagemaker.jobs


def test_a_waiting_run_says_what_it_waits_for(world: World, functions: Functions) -> None:
    world.quota = 0
    (run_id,) = drops(world, functions, 1)
    assert "service limit" in str(world.ledger.items[run_id].waiting_for)

    world.quota = 1
    functions.tick()

    assert world.ledger.items[run_id].waiting_for is None


def test_waiting_runs_start_in_the_order_of_their_drops(world: World, functions: Functions) -> None:
    world.quota = 0
    first, second, third = drops(world, functions, 3)

    world.quota = 2
    functions.tick()

    assert set(world.sagemaker.jobs) == {first, second}
    assert world.ledger.items[third].state is RunState.QUEUED


def test_a_look_stops_asking_for_room_at_the_first_refusal(
    world: World, functions: Functions
) -> None:
    world.quota = 0
    drops(world, functions, 3)
    world.calls.clear()

    functions.tick()

    assert world.calls["sagemaker:CreateAutoMLJobV2"] == 1


@pytest.mark.slow
def test_a_look_starts_ten_of_the_queued_runs_and_the_next_one_goes_on(
    world: World, functions: Functions
) -> None:
    world.quota = 0
    runs = drops(world, functions, 12)
    world.quota = 100

    functions.tick()
    assert list(world.sagemaker.jobs) == runs[:10]

    functions.tick()
    assert list(world.sagemaker.jobs) == runs


def test_a_run_that_is_queued_for_hours_tells_people_once_what_to_ask_for(
    world: World, functions: Functions
) -> None:
    world.quota = 0
    (run_id,) = drops(world, functions, 1)

    world.now += timedelta(hours=2, minutes=59)
    functions.tick()
    assert world.messages == []

    for _ in range(3):
        world.now += timedelta(minutes=2)
        functions.tick()

    ((subject, text),) = world.messages
    assert subject == "autodrop: set-0 waits for room in the AWS account"
    for said in (
        "SageMaker: The account-level service limit is 4 jobs.",
        "Number of concurrent Autopilot jobs",
        f"autodrop cleanup {run_id} --stop",
        "7 days",
    ):
        assert said in text
    (event,) = world.take_events()
    assert event["detail-type"] == "Run Waiting"
    assert event["detail"]["waiting_for"] == "SageMaker: The account-level service limit is 4 jobs."
    assert states(world) == [RunState.QUEUED]


def test_every_run_behind_one_that_finds_no_room_is_told_why(
    world: World, functions: Functions
) -> None:
    world.quota = 0
    runs = drops(world, functions, 3)

    world.now += timedelta(hours=4)
    functions.tick()

    assert len(world.messages) == 3
    for run_id, (_, text) in zip(runs, world.messages, strict=True):
        assert run_id in text
        assert "The account-level service limit" in text


def test_a_run_that_starts_at_last_tells_nobody_that_it_waits(
    world: World, functions: Functions
) -> None:
    world.quota = 0
    drops(world, functions, 1)
    world.now += timedelta(hours=4)
    world.quota = 1

    functions.tick()

    assert states(world) == [RunState.TRAINING]
    assert world.messages == []


def test_two_looks_at_once_tell_people_once(world: World, functions: Functions) -> None:
    world.quota = 0
    (run_id,) = drops(world, functions, 1)
    world.now += timedelta(hours=4)
    world.ledger.claim_waiting_notice(run_id, RunState.QUEUED)

    functions.tick()

    assert world.messages == []


def test_a_notice_that_could_not_be_sent_is_sent_by_the_next_look(
    world: World, functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.quota = 0
    drops(world, functions, 1)
    world.now += timedelta(hours=4)

    def throttled(subject: str, message: str) -> None:
        raise Transient("ThrottlingException: Rate exceeded")

    with monkeypatch.context() as patch:
        patch.setattr(world.services.topic, "publish", throttled)
        functions.tick()
    assert world.messages == []

    functions.tick()

    assert len(world.messages) == 1


def test_a_run_that_waits_for_its_transform_tells_people_which_quota(journey: Journey) -> None:
    journey.to("trained").world.sagemaker.transform_quota = 0
    journey.wait(1)
    assert journey.run.waiting_for is not None

    for _ in range(3):
        journey.wait(90)

    ((_, text),) = journey.world.messages
    assert "ml.m5.4xlarge for transform job usage" in text
    assert "24 hours" in text


def test_a_run_that_waits_for_its_processing_job_tells_people_which_quota(
    journey: Journey,
) -> None:
    journey.large().world.sagemaker.processing_quota = 0
    journey.invoke("prepare_dataset", "dataset-dropped")

    for _ in range(3):
        journey.wait(90)

    ((_, text),) = journey.world.messages
    assert "ml.m5.4xlarge for processing job usage" in text


def test_nobody_waits_in_the_queue_for_ever(world: World, functions: Functions) -> None:
    world.quota = 0
    (run_id,) = drops(world, functions, 1)
    world.now += timedelta(hours=4)
    functions.tick()

    world.now += timedelta(days=7)
    functions.tick()

    run = world.ledger.items[run_id]
    assert (run.state, run.code) == (RunState.FAILED, "QUEUE_TIMEOUT")
    assert "service limit" in str(run.reason)
    assert not run.open


def test_a_run_that_nobody_looked_at_for_days_is_tried_before_it_is_given_up(
    world: World, functions: Functions
) -> None:
    world.quota = 0
    drops(world, functions, 1)
    world.quota = 1
    world.now += timedelta(days=8)

    functions.tick()

    assert states(world) == [RunState.TRAINING]


def test_a_run_goes_on_although_its_dataset_event_never_came(journey: Journey) -> None:
    journey.to("prepared")

    journey.wait(3)

    assert journey.state is RunState.TRAINING


def test_a_run_goes_on_although_its_transform_event_never_came(journey: Journey) -> None:
    journey.to("transformed")

    journey.wait(3)

    assert journey.state is RunState.COMPLETED


def test_a_transform_event_has_two_minutes_to_come(journey: Journey) -> None:
    journey.to("transformed")

    journey.wait(1)

    assert journey.state is RunState.TRANSFORMING


def test_a_completed_job_is_told_once_and_not_again_every_minute(journey: Journey) -> None:
    journey.to("trained")

    for _ in range(4):
        journey.world.now += timedelta(minutes=1)
        journey.functions.tick()

    (told,) = journey.world.take_events()
    assert told["detail"] == {"run_id": RUN, "bucket": "data-bucket", "status": "Completed"}


def test_a_completed_job_is_told_again_when_nothing_came_of_it(journey: Journey) -> None:
    journey.to("trained").functions.tick()
    journey.world.take_events()

    journey.wait(6)

    assert journey.state is RunState.TRANSFORMING


def test_a_look_remembers_what_autopilot_is_at(journey: Journey) -> None:
    journey.to("training").functions.tick()

    assert journey.run.job_status == "InProgress, Starting"


def test_a_transform_without_room_waits_and_starts_by_itself(journey: Journey) -> None:
    journey.to("trained").world.sagemaker.transform_quota = 0
    journey.invoke("create_model", "autopilot-completed")
    assert journey.run.state is RunState.TRAINING
    assert "0 Instances" in str(journey.run.waiting_for)

    journey.world.sagemaker.transform_quota = 1
    journey.wait().wait()

    assert journey.state is RunState.TRANSFORMING


def test_a_transform_without_room_for_a_day_ends_the_run(journey: Journey) -> None:
    journey.to("trained").world.sagemaker.transform_quota = 0
    journey.wait(1)

    journey.wait(25 * 60)

    assert journey.state is RunState.FAILED
    assert journey.failure["code"] == "TRANSFORM_NEVER_STARTED"
    assert "0 Instances" in journey.failure["message"]


def test_a_throttled_look_at_one_run_does_not_keep_the_others_waiting(
    world: World, functions: Functions
) -> None:
    first, second = drops(world, functions, 2)
    world.sagemaker.end_job(first)
    world.sagemaker.end_job(second)
    describe = world.sagemaker.describe_automl_job

    def throttled(name: str) -> object:
        if name == first:
            raise Transient("ThrottlingException: Rate exceeded")
        return describe(name)

    world.sagemaker.describe_automl_job = throttled  # type: ignore[method-assign,assignment]
    functions.tick()

    assert [each["detail"]["run_id"] for each in world.take_events()] == [second]


def test_a_bug_in_one_run_does_not_keep_the_others_waiting(
    world: World, functions: Functions
) -> None:
    first, second = drops(world, functions, 2)
    world.sagemaker.end_job(second)
    describe = world.sagemaker.describe_automl_job

    def broken(name: str) -> object:
        if name == first:
            raise ZeroDivisionError("a bug")
        return describe(name)

    world.sagemaker.describe_automl_job = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(ZeroDivisionError, match="a bug"):
        functions.tick()

    assert [each["detail"]["run_id"] for each in world.take_events()] == [second]


def test_an_ended_run_that_nobody_was_told_of_is_announced(journey: Journey) -> None:
    journey.to("transformed")

    def throttled(subject: str, message: str) -> None:
        raise Transient("ThrottlingException: Rate exceeded")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journey.world.services.topic, "publish", throttled)
        with pytest.raises(Transient):
            journey.invoke("write_results", "transform-completed")
    assert journey.state is RunState.COMPLETED
    assert journey.run.open

    journey.wait(3)

    assert not journey.run.open
    assert len(journey.world.messages) == 1


def test_a_look_beside_another_one_does_nothing(journey: Journey) -> None:
    journey.to("trained")
    ledger = journey.world.ledger
    held = ledger.take_lease(journey.world.now, journey.world.now + timedelta(minutes=5))
    assert held is not None

    journey.functions.tick()
    assert journey.world.take_events() == []

    ledger.end_lease(held)
    journey.functions.tick()
    assert len(journey.world.take_events()) == 1


def test_a_look_that_comes_too_soon_waits_for_its_turn(journey: Journey) -> None:
    journey.to("training").functions.tick()
    first = journey.world.now
    journey.world.sagemaker.end_job(RUN)

    journey.functions.tick()

    assert journey.world.now - first == BETWEEN_LOOKS
    assert len(journey.world.take_events()) == 1


def test_a_long_look_keeps_its_lease(world: World, functions: Functions) -> None:
    drops(world, functions, 4)
    describe, left = world.sagemaker.describe_automl_job, []

    def slow(name: str) -> object:
        assert world.ledger.lease is not None
        left.append(world.ledger.lease.until - world.now)
        world.now += timedelta(seconds=50)
        return describe(name)

    world.sagemaker.describe_automl_job = slow  # type: ignore[method-assign,assignment]
    functions.tick()

    assert len(left) == 4
    assert min(left) > RENEWED_BEFORE


def test_a_look_whose_lease_somebody_else_has_by_now_ends(
    world: World, functions: Functions
) -> None:
    drops(world, functions, 4)
    describe, looked_at = world.sagemaker.describe_automl_job, []

    def too_slow(name: str) -> object:
        looked_at.append(name)
        world.now += timedelta(minutes=2)
        assert world.ledger.take_lease(world.now, world.now + timedelta(minutes=5)) is not None
        return describe(name)

    world.sagemaker.describe_automl_job = too_slow  # type: ignore[method-assign,assignment]
    functions.tick()

    assert len(looked_at) == 1


def test_a_look_that_dies_keeps_the_others_out_for_two_minutes_at_most(journey: Journey) -> None:
    journey.to("trained").world.kill_after = 2
    with pytest.raises(Killed):
        journey.functions.tick()

    journey.wait(1)
    assert not journey.world.sagemaker.transforms
    journey.wait(2)

    assert journey.state is RunState.TRANSFORMING


def test_an_event_that_could_not_be_put_comes_after_five_minutes(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey.to("trained")

    def throttled(_: OwnEvent) -> None:
        raise Transient("ThrottlingException: Rate exceeded")

    with monkeypatch.context() as patch:
        patch.setattr(journey.world.services.events, "put", throttled)
        journey.functions.tick()

    journey.wait(4)
    assert not journey.world.sagemaker.transforms
    journey.wait(2)

    assert journey.state is RunState.TRANSFORMING


def test_what_another_look_announces_meanwhile_is_not_announced_twice(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = journey.to("trained").world.ledger
    runs = ledger.open_runs()
    now = journey.world.now
    ledger.claim_announcement(RUN, "job Completed", now, now - timedelta(minutes=5))
    # The index of open runs may lag behind.
    monkeypatch.setattr(ledger, "open_runs", lambda: runs)

    journey.functions.tick()

    assert journey.world.take_events() == []


def test_a_look_with_no_open_runs_asks_sagemaker_nothing(journey: Journey) -> None:
    journey.to("completed").world.calls.clear()

    journey.functions.tick()

    assert {call.partition(":")[0] for call in journey.world.calls} == {"dynamodb"}


def test_a_new_drop_queues_up_behind_those_that_wait(world: World, functions: Functions) -> None:
    first, *_, fifth = drops(world, functions, 5)
    world.sagemaker.end_job(first)

    world.drop("inbox/late/file.csv", table())
    functions.deliver_all()
    functions.tick()

    late = next(run for run in world.ledger.items.values() if run.dataset == "late")
    assert world.ledger.items[fifth].state is RunState.TRAINING
    assert late.state is RunState.QUEUED


def test_a_waiting_run_whose_dataset_is_gone_holds_up_nobody(
    world: World, functions: Functions
) -> None:
    world.quota = 0
    first, second = drops(world, functions, 2)
    del world.bucket.objects[world.ledger.items[first].folder.dataset]
    world.quota = 4

    functions.tick()

    assert world.ledger.items[first].code == "DATASET_GONE"
    assert world.ledger.items[second].state is RunState.TRAINING


def test_a_late_event_does_not_bring_back_a_run_that_was_cleaned_up(journey: Journey) -> None:
    journey.to("completed").world.ledger.remove(RUN, journey.world.now)

    journey.invoke("prepare_dataset", "dataset-dropped")

    assert RUN not in journey.world.ledger.items


def test_a_repeated_start_of_a_training_run_does_not_queue_up(
    world: World, functions: Functions
) -> None:
    first, *_ = drops(world, functions, 5)
    folder = world.ledger.items[first].folder

    functions.invoke("start_autopilot", object_created(folder.dataset, 1, "again"))

    assert world.ledger.items[first].state is RunState.TRAINING
    assert world.ledger.items[first].waiting_for is None


def test_a_preparation_is_heard_of_while_it_lasts(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[object] = []
    often = Event()
    note = journey.world.ledger.note

    def listening(run_id: str, **facts: Any) -> None:
        note(run_id, **facts)
        heard.append(facts["working_at"])
        if len(heard) == 3:
            often.set()

    def lasting(*_: object) -> None:
        assert often.wait(60)
        raise Rejected("EMPTY_FILE", "It is empty.", "Fill it.")

    monkeypatch.setattr(journey.world.ledger, "note", listening)
    monkeypatch.setattr(steps, "_HEARD_EVERY_SECONDS", 0.001)
    monkeypatch.setattr(steps, "_prepare", lasting)

    journey.invoke("prepare_dataset", "dataset-dropped")

    assert journey.run.code == "EMPTY_FILE"
    assert len(heard) >= 3


def test_a_preparation_that_was_killed_ends_after_minutes(journey: Journey) -> None:
    journey.world.kill_after = 4
    with suppress(Killed):
        journey.invoke("prepare_dataset", "dataset-dropped")
    journey.world.kill_after = None

    journey.wait(9)
    assert journey.state is RunState.RECEIVED
    journey.wait(2)

    assert (journey.state, journey.run.code) == (RunState.FAILED, "PREPARATION_LOST")
    assert "for 11 minutes" in (journey.run.reason or "")
