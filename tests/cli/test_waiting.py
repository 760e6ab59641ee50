"""`autodrop drop --wait` and `autodrop status --watch`: following a run to its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from autodrop.errors import Transient
from autodrop.results.words import headline
from autodrop.run import Outcome, Run, RunState
from autodrop.sagemaker_jobs import Candidate
from tests.cli.stage import HEADLINE, Stage, automl_job, transform_job


def claimed(stage: Stage, file: Path) -> Run:
    return stage.claim(stage.dropped(file))


def test_waiting_prints_a_line_a_change_and_then_the_summary(stage: Stage, csv_file: Path) -> None:
    runs: list[Run] = []

    def train() -> None:
        run = runs[0]
        stage.advance(run, RunState.TRAINING)
        stage.jobs.automl[run.run_id] = automl_job(run.run_id)

    def one_candidate() -> None:
        stage.jobs.candidates[runs[0].run_id] = [
            Candidate("first", "Completed"),
            Candidate("second", "InProgress"),
        ]

    def transform() -> None:
        stage.advance(runs[0], RunState.TRANSFORMING)
        stage.jobs.transforms[runs[0].run_id] = transform_job(runs[0].run_id)

    stage.then(
        lambda: runs.append(claimed(stage, csv_file)),
        lambda: stage.advance(runs[0], RunState.PREPARED),
        train,
        lambda: None,
        one_candidate,
        transform,
        lambda: stage.complete(runs[0]),
    )

    result = stage.run_command("drop", csv_file, "--wait")

    assert result.exit_code == 0
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines[2:13] == [
        "[ 0:00] waiting for the bucket's event",
        "[ 0:00] RECEIVED",
        "[ 0:10] PREPARED",
        "[ 0:20] TRAINING: ModelTuning, 0 candidates so far",
        "[ 0:40] TRAINING: ModelTuning, 1 candidate so far",
        "[ 0:50] TRANSFORMING: transform InProgress",
        "[ 1:00] COMPLETED",
        "Look at the data and split it: 10 s",
        "Start Autopilot: 10 s",
        "Train and tune candidates: 30 s",
        "Score the held-out rows: 10 s",
    ]
    assert f"COMPLETED: {headline(HEADLINE)}" in lines
    assert "WeightedEnsemble" in result.stdout
    assert f"s3://data-bucket/{runs[0].folder.results}" in result.stdout


def test_nothing_printed_to_a_file_controls_a_terminal(stage: Stage, csv_file: Path) -> None:
    def reject() -> None:
        stage.reject(
            claimed(stage, csv_file), message="\x1b[31mred\x07 [bold]x[/bold]\x9b0m", column="a\rb"
        )

    stage.then(reject)

    result = stage.run_command("drop", csv_file, "--wait")

    assert "[31mred [bold]x[/bold]0m" in result.stdout
    assert all(each.isprintable() or each == "\n" for each in result.output)


def test_a_rejected_file_exits_3_with_code_message_place_and_remedy(
    stage: Stage, csv_file: Path
) -> None:
    stage.then(lambda: stage.reject(claimed(stage, csv_file)))

    result = stage.run_command("drop", csv_file, "--wait")

    assert result.exit_code == 3
    assert "REJECTED: RAGGED_ROW" in result.stdout
    assert "Line 17 has 4 cells instead of 5." in result.stdout
    assert "line 17, column age" in result.stdout
    assert "Put cells that hold a comma in quotes." in result.stdout


@pytest.mark.parametrize("state", [RunState.FAILED, RunState.STOPPED])
def test_a_run_that_ends_otherwise_exits_1_even_without_a_failure_file(
    stage: Stage, csv_file: Path, state: RunState
) -> None:
    outcome = Outcome(state, "AUTOPILOT_ENDED", "The job ended.")
    stage.then(lambda: stage.advance(claimed(stage, csv_file), state, outcome))

    result = stage.run_command("drop", csv_file, "--wait")

    assert result.exit_code == 1
    assert f"{state}: AUTOPILOT_ENDED" in result.stdout
    assert "The job ended." in result.stdout


def test_json_is_the_only_thing_on_standard_output(stage: Stage, csv_file: Path) -> None:
    stage.then(lambda: stage.reject(claimed(stage, csv_file)))

    result = stage.run_command("drop", csv_file, "--wait", "--json")

    told = json.loads(result.stdout)
    assert result.exit_code == 3
    assert told["state"] == "REJECTED"
    assert told["outcome"]["code"] == "RAGGED_ROW"
    assert "REJECTED" in result.stderr


def test_a_file_too_large_for_a_function_is_followed_through_its_job(
    stage: Stage, csv_file: Path
) -> None:
    runs: list[Run] = []
    stage.then(
        lambda: runs.append(claimed(stage, csv_file)),
        lambda: stage.advance(runs[0], RunState.PREPARING),
        lambda: stage.advance(runs[0], RunState.PREPARED),
        lambda: stage.complete(runs[0]),
    )

    result = stage.run_command("drop", csv_file, "--wait")

    assert result.exit_code == 0
    assert "PREPARING: too large for a function, so a Processing job does it\n" in result.stdout


def test_ctrl_c_stops_watching_and_says_how_to_go_on(stage: Stage, csv_file: Path) -> None:
    def press_ctrl_c() -> None:
        raise KeyboardInterrupt

    stage.then(lambda: claimed(stage, csv_file), press_ctrl_c)

    result = stage.run_command("drop", csv_file, "--wait")

    run = stage.ledger.runs()[0]
    assert result.exit_code == 130
    assert "the run goes on" in result.stdout
    assert f"autodrop status {run.run_id} --watch --stack test" in result.stdout
    assert run.state is RunState.RECEIVED


def test_a_run_that_never_appears_is_given_up_with_what_to_check(
    stage: Stage, csv_file: Path
) -> None:
    begin = stage.now

    result = stage.run_command("drop", csv_file, "--wait")

    assert result.exit_code == 1
    assert timedelta(minutes=3) <= stage.now - begin <= timedelta(minutes=4)
    assert "has not appeared for 3 minutes" in result.stderr
    assert "PrepareDataset" in result.stderr


def test_a_user_who_may_not_see_the_job_is_told_what_the_ledger_knows(stage: Stage) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.ledger.note(run.run_id, job_status="InProgress, FeatureEngineering")
    stage.jobs.failure = ClientError(
        {"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeAutoMLJobV2"
    )
    stage.then(lambda: None, lambda: None, lambda: stage.complete(run))

    result = stage.run_command("status", run.run_id, "--watch")

    assert result.exit_code == 0
    assert "TRAINING: FeatureEngineering\n" in result.stdout
    assert stage.jobs.looks == 1


def test_a_throttled_look_at_the_job_is_tried_again(stage: Stage) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.jobs.failure = Transient("ThrottlingException")

    def recover() -> None:
        stage.jobs.failure = None
        stage.jobs.automl[run.run_id] = automl_job(run.run_id)

    stage.then(recover, lambda: stage.complete(run))

    result = stage.run_command("status", run.run_id, "--watch")

    assert "TRAINING: ModelTuning, 0 candidates so far" in result.stdout


def test_a_queued_run_says_what_it_waits_for(stage: Stage) -> None:
    run = stage.new_run(RunState.QUEUED)
    stage.ledger.note(run.run_id, waiting_for="SageMaker: the limit is 4 jobs")
    stage.then(lambda: stage.complete(run))

    result = stage.run_command("status", run.run_id, "--watch")

    assert "QUEUED: waiting: SageMaker: the limit is 4 jobs" in result.stdout


def test_a_run_that_is_cleaned_up_meanwhile_ends_the_watch(stage: Stage) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.then(lambda: stage.ledger.remove(run.run_id, stage.now))

    result = stage.run_command("status", run.run_id, "--watch")

    assert result.exit_code == 1
    assert "no longer there" in result.stderr


def test_watching_a_run_that_never_was_ends_soon(stage: Stage) -> None:
    result = stage.run_command("status", "ad-iris-0123456789ab", "--watch")

    assert result.exit_code == 2
    assert "There is no run ad-iris-0123456789ab in stack test in us-east-1." in result.stderr
    assert sum(stage.slept) < 60


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"{", "not valid JSON"), (b"[]", "not a JSON object"), (b'{"schema_version": 3}', "version")],
)
def test_a_summary_that_cannot_be_read_is_said_in_a_sentence(
    stage: Stage, content: bytes, said: str
) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.complete(run)
    stage.write(run.folder.result("summary.json"), content)

    result = stage.run_command("status", run.run_id, "--watch")

    assert result.exit_code == 1
    assert said in result.stderr


def test_a_ledger_that_does_not_answer_for_a_moment_is_asked_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = stage.new_run(RunState.TRAINING)
    find: Callable[[str], Run | None] = stage.ledger.find
    failures = [Transient("SlowDown"), Transient("SlowDown")]

    def find_later(run_id: str) -> Run | None:
        if failures:
            raise failures.pop()
        return find(run_id)

    monkeypatch.setattr(stage.ledger, "find", find_later)
    stage.then(lambda: None, lambda: None, lambda: stage.complete(run))

    assert stage.run_command("status", run.run_id, "--watch").exit_code == 0


def test_a_ledger_that_does_not_answer_for_minutes_ends_the_watch(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(run_id: str) -> Run | None:
        raise Transient("no answer from AWS")

    monkeypatch.setattr(stage.ledger, "find", never)

    result = stage.run_command("status", "ad-iris-0123456789ab", "--watch")

    assert result.exit_code == 1
    assert "no answer from AWS" in result.stderr
