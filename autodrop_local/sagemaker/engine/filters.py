"""`InputFilter` and `OutputFilter` of a transform job, for CSV: positions of columns.

AWS's page and the JsonPath library it names disagree on whether the end of a slice belongs to
it, so slices with an end are refused here rather than guessed.
https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

from autodrop_local.sagemaker.errors import invalid

MAX_FILTER_LENGTH = 63

_PATH = re.compile(r"\$\[\s*([^\[\]]*?)\s*\]")
_INDEX = re.compile(r"-?\d+")
_OPEN_SLICE = re.compile(r"(-?\d+)\s*:")
_BOUNDED_SLICE = re.compile(r"-?\d*\s*:\s*-?\d+")

Field = TypeVar("Field")


class FilterRangeError(Exception):
    """A filter names a position that a record does not have; the job fails."""


@dataclass(frozen=True)
class Positions:
    """What a filter keeps: single positions and open ends, in order; `None` keeps all."""

    parts: tuple[int | slice, ...] | None

    def of(self, fields: list[Field]) -> list[Field]:
        """The kept fields of one record.

        >>> parse("$[0,-1]").of(["id", "x", "y"])
        ['id', 'y']

        Raises:
            FilterRangeError: the record has no such position.
        """
        if self.parts is None:
            return fields
        kept: list[Field] = []
        for part in self.parts:
            if isinstance(part, slice):
                kept.extend(fields[part])
                continue
            try:
                kept.append(fields[part])
            except IndexError:
                raise FilterRangeError(
                    f"index {part} is outside a record of {len(fields)} columns"
                ) from None
        return kept


def parse(path: str) -> Positions:
    """The positions that a path keeps.

    Raises:
        ApiError: a `ValidationException` for what is no path over CSV columns, and for slices
            with an end.
    """
    if path.strip() == "$":
        return Positions(None)
    found = _PATH.fullmatch(path.strip())
    if found is None:
        raise invalid(f"Filter {path} is not valid for text/csv: use $ or $[positions].")
    return Positions(tuple(_part(part.strip(), path) for part in found[1].split(",")))


def check_filters(input_filter: str, output_filter: str) -> None:
    """Refuses filters that cannot be applied.

    Raises:
        ApiError: a `ValidationException` that says which one and why.
    """
    for name, path in (("InputFilter", input_filter), ("OutputFilter", output_filter)):
        if len(path) > MAX_FILTER_LENGTH:
            raise invalid(f"{name} must have length less than or equal to {MAX_FILTER_LENGTH}.")
        parse(path)


def _part(part: str, path: str) -> int | slice:
    if _INDEX.fullmatch(part):
        return int(part)
    open_slice = _OPEN_SLICE.fullmatch(part)
    if open_slice is not None:
        return slice(int(open_slice[1]), None)
    if _BOUNDED_SLICE.fullmatch(part):
        raise invalid(
            f"Filter {path} is ambiguous: AWS documents the end of a slice as included, its "
            "JsonPath library excludes it. List the positions instead."
        )
    raise invalid(f"Filter {path} is not valid for text/csv: {part or 'nothing'} is no position.")
