"""What an AutoML job makes of its input before it trains: columns, problem type, split."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from autodrop_local.sagemaker.engine.failure import JobFailedError
from autodrop_local.sagemaker.engine.table import (
    Column,
    found_columns,
    typed,
    without_missing,
)

MIN_ROWS = 500
MIN_ROWS_OF_CLASS = 10
DEFAULT_VALIDATION_FRACTION = 0.2
SPLIT_SEED = 0
MAX_CLASSES_OF_NUMBERS = 20


@dataclass(frozen=True)
class Prepared:
    """Typed data, split into what is trained on and what candidates are measured on."""

    training: pd.DataFrame
    validation: pd.DataFrame
    target: str
    weight: str | None
    problem_type: str
    features: tuple[Column, ...]
    left_out_rows: int


def check(texts: pd.DataFrame, target: str, weight: str | None) -> pd.DataFrame:
    """The rows that have a target.

    Raises:
        JobFailedError: the target or weight is no column, or there are too few rows.
    """
    if target not in texts.columns:
        raise JobFailedError(f"Target attribute name {target} does not exist in header.")
    if weight is not None and weight not in texts.columns:
        raise JobFailedError(f"Sample weight attribute name {weight} does not exist in header.")
    if len(texts.columns) < 2 + (weight is not None):
        raise JobFailedError("The training dataset has no column besides the target.")
    labelled = texts[texts[target].notna() & (texts[target].str.strip() != "")]
    if len(labelled) < MIN_ROWS:
        raise JobFailedError(
            f"A minimum of {MIN_ROWS} rows with a target is required in the training dataset; "
            f"it has {len(labelled)}."
        )
    return labelled.reset_index(drop=True)


def inferred_problem_type(target: list[str]) -> str:
    """The problem type that the values of a target suggest.

    Two values make a binary problem, words and few whole numbers a multiclass one, and the
    rest is regression.
    """
    values = sorted(set(target))
    if len(values) == 2:
        return "BinaryClassification"
    numbers = pd.to_numeric(without_missing(pd.Series(values)), errors="coerce")
    if bool(numbers.isna().any()):
        return "MulticlassClassification"
    whole = bool((numbers % 1 == 0).all())
    if whole and len(values) <= MAX_CLASSES_OF_NUMBERS:
        return "MulticlassClassification"
    return "Regression"


def prepared(
    texts: pd.DataFrame,
    validation_texts: pd.DataFrame | None,
    *,
    target: str,
    weight: str | None,
    problem_type: str,
    validation_fraction: float,
) -> Prepared:
    """Typed and split data.

    Raises:
        JobFailedError: the target does not fit the problem type.
    """
    extra = {target, weight}
    columns = found_columns(texts[[name for name in texts.columns if name not in extra]])
    frames = [texts] if validation_texts is None else [texts, validation_texts]
    frames = [_with_target(frame, columns, target, weight, problem_type) for frame in frames]
    frames[0], left_out = _without_rare_classes(frames[0], target, problem_type)
    if len(frames) == 1:
        training, validation = _split(frames[0], target, problem_type, validation_fraction)
    else:
        training, validation = frames
        if problem_type != "Regression":
            validation = validation[validation[target].isin(training[target])]
        if validation.empty:
            raise JobFailedError("The validation channel has no usable row.")
    return Prepared(
        training.reset_index(drop=True),
        validation.reset_index(drop=True),
        target,
        weight,
        problem_type,
        tuple(columns),
        left_out,
    )


def _with_target(
    texts: pd.DataFrame, columns: Iterable[Column], target: str, weight: str | None, kind: str
) -> pd.DataFrame:
    try:
        frame = typed(texts, columns)
        if weight is not None:
            frame[weight] = typed(texts, [Column(weight, numeric=True)])[weight].fillna(0.0)
    except (ValueError, KeyError):
        raise JobFailedError(
            "The sample weights are no numbers, or the validation data has other columns or "
            "types than the training data."
        ) from None
    if kind != "Regression":
        frame[target] = texts[target]
        return frame
    numbers = pd.to_numeric(texts[target], errors="coerce")
    if bool((~np.isfinite(numbers)).any()):
        raise JobFailedError(
            f"Problem type Regression needs a numeric target, but {target} has values that are "
            "not numbers."
        )
    frame[target] = numbers.astype("float64")
    return frame


def _without_rare_classes(frame: pd.DataFrame, target: str, kind: str) -> tuple[pd.DataFrame, int]:
    """The rows of classes that are frequent enough to learn, and how many others there were."""
    values = frame[target]
    if kind == "Regression":
        if values.nunique() < 2:
            raise JobFailedError(f"The target {target} has the same value in every row.")
        return frame, 0
    counts = values.value_counts()
    if kind == "BinaryClassification" and len(counts) != 2:
        raise JobFailedError(
            f"Problem type BinaryClassification needs a target with 2 classes; {target} has "
            f"{len(counts)}."
        )
    frequent = counts[counts >= MIN_ROWS_OF_CLASS].index
    if len(frequent) < 2:
        raise JobFailedError(
            f"The target {target} needs at least 2 classes of {MIN_ROWS_OF_CLASS} rows each; "
            f"it has {len(frequent)}."
        )
    kept = frame[values.isin(frequent)]
    return kept, len(frame) - len(kept)


def _split(
    frame: pd.DataFrame, target: str, kind: str, fraction: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    stratify = None if kind == "Regression" else frame[target]
    try:
        training, validation = train_test_split(
            frame, test_size=fraction, random_state=SPLIT_SEED, stratify=stratify
        )
    except ValueError:
        training, validation = train_test_split(frame, test_size=fraction, random_state=SPLIT_SEED)
    return training, validation
