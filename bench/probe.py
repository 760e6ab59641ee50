"""What asking the model costs: making the probe, scoring it, and what is computed from it.

    python -m bench.probe                            the bank-marketing file
    python -m bench.probe --rows 10000000            so many held-out rows of 20 columns, made up

What batch transform takes for the probe's rows is the time of as many held-out rows.
"""

from __future__ import annotations

import argparse
import gzip
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from autodrop.dataset import Split
from autodrop.naming import Drop
from autodrop.preparation.prepare import Dropped, Work, prepare
from autodrop.preparation.splitting.probe_rows import WrittenRows, write_probe
from autodrop.probe import ProbePlan
from autodrop.results.effects import Question, drivers, read_said
from autodrop.settings import parse_settings

_FILE = Path(__file__).parent.parent / "examples/bank-marketing/bank-additional-full.csv.gz"
_KEYS = ("predicted_label", "probability", "probabilities", "labels")


def timed(what: str, work: Callable[[], Any], runs: int) -> Any:
    """Print the median of the seconds that `work` takes, and return what it returns."""
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - started)
    print(f"{what:<48}{statistics.median(seconds):8.3f} s")
    return found


def main() -> None:
    """Print how long each step takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, help="held-out rows, instead of those of the file")
    parser.add_argument("--runs", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dropped = folder / "bank.csv"
        dropped.write_bytes(gzip.decompress(_FILE.read_bytes()))
        drop = Drop("bench", "inbox/bench/bank.csv", "v1", "v1", dropped.stat().st_size)
        found = prepare(
            Dropped([dropped], drop, "ad-bench-0123456789ab"), parse_settings(), Work(folder)
        )
        test, truth, dataset = found.test, found.truth, found.dataset
        if asked.rows:
            test, truth = _repeated(test, truth, asked.rows)
            dataset = replace(dataset, split=Split("random", 0.2, 200, 1, asked.rows))
        size = (test.stat().st_size + truth.stat().st_size) / 1e6
        print(f"{dataset.split.test_rows:,} held-out rows, {size:,.0f} MB")
        plan: ProbePlan = timed(
            "making the probe",
            lambda: write_probe(dataset, found.profile, WrittenRows([test], [truth]), folder),
            asked.runs,
        )
        probe = folder / "probe_rows.csv"
        print(f"{plan.rows:,} rows of {len(plan.features)} columns, {probe.stat().st_size:,} bytes")
        output = folder / "probe_rows.csv.out"
        scores = [i % 7 / 7 for i in range(plan.rows)]
        lists = (f"\"[{each}, {1 - each}]\",\"['no', 'yes']\"" for each in scores)
        output.write_text("".join(f"no,0.5,{each}\n" for each in lists))
        question = Question("roc_auc", 0.95, 0.5, "yes")
        timed(
            "importance and effects of all columns",
            lambda: drivers(plan, read_said(output, _KEYS, str), question),
            asked.runs,
        )


def _repeated(test: Path, truth: Path, rows: int) -> tuple[Path, Path]:
    """Return the held-out rows over and over, and their truth."""
    lines = test.read_bytes().splitlines(keepends=True)
    header, *truths = truth.read_bytes().splitlines(keepends=True)
    more = [test.with_name("many.csv"), truth.with_name("many-truth.csv")]
    for path, first, some in zip(more, (b"", header), (lines, truths), strict=True):
        whole = b"".join(some)
        with path.open("wb") as file:
            file.write(first)
            for _ in range(rows // len(some)):
                file.write(whole)
            file.writelines(some[: rows % len(some)])
    return more[0], more[1]


if __name__ == "__main__":
    main()
