"""`autodrop check`: what a file on this machine would be told, in words and as JSON."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from autodrop.duckdb_engine import TooManyGroups
from autodrop_cli import checking
from autodrop_cli.main import app
from tests.preparation.files import table


def checked(path: Path, *options: str) -> tuple[int, str]:
    """Check a file; return the exit code and what is said on one line."""
    result = CliRunner().invoke(app, ["check", str(path), *options], env={"COLUMNS": "400"})
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file with a word among the numbers of a column, and a target in two spellings."""
    lines = table(600).splitlines(keepends=True)
    lines[8] = b"7,zz,yes\n"
    lines[9] = b"7,aa,Yes\n"
    path = tmp_path / "größe.csv"
    path.write_bytes(b"".join(lines))
    return path


def test_a_line_comes_with_the_cell_that_is_on_it_and_what_is_found_with_its_level(
    path: Path,
) -> None:
    code, said = checked(path)

    assert code == 0
    assert "warning MIXED_TYPES 9 Column 'z' holds 598 numbers and 2 texts. Such as 'zz'." in said
    assert "warning LABEL_SPELLINGS 10 " in said


def test_levels_are_in_the_json(path: Path) -> None:
    _, said = checked(path, "--json")

    levels = {each["code"]: each["level"] for each in json.loads(said)["warnings"]}
    assert levels["MIXED_TYPES"] == "warning"


def test_a_rejection_comes_with_the_cell_and_its_line(tmp_path: Path) -> None:
    odd = {5: "inf", 7: "1e400", 8: "1e400"}
    path = tmp_path / "amounts.csv"
    path.write_text(
        "x,y\n" + "".join(f"{i % 9},{odd.get(i, i * 1.5)}\n" for i in range(600)), encoding="utf-8"
    )

    code, said = checked(path)

    assert code == 3
    assert "REJECTED: TARGET_MIXED" in said
    assert "line 7, column y, such as inf" in said


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "The disk is full"),
        (TooManyGroups("OutOfMemoryException"), "too little memory"),
    ],
)
@pytest.mark.parametrize("command", ["check", "prepare"])
def test_the_end_of_the_disk_or_the_memory_is_said_and_no_fault_of_the_file(
    command: str, error: Exception, told: str, path: Path, tmp_path: Path
) -> None:
    called = "examine" if command == "check" else "prepare"
    to = [] if command == "check" else ["--to", str(tmp_path / "to")]
    with patch.object(checking, called, side_effect=error):
        result = CliRunner().invoke(app, [command, str(path), *to], env={"COLUMNS": "400"})

    assert result.exit_code == 1
    assert told in " ".join(result.output.split())
    assert "REJECTED" not in result.output
