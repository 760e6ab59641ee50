"""SageMaker's answers, as AWS shows them, read without losing or inventing anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import Stubber
from urllib3 import HTTPResponse

from autodrop.aws.sagemaker import SageMakerJobs
from autodrop.errors import AlreadyExists, JobFailed, NotFound, QuotaExceeded, Transient
from autodrop.requests import (
    automl_job_request,
    model_request,
    processing_code_uri,
    processing_job_request,
    transform_job_request,
)
from autodrop.sagemaker_jobs import Candidate, Metric, Objective
from autodrop.settings import ProblemType
from tests.adapters.conftest import shared_client
from tests.builders import a_dataset, a_run, ensembling_container
from tests.fakes import ROLE, SPARK

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

JOB = "ad-bank-0123456789ab"
ARN = f"arn:aws:sagemaker:us-east-1:111122223333:automl-job/{JOB}"
THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 2, 4, 4, 5, tzinfo=UTC)
TRAIN = "s3://bucket/runs/bank/run/train/train_data.csv"
IMAGE = "382416733822.dkr.ecr.us-east-1.amazonaws.com/autogluon-inference:0.4.3"

# The candidate of sm-autopilot_customer_churn.ipynb (2021): an objective without `Type` and
# `StandardMetricName`, no `CandidateProperties`.
OF_2021: dict[str, Any] = {
    "CandidateName": "tuning-job-1-3572d1c0effe4c2db9-017-ab2e9b77",
    "FinalAutoMLJobObjectiveMetric": {"MetricName": "validation:f1", "Value": 0.9},
    "ObjectiveStatus": "Succeeded",
    "CandidateSteps": [
        {
            "CandidateStepType": "AWS::SageMaker::ProcessingJob",
            "CandidateStepArn": "arn:aws:sagemaker:us-east-1:111122223333:processing-job/db-1-0a",
            "CandidateStepName": "db-1-0a",
        }
    ],
    "CandidateStatus": "Completed",
    "InferenceContainers": [
        {
            "Image": IMAGE,
            "ModelDataUrl": "s3://bucket/a/model.tar.gz",
            "Environment": {"AUTOML_TRANSFORM_MODE": "feature-transform"},
        },
        {"Image": IMAGE, "ModelDataUrl": "s3://bucket/b/model.tar.gz"},
    ],
    "CreationTime": THEN,
    "LastModifiedTime": LATER,
}
OF_TODAY: dict[str, Any] = {
    **OF_2021,
    "CandidateName": f"{JOB}-trial-t1-1",
    "FinalAutoMLJobObjectiveMetric": {
        "Type": "Maximize",
        "MetricName": "validation:binary_f_beta",
        "StandardMetricName": "F1",
        "Value": 0.61,
    },
    "EndTime": LATER,
    "CandidateProperties": {
        "CandidateArtifactLocations": {
            "Explainability": "s3://bucket/explainability",
            "ModelInsights": "s3://bucket/insights",
        },
        "CandidateMetrics": [
            {"MetricName": "F1", "StandardMetricName": "F1", "Value": 0.6, "Set": "Validation"},
            {"MetricName": "AUC", "Value": 0.95, "Set": "Train"},
            {"MetricName": "Accuracy", "Set": "Train"},
            {"MetricName": "Recall", "Value": 0.5},
            {"Value": 0.5, "Set": "Test"},
        ],
    },
}
STARTING: dict[str, Any] = {
    "AutoMLJobName": JOB,
    "AutoMLJobArn": ARN,
    "AutoMLJobInputDataConfig": [
        {
            "ChannelType": "training",
            "ContentType": "text/csv;header=present",
            "CompressionType": "None",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": TRAIN}},
        }
    ],
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/output"},
    "RoleArn": ROLE,
    "AutoMLProblemTypeConfig": {"TabularJobConfig": {"TargetAttributeName": "y"}},
    "CreationTime": THEN,
    "LastModifiedTime": THEN,
    "AutoMLJobStatus": "InProgress",
    "AutoMLJobSecondaryStatus": "Starting",
}
COMPLETED: dict[str, Any] = {
    **STARTING,
    "AutoMLJobStatus": "Completed",
    "AutoMLJobSecondaryStatus": "MaxCandidatesReached",
    "EndTime": LATER,
    "BestCandidate": OF_TODAY,
    "PartialFailureReasons": [{"PartialFailureMessage": "No explainability report."}, {}],
    "AutoMLJobArtifacts": {
        "CandidateDefinitionNotebookLocation": "s3://bucket/candidates.ipynb",
        "DataExplorationNotebookLocation": "s3://bucket/exploration.ipynb",
    },
    "ResolvedAttributes": {
        "AutoMLJobObjective": {"MetricName": "F1"},
        "AutoMLProblemTypeResolvedAttributes": {
            "TabularResolvedAttributes": {"ProblemType": "BinaryClassification"}
        },
    },
}
ERRORS = [
    ("ResourceInUse", "A job with this name already exists", 400, AlreadyExists),
    (
        "ValidationException",
        f'Cannot create already existing model "arn:aws:sagemaker:us-east-1:1:model/{JOB}".',
        400,
        AlreadyExists,
    ),
    ("ResourceLimitExceeded", "The account-level service limit is 4.", 400, QuotaExceeded),
    ("ThrottlingException", "Rate exceeded", 400, Transient),
    ("InternalFailure", "", 500, Transient),
    ("ServiceUnavailable", "", 503, Transient),
    ("SomethingNew", "", 500, Transient),
    ("ResourceNotFound", "Amazon SageMaker can't find it", 400, NotFound),
    ("ValidationException", 'Could not find model "arn:aws:sagemaker:x".', 400, NotFound),
    ("ValidationException", "Target attribute name y does not exist in header.", 400, JobFailed),
    ("AccessDeniedException", "not authorized", 400, ClientError),
    ("UnrecognizedClientException", "The security token is invalid", 400, ClientError),
]


@pytest.fixture
def client() -> SageMakerClient:
    """Return a client that nothing answers yet."""
    client: SageMakerClient = shared_client("sagemaker")
    return client


@pytest.fixture
def stub(client: SageMakerClient) -> Iterator[Stubber]:
    """Return what answers the client; all of its answers have to be asked for."""
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


@pytest.fixture
def jobs(client: SageMakerClient, stub: Stubber) -> SageMakerJobs:
    """Return the adapter."""
    return SageMakerJobs(client)


# What SageMaker's JSON may hold for a number: botocore leaves texts as they are.
NO_NUMBERS = ["NaN", "Infinity", "-Infinity", float("nan"), float("inf"), None, "none"]


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_metric_that_is_no_number_is_left_out(client: SageMakerClient, value: Any) -> None:
    metrics = [
        {"MetricName": "F1", "Value": value, "Set": "Validation"},
        {"MetricName": "AUC", "Value": "0.9", "Set": "Validation"},
    ]
    candidate = {**OF_TODAY, "CandidateProperties": {"CandidateMetrics": metrics}}

    (read,) = listed(client, candidate)

    assert read.metrics == (Metric("AUC", 0.9, "Validation"),)


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_candidate_whose_objective_is_no_number_has_none(
    client: SageMakerClient, value: Any
) -> None:
    objective = {"MetricName": "F1", "Value": value}

    (read,) = listed(client, {**OF_TODAY, "FinalAutoMLJobObjectiveMetric": objective})

    assert read.objective is None
    assert read.status == "Completed"


def test_an_objective_without_a_value_is_none(client: SageMakerClient) -> None:
    (read,) = listed(client, {**OF_TODAY, "FinalAutoMLJobObjectiveMetric": {"MetricName": "F1"}})

    assert read.objective is None


@pytest.mark.parametrize("value", ["NaN", "Infinity"])
def test_a_job_whose_best_candidate_has_no_number_is_read(
    client: SageMakerClient, value: str
) -> None:
    best = {**OF_TODAY, "FinalAutoMLJobObjectiveMetric": {"MetricName": "F1", "Value": value}}

    with answered(client, {**COMPLETED, "BestCandidate": best}):
        job = SageMakerJobs(client).describe_automl_job(JOB)

    assert job is not None
    assert job.best_candidate is not None
    assert job.best_candidate.objective is None
    assert len(job.best_candidate.containers) == 2


def listed(client: SageMakerClient, *candidates: dict[str, Any]) -> list[Candidate]:
    """Return the candidates as they are read from the JSON that SageMaker would send."""
    with answered(client, {"Candidates": list(candidates)}):
        return list(SageMakerJobs(client).list_candidates(JOB))


@contextmanager
def answered(client: SageMakerClient, body: dict[str, Any]) -> Iterator[None]:
    """Answer the client's next request with this body, which botocore's own parser then reads."""
    written = json.dumps(body, default=lambda when: when.timestamp()).encode()

    def respond(request: AWSPreparedRequest, **_: Any) -> Any:
        raw = HTTPResponse(BytesIO(written), preload_content=False)
        return AWSResponse(request.url, 200, HTTPHeaders(), raw)

    client.meta.events.register_first("before-send.sagemaker", respond)
    try:
        yield
    finally:
        client.meta.events.unregister("before-send.sagemaker", respond)


def test_requests_go_out_as_they_are(jobs: SageMakerJobs, stub: Stubber) -> None:
    dataset = a_dataset()
    processing = processing_job_request(a_run(), SPARK, ROLE)
    job = automl_job_request(dataset, ROLE)
    model = model_request(dataset, [ensembling_container()], ROLE)
    transform = transform_job_request(dataset, [ensembling_container()])
    arn = "arn:aws:sagemaker:us-east-1:111122223333:"
    stub.add_response(
        "create_processing_job", {"ProcessingJobArn": f"{arn}processing-job/{JOB}"}, processing
    )
    stub.add_response("create_auto_ml_job_v2", {"AutoMLJobArn": ARN}, job)
    stub.add_response("create_model", {"ModelArn": f"{arn}model/{JOB}"}, model)
    stub.add_response(
        "create_transform_job", {"TransformJobArn": f"{arn}transform-job/{JOB}"}, transform
    )

    jobs.create_processing_job(processing)
    jobs.create_automl_job(job)
    jobs.create_model(model)
    jobs.create_transform_job(transform)


def test_a_job_that_has_just_started_says_little(jobs: SageMakerJobs, stub: Stubber) -> None:
    stub.add_response("describe_auto_ml_job_v2", STARTING, {"AutoMLJobName": JOB})

    job = jobs.describe_automl_job(JOB)

    assert job is not None
    assert (job.name, job.status, job.train_uri) == (JOB, "InProgress", TRAIN)
    assert job.status_line == "InProgress, Starting"
    unsaid = [job.best_candidate, job.ended_at, job.problem_type, job.objective_metric]
    assert [*unsaid, job.candidate_notebook, job.exploration_notebook] == [None] * 6
    assert job.partial_failures == ()


def test_a_completed_job_says_all(jobs: SageMakerJobs, stub: Stubber) -> None:
    stub.add_response("describe_auto_ml_job_v2", COMPLETED)

    job = jobs.describe_automl_job(JOB)

    assert job is not None
    assert (job.status, job.secondary_status) == ("Completed", "MaxCandidatesReached")
    assert (job.created_at, job.ended_at) == (THEN, LATER)
    assert (job.problem_type, job.objective_metric) == (ProblemType.BINARY, "F1")
    assert job.candidate_notebook == "s3://bucket/candidates.ipynb"
    assert job.exploration_notebook == "s3://bucket/exploration.ipynb"
    assert job.partial_failures == ("No explainability report.", "")


def test_a_candidate_of_today(jobs: SageMakerJobs, stub: Stubber) -> None:
    stub.add_response("describe_auto_ml_job_v2", COMPLETED)

    job = jobs.describe_automl_job(JOB)

    assert job is not None
    best = job.best_candidate
    assert best is not None
    assert best.objective == Objective("F1", 0.61, "Maximize")
    assert (best.created_at, best.ended_at) == (THEN, LATER)
    assert best.explainability == "s3://bucket/explainability"
    assert best.model_insights == "s3://bucket/insights"
    # Half a metric is none.
    assert best.metrics == (Metric("F1", 0.6, "Validation"), Metric("AUC", 0.95, "Train"))


def test_a_candidate_of_2021(jobs: SageMakerJobs, stub: Stubber) -> None:
    stub.add_response("describe_auto_ml_job_v2", {**COMPLETED, "BestCandidate": OF_2021})

    job = jobs.describe_automl_job(JOB)

    assert job is not None
    best = job.best_candidate
    assert best is not None
    assert best.objective == Objective("validation:f1", 0.9, None)
    assert best.metrics == ()
    assert [best.explainability, best.model_insights, best.ended_at] == [None] * 3
    assert [each.model_data_url for each in best.containers] == [
        "s3://bucket/a/model.tar.gz",
        "s3://bucket/b/model.tar.gz",
    ]
    assert best.containers[0].environment == {"AUTOML_TRANSFORM_MODE": "feature-transform"}
    assert best.containers[1].environment == {}


def test_a_candidate_may_have_no_objective_and_no_containers(
    jobs: SageMakerJobs, stub: Stubber
) -> None:
    bare = {
        name: value
        for name, value in OF_2021.items()
        if name not in ("FinalAutoMLJobObjectiveMetric", "InferenceContainers")
    }
    failed = {**bare, "CandidateStatus": "Failed", "FailureReason": "AlgorithmError"}
    stub.add_response("list_candidates_for_auto_ml_job", {"Candidates": [failed]})

    (candidate,) = jobs.list_candidates(JOB)

    assert (candidate.objective, candidate.containers) == (None, ())
    assert (candidate.status, candidate.failure_reason) == ("Failed", "AlgorithmError")


@pytest.mark.parametrize("status", ["Completed", "Stopped", "Failed"])
def test_a_job_may_end_without_a_best_candidate(
    status: str, jobs: SageMakerJobs, stub: Stubber
) -> None:
    ended = {**STARTING, "AutoMLJobStatus": status, "FailureReason": "why"}
    stub.add_response("describe_auto_ml_job_v2", ended)

    job = jobs.describe_automl_job(JOB)

    assert job is not None
    assert (job.status, job.best_candidate, job.failure_reason) == (status, None, "why")


def test_what_was_asked_for_stands_in_for_what_was_not_resolved(
    jobs: SageMakerJobs, stub: Stubber
) -> None:
    asked = {
        **STARTING,
        "AutoMLJobObjective": {"MetricName": "MSE"},
        "AutoMLProblemTypeConfig": {
            "TabularJobConfig": {"TargetAttributeName": "y", "ProblemType": "Regression"}
        },
    }
    stub.add_response("describe_auto_ml_job_v2", asked)

    job = jobs.describe_automl_job(JOB)

    assert job is not None
    assert (job.problem_type, job.objective_metric) == (ProblemType.REGRESSION, "MSE")


def test_candidates_of_all_pages_are_listed(jobs: SageMakerJobs, stub: Stubber) -> None:
    asked = {"AutoMLJobName": JOB, "SortBy": "CreationTime", "SortOrder": "Ascending"}
    stub.add_response(
        "list_candidates_for_auto_ml_job", {"Candidates": [OF_TODAY], "NextToken": "more"}, asked
    )
    stub.add_response(
        "list_candidates_for_auto_ml_job",
        {"Candidates": [OF_2021]},
        {**asked, "NextToken": "more"},
    )

    names = [candidate.name for candidate in jobs.list_candidates(JOB)]

    assert names == [OF_TODAY["CandidateName"], OF_2021["CandidateName"]]


def test_a_model_has_containers_however_they_were_given(jobs: SageMakerJobs, stub: Stubber) -> None:
    told = {"ModelName": JOB, "CreationTime": THEN, "ModelArn": f"{ARN}-model"}
    container = {"Image": IMAGE, "ModelDataUrl": "s3://bucket/model.tar.gz"}
    stub.add_response("describe_model", {**told, "Containers": [container]}, {"ModelName": JOB})
    stub.add_response("describe_model", {**told, "PrimaryContainer": container})

    several, single = jobs.describe_model(JOB), jobs.describe_model(JOB)

    assert several == single
    assert several is not None
    assert [each.model_data_url for each in several.containers] == ["s3://bucket/model.tar.gz"]


def test_a_model_of_somebody_else_may_have_neither_image_nor_data(
    jobs: SageMakerJobs, stub: Stubber
) -> None:
    told = {"ModelName": JOB, "CreationTime": THEN, "ModelArn": f"{ARN}-model"}
    container = {"ModelPackageName": "package"}
    stub.add_response("describe_model", {**told, "PrimaryContainer": container})

    model = jobs.describe_model(JOB)

    assert model is not None
    assert [(each.image, each.model_data_url) for each in model.containers] == [("", "")]


@pytest.mark.parametrize("ended", [True, False])
def test_a_transform_says_where_it_is(ended: bool, jobs: SageMakerJobs, stub: Stubber) -> None:
    told: dict[str, Any] = {
        "TransformJobName": JOB,
        "TransformJobArn": f"arn:aws:sagemaker:us-east-1:111122223333:transform-job/{JOB}",
        "TransformJobStatus": "Failed" if ended else "InProgress",
        "ModelName": JOB,
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/test.csv"}}
        },
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        "CreationTime": THEN,
    }
    if ended:
        told |= {"TransformEndTime": LATER, "FailureReason": "ClientError: see logs"}
    stub.add_response("describe_transform_job", told, {"TransformJobName": JOB})

    transform = jobs.describe_transform_job(JOB)

    assert transform is not None
    assert (transform.name, transform.model_name) == (JOB, JOB)
    assert (transform.input_uri, transform.created_at) == ("s3://b/test.csv", THEN)
    assert transform.ended_at == (LATER if ended else None)
    assert transform.failure_reason == ("ClientError: see logs" if ended else None)


def processing_job(**told: Any) -> dict[str, Any]:
    """Return the answer of DescribeProcessingJob about a job of ours."""
    request = processing_job_request(a_run(), SPARK, ROLE)
    return {
        **{name: value for name, value in request.items() if name != "Tags"},
        "ProcessingJobName": JOB,
        "ProcessingJobArn": f"arn:aws:sagemaker:us-east-1:111122223333:processing-job/{JOB}",
        "ProcessingJobStatus": "InProgress",
        "CreationTime": THEN,
        **told,
    }


def test_a_processing_job_that_runs_says_what_it_is_given(
    jobs: SageMakerJobs, stub: Stubber
) -> None:
    stub.add_response("describe_processing_job", processing_job(), {"ProcessingJobName": JOB})

    job = jobs.describe_processing_job(JOB)

    assert job is not None
    assert (job.name, job.status, job.created_at) == (JOB, "InProgress", THEN)
    assert job.input_uri == processing_code_uri(a_run())
    unsaid = [job.started_at, job.ended_at, job.failure_reason, job.exit_message, job.reason]
    assert unsaid == [None] * 5


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"FailureReason": "AlgorithmError", "ExitMessage": "spark"}, "AlgorithmError; spark"),
        ({"FailureReason": "AlgorithmError"}, "AlgorithmError"),
        ({"ExitMessage": "spark"}, "spark"),
        ({"FailureReason": "", "ExitMessage": ""}, None),
    ],
)
def test_a_processing_job_that_ended_says_why_as_far_as_it_knows(
    told: dict[str, str], reason: str | None, jobs: SageMakerJobs, stub: Stubber
) -> None:
    times = {"ProcessingStartTime": THEN, "ProcessingEndTime": LATER}
    stub.add_response(
        "describe_processing_job", processing_job(ProcessingJobStatus="Failed", **times, **told)
    )

    job = jobs.describe_processing_job(JOB)

    assert job is not None
    assert (job.status, job.started_at, job.ended_at) == ("Failed", THEN, LATER)
    assert job.reason == reason


@pytest.mark.parametrize(
    "inputs",
    [
        None,
        [],
        [{"InputName": "data", "S3Input": {"S3Uri": "s3://b/c", "S3DataType": "S3Prefix"}}],
        [{"InputName": "code", "DatasetDefinition": {"LocalPath": "/opt/ml/processing/x"}}],
    ],
)
def test_a_processing_job_of_autopilot_s_own_is_given_no_code_of_ours(
    inputs: list[dict[str, Any]] | None, jobs: SageMakerJobs, stub: Stubber
) -> None:
    told = processing_job(ProcessingInputs=inputs)
    if inputs is None:
        del told["ProcessingInputs"]
    stub.add_response("describe_processing_job", told)

    job = jobs.describe_processing_job(JOB)

    assert job is not None
    assert job.input_uri == ""


@pytest.mark.parametrize(("code", "text", "status", "error"), ERRORS)
@pytest.mark.parametrize("operation", ["processing_job", "automl_job", "model", "transform_job"])
def test_every_refusal_of_a_create_is_an_error_of_ours(
    operation: str,
    code: str,
    text: str,
    status: int,
    error: type[Exception],
    jobs: SageMakerJobs,
    stub: Stubber,
) -> None:
    dataset = a_dataset()
    method, request = {
        "processing_job": ("create_processing_job", processing_job_request(a_run(), SPARK, ROLE)),
        "automl_job": ("create_auto_ml_job_v2", automl_job_request(dataset, ROLE)),
        "model": ("create_model", model_request(dataset, [ensembling_container()], ROLE)),
        "transform_job": (
            "create_transform_job",
            transform_job_request(dataset, [ensembling_container()]),
        ),
    }[operation]
    stub.add_client_error(method, code, text, http_status_code=status)

    with pytest.raises(error) as raised:
        getattr(jobs, f"create_{operation}")(request)

    assert type(raised.value) is error or isinstance(raised.value, ClientError)
    assert text in str(raised.value)


def test_sagemaker_s_words_reach_the_user(jobs: SageMakerJobs, stub: Stubber) -> None:
    text = "Target attribute name y does not exist in header."
    stub.add_client_error("create_auto_ml_job_v2", "ValidationException", text)

    with pytest.raises(JobFailed) as raised:
        jobs.create_automl_job(automl_job_request(a_dataset(), ROLE))

    assert (raised.value.code, raised.value.message) == ("REFUSED_BY_SAGEMAKER", text)


@pytest.mark.parametrize(
    ("method", "operation", "code", "text"),
    [
        (
            "describe_automl_job",
            "describe_auto_ml_job_v2",
            "ResourceNotFound",
            f"Amazon SageMaker can't find an AutoML job called {JOB}.",
        ),
        ("describe_model", "describe_model", "ValidationException", 'Could not find model "arn".'),
        (
            "describe_transform_job",
            "describe_transform_job",
            "ResourceNotFound",
            "Could not find requested transform job with name",
        ),
        # The model of the service says the one, what is known of its answers the other.
        *(
            (f"describe_{kind}_job", f"describe_{kind}_job", code, text)
            for kind in ("processing", "transform")
            for code, text in (
                ("ResourceNotFound", ""),
                ("ValidationException", "Could not find requested job with name: x"),
            )
        ),
    ],
)
def test_what_is_not_there_is_none(
    method: str, operation: str, code: str, text: str, jobs: SageMakerJobs, stub: Stubber
) -> None:
    stub.add_client_error(operation, code, text)

    assert getattr(jobs, method)(JOB) is None


@pytest.mark.parametrize(
    ("method", "operation"),
    [
        ("describe_automl_job", "describe_auto_ml_job_v2"),
        ("describe_model", "describe_model"),
        ("describe_processing_job", "describe_processing_job"),
        ("describe_transform_job", "describe_transform_job"),
        ("list_candidates", "list_candidates_for_auto_ml_job"),
    ],
)
@pytest.mark.parametrize(
    ("code", "error"), [("ThrottlingException", Transient), ("AccessDeniedException", ClientError)]
)
def test_what_cannot_be_looked_at_is_not_taken_for_missing(
    method: str,
    operation: str,
    code: str,
    error: type[Exception],
    jobs: SageMakerJobs,
    stub: Stubber,
) -> None:
    stub.add_client_error(operation, code)

    with pytest.raises(error):
        getattr(jobs, method)(JOB)


def test_a_model_is_deleted_once(jobs: SageMakerJobs, stub: Stubber) -> None:
    stub.add_response("delete_model", {}, {"ModelName": JOB})
    stub.add_client_error("delete_model", "ValidationException", 'Could not find model "arn".')

    assert jobs.delete_model(JOB)
    assert not jobs.delete_model(JOB)


def test_a_job_that_is_not_there_need_not_be_stopped(jobs: SageMakerJobs, stub: Stubber) -> None:
    stub.add_response("stop_auto_ml_job", {}, {"AutoMLJobName": JOB})
    stub.add_client_error("stop_auto_ml_job", "ResourceNotFound")

    jobs.stop_automl_job(JOB)
    jobs.stop_automl_job(JOB)


def test_a_processing_job_that_is_not_there_need_not_be_stopped(
    jobs: SageMakerJobs, stub: Stubber
) -> None:
    stub.add_response("stop_processing_job", {}, {"ProcessingJobName": JOB})
    stub.add_client_error("stop_processing_job", "ResourceNotFound")
    stub.add_client_error("stop_processing_job", "ValidationException", "The job has ended.")

    for _ in range(3):
        jobs.stop_processing_job(JOB)


def test_a_processing_job_that_may_not_be_stopped_is_not_taken_for_stopped(
    jobs: SageMakerJobs, stub: Stubber
) -> None:
    stub.add_client_error("stop_processing_job", "AccessDeniedException")

    with pytest.raises(ClientError):
        jobs.stop_processing_job(JOB)


def test_a_connection_that_breaks_is_passing(
    client: SageMakerClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url="https://api.sagemaker.us-east-1.amazonaws.com")

    monkeypatch.setattr(client, "describe_auto_ml_job_v2", broken)

    with pytest.raises(Transient):
        SageMakerJobs(client).describe_automl_job(JOB)
