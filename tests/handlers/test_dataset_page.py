"""The page of a dataset: written at every end of a run, whoever else writes it, and only then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from autodrop.run import Outcome, Run, RunState
from tests.builders import NOON, a_run
from tests.fakes import World, table
from tests.functions import Functions
from tests.journey import FOLDER, RUN, Journey, event

PAGE = "runs/bank/index.html"
REASON = {RunState.REJECTED: "NO_ROWS", RunState.FAILED: "NO_CANDIDATE", RunState.STOPPED: "OVER"}


def page(world: World, key: str = PAGE) -> str:
    """Return a dataset's page."""
    return world.bucket.objects[key].decode()


def write(functions: Functions, run: Run) -> None:
    """Tell of the run's end."""
    told = event("run-rejected")
    told["detail"]["run_id"] = run.run_id
    functions.invoke("write_dataset_page", told)


def ended(
    world: World, version: str, state: RunState = RunState.REJECTED, minutes: float = 0
) -> Run:
    """Return a run of the dataset that has ended, and of which nobody has been told."""
    at = NOON + timedelta(minutes=minutes)
    run = world.ledger.claim(a_run(version=version, at=at))
    assert run is not None
    world.ledger.advance(run.run_id, state, at, Outcome(state, REASON.get(state, ""), "Because."))
    return world.ledger.items[run.run_id]


def reject(journey: Journey) -> str:
    world, functions = journey.world, journey.functions
    world.drop("inbox/cities/cities.csv", b"x,y\n", version="bad")
    functions.deliver_all()
    return ">NO_ROWS<"


def fail(journey: Journey) -> str:
    return end_job(journey, "Failed", "AlgorithmError: no signal")


def stop(journey: Journey) -> str:
    return end_job(journey, "Stopped", "")


def end_job(journey: Journey, status: str, reason: str) -> str:
    world, functions = journey.world, journey.functions
    world.drop("inbox/cities/cities.csv", table(), version="good")
    functions.deliver_all()
    (run_id,) = world.ledger.items
    world.sagemaker.end_job(run_id, status, reason)
    journey.wait(1)
    return f">AUTOPILOT_{status.upper()}<"


def complete(journey: Journey) -> str:
    world, functions = journey.world, journey.functions
    world.drop("inbox/cities/cities.csv", table(), version="good")
    functions.deliver_all()
    (run_id,) = world.ledger.items
    world.sagemaker.end_job(run_id)
    journey.wait(1)
    world.sagemaker.end_transform(run_id)
    functions.deliver_all()
    return f'"./{run_id}/results/report.html"'


@pytest.mark.parametrize("end", [complete, reject, fail, stop])
def test_a_run_is_on_its_dataset_s_page_however_it_ends(
    end: Callable[[Journey], str], journey: Journey
) -> None:
    result = end(journey)

    (run_id,) = journey.world.ledger.items
    shown = page(journey.world, "runs/cities/index.html")
    assert run_id in shown
    assert result in shown


def test_the_page_has_all_runs_of_the_dataset_newest_first(
    world: World, functions: Functions
) -> None:
    first = ended(world, "v1", RunState.FAILED)
    second = ended(world, "v2", RunState.STOPPED, minutes=1)
    other = world.ledger.claim(a_run("another"))

    write(functions, first)

    shown = page(world)
    assert -1 < shown.index(second.run_id) < shown.index(first.run_id)
    assert "2 runs: 1 stopped, 1 failed." in shown
    assert other is not None
    assert other.run_id not in shown


def test_a_run_that_the_index_does_not_show_yet_is_on_the_page(
    world: World, functions: Functions
) -> None:
    world.ledger.lagging = {}
    run = ended(world, "v1")

    write(functions, run)

    assert run.run_id in page(world)


def test_a_run_that_has_ended_is_not_at_work_on_the_page_because_the_index_says_so(
    world: World, functions: Functions
) -> None:
    run, other = ended(world, "v1"), ended(world, "v2")
    at_work = replace(other, state=RunState.TRAINING)
    world.ledger.lagging = {other.run_id: at_work, run.run_id: replace(run, state=at_work.state)}

    write(functions, run)

    assert "2 runs: 2 rejected." in page(world)


def test_a_run_that_was_removed_is_not_on_the_page_because_the_index_says_so(
    world: World, functions: Functions
) -> None:
    run, removed = ended(world, "v1"), a_run(version="v2", state=RunState.TRAINING)
    world.ledger.lagging = {removed.run_id: removed}

    write(functions, run)

    assert removed.run_id not in page(world)


def test_of_two_runs_that_end_at_the_same_time_both_are_on_the_page(
    world: World, functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ended(world, "v1")
    bucket_write = world.bucket.write

    def write_after_the_other(key: str, content: bytes, content_type: str) -> None:
        monkeypatch.setattr(world.bucket, "write", bucket_write)
        second = ended(world, "v2", minutes=1)
        write(functions, second)
        assert "2 runs" in page(world)
        bucket_write(key, content, content_type)
        assert "1 run:" in page(world)

    monkeypatch.setattr(world.bucket, "write", write_after_the_other)
    write(functions, first)

    assert "2 runs: 2 rejected." in page(world)


def test_a_page_that_changes_all_the_time_is_left_to_the_events_of_the_others(
    world: World, functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ended(world, "v0")
    bucket_write = world.bucket.write
    written = []

    def write_while_another_run_ends(key: str, content: bytes, content_type: str) -> None:
        written.append(content)
        assert len(written) < 20
        bucket_write(key, content, content_type)
        ended(world, f"v{len(written)}")

    monkeypatch.setattr(world.bucket, "write", write_while_another_run_ends)
    write(functions, run)
    monkeypatch.setattr(world.bucket, "write", bucket_write)
    write(functions, run)

    assert f"{len(written) + 1} runs" in page(world)


def test_a_page_that_is_right_is_written_once(world: World, functions: Functions) -> None:
    write(functions, ended(world, "v1"))

    assert world.calls["s3:PutObject"] == 1


def test_a_summary_is_read_once_for_every_completed_run(
    world: World, functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended(world, "v1", RunState.COMPLETED)
    ended(world, "v2", RunState.COMPLETED, minutes=1)

    write(functions, ended(world, "v3", minutes=2))

    assert world.calls["s3:GetObject"] == 2


@pytest.mark.parametrize("content", [None, b"no JSON", b"[]"])
def test_a_completed_run_whose_summary_cannot_be_read_is_on_the_page_without_a_number(
    content: bytes | None, journey: Journey
) -> None:
    journey.to("completed")
    key = FOLDER.result("summary.json")
    if content is None:
        del journey.world.bucket.objects[key]
    else:
        journey.world.bucket.objects[key] = content

    journey.invoke("write_dataset_page", "run-completed")

    assert f"{journey.run.headline}, deleted since" in page(journey.world, FOLDER.index)


def test_the_page_has_the_newest_hundred_runs(world: World, functions: Functions) -> None:
    oldest, *others = (ended(world, f"v{minutes}", minutes=minutes) for minutes in range(101))

    write(functions, oldest)

    shown = page(world)
    assert oldest.run_id not in shown
    assert all(run.run_id in shown for run in others)


def test_an_event_about_a_run_that_was_removed_writes_nothing(journey: Journey) -> None:
    journey.invoke("write_dataset_page", "run-completed")

    assert FOLDER.index not in journey.world.bucket.objects


@pytest.mark.parametrize(
    "changes",
    [
        {"detail": {"run_id": "ad-mine"}},
        {"detail": {}},
        {"detail-type": "Autopilot Job State Change"},
    ],
)
def test_an_event_about_nothing_of_ours_is_logged_and_let_go(
    changes: dict[str, Any], journey: Journey, log_lines: Any
) -> None:
    journey.to("completed")
    journey.functions.invoke("write_dataset_page", event("run-completed") | changes)

    assert FOLDER.index not in journey.world.bucket.objects
    assert log_lines()[-1]["message"] == "Event cannot be handled"


def test_a_page_that_could_not_be_written_is_logged_and_ends_no_run(
    journey: Journey, log_lines: Any
) -> None:
    journey.to("completed")
    before = journey.snapshot()

    journey.functions.fail(event("run-completed"), ZeroDivisionError("a cell"))

    line = log_lines()[-1]
    assert (line["message"], line["run_id"]) == ("Dataset page not written", RUN)
    assert line["error"] == "ZeroDivisionError"
    assert journey.snapshot() == before


def test_the_next_end_puts_right_what_was_not_written(world: World, functions: Functions) -> None:
    lost = ended(world, "v1", RunState.FAILED)

    write(functions, ended(world, "v2"))

    assert lost.run_id in page(world)
