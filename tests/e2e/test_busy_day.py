"""Many drops at once, events that get lost and repeated, and a host that is killed in between."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from bench.load import BusyAws, Outcome, carry, rows

pytestmark = pytest.mark.e2e

DROPS = 20
LIMIT_SECONDS = 600.0


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusyAws]:
    """Return a local AWS with autodrop on it, whose host the tests may kill."""
    made = BusyAws(tmp_path_factory.mktemp("busy") / "home")
    yield made
    made.stop()


def test_run_whose_host_is_killed_right_after_the_drop_completes(busy: BusyAws) -> None:
    busy.drop("killed-at-once", rows())

    busy.kill_and_restart()

    deadline = time.monotonic() + LIMIT_SECONDS
    while "COMPLETED" not in busy.states() and time.monotonic() < deadline:
        time.sleep(1)
    assert busy.outcome() == Outcome({"COMPLETED": 1}, 1, 1, 1, 1)


def test_drops_at_once_all_complete_and_none_twice_though_the_host_is_killed(
    busy: BusyAws,
) -> None:
    measured = carry(busy, DROPS, kills=1, limit_seconds=LIMIT_SECONDS, over_seconds=0.0)

    assert measured.outcome.is_right(DROPS + 1), measured.outcome
    each = {name: count / DROPS for name, count in measured.invocations.items()}
    # An event of its own, one that is repeated, one that a kill cut off, and one that was found.
    for function in ("PrepareDataset", "StartAutopilot", "CreateModel", "WriteResults"):
        assert each[function] <= 4, each
