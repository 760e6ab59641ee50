"""What `write_results` finds in the bucket and the ledger, and what it leaves there."""

from __future__ import annotations

import csv
import errno
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from autodrop.errors import JobFailed
from autodrop.results import summary as summaries
from autodrop.run import Run, RunState
from autodrop.steps import write_results as step
from tests.fakes import BUCKET
from tests.journey import FOLDER, RUN, Journey

PROBE_OUTPUT = f"{FOLDER.inference_results}/probe_rows.csv.out"
NAMES = ("a", "b", "c")


def table(rows: int = 600, names: tuple[str, ...] = NAMES) -> bytes:
    """Return a file with a column of names."""
    lines = [f"{i},{names[i % len(names)]},{'yes' if i % 3 else 'no'}" for i in range(rows)]
    return "\n".join(["x,city,y", *lines, ""]).encode()


def test_held_out_rows_that_do_not_fit_on_the_disk_end_the_run_with_a_remedy(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey.to("transformed")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(journey.world.bucket, "download", full)
    journey.invoke("write_results", "transform-completed")

    assert journey.failure["code"] == "RESULTS_TOO_LARGE"
    assert "split.test_fraction" in journey.failure["remedy"]


def completed(
    journey: Journey, content: bytes, version: str, without: str | None = None
) -> tuple[Run, dict[str, Any]]:
    """Drop a file, let its run come to its end, and return the run and its summary.

    Args:
        journey: The world.
        content: The file.
        version: Its version.
        without: What is removed from the run's folder before the transform ends.
    """
    world, functions = journey.world, journey.functions
    known = set(world.ledger.items)
    world.drop("inbox/cities/cities.csv", content, version=version)
    functions.deliver_all()
    (run_id,) = world.ledger.items.keys() - known
    world.sagemaker.end_job(run_id)
    journey.wait(1)
    world.sagemaker.end_transform(run_id)
    if without:
        del world.bucket.objects[world.ledger.items[run_id].folder.prefix + without]
    functions.deliver_all()
    run = world.ledger.items[run_id]
    assert run.state is RunState.COMPLETED
    return run, world.bucket.json(run.folder.result("summary.json"))


def results(journey: Journey) -> dict[str, Any]:
    """Let a transformed run write its results and return the summary."""
    journey.invoke("write_results", "transform-completed")
    assert journey.state is RunState.COMPLETED
    found: dict[str, Any] = journey.world.bucket.json(FOLDER.result("summary.json"))
    return found


def test_the_first_run_has_nothing_to_compare_with_and_the_second_has(journey: Journey) -> None:
    first, former = completed(journey, table(), "v1")
    _, summary = completed(journey, table(names=("a", "b", "z")), "v2")

    assert former["comparison"] is None
    told = summary["comparison"]
    assert told["run_id"] == first.run_id
    assert (
        told["metrics"]["roc_auc"]["previous"]["value"]
        == (former["held_out"]["metrics"]["roc_auc"]["value"])
    )
    assert told["metrics"]["roc_auc"]["level"] == "same"
    (moved,) = told["data"]["distributions"]
    assert (moved["column"], moved["distance"]) == ("city", pytest.approx(1 / 3))


@pytest.mark.parametrize("content", [None, b"no JSON", b"[]"])
def test_a_previous_summary_that_cannot_be_read_is_compared_with_nothing(
    content: bytes | None, journey: Journey
) -> None:
    first, _ = completed(journey, table(), "v1")
    objects = journey.world.bucket.objects
    key = first.folder.result("summary.json")
    if content is None:
        del objects[key]
    else:
        objects[key] = content

    _, summary = completed(journey, table(), "v2")

    assert summary["comparison"] is None


def test_without_the_previous_profile_nothing_is_said_of_the_data(journey: Journey) -> None:
    first, _ = completed(journey, table(), "v1")
    del journey.world.bucket.objects[first.folder.profile]

    _, summary = completed(journey, table(), "v2")

    assert summary["comparison"]["data"] is None
    assert summary["comparison"]["metrics"] != {}


def test_segments_come_from_the_test_data(journey: Journey) -> None:
    _, summary = completed(journey, table(), "v1")

    (segment,) = summary["segments"]
    assert segment["column"] == "city"
    assert {each["value"] for each in segment["values"]} == set(NAMES)
    assert sum(each["rows"] for each in segment["values"]) == summary["held_out"]["rows"]


def test_without_test_data_segments_are_not_available(journey: Journey) -> None:
    _, summary = completed(journey, table(), "v1", without="test/test_data.csv")

    assert summary["segments"] is None


def test_without_a_profile_there_are_no_segments(journey: Journey) -> None:
    _, summary = completed(journey, table(), "v1", without="profile.json")

    assert summary["segments"] == []


def test_importance_comes_from_the_best_candidate_s_report(journey: Journey) -> None:
    journey.to("transformed")
    prefix = f"{FOLDER.output}/explainability/"
    objects = journey.world.bucket.objects
    autopilot = journey.world.bucket.json(FOLDER.autopilot)
    autopilot["best_candidate"]["explainability"] = f"s3://{BUCKET}/{prefix}"
    objects[FOLDER.autopilot] = json.dumps(autopilot).encode()
    report = {"explanations": {"kernel_shap": {"label0": {"global_shap_values": {"x": 0.5}}}}}
    objects[f"{prefix}report.html"] = b"<html>"
    objects[f"{prefix}analysis.json"] = json.dumps(report).encode()

    importance = results(journey)["importance"]

    assert importance["method"] == "autopilot_shap"
    assert importance["source"] == f"s3://{BUCKET}/{prefix}analysis.json"
    assert importance["features"] == [{"name": "x", "value": 0.5, "deviation": None}]


@pytest.mark.parametrize("place", [None, "s3://somebody-else/x/", f"s3://{BUCKET}/nothing/"])
def test_without_a_report_there_is_no_importance(place: str | None, journey: Journey) -> None:
    journey.to("transformed")
    autopilot = journey.world.bucket.json(FOLDER.autopilot)
    autopilot["best_candidate"]["explainability"] = place
    journey.world.bucket.objects[FOLDER.autopilot] = json.dumps(autopilot).encode()

    assert results(journey)["importance"] is None


def test_the_model_is_asked_in_the_transform_that_scores_the_held_out_rows(
    journey: Journey,
) -> None:
    journey.to("transformed")
    objects = journey.world.bucket.objects

    summary = results(journey)

    assert journey.world.sagemaker.transforms.keys() == {RUN}
    assert FOLDER.probe_plan in objects
    section = summary["drivers"]
    assert [each["name"] for each in section["features"]] == ["z"]
    assert section["metric"] == summary["held_out"]["headline_metric"] == "roc_auc"
    assert summary["drivers_missing"] is None
    rows = list(csv.reader(io.StringIO(objects[FOLDER.result("predictions.csv")].decode())))
    assert len(rows) - 1 == summary["held_out"]["rows"] == summary["split"]["test_rows"]


def test_results_that_are_written_again_are_the_same(journey: Journey) -> None:
    journey.to("transformed")
    first = results(journey)
    items = journey.world.ledger.items
    items[RUN] = replace(items[RUN], state=RunState.TRANSFORMING)

    assert results(journey) == first


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "content"),
    [
        (PROBE_OUTPUT, None),
        (PROBE_OUTPUT, b""),
        (PROBE_OUTPUT, b"yes\n"),
        (PROBE_OUTPUT, b"yes,0.9,no list,no list\n"),
        (PROBE_OUTPUT, b"\xff\x00"),
        (PROBE_OUTPUT, b"yes,0.9,\"[0.1, 0.9]\",\"['no', 'yes']\"\n"),
        (FOLDER.probe_plan, None),
        (FOLDER.probe_plan, b"no JSON"),
        (FOLDER.probe_plan, b"[]"),
        (FOLDER.probe_plan, b"{}"),
    ],
)
def test_what_is_wrong_with_the_probe_costs_nothing_but_the_drivers(
    key: str, content: bytes | None, journey: Journey
) -> None:
    journey.to("transformed")
    objects = journey.world.bucket.objects
    if content is None:
        del objects[key]
    else:
        objects[key] = content

    summary = results(journey)

    assert summary["drivers"] is None
    assert summary["drivers_missing"]
    assert summary["drivers_missing"] in objects[FOLDER.result("report.html")].decode()
    assert summary["held_out"]["metrics"]["roc_auc"]["value"] is not None


def test_a_run_that_was_prepared_before_there_were_probes_is_completed(journey: Journey) -> None:
    journey.to("prepared")
    objects = journey.world.bucket.objects
    dataset = journey.world.bucket.json(FOLDER.dataset)
    del dataset["probe_rows"], objects[FOLDER.probe_plan]
    del objects[f"{FOLDER.prefix}test/probe_rows.csv"]
    objects[FOLDER.dataset] = json.dumps(dataset).encode()
    journey.invoke("start_autopilot", "dataset-prepared")
    journey.world.sagemaker.end_job(RUN)
    journey.invoke("create_model", "autopilot-completed")
    journey.world.sagemaker.end_transform(RUN)

    summary = results(journey)

    assert journey.world.sagemaker.transforms[RUN].input_uri.endswith("/test/test_data.csv")
    assert summary["drivers"] is None
    assert "prepared before" in summary["drivers_missing"]


def test_another_object_beside_the_outputs_is_still_one_too_many(journey: Journey) -> None:
    journey.to("transformed")
    objects = journey.world.bucket.objects
    objects[f"{FOLDER.inference_results}/other.csv.out"] = b"yes\n"

    journey.invoke("write_results", "transform-completed")

    assert journey.failure["code"] == "PREDICTIONS_MISSING"


def test_many_rows_are_a_parquet_file_too(
    journey: Journey, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(step, "ROWS_FOR_PARQUET", 50)
    monkeypatch.setattr(summaries, "ROWS_FOR_PARQUET", 50)
    journey.to("transformed")

    summary = results(journey)

    objects = journey.world.bucket.objects
    key = FOLDER.result("predictions.parquet")
    assert summary["files"]["predictions_parquet"] == f"s3://{BUCKET}/{key}"
    path = tmp_path / "predictions.parquet"
    path.write_bytes(objects[key])
    rows = duckdb.sql(f"select * from read_parquet('{path}')").fetchall()
    _, *written = csv.reader(io.StringIO(objects[FOLDER.result("predictions.csv")].decode()))
    assert [[str(cell) for cell in row] for row in rows] == written


def test_few_rows_are_a_csv_file_only(journey: Journey) -> None:
    journey.to("transformed")

    assert results(journey)["files"]["predictions_parquet"] is None
    assert FOLDER.result("predictions.parquet") not in journey.world.bucket.objects


def test_a_model_s_ones_and_zeros_are_the_labels_of_the_file_wherever_people_look(
    journey: Journey,
) -> None:
    journey.to("transformed")
    objects = journey.world.bucket.objects
    output = objects[f"{FOLDER.inference_results}/test_data.csv.out"].decode()
    assert "['0', '1']" in output
    assert "yes" not in output

    summary = results(journey)

    header, *rows = csv.reader(io.StringIO(objects[FOLDER.result("predictions.csv")].decode()))
    assert header[-4:] == ["truth", "prediction", "probability_no", "probability_yes"]
    assert {row[header.index("truth")] for row in rows} == {"yes", "no"}
    assert {row[header.index("prediction")] for row in rows} == {"yes", "no"}
    for row in rows:
        prediction, of_no, of_yes = row[-3:]
        assert prediction == ("yes" if float(of_yes) > 0.5 else "no")
        assert float(of_no) == pytest.approx(1 - float(of_yes))
    assert summary["positive_class"] == "yes"
    assert summary["model_labels"] == {"1": "yes", "0": "no"}
    assert {each["label"] for each in summary["held_out"]["classes"]} == {"yes", "no"}
    assert set(summary["held_out"]["confusion_matrix"]["labels"]) == {"yes", "no"}
    assert {each["prediction"] for each in summary["mistakes"]["rows"]} <= {"yes", "no"}
    trained = objects[FOLDER.model_train].decode().splitlines()
    assert {line.rpartition(",")[2] for line in trained[1:]} == {"1", "0"}
    assert journey.world.sagemaker.jobs[RUN].train_uri == f"s3://{BUCKET}/{FOLDER.model_train}"


def test_people_are_told_how_good_it_is(journey: Journey) -> None:
    journey.to("transformed")
    summary = results(journey)

    ((_, text),) = journey.world.messages

    for answer in summary["verdict"].values():
        assert answer["text"] in text
    assert f"s3://{BUCKET}/{FOLDER.index}" in text


def test_nothing_is_left_on_the_disk_when_the_output_is_unusable(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey.to("transformed")
    places: list[Path] = []

    def unusable(*arguments: Any, **_: Any) -> None:
        places.append(Path(arguments[4]).parent)
        raise JobFailed("PREDICTIONS_MALFORMED", "No.")

    monkeypatch.setattr(step, "score", unusable)
    journey.invoke("write_results", "transform-completed")

    assert journey.failure["code"] == "PREDICTIONS_MALFORMED"
    assert not places[0].exists()
