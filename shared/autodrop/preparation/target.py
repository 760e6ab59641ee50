"""Which column is predicted, what kind of problem that is, and which class is the positive one."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from autodrop.dataset import Target
from autodrop.errors import Rejected
from autodrop.preparation.profile import ColumnProfile
from autodrop.settings import ProblemType, Settings

_USUAL_NAMES = ("y", "target", "label", "class", "outcome")
_USUAL_POSITIVES = ("yes", "true", "1", "1.0", "positive", "y", "t")
# Whole numbers with more different values than this are measurements rather than classes.
_MOST_NUMERIC_CLASSES = 20


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


def describe_target(profile: ColumnProfile, reason: str, settings: Settings) -> Target:
    """Return what is known of the target after all rows were seen.

    Raises:
        Rejected: `TARGET_CONSTANT`, `TARGET_EMPTY`, `TARGET_NOT_BINARY`, `TARGET_NOT_NUMERIC`,
            `TARGET_NOT_MULTICLASS`, `TARGET_MIXED`, `TARGET_TOO_MANY_CLASSES` or
            `POSITIVE_CLASS_NOT_FOUND`.
    """
    _check_values(profile)
    kind = settings.problem_type or _infer(profile)
    distinct = None if profile.values is None else len(profile.values)
    if kind is ProblemType.REGRESSION:
        if not profile.is_numeric:
            raise Rejected(
                "TARGET_NOT_NUMERIC",
                f"The problem is set to regression, but column {profile.name!r} holds texts.",
                "Choose a numeric target, or leave out `problem_type`.",
                column=profile.name,
            )
        return Target(profile.name, reason, kind, missing=profile.missing)
    if kind is ProblemType.MULTICLASS and distinct == 2:
        raise Rejected(
            "TARGET_NOT_MULTICLASS",
            f"The problem is set to multiclass, but column {profile.name!r} has 2 values.",
            "Set `problem_type: binary`, or leave it out.",
            column=profile.name,
        )
    if profile.values is None or len(profile.values) * 2 > profile.present:
        raise _no_classes(profile)
    if kind is ProblemType.BINARY and distinct != 2:
        raise Rejected(
            "TARGET_NOT_BINARY",
            f"The problem is set to binary, but column {profile.name!r} has {distinct} values.",
            "Set `problem_type: multiclass`, or leave it out.",
            column=profile.name,
        )
    positive, positive_reason = None, None
    if kind is ProblemType.BINARY:
        positive, positive_reason = _positive(profile, settings.positive_class)
    return Target(
        column=profile.name,
        reason=reason,
        inferred_type=kind,
        classes=tuple(profile.values.most_common()),
        positive_class=positive,
        positive_reason=positive_reason,
        missing=profile.missing,
    )


def _no_classes(profile: ColumnProfile) -> Rejected:
    texts = profile.present - profile.numbers
    if profile.numbers > texts:
        return Rejected(
            "TARGET_MIXED",
            f"Column {profile.name!r} holds {texts:,} texts among {profile.numbers:,} numbers.",
            "Correct or empty these cells; rows without a target are left out.",
            column=profile.name,
        )
    return Rejected(
        "TARGET_TOO_MANY_CLASSES",
        f"Column {profile.name!r} holds more different texts than classes can be learned from.",
        "Choose the column to predict with the setting `target`. If it holds numbers, write them "
        "plainly: no thousands separators, units or percent signs, and a point for decimals.",
        column=profile.name,
    )


def _check_values(profile: ColumnProfile) -> None:
    if not profile.present:
        raise Rejected(
            "TARGET_EMPTY",
            f"Every cell of the target column {profile.name!r} is empty.",
            "Choose the column to predict with the setting `target`.",
            column=profile.name,
        )
    if profile.values is not None and len(profile.values) == 1:
        raise Rejected(
            "TARGET_CONSTANT",
            f"The target column {profile.name!r} has the same value in every row: one class only.",
            "Add rows of other classes, or choose another column with the setting `target`.",
            column=profile.name,
        )


def _infer(profile: ColumnProfile) -> ProblemType:
    if profile.values is not None and len(profile.values) == 2:
        return ProblemType.BINARY
    if profile.is_numeric and (
        profile.has_fractions
        or profile.values is None
        or len(profile.values) > _MOST_NUMERIC_CLASSES
    ):
        return ProblemType.REGRESSION
    return ProblemType.MULTICLASS


def _positive(profile: ColumnProfile, wanted: str | None) -> tuple[str, str]:
    assert profile.values is not None  # noqa: S101 - two classes were counted
    labels = list(profile.values)
    if wanted is not None:
        if wanted not in labels:
            raise Rejected(
                "POSITIVE_CLASS_NOT_FOUND",
                f"`positive_class` is {wanted[:40]!r}, which column {profile.name!r} never holds.",
                f"Use one of its two values: {labels[0][:40]!r} or {labels[1][:40]!r}.",
                column=profile.name,
            )
        return wanted, "It is set as the positive class."
    for usual in _USUAL_POSITIVES:
        for label in labels:
            if label.strip().lower() == usual:
                return label, f"No positive class is set, and one class is called {label}."
    rarest = min(sorted(labels), key=lambda label: profile.values[label])  # type: ignore[index]
    return rarest, "No positive class is set, and this one is the rarer."


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
        "Set `target` to a column of the file; the closest are "
        + ", ".join(repr(name[:60]) for name in close)
        + ".",
        column=wanted[:60],
    )
