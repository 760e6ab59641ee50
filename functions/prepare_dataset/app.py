"""Lambda: a file was dropped → validated, split, and written as a run folder."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from autodrop.aws.composition import services
from autodrop.events import parse_drop
from autodrop.observability import log, observed
from autodrop.steps.prepare_dataset import prepare_dataset


@observed
def lambda_handler(event: dict[str, Any], _context: LambdaContext) -> None:
    """Handle S3 *Object Created* below `inbox/`."""
    log(prepare_dataset(services(), parse_drop(event)))
