"""Writes the rows of a block to the parts: training, test, truth, and the copies for the model.

In a copy for the model some cells are written otherwise than in the dropped file, because the model
would misread them: numbers get points for commas, texts that it cannot know are emptied, and two
classes become one and zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from autodrop.dataset import MODEL_NEGATIVE, MODEL_POSITIVE, Dataset
from autodrop.preparation.cells.expressions import kind_codes, on_one_line_expr
from autodrop.preparation.cells.kinds import KINDS, Kind
from autodrop.preparation.cells.spelling import spelled
from autodrop.preparation.profiling.counting import usable_rows
from autodrop.preparation.reading.blocks import (
    Block,
    Positions,
    Rows,
    Shape,
    column,
    read_rows,
)
from autodrop.preparation.splitting.sides import Sides

_ROW = "row"
_KNOWN = np.array([kind in (Kind.NUMBER, Kind.MISSING, Kind.INFINITE) for kind in KINDS])


@dataclass(frozen=True)
class Columns:
    """Where each column goes, by positions in the order of the file.

    Attributes:
        features: Into training and test.
        carried: Into the truth, with the row's number.
        target: Into training and truth.
    """

    features: tuple[int, ...]
    carried: tuple[int, ...]
    target: int

    @property
    def training(self) -> tuple[int, ...]:
        """The columns of the training file."""
        return tuple(sorted((*self.features, self.target)))

    @property
    def truth(self) -> tuple[int, ...]:
        """The columns of the truth, behind the row's number."""
        return (*self.carried, self.target)


@dataclass(frozen=True)
class Source:
    """Rows that are written.

    Attributes:
        shape: How they are read.
        order: Where each column of the dropped file is in them.
        columns: Where the columns go.
    """

    shape: Shape
    order: tuple[int, ...]
    columns: Columns

    def usable(self, block: Block) -> tuple[Rows, Positions]:
        """Return the usable rows of a block and their places among all of its rows.

        The columns are those of the dropped file.
        """
        rows = read_rows(self.shape, block)
        usable = usable_rows(rows, self.order[self.columns.target])
        rows = rows.only(usable)
        if self.order != tuple(range(self.shape.width)):
            ordered = [pl.col(column(at)).alias(column(i)) for i, at in enumerate(self.order)]
            rows = replace(rows, frame=rows.frame.select(ordered))
        return rows, np.flatnonzero(usable)


@dataclass(frozen=True)
class ModelCells:
    """Which cells the model gets otherwise than they stand in the file, by positions.

    Attributes:
        commas: Columns whose numbers have a decimal comma.
        emptied: Columns whose texts are emptied in held-out rows.
        positive: The label that becomes 1 while the other becomes 0; None where labels stay.
        target: The column of the labels.
    """

    commas: frozenset[int]
    emptied: frozenset[int]
    positive: str | None
    target: int

    @classmethod
    def of(cls, dataset: Dataset) -> ModelCells:
        """Return those of a dataset."""
        target, columns = dataset.target, dataset.columns
        return cls(
            frozenset(columns.index(name) for name in dataset.decimal_commas),
            frozenset(columns.index(name) for name in dataset.emptied_texts),
            target.model_labels[MODEL_POSITIVE] if target.is_recoded else None,
            columns.index(target.column),
        )

    def expr(self, position: int, *, is_test: bool) -> pl.Expr:
        """Return the expression for the cells of a column as the model gets them."""
        cell = pl.col(column(position))
        if position == self.target and self.positive is not None:
            is_positive = cell == self.positive
            cell = (
                pl.when(is_positive).then(pl.lit(MODEL_POSITIVE)).otherwise(pl.lit(MODEL_NEGATIVE))
            )
        elif position in self.commas:
            cell = cell.str.replace_all(",", ".", literal=True)
        elif is_test and position in self.emptied:
            texts = cell.map_batches(are_texts, return_dtype=pl.Boolean)
            cell = pl.when(texts).then(pl.lit("")).otherwise(cell)
        return cell.alias(column(position))


def are_texts(cells: pl.Series) -> pl.Series:
    """Return which cells a model would take for texts."""
    return pl.Series(~_KNOWN[kind_codes(cells)])


@dataclass(frozen=True)
class Task:
    """A block to be written.

    Attributes:
        number: Its place among the blocks.
        block: The block.
        sides: Decides which of its rows train.
        first_row: Rows of the file before it.
    """

    number: int
    block: Block
    sides: Sides
    first_row: int


@dataclass(frozen=True)
class Written:
    """The rows of a block as lines of comma-separated cells.

    Attributes:
        train: Rows that train, with the target.
        test: Held-out rows without the target.
        truth: Numbers of the held-out rows, what was kept out, and the target.
        model_train: As `train`, for the model; empty where that is the same.
        model_test: As `test`, for the model.
        train_rows: How many rows train.
        test_rows: How many are held out.
    """

    train: bytes
    test: bytes
    truth: bytes
    model_train: bytes
    model_test: bytes
    train_rows: int
    test_rows: int


def write_block(
    source: Source, model_train: ModelCells | None, model_test: ModelCells | None, task: Task
) -> Written:
    """Return the rows of a block as they are written.

    Args:
        source: The rows.
        model_train: What the model learns otherwise, None for nothing.
        model_test: What the model scores otherwise.
        task: The block.
    """
    rows, places = source.usable(task.block)
    frame, columns = rows.frame, source.columns
    numbers = places + task.first_row
    trains = task.sides.training(frame)
    if rows.line_feeds or source.shape.text.breakers:
        frame = frame.select(on_one_line_expr(pl.all()))
    train, test = frame.filter(pl.Series(trains)), frame.filter(pl.Series(~trains))
    features = columns.features
    truth = test.select(pl.Series(_ROW, numbers[~trains], dtype=pl.Int64), *_plain(columns.truth))
    return Written(
        train=_lines(train.select(_plain(columns.training))),
        test=_lines(test.select(_plain(features))),
        truth=_lines(truth),
        model_train=b""
        if model_train is None
        else _lines(train.select(model_train.expr(i, is_test=False) for i in columns.training)),
        model_test=b""
        if model_test is None
        else _lines(test.select(model_test.expr(i, is_test=True) for i in features)),
        train_rows=train.height,
        test_rows=test.height,
    )


def _plain(positions: Sequence[int]) -> list[str]:
    return [column(i) for i in positions]


def _lines(frame: pl.DataFrame) -> bytes:
    """Return rows as comma-separated lines; quotes stand where a cell needs them.

    A cell without anything is written as nothing; alone on a line it would be a blank line and gets
    quotes.
    """
    if not frame.height:
        return b""
    if frame.width > 1:
        # Polars puts quotes around empty texts, and nothing where there is none.
        texts = pl.col(pl.String)
        frame = frame.with_columns(pl.when(texts != "").then(texts))
    written: str = frame.write_csv(include_header=False)
    return written.encode()


@dataclass(frozen=True)
class TextCells:
    """How many cells are texts, by column.

    Attributes:
        train: In rows that train.
        test: In held-out rows.
    """

    train: Mapping[int, int]
    test: Mapping[int, int]


def count_texts(source: Source, positions: Sequence[int], task: Task) -> TextCells:
    """Return how many cells of some columns a model would take for texts, in one block."""
    rows, _ = source.usable(task.block)
    frame = rows.frame
    trains = pl.Series(task.sides.training(frame))
    texts = frame.select(are_texts(frame[column(i)]).alias(column(i)) for i in positions)
    train, test = texts.filter(trains).sum(), texts.filter(~trains).sum()
    return TextCells(
        dict(zip(positions, map(int, train.row(0)), strict=True)),
        dict(zip(positions, map(int, test.row(0)), strict=True)),
    )


def headers(names: Sequence[str], columns: Columns) -> tuple[bytes, bytes]:
    """Return the first lines of training file and truth."""
    train = spelled([names[i] for i in columns.training])
    truth = spelled([_ROW, *(names[i] for i in columns.truth)])
    return train.encode(), truth.encode()
