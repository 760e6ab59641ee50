"""What an earlier step left in the run folder for a later one."""

from __future__ import annotations

import json
from typing import Any

from autodrop.dataset import Dataset
from autodrop.errors import JobFailed, NotFound, Rejected
from autodrop.ports import Bucket, Services
from autodrop.run import Outcome, Run, RunState

# Two thousand names of columns in each of its lists are a tenth of it.
_MOST_BYTES = 16 * 1024 * 1024


def read_dataset(services: Services, run: Run) -> Dataset:
    """Return the run's `dataset.json`, which is believed no more than the file it was made of.

    Whoever may write into the bucket may have put another one there.

    Raises:
        NotFound: It is not there.
        JobFailed: `DATASET_MALFORMED`, or `DATASET_OF_ANOTHER_RUN`.
    """
    content = services.bucket.read(run.folder.dataset, _MOST_BYTES + 1)
    try:
        if len(content) > _MOST_BYTES:
            raise ValueError  # noqa: TRY301 - as everything else that is malformed
        dataset = Dataset.from_json(json.loads(content))
        is_ours = is_about(dataset, run)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, Rejected):
        raise JobFailed(
            "DATASET_MALFORMED", "The run's dataset.json is not what preparation wrote."
        ) from None
    if not is_ours:
        raise JobFailed(
            "DATASET_OF_ANOTHER_RUN", "The run's dataset.json is about another run or file."
        )
    return dataset


def is_about(dataset: Dataset, run: Run) -> bool:
    """Return whether a dataset is the run's own, so that all it names lies in the run's folder.

    Raises:
        LookupError, TypeError: It does not even say so.
    """
    drop, source = run.drop, dataset.source
    told = (dataset.run_id, dataset.name, source["bucket"], source["key"], source["version_id"])
    ours = (run.run_id, run.dataset, drop.bucket, drop.key, drop.version_id)
    return told == ours and isinstance(dataset.rows, int)


def unusable_dataset(problem: NotFound | JobFailed) -> Outcome:
    """Return how a run ends whose `dataset.json` is gone or was changed."""
    if isinstance(problem, NotFound):
        code, message = "DATASET_GONE", "The run's dataset.json is gone: somebody deleted it."
    else:
        code, message = problem.code, problem.message
    return Outcome(RunState.FAILED, code, message, "Drop the file again.")


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
