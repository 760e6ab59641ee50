"""Lambda: a batch transform is completed → predictions, leaderboard, summary and report."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from autodrop.aws.composition import services
from autodrop.events import parse_job_name
from autodrop.observability import log, observed
from autodrop.steps.write_results import write_results


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Handle *SageMaker Transform Job State Change*, Completed, or our own in its place."""
    run_id = parse_job_name(event)
    if run_id is not None:
        log(write_results(services(), run_id))
