"""Copies of the parts for the model, where it would misread some cells as the file spells them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autodrop.dataset import Dataset
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
    """Write the copies that the model gets, where it needs cells to be written otherwise."""
    if not dataset.has_model_input:
        return None, None
    target = folder / "model-input"
    target.mkdir()
    written = []
    with DuckDB(folder) as engine:
        for path, order in ((parts.train, columns.training), (parts.test, columns.features)):
            is_train = path == parts.train
            engine.read_csv(path, Dialect(","), len(order), header=is_train)
            cells = []
            for place, i in enumerate(order):
                cell = column(place)
                if names[i] in dataset.decimal_commas:
                    cell = f"replace({cell}, ',', '.')"
                elif names[i] in dataset.emptied_texts and not is_train:
                    cell = f"case when {is_text_sql(engine, cell)} then '' else {cell} end"
                cells.append(
                    spelled_sql(engine, f"({cell})", breakers=False, never_empty=len(order) == 1)
                )
            copy = target / path.name
            header = spelled([names[i] for i in order]).rstrip("\n") if is_train else ""
            engine.write_lines(
                f"select concat_ws(',', {', '.join(cells)}) from cells", copy, header
            )
            written.append(copy)
    return written[0], written[1]


def is_text_sql(engine: Engine, cell: str) -> str:
    """Return the condition that a model would take a cell for a text."""
    kind = kind_sql(engine, cell)
    return f"({kind} not in ('{Kind.NUMBER}', '{Kind.MISSING}', '{Kind.INFINITE}'))"
