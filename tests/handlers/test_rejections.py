"""Files and settings that cannot be used: `REJECTED` at once, with no job and no row in a log."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from autodrop.run import RunState
from tests.fakes import table
from tests.journey import DROPPED, FOLDER, VERSION, Journey, event

SETTINGS = "inbox/bank-marketing/autodrop.yaml"
SECRET = "4111-1111-1111-1111"

UNUSABLE = {
    "EMPTY_FILE": b"",
    "NO_ROWS": b"x,z,y\n",
    "TOO_FEW_ROWS": table(499),
    "RAGGED_ROW": table().replace(b"5,5,", b"5,", 1),
    "TARGET_CONSTANT": table().replace(b"yes", b"no"),
    "NOT_A_TABLE": b"\x89PNG\r\n\x1a\n" + bytes(100),
}


@pytest.mark.parametrize("code", UNUSABLE)
def test_a_file_that_cannot_be_used_is_rejected_and_costs_nothing(code: str) -> None:
    with Journey.begins(UNUSABLE[code]) as journey:
        journey.invoke("prepare_dataset", "dataset-dropped")
        journey.functions.deliver_all()
        journey.wait(60)

        assert journey.state is RunState.REJECTED
        assert journey.failure["code"] == journey.run.code == code
        assert journey.failure["message"] == journey.run.reason
        assert journey.failure["remedy"]
        assert [call for call in journey.world.calls if call.startswith("sagemaker:")] == []


def test_a_rejection_tells_the_line_and_leaves_nothing_else_behind() -> None:
    with Journey.begins(table() + b"1,2\n") as journey:
        journey.invoke("prepare_dataset", "dataset-dropped")

        assert journey.failure["line"] == 602
        assert journey.failure["kept"] == []
        assert journey.failure["source"]["key"] == DROPPED
        assert set(journey.world.bucket.objects) == {DROPPED, FOLDER.failure}


def test_a_missing_target_names_the_closest_columns(journey: Journey) -> None:
    journey.world.bucket.objects[SETTINGS] = b"target: zz"

    journey.invoke("prepare_dataset", "dataset-dropped")

    assert journey.failure["code"] == "TARGET_NOT_FOUND"
    assert journey.failure["column"] == "zz"
    assert "'z'" in journey.failure["remedy"]


def test_settings_come_from_the_template_then_the_file_then_the_object(journey: Journey) -> None:
    world = journey.world
    world.services = replace(
        world.services,
        default_settings={
            "autopilot": {"max_candidates": 9, "max_runtime_minutes": 60},
            "target": "x",
        },
    )
    world.bucket.objects[SETTINGS] = b"target: z\nautopilot: {max_candidates: 7}\n"
    world.drop(DROPPED, table(), {"autodrop-target": "y"}, VERSION)

    journey.invoke("prepare_dataset", "dataset-dropped")

    settings = world.bucket.json(FOLDER.dataset)["settings"]
    assert settings["target"] == "y"
    assert settings["autopilot"]["max_candidates"] == 7
    assert settings["autopilot"]["max_runtime_minutes"] == 60


def test_an_empty_settings_file_says_nothing(journey: Journey) -> None:
    journey.world.bucket.objects[SETTINGS] = b"# nothing yet\n"

    journey.invoke("prepare_dataset", "dataset-dropped")

    assert journey.state is RunState.PREPARED


@pytest.mark.parametrize(
    ("written", "line"),
    [
        (b"target: y\nsplit: {seed: 1\n", 3),
        (b"- a list\n", None),
        (b"just a text", None),
        (b"target: \xff\xfe\n", None),
        (b"target: 2024-13-45\n", None),
        (b"[" * 600, None),
        (b"seed: " + b"9" * 5000, None),
        (b"#" * 70_000, None),
        (b"target: !!python/object/apply:os.system ['true']\n", 1),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_settings_file_that_cannot_be_read_is_rejected_with_its_place(
    written: bytes, line: int | None, journey: Journey
) -> None:
    journey.world.bucket.objects[SETTINGS] = written

    journey.invoke("prepare_dataset", "dataset-dropped")

    assert journey.state is RunState.REJECTED
    assert journey.failure["code"] == "BAD_SETTINGS"
    assert journey.failure["line"] == line
    assert f"s3://data-bucket/{SETTINGS}" in journey.failure["message"]


def test_settings_that_unfold_to_gigabytes_are_rejected_in_no_time(journey: Journey) -> None:
    levels = ["&a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    levels += [f"&a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    journey.world.bucket.objects[SETTINGS] = f"target: [{', '.join(levels)}]".encode()

    journey.invoke("prepare_dataset", "dataset-dropped")

    assert journey.failure["code"] == "BAD_SETTINGS"


def test_a_bare_yes_as_positive_class_is_answered_with_how_to_write_it(journey: Journey) -> None:
    journey.world.bucket.objects[SETTINGS] = b"positive_class: yes"

    journey.invoke("prepare_dataset", "dataset-dropped")

    assert 'positive_class: "yes"' in journey.failure["remedy"]


def test_another_error_of_the_disk_is_not_the_user_s_fault(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Mapping[str, str]:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(journey.world.bucket, "download", broken)

    with pytest.raises(OSError, match="Input/output error"):
        journey.invoke("prepare_dataset", "dataset-dropped")

    assert journey.state is RunState.RECEIVED


def test_a_file_that_was_deleted_meanwhile_is_rejected(journey: Journey) -> None:
    del journey.world.bucket.objects[DROPPED]
    journey.world.bucket.versions.clear()

    journey.invoke("prepare_dataset", "dataset-dropped")

    assert journey.failure["code"] == "FILE_GONE"


def test_a_version_is_read_although_the_key_has_another_one_by_now(journey: Journey) -> None:
    journey.world.drop(DROPPED, b"not a dataset any more", version="later")

    journey.invoke("prepare_dataset", "dataset-dropped")

    assert journey.state is RunState.PREPARED


def test_the_temporary_copy_of_a_file_is_removed(
    journey: Journey, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    journey.invoke("prepare_dataset", "dataset-dropped")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "settings"),
    [
        (table() + f"{SECRET},1\n".encode(), b""),
        (b"x,y\n" + f"{SECRET},{SECRET}\n".encode() * 600, b""),
        (table() + f'"{SECRET}" {SECRET},1,2\n'.encode(), b""),
        (table() + SECRET.encode() + b"\x81\x8d,1,2\n", b""),
        (f"{SECRET},{SECRET}\n1,2\n".encode(), b""),
        (table().replace(b"yes", SECRET.encode()), b"positive_class: other"),
        (table(), f"target: {SECRET}".encode()),
        (table(), f"{SECRET}: 1".encode()),
    ],
)
def test_no_cell_of_the_file_and_no_setting_gets_into_a_log(
    content: bytes,
    settings: bytes,
    log_lines: Callable[[], list[dict[str, Any]]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Journey.begins(content) as journey:
        journey.world.bucket.objects[SETTINGS] = settings
        journey.invoke("prepare_dataset", "dataset-dropped")

        assert journey.state is RunState.REJECTED
    assert log_lines()
    written = capsys.readouterr()
    assert SECRET not in f"{log_lines()}{written.out}{written.err}"


def test_no_cell_gets_into_a_log_on_the_way_to_results(
    log_lines: Callable[[], list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    with Journey.begins(table().replace(b"yes", SECRET.encode())) as journey:
        journey.to("completed")

        assert journey.state is RunState.COMPLETED
    written = capsys.readouterr()
    assert SECRET not in f"{log_lines()}{written.out}{written.err}"


def test_the_text_of_a_failed_function_does_not_get_into_a_log(
    journey: Journey, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    message = event("failure-queue")
    body = message["Records"][0]["body"]
    message["Records"][0]["body"] = body.replace("division by zero", f"not a number: {SECRET}")

    journey.functions.invoke("record_failure", message)

    assert log_lines()
    assert SECRET not in str(log_lines())
