"""No network; what the functions log."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from autodrop.observability import SERVICE, logger
from tests.journey import Journey
from tests.network import no_network as no_network


@pytest.fixture
def journey() -> Iterator[Journey]:
    """Return the run of a good file that nobody has been told of yet."""
    with Journey.begins() as journey:
        yield journey


@pytest.fixture
def log_lines() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return a function that gives the log lines written since the test began."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logger().registered_formatter)
    logging.getLogger(SERVICE).addHandler(handler)
    yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]
    logging.getLogger(SERVICE).removeHandler(handler)
