"""A thousand open runs, whose jobs' own jobs send events all the time."""

from __future__ import annotations

from bisect import bisect_left
from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from autodrop.run import RunState
from autodrop.sagemaker_jobs import AutoMLJob
from tests.builders import a_run
from tests.fakes import World
from tests.functions import TICK, Functions

RUNS = 1_000
MINUTE = timedelta(minutes=1)
MOST_A_MINUTE = 300
CHILD_ENDED = {
    "source": "aws.sagemaker",
    "detail-type": "SageMaker Training Job State Change",
    "detail": {"TrainingJobName": "ad-child", "TrainingJobStatus": "Completed"},
}


def crowded(state: RunState = RunState.TRAINING) -> World:
    """Return a world with a thousand runs whose jobs are under way."""
    world = World()
    for number in range(RUNS):
        at = world.now + timedelta(seconds=number)
        run = a_run(version=f"v{number}", state=state, at=at)
        world.ledger.items[run.run_id] = run
        world.sagemaker.jobs[run.run_id] = AutoMLJob(
            run.run_id, "InProgress", "TrainingModels", "s3://b/t", at
        )
    world.now += timedelta(hours=1)
    return world


def describes(world: World, monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """Return the times of the Describe calls, which come in while time goes by."""
    times: list[datetime] = []
    before = world.before

    def count(call: str) -> None:
        if call.startswith("sagemaker:Describe"):
            times.append(world.now)
        before(call)

    monkeypatch.setattr(world, "before", count)
    return times


def busiest_minute(times: list[datetime]) -> int:
    """Return how many of the times lie in the minute that has most of them."""
    return max(bisect_left(times, time + MINUTE) - i for i, time in enumerate(times))


def run_for(world: World, functions: Functions, minutes: int, events_a_minute: int) -> None:
    """Let time go by with the schedule and so many events of child jobs a minute."""
    end = world.now + minutes * MINUTE
    tick = world.now
    while world.now < end:
        if world.now >= tick:
            tick += MINUTE
            functions.invoke("watch_runs", TICK)
        for _ in range(events_a_minute // 60):
            functions.invoke("watch_runs", CHILD_ENDED)
        world.now += timedelta(seconds=1)


@pytest.mark.parametrize("events_a_minute", [0, 60, 600])
def test_a_thousand_runs_cost_no_more_than_300_describes_a_minute(
    events_a_minute: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = crowded()
    times = describes(world, monkeypatch)

    with Functions.in_world(world) as functions:
        run_for(world, functions, 10, events_a_minute)

    assert len(times) > RUNS
    assert busiest_minute(times) <= MOST_A_MINUTE


@pytest.mark.parametrize("events_a_minute", [0, 60])
def test_every_one_of_a_thousand_runs_is_brought_forward_within_five_minutes(
    events_a_minute: int,
) -> None:
    world = crowded()
    with Functions.in_world(world) as functions:
        run_for(world, functions, 3, events_a_minute)
        for name in world.sagemaker.jobs:
            world.sagemaker.end_job(name)
        world.take_events()
        run_for(world, functions, 5, events_a_minute)

    told = [event["detail"]["run_id"] for event in world.take_events()]
    assert set(told) == set(world.ledger.items)
    assert len(told) == RUNS


def test_a_run_that_kills_every_look_does_not_keep_the_others_from_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = crowded()
    first = min(world.ledger.items.values(), key=lambda run: run.created_at)
    describe = world.sagemaker.describe_automl_job

    class OutOfMemory(BaseException):
        """What no function survives."""

    def deadly(name: str) -> AutoMLJob | None:
        if name == first.run_id:
            raise OutOfMemory
        return describe(name)

    monkeypatch.setattr(world.sagemaker, "describe_automl_job", deadly)
    with Functions.in_world(world) as functions:
        for name in world.sagemaker.jobs:
            world.sagemaker.end_job(name)
        for _ in range(12):
            with suppress(OutOfMemory):
                functions.invoke("watch_runs", TICK)
            world.now += MINUTE

    told = {event["detail"]["run_id"] for event in world.take_events()}
    assert len(told) >= RUNS - 300
