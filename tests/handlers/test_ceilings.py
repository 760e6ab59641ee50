"""No drop costs more than the stack allows, whoever asks for it and wherever."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from autodrop.ceilings import DEFAULT_CEILINGS
from autodrop.errors import Rejected
from autodrop.run import RunState
from tests.fakes import table
from tests.journey import DROPPED, FOLDER, RUN, VERSION, Journey, event

SETTINGS = "inbox/bank-marketing/autodrop.yaml"
ABOVE = {
    "autodrop-autopilot-max-candidates": "750",
    "autodrop-autopilot-max-runtime-minutes": "43200",
    "autodrop-transform-instance-type": "ml.p3.16xlarge",
    "autodrop-transform-instance-count": "100",
}
YAML = {
    "max_candidates": b"autopilot: {max_candidates: 51}",
    "max_runtime_minutes": b"autopilot: {max_runtime_minutes: 481}",
    "instance_type": b"transform: {instance_type: ml.m5.24xlarge}",
    "instance_count": b"transform: {instance_count: 5}",
}


def jobs(journey: Journey) -> list[str]:
    """Return what SageMaker was asked to create."""
    return [call for call in journey.world.calls if call.startswith("sagemaker:create")]


def forged(change: Callable[[dict[str, Any]], object]) -> Callable[[Journey], None]:
    """Return what somebody does who may write into the run's folder."""

    def forge(journey: Journey) -> None:
        objects = journey.world.bucket.objects
        dataset = json.loads(objects[FOLDER.dataset])
        change(dataset)
        objects[FOLDER.dataset] = json.dumps(dataset).encode()

    return forge


@pytest.mark.parametrize("is_large", [False, True])
@pytest.mark.parametrize("name", ABOVE)
def test_metadata_above_a_ceiling_is_rejected_with_the_ceiling_before_any_job(
    name: str, is_large: bool, journey: Journey
) -> None:
    journey.world.drop(DROPPED, table(), {name: ABOVE[name]}, VERSION)
    journey.world.take_events()
    if is_large:
        journey.large()

    journey.invoke("prepare_dataset", "dataset-dropped")
    journey.functions.deliver_all()

    assert journey.state is RunState.REJECTED
    assert journey.failure["code"] == "SETTING_ABOVE_CEILING"
    assert "this stack allows" in journey.failure["message"]
    assert jobs(journey) == []


@pytest.mark.parametrize("name", YAML)
def test_a_settings_file_above_a_ceiling_is_rejected(name: str, journey: Journey) -> None:
    journey.world.bucket.objects[SETTINGS] = YAML[name]

    journey.invoke("prepare_dataset", "dataset-dropped")

    assert journey.failure["code"] == "SETTING_ABOVE_CEILING"
    assert name in journey.failure["message"]


def test_a_default_of_the_stack_above_its_ceiling_says_so(journey: Journey) -> None:
    world = journey.world
    narrow = replace(
        DEFAULT_CEILINGS,
        by_parameter={**DEFAULT_CEILINGS.by_parameter, "CeilingRuntimeMinutes": 60},
    )
    world.services = replace(world.services, ceilings=narrow)

    journey.invoke("prepare_dataset", "dataset-dropped")

    assert "240; this stack allows at most 60" in journey.failure["message"]
    assert "CeilingRuntimeMinutes" in journey.failure["remedy"]


@pytest.mark.parametrize("goal", ["prepared", "processed"])
def test_a_file_with_more_rows_than_the_ceiling_is_not_trained_on(
    goal: str, journey: Journey
) -> None:
    world = journey.world
    world.services = replace(world.services, ceilings=replace(DEFAULT_CEILINGS, rows=599))
    if goal == "processed":
        journey.large().to(goal)
        journey.invoke("prepare_dataset", "processing-completed")
    else:
        journey.invoke("prepare_dataset", "dataset-dropped")

    assert journey.failure["code"] == "ROWS_ABOVE_CEILING"
    assert "sagemaker:create_automl_job" not in jobs(journey)


FORGED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "30 days": (
        lambda d: d["settings"]["autopilot"].update(max_runtime_minutes=43_200),
        "SETTING_ABOVE_CEILING",
    ),
    "a hundred GPUs": (
        lambda d: d["settings"]["transform"].update(
            instance_type="ml.p3.16xlarge", instance_count=100
        ),
        "SETTING_ABOVE_CEILING",
    ),
    "too many rows": (lambda d: d.update(rows=10**12), "ROWS_ABOVE_CEILING"),
    "another run": (lambda d: d.update(run_id="ad-other-0123456789ab"), "DATASET_OF_ANOTHER_RUN"),
    "another dataset": (lambda d: d.update(name="../other"), "DATASET_OF_ANOTHER_RUN"),
    "another bucket": (
        lambda d: d["source"].update(bucket="somebody-elses"),
        "DATASET_OF_ANOTHER_RUN",
    ),
    "another file": (
        lambda d: d["source"].update(key="inbox/other/x.csv"),
        "DATASET_OF_ANOTHER_RUN",
    ),
    "no source": (lambda d: d.pop("source"), "DATASET_MALFORMED"),
    "a list for a source": (lambda d: d.update(source=[]), "DATASET_MALFORMED"),
    "rows of text": (lambda d: d.update(rows="many"), "DATASET_OF_ANOTHER_RUN"),
    "unknown settings": (lambda d: d["settings"].update(x=1), "DATASET_MALFORMED"),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_dataset_starts_no_training(name: str, journey: Journey) -> None:
    change, code = FORGED[name]
    forged(change)(journey.to("prepared"))

    journey.invoke("start_autopilot", "dataset-prepared")

    assert journey.run.code == code
    assert jobs(journey) == []


@pytest.mark.parametrize("name", FORGED)
def test_a_dataset_forged_during_the_training_starts_no_transform(
    name: str, journey: Journey
) -> None:
    change, code = FORGED[name]
    forged(change)(journey.to("trained"))

    journey.invoke("create_model", "autopilot-completed")

    assert journey.run.code == code
    assert "sagemaker:create_transform_job" not in jobs(journey)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_dataset_at_all_ends_the_run(content: bytes, journey: Journey) -> None:
    journey.to("prepared").world.bucket.objects[FOLDER.dataset] = content

    journey.invoke("start_autopilot", "dataset-prepared")

    assert (journey.state, journey.run.code) == (RunState.FAILED, "DATASET_MALFORMED")


@pytest.mark.parametrize(
    ("goal", "function", "told"),
    [
        ("prepared", "start_autopilot", "dataset-prepared"),
        ("trained", "create_model", "autopilot-completed"),
        ("transformed", "write_results", "transform-completed"),
    ],
)
def test_a_dataset_that_is_gone_says_so_wherever_the_run_is(
    goal: str, function: str, told: str, journey: Journey
) -> None:
    del journey.to(goal).world.bucket.objects[FOLDER.dataset]

    journey.invoke(function, told)

    assert (journey.state, journey.run.code) == (RunState.FAILED, "DATASET_GONE")


def test_of_settings_no_more_is_read_than_they_may_have(journey: Journey) -> None:
    bucket = journey.world.bucket
    bucket.objects[SETTINGS] = b"target: y\n" + b"#" * 1_000_000
    journey.invoke("prepare_dataset", "dataset-dropped")

    assert (journey.state, journey.run.code) == (RunState.REJECTED, "BAD_SETTINGS")
    assert bucket.longest_read == 64 * 1024 + 1


def test_a_dataset_that_somebody_made_long_is_not_read_to_its_end(journey: Journey) -> None:
    bucket = journey.to("prepared").world.bucket
    bucket.objects[FOLDER.dataset] += b" " * 17 * 1024 * 1024

    journey.invoke("start_autopilot", "dataset-prepared")

    assert (journey.state, journey.run.code) == (RunState.FAILED, "DATASET_MALFORMED")
    assert bucket.longest_read == 16 * 1024 * 1024 + 1


def test_an_event_of_another_bucket_claims_no_run(journey: Journey) -> None:
    told = event("dataset-dropped")
    told["detail"]["bucket"]["name"] = "somebody-elses"

    journey.functions.invoke("prepare_dataset", told)
    journey.functions.fail(told, Rejected("X", "x", "x"))

    assert journey.world.ledger.items == {}
    assert journey.world.messages == []


def test_a_ceiling_that_nobody_exceeds_stops_nobody(journey: Journey) -> None:
    journey.to("completed")

    assert journey.state is RunState.COMPLETED
    assert RUN in journey.world.sagemaker.jobs
