"""The whole preparation of a file that is too large for a function, on Spark.

The same decisions as in `prepare`, made by the same code from the same facts. What differs: rows
are read and written in parts, side by side, and only methods that look at a row alone split them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodrop.dataset import Dataset, Split
from autodrop.errors import Rejected
from autodrop.preparation import parquet
from autodrop.preparation.checks import check_columns
from autodrop.preparation.counting import count_table
from autodrop.preparation.dialect import (
    SAMPLE_BYTES,
    Dialect,
    Sample,
    column_names,
    unclear,
)
from autodrop.preparation.engine import CannotRead, column, no_label_sql
from autodrop.preparation.examining import (
    MIN_ROWS,
    Dropped,
    Examined,
    first_rows_sql,
    judged,
    layout_of,
)
from autodrop.preparation.facts import TableFacts
from autodrop.preparation.large_text import (
    BLOCK_BYTES,
    LargeText,
    can_be_read,
    drop_copies,
    open_large_text,
    other_escapes,
    refusal_of_second_header,
    with_tail,
    write_rows,
)
from autodrop.preparation.model_input import cells_for_model_sql, is_text_sql
from autodrop.preparation.parts import (
    check_sizes,
    check_test_file,
    columns_of,
    same_columns,
    training_rows,
)
from autodrop.preparation.prepare import dataset_of
from autodrop.preparation.probe_rows import write_probe
from autodrop.preparation.reading import (
    Table,
    check_header,
    check_totals,
    csv_unclear,
    is_accounted_for,
    may_hold_two_tables,
    table_of,
)
from autodrop.preparation.routing import Columns
from autodrop.preparation.spark_engine import Spark, file_uri
from autodrop.preparation.spelling import on_one_line_sql, spelled, spelled_sql
from autodrop.preparation.splits import ASIDE, TEST, TRAIN, side_sql
from autodrop.preparation.target import choose_target
from autodrop.preparation.text import TextFile, damaged_archive, is_parquet, too_large, unpack
from autodrop.probe import ProbePlan
from autodrop.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

# The folders that are written.
OUTPUTS = ("train", "test", "truth", "model-train", "model-test")
_DEFAULT_METHOD = "hash"
_NOT_IN_PARTS = ("random", "stratified")
_NESTED = ("array<", "map<", "struct<", "binary", "interval", "void")
_SAMPLE_ROWS = 2_000
_PART_NUMBER = re.compile(r"part-([0-9]+)-")


@dataclass(frozen=True)
class LargePrepared:
    """What was found, besides the parts.

    Attributes:
        dataset: Everything that was found and decided.
        profile: The content of `profile.json`.
        plan: What the rows of the probe are for; None where there is none.
    """

    dataset: Dataset
    profile: dict[str, Any] = field(repr=False)
    plan: ProbePlan | None = None


@dataclass(frozen=True)
class _Opened:
    """A file that begins like a table; without a text where it is Parquet."""

    table: Table
    text: LargeText | None


def prepare_large(
    engine: Spark,
    dropped: Dropped,
    settings: Settings,
    folder: Path,
    output: Path,
    *,
    min_rows: int = MIN_ROWS,
    block_bytes: int = BLOCK_BYTES,
) -> LargePrepared:
    """Read a dropped file, judge it, split it and write the parts into folders of `output`.

    Args:
        engine: Spark.
        dropped: The file.
        settings: All settings of the run.
        folder: An existing, empty folder for copies.
        output: Where the folders `OUTPUTS` are or will be.
        min_rows: The fewest usable rows.
        block_bytes: About how many bytes are read together; a part has the rows of one block.

    Raises:
        Rejected: The file cannot be used; `others` holds what else was found.
    """
    own_test_file = dropped.test_path is not None
    method = _method(settings, own_test_file=own_test_file)
    opener = _Opener(engine, settings, dropped.longest, block_bytes)
    work = folder / "dropped"
    work.mkdir()
    opened = opener.open(dropped.paths, dropped.drop.shown_name, work)
    table = opened.table
    target, reason = choose_target(table.names, settings.target)
    check_columns(table.names, target, settings)
    facts = _counted(engine, opened, table.names.index(target), settings, work)
    first_lines = partial(_first_lines, engine, table)
    found = judged(table, facts, reason, settings, min_rows, engine, first_lines)
    held_out, note = "false", ""
    if not own_test_file:
        training_rows(settings, facts.usable, min_rows)
        by = next((c for c in facts.columns if c.name == settings.split.column), None)
        asked = replace(settings.split, method=method)
        side = side_sql(engine, asked, table.names, facts.target, by)
        held_out, note = side.held_out, side.note
    columns = columns_of(found)
    trains = _marked(engine, opened, columns, range(table.width), held_out)
    tests = trains
    if dropped.test_path is not None:
        tests = _own_test(opener, dropped, dropped.test_path, found, columns, folder)
    split = Split(
        method=method,
        test_fraction=None if own_test_file else settings.split.test_fraction,
        seed=settings.split.seed,
        train_rows=0,
        test_rows=0,
        column=settings.split.column,
        note=note,
    )
    mixed = _may_be_emptied(facts, columns, own_test_file=own_test_file)
    in_training = trains.tally(mixed)
    in_test = tests.tally(mixed) if own_test_file else in_training
    split = replace(split, train_rows=in_training.rows[TRAIN], test_rows=in_test.rows[TEST])
    if not own_test_file:
        _check_sizes(split, facts)
    emptied = {
        table.names[i]: in_test.texts[TEST][i]
        for i in mixed
        if in_test.texts[TEST][i] and not in_training.texts[TRAIN][i]
    }
    dataset = dataset_of(dropped, settings, found, split, emptied, parts=True)
    written = folder / "written"
    written.mkdir()
    _write(engine, dataset, (trains, in_training), (tests, in_test), written, output)
    place = output / ("model-test" if dataset.has_model_test else "test")
    test, truth = (sorted(parts.glob("part-*")) for parts in (place, output / "truth"))
    plan = write_probe(dataset, found.profile, test, truth, place)
    dataset = replace(dataset, probe_rows=0 if plan is None else plan.rows)
    return LargePrepared(dataset, found.profile, plan)


def _method(settings: Settings, *, own_test_file: bool) -> str:
    """Return how rows are held out.

    Raises:
        Rejected: `SPLIT_TOO_LARGE`.
    """
    if own_test_file:
        return "file"
    method = settings.split.method or _DEFAULT_METHOD
    if method in _NOT_IN_PARTS:
        raise Rejected(
            "SPLIT_TOO_LARGE",
            f"The file is too large for `split.method: {method}`, which draws from all rows "
            "together.",
            "Leave out `split.method` or set it to hash: equal rows stay on one side, and the "
            "shares are as exact. Possible are group and time, too, with a `split.column`.",
        )
    return method


class _Opener:
    """Opens files with the same settings."""

    def __init__(self, engine: Spark, settings: Settings, longest: int, block_bytes: int) -> None:
        self.engine = engine
        self.settings = settings
        self._longest = longest
        self._block_bytes = block_bytes

    def open(self, paths: Sequence[Path], name: str, folder: Path) -> _Opened:
        """Return a file, or the parts of a Parquet folder, as what it begins like.

        Raises:
            Rejected: It is no table, or it is one in more than one reading.
        """
        if is_parquet(paths[0]):
            return self._open_parquet(paths, name, folder)
        engine, read = self.engine, self.settings.read
        text = open_large_text(
            paths[0],
            name,
            folder,
            engine.parallel,
            partial(self._unpacked, name=name, folder=folder),
            encoding=read.encoding,
            header_line=read.header_line,
            block_bytes=self._block_bytes,
        )
        table = table_of(
            text.text,
            name,
            read,
            lambda found: self._the_one(found, text),
            lambda: other_escapes(text, engine.parallel),
        )
        return _Opened(table, text)

    def _unpacked(self, path: Path, compression: str, *, name: str, folder: Path) -> Path:
        target = folder / "unpacked"
        if compression != "zstd":
            unpack(path, compression, target, name, self._longest)
            return target
        try:
            self.engine.unpack_zstd(path, target, self._longest)
        except CannotRead:
            size = target.stat().st_size if target.exists() else 0
            raise damaged_archive(name, compression, size) from None
        if target.stat().st_size > self._longest:
            raise too_large(self._longest)
        return target

    def _the_one(self, tables: Sequence[Sample], text: LargeText) -> Sample:
        """Return the reading that is right.

        Raises:
            Rejected: `DIALECT_UNCLEAR` when two are possible to the end of the file.
        """
        if len(tables) > 1 and text.text.size > SAMPLE_BYTES:
            right = [
                each
                for each in tables
                if can_be_read(text, each.dialect, len(each.header), self.engine.parallel)
            ]
            tables = right or tables[:1]
        if len(tables) > 1 and (refusal := unclear(tables[0], tables[1])):
            raise refusal
        return tables[0]

    def _open_parquet(self, paths: Sequence[Path], name: str, folder: Path) -> _Opened:
        engine = self.engine
        # Spark takes [ and * in a path for patterns; links have plain names, and tell the order.
        links = [folder / "parquet" / f"{number:06d}.parquet" for number in range(len(paths))]
        links[0].parent.mkdir()
        for link, path in zip(links, paths, strict=True):
            link.symlink_to(path.absolute())
        try:
            described, *others = map(engine.parquet_types, links)
        except CannotRead:
            raise parquet.damaged(name) from None
        if any(dict(each) != dict(described) for each in others):
            raise parquet.parts_differ(name)
        parquet.check_types(described, _NESTED)
        header = tuple(column for column, _ in described)
        check_header(header, 1)
        engine.read_parquet(folder / "parquet", len(links))
        cells = ", ".join(column(i) for i in range(len(header)))
        ((rows,),) = engine.query("select count(*) from cells")
        sample = engine.query(f"select {cells} from cells limit {_SAMPLE_ROWS}")
        # As a text it would be plain, with a row on each line.
        text = TextFile(
            path=paths[0],
            encoding="utf-8",
            compression=None,
            line_end="lf",
            skipped=0,
            size=sum(path.stat().st_size for path in paths),
            lines=rows + 1,
            quotes=0,
            backslashes=0,
            escapes=False,
            commas=True,
            breakers=False,
            separator=0,
        )
        names = column_names(header)
        return _Opened(Table(text, Dialect(","), header, names, 1, sample, is_parquet=True), None)


def _counted(
    engine: Spark, opened: _Opened, target: int, settings: Settings, folder: Path
) -> TableFacts:
    """Return the facts of a file, of which every byte is accounted for.

    Raises:
        Rejected: It is no table to its end.
    """
    table, text = opened.table, opened.text
    layout = layout_of(table, target, settings)
    if text is None:
        return count_table(engine, layout)
    rows = write_rows(text, table, folder / "rows", engine.parallel)
    engine.read_rows(rows, table.width)
    facts = count_table(engine, layout)
    parallel = engine.parallel
    if facts.rows != sum(rows.rows) or not is_accounted_for(
        table, facts, lambda: other_escapes(text, parallel), spaces=rows.spaces
    ):
        raise csv_unclear(table)
    check_totals(with_tail(text, table, folder))
    # The rows are all that is needed from here on, and the disk is not larger than it has to be.
    drop_copies(folder)
    if may_hold_two_tables(table, facts) and (refusal := refusal_of_second_header(rows, table)):
        raise refusal
    return facts


def _first_lines(
    engine: Spark, table: Table, shown: Sequence[tuple[str, str]]
) -> list[tuple[int | None, str | None]]:
    (answer,) = engine.query(first_rows_sql(shown, "line", "cells"))
    return [
        (None if line is None else table.line_of(line), cell)
        for line, cell in zip(answer[::2], answer[1::2], strict=True)
    ]


def _check_sizes(split: Split, facts: TableFacts) -> None:
    try:
        check_sizes(split, facts)
    except Rejected as problem:
        remedy = "Change `split.test_fraction`, or leave out `split.method`."
        raise Rejected.of(replace(problem.finding, remedy=remedy), problem.others) from None


@dataclass(frozen=True)
class _Tally:
    """Rows on each side.

    Attributes:
        rows: How many.
        texts: For some columns, how many of their cells are texts.
        order: For each partition, its place by the numbers of its rows.
    """

    rows: dict[str, int]
    texts: dict[str, dict[int, int]]
    order: dict[int, int]


@dataclass(frozen=True)
class _Marked:
    """Rows with the side that each is on.

    Attributes:
        frame: The view `cells`, with a column `side`.
        engine: Whose view it is.
        columns: Where its columns go.
        order: The position in the view for each position in the dropped file.
        breakers: Whether cells may hold line breaks.
    """

    frame: DataFrame
    engine: Spark
    columns: Columns
    order: Sequence[int]
    breakers: bool

    def cell(self, position: int) -> str:
        """Return the expression for a cell, by its position in the dropped file."""
        return column(self.order[position])

    def on_one_line(self, position: int) -> str:
        """Return the expression for a cell as it is written, but for its quotes."""
        cell = self.cell(position)
        return on_one_line_sql(self.engine, cell) if self.breakers else cell

    def tally(self, mixed: Sequence[int]) -> _Tally:
        """Return what is on each side.

        Args:
            mixed: Columns of which the texts are counted, by their positions in the dropped file.
        """
        from pyspark.sql.functions import expr

        is_text = [is_text_sql(self.engine, self.on_one_line(i)) for i in mixed]
        wanted = [
            (side, i, f"count(case when side = '{side}' and {what} then 1 end)")
            for side in (TRAIN, TEST)
            for i, what in zip((None, *mixed), ("true", *is_text), strict=True)
        ]
        found = (
            self.frame.groupBy(expr("spark_partition_id()"))
            .agg(expr("min(n)"), *(expr(sql) for _, _, sql in wanted))
            .collect()
        )
        rows: dict[str, int] = {}
        texts: dict[str, dict[int, int]] = {TRAIN: {}, TEST: {}}
        for place, (side, i, _) in enumerate(wanted, 2):
            total = sum(row[place] for row in found)
            if i is None:
                rows[side] = total
            else:
                texts[side][i] = total
        order = sorted(found, key=lambda row: row[1])
        return _Tally(rows, texts, {row[0]: place for place, row in enumerate(order)})

    def spelled(self, positions: Sequence[int]) -> str:
        """Return the expression for some cells as they are written."""
        features = self.columns.features
        return ", ".join(
            spelled_sql(
                self.engine,
                self.cell(i),
                breakers=self.breakers,
                never_empty=len(features) == 1 and i in features,
            )
            for i in positions
        )

    def for_model(self, positions: Sequence[int], dataset: Dataset, *, is_test: bool) -> str:
        """Return the expression for some cells as the model gets them."""
        cells = [(dataset.columns[i], self.on_one_line(i)) for i in positions]
        return cells_for_model_sql(self.engine, dataset, cells, is_test=is_test)


def _marked(
    engine: Spark, opened: _Opened, columns: Columns, order: Sequence[int], held_out: str
) -> _Marked:
    """Return the rows of the view `cells`, each with its side."""
    aside = no_label_sql(engine, column(order[columns.target]))
    frame = engine.session.sql(
        f"select *, case when {aside} then '{ASIDE}' when {held_out} then '{TEST}' "
        f"else '{TRAIN}' end as side from cells"
    )
    text = opened.table.text
    return _Marked(frame, engine, columns, order, text.breakers or bool(text.quotes))


def _own_test(
    opener: _Opener,
    dropped: Dropped,
    path: Path,
    found: Examined,
    columns: Columns,
    folder: Path,
) -> _Marked:
    """Return the rows of the user's own test file.

    Raises:
        Rejected: It cannot be used, or does not go with the dropped file.
    """
    own = folder / "test-file"
    own.mkdir()
    opened = opener.open([path], f"the test file of {dropped.drop.shown_name}", own)
    names = opened.table.names
    order = same_columns(found.table.names, names)
    target = names.index(found.verdict.target.column)
    facts = _counted(opener.engine, opened, target, opener.settings, own)
    check_test_file(facts)
    return _marked(opener.engine, opened, columns, order, "true")


def _may_be_emptied(facts: TableFacts, columns: Columns, *, own_test_file: bool) -> list[int]:
    """Return the features that may hold texts in held-out rows only."""
    # A test file of the user's own was not judged: any column of numbers may have texts there.
    return [
        i
        for i in columns.features
        if facts.columns[i].is_mixed or (own_test_file and facts.columns[i].is_numeric)
    ]


def _write(
    engine: Spark,
    dataset: Dataset,
    trains: tuple[_Marked, _Tally],
    tests: tuple[_Marked, _Tally],
    folder: Path,
    output: Path,
) -> None:
    """Write the parts: train and truth with a header each, test without.

    Parts of the same name hold the same rows in the same order.
    """
    from pyspark import StorageLevel
    from pyspark.sql.functions import expr

    (marked, in_training), (held, in_test) = trains, tests
    columns, names = marked.columns, dataset.columns
    last = (*columns.carried, columns.target)
    train_header = spelled([names[i] for i in columns.training])
    truth_header = spelled(["row", *(names[i] for i in last)])
    train = {"train": marked.spelled(columns.training)}
    test = {
        "test": held.spelled(columns.features),
        "truth": f"cast(n as string), {held.spelled(last)}",
    }
    if dataset.has_model_train:
        train["model-train"] = marked.for_model(columns.training, dataset, is_test=False)
    if dataset.has_model_test:
        test["model-test"] = held.for_model(columns.features, dataset, is_test=True)
    headers = {"train": train_header, "model-train": train_header, "truth": truth_header}
    # A line is one expression of all its cells. Together with what reads and filters, that is a
    # method too large for Java to compile: twice as slow, measured with 21 columns.
    engine.session.conf.set("spark.sql.codegen.wholeStage", "false")
    for side, rows, tally, lines in (
        (TRAIN, marked, in_training, train),
        (TEST, held, in_test, test),
    ):
        # Narrow, so that all of these have the partitions of the file, and its order in each.
        kept = rows.frame.where(f"side = '{side}'").select(
            *(expr(f"concat_ws(',', {cells})").alias(name) for name, cells in lines.items())
        )
        if len(lines) > 1:
            kept = kept.persist(StorageLevel.DISK_ONLY)
        for name in lines:
            kept.select(f"`{name}`").write.text(file_uri(folder / name))
            _publish(engine, folder / name, output / name, headers.get(name, ""), tally.order)
        kept.unpersist()


def _publish(
    engine: Spark, written: Path, target: Path, header: str, order: dict[int, int]
) -> None:
    """Move the parts that Spark wrote to their names, with a header in front of each."""
    target.mkdir(parents=True, exist_ok=True)
    parts = []
    for path in sorted(written.glob("part-*")):
        number = _PART_NUMBER.match(path.name)
        if number is not None and path.stat().st_size:
            parts.append((path, target / f"part-{order[int(number[1])]:05d}.csv"))
    engine.parallel(partial(_headed, header=header.encode()), parts)


def _headed(part: tuple[Path, Path], header: bytes) -> None:
    source, target = part
    with target.open("wb") as file:
        file.write(header)
        with source.open("rb") as body:
            shutil.copyfileobj(body, file, 1024 * 1024)
    source.unlink()
