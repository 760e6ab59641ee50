"""Every rule matches its own events and none of the others'."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from autodrop.events import (
    NOT_STARTED,
    OwnEvent,
    job_changed,
    processing_changed,
    run_changed,
    transform_changed,
)
from autodrop.naming import RUN_ID_PREFIX, RUNS
from tests import fakes
from tests.builders import a_run
from tests.conftest import EVENTS
from tests.functions import MODULES, TICK, targets
from tests.template.patterns import matches

# Which event files each rule is for.
RULES = {
    "PrepareDatasetFunctionFileDropped": {"dataset-dropped", "dataset-dropped-unversioned"},
    # A child job of Autopilot, too: the function looks the name up.
    "PrepareDatasetFunctionProcessingCompleted": {"processing-completed", "processing-job-ended"},
    "PrepareDatasetFunctionProcessingFound": {
        "processing-found-completed",
        "processing-not-started",
    },
    "StartAutopilotFunctionDatasetPrepared": {"dataset-prepared"},
    "WatchRunsFunctionTrainingJobEnded": {"training-job-ended"},
    "WatchRunsFunctionProcessingJobEnded": {
        "processing-job-ended",
        "processing-completed",
        "processing-failed",
    },
    "WatchRunsFunctionTuningJobEnded": {"tuning-job-ended"},
    "CreateModelFunctionAutopilotCompleted": {"autopilot-completed"},
    "WriteResultsFunctionTransformCompleted": {"transform-completed"},
    "WriteResultsFunctionTransformFoundCompleted": {"transform-found-completed"},
    "WriteDatasetPageFunctionRunEnded": {"run-completed", "run-rejected"},
    "RecordFailureFunctionAutopilotFailed": {"autopilot-failed", "processing-found-failed"},
    "RecordFailureFunctionProcessingFailed": {"processing-failed"},
    "RecordFailureFunctionTransformFailed": {"transform-failed"},
}
# These reach their functions by a schedule and by a queue.
NO_RULE = {"watch-runs-tick", "failure-queue", "failure-queue-undelivered"}
JOB_STATUSES = ("InProgress", "Completed", "Failed", "Stopping", "Stopped")
_ENDED = r'"(Completed|Failed|NotStarted)"'


@pytest.fixture(scope="session")
def rules(resources: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return every rule's pattern, with the name of the bucket in it."""
    return {
        name: json.loads(
            json.dumps(resource["Properties"]["EventPattern"]).replace(
                json.dumps({"Ref": "DataBucket"}), json.dumps(fakes.BUCKET)
            )
        )
        for name, resource in resources.items()
        if resource["Type"] == "AWS::Events::Rule"
    }


@pytest.fixture(scope="session")
def files() -> dict[str, Any]:
    """Return all event files by name."""
    return {
        path.stem: json.loads(path.read_text())
        for path in EVENTS.glob("*.json")
        if path.stem != "env"
    }


def test_every_rule_and_every_event_file_is_known(
    rules: dict[str, Any], files: dict[str, Any]
) -> None:
    assert rules.keys() == RULES.keys()
    assert files.keys() == set.union(*RULES.values()) | NO_RULE


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_matches_its_event_files_and_no_others(
    rule: str, rules: dict[str, Any], files: dict[str, Any]
) -> None:
    matching = {name for name, event in files.items() if matches(rules[rule], event)}

    assert matching == RULES[rule]


@pytest.mark.parametrize("rule", RULES)
def test_no_rule_matches_an_event_about_another_stack(
    rule: str, rules: dict[str, Any], files: dict[str, Any]
) -> None:
    for name in RULES[rule]:
        written = json.dumps(files[name])
        elsewhere = written.replace(f'"{fakes.BUCKET}"', '"other-bucket"').replace('"ad-', '"xx-')

        assert not matches(rules[rule], json.loads(elsewhere))


@pytest.mark.parametrize("status", ["InProgress", "Stopping"])
def test_no_rule_matches_a_job_that_still_runs(
    status: str, rules: dict[str, Any], files: dict[str, Any]
) -> None:
    for event in files.values():
        if event.get("detail-type", "").endswith("Job State Change"):
            running = json.loads(re.sub(_ENDED, f'"{status}"', json.dumps(event)))

            assert not [name for name, pattern in rules.items() if matches(pattern, running)]


def test_no_other_object_is_taken_for_a_drop_or_a_dataset(rules: dict[str, Any]) -> None:
    folder = f"{RUNS}bank/ad-bank-0123456789ab/"
    ours = ("profile.json", "train/train_data.csv", "results/summary.json", "failure.json")
    elsewhere = ("indoor/bank.csv", "old/inbox/bank.csv", f"old/{folder}dataset.json")
    for key in (*(folder + name for name in ours), *elsewhere):
        event = fakes.object_created(key, 1, "v1")

        assert not [rule for rule, pattern in rules.items() if matches(pattern, event)]


def test_the_fakes_deliver_as_the_rules_do(rules: dict[str, Any], files: dict[str, Any]) -> None:
    events = [event for name, event in files.items() if name not in NO_RULE]

    for event in [*events, *_events_of_the_fakes()]:
        functions = {_function(rule) for rule, pattern in rules.items() if matches(pattern, event)}
        assert set(targets(event)) == functions, event


def test_the_schedule_sends_what_the_file_says(
    resources: dict[str, dict[str, Any]], files: dict[str, Any]
) -> None:
    target = resources["WatchRunsFunctionEveryMinute"]["Properties"]["Target"]

    assert json.loads(target["Input"]) == files["watch-runs-tick"] == TICK


def test_event_files_are_of_one_account_and_one_region(files: dict[str, Any]) -> None:
    for event in files.values():
        written = json.dumps(event)

        assert set(re.findall(r"\b\d{12}\b", written)) <= {"111122223333"}
        assert event.get("region", "us-east-1") == "us-east-1"


def _events_of_the_fakes() -> Iterator[dict[str, Any]]:
    run_id = f"{RUN_ID_PREFIX}bank-0123456789ab"
    folder = f"{RUNS}bank/{run_id}/"
    for key in ("inbox/a/b.csv", f"{folder}dataset.json", f"{folder}output/dataset.jsonl"):
        yield fakes.object_created(key, 1, "v1")
    world = fakes.World()
    run = a_run()
    own: list[OwnEvent] = [run_changed(run)]
    for status in JOB_STATUSES:
        own += [
            job_changed(run, status),
            transform_changed(run, status),
            processing_changed(run, status),
        ]
        yield fakes.transform_changed(run_id, status)
        yield fakes.processing_changed(run_id, status)
    own.append(processing_changed(run, NOT_STARTED))
    for event in own:
        world.services.events.put(event)
    yield from world.events


def _function(rule: str) -> str:
    for function in MODULES:
        if rule.startswith("".join(word.title() for word in function.split("_"))):
            return function
    raise AssertionError(f"{rule} belongs to no function")
