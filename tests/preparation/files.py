"""Dropped files, and how they come back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from autodrop.errors import Rejected
from autodrop.preparation.prepare import Dropped, Prepared, Work, prepare
from autodrop.settings import parse_settings
from tests.builders import a_drop
from tests.fakes import table as table

ROWS = 600
Table = list[list[str]]


def dropped(folder: Path, content: bytes, file: str = "bank.csv") -> Dropped:
    """Return a file as it lies on the disk."""
    path = folder / "dropped"
    path.write_bytes(content)
    return Dropped([path], a_drop(file=file), "ad-bank-0123456789ab")


def prepared(folder: Path, content: bytes, file: str = "bank.csv", **settings: Any) -> Prepared:
    """Prepare a dropped file."""
    return prepare(dropped(folder, content, file), parse_settings(settings), Work(folder))


def refusal(folder: Path, content: bytes, file: str = "bank.csv", **settings: Any) -> Rejected:
    """Return how a dropped file is rejected."""
    with pytest.raises(Rejected) as caught:
        prepared(folder, content, file, **settings)
    return caught.value


def codes(result: Prepared) -> list[str]:
    """Return the codes of the warnings."""
    return [warning.code for warning in result.dataset.warnings]


def cells(path: Path) -> Table:
    """Return a written file as a CSV reader sees it."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, strict=True))


def written(rows: Iterable[Iterable[str]], **dialect: Any) -> bytes:
    """Return rows as CSV."""
    text = io.StringIO(newline="")
    csv.writer(text, **dialect).writerows(rows)
    return text.getvalue().encode()


def rows_of(result: Prepared) -> Table:
    """Return the held-out and the training rows in the order of the file, cells as in the file.

    Columns that are kept out come back in the held-out rows only; the others hold "-" there.
    """
    dataset = result.dataset
    target = dataset.target.column
    training, *train = cells(result.train)
    carried, *truth = cells(result.truth)
    by_row = {
        int(answer[0]): {
            **dict(zip(dataset.features, features, strict=True)),
            **dict(zip(carried[1:], answer[1:], strict=True)),
        }
        for features, answer in zip(cells(result.test), truth, strict=True)
    }
    assert set(training) == {*dataset.features, target}
    rest = iter([dict(zip(training, row, strict=True)) for row in train])
    rows = [by_row.get(i) or next(rest) for i in range(len(train) + len(truth))]
    assert next(rest, None) is None
    return [[row.get(name, "-") for name in dataset.columns] for row in rows]


def grid(header: list[str], rows: int = ROWS) -> Table:
    """Return a table with a target of two classes in its last column."""
    lines = [
        [*(str((i + j) % 97) for j in range(len(header) - 1)), "yes" if i % 3 else "no"]
        for i in range(rows)
    ]
    return [header, *lines]
