"""The split of a judged file: how many rows train, and what decides about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autodrop.dataset import Split
from autodrop.errors import Rejected
from autodrop.findings import counted as in_words
from autodrop.findings import quoted
from autodrop.preparation.profiling.counting import CountedBlocks
from autodrop.preparation.profiling.facts import TableFacts
from autodrop.preparation.splitting.sides import (
    SplitPlan,
    content_sides,
    random_sides,
    stratified_sides,
    training_row_count,
)
from autodrop.preparation.validating.checks import MIN_TEST_ROWS, MIN_TRAINING_ROWS
from autodrop.processors import Processors
from autodrop.settings import Settings

_DEFAULT_METHOD = "random"


def plan_split(
    blocks: CountedBlocks,
    facts: TableFacts,
    settings: Settings,
    processors: Processors,
    min_rows: int,
) -> tuple[SplitPlan, Split]:
    """Return what decides about the rows of each block, and the split as far as it is known.

    Raises:
        Rejected: `BAD_SETTINGS`, `SPLIT_IMPOSSIBLE`, `TIME_UNREADABLE` or `TIME_UNCLEAR`.
    """
    seed, fraction = settings.split.seed, settings.split.test_fraction
    train_rows = training_rows(settings, facts.usable, min_rows)
    method = settings.split.method or _DEFAULT_METHOD
    if method == "random":
        plan = random_sides(blocks, train_rows, seed)
    elif method == "stratified":
        classes = dict(facts.target_column.counts or {})
        plan = stratified_sides(blocks, facts.target, classes, train_rows, seed)
    else:
        by = next((c for c in facts.columns if c.name == settings.split.column), None)
        asked = replace(settings.split, method=method)
        plan = content_sides(blocks, asked, facts.target, by, processors)
    return plan, Split(method, fraction, seed, 0, 0, settings.split.column, plan.note)


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


def same_columns(names: Sequence[str], others: Sequence[str]) -> tuple[int, ...]:
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
    return tuple(list(others).index(name) for name in names)
