"""What is worth knowing about a counted table: what rejects it, and what goes into the report."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from autodrop.dataset import Target
from autodrop.errors import Rejected
from autodrop.findings import NOTE, WARNING, Finding, counted, quoted, shortened
from autodrop.preparation.cells.kinds import Kind, kind_of
from autodrop.preparation.profiling.describing import MOST_NUMERIC_CLASSES
from autodrop.preparation.profiling.facts import ColumnFacts, TableFacts
from autodrop.preparation.profiling.profile import is_free_text
from autodrop.preparation.validating.target import describe_target
from autodrop.settings import ProblemType, Settings

# "A minimum of 500 rows is required for the training dataset"
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AutoMLS3DataSource.html
MIN_TRAINING_ROWS = 500
MIN_TEST_ROWS = 10
# Autopilot documents no limit; beyond this, a table is more often one that was turned on its side.
MOST_COLUMNS = 2_000
# A class with a smaller share is called rare.
_RARE = 0.05
# AutoGluon, with which Autopilot's ensembling and the local engine train, leaves out classes with
# fewer rows (`label_count_threshold`). Autopilot documents no limit of its own.
# https://auto.gluon.ai/stable/api/autogluon.tabular.TabularPredictor.html
_LEARNABLE_ROWS = 10
# The largest share of rows of which it is good to know, but no reason to doubt the model.
_FEW_DUPLICATES = 0.01
_FEW_MISSING = 0.05
_NAMES_ROWS = re.compile(
    r"(^|[^a-z0-9])(id|ids|uuid|guid|key|idx|index|rownum|row_?number|no|nr|number|code)$"
    r"|^unnamed_[0-9]+_*$",
    re.IGNORECASE,
)
_CAMEL_ID = re.compile(r"[a-z0-9](Id|ID|Uuid|UUID|Key)$")


@dataclass(frozen=True)
class Verdict:
    """What is decided about a table that can be used.

    Attributes:
        target: The column to predict.
        features: Columns to learn from, in file order.
        carried: Columns that are kept out and come back in the predictions, in file order.
        identifiers: Those of them that look like identifiers.
        decimal_commas: Features and target whose numbers have a decimal comma.
        decimal: What stands before decimals, where the table shows it.
        warnings: What else was found.
    """

    target: Target
    features: tuple[str, ...]
    carried: tuple[str, ...]
    identifiers: tuple[str, ...]
    decimal_commas: tuple[str, ...]
    decimal: str | None
    warnings: tuple[Finding, ...]


def check_columns(names: Sequence[str], target: str, settings: Settings) -> None:
    """Check a header against the settings, before anything is counted.

    Raises:
        Rejected: `TOO_MANY_COLUMNS`, `IGNORED_COLUMN_NOT_FOUND`, `KEPT_COLUMN_NOT_FOUND`,
            `SPLIT_COLUMN_NOT_FOUND`, `TARGET_IGNORED` or `NO_FEATURES`.
    """
    if len(names) > MOST_COLUMNS:
        raise Rejected(
            "TOO_MANY_COLUMNS",
            f"The file has {len(names):,} columns; the most are {MOST_COLUMNS:,}.",
            "Leave columns out, or turn the table: one record a row, one feature a column.",
            line=1,
        )
    asked = [("ignore", "IGNORED_COLUMN_NOT_FOUND", settings.ignore)]
    asked += [("keep", "KEPT_COLUMN_NOT_FOUND", settings.keep)]
    if settings.split.column is not None:
        asked.append(("split.column", "SPLIT_COLUMN_NOT_FOUND", (settings.split.column,)))
    for setting, code, wanted in asked:
        for name in wanted:
            if name not in names:
                raise Rejected(
                    code,
                    f"The setting `{setting}` names {quoted(name)}, which is not a column.",
                    f"Take it out of `{setting}`, or spell it as in the first row of the file.",
                    column=shortened(name),
                )
    if target in settings.ignore:
        raise Rejected(
            "TARGET_IGNORED",
            f"Column {quoted(target)} is both the target and ignored.",
            "Take it out of `ignore`, or set another `target`.",
            column=target,
        )
    if not set(names) - set(settings.ignore) - {target}:
        raise Rejected(
            "NO_FEATURES", "No column is left to learn from.", "Take columns out of `ignore`."
        )


def judge(
    facts: TableFacts,
    header: Sequence[str],
    reason: str,
    settings: Settings,
    *,
    min_rows: int = MIN_TRAINING_ROWS + MIN_TEST_ROWS,
) -> Verdict:
    """Return what is decided about a counted table.

    Args:
        facts: What was counted.
        header: The cells of the header as they are.
        reason: Why the target is the target.
        settings: All settings.
        min_rows: The fewest usable rows.

    Raises:
        Rejected: The first error, with all other findings in `others`.
    """
    errors: list[Rejected] = []
    warnings: list[Finding] = []
    target: Target | None = None

    def attempt(check: Callable[[], object]) -> None:
        try:
            check()
        except Rejected as problem:
            errors.append(problem)

    attempt(lambda: _check_header(facts, header))
    attempt(lambda: _check_row_count(facts, min_rows))
    try:
        target = describe_target(facts.target_column, reason, settings, facts.target_missing)
    except Rejected as problem:
        errors.append(problem)
    features = [
        column
        for column in facts.columns
        if column.position != facts.target and column.name not in settings.ignore
    ]
    identifiers = [
        column
        for column in features
        if column.name not in settings.keep
        and column.name != settings.split.column
        and _looks_like_identifier(column)
    ]
    # By position: to compare columns is to compare all that is known of them.
    kept_out = {column.position for column in identifiers}
    used = [column for column in features if column.position not in kept_out]
    kept = {column.position for column in used}
    decimal = _decimal(facts, settings)
    for column in [*used, facts.target_column]:
        attempt(lambda column=column: _check_numbers(column, decimal))  # type: ignore[misc]
    attempt(lambda: _check_features(used, identifiers))
    if target is not None:
        attempt(lambda: _check_split(target, settings))
        warnings += _target_warnings(target, facts, settings)
    warnings += _label_warning(facts.target_column, target)
    warnings += _table_warnings(facts, header, settings)
    # Without a usable row, every column would be called empty.
    for column in facts.columns if facts.usable else ():
        if column.position in kept_out:
            warnings.append(_identifier(column))
        elif column.position in kept:
            warnings += _feature_warnings(column, decimal)
    if errors:
        first, *more = errors
        first.others = (*(each.finding for each in more), *warnings)
        raise first
    assert target is not None  # noqa: S101 - else there would be an error
    return Verdict(
        target=target,
        features=tuple(column.name for column in used),
        carried=tuple(
            column.name
            for column in facts.columns
            if column.position not in kept and column.position != facts.target
        ),
        identifiers=tuple(column.name for column in identifiers),
        decimal_commas=tuple(
            column.name
            for column in facts.columns
            if (column.position in kept or column.position == facts.target)
            and column.is_numeric
            and column.decimal_comma
            and column.cells(Kind.DECIMAL_COMMA, Kind.AMBIGUOUS)
        ),
        decimal=decimal,
        warnings=tuple(warnings),
    )


def _check_header(facts: TableFacts, header: Sequence[str]) -> None:
    """Check that the first row is no row of data, and that no other row is a header.

    Raises:
        Rejected: `NO_HEADER` or `HEADER_REPEATED`.
    """
    columns = facts.columns
    repeats = [column.repeats_name for column in columns]
    if facts.usable and all(repeats) and len(set(repeats)) == 1 and facts.usable > repeats[0]:
        raise Rejected(
            "HEADER_REPEATED",
            f"The column names stand in {counted(repeats[0], 'more row')}, as when files are "
            "joined.",
            "Delete these rows.",
            column=columns[0].name,
            example=columns[0].name,
        )
    like_data = [
        rows > 0 or (kind_of(name) is Kind.NUMBER and not name.strip().isdigit())
        for rows, name in zip(repeats, header, strict=True)
    ]
    numbers = [kind_of(name) is Kind.NUMBER for name in header]
    if any(repeats) and 2 * sum(a or b for a, b in zip(like_data, numbers, strict=True)) >= len(
        columns
    ):
        shown = columns[repeats.index(max(repeats))]
        raise Rejected(
            "NO_HEADER",
            f"The first row looks like data: {quoted(shown.name)} stands in "
            f"{counted(max(repeats), 'more row')} of the same column.",
            "Add a first row with the column names.",
            line=1,
            column=shown.name,
        )


def _check_row_count(facts: TableFacts, needed: int) -> None:
    usable, missing = facts.usable, facts.target_missing
    if facts.rows == 0:
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
            f"The file has {counted(usable, 'row')} to work with{without}.",
            f"Add rows: {needed:,} are needed, {MIN_TRAINING_ROWS} that Autopilot asks for to "
            f"train on and {MIN_TEST_ROWS} to test on."
            if needed == MIN_TRAINING_ROWS + MIN_TEST_ROWS
            else f"Add rows: {needed:,} are asked for.",
        )


def _check_features(used: Sequence[ColumnFacts], identifiers: Sequence[ColumnFacts]) -> None:
    if not used:
        raise Rejected(
            "NO_FEATURES",
            "Every column but the target looks like an identifier, which says nothing about the "
            "next row.",
            "Add columns, or name those to learn from in `keep`, such as "
            f"keep: [{shortened(identifiers[0].name)}]."
            if identifiers
            else "Add columns from which the target can be learned.",
        )
    if all(column.rows for column in used) and all(column.is_constant for column in used):
        raise Rejected(
            "FEATURES_CONSTANT",
            "Every column but the target has the same value in all rows.",
            "Add columns from which the target can be learned.",
        )


def _check_split(target: Target, settings: Settings) -> None:
    if settings.split.method == "stratified" and target.inferred_type is ProblemType.REGRESSION:
        raise Rejected(
            "SPLIT_NEEDS_CLASSES",
            f"The setting `split.method` is stratified, but column {quoted(target.column)} holds "
            "measurements, not classes.",
            "Set `split.method` to random, or `problem_type` to multiclass.",
            column=target.column,
        )
    if settings.split.column == target.column:
        raise Rejected(
            "SPLIT_BY_TARGET",
            f"Column {quoted(target.column)} is both the target and what the split goes by.",
            "Set another `split.column`, or `split.method` to stratified.",
            column=target.column,
        )


def _decimal(facts: TableFacts, settings: Settings) -> str | None:
    """Return what stands before decimals where the table shows it without a doubt."""
    if settings.read.decimal is not None:
        return settings.read.decimal
    commas = any(c.is_numeric and c.cells(Kind.DECIMAL_COMMA) for c in facts.columns)
    points = any(c.is_numeric and c.has_plain_points for c in facts.columns)
    if commas == points:
        return None
    return "," if commas else "."


def _check_numbers(column: ColumnFacts, decimal: str | None) -> None:
    """Check that numbers can be read in one way only.

    Raises:
        Rejected: `NUMBERS_UNCLEAR`.
    """
    only_ambiguous = column.cells(Kind.AMBIGUOUS) and not column.cells(
        Kind.DECIMAL_COMMA, Kind.THOUSANDS
    )
    if column.is_numeric and only_ambiguous and decimal != ",":
        cell = column.examples[Kind.AMBIGUOUS]
        raise _unclear(column, cell, cell.replace(",", ""), cell.replace(",", "."))
    pointed = column.has_points and not column.has_plain_points
    if column.is_numeric and pointed and decimal == ",":
        cell = next(
            (c for c in column.counts or {} if "." in c), column.examples.get(Kind.NUMBER, "1.234")
        )
        raise _unclear(column, cell, cell.replace(".", ""), cell)


def _unclear(column: ColumnFacts, cell: str, thousand: str, fraction: str) -> Rejected:
    return Rejected(
        "NUMBERS_UNCLEAR",
        f"{quoted(cell)} in column {quoted(column.name)} can be {thousand} or {fraction}.",
        "Set `read.decimal` to comma or point, or write the numbers without thousands separators.",
        column=column.name,
        example=shortened(cell),
    )


def _looks_like_identifier(column: ColumnFacts) -> bool:
    if not column.differs_everywhere:
        return False
    numbers = column.numbers
    if column.is_numeric and numbers is not None:
        counts_up = numbers.highest - numbers.lowest + 1 == column.rows
        return numbers.are_whole and (counts_up or _has_name_of_rows(column.name))
    # Some codes in letters and digits look like numbers, such as 12345678 and 1234e567.
    if 2 * column.cells(Kind.TEXT) < column.present or column.cells(Kind.THOUSANDS, Kind.DATE):
        return False
    return column.spaced * 2 <= column.present


def _has_name_of_rows(name: str) -> bool:
    return bool(_NAMES_ROWS.search(name.strip()) or _CAMEL_ID.search(name.strip()))


def _identifier(column: ColumnFacts) -> Finding:
    return Finding(
        "IDENTIFIER",
        f"Column {quoted(column.name)} has another value in every row and names the rows; it is "
        "kept out of the training and comes back in predictions.csv.",
        f"If it says something about the target, add `keep: [{shortened(column.name)}]`.",
        column=column.name,
        example=_example(column),
    )


def _target_warnings(target: Target, facts: TableFacts, settings: Settings) -> Iterator[Finding]:
    if target.missing:
        yield Finding(
            "TARGET_MISSING",
            f"{counted(target.missing, 'row')} without a target: in neither part.",
            "Fill in the target where it is known.",
            column=target.column,
            level=NOTE if target.missing <= _FEW_MISSING * facts.rows else WARNING,
        )
    if not target.classes:
        return
    label, rows = target.classes[-1]
    if rows < _RARE * facts.usable and len(target.classes) * _RARE < 1:
        yield Finding(
            "CLASSES_UNBALANCED",
            f"Class {quoted(label)} is rare: {rows:,} of {facts.usable:,} rows. A model that never "
            "predicts it is right most of the time.",
            "Judge by a metric such as AUC, F1 or BalancedAccuracy (`objective`), and consider "
            "`split.method: stratified`.",
            column=target.column,
        )
    yield from _small_classes(target, settings)


def _small_classes(target: Target, settings: Settings) -> Iterator[Finding]:
    held_out = min(settings.split.test_fraction, 0.5)
    # So many rows that about ten are left to train on and one to test on.
    enough = math.ceil(max(_LEARNABLE_ROWS / (1 - held_out), 1 / held_out))
    small = [(label, rows) for label, rows in target.classes if rows < enough]
    if not small:
        return
    classes, few = len(target.classes), len(small)
    named = ", ".join(f"{quoted(label)} ({counted(rows, 'row')})" for label, rows in small[:5])
    named += f" and {few - 5:,} more" if few > 5 else ""
    message = (
        f"{counted(few, 'class', 'classes')} of {classes:,} with too few rows to be learned and "
        f"tested: {named}."
    )
    remedy = f"Add rows until each class has {enough}, or join them with others; "
    if classes == 2:
        message += " The training can fail."
        remedy = f"Add rows until each class has {enough}; "
    remedy += "`split.method: stratified` brings them to both sides."
    if classes - few < 2 < classes:
        message = (
            f"{'No' if few == classes else 'Only one'} class of {classes:,} has {enough} rows or "
            f"more, of which about {_LEARNABLE_ROWS} would train: the training can fail, and what "
            "it finds is worth little."
        )
        remedy = (
            f"Join classes into coarser ones until at least two have {enough} rows, add rows, or "
            "choose another column with the setting `target`."
        )
    yield Finding("CLASS_TOO_SMALL", message, remedy, column=target.column)


def _label_warning(column: ColumnFacts, target: Target | None) -> Iterator[Finding]:
    """Yield which labels are one word in several spellings.

    Also where the target is refused: it may be for these that it has too many classes.
    """
    if target is not None:
        counts = dict(target.classes)
    elif column.distinct <= MOST_NUMERIC_CLASSES and not column.is_numeric:
        counts = dict(column.counts or {})
    else:
        return
    words = _spellings(counts)
    if not words:
        return
    labels = words[0]
    shown = " and ".join(f"{quoted(each)} ({counted(counts[each], 'row')})" for each in labels[:3])
    more = f"; so do those of {counted(len(words) - 1, 'more label')}" if len(words) > 1 else ""
    yield Finding(
        "LABEL_SPELLINGS",
        f"Labels in column {quoted(column.name)} differ only in capital letters or spaces, and "
        f"each is a class of its own: {shown}{more}.",
        "Write each label in one way, and drop the file again.",
        column=column.name,
        # The rarest is the likeliest to be a slip.
        example=labels[-1],
    )


def _spellings(labels: Mapping[str, int]) -> list[list[str]]:
    """Return the labels that are spelled in more than one way, in the order that they come in."""
    words: dict[str, list[str]] = {}
    for label in labels:
        words.setdefault(" ".join(label.casefold().split()), []).append(label)
    return [each for each in words.values() if len(each) > 1]


def _table_warnings(
    facts: TableFacts, header: Sequence[str], settings: Settings
) -> Iterator[Finding]:
    for column, name in zip(facts.columns, header, strict=True):
        if not name.strip():
            yield Finding(
                "UNNAMED_COLUMN",
                f"Column {column.position + 1} has no name; it is called {column.name}.",
                "Name it in the first row.",
                line=1,
                column=column.name,
            )
    if facts.duplicates:
        about = "" if facts.duplicates_are_exact else "About "
        are = "is" if facts.duplicates == 1 else "are"
        same = (
            f"{about}{facts.duplicates:,} of {facts.rows:,} rows {are} the same as an earlier one"
        )
        if settings.split.method == "hash":
            yield Finding(
                "DUPLICATE_ROWS",
                f"{same}; `split.method: hash` keeps equal rows on one side.",
                "Nothing to do where they are meant; else delete them.",
                level=NOTE,
            )
            return
        yield Finding(
            "DUPLICATE_ROWS",
            f"{same}; the same row may be in training and in test.",
            "Delete them, or set `split.method: hash`, which keeps equal rows on one side.",
            level=NOTE if facts.duplicates <= _FEW_DUPLICATES * facts.rows else WARNING,
        )


def _feature_warnings(column: ColumnFacts, decimal: str | None) -> Iterator[Finding]:
    name = quoted(column.name)
    if not column.present:
        yield _about(column, "EMPTY_COLUMN", f"Column {name} is empty.", "Leave it out.")
        return
    if column.is_constant:
        yield _about(
            column,
            "CONSTANT_COLUMN",
            f"Column {name} has the same value in every row.",
            "Leave it out: nothing can be learned from it.",
        )
        return
    yield from _kind_warnings(column, decimal)
    association = column.association
    if association is not None and association.equals_target:
        yield _about(
            column,
            "COPY_OF_TARGET",
            f"Column {name} is a copy of the target.",
            f"Unless it is known before the target is, add `ignore: [{shortened(column.name)}]`.",
        )
    elif association is not None and association.gives_away:
        yield _about(
            column,
            "GIVES_TARGET_AWAY",
            f"Column {name} predicts the target without an exception.",
            f"Unless it is known before the target is, add `ignore: [{shortened(column.name)}]`.",
        )
    if is_free_text(column):
        yield _about(
            column,
            "FREE_TEXT",
            f"Column {name} holds free text, {column.mean_length:.0f} characters on average.",
            "Nothing to do where the words matter; else leave it out, since training on text is "
            "slow.",
        )


def _kind_warnings(column: ColumnFacts, decimal: str | None) -> Iterator[Finding]:
    name = quoted(column.name)
    texts = column.cells(Kind.TEXT, Kind.DATE)
    if column.is_mixed and texts:
        kind = Kind.TEXT if column.cells(Kind.TEXT) else Kind.DATE
        yield _about(
            column,
            "MIXED_TYPES",
            f"Column {name} holds {counted(column.numeric, 'number')} and "
            f"{counted(texts, 'text')}.",
            "Correct the cells that are wrong; write missing ones as nothing or NA.",
            kind,
        )
    elif column.is_mixed and column.cells(Kind.DECIMAL_COMMA, Kind.AMBIGUOUS) and column.has_points:
        yield _about(
            column,
            "MIXED_TYPES",
            f"Column {name} holds numbers with a decimal point and others with a comma; it is read "
            "as text.",
            "Write all of them with a point.",
            Kind.DECIMAL_COMMA if column.cells(Kind.DECIMAL_COMMA) else Kind.AMBIGUOUS,
        )
    maybe = not column.is_numeric and decimal != "," and not column.has_points
    thousands = [Kind.THOUSANDS, *([Kind.AMBIGUOUS] if maybe else [])]
    if rows := column.cells(*thousands):
        yield _about(
            column,
            "THOUSANDS_SEPARATORS",
            f"Column {name} has {counted(rows, 'number')} with thousands separators, read as text.",
            "Write the numbers without them.",
            next(kind for kind in thousands if column.cells(kind)),
        )
    if (
        column.is_numeric
        and column.decimal_comma
        and column.cells(Kind.DECIMAL_COMMA, Kind.AMBIGUOUS)
    ):
        kind = Kind.DECIMAL_COMMA if column.cells(Kind.DECIMAL_COMMA) else Kind.AMBIGUOUS
        yield _about(
            column,
            "DECIMAL_COMMAS",
            f"Column {name} is written with decimal commas; the model gets a point instead.",
            "Nothing to do; set `read.decimal: point` if these are no decimals.",
            kind,
        )
    if column.cells(Kind.DATE) * 2 > column.present:
        yield _about(
            column,
            "DATES",
            f"Column {name} holds dates.",
            "If the model is to predict later rows from earlier ones, split by time: "
            f"`split: {{method: time, column: {shortened(column.name)}}}`.",
            Kind.DATE,
        )
    if rows := column.cells(Kind.INFINITE):
        yield _about(
            column,
            "INFINITE_NUMBERS",
            f"Column {name} holds {counted(rows, 'infinite number')}.",
            "Write them as nothing, or as the largest number that makes sense.",
            Kind.INFINITE,
        )
    if rows := column.cells(Kind.HUGE):
        yield _about(
            column,
            "HUGE_NUMBERS",
            f"Column {name} holds {counted(rows, 'number')} beyond what double precision can hold.",
            "Write them in a larger unit, or as text if they are no quantities.",
            Kind.HUGE,
        )
    if column.numbers is not None and column.numbers.inexact:
        yield _about(
            column,
            "INEXACT_NUMBERS",
            f"Column {name} holds {counted(column.numbers.inexact, 'whole number')} above 2**53, "
            "of which double precision loses digits.",
            "If they are identifiers, add the column to `ignore`.",
            Kind.NUMBER,
        )


def _about(
    column: ColumnFacts, code: str, message: str, remedy: str, kind: Kind | None = None
) -> Finding:
    example = column.examples.get(kind) if kind is not None else None
    return Finding(code, message, remedy, column=column.name, example=example)


def _example(column: ColumnFacts) -> str | None:
    return next(iter(column.examples.values()), None)
