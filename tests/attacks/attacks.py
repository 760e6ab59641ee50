"""Hostile and unlucky drops, each with how it ends and what it may cost.

Every attack is a drop into the bucket of a stack with its default ceilings, where a file may unpack
to 10 MB. What it writes goes into a file no longer than `disk`; the whole of it takes no more
seconds of a processor than `seconds`, which are many times what is needed.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from backports import zstd

from tests.fakes import table

MEGABYTE = 1_000_000
# Twice what a file may unpack to: quotes and row numbers are written beside it.
USUAL_DISK = 20 * MEGABYTE


@dataclass(frozen=True)
class Attack:
    """A drop.

    Attributes:
        content: Makes the file.
        state: How the run ends, or where it waits for a job.
        code: Why.
        key: Where the file is dropped.
        metadata: What comes with it.
        settings: The dataset's `autodrop.yaml`.
        disk: The most bytes of a file that is written.
        seconds: The most time of a processor.
    """

    content: Callable[[], bytes]
    state: str
    code: str | None = None
    key: str = "inbox/bank/bank.csv"
    metadata: Mapping[str, str] = field(default_factory=dict)
    settings: bytes | None = None
    disk: int = USUAL_DISK
    seconds: int = 60


def parquet(select: str) -> bytes:
    """Return a Parquet file of a query's rows."""
    import duckdb

    with TemporaryDirectory() as folder:
        path = Path(folder, "file")
        duckdb.sql(f"copy ({select}) to '{path}' (format parquet, compression zstd)")
        return path.read_bytes()


def wide(columns: int, rows: int) -> bytes:
    """Return a table of numbers with a target of two classes."""
    text = io.StringIO()
    text.write(",".join([*(f"x{i}" for i in range(columns - 1)), "y"]) + "\n")
    for row in range(rows):
        cells = (str((row * 7 + column) % 5) for column in range(columns - 1))
        text.write(",".join([*cells, str(row % 2)]) + "\n")
    return text.getvalue().encode()


def aliases() -> bytes:
    """Return 52 KB of YAML that say one name ten thousand times."""
    return f'ignore: [&a "{"x" * 3_000}"{", *a" * 12_000}]\n'.encode()


def nested_aliases() -> bytes:
    """Return YAML whose lists of lists would unfold to gigabytes."""
    lines = ['a0: &a0 ["x"]'] + [
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)
    ]
    return "\n".join(lines).encode()


def _bomb() -> bytes:
    return b"x,y\n" + b"0,1\n" * 20_000_000


REPEATED = "select 'x' as a, 'yes' as y from range(20_000_000)"
LONG = "select repeat('x', 10_000) as a, 'yes' as y from range(100_000)"

ATTACKS: dict[str, Attack] = {
    "750 candidates": Attack(
        table,
        "REJECTED",
        "SETTING_ABOVE_CEILING",
        metadata={"autodrop-autopilot-max-candidates": "750"},
    ),
    "thirty days": Attack(
        table,
        "REJECTED",
        "SETTING_ABOVE_CEILING",
        metadata={"autodrop-autopilot-max-runtime-minutes": "43200"},
    ),
    "a hundred of the dearest": Attack(
        table,
        "REJECTED",
        "SETTING_ABOVE_CEILING",
        settings=b"transform: {instance_type: ml.p3.16xlarge, instance_count: 100}",
    ),
    "two thousand columns": Attack(
        lambda: wide(2_000, 520), "PREPARED", disk=60 * MEGABYTE, seconds=240
    ),
    "rows of Parquet that repeat": Attack(
        lambda: parquet(REPEATED), "PREPARING", key="inbox/bank/bank.parquet"
    ),
    "cells of Parquet that repeat": Attack(
        lambda: parquet(LONG), "PREPARING", key="inbox/bank/bank.parquet"
    ),
    "a gzip bomb": Attack(
        lambda: gzip.compress(_bomb(), mtime=0), "PREPARING", key="inbox/bank/bank.csv.gz"
    ),
    "a zstd bomb": Attack(
        lambda: zstd.compress(_bomb()), "PREPARING", key="inbox/bank/bank.csv.zst"
    ),
    "a text that grows when it is decoded": Attack(
        lambda: b"x,y\n" + b"\xe9\xe9\xe9\xe9\xe9\xe9,1\n" * 1_100_000,
        "PREPARING",
        settings=b"read: {encoding: latin-1}",
    ),
    "a name ten thousand times": Attack(
        lambda: table(header=f"{'x' * 3_000},z,y"), "PREPARED", settings=aliases()
    ),
    "lists of lists of lists": Attack(table, "REJECTED", "BAD_SETTINGS", settings=nested_aliases()),
    "settings of a hundred megabytes": Attack(
        table, "REJECTED", "BAD_SETTINGS", settings=b"#" * 100_000_000
    ),
    "a label of 400 KB": Attack(lambda: table().replace(b"yes", b"y" * 400_000, 1), "PREPARED"),
    "a header of 400 KB": Attack(
        lambda: table(header=f"{'x' * 400_000},z,y"),
        "REJECTED",
        "KEPT_COLUMN_NOT_FOUND",
        settings=b"keep: [nothing]",
    ),
    "control characters in the key": Attack(
        table, "PREPARED", key="inbox/a\x01\x1b[31m\n/\x7f.csv"
    ),
    "equal names in Parquet": Attack(
        lambda: parquet(
            "select range as xx, range + 1 as yy, range % 2 as y from range(600)"
        ).replace(b"yy", b"xx"),
        "REJECTED",
        "DUPLICATE_COLUMNS",
        key="inbox/bank/bank.parquet",
    ),
    "deep JSON for settings": Attack(table, "REJECTED", "BAD_SETTINGS", settings=b"[" * 60_000),
}
