"""Requests are what SageMaker takes, by its own model and by the rules beyond it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from autodrop.dataset import Dataset
from autodrop.requests import (
    asking_for_probabilities,
    automl_job_request,
    model_request,
    processing_code_uri,
    processing_instances,
    processing_job_request,
    processing_volume_gb,
    response_keys,
    transform_job_request,
)
from autodrop.sagemaker_jobs import Container
from autodrop.settings import MODES, ProblemType, parse_settings
from autodrop_local.sagemaker.api import rules, shapes
from autodrop_local.sagemaker.errors import ApiError
from tests.builders import (
    a_dataset,
    a_run,
    ensembling_container,
    regression_containers,
    tuning_containers,
)
from tests.fakes import BUCKET, ROLE, SPARK

EVERYTHING = "predicted_label,probability,probabilities,labels"
KINDS: dict[str, Sequence[Container]] = {
    "tuning": tuning_containers(),
    "ensembling": (ensembling_container(),),
    "regression": regression_containers(),
}


def accepted(
    operation: str, request: Mapping[str, Any], check: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Return the request as the service reads it, after all its checks."""
    members = shapes.request(operation, json.dumps(request).encode())
    check(members)
    return members


def set_to(**settings: Any) -> Dataset:
    """Return a dataset with these settings."""
    return a_dataset(settings=parse_settings(settings))


def processed(**drop: Any) -> dict[str, Any]:
    """Return the request for the processing job of a run whose drop is changed so."""
    run = a_run()
    run = replace(run, drop=replace(run.drop, **drop))
    request = processing_job_request(run, SPARK, ROLE)
    return accepted("CreateProcessingJob", request, rules.check_processing_job)


@pytest.mark.parametrize(
    "key",
    [
        "inbox/bank/bank.csv",
        "inbox/bank/Q1 + Q2/50% é.csv",
        "inbox/bank/한글 😀.parquet",
        "inbox/bank/a&b=c#?.csv.gz",
    ],
)
def test_every_processing_job_is_accepted_whatever_its_file_is_called(key: str) -> None:
    request = processed(key=key)

    (code,) = request["ProcessingInputs"]
    assert code["S3Input"]["S3Uri"] == f"s3://{BUCKET}/{a_run().folder.processing_code()}"


def test_a_processing_job_runs_our_script_on_one_instance_unless_it_may_have_more() -> None:
    request = processed()

    assert request["AppSpecification"] == {
        "ImageUri": SPARK.image_uri,
        "ContainerEntrypoint": [
            "smspark-submit",
            "--py-files",
            "/opt/ml/processing/input/code/autodrop.zip",
            "/opt/ml/processing/input/code/prepare_large.py",
        ],
        "ContainerArguments": [
            *("--input", "/opt/ml/processing/input"),
            *("--output", "/opt/ml/processing/output"),
        ],
    }
    cluster = request["ProcessingResources"]["ClusterConfig"]
    assert (cluster["InstanceCount"], cluster["InstanceType"]) == (1, "ml.m5.4xlarge")
    assert request["StoppingCondition"] == {"MaxRuntimeInSeconds": 12 * 3600}


def test_every_instance_is_given_all_of_the_code_and_writes_into_the_run_s_folder() -> None:
    request, folder = processed(), a_run().folder

    for given in request["ProcessingInputs"]:
        told = given["S3Input"]
        assert (told["S3DataType"], told["S3InputMode"]) == ("S3Prefix", "File")
        assert told["S3DataDistributionType"] == "FullyReplicated"
        assert told["LocalPath"] == f"/opt/ml/processing/input/{given['InputName']}"
    outputs = {
        each["OutputName"]: each["S3Output"]["S3Uri"]
        for each in request["ProcessingOutputConfig"]["Outputs"]
    }
    assert outputs == {
        "train": f"s3://{BUCKET}/{folder.prefix}train",
        "test": f"s3://{BUCKET}/{folder.prefix}test",
        "truth": f"s3://{BUCKET}/{folder.prefix}truth",
        "model-train": f"s3://{BUCKET}/{folder.prefix}model-input/train",
        "model-test": f"s3://{BUCKET}/{folder.prefix}model-input/test",
        "outcome": f"s3://{BUCKET}/{folder.prefix}processing/outcome",
    }


def test_the_code_of_a_processing_job_tells_whose_it_is() -> None:
    assert processing_code_uri(a_run()) != processing_code_uri(a_run(version="v2"))


@pytest.mark.parametrize(
    ("size", "name", "gigabytes"),
    [
        (0, "a.csv", 30),
        (2_500_000_000, "a.csv", 30),
        (2_500_000_001, "a.csv", 31),
        (10_000_000_000, "a.csv", 60),
        (10_000_000_000, "A.TSV", 60),
        (100_000_000_000, "a.csv", 420),
        (1_000_000_000, "a.csv.gz", 71),
        (1_000_000_000, "a.parquet", 71),
        (1_000_000_000, "a", 71),
        (10**15, "a.csv", 16_384),
    ],
)
def test_a_volume_holds_parts_and_what_is_unpacked(size: int, name: str, gigabytes: int) -> None:
    assert processing_volume_gb(size, name) == gigabytes
    assert processed(size=size, key=f"inbox/x/{name}")


@pytest.mark.parametrize(
    ("size", "name", "most", "instances"),
    [
        (0, "a.csv", 10, 1),
        (20_000_000_000, "a.csv", 10, 1),
        (20_000_000_001, "a.csv", 10, 2),
        (100_000_000_000, "a.csv", 10, 5),
        (100_000_000_000, "a.csv", 3, 3),
        (100_000_000_000, "a.csv", 1, 1),
        (100_000_000_000, "a.csv.gz", 10, 1),
        (100_000_000_000, "a.parquet", 10, 1),
    ],
)
def test_instances_share_what_is_not_packed(
    size: int, name: str, most: int, instances: int
) -> None:
    run = a_run()
    run = replace(run, drop=replace(run.drop, key=f"inbox/x/{name}", size=size))
    request = processing_job_request(run, replace(SPARK, most_instances=most), ROLE)

    assert processing_instances(size, name, most) == instances
    cluster = request["ProcessingResources"]["ClusterConfig"]
    assert cluster["InstanceCount"] == instances
    assert cluster["VolumeSizeInGB"] == processing_volume_gb(size, name, instances)


def test_each_of_several_instances_has_room_for_its_share() -> None:
    assert processing_volume_gb(100_000_000_000, "a.csv", 5) == 100


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["auto", *ProblemType])
def test_every_automl_job_is_accepted(mode: str, kind: str) -> None:
    dataset = set_to(problem_type=str(kind), autopilot={"mode": mode})

    accepted("CreateAutoMLJobV2", automl_job_request(dataset, ROLE), rules.check_automl_job)


@pytest.mark.parametrize("kind", ProblemType)
def test_every_objective_is_accepted(kind: ProblemType) -> None:
    for objective in kind.objectives:
        dataset = set_to(problem_type=str(kind), objective=objective)
        request = automl_job_request(dataset, ROLE)

        accepted("CreateAutoMLJobV2", request, rules.check_automl_job)
        assert request["AutoMLJobObjective"] == {"MetricName": objective}


@pytest.mark.parametrize("kind", ProblemType)
def test_a_problem_type_brings_its_default_objective(kind: ProblemType) -> None:
    request = automl_job_request(set_to(problem_type=str(kind)), ROLE)

    tabular = request["AutoMLProblemTypeConfig"]["TabularJobConfig"]
    assert tabular["ProblemType"] == kind.autopilot_name
    assert request["AutoMLJobObjective"] == {"MetricName": kind.objectives[0]}


def test_without_a_problem_type_there_is_no_objective_either() -> None:
    classes = (("a", 200), ("b", 200), ("c", 200))
    dataset = a_dataset(kind=ProblemType.MULTICLASS, classes=classes, positive=None)

    request = automl_job_request(dataset, ROLE)

    assert "AutoMLJobObjective" not in request
    assert "ProblemType" not in request["AutoMLProblemTypeConfig"]["TabularJobConfig"]


def test_ones_and_zeros_are_said_to_be_classes() -> None:
    request = automl_job_request(a_dataset(), ROLE)

    tabular = request["AutoMLProblemTypeConfig"]["TabularJobConfig"]
    assert tabular["ProblemType"] == "BinaryClassification"
    assert request["AutoMLJobObjective"] == {"MetricName": "F1"}
    accepted("CreateAutoMLJobV2", request, rules.check_automl_job)


def test_the_rules_would_notice_one_without_the_other() -> None:
    request = automl_job_request(set_to(problem_type="binary"), ROLE)
    del request["AutoMLJobObjective"]

    with pytest.raises(ApiError):
        accepted("CreateAutoMLJobV2", request, rules.check_automl_job)


def test_an_automl_job_trains_on_the_training_file_alone() -> None:
    dataset = a_dataset(target="die Größe (cm)")

    request = automl_job_request(dataset, ROLE)

    (channel,) = request["AutoMLJobInputDataConfig"]
    uri = channel["DataSource"]["S3DataSource"]["S3Uri"]
    assert uri == f"s3://{BUCKET}/{dataset.folder.model_train}"
    assert channel["ContentType"] == "text/csv;header=present"
    assert request["OutputDataConfig"]["S3OutputPath"] == f"s3://{BUCKET}/{dataset.folder.output}"
    tabular = request["AutoMLProblemTypeConfig"]["TabularJobConfig"]
    assert tabular["TargetAttributeName"] == "die Größe (cm)"


def test_an_automl_job_has_the_budget_of_the_settings() -> None:
    dataset = set_to(autopilot={"max_candidates": 7, "max_runtime_minutes": 90})

    request = automl_job_request(dataset, ROLE)

    assert request["AutoMLProblemTypeConfig"]["TabularJobConfig"]["CompletionCriteria"] == {
        "MaxCandidates": 7,
        "MaxAutoMLJobRuntimeInSeconds": 5400,
    }


def test_no_automl_job_leaves_an_endpoint_that_costs_money() -> None:
    assert "ModelDeployConfig" not in automl_job_request(set_to(), ROLE)


@pytest.mark.parametrize("kind", KINDS)
def test_every_model_is_accepted(kind: str) -> None:
    request = model_request(a_dataset(), KINDS[kind], ROLE)

    accepted("CreateModel", request, rules.check_model)
    assert [each["Image"] for each in request["Containers"]] == [
        container.image for container in KINDS[kind]
    ]


def test_every_transform_is_accepted() -> None:
    dataset = set_to(transform={"instance_type": "ml.m5.large", "instance_count": 2})

    request = accepted(
        "CreateTransformJob",
        transform_job_request(dataset, KINDS["ensembling"]),
        rules.check_transform_job,
    )

    assert request["TransformInput"]["SplitType"] == "Line"
    assert request["TransformOutput"]["AssembleWith"] == "Line"
    assert request["TransformResources"] == {"InstanceType": "ml.m5.large", "InstanceCount": 2}


def payload(containers: Sequence[Container], longest_row: int = 100) -> int:
    """Return the `MaxPayloadInMB` of a transform with these containers."""
    request = transform_job_request(a_dataset(longest_row=longest_row), containers)
    accepted("CreateTransformJob", request, rules.check_transform_job)
    megabytes: int = request["MaxPayloadInMB"]
    return megabytes


def limited(limit: str | None) -> tuple[Container, ...]:
    """Return the three containers of a classification, the algorithm's with this limit."""
    first, algorithm, last = tuning_containers()
    environment = {
        name: value for name, value in algorithm.environment.items() if name != "MAX_CONTENT_LENGTH"
    }
    if limit is not None:
        environment["MAX_CONTENT_LENGTH"] = limit
    return first, replace(algorithm, environment=environment), last


def test_one_container_reads_the_rows_as_they_are_sent() -> None:
    assert payload(KINDS["ensembling"]) == 6


def test_rows_that_grow_between_containers_stay_below_the_algorithm_s_limit() -> None:
    assert payload(tuning_containers()) == 1


@pytest.mark.parametrize(
    ("limit", "megabytes"),
    [
        ("20971519", 1),
        (str(60 << 20), 3),
        (str(1 << 40), 6),
        ("6291456", 1),
        ("1", 1),
        # The container's own default, or nothing that can be relied upon.
        (None, 1),
        ("", 1),
        ("plenty", 1),
    ],
)
def test_the_payload_goes_by_what_the_algorithm_container_takes(
    limit: str | None, megabytes: int
) -> None:
    assert payload(limited(limit)) == megabytes


@pytest.mark.parametrize(
    ("longest_row", "megabytes"), [(1 << 20, 1), ((1 << 20) + 1, 2), (6 << 20, 6), (99 << 20, 6)]
)
def test_a_payload_holds_the_longest_row_at_least(longest_row: int, megabytes: int) -> None:
    assert payload(tuning_containers(), longest_row) == megabytes


def test_a_transform_reads_the_held_out_rows_and_writes_beside_them() -> None:
    dataset = a_dataset()

    request = transform_job_request(dataset, KINDS["ensembling"])

    source = request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    assert source == f"s3://{BUCKET}/{dataset.folder.test}"
    output = request["TransformOutput"]["S3OutputPath"]
    assert output == f"s3://{BUCKET}/{dataset.folder.inference_results}"


def test_all_of_them_carry_the_run_s_name_and_tags() -> None:
    dataset = a_dataset()
    processing = processing_job_request(a_run(), SPARK, ROLE)
    job = automl_job_request(dataset, ROLE)
    model = model_request(dataset, KINDS["ensembling"], ROLE)
    transform = transform_job_request(dataset, KINDS["ensembling"])

    names = {
        processing["ProcessingJobName"],
        job["AutoMLJobName"],
        model["ModelName"],
        transform["TransformJobName"],
        transform["ModelName"],
    }
    assert names == {dataset.run_id}
    assert processing["Tags"] == job["Tags"] == model["Tags"] == transform["Tags"]
    assert {"Key": "autodrop:run", "Value": dataset.run_id} in job["Tags"]


@pytest.mark.parametrize("name", ["한글 😀", "<script>", "a" * 300, ".."])
def test_tags_are_accepted_whatever_the_dataset_is_called(name: str) -> None:
    request = transform_job_request(replace(a_dataset(), name=name), KINDS["ensembling"])

    accepted("CreateTransformJob", request, rules.check_transform_job)


def test_three_containers_hand_their_answers_on() -> None:
    preprocess, algorithm, inverse_label = asking_for_probabilities(tuning_containers())

    assert preprocess == tuning_containers()[0]
    assert algorithm.environment["SAGEMAKER_INFERENCE_OUTPUT"] == (
        "predicted_label,probability,probabilities"
    )
    assert "SAGEMAKER_INFERENCE_INPUT" not in algorithm.environment
    assert inverse_label.environment["SAGEMAKER_INFERENCE_INPUT"] == (
        "predicted_label,probability,probabilities"
    )
    assert inverse_label.environment["SAGEMAKER_INFERENCE_OUTPUT"] == EVERYTHING


def test_one_container_is_only_told_what_to_answer() -> None:
    before = ensembling_container()

    (after,) = asking_for_probabilities([before])

    assert after.environment == {**before.environment, "SAGEMAKER_INFERENCE_OUTPUT": EVERYTHING}


def test_containers_of_a_regression_stay_as_they_are() -> None:
    assert asking_for_probabilities(regression_containers()) == regression_containers()


def test_a_container_that_offers_little_is_asked_for_little() -> None:
    container = replace(
        ensembling_container(),
        environment={"SAGEMAKER_INFERENCE_SUPPORTED": "labels, predicted_label"},
    )

    (asked,) = asking_for_probabilities([container])

    assert asked.environment["SAGEMAKER_INFERENCE_OUTPUT"] == "predicted_label,labels"


def test_a_container_that_offers_nothing_starts_the_chain_anew() -> None:
    silent = replace(ensembling_container(), environment={})

    *_, last = asking_for_probabilities([ensembling_container(), silent, ensembling_container()])

    assert "SAGEMAKER_INFERENCE_INPUT" not in last.environment


def test_asking_leaves_the_candidate_itself_alone() -> None:
    containers = tuning_containers()

    asking_for_probabilities(containers)

    assert containers == tuning_containers()


def test_asking_twice_is_asking_once() -> None:
    once = asking_for_probabilities(tuning_containers())

    assert asking_for_probabilities(once) == once


@pytest.mark.parametrize(
    ("kind", "keys"),
    [
        ("tuning", EVERYTHING.split(",")),
        ("ensembling", EVERYTHING.split(",")),
        ("regression", ["predicted_label"]),
    ],
)
def test_the_last_container_says_what_a_line_of_output_holds(kind: str, keys: list[str]) -> None:
    assert list(response_keys(asking_for_probabilities(KINDS[kind]))) == keys


def test_a_model_without_containers_gives_the_prediction_alone() -> None:
    assert response_keys([]) == ("predicted_label",)
