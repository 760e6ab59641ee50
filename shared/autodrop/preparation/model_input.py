"""Copies of the parts for the model, where it would misread some cells as the file spells them.

Cells of numbers get points for commas, texts that the model cannot know are emptied, and two
classes become one and zero. A copy in which the target alone differs is written with the parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autodrop.dataset import MODEL_NEGATIVE, MODEL_POSITIVE, Dataset
from autodrop.preparation.cells import Kind
from autodrop.preparation.dialect import Dialect
from autodrop.preparation.duckdb_engine import DuckDB
from autodrop.preparation.engine import Engine, column, kind_sql
from autodrop.preparation.facts import TableFacts
from autodrop.preparation.routing import Columns, Parts
from autodrop.preparation.spelling import spelled, spelled_sql


def texts_only_in_test(
    facts: TableFacts, parts: Parts, columns: Columns, folder: Path, *, own_test_file: bool
) -> dict[str, int]:
    """Return columns that hold only numbers in training, with the other cells of the test rows.

    The model has never seen a text there, and a single one fails the whole batch transform.
    """
    # A test file of the user's own was not counted: any column of numbers may have texts there.
    mixed = [
        i
        for i in columns.features
        if facts.columns[i].is_mixed or (own_test_file and facts.columns[i].is_numeric)
    ]
    if not mixed:
        return {}
    texts = []
    with DuckDB(folder) as engine:
        for path, order in ((parts.train, columns.training), (parts.test, columns.features)):
            engine.read_csv(path, Dialect(","), len(order), header=path == parts.train)
            counted = ", ".join(
                f"count(case when {is_text_sql(engine, column(order.index(i)))} then 1 end)"
                for i in mixed
            )
            (row,) = engine.query(f"select {counted} from cells")
            texts.append(dict(zip(mixed, map(int, row), strict=True)))
    in_training, in_test = texts
    return {facts.columns[i].name: in_test[i] for i in mixed if in_test[i] and not in_training[i]}


def write_model_input(
    dataset: Dataset, parts: Parts, columns: Columns, names: Sequence[str], folder: Path
) -> tuple[Path | None, Path | None]:
    """Return the copies that the model gets, written where they are not there yet.

    Each is None where the part itself will do.
    """
    train = parts.model_train
    if dataset.has_model_train and train is None:
        train = _copy(dataset, parts.train, columns.training, names, folder, is_test=False)
    test = None
    if dataset.has_model_test:
        test = _copy(dataset, parts.test, columns.features, names, folder, is_test=True)
    return train, test


def _copy(
    dataset: Dataset,
    part: Path,
    order: Sequence[int],
    names: Sequence[str],
    folder: Path,
    *,
    is_test: bool,
) -> Path:
    copy = folder / f"model_{part.name}"
    with DuckDB(folder) as engine:
        engine.read_csv(part, Dialect(","), len(order), header=not is_test)
        named = [(names[i], column(place)) for place, i in enumerate(order)]
        cells = cells_for_model_sql(engine, dataset, named, is_test=is_test)
        header = "" if is_test else spelled([names[i] for i in order]).rstrip("\n")
        engine.write_lines(f"select concat_ws(',', {cells}) from cells", copy, header)
    return copy


def cells_for_model_sql(
    engine: Engine,
    dataset: Dataset,
    cells: Sequence[tuple[str, str]],
    *,
    is_test: bool,
) -> str:
    """Return the expressions for cells of a line as the model gets them, separated by commas.

    Args:
        engine: Who spells the literals.
        dataset: What was decided.
        cells: For each its column's name and the expression for it on one line.
        is_test: Whether the rows are held out.
    """
    return ", ".join(
        spelled_sql(
            engine,
            f"({_cell_for_model_sql(engine, dataset, name, cell, is_test=is_test)})",
            breakers=False,
            never_empty=len(cells) == 1,
        )
        for name, cell in cells
    )


def _cell_for_model_sql(
    engine: Engine, dataset: Dataset, name: str, cell: str, *, is_test: bool
) -> str:
    target = dataset.target
    if name == target.column and target.is_recoded:
        is_positive = f"{cell} = {engine.literal(target.model_labels[MODEL_POSITIVE])}"
        return f"case when {is_positive} then '{MODEL_POSITIVE}' else '{MODEL_NEGATIVE}' end"
    if name in dataset.decimal_commas:
        return f"replace({cell}, ',', '.')"
    if is_test and name in dataset.emptied_texts:
        return f"case when {is_text_sql(engine, cell)} then '' else {cell} end"
    return cell


def is_text_sql(engine: Engine, cell: str) -> str:
    """Return the condition that a model would take a cell for a text."""
    kind = kind_sql(engine, cell)
    return f"({kind} not in ('{Kind.NUMBER}', '{Kind.MISSING}', '{Kind.INFINITE}'))"
