"""Which rows are held out, by each method."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from autodrop.errors import Rejected
from autodrop.preparation.prepare import Dropped, Prepared, Work, prepare
from autodrop.preparation.splitting.sides import (
    random_training_rows,
    stratified_training_rows,
    training_row_count,
)
from autodrop.settings import parse_settings
from tests.builders import a_drop
from tests.preparation.files import (
    Table,
    cells,
    dropped,
    prepared,
    refusal,
    rows_of,
    table,
    written,
)

pytestmark = pytest.mark.slow

in_one_folder = settings(
    phases=[Phase.explicit, Phase.generate],
    max_examples=8,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def visits(rows: int = 1000, *, seed: int = 1) -> Table:
    """Return visits to a shop: by whom, when, and whether something was bought."""
    dice = random.Random(seed)
    return [
        ["customer", "day", "minutes", "bought"],
        *(
            [
                f"C{int(dice.random() * 60)}",
                f"2025-{1 + i * 12 // rows:02}-{1 + i * 336 // rows % 28:02}",
                f"{60 * dice.random():.2f}",
                ["no", "no", "maybe", "yes"][int(4 * dice.random())],
            ]
            for i in range(rows)
        ),
    ]


def held_out(result: Prepared) -> list[int]:
    """Return the 0-based rows that are held out."""
    return [int(row[0]) for row in cells(result.truth)[1:]]


def split(folder: Path, rows: Table, method: str, **more: Any) -> Prepared:
    """Prepare a table with a method of splitting."""
    return prepared(folder, written(rows), split={"method": method, **more})


@given(
    rows=st.integers(1, 500),
    fraction=st.floats(0.001, 0.999),
    seed=st.integers(0, 2**32 - 1),
)
@example(rows=41_188, fraction=0.2, seed=200)
@example(rows=5, fraction=0.5, seed=0)
@example(rows=10, fraction=0.3, seed=2**32 - 1)
@example(rows=70_000, fraction=0.25, seed=7)
def test_random_trains_on_the_rows_that_pandas_samples(
    rows: int, fraction: float, seed: int
) -> None:
    frame = pd.DataFrame({"row": range(rows)})

    count = training_row_count(rows, fraction, 0)
    mask = random_training_rows(rows, count, seed)

    expected = frame.sample(frac=1 - fraction, random_state=seed)["row"]
    assert sorted(expected) == np.flatnonzero(mask).tolist()


@given(
    rows=st.integers(650, 2_000),
    fraction=st.sampled_from([0.1, 0.2, 0.25]),
    seed=st.integers(0, 2**32 - 1),
)
@in_one_folder
def test_a_prepared_file_holds_out_what_pandas_leaves_out(
    rows: int, fraction: float, seed: int, tmp_path: Path
) -> None:
    content = table(rows)

    result = prepared(tmp_path, content, split={"seed": seed, "test_fraction": fraction})

    frame = pd.DataFrame({"row": range(rows)})
    training = frame.sample(frac=1 - fraction, random_state=seed)
    assert held_out(result) == list(frame.drop(training.index)["row"])


@given(
    classes=st.dictionaries(st.text(min_size=1), st.integers(1, 300), min_size=2, max_size=12),
    fraction=st.floats(0.05, 0.95),
)
def test_stratified_keeps_shares_and_every_class_on_both_sides(
    classes: dict[str, int], fraction: float
) -> None:
    total = sum(classes.values())
    wanted = training_row_count(total, fraction, 0)

    taken = stratified_training_rows(classes, wanted)

    for label, rows in classes.items():
        assert 1 <= taken[label] <= max(rows - 1, 1)
    least = len(classes)
    most = sum(max(rows - 1, 1) for rows in classes.values())
    assert sum(taken.values()) == min(max(wanted, least), most)
    if all(1 <= rows * wanted / total <= rows - 1 for rows in classes.values()):
        for label, rows in classes.items():
            assert abs(taken[label] - rows * wanted / total) < 1


@pytest.mark.parametrize("fraction", [0.2, 0.33, 0.5])
def test_a_stratified_file_has_every_class_on_both_sides_in_its_share(
    fraction: float, tmp_path: Path
) -> None:
    rows = visits(1500)
    rows[7][3] = rows[8][3] = "once, twice"

    result = split(tmp_path, rows, "stratified", test_fraction=fraction)

    every = Counter(row[3] for row in rows[1:])
    tested = Counter(row[-1] for row in cells(result.truth)[1:])
    assert set(tested) == set(every)
    assert tested["once, twice"] == 1
    for label, count in every.items():
        assert abs(tested[label] - fraction * count) <= 1
    assert rows_of(result) == rows[1:]


def test_stratified_leaves_as_many_rows_for_training_as_autopilot_needs(tmp_path: Path) -> None:
    rows = visits(520)
    for i in range(1, 21):
        rows[i][3] = f"class {i // 2}"

    result = split(tmp_path, rows, "stratified")

    assert result.dataset.split.train_rows == 500


def test_stratified_with_too_many_small_classes_is_refused(tmp_path: Path) -> None:
    rows = visits(520)
    for i in range(1, 61):
        rows[i][3] = f"class {i // 2}"

    problem = refusal(tmp_path, written(rows), split={"method": "stratified"})

    assert problem.code == "SPLIT_IMPOSSIBLE"
    assert "500 and 10 are needed" in problem.message


def test_stratified_with_labels_that_need_quotes_or_have_line_breaks(tmp_path: Path) -> None:
    labels = ['say "a"', "b, c", "two\nlines", "two lines", " d "]
    rows = [["x", "y"], *([str(i % 9), labels[i % 5]] for i in range(1000))]

    result = split(tmp_path, rows, "stratified")

    tested = Counter(row[-1] for row in cells(result.truth)[1:])
    assert tested == {'say "a"': 40, "b, c": 40, "two lines": 80, " d ": 40}


@given(seed=st.integers(0, 2**32 - 1), more=st.integers(0, 300), order=st.integers(0, 99))
@in_one_folder
def test_hash_keeps_a_row_on_its_side_when_rows_are_added_or_in_another_order(
    seed: int, more: int, order: int, tmp_path: Path
) -> None:
    header, *rows = visits(1000)
    grown = [*rows, *visits(more, seed=2)[1:]]
    random.Random(order).shuffle(grown)

    before = held_out(split(tmp_path, [header, *rows], "hash", seed=seed))
    after = held_out(split(tmp_path, [header, *grown], "hash", seed=seed))

    old = {tuple(row) for row in rows}
    assert {tuple(grown[i]) for i in after} & old == {tuple(rows[i]) for i in before}


def test_hash_keeps_equal_rows_on_one_side_and_holds_out_about_the_share(tmp_path: Path) -> None:
    header, *rows = visits(1500)

    result = split(tmp_path, [header, *rows, *rows[::-1]], "hash")

    out = set(held_out(result))
    assert all((2999 - i in out) == (i in out) for i in range(1500))
    assert 0.16 < len(out) / 3000 < 0.24


def test_hash_goes_by_all_columns_also_by_those_that_are_kept_out(tmp_path: Path) -> None:
    header, *rows = visits(1000)
    twins = [[*row, str(n)] for n in range(2) for row in rows]

    result = prepared(
        tmp_path,
        written([[*header, "visit"], *twins]),
        target="bought",
        ignore=["visit"],
        split={"method": "hash"},
    )

    out = set(held_out(result))
    assert any((i in out) != (i + 1000 in out) for i in range(1000))


@pytest.mark.parametrize("seed", [0, 1, 200])
@pytest.mark.parametrize("fraction", [0.1, 0.3])
def test_a_group_is_never_on_both_sides(seed: int, fraction: float, tmp_path: Path) -> None:
    rows = visits(1200)

    result = split(tmp_path, rows, "group", column="customer", seed=seed, test_fraction=fraction)

    out = set(held_out(result))
    tested = {rows[1 + i][0] for i in out}
    trained = {row[0] for i, row in enumerate(rows[1:]) if i not in out}
    assert not tested & trained
    assert len(tested) + len(trained) == 60
    # At most one group more than it takes.
    assert fraction * 1200 <= len(out) < fraction * 1200 + 60
    assert f"{len(tested)} of 60 groups" in result.dataset.split.note


TIMES: dict[str, Callable[[int], str]] = {
    "dates": lambda i: f"2025-{1 + i // 28 % 12:02}-{1 + i % 28:02}",
    "dates without zeros": lambda i: f"2025-{1 + i // 28 % 12}-{1 + i % 28}",
    "with slashes": lambda i: f"2025/{1 + i // 28 % 12:02}/{1 + i % 28:02}",
    "German": lambda i: f"{1 + i % 28:02}.{1 + i // 28 % 12:02}.2025",
    "American": lambda i: f"{1 + i // 28 % 12}/{1 + i % 28}/2025",
    "minutes": lambda i: f"2025-03-{1 + i // 24:02} {i % 24}:30",
    "ISO 8601": lambda i: f"2025-03-{1 + i // 24:02}T{i % 24:02}:30:15.250Z",
    "with an offset": lambda i: f"2025-03-{1 + i // 24:02} {i % 24:02}:30:15+02:00",
    "fractions of a second": lambda i: f"2025-03-01 08:00:{i // 10:02}.{i % 10}",
    "seconds since 1970": lambda i: str(1_735_689_600 + 3_600 * i),
    "years": lambda i: str(1500 + i),
    "decimal commas": lambda i: f"{i // 10},{i % 10}",
}


@pytest.mark.parametrize("form", TIMES)
def test_time_holds_out_the_latest_and_never_splits_a_time(form: str, tmp_path: Path) -> None:
    spelled = TIMES[form]
    steps = [i // 3 for i in range(900)]
    random.Random(3).shuffle(steps)
    rows = [
        ["at", "x", "y"],
        *([spelled(step), str(i % 9), "yes" if i % 4 else "no"] for i, step in enumerate(steps)),
    ]

    result = prepared(
        tmp_path,
        written(rows, delimiter=";"),
        target="y",
        split={"method": "time", "column": "at"},
    )

    out = set(held_out(result))
    assert len(out) == 180
    assert min(steps[i] for i in out) == max(steps[i] for i in range(900) if i not in out) + 1


def test_rows_without_a_time_train(tmp_path: Path) -> None:
    rows = visits(1000)
    for i in range(1, 1000, 50):
        rows[i][1] = ["", "NA", " "][i % 3]

    result = split(tmp_path, rows, "time", column="day")

    assert not [i for i in held_out(result) if i % 50 == 0]


def test_the_border_of_a_split_by_time_is_told(tmp_path: Path) -> None:
    result = split(tmp_path, visits(1000), "time", column="day")

    (first,) = {visits(1000)[1 + held_out(result)[0]][1]}
    assert first in result.dataset.split.note


@pytest.mark.parametrize("year", ["25", "5"])
def test_dates_without_a_century_are_not_guessed(year: str, tmp_path: Path) -> None:
    rows = [[row[0], f"{year}-{row[1][5:]}", *row[2:]] for row in visits()]
    rows[0][1] = "day"

    problem = refusal(tmp_path, written(rows), split={"method": "time", "column": "day"})

    assert problem.code == "TIME_UNREADABLE"


@pytest.mark.parametrize("method", ["hash", "group", "time"])
def test_too_few_rows_for_autopilot_are_refused(method: str, tmp_path: Path) -> None:
    column = {"group": "customer", "time": "day"}.get(method)

    problem = refusal(tmp_path, written(visits(540)), split={"method": method, "column": column})

    assert problem.code == "SPLIT_IMPOSSIBLE"
    assert "500 and 10 are needed" in problem.message


@pytest.mark.parametrize("method", ["random", "stratified", "hash", "group", "time"])
def test_every_row_with_a_target_is_on_one_side_and_the_others_on_none(
    method: str, tmp_path: Path
) -> None:
    rows = visits(1200)
    for i in range(1, 1200, 10):
        rows[i][3] = ["", "NA", " "][i % 3]
    column = {"group": "customer", "time": "day"}.get(method)

    result = split(tmp_path, rows, method, column=column)

    out = held_out(result)
    assert not [i for i in out if i % 10 == 0]
    assert result.dataset.split.train_rows + result.dataset.split.test_rows == 1080
    tested = {i: rows[1 + i] for i in out}
    assert [[*row, rows[1 + i][3]] for i, row in zip(out, cells(result.test), strict=True)] == list(
        tested.values()
    )
    assert cells(result.train)[1:] == [
        row for i, row in enumerate(rows[1:]) if i % 10 and i not in tested
    ]


def with_test_file(folder: Path, rows: Table, own: bytes, **said: Any) -> Prepared:
    """Prepare a table with a test file of the user's own."""
    (folder / "own").write_bytes(own)
    (folder / "work").mkdir(exist_ok=True)
    path = dropped(folder, written(rows)).paths[0]
    drop = Dropped([path], a_drop(), "ad-bank-0123456789ab", test_path=folder / "own")
    return prepare(drop, parse_settings(said), Work(folder / "work"))


def test_a_test_file_of_one_s_own_is_the_test_and_all_other_rows_train(tmp_path: Path) -> None:
    rows, own = visits(600), visits(40, seed=2)

    result = with_test_file(tmp_path, rows, written(own))

    assert cells(result.train) == rows
    assert cells(result.test) == [row[:3] for row in own[1:]]
    assert cells(result.truth)[1:] == [[str(i), row[3]] for i, row in enumerate(own[1:])]
    assert result.dataset.split.method == "file"
    assert (result.dataset.split.train_rows, result.dataset.split.test_rows) == (600, 40)


def test_a_test_file_may_be_in_another_dialect_and_order_and_lack_targets(tmp_path: Path) -> None:
    rows, own = visits(600), visits(40, seed=2)
    own[5][3] = ""
    turned = [[row[3], row[2], row[0], row[1]] for row in own]

    result = with_test_file(
        tmp_path,
        rows,
        written(turned, delimiter=";").decode().encode("utf-16"),
        ignore=["customer"],
    )

    tested = [(i, row) for i, row in enumerate(own[1:]) if row[3]]
    assert cells(result.test) == [row[1:3] for _, row in tested]
    assert cells(result.truth) == [
        ["row", "customer", "bought"],
        *([str(i), row[0], row[3]] for i, row in tested),
    ]


def test_a_text_that_only_the_own_test_file_has_counts_as_missing_for_the_model(
    tmp_path: Path,
) -> None:
    rows, own = visits(600), visits(40, seed=2)
    own[3][2] = "unknown"

    result = with_test_file(tmp_path, rows, written(own))

    assert cells(result.test)[2][2] == "unknown"
    assert result.model_test is not None
    assert cells(result.model_test)[2][2] == ""


def test_a_damaged_test_file_is_called_by_its_name(tmp_path: Path) -> None:
    own = written(visits(40, seed=2)) + b"too,few\r\nC1,2025-01-01,1.0,no\r\n"

    with pytest.raises(Rejected) as caught:
        with_test_file(tmp_path, visits(600), own)

    assert caught.value.code == "RAGGED_ROW"
    assert caught.value.line == 42
    assert "test file" in caught.value.message
