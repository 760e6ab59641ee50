"""Lambda: an AutoML job is completed → its best candidate's model and a batch transform."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from autodrop.aws.composition import services
from autodrop.events import parse_job_name
from autodrop.observability import log, observed
from autodrop.steps.create_model import create_model


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Handle `autodrop` *Autopilot Job State Change*, Completed."""
    run_id = parse_job_name(event)
    if run_id is not None:
        log(create_model(services(), run_id))
