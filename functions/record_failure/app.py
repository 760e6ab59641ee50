"""Lambda: a job failed or stopped, or an event was not handled → the run ends with a reason."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.utilities import batch
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from autodrop.aws.composition import services
from autodrop.events import parse_failed_delivery, parse_job_name
from autodrop.observability import log, logger, observed
from autodrop.steps.record_failure import record_failed_delivery, record_job_failure


@observed
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> object:
    """Handle failed and stopped jobs, and messages of the failure queue."""
    if "Records" in event:
        processor = batch.BatchProcessor(
            batch.EventType.SQS,
            raise_on_entire_batch_failure=False,
            logger=logger(),  # type: ignore[arg-type]  # Powertools' own has all that is called
        )
        return batch.process_partial_response(event, _record, processor, context)
    run_id = parse_job_name(event)
    if run_id is not None:
        log(record_job_failure(services(), run_id))
    return None


def _record(record: SQSRecord) -> None:
    # Powertools passes the message by the name `record`.
    attributes = record.raw_event.get("messageAttributes")
    log(record_failed_delivery(services(), parse_failed_delivery(record.body, attributes)))
