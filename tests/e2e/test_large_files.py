"""Files above the function's limit: prepared by Spark, on the real template."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Autodrop
from tests.e2e.data import bank_rows

pytestmark = pytest.mark.e2e

LIMIT = 100_000


@pytest.fixture
def small_function(autodrop: Autodrop) -> Iterator[Autodrop]:
    """Lower the limit of what the function prepares itself, for the time of a test."""
    with autodrop.preparing_at_most(LIMIT):
        yield autodrop


def test_a_large_file_becomes_a_model_by_way_of_a_processing_job(
    small_function: Autodrop, tmp_path: Path
) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(bank_rows(3_000))

    dropped = small_function.run("drop", path, "--wait")

    assert dropped.exit_code == 0, dropped.output
    run = small_function.run_of("large")
    dataset = json.loads(small_function.object(f"runs/large/{run['run_id']}/dataset.json"))
    assert dataset["parts"]
    assert dataset["split"]["method"] == "random"
    assert dataset["split"]["train_rows"] + dataset["split"]["test_rows"] == 3_000
    job = small_function.aws.client("sagemaker").describe_processing_job(
        ProcessingJobName=run["run_id"]
    )
    assert job["ProcessingJobStatus"] == "Completed"


def test_a_large_file_that_cannot_be_used_is_rejected_and_trains_nothing(
    small_function: Autodrop, tmp_path: Path
) -> None:
    rows = bank_rows(3_000).splitlines(keepends=True)
    rows[2_000] = b"56,services\n"
    path = tmp_path / "large-and-ragged.csv"
    path.write_bytes(b"".join(rows))

    dropped = small_function.run("drop", path, "--wait")

    assert dropped.exit_code == 3, dropped.output
    assert "RAGGED_ROW" in dropped.output
    assert "line 2001" in dropped.output
    run = small_function.run_of("large-and-ragged")
    jobs = small_function.aws.client("sagemaker").list_auto_ml_jobs(NameContains=run["run_id"])
    assert not jobs["AutoMLJobSummaries"]
