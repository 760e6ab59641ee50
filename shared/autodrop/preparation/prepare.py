"""The whole preparation on local files: read, count, judge, split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from autodrop.dataset import Dataset, Reading, Split
from autodrop.errors import Rejected
from autodrop.findings import Finding, quoted, shortened
from autodrop.naming import Drop
from autodrop.preparation.cells import Kind
from autodrop.preparation.checks import (
    MIN_TEST_ROWS,
    MIN_TRAINING_ROWS,
    Verdict,
    check_columns,
    judge,
)
from autodrop.preparation.counting import Layout, count_table
from autodrop.preparation.dialect import Dialect
from autodrop.preparation.duckdb_engine import DuckDB
from autodrop.preparation.engine import CannotRead, column, kind_sql, no_label_sql
from autodrop.preparation.facts import TableFacts
from autodrop.preparation.profile import profile_json
from autodrop.preparation.reading import (
    Table,
    check_reading,
    check_row_lengths,
    diagnosed,
    lines_of,
    open_table,
)
from autodrop.preparation.routing import Columns, Lines, Parts, route
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
from autodrop.preparation.target import choose_target
from autodrop.settings import ProblemType, Settings

_NO_LIMIT = 1 << 62
_DEFAULT_METHOD = "random"


@dataclass(frozen=True)
class Dropped:
    """What lies on the disk of a drop.

    Attributes:
        paths: The dropped file, or the parts of a Parquet folder in the order of their names.
        drop: The upload.
        run_id: The run.
        test_path: The user's own test file, where there is one.
        longest: The most bytes that a file may have unpacked.
    """

    paths: Sequence[Path]
    drop: Drop
    run_id: str
    test_path: Path | None = None
    longest: int = _NO_LIMIT


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


@dataclass(frozen=True)
class Prepared:
    """What preparation wrote.

    Attributes:
        dataset: Everything that was found and decided.
        profile: The content of `profile.json`.
        train: CSV with header and target.
        test: CSV without header and target.
        truth: CSV with header: row number, columns that were kept out, target.
        model_train: What Autopilot reads where that is not `train`.
        model_test: What batch transform reads where that is not `test`.
    """

    dataset: Dataset
    profile: dict[str, Any]
    train: Path
    test: Path
    truth: Path
    model_train: Path | None = None
    model_test: Path | None = None


def examine(
    dropped: Dropped,
    settings: Settings,
    folder: Path,
    *,
    min_rows: int = MIN_TRAINING_ROWS + MIN_TEST_ROWS,
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
    with _examined(dropped, settings, folder, min_rows) as (examined, _):
        return examined


def prepare(
    dropped: Dropped,
    settings: Settings,
    folder: Path,
    *,
    min_rows: int = MIN_TRAINING_ROWS + MIN_TEST_ROWS,
) -> Prepared:
    """Read a dropped file, judge it, split it and write the parts into `folder`.

    Args:
        dropped: The file.
        settings: All settings of the run.
        folder: An existing folder for copies and for what is written.
        min_rows: The fewest usable rows.

    Raises:
        Rejected: The file cannot be used; `others` holds what else was found.
    """
    with _examined(dropped, settings, folder, min_rows) as (examined, engine):
        columns = _columns(examined)
        train_rows = _train_rows(dropped, settings, examined.facts.usable, min_rows)
        if dropped.test_path is not None:
            parts, split = _with_test_file(dropped, settings, examined, columns, engine, folder)
        else:
            parts, split = _split(settings, examined, columns, engine, train_rows, folder)
    with DuckDB(folder) as engine:
        emptied = _texts_only_in_test(examined, parts, columns, engine)
    verdict = examined.verdict
    warnings = [
        *verdict.warnings,
        *_split_warnings(split, examined, settings, emptied),
    ]
    dataset = Dataset(
        run_id=dropped.run_id,
        name=dropped.drop.dataset,
        source={
            "bucket": dropped.drop.bucket,
            "key": dropped.drop.key,
            "version_id": dropped.drop.version_id,
            "size": dropped.drop.size,
        },
        reading=_reading(examined),
        rows=examined.facts.rows,
        columns=examined.table.names,
        features=verdict.features,
        target=verdict.target,
        split=split,
        settings=settings,
        identifiers=verdict.identifiers,
        newlines_replaced=_broken_cells(examined.facts),
        decimal_commas=verdict.decimal_commas,
        emptied_texts=tuple(emptied),
        warnings=tuple(warnings),
    )
    model = _model_input(dataset, parts, columns, examined.table.names, folder)
    return Prepared(dataset, examined.profile, parts.train, parts.test, parts.truth, *model)


@contextmanager
def _examined(
    dropped: Dropped, settings: Settings, folder: Path, min_rows: int
) -> Iterator[tuple[Examined, DuckDB]]:
    name = dropped.drop.file_name
    table = open_table(dropped.paths, name, folder, settings.read, dropped.longest)
    target, reason = choose_target(table.names, settings.target)
    check_columns(table.names, target, settings)
    position = table.names.index(target)
    with DuckDB(folder) as engine:
        table, facts = _counted(table, position, settings, engine, folder)
        try:
            verdict = judge(facts, table.header, reason, settings, min_rows=min_rows)
        except Rejected as problem:
            first, *others = _placed([problem.finding, *problem.others], table, engine)
            raise Rejected(
                first.code,
                first.message,
                first.remedy,
                line=first.line,
                column=first.column,
                example=first.example,
                others=others,
            ) from None
        warnings = [*verdict.warnings, *_line_break_warning(facts)]
        verdict = replace(verdict, warnings=tuple(_placed(warnings, table, engine)))
        yield Examined(table, facts, verdict, profile_json(facts)), engine


def _counted(
    table: Table, target: int, settings: Settings, engine: DuckDB, folder: Path
) -> tuple[Table, TableFacts]:
    """Return the facts, and the table as it could be read in the end."""
    for _ in range(2):
        layout = Layout(
            names=table.names,
            target=target,
            sample=table.sample,
            rows=table.expected_rows,
            is_regression=None
            if settings.problem_type is None
            else settings.problem_type is ProblemType.REGRESSION,
            decimal=settings.read.decimal,
        )
        engine.read_csv(table.text.path, table.dialect, table.width)
        try:
            facts = count_table(engine, layout)
        except CannotRead:
            check_row_lengths(table)
            table = diagnosed(table, folder)
            continue
        better = check_reading(table, facts, folder)
        if better is None:
            return table, facts
        table = better
    raise Rejected(
        "CSV_UNCLEAR",
        "Two readers understand this file differently.",
        "Save it anew with quotes around every text, the inner ones doubled, or drop it as "
        "Parquet.",
    )


def _placed(findings: Sequence[Finding], table: Table, engine: DuckDB) -> list[Finding]:
    """Return the findings with the line of the first cell that shows each, and short examples."""
    asked = [
        (each.column, each.example)
        for each in findings
        if each.line is None and each.example is not None and each.column in table.names
    ]
    place: dict[tuple[str | None, str | None], int] = {}
    if asked and not table.is_parquet:
        firsts = ", ".join(
            f"min(case when {column(table.names.index(str(name)))} = {engine.literal(str(cell))} "
            "then n end)"
            for name, cell in asked
        )
        (rows,) = engine.query(
            f"select {firsts} from (select *, row_number() over () - 1 as n from cells)"
        )
        known = [int(row) for row in rows if row is not None]
        lines = lines_of(table, known)
        place = {
            key: lines[row]
            for key, row in zip(asked, rows, strict=True)
            if row is not None and row in lines
        }
    return [
        replace(
            each,
            line=each.line or place.get((each.column, each.example)),
            example=None if each.example is None else shortened(each.example),
        )
        for each in findings
    ]


def _line_break_warning(facts: TableFacts) -> Iterator[Finding]:
    if cells := _broken_cells(facts):
        yield Finding(
            "LINE_BREAKS_REPLACED",
            f"{cells:,} line breaks inside cells became spaces, because batch transform reads "
            "every line as a record.",
            "Nothing to do where they do not matter.",
        )


def _broken_cells(facts: TableFacts) -> int:
    return facts.line_feeds


def _columns(examined: Examined) -> Columns:
    names, verdict = examined.table.names, examined.verdict
    return Columns(
        features=tuple(names.index(name) for name in verdict.features),
        carried=tuple(names.index(name) for name in verdict.carried),
        target=examined.facts.target,
    )


def _train_rows(dropped: Dropped, settings: Settings, usable: int, min_rows: int) -> int:
    """Return how many rows train where the method leaves it to us.

    Raises:
        Rejected: `BAD_SETTINGS` when too few rows would be held out.
    """
    if dropped.test_path is not None:
        return usable
    least = min(MIN_TRAINING_ROWS, max(min_rows - MIN_TEST_ROWS, 1))
    rows = training_row_count(usable, settings.split.test_fraction, least)
    if usable - rows < min(MIN_TEST_ROWS, usable // 2):
        raise Rejected(
            "BAD_SETTINGS",
            f"`split.test_fraction` holds out only {usable - rows:,} of {usable:,} rows.",
            f"Raise `split.test_fraction` so that {MIN_TEST_ROWS} rows are; 0.2 is usual.",
        )
    return rows


def _split(
    settings: Settings,
    examined: Examined,
    columns: Columns,
    engine: DuckDB,
    train_rows: int,
    folder: Path,
) -> tuple[Parts, Split]:
    facts, target = examined.facts, examined.verdict.target
    method = settings.split.method or _DEFAULT_METHOD
    rule: Rule | None = None
    note, held_out = "", None
    if method == "random":
        rule = random_rule(facts.usable, train_rows, settings.split.seed)
    elif method == "stratified":
        labels = {spelled([label])[:-1]: rows for label, rows in target.classes}
        rule = stratified_rule(labels, train_rows, settings.split.seed)
    else:
        by = next((c for c in facts.columns if c.name == settings.split.column), None)
        asked = replace(settings.split, method=method)
        side = side_sql(engine, asked, examined.table.names, facts.target, by)
        held_out, note = side.held_out, side.note
    lines = _lines(examined, columns, engine, held_out, folder)
    parts = route(lines, columns, rule, folder)
    _check_sizes(parts, facts, method, settings)
    split = Split(
        method=method,
        test_fraction=settings.split.test_fraction,
        seed=settings.split.seed,
        train_rows=parts.train_rows,
        test_rows=parts.test_rows,
        column=settings.split.column,
        note=note,
    )
    return parts, split


def _check_sizes(parts: Parts, facts: TableFacts, method: str, settings: Settings) -> None:
    """Check what a method that decides by content has left on each side.

    Raises:
        Rejected: `SPLIT_IMPOSSIBLE`.
    """
    if method in ("random", "stratified"):
        return
    if parts.test_rows < min(MIN_TEST_ROWS, facts.usable // 2) or parts.train_rows < min(
        MIN_TRAINING_ROWS, facts.usable // 2
    ):
        raise Rejected(
            "SPLIT_IMPOSSIBLE",
            f"The split by {method} leaves {parts.train_rows:,} rows for training and "
            f"{parts.test_rows:,} for the test; {MIN_TRAINING_ROWS} and {MIN_TEST_ROWS} are needed.",
            "Change `split.test_fraction`, or set `split.method` to random.",
            column=settings.split.column,
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
    aside = no_label_sql(engine, column(facts.target))
    side = f"'{BY_RULE}'"
    if held_out is not None:
        side = f"case when {held_out} then '{TEST}' else '{TRAIN}' end"
    mark = f"case when {aside} then '{ASIDE}' else {side} end"
    return _written_lines(engine, table, columns, f"{mark}", range(table.width), folder / "lines")


def _written_lines(
    engine: DuckDB,
    table: Table,
    columns: Columns,
    mark: str,
    order: Sequence[int],
    path: Path,
) -> Lines:
    """Write the rows of the view `cells` as lines of quoted cells, each with its mark first.

    Args:
        engine: Its view holds the rows.
        table: The text behind the view.
        columns: Where the columns go.
        mark: The expression for a row's mark.
        order: Positions in the view, in the order that the lines shall have.
        path: Where the lines go.
    """
    text = table.text
    breakers = text.breakers or bool(text.quotes)
    separator = engine.literal(chr(text.separator))
    lonely = columns.features if len(columns.features) == 1 else ()
    cells = [
        spelled_sql(engine, column(i), breakers=breakers, never_empty=place in lonely)
        for place, i in enumerate(order)
    ]
    line = f" || {separator} || ".join([mark, *cells])
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


def _with_test_file(
    dropped: Dropped,
    settings: Settings,
    examined: Examined,
    columns: Columns,
    engine: DuckDB,
    folder: Path,
) -> tuple[Parts, Split]:
    """Write all usable rows for training, and the rows of the user's test file for the test."""
    assert dropped.test_path is not None  # noqa: S101 - the caller has looked
    train_lines = _lines(examined, columns, engine, "false", folder)
    trained = route(train_lines, columns, None, folder)
    own = folder / "test-file"
    own.mkdir()
    name = f"the test file of {dropped.drop.file_name}"
    table = open_table([dropped.test_path], name, own, settings.read, dropped.longest)
    order = _same_columns(examined.table.names, table.names)
    with DuckDB(own) as reader:
        table, facts = _counted(
            table, table.names.index(examined.verdict.target.column), settings, reader, own
        )
        if facts.usable < MIN_TEST_ROWS:
            raise Rejected(
                "TEST_FILE_TOO_SMALL",
                f"The test file has {facts.usable:,} rows with a target; {MIN_TEST_ROWS} are "
                "needed.",
                "Add rows to the test file, or delete it to have rows held out.",
            )
        aside = no_label_sql(reader, column(facts.target))
        lines = _written_lines(
            reader,
            replace(table, names=examined.table.names),
            columns,
            f"case when {aside} then '{ASIDE}' else '{TEST}' end",
            order,
            own / "lines",
        )
        tested = route(lines, columns, None, own, only_test=True)
    parts = Parts(trained.train, tested.test, tested.truth, trained.train_rows, tested.test_rows)
    return parts, Split("file", None, settings.split.seed, parts.train_rows, parts.test_rows)


def _same_columns(names: Sequence[str], others: Sequence[str]) -> list[int]:
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


def _texts_only_in_test(
    examined: Examined, parts: Parts, columns: Columns, engine: DuckDB
) -> dict[str, int]:
    """Return columns that hold only numbers in training, with the other cells of the test rows.

    The model has never seen a text there, and a single one fails the whole batch transform.
    """
    names = examined.table.names
    kinds = {c.position: c for c in examined.facts.columns}
    mixed = [
        i
        for i in columns.features
        if kinds[i].is_mixed and kinds[i].numeric + kinds[i].missing < kinds[i].rows
    ]
    if parts.test.stat().st_size and (parts.truth.parent.name == "test-file"):
        mixed = [i for i in columns.features if kinds[i].numeric]
    if not mixed:
        return {}
    texts = []
    for path, order in ((parts.train, columns.training), (parts.test, columns.features)):
        engine.read_csv(path, Dialect(","), len(order), header=path == parts.train)
        counted = ", ".join(
            f"coalesce(sum(case when {_is_text(engine, column(order.index(i)))} then 1 else 0 end),"
            " 0)"
            for i in mixed
        )
        (row,) = engine.query(f"select {counted} from cells")
        texts.append(dict(zip(mixed, map(int, row), strict=True)))
    in_training, in_test = texts
    return {names[i]: in_test[i] for i in mixed if in_test[i] and not in_training[i]}


def _is_text(engine: DuckDB, cell: str) -> str:
    kind = kind_sql(engine, cell)
    return f"({kind} not in ('{Kind.NUMBER}', '{Kind.MISSING}', '{Kind.INFINITE}'))"


def _model_input(
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
                    cell = f"case when {_is_text(engine, cell)} then '' else {cell} end"
                cells.append(
                    spelled_sql(engine, f"({cell})", breakers=False, never_empty=len(order) == 1)
                )
            copy = target / path.name
            engine.write_lines(f"select {' || chr(44) || '.join(cells)} from cells", copy)
            if is_train:
                _put_before(copy, spelled([names[i] for i in order]).encode())
            written.append(copy)
    return written[0], written[1]


def _put_before(path: Path, start: bytes) -> None:
    whole = path.with_suffix(".whole")
    path.rename(whole)
    with whole.open("rb") as source, path.open("wb") as file:
        file.write(start)
        while chunk := source.read(4 * 1024 * 1024):
            file.write(chunk)
    whole.unlink()


def _split_warnings(
    split: Split, examined: Examined, settings: Settings, emptied: dict[str, int]
) -> Iterator[Finding]:
    usable = examined.facts.usable
    for name, cells in emptied.items():
        yield Finding(
            "TEXT_AMONG_NUMBERS",
            f"Column {quoted(name)} holds only numbers in the training rows; {cells:,} texts in "
            "held-out rows count as missing.",
            "Correct these cells.",
            column=name,
        )
    if split.method in ("random", "stratified"):
        asked = usable - training_row_count(usable, settings.split.test_fraction, 0)
        if split.test_rows < asked - len(examined.verdict.target.classes):
            yield Finding(
                "SMALL_TEST_SET",
                f"Only {split.test_rows:,} rows are held out instead of {asked:,}, because "
                f"Autopilot needs {MIN_TRAINING_ROWS} rows to train on.",
                "Add rows.",
            )


def _reading(examined: Examined) -> Reading:
    table = examined.table
    return Reading(
        format="parquet" if table.is_parquet else "csv",
        encoding=table.text.encoding,
        compression=table.text.compression,
        delimiter=table.dialect.delimiter,
        escape=table.dialect.escape,
        line_end=table.text.line_end,
        header_line=table.line_of(1),
        decimal=examined.verdict.decimal,
    )
