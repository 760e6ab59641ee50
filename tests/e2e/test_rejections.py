"""Files that cannot be used: rejected within seconds, with a sentence that helps, at no cost."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Autodrop
from tests.fakes import table

pytestmark = pytest.mark.e2e

LINES = table().decode().splitlines()
BAD_FILES = {
    "EMPTY_FILE": (b"", ()),
    "NO_ROWS": (b"x,z,y\n", ()),
    "TARGET_NOT_FOUND": (table(), ("--target", "price")),
    "TARGET_CONSTANT": (table().replace(b"yes", b"no"), ()),
    "TOO_FEW_ROWS": (table(300), ()),
    "RAGGED_ROW": ("\n".join([*LINES[:400], "1,2,yes,extra", *LINES[400:]]).encode(), ()),
    "NOT_A_TABLE": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, ()),
}


@pytest.mark.parametrize("code", BAD_FILES)
def test_unusable_file_is_rejected_with_what_to_do(
    autodrop: Autodrop, tmp_path: Path, code: str
) -> None:
    content, arguments = BAD_FILES[code]
    file = tmp_path / "bad file.csv"
    file.write_bytes(content)
    dataset = code.lower().replace("_", "-")

    answer = autodrop.run("drop", file, "--dataset", dataset, *arguments, "--wait")

    run = autodrop.run_of(dataset)
    failure = json.loads(autodrop.object(f"runs/{dataset}/{run['run_id']}/failure.json"))
    assert answer.exit_code == 3, answer.output
    assert run["state"] == "REJECTED"
    assert failure["code"] == run["code"] == code
    assert failure["remedy"].split()[0] in answer.output
    jobs = autodrop.aws.client("sagemaker").list_auto_ml_jobs(NameContains=run["run_id"])
    assert jobs["AutoMLJobSummaries"] == []
    page = autodrop.page_with(run)
    assert "1 run: 1 rejected. There is no result yet." in page
    assert f'href="./{run["run_id"]}/failure.json">{code}</a>' in page


def test_a_second_rejected_file_is_on_the_page_with_the_first(
    autodrop: Autodrop, tmp_path: Path
) -> None:
    file = tmp_path / "bad file.csv"
    for content in (b"", b"x,z,y\n"):
        file.write_bytes(content)
        autodrop.run("drop", file, "--dataset", "twice", "--wait")

    page = autodrop.page_with(autodrop.run_of("twice"))

    assert "2 runs: 2 rejected. There is no result yet." in page
    assert "EMPTY_FILE" in page
    assert "NO_ROWS" in page


@pytest.mark.parametrize("name", ["new\nline", "esc\x1b[2J", "first\x01", "last\x7f"])
def test_a_key_with_control_characters_ends_with_a_reason_and_can_be_cleaned_up(
    autodrop: Autodrop, name: str
) -> None:
    key = f"inbox/{name}/{name}.csv"
    autodrop.aws.client("s3").put_object(
        Bucket=autodrop.outputs["DataBucketName"],
        Key=key,
        Body=table(300),
        Metadata={"autodrop-target": "y"},
    )

    run = autodrop.end_of_run(key)
    cleaned = autodrop.run("cleanup", run["run_id"], "--yes")

    assert (run["state"], run["code"]) == ("REJECTED", "TOO_FEW_ROWS"), run["reason"]
    assert cleaned.exit_code == 0, cleaned.output
    assert [each for each in autodrop.keys("runs/") if run["run_id"] in each] == []
    assert run["run_id"] not in [each["run_id"] for each in autodrop.runs()]


def test_job_that_a_person_stops_ends_as_stopped(autodrop: Autodrop, tmp_path: Path) -> None:
    file = tmp_path / "stopped.csv"
    file.write_bytes(table(5000))
    autodrop.start_drop("stopped", file, "--dataset", "stopped")
    sagemaker = autodrop.aws.client("sagemaker")
    name = _job_of(autodrop, "stopped")

    sagemaker.stop_auto_ml_job(AutoMLJobName=name)

    answer = autodrop.end_of_drop("stopped")
    assert answer.exit_code == 1, answer.output
    run = autodrop.run_of("stopped")
    assert run["state"] == "STOPPED"
    assert "1 run: 1 stopped." in autodrop.page_with(run)


def _job_of(autodrop: Autodrop, dataset: str) -> str:
    """Return the dataset's run once its job is under way."""
    sagemaker = autodrop.aws.client("sagemaker")
    # SageMaker itself is asked: a job of few rows may have ended before the command has answered.
    for _ in range(600):
        for job in sagemaker.list_auto_ml_jobs(StatusEquals="InProgress")["AutoMLJobSummaries"]:
            if job["AutoMLJobName"].startswith(f"ad-{dataset}-"):
                return str(job["AutoMLJobName"])
        time.sleep(0.1)
    raise AssertionError("the job never started")
