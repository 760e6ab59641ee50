"""Every statement of the template is needed and enough.

What the roles were allowed on the local AWS of this folder's tests is recorded. This module brings
about what no other test here does, so that nothing is missing when it runs alone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from autodrop_local.authorization import is_about
from autodrop_local.decisions import Decision, read_decisions
from autodrop_local.layout import Layout
from docs.generate_security import USED, recorded_use
from docs.policies import Statement, statements
from docs.translated_template import translate, written_template
from tests.e2e.conftest import Autodrop
from tests.e2e.data import bank_rows, write_binary

pytestmark = pytest.mark.e2e

SMALL_BUDGET = "autopilot: {max_candidates: 2, max_runtime_minutes: 10}\n"
TICK = {"source": "aws.scheduler", "detail-type": "Scheduled Event"}
NOW = datetime.now(UTC).isoformat(timespec="microseconds")


@dataclass(frozen=True)
class Recorded:
    """What the roles did, and what they may do.

    Attributes:
        decisions: About our roles, each by the logical id of its role.
        documents: The policies of each role as they are deployed.
        statements: The template's own statements.
    """

    decisions: Sequence[Decision]
    documents: Mapping[str, Sequence[dict[str, Any]]]
    statements: Sequence[Statement]

    @property
    def used(self) -> set[tuple[str, str]]:
        """Role and Sid of every statement that allowed something."""
        return {(each.role, each.statement) for each in self.decisions if each.allowed}


@pytest.fixture(scope="module")
def recorded(autodrop: Autodrop, tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Return what has been recorded after everything that a stack can live through has happened."""
    run = _completed(autodrop, tmp_path_factory.mktemp("files"))
    _start_and_watch_what_is_gone(autodrop)
    _bring_forward_again(autodrop, run)
    _lose_the_summary(autodrop, run)
    _take_its_model(autodrop, run)
    _lose_the_predictions(autodrop, run)
    _fail_before_the_claim(autodrop)
    _reject_a_large_file(autodrop, tmp_path_factory.mktemp("large"))
    return _recorded(autodrop)


def test_nothing_that_autodrop_does_is_denied(recorded: Recorded) -> None:
    assert [each for each in recorded.decisions if not each.allowed] == []


def test_every_decision_is_about_a_resource_that_the_action_knows(recorded: Recorded) -> None:
    asked = {(each.action, each.resource) for each in recorded.decisions}

    assert [pair for pair in asked if not is_about(*pair)] == []


def test_every_statement_is_used_or_the_template_says_why_it_is_there(recorded: Recorded) -> None:
    unused = [
        (each.role, each.sid)
        for each in recorded.statements
        if (each.role, each.sid) not in recorded.used and not each.needed_on_aws
    ]

    assert unused == []


def test_a_statement_said_to_be_for_aws_alone_is_not_used_here(recorded: Recorded) -> None:
    used = [
        (each.role, each.sid)
        for each in recorded.statements
        if (each.role, each.sid) in recorded.used and each.needed_on_aws
    ]

    assert used == []


def test_without_any_one_statement_something_that_was_done_is_denied(recorded: Recorded) -> None:
    from autodrop_local.seams import would_allow

    not_needed = []
    for role, sid in sorted(recorded.used):
        whole = recorded.documents[role]
        rest = [
            {**each, "Statement": [one for one in each["Statement"] if one.get("Sid") != sid]}
            for each in whole
        ]
        asked = [each for each in recorded.decisions if each.role == role and each.allowed]
        assert all(would_allow(each, whole) for each in asked), role
        if all(would_allow(each, rest) for each in asked):
            not_needed.append((role, sid))

    assert not_needed == []


def test_the_page_about_permissions_shows_the_use_that_was_recorded(recorded: Recorded) -> None:
    use = recorded_use(recorded.decisions)
    # `make record` writes it anew.
    if target := os.environ.get("AUTODROP_RECORD"):
        Path(target).write_text(json.dumps(use, indent=2) + "\n", encoding="utf-8")

    shown = json.loads(USED.read_text(encoding="utf-8"))

    assert {role: set(use[role]) for role in use} == {role: set(shown[role]) for role in shown}


def test_a_run_ends_without_a_model_when_a_needed_statement_names_a_resource(
    recorded: Recorded, autodrop: Autodrop, tmp_path: Path
) -> None:
    iam, role = autodrop.aws.client("iam"), autodrop.physical_ids()["CreateModelFunctionRole"]
    (name,) = [
        each
        for each in iam.list_role_policies(RoleName=role)["PolicyNames"]
        if "ListCandidates" in json.dumps(_document(iam, role, each))
    ]
    right = _document(iam, role, name)
    wrong = json.loads(json.dumps(right))
    for each in wrong["Statement"]:
        if each.get("Sid") == "ListCandidates":
            each["Resource"] = "arn:aws:sagemaker:us-east-1:000000000000:automl-job/ad-*"
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(wrong))
    try:
        answer = _drop(autodrop, tmp_path, "refused")
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(right))

    run = autodrop.run_of("refused")
    assert answer.exit_code == 1, answer.output
    assert (run["state"], run["code"]) == ("FAILED", "INTERNAL_ERROR")
    denied = [each for each in _recorded(autodrop).decisions if not each.allowed]
    assert {(each.role, each.action, each.resource) for each in denied} == {
        ("CreateModelFunctionRole", "sagemaker:ListCandidatesForAutoMLJob", "*")
    }


# What happens to runs ---------------------------------------------------------------------------


def _completed(autodrop: Autodrop, folder: Path) -> dict[str, Any]:
    answer = _drop(autodrop, folder, "statements")

    assert answer.exit_code == 0, answer.output
    return autodrop.run_of("statements")


def _drop(autodrop: Autodrop, folder: Path, dataset: str) -> Any:
    file, config = folder / "file.csv", folder / "autodrop.yaml"
    write_binary(file)
    config.write_text(SMALL_BUDGET)
    return autodrop.run("drop", file, "--dataset", dataset, "--config", config, "--wait")


def _start_and_watch_what_is_gone(autodrop: Autodrop) -> None:
    """Let the start of a job, and the watch over the queue, find no dataset."""
    prepared, queued = "ad-gone-000000000001", "ad-gone-000000000002"
    _remember(autodrop, prepared, "PREPARED")
    key = f"runs/gone/{prepared}/dataset.json"
    autodrop.invoke("StartAutopilotFunction", _object_created(autodrop, key))
    _remember(autodrop, queued, "QUEUED")
    autodrop.invoke("WatchRunsFunction", TICK)

    for run_id in (prepared, queued):
        assert _ended(autodrop, run_id)["code"] == "DATASET_GONE"


def _bring_forward_again(autodrop: Autodrop, run: dict[str, Any]) -> None:
    """Let the watch take a run that has all its jobs out of the queue, and write its results."""
    _rewind(autodrop, run, "QUEUED")

    assert _ended(autodrop, run["run_id"], _transform_completed(run))["state"] == "COMPLETED"


def _lose_the_summary(autodrop: Autodrop, run: dict[str, Any]) -> None:
    """Let the page of the dataset be written when a summary has been deleted."""
    summary = f"runs/statements/{run['run_id']}/results/summary.json"
    _delete(autodrop, summary)
    ended = {
        "source": "autodrop",
        "detail-type": "Run State Change",
        "detail": {"run_id": run["run_id"], "state": "COMPLETED"},
    }

    assert "FunctionError" not in autodrop.invoke("WriteDatasetPageFunction", ended)


def _take_its_model(autodrop: Autodrop, run: dict[str, Any]) -> None:
    """Let the model's name belong to something else."""
    sagemaker = autodrop.aws.client("sagemaker")
    sagemaker.delete_model(ModelName=run["run_id"])
    sagemaker.create_model(
        ModelName=run["run_id"],
        ExecutionRoleArn="arn:aws:iam::000000000000:role/"
        + autodrop.physical_ids()["SageMakerExecutionRole"],
        PrimaryContainer={"Image": "000000000000.dkr.ecr.us-east-1.amazonaws.com/any:1"},
    )
    _rewind(autodrop, run, "TRAINING")

    assert _ended(autodrop, run["run_id"])["code"] == "NAME_TAKEN"


def _lose_the_predictions(autodrop: Autodrop, run: dict[str, Any]) -> None:
    """Let the results be written when the predictions have been deleted."""
    for key in autodrop.keys(f"runs/statements/{run['run_id']}/inference-results/"):
        _delete(autodrop, key)
    _rewind(autodrop, run, "TRANSFORMING")

    ended = _ended(autodrop, run["run_id"], _transform_completed(run))
    assert ended["code"] == "PREDICTIONS_MISSING"


def _fail_before_the_claim(autodrop: Autodrop) -> None:
    """Leave in the failure queue a drop that not even the ledger has heard of."""
    failed = {
        "version": "1.0",
        "requestContext": {"requestId": "r", "condition": "RetriesExhausted"},
        "requestPayload": _object_created(autodrop, "inbox/unclaimed/file.csv"),
        "responsePayload": {"errorType": "ZeroDivisionError", "errorMessage": "on purpose"},
    }
    autodrop.aws.client("sqs").send_message(
        QueueUrl=autodrop.outputs["FailureQueueUrl"], MessageBody=json.dumps(failed)
    )

    assert _ended_of(autodrop, "unclaimed")["code"] == "INTERNAL_ERROR"


def _reject_a_large_file(autodrop: Autodrop, folder: Path) -> None:
    """Have a Processing job look at a file, and the watch look at the job."""
    rows = bank_rows(1_000).splitlines(keepends=True)
    rows[500] = b"56,services\n"
    file = folder / "large.csv"
    file.write_bytes(b"".join(rows))
    with autodrop.preparing_at_most(50_000):
        answer = autodrop.run("drop", file, "--dataset", "large-statements", "--wait")
    assert answer.exit_code == 3, answer.output
    run = autodrop.run_of("large-statements")
    _delete(autodrop, f"runs/large-statements/{run['run_id']}/failure.json")

    _rewind(autodrop, run, "PREPARING")

    completed = {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Processing Job State Change",
        "detail": {"ProcessingJobName": run["run_id"], "ProcessingJobStatus": "Completed"},
    }
    ended = _ended(autodrop, run["run_id"], ("PrepareDatasetFunction", completed))
    assert ended["state"] == "REJECTED"


# How it is brought about ------------------------------------------------------------------------


def _remember(autodrop: Autodrop, run_id: str, state: str) -> None:
    """Put a run into the ledger that has no folder."""
    item = {
        "run_id": run_id,
        "dataset": "gone",
        "bucket": autodrop.outputs["DataBucketName"],
        "key": "inbox/gone/file.csv",
        "version": "1",
        "state": state,
        "created_at": NOW,
        "open": "yes",
    }
    autodrop.aws.client("dynamodb").put_item(
        TableName=autodrop.outputs["LedgerTableName"],
        Item={**{name: {"S": text} for name, text in item.items()}, "size": {"N": "1"}},
    )


def _rewind(autodrop: Autodrop, run: dict[str, Any], state: str) -> None:
    """Make an ended run open again, in an earlier state."""
    autodrop.aws.client("dynamodb").update_item(
        TableName=autodrop.outputs["LedgerTableName"],
        Key={"run_id": {"S": run["run_id"]}},
        UpdateExpression="SET #state = :state, #open = :yes REMOVE announced, announced_at",
        ExpressionAttributeNames={"#state": "state", "#open": "open"},
        ExpressionAttributeValues={":state": {"S": state}, ":yes": {"S": "yes"}},
    )


def _transform_completed(run: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the event that a rewound run waits for, with the function that handles it."""
    detail = {"TransformJobName": run["run_id"], "TransformJobStatus": "Completed"}
    kind = "SageMaker Transform Job State Change"
    return (
        "WriteResultsFunction",
        {"source": "aws.sagemaker", "detail-type": kind, "detail": detail},
    )


def _ended(autodrop: Autodrop, run_id: str, *events: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Watch the runs, and deliver events, until this run has ended and been announced.

    The watch gives an event two minutes before it tells of it itself.
    """
    for _ in range(120):
        autodrop.invoke("WatchRunsFunction", TICK)
        for function, event in events:
            autodrop.invoke(function, event)
        item = autodrop.aws.client("dynamodb").get_item(
            TableName=autodrop.outputs["LedgerTableName"],
            Key={"run_id": {"S": run_id}},
            ConsistentRead=True,
        )["Item"]
        if "open" not in item:
            return {name: each.get("S") for name, each in item.items()}
        time.sleep(0.5)
    raise AssertionError(f"run {run_id} does not end")


def _ended_of(autodrop: Autodrop, dataset: str) -> dict[str, Any]:
    for _ in range(120):
        for run in autodrop.runs():
            if run["dataset"] == dataset:
                return _ended(autodrop, run["run_id"])
    raise AssertionError(f"no run of {dataset}")


def _object_created(autodrop: Autodrop, key: str) -> dict[str, Any]:
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {
            "bucket": {"name": autodrop.outputs["DataBucketName"]},
            "object": {"key": key, "size": 1, "version-id": "v", "sequencer": "1"},
        },
    }


def _delete(autodrop: Autodrop, key: str) -> None:
    autodrop.aws.client("s3").delete_object(Bucket=autodrop.outputs["DataBucketName"], Key=key)


def _recorded(autodrop: Autodrop) -> Recorded:
    written = written_template()
    resources = translate(written)["Resources"]
    roles = {
        autodrop.physical_ids()[name]: name
        for name, each in resources.items()
        if each["Type"] == "AWS::IAM::Role"
    }
    iam = autodrop.aws.client("iam")
    return Recorded(
        [
            Decision(**{**vars(each), "role": roles[each.role]})
            for each in read_decisions(Layout(autodrop.aws.home).decisions)
        ],
        {
            logical: [
                _document(iam, role, name)
                for name in iam.list_role_policies(RoleName=role)["PolicyNames"]
            ]
            for role, logical in roles.items()
        },
        list(statements(resources, written["Resources"])),
    )


def _document(iam: Any, role: str, policy: str) -> dict[str, Any]:
    told = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
    document: dict[str, Any] = json.loads(told) if isinstance(told, str) else told
    return document
