"""What an invocation works in is empty, whatever became of the one before it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from autodrop.work_folder import empty_work_folder


def test_a_work_folder_is_there_only_while_somebody_works_in_it(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "work"

    with empty_work_folder(place) as folder:
        (folder / "file").write_text("content")
        assert folder == place

    assert not place.exists()


def test_a_work_folder_goes_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), empty_work_folder(tmp_path / "work"):
        raise ValueError("no")

    assert not (tmp_path / "work").exists()


def test_what_a_killed_invocation_left_is_gone_at_the_next_one(tmp_path: Path) -> None:
    place, neighbour = tmp_path / "work", tmp_path / "other"
    neighbour.mkdir()
    (neighbour / "file").write_text("somebody else's")
    dies = (
        "import os, pathlib, signal, sys\n"
        "from autodrop.work_folder import empty_work_folder\n"
        "with empty_work_folder(pathlib.Path(sys.argv[1])) as folder:\n"
        "    (folder / 'part').mkdir()\n"
        "    (folder / 'part' / 'file').write_bytes(b'x' * 1000)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", dies, str(place)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (place / "part" / "file").exists()

    with empty_work_folder(place) as folder:
        assert list(folder.iterdir()) == []

    assert (neighbour / "file").read_text() == "somebody else's"
