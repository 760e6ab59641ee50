"""Files too large for a function: a processing job prepares them, its end carries the run on."""

from __future__ import annotations

import errno
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
import pytest

from autodrop.errors import JobFailed, Transient
from autodrop.run import Outcome, RunState
from autodrop.steps.processing_job import prepare_by_job
from tests.fakes import BUCKET, table
from tests.functions import failure_message
from tests.journey import DROPPED, FOLDER, LARGE_STEPS, RAGGED_ROW, RUN, Journey, event

SETTINGS = "inbox/bank-marketing/autodrop.yaml"
OUTPUTS = f"{FOLDER.inference_results}/"


def parquet(folder: Path, rows: int = 600) -> bytes:
    """Return a Parquet file that is packed well."""
    path = folder / "packed.parquet"
    duckdb.sql(
        f"copy (select i as x, i * 2 as z, if(i % 3 = 0, 'yes', 'no') as y from range({rows}) t(i))"
        f" to '{path}' (format parquet, compression zstd)"
    )
    return path.read_bytes()


# Files that preparation writes on its way, and a dropped file for which it does.
FULL_FILES: dict[str, Callable[[Path], bytes]] = {
    "unpacked": lambda _: gzip.compress(table()),
    "parquet.csv": parquet,
    "test_data.csv": lambda _: table(),
}


@pytest.fixture
def large(journey: Journey) -> Journey:
    """Return the run of a file that is too large for a function."""
    return journey.large()


def sagemaker_calls(journey: Journey) -> list[str]:
    """Return what was asked of SageMaker so far."""
    return [call for call in journey.world.calls if call.startswith("sagemaker:")]


def states(journey: Journey) -> list[RunState]:
    """Return the states that the run has entered."""
    return [state for _, state in journey.world.ledger.history]


def test_the_event_files_lead_a_large_drop_to_its_results(large: Journey) -> None:
    large.to("completed")

    assert states(large) == [
        RunState.RECEIVED,
        RunState.PREPARING,
        RunState.PREPARED,
        RunState.TRAINING,
        RunState.TRANSFORMING,
        RunState.COMPLETED,
    ]
    assert not large.run.open
    assert FOLDER.result("summary.json") in large.world.bucket.objects
    assert FOLDER.failure not in large.world.bucket.objects


def test_the_world_s_own_events_lead_a_large_drop_to_its_results(journey: Journey) -> None:
    world, functions = journey.world, journey.functions
    world.limit(1000)
    world.drop("inbox/other/file.csv", table())
    functions.deliver_all()
    (run_id,) = world.ledger.items

    world.sagemaker.end_processing(run_id)
    functions.deliver_all()
    world.sagemaker.end_job(run_id)
    journey.wait(1)
    world.sagemaker.end_transform(run_id)
    functions.deliver_all()

    assert world.ledger.items[run_id].state is RunState.COMPLETED


def test_every_step_of_a_large_run_logs_one_line_with_the_run(
    log_lines: Callable[[], list[dict[str, Any]]],
) -> None:
    with Journey.begins() as journey:
        journey.large().to("listed")

    assert len(log_lines()) == sum(step is not None for step in LARGE_STEPS.values())
    assert {line["run_id"] for line in log_lines()} == {RUN}


def test_a_large_file_is_not_read_by_the_function(large: Journey) -> None:
    large.to("preparing")

    assert large.state is RunState.PREPARING
    # Its settings are, which this dataset does not have.
    assert large.world.calls["s3:GetObject"] == 1
    assert sagemaker_calls(large) == ["sagemaker:CreateProcessingJob"]


def test_a_file_that_unpacks_to_more_than_the_limit_goes_to_a_job() -> None:
    with Journey.begins(gzip.compress(bytes(20_000_000), mtime=0)) as journey:
        journey.invoke("prepare_dataset", "dataset-dropped")

        assert journey.state is RunState.PREPARING
        assert RUN in journey.world.sagemaker.processing


def test_a_file_that_does_not_fit_on_the_disk_goes_to_a_job(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Mapping[str, str]:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journey.world.bucket, "download", full)

    journey.invoke("prepare_dataset", "dataset-dropped")

    assert journey.state is RunState.PREPARING


@pytest.mark.parametrize("full", FULL_FILES)
def test_a_disk_that_is_full_at_any_file_means_too_large_and_never_damaged(
    full: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = FULL_FILES[full](tmp_path)
    with Journey.begins(content) as journey:
        download = journey.world.bucket.download

        def fill(key: str, path: Path, version_id: str | None = None) -> Mapping[str, str]:
            place = journey.world.services.work_folder / full
            if not place.is_symlink():
                place.symlink_to("/dev/full")
            return download(key, path, version_id)

        monkeypatch.setattr(journey.world.bucket, "download", fill)
        journey.invoke("prepare_dataset", "dataset-dropped")

        assert journey.state is RunState.PREPARING


def test_a_parquet_file_goes_by_its_size_unpacked(tmp_path: Path) -> None:
    content = parquet(tmp_path, rows=200_000)
    assert len(content) < 1_000_000
    with Journey.begins(content) as journey:
        journey.world.limit(1_000_000)

        journey.invoke("prepare_dataset", "dataset-dropped")

        assert journey.state is RunState.PREPARING


def test_the_job_is_given_the_code_the_drop_and_the_settings(large: Journey) -> None:
    large.world.bucket.objects[SETTINGS] = b"ignore: [z]\n"
    large.world.drop(DROPPED, table(), {"autodrop-target": "y"}, large_version(large))
    large.to("preparing")

    objects = large.world.bucket.objects
    with zipfile.ZipFile(io.BytesIO(objects[FOLDER.processing_code("autodrop.zip")])) as archive:
        names = archive.namelist()
    order = json.loads(objects[FOLDER.processing_code("order.json")])
    assert "autodrop/__init__.py" in names
    assert "autodrop/settings.py" in names
    assert b"autodrop.aws.processing" in objects[FOLDER.processing_code("prepare_large.py")]
    assert order["run_id"] == RUN
    assert order["drop"] == {
        "bucket": BUCKET,
        "key": DROPPED,
        "version": large_version(large),
        "version_id": large_version(large),
        "size": 5834924,
    }
    assert (order["settings"]["target"], order["settings"]["ignore"]) == ("y", ["z"])
    assert (order["files"], order["test_file"], order["instances"]) == ([DROPPED], None, 1)


def test_the_job_is_given_a_test_file_of_one_s_own(large: Journey) -> None:
    own = DROPPED.replace(".csv", ".test.csv")
    large.world.drop(own, table())

    large.to("preparing")

    order = large.world.bucket.json(FOLDER.processing_code("order.json"))
    assert (order["files"], order["test_file"]) == ([DROPPED], own)


def test_a_folder_without_parts_costs_no_job(journey: Journey) -> None:
    mark = "inbox/bank-marketing/2024/_SUCCESS"
    world = journey.world
    world.drop(mark, b"")
    world.drop(mark.replace("_SUCCESS", "part-0.parquet"), bytes(2_000))
    world.limit(1_000)
    journey.functions.deliver_all()
    (run_id,) = world.ledger.items
    del world.bucket.objects[mark.replace("_SUCCESS", "part-0.parquet")]
    world.sagemaker.processing.clear()

    report = prepare_by_job(world.services, world.ledger.items[run_id])

    assert world.ledger.items[run_id].state is RunState.REJECTED
    assert report.fields["code"] == "NOT_A_TABLE"


def large_version(journey: Journey) -> str:
    """Return the version of the dropped file."""
    version: str = event("dataset-dropped")["detail"]["object"]["version-id"]
    return version


@pytest.mark.parametrize("settings", [b"target: [", b"no_such_setting: 1", b"split: {seed: x}"])
def test_a_setting_that_cannot_be_used_costs_no_job(settings: bytes, large: Journey) -> None:
    large.world.bucket.objects[SETTINGS] = settings

    large.invoke("prepare_dataset", "dataset-dropped")

    assert large.state is RunState.REJECTED
    assert sagemaker_calls(large) == []
    assert large.failure["kept"] == []


def test_a_large_file_that_was_deleted_meanwhile_is_rejected(large: Journey) -> None:
    del large.world.bucket.objects[DROPPED]
    large.world.bucket.versions.clear()

    large.invoke("prepare_dataset", "dataset-dropped")

    assert large.failure["code"] == "FILE_GONE"
    assert sagemaker_calls(large) == []


def test_a_region_without_a_spark_container_says_which_parameter_to_set(large: Journey) -> None:
    world = large.world
    world.services = replace(
        world.services, processing=replace(world.services.processing, image_uri="")
    )

    large.invoke("prepare_dataset", "dataset-dropped")

    assert large.failure["code"] == "NO_SPARK_IMAGE"
    assert "SparkImageUri" in large.failure["remedy"]
    assert sagemaker_calls(large) == []


def test_what_the_job_found_is_written_before_the_event_that_starts_the_training(
    large: Journey,
) -> None:
    large.to("processed").invoke("prepare_dataset", "processing-completed")

    written = [each["detail"]["object"]["key"] for each in large.world.take_events()]
    assert written == [FOLDER.profile, FOLDER.dataset]
    outcome = large.world.bucket.json(FOLDER.outcome)
    assert large.world.bucket.json(FOLDER.dataset) == outcome["dataset"]
    assert large.world.bucket.json(FOLDER.profile) == outcome["profile"]


def test_a_file_that_the_job_finds_unusable_is_rejected_with_the_place(large: Journey) -> None:
    large.to("preparing").world.sagemaker.end_processing(RUN, outcome={"rejected": RAGGED_ROW})

    large.functions.deliver_all()

    assert large.state is RunState.REJECTED
    assert large.failure["code"] == large.run.code == "RAGGED_ROW"
    assert (large.failure["line"], large.failure["column"]) == (17, None)
    assert (large.failure["example"], large.failure["others"]) == (None, [])
    assert large.failure["remedy"] == RAGGED_ROW["remedy"]
    assert FOLDER.dataset not in large.world.bucket.objects


def test_all_that_the_job_found_wrong_is_told(large: Journey) -> None:
    other = {**RAGGED_ROW, "code": "MIXED", "column": "x", "line": 18, "example": "n/a"}
    rejected = {**RAGGED_ROW, "example": "1,2", "others": [other]}
    large.to("preparing").world.sagemaker.end_processing(RUN, outcome={"rejected": rejected})

    large.functions.deliver_all()

    assert large.failure["example"] == "1,2"
    assert large.failure["others"] == [{**other, "level": "warning"}]


def test_a_job_that_leaves_no_outcome_fails_the_run(large: Journey) -> None:
    large.to("processed")
    del large.world.bucket.objects[FOLDER.outcome]

    large.invoke("prepare_dataset", "processing-completed")

    assert large.state is RunState.FAILED
    assert large.failure["code"] == "OUTCOME_MISSING"


@pytest.mark.parametrize(
    "outcome",
    [
        b"",
        b"no JSON",
        b"[]",
        b'"rejected"',
        b"{}",
        b'{"rejected": null}',
        b'{"rejected": {"code": "NO_ROWS"}}',
        b'{"dataset": {}, "profile": {}}',
        b'{"dataset": null, "profile": {}}',
        b'{"profile": {}}',
        b"\xff",
    ],
)
def test_an_outcome_that_nobody_can_read_fails_the_run(outcome: bytes, large: Journey) -> None:
    large.to("processed")
    large.world.bucket.objects[FOLDER.outcome] = outcome

    large.invoke("prepare_dataset", "processing-completed")

    assert large.state is RunState.FAILED
    assert large.failure["code"] == "OUTCOME_MALFORMED"
    assert FOLDER.dataset not in large.world.bucket.objects


@pytest.mark.parametrize("name", ["train", "test", "truth", "model-input/train"])
def test_parts_that_an_instance_has_not_uploaded_fail_the_run(name: str, large: Journey) -> None:
    large.to("processed")
    del large.world.bucket.objects[f"{FOLDER.prefix}{name}/part-00001.csv"]

    large.invoke("prepare_dataset", "processing-completed")

    assert large.state is RunState.FAILED
    assert large.failure["code"] == "PARTS_MISSING"
    assert "2 parts" in large.failure["message"]
    assert FOLDER.dataset not in large.world.bucket.objects


def test_the_dataset_of_another_run_is_not_taken_up(large: Journey) -> None:
    large.to("processed")
    outcome = large.world.bucket.json(FOLDER.outcome)
    outcome["dataset"]["run_id"] = "ad-other-0123456789ab"
    large.world.bucket.objects[FOLDER.outcome] = json.dumps(outcome).encode()

    large.invoke("prepare_dataset", "processing-completed")

    assert large.failure["code"] == "OUTCOME_MALFORMED"


@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_job_prepares_the_version_that_was_dropped_whatever_becomes_of_its_key(
    is_deleted: bool, large: Journey
) -> None:
    large.to("preparing")
    if is_deleted:
        del large.world.bucket.objects[DROPPED]
    else:
        large.world.drop(DROPPED, b"not a dataset any more", version="later")
    large.world.take_events()
    large.world.sagemaker.end_processing(RUN)

    large.functions.deliver_all()

    assert large.state is RunState.TRAINING


@pytest.mark.parametrize(
    ("status", "state", "code"),
    [
        ("Failed", RunState.FAILED, "PROCESSING_FAILED"),
        ("Stopped", RunState.STOPPED, "PROCESSING_STOPPED"),
    ],
)
def test_a_processing_job_that_ends_badly_ends_the_run_with_both_reasons(
    status: str, state: RunState, code: str, large: Journey
) -> None:
    large.to("preparing").world.sagemaker.end_processing(
        RUN, status, "AlgorithmError: See job logs", "spark failed"
    )

    large.functions.deliver_all()

    assert large.state is state
    assert large.failure["code"] == code
    assert "AlgorithmError: See job logs; spark failed" in large.failure["message"]


def test_a_processing_job_that_stopped_without_a_reason_says_what_it_can_be(
    large: Journey,
) -> None:
    large.to("preparing").world.sagemaker.end_processing(RUN, "Stopped")

    large.functions.deliver_all()

    assert "used up its time" in large.failure["message"]


@pytest.mark.parametrize(
    ("goal", "function", "name"),
    [
        ("preparing", "start_autopilot", "dataset-prepared"),
        *(
            (goal, function, name)
            for goal in ("preparing", "prepared", "training", "completed")
            for function, name in (
                ("prepare_dataset", "processing-completed"),
                ("prepare_dataset", "processing-found-completed"),
                ("prepare_dataset", "processing-not-started"),
                ("prepare_dataset", "dataset-dropped"),
                ("record_failure", "processing-failed"),
            )
        ),
    ],
)
def test_an_event_that_comes_too_early_or_too_late_changes_nothing(
    goal: str, function: str, name: str, large: Journey
) -> None:
    large.to(goal)
    before = large.snapshot()

    large.invoke(function, name)

    assert large.snapshot() == before


@pytest.mark.parametrize("name", ["ad-bank-ma-db-1-0a1b2c3d4e5f", "pr-1-0a1b2c3d"])
def test_processing_jobs_of_autopilot_s_own_are_ignored(name: str, large: Journey) -> None:
    large.to("preparing")
    before = large.snapshot()
    large.world.calls.clear()
    for function, file in (
        ("prepare_dataset", "processing-completed"),
        ("record_failure", "processing-failed"),
    ):
        child = event(file)
        child["detail"]["ProcessingJobName"] = name

        large.functions.invoke(function, child)

    assert large.snapshot() == before
    # The first one could be a run's name, so the ledger is asked.
    assert sagemaker_calls(large) == []


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("prepare_dataset", "processing-completed"),
        ("prepare_dataset", "processing-not-started"),
        ("record_failure", "processing-failed"),
    ],
)
def test_a_processing_event_of_a_run_that_nobody_knows_asks_sagemaker_nothing(
    function: str, name: str, journey: Journey
) -> None:
    journey.invoke(function, name)

    assert journey.world.ledger.items == {}
    assert sagemaker_calls(journey) == []


def test_a_request_that_sagemaker_refuses_ends_the_run_with_its_words(
    large: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_request: Mapping[str, Any]) -> None:
        raise JobFailed("REFUSED_BY_SAGEMAKER", "Instance type is unknown.")

    monkeypatch.setattr(large.world.sagemaker, "create_processing_job", refuse)

    large.invoke("prepare_dataset", "dataset-dropped")

    assert large.state is RunState.FAILED
    assert large.failure["code"] == "REFUSED_BY_SAGEMAKER"
    assert "refused the Processing job: Instance type" in large.failure["message"]


@pytest.mark.parametrize("name", ["dataset-dropped", "processing-completed"])
def test_a_job_of_somebody_else_under_our_name_is_not_taken_for_ours(
    name: str, large: Journey
) -> None:
    processing = large.to("preparing").world.sagemaker.processing
    processing[RUN] = replace(processing[RUN], input_uri="s3://elsewhere/bank.csv")

    large.invoke("prepare_dataset", name)

    assert large.failure["code"] == "NAME_TAKEN"
    assert "Processing job" in large.failure["message"]


def test_a_name_that_somebody_took_just_now_is_not_taken_for_ours(large: Journey) -> None:
    with Journey.begins() as other:
        foreign = other.large().to("preparing").world.sagemaker.processing[RUN]
    sagemaker = large.world.sagemaker
    create = sagemaker.create_processing_job

    def create_after_somebody_else(request: Mapping[str, Any]) -> None:
        sagemaker.processing[RUN] = replace(foreign, input_uri="s3://elsewhere/bank.csv")
        create(request)

    with patch.object(sagemaker, "create_processing_job", create_after_somebody_else):
        large.invoke("prepare_dataset", "dataset-dropped")

    assert large.failure["code"] == "NAME_TAKEN"


def test_two_deliveries_at_the_same_time_start_one_job(large: Journey) -> None:
    sagemaker = large.world.sagemaker
    create = sagemaker.create_processing_job

    def create_after_the_other_delivery(request: Mapping[str, Any]) -> None:
        with patch.object(sagemaker, "create_processing_job", create):
            large.invoke("prepare_dataset", "dataset-dropped")
        create(request)

    with patch.object(sagemaker, "create_processing_job", create_after_the_other_delivery):
        large.invoke("prepare_dataset", "dataset-dropped")

    assert large.state is RunState.PREPARING
    assert list(sagemaker.processing) == [RUN]


def test_a_job_created_for_a_run_that_ended_meanwhile_is_stopped(large: Journey) -> None:
    world = large.world
    create = world.sagemaker.create_processing_job

    def create_while_the_run_ends(request: Mapping[str, Any]) -> None:
        create(request)
        world.ledger.advance(RUN, RunState.STOPPED, world.now, Outcome(RunState.STOPPED))

    with patch.object(world.sagemaker, "create_processing_job", create_while_the_run_ends):
        large.invoke("prepare_dataset", "dataset-dropped")

    assert world.sagemaker.processing[RUN].status == "Stopping"


def test_a_job_without_room_waits_and_starts_by_itself(large: Journey) -> None:
    large.world.sagemaker.processing_quota = 0
    large.invoke("prepare_dataset", "dataset-dropped")
    assert large.state is RunState.PREPARING
    assert "0 Instances" in str(large.run.waiting_for)

    large.world.sagemaker.processing_quota = 1
    large.wait(3)

    assert RUN in large.world.sagemaker.processing
    assert large.state is RunState.PREPARING
    assert large.run.waiting_for is None


def test_a_job_without_room_is_asked_for_again_and_again(large: Journey) -> None:
    large.world.sagemaker.processing_quota = 0
    large.invoke("prepare_dataset", "dataset-dropped")

    for _ in range(4):
        large.wait()

    assert large.world.calls["sagemaker:CreateProcessingJob"] == 5
    assert large.world.messages == []


def test_a_job_without_room_for_a_day_ends_the_run(large: Journey) -> None:
    large.world.sagemaker.processing_quota = 0
    large.invoke("prepare_dataset", "dataset-dropped")
    large.wait()

    large.wait(25 * 60)

    assert large.state is RunState.FAILED
    assert large.failure["code"] == "PREPARATION_NEVER_STARTED"
    assert "0 Instances" in large.failure["message"]


def test_settings_that_became_bad_while_the_run_waited_reject_it(large: Journey) -> None:
    large.world.sagemaker.processing_quota = 0
    large.invoke("prepare_dataset", "dataset-dropped")
    large.world.bucket.objects[SETTINGS] = b"no_such_setting: 1"

    large.wait()

    assert large.state is RunState.REJECTED
    assert large.failure["code"] == "BAD_SETTINGS"


def test_a_run_goes_on_although_its_processing_event_never_came(large: Journey) -> None:
    large.to("processed")

    large.wait(3)

    assert large.state is RunState.TRAINING


def test_a_run_fails_although_its_processing_event_never_came(large: Journey) -> None:
    large.to("preparing").world.sagemaker.end_processing(RUN, "Failed", "AlgorithmError")
    large.world.take_events()

    large.wait(3)

    assert large.failure["code"] == "PROCESSING_FAILED"


def test_a_processing_event_has_two_minutes_to_come(large: Journey) -> None:
    large.to("processed")

    large.wait(1)

    assert large.state is RunState.PREPARING


def test_an_outcome_that_is_never_taken_up_ends_the_run_after_a_day(
    large: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def throttled(_key: str) -> bytes:
        raise Transient("SlowDown")

    large.to("processed")
    monkeypatch.setattr(large.world.bucket, "read", throttled)
    large.wait()
    assert large.state is RunState.PREPARING

    large.world.now += timedelta(hours=25)
    large.functions.tick()

    assert large.failure["code"] == "PREPARATION_NEVER_FINISHED"


@pytest.mark.parametrize("name", ["processing-completed", "processing-failed"])
def test_a_failed_delivery_of_sagemaker_s_event_is_left_to_watch_runs(
    name: str, large: Journey
) -> None:
    large.to("preparing")
    before = large.snapshot()

    large.functions.invoke("record_failure", failure_message(event(name), KeyError("a bug")))

    assert large.snapshot() == before


@pytest.mark.parametrize("name", ["processing-found-completed", "processing-not-started"])
def test_a_function_that_never_takes_up_our_own_event_ends_the_run(
    name: str, large: Journey
) -> None:
    large.to("processed")

    large.functions.invoke("record_failure", failure_message(event(name), KeyError("a bug")))

    assert large.state is RunState.FAILED
    assert large.failure["code"] == "INTERNAL_ERROR"


def test_a_run_goes_on_although_aws_was_throttling_for_longer_than_lambda_tries(
    large: Journey,
) -> None:
    large.to("processed")
    message = failure_message(event("processing-found-completed"), Transient("Rate exceeded"))

    large.functions.invoke("record_failure", message)

    assert large.state is RunState.PREPARING


def test_a_late_failure_of_the_drop_leaves_the_job_alone(large: Journey) -> None:
    large.to("preparing")
    before = large.snapshot()

    large.functions.invoke(
        "record_failure", failure_message(event("dataset-dropped"), KeyError("a bug"))
    )

    assert large.snapshot() == before


def test_sagemaker_s_reason_goes_before_our_own_failure(large: Journey) -> None:
    large.to("preparing").world.sagemaker.end_processing(RUN, "Failed", "AlgorithmError")
    message = failure_message(event("processing-found-failed"), KeyError("a bug"))

    large.functions.invoke("record_failure", message)

    assert large.failure["code"] == "PROCESSING_FAILED"


def test_the_training_and_the_transform_read_all_parts(large: Journey) -> None:
    large.to("transforming")

    sagemaker = large.world.sagemaker
    assert sagemaker.jobs[RUN].train_uri == f"s3://{BUCKET}/{FOLDER.prefix}model-input/train/"
    assert sagemaker.transforms[RUN].input_uri == f"s3://{BUCKET}/{FOLDER.prefix}test/"


def test_predictions_of_all_parts_stand_in_the_order_of_the_parts(large: Journey) -> None:
    large.to("completed")

    predictions = large.world.bucket.objects[FOLDER.result("predictions.csv")].decode()
    header, *lines = predictions.splitlines()
    assert header.startswith("row,truth,prediction")
    assert [int(line.split(",")[0]) for line in lines] == list(range(500, 600))


def test_an_output_belongs_to_its_part_wherever_it_lies(large: Journey) -> None:
    large.to("transformed")
    objects = large.world.bucket.objects
    for key in [key for key in objects if key.startswith(OUTPUTS)]:
        objects[key.replace(OUTPUTS, f"{OUTPUTS}test/")] = objects.pop(key)

    large.invoke("write_results", "transform-completed")

    assert large.state is RunState.COMPLETED


def test_parts_of_the_truth_may_lack_a_header_of_their_own(large: Journey) -> None:
    large.to("transformed")
    second = f"{FOLDER.prefix}truth/part-00001.csv"
    objects = large.world.bucket.objects
    objects[second] = objects[second].removeprefix(b"row,y\n").removesuffix(b"\n")

    large.invoke("write_results", "transform-completed")

    assert large.state is RunState.COMPLETED


@pytest.mark.parametrize("part", ["part-00000.csv", "part-00001.csv"])
def test_a_part_without_predictions_ends_the_run(part: str, large: Journey) -> None:
    large.to("transformed")
    del large.world.bucket.objects[f"{OUTPUTS}{part}.out"]

    large.invoke("write_results", "transform-completed")

    assert large.failure["code"] == "PREDICTIONS_MISSING"
    assert "1 outputs instead of those of 2 parts" in large.failure["message"]


def test_an_output_of_no_part_ends_the_run(large: Journey) -> None:
    large.to("transformed")
    objects = large.world.bucket.objects
    objects[f"{OUTPUTS}part-00002.csv.out"] = objects[f"{OUTPUTS}part-00001.csv.out"]

    large.invoke("write_results", "transform-completed")

    assert large.failure["code"] == "PREDICTIONS_MISSING"


@pytest.mark.parametrize("is_large", [True, False])
def test_a_truth_that_was_deleted_ends_the_run(is_large: bool, journey: Journey) -> None:
    if is_large:
        journey.large()
    objects = journey.to("transformed").world.bucket.objects
    for key in [key for key in objects if key.startswith(f"{FOLDER.prefix}truth/")]:
        del objects[key]

    journey.invoke("write_results", "transform-completed")

    assert journey.failure["code"] == "TRUTH_MISSING"


def test_a_failed_run_lists_what_the_job_left(large: Journey) -> None:
    large.to("preparing").world.sagemaker.end_processing(RUN, "Failed", "AlgorithmError")

    large.invoke("record_failure", "processing-failed")

    assert large.failure["kept"] == sorted(
        FOLDER.processing_code(name)
        for name in ("autodrop.zip", "libraries.zip", "order.json", "prepare_large.py")
    )


def test_no_cell_of_a_rejected_large_file_gets_into_a_log(
    large: Journey,
    log_lines: Callable[[], list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    secret = "4111-1111-1111-1111"
    rejected = {**RAGGED_ROW, "message": f"Line 17 begins with {secret}."}
    large.to("preparing").world.sagemaker.end_processing(RUN, outcome={"rejected": rejected})

    large.functions.deliver_all()

    assert secret in large.failure["message"]
    written = capsys.readouterr()
    assert secret not in f"{log_lines()}{written.out}{written.err}"
