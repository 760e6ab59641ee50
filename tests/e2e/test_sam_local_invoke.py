"""`sam local invoke` of every function, in a container, against the local AWS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from autodrop_local import local_aws
from autodrop_local.layout import Layout
from autodrop_local.local_aws import LocalAws
from tests.e2e.conftest import PROJECT, Autodrop
from tests.fakes import table

SAM = Path(sys.executable).with_name("sam")
EVENTS = PROJECT / "events"
RUNTIME = f"python3.{sys.version_info.minor}"


def docker(*arguments: str) -> str | None:
    """Return what the docker command prints, or None where no engine answers."""
    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return str(done.stdout).strip()


HAS_DOCKER = docker("info") is not None
pytestmark = [
    pytest.mark.docker,
    pytest.mark.skipif(
        not HAS_DOCKER and "AUTODROP_EXPECT_DOCKER" not in os.environ,
        reason="no Docker engine answers",
    ),
]


@dataclass(frozen=True)
class Containers:
    """Our functions as `sam local invoke` runs them."""

    autodrop: Autodrop
    template: Path
    address: str

    def invoke(self, function: str, event: dict[str, Any]) -> str:
        """Run one function with an event and return what it logged."""
        event_file = self.template.with_name("event.json")
        event_file.write_text(json.dumps(event))
        environment = self.autodrop.aws.environment()
        # sam itself must reach nothing but the engine; the endpoint is for the function.
        del environment["AWS_ENDPOINT_URL"], environment["AWS_CA_BUNDLE"]
        done = subprocess.run(
            [
                *(SAM, "local", "invoke", function, "--skip-pull-image"),
                *("--template", self.template, "--event", event_file),
                *("--parameter-overrides", f"PythonRuntime={RUNTIME}"),
            ],
            capture_output=True,
            text=True,
            timeout=300,
            env=environment,
            cwd=self.template.parent,
        )
        assert done.returncode == 0, done.stderr
        assert '"errorMessage"' not in done.stdout, done.stdout + done.stderr
        return str(done.stdout) + str(done.stderr)


@pytest.fixture(scope="module")
def containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """Return the functions, built by `sam build`, with a local AWS that containers can reach."""
    folder = tmp_path_factory.mktemp("containers")
    address = bridge_address()
    aws = local_aws.start(folder / "home", port=0, listen=[address])
    try:
        outputs = local_aws.deploy(aws, PROJECT, report=lambda _: None)
        template = (
            shutil.copytree(Layout(aws.home).sam / "build", folder / "build") / "template.yaml"
        )
        _point_at(aws, address, template)
        yield Containers(Autodrop(aws, outputs, folder), template, address)
    finally:
        local_aws.stop(aws.home)


@pytest.fixture(scope="module")
def prepared_run(containers: Containers) -> str:
    """Return a run that `prepare_dataset` prepared in its container."""
    bucket = containers.autodrop.outputs["DataBucketName"]
    key = "inbox/container/some file+1.csv"
    containers.autodrop.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=table())
    event = json.loads((EVENTS / "dataset-dropped-unversioned.json").read_text())
    event["detail"]["bucket"]["name"] = bucket
    event["detail"]["object"] |= {"key": key, "size": len(table())}

    logged = containers.invoke("PrepareDatasetFunction", event)

    assert "Dataset prepared" in logged
    return next(word for word in logged.split('"') if word.startswith("ad-container-"))


def test_prepare_dataset_prepares_a_drop(containers: Containers, prepared_run: str) -> None:
    keys = containers.autodrop.keys(f"runs/container/{prepared_run}/")

    assert f"runs/container/{prepared_run}/dataset.json" in keys


@pytest.mark.parametrize(
    ("function", "file", "said"),
    [
        ("StartAutopilotFunction", "dataset-prepared", ("started", "past training")),
        ("WatchRunsFunction", "watch-runs-tick", ("Runs watched",)),
        (
            "CreateModelFunction",
            "autopilot-completed",
            ("not completed", "transform started", "not waiting"),
        ),
        ("WriteResultsFunction", "transform-completed", ("not completed", "Run ended", "waiting")),
        ("WriteDatasetPageFunction", "run-completed", ("Dataset page written",)),
        ("RecordFailureFunction", "transform-failed", ("No job", "No open run")),
        ("RecordFailureFunction", "failure-queue", ("Run ended",)),
    ],
)
def test_function_answers_in_its_container(
    containers: Containers, prepared_run: str, function: str, file: str, said: tuple[str, ...]
) -> None:
    event = json.loads((EVENTS / f"{file}.json").read_text())

    logged = containers.invoke(function, _about(event, containers, prepared_run))

    assert any(phrase in logged for phrase in said), logged


def bridge_address() -> str:
    """Return the host's address on Docker's default bridge, as containers see it."""
    found = docker(
        "network", "inspect", "bridge", "-f", "{{range .IPAM.Config}}{{.Gateway}}{{end}}"
    )
    if found:
        return found
    # An engine without addresses of its own leaves them to the interface.
    shown = subprocess.run(
        ["ip", "-4", "-o", "addr", "show", "docker0"], capture_output=True, text=True, check=True
    )
    return shown.stdout.split()[3].partition("/")[0]


def _point_at(aws: LocalAws, address: str, template: Path) -> None:
    """Give the built functions the local AWS's endpoint and certificate.

    `sam local invoke` passes on only those variables that the template declares, and mounts nothing
    but the function's own folder.
    """
    content = yaml.safe_load(template.read_text())
    deployed = aws.client("lambda").list_functions()["Functions"]
    variables = next(
        each["Environment"]["Variables"]
        for each in deployed
        if "PrepareDataset" in each["FunctionName"]
    )
    port = aws.endpoint.rpartition(":")[2]
    content["Globals"]["Function"]["Environment"]["Variables"] = {
        **variables,
        "AWS_ENDPOINT_URL": f"https://{address}:{port}",
        "AWS_CA_BUNDLE": "/var/task/ca.pem",
    }
    template.write_text(yaml.safe_dump(content))
    for function in template.parent.glob("*Function"):
        shutil.copy(aws.ca_bundle, function / "ca.pem")


def _about(event: dict[str, Any], containers: Containers, run: str) -> dict[str, Any]:
    """Return the event with the names of a run of ours instead of those in the file."""
    bucket = containers.autodrop.outputs["DataBucketName"]
    for record in event.get("Records", []):
        # The failed event lies as text in the message: it is about the bucket of its stack.
        record["body"] = record["body"].replace('"data-bucket"', f'"{bucket}"')
    detail = event.get("detail", {})
    if "object" in detail:
        detail["bucket"]["name"] = bucket
        detail["object"]["key"] = f"runs/container/{run}/dataset.json"
    for name in ("run_id", "TransformJobName"):
        if name in detail:
            detail[name] = run
    return event
