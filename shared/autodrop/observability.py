"""Logger and metrics of all functions: one service, one namespace.

Built on first use, never at import.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from autodrop.errors import MalformedEvent
from autodrop.report import Report

SERVICE = "autodrop"

Handler = Callable[[dict[str, Any], LambdaContext], Any]


@cache
def logger() -> Logger:
    """Return the logger; JSON lines at the level in POWERTOOLS_LOG_LEVEL."""
    own = Logger(service=SERVICE)
    # Lambda's filter is open, for the sake of metrics: docs/aws.md, Lambda. Powertools
    # and the libraries would take its level for theirs.
    level = os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO")
    for name in (SERVICE, None):
        logging.getLogger(name).setLevel(level)
    # botocore tells where it looks.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    return own


@cache
def metrics() -> Metrics:
    """Return the metrics of this process."""
    return Metrics(namespace=SERVICE, service=SERVICE)


def log(report: Report) -> None:
    """Write the step's one log line and count its metric."""
    logger().info(report.message, extra=report.fields, stacklevel=3)
    if report.metric:
        metrics().add_metric(name=report.metric, unit=MetricUnit.Count, value=1)


def observed(handler: Handler) -> Handler:
    """Return `handler` with request ids in its log lines and its metrics flushed.

    An event that nobody can ever handle is logged and let go: raising would only have Lambda try it
    again for hours.
    """

    @cache
    def logged() -> Handler:
        return logger().inject_lambda_context(handler)

    @wraps(handler)
    def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
        try:
            return logged()(event, context)
        except MalformedEvent as error:
            logger().error("Event cannot be handled", extra={"why": str(error)})
        finally:
            if metrics().metric_set:
                metrics().flush_metrics()

    return lambda_handler
