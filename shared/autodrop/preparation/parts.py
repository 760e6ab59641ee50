"""The split of a judged file, written as training, test and truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from autodrop.dataset import MODEL_NEGATIVE, MODEL_POSITIVE, Split
from autodrop.errors import Rejected
from autodrop.findings import counted as in_words
from autodrop.findings import quoted
from autodrop.preparation.checks import MIN_TEST_ROWS, MIN_TRAINING_ROWS
from autodrop.preparation.duckdb_engine import DuckDB
from autodrop.preparation.engine import column, no_label_sql
from autodrop.preparation.examining import Dropped, Examined, counted
from autodrop.preparation.facts import TableFacts
from autodrop.preparation.reading import Table, open_table
from autodrop.preparation.routing import Codes, Columns, Lines, Parts, route
from autodrop.preparation.spelling import spelled, spelled_sql
from autodrop.preparation.splits import (
    ASIDE,
    BY_RULE,
    TEST,
    TRAIN,
    Rule,
    random_rule,
    side_sql,
    stratified_rule,
    training_row_count,
)
from autodrop.settings import Settings

_DEFAULT_METHOD = "random"


@dataclass(frozen=True)
class Plan:
    """How the parts are going to be written.

    Attributes:
        lines: The rows as lines that can be copied.
        columns: Where their columns go.
        rule: Makes what decides about rows that are not marked.
        split: The split, as far as it is known.
        codes: What the model learns for the labels, where nothing else is written otherwise for it.
    """

    lines: Lines
    columns: Columns
    rule: Callable[[], Rule | None]
    split: Split
    codes: Codes | None = None


def plan_split(
    examined: Examined, settings: Settings, engine: DuckDB, folder: Path, min_rows: int
) -> Plan:
    """Return how a file is split; what the engine has to do for it is done then.

    Raises:
        Rejected: `BAD_SETTINGS`, `SPLIT_IMPOSSIBLE`, `TIME_UNREADABLE` or `TIME_UNCLEAR`.
    """
    facts, target = examined.facts, examined.verdict.target
    seed, fraction = settings.split.seed, settings.split.test_fraction
    columns = columns_of(examined)
    train_rows = training_rows(settings, facts.usable, min_rows)
    method = settings.split.method or _DEFAULT_METHOD
    note, held_out = "", None
    rule: Callable[[], Rule | None] = _no_rule
    if method == "random":
        rule = partial(random_rule, facts.usable, train_rows, seed)
    elif method == "stratified":
        labels = {spelled([label])[:-1]: rows for label, rows in target.classes}
        rule = partial(stratified_rule, labels, train_rows, seed)
    else:
        by = next((c for c in facts.columns if c.name == settings.split.column), None)
        asked = replace(settings.split, method=method)
        side = side_sql(engine, asked, examined.table.names, facts.target, by)
        held_out, note = side.held_out, side.note
    lines = _lines(examined, columns, engine, held_out, folder)
    split = Split(method, fraction, seed, 0, 0, settings.split.column, note)
    return Plan(lines, columns, rule, split, _codes(examined))


def write_split(plan: Plan, facts: TableFacts, folder: Path) -> tuple[Parts, Split]:
    """Write the parts into `folder`.

    Raises:
        Rejected: `SPLIT_IMPOSSIBLE` when a method that decides by content leaves too few rows.
    """
    parts = route(plan.lines, plan.columns, plan.rule(), folder, codes=plan.codes)
    split = replace(plan.split, train_rows=parts.train_rows, test_rows=parts.test_rows)
    check_sizes(split, facts)
    return parts, split


def _no_rule() -> None:
    """Leave it to the marks."""


def _codes(examined: Examined) -> Codes | None:
    """Return the codes of the target, where a copy for the model differs in nothing else."""
    target = examined.verdict.target
    if not target.is_recoded or examined.verdict.decimal_commas:
        return None
    ones, zeros = (
        spelled([target.model_labels[label]])[:-1].encode()
        for label in (MODEL_POSITIVE, MODEL_NEGATIVE)
    )
    return Codes(ones, zeros)


def columns_of(examined: Examined) -> Columns:
    """Return where the columns of a judged file go."""
    names, verdict = examined.table.names, examined.verdict
    return Columns(
        features=tuple(names.index(name) for name in verdict.features),
        carried=tuple(names.index(name) for name in verdict.carried),
        target=examined.facts.target,
    )


def training_rows(settings: Settings, usable: int, min_rows: int) -> int:
    """Return how many rows train where the method leaves it to us.

    Raises:
        Rejected: `BAD_SETTINGS` when too few rows would be held out.
    """
    least = min(MIN_TRAINING_ROWS, max(min_rows - MIN_TEST_ROWS, 1))
    rows = training_row_count(usable, settings.split.test_fraction, least)
    if usable - rows < min(MIN_TEST_ROWS, usable // 2):
        raise Rejected(
            "BAD_SETTINGS",
            f"`split.test_fraction` holds out only {usable - rows:,} of {usable:,} rows.",
            f"Raise `split.test_fraction` so that {MIN_TEST_ROWS} rows are; 0.2 is usual.",
        )
    return rows


def check_sizes(split: Split, facts: TableFacts) -> None:
    """Check what a method that decides by content has left on each side.

    Raises:
        Rejected: `SPLIT_IMPOSSIBLE`.
    """
    if split.method == "random":
        return
    usable = facts.usable
    # Of a smaller table, which only the command takes, half is enough.
    least = MIN_TRAINING_ROWS if usable >= MIN_TRAINING_ROWS + MIN_TEST_ROWS else usable // 2
    if split.test_rows < min(MIN_TEST_ROWS, usable // 2) or split.train_rows < least:
        raise Rejected(
            "SPLIT_IMPOSSIBLE",
            f"The split by {split.method} leaves {in_words(split.train_rows, 'row')} for training "
            f"and {split.test_rows:,} for the test; {MIN_TRAINING_ROWS} and {MIN_TEST_ROWS} are "
            "needed.",
            "Change `split.test_fraction`, or set `split.method` to random.",
            column=split.column,
        )


def _lines(
    examined: Examined, columns: Columns, engine: DuckDB, held_out: str | None, folder: Path
) -> Lines:
    """Return the rows as lines that can be copied: the text itself where it is such a text."""
    table, facts = examined.table, examined.facts
    if held_out is None and not facts.target_missing and _is_plain(table, facts, columns):
        return Lines(
            table.text.path,
            ord(table.dialect.delimiter),
            table.names,
            table.header_lines,
            are_marked=False,
        )
    mark = f"'{BY_RULE}'"
    if held_out is not None:
        mark = f"case when {held_out} then '{TEST}' else '{TRAIN}' end"
    return _written_lines(engine, table, facts, columns, mark, range(table.width), folder / "lines")


def _written_lines(
    engine: DuckDB,
    table: Table,
    facts: TableFacts,
    columns: Columns,
    mark: str,
    order: Sequence[int],
    path: Path,
) -> Lines:
    """Write the rows of the view `cells` as lines of quoted cells, each with its mark first.

    Args:
        engine: Its view holds the rows.
        table: The text behind the view.
        facts: What was counted in it.
        columns: Where the columns go.
        mark: The expression for the mark of a row that has a target.
        order: Positions in the view, in the order that the lines shall have.
        path: Where the lines go.
    """
    text = table.text
    breakers = text.breakers or facts.line_feeds > 0
    if facts.target_missing:
        aside = no_label_sql(engine, column(facts.target))
        mark = f"case when {aside} then '{ASIDE}' else {mark} end"
    separator = engine.literal(chr(text.separator))
    lonely = columns.features if len(columns.features) == 1 else ()
    cells = [
        spelled_sql(engine, column(i), breakers=breakers, never_empty=place in lonely)
        for place, i in enumerate(order)
    ]
    line = f"concat_ws({separator}, {', '.join([mark, *cells])})"
    engine.write_lines(f"select {line} from cells", path)
    return Lines(path, text.separator, table.names, 0, are_marked=True)


def _is_plain(table: Table, facts: TableFacts, columns: Columns) -> bool:
    """Return whether the text's own lines are what would be written, cell for cell."""
    text = table.text
    return (
        not text.quotes
        and not text.breakers
        and (table.dialect.delimiter == "," or not text.commas)
        and text.lines - table.header_lines in (facts.rows, facts.rows - 1)
        and _ends_with_a_record(text.path, facts.rows, text.lines - table.header_lines)
        and len(columns.features) > 1
    )


def _ends_with_a_record(path: Path, rows: int, line_feeds: int) -> bool:
    # As many line feeds as rows, one less when the last has none: then no line is blank.
    with path.open("rb") as file:
        file.seek(-1, 2)
        return (rows == line_feeds) == (file.read() == b"\n")


def write_with_test_file(
    dropped: Dropped,
    test_path: Path,
    settings: Settings,
    examined: Examined,
    engine: DuckDB,
    folder: Path,
) -> tuple[Parts, Split]:
    """Write all usable rows for training, and the rows of the user's test file for the test.

    Raises:
        Rejected: The test file cannot be used, or does not go with the dropped file.
    """
    columns = columns_of(examined)
    train_lines = _lines(examined, columns, engine, "false", folder)
    trained = route(train_lines, columns, None, folder, codes=_codes(examined))
    own = folder / "test-file"
    own.mkdir()
    with _about_the_test_file():
        tested = _routed_test_file(dropped, test_path, settings, examined, own)
    parts = replace(
        tested,
        train=trained.train,
        train_rows=trained.train_rows,
        model_train=trained.model_train,
    )
    return parts, Split("file", None, settings.split.seed, parts.train_rows, parts.test_rows)


@contextmanager
def _about_the_test_file() -> Iterator[None]:
    """Say in every rejection that it is about the test file, not about the dropped one."""
    try:
        yield
    except Rejected as problem:
        message = problem.message
        if "test file" not in message:
            message = f"In the test file: {message}"
        raise Rejected.of(replace(problem.finding, message=message), problem.others) from None


def _routed_test_file(
    dropped: Dropped, test_path: Path, settings: Settings, examined: Examined, own: Path
) -> Parts:
    columns = columns_of(examined)
    name = f"the test file of {dropped.drop.shown_name}"
    table = open_table([test_path], name, own, settings.read, dropped.longest)
    order = same_columns(examined.table.names, table.names)
    with DuckDB(own) as reader:
        table, facts = counted(
            table, table.names.index(examined.verdict.target.column), settings, reader, own
        )
        check_test_file(facts)
        lines = _written_lines(
            reader,
            replace(table, names=examined.table.names),
            facts,
            columns,
            f"'{TEST}'",
            order,
            own / "lines",
        )
        return route(lines, columns, None, own, only_test=True)


def check_test_file(facts: TableFacts) -> None:
    """Check that the user's own test file has rows to test with.

    Raises:
        Rejected: `TEST_FILE_TOO_SMALL`.
    """
    if facts.usable < MIN_TEST_ROWS:
        raise Rejected(
            "TEST_FILE_TOO_SMALL",
            f"The test file has {in_words(facts.usable, 'row')} with a target; "
            f"{MIN_TEST_ROWS} are needed.",
            "Add rows to the test file, or delete it to have rows held out.",
        )


def same_columns(names: Sequence[str], others: Sequence[str]) -> list[int]:
    """Return where each column of the dropped file is in the test file.

    Raises:
        Rejected: `TEST_FILE_DIFFERS`.
    """
    missing = [name for name in names if name not in others]
    extra = [name for name in others if name not in names]
    if missing or extra:
        what = (
            f"lacks column {quoted(missing[0])}"
            if missing
            else (f"has column {quoted(extra[0])}, which the dropped file has not")
        )
        raise Rejected(
            "TEST_FILE_DIFFERS",
            f"The test file {what}.",
            "Give both files the same columns, in any order.",
            column=(missing or extra)[0],
        )
    return [list(others).index(name) for name in names]
