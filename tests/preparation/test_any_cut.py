"""What comes of a file does not depend on where it is cut, or on who works on the pieces."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodrop.errors import Rejected
from autodrop.preparation.prepare import Dropped, Work, prepare
from autodrop.processors import Threads
from autodrop.settings import parse_settings
from tests.builders import a_drop

ROWS = 700


def measurements() -> bytes:
    """Return columns of all kinds, with cells that are odd in the second half only."""
    dice = random.Random(7)
    lines = ["id,day,x,tiny,huge,mixed,comma,note,group,y"]
    for i in range(ROWS):
        odd = i > ROWS // 2 and i % 50 == 0
        lines.append(
            f"K{i:05},2025-{1 + i % 12:02}-{1 + i % 28:02},{dice.gauss(1e6, 1e-3)!r},"
            f"{dice.random() * 1e-12!r},{dice.gauss(0, 1e150)!r},"
            f"{'many' if odd else i * 37 % 1009},{i % 7}.{i % 900 + 100},"
            f'"{"new" if odd else "old"} {i % 90}, ""{i}""","g{i % 23}",{"yes" if i % 3 else "no"}'
        )
    return "\n".join([*lines, ""]).encode()


def sorted_by_day() -> bytes:
    """Return a column in which the same cells stand together, too many to be counted."""
    lines = ["day,v,y"]
    lines += [f"d{i // 2:06},{i % 11},{i % 13}" for i in range(6_000)]
    return "\n".join(lines).encode()


def with_missing_targets() -> bytes:
    lines = [f"{i};{i % 5},5;{['a', '', 'b'][i % 3]}" for i in range(900)]
    return "\r\n".join(["n;x;y", *lines, ""]).encode("utf-16")


FILES: Mapping[str, tuple[Callable[[], bytes], Mapping[str, Any]]] = {
    "random": (measurements, {"target": "y"}),
    "stratified": (measurements, {"target": "y", "split": {"method": "stratified"}}),
    "hash": (measurements, {"target": "y", "split": {"method": "hash"}}),
    "group": (measurements, {"target": "y", "split": {"method": "group", "column": "group"}}),
    "time": (measurements, {"target": "y", "split": {"method": "time", "column": "day"}}),
    "a number to predict": (measurements, {"target": "x"}),
    "sorted": (sorted_by_day, {"target": "y"}),
    "missing targets": (with_missing_targets, {}),
}


def outcome(content: bytes, said: Mapping[str, Any], **work: Any) -> tuple[Any, ...]:
    """Return all that is decided and written about a file."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "dropped"
        path.write_bytes(content)
        dropped = Dropped([path], a_drop(file="bank.csv"), "ad-bank-0123456789ab")
        try:
            found = prepare(dropped, parse_settings(dict(said)), Work(folder, **work))
        except Rejected as problem:
            return (problem.finding, *problem.others)
        written = [
            path.read_bytes()
            for path in (
                found.train,
                found.test,
                found.truth,
                found.model_train,
                found.model_test,
                found.probe,
            )
            if path is not None
        ]
        described = json.dumps([found.dataset.to_json(), found.profile], sort_keys=True)
        return (described, found.plan, *written)


@pytest.mark.parametrize("name", FILES)
def test_wherever_a_file_is_cut_the_same_comes_of_it(name: str) -> None:
    make, said = FILES[name]
    content = make()
    whole = outcome(content, said, processors=Threads(1))

    @settings(max_examples=6)
    @given(block_bytes=st.integers(1_500, 60_000), threads=st.integers(1, 3))
    def cut(block_bytes: int, threads: int) -> None:
        pieces = outcome(content, said, processors=Threads(threads), block_bytes=block_bytes)

        assert pieces == whole

    cut()


@pytest.mark.parametrize(
    "path", sorted(Path("tests/data/good").glob("*.csv")), ids=lambda p: p.name
)
def test_a_good_file_in_small_pieces_is_the_same_file(path: Path) -> None:
    content = path.read_bytes()

    whole = outcome(content, {}, processors=Threads(1))

    assert outcome(content, {}, block_bytes=2_000) == whole


@pytest.mark.parametrize("path", sorted(Path("tests/data/bad").glob("*.csv")), ids=lambda p: p.name)
def test_a_bad_file_in_small_pieces_is_refused_in_the_same_words(path: Path) -> None:
    content = path.read_bytes()

    whole = outcome(content, {}, processors=Threads(1))

    assert outcome(content, {}, block_bytes=2_000)[:3] == whole[:3]
