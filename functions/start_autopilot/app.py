"""Lambda: a dataset is prepared → its AutoML job is started or queued."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from autodrop.aws.composition import services
from autodrop.events import parse_dataset_ready
from autodrop.observability import log, observed
from autodrop.steps.start_autopilot import start_autopilot


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Handle S3 *Object Created* of a run's `dataset.json`."""
    log(start_autopilot(services(), parse_dataset_ready(event)))
