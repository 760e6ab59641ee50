"""Lambda: a file was dropped, or the job that prepares one has ended → a run folder."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from autodrop.aws.composition import services
from autodrop.events import parse_drop, parse_job_name
from autodrop.observability import log, observed
from autodrop.steps.prepare_dataset import prepare_dataset
from autodrop.steps.processing_job import continue_preparation


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Handle S3 *Object Created* below `inbox/`, and *SageMaker Processing Job State Change*.

    Or our own *Processing Job State Change* in its place.
    """
    if event.get("source") == "aws.s3":
        log(prepare_dataset(services(), parse_drop(event)))
        return
    run_id = parse_job_name(event)
    if run_id is not None:
        log(continue_preparation(services(), run_id))
