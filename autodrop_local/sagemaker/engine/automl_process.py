"""An AutoML job from its input to its last report, in a process of its own.

It changes nothing itself but objects in S3: what happens is told to the service in messages,
and the service keeps the state and sends the events.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from autodrop_local.sagemaker.engine import candidates, dataset, explain, insights, notebooks
from autodrop_local.sagemaker.engine.failure import JobFailedError
from autodrop_local.sagemaker.engine.inference import CLASS_KEYS, OUTPUT, SUPPORTED
from autodrop_local.sagemaker.engine.orders import Order, Tell
from autodrop_local.sagemaker.engine.table import read_text
from autodrop_local.sagemaker.engine.training import Trained, Trainer
from autodrop_local.sagemaker.headers import header
from autodrop_local.sagemaker.images import inference_image
from autodrop_local.sagemaker.objectives import DEFAULTS, better, direction
from autodrop_local.sagemaker.objects import Location, ObjectError, Objects

HEADER_BYTES = 1 << 20
PARQUET = "x-application/vnd.amazon+parquet"
REPORT_SECONDS = 6.0
REPORT_SHARE = 0.15

Members = dict[str, Any]


@dataclass(frozen=True)
class Limits:
    """What the completion criteria allow; `deadline` is on the clock of `time.time`."""

    max_candidates: int
    max_training_seconds: int | None
    deadline: float | None
    training_deadline: float | None

    @classmethod
    def of(cls, criteria: Members, created: float) -> Limits:
        """The limits of a job that was created at a time."""
        runtime = criteria.get("MaxAutoMLJobRuntimeInSeconds")
        reserve = min(REPORT_SECONDS, REPORT_SHARE * runtime) if runtime else 0.0
        return cls(
            criteria.get("MaxCandidates", candidates.DEFAULT_MAX_CANDIDATES),
            criteria.get("MaxRuntimePerTrainingJobInSeconds"),
            created + runtime if runtime else None,
            created + runtime - reserve if runtime else None,
        )

    def training_seconds(self, now: float) -> float | None:
        """How long training may still take; `None` is for ever."""
        return None if self.training_deadline is None else self.training_deadline - now

    def seconds(self, now: float, at_most: float) -> float:
        """How long the rest may still take."""
        return at_most if self.deadline is None else min(at_most, self.deadline - now)


def run(order: Order, objects: Objects, tell: Tell) -> None:
    """Does the job.

    Raises:
        JobFailedError: for a reason that the user can act on.
    """
    try:
        _Job(order, objects, tell).run()
    except ObjectError as error:
        role = order.request["RoleArn"]
        raise JobFailedError(
            f"ClientError: {error}. Make sure that the objects exist and that the role {role} "
            "may read the input and write the output."
        ) from error


class _Job:
    def __init__(self, order: Order, objects: Objects, tell: Tell) -> None:
        self._order = order
        self._objects = objects
        self._tell = tell
        self._work = Path(order.work)
        self._tabular: Members = order.request["AutoMLProblemTypeConfig"]["TabularJobConfig"]
        self._output = Location.of(order.request["OutputDataConfig"]["S3OutputPath"]).below(
            order.name
        )
        self._hash = hashlib.sha256(f"{order.arn}{order.created}".encode()).hexdigest()[:12]
        self._limits = Limits.of(self._tabular.get("CompletionCriteria", {}), order.created)
        self._finished: list[tuple[str, Trained]] = []

    def run(self) -> None:
        self._tell("status", secondary="AnalyzingData")
        analysis = f"{self._order.name}-pr-1-{self._hash}"
        with self._step("processing", analysis):
            data, objective = self._analyzed()
            self._write_notebooks(data, objective, analysis)
        if self._tabular.get("GenerateCandidateDefinitionsOnly"):
            self._tell("finished", secondary="CandidateDefinitionsGenerated")
            return
        self._tell("status", secondary="FeatureEngineering")
        trainer = Trainer(data, objective, self._work)
        tuning = self._tabular.get("Mode") == "HYPERPARAMETER_TUNING"
        self._tell("status", secondary="ModelTuning" if tuning else "TrainingModels")
        secondary = self._train(trainer, objective)
        if not self._finished:
            raise JobFailedError("No candidate finished training within the job's limits.")
        documentation = f"{self._order.name}-documentation-{self._hash}"
        self._tell("step_started", kind="processing", name=documentation, details={})
        self._report(trainer, data, objective)
        self._tell("finished", secondary=secondary)
        self._tell("step_ended", kind="processing", name=documentation, status="Completed")

    def _step(self, kind: str, name: str, details: Members | None = None) -> _Step:
        return _Step(self._tell, kind, name, details or {})

    def _analyzed(self) -> tuple[dataset.Prepared, str]:
        target: str = self._tabular["TargetAttributeName"]
        weight = self._tabular.get("SampleWeightAttributeName")
        if self._tabular.get("FeatureSpecificationS3Uri"):
            raise JobFailedError("FeatureSpecificationS3Uri is not available here.")
        channels = {
            channel.get("ChannelType", "training"): channel
            for channel in self._order.request["AutoMLJobInputDataConfig"]
        }
        texts = dataset.check(self._read(channels["training"]), target, weight)
        validation = self._read(channels["validation"]) if "validation" in channels else None
        problem_type = self._tabular.get("ProblemType") or dataset.inferred_problem_type(
            list(texts[target])
        )
        given = self._order.request.get("AutoMLJobObjective", {}).get("MetricName")
        objective: str = given or DEFAULTS[problem_type]
        self._tell("resolved", problem_type=problem_type, objective=objective)
        data = dataset.prepared(
            texts,
            validation,
            target=target,
            weight=weight,
            problem_type=problem_type,
            validation_fraction=self._order.request.get("DataSplitConfig", {}).get(
                "ValidationFraction", dataset.DEFAULT_VALIDATION_FRACTION
            ),
        )
        if data.left_out_rows:
            self._tell(
                "partial",
                reason=f"{data.left_out_rows} rows were left out: their classes have fewer than "
                f"{dataset.MIN_ROWS_OF_CLASS} rows each.",
            )
        return data, objective

    def _read(self, channel: Members) -> pd.DataFrame:
        source = channel["DataSource"]["S3DataSource"]
        found = self._objects.of_source(source)
        if not found:
            raise JobFailedError(
                f"ClientError: No S3 objects found under {source['S3Uri']}. Make sure that "
                "objects exist under that prefix and that the role has s3:ListBucket permissions."
            )
        if channel.get("ContentType", "").replace(" ", "") == PARQUET:
            frames = [self._read_parquet(where) for where in found]
        else:
            frames = self._read_csv(found, channel.get("CompressionType") == "Gzip")
        return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)

    def _read_csv(self, found: list[Location], gzipped: bool) -> list[pd.DataFrame]:
        with self._objects.stream(found[0]) as stream:
            frames = [read_text(stream, gzipped)]
        names = header(self._objects.head(found[0], HEADER_BYTES), gzipped)
        for where in found[1:]:
            has_header = header(self._objects.head(where, HEADER_BYTES), gzipped) == names
            with self._objects.stream(where) as stream:
                columns = None if has_header else [str(name) for name in frames[0].columns]
                frames.append(read_text(stream, gzipped, columns))
        return frames

    def _read_parquet(self, where: Location) -> pd.DataFrame:
        path = self._work / "input.parquet"
        self._objects.download(where, path)
        frame = pd.read_parquet(path)
        path.unlink()
        return frame.astype(object).where(frame.notna(), "").astype(str)

    def _write_notebooks(self, data: dataset.Prepared, objective: str, analysis: str) -> None:
        source = self._order.request["AutoMLJobInputDataConfig"][0]["DataSource"]["S3DataSource"]
        subject = notebooks.Subject(
            job=self._order.name,
            training_data=source["S3Uri"],
            target=data.target,
            problem_type=data.problem_type,
            objective=objective,
            max_candidates=self._limits.max_candidates,
            algorithms=self._algorithms(),
        )
        folder = self._output.below("sagemaker-automl-candidates", analysis, "notebooks")
        exploration = folder.below(notebooks.EXPLORATION_NAME)
        definition = folder.below(notebooks.DEFINITION_NAME)
        self._objects.write(
            exploration, notebooks.exploration(subject, data.training), "application/x-ipynb+json"
        )
        self._objects.write(definition, notebooks.definition(subject), "application/x-ipynb+json")
        self._tell(
            "artifacts",
            artifacts={
                "CandidateDefinitionNotebookLocation": definition.uri,
                "DataExplorationNotebookLocation": exploration.uri,
            },
        )

    def _algorithms(self) -> list[str] | None:
        chosen = self._tabular.get("CandidateGenerationConfig", {}).get("AlgorithmsConfig")
        algorithms: list[str] | None = chosen[0]["AutoMLAlgorithms"] if chosen else None
        if algorithms is None and self._tabular.get("Mode") == "HYPERPARAMETER_TUNING":
            return ["linear-learner", "mlp", "xgboost"]
        return algorithms

    def _train(self, trainer: Trainer, objective: str) -> str:
        """Trains the candidates; what comes back is the secondary status to end with."""
        for algorithm in candidates.skipped(self._algorithms()):
            self._tell("partial", reason=f"Algorithm {algorithm} is not available here.")
        models, ensemble = candidates.chosen(self._limits.max_candidates, self._algorithms())
        for planned in models:
            seconds = self._limits.training_seconds(time.time())
            if seconds is not None and seconds <= 1:
                return "MaxAutoMLJobRuntimeReached"
            self._try(trainer, planned, objective, seconds)
        bases = [trained.model for _, trained in self._finished]
        if ensemble and len(bases) > 1:
            seconds = self._limits.training_seconds(time.time())
            if seconds is not None and seconds <= 1:
                return "MaxAutoMLJobRuntimeReached"
            self._try(trainer, bases, objective, seconds)
        left = self._limits.training_seconds(time.time())
        if left is not None and left <= 0:
            return "MaxAutoMLJobRuntimeReached"
        reached = len(self._finished) >= self._limits.max_candidates
        return "MaxCandidatesReached" if reached else "Completed"

    def _try(
        self,
        trainer: Trainer,
        wanted: candidates.Planned | list[str],
        objective: str,
        seconds: float | None,
    ) -> None:
        number = len(self._finished) + 1
        name = f"{self._order.name}-trial-t1-{number}"
        started = time.time()
        model_data = self._output.below(
            "sagemaker-automl-candidates", "model", name, "model.tar.gz"
        )
        step = f"{self._order.name}-t1-{number}-{self._hash}"
        if isinstance(wanted, list):
            settings = {"algorithm": "weighted-ensemble", "models": ",".join(wanted)}
        else:
            settings = {"algorithm": wanted.algorithm} | {
                key: str(value) for key, value in wanted.settings.items()
            }
        details = {"HyperParameters": settings, "ModelArtifacts": model_data.uri}
        with self._step("training", step, details) as running:
            if isinstance(wanted, list):
                trained = trainer.ensemble(wanted, seconds)
            else:
                trained = trainer.train(wanted, seconds, self._limits.max_training_seconds)
            if trained is None:
                running.status = "Stopped"
                return
            path = trainer.packed(trained, self._work / "model.tar.gz")
            self._objects.upload(path, model_data)
            path.unlink()
            running.after = lambda: self._announce(
                name, step, trained, objective, model_data, started
            )
        self._finished.append((name, trained))

    def _announce(
        self,
        name: str,
        step: str,
        trained: Trained,
        objective: str,
        model_data: Location,
        started: float,
    ) -> None:
        now = time.time()
        environment = {
            "MAX_CONTENT_LENGTH": "20971520",
            "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv",
            "SAGEMAKER_PROGRAM": "sagemaker_serve",
        }
        if trained.classes is not None:
            environment[SUPPORTED] = ",".join(CLASS_KEYS)
            environment[OUTPUT] = "predicted_label"
        self._tell(
            "candidate",
            candidate={
                "CandidateName": name,
                "FinalAutoMLJobObjectiveMetric": {
                    "Type": direction(objective),
                    "MetricName": objective,
                    "Value": trained.scores.get(objective, 0.0),
                    "StandardMetricName": objective,
                },
                "ObjectiveStatus": "Succeeded",
                "CandidateSteps": [
                    {
                        "CandidateStepType": "AWS::SageMaker::TrainingJob",
                        "CandidateStepArn": self._order.place.arn("training-job", step),
                        "CandidateStepName": step,
                    }
                ],
                "CandidateStatus": "Completed",
                "InferenceContainers": [
                    {
                        "Image": inference_image(self._order.place.region),
                        "ModelDataUrl": model_data.uri,
                        "Environment": environment,
                    }
                ],
                "CreationTime": started,
                "EndTime": now,
                "LastModifiedTime": now,
                "CandidateProperties": {"CandidateMetrics": _candidate_metrics(trained.scores)},
            },
        )

    def _report(self, trainer: Trainer, data: dataset.Prepared, objective: str) -> None:
        name, best = self._finished[0]
        for other_name, other in self._finished[1:]:
            if better(objective, other.scores[objective], best.scores[objective]):
                name, best = other_name, other
        self._tell("status", secondary="GeneratingExplainabilityReport")
        documentation = self._output.below("documentation")
        explainability = documentation.below("explainability", "output", name)
        seconds = self._limits.seconds(time.time(), REPORT_SECONDS)
        if seconds > 1:
            found = trainer.importance(best, seconds)
            label = best.classes.labels[-1] if best.classes and best.classes.binary else data.target
            report = explain.analysis(found, objective, len(data.validation), label)
            self._write_json(explainability.below("analysis.json"), report)
        else:
            self._tell("partial", reason="No time was left for the explainability report.")
        self._tell("status", secondary="GeneratingModelInsightsReport")
        quality = documentation.below("model_monitor", "output", name)
        self._write_json(
            quality.below("statistics.json"),
            insights.statistics(
                data.problem_type, len(data.validation), best.scores, best.confusion, best.classes
            ),
        )
        self._tell(
            "documented",
            candidate=name,
            locations={"Explainability": explainability.uri, "ModelInsights": quality.uri},
        )

    def _write_json(self, where: Location, document: Members) -> None:
        self._objects.write(where, json.dumps(document, indent=2), "application/json")


class _Step:
    """Tells of a child job's start and end; `after` runs between its success and its end."""

    def __init__(self, tell: Tell, kind: str, name: str, details: Members) -> None:
        self._tell = tell
        self._kind = kind
        self._name = name
        self._details = details
        self.status = "Completed"
        self.after: Any = None

    def __enter__(self) -> _Step:
        self._tell("step_started", kind=self._kind, name=self._name, details=self._details)
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        if failed is not None:
            return  # the service ends open steps after it has ended the job
        if self.after is not None:
            self.after()
        self._tell("step_ended", kind=self._kind, name=self._name, status=self.status)


def _candidate_metrics(scores: dict[str, float]) -> list[Members]:
    """CandidateMetrics; what has no MetricName in the model has a StandardMetricName only."""
    return [
        {
            **({"MetricName": name} if name not in ("LogLoss", "InferenceLatency") else {}),
            "StandardMetricName": name,
            "Value": value,
            "Set": "Validation",
        }
        for name, value in scores.items()
    ]
