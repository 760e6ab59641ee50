"""Reads CSV the same way for training and for inference.

Everything is read as text. A column is numeric when each of its values is; the rest stays text.
So a class keeps the spelling of the file (`01`, `True`, `<=50K`), and a batch of a transform job
is typed by what training saw and not by what happens to be in the batch.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
import pandas as pd

from autodrop_local.sagemaker.engine.failure import JobFailedError

MISSING = frozenset(
    [
        "",
        "#N/A",
        "#N/A N/A",
        "#NA",
        "-1.#IND",
        "-1.#QNAN",
        "-NaN",
        "-nan",
        "1.#IND",
        "1.#QNAN",
        "<NA>",
        "N/A",
        "NA",
        "NULL",
        "NaN",
        "None",
        "n/a",
        "nan",
        "null",
    ]
)


@dataclass(frozen=True)
class Column:
    """A feature: its name, and whether it holds numbers."""

    name: str
    numeric: bool


def read_text(stream: IO[bytes], gzipped: bool, names: list[str] | None = None) -> pd.DataFrame:
    """A CSV file as a frame of texts, nothing taken as missing; with names given, without header.

    Raises:
        JobFailedError: it is not UTF-8, or its rows do not have the header's columns.
    """
    source = gzip.GzipFile(fileobj=stream) if gzipped else stream
    try:
        texts = pd.read_csv(
            source,
            dtype=str,
            encoding="utf-8-sig",
            keep_default_na=False,
            na_filter=False,
            header="infer" if names is None else None,
            names=names,
            low_memory=False,
        )
    except UnicodeDecodeError:
        raise JobFailedError("The CSV file is not encoded in UTF-8.") from None
    except pd.errors.EmptyDataError:
        raise JobFailedError("The CSV file is empty.") from None
    except pd.errors.ParserError as error:
        raise JobFailedError(f"The CSV file cannot be read: {error}") from None
    except (EOFError, gzip.BadGzipFile):
        raise JobFailedError("The file is not a whole gzip file.") from None
    if not isinstance(texts.index, pd.RangeIndex):
        raise JobFailedError("The rows of the CSV file have more columns than its header.")
    return texts


def found_columns(texts: pd.DataFrame) -> list[Column]:
    """The columns of a frame of texts, with what they hold."""
    return [Column(str(name), _is_numeric(texts[name])) for name in texts.columns]


def typed(texts: pd.DataFrame, columns: Iterable[Column]) -> pd.DataFrame:
    """The frame with numbers as floats and missing values as missing.

    Raises:
        ValueError: a value of a numeric column is no number; the text names the column only.
    """
    made: dict[str, pd.Series[Any]] = {}
    for column in columns:
        values = without_missing(texts[column.name])
        if column.numeric:
            made[column.name] = _numbers(values, column.name)
        else:
            made[column.name] = values
    return pd.DataFrame(made, index=texts.index)


def without_missing(texts: pd.Series[str]) -> pd.Series[str]:
    """The texts, with the usual words for a missing value made missing."""
    return texts.mask(texts.isin(MISSING))


def _numbers(values: pd.Series[str], name: str) -> pd.Series[float]:
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    if bool((numbers.isna() & values.notna()).any()):
        raise ValueError(f"column {name} holds a value that is not a number")
    return numbers.replace([np.inf, -np.inf], np.nan)


def _is_numeric(texts: pd.Series[str]) -> bool:
    values = without_missing(texts).dropna()
    return not values.empty and bool(pd.to_numeric(values, errors="coerce").notna().all())
