"""The whole preparation on local files: examine, split, write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from autodrop.dataset import Dataset, Reading, Split
from autodrop.findings import Finding, counted, quoted
from autodrop.preparation.cells import MISSING
from autodrop.preparation.checks import MIN_TRAINING_ROWS
from autodrop.preparation.examining import MIN_ROWS, Dropped, Examined, examine, examined
from autodrop.preparation.model_input import texts_only_in_test, write_model_input
from autodrop.preparation.parts import (
    Plan,
    columns_of,
    plan_split,
    write_split,
    write_with_test_file,
)
from autodrop.preparation.probe_rows import write_probe
from autodrop.preparation.splits import training_row_count
from autodrop.probe import PROBE_FILE, ProbePlan
from autodrop.settings import Settings

__all__ = ["Dropped", "Examined", "Prepared", "examine", "prepare"]

_LONGEST_MISSING = max(map(len, MISSING))


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
        probe: Rows with which the model is asked what drives it; None where these are too long.
        plan: What each of them is for.
    """

    dataset: Dataset
    profile: dict[str, Any]
    train: Path
    test: Path
    truth: Path
    model_train: Path | None = None
    model_test: Path | None = None
    probe: Path | None = None
    plan: ProbePlan | None = None


def prepare(
    dropped: Dropped,
    settings: Settings,
    folder: Path,
    *,
    min_rows: int = MIN_ROWS,
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
    split_plan: Plan | None = None
    with examined(dropped, settings, folder, min_rows) as (found, engine):
        if dropped.test_path is None:
            split_plan = plan_split(found, settings, engine, folder, min_rows)
        else:
            parts, split = write_with_test_file(
                dropped, dropped.test_path, settings, found, engine, folder
            )
    if split_plan is not None:
        # The engine is closed: its memory is free for the order of the rows.
        parts, split = write_split(split_plan, found.facts, folder)
    columns = columns_of(found)
    emptied = texts_only_in_test(
        found.facts, parts, columns, folder, own_test_file=dropped.test_path is not None
    )
    dataset = dataset_of(dropped, settings, found, split, emptied)
    model = write_model_input(dataset, parts, columns, found.table.names, folder)
    read = model[1] or parts.test
    plan = write_probe(dataset, found.profile, [read], [parts.truth], folder)
    return Prepared(
        replace(dataset, probe_rows=0 if plan is None else plan.rows),
        found.profile,
        parts.train,
        parts.test,
        parts.truth,
        *model,
        None if plan is None else folder / PROBE_FILE,
        plan,
    )


def dataset_of(
    dropped: Dropped,
    settings: Settings,
    found: Examined,
    split: Split,
    emptied: dict[str, int],
    *,
    parts: bool = False,
) -> Dataset:
    """Return everything that was found and decided.

    Args:
        dropped: The file.
        settings: All settings of the run.
        found: What it is.
        split: How it was split.
        emptied: Columns with texts in held-out rows only, and how many these are.
        parts: Whether training, test and truth are several files each.
    """
    verdict = found.verdict
    warnings = [*verdict.warnings, *_split_warnings(split, found, settings, emptied)]
    return Dataset(
        run_id=dropped.run_id,
        name=dropped.drop.dataset,
        source={
            "bucket": dropped.drop.bucket,
            "key": dropped.drop.key,
            "version_id": dropped.drop.version_id,
            "size": dropped.drop.size,
        },
        reading=_reading(found),
        rows=found.facts.rows,
        columns=found.table.names,
        features=verdict.features,
        target=verdict.target,
        split=split,
        settings=settings,
        identifiers=verdict.identifiers,
        newlines_replaced=found.facts.line_feeds,
        decimal_commas=verdict.decimal_commas,
        emptied_texts=tuple(emptied),
        longest_row=_longest_row(found, verdict.features),
        parts=parts,
        warnings=tuple(warnings),
    )


def _longest_row(examined: Examined, features: Sequence[str]) -> int:
    """Return how many bytes no row of these columns exceeds."""
    chosen = (each for each in examined.facts.columns if each.name in features)
    # A character is four bytes at most, also a quote that is doubled; two quotes and a separator.
    return sum(4 * max(each.longest, _LONGEST_MISSING) + 3 for each in chosen)


def _split_warnings(
    split: Split, examined: Examined, settings: Settings, emptied: dict[str, int]
) -> Iterator[Finding]:
    usable = examined.facts.usable
    for name, cells in emptied.items():
        yield Finding(
            "TEXT_AMONG_NUMBERS",
            f"Column {quoted(name)} holds only numbers in the training rows; "
            f"{counted(cells, 'text')} in held-out rows {'counts' if cells == 1 else 'count'} as "
            "missing.",
            "Correct these cells.",
            column=name,
        )
    if split.method in ("random", "stratified"):
        asked = usable - training_row_count(usable, settings.split.test_fraction, 0)
        if split.test_rows < asked - len(examined.verdict.target.classes):
            yield Finding(
                "SMALL_TEST_SET",
                f"Only {counted(split.test_rows, 'row')} {'is' if split.test_rows == 1 else 'are'} "
                f"held out instead of {asked:,}, because Autopilot needs {MIN_TRAINING_ROWS} rows "
                "to train on.",
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
