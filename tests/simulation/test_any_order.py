"""Events in any order, repeated and lost; functions that die after any call; throttling; quotas.

Whatever happens, the end is the same: one job, one model, one transform, one result per drop.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from autodrop.run import RunState
from tests.fakes import Killed, World, table
from tests.functions import ATTEMPTS, TICK, Functions, targets

pytestmark = pytest.mark.slow

FILE = table()
LARGE_FILE = table(700)


class AnyOrder(RuleBasedStateMachine):
    """Hypothesis chooses what happens next."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(quota=2)
        self.world.limit(len(FILE))
        self.context = Functions.in_world(self.world)
        self.functions = self.context.__enter__()
        self.waiting: list[dict[str, Any]] = []
        self.failures: dict[int, int] = {}
        self.drops = 0
        self.large_drops = 0

    def teardown(self) -> None:
        try:
            self.settle()
        finally:
            self.context.__exit__(None, None, None)

    @initialize()
    def first_drop(self) -> None:
        self.drop("a")

    @rule(dataset=st.sampled_from("abc"))
    def drop(self, dataset: str) -> None:
        if self.drops < 4:
            self.drops += 1
            self.world.drop(f"inbox/{dataset}/some file+1.csv", FILE)

    @rule(dataset=st.sampled_from("abc"))
    def drop_too_much_for_a_function(self, dataset: str) -> None:
        if self.drops < 4:
            self.drops += 1
            self.large_drops += 1
            # Under a name of its own: whoever replaces a file while a job reads it is rejected.
            key = f"inbox/{dataset}/large {self.large_drops}.csv"
            self.world.drop(key, LARGE_FILE)

    @precondition(lambda self: self.waiting or self.world.events)
    @rule(data=st.data(), repeated=st.booleans(), dies_after=st.none() | st.integers(1, 8))
    def deliver_any(self, data: st.DataObject, repeated: bool, dies_after: int | None) -> None:
        self.collect()
        if not self.waiting:
            return
        at = data.draw(st.integers(0, len(self.waiting) - 1))
        event = self.waiting[at] if repeated else self.waiting.pop(at)
        for function in targets(event):
            self.invoke(function, event, dies_after)

    @rule(dies_after=st.none() | st.integers(1, 12))
    def minute_passes(self, dies_after: int | None) -> None:
        self.world.now += timedelta(minutes=1)
        self.invoke("watch_runs", TICK, dies_after)

    @rule()
    def next_call_is_throttled(self) -> None:
        self.world.throttle_next = True

    @precondition(lambda self: self.running_processing())
    @rule(data=st.data(), event_is_lost=st.booleans())
    def processing_completes(self, data: st.DataObject, event_is_lost: bool) -> None:
        self.collect()
        self.world.sagemaker.end_processing(data.draw(st.sampled_from(self.running_processing())))
        if event_is_lost:
            self.world.events.pop()

    @rule(quota=st.integers(0, 2))
    def room_for_processing_changes(self, quota: int) -> None:
        self.world.sagemaker.processing_quota = quota

    @precondition(lambda self: self.running_jobs())
    @rule(data=st.data(), status=st.sampled_from(["Completed", "Failed"]))
    def job_ends_with_a_candidate(self, data: st.DataObject, status: str) -> None:
        name = data.draw(st.sampled_from(self.running_jobs()))
        self.world.sagemaker.end_job(name, status, candidate=True)

    @precondition(lambda self: self.running_transforms())
    @rule(data=st.data(), event_is_lost=st.booleans())
    def transform_completes(self, data: st.DataObject, event_is_lost: bool) -> None:
        self.collect()
        name = data.draw(st.sampled_from(self.running_transforms()))
        self.world.sagemaker.end_transform(name)
        if event_is_lost:
            self.world.events.pop()

    @invariant()
    def never_more_than_one_of_anything_per_drop(self) -> None:
        sagemaker = self.world.sagemaker
        assert len(self.world.ledger.items) <= self.drops
        assert len(sagemaker.processing) <= self.large_drops
        for things in (
            sagemaker.processing,
            sagemaker.jobs,
            sagemaker.models,
            sagemaker.transforms,
        ):
            assert set(things) <= set(self.world.ledger.items)

    @invariant()
    def no_run_enters_a_state_twice(self) -> None:
        history = self.world.ledger.history
        assert len(history) == len(set(history))

    def settle(self) -> None:
        """Let everything that is under way end, and SageMaker's events get lost."""
        self.world.throttle_next = False
        self.world.sagemaker.processing_quota = 4
        for _ in range(60):
            self.collect()
            while self.waiting:
                event = self.waiting.pop(0)
                for function in targets(event):
                    self.invoke(function, event, None)
                self.collect()
            for name in self.running_jobs():
                self.world.sagemaker.end_job(name)
            for name in self.running_processing():
                self.world.sagemaker.end_processing(name)
                self.world.take_events()
            self.collect()
            for name in self.running_transforms():
                self.world.sagemaker.end_transform(name)
                # SageMaker's events are best effort: `watch_runs` has to find this one out.
                self.world.take_events()
            self.world.now += timedelta(minutes=3)
            self.invoke("watch_runs", TICK, None)
        runs = self.world.ledger.items
        sagemaker = self.world.sagemaker
        assert {run.state for run in runs.values()} <= {RunState.COMPLETED}
        assert len(runs) == self.drops
        assert not any(run.open for run in runs.values())
        assert set(runs) == set(sagemaker.jobs) == set(sagemaker.models)
        assert set(runs) == set(sagemaker.transforms)
        assert len(sagemaker.processing) == self.large_drops
        for run in runs.values():
            for name in ("summary.json", "leaderboard.csv", "predictions.csv", "report.html"):
                assert run.folder.result(name) in self.world.bucket.objects
            assert any(run.run_id in message for _, message in self.world.messages)
            page = self.world.bucket.objects[run.folder.index].decode()
            assert f"./{run.run_id}/results/report.html" in page

    def invoke(self, function: str, event: dict[str, Any], dies_after: int | None) -> None:
        """Call a function; when it dies or fails, Lambda's retry comes back at any time.

        The third attempt never dies: a run whose event fails for good ends as FAILED, which
        `tests/handlers` is about.
        """
        failures = self.failures.get(id(event), 0)
        last = failures >= ATTEMPTS - 1
        self.world.kill_after = None if last else dies_after
        if last:
            self.world.throttle_next = False
        try:
            self.functions.invoke(function, event)
        except (Killed, Exception):  # noqa: BLE001 - whatever it is, Lambda tries again
            assert not last, "the last attempt failed although nothing was in its way"
            if event is not TICK:
                self.failures[id(event)] = failures + 1
                self.waiting.append(event)
        finally:
            self.world.kill_after = None

    def collect(self) -> None:
        self.waiting.extend(event for event in self.world.take_events() if targets(event))

    def running_processing(self) -> list[str]:
        processing = self.world.sagemaker.processing
        return [name for name, job in processing.items() if job.status == "InProgress"]

    def running_jobs(self) -> list[str]:
        jobs = self.world.sagemaker.jobs
        return [name for name, job in jobs.items() if job.status == "InProgress"]

    def running_transforms(self) -> list[str]:
        transforms = self.world.sagemaker.transforms
        return [name for name, job in transforms.items() if job.status == "InProgress"]


def test_every_drop_ends_with_one_result_whatever_happens() -> None:
    run_state_machine_as_test(
        AnyOrder, settings=settings(max_examples=40, stateful_step_count=30, deadline=None)
    )
