"""Needs a package that it does not ship."""

from typing import Any

import pandas


def lambda_handler(event: dict[str, Any], context: Any) -> str:
    """Return a version."""
    return str(pandas.__version__)
