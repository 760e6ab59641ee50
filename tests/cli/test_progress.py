"""The view model of a run's progress, and how it is drawn."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from autodrop.naming import Drop
from autodrop.run import Run, RunState
from autodrop_cli.progress import Mark, Sighting, progress_of
from autodrop_cli.screens import progress_screen, render_progress
from autodrop_cli.terminal import duration, plain, size
from tests.cli.stage import BEGIN, automl_job, transform_job

DROP = Drop("bucket", "inbox/iris/iris.csv", "v1", "v1", 8)


def run_in(state: RunState, **changes: object) -> Run:
    """Return a run that has spent 10 s in each state up to `state`."""
    way = [RunState.RECEIVED, RunState.PREPARED, RunState.TRAINING, RunState.TRANSFORMING]
    passed = way[: way.index(state) + 1] if state in way else [*way, state]
    entered = {each: BEGIN + timedelta(seconds=10 * i) for i, each in enumerate(passed)}
    return Run(
        "ad-iris-0123456789ab",
        DROP,
        state,
        BEGIN,
        **{"entered": entered, **changes},  # type: ignore[arg-type]
    )


def marks(run: Run) -> list[Mark]:
    return [each.mark for each in progress_of(Sighting(run), BEGIN).stages]


def seconds(run: Run, after: float) -> list[float | None]:
    now = BEGIN + timedelta(seconds=after)
    return [each.seconds for each in progress_of(Sighting(run), now).stages]


def test_the_stage_at_work_counts_on_and_those_before_stand_still() -> None:
    run = run_in(RunState.TRAINING)

    assert marks(run) == [Mark.DONE, Mark.DONE, Mark.WORKING, Mark.AHEAD]
    assert seconds(run, after=50) == [10, 10, 30, None]


def test_a_completed_run_stands_still_altogether() -> None:
    run = run_in(RunState.COMPLETED)

    assert marks(run) == [Mark.DONE] * 4
    assert seconds(run, after=9999) == [10, 10, 10, 10]
    assert progress_of(Sighting(run), BEGIN + timedelta(days=1)).elapsed == 40


def test_a_run_that_ended_early_shows_where() -> None:
    entered = {RunState.RECEIVED: BEGIN, RunState.REJECTED: BEGIN + timedelta(seconds=3)}
    run = run_in(RunState.REJECTED, entered=entered)

    assert marks(run) == [Mark.ENDED_HERE, Mark.AHEAD, Mark.AHEAD, Mark.AHEAD]
    assert seconds(run, after=99) == [3, None, None, None]


def test_a_state_that_the_ledger_skipped_has_no_time_of_its_own() -> None:
    entered = {RunState.RECEIVED: BEGIN, RunState.TRAINING: BEGIN + timedelta(seconds=7)}
    run = run_in(RunState.TRAINING, entered=entered)

    assert seconds(run, after=10) == [7, None, 3, None]


def test_time_spent_in_the_queue_belongs_to_the_start_of_autopilot() -> None:
    entered = {
        RunState.RECEIVED: BEGIN,
        RunState.PREPARED: BEGIN + timedelta(seconds=5),
        RunState.QUEUED: BEGIN + timedelta(seconds=6),
        RunState.TRAINING: BEGIN + timedelta(seconds=66),
    }
    run = run_in(RunState.TRAINING, entered=entered)

    assert seconds(run, after=70) == [5, 61, 4, None]


def test_a_clock_that_is_behind_gives_no_negative_times() -> None:
    run = run_in(RunState.TRAINING)
    progress = progress_of(Sighting(run), BEGIN - timedelta(hours=1))

    assert progress.elapsed == 0
    assert all(each.seconds is None or each.seconds >= 0 for each in progress.stages)


def test_time_spent_by_a_processing_job_belongs_to_the_preparation() -> None:
    entered = {
        RunState.RECEIVED: BEGIN,
        RunState.PREPARING: BEGIN + timedelta(seconds=2),
        RunState.PREPARED: BEGIN + timedelta(seconds=602),
    }
    preparing = run_in(
        RunState.PREPARING, entered={state: entered[state] for state in list(entered)[:2]}
    )

    assert marks(preparing) == [Mark.WORKING, Mark.AHEAD, Mark.AHEAD, Mark.AHEAD]
    assert seconds(preparing, after=60) == [60, None, None, None]
    assert seconds(run_in(RunState.PREPARED, entered=entered), after=610) == [602, 8, None, None]


@pytest.mark.parametrize(
    ("sighting", "line"),
    [
        (Sighting(run_in(RunState.RECEIVED)), "RECEIVED"),
        (
            Sighting(run_in(RunState.PREPARING)),
            "PREPARING: too large for a function, so a Processing job does it",
        ),
        (
            Sighting(run_in(RunState.PREPARING, waiting_for="SageMaker: 0 Instances")),
            "PREPARING: waiting: SageMaker: 0 Instances",
        ),
        (Sighting(run_in(RunState.TRAINING)), "TRAINING"),
        (
            Sighting(run_in(RunState.TRAINING, job_status="InProgress, ModelTuning")),
            "TRAINING: ModelTuning",
        ),
        (
            Sighting(run_in(RunState.TRAINING), job=automl_job("x"), candidates=3),
            "TRAINING: ModelTuning, 3 candidates so far",
        ),
        (
            Sighting(run_in(RunState.TRAINING), job=automl_job("x", "Stopping", "Stopping")),
            "TRAINING: Stopping, Stopping",
        ),
        (
            Sighting(run_in(RunState.TRANSFORMING), transform=transform_job("x", "Completed")),
            "TRANSFORMING: writing the results",
        ),
        (
            Sighting(run_in(RunState.TRAINING, job_status="\x1b[31mx, y")),
            "TRAINING: [31mx, y",
        ),
        (Sighting(run_in(RunState.COMPLETED, job_status="Completed")), "COMPLETED"),
    ],
)
def test_the_line_says_state_and_what_goes_on(sighting: Sighting, line: str) -> None:
    assert progress_of(sighting, BEGIN).line == line


def test_the_line_does_not_change_with_time_alone() -> None:
    sighting = Sighting(run_in(RunState.TRAINING), job=automl_job("x"), candidates=1)

    lines = {progress_of(sighting, BEGIN + timedelta(seconds=each)).line for each in range(100)}

    assert len(lines) == 1


def test_a_terminal_shows_all_stages_with_their_times() -> None:
    console = Console(width=80, markup=False)
    sighting = Sighting(run_in(RunState.TRAINING), job=automl_job("x"), candidates=2)

    with console.capture() as capture:
        console.print(render_progress(progress_of(sighting, BEGIN + timedelta(seconds=100))))

    lines = [line.split() for line in capture.get().splitlines()]
    assert lines[0] == ["ad-iris-0123456789ab", "TRAINING", "1", "min", "40", "s"]
    assert lines[3][:6] == ["▸", "Train", "and", "tune", "candidates", "1"]
    assert lines[3][-5:] == ["ModelTuning,", "2", "candidates", "so", "far"]
    assert lines[4][0] == "·"


def test_a_terminal_is_drawn_in_place_and_left_usable() -> None:
    console = Console(width=80, force_terminal=True, markup=False, color_system=None)

    with console.capture() as capture, progress_screen(console, lambda: BEGIN) as show:
        show(Sighting(None))
        show(Sighting(run_in(RunState.COMPLETED)))

    drawn = capture.get()
    assert "✓" in drawn
    assert drawn.rstrip().endswith("\x1b[?25h")


@pytest.mark.slow
@given(st.text())
def test_plain_text_is_one_line_that_no_terminal_obeys(text: str) -> None:
    made = plain(text)

    assert not any(each in made for each in "\n\r\x1b\x07\x9b\u202e\u2066\u2028")
    assert plain(made) == made


def test_plain_text_keeps_letters_of_every_script() -> None:
    assert plain("größe 価格 señal 👍") == "größe 価格 señal 👍"


@pytest.mark.parametrize(
    ("given_seconds", "shown"),
    [(0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (3725, "1 h 02 min"), (-3, "0 s")],
)
def test_durations_are_in_the_two_largest_units(given_seconds: float, shown: str) -> None:
    assert duration(given_seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (5_800_000, "5.8 MB"), (2_500_000_000_000, "2,500.0 GB")],
)
def test_sizes_are_for_people(count: int, shown: str) -> None:
    assert size(count) == shown
