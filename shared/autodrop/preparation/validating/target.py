"""Which column is predicted, what kind of problem that is, and which class is the positive one."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from difflib import get_close_matches

from autodrop.dataset import MODEL_NEGATIVE, MODEL_POSITIVE, Target
from autodrop.errors import Rejected
from autodrop.findings import counted, quoted
from autodrop.preparation.cells.kinds import LINE_BREAK
from autodrop.preparation.cells.spelling import on_one_line
from autodrop.preparation.profiling.describing import MOST_NUMERIC_CLASSES
from autodrop.preparation.profiling.facts import ColumnFacts
from autodrop.settings import ProblemType, Settings

_USUAL_NAMES = ("y", "target", "label", "class", "outcome")
# As questionnaires, spreadsheets and databases have them in the languages of Europe and some of
# Asia, in the spelling of `_folded`.
_YES_WORDS = """
yes ja jo oui si sim da tak ano igen kylla jah taip evet ya да так כן نعم हाँ はい 是 예 네
true wahr vrai verdadero verdadeiro vero waar prawda adevarat
positive positiv positif positivo positief pozytywny
"""
_YES = frozenset(_YES_WORDS.split())
# What says yes only beside what says no.
_YES_BESIDE = {
    "y": "n",
    "j": "n",
    "o": "n",
    "s": "n",
    "d": "n",
    "e": "h",
    "t": "f",
    "v": "f",
    "w": "f",
    "p": "n",
    "pos": "neg",
    "+": "-",
}
_MOST_CLASSES = 1_000
# Where no class has more rows, and there are many, they are names or texts. Of the 500 rows that
# Autopilot asks for, each of a hundred classes would have as many: nothing is learned from that.
_HANDFUL = 5


def choose_target(columns: Sequence[str], wanted: str | None) -> tuple[str, str]:
    """Return the target column and why it was chosen.

    Raises:
        Rejected: `TARGET_NOT_FOUND` when `wanted` is not a column.
    """
    if wanted is not None:
        return _find(columns, wanted), "It is set as the target."
    by_name = {name.strip().lower(): name for name in reversed(columns)}
    for usual in _USUAL_NAMES:
        if usual in by_name:
            return by_name[usual], f"No target is set, and a column is called {usual}."
    return columns[-1], "No target is set, and this is the last column."


def describe_target(column: ColumnFacts, reason: str, settings: Settings, missing: int) -> Target:
    """Return what is known of the target after all rows were counted.

    Args:
        column: The target over the usable rows.
        reason: Why this column.
        settings: What the user says of it.
        missing: Rows without a target.

    Raises:
        Rejected: `TARGET_EMPTY`, `TARGET_CONSTANT`, `TARGET_UNIQUE`, `TARGET_NOT_BINARY`,
            `TARGET_NOT_NUMERIC`, `TARGET_NOT_MULTICLASS`, `TARGET_MIXED`,
            `TARGET_TOO_MANY_CLASSES`, `TARGET_CLASS_TOO_SMALL` or `POSITIVE_CLASS_NOT_FOUND`.
    """
    column = _on_one_line(column)
    _check_values(column)
    kind = settings.problem_type or _infer(column)
    distinct = column.distinct
    if kind is ProblemType.REGRESSION:
        if not column.is_numeric:
            raise Rejected(
                "TARGET_NOT_NUMERIC",
                f"The problem is set to regression, but column {quoted(column.name)} holds "
                f"{counted(column.present - column.numeric, 'cell')} without a number.",
                "Choose a numeric target, or leave out `problem_type`.",
                column=column.name,
            )
        return Target(column.name, reason, kind, missing=missing)
    if kind is ProblemType.MULTICLASS and distinct == 2:
        raise Rejected(
            "TARGET_NOT_MULTICLASS",
            f"The problem is set to multiclass, but column {quoted(column.name)} has 2 values.",
            "Set `problem_type: binary`, or leave it out.",
            column=column.name,
        )
    if column.counts is None or distinct > _MOST_CLASSES or _hardly_repeat(column):
        raise _no_classes(column, kind)
    if kind is ProblemType.BINARY and distinct != 2:
        raise Rejected(
            "TARGET_NOT_BINARY",
            f"The problem is set to binary, but column {quoted(column.name)} has {distinct} "
            "values.",
            "Set `problem_type: multiclass`, or leave it out.",
            column=column.name,
        )
    classes = tuple(column.counts.items())
    if sum(rows > 1 for _, rows in classes) < 2:
        raise Rejected(
            "TARGET_CLASS_TOO_SMALL",
            f"Column {quoted(column.name)} has a single row of class {quoted(classes[1][0])}: too "
            "few to train on the class and to test it.",
            "Add rows of that class.",
            column=column.name,
        )
    positive, positive_reason = None, None
    if kind is ProblemType.BINARY:
        positive, positive_reason = _positive(column, settings.positive_class)
    return Target(
        column=column.name,
        reason=reason,
        inferred_type=kind,
        classes=classes,
        positive_class=positive,
        positive_reason=positive_reason,
        missing=missing,
        model_labels={} if positive is None else _model_labels(classes, positive),
    )


def _model_labels(classes: Sequence[tuple[str, int]], positive: str) -> dict[str, str]:
    """Return the file's label by the model's, for two classes."""
    (other,) = (label for label, _ in classes if label != positive)
    return {MODEL_POSITIVE: positive, MODEL_NEGATIVE: other}


def _on_one_line(column: ColumnFacts) -> ColumnFacts:
    """Return the target as it is written: labels that differ in line breaks only are one class."""
    if not any(LINE_BREAK.search(label) for label in column.counts or ()):
        return column
    rows: Counter[str] = Counter()
    for label, times in (column.counts or {}).items():
        rows[on_one_line(label)] += times
    counts = dict(sorted(rows.items(), key=lambda each: (-each[1], each[0])))
    return replace(column, counts=counts, distinct=len(counts))


def _hardly_repeat(column: ColumnFacts) -> bool:
    most = max((column.counts or {}).values(), default=0)
    return column.distinct * 2 > column.present or (
        column.distinct > MOST_NUMERIC_CLASSES and most <= _HANDFUL
    )


def _no_classes(column: ColumnFacts, kind: ProblemType) -> Rejected:
    texts = column.present - column.numeric
    if column.numeric > texts > 0:
        return Rejected(
            "TARGET_MIXED",
            f"Column {quoted(column.name)} holds {counted(texts, 'text')} among "
            f"{counted(column.numeric, 'number')}.",
            "Correct or empty these cells; rows without a target are left out.",
            column=column.name,
            example=next((column.examples[k] for k in column.kinds_of_texts), None),
        )
    if column.is_numeric:
        return Rejected(
            "TARGET_TOO_MANY_CLASSES",
            f"The problem is set to {kind}, but column {quoted(column.name)} holds more different "
            "numbers than classes can be learned from.",
            "Leave out `problem_type`, or set it to regression.",
            column=column.name,
        )
    most = max((column.counts or {}).values(), default=0)
    message = f"Column {quoted(column.name)} holds more different texts than classes can be learned"
    message += " from."
    if 0 < most <= _HANDFUL:
        message = (
            f"Column {quoted(column.name)} holds {counted(column.distinct, 'different text')}, "
            f"none of them in more than {counted(most, 'row')}: they are names or free text, "
            "not classes."
        )
    return Rejected(
        "TARGET_TOO_MANY_CLASSES",
        message,
        "Choose the column to predict with the setting `target`. If it holds numbers, write them "
        "plainly: no thousands separators, units or percent signs, and a point for decimals.",
        column=column.name,
    )


def _check_values(column: ColumnFacts) -> None:
    if not column.present:
        raise Rejected(
            "TARGET_EMPTY",
            f"Every cell of the target column {quoted(column.name)} is empty.",
            "Choose the column to predict with the setting `target`.",
            column=column.name,
        )
    if column.distinct == 1:
        raise Rejected(
            "TARGET_CONSTANT",
            f"The target column {quoted(column.name)} has the same value in every row: one class "
            "only.",
            "Add rows of other classes, or choose another column with the setting `target`.",
            column=column.name,
        )
    numbers = column.numbers
    counts_up = (
        column.is_numeric
        and numbers is not None
        and numbers.are_whole
        and numbers.highest - numbers.lowest + 1 == column.rows
    )
    if column.differs_everywhere and (counts_up or not (column.is_mixed or column.is_numeric)):
        raise Rejected(
            "TARGET_UNIQUE",
            f"The target column {quoted(column.name)} has another value in every row: it names the "
            "rows.",
            "Choose the column to predict with the setting `target`.",
            column=column.name,
        )


def _infer(column: ColumnFacts) -> ProblemType:
    if column.distinct == 2:
        return ProblemType.BINARY
    if column.is_numeric and (
        column.numbers is None
        or not column.numbers.are_whole
        or column.distinct > MOST_NUMERIC_CLASSES
    ):
        return ProblemType.REGRESSION
    return ProblemType.MULTICLASS


def _positive(column: ColumnFacts, wanted: str | None) -> tuple[str, str]:
    rows = column.counts or {}
    labels = list(rows)
    if wanted is not None:
        wanted = on_one_line(wanted)
        if wanted not in labels:
            raise Rejected(
                "POSITIVE_CLASS_NOT_FOUND",
                f"`positive_class` is {quoted(wanted)}, which column {quoted(column.name)} never "
                "holds.",
                f"Use one of its two values: {quoted(labels[0])} or {quoted(labels[1])}.",
                column=column.name,
            )
        return wanted, "It is set as the positive class."
    for label, other in (labels, labels[::-1]):
        if _says_yes(label, other) and not _says_yes(other, label):
            if _number(_folded(other)) == 2:
                return label, (
                    f"No positive class is set, and questionnaires that code answers as {label} "
                    f"and {other} mean yes by {label}."
                )
            return label, f"No positive class is set, and one class is called {label}."
    first, second = sorted(labels)
    if rows[first] == rows[second]:
        return first, (
            "No positive class is set, both have as many rows, and this one comes first in "
            "sorted order."
        )
    rarer = min(labels, key=lambda label: rows[label])
    return rarer, "No positive class is set, and this one is the rarer."


def _says_yes(label: str, other: str) -> bool:
    """Return whether a label usually means yes; that of a code depends on the other one."""
    word, beside = _folded(label), _folded(other)
    is_one = _number(word) == 1 and _number(beside) in (0, -1, 2)
    return is_one or word in _YES or _YES_BESIDE.get(word) == beside


def _folded(label: str) -> str:
    letters = unicodedata.normalize("NFKD", label.strip().casefold())
    bare = "".join(each for each in letters if not unicodedata.combining(each))
    return unicodedata.normalize("NFKC", bare)


def _number(word: str) -> float | None:
    try:
        return float(word.replace(",", "."))
    except ValueError:
        return None


def _find(columns: Sequence[str], wanted: str) -> str:
    if wanted in columns:
        return wanted
    alike = [name for name in columns if name.strip().lower() == wanted.strip().lower()]
    if len(alike) == 1:
        return alike[0]
    close = get_close_matches(wanted, columns, n=3, cutoff=0.5) or list(columns[-3:])
    raise Rejected(
        "TARGET_NOT_FOUND",
        f"There is no column {wanted[:60]!r} to predict.",
        f"Set `target` to a column of the file; the closest {'is' if len(close) == 1 else 'are'} "
        + ", ".join(repr(name[:60]) for name in close)
        + ".",
        column=wanted[:60],
    )
