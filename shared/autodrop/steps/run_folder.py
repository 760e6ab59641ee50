"""What an earlier step left in the run folder for a later one."""

from __future__ import annotations

import json

from autodrop.dataset import Dataset
from autodrop.ports import Services
from autodrop.run import Run


def read_dataset(services: Services, run: Run) -> Dataset:
    """Return the run's `dataset.json`.

    Raises:
        NotFound: Preparation has not written it.
    """
    return Dataset.from_json(json.loads(services.bucket.read(run.folder.dataset)))
