"""Five files dropped at once on an account with room for two jobs, each followed to its report."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from tests.e2e.conftest import Autodrop
from tests.e2e.data import write_awkward, write_binary, write_multiclass, write_regression

pytestmark = pytest.mark.e2e

SMALL_BUDGET = "autopilot: {max_candidates: 3, max_runtime_minutes: 10}\n"
FILES = {
    "binary": (write_binary, ()),
    "multiclass": (write_multiclass, ("--target", "digit")),
    "regression": (write_regression, ("--target", "mean area")),
    "awkward": (write_awkward, ("--target", "Income, level")),
    "binary-again": (write_binary, ()),
}


@pytest.fixture(scope="module")
def dropped(autodrop: Autodrop, tmp_path_factory: pytest.TempPathFactory) -> Autodrop:
    """Return autodrop after all files were dropped at once and have ended."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "autodrop.yaml").write_text(SMALL_BUDGET)
    for dataset, (write, arguments) in FILES.items():
        file = folder / f"{dataset} (1) +x.csv"
        write(file)
        config = ("--config", folder / "autodrop.yaml")
        autodrop.start_drop(dataset, file, "--dataset", dataset, *config, *arguments)
    for dataset in FILES:
        answer = autodrop.end_of_drop(dataset)
        assert answer.exit_code == 0, f"{dataset}: {answer.output}"
        assert "COMPLETED" in answer.output
    return autodrop


def test_job_beyond_the_quota_waits_for_room_and_starts_by_itself(dropped: Autodrop) -> None:
    waited = [
        run["run_id"]
        for run in dropped.runs()
        if "QUEUED" in dropped.run("status", run["run_id"], "--json").output
    ]

    assert waited


def test_held_out_rows_are_those_that_pandas_leaves_out(dropped: Autodrop) -> None:
    run = dropped.run_of("multiclass")
    folder = f"runs/multiclass/{run['run_id']}"
    file = pd.read_csv(io.BytesIO(dropped.object(run["file"])), dtype=str)
    training = file.sample(frac=0.8, random_state=200)
    testing = file.drop(training.index)

    train = pd.read_csv(io.BytesIO(dropped.object(f"{folder}/train/train_data.csv")), dtype=str)
    test = pd.read_csv(
        io.BytesIO(dropped.object(f"{folder}/test/test_data.csv")), dtype=str, header=None
    )

    pd.testing.assert_frame_equal(train, training.sort_index().reset_index(drop=True))
    assert (test.to_numpy() == testing.drop(columns="digit").to_numpy()).all()


def test_metrics_of_two_classes_are_scikit_learns(dropped: Autodrop) -> None:
    summary, predictions = dropped.results("binary")
    truth, predicted = predictions["truth"] == "1", predictions["prediction"] == "1"
    score = predictions["probability_1"].astype(float)

    told = {name: each["value"] for name, each in summary["held_out"]["metrics"].items()}

    assert summary["problem_type"] == "binary"
    assert told["roc_auc"] == pytest.approx(metrics.roc_auc_score(truth, score))
    assert told["log_loss"] == pytest.approx(metrics.log_loss(truth, score))
    assert told["precision"] == pytest.approx(metrics.precision_score(truth, predicted))
    assert told["recall"] == pytest.approx(metrics.recall_score(truth, predicted))
    assert told["f1"] == pytest.approx(metrics.f1_score(truth, predicted))
    assert told["roc_auc"] > 0.95


def test_metrics_of_several_classes_are_scikit_learns(dropped: Autodrop) -> None:
    summary, predictions = dropped.results("multiclass")
    truth, predicted = predictions["truth"], predictions["prediction"]
    labels = sorted(set(truth))
    scores = predictions[[f"probability_{label}" for label in labels]].astype(float)
    scores = scores.div(scores.sum(axis=1), axis=0)

    told = {name: each["value"] for name, each in summary["held_out"]["metrics"].items()}

    assert summary["problem_type"] == "multiclass"
    assert told["accuracy"] == pytest.approx(metrics.accuracy_score(truth, predicted))
    assert told["f1_macro"] == pytest.approx(metrics.f1_score(truth, predicted, average="macro"))
    assert told["log_loss"] == pytest.approx(metrics.log_loss(truth, scores), rel=1e-5)
    assert told["accuracy"] > 0.9


def test_metrics_of_numbers_are_scikit_learns(dropped: Autodrop) -> None:
    summary, predictions = dropped.results("regression")
    truth, predicted = predictions["truth"].astype(float), predictions["prediction"].astype(float)

    told = {name: each["value"] for name, each in summary["held_out"]["metrics"].items()}

    assert summary["problem_type"] == "regression"
    assert told["rmse"] == pytest.approx(np.sqrt(metrics.mean_squared_error(truth, predicted)))
    assert told["mae"] == pytest.approx(metrics.mean_absolute_error(truth, predicted))
    assert told["r2"] == pytest.approx(metrics.r2_score(truth, predicted))
    assert told["r2"] > 0.9


def test_awkward_file_comes_back_with_its_labels_as_it_spells_them(dropped: Autodrop) -> None:
    summary, predictions = dropped.results("awkward")

    report = dropped.object(f"runs/awkward/{summary['run_id']}/results/report.html").decode()

    assert set(predictions["truth"]) | set(predictions["prediction"]) == {"<=50K", ">50K"}
    assert {"probability_<=50K", "probability_>50K"} <= set(predictions.columns)
    assert summary["columns"] == 80
    assert "LINE_BREAKS_REPLACED" in {each["code"] for each in summary["warnings"]}
    # The page has scripts of its own, but a column of this name is only a name.
    assert "<script>alert(1)" not in report
    assert summary["held_out"]["metrics"]["roc_auc"]["value"] > 0.9


def test_every_step_of_the_run_is_in_its_folder(dropped: Autodrop) -> None:
    run = dropped.run_of("binary")["run_id"]
    folder = f"runs/binary/{run}/"

    keys = [key.removeprefix(folder) for key in dropped.keys(folder)]

    for name in (
        "dataset.json",
        "profile.json",
        "train/train_data.csv",
        "test/test_data.csv",
        "test/probe_rows.csv",
        "probe/plan.json",
        "truth/truth.csv",
        "autopilot.json",
        "inference-results/test_data.csv.out",
        "inference-results/probe_rows.csv.out",
        "results/summary.json",
        "results/leaderboard.csv",
        "results/predictions.csv",
        "results/report.html",
    ):
        assert name in keys
    assert sum(key.startswith("output/") and key.endswith(".ipynb") for key in keys) == 2


def test_page_of_the_dataset_leads_to_the_report(dropped: Autodrop) -> None:
    run = dropped.run_of("binary")

    page = dropped.page_with(run)

    assert "1 run: 1 completed." in page
    assert f'href="./{run["run_id"]}/results/report.html"' in page


def test_leaderboard_lists_all_candidates_best_first(dropped: Autodrop) -> None:
    summary, _ = dropped.results("binary")
    run = summary["run_id"]

    board = pd.read_csv(io.BytesIO(dropped.object(f"runs/binary/{run}/results/leaderboard.csv")))

    told = dropped.aws.client("sagemaker").list_candidates_for_auto_ml_job(AutoMLJobName=run)
    assert set(board["name"]) == {each["CandidateName"] for each in told["Candidates"]}
    assert len(board) == 3
    assert board["objective_value"].is_monotonic_decreasing
    assert board["name"][0] == summary["best_candidate"]["name"]


def test_events_delivered_again_change_nothing(dropped: Autodrop) -> None:
    run = dropped.run_of("binary")
    before = dropped.runs()
    jobs = _transform_jobs(dropped)
    drop_event = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {
            "bucket": {"name": dropped.outputs["DataBucketName"]},
            "object": {
                "key": run["file"],
                "version-id": _version(dropped, run["file"]),
                "sequencer": "1",
            },
        },
    }
    transform_event = {
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Transform Job State Change",
        "detail": {"TransformJobName": run["run_id"], "TransformJobStatus": "Completed"},
    }

    for name, event in (
        ("PrepareDatasetFunction", drop_event),
        ("WriteResultsFunction", transform_event),
        ("WriteResultsFunction", transform_event),
    ):
        answer = dropped.invoke(name, event)
        assert "FunctionError" not in answer

    assert dropped.runs() == before
    assert _transform_jobs(dropped) == jobs


def test_results_survive_a_restart_of_the_local_aws(dropped: Autodrop) -> None:
    before = dropped.runs()
    port = dropped.aws.endpoint.rpartition(":")[2]

    stopped = dropped.run("local", "stop")
    started = dropped.run("local", "start", "--no-deploy", "--port", port)

    assert (stopped.exit_code, started.exit_code) == (0, 0), started.output
    assert dropped.runs() == before


def test_cleanup_removes_what_the_run_made_and_not_the_drop(dropped: Autodrop) -> None:
    run = dropped.run_of("binary-again")

    first = dropped.run("cleanup", run["run_id"], "--yes")
    again = dropped.run("cleanup", run["run_id"], "--yes")

    assert (first.exit_code, again.exit_code) == (0, 0), first.output + again.output
    # Without its only run the dataset has no page either.
    assert dropped.keys("runs/binary-again/") == []
    assert dropped.keys(run["file"]) == [run["file"]]
    models = dropped.aws.client("sagemaker").list_models()["Models"]
    assert run["run_id"] not in {each["ModelName"] for each in models}
    assert run["run_id"] not in {each["run_id"] for each in dropped.runs()}


def _transform_jobs(autodrop: Autodrop) -> set[str]:
    told = autodrop.aws.client("sagemaker").list_transform_jobs(MaxResults=100)
    return {job["TransformJobName"] for job in told["TransformJobSummaries"]}


def _version(autodrop: Autodrop, key: str) -> str:
    bucket = autodrop.outputs["DataBucketName"]
    version: str = autodrop.aws.client("s3").head_object(Bucket=bucket, Key=key)["VersionId"]
    return version
