"""Lambda: a run has ended, in whatever way → the page of its dataset."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from autodrop.aws.composition import services
from autodrop.events import parse_run_ended
from autodrop.observability import log, observed
from autodrop.steps.write_dataset_page import write_dataset_page


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Handle `autodrop` *Run State Change*, which is sent at every end of a run."""
    log(write_dataset_page(services(), parse_run_ended(event)))
