"""checkov on the translated template, bandit on the code: clean, or a reason for what is not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from docs.accepted_findings import Accepted, Finding, accepted_findings, gone, unexplained
from docs.translated_template import translate, written_template

ROOT = Path(__file__).parents[2]
CODE = ["shared", "functions", "processing", "autodrop_local", "autodrop_cli"]
ACCEPTED = Accepted("checkov", "CKV_1", "locks", ("Door.*",), "There is a guard.")


def run(tool: str, *arguments: str) -> dict[str, Any]:
    """Return what a tool says of this project, as its JSON has it.

    The tools have an environment of their own, which uv makes from `audit/uv.lock`.
    """
    uv = [str(Path(sys.executable).with_name("uv")), "run", "--quiet", "--frozen"]
    ran = subprocess.run(
        [*uv, "--project", "audit", tool, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    # 1: there are findings.
    assert ran.returncode in (0, 1), ran.stderr
    said: dict[str, Any] = json.loads(ran.stdout)
    return said


@pytest.fixture(scope="module")
def checkov(tmp_path_factory: pytest.TempPathFactory) -> set[Finding]:
    template = tmp_path_factory.mktemp("translated") / "template.json"
    template.write_text(json.dumps(translate(written_template())))
    framework = ["--framework", "cloudformation", "--skip-download"]
    said = run("checkov", "--file", str(template), "--output", "json", "--quiet", *framework)

    # Resources of a condition are left out, and what a check skips.
    assert said["summary"]["parsing_errors"] == 0
    assert said["summary"]["skipped"] == 0
    assert said["summary"]["passed"] > 100
    return {
        Finding("checkov", each["check_id"], each["resource"])
        for each in said["results"]["failed_checks"]
    }


@pytest.fixture(scope="module")
def bandit() -> set[Finding]:
    said = run("bandit", "--quiet", "--recursive", "--format", "json", *CODE)

    assert said["errors"] == []
    assert said["metrics"]["_totals"]["nosec"] == 0
    assert said["metrics"]["_totals"]["loc"] > 10_000
    return {Finding("bandit", each["test_id"], each["filename"]) for each in said["results"]}


@pytest.mark.audit
@pytest.mark.parametrize("tool", ["checkov", "bandit"])
def test_a_finding_has_a_reason_and_a_reason_its_finding(
    tool: str, request: pytest.FixtureRequest
) -> None:
    findings: set[Finding] = request.getfixturevalue(tool)
    accepted = [entry for entry in accepted_findings() if entry.tool == tool]

    assert unexplained(findings, accepted) == []
    assert gone(findings, accepted) == []


def test_a_new_finding_is_told() -> None:
    known, other_check, other_place = (
        Finding("checkov", "CKV_1", "Door.Front"),
        Finding("checkov", "CKV_2", "Door.Front"),
        Finding("checkov", "CKV_1", "Window.Front"),
    )

    told = unexplained([known, other_check, other_place], [ACCEPTED])

    assert told == [other_check, other_place]


def test_a_finding_that_is_gone_is_told() -> None:
    assert gone([Finding("checkov", "CKV_1", "Door.Front")], [ACCEPTED]) == []
    assert gone([Finding("bandit", "CKV_1", "Door.Front")], [ACCEPTED]) == [("CKV_1", "Door.*")]
