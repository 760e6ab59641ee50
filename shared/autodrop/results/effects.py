"""What drives the model, by asking it: the section `drivers` of the summary.

From what the model says of the probe. It needs no container of its own kind, and no access to the
model: the same for every problem and every algorithm.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from autodrop.errors import JobFailed
from autodrop.preparation.cells.kinds import with_point
from autodrop.probe import ProbedFeature, ProbePlan
from autodrop.results.metrics import Floats
from autodrop.results.predictions import read_list
from autodrop.results.records import NotRecords, read_records

# Student's t for 95 % and one degree of freedom less than there are repeats, from two on.
_STUDENT = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
# A curve that moves less than this share of how the predictions vary is as good as flat.
_FLAT = 0.05
# A curve that goes up for so much of its way rises.
_ONE_WAY = 0.9
# What one column has of all importance, or of all skill, to be asked about.
_MOST_OF_IT = 0.5
# As many as tell apart what a model can.
_DIGITS = 10

# Less than this share of a figure is what sums in another order differ by.
_ROUNDING = 1e-9

Label = Callable[[str], str]
Positions = npt.NDArray[np.int64]


class NotProbed(Exception):
    """The model's answers are not there or cannot be used; says why, for people."""


@dataclass(frozen=True)
class Said:
    """What the model says of the rows of the probe, in their order.

    Attributes:
        predictions: Labels as the dropped file spells them, or numbers as they are written.
        probabilities: Of shape (rows, labels); None where the model gives none.
        labels: Those of the probabilities, as the dropped file spells them.
    """

    predictions: Sequence[str]
    probabilities: Floats | None = None
    labels: Sequence[str] = ()


@dataclass(frozen=True)
class Question:
    """How importance is measured.

    Attributes:
        metric: `roc_auc`, `accuracy` or `rmse`.
        value: The metric on all held-out rows.
        baseline: What it is without a model; None where that is not known.
        positive: The positive class, for two classes.
        comma: Whether decimals of the truth stand behind a comma.
    """

    metric: str
    value: float
    baseline: float | None
    positive: str | None = None
    comma: bool = False


def read_said(path: Path, keys: Sequence[str], label: Label) -> Said:
    """Return what batch transform wrote for the probe.

    Args:
        path: The output.
        keys: What each of its lines holds, in order.
        label: Returns the file's spelling of a label of the model.

    Raises:
        NotProbed: It cannot be read.
    """
    try:
        records = list(read_records(path))
    except NotRecords:
        raise _malformed() from None
    if not records or any(len(record) != len(keys) for record in records):
        raise _malformed()
    columns = dict(zip(keys, zip(*records, strict=True), strict=True))
    spelled = cache(label)
    predictions = tuple(map(spelled, columns["predicted_label"]))
    if not {"labels", "probabilities"} <= columns.keys():
        return Said(predictions)
    try:
        kinds = dict.fromkeys(columns["labels"])
        names = {kind: [spelled(str(each)) for each in read_list(kind)] for kind in kinds}
        labels = list(dict.fromkeys(name for each in names.values() for name in each))
        place = {name: i for i, name in enumerate(labels)}
        found = np.zeros((len(records), len(labels)))
        for row, kind, cell in zip(found, columns["labels"], columns["probabilities"], strict=True):
            row[[place[name] for name in names[kind]]] = _numbers(cell, len(names[kind]))
    except (JobFailed, ValueError, TypeError, OverflowError):
        raise _malformed() from None
    if not np.isfinite(found).all():
        raise _malformed()
    return Said(predictions, found, labels)


def _numbers(cell: str, width: int) -> Sequence[float]:
    try:
        numbers = json.loads(cell)
    except (ValueError, RecursionError):
        numbers = read_list(cell)
    if not isinstance(numbers, list) or len(numbers) != width:
        raise ValueError("as many probabilities as labels")
    return [float(number) for number in numbers]


def drivers(plan: ProbePlan, said: Said, asked: Question) -> dict[str, Any]:
    """Return the section `drivers`: the importance of each column, and its effect.

    Importance is how much worse the metric gets when a column's cells are those of other rows
    (Breiman 2001, Random Forests; Fisher, Rudin and Dominici 2019, All Models are Wrong, but Many
    are Useful), measured on the base rows of all repeats together. Its interval is that of the
    jackknife which leaves out one repeat at a time (Tukey 1958), with Student's t. The effect is
    partial dependence (Friedman 2001) over the grid, with the curves of the single rows (Goldstein
    et al. 2015).

    Raises:
        NotProbed: The answers do not fit the plan.
    """
    if len(said.predictions) != plan.rows:
        raise NotProbed(
            f"batch transform wrote {len(said.predictions):,} predictions for the {plan.rows:,} "
            "rows with which the model was asked"
        )
    outputs, names = _outputs(said, asked)
    with np.errstate(all="ignore"):
        worsenings, without_a_repeat = _worsenings(plan, said, asked)
        features = [
            {**_importance(feature.name, *measured), **_effect(feature, curves, names, spread)}
            for feature, measured, (curves, spread) in zip(
                plan.features,
                zip(worsenings.tolist(), without_a_repeat, strict=True),
                _curves(plan, outputs),
                strict=True,
            )
        ]
    if not np.isfinite(worsenings).all() or not np.isfinite(outputs).all():
        raise NotProbed("the numbers are too large to be compared")
    features.sort(key=_least_first, reverse=True)
    return {
        "metric": asked.metric,
        "rows": len(plan.base),
        "repeats": plan.repeats,
        "curve_rows": plan.curve_rows,
        "not_asked": plan.not_asked,
        "features": features,
        "dominant": _dominant(features, asked),
    }


def _worsenings(plan: ProbePlan, said: Said, asked: Question) -> tuple[Floats, Floats]:
    """Return how much worse the metric gets without each feature's own cells.

    Returns:
        Over all base rows, of shape (features,), and over those of all repeats but one, of shape
        (features, repeats).
    """
    size = len(plan.base)
    truth = [row.truth for row in plan.base]
    weights = np.array([row.weight for row in plan.base])
    measure = _measure(said, truth, weights, asked)
    everything = np.arange(size)
    repeat = everything * plan.repeats // size
    selections: list[Positions] = [everything]
    if plan.repeats > 1:
        selections += [np.flatnonzero(repeat != left_out) for left_out in range(plan.repeats)]
    scores = np.array(
        [
            [measure(rows, first + rows) for rows in selections]
            for first in range(0, size * (1 + len(plan.features)), size)
        ]
    )
    worse: Floats = scores[:1] - scores[1:]
    if asked.metric == "rmse":
        worse = -worse
    return worse[:, 0], worse[:, 1:]


def _measure(
    said: Said, truth: Sequence[str], weights: Floats, asked: Question
) -> Callable[[Positions, Positions], float]:
    """Return what measures the metric of some base rows by some rows of the probe."""
    if asked.metric == "rmse":
        actual = _as_numbers([with_point(each) if asked.comma else each for each in truth])
        predicted = _as_numbers(said.predictions)

        def rmse(base: Positions, rows: Positions) -> float:
            squares = (predicted[rows] - actual[base]) ** 2
            return float(np.sqrt(np.average(squares, weights=weights[base])))

        return rmse
    if asked.metric == "roc_auc":
        if said.probabilities is None or asked.positive not in said.labels:
            raise NotProbed("the model gave no probabilities for the rows with which it was asked")
        scores = said.probabilities[:, said.labels.index(asked.positive)]
        is_positive = np.array(truth) == asked.positive

        def roc_auc(base: Positions, rows: Positions) -> float:
            score, positive = scores[rows], is_positive[base]
            above = score[positive][:, None] - score[~positive]
            return float(np.mean((above > 0) + 0.5 * (above == 0)))

        return roc_auc
    predictions, labels = np.array(said.predictions), np.array(truth)

    def accuracy(base: Positions, rows: Positions) -> float:
        return float(np.average(predictions[rows] == labels[base], weights=weights[base]))

    return accuracy


def _importance(name: str, worsening: float, without_a_repeat: Floats) -> dict[str, Any]:
    repeats = len(without_a_repeat)
    low = high = None
    if repeats > 1:
        squares = float(((without_a_repeat - without_a_repeat.mean()) ** 2).sum())
        half = _STUDENT[min(repeats, len(_STUDENT) + 1) - 2]
        half *= ((repeats - 1) / repeats * squares) ** 0.5
        # Repeats that all say the same do not say how others would differ.
        if half > abs(worsening) * _ROUNDING:
            low, high = worsening - half, worsening + half
    return {"name": name, "importance": worsening, "low": low, "high": high}


def _least_first(feature: Mapping[str, Any]) -> tuple[float, float]:
    """Return what orders the features: importance, and of the same one how far the effect goes."""
    mean = (feature["effect"] or {"mean": [0.0]})["mean"]
    return feature["importance"], max(mean) - min(mean)


def _outputs(said: Said, asked: Question) -> tuple[Floats, Sequence[str | None]]:
    """Return the outputs whose curves are looked at, of shape (rows, outputs), and their labels."""
    if asked.metric == "rmse":
        return _as_numbers(said.predictions)[:, None], [None]
    if said.probabilities is not None:
        outputs, labels = said.probabilities, list(said.labels)
    else:
        labels = sorted(set(said.predictions))
        outputs = (np.array(said.predictions)[:, None] == np.array(labels)).astype(float)
    if asked.positive is None:
        return outputs, labels
    if asked.positive not in labels:
        # Nothing is ever called so.
        return np.zeros((len(outputs), 1)), [asked.positive]
    at = labels.index(asked.positive)
    return outputs[:, at : at + 1], [asked.positive]


def _curves(plan: ProbePlan, outputs: Floats) -> list[tuple[Floats, Floats]]:
    """Return for each feature the curves (rows, grid, outputs), and how the outputs vary."""
    spread = outputs[: len(plan.base)].std(axis=0)
    found: list[tuple[Floats, Floats]] = []
    start = len(plan.base) * (1 + len(plan.features))
    for feature in plan.features:
        end = start + plan.curve_rows * len(feature.grid)
        shape = (plan.curve_rows, len(feature.grid), outputs.shape[1])
        found.append((outputs[start:end].reshape(shape), spread))
        start = end
    return found


def _effect(
    feature: ProbedFeature, curves: Floats, names: Sequence[str | None], spread: Floats
) -> dict[str, Any]:
    """Return the direction of the effect, and its curves; of several classes that of one."""
    if not curves.size:
        return {"direction": None, "effect": None}
    means = curves.mean(axis=0)
    moved = means.max(axis=0) - means.min(axis=0)
    output = int(moved.argmax())
    mean = means[:, output]
    return {
        "direction": _direction(mean, float(spread[output]), is_ordered=feature.is_numeric),
        "effect": {
            "of": names[output],
            "is_numeric": feature.is_numeric,
            "grid": list(feature.grid),
            "mean": [_short(value) for value in mean.tolist()],
            "curves": [[_short(value) for value in row] for row in curves[:, :, output].tolist()],
        },
    }


def _direction(mean: Floats, spread: float, *, is_ordered: bool) -> str:
    moved = float(mean.max() - mean.min())
    if moved <= _FLAT * spread:
        return "flat"
    if not is_ordered:
        return "by_value"
    steps = np.diff(mean)
    way = float(np.abs(steps).sum())
    up = float(steps[steps > 0].sum()) / way
    if up >= _ONE_WAY:
        return "rises"
    return "falls" if up <= 1 - _ONE_WAY else "both_ways"


def _dominant(features: Sequence[Mapping[str, Any]], asked: Question) -> dict[str, Any] | None:
    """Return the column that has most of the skill by itself, if one has."""
    if len(features) < 2 or (features[0]["low"] or 0.0) <= 0:
        return None
    first = features[0]["importance"]
    total = sum(max(feature["importance"], 0.0) for feature in features)
    skill = None if asked.baseline is None else abs(asked.value - asked.baseline)
    of_skill = first / skill if skill else None
    if first / total < _MOST_OF_IT and (of_skill is None or of_skill < _MOST_OF_IT):
        return None
    return {"name": features[0]["name"], "of_importance": first / total, "of_skill": of_skill}


def _as_numbers(cells: Sequence[str]) -> Floats:
    try:
        numbers = np.array([float(cell) for cell in cells])
    except ValueError:
        raise _malformed() from None
    if not np.isfinite(numbers).all():
        raise _malformed()
    return numbers


def _short(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def _malformed() -> NotProbed:
    return NotProbed("what the model says of the rows with which it was asked cannot be read")
