"""Jobs that really train, on small data: the slow tests of this folder."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

from autodrop_local.sagemaker.engine.notebooks import code_cells
from tests.local.sagemaker.stage import (
    BLIND_ROLE,
    BUCKET,
    ROLE,
    LocalAws,
    automl_request,
    transform_request,
)

pytestmark = pytest.mark.e2e


def cancer() -> pd.DataFrame:
    """Real rows with labels that need quoting, words, missing values and awkward names."""
    data = load_breast_cancer(as_frame=True)
    frame: pd.DataFrame = data.data[
        ["mean radius", "mean texture", "mean concavity", "worst area"]
    ].copy()
    frame.columns = pd.Index(["radius (mean)", 'tex,"ture"', "concavity", "area"])
    frame["size"] = np.where(frame["area"] > 700, "large, or so", "small")
    frame.loc[frame.index[::7], "concavity"] = None
    frame.insert(2, "y", data.target.map({0: "<=0, bad", 1: "01"}))
    return frame


def criteria(**limits: int) -> dict[str, Any]:
    return {"CompletionCriteria": limits}


def trained(aws: LocalAws, name: str, data: pd.DataFrame, **changes: Any) -> dict[str, Any]:
    uri = aws.put(f"{name}/train.csv", data.to_csv(index=False))
    aws.sagemaker.create_auto_ml_job_v2(**automl_request(name, uri, **changes))
    return aws.finished_automl_job(name)


def scored(aws: LocalAws, name: str, job: dict[str, Any], rows: str, **changes: Any) -> Any:
    """The finished transform job over some rows, with the job's best candidate as model."""
    containers = job["BestCandidate"]["InferenceContainers"]
    supported = containers[0]["Environment"].get("SAGEMAKER_INFERENCE_SUPPORTED")
    if supported:
        containers[0]["Environment"]["SAGEMAKER_INFERENCE_OUTPUT"] = supported
    aws.sagemaker.create_model(ModelName=name, Containers=containers, ExecutionRoleArn=ROLE)
    request = transform_request(name, name, **changes)
    uri = aws.put(f"{name}/test.csv", rows)
    request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"] = uri
    request["TransformOutput"]["S3OutputPath"] = f"s3://{BUCKET}/{name}/results"
    aws.sagemaker.create_transform_job(**request)
    return aws.finished_transform_job(name)


@pytest.fixture(scope="module")
def binary(real_aws: LocalAws) -> tuple[dict[str, Any], pd.DataFrame]:
    """A finished job on most of the rows, and the rest of the rows."""
    data = cancer()
    training = data.sample(frac=0.9, random_state=200)
    job = trained(real_aws, "binary", training, tabular=criteria(MaxCandidates=4))
    return job, data.drop(training.index)


def test_a_binary_job_ends_with_a_good_model(
    real_aws: LocalAws, binary: tuple[dict[str, Any], pd.DataFrame]
) -> None:
    job, held_out = binary
    assert job["AutoMLJobStatus"] == "Completed"
    assert job["AutoMLJobSecondaryStatus"] == "MaxCandidatesReached"
    assert job["ResolvedAttributes"]["AutoMLJobObjective"]["MetricName"] == "F1"

    rows = held_out.drop(columns="y").to_csv(index=False, header=False)
    assert scored(real_aws, "binary", job, rows)["TransformJobStatus"] == "Completed"

    output = list(
        csv.reader(io.StringIO(real_aws.text(f"s3://{BUCKET}/binary/results/test.csv.out")))
    )
    labels = ast.literal_eval(output[0][3])
    assert labels == ["01", "<=0, bad"]
    bad = [ast.literal_eval(row[2])[1] for row in output]
    assert roc_auc_score(held_out["y"] == "<=0, bad", bad) > 0.95
    assert accuracy_score(held_out["y"], [row[0] for row in output]) > 0.85
    for label, probability, probabilities, _ in output:
        of_label = ast.literal_eval(probabilities)[labels.index(label)]
        assert float(probability) == of_label


def test_candidates_have_autopilot_s_shape(
    real_aws: LocalAws, binary: tuple[dict[str, Any], pd.DataFrame]
) -> None:
    job, _ = binary
    found = real_aws.sagemaker.list_candidates_for_auto_ml_job(
        AutoMLJobName="binary", SortBy="FinalObjectiveMetricValue", SortOrder="Descending"
    )["Candidates"]

    values = [candidate["FinalAutoMLJobObjectiveMetric"]["Value"] for candidate in found]
    assert len(found) == 4
    assert values == sorted(values, reverse=True)
    assert job["BestCandidate"]["FinalAutoMLJobObjectiveMetric"]["Value"] == values[0]
    for candidate in found:
        metrics = candidate["CandidateProperties"]["CandidateMetrics"]
        assert {"F1", "AUC", "LogLoss", "InferenceLatency"} <= {
            metric["StandardMetricName"] for metric in metrics
        }
        (container,) = candidate["InferenceContainers"]
        assert "autogluon-inference" in container["Image"]
        step = candidate["CandidateSteps"][0]["CandidateStepName"]
        training = real_aws.sagemaker.describe_training_job(TrainingJobName=step)
        assert training["TrainingJobStatus"] == "Completed"
        assert training["ModelArtifacts"]["S3ModelArtifacts"] == container["ModelDataUrl"]


def test_the_output_has_autopilot_s_layout(
    real_aws: LocalAws, binary: tuple[dict[str, Any], pd.DataFrame]
) -> None:
    job, _ = binary
    best = job["BestCandidate"]
    locations = best["CandidateProperties"]["CandidateArtifactLocations"]

    explanation = json.loads(real_aws.text(locations["Explainability"] + "/analysis.json"))
    importance = explanation["explanations"]["permutation_importance"]["<=0, bad"]
    assert set(importance["global_importance_values"]) == set(cancer().columns) - {"y"}
    insights = json.loads(real_aws.text(locations["ModelInsights"] + "/statistics.json"))
    confusion = insights["binary_classification_metrics"]["confusion_matrix"]
    assert sum(sum(row.values()) for row in confusion.values()) == insights["dataset"]["item_count"]

    key = best["InferenceContainers"][0]["ModelDataUrl"].removeprefix(f"s3://{BUCKET}/")
    assert key.startswith("out/binary/sagemaker-automl-candidates/model/")
    with tarfile.open(fileobj=io.BytesIO(real_aws.bucket.objects[key])) as archive:
        assert "autodrop-model.json" in archive.getnames()


def test_one_bad_record_leaves_no_output(
    real_aws: LocalAws, binary: tuple[dict[str, Any], pd.DataFrame]
) -> None:
    job, held_out = binary
    rows = held_out.drop(columns="y").to_csv(index=False, header=False) + "1,2\n"

    transform = scored(real_aws, "bad-record", job, rows)

    assert transform["TransformJobStatus"] == "Failed"
    assert f"record {len(held_out) + 1}: expected 5 columns" in transform["FailureReason"]
    assert "bad-record/results/test.csv.out" not in real_aws.bucket.objects


def test_both_notebooks_run_from_top_to_bottom(
    real_aws: LocalAws,
    binary: tuple[dict[str, Any], pd.DataFrame],
    tmp_path: Path,
) -> None:
    job, _ = binary
    (tmp_path / "train.csv").write_bytes(real_aws.bucket.objects["binary/train.csv"])
    assert set(job["AutoMLJobArtifacts"]) == {
        "CandidateDefinitionNotebookLocation",
        "DataExplorationNotebookLocation",
    }

    for kind, source in (
        ("CandidateDefinition", {"TRAINING_DATA": str(tmp_path / "train.csv")}),
        ("DataExploration", {"AWS_ENDPOINT_URL": real_aws.endpoint}),
    ):
        text = real_aws.text(job["AutoMLJobArtifacts"][f"{kind}NotebookLocation"])
        script = tmp_path / f"{kind}.py"
        script.write_text(
            "\n".join(f"exec({cell!r}, globals())" for cell in code_cells(text)), encoding="utf-8"
        )
        done = subprocess.run(
            [sys.executable, "-W", "ignore", str(script)],
            env={**os.environ, **source},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "512 rows, 6 columns" in done.stdout
        assert ("WeightedEnsemble" in done.stdout) == (kind == "CandidateDefinition")


def test_a_regression_job_gives_numbers(real_aws: LocalAws) -> None:
    data = cancer().drop(columns="size")
    data["y"] = data.pop("area")
    training = data.sample(frac=0.9, random_state=200)
    held_out = data.drop(training.index)

    job = trained(
        real_aws,
        "regression",
        training,
        tabular=criteria(MaxCandidates=2) | {"ProblemType": "Regression"},
        AutoMLJobObjective={"MetricName": "MSE"},
    )
    objective = job["BestCandidate"]["FinalAutoMLJobObjectiveMetric"]
    assert (objective["Type"], objective["Value"] > 0) == ("Minimize", True)
    environment = job["BestCandidate"]["InferenceContainers"][0]["Environment"]
    assert "SAGEMAKER_INFERENCE_SUPPORTED" not in environment

    rows = held_out.drop(columns="y").to_csv(index=False, header=False)
    scored(real_aws, "regression", job, rows)
    output = real_aws.text(f"s3://{BUCKET}/regression/results/test.csv.out").split()
    assert r2_score(held_out["y"], [float(value) for value in output]) > 0.8


def test_a_multiclass_job_honours_algorithms_and_weights(real_aws: LocalAws) -> None:
    data = cancer()
    data["y"] = pd.qcut(data["area"], 3, labels=["1", "2", "10"]).astype(str)
    data["weight"] = 1.0
    tabular = criteria(MaxCandidates=3) | {
        "Mode": "ENSEMBLING",
        "SampleWeightAttributeName": "weight",
        "CandidateGenerationConfig": {
            "AlgorithmsConfig": [{"AutoMLAlgorithms": ["lightgbm", "randomforest", "fastai"]}]
        },
    }

    job = trained(real_aws, "multiclass", data, tabular=tabular)

    resolved = job["ResolvedAttributes"]["AutoMLProblemTypeResolvedAttributes"]
    assert resolved["TabularResolvedAttributes"]["ProblemType"] == "MulticlassClassification"
    reasons = [reason["PartialFailureMessage"] for reason in job["PartialFailureReasons"]]
    assert reasons == ["Algorithm fastai is not available here."]
    rows = data.drop(columns=["y", "weight"]).head(20).to_csv(index=False, header=False)
    scored(real_aws, "multiclass", job, rows)
    output = real_aws.text(f"s3://{BUCKET}/multiclass/results/test.csv.out")
    labels = [row[0] for row in csv.reader(io.StringIO(output))]
    assert labels == data["y"].head(20).tolist()


def test_a_job_out_of_time_ends_with_what_it_has(real_aws: LocalAws) -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame(rng.normal(size=(4000, 40))).add_prefix("x")
    data["y"] = data["x0"] * data["x1"] + rng.normal(size=4000)
    limits = criteria(MaxCandidates=12, MaxAutoMLJobRuntimeInSeconds=8)

    job = trained(real_aws, "short", data, tabular=limits)

    assert job["AutoMLJobStatus"] == "Completed"
    assert job["AutoMLJobSecondaryStatus"] == "MaxAutoMLJobRuntimeReached"
    assert job["BestCandidate"]["CandidateStatus"] == "Completed"
    assert (job["EndTime"] - job["CreationTime"]).total_seconds() < 20


def test_a_running_job_is_stopped(real_aws: LocalAws) -> None:
    uri = real_aws.put("stop/train.csv", cancer().to_csv(index=False))
    real_aws.sagemaker.create_auto_ml_job_v2(**automl_request("stop", uri))
    time.sleep(1)

    real_aws.sagemaker.stop_auto_ml_job(AutoMLJobName="stop")

    assert real_aws.finished_automl_job("stop")["AutoMLJobStatus"] == "Stopped"


@pytest.mark.parametrize(
    ("name", "rows", "role", "reason"),
    [
        ("few-rows", "x,y\n" + "1,a\n2,b\n" * 200, ROLE, "minimum of 500 rows"),
        ("one-class", "x,y\n" + "1,a\n" * 600, ROLE, "at least 2 classes"),
        ("ragged", "x,y\n" + "1,a\n" * 600 + "1,2,3\n", ROLE, "Expected 2 fields in line 602"),
        ("blind", "x,y\n1,a\n", BLIND_ROLE, "AccessDenied"),
    ],
)
def test_a_job_that_cannot_train_says_why(
    real_aws: LocalAws, name: str, rows: str, role: str, reason: str
) -> None:
    uri = real_aws.put(f"{name}/train.csv", rows)
    real_aws.sagemaker.create_auto_ml_job_v2(**automl_request(name, uri, RoleArn=role))

    job = real_aws.finished_automl_job(name)

    assert job["AutoMLJobStatus"] == "Failed"
    assert reason in job["FailureReason"]
