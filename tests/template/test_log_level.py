"""What Lambda lets through of what the functions print, at every `LogLevel`.

Lambda filters JSON logs by `ApplicationLogLevel` and takes a line without a level, such as a metric
in the embedded format, for INFO:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from tests.template.conftest import ROOT

LEVELS = ["DEBUG", "INFO", "WARN", "ERROR"]
# As Lambda's runtime does: its own handler on the root logger, at the level of Lambda's filter.
FUNCTION = f"""
import logging, os, sys
sys.path.insert(0, {str(ROOT / "shared")!r})
logging.basicConfig(
    stream=sys.stdout,
    level=os.environ["AWS_LAMBDA_LOG_LEVEL"],
    format='{{"level": "%(levelname)s", "message": "%(message)s"}}',
)
from types import SimpleNamespace
from autodrop.observability import log, logger, observed
from autodrop.report import Report

@observed
def lambda_handler(event, context):
    logger().debug("Looked at")
    log(Report("Job started", {{}}, metric="JobsStarted"))
    logger().error("Went wrong")
    logging.getLogger("library").debug("A library's thoughts")
    logging.getLogger("library").error("A library's error")

lambda_handler({{}}, SimpleNamespace(
    function_name="f", memory_limit_in_mb="1", invoked_function_arn="arn", aws_request_id="r",
))
"""


@pytest.fixture(scope="module", params=LEVELS)
def level(request: pytest.FixtureRequest) -> str:
    """Return one value of the parameter `LogLevel`."""
    return str(request.param)


@pytest.fixture(scope="module")
def logged(template: dict[str, Any], level: str) -> list[dict[str, Any]]:
    """Return the lines of one invocation that reach CloudWatch in a stack with this `LogLevel`."""
    settings = template["Globals"]["Function"]
    application = settings["LoggingConfig"]["ApplicationLogLevel"]
    own = settings["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"]
    chosen = {"Ref": "LogLevel"}
    filtered_at = level if application == chosen else application
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FUNCTION],
        env={
            "AWS_LAMBDA_LOG_LEVEL": filtered_at,
            "POWERTOOLS_LOG_LEVEL": level if own == chosen else own,
        },
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    least = _severity(filtered_at)
    return [line for line in lines if _severity(line.get("level", "INFO")) >= least]


def test_a_metric_reaches_cloudwatch_at_every_log_level(logged: list[dict[str, Any]]) -> None:
    metrics = [line for line in logged if "_aws" in line]

    assert [line["JobsStarted"] for line in metrics] == [[1.0]]


def test_lines_are_those_of_the_chosen_level_and_above(
    level: str, logged: list[dict[str, Any]]
) -> None:
    levels = {line["level"] for line in logged if "level" in line}

    wanted = {"DEBUG", "INFO", "ERROR"}
    assert levels == {each for each in wanted if _severity(each) >= _severity(level)}


def test_the_parameter_offers_these_levels(template: dict[str, Any]) -> None:
    assert template["Parameters"]["LogLevel"]["AllowedValues"] == LEVELS


def _severity(level: str) -> int:
    return logging.getLevelNamesMapping()[level]
