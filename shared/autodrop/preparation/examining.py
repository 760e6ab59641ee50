"""A dropped file read to its end, counted and judged; nothing is written that stays."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from autodrop.errors import Rejected
from autodrop.findings import Finding
from autodrop.findings import counted as in_words
from autodrop.naming import Drop
from autodrop.preparation.profiling.counting import (
    BlockFacts,
    CountedBlocks,
    Layout,
    count_block,
    merge,
)
from autodrop.preparation.profiling.describing import Beginning, describe, layout_of
from autodrop.preparation.profiling.facts import TableFacts
from autodrop.preparation.profiling.profile import profile_json
from autodrop.preparation.reading.blocks import Block, Shape, blocks_of, first_rows, joined
from autodrop.preparation.reading.storage import Stored, stored
from autodrop.preparation.reading.table import (
    Table,
    check_blocks,
    check_totals,
    open_table,
    second_table,
)
from autodrop.preparation.reading.text import BLOCK_BYTES
from autodrop.preparation.validating.checks import (
    MIN_TEST_ROWS,
    MIN_TRAINING_ROWS,
    Verdict,
    check_columns,
    judge,
)
from autodrop.preparation.validating.places import place_findings
from autodrop.preparation.validating.target import choose_target
from autodrop.processors import Processors, Threads
from autodrop.settings import ProblemType, Settings

_NO_LIMIT = 1 << 62
# What is looked at to tell columns whose cells repeat.
_BEGINNING = 4 * 1024 * 1024
MIN_ROWS = MIN_TRAINING_ROWS + MIN_TEST_ROWS


@dataclass(frozen=True)
class Dropped:
    """Where the files of a drop lie.

    Attributes:
        paths: The dropped file, or the parts of a Parquet folder in the order of their names.
        drop: The upload.
        run_id: The run.
        test_path: The user's own test file, where there is one.
        longest: The most bytes that a file may have unpacked.
    """

    paths: Sequence[Path | Stored]
    drop: Drop
    run_id: str
    test_path: Path | Stored | None = None
    longest: int = _NO_LIMIT


@dataclass(frozen=True)
class Counted:
    """A table of which every block was read.

    Attributes:
        table: How it is read.
        blocks: Its blocks, and what was counted in each.
        facts: What was counted in all of them.
    """

    table: Table
    blocks: CountedBlocks
    facts: TableFacts


@dataclass(frozen=True)
class Examined:
    """A file that can be used.

    Attributes:
        table: How it is read.
        blocks: Its blocks, and what was counted in each.
        facts: What was counted in it.
        verdict: What is decided about it.
        profile: The content of `profile.json`.
    """

    table: Table
    blocks: CountedBlocks
    facts: TableFacts
    verdict: Verdict
    profile: dict[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Work:
    """Where and by whom a file is prepared.

    Attributes:
        folder: An existing folder for copies.
        processors: Who works on the blocks.
        block_bytes: About how many bytes a block has.
    """

    folder: Path
    processors: Processors = field(default_factory=Threads)
    block_bytes: int = BLOCK_BYTES


def examine(
    dropped: Dropped, settings: Settings, work: Work, *, min_rows: int = MIN_ROWS
) -> Examined:
    """Read a dropped file to its end and judge it; nothing is written that stays.

    Args:
        dropped: The file.
        settings: All settings of the run.
        work: Where and by whom it is read.
        min_rows: The fewest usable rows.

    Raises:
        Rejected: The file cannot be used; `others` holds what else was found.
    """
    name = dropped.drop.shown_name
    table = open_dropped(dropped.paths, name, settings, work, dropped.longest)
    target, reason = choose_target(table.names, settings.target)
    check_columns(table.names, target, settings)
    counted = count_table(table, table.names.index(target), settings, work.processors)
    facts = counted.facts
    # With a test file of the user's own, no row has to be held out.
    needed = min_rows - MIN_TEST_ROWS * (dropped.test_path is not None)
    place = partial(place_findings, table, counted.blocks, facts, work.processors)
    try:
        verdict = judge(facts, table.header, reason, settings, min_rows=needed)
    except Rejected as problem:
        first, *others = place([problem.finding, *problem.others])
        raise Rejected.of(first, others) from None
    warnings = place([*verdict.warnings, *_line_break_warning(facts)])
    verdict = replace(verdict, warnings=tuple(warnings))
    return Examined(table, counted.blocks, facts, verdict, profile_json(facts))


def open_dropped(
    paths: Sequence[Path | Stored], name: str, settings: Settings, work: Work, longest: int
) -> Table:
    """Look at the beginning of a file, or of the parts of a Parquet folder, as a table.

    Raises:
        Rejected: It is no table, or it is one in more than one reading.
    """
    return open_table(
        list(map(stored, paths)),
        name,
        work.folder,
        settings.read,
        work.processors,
        longest=longest,
        block_bytes=work.block_bytes,
    )


def count_table(table: Table, target: int, settings: Settings, processors: Processors) -> Counted:
    """Return a table with what is in it.

    Args:
        table: The table.
        target: Position of the column to predict.
        settings: All settings of the run.
        processors: Who counts the blocks.

    Raises:
        Rejected: It cannot be read to its end.
    """
    beginning = Beginning(
        names=table.names,
        target=target,
        sample=table.sample,
        frame=first_rows(table.shape, _BEGINNING),
        rows=table.expected_rows,
        is_regression=None
        if settings.problem_type is None
        else settings.problem_type is ProblemType.REGRESSION,
        decimal=settings.read.decimal,
    )
    layout = layout_of(beginning)
    blocks: list[Block] = []
    merged = merge(_counted_blocks(table.shape, layout, processors, blocks), layout)
    check_blocks(table, zip(merged.problems, merged.rows, strict=True))
    if not table.is_parquet:
        check_totals(table)
    if merged.incomplete:
        # Rows that are alike at the beginning, and further on are not: as where they are sorted.
        again = replace(layout, varied=layout.varied | merged.incomplete)
        again = replace(again, only=frozenset(merged.incomplete))
        count = partial(count_block, table.shape, again)
        recounted = merge(processors.map(count, blocks), again).aggregates
        merged.aggregates.take(merged.incomplete, recounted)
    facts = describe(merged, layout, beginning)
    if merged.second_header is not None and _may_hold_two_tables(facts):
        raise second_table(table, *merged.second_header)
    counted = CountedBlocks(table.shape, blocks, merged.rows, merged.usable, merged.labels)
    return Counted(table, counted, facts)


def _counted_blocks(
    shape: Shape, layout: Layout, processors: Processors, read: list[Block]
) -> Iterator[BlockFacts]:
    """Yield what is in each block, and list the blocks as they were read in the end.

    Quotes may have been misunderstood where a block begins: one that ends inside a cell is read
    again, together with the next.
    """
    count = partial(count_block, shape, layout)
    blocks = blocks_of(shape.text, shape.dialect, processors)
    cut: Block | None = None
    for whole, counted in zip(blocks, processors.map(count, blocks), strict=True):
        block, facts = whole, counted
        if cut is not None:
            block = joined(cut, whole)
            facts, cut = count(block), None
        problems = facts.problems[0]
        if problems is not None and problems.is_cut and not block.is_last:
            cut = block
            continue
        read.append(block)
        yield facts


def _may_hold_two_tables(facts: TableFacts) -> bool:
    """Return whether there are texts in a column that is mostly numbers."""
    return any(column.is_mixed and column.numeric * 2 > column.present for column in facts.columns)


def _line_break_warning(facts: TableFacts) -> Iterator[Finding]:
    if cells := facts.line_feeds:
        yield Finding(
            "LINE_BREAKS_REPLACED",
            f"{in_words(cells, 'line break')} inside cells became "
            f"{'a space' if cells == 1 else 'spaces'}, because batch transform reads every line as "
            "a record.",
            "Nothing to do where they do not matter.",
        )
