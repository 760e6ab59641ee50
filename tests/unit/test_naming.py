"""Names come from the drop alone, and SageMaker takes them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autodrop.naming import (
    RUN_ID,
    Drop,
    RunFolder,
    dataset_name,
    run_id,
    run_of_dataset_key,
    same_names,
    slug,
)
from autodrop_local.sagemaker.api.shapes import service_model
from tests.builders import a_drop

FEW = settings(max_examples=30)
# S3 keys are any text that UTF-8 can say.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
drops = st.builds(
    Drop,
    bucket=st.from_regex(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", fullmatch=True),
    key=st.builds("inbox/{}".format, texts),
    version=texts,
    version_id=st.none(),
    size=st.integers(0),
)
STRANGE = [
    "..",
    "",
    ".",
    "데이터",
    "😀",
    "Ünïcode",
    "-a-",
    "a_b",
    "A" * 300,
    "\x00",
    "%2e",
    "a b+c",
]


def pattern(operation: str, member: str) -> str:
    """Return the pattern of a name in SageMaker's own model."""
    shape = service_model().operation_model(operation).input_shape
    assert shape is not None
    return str(shape.members[member].metadata["pattern"])


@FEW
@given(drops)
@example(a_drop("데이터"))
def test_the_same_drop_always_gets_the_same_name(drop: Drop) -> None:
    assert run_id(drop) == run_id(replace(drop, size=drop.size + 1))


@FEW
@given(drops)
@example(a_drop(".."))
@example(a_drop(""))
@example(a_drop("---"))
@example(a_drop("a-very-long-dataset-name"))
def test_a_name_leaves_room_for_an_attempt_and_fits_sagemaker_s_patterns(drop: Drop) -> None:
    name = run_id(drop)

    assert len(name) <= 28
    assert RUN_ID.fullmatch(name)
    for operation, member in (
        ("CreateProcessingJob", "ProcessingJobName"),
        ("CreateAutoMLJobV2", "AutoMLJobName"),
        ("CreateModel", "ModelName"),
        ("CreateTransformJob", "TransformJobName"),
    ):
        assert re.fullmatch(pattern(operation, member), name)


@pytest.mark.parametrize(
    "other",
    [
        a_drop(version="v2"),
        a_drop(file="other.csv"),
        replace(a_drop(), bucket="other-bucket"),
        # The parts are kept apart: moving a character from one to the next is another drop.
        replace(a_drop(), bucket="data-bucketi", key="nbox/bank/bank.csv"),
    ],
)
def test_another_upload_gets_another_name(other: Drop) -> None:
    assert run_id(other) != run_id(a_drop())


def test_a_name_begins_with_the_dataset_for_people() -> None:
    assert run_id(a_drop("bank-marketing")).startswith("ad-bank-marketi-")
    assert run_id(a_drop("Sales (2024)")).startswith("ad-sales-2024-")


@FEW
@given(texts)
@example("")
@example("..")
@example("sales-2024")
def test_a_slug_is_one_safe_folder_name(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", slug(name))


@FEW
@given(st.sets(texts, min_size=2, max_size=20))
@example(set(STRANGE))
@example({"Sales 2024", "sales 2024", "sales-2024", "sales_2024", "sales--2024"})
@example({"a" * 40, "a" * 41, "a" * 42})
@example({"Sales", "sales-8de4e0"})
def test_different_names_have_different_slugs(names: set[str]) -> None:
    assert len({slug(name) for name in names}) == len(names)


@pytest.mark.parametrize("name", ["bank-marketing", "a", "2024", "a-1", "x" * 40, "sales-202401"])
def test_a_name_that_is_a_word_already_stays_as_it_is(name: str) -> None:
    assert slug(name) == name


@pytest.mark.parametrize(
    ("name", "dataset"),
    [
        ("iris", "iris"),
        ("Sales (2024)", "sales-2024"),
        ("v1.2_data", "v1-2-data"),
        ("x" * 40, "x" * 40),
        ("---", "dataset"),
        ("", "dataset"),
    ],
)
def test_a_plain_name_is_written_in_small_letters_and_digits(name: str, dataset: str) -> None:
    assert dataset_name(name) == dataset


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("Größe", "grosse-"),
        ("Élèves à l'œuvre", "eleves-a-l-oeuvre-"),
        ("서울 🎉 <b>", "b-"),
        ("서울", "dataset-"),
        ("x" * 41, "x" * 31 + "-"),
    ],
)
def test_another_name_keeps_its_base_letters_and_gets_a_hash(name: str, begins: str) -> None:
    assert re.fullmatch(re.escape(begins) + "[0-9a-f]{8}", dataset_name(name))


@FEW
@given(texts)
@example("서울")
@example("é" * 300)
@example("\udcff.csv")
def test_a_dataset_s_name_is_a_word_that_every_place_takes(name: str) -> None:
    word = dataset_name(name)

    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", word)
    assert slug(word) == word
    assert Drop("b", f"inbox/{word}/{word}.csv", "v", None, 1).dataset == word


@FEW
@given(st.lists(texts, min_size=2, max_size=20))
@example(["서울", "부산", "서울 🎉 <b>", "b", "dataset"])
@example(["Größe", "Grösse", "Grosse", "gr-e", "Gr💡e"])
@example(["कि", "का", "क"])
@example(["a" * 40, "a" * 41, "a" * 42])
@example(["Sales (2024)", "sales-2024", "SALES__2024"])
@example(["", "DATASET"])
def test_names_share_a_dataset_only_if_they_are_folded_to_the_same(names: list[str]) -> None:
    # What has no name is called "dataset".
    folded = {same_names(name) or "dataset" for name in names}

    assert len({dataset_name(name) for name in names}) == len(folded)


def test_a_name_is_the_same_however_a_computer_composes_its_letters() -> None:
    assert dataset_name(unicodedata.normalize("NFD", "Größe")) == dataset_name("größe")


@pytest.mark.parametrize(
    ("key", "dataset", "file"),
    [
        ("inbox/bank/bank.csv", "bank", "bank.csv"),
        ("inbox/bank/2024/jan/bank.csv", "bank", "bank.csv"),
        ("inbox/bank.csv", "bank", "bank.csv"),
        ("inbox/bank.csv.gz", "bank", "bank.csv.gz"),
        ("inbox/Q1 + Q2/50%.csv", "Q1 + Q2", "50%.csv"),
        ("inbox/../secret.csv", "..", "secret.csv"),
        ("inbox//file.csv", "dataset", "file.csv"),
        ("inbox/.csv", "dataset", ".csv"),
    ],
)
def test_the_dataset_is_the_folder_or_the_file_s_stem(key: str, dataset: str, file: str) -> None:
    drop = replace(a_drop(), key=key)

    assert (drop.dataset, drop.file_name) == (dataset, file)


@pytest.mark.parametrize("name", STRANGE)
def test_a_run_s_folder_stays_below_runs_whatever_the_dataset_is_called(name: str) -> None:
    run = run_id(a_drop(name))

    assert re.fullmatch(rf"runs/[a-z0-9-]+/{run}/", RunFolder.of(name, run).prefix)


@pytest.mark.parametrize("name", STRANGE)
def test_the_run_is_found_again_in_the_key_of_its_dataset(name: str) -> None:
    run = run_id(a_drop(name))

    assert run_of_dataset_key(RunFolder.of(name, run).dataset) == run


@pytest.mark.parametrize(
    "key",
    [
        "",
        "inbox/bank/ad-bank-0123456789ab/dataset.json",
        "runs/bank/ad-bank-0123456789ab/profile.json",
        "runs/bank/ad-bank-0123456789ab/output/dataset.json",
        "runs/ad-bank-0123456789ab/dataset.json",
        "runs/bank/somebody-s-folder/dataset.json",
        "runs/bank/ad-bank-0123456789AB/dataset.json",
        "runs/bank/ad-bank-0123456789ab/dataset.json\n",
    ],
)
def test_another_key_is_not_taken_for_that_of_a_dataset(key: str) -> None:
    with pytest.raises(ValueError, match="not "):
        run_of_dataset_key(key)


@pytest.mark.parametrize(
    ("key", "is_dataset"),
    [
        ("inbox/bank/bank.csv", True),
        ("inbox/bank/autodrop.yaml", False),
        ("inbox/autodrop.yaml", False),
        ("inbox/bank/", False),
        ("inbox/bank/my-autodrop.yaml", True),
    ],
)
def test_settings_and_folders_are_told_from_datasets(key: str, is_dataset: bool) -> None:
    assert replace(a_drop(), key=key).is_dataset is is_dataset


@pytest.mark.parametrize("name", STRANGE)
def test_what_a_processing_job_gets_and_leaves_lies_in_the_run_s_folder(name: str) -> None:
    folder = RunFolder.of(name, run_id(a_drop(name)))

    assert folder.processing_code("order.json") == f"{folder.processing_code()}order.json"
    assert folder.processing_code().endswith("/")
    for key in (folder.processing_code(), folder.outcome):
        assert key.startswith(f"{folder.prefix}processing/")


def test_nothing_that_a_processing_job_leaves_is_taken_for_a_dataset() -> None:
    folder = RunFolder.of("bank", run_id(a_drop("bank")))

    for key in (folder.outcome, folder.processing_code("dataset.json")):
        with pytest.raises(ValueError, match="not "):
            run_of_dataset_key(key)


def test_settings_lie_beside_the_drop() -> None:
    assert a_drop("bank").settings_key == "inbox/bank/autodrop.yaml"
