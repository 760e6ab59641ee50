"""Lambda: a minute has passed, or a child job of Autopilot has ended → open runs are looked at."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from autodrop.aws.composition import services
from autodrop.observability import log, observed
from autodrop.steps.watch_runs import watch_runs


@observed
def lambda_handler(_event: dict[str, Any], _context: LambdaContext) -> None:
    """Handle any event: what it says does not matter, only that it is time to look."""
    log(watch_runs(services()))
