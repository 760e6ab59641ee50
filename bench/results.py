"""Scored rows to all result files: seconds and peak memory.

python -m bench.results                               1,000,000 rows of two classes
python -m bench.results --rows 10000000               the memory at ten times as many
python -m bench.results --kind multiclass --classes 30
python -m bench.results --kind regression
python -m bench.results --rows 5000000 --browser      until Chromium has drawn the report, too

The step itself runs, on a bucket that is a folder, in a process of its own with the report and the
page. Making the data is not measured.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from autodrop.dataset import Dataset, Reading, Split, Target
from autodrop.errors import NotFound
from autodrop.naming import Drop, RunFolder, run_id
from autodrop.outcome import to_json
from autodrop.ports import ObjectFacts
from autodrop.run import Run, RunState
from autodrop.sagemaker_jobs import TransformJob
from autodrop.settings import ProblemType, parse_settings

_NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
_DROP = Drop("bench", "inbox/bench/bench.csv", "v1", "v1", 0)
_RUN = Run(run_id(_DROP), _DROP, RunState.TRANSFORMING, _NOW, {RunState.PREPARED: _NOW})
_BLOCK = 100_000
_CITIES = ("Berlin", "London", "New York", "Paris", "Seoul", "서울")


class FolderBucket:
    """`autodrop.ports.Bucket` in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = folder.name

    def path(self, key: str) -> Path:
        """Return where an object is."""
        return self._folder / key

    def download(self, key: str, path: Path, _version: str | None = None) -> Mapping[str, str]:
        """Copy the object to `path`."""
        shutil.copyfile(self._found(key), path)
        return {}

    def read(self, key: str, most: int | None = None) -> bytes:
        """Return the object, or its beginning."""
        return self._found(key).read_bytes()[:most]

    def facts(self, key: str, _version: str | None = None) -> ObjectFacts:
        """Return nothing but that it is there."""
        self._found(key)
        return ObjectFacts({}, None)

    def exists(self, key: str) -> bool:
        """Return whether the object exists."""
        return self.path(key).is_file()

    def upload(self, key: str, path: Path, _content_type: str) -> None:
        """Copy the file to the object."""
        self.path(key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, self.path(key))

    def write(self, key: str, content: bytes, _content_type: str) -> None:
        """Write the object."""
        self.path(key).parent.mkdir(parents=True, exist_ok=True)
        self.path(key).write_bytes(content)

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """Return keys and sizes below `prefix`."""
        found = sorted(each for each in self._folder.rglob("*") if each.is_file())
        keys = {str(each.relative_to(self._folder)): each.stat().st_size for each in found}
        return {key: size for key, size in keys.items() if key.startswith(prefix)}

    def list(self, prefix: str) -> Sequence[str]:
        """Return the keys below `prefix`."""
        return [*self.sizes(prefix)]

    def _found(self, key: str) -> Path:
        if not self.path(key).is_file():
            raise NotFound(key)
        return self.path(key)


def main() -> None:
    """Print seconds and peak memory for all results of some rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--kind", choices=list(ProblemType), default=ProblemType.BINARY)
    parser.add_argument("--classes", type=int, default=3, help="of a multiclass problem")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--browser", action="store_true", help="open the report in Chromium")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.folder:
        _measure(asked.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(FolderBucket(folder), ProblemType(asked.kind), asked.rows, asked.classes)
        read = sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
        for _ in range(asked.runs):
            told = _in_a_process(folder)
            print(
                f"{asked.rows:,} rows, {read / 1e6:,.0f} MB read: {told['seconds']:.1f} s, "
                f"{told['processor_seconds']:.1f} s of processors, "
                f"{told['peak_mb']:,.0f} MB at most"
            )
            for file, size in told["written"].items():
                print(f"  {file:<22} {size / 1e6:12,.3f} MB")
            if asked.browser:
                _open(folder / _RUN.folder.result("report.html"), max(asked.runs, 5))


def _open(report: Path, times: int) -> None:
    """Print how long the browser takes from nothing to a page with all of its charts."""
    from playwright.sync_api import sync_playwright

    found = []
    with sync_playwright() as driver:
        path = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))))
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for _ in range(times):
            page = browser.new_page()
            started = time.perf_counter()
            page.goto(report.as_uri())
            page.wait_for_function(
                "[...document.querySelectorAll('.plot')].every(each => each.querySelector('svg'))"
            )
            found.append(time.perf_counter() - started)
            page.close()
        browser.close()
    print(f"  report in Chromium     {statistics.median(found) * 1000:12,.0f} ms, of {times} times")


def make(bucket: FolderBucket, kind: ProblemType, rows: int, classes: int) -> None:
    """Write what a completed batch transform of so many held-out rows leaves in the bucket."""
    labels = ["no", "yes"] if kind is ProblemType.BINARY else [f"class {i}" for i in range(classes)]
    if kind is ProblemType.REGRESSION:
        labels = []
    dataset = Dataset(
        run_id=_RUN.run_id,
        name="bench",
        source={"bucket": "bench", "key": _DROP.key, "version_id": "v1", "size": 0},
        reading=Reading(),
        rows=rows * 5,
        columns=("id", "city", "member", "age", "income", "balance", "y"),
        features=("city", "member", "age", "income", "balance"),
        target=Target("y", "It is called y.", kind, tuple((label, 1) for label in labels), "yes")
        if labels
        else Target("y", "It is called y.", kind),
        split=Split("random", 0.2, 200, rows * 4, rows),
        settings=parse_settings(),
    )
    folder = RunFolder.of("bench", _RUN.run_id)
    columns = [
        {"name": name, "type": "text", "distinct": n, "target": {"explained_share": share}}
        for name, n, share in (("city", len(_CITIES), 0.2), ("member", 2, 0.1))
    ]
    keys = ["predicted_label"]
    if labels:
        keys += ["probability", "probabilities", "labels"]
    best: dict[str, Any] = {
        "name": "best",
        "status": "Completed",
        "objective": None,
        "training_seconds": 1.0,
        "metrics": [],
        "failure_reason": None,
        "explainability": None,
    }
    bucket.write(folder.dataset, to_json(dataset.to_json()), "")
    bucket.write(folder.profile, to_json({"columns": columns}), "")
    autopilot = {
        "problem_type": str(kind),
        "response_keys": keys,
        "best_candidate": best,
        "candidates": [{"rank": 1, **best}],
        "notebooks": {"candidate_definition": None, "data_exploration": None},
        "partial_failures": [],
        "created_at": _NOW.isoformat(),
        "ended_at": None,
    }
    bucket.write(folder.autopilot, to_json(autopilot), "")
    output = f"{folder.inference_results}/test_data.csv.out"
    for key in (folder.truth, folder.test, output):
        bucket.write(key, b"", "")
    rng = np.random.default_rng(1)
    with (
        bucket.path(folder.truth).open("w", encoding="utf-8") as truth,
        bucket.path(folder.test).open("w", encoding="utf-8") as test,
        bucket.path(output).open("w", encoding="utf-8") as out,
    ):
        truth.write("row,id,y\n")
        for start in range(0, rows, _BLOCK):
            _write_block(rng, labels, range(start, min(start + _BLOCK, rows)), truth, test, out)


def _write_block(
    rng: np.random.Generator, labels: Sequence[str], rows: range, truth: Any, test: Any, out: Any
) -> None:
    size = len(rows)
    of_test = zip(
        rng.choice(_CITIES, size),
        rng.choice(["true", "false"], size),
        rng.integers(18, 90, size),
        rng.lognormal(10, 1, size).round(2),
        rng.normal(0, 1000, size).round(2),
        strict=True,
    )
    test.writelines(f"{a},{b},{c},{d},{e}\n" for a, b, c, d, e in of_test)
    if not labels:
        numbers = rng.normal(0, 10, size)
        said = numbers + rng.normal(0, 3, size)
        truth.writelines(
            f"{i * 5},c-{i},{y!r}\n" for i, y in zip(rows, numbers.tolist(), strict=True)
        )
        out.writelines(f"{y!r}\n" for y in said.tolist())
        return
    spelled = str(list(labels))
    shares = rng.dirichlet(np.full(len(labels), 0.4), size).astype(np.float32)
    drawn = (shares.cumsum(axis=1) > rng.random((size, 1)) * 0.999).argmax(axis=1)
    best = shares.argmax(axis=1)
    truth.writelines(f"{i * 5},c-{i},{labels[y]}\n" for i, y in zip(rows, drawn, strict=True))
    out.writelines(
        f'{labels[b]},{p[b]},"{p}","{spelled}"\n'
        for b, p in zip(best.tolist(), shares.tolist(), strict=True)
    )


def _measure(folder: Path) -> None:
    """Run the step and print what it took."""
    from autodrop.steps.write_results import write_results
    from tests.fakes import World

    world = World()
    world.ledger.claim(_RUN)
    world.sagemaker.transforms[_RUN.run_id] = TransformJob(
        _RUN.run_id, "Completed", _RUN.run_id, "", _NOW, _NOW, _NOW
    )
    bucket = FolderBucket(folder)
    services = replace(world.services, bucket=bucket)
    started, used = time.perf_counter(), time.process_time()
    report = write_results(services, _RUN.run_id)
    seconds = time.perf_counter() - started
    processor_seconds = time.process_time() - used
    if report.fields.get("state") != RunState.COMPLETED:
        raise SystemExit(str(report))
    results = _RUN.folder.results
    written = {key.removeprefix(results): size for key, size in bucket.sizes(results).items()}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told = {"seconds": seconds, "processor_seconds": processor_seconds, "peak_mb": peak}
    print(json.dumps({**told, "written": written}))


def _in_a_process(folder: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.results", "--folder", str(folder)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(told.stdout)
    return measured


if __name__ == "__main__":
    main()
