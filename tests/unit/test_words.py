"""Numbers for people: one rule, on every page and in the command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodrop.results.words import (
    headline,
    in_short,
    milliseconds,
    number,
    of_hundred,
    percent,
    rows,
    seconds,
    several,
    signed,
)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.957, "0.957"),
        (0.5, "0.5"),
        (0.020216, "0.02022"),
        (0, "0"),
        (-0.0, "0"),
        (1, "1"),
        (1.0000000000000002, "1"),
        (999.99, "1,000"),
        (1_234.5, "1,234"),
        (2_988_809.9, "2,988,810"),
        (2_988_809_922, "2.989\u00a0billion"),
        (3.107e10, "31.07\u00a0billion"),
        (999_999_999.7, "1\u00a0billion"),
        (0.001, "0.001"),
        (3.679e-06, "3.679\u00a0\u00d7\u00a010⁻⁶"),
        (-0.01933, "\u22120.01933"),
        (-5e-9, "\u22125\u00a0\u00d7\u00a010⁻⁹"),
        (38_096_889_393_660, "38.1\u00a0trillion"),
        (-999_960_000_000, "\u22121\u00a0trillion"),
        (2.7e15, "2.7\u00a0\u00d7\u00a010¹⁵"),
    ],
)
def test_a_number_is_written_in_one_way(value: float, written: str) -> None:
    assert number(value) == in_short(value) == written


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_no_number_is_long_or_has_a_hyphen(value: float) -> None:
    written = in_short(value)

    assert len(written) <= 15
    assert "-" not in written
    assert "e" not in written


def test_a_sign_is_written_before_the_same_number() -> None:
    assert signed(0.0123) == "+0.0123"
    assert signed(-4.5) == "\u22124.5"
    assert signed(-1e-7) == "\u22121\u00a0\u00d7\u00a010⁻⁷"


def test_one_wrong_row_of_many_leaves_less_than_all() -> None:
    assert percent(2399 / 2400) == ">99.9 %"
    assert of_hundred(2399 / 2400) == "more than 99"
    assert of_hundred(1.0) == "100"
    assert of_hundred(0.0) == "0"
    assert of_hundred(0.001) == "less than 1"
    assert of_hundred(0.886) == "89"


def test_a_time_that_was_measured_is_not_zero() -> None:
    assert seconds(0.0004) == "<0.01 s"
    assert seconds(0.415) == "0.41 s"
    assert milliseconds(0.5) == "500 ms"
    assert milliseconds(0.0021) == "2.1 ms"
    assert milliseconds(125.0) == "2 min 05 s"


def test_one_thing_is_no_plural() -> None:
    assert several(1, "column") == "1 column"
    assert several(8_238, "column") == "8,238 columns"
    assert rows(1) == "1 row"


@pytest.mark.parametrize(
    ("for_machines", "for_people"),
    [
        ("roc_auc 0.8884 on 600 held-out rows", "ROC AUC 0.8884 on 600 held-out rows"),
        (
            "rmse 3.679e-06 on 300 held-out rows",
            "RMSE 3.679\u00a0\u00d7\u00a010⁻⁶ on 300 held-out rows",
        ),
        ("rmse 3,481,168 on 400 held-out rows", "RMSE 3,481,168 on 400 held-out rows"),
        ("something else", "something else"),
        ("rmse 1e+999 on 3 held-out rows", "rmse 1e+999 on 3 held-out rows"),
        ("", ""),
    ],
)
def test_a_headline_has_the_words_of_people(for_machines: str, for_people: str) -> None:
    assert headline(for_machines) == for_people
