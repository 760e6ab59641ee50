"""The whole preparation of a file: examine, split, write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from autodrop.dataset import Dataset, Reading, Split
from autodrop.errors import Rejected
from autodrop.findings import Finding, counted, quoted
from autodrop.preparation.cells.kinds import MISSING
from autodrop.preparation.examining import (
    MIN_ROWS,
    Counted,
    Dropped,
    Examined,
    Work,
    count_table,
    examine,
    open_dropped,
)
from autodrop.preparation.profiling.counting import CountedBlocks
from autodrop.preparation.reading.storage import Stored
from autodrop.preparation.splitting.plans import (
    check_sizes,
    check_test_file,
    plan_split,
    same_columns,
)
from autodrop.preparation.splitting.probe_rows import WrittenRows, write_probe
from autodrop.preparation.splitting.routing import (
    Columns,
    ModelCells,
    Source,
    Task,
    count_texts,
    headers,
    write_block,
)
from autodrop.preparation.splitting.sides import OneSide, Sides, training_row_count
from autodrop.preparation.validating.checks import MIN_TRAINING_ROWS
from autodrop.probe import PROBE_FILE, ProbePlan
from autodrop.settings import Settings

__all__ = ["Dropped", "Examined", "Prepared", "Work", "examine", "prepare"]

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


@dataclass(frozen=True)
class Rows:
    """Rows to be written.

    Attributes:
        source: How they are read.
        tasks: Their blocks.
    """

    source: Source
    tasks: Sequence[Task]

    @classmethod
    def of(
        cls,
        blocks: CountedBlocks,
        columns: Columns,
        sides: Sequence[Sides],
        order: tuple[int, ...] | None = None,
    ) -> Rows:
        """Return the rows of a counted table."""
        source = Source(blocks.shape, order or tuple(range(blocks.shape.width)), columns)
        first_rows = accumulate(blocks.rows, initial=0)
        tasks = zip(blocks.blocks, sides, first_rows, strict=False)
        return cls(source, [Task(number, *task) for number, task in enumerate(tasks)])


@dataclass(frozen=True)
class Decided:
    """A file of which all is decided, and nothing is written yet.

    Attributes:
        dataset: Everything that was found and decided, but for the sizes of the parts.
        examined: What the file is.
        columns: Where its columns go.
        train: The rows of which some train.
        test: The rows of which some are held out: the same, or those of a test file.
    """

    dataset: Dataset
    examined: Examined
    columns: Columns
    train: Rows
    test: Rows

    @property
    def all_rows(self) -> Sequence[Rows]:
        """The rows of the dropped file, and those of a test file where there is one."""
        return [self.train] if self.train is self.test else [self.train, self.test]


def prepare(
    dropped: Dropped, settings: Settings, work: Work, *, min_rows: int = MIN_ROWS
) -> Prepared:
    """Read a dropped file, judge it, split it and write the parts into the folder of the work.

    Args:
        dropped: The file.
        settings: All settings of the run.
        work: Where and by whom it is prepared.
        min_rows: The fewest usable rows.

    Raises:
        Rejected: The file cannot be used; `others` holds what else was found.
    """
    decided = decide(dropped, settings, work, min_rows=min_rows)
    paths, dataset = _write(decided, work)
    profile = decided.examined.profile
    read = paths.model_test or paths.test
    plan = write_probe(dataset, profile, WrittenRows([read], [paths.truth]), work.folder)
    return Prepared(
        replace(dataset, probe_rows=0 if plan is None else plan.rows),
        profile,
        paths.train,
        paths.test,
        paths.truth,
        paths.model_train,
        paths.model_test,
        None if plan is None else work.folder / PROBE_FILE,
        plan,
    )


def decide(
    dropped: Dropped, settings: Settings, work: Work, *, min_rows: int = MIN_ROWS
) -> Decided:
    """Read a dropped file to its end, and decide all that is to be decided before rows are written.

    Raises:
        Rejected: The file cannot be used; `others` holds what else was found.
    """
    examined = examine(dropped, settings, work, min_rows=min_rows)
    columns = columns_of(examined)
    blocks, facts, processors = examined.blocks, examined.facts, work.processors
    if dropped.test_path is None:
        plan, split = plan_split(blocks, facts, settings, processors, min_rows)
        train = test = Rows.of(blocks, columns, plan.sides)
    else:
        split = Split("file", None, settings.split.seed, 0, 0)
        train = Rows.of(blocks, columns, [OneSide(trains=True)] * len(blocks.blocks))
        with _about_the_test_file():
            test = _test_file_rows(dropped, dropped.test_path, settings, examined, work)
    emptied = _emptied_texts(examined, columns, train, test, work)
    dataset = _dataset_of(dropped, settings, examined, split, emptied)
    return Decided(dataset, examined, columns, train, test)


def columns_of(examined: Examined) -> Columns:
    """Return where the columns of a judged file go."""
    names, verdict = examined.table.names, examined.verdict
    return Columns(
        features=tuple(names.index(name) for name in verdict.features),
        carried=tuple(names.index(name) for name in verdict.carried),
        target=examined.facts.target,
    )


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


def _test_file_rows(
    dropped: Dropped, test_path: Path | Stored, settings: Settings, examined: Examined, work: Work
) -> Rows:
    own = replace(work, folder=work.folder / "test-file")
    own.folder.mkdir()
    name = f"the test file of {dropped.drop.shown_name}"
    table = open_dropped([test_path], name, settings, own, dropped.longest)
    order = same_columns(examined.table.names, table.names)
    target = table.names.index(examined.verdict.target.column)
    found: Counted = count_table(table, target, settings, work.processors)
    check_test_file(found.facts)
    sides = [OneSide(trains=False)] * len(found.blocks.blocks)
    return Rows.of(found.blocks, columns_of(examined), sides, order)


def _emptied_texts(
    examined: Examined, columns: Columns, train: Rows, test: Rows, work: Work
) -> dict[str, int]:
    """Return columns that hold only numbers in training, with the other cells of the test rows.

    The model has never seen a text there, and a single one fails the whole batch transform.
    """
    own_test_file = train is not test
    facts = examined.facts.columns
    # A test file of the user's own was not judged: any column of numbers may have texts there.
    mixed = [
        i for i in columns.features if facts[i].is_mixed or (own_test_file and facts[i].is_numeric)
    ]
    if not mixed:
        return {}
    in_training, in_test = dict.fromkeys(mixed, 0), dict.fromkeys(mixed, 0)
    for rows in [train, test] if own_test_file else [train]:
        count = partial(count_texts, rows.source, mixed)
        for texts in work.processors.map(count, rows.tasks):
            for i in mixed:
                in_training[i] += texts.train[i]
                in_test[i] += texts.test[i]
    return {facts[i].name: in_test[i] for i in mixed if in_test[i] and not in_training[i]}


@dataclass(frozen=True)
class _Paths:
    """The files that are written."""

    train: Path
    test: Path
    truth: Path
    model_train: Path | None
    model_test: Path | None


def _write(decided: Decided, work: Work) -> tuple[_Paths, Dataset]:
    """Write all parts, rows in the order of the file; return them, and the dataset with its split.

    Raises:
        Rejected: `SPLIT_IMPOSSIBLE` when a method that decides by content leaves too few rows.
    """
    dataset, folder = decided.dataset, work.folder
    cells = ModelCells.of(dataset)
    model_train = cells if dataset.has_model_train else None
    model_test = cells if dataset.has_model_test else None
    paths = _Paths(
        folder / "train_data.csv",
        folder / "test_data.csv",
        folder / "truth.csv",
        None if model_train is None else folder / "model_train_data.csv",
        None if model_test is None else folder / "model_test_data.csv",
    )
    train_header, truth_header = headers(dataset.columns, decided.columns)
    starts = {"train": train_header, "model_train": train_header, "truth": truth_header}
    train_rows = test_rows = 0
    with ExitStack() as opened:
        files = {
            name: opened.enter_context(path.open("wb"))
            for name, path in vars(paths).items()
            if path is not None
        }
        for name, file in files.items():
            file.write(starts.get(name, b""))
        for rows in decided.all_rows:
            write = partial(write_block, rows.source, model_train, model_test)
            for written in work.processors.map(write, rows.tasks):
                for name, file in files.items():
                    file.write(getattr(written, name))
                train_rows += written.train_rows
                test_rows += written.test_rows
    return paths, with_sizes(decided, train_rows, test_rows)


def with_sizes(decided: Decided, train_rows: int, test_rows: int) -> Dataset:
    """Return the dataset with the sizes of its parts.

    Raises:
        Rejected: `SPLIT_IMPOSSIBLE` when a method that decides by content leaves too few rows.
    """
    dataset, facts = decided.dataset, decided.examined.facts
    split = replace(dataset.split, train_rows=train_rows, test_rows=test_rows)
    if split.method != "file":
        check_sizes(split, facts)
    warnings = [*dataset.warnings, *_small_test_warning(split, decided.examined, dataset.settings)]
    return replace(dataset, split=split, warnings=tuple(warnings))


def _dataset_of(
    dropped: Dropped,
    settings: Settings,
    examined: Examined,
    split: Split,
    emptied: dict[str, int],
) -> Dataset:
    verdict = examined.verdict
    return Dataset(
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
        newlines_replaced=examined.facts.line_feeds,
        decimal_commas=verdict.decimal_commas,
        emptied_texts=tuple(emptied),
        longest_row=_longest_row(examined, verdict.features),
        warnings=(*verdict.warnings, *_emptied_warnings(emptied)),
    )


def _longest_row(examined: Examined, features: Sequence[str]) -> int:
    """Return how many bytes no row of these columns exceeds."""
    chosen = (each for each in examined.facts.columns if each.name in features)
    # A character is four bytes at most, also a quote that is doubled; two quotes and a separator.
    return sum(4 * max(each.longest, _LONGEST_MISSING) + 3 for each in chosen)


def _emptied_warnings(emptied: dict[str, int]) -> Iterator[Finding]:
    for name, cells in emptied.items():
        yield Finding(
            "TEXT_AMONG_NUMBERS",
            f"Column {quoted(name)} holds only numbers in the training rows; "
            f"{counted(cells, 'text')} in held-out rows {'counts' if cells == 1 else 'count'} as "
            "missing.",
            "Correct these cells.",
            column=name,
        )


def _small_test_warning(split: Split, examined: Examined, settings: Settings) -> Iterator[Finding]:
    if split.method not in ("random", "stratified"):
        return
    usable = examined.facts.usable
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
