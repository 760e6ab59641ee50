"""What a processing job does with what lies in S3, whoever works on the blocks."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from autodrop.aws import objects, processing
from autodrop.dataset import Dataset
from autodrop.naming import Drop
from autodrop.preparation.examining import Dropped
from autodrop.preparation.prepare import Work, prepare
from autodrop.settings import parse_settings
from tests.adapters.conftest import shared_client
from tests.fakes import BUCKET, table

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "inbox/bank/bank.csv"
RUN = "ad-bank-0123456789ab"


@pytest.fixture(autouse=True)
def _own_client(s3: S3Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "_client", lambda: shared_client("s3"))


class Counting:
    """A single processor that counts what it is asked for."""

    def __init__(self) -> None:
        self.maps = 0

    def map(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        self.maps += 1
        return map(work, items)


def order(s3: S3Client, content: bytes, **changed: Any) -> dict[str, Any]:
    """Put a file into the bucket, and return the order of its job."""
    version = s3.put_object(Bucket=BUCKET, Key=KEY, Body=content)["VersionId"]
    return {
        "run_id": RUN,
        "drop": {
            "bucket": BUCKET,
            "key": KEY,
            "version": version,
            "version_id": version,
            "size": len(content),
        },
        "files": [KEY],
        "test_file": None,
        "instances": 1,
        "settings": parse_settings().to_json(),
        **changed,
    }


def outcome(asked: dict[str, Any], folder: Path, by: Counting | None = None) -> dict[str, Any]:
    return processing.prepared(asked, by or Counting(), folder / "output", folder / "volume")


def test_the_version_that_was_dropped_is_prepared_as_a_function_prepares_it(
    s3: S3Client, tmp_path: Path
) -> None:
    asked = order(s3, table(700))
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"a later version")

    told = outcome(asked, tmp_path)

    (tmp_path / "bank.csv").write_bytes(table(700))
    (tmp_path / "one").mkdir()
    dropped = Dropped([tmp_path / "bank.csv"], Drop(**asked["drop"]), RUN)
    alone = prepare(dropped, parse_settings(), Work(tmp_path / "one"))
    assert replace(Dataset.from_json(told["dataset"]), parts=False) == alone.dataset
    assert (tmp_path / "output/train/part-00000.csv").read_bytes() == alone.train.read_bytes()
    assert told["parts"] == {"train": 1, "test": 1, "truth": 1, "model-train": 1}
    assert not list((tmp_path / "volume").glob("work*"))


def test_a_test_file_of_one_s_own_is_read_where_it_lies(s3: S3Client, tmp_path: Path) -> None:
    s3.put_object(Bucket=BUCKET, Key="inbox/bank/bank.test.csv", Body=gzip.compress(table(100)))

    told = outcome(order(s3, table(700), test_file="inbox/bank/bank.test.csv"), tmp_path)

    split = told["dataset"]["split"]
    assert (split["method"], split["train_rows"], split["test_rows"]) == ("file", 700, 100)


@pytest.mark.parametrize(("instances", "by_the_driver"), [(1, False), (2, True)])
def test_what_one_machine_unpacks_is_worked_on_where_all_can_see_it(
    instances: int, by_the_driver: bool, s3: S3Client, tmp_path: Path
) -> None:
    executors = Counting()
    asked = order(s3, gzip.compress(table(700)), instances=instances)

    told = outcome(asked, tmp_path, executors)

    assert told["dataset"]["rows"] == 700
    assert (executors.maps == 0) == by_the_driver


def test_a_plain_file_is_shared_by_all_instances(s3: S3Client, tmp_path: Path) -> None:
    executors = Counting()

    outcome(order(s3, table(700), instances=2), tmp_path, executors)

    assert executors.maps > 0


def test_a_file_that_cannot_be_used_is_no_failure_of_the_job(s3: S3Client, tmp_path: Path) -> None:
    told = outcome(order(s3, b"a,b,y\n1,2,3\n1,2\n" + b"1,2,3\n" * 600), tmp_path)

    assert (told["rejected"]["code"], told["rejected"]["line"]) == ("RAGGED_ROW", 3)


def test_a_file_that_is_gone_is_no_failure_of_the_job(s3: S3Client, tmp_path: Path) -> None:
    asked = order(s3, table(700))
    version = asked["drop"]["version_id"]
    s3.delete_object(Bucket=BUCKET, Key=KEY, VersionId=version)

    assert outcome(asked, tmp_path)["rejected"]["code"] == "FILE_GONE"
