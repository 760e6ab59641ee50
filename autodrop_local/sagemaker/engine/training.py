"""AutoGluon as Autopilot's engine: one predictor, to which candidates are added one by one."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from autodrop_local.sagemaker.engine import artifact, explain, metrics
from autodrop_local.sagemaker.engine.artifact import Artifact
from autodrop_local.sagemaker.engine.candidates import (
    METRICS,
    PROBLEM_TYPES,
    Planned,
    hyperparameters,
)
from autodrop_local.sagemaker.engine.dataset import Prepared
from autodrop_local.sagemaker.engine.failure import JobFailedError
from autodrop_local.sagemaker.engine.metrics import Classes, Floats


@dataclass(frozen=True)
class Trained:
    """A finished candidate: AutoGluon's name of its model and what it is worth."""

    model: str
    scores: dict[str, float]
    classes: Classes | None
    confusion: list[list[int]] | None


class Trainer:
    """Trains candidates on prepared data and measures each on the validation rows."""

    def __init__(self, data: Prepared, objective: str, work: Path) -> None:
        from autogluon.tabular import TabularPredictor  # seconds to import: only in a job

        self._data = data
        self._objective = objective
        self._work = work
        self._threads = os.cpu_count() or 1
        self._predictor = TabularPredictor(
            label=data.target,
            problem_type=PROBLEM_TYPES[data.problem_type],
            eval_metric=METRICS[objective],
            path=str(work / "predictor"),
            sample_weight=data.weight,
            verbosity=1,
        )
        self._fitted = False

    def train(
        self, planned: Planned, seconds: float | None, max_seconds: int | None
    ) -> Trained | None:
        """One more trained model, or nothing when it could not be finished in its time."""
        before = set(self._models())
        wanted = hyperparameters(planned, self._data.problem_type, max_seconds)
        common: dict[str, Any] = {
            "time_limit": seconds,
            "num_cpus": self._threads,
            "num_gpus": 0,
            "fit_weighted_ensemble": False,
            "raise_on_no_models_fitted": False,
        }
        if self._fitted:
            del common["raise_on_no_models_fitted"]
            self._predictor.fit_extra(wanted, **common)
        else:
            self._predictor.fit(
                self._data.training,
                tuning_data=self._data.validation,
                hyperparameters=wanted,
                calibrate_decision_threshold=False,
                dynamic_stacking=False,
                **common,
            )
            self._fitted = True
            if not self._models():
                raise JobFailedError(
                    "No model could be trained on these columns in the time given."
                )
        new = [model for model in self._models() if model not in before]
        return self._measured(new[0]) if new else None

    def ensemble(self, models: list[str], seconds: float | None) -> Trained | None:
        """A weighted ensemble of finished models."""
        new = self._predictor.fit_weighted_ensemble(
            base_models=models, name_suffix="", time_limit=seconds, num_cpus=self._threads
        )
        return self._measured(new[0]) if new else None

    def packed(self, trained: Trained, target: Path) -> Path:
        """A `model.tar.gz` of a finished candidate, trimmed for inference."""
        clone = self._work / "clone"
        self._predictor.clone_for_deployment(str(clone), model=trained.model)
        artifact.pack(
            clone,
            Artifact(trained.model, self._data.problem_type, self._data.features, trained.classes),
            target,
        )
        shutil.rmtree(clone)
        return target

    def importance(self, trained: Trained, seconds: float) -> pd.DataFrame:
        """How much each feature matters to a finished candidate."""
        return explain.importance(self._predictor, trained.model, self._data.validation, seconds)

    def _models(self) -> list[str]:
        if not self._fitted:
            return []
        names: list[str] = self._predictor.model_names()
        return names

    def _measured(self, model: str) -> Trained:
        truth = self._data.validation[self._data.target].to_numpy()
        if self._data.problem_type == "Regression":
            predicted = self._predictor.predict(self._data.validation, model=model)
            scores = metrics.regression(truth, np.asarray(predicted, dtype=float))
            if not np.isfinite(list(scores.values())).all():
                raise JobFailedError("The values of the target are too large to be measured.")
            return Trained(model, scores | self._latency(model), None, None)
        probabilities, labels = self._probabilities(model)
        threshold = metrics.best_threshold(self._objective, truth, probabilities, labels)
        classes = Classes(labels, threshold)
        scores = metrics.classification(truth, probabilities, classes)
        return Trained(
            model,
            scores | self._latency(model),
            classes,
            metrics.confusion(truth, probabilities, classes),
        )

    def _probabilities(self, model: str) -> tuple[Floats, tuple[str, ...]]:
        frame = self._predictor.predict_proba(self._data.validation, model=model)
        return frame.to_numpy(dtype=float), tuple(str(label) for label in frame.columns)

    def _latency(self, model: str) -> dict[str, float]:
        """Seconds that one record takes."""
        one = self._data.validation.iloc[:1]
        started = time.perf_counter()
        self._predictor.predict(one, model=model)
        return {"InferenceLatency": time.perf_counter() - started}
