"""What batch transform wrote, joined to the truth, with labels as the dropped file spells them.

The files become tables of DuckDB, which keeps on disk what does not fit into its memory.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from autodrop.dataset import Dataset
from autodrop.duckdb_engine import DuckDB
from autodrop.errors import JobFailed
from autodrop.results.records import Files, NotRecords, load
from autodrop.results.scored import ScoredLabels, ScoredNumbers
from autodrop.results.scored_table import (
    TOLD_NUMBER,
    Classes,
    Scoring,
    labels_table,
    numbers_table,
)
from autodrop.results.spelling import Spelling, spelling_of
from autodrop.results.spreadsheet import may_change_sql, safe_cell, safe_sql
from autodrop.settings import ProblemType

_MOST_SEGMENTS = 8
# For cells of a megabyte. The function has 3 GB.
_RESERVE = 2_000
# What is put into quotes in a line.
_QUOTED = '[",\n\r]'
_AROUND_NUMBERS = "'\"\n\r\t"
# So many columns are spelled at once: every step of an expression has its buffers.
_AT_ONCE = 10


@dataclass(frozen=True)
class Sources:
    """The files that a scoring reads; parts in the same order.

    Attributes:
        truth: Row number, carried columns and target, each with a header.
        output: The `.out` files.
        test: The features without header, in the order of `Dataset.features`; None where gone.
    """

    truth: Files
    output: Files
    test: Files | None = None


@contextmanager
def score(
    dataset: Dataset,
    problem_type: ProblemType,
    keys: Sequence[str],
    sources: Sources,
    table: Path,
    segment_columns: Sequence[str] = (),
) -> Iterator[ScoredLabels | ScoredNumbers]:
    """Write `predictions.csv` to `table` and yield what the metrics need, which is on disk.

    Batch transform keeps the order of rows.

    Args:
        dataset: The prepared dataset.
        problem_type: The kind that Autopilot resolved.
        keys: What each line of the output holds, in order.
        sources: What to read.
        table: Where to write; its folder takes what does not fit into memory.
        segment_columns: The features by whose values the rows are told apart.

    Raises:
        JobFailed: The output does not belong to these rows, or a regression's is no number.
    """
    with DuckDB(table.parent, reserve=_RESERVE) as engine:
        rows, header = _load_truth(engine, sources.truth)
        _load_output(engine, keys, sources.output, rows)
        segments = _load_test(engine, dataset, sources.test, segment_columns, rows)
        scoring = Scoring(engine, f"c{len(header) - 1}", segments)
        if problem_type is ProblemType.REGRESSION:
            comma = dataset.target.column in dataset.decimal_commas
            _write(engine, table, header, TOLD_NUMBER, None, ())
            yield numbers_table(scoring, comma=comma)
            return
        positive = dataset.target.positive_class if problem_type is ProblemType.BINARY else None
        truth = engine.enumerate("truth_label", scoring.target, "truth")
        # Where preparation saw measurements and Autopilot classes, the truth has their spelling.
        classes = _classes(engine, keys, truth, spelling_of(dataset, truth))
        cells = [_quoted(safe_cell(classes.labels[code])) for code in classes.of_told]
        prediction = classes.prediction_sql(engine, cells)
        _write(engine, table, header, prediction, classes.texts_sql, classes.columns or ())
        yield labels_table(scoring, classes, positive)


def _load_truth(engine: DuckDB, truth: Files) -> tuple[int, list[str]]:
    """Make the truth the table `truth`: c0, c1 and so on; return its rows and its header."""
    try:
        return load(engine, "truth", ["*"], truth)
    except NotRecords:
        message = "The truth of the held-out rows was damaged."
        raise JobFailed("TRUTH_UNREADABLE", message) from None


def _load_output(engine: DuckDB, keys: Sequence[str], output: Files, rows: int) -> None:
    """Make the output the table `told`: `label`, and `kind`, `texts` and `p` of its lists."""
    place = {key: f"c{i}" for i, key in enumerate(keys)}
    columns = [f"{place['predicted_label']} as label"]
    if _has_lists(keys):
        columns += [
            f"{place['labels']} as kind",
            *(f"{expression} as {name}" for name, expression in _list_sql(place["probabilities"])),
        ]
    try:
        lines, _ = load(engine, "told", columns, output, len(keys))
    except NotRecords:
        message = f"Batch transform wrote lines that do not hold {', '.join(keys)}."
        raise JobFailed("PREDICTIONS_MALFORMED", message) from None
    if lines != rows or not rows:
        raise JobFailed(
            "PREDICTIONS_INCOMPLETE",
            f"Batch transform wrote {lines:,} predictions for {rows:,} rows.",
        )


def _has_lists(keys: Sequence[str]) -> bool:
    return {"labels", "probabilities"} <= set(keys)


def _list_sql(cell: str) -> Iterator[tuple[str, str]]:
    """Yield `texts`, the elements of a list as cells of a line, and `p`, the same as numbers."""
    is_list = f"starts_with({cell}, '[') and ends_with({cell}, ']')"
    inner = f"substr({cell}, 2, strlen({cell}) - 2)"
    # Numbers may be quoted, or on several lines, which is not what anybody does, and slow.
    is_quoted = " or ".join(f"contains({cell}, chr({ord(each)}))" for each in _AROUND_NUMBERS)
    around = " || ".join(f"chr({ord(each)})" for each in (" ", *_AROUND_NUMBERS))
    bare = f"translate({inner}, {around}, '')"
    joined = f"array_to_string(string_split({inner}, ', '), ',')"
    yield "texts", f"case when {is_quoted} then {bare} else {joined} end"
    quick = f"""try(from_json({cell}, '["DOUBLE"]'))"""
    slow = f"try_cast(string_split({bare}, ',') as double[])"
    yield "p", f"case when {is_list} then coalesce({quick}, {slow}) end"


def _load_test(
    engine: DuckDB, dataset: Dataset, test: Files | None, columns: Sequence[str], rows: int
) -> dict[str, list[str]] | None:
    """Make the columns of the test data the table `test`: s0, s1 and so on.

    Returns:
        The most frequent cells of each column; None where the test data are not those of the rows.
    """
    if not columns:
        return {}
    if test is None:
        return None
    cells = [f"c{dataset.features.index(name)} as s{i}" for i, name in enumerate(columns)]
    try:
        test_rows, _ = load(engine, "test", cells, test, len(dataset.features))
    except NotRecords:
        return None
    if test_rows != rows:
        return None
    found = {}
    for i, name in enumerate(columns):
        largest = engine.query(
            f"select s{i} from test group by s{i} order by count(*) desc, min(rowid) "
            f"limit {_MOST_SEGMENTS}"
        )
        found[name] = [cell for (cell,) in largest]
    return found


def _classes(
    engine: DuckDB, keys: Sequence[str], truth: Sequence[str], spelling: Spelling
) -> Classes:
    """Return the labels of truth and output, and which of them have a probability where.

    Raises:
        JobFailed: A list in the output is none, or does not fit the list beside it.
    """
    told = engine.enumerate("told_label", "label", "told")
    spelled = [spelling.of(label) for label in told]
    columns: list[str] | None = None
    orders: list[list[int]] = []
    if _has_lists(keys):
        # Every line names its labels itself, and not all have to name the same.
        widths = _widths(engine)
        names = {kind: [spelling.of(str(label)) for label in read_list(kind)] for kind in widths}
        columns = list(dict.fromkeys(name for each in names.values() for name in each))
        for kind in engine.enumerate("kind", "kind", "told"):
            if widths[kind] != len(names[kind]):
                raise _malformed()
            place = {name: i for i, name in enumerate(names[kind], 1)}
            orders.append([place.get(name, 0) for name in columns])
    labels = list(dict.fromkeys([*truth, *spelled, *(columns or ())]))
    code = {label: i for i, label in enumerate(labels)}
    return Classes(
        labels, [code[each] for each in truth], [code[each] for each in spelled], columns, orders
    )


def _widths(engine: DuckDB) -> dict[str, int]:
    """Return how many probabilities stand beside each list of labels, the first one first.

    Raises:
        JobFailed: These are not always as many, or something is not a number.
    """
    # The sum is not finite where a number is not; the count leaves out what is no number. What
    # DuckDB takes for one are true and false, 1_000, and a comma at the end.
    odd = " or ".join(f"contains(texts, '{each}')" for each in ("tr", "fa", "_"))
    good = (
        f"list_count(p) = len(p) and isfinite(list_sum(p)) and not ({odd} or ends_with(texts, ','))"
    )
    found = engine.query(
        f"select kind, min(len(p)), max(len(p)), bool_and(coalesce({good}, false)) "
        "from told group by kind order by min(rowid)"
    )
    if any(least != most or not is_good for _, least, most, is_good in found):
        raise _malformed()
    return {kind: width for kind, width, _, _ in found}


def read_list(written: str) -> list[object]:
    """Return a list as a container writes it.

    Raises:
        JobFailed: It is none, or empty, or holds what is no text.
    """
    # Lists come in Python's spelling: ['1', '0'] is no JSON.
    try:
        value = ast.literal_eval(written)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, list) or not value:
        raise _malformed()
    try:
        is_text = b"\0" not in "".join(map(str, value)).encode()
    except UnicodeEncodeError:
        is_text = False
    if not is_text:
        raise _malformed()
    return value


def _malformed() -> JobFailed:
    return JobFailed("PREDICTIONS_MALFORMED", "Batch transform wrote a list nobody can read.")


def _write(
    engine: DuckDB,
    table: Path,
    header: Sequence[str],
    prediction: str,
    probabilities: str | None,
    columns: Sequence[str],
) -> None:
    """Write the table: what is carried, truth, prediction, and a probability for each column.

    Args:
        engine: Has the tables `truth` and `told`.
        table: Where to write.
        header: Of the truth.
        prediction: The expression for the cell with the prediction.
        probabilities: The expression for all cells with probabilities; None without them.
        columns: The labels that they belong to.
    """
    carried = _carried(header)
    names = ["row", *carried.values(), "truth", "prediction"]
    names += [f"probability_{label}" for label in columns]
    spelled, tables = _spelled(engine, [*carried, len(header) - 1])
    cells = ["truth.c0", *spelled, prediction, *([] if probabilities is None else [probabilities])]
    joined = " positional join ".join(["truth", "told", *tables])
    line = f"select concat_ws(',', {', '.join(cells)}) from {joined}"
    first = ",".join(_quoted(safe_cell(name)) for name in names)
    engine.write_lines(line, table, first)


def _spelled(engine: DuckDB, columns: Sequence[int]) -> tuple[list[str], list[str]]:
    """Return the expressions for columns of the truth as they are written, and their tables."""
    odd: list[int] = []
    for start in range(0, len(columns), _AT_ONCE):
        some = columns[start : start + _AT_ONCE]
        odd_cells = [f"{may_change_sql(engine, f'c{i}')} or {_has_any_sql(f'c{i}')}" for i in some]
        tests = [f"coalesce(bool_or({each}), false)" for each in odd_cells]
        (found,) = engine.query(f"select {', '.join(tests)} from truth")
        odd += [i for i, is_odd in zip(some, found, strict=True) if is_odd]
    tables = []
    place = {i: f"truth.c{i}" for i in columns}
    for start in range(0, len(odd), _AT_ONCE):
        some = odd[start : start + _AT_ONCE]
        tables.append(f"spelled_{start}")
        safe = ", ".join(f"{safe_sql(engine, f'c{i}')} as c{i}" for i in some)
        quoted = ", ".join(f"{_quoted_sql(f'c{i}')} as c{i}" for i in some)
        engine.keep(tables[-1], f"select {quoted} from (select {safe} from truth)")
        place |= {i: f"{tables[-1]}.c{i}" for i in some}
    return [place[i] for i in columns], tables


def _carried(header: Sequence[str]) -> dict[int, str]:
    """Return the positions of the carried columns, and their names in the table."""
    taken = {"row", "truth", "prediction"}
    names: dict[int, str] = {}
    for i, name in enumerate(header[1:-1], 1):
        is_ours = name in taken or name.startswith("probability_")
        told = f"{name}_ignored" if is_ours else name
        while told in taken:
            told += "_ignored"
        taken.add(told)
        names[i] = told
    return names


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if re.search(_QUOTED, cell) else cell


def _quoted_sql(cell: str) -> str:
    doubled = f"""replace({cell}, '"', '""')"""
    return f"""case when {_has_any_sql(cell)} then '"' || {doubled} || '"' else {cell} end"""


def _has_any_sql(cell: str) -> str:
    return f"regexp_matches({cell}, '{_QUOTED}')"
