"""What a run needs next, in every state and at every time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from autodrop.decisions import WAIT, Action, Step, announcement, next_step
from autodrop.events import NOT_STARTED
from autodrop.run import ENDS, RunState
from autodrop.sagemaker_jobs import AutoMLJob, ProcessingJob, TransformJob
from tests.builders import (
    NOON,
    a_candidate,
    a_job,
    a_run,
    a_transform,
    ensembling_container,
)

SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("state", sorted(ENDS))
@pytest.mark.parametrize(
    ("passed", "action"),
    [(2 * MINUTE - SECOND, Action.WAIT), (2 * MINUTE, Action.ANNOUNCE), (HOUR, Action.ANNOUNCE)],
)
def test_an_ended_run_that_is_still_open_is_announced_when_nobody_is_at_it(
    state: RunState, passed: timedelta, action: Action
) -> None:
    assert next_step(a_run(state=state), NOON + passed).action is action


@pytest.mark.parametrize(
    ("ready", "passed", "action"),
    [
        (False, SECOND, Action.WAIT),
        (True, SECOND, Action.WAIT),
        (True, 2 * MINUTE, Action.START_JOB),
        (False, 10 * MINUTE, Action.WAIT),
        (False, 10 * MINUTE + SECOND, Action.END),
        (True, HOUR, Action.START_JOB),
    ],
)
def test_a_received_run_starts_when_its_dataset_is_there_and_ends_when_it_never_comes(
    ready: bool, passed: timedelta, action: Action
) -> None:
    step = next_step(a_run(), NOON + passed, dataset_ready=ready)

    assert step.action is action


def test_a_preparation_that_is_heard_of_may_take_as_long_as_it_does() -> None:
    run = a_run(working_at=NOON + 40 * MINUTE)

    assert next_step(run, NOON + 50 * MINUTE) == WAIT
    step = next_step(run, NOON + 53 * MINUTE)
    assert step.outcome is not None
    assert "for 13 minutes" in step.outcome.reason


def test_a_preparation_that_never_ended_is_a_failure_with_a_remedy() -> None:
    step = next_step(a_run(), NOON + HOUR)

    assert step.outcome is not None
    assert (step.outcome.state, step.outcome.code) == (RunState.FAILED, "PREPARATION_LOST")
    assert step.outcome.remedy


def a_processing_job(status: str = "InProgress", **more: Any) -> ProcessingJob:
    """Return the processing job of the run that `a_run()` gives."""
    run = a_run()
    return ProcessingJob(run.run_id, status, f"s3://data-bucket/{run.drop.key}", NOON, **more)


@pytest.mark.parametrize("status", ["InProgress", "Stopping"])
def test_a_processing_job_that_runs_is_left_alone(status: str) -> None:
    run = a_run(state=RunState.PREPARING)

    assert next_step(run, NOON + 100 * HOUR, processing=a_processing_job(status)) == WAIT


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped"])
@pytest.mark.parametrize(
    ("passed", "action"),
    [(2 * MINUTE - SECOND, Action.WAIT), (2 * MINUTE, Action.TELL_PROCESSING)],
)
def test_a_processing_job_s_own_event_has_two_minutes_before_ours_stands_in(
    status: str, passed: timedelta, action: Action
) -> None:
    step = next_step(
        a_run(state=RunState.PREPARING),
        NOON + passed,
        processing=a_processing_job(status, ended_at=NOON),
    )

    assert (step.action, step.status) == (action, "" if action is Action.WAIT else status)


def test_a_processing_job_that_does_not_say_when_it_ended_is_told_all_the_same() -> None:
    run = a_run(state=RunState.PREPARING)

    step = next_step(run, NOON + HOUR, processing=a_processing_job("Completed"))

    assert step.action is Action.TELL_PROCESSING


@pytest.mark.parametrize(
    ("passed", "step"),
    [
        (2 * MINUTE - SECOND, WAIT),
        (2 * MINUTE, Step(Action.TELL_PROCESSING, NOT_STARTED)),
        (100 * HOUR, Step(Action.TELL_PROCESSING, NOT_STARTED)),
    ],
)
def test_a_preparing_run_without_a_job_is_told_so_when_nobody_is_at_it(
    passed: timedelta, step: Step
) -> None:
    assert next_step(a_run(state=RunState.PREPARING), NOON + passed) == step


@pytest.mark.parametrize(
    ("passed", "action"), [(5 * MINUTE - SECOND, Action.WAIT), (5 * MINUTE, Action.TELL_PROCESSING)]
)
@pytest.mark.parametrize("status", [NOT_STARTED, "Completed"])
def test_what_was_told_of_a_processing_job_is_told_again_after_five_minutes(
    status: str, passed: timedelta, action: Action
) -> None:
    run = a_run(
        state=RunState.PREPARING,
        at=NOON - HOUR,
        announced=announcement(Step(Action.TELL_PROCESSING, status)),
        announced_at=NOON,
    )
    ended = a_processing_job(status, ended_at=NOON - HOUR)

    step = next_step(run, NOON + passed, processing=None if status == NOT_STARTED else ended)

    assert step.action is action


@pytest.mark.parametrize(
    ("waiting_for", "said"), [("SageMaker: 0 Instances", "0 Instances"), (None, "24 hours")]
)
def test_a_processing_job_that_never_started_says_what_it_waited_for(
    waiting_for: str | None, said: str
) -> None:
    run = a_run(
        state=RunState.PREPARING,
        waiting_for=waiting_for,
        announced=f"processing {NOT_STARTED}",
        announced_at=NOON,
    )

    step = next_step(run, NOON + 25 * HOUR)

    assert step.outcome is not None
    assert step.outcome.code == "PREPARATION_NEVER_STARTED"
    assert said in step.outcome.reason


def test_what_a_processing_job_found_is_not_waited_for_for_ever() -> None:
    run = a_run(state=RunState.PREPARING, announced="processing Completed", announced_at=NOON)

    step = next_step(
        run,
        NOON + timedelta(days=1) + SECOND,
        processing=a_processing_job("Completed", ended_at=NOON),
    )

    assert step.outcome is not None
    assert step.outcome.code == "PREPARATION_NEVER_FINISHED"


def test_a_job_that_started_at_last_has_its_time_from_its_end_on() -> None:
    run = a_run(state=RunState.PREPARING, announced=f"processing {NOT_STARTED}", announced_at=NOON)

    step = next_step(
        run,
        NOON + 30 * HOUR,
        processing=a_processing_job("Completed", ended_at=NOON + 29 * HOUR),
    )

    assert step == Step(Action.TELL_PROCESSING, "Completed")


@pytest.mark.parametrize(
    ("passed", "action"), [(2 * MINUTE - SECOND, Action.WAIT), (2 * MINUTE, Action.START_JOB)]
)
def test_a_prepared_run_is_started_when_its_event_did_not_come(
    passed: timedelta, action: Action
) -> None:
    assert next_step(a_run(state=RunState.PREPARED), NOON + passed).action is action


@pytest.mark.parametrize("passed", [timedelta(0), timedelta(days=30)])
def test_a_queued_run_is_tried_every_time(passed: timedelta) -> None:
    assert next_step(a_run(state=RunState.QUEUED), NOON + passed) == Step(Action.START_JOB)


@pytest.mark.parametrize("status", ["InProgress", "Stopping"])
def test_a_job_that_runs_is_left_alone(status: str) -> None:
    run = a_run(state=RunState.TRAINING)

    assert next_step(run, NOON + 100 * HOUR, job=a_job(status)) == WAIT


def test_a_training_run_without_a_job_is_started_again() -> None:
    assert next_step(a_run(state=RunState.TRAINING), NOON) == Step(Action.START_JOB)


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped"])
def test_a_job_that_ended_is_told_with_its_status(status: str) -> None:
    step = next_step(a_run(state=RunState.TRAINING), NOON, job=a_job(status, ended_at=NOON))

    assert step == Step(Action.TELL_JOB, status)


def test_a_job_that_failed_after_training_is_told_as_completed() -> None:
    best = a_candidate(containers=(ensembling_container(),))
    job = a_job("Failed", ended_at=NOON, best_candidate=best)

    step = next_step(a_run(state=RunState.TRAINING), NOON, job=job)

    assert step == Step(Action.TELL_JOB, "Completed", "Failed")


@pytest.mark.parametrize(
    ("passed", "action"), [(5 * MINUTE - SECOND, Action.WAIT), (5 * MINUTE, Action.TELL_JOB)]
)
def test_what_was_told_of_a_job_is_told_again_after_five_minutes(
    passed: timedelta, action: Action
) -> None:
    run = a_run(state=RunState.TRAINING, announced="job Completed", announced_at=NOON)

    step = next_step(run, NOON + passed, job=a_job("Completed", ended_at=NOON))

    assert step.action is action


def test_another_status_than_the_one_told_is_told_at_once() -> None:
    run = a_run(state=RunState.TRAINING, announced="job Completed", announced_at=NOON)

    assert next_step(run, NOON, job=a_job("Failed", ended_at=NOON)).action is Action.TELL_JOB


@pytest.mark.parametrize(
    ("job", "action"),
    [
        (a_job("Completed", ended_at=NOON), Action.END),
        (a_job("Completed"), Action.END),
        (a_job("Failed", ended_at=NOON), Action.TELL_JOB),
        (a_job("Stopped", ended_at=NOON), Action.TELL_JOB),
        (a_job("InProgress"), Action.WAIT),
    ],
)
def test_only_a_completed_job_gives_up_waiting_for_its_transform_after_a_day(
    job: AutoMLJob, action: Action
) -> None:
    run = a_run(state=RunState.TRAINING, announced=f"job {job.status}", announced_at=NOON)

    assert next_step(run, NOON + timedelta(days=1) + SECOND, job=job).action is action


def test_a_job_that_ended_long_ago_is_told_before_anybody_gives_up() -> None:
    run = a_run(state=RunState.TRAINING)

    step = next_step(run, NOON + timedelta(days=3), job=a_job("Completed", ended_at=NOON))

    assert step.action is Action.TELL_JOB


def test_results_that_are_never_written_end_the_run_after_a_day() -> None:
    run = a_run(state=RunState.TRANSFORMING, announced="transform Completed", announced_at=NOON)

    step = next_step(
        run, NOON + timedelta(days=1) + SECOND, transform=a_transform("Completed", ended_at=NOON)
    )

    assert step.outcome is not None
    assert step.outcome.code == "RESULTS_NEVER_WRITTEN"


@pytest.mark.parametrize(
    ("waiting_for", "said"), [("SageMaker: 0 Instances", "0 Instances"), (None, "24 hours")]
)
def test_a_transform_that_never_started_says_what_it_waited_for(
    waiting_for: str | None, said: str
) -> None:
    run = a_run(
        state=RunState.TRAINING,
        waiting_for=waiting_for,
        announced="job Completed",
        announced_at=NOON,
    )

    step = next_step(run, NOON + 25 * HOUR, job=a_job("Completed", ended_at=NOON))

    assert step.outcome is not None
    assert step.outcome.code == "TRANSFORM_NEVER_STARTED"
    assert said in step.outcome.reason


@pytest.mark.parametrize("status", ["InProgress", "Stopping"])
def test_a_transform_that_runs_is_left_alone(status: str) -> None:
    run = a_run(state=RunState.TRANSFORMING)

    assert next_step(run, NOON + 100 * HOUR, transform=a_transform(status)) == WAIT


def test_a_transforming_run_without_a_transform_goes_back_to_its_model() -> None:
    step = next_step(a_run(state=RunState.TRANSFORMING), NOON)

    assert step == Step(Action.TELL_JOB, "Completed")


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped"])
@pytest.mark.parametrize(
    ("passed", "action"), [(2 * MINUTE - SECOND, Action.WAIT), (2 * MINUTE, Action.TELL_TRANSFORM)]
)
def test_a_transform_s_own_event_has_two_minutes_before_ours_stands_in(
    status: str, passed: timedelta, action: Action
) -> None:
    step = next_step(
        a_run(state=RunState.TRANSFORMING),
        NOON + passed,
        transform=a_transform(status, ended_at=NOON),
    )

    assert (step.action, step.status) == (action, "" if action is Action.WAIT else status)


def test_a_transform_that_does_not_say_when_it_ended_is_told_all_the_same() -> None:
    run = a_run(state=RunState.TRANSFORMING)

    step = next_step(run, NOON + HOUR, transform=a_transform("Completed"))

    assert step.action is Action.TELL_TRANSFORM


@pytest.mark.parametrize(
    ("passed", "action"), [(5 * MINUTE - SECOND, Action.WAIT), (5 * MINUTE, Action.TELL_TRANSFORM)]
)
def test_what_was_told_of_a_transform_is_told_again_after_five_minutes(
    passed: timedelta, action: Action
) -> None:
    transform = a_transform("Completed", ended_at=NOON - HOUR)
    run = a_run(
        state=RunState.TRANSFORMING,
        announced=announcement(Step(Action.TELL_TRANSFORM, "Completed")),
        announced_at=NOON,
    )

    assert next_step(run, NOON + passed, transform=transform).action is action


def test_what_was_told_of_the_job_does_not_silence_the_transform() -> None:
    transform: TransformJob = a_transform("Completed", ended_at=NOON - HOUR)
    run = a_run(
        state=RunState.TRANSFORMING,
        announced=announcement(Step(Action.TELL_JOB, "Completed")),
        announced_at=NOON,
    )

    assert next_step(run, NOON, transform=transform).action is Action.TELL_TRANSFORM


def test_time_counts_from_the_last_state_and_not_from_the_drop() -> None:
    run = a_run(state=RunState.PREPARED)
    run = replace(run, entered={RunState.RECEIVED: NOON - HOUR, RunState.PREPARED: NOON})

    assert next_step(run, NOON + MINUTE) == WAIT


@pytest.mark.parametrize("state", RunState)
def test_a_run_comes_to_a_state_only_from_an_earlier_one(state: RunState) -> None:
    order = list(RunState)

    assert not ENDS & set(state.predecessors)
    assert all(order.index(each) < order.index(state) for each in state.predecessors)
    assert state.is_end is (state in ENDS)
