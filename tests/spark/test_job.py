"""The processing job as the functions order it, on the local SageMaker."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from backports import zstd

from autodrop.dataset import Dataset
from autodrop.naming import Drop, run_id
from autodrop.preparation.examining import Dropped
from autodrop.preparation.prepare import Work, prepare
from autodrop.preparation.running.parts import EMPTY_MARK
from autodrop.probe import ProbePlan
from autodrop.requests import ProcessingSetup, processing_job_request
from autodrop.run import Run, RunState
from autodrop.settings import parse_settings
from autodrop.steps.processing_code import SCRIPT, package_archive, write_library_archive
from tests.builders import NOON
from tests.local.sagemaker.stage import BUCKET, ROLE, SPARK_IMAGE, LocalAws, running

pytestmark = pytest.mark.e2e

GOOD = Path("tests/data/good/umsatz.csv").read_bytes()
CHURN = Path("tests/data/good/churn.csv").read_bytes()
BAD = b"a,b,y\n1,2,3\n1,2\n" + b"1,2,3\n" * 600


@pytest.fixture(scope="module")
def sagemaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with running(tmp_path_factory.mktemp("sagemaker")) as local:
        local.service.start()
        yield local


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the archive of the libraries that a container lacks."""
    archive = tmp_path_factory.mktemp("archive") / "libraries.zip"
    write_library_archive(archive)
    return archive.read_bytes()


def ordered(
    aws: LocalAws,
    libraries: bytes,
    content: bytes,
    version: str,
    *,
    file: str = "umsatz.csv",
    own: bytes | None = None,
) -> Run:
    """Return a run whose job has been ordered, with its code and its files in the bucket."""
    drop = Drop(BUCKET, f"inbox/umsatz/{file}", version, None, len(content))
    run = Run(run_id(drop), drop, RunState.PREPARING, NOON, {})
    aws.put(drop.key, content)
    test_file = None if own is None else f"{drop.key}.test.csv"
    if test_file is not None and own is not None:
        aws.put(test_file, own)
    order = {
        "run_id": run.run_id,
        "drop": {
            "bucket": drop.bucket,
            "key": drop.key,
            "version": drop.version,
            "version_id": drop.version_id,
            "size": drop.size,
        },
        "files": [drop.key],
        "test_file": test_file,
        "instances": 1,
        "settings": parse_settings().to_json(),
    }
    code = run.folder.processing_code
    aws.put(code("autodrop.zip"), package_archive())
    aws.put(code("libraries.zip"), libraries)
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


def test_a_large_file_becomes_parts(sagemaker: LocalAws, libraries: bytes, tmp_path: Path) -> None:
    run = ordered(sagemaker, libraries, GOOD, "v1")

    told = outcome(sagemaker, run)

    assert isinstance(told["dataset"], dict)
    dataset = Dataset.from_json(told["dataset"])
    assert (dataset.parts, dataset.split.method) == (True, "random")
    assert dataset.has_model_train
    assert dataset.has_model_test
    path = tmp_path / "umsatz.csv"
    path.write_bytes(GOOD)
    expected = prepare(Dropped([path], run.drop, run.run_id), parse_settings(), Work(tmp_path))
    assert expected.model_train is not None
    assert expected.model_test is not None
    assert expected.probe is not None
    assert written(sagemaker, run) == {
        "train/part-00000.csv": expected.train.read_bytes(),
        "test/part-00000.csv": expected.test.read_bytes(),
        "truth/part-00000.csv": expected.truth.read_bytes(),
        "model-input/train/part-00000.csv": expected.model_train.read_bytes(),
        "model-input/test/part-00000.csv": expected.model_test.read_bytes(),
        "model-input/test/probe_rows.csv": expected.probe.read_bytes(),
    }
    assert ProbePlan.from_json(told["probe"]) == expected.plan


def test_a_packed_file_and_a_test_file_of_one_s_own_become_parts(
    sagemaker: LocalAws, libraries: bytes
) -> None:
    packed = zstd.compress(CHURN)
    run = ordered(sagemaker, libraries, packed, "v1", file="churn.csv.zst", own=CHURN)

    told = outcome(sagemaker, run)

    assert isinstance(told["dataset"], dict)
    dataset = Dataset.from_json(told["dataset"])
    assert (dataset.split.method, dataset.reading.compression) == ("file", "zstd")
    assert dataset.split.train_rows == dataset.split.test_rows > 500
    parts = written(sagemaker, run)
    assert parts["train/part-00000.csv"].count(b"\n") == dataset.split.train_rows + 1
    assert parts["test/part-00000.csv"].count(b"\n") == dataset.split.test_rows
    assert parts["model-input/test/" + EMPTY_MARK] == b""


def written(aws: LocalAws, run: Run) -> dict[str, bytes]:
    """Return what the job has written for later steps, by its place in the run's folder."""
    return {
        key.removeprefix(run.folder.prefix): content
        for key, content in aws.bucket.objects.items()
        if key.startswith(run.folder.prefix) and "processing/" not in key
    }


def test_a_large_file_that_is_no_table_is_rejected_by_a_job_that_completes(
    sagemaker: LocalAws, libraries: bytes
) -> None:
    told = outcome(sagemaker, ordered(sagemaker, libraries, BAD, "v2"))

    assert isinstance(told["rejected"], dict)
    assert (told["rejected"]["code"], told["rejected"]["line"]) == ("RAGGED_ROW", 3)


def test_a_large_file_that_is_gone_is_rejected_by_a_job_that_completes(
    sagemaker: LocalAws, libraries: bytes
) -> None:
    run = ordered(sagemaker, libraries, GOOD, "v3", file="gone.csv")
    del sagemaker.bucket.objects[run.drop.key]

    told = outcome(sagemaker, run)

    assert isinstance(told["rejected"], dict)
    assert told["rejected"]["code"] == "FILE_GONE"
