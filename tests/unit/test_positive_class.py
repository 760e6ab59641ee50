"""Which of two classes is the positive one, and whether the reason that is given is true."""

from __future__ import annotations

import pytest

from autodrop.dataset import Target
from autodrop.preparation.cells.kinds import Kind
from autodrop.preparation.profiling.facts import ColumnFacts
from autodrop.preparation.validating.target import describe_target
from autodrop.settings import parse_settings


def described(
    first: str, rows: int, second: str, others: int, positive: str | None = None
) -> Target:
    """Return what is said of a target with two labels in so many rows each."""
    counts = dict(sorted([(first, rows), (second, others)], key=lambda each: -each[1]))
    column = ColumnFacts("y", 0, {Kind.TEXT: rows + others}, {}, distinct=2, counts=counts)
    settings = parse_settings({} if positive is None else {"positive_class": positive})
    return describe_target(column, "It is the last column.", settings, 0)


@pytest.mark.parametrize(
    ("positive", "other"),
    [
        ("yes", "no"),
        ("Yes", "No"),
        (" YES ", "NO"),
        ("ja", "nein"),
        ("Ja", "Nej"),
        ("oui", "non"),
        ("sí", "no"),
        ("SI", "NO"),
        ("Sì", "No"),
        ("sim", "não"),
        ("da", "nu"),
        ("tak", "nie"),
        ("ano", "ne"),
        ("áno", "nie"),
        ("Kyllä", "ei"),
        ("evet", "hay\u0131r"),
        ("да", "нет"),
        ("так", "ні"),
        ("はい", "いいえ"),
        ("是", "否"),
        ("예", "아니요"),
        ("True", "False"),
        ("WAHR", "FALSCH"),
        ("VRAI", "FAUX"),
        ("positiv", "negativ"),
        ("1", "0"),
        ("1.0", "0.0"),
        ("1,0", "0,0"),
        ("01", "00"),
        ("+1", "-1"),
        ("Y", "N"),
        ("J", "N"),
        ("O", "N"),
        ("S", "N"),
        ("E", "H"),
        ("T", "F"),
        ("P", "N"),
        ("pos", "neg"),
        ("+", "-"),
        # What is no word for no is not needed: a word for yes is.
        ("ja", "unbekannt"),
    ],
)
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
def test_the_word_for_yes_is_the_positive_class_however_frequent_it_is(
    positive: str, other: str, share: float
) -> None:
    rows = round(1000 * share)

    target = described(positive, rows, other, 1000 - rows)

    assert target.positive_class == positive
    assert target.positive_reason == (
        f"No positive class is set, and one class is called {positive}."
    )


@pytest.mark.parametrize(
    ("labels", "rarer"),
    [
        (("common", "rare"), "rare"),
        # Letters and numbers say nothing by themselves.
        (("p", "q"), "q"),
        (("x", "y"), "y"),
        (("y", "z"), "z"),
        (("1", "7"), "7"),
        (("2", "4"), "4"),
        (("0", "2"), "2"),
        # Both say yes.
        (("yes", "ja"), "ja"),
        (("1", "01"), "01"),
        (("1", "1.0"), "1.0"),
        (("True", "yes"), "yes"),
        (("=1+1", "<script>"), "<script>"),
    ],
)
def test_without_a_word_for_yes_the_rarer_class_is_the_positive_one(
    labels: tuple[str, str], rarer: str
) -> None:
    target = described(labels[0], 700, labels[1], 300)

    assert target.positive_class == rarer
    assert target.positive_reason == "No positive class is set, and this one is the rarer."


def test_one_is_positive_beside_two_because_questionnaires_mean_yes_by_it() -> None:
    for rows in (200, 500, 800):
        target = described("1", rows, "2", 1000 - rows)

        assert target.positive_class == "1"
        assert target.positive_reason == (
            "No positive class is set, and questionnaires that code answers as 1 and 2 mean yes "
            "by 1."
        )


@pytest.mark.parametrize("labels", [("cat", "dog"), ("dog", "cat"), ("yes", "ja"), ("a", "B")])
def test_of_classes_with_as_many_rows_the_reason_says_so(labels: tuple[str, str]) -> None:
    target = described(labels[0], 350, labels[1], 350)

    assert target.positive_class == min(labels)
    assert target.positive_reason == (
        "No positive class is set, both have as many rows, and this one comes first in sorted "
        "order."
    )


def test_the_class_that_is_set_is_the_positive_one() -> None:
    target = described("1", 300, "0", 700, positive="0")

    assert (target.positive_class, target.positive_reason) == (
        "0",
        "It is set as the positive class.",
    )


@pytest.mark.parametrize(
    ("positive", "other", "is_recoded"),
    [
        ("yes", "no", True),
        ("1", "0", False),
        ("0", "1", True),
        ("True", "False", True),
        ("1.0", "0.0", True),
        ("01", "1", True),
        ("1", "2", True),
        ("=1+1", '"<script>"', True),
    ],
)
def test_the_model_learns_one_for_the_positive_class_and_zero_for_the_other(
    positive: str, other: str, is_recoded: bool
) -> None:
    target = described(positive, 300, other, 700, positive=positive)

    assert target.model_labels == {"1": positive, "0": other}
    assert target.is_recoded is is_recoded
