"""What a Parquet file says at its end about its columns and rows, without reading any.

A reader of Thrift's compact protocol, for the few fields that are needed here:
https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift
https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TAIL = 8
_LARGEST_FOOTER = 64 * 1024 * 1024
# Thrift's types in the compact protocol.
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)
_DEEPEST = 16


@dataclass(frozen=True)
class Footer:
    """The end of a Parquet file.

    Attributes:
        names: Its columns; two may have the same name.
        rows: The rows of each row group.
        unpacked_bytes: The bytes of all pages, unpacked.
    """

    names: tuple[str, ...]
    rows: tuple[int, ...]
    unpacked_bytes: int


def read_footer(path: Path) -> Footer:
    """Return what a Parquet file says at its end.

    Raises:
        ValueError: It is damaged.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(-_TAIL, 2)
        length = int.from_bytes(file.read(4), "little")
        if length > min(size - _TAIL, _LARGEST_FOOTER):
            raise ValueError("the footer is longer than the file")
        file.seek(-_TAIL - length, 2)
        written = file.read(length)
    try:
        metadata = _Thrift(written).struct()
        _, *schema = metadata[2]
        groups = metadata.get(4, [])
        return Footer(
            tuple(_top_level(schema)),
            tuple(group[3] for group in groups),
            sum(group[2] for group in groups),
        )
    except (IndexError, KeyError, TypeError, RecursionError) as error:
        raise ValueError("the footer cannot be read") from error


def _top_level(schema: list[Mapping[int, Any]]) -> list[str]:
    """Return the names of the columns among all elements of a schema, which is depth first."""
    names, at = [], 0
    while at < len(schema):
        names.append(schema[at][4].decode())
        below = 1
        while below:
            below += schema[at].get(5, 0) - 1
            at += 1
    return names


class _Thrift:
    """Bytes in Thrift's compact protocol, read from the beginning."""

    def __init__(self, written: bytes) -> None:
        self._written = written
        self._at = 0

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Return the values of a struct by the numbers of its fields."""
        if depth > _DEEPEST:
            raise ValueError("the footer is nested too deeply")
        values: dict[int, Any] = {}
        number = 0
        while header := self._byte():
            step, kind = header >> 4, header & 0x0F
            number = number + step if step else self._integer()
            values[number] = self._value(kind, depth)
        return values

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (_TRUE, _FALSE):
            return kind == _TRUE
        if kind == _BYTE:
            return self._byte()
        if kind in _INTEGERS:
            return self._integer()
        if kind == _DOUBLE:
            return self._bytes(8)
        if kind == _BINARY:
            return self._bytes(self._size())
        if kind in (_LIST, _SET):
            header = self._byte()
            size = header >> 4 if header >> 4 < 15 else self._size()
            element = header & 0x0F
            # In a list, a truth value is a byte of its own.
            kind = _BYTE if element in (_TRUE, _FALSE) else element
            return [self._value(kind, depth + 1) for _ in range(size)]
        if kind == _STRUCT:
            return self.struct(depth + 1)
        raise ValueError("the footer holds what no footer holds")

    def _byte(self) -> int:
        self._at += 1
        return self._written[self._at - 1]

    def _bytes(self, size: int) -> bytes:
        self._at += size
        if self._at > len(self._written):
            raise ValueError("the footer breaks off")
        return self._written[self._at - size : self._at]

    def _size(self) -> int:
        """Return an unsigned number; one that is larger than what is left ends with an error."""
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def _integer(self) -> int:
        number = self._size()
        return (number >> 1) ^ -(number & 1)
