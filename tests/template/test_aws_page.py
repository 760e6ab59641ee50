"""`docs/aws.md`: what it names exists, and what is not confirmed is tested both ways."""

from __future__ import annotations

import pkgutil
import re
from typing import Any

import pytest

from tests.template.conftest import ROOT
from tests.template.sources import names_of_tests

PAGE = (ROOT / "docs" / "aws.md").read_text()
HEAD = ["behaviour", "source", "used by", "if it is not so", "tests"]


def rows() -> list[list[str]]:
    """Return the cells of every entry of the tables of behaviours."""
    lines = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.splitlines()
        if line.startswith("| ") and line.count("|") == len(HEAD) + 1
    ]
    return [cells for cells in lines if cells != HEAD and set(cells[0]) != {"-"}]


ROWS = rows()
IDS = [cells[0][:60] for cells in ROWS]


def names(cell: str) -> list[str]:
    """Return what stands in code marks."""
    return re.findall(r"`([^`]+)`", cell)


def test_the_page_has_entries_of_every_service() -> None:
    heads = [line for line in PAGE.splitlines() if line.startswith("| behaviour")]

    assert heads == ["| " + " | ".join(HEAD) + " |"] * len(heads)
    assert PAGE.count("| behaviour") == len(heads) >= 7
    assert len(ROWS) > 40


@pytest.mark.parametrize("cells", ROWS, ids=IDS)
def test_no_cell_is_empty(cells: list[str]) -> None:
    assert all(cells)


@pytest.mark.parametrize("cells", ROWS, ids=IDS)
def test_the_code_that_uses_it_exists(cells: list[str], template: dict[str, Any]) -> None:
    used = names(cells[2])

    assert used
    for name in used:
        if name.startswith("template:"):
            assert name.removeprefix("template:") in template["Resources"]
        elif not (ROOT / name).is_file():
            pkgutil.resolve_name(f"autodrop.{name}")


@pytest.mark.parametrize("cells", ROWS, ids=IDS)
def test_its_tests_exist(cells: list[str]) -> None:
    missing = set(names(cells[4])) - names_of_tests()

    assert names(cells[4])
    assert not missing


@pytest.mark.parametrize("cells", ROWS, ids=IDS)
def test_what_is_not_confirmed_is_tested_both_ways(cells: list[str]) -> None:
    ways = re.match(r"either way: (?P<any>.+)|so: (?P<so>.+); else: (?P<other>.+)", cells[4])

    assert (ways is not None) == cells[0].startswith("**Not confirmed:** ")
    assert ways is None or all(names(way) for way in ways.groups() if way is not None)


def test_every_source_that_is_cited_is_listed_and_the_other_way_round() -> None:
    entries, sources = PAGE.split("\n## Sources\n")

    listed = re.findall(r"\[(\d+)\]", sources)
    assert listed == [str(number) for number in range(1, len(listed) + 1)]
    assert set(re.findall(r"\[(\d+)\]", entries)) == set(listed)
