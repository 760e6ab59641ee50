"""The processing job as the functions order it, on the local SageMaker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from autodrop.dataset import Dataset
from autodrop.naming import Drop, run_id
from autodrop.preparation.examining import Dropped
from autodrop.preparation.prepare import prepare
from autodrop.preparation.running.job import EMPTY_MARK, leave_no_folder_empty, paths_of
from autodrop.probe import ProbePlan
from autodrop.requests import ProcessingSetup, processing_job_request
from autodrop.run import Run, RunState
from autodrop.settings import parse_settings
from autodrop.steps.processing_code import SCRIPT, package_archive
from tests.builders import NOON
from tests.local.sagemaker.stage import BUCKET, ROLE, SPARK_IMAGE, LocalAws, running

pytestmark = pytest.mark.e2e

GOOD = Path("tests/data/good/umsatz.csv").read_bytes()
BAD = b"a,b,y\n1,2,3\n1,2\n" + b"1,2,3\n" * 600


@pytest.fixture(scope="module")
def sagemaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with running(tmp_path_factory.mktemp("sagemaker")) as local:
        local.service.start()
        yield local


def ordered(aws: LocalAws, content: bytes, version: str) -> Run:
    """Return a run whose job has been ordered, with its code and its file in the bucket."""
    drop = Drop(BUCKET, "inbox/umsatz/umsatz.csv", version, None, len(content))
    run = Run(run_id(drop), drop, RunState.PREPARING, NOON, {})
    aws.put(drop.key, content)
    # Whatever begins like the file's key is given to the job as well.
    aws.put(f"{drop.key}.bak", "old")
    order = {
        "run_id": run.run_id,
        "drop": {
            "bucket": drop.bucket,
            "key": drop.key,
            "version": drop.version,
            "version_id": drop.version_id,
            "size": drop.size,
        },
        "settings": parse_settings().to_json(),
    }
    code = run.folder.processing_code
    aws.put(code("autodrop.zip"), package_archive())
    aws.put(code("prepare_large.py"), SCRIPT)
    aws.put(code("order.json"), json.dumps(order))
    setup = ProcessingSetup(SPARK_IMAGE, "ml.m5.4xlarge")
    request = processing_job_request(run, setup, ROLE)
    request.pop("Tags")
    aws.sagemaker.create_processing_job(**request)
    return run


def outcome(aws: LocalAws, run: Run) -> dict[str, object]:
    job = aws.finished_processing_job(run.run_id, patience=180)
    log = aws.home / "sagemaker" / "logs" / f"processing-{run.run_id}.log"
    assert job["ProcessingJobStatus"] == "Completed", log.read_text()
    told: dict[str, object] = json.loads(aws.bucket.objects[run.folder.outcome])
    return told


def test_a_large_file_becomes_parts(sagemaker: LocalAws, tmp_path: Path) -> None:
    run = ordered(sagemaker, GOOD, "v1")

    told = outcome(sagemaker, run)

    assert isinstance(told["dataset"], dict)
    dataset = Dataset.from_json(told["dataset"])
    assert (dataset.parts, dataset.split.method) == (True, "hash")
    assert dataset.has_model_train
    assert dataset.has_model_test
    path = tmp_path / "umsatz.csv"
    path.write_bytes(GOOD)
    by_hash = parse_settings({"split": {"method": "hash"}})
    expected = prepare(Dropped([path], run.drop, run.run_id), by_hash, tmp_path)
    assert expected.model_train is not None
    assert expected.model_test is not None
    assert expected.probe is not None
    written = {
        key.removeprefix(run.folder.prefix): content
        for key, content in sagemaker.bucket.objects.items()
        if key.startswith(run.folder.prefix) and "processing/" not in key
    }
    assert written == {
        "train/part-00000.csv": expected.train.read_bytes(),
        "test/part-00000.csv": expected.test.read_bytes(),
        "truth/part-00000.csv": expected.truth.read_bytes(),
        "model-input/train/part-00000.csv": expected.model_train.read_bytes(),
        "model-input/test/part-00000.csv": expected.model_test.read_bytes(),
        "model-input/test/probe_rows.csv": expected.probe.read_bytes(),
    }
    assert ProbePlan.from_json(told["probe"]) == expected.plan


def test_a_large_file_that_is_no_table_is_rejected_by_a_job_that_completes(
    sagemaker: LocalAws,
) -> None:
    told = outcome(sagemaker, ordered(sagemaker, BAD, "v2"))

    assert isinstance(told["rejected"], dict)
    assert (told["rejected"]["code"], told["rejected"]["line"]) == ("RAGGED_ROW", 3)


def test_of_all_that_the_job_is_given_the_dropped_file_is_read(tmp_path: Path) -> None:
    drop = Drop(BUCKET, "inbox/sales/sales.csv", "v1", None, 10)
    for name in ("sales.csv", "sales.csv.bak"):
        (tmp_path / name).touch()

    assert paths_of(drop, tmp_path) == [tmp_path / "sales.csv"]


def test_of_a_folder_the_parts_are_read_and_not_what_marks_it(tmp_path: Path) -> None:
    drop = Drop(BUCKET, "inbox/sales/2024/_SUCCESS", "v1", None, 0)
    for name in ("_SUCCESS", "part-1.parquet", "part-0.parquet", ".part-0.parquet.crc"):
        (tmp_path / name).touch()

    assert [path.name for path in paths_of(drop, tmp_path)] == ["part-0.parquet", "part-1.parquet"]


def test_no_output_of_a_job_is_empty_and_none_with_parts_is_marked(tmp_path: Path) -> None:
    part = tmp_path / "train" / "part-00000.csv"
    part.parent.mkdir()
    part.write_text("a,y\n1,2\n")
    (tmp_path / "model-train").mkdir()

    leave_no_folder_empty(tmp_path)

    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"train/part-00000.csv", f"model-train/{EMPTY_MARK}"}
