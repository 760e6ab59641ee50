"""The whole preparation on local files: look at the table, decide, write the parts."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodrop.dataset import Dataset, Split, Target, Warned
from autodrop.errors import Rejected
from autodrop.naming import Drop
from autodrop.preparation.profile import (
    ColumnProfile,
    is_text,
    no_label,
    profile_columns,
)
from autodrop.preparation.split import random_training_rows, training_row_count
from autodrop.preparation.table import LINE_BREAK, Table, open_table
from autodrop.preparation.target import choose_target, describe_target
from autodrop.settings import Settings

# "A minimum of 500 rows is required for the training dataset"
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AutoMLS3DataSource.html
MIN_TRAINING_ROWS = 500
MIN_TEST_ROWS = 10


@dataclass(frozen=True)
class Prepared:
    """What preparation wrote.

    Attributes:
        dataset: Everything that was found and decided.
        profile: The content of `profile.json`.
        train: CSV with header and target.
        test: CSV without header and target.
        truth: CSV with header: row number, ignored columns, target.
    """

    dataset: Dataset
    profile: dict[str, Any]
    train: Path
    test: Path
    truth: Path


def prepare(path: Path, drop: Drop, run_id: str, settings: Settings, folder: Path) -> Prepared:
    """Read the dropped file twice, check it, split it and write the parts into `folder`.

    Args:
        path: The dropped file.
        drop: The upload.
        run_id: The run.
        settings: All settings of the run.
        folder: An existing folder for the three files.

    Raises:
        Rejected: The file cannot be used, with the place of the first problem.
    """
    table = open_table(path, drop.file_name)
    target_column, reason = choose_target(table.columns, settings.target)
    features = _features(table.columns, target_column, settings.ignore)
    profiles = profile_columns(
        table.columns, target_column, (_on_one_line(row.cells) for row in table.rows())
    )
    target_profile = profiles[table.columns.index(target_column)]
    usable = target_profile.present
    _check_row_count(usable, target_profile.missing)
    target = describe_target(target_profile, reason, settings)
    _check_features([profiles[table.columns.index(name)] for name in features])
    train_rows = training_row_count(usable, settings.split.test_fraction, MIN_TRAINING_ROWS)
    if usable - train_rows < MIN_TEST_ROWS:
        raise Rejected(
            "BAD_SETTINGS",
            f"`split.test_fraction` holds out only {usable - train_rows:,} of {usable:,} rows.",
            f"Raise `split.test_fraction` so that {MIN_TEST_ROWS} rows are; 0.2 is usual.",
        )
    mask = random_training_rows(usable, train_rows, settings.split.seed)
    mixed = [i for i, profile in enumerate(profiles) if profile.is_mixed]
    parts = _write_parts(table, target_column, features, mask, mixed, folder)
    dataset = Dataset(
        run_id=run_id,
        name=drop.dataset,
        source={
            "bucket": drop.bucket,
            "key": drop.key,
            "version_id": drop.version_id,
            "size": drop.size,
        },
        encoding=table.encoding,
        delimiter=table.delimiter,
        rows=usable + target.missing,
        columns=table.columns,
        features=tuple(features),
        target=target,
        split=Split(
            method=settings.split.method,
            test_fraction=settings.split.test_fraction,
            seed=settings.split.seed,
            train_rows=train_rows,
            test_rows=usable - train_rows,
        ),
        settings=settings,
        newlines_replaced=parts.newlines_replaced,
        warnings=_warnings(target, parts, usable, settings),
    )
    return Prepared(
        dataset=dataset,
        profile={"schema_version": 1, "columns": [profile.to_json() for profile in profiles]},
        train=parts.train,
        test=parts.test,
        truth=parts.truth,
    )


@dataclass(frozen=True)
class _Parts:
    train: Path
    test: Path
    truth: Path
    newlines_replaced: int
    texts_emptied: Mapping[str, int]


def _features(columns: Sequence[str], target: str, ignore: Sequence[str]) -> list[str]:
    for name in ignore:
        if name not in columns:
            raise Rejected(
                "IGNORED_COLUMN_NOT_FOUND",
                f"The setting `ignore` names {name[:60]!r}, which is not a column.",
                "Take it out of `ignore`, or spell it as in the first row of the file.",
                column=name[:60],
            )
        if name == target:
            raise Rejected(
                "TARGET_IGNORED",
                f"Column {name[:60]!r} is both the target and ignored.",
                "Take it out of `ignore`, or set another `target`.",
                column=name[:60],
            )
    features = [name for name in columns if name != target and name not in ignore]
    if not features:
        raise Rejected(
            "NO_FEATURES",
            "No column is left to learn from.",
            "Take columns out of `ignore`.",
        )
    return features


def _check_features(profiles: Sequence[ColumnProfile]) -> None:
    if all(profile.is_constant for profile in profiles):
        raise Rejected(
            "FEATURES_CONSTANT",
            "Every column but the target has the same value in all rows.",
            "Add columns from which the target can be learned.",
        )


def _check_row_count(usable: int, missing: int) -> None:
    needed = MIN_TRAINING_ROWS + MIN_TEST_ROWS
    if usable + missing == 0:
        raise Rejected(
            "NO_ROWS",
            "The file has a header but no rows.",
            f"Add data: Autopilot needs at least {MIN_TRAINING_ROWS} rows to train on.",
        )
    # A target without any value is another problem, which more rows do not solve.
    if 0 < usable < needed:
        without = f" ({missing:,} more have no target)" if missing else ""
        raise Rejected(
            "TOO_FEW_ROWS",
            f"The file has {usable:,} rows to work with{without}.",
            f"Add rows: {needed} are needed, {MIN_TRAINING_ROWS} that Autopilot asks for to train "
            f"on and {MIN_TEST_ROWS} to test on.",
        )


def _write_parts(
    table: Table,
    target: str,
    features: Sequence[str],
    is_training: npt.NDArray[np.bool_],
    mixed: Sequence[int],
    folder: Path,
) -> _Parts:
    """Write the three files in file order; columns of train and test in the order of the file.

    `mixed` are the positions of columns that hold both numbers and texts.
    """
    target_at = table.columns.index(target)
    kept = [i for i, name in enumerate(table.columns) if name in features or i == target_at]
    feature_at = [i for i in kept if i != target_at]
    carried = [i for i in range(len(table.columns)) if i not in kept]
    texts = _Texts([i for i in mixed if i in feature_at])
    replaced = 0
    usable = -1
    with ExitStack() as files:
        train, write_train = _csv_file(files, folder / "train_data.csv")
        test, write_test = _csv_file(files, folder / "test_data.csv")
        truth, write_truth = _csv_file(files, folder / "truth.csv")
        write_train([table.columns[i] for i in kept])
        write_truth(["row", *(table.columns[i] for i in carried), target])
        for number, row in enumerate(table.rows()):
            if no_label(row.cells[target_at]):
                continue
            usable += 1
            cells = _on_one_line(row.cells)
            if cells is not row.cells:
                replaced += sum(a != b for a, b in zip(cells, row.cells, strict=True))
            texts.see(cells, training=bool(is_training[usable]))
            if is_training[usable]:
                write_train([cells[i] for i in kept])
            else:
                write_test([cells[i] for i in feature_at])
                write_truth([number, *(cells[i] for i in carried), cells[target_at]])
    if lonely := texts.only_in_test():
        _empty_texts(test, [feature_at.index(i) for i in lonely])
    emptied = {table.columns[i]: cells for i, cells in lonely.items()}
    return _Parts(train, test, truth, replaced, emptied)


class _Texts:
    """In which part the texts of columns that otherwise hold numbers stand."""

    def __init__(self, mixed: Sequence[int]) -> None:
        self._mixed = mixed
        self._in_training: set[int] = set()
        self._in_test: Counter[int] = Counter()

    def see(self, cells: Sequence[str], *, training: bool) -> None:
        """Look at one row."""
        for i in self._mixed:
            if is_text(cells[i]):
                if training:
                    self._in_training.add(i)
                else:
                    self._in_test[i] += 1

    def only_in_test(self) -> dict[int, int]:
        """Return how many texts stand in columns that are all numbers in training."""
        return {i: cells for i, cells in self._in_test.items() if i not in self._in_training}


def _empty_texts(test: Path, positions: Sequence[int]) -> None:
    """Empty the texts in columns that the model knows as numbers.

    It has never seen a text there, and a single one fails the whole batch transform.
    """
    whole = test.with_suffix(".whole")
    test.rename(whole)
    with ExitStack() as files:
        rows = csv.reader(files.enter_context(whole.open(encoding="utf-8", newline="")))
        _, write = _csv_file(files, test)
        for cells in rows:
            for i in positions:
                if is_text(cells[i]):
                    cells[i] = ""
            write(cells)
    whole.unlink()


def _on_one_line(cells: list[str]) -> list[str]:
    """Return the cells without line breaks; the same list where there are none.

    Batch transform splits records at every newline, also inside quotes. The profile sees the same
    cells as Autopilot, or labels with a line break would match nothing later.
    """
    joined = "".join(cells)
    if "\n" not in joined and "\r" not in joined:
        return cells
    return [LINE_BREAK.sub(" ", cell) for cell in cells]


def _csv_file(files: ExitStack, path: Path) -> tuple[Path, Callable[[Sequence[object]], object]]:
    file = files.enter_context(path.open("w", encoding="utf-8", newline=""))
    return path, csv.writer(file, lineterminator="\n").writerow


def _warnings(target: Target, parts: _Parts, usable: int, settings: Settings) -> tuple[Warned, ...]:
    found = []
    if target.missing:
        found.append(
            Warned(
                "TARGET_MISSING",
                f"{target.missing:,} rows have no target; they are in neither part.",
            )
        )
    if parts.newlines_replaced:
        found.append(
            Warned(
                "LINE_BREAKS_REPLACED",
                f"Line breaks inside {parts.newlines_replaced:,} cells became spaces, because "
                "batch transform reads every line as a record.",
            )
        )
    for column, cells in parts.texts_emptied.items():
        found.append(
            Warned(
                "TEXT_AMONG_NUMBERS",
                f"Column {column[:60]!r} holds only numbers in the training rows; {cells:,} texts "
                "in held-out rows count as missing.",
            )
        )
    asked = usable - training_row_count(usable, settings.split.test_fraction, 0)
    held_out = usable - training_row_count(usable, settings.split.test_fraction, MIN_TRAINING_ROWS)
    if held_out < asked:
        found.append(
            Warned(
                "SMALL_TEST_SET",
                f"Only {held_out:,} rows are held out instead of {asked:,}, because Autopilot "
                f"needs {MIN_TRAINING_ROWS} rows to train on.",
            )
        )
    return tuple(found)
