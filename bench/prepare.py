"""Preparation against pandas and against a plain copy: seconds, MB/s, processors, peak memory.

python -m bench.prepare                      the bank-marketing file repeated to 500 MB, three runs
python -m bench.prepare --megabytes 5000 --only autodrop      the memory at ten times the size

All three read the same file in a process of their own and write to the same disk, in turn.
"""

from __future__ import annotations

import argparse
import gzip
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.demo import EXAMPLE

_CHUNK = 1024 * 1024


def main() -> None:
    """Print one line for each way of preparing the file, and the ratios between them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", choices=WAYS, action="append")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.way:
        _measure(WAYS[asked.way], asked.file)
        return
    ways = asked.only or list(WAYS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bank.csv")
        _write(path, asked.megabytes * 1_000_000)
        megabytes = path.stat().st_size / 1e6
        told: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for _ in range(asked.runs):
            for way in ways:
                told[way].append(_in_a_process(way, path))
    print(f"{megabytes:,.1f} MB")
    median = {}
    for way, runs in told.items():
        seconds = [run["seconds"] for run in runs]
        median[way] = statistics.median(seconds)
        print(
            f"{way:<9} {median[way]:6.2f} s ({min(seconds):.2f}-{max(seconds):.2f})  "
            f"{megabytes / median[way]:6.0f} MB/s  "
            f"{statistics.median(run['processors'] for run in runs):6.2f} s of processors  "
            f"{max(run['peak_mb'] for run in runs):5.0f} MB at most"
        )
    for way in ways:
        if way != "autodrop" and "autodrop" in median:
            print(f"autodrop takes {median['autodrop'] / median[way]:.2f} times as long as {way}")


def by_autodrop(path: Path, folder: Path) -> None:
    """Read, validate, profile and split as the function does."""
    from autodrop.naming import Drop
    from autodrop.preparation.prepare import Dropped, Work, prepare
    from autodrop.settings import parse_settings

    drop = Drop("bench", "inbox/bank/bank.csv", "v1", "v1", path.stat().st_size)
    prepare(Dropped([path], drop, "ad-bank-0123456789ab"), parse_settings(), Work(folder))


def by_pandas(path: Path, folder: Path) -> None:
    """Do what a notebook does: read, describe, sample, drop, write."""
    import pandas as pd

    table = pd.read_csv(path)
    table.describe(include="all")
    train = table.sample(frac=0.8, random_state=200)
    test = table.drop(train.index)
    train.to_csv(folder / "train_data.csv", index=False)
    test.drop(columns="y").to_csv(folder / "test_data.csv", index=False, header=False)


def by_copy(path: Path, folder: Path) -> None:
    """Copy the file's bytes: what the disk alone takes."""
    with path.open("rb") as source, (folder / "copy").open("wb") as target:
        while chunk := source.read(_CHUNK):
            target.write(chunk)


WAYS: dict[str, Callable[[Path, Path], None]] = {
    "autodrop": by_autodrop,
    "pandas": by_pandas,
    "copy": by_copy,
}


def _measure(way: Callable[[Path, Path], None], path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        started = time.perf_counter()
        way(path, Path(folder))
        seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    measured = {"seconds": seconds, "processors": time.process_time(), "peak_mb": peak}
    print(json.dumps(measured))


def _in_a_process(way: str, path: Path) -> dict[str, float]:
    """Return the seconds, imports included, and the peak memory of one way."""
    command = [sys.executable, "-m", "bench.prepare", "--way", way, "--file", str(path)]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(told.stdout)
    return measured


def _write(path: Path, size: int) -> None:
    packed = (EXAMPLE / "bank-additional-full.csv.gz").read_bytes()
    header, _, rows = gzip.decompress(packed).partition(b"\n")
    if size * 3 > shutil.disk_usage(path.parent).free:
        raise SystemExit(f"There is no room for {size / 1e6:,.0f} MB three times.")
    with path.open("wb") as file:
        file.write(header + b"\n")
        while file.tell() < size:
            file.write(rows)


if __name__ == "__main__":
    main()
