from __future__ import annotations

import pytest

from autodrop_local.sagemaker.engine.filters import FilterRangeError, parse

ROW = ["id", "label", "f1", "f2"]


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("$", ROW),
        ("$[0]", ["id"]),
        ("$[2:]", ["f1", "f2"]),
        ("$[-1]", ["f2"]),
        ("$[-2:]", ["f1", "f2"]),
        ("$[0, -1]", ["id", "f2"]),
        ("$[0,2:]", ["id", "f1", "f2"]),
        ("$[9:]", []),
    ],
)
def test_a_filter_keeps_positions(path: str, kept: list[str]) -> None:
    assert parse(path).of(ROW) == kept


def test_a_position_outside_the_record_is_an_error() -> None:
    with pytest.raises(FilterRangeError, match="index 4 is outside a record of 4 columns"):
        parse("$[4]").of(ROW)
