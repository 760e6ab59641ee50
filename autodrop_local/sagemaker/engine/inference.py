"""The inference container: records in, a CSV response out."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from autodrop_local.sagemaker.engine.artifact import PREDICTOR, Artifact, unpack
from autodrop_local.sagemaker.engine.failure import JobFailedError
from autodrop_local.sagemaker.engine.metrics import Classes, Floats
from autodrop_local.sagemaker.engine.table import typed

OUTPUT = "SAGEMAKER_INFERENCE_OUTPUT"
SUPPORTED = "SAGEMAKER_INFERENCE_SUPPORTED"
CLASS_KEYS = ("predicted_label", "probability", "probabilities", "labels")

Record = Sequence[str]


class Scorer(Protocol):
    """A trained model over typed features."""

    def scores(self, features: pd.DataFrame) -> Floats:
        """Probabilities (a row each, a column per class), or one number a row for regression."""


class BadRecordError(Exception):
    """A record that the model cannot take, by its position in the batch; holds no values."""

    def __init__(self, position: int | None, problem: str) -> None:
        super().__init__(problem)
        self.position = position
        self.problem = problem


@dataclass(frozen=True)
class Container:
    """A loaded model together with its environment's choice of output."""

    artifact: Artifact
    scorer: Scorer
    keys: tuple[str, ...]

    def respond(self, records: Sequence[Record]) -> list[list[str]]:
        """The response fields of each record, in order.

        Raises:
            BadRecordError: a record has the wrong number of columns or a value of the wrong type.
        """
        columns = self.artifact.columns
        for position, record in enumerate(records):
            if len(record) != len(columns):
                raise BadRecordError(
                    position, f"expected {len(columns)} columns, received {len(record)}"
                )
        texts = pd.DataFrame(list(records), columns=range(len(columns)), dtype=object)
        texts.columns = pd.Index([column.name for column in columns])
        try:
            features = typed(texts, columns)
        except ValueError as error:
            raise BadRecordError(None, str(error)) from None
        scores = self.scorer.scores(features)
        if self.artifact.classes is None:
            return [[number(value)] for value in scores]
        return class_fields(scores, self.artifact.classes, self.keys)


def class_fields(probabilities: Floats, classes: Classes, keys: Sequence[str]) -> list[list[str]]:
    """The chosen response fields of every row; lists are written as Python writes them.

    `probability` is that of the predicted label, as in Autopilot's ENSEMBLING mode.

    >>> row = np.array([[0.9, 0.1]])
    >>> class_fields(row, Classes(("0", "1")), ["predicted_label", "probabilities", "labels"])
    [['0', '[0.9, 0.1]', "['0', '1']"]]
    """
    predicted = classes.predicted(probabilities)
    names = repr(list(classes.labels))
    rows = []
    for position, row in zip(predicted, probabilities, strict=True):
        fields = {
            "predicted_label": classes.labels[position],
            "probability": number(row[position]),
            "probabilities": "[" + ", ".join(number(value) for value in row) + "]",
            "labels": names,
        }
        rows.append([fields[key] for key in keys])
    return rows


def number(value: float) -> str:
    """A number as text, short where it can be: ten digits tell apart what a model can."""
    return format(float(value), ".10g")


def csv_line(fields: Sequence[str]) -> str:
    """One CSV record without its line end, quoted where needed."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(fields)
    return buffer.getvalue()


def chosen_keys(environment: Mapping[str, str], artifact: Artifact) -> tuple[str, ...]:
    """The response keys that a container's environment asks for.

    Raises:
        JobFailedError: it asks for a key that the container does not offer.
    """
    if artifact.classes is None:
        return ("predicted_label",)
    asked = environment.get(OUTPUT, "predicted_label")
    keys = tuple(key.strip() for key in asked.split(",") if key.strip())
    offered = environment.get(SUPPORTED, ",".join(CLASS_KEYS)).split(",")
    refused = [key for key in keys if key not in offered or key not in CLASS_KEYS]
    if refused or not keys:
        raise JobFailedError(
            f"ClientError: {OUTPUT} asks for {refused or 'nothing'}; supported are {offered}."
        )
    return keys


def load(model_data: Path, folder: Path, environment: Mapping[str, str]) -> Container:
    """The container of a downloaded `model.tar.gz`.

    Raises:
        JobFailedError: it is not a model of ours, or asked for keys that it does not have.
    """
    artifact = unpack(model_data, folder)
    keys = chosen_keys(environment, artifact)
    return Container(artifact, Predictor.load(folder / PREDICTOR, artifact), keys)


@dataclass(frozen=True)
class Predictor:
    """One model of an AutoGluon predictor, as a `Scorer`."""

    predictor: Any
    model: str
    classes: tuple[str, ...] | None

    @classmethod
    def load(cls, path: Path, artifact: Artifact) -> Predictor:
        """The predictor in a folder, kept in memory."""
        from autogluon.tabular import TabularPredictor  # seconds to import: only when needed

        predictor = TabularPredictor.load(str(path), verbosity=0, check_packages=False)
        predictor.persist(models=[artifact.model], with_ancestors=True, max_memory=None)
        labels = artifact.classes.labels if artifact.classes else None
        return cls(predictor, artifact.model, labels)

    def scores(self, features: pd.DataFrame) -> Floats:
        """Probabilities in the order of the classes, or predicted numbers."""
        if self.classes is None:
            return np.asarray(self.predictor.predict(features, model=self.model), dtype=float)
        probabilities = self.predictor.predict_proba(features, model=self.model)
        return probabilities[list(self.classes)].to_numpy(dtype=float)  # type: ignore[no-any-return]
