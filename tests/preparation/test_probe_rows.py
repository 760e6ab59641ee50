"""The probe: held-out rows with one cell of another one, few enough to be scored on the way."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autodrop.dataset import Split
from autodrop.preparation.cells.spelling import spelled
from autodrop.preparation.splitting import probe_rows
from autodrop.preparation.splitting.probe_rows import Budget, WrittenRows, write_probe
from autodrop.probe import PROBE_FILE, ProbePlan
from autodrop.settings import ProblemType
from tests.builders import a_dataset
from tests.preparation.files import prepared, table

pytestmark = pytest.mark.slow

ODD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n\r"), max_size=12)
CELLS = st.sampled_from(["", "1", "2.5", "-3", '"', ",", 'a "b", c', " x ", "é", "NA", "=1"]) | ODD
Table = list[list[str]]


def probed(
    folder: Path,
    rows: Table,
    labels: Sequence[str],
    *,
    kind: ProblemType = ProblemType.BINARY,
    types: Sequence[str] | None = None,
    shares: Sequence[float | None] | None = None,
    parts: int = 1,
    budget: Budget | None = None,
) -> tuple[ProbePlan | None, Table]:
    """Return the plan of a probe of these held-out rows, and its rows.

    Args:
        folder: An empty folder.
        rows: The cells of the features.
        labels: The target.
        kind: What the target is.
        types: Of the features, as the profile tells them.
        shares: What the features explain of the target.
        parts: In how many files the rows are.
        budget: How large the probe may be.
    """
    names = [f"f{i}" for i in range(len(rows[0]))]
    columns = [
        {
            "name": name,
            "type": types[i] if types else "text",
            "target": {"explained_share": shares[i]} if shares else None,
        }
        for i, name in enumerate(names)
    ]
    dataset = a_dataset(
        kind=kind,
        positive="yes" if kind is ProblemType.BINARY else None,
        features=tuple(names),
        split=Split("random", 0.2, 200, 500, len(rows)),
    )
    tests, truths = [], []
    size = -(-len(rows) // parts)
    for part in range(parts):
        some = range(part * size, min((part + 1) * size, len(rows)))
        tests.append(folder / f"test-{part}.csv")
        truths.append(folder / f"truth-{part}.csv")
        tests[-1].write_text("".join(spelled(rows[i]) for i in some), newline="")
        lines = [spelled(["row", "y"]), *(spelled([str(i), labels[i]]) for i in some)]
        truths[-1].write_text("".join(lines), newline="")
    plan = write_probe(dataset, {"columns": columns}, WrittenRows(tests, truths), folder, budget)
    return plan, [] if plan is None else read(folder / PROBE_FILE)


def read(path: Path) -> Table:
    """Return the records, of which every line is one."""
    lines = path.read_bytes().decode().split("\n")
    assert lines.pop() == ""
    records = [list(csv.reader([line], strict=True)) for line in lines]
    assert all(len(each) == 1 for each in records)
    return [row for (row,) in records]


def groups(plan: ProbePlan, rows: Table) -> Iterator[tuple[int, Table, Table]]:
    """Yield for each feature its position, its permuted rows, and its rows with the grid."""
    size = len(plan.base)
    start = size * (1 + len(plan.features))
    for i, feature in enumerate(plan.features, 1):
        end = start + plan.curve_rows * len(feature.grid)
        yield int(feature.name[1:]), rows[i * size : (i + 1) * size], rows[start:end]
        start = end
    assert start == len(rows)


def differing(one: Sequence[str], other: Sequence[str]) -> set[int]:
    """Return the positions of the cells that are not the same."""
    return {i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b}


@st.composite
def held_out(draw: st.DrawFn) -> tuple[Table, list[str]]:
    """Return some rows with odd cells, and their labels."""
    width = draw(st.integers(1, 5))
    rows = draw(st.lists(st.lists(CELLS, min_size=width, max_size=width), min_size=2, max_size=60))
    label = st.sampled_from(["yes", "no", 'o"h', "x,yes"])
    labels = draw(st.lists(label, min_size=len(rows), max_size=len(rows)))
    return rows, labels


@settings(max_examples=150, deadline=None)
@given(
    rows=held_out(),
    kind=st.sampled_from(list(ProblemType)),
    is_numeric=st.booleans(),
    most=st.integers(20, 400),
    size=st.integers(100, 20_000),
)
def test_a_probe_is_small_and_only_one_cell_of_a_row_is_another(
    rows: tuple[Table, list[str]], kind: ProblemType, *, is_numeric: bool, most: int, size: int
) -> None:
    table, labels = rows
    # A cell is on one line when it gets here.
    table = [[" ".join(cell.splitlines()) for cell in row] for row in table]
    width = len(table[0])
    budget = Budget(rows=most, size=size)
    with TemporaryDirectory() as name:
        folder = Path(name)
        plan, found = probed(
            folder,
            table,
            labels,
            kind=kind,
            types=["numeric" if is_numeric else "text"] * width,
            budget=budget,
        )
        if plan is None:
            assert not (folder / PROBE_FILE).exists()
            return
        assert (folder / PROBE_FILE).stat().st_size <= size
    assert len(found) == plan.rows <= most
    assert {len(row) for row in found} == {width}
    base = found[: len(plan.base)]
    for row, told in zip(base, plan.base, strict=True):
        assert row in table
        assert told.truth in {labels[i] for i, each in enumerate(table) if each == row}
    for column, permuted, by_grid in groups(plan, found):
        observed = {row[column] for row in table}
        for before, after in zip(base, permuted, strict=True):
            assert differing(before, after) <= {column}
            assert after[column] in observed
        if not by_grid:
            continue
        cells = len(by_grid) // plan.curve_rows
        for start in range(0, len(by_grid), cells):
            curve = by_grid[start : start + cells]
            assert len({row[column] for row in curve}) == cells > 1
            assert all(differing(curve[0], row) <= {column} for row in curve)
            assert {row[column] for row in curve} <= observed


def numbers(rows: int, width: int) -> Table:
    """Return rows of numbers, all different."""
    return [[f"{i}.{column}" for column in range(width)] for i in range(rows)]


def labelled(rows: int, positives: int) -> list[str]:
    """Return labels of which the last ones are positive."""
    return ["no"] * (rows - positives) + ["yes"] * positives


def test_twenty_columns_use_the_budget_up(tmp_path: Path) -> None:
    plan, rows = probed(tmp_path, numbers(5000, 20), labelled(5000, 500), types=["numeric"] * 20)

    assert plan is not None
    assert 1_850 <= len(rows) <= 2_000
    assert (len(plan.features), plan.repeats, plan.not_asked) == (20, 5, 0)
    assert len(plan.base) >= 50
    assert plan.curve_rows >= 5
    assert all(len(feature.grid) >= 5 for feature in plan.features)


def test_a_rare_class_is_half_of_every_repeat_and_its_weight_says_so(tmp_path: Path) -> None:
    plan, _ = probed(tmp_path, numbers(5000, 20), labelled(5000, 50))

    assert plan is not None
    step = len(plan.base) // plan.repeats
    for start in range(0, len(plan.base), step):
        repeat = plan.base[start : start + step]
        assert [row.truth for row in repeat] == ["yes"] * (step // 2) + ["no"] * (step // 2)
        positive = sum(row.weight for row in repeat if row.truth == "yes")
        assert positive / sum(row.weight for row in repeat) == pytest.approx(0.01)


def test_no_two_repeats_share_a_row_where_there_are_enough(tmp_path: Path) -> None:
    plan, rows = probed(tmp_path, numbers(5000, 3), labelled(5000, 2500))

    assert plan is not None
    base = [tuple(row) for row in rows[: len(plan.base)]]
    assert len(set(base)) == len(base)


@pytest.mark.parametrize("positives", [0, 1, 2, 7])
def test_very_few_rows_of_a_class_are_enough(positives: int, tmp_path: Path) -> None:
    plan, _ = probed(tmp_path, numbers(400, 4), labelled(400, positives))

    assert plan is not None
    assert plan.base


def test_a_grid_of_numbers_goes_up_evenly_and_that_of_texts_by_frequency(tmp_path: Path) -> None:
    texts = ["common"] * 300 + ["rare"] * 100 + [""] * 50
    rows = [
        [str(i), texts[i], f"only {i}", "2020-01-01", "999" if i > 40 else str(i)]
        for i in range(450)
    ]

    plan, _ = probed(
        tmp_path, rows, labelled(450, 200), types=["numeric", "text", "text", "date", "numeric"]
    )

    assert plan is not None
    grids = {feature.name: feature.grid for feature in plan.features}
    evenly = [float(cell) for cell in grids["f0"]]
    assert len(evenly) == 10
    assert evenly == sorted(evenly)
    steps = [b - a for a, b in pairwise(evenly)]
    assert max(steps) - min(steps) <= 2
    assert grids["f1"] == ("common", "rare", "")
    assert grids["f2"] == grids["f3"] == ()
    assert grids["f4"][-1] == "999"
    assert len(grids["f4"]) == 10


def test_of_too_many_columns_those_that_tell_most_are_asked_about(tmp_path: Path) -> None:
    shares: list[float | None] = [None, *(i / 1000 for i in range(1, 200))]

    plan, rows = probed(tmp_path, numbers(600, 200), labelled(600, 300), shares=shares)

    assert plan is not None
    assert len(rows) <= 2_000
    assert plan.not_asked == 200 - len(plan.features)
    assert [feature.name for feature in plan.features] == [
        f"f{i}" for i in range(200 - len(plan.features), 200)
    ]


def test_long_rows_make_a_smaller_probe_and_very_long_ones_none(tmp_path: Path) -> None:
    smaller, larger = tmp_path / "smaller", tmp_path / "larger"
    for each in (smaller, larger):
        each.mkdir()

    plan, rows = probed(smaller, [["x" * 9_000, str(i)] for i in range(100)], labelled(100, 50))
    none, _ = probed(larger, [["x" * 90_000, str(i)] for i in range(40)], labelled(40, 20))

    assert plan is not None
    assert 100 < len(rows) < 250
    assert none is None


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("block", [64, 1 << 22])
def test_the_same_rows_give_the_same_probe_in_any_parts_and_blocks(
    parts: int, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, again = tmp_path / "whole", tmp_path / "again"
    for each in (whole, again):
        each.mkdir()
    rows, labels = numbers(500, 3), labelled(500, 100)
    expected = probed(whole, rows, labels)

    monkeypatch.setattr(probe_rows, "_BLOCK", block)

    assert probed(again, rows, labels, parts=parts) == expected


def test_a_prepared_file_has_a_probe_made_of_what_the_model_reads(tmp_path: Path) -> None:
    result = prepared(tmp_path, table())

    assert result.plan is not None
    assert result.probe is not None
    assert result.dataset.probe_rows == result.plan.rows == len(read(result.probe))
    assert result.dataset.test_uri.endswith("/test/")
    assert result.dataset.to_json()["files"]["test"].endswith("/test/test_data.csv")
    assert type(result.dataset).from_json(result.dataset.to_json()) == result.dataset


def test_the_probe_of_decimal_commas_has_points_and_lies_beside_the_model_s_rows(
    tmp_path: Path,
) -> None:
    lines = [f"{i},5;{'yes' if i % 3 else 'no'};k{i % 4}" for i in range(600)]
    result = prepared(tmp_path, "\n".join(["x;y;z", *lines, ""]).encode(), target="y")

    assert result.probe is not None
    assert result.dataset.decimal_commas == ("x",)
    assert all(float(row[0]) % 1 == 0.5 for row in read(result.probe))
    assert result.dataset.probe_key.endswith("/model-input/test/probe_rows.csv")
    assert result.dataset.test_uri.endswith("/model-input/test/")


def test_a_dataset_of_an_older_version_has_no_probe() -> None:
    written: dict[str, Any] = a_dataset().to_json()
    del written["probe_rows"]

    dataset = type(a_dataset()).from_json(written)

    assert dataset.probe_rows is None
    assert dataset.test_uri.endswith("/test/test_data.csv")
