"""Logger, tracer and metrics of all functions: one service, one namespace.

Built on first use, never at import.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from autodrop.errors import MalformedEvent
from autodrop.report import Report

SERVICE = "autodrop"

Handler = Callable[[dict[str, Any], LambdaContext], Any]


@cache
def logger() -> Logger:
    """Return the logger; JSON lines at the level in POWERTOOLS_LOG_LEVEL."""
    # Lambda's JSON logging puts every library at our level, and botocore tells where it looks.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    return Logger(service=SERVICE)


@cache
def tracer() -> Tracer:
    """Return the tracer; it does nothing where POWERTOOLS_TRACE_DISABLED is set."""
    return Tracer(service=SERVICE)


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
    """Return `handler` with request ids in its log lines, a trace and its metrics flushed.

    An event that nobody can ever handle is logged and let go: raising would only have Lambda try it
    again for hours.
    """

    @cache
    def traced() -> Handler:
        # Errors may quote a cell of the file, responses may not grow: both stay out of traces.
        wrapped: Handler = tracer().capture_lambda_handler(
            handler, capture_response=False, capture_error=False
        )
        return logger().inject_lambda_context(wrapped)

    @wraps(handler)
    def lambda_handler(event: dict[str, Any], context: LambdaContext) -> Any:
        try:
            return traced()(event, context)
        except MalformedEvent as error:
            logger().error("Event cannot be handled", extra={"why": str(error)})
        finally:
            if metrics().metric_set:
                metrics().flush_metrics()

    return lambda_handler
