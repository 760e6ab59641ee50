"""The real template on a local AWS of its own, and the `autodrop` command against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from autodrop_local import local_aws
from autodrop_local.local_aws import LocalAws

PROJECT = Path(__file__).parent.parent.parent
JOBS_AT_ONCE = 2
COMMAND = Path(sys.executable).with_name("autodrop")


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    exit_code: int
    output: str


@dataclass
class Autodrop:
    """The deployed autodrop, used as its users use it."""

    aws: LocalAws
    outputs: dict[str, str]
    folder: Path
    waiting: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def run(self, *arguments: str | Path) -> Answer:
        """Run `autodrop` with these arguments."""
        process = self._start(*arguments)
        output, _ = process.communicate(timeout=400)
        return Answer(process.returncode, output)

    def start_drop(self, name: str, *arguments: str | Path) -> None:
        """Run `autodrop drop … --wait` in the background."""
        self.waiting[name] = self._start("drop", *arguments, "--wait")

    def end_of_drop(self, name: str) -> Answer:
        """Wait for a drop that was started."""
        process = self.waiting.pop(name)
        output, _ = process.communicate(timeout=400)
        return Answer(process.returncode, output)

    def runs(self) -> list[dict[str, Any]]:
        """Return all runs, newest first."""
        answer = self.run("status", "--json")
        assert answer.exit_code == 0, answer.output
        runs: list[dict[str, Any]] = json.loads(answer.output)
        return runs

    def run_of(self, dataset: str) -> dict[str, Any]:
        """Return the newest run of a dataset."""
        return next(run for run in self.runs() if run["dataset"] == dataset)

    def end_of_run(self, key: str) -> dict[str, Any]:
        """Return the run of a dropped object once it has ended."""
        for _ in range(240):
            for run in self.runs():
                if run["file"] == key and run["code"]:
                    return run
            time.sleep(0.5)
        raise AssertionError(f"no run of {key!r} ends")

    def results(self, dataset: str) -> tuple[dict[str, Any], pd.DataFrame]:
        """Return summary and predictions of the newest run of a dataset."""
        run = self.run_of(dataset)["run_id"]
        folder = self.folder / run
        answer = self.run("results", run, "--to", folder)
        assert answer.exit_code == 0, answer.output
        summary: dict[str, Any] = json.loads((folder / "summary.json").read_text())
        predictions = pd.read_csv(folder / "predictions.csv", dtype=str, keep_default_na=False)
        return summary, predictions

    def invoke(self, function: str, event: object) -> dict[str, object]:
        """Run a function with an event and wait for its answer."""
        answer: dict[str, object] = self.aws.client("lambda").invoke(
            FunctionName=self.physical_ids()[function], Payload=json.dumps(event)
        )
        return answer

    def physical_ids(self) -> dict[str, str]:
        """Return what the stack's resources are called on this AWS, by logical id."""
        told = self.aws.client("cloudformation").describe_stack_resources(
            StackName="autodrop-local"
        )
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"] for each in told["StackResources"]
        }

    @contextmanager
    def preparing_at_most(self, size: int) -> Iterator[None]:
        """Lower the size, in bytes, of the files that the function prepares itself, for a while."""
        lambdas = self.aws.client("lambda")
        name = self.physical_ids()["PrepareDatasetFunction"]
        told = lambdas.get_function_configuration(FunctionName=name)
        variables = told["Environment"]["Variables"]
        lowered = {**variables, "MAX_LAMBDA_DATASET_BYTES": str(size)}
        lambdas.update_function_configuration(FunctionName=name, Environment={"Variables": lowered})
        yield
        lambdas.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables}
        )

    def keys(self, prefix: str) -> list[str]:
        """Return the keys of the data bucket below `prefix`."""
        answer = self.aws.client("s3").list_objects_v2(
            Bucket=self.outputs["DataBucketName"], Prefix=prefix
        )
        return [each["Key"] for each in answer.get("Contents", [])]

    def object(self, key: str) -> bytes:
        """Return the content of an object."""
        answer = self.aws.client("s3").get_object(Bucket=self.outputs["DataBucketName"], Key=key)
        content: bytes = answer["Body"].read()
        return content

    def page_with(self, run: dict[str, Any]) -> str:
        """Return the page of the run's dataset as soon as it shows the run."""
        key = f"runs/{run['dataset']}/index.html"
        for _ in range(60):
            if key in self.keys(key):
                page = self.object(key).decode()
                if run["run_id"] in page:
                    return page
            time.sleep(0.5)
        raise AssertionError(f"run {run['run_id']} does not get onto {key}")

    def _start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env={**os.environ, "AUTODROP_HOME": str(self.aws.home), "COLUMNS": "200"},
        )


@pytest.fixture(scope="session")
def autodrop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Autodrop]:
    """Return autodrop, deployed by `sam build` and `sam deploy` on a local AWS of its own."""
    folder = tmp_path_factory.mktemp("autodrop")
    aws = local_aws.start(folder / "home", port=0, automl_job_quota=JOBS_AT_ONCE)
    try:
        outputs = local_aws.deploy(aws, PROJECT, report=lambda _: None)
        yield Autodrop(aws, outputs, folder)
    finally:
        local_aws.stop(aws.home)
