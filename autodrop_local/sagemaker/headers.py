"""The header of a CSV file of which only the beginning was read."""

from __future__ import annotations

import csv
import io
import zlib

_GZIP = 16 + zlib.MAX_WBITS


def header(first_bytes: bytes, gzipped: bool) -> list[str]:
    """The column names in the first row of a CSV file, of which the beginning is given.

    Raises:
        ValueError: it is said to be gzip, but is not.
    """
    if gzipped:
        try:
            first_bytes = zlib.decompressobj(_GZIP).decompress(first_bytes)
        except zlib.error:
            raise ValueError("not a gzip file") from None
    text = first_bytes.decode("utf-8-sig", errors="replace")
    return next(csv.reader(io.StringIO(text, newline="")), [])
