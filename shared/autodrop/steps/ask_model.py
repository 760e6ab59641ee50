"""What the model says of the probe → what drives it. Whatever is wrong with that, a run goes on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autodrop.dataset import Dataset
from autodrop.errors import NotFound
from autodrop.ports import Bucket
from autodrop.probe import PROBE_FILE, ProbePlan
from autodrop.results.effects import NotProbed, Question, drivers, read_said
from autodrop.results.spelling import spelling_of
from autodrop.results.summary import Drivers
from autodrop.settings import ProblemType

PROBE_OUTPUT = f"{PROBE_FILE}.out"


def ask_model(
    bucket: Bucket,
    dataset: Dataset,
    problem_type: ProblemType,
    keys: Sequence[str],
    folder: Path,
    held_out: Mapping[str, Any],
) -> Drivers:
    """Return what drives the model, or why that is not known.

    Args:
        bucket: Holds the plan of the probe, and what batch transform made of its rows.
        dataset: The prepared dataset.
        problem_type: The kind that Autopilot resolved.
        keys: What each line of the output holds, in order.
        folder: Where that is put while it is read.
        held_out: The section of the summary.
    """
    try:
        return Drivers(_asked(bucket, dataset, problem_type, keys, folder, held_out))
    except NotProbed as problem:
        return Drivers(None, str(problem))
    except NotFound:
        return Drivers(None, "the rows for it, or what the model says of them, were deleted")


def _asked(
    bucket: Bucket,
    dataset: Dataset,
    problem_type: ProblemType,
    keys: Sequence[str],
    folder: Path,
    held_out: Mapping[str, Any],
) -> dict[str, Any]:
    if dataset.probe_rows is None:
        raise NotProbed("the file was prepared before autodrop asked models about it")
    if not dataset.probe_rows:
        raise NotProbed("its rows are too few or too long to be asked about")
    name = held_out["headline_metric"]
    if name is None:
        raise NotProbed("no metric could be measured")
    metric, target = held_out["metrics"][name], dataset.target
    question = Question(
        name,
        metric["value"],
        metric["baseline"],
        target.positive_class if problem_type is ProblemType.BINARY else None,
        comma=target.column in dataset.decimal_commas,
    )
    plan = _plan(bucket.read(dataset.folder.probe_plan))
    # Where preparation saw measurements and Autopilot classes, the truth has their spelling.
    spelling = spelling_of(dataset, [row.truth for row in plan.base])
    path = folder / PROBE_OUTPUT
    bucket.download(_output(bucket, dataset), path)
    return drivers(plan, read_said(path, keys, spelling.of), question)


def _plan(written: bytes) -> ProbePlan:
    try:
        return ProbePlan.from_json(json.loads(written))
    except (LookupError, TypeError, ValueError):
        raise NotProbed("the plan of the rows for it was damaged") from None


def _output(bucket: Bucket, dataset: Dataset) -> str:
    # Outputs are listed, because their paths are not contractual.
    for key in bucket.list(f"{dataset.folder.inference_results}/"):
        if key.endswith(f"/{PROBE_OUTPUT}"):
            return key
    raise NotFound(PROBE_OUTPUT)
