"""Every code has a file that shows it, and every sentence can be read in one place.

The sentences are in `tests/data/bad/messages.txt`, which `python -m tests.preparation.bad_files`
writes anew. The files come from `python -m tests.data.make_bad_files`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import autodrop
from autodrop.preparation.prepare import Work, prepare
from autodrop.settings import parse_settings
from tests.data.make_bad_files import bad_files, good_files
from tests.preparation import bad_files as bad
from tests.preparation.files import dropped, refusal, table

pytestmark = pytest.mark.slow

SOURCE = Path(autodrop.__file__).parent
# What no file shows, and why.
NOT_IN_A_FILE = {
    "FILE_GONE": "there is no file: it was deleted before it could be read",
    "FILE_REPLACED": "the file is good; another one took its place while a job was reading",
    "ROWS_ABOVE_CEILING": "the file is good; the ceiling is the stack's: tests/handlers",
    "SETTING_ABOVE_CEILING": "the file is good; the ceiling is the stack's: tests/handlers",
}
_CODE = re.compile(r"[A-Z][A-Z0-9_]{3,}")
# What is called with a code.
_RAISES = ("Rejected", "Finding", "_about")


@pytest.mark.parametrize("name", bad.names())
def test_a_bad_file_is_told_what_is_wrong_with_it_and_where(name: str, tmp_path: Path) -> None:
    said = bad.said_of(name, tmp_path)

    codes = [finding.code for finding in said.findings]
    assert bad.code_of(name) in (codes[:1] if said.refusal else codes)
    assert bad.paragraph(name, said) == bad.expected().get(name)


def test_no_sentence_is_left_of_a_file_that_is_gone() -> None:
    assert list(bad.expected()) == bad.names()


def test_every_code_has_a_file() -> None:
    shown = {bad.code_of(name) for name in bad.names()}

    assert set(codes_in_source()) - shown == set(NOT_IN_A_FILE)
    assert shown <= set(codes_in_source())


@pytest.mark.parametrize("name", good_files())
def test_nothing_is_said_of_a_good_file(name: str, tmp_path: Path) -> None:
    content = (bad.FOLDER.parent / name).read_bytes()

    result = prepare(dropped(tmp_path, content), parse_settings(), Work(tmp_path))

    expected = {"sensors.csv": ["DATES"], "umsatz.csv": ["DECIMAL_COMMAS"]}
    codes = [warning.code for warning in result.dataset.warnings]
    assert codes == expected.get(name.rpartition("/")[2], [])


def test_the_files_are_those_that_the_script_writes() -> None:
    made = {**good_files(), **bad_files()}

    written = {
        str(path.relative_to(bad.FOLDER.parent))
        for folder in ("bad", "good")
        for path in (bad.FOLDER.parent / folder).rglob("*")
        if path.is_file() and path != bad.MESSAGES
    }
    assert written == set(made)
    for name, content in made.items():
        # Libraries may pack better one day, and write another version into Parquet.
        if name.endswith((".csv", ".txt", ".yaml")):
            assert (bad.FOLDER.parent / name).read_bytes() == content, name


@pytest.mark.parametrize("name", bad.names())
def test_a_sentence_ends_and_is_no_longer_than_one_can_read(name: str) -> None:
    for line in bad.expected()[name].split("\n")[1:]:
        if line.startswith("    "):
            assert len(line) < 300
            assert line.endswith((".", "?")) or line.rpartition(": ")[1]


LONG = "a very long cell " * 100


@pytest.mark.parametrize(
    ("content", "settings"),
    [
        pytest.param(
            "".join([f"x,y\n1,{LONG}\n", *(f"{i},{i * 1.5}\n" for i in range(599))]),
            {},
            id="a text among numbers",
        ),
        pytest.param(
            "".join([f"{LONG},y\n", *(f"{i},{'ab'[i % 2]}\n" for i in range(600))]),
            {"target": LONG[::-1].strip()},
            id="a target that is not there",
        ),
        pytest.param(
            "".join(["x,z,y\n", *(f"{i % 7},{i},{LONG}{i}\n" for i in range(600))]),
            {},
            id="a label in every row",
        ),
        pytest.param(
            "".join(["x,z,y\n", *(f"{i},b,{LONG if i else 'short'}\n" for i in range(600))]),
            {},
            id="a class with a single row",
        ),
        pytest.param(
            "".join(["x,z,y\n", *(f"{i},b,{LONG}{i % 2}\n" for i in range(600))]),
            {"positive_class": LONG.strip()},
            id="a class that is not there",
        ),
        pytest.param(
            "".join([f"{LONG},z,y\n", *(f"{i},b,{'ab'[i % 2]}\n" for i in range(600))]),
            {"ignore": [LONG[1:]]},
            id="an ignored column that is not there",
        ),
        pytest.param(
            f"{LONG},{LONG},y\n1,2,a\n",
            {},
            id="two columns of the same long name",
        ),
        pytest.param(
            "".join(["x,z,y\n", *(f"{i},{i % 7},{'ab'[i % 2]}\n" for i in range(600)), LONG]),
            {},
            id="a long line below the table",
        ),
    ],
)
def test_a_message_never_holds_a_whole_long_cell(
    content: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    problem = refusal(tmp_path, content.encode(), **settings)

    for finding in (problem.finding, *problem.others):
        for text in (finding.message, finding.remedy, finding.example):
            assert longest_piece(text or "") <= 60


def test_a_warning_never_holds_a_whole_long_cell(tmp_path: Path) -> None:
    rows = table(600).decode().splitlines()
    rows[9] = f"{LONG},3,{LONG}"

    result = prepare(dropped(tmp_path, "\n".join(rows).encode()), parse_settings(), Work(tmp_path))

    codes = [warning.code for warning in result.dataset.warnings]
    assert {"MIXED_TYPES", "CLASS_TOO_SMALL"} <= set(codes)
    for warning in result.dataset.warnings:
        for text in (warning.message, warning.remedy, warning.example):
            assert longest_piece(text or "") <= 60


def longest_piece(text: str) -> int:
    """Return how many characters of `LONG` stand in a text side by side."""
    pieces = re.findall(r"(?:[a-z]+ )*[a-z]*", text)
    return max((len(piece) for piece in pieces if piece in LONG or piece[::-1] in LONG), default=0)


def codes_in_source() -> dict[str, str]:
    """Return every code that `Rejected` and `Finding` are made with, and the module it is in."""
    found: dict[str, str] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        if "results" in path.parts:
            # What results warn of is about a model, not about a file.
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                found |= dict.fromkeys(_codes(function), path.name)
    return found


def _codes(function: ast.FunctionDef) -> Iterator[str]:
    """Yield the codes of the calls in a function; those of its tables where a call names none."""
    for call in ast.walk(function):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            continue
        if call.func.id not in _RAISES:
            continue
        named = [code for each in call.args if (code := _code(each))]
        yield from named
        if not named and isinstance(call.args[0], ast.Name):
            written = [each for each in ast.walk(function) if isinstance(each, ast.Constant)]
            yield from filter(None, map(_code, written))


def _code(node: ast.AST) -> str | None:
    # A constant of a module is called like the code that it holds.
    text = node.id if isinstance(node, ast.Name) else getattr(node, "value", None)
    return text if isinstance(text, str) and _CODE.fullmatch(text) else None
