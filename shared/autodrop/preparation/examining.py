"""A dropped file read to its end, counted and judged; nothing is written that stays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from autodrop.errors import OutOfRoom, Rejected
from autodrop.findings import Finding, exactly
from autodrop.findings import counted as in_words
from autodrop.naming import Drop
from autodrop.preparation.cells import Kind, kind_of
from autodrop.preparation.checks import (
    MIN_TEST_ROWS,
    MIN_TRAINING_ROWS,
    Verdict,
    check_columns,
    judge,
)
from autodrop.preparation.counting import Layout, count_table
from autodrop.preparation.duckdb_engine import WIDE, DuckDB
from autodrop.preparation.engine import (
    CannotRead,
    Engine,
    column,
    inexact_sql,
    kind_sql,
    no_label_sql,
    number_sql,
)
from autodrop.preparation.facts import ColumnFacts, TableFacts
from autodrop.preparation.profile import profile_json
from autodrop.preparation.reading import (
    Table,
    check_reading,
    check_row_lengths,
    csv_unclear,
    diagnosed,
    lines_of,
    open_table,
)
from autodrop.preparation.target import choose_target
from autodrop.settings import ProblemType, Settings

_NO_LIMIT = 1 << 62
MIN_ROWS = MIN_TRAINING_ROWS + MIN_TEST_ROWS
# For each pair of a condition and a cell, as SQL: the line of the first row for which the condition
# holds, and what the cell holds there.
FirstLines = Callable[[Sequence[tuple[str, str]]], Sequence[tuple[int | None, str | None]]]
# Most of what is shown is among so many rows.
_FIRST_ROWS = 10_000
# Findings about all cells of a kind, of which any one may have been kept as the example.
_ABOUT_A_KIND = {
    "MIXED_TYPES",
    "THOUSANDS_SEPARATORS",
    "DECIMAL_COMMAS",
    "DATES",
    "INFINITE_NUMBERS",
    "HUGE_NUMBERS",
}


@dataclass(frozen=True)
class Dropped:
    """What lies on the disk of a drop.

    Attributes:
        paths: The dropped file, or the parts of a Parquet folder in the order of their names.
        drop: The upload.
        run_id: The run.
        test_path: The user's own test file, where there is one.
        longest: The most bytes that a file may have unpacked.
        most_cells: The most cells of a wide table: each costs time, however short it is.
    """

    paths: Sequence[Path]
    drop: Drop
    run_id: str
    test_path: Path | None = None
    longest: int = _NO_LIMIT
    most_cells: int = _NO_LIMIT


@dataclass(frozen=True)
class Examined:
    """A file that can be used.

    Attributes:
        table: How it is read.
        facts: What was counted in it.
        verdict: What is decided about it.
        profile: The content of `profile.json`.
    """

    table: Table
    facts: TableFacts
    verdict: Verdict
    profile: dict[str, Any] = field(repr=False)


def examine(
    dropped: Dropped,
    settings: Settings,
    folder: Path,
    *,
    min_rows: int = MIN_ROWS,
) -> Examined:
    """Read a dropped file to its end and judge it; nothing is written that stays.

    Args:
        dropped: The file.
        settings: All settings of the run.
        folder: An existing folder for copies.
        min_rows: The fewest usable rows.

    Raises:
        Rejected: The file cannot be used; `others` holds what else was found.
    """
    with examined(dropped, settings, folder, min_rows) as (found, _):
        return found


@contextmanager
def examined(
    dropped: Dropped, settings: Settings, folder: Path, min_rows: int
) -> Iterator[tuple[Examined, DuckDB]]:
    """Yield a file that was read to its end and judged, and the engine that still holds it.

    Raises:
        Rejected: The file cannot be used; `others` holds what else was found.
        OutOfRoom: It has too many cells.
    """
    name = dropped.drop.shown_name
    table = open_table(dropped.paths, name, folder, settings.read, dropped.longest)
    target, reason = choose_target(table.names, settings.target)
    check_columns(table.names, target, settings)
    if table.width > WIDE and table.width * table.expected_rows > dropped.most_cells:
        raise OutOfRoom("The table is too wide to be counted here in time.")
    position = table.names.index(target)
    with DuckDB(folder) as engine:
        table, facts = counted(table, position, settings, engine, folder)
        first_lines = partial(_first_lines, table, engine)
        # With a test file of the user's own, no row has to be held out.
        needed = min_rows - MIN_TEST_ROWS * (dropped.test_path is not None)
        yield judged(table, facts, reason, settings, needed, engine, first_lines), engine


def judged(
    table: Table,
    facts: TableFacts,
    reason: str,
    settings: Settings,
    min_rows: int,
    engine: Engine,
    first_lines: FirstLines,
) -> Examined:
    """Return a counted table with what is decided about it.

    Args:
        table: The table.
        facts: What was counted in it.
        reason: Why the target is the target.
        settings: All settings of the run.
        min_rows: The fewest usable rows.
        engine: What counted it.
        first_lines: Finds the cells that are shown.

    Raises:
        Rejected: The table cannot be used; `others` holds what else was found.
    """
    try:
        verdict = judge(facts, table.header, reason, settings, min_rows=min_rows)
    except Rejected as problem:
        found = [problem.finding, *problem.others]
        first, *others = _placed(found, table, facts, engine, first_lines)
        raise Rejected.of(first, others) from None
    warnings = [*verdict.warnings, *_line_break_warning(facts)]
    placed = _placed(warnings, table, facts, engine, first_lines)
    verdict = replace(verdict, warnings=tuple(placed))
    return Examined(table, facts, verdict, profile_json(facts))


def layout_of(table: Table, target: int, settings: Settings) -> Layout:
    """Return what is known of a table before it is counted."""
    return Layout(
        names=table.names,
        target=target,
        sample=table.sample,
        rows=table.expected_rows,
        is_regression=None
        if settings.problem_type is None
        else settings.problem_type is ProblemType.REGRESSION,
        decimal=settings.read.decimal,
    )


def counted(
    table: Table, target: int, settings: Settings, engine: DuckDB, folder: Path
) -> tuple[Table, TableFacts]:
    """Return the facts, and the table as it could be read in the end.

    Raises:
        Rejected: It cannot be read.
    """
    for _ in range(2):
        quotes = table.text.quotes > 0
        layout = replace(layout_of(table, target, settings), has_quotes=quotes)
        engine.read_csv(table.text.path, table.dialect, table.width)
        try:
            if table.width > WIDE:
                # To look at some columns, the text would be taken apart whole, again and again.
                engine.keep_by_column(folder / "cells.parquet")
            facts = count_table(engine, layout)
        except CannotRead:
            check_row_lengths(table)
            table = diagnosed(table, folder)
            continue
        better = check_reading(table, facts, folder)
        if better is None:
            return table, facts
        table = better
    raise csv_unclear(table)


def _placed(
    findings: Sequence[Finding],
    table: Table,
    facts: TableFacts,
    engine: Engine,
    first_lines: FirstLines,
) -> list[Finding]:
    """Return the findings with the first cell that shows each, and the line that it is on."""
    columns = {each.name: each for each in facts.columns}
    asked: dict[int, tuple[str, str]] = {}
    for at, each in enumerate(findings):
        about = columns.get(each.column or "")
        if each.line is None and each.example is not None and about is not None:
            asked[at] = _shows_sql(engine, each, about, facts), column(about.position)
    places = first_lines(list(asked.values())) if asked and not table.is_parquet else ()
    found = dict(zip(asked, places, strict=False))
    placed = []
    for at, each in enumerate(findings):
        line, cell = found.get(at, (None, None))
        example = each.example if line is None else cell
        placed.append(
            replace(
                each,
                line=each.line or line,
                example=None if example is None else exactly(example),
            )
        )
    return placed


def _shows_sql(engine: Engine, finding: Finding, about: ColumnFacts, facts: TableFacts) -> str:
    """Return the condition that a row shows a finding about a column."""
    cell, example = column(about.position), finding.example or ""
    if finding.code == "IDENTIFIER":
        shows = "true"
    elif finding.code == "INEXACT_NUMBERS":
        shows = inexact_sql(number_sql(engine, cell, comma=about.decimal_comma))
    elif finding.code == "TARGET_MIXED":
        shows = _is_kind_sql(engine, cell, about.kinds_of_texts)
    elif finding.code in _ABOUT_A_KIND:
        shows = _is_kind_sql(engine, cell, _kinds_like(kind_of(example), finding.code))
    else:
        shows = f"{cell} = {engine.literal(example)}"
    if facts.target_missing:
        # What is said is about the rows with a target.
        return f"{shows} and not {no_label_sql(engine, column(facts.target))}"
    return shows


def _kinds_like(kind: Kind, code: str) -> tuple[Kind, ...]:
    if kind in (Kind.DECIMAL_COMMA, Kind.AMBIGUOUS) and code != "THOUSANDS_SEPARATORS":
        return (Kind.DECIMAL_COMMA, Kind.AMBIGUOUS)
    if kind in (Kind.TEXT, Kind.DATE) and code == "MIXED_TYPES":
        return (Kind.TEXT, Kind.DATE)
    return (kind,)


def _is_kind_sql(engine: Engine, cell: str, kinds: Sequence[Kind]) -> str:
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    return f"{kind_sql(engine, cell)} in ({listed})"


def first_rows_sql(shown: Sequence[tuple[str, str]], number: str, source: str) -> str:
    """Return the query for the first row of each condition, by its `number`, and its cell.

    Args:
        shown: Conditions and cells.
        number: What rows are numbered by.
        source: Where they are.
    """
    inner, outer = [], []
    for i, (shows, cell) in enumerate(shown):
        inner += [f"case when {shows} then {number} end as n{i}", f"{cell} as x{i}"]
        outer += [f"min(n{i})", f"min_by(x{i}, n{i})"]
    return f"select {', '.join(outer)} from (select {', '.join(inner)} from {source}) as shown"


def _first_lines(
    table: Table, engine: DuckDB, shown: Sequence[tuple[str, str]]
) -> list[tuple[int | None, str | None]]:
    found = _first_rows(engine, shown, f"(select * from cells limit {_FIRST_ROWS})")
    rare = [i for i, (row, _) in enumerate(found) if row is None]
    if rare:
        # To look at the kind of every cell in the file takes half as long as to count it.
        later = _first_rows(engine, [shown[i] for i in rare], "cells")
        for i, place in zip(rare, later, strict=True):
            found[i] = place
    lines = lines_of(table, [row for row, _ in found if row is not None])
    return [(None if row is None else lines.get(row), cell) for row, cell in found]


def _first_rows(
    engine: DuckDB, shown: Sequence[tuple[str, str]], source: str
) -> list[tuple[int | None, str | None]]:
    numbered = f"(select *, row_number() over () - 1 as n from {source}) as numbered"
    (answer,) = engine.query(first_rows_sql(shown, "n", numbered))
    rows = [None if row is None else int(row) for row in answer[::2]]
    return list(zip(rows, answer[1::2], strict=True))


def _line_break_warning(facts: TableFacts) -> Iterator[Finding]:
    if cells := facts.line_feeds:
        yield Finding(
            "LINE_BREAKS_REPLACED",
            f"{in_words(cells, 'line break')} inside cells became "
            f"{'a space' if cells == 1 else 'spaces'}, because batch transform reads every line as "
            "a record.",
            "Nothing to do where they do not matter.",
        )
