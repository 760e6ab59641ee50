"""Preparation against the notebook's pandas and a plain copy, on four shapes of file.

python -m bench.prepare                                     all shapes of 500 MB, three runs
python -m bench.prepare --shape wide --megabytes 5000 --only autodrop --only copy --runs 1

All read the same file on two processors, each in a process of its own, in turn. The peak is that
of the whole process tree, pages shared between processes counted once. `bench/shapes.py` says what
the shapes are.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.shapes import CACHE, PROJECT, SHAPES, TARGET, shaped_file

PROCESSORS = 2
_CHUNK = 1024 * 1024
_SAMPLE_SECONDS = 0.05
_MB = 1_000_000


@dataclass(frozen=True)
class Run:
    """One process from its start to its end.

    Attributes:
        seconds: Wall time of the preparation, imports of its libraries included.
        processor_seconds: User and system time of the process and its children.
        peak: Most memory at a time, in millions of bytes, children included.
    """

    seconds: float
    processor_seconds: float
    peak: float


def main() -> None:
    """Print a row per shape and way: how often it fits into pandas' time, and a copy into its."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--shape", choices=SHAPES, action="append")
    parser.add_argument("--only", choices=WAYS, action="append")
    parser.add_argument("--limit", type=float, default=3600, help="seconds that a run may take")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.way:
        _measure(WAYS[asked.way], asked.file, asked.folder)
        return
    ways = asked.only or list(WAYS)
    print(
        f"{'shape':<9}{'MB':>8}  {'way':<9}{'wall s':>8} {'(least-most)':<15}"
        f"{'CPU s':>8}{'MB/s':>7}{'peak MB':>9}{'x pandas':>10}{'x copy':>9}"
    )
    for shape in asked.shape or SHAPES:
        path = shaped_file(shape, asked.megabytes)
        runs: dict[str, list[Run]] = {way: [] for way in ways}
        for _ in range(asked.runs):
            for way in ways:
                with tempfile.TemporaryDirectory(dir=CACHE) as folder:
                    runs[way].append(_in_a_process(way, path, folder, asked.limit))
        _show(shape, path.stat().st_size / _MB, runs)


def by_autodrop(path: Path, folder: Path) -> None:
    """Read, validate, profile and split as the function does."""
    from autodrop.naming import Drop
    from autodrop.preparation.prepare import Dropped, Work, prepare
    from autodrop.settings import parse_settings

    drop = Drop("bench", "inbox/bank/bank.csv", "v1", "v1", path.stat().st_size)
    settings = parse_settings({"target": TARGET})
    prepare(Dropped([path], drop, "ad-bank-0123456789ab"), settings, Work(folder))


def by_pandas(path: Path, folder: Path) -> None:
    """Do what a notebook does: read, describe, sample, drop, write."""
    import pandas as pd

    table = pd.read_csv(path)
    table.describe(include="all")
    train = table.sample(frac=0.8, random_state=200)
    test = table.drop(train.index)
    train.to_csv(folder / "train_data.csv", index=False)
    test.drop(columns=TARGET).to_csv(folder / "test_data.csv", index=False, header=False)


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


def _show(shape: str, megabytes: float, runs: dict[str, list[Run]]) -> None:
    median = {way: statistics.median(run.seconds for run in done) for way, done in runs.items()}
    for way, done in runs.items():
        seconds = [run.seconds for run in done]
        faster = f"{median['pandas'] / median[way]:.2f}" if "pandas" in median else ""
        slower = f"{median[way] / median['copy']:.1f}" if "copy" in median else ""
        print(
            f"{shape:<9}{megabytes:8,.0f}  {way:<9}{median[way]:8.2f} "
            f"{f'({min(seconds):.2f}-{max(seconds):.2f})':<15}"
            f"{statistics.median(run.processor_seconds for run in done):8.2f}"
            f"{megabytes / median[way]:7.0f}{max(run.peak for run in done):9.0f}"
            f"{faster:>10}{slower:>9}",
            flush=True,
        )


def _measure(way: Callable[[Path, Path], None], path: Path, folder: Path) -> None:
    started = time.perf_counter()
    way(path, folder)
    print(json.dumps(time.perf_counter() - started))


def _in_a_process(way: str, path: Path, folder: str, limit: float) -> Run:
    """Return what one way took on two processors, infinite seconds when it was ended at `limit`.

    Raises:
        SystemExit: When it failed.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.prepare", "--way", way, "--file", path, "--folder", folder],
        stdout=subprocess.PIPE,
        cwd=PROJECT,
        preexec_fn=_take_processors,
    )
    tree = psutil.Process(process.pid)
    ends = time.monotonic() + limit
    peak, late = 0, False
    while not _has_ended(process.pid):
        peak = max(peak, _resident(tree))
        if late := time.monotonic() > ends:
            for child in (*tree.children(recursive=True), tree):
                child.kill()
        time.sleep(_SAMPLE_SECONDS)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.stdout is None or (process.returncode and not late):
        raise SystemExit(f"{way} ended with {process.returncode} on {path.name}.")
    with process.stdout as printed:
        lines = printed.read().splitlines()
    seconds: float = math.inf if late else json.loads(lines[-1])
    # What the kernel knows of the largest process catches a peak between two samples.
    peak = max(peak, usage.ru_maxrss * 1024)
    return Run(seconds, usage.ru_utime + usage.ru_stime, peak / _MB)


def _take_processors() -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:PROCESSORS])


def _has_ended(process: int) -> bool:
    """Whether a child has ended, and leave it to be waited for with what it used."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _resident(tree: psutil.Process) -> int:
    """Return the bytes in memory of a process and its children, shared pages once.

    A process without children is asked for less: what counts shared pages takes longer.
    """
    try:
        children = tree.children(recursive=True)
        if not children:
            return int(tree.memory_info().rss)
        return sum(int(process.memory_full_info().pss) for process in (tree, *children))
    except psutil.Error:
        return 0


if __name__ == "__main__":
    main()
