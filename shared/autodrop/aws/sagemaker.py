"""Jobs and models in SageMaker."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autodrop.aws.client_errors import translated_sagemaker
from autodrop.errors import JobFailed, NotFound
from autodrop.requests import CODE_INPUT
from autodrop.sagemaker_jobs import (
    AutoMLJob,
    Candidate,
    Container,
    Metric,
    Model,
    Objective,
    ProcessingJob,
    TransformJob,
)
from autodrop.settings import ProblemType

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


class SageMakerJobs:
    """`autodrop.ports.SageMaker` on the SageMaker API."""

    def __init__(self, client: SageMakerClient) -> None:
        self._client = client

    def create_processing_job(self, request: Mapping[str, Any]) -> None:
        """Send CreateProcessingJob.

        Raises:
            AlreadyExists: The name is taken.
            QuotaExceeded: No room for its instance.
            JobFailed: SageMaker refuses the request.
        """
        with translated_sagemaker():
            self._client.create_processing_job(**request)

    def describe_processing_job(self, name: str) -> ProcessingJob | None:
        """Return the processing job, or None when there is none."""
        try:
            with translated_sagemaker():
                told = self._client.describe_processing_job(ProcessingJobName=name)
        except NotFound:
            return None
        inputs = {
            each["InputName"]: each.get("S3Input", {}).get("S3Uri", "")
            for each in told.get("ProcessingInputs", [])
        }
        return ProcessingJob(
            name=told["ProcessingJobName"],
            status=told["ProcessingJobStatus"],
            input_uri=inputs.get(CODE_INPUT, ""),
            created_at=told["CreationTime"],
            started_at=told.get("ProcessingStartTime"),
            ended_at=told.get("ProcessingEndTime"),
            failure_reason=told.get("FailureReason"),
            exit_message=told.get("ExitMessage"),
        )

    def stop_processing_job(self, name: str) -> None:
        """Ask the job to stop; content when it is not there or has ended."""
        try:
            with translated_sagemaker():
                self._client.stop_processing_job(ProcessingJobName=name)
        except (NotFound, JobFailed):
            return

    def create_automl_job(self, request: Mapping[str, Any]) -> None:
        """Send CreateAutoMLJobV2.

        Raises:
            AlreadyExists: The name is taken.
            QuotaExceeded: Too many jobs at once.
            JobFailed: SageMaker refuses the request.
        """
        with translated_sagemaker():
            self._client.create_auto_ml_job_v2(**request)

    def describe_automl_job(self, name: str) -> AutoMLJob | None:
        """Return the job, or None when there is none."""
        try:
            with translated_sagemaker():
                return _automl_job(self._client.describe_auto_ml_job_v2(AutoMLJobName=name))
        except NotFound:
            return None

    def list_candidates(self, name: str) -> Sequence[Candidate]:
        """Return all candidates of the job, oldest first."""
        with translated_sagemaker():
            pages = self._client.get_paginator("list_candidates_for_auto_ml_job").paginate(
                AutoMLJobName=name, SortBy="CreationTime", SortOrder="Ascending"
            )
            return [_candidate(each) for page in pages for each in page["Candidates"]]

    def stop_automl_job(self, name: str) -> None:
        """Ask the job to stop; content when it is not there or has ended."""
        try:
            with translated_sagemaker():
                self._client.stop_auto_ml_job(AutoMLJobName=name)
        except (NotFound, JobFailed):
            return

    def create_model(self, request: Mapping[str, Any]) -> None:
        """Send CreateModel.

        Raises:
            AlreadyExists: The name is taken.
            JobFailed: SageMaker refuses the request.
        """
        with translated_sagemaker():
            self._client.create_model(**request)

    def describe_model(self, name: str) -> Model | None:
        """Return the model, or None when there is none."""
        try:
            with translated_sagemaker():
                told = self._client.describe_model(ModelName=name)
        except NotFound:
            return None
        single = [told["PrimaryContainer"]] if "PrimaryContainer" in told else []
        return Model(name, tuple(_container(each) for each in told.get("Containers", single)))

    def delete_model(self, name: str) -> bool:
        """Delete the model; return False when there was none."""
        try:
            with translated_sagemaker():
                self._client.delete_model(ModelName=name)
        except NotFound:
            return False
        return True

    def create_transform_job(self, request: Mapping[str, Any]) -> None:
        """Send CreateTransformJob.

        Raises:
            AlreadyExists: The name is taken.
            QuotaExceeded: No room for its instances.
            NotFound: There is no such model.
            JobFailed: SageMaker refuses the request.
        """
        with translated_sagemaker():
            self._client.create_transform_job(**request)

    def describe_transform_job(self, name: str) -> TransformJob | None:
        """Return the transform job, or None when there is none."""
        try:
            with translated_sagemaker():
                told = self._client.describe_transform_job(TransformJobName=name)
        except NotFound:
            return None
        return TransformJob(
            name=told["TransformJobName"],
            status=told["TransformJobStatus"],
            model_name=told["ModelName"],
            input_uri=told["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"],
            created_at=told["CreationTime"],
            started_at=told.get("TransformStartTime"),
            ended_at=told.get("TransformEndTime"),
            failure_reason=told.get("FailureReason"),
        )


def _automl_job(told: Mapping[str, Any]) -> AutoMLJob:
    resolved = told.get("ResolvedAttributes", {})
    tabular = resolved.get("AutoMLProblemTypeResolvedAttributes", {}).get(
        "TabularResolvedAttributes", {}
    )
    asked = told.get("AutoMLProblemTypeConfig", {}).get("TabularJobConfig", {})
    problem_type = tabular.get("ProblemType") or asked.get("ProblemType")
    objective = resolved.get("AutoMLJobObjective") or told.get("AutoMLJobObjective") or {}
    artifacts = told.get("AutoMLJobArtifacts", {})
    best = told.get("BestCandidate")
    source = told["AutoMLJobInputDataConfig"][0]["DataSource"]["S3DataSource"]
    return AutoMLJob(
        name=told["AutoMLJobName"],
        status=told["AutoMLJobStatus"],
        secondary_status=told["AutoMLJobSecondaryStatus"],
        train_uri=source["S3Uri"],
        created_at=told["CreationTime"],
        ended_at=told.get("EndTime"),
        failure_reason=told.get("FailureReason"),
        partial_failures=tuple(
            each.get("PartialFailureMessage", "") for each in told.get("PartialFailureReasons", [])
        ),
        best_candidate=_candidate(best) if best else None,
        problem_type=ProblemType.from_autopilot(problem_type) if problem_type else None,
        objective_metric=objective.get("MetricName"),
        candidate_notebook=artifacts.get("CandidateDefinitionNotebookLocation"),
        exploration_notebook=artifacts.get("DataExplorationNotebookLocation"),
    )


def _candidate(told: Mapping[str, Any]) -> Candidate:
    objective = told.get("FinalAutoMLJobObjectiveMetric")
    properties = told.get("CandidateProperties", {})
    artifacts = properties.get("CandidateArtifactLocations", {})
    return Candidate(
        name=told["CandidateName"],
        status=told["CandidateStatus"],
        objective=_objective(objective) if objective else None,
        containers=tuple(_container(each) for each in told.get("InferenceContainers", [])),
        metrics=tuple(
            Metric(each.get("StandardMetricName") or each["MetricName"], value, each["Set"])
            for each in properties.get("CandidateMetrics", [])
            if "Set" in each
            and {"StandardMetricName", "MetricName"} & each.keys()
            and (value := _number(each.get("Value"))) is not None
        ),
        created_at=told.get("CreationTime"),
        ended_at=told.get("EndTime"),
        failure_reason=told.get("FailureReason"),
        explainability=artifacts.get("Explainability"),
        model_insights=artifacts.get("ModelInsights"),
    )


def _objective(told: Mapping[str, Any]) -> Objective | None:
    value = _number(told.get("Value"))
    if value is None:
        return None
    # Real names can be off the documented enum (`validation:f1`); the standard one is preferred.
    return Objective(
        metric=told.get("StandardMetricName") or told["MetricName"],
        value=value,
        goal=told.get("Type"),
    )


def _number(value: object) -> float | None:
    """Return a metric's value; None where it is missing or no finite number.

    JSON has no NaN: SageMaker may write the text `"NaN"`, which botocore leaves as it is.
    """
    if not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _container(told: Mapping[str, Any]) -> Container:
    # Neither is in every model: it may be made of a package, or of an image with the data in it.
    return Container(
        image=told.get("Image", ""),
        model_data_url=told.get("ModelDataUrl", ""),
        environment=dict(told.get("Environment", {})),
    )
