"""`autodrop cleanup`."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from autodrop.errors import Transient
from autodrop.run import Run, RunState
from tests.cli.stage import BUCKET, Stage, automl_job, processing_job, transform_job


def completed(stage: Stage) -> Run:
    run = stage.new_run(RunState.TRAINING)
    stage.write(run.folder.train, b"1")
    stage.write(run.folder.train, b"2")
    stage.write(f"{run.folder.output}/model.tar.gz", b"model")
    stage.complete(run)
    stage.jobs.automl[run.run_id] = automl_job(run.run_id, "Completed", "Completed")
    stage.jobs.transforms[run.run_id] = transform_job(run.run_id, "Completed")
    stage.jobs.models.add(run.run_id)
    return stage.find(run)


def test_everything_of_the_run_goes_but_the_drop_stays(stage: Stage) -> None:
    run = completed(stage)
    stage.s3.delete_object(Bucket=BUCKET, Key=run.folder.train)

    result = stage.run_command("cleanup", run.run_id, "--yes")

    assert result.exit_code == 0
    assert stage.keys() == [run.drop.key]
    assert stage.jobs.models == set()
    assert stage.ledger.find(run.run_id) is None
    assert "its objects (5 with all their versions), its model, its entry" in result.stdout
    assert f"Kept: the file you dropped, s3://data-bucket/{run.drop.key}" in result.stdout
    assert "cannot delete processing, AutoML and transform jobs" in result.stdout


def test_a_second_time_nothing_is_left_and_that_is_fine(stage: Stage) -> None:
    run = completed(stage)
    stage.run_command("cleanup", run.run_id)

    result = stage.run_command("cleanup", run.run_id)

    assert result.exit_code == 0
    assert f"Nothing is left of run {run.run_id}." in result.stdout


def test_another_run_of_the_same_dataset_is_not_touched(stage: Stage) -> None:
    run, other = completed(stage), completed(stage)
    before = stage.keys(other.folder.prefix)

    stage.run_command("cleanup", run.run_id)

    assert stage.keys(other.folder.prefix) == before
    assert stage.jobs.models == {other.run_id}
    assert stage.ledger.find(other.run_id) is not None


def test_a_removed_run_goes_off_the_page_of_its_dataset(stage: Stage) -> None:
    run, other = completed(stage), stage.new_run()
    stage.reject(other)
    stage.write(run.folder.index, f"{run.run_id} {other.run_id}".encode())

    stage.run_command("cleanup", run.run_id)

    page = stage.connection.bucket.read(run.folder.index).decode()
    assert run.run_id not in page
    assert other.run_id in page
    assert "1 run: 1 rejected." in page


def test_the_page_goes_with_the_last_run_of_its_dataset(stage: Stage) -> None:
    run, elsewhere = completed(stage), stage.new_run(key="inbox/iris-2/iris.csv")
    stage.write(run.folder.index, b"1")
    stage.write(run.folder.index, b"2")
    stage.write(elsewhere.folder.index, b"3")

    stage.run_command("cleanup", run.run_id)

    assert stage.keys("runs/") == [elsewhere.folder.index]


def test_leftovers_of_a_run_that_the_ledger_has_forgotten_are_found(stage: Stage) -> None:
    run = completed(stage)
    stage.ledger.remove(run.run_id, stage.now)

    result = stage.run_command("cleanup", run.run_id)

    assert result.exit_code == 0
    assert stage.keys("runs/") == []
    assert stage.jobs.models == set()


def test_a_cleanup_that_broke_off_is_finished_by_the_next(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = completed(stage)

    def broken(name: str) -> bool:
        raise Transient("no answer from AWS")

    with monkeypatch.context() as patched:
        patched.setattr(stage.jobs, "delete_model", broken)
        first = stage.run_command("cleanup", run.run_id)
    second = stage.run_command("cleanup", run.run_id)

    assert first.exit_code == 1
    assert second.exit_code == 0
    assert stage.jobs.models == set()
    assert stage.ledger.find(run.run_id) is None


def test_the_entry_stays_while_objects_cannot_be_deleted(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = completed(stage)
    # DeleteObjects answers 200 with a list of errors when single versions may not be deleted.
    monkeypatch.setattr(stage.connection.bucket, "delete_all_versions", lambda prefix: 0)

    result = stage.run_command("cleanup", run.run_id)

    assert result.exit_code == 1
    assert "Objects are left below s3://data-bucket/runs/iris/" in result.stderr
    assert stage.ledger.find(run.run_id) is not None


@pytest.mark.parametrize(
    "state",
    [RunState.RECEIVED, RunState.PREPARING, RunState.QUEUED, RunState.TRAINING],
)
def test_a_run_at_work_is_refused(stage: Stage, state: RunState) -> None:
    run = stage.new_run(state)
    stage.write(run.folder.train, b"1")

    result = stage.run_command("cleanup", run.run_id, "--yes")

    assert result.exit_code == 1
    assert f"still working, it is {state}" in result.stderr
    assert stage.keys(run.folder.prefix) == [run.folder.train]


def test_a_run_whose_job_goes_on_after_its_end_is_refused(stage: Stage) -> None:
    run = completed(stage)
    stage.jobs.automl[run.run_id] = automl_job(run.run_id)

    result = stage.run_command("cleanup", run.run_id)

    assert result.exit_code == 1
    assert "its AutoML job is InProgress" in result.stderr


def test_stop_asks_the_job_to_stop_and_removes_the_run_when_it_has(stage: Stage) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.write(run.folder.train, b"1")
    stage.jobs.automl[run.run_id] = automl_job(run.run_id)

    def stopped() -> None:
        # What Autopilot wrote while it was stopping goes too.
        stage.write(f"{run.folder.output}/late", b"late")
        stage.jobs.automl[run.run_id] = automl_job(run.run_id, "Stopped", "Stopped")

    stage.then(lambda: None, stopped)

    result = stage.run_command("cleanup", run.run_id, "--stop")

    assert result.exit_code == 0
    assert stage.jobs.stopped == [run.run_id]
    assert stage.keys() == [run.drop.key]
    assert stage.ledger.find(run.run_id) is None


def test_a_run_whose_processing_job_goes_on_after_its_end_is_refused(stage: Stage) -> None:
    run = completed(stage)
    stage.jobs.processing[run.run_id] = processing_job(run.run_id, "Stopping")

    result = stage.run_command("cleanup", run.run_id)

    assert result.exit_code == 1
    assert "its processing job is Stopping" in result.stderr


def test_stop_asks_the_processing_job_to_stop_and_removes_the_run_when_it_has(
    stage: Stage,
) -> None:
    run = stage.new_run(RunState.PREPARING)
    stage.write(run.folder.processing_code("order.json"), b"{}")
    stage.jobs.processing[run.run_id] = processing_job(run.run_id)

    def stopped() -> None:
        # What the job has uploaded while it was stopping goes too.
        stage.write(run.folder.outcome, b"late")
        stage.jobs.processing[run.run_id] = processing_job(run.run_id, "Stopped")

    stage.then(lambda: None, stopped)

    result = stage.run_command("cleanup", run.run_id, "--stop")

    assert result.exit_code == 0
    assert stage.jobs.stopped == [run.run_id]
    assert stage.keys() == [run.drop.key]
    assert stage.ledger.find(run.run_id) is None
    assert "cannot delete processing" in result.stdout


def test_stop_of_a_run_that_waits_for_its_processing_job_keeps_it_from_starting(
    stage: Stage,
) -> None:
    run = stage.new_run(RunState.PREPARING)

    result = stage.run_command("cleanup", run.run_id, "--stop")

    assert result.exit_code == 0
    assert not stage.ledger.advance(run.run_id, RunState.PREPARED, stage.now)
    assert stage.ledger.find(run.run_id) is None


def test_stop_of_a_queued_run_keeps_it_from_starting(stage: Stage) -> None:
    run = stage.new_run(RunState.QUEUED)

    result = stage.run_command("cleanup", run.run_id, "--stop")

    assert result.exit_code == 0
    assert not stage.ledger.advance(run.run_id, RunState.TRAINING, stage.now)
    assert stage.ledger.find(run.run_id) is None


def test_stop_waits_for_a_transform_to_end(stage: Stage) -> None:
    run = stage.new_run(RunState.TRANSFORMING)
    stage.jobs.automl[run.run_id] = automl_job(run.run_id, "Completed", "Completed")
    stage.jobs.transforms[run.run_id] = transform_job(run.run_id)

    def ended() -> None:
        stage.jobs.transforms[run.run_id] = transform_job(run.run_id, "Completed")

    stage.then(lambda: None, ended)

    result = stage.run_command("cleanup", run.run_id, "--stop")

    assert result.exit_code == 0
    assert stage.jobs.stopped == []
    assert len(stage.slept) == 2


def test_stop_ends_a_run_whose_preparation_was_killed(stage: Stage) -> None:
    run = stage.new_run()

    result = stage.run_command("cleanup", run.run_id, "--stop")

    assert result.exit_code == 0
    assert stage.ledger.find(run.run_id) is None


def test_stop_waits_until_nothing_is_heard_of_the_preparation(stage: Stage) -> None:
    run = stage.new_run()
    stage.ledger.note(run.run_id, working_at=stage.now)
    begin = stage.now

    result = stage.run_command("cleanup", run.run_id, "--stop")

    assert result.exit_code == 0
    assert stage.now - begin >= timedelta(minutes=2)
    assert stage.ledger.find(run.run_id) is None


def test_a_job_that_does_not_stop_is_left_alone_after_a_while(stage: Stage) -> None:
    run = stage.new_run(RunState.TRAINING)
    stage.write(run.folder.train, b"1")
    stage.jobs.automl[run.run_id] = automl_job(run.run_id)
    stage.connection = replace(stage.connection, poll_seconds=300.0)
    begin = stage.now

    result = stage.run_command("cleanup", run.run_id, "--stop")

    assert result.exit_code == 1
    assert stage.now - begin <= timedelta(minutes=20)
    assert "Nothing was removed" in result.stderr
    assert stage.keys(run.folder.prefix) == [run.folder.train]


def test_somebody_without_the_right_is_told_so(stage: Stage) -> None:
    run = completed(stage)
    stage.jobs.failure = ClientError(
        {"Error": {"Code": "AccessDeniedException", "Message": "not \x1b[31mauthorized"}},
        "DescribeAutoMLJobV2",
    )

    result = stage.run_command("cleanup", run.run_id)

    assert result.exit_code == 1
    assert result.stderr == (
        "AWS refused DescribeAutoMLJobV2: AccessDeniedException: not [31mauthorized\n"
    )


@pytest.mark.parametrize(("answer", "left"), [("n\n", True), ("y\n", False)])
def test_on_a_terminal_it_asks_first(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, answer: str, left: bool
) -> None:
    run = completed(stage)
    monkeypatch.setattr("autodrop_cli.main.is_asked_by_a_person", lambda: True)

    result = stage.run_command("cleanup", run.run_id, answer=answer)

    assert "Remove all objects" in result.output
    assert (stage.ledger.find(run.run_id) is not None) is left
