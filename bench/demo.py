"""How long the main job takes, beside AutoGluon alone with the same candidates on the same rows.

    make bench

Needs a local AWS with autodrop deployed (`autodrop local start`). Each side runs as a process of
its own, import included, in turn, `--runs` times.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

PROJECT = Path(__file__).parent.parent
EXAMPLE = PROJECT / "examples" / "bank-marketing"
COMMAND = Path(sys.executable).with_name("autodrop")
TARGET = "y"
CANDIDATES = 5


@dataclass(frozen=True)
class Measured:
    """One run: wall seconds, the part that trained, and ROC AUC on the held-out rows."""

    seconds: float
    training_seconds: float
    roc_auc: float


def drop_to_report(file: Path, folder: Path) -> Measured:
    """Drop the file and wait for its report."""
    config = str(EXAMPLE / "autodrop.yaml")
    arguments = ["drop", str(file), "--local", "--dataset", "bench", "--config", config, "--wait"]
    started = time.perf_counter()
    subprocess.run(
        [COMMAND, *arguments, "--to", str(folder)], check=True, stdout=subprocess.DEVNULL
    )
    seconds = time.perf_counter() - started
    summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
    return Measured(
        seconds,
        summary["timings"]["training_seconds"],
        summary["held_out"]["metrics"]["roc_auc"]["value"],
    )


def autogluon_alone(file: Path) -> Measured:
    """Split, fit the same candidates and score the same rows, without any of autodrop."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "bench.demo", "--alone", file],
        check=True,
        capture_output=True,
        text=True,
        cwd=PROJECT,
    )
    seconds = time.perf_counter() - started
    told = json.loads(done.stdout.splitlines()[-1])
    return Measured(seconds, told["fit_seconds"], told["roc_auc"])


def fit_alone(file: Path) -> None:
    """Print the seconds of the fit and the ROC AUC as JSON."""
    from autogluon.tabular import TabularPredictor
    from sklearn.metrics import roc_auc_score

    from autodrop_local.sagemaker.engine.candidates import chosen, hyperparameters

    table = pd.read_csv(file)
    training = table.sample(frac=0.8, random_state=200)
    testing = table.drop(training.index)
    models: dict[str, list[dict[str, Any]]] = {}
    for model in chosen(CANDIDATES, None)[0]:
        for key, settings in hyperparameters(model, "BinaryClassification", None).items():
            models.setdefault(key, []).extend(settings)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        predictor = TabularPredictor(TARGET, eval_metric="roc_auc", path=folder, verbosity=0)
        predictor.fit(training, hyperparameters=models, num_gpus=0)
        score = predictor.predict_proba(testing)["yes"]
        seconds = time.perf_counter() - started
    auc = roc_auc_score(testing[TARGET] == "yes", score)
    print(json.dumps({"fit_seconds": seconds, "roc_auc": auc}))


def report(name: str, runs: Sequence[Measured]) -> None:
    """Print a row of the table: medians, and the range of the seconds."""
    wall = [run.seconds for run in runs]
    training = statistics.median(run.training_seconds for run in runs)
    auc = statistics.median(run.roc_auc for run in runs)
    spread = f"{min(wall):.1f}-{max(wall):.1f}"
    print(f"{name:<18}{statistics.median(wall):>9.1f}{spread:>14}{training:>11.1f}{auc:>10.4f}")


def main() -> None:
    """Measure both sides in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--alone", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        fit_alone(options.alone)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "bank-additional-full.csv")
        file.write_bytes(gzip.decompress((EXAMPLE / f"{file.name}.gz").read_bytes()))
        dropped, alone = [], []
        for _ in range(options.runs):
            dropped.append(drop_to_report(file, Path(folder, "results")))
            alone.append(autogluon_alone(file))
    print(f"{'':<18}{'seconds':>9}{'range':>14}{'training':>11}{'ROC AUC':>10}")
    report("drop to report", dropped)
    report("AutoGluon alone", alone)
    added = [a.seconds - b.seconds for a, b in zip(dropped, alone, strict=True)]
    print(f"the pipeline adds {statistics.median(added):.1f} s")


if __name__ == "__main__":
    main()
