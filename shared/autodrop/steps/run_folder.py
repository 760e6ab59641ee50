"""What an earlier step left in the run folder for a later one."""

from __future__ import annotations

import json
from typing import Any

from autodrop.dataset import Dataset
from autodrop.errors import NotFound
from autodrop.ports import Bucket, Services
from autodrop.run import Run


def read_dataset(services: Services, run: Run) -> Dataset:
    """Return the run's `dataset.json`.

    Raises:
        NotFound: Preparation has not written it.
    """
    return Dataset.from_json(json.loads(services.bucket.read(run.folder.dataset)))


def read_summary(bucket: Bucket, run: Run) -> dict[str, Any] | None:
    """Return the run's `summary.json`; None where there is none, or none that can be read."""
    return read_object(bucket, run.folder.result("summary.json"))


def read_object(bucket: Bucket, key: str) -> dict[str, Any] | None:
    """Return a JSON object; None where there is none, or none that can be read."""
    try:
        found = json.loads(bucket.read(key))
    except (NotFound, ValueError):
        return None
    return found if isinstance(found, dict) else None
