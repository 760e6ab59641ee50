"""Functions that die after any call, or are throttled at any call, and are called again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autodrop.errors import Transient
from autodrop.run import RunState
from tests.fakes import Killed, World
from tests.journey import RUN, SCENES, Journey, Scene

pytestmark = pytest.mark.slow

# What is brought forward by `watch_runs` alone; the failure queue keeps its messages itself.
LOST = [
    *("start processing", "take up", "found processed", "reject large", "processing failed"),
    *("start", "create model", "write results", "found results", "job failed", "transform failed"),
]

# What ends a run.
ENDING = [
    *("reject", "reject large", "no outcome", "processing failed"),
    *("write results", "transform failed", "drop not handled", "no candidate"),
]


def settled(journey: Journey) -> dict[str, Any]:
    """Return the world after `watch_runs` has had time to put right what was left."""
    journey.wait().wait()
    return journey.snapshot()


def undisturbed(scene: Scene) -> dict[str, Any]:
    """Return the world as it comes to be when nothing goes wrong."""
    with scene.opens() as journey:
        scene.play(journey)
        return settled(journey)


@pytest.mark.parametrize("name", SCENES)
def test_a_function_that_dies_after_any_call_and_comes_again_leaves_the_same_world(
    name: str,
) -> None:
    scene = SCENES[name]
    expected = undisturbed(scene)
    deaths = 0

    for calls in _counting():
        with scene.opens() as journey:
            journey.world.kill_after = calls
            if not _dies(scene, journey):
                break
            deaths += 1
            scene.play(journey)

            assert settled(journey) == expected, f"killed after call {calls}"

    assert deaths >= 2


@pytest.mark.parametrize("name", LOST)
def test_a_run_whose_function_dies_after_any_call_and_never_comes_again_is_brought_forward(
    name: str,
) -> None:
    scene = SCENES[name]
    expected = undisturbed(scene)

    for calls in _counting():
        with scene.opens() as journey:
            journey.world.kill_after = calls
            if not _dies(scene, journey):
                break
            journey.world.take_events()

            after = settled(journey)

            assert after["runs"][RUN]["state"] == expected["runs"][RUN]["state"]
            assert after["told"] == expected["told"]


def test_a_large_file_s_job_is_started_although_the_function_died_just_before() -> None:
    scene = SCENES["prepare large"]
    states = []

    for calls in _counting():
        with scene.opens() as journey:
            journey.world.kill_after = calls
            if not _dies(scene, journey):
                break
            journey.world.take_events()

            journey.wait().wait(60)

            states.append(journey.state)
            assert (RUN in journey.world.sagemaker.processing) is (
                journey.state is RunState.PREPARING
            )
            if journey.state is RunState.FAILED:
                assert journey.failure["code"] == "PREPARATION_LOST"

    assert set(states) == {RunState.FAILED, RunState.PREPARING}


def test_a_preparation_that_never_comes_to_an_end_is_failed_within_an_hour() -> None:
    scene = SCENES["prepare"]
    states = []

    for calls in _counting():
        with scene.opens() as journey:
            journey.world.kill_after = calls
            if not _dies(scene, journey):
                break
            journey.world.take_events()

            journey.wait(60).wait()

            states.append(journey.state)
            if journey.state is RunState.FAILED:
                assert journey.failure["code"] == "PREPARATION_LOST"

    # Where `dataset.json` was written already, nothing was lost.
    assert set(states) == {RunState.FAILED, RunState.TRAINING}


@pytest.mark.parametrize("name", SCENES)
def test_a_function_that_is_throttled_at_any_call_and_comes_again_leaves_the_same_world(
    name: str,
) -> None:
    scene = SCENES[name]
    expected = undisturbed(scene)
    throttled = 0

    for call in _counting():
        with scene.opens() as journey:
            if not _throttled(scene, journey, call):
                break
            throttled += 1
            scene.play(journey)

            assert settled(journey) == expected, f"throttled at call {call}"

    assert throttled >= 2


@pytest.mark.parametrize("name", ENDING)
def test_an_outcome_is_announced_at_least_once_whenever_the_function_dies(name: str) -> None:
    scene = SCENES[name]

    for calls in _counting():
        with scene.opens() as journey:
            journey.world.kill_after = calls
            if not _dies(scene, journey):
                break
            scene.play(journey)
            journey.wait().wait()

            assert journey.state.is_end
            assert not journey.run.open
            assert any(RUN in text for _, text in journey.world.messages)


def _dies(scene: Scene, journey: Journey) -> bool:
    try:
        scene.play(journey)
    except Killed:
        return True
    journey.world.kill_after = None
    return False


def _throttled(scene: Scene, journey: Journey, at: int) -> bool:
    """Play with call number `at` throttled; return whether there was such a call."""
    world = journey.world
    throttle = _Throttle(world, at)
    world.before = throttle  # type: ignore[method-assign]
    with suppress(Transient):
        scene.play(journey)
    del world.before
    return throttle.was_reached


class _Throttle:
    def __init__(self, world: World, at: int) -> None:
        self._before = world.before
        self._left = at

    @property
    def was_reached(self) -> bool:
        return self._left <= 0

    def __call__(self, call: str) -> None:
        self._left -= 1
        if self._left == 0:
            raise Transient("ThrottlingException: Rate exceeded")
        self._before(call)


@pytest.mark.parametrize("name", ["prepare", "reject", "write results"])
def test_what_a_killed_invocation_left_on_the_disk_is_cleared_by_the_next(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = SCENES[name]
    with scene.opens() as journey:
        folder, neighbour = tmp_path / "own", tmp_path / "other"
        for place in (folder, neighbour):
            place.mkdir()
            (place / "left").write_bytes(b"x")
        journey.world.services = replace(journey.world.services, work_folder=folder)
        seen: list[bool] = []
        download = journey.world.bucket.download

        def look(key: str, path: Path, version_id: str | None = None) -> Mapping[str, str]:
            seen.append((folder / "left").exists())
            return download(key, path, version_id)

        monkeypatch.setattr(journey.world.bucket, "download", look)
        scene.play(journey)

        assert seen
        assert not any(seen)
        assert not folder.exists()
        assert (neighbour / "left").exists()


def _counting() -> Iterator[int]:
    yield from range(1, 40)
    raise AssertionError("the function makes calls without end")
