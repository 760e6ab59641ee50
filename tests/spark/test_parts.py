"""Parts of a prepared file, as one machine writes them."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from autodrop.preparation.prepare import Dropped, Work
from autodrop.preparation.running.parts import PreparedParts, prepare_in_parts
from autodrop.processors import Threads
from autodrop.settings import parse_settings
from tests.builders import a_drop
from tests.preparation.files import table


def in_parts(folder: Path) -> PreparedParts:
    (folder / "dropped").write_bytes(table(600))
    (folder / "work").mkdir()
    return prepare_in_parts(
        Dropped([folder / "dropped"], a_drop(), "ad-bank-0123456789ab"),
        parse_settings(),
        Work(folder / "work", Threads(1), block_bytes=2_000),
        folder / "output",
        folder / "staging",
    )


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_part_is_complete_or_not_there_although_its_folder_is_a_volume_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    in_parts(tmp_path / "one")
    rename = Path.replace

    def within_a_volume(path: Path, target: Path) -> Path:
        if path.parent != target.parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", within_a_volume)
    in_parts(tmp_path / "other")

    assert files(tmp_path / "other" / "output") == files(tmp_path / "one" / "output")
    assert files(tmp_path / "other" / "staging") == {}


def test_a_part_that_cannot_be_written_fails_its_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)

    with pytest.raises(OSError, match="No space left"):
        in_parts(tmp_path)


def test_as_many_parts_are_told_of_as_there_are(tmp_path: Path) -> None:
    found = in_parts(tmp_path)

    written = [
        path.parts[0]
        for path in map(Path, files(tmp_path / "output"))
        if path.name.startswith("part-")
    ]
    assert {name: written.count(name) for name in written} == dict(found.parts)
    assert found.parts["train"] > 1
