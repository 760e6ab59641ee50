"""Each attack ends as it should, and costs no more than it may."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.attacks import ATTACKS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_ends_with_its_reason_and_within_its_limits(name: str) -> None:
    attack = ATTACKS[name]

    told = outcome(name)

    assert (told["state"], told["code"]) == (attack.state, attack.code)
    assert told["largest_object"] <= attack.disk
    assert len(told["reason"] or "") <= 4_000


def outcome(name: str) -> dict[str, Any]:
    """Return what the process of an attack says: it is killed where it exceeds a limit."""
    finished = subprocess.run(
        [sys.executable, "-m", "tests.attacks.run", name],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'shared'}", "AWS_DEFAULT_REGION": "us-east-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-2_000:]
    said: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return said
