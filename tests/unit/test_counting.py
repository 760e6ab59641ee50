"""Counting comes to an end, however small the memory is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from autodrop.duckdb_engine import DuckDB, TooManyGroups
from autodrop.preparation.profiling.counting import Layout, count_table


class Cramped(DuckDB):
    """An engine with memory for no question about rows of this table."""

    def __init__(self) -> None:
        self.asked = 0

    def keep(self, name: str, sql: str) -> None:
        self.asked += 1
        raise TooManyGroups

    def query(self, sql: str) -> Sequence[tuple[Any, ...]]:
        raise TooManyGroups


@pytest.mark.parametrize("columns", [2, 33, 2_000])
def test_a_table_too_wide_for_the_memory_is_given_up_after_a_few_passes(columns: int) -> None:
    names = tuple(f"c{i}" for i in range(columns))
    sample = [["1", *["2"] * (columns - 1)], ["2", *["2"] * (columns - 1)]]
    engine = Cramped()

    with pytest.raises(TooManyGroups):
        count_table(engine, Layout(names, 0, sample, rows=2))

    assert engine.asked <= 7
