"""`autodrop status` without following one run."""

from __future__ import annotations

import json
from datetime import timedelta

from autodrop.run import Outcome, RunState
from tests.cli.stage import HEADLINE, Stage, automl_job


def test_runs_are_listed_newest_first(stage: Stage) -> None:
    stage.new_run(RunState.TRAINING, "inbox/old/a.csv")
    stage.now += timedelta(minutes=1)
    newer = stage.new_run(RunState.TRAINING, "inbox/new/a.csv")
    stage.complete(newer)

    told = json.loads(stage.run_command("status", "--json").stdout)
    table = stage.run_command("status").stdout

    assert [run["dataset"] for run in told] == ["new", "old"]
    assert told[0] == {
        "run_id": newer.run_id,
        "dataset": "new",
        "file": "inbox/new/a.csv",
        "state": "COMPLETED",
        "created_at": "2026-01-02T03:05:05+00:00",
        "updated_at": "2026-01-02T03:05:05+00:00",
        "headline": HEADLINE,
        "code": None,
        "reason": None,
        "job_status": None,
        "waiting_for": None,
    }
    assert table.index("new") < table.index("old")
    assert HEADLINE in table


def test_without_runs_the_list_is_empty(stage: Stage) -> None:
    assert json.loads(stage.run_command("status", "--json").stdout) == []
    assert "No runs yet" in stage.run_command("status").stdout


def test_one_run_comes_with_its_steps_and_its_folder(stage: Stage) -> None:
    run = stage.new_run()
    stage.now += timedelta(seconds=4)
    stage.advance(run, RunState.PREPARED)
    stage.now += timedelta(seconds=2)
    stage.advance(run, RunState.TRAINING)
    stage.jobs.automl[run.run_id] = automl_job(run.run_id)
    stage.now += timedelta(seconds=60)

    told = json.loads(stage.run_command("status", run.run_id, "--json").stdout)
    shown = stage.run_command("status", run.run_id).stdout

    assert told["folder"] == f"s3://data-bucket/runs/iris/{run.run_id}/"
    assert told["job_status"] == "InProgress, ModelTuning"
    assert told["elapsed_seconds"] == 66
    assert told["steps"] == [
        {"name": "prepare", "state": "done", "seconds": 4},
        {"name": "start", "state": "done", "seconds": 2},
        {"name": "train", "state": "working", "seconds": 60},
        {"name": "score", "state": "ahead", "seconds": None},
    ]
    assert "1 min 06 s" in shown
    assert "ModelTuning, 0 candidates so far" in shown


def test_a_run_that_has_ended_says_why_and_where_more_is(stage: Stage) -> None:
    run = stage.new_run()
    stage.reject(run)

    result = stage.run_command("status", run.run_id)

    assert result.exit_code == 0
    assert "RAGGED_ROW: Line 17 has 4 cells instead of 5." in result.stdout
    assert f"autodrop results {run.run_id} --stack test" in result.stdout


def test_an_unknown_run_exits_2_with_a_sentence(stage: Stage) -> None:
    result = stage.run_command("status", "ad-iris-0123456789ab")

    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == ("There is no run ad-iris-0123456789ab in stack test in us-east-1.\n")


def test_a_word_that_is_no_run_id_is_never_looked_up(stage: Stage) -> None:
    for command in ("status", "results", "cleanup"):
        for word in ("../../etc", "ad-iris", "ad-iris-0123456789ab\n", "ad-iris-0123456789ab/"):
            result = stage.run_command(command, word)

            assert result.exit_code == 2
            assert "is not the id of a run" in result.stderr


def test_names_from_the_ledger_are_only_text(stage: Stage) -> None:
    run = stage.new_run(RunState.TRAINING, "inbox/[red]x\x1b[2J/a.csv")
    stage.advance(run, RunState.FAILED, Outcome(RunState.FAILED, "X", "[blink]\x1b]0;title\x07"))

    shown = stage.run_command("status").stdout + stage.run_command("status", run.run_id).stdout

    assert "[red]x[2J" in shown
    assert "[blink]]0;title" in shown
    assert "\x1b" not in shown


def test_watching_all_runs_prints_what_changes_until_ctrl_c(stage: Stage) -> None:
    run = stage.new_run()

    def press_ctrl_c() -> None:
        raise KeyboardInterrupt

    stage.then(lambda: None, lambda: stage.complete(run), press_ctrl_c)

    result = stage.run_command("status", "--watch")

    assert result.exit_code == 130
    assert result.stdout == f"{run.run_id} RECEIVED\n{run.run_id} COMPLETED\n"


def test_watching_all_runs_as_json_prints_a_list_a_line(stage: Stage) -> None:
    def press_ctrl_c() -> None:
        raise KeyboardInterrupt

    stage.then(lambda: None, lambda: stage.new_run() and None, press_ctrl_c)

    result = stage.run_command("status", "--watch", "--json")

    states = [[run["state"] for run in json.loads(line)] for line in result.stdout.splitlines()]
    assert states == [[], ["RECEIVED"]]
