"""`autodrop drop` without waiting."""

from __future__ import annotations

import json
import os
from pathlib import Path

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodrop.naming import run_id
from autodrop.settings import settings_from_metadata
from autodrop_cli.dropping import Upload, default_dataset, metadata_value, send
from tests.cli.stage import BUCKET, Stage


def test_drop_uploads_the_file_and_prints_the_run_that_the_upload_becomes(
    stage: Stage, csv_file: Path
) -> None:
    result = stage.run_command("drop", csv_file)

    dropped = stage.dropped(csv_file)
    assert result.exit_code == 0
    assert dropped.key == "inbox/iris/iris.csv"
    assert f"Run {run_id(dropped)}\n" in result.stdout
    assert f"autodrop status {run_id(dropped)} --watch --stack test" in result.stdout
    stored = stage.s3.get_object(Bucket=BUCKET, Key=dropped.key)
    assert stored["Body"].read() == csv_file.read_bytes()


def test_two_drops_of_the_same_file_are_two_runs(stage: Stage, csv_file: Path) -> None:
    first = json.loads(stage.run_command("drop", csv_file, "--json").stdout)
    second = json.loads(stage.run_command("drop", csv_file, "--json").stdout)

    assert first["file"] == second["file"]
    assert first["run_id"] != second["run_id"]
    assert run_id(stage.dropped(csv_file)) == second["run_id"]


def test_a_file_in_parts_gets_the_version_of_its_own_upload(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_bytes(b"a,y\n" + b"1,2\n" * 5_000_000)
    sent: list[int] = []
    upload = Upload(path, "inbox/large/large.csv", path.stat().st_size, {})

    drop = send(stage.s3, BUCKET, upload, sent.append)
    stage.write(upload.key, b"somebody else's")

    head = stage.s3.head_object(Bucket=BUCKET, Key=upload.key, VersionId=drop.version)
    assert head["ContentLength"] == upload.size == sum(sent)


def test_the_version_of_an_upload_is_not_taken_from_another_client(
    stage: Stage, csv_file: Path
) -> None:
    other = boto3.client("s3")
    upload = Upload(csv_file, "inbox/iris/iris.csv", csv_file.stat().st_size, {})

    drop = send(
        stage.s3,
        BUCKET,
        upload,
        lambda _: other.put_object(Bucket=BUCKET, Key=upload.key, Body=b"other") and None,
    )

    stored = stage.s3.get_object(Bucket=BUCKET, Key=upload.key, VersionId=drop.version)
    assert stored["Body"].read() == csv_file.read_bytes()


def test_a_bucket_without_versions_is_said_to_have_no_run_name(
    stage: Stage, csv_file: Path
) -> None:
    stage.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"})

    result = stage.run_command("drop", csv_file)

    assert result.exit_code == 1
    assert "keeps no versions" in result.stderr


def test_target_dataset_and_settings_go_with_the_file(
    stage: Stage, csv_file: Path, tmp_path: Path
) -> None:
    settings = tmp_path / "mine.yaml"
    settings.write_text("problem_type: binary\n")

    result = stage.run_command(
        "drop", csv_file, "--dataset", "My Flowers", "--target", "größe", "--config", settings
    )

    assert result.exit_code == 0
    stored = stage.s3.get_object(Bucket=BUCKET, Key="inbox/My Flowers/iris.csv")
    assert settings_from_metadata(stored["Metadata"]) == {"target": "größe"}
    written = stage.s3.get_object(Bucket=BUCKET, Key="inbox/My Flowers/autodrop.yaml")
    assert written["Body"].read() == b"problem_type: binary\n"
    assert written["LastModified"] <= stored["LastModified"]


@pytest.mark.slow
@given(st.text(min_size=1, max_size=50).filter(lambda text: text.isprintable()))
def test_any_column_name_survives_the_metadata(name: str) -> None:
    value = metadata_value(name)

    assert value.isascii()
    assert value == value.strip()
    assert settings_from_metadata({"autodrop-target": value}) == {"target": name}


@pytest.mark.parametrize(
    ("file_name", "dataset"),
    [
        ("iris.csv", "iris"),
        ("bank-additional-full.csv.gz", "bank-additional-full"),
        ("no-extension", "no-extension"),
        ("v1.2-data.csv", "v1-2-data"),
        ("Sales (2024).csv", "sales-2024"),
    ],
)
def test_the_dataset_is_named_after_the_file(file_name: str, dataset: str) -> None:
    assert default_dataset(file_name) == dataset


def test_files_of_different_names_are_different_datasets() -> None:
    names = ["서울.csv", "부산.csv", "서울 🎉 <b>.csv", "Größe.csv", "b.csv", "dataset.csv"]

    assert len({default_dataset(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such.csv"], "There is no file no-such.csv"),
        (["."], "no complete folder of Parquet files"),
        (["iris.csv", "--dataset", ""], "dataset's name"),
        (["iris.csv", "--dataset", "a/b"], "dataset's name"),
        (["iris.csv", "--dataset", ".."], "dataset's name"),
        (["iris.csv", "--dataset", "a\x1b[31m"], "dataset's name"),
        (["iris.csv", "--dataset", "x" * 1100], "at most 1024 bytes"),
        (["iris.csv", "--target", ""], "--target is empty"),
        (["iris.csv", "--target", "x" * 2000], "--target is too long"),
        (["iris.csv", "--config", "no-such.yaml"], "There is no file no-such.yaml"),
        (["autodrop.yaml"], "holds settings, not data"),
    ],
)
def test_what_cannot_be_dropped_is_said_in_a_sentence_and_not_uploaded(
    stage: Stage,
    csv_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(csv_file.parent)
    Path("autodrop.yaml").write_text("target: y\n")

    result = stage.run_command("drop", *arguments)

    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert "\x1b" not in result.stderr
    assert stage.keys() == []


@pytest.mark.parametrize("text", ["taget: y", "- y", "a: [", "target: yes", "\x00"])
def test_settings_that_the_pipeline_would_reject_are_not_even_uploaded(
    stage: Stage, csv_file: Path, tmp_path: Path, text: str
) -> None:
    settings = tmp_path / "mine.yaml"
    settings.write_text(text)

    result = stage.run_command("drop", csv_file, "--config", settings)

    assert result.exit_code == 3
    assert result.stderr.startswith("BAD_SETTINGS: ")
    assert stage.keys() == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such file names")
def test_a_file_name_that_is_not_text_is_refused(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff.csv")
    path.write_bytes(b"a,y\n")

    result = stage.run_command("drop", path)

    assert result.exit_code == 2
    assert "file's name" in result.stderr


def test_an_upload_that_s3_refuses_is_said_in_a_sentence(stage: Stage, csv_file: Path) -> None:
    stage.s3.delete_bucket(Bucket=BUCKET)

    result = stage.run_command("drop", csv_file)

    assert result.exit_code == 1
    assert "NoSuchBucket" in result.stderr
    assert "Traceback" not in result.output
