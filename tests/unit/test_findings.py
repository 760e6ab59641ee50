"""What was found: how grave it is, and how it is written down and read."""

from __future__ import annotations

import json

import pytest

from autodrop.errors import Rejected
from autodrop.findings import LEVELS, NOTE, WARNING, Finding
from tests.preparation.test_every_code import codes_in_source

LEAK = Finding("GIVES_TARGET_AWAY", "Column 'exit' gives it away.", "Ignore it.", column="exit")
DATES = Finding("DATES", "Column 'at' holds dates.", line=2, column="at", example="2025-03-01")


@pytest.mark.parametrize(("finding", "level"), [(LEAK, WARNING), (DATES, NOTE)])
def test_a_level_comes_from_the_code_and_goes_into_the_json(finding: Finding, level: str) -> None:
    assert finding.level == level
    assert json.loads(json.dumps(finding.to_json()))["level"] == level


def test_a_level_that_is_given_is_kept_in_the_json() -> None:
    few = Finding("DUPLICATE_ROWS", "2 of 640 rows.", level=NOTE)

    assert LEVELS.get(few.code, WARNING) == WARNING
    assert Finding.from_json(few.to_json()) == few


@pytest.mark.parametrize("finding", [LEAK, DATES])
def test_a_finding_from_before_there_were_levels_gets_that_of_its_code(finding: Finding) -> None:
    written = finding.to_json()
    del written["level"]

    assert Finding.from_json(written) == finding


def test_every_code_with_a_level_is_one_that_something_is_called_with() -> None:
    assert set(LEVELS) <= set(codes_in_source())


def test_a_refusal_comes_back_from_its_finding() -> None:
    refusal = Rejected("TARGET_MIXED", "2 texts.", "Correct.", line=7, column="y", example="inf")

    again = Rejected.of(refusal.finding, [LEAK])

    assert again.finding == refusal.finding
    assert again.others == (LEAK,)
    assert str(again) == str(refusal)
