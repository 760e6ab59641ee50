"""The header of a CSV file of which only the beginning was read."""

from __future__ import annotations

import csv
import gzip
import io


def header(first_bytes: bytes, gzipped: bool) -> list[str]:
    """The column names in the first row of a CSV file, of which the beginning is given."""
    if gzipped:
        with gzip.GzipFile(fileobj=io.BytesIO(first_bytes)) as unpacked:
            first_bytes = _available(unpacked)
    text = first_bytes.decode("utf-8-sig", errors="replace")
    return next(csv.reader(io.StringIO(text, newline="")), [])


def _available(unpacked: gzip.GzipFile) -> bytes:
    """What can be unpacked of a file that was cut off."""
    got = b""
    try:
        while piece := unpacked.read(1 << 14):
            got += piece
    except EOFError:
        pass
    return got
