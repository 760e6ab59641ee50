"""The API through a boto3 client, with processes that the tests act out."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from autodrop_local.sagemaker.events import UnreliableEmit
from tests.local.sagemaker.stage import (
    ACCOUNT,
    BLIND_ROLE,
    BUCKET,
    REGION,
    ROLE,
    UNTRUSTING_ROLE,
    ActedProcesses,
    LocalAws,
    automl_request,
    eventually,
    model_request,
    processing_request,
    running,
    transform_request,
)

HEADER = "age,job,y\n"


@pytest.fixture(autouse=True)
def _training_data(aws: LocalAws) -> None:
    aws.put("train.csv", HEADER + "1,a,yes\n")
    aws.put("m.tar.gz", b"model")
    aws.put("test.csv", "1,a\n")


def refused(operation: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        operation(**request)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def finished(aws: LocalAws, processes: ActedProcesses, name: str = "job") -> None:
    """An AutoML job with three candidates, completed."""
    aws.sagemaker.create_auto_ml_job_v2(**automl_request(name))
    process = processes.next()
    for number, value in enumerate((0.7, 0.9, 0.8), start=1):
        process.tell_candidate(f"{name}-trial-t1-{number}", value)
    process.tell("finished", secondary="MaxCandidatesReached")
    process.end()
    aws.finished_automl_job(name)


def test_a_job_is_created_described_and_listed(aws: LocalAws, processes: ActedProcesses) -> None:
    created = aws.sagemaker.create_auto_ml_job_v2(**automl_request("Job-1"))
    described = aws.sagemaker.describe_auto_ml_job_v2(AutoMLJobName="job-1")
    listed = aws.sagemaker.list_auto_ml_jobs(NameContains="JOB")["AutoMLJobSummaries"]

    assert created["AutoMLJobArn"] == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:automl-job/Job-1"
    assert (described["AutoMLJobName"], described["AutoMLJobStatus"]) == ("Job-1", "InProgress")
    assert [job["AutoMLJobName"] for job in listed] == ["Job-1"]
    processes.next().end()


def test_a_name_is_taken_for_good_whatever_its_case(
    aws: LocalAws, processes: ActedProcesses
) -> None:
    finished(aws, processes, "job")

    code, message = refused(aws.sagemaker.create_auto_ml_job_v2, **automl_request("JOB"))

    assert code == "ResourceInUse"
    assert "JOB already exists" in message


def test_a_fifth_job_at_once_is_over_the_quota(aws: LocalAws, processes: ActedProcesses) -> None:
    for number in range(4):
        aws.sagemaker.create_auto_ml_job_v2(**automl_request(f"job-{number}"))

    code, message = refused(aws.sagemaker.create_auto_ml_job_v2, **automl_request("job-5"))
    assert code == "ResourceLimitExceeded"
    assert "is 4 AutoML Jobs" in message

    first = processes.next()
    assert first.order is not None
    first.tell("failed", reason="x")
    first.end()
    aws.finished_automl_job(first.order.name)
    aws.sagemaker.create_auto_ml_job_v2(**automl_request("job-5"))


def test_a_target_that_is_not_in_the_header_is_refused_during_the_call(aws: LocalAws) -> None:
    request = automl_request(tabular={"TargetAttributeName": "z"})

    code, message = refused(aws.sagemaker.create_auto_ml_job_v2, **request)

    assert code == "ValidationException"
    assert message == "Target attribute name z does not exist in header."
    assert aws.sagemaker.list_auto_ml_jobs()["AutoMLJobSummaries"] == []


def test_a_header_may_be_quoted_and_begin_with_a_mark(
    aws: LocalAws, processes: ActedProcesses
) -> None:
    aws.put("train.csv", b'\xef\xbb\xbf"y, or n","a ""b"""\r\n1,2\r\n')

    for number, target in enumerate(["y, or n", 'a "b"']):
        request = automl_request(f"job-{number}", tabular={"TargetAttributeName": target})
        aws.sagemaker.create_auto_ml_job_v2(**request)


def test_a_role_that_cannot_be_assumed_is_refused(aws: LocalAws) -> None:
    request = automl_request(RoleArn=UNTRUSTING_ROLE)

    code, message = refused(aws.sagemaker.create_auto_ml_job_v2, **request)

    assert code == "ValidationException"
    assert message.startswith(f"Could not assume role {UNTRUSTING_ROLE}.")


def test_data_that_the_role_may_not_read_is_the_job_s_business(
    aws: LocalAws, processes: ActedProcesses
) -> None:
    aws.sagemaker.create_auto_ml_job_v2(**automl_request(RoleArn=BLIND_ROLE))

    assert processes.next().order is not None


def test_an_unknown_job_is_not_found(aws: LocalAws) -> None:
    wanted = ("ResourceNotFound", "Amazon SageMaker can't find an AutoML job called none.")
    client = aws.sagemaker

    for operation in (
        client.describe_auto_ml_job_v2,
        client.list_candidates_for_auto_ml_job,
        client.stop_auto_ml_job,
    ):
        assert refused(operation, AutoMLJobName="none") == wanted


def test_candidates_are_sorted_filtered_and_paged(aws: LocalAws, processes: ActedProcesses) -> None:
    finished(aws, processes)

    def names(**request: Any) -> list[str]:
        answer = aws.sagemaker.list_candidates_for_auto_ml_job(AutoMLJobName="job", **request)
        return [found["CandidateName"][-1] for found in answer["Candidates"]]

    assert names() == ["1", "2", "3"]
    assert names(SortBy="FinalObjectiveMetricValue") == ["1", "3", "2"]
    assert names(SortBy="FinalObjectiveMetricValue", SortOrder="Descending") == ["2", "3", "1"]
    assert names(StatusEquals="Failed") == []
    assert names(CandidateNameEquals="job-trial-t1-2") == ["2"]
    pages = aws.sagemaker.get_paginator("list_candidates_for_auto_ml_job").paginate(
        AutoMLJobName="job", PaginationConfig={"PageSize": 2}
    )
    assert [len(page["Candidates"]) for page in pages] == [2, 1]


def test_a_stopped_job_keeps_its_candidates(aws: LocalAws, processes: ActedProcesses) -> None:
    aws.sagemaker.create_auto_ml_job_v2(**automl_request())
    process = processes.next()
    process.tell_candidate("job-trial-t1-1", 0.9)
    describe = aws.sagemaker.describe_auto_ml_job_v2
    eventually(lambda: "BestCandidate" in describe(AutoMLJobName="job"))

    aws.sagemaker.stop_auto_ml_job(AutoMLJobName="job")

    assert process.ended.wait(5)
    job = aws.finished_automl_job("job")
    assert (job["AutoMLJobStatus"], job["AutoMLJobSecondaryStatus"]) == ("Stopped", "Stopped")
    assert job["BestCandidate"]["CandidateName"] == "job-trial-t1-1"
    assert "FailureReason" not in job
    code, message = refused(aws.sagemaker.stop_auto_ml_job, AutoMLJobName="job")
    assert (code, "in status Stopped" in message) == ("ValidationException", True)


def test_a_process_that_dies_fails_its_job(aws: LocalAws, processes: ActedProcesses) -> None:
    aws.sagemaker.create_auto_ml_job_v2(**automl_request())
    processes.next().end()

    job = aws.finished_automl_job("job")

    assert job["AutoMLJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("InternalServerError: The job's process ended")


def test_child_jobs_are_described_and_raise_events(
    aws: LocalAws, processes: ActedProcesses
) -> None:
    aws.sagemaker.create_auto_ml_job_v2(**automl_request())
    process = processes.next()
    process.tell("step_started", kind="training", name="job-t1-1", details={})
    process.tell("step_ended", kind="training", name="job-t1-1", status="Completed")
    process.tell("step_started", kind="processing", name="job-documentation", details={})
    process.tell_candidate("job-trial-t1-1", 0.9)
    process.tell("finished", secondary="MaxCandidatesReached")
    process.tell("step_ended", kind="processing", name="job-documentation", status="Completed")
    process.end()
    aws.finished_automl_job("job")
    eventually(lambda: len(aws.events) == 4)

    training = aws.sagemaker.describe_training_job(TrainingJobName="job-t1-1")
    processing = aws.sagemaker.describe_processing_job(ProcessingJobName="job-documentation")
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:automl-job/job"
    assert training["AutoMLJobArn"] == processing["AutoMLJobArn"] == arn
    assert training["TrainingJobStatus"] == processing["ProcessingJobStatus"] == "Completed"
    told = [
        (
            event.detail_type,
            event.detail.get("TrainingJobStatus", event.detail.get("ProcessingJobStatus")),
        )
        for event in aws.events
    ]
    assert told == [
        ("SageMaker Training Job State Change", "InProgress"),
        ("SageMaker Training Job State Change", "Completed"),
        ("SageMaker Processing Job State Change", "InProgress"),
        ("SageMaker Processing Job State Change", "Completed"),
    ]


def test_the_last_child_event_comes_after_the_job_has_ended(
    aws: LocalAws, processes: ActedProcesses
) -> None:
    seen: list[str] = []
    service_emit = aws.events.append

    def emit(event: Any) -> None:
        found = aws.service._state.automl_jobs.get("job")
        seen.append(found.status if found else "none")
        service_emit(event)

    aws.service._jobs._emit = emit
    for end in ("finished", "failed"):
        aws.service._state.automl_jobs.remove("job")
        aws.sagemaker.create_auto_ml_job_v2(**automl_request())
        process = processes.next()
        process.tell("step_started", kind="processing", name=f"job-{end}", details={})
        if end == "finished":
            process.tell("finished", secondary="Completed")
            process.tell("step_ended", kind="processing", name="job-finished", status="Completed")
        else:
            process.tell("failed", reason="because")
        process.end()
        aws.finished_automl_job("job")
        eventually(lambda: len(seen) % 2 == 0)

    assert seen == ["InProgress", "Completed", "InProgress", "Failed"]
    assert aws.events[-1].detail["ProcessingJobStatus"] == "Failed"


def test_there_is_never_an_automl_event(aws: LocalAws, processes: ActedProcesses) -> None:
    finished(aws, processes)

    assert not [event for event in aws.events if "AutoML" in event.detail_type]


def test_a_model_is_made_once_and_can_be_made_again(aws: LocalAws) -> None:
    arn = aws.sagemaker.create_model(**model_request())["ModelArn"]

    taken = refused(aws.sagemaker.create_model, **model_request())
    assert taken == ("ValidationException", f'Cannot create already existing model "{arn}".')
    described = aws.sagemaker.describe_model(ModelName="model")
    assert described["Containers"] == model_request()["Containers"]
    assert [m["ModelArn"] for m in aws.sagemaker.list_models()["Models"]] == [arn]

    aws.sagemaker.delete_model(ModelName="model")
    missing = ("ValidationException", f'Could not find model "{arn}".')
    assert refused(aws.sagemaker.describe_model, ModelName="model") == missing
    assert refused(aws.sagemaker.delete_model, ModelName="model") == missing
    aws.sagemaker.create_model(**model_request())
    assert [event.detail_type for event in aws.events] == ["SageMaker Model State Change"] * 3


def test_model_data_must_be_there_and_readable(aws: LocalAws) -> None:
    uri = f"s3://{BUCKET}/none.tar.gz"
    missing = refused(aws.sagemaker.create_model, **model_request(uri=uri))
    assert missing == ("ValidationException", f"Could not find model data at {uri}.")

    blind = model_request() | {"ExecutionRoleArn": BLIND_ROLE}
    code, message = refused(aws.sagemaker.create_model, **blind)
    assert code == "ValidationException"
    assert message.startswith(f"Could not access model data at s3://{BUCKET}/m.tar.gz.")


def test_a_transform_job_needs_its_model(aws: LocalAws) -> None:
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/model"

    refusal = refused(aws.sagemaker.create_transform_job, **transform_request())

    assert refusal == ("ValidationException", f'Could not find model "{arn}".')


def test_a_transform_job_goes_its_way(aws: LocalAws, processes: ActedProcesses) -> None:
    aws.sagemaker.create_model(**model_request())
    aws.sagemaker.create_transform_job(
        **transform_request(
            Tags=[{"Key": "run", "Value": "1"}], DataProcessing={"JoinSource": "Input"}
        )
    )
    process = processes.next()
    process.tell("finished")
    process.end()

    job = aws.finished_transform_job("job")

    assert process.order is not None
    assert process.order.containers == model_request()["Containers"]
    assert process.order.credentials.access_key == "execution"
    assert job["TransformJobStatus"] == "Completed"
    assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]
    assert job["DataProcessing"]["JoinSource"] == "Input"
    transforms = [e for e in aws.events if "Transform" in e.detail_type]
    assert [e.detail["TransformJobStatus"] for e in transforms] == ["InProgress", "Completed"]
    assert transforms[-1].detail["Tags"] == {"run": "1"}
    code, message = refused(aws.sagemaker.create_transform_job, **transform_request())
    assert code == "ResourceInUse"
    assert job["TransformJobArn"] in message


def test_a_failed_transform_says_why(aws: LocalAws, processes: ActedProcesses) -> None:
    aws.sagemaker.create_model(**model_request())
    aws.sagemaker.create_transform_job(**transform_request())
    process = processes.next()
    process.tell("failed", reason="ClientError: a bad record")
    process.end()

    job = aws.finished_transform_job("job")

    assert (job["TransformJobStatus"], job["FailureReason"]) == (
        "Failed",
        "ClientError: a bad record",
    )
    assert aws.events[-1].detail["FailureReason"] == "ClientError: a bad record"


def test_a_transform_job_can_be_stopped(aws: LocalAws, processes: ActedProcesses) -> None:
    aws.sagemaker.create_model(**model_request())
    aws.sagemaker.create_transform_job(**transform_request())
    process = processes.next()

    aws.sagemaker.stop_transform_job(TransformJobName="job")

    assert process.ended.wait(5)
    assert aws.finished_transform_job("job")["TransformJobStatus"] == "Stopped"
    statuses = [e.detail.get("TransformJobStatus") for e in aws.events]
    assert statuses[-2:] == ["Stopping", "Stopped"]
    listed = aws.sagemaker.list_transform_jobs(StatusEquals="Stopped")["TransformJobSummaries"]
    assert [job["TransformJobName"] for job in listed] == ["job"]


def test_transform_jobs_wait_for_a_processor_and_automl_jobs_do_not(
    tmp_path: Path, processes: ActedProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    with running(tmp_path / "few", workers=processes) as aws:
        for key, content in (("train.csv", HEADER), ("m.tar.gz", "model"), ("test.csv", "1,a\n")):
            aws.put(key, content)
        aws.sagemaker.create_model(**model_request())
        for number in range(6):
            aws.sagemaker.create_transform_job(**transform_request(f"job-{number}"))
        running_now = [processes.next(), processes.next()]
        aws.sagemaker.create_auto_ml_job_v2(**automl_request())
        processes.next().end()
        aws.finished_automl_job("job")

        for _ in range(4):
            process = running_now.pop(0)
            assert process.order is not None
            process.tell("finished")
            process.end()
            job = aws.finished_transform_job(process.order.name)
            assert job["TransformJobStatus"] == "Completed"
            running_now.append(processes.next())
            assert processes.others() == 0
        for process in running_now:
            process.tell("finished")
            process.end()


def test_an_unknown_transform_job_is_not_found(aws: LocalAws) -> None:
    for operation in (aws.sagemaker.describe_transform_job, aws.sagemaker.stop_transform_job):
        code, message = refused(operation, TransformJobName="none")
        assert code == "ResourceNotFound"
        assert "none" in message


def test_a_processing_job_goes_its_way(aws: LocalAws, processes: ActedProcesses) -> None:
    request = processing_request(Tags=[{"Key": "run", "Value": "1"}], Environment={"A": "b"})
    arn = aws.sagemaker.create_processing_job(**request)["ProcessingJobArn"]
    process = processes.next()
    process.tell("finished", exit_message="all is well")
    process.end()

    job = aws.finished_processing_job("job")

    assert process.order is not None
    assert process.order.kind == "processing"
    assert process.order.credentials.access_key == "execution"
    assert arn == f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:processing-job/job"
    assert (job["ProcessingJobStatus"], job["ExitMessage"]) == ("Completed", "all is well")
    assert job["CreationTime"] <= job["ProcessingStartTime"] <= job["ProcessingEndTime"]
    for member in ("AppSpecification", "Environment", "ProcessingResources", "RoleArn"):
        assert job[member] == request[member]
    told = [event.detail for event in aws.events]
    assert [detail["ProcessingJobStatus"] for detail in told] == ["InProgress", "Completed"]
    assert told[-1]["Tags"] == {"run": "1"}
    assert aws.sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "run", "Value": "1"}]


def test_a_processing_job_is_described_with_the_defaults_of_aws(
    aws: LocalAws, processes: ActedProcesses
) -> None:
    request = processing_request()
    del request["StoppingCondition"]
    aws.sagemaker.create_processing_job(**request)

    job = aws.sagemaker.describe_processing_job(ProcessingJobName="JOB")

    assert job["StoppingCondition"] == {"MaxRuntimeInSeconds": 86_400}
    [given], [output] = job["ProcessingInputs"], job["ProcessingOutputConfig"]["Outputs"]
    assert (given["AppManaged"], output["AppManaged"]) == (False, False)
    assert given["S3Input"]["S3DataDistributionType"] == "FullyReplicated"
    assert job["ProcessingJobName"] == "job"
    processes.next().end()


def test_a_failed_processing_job_says_why(aws: LocalAws, processes: ActedProcesses) -> None:
    aws.sagemaker.create_processing_job(**processing_request())
    process = processes.next()
    process.tell("failed", reason="AlgorithmError: See job logs", exit_message="Algorithm Error")
    process.end()

    job = aws.finished_processing_job("job")

    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: See job logs"
    assert job["ExitMessage"] == "Algorithm Error"
    assert aws.events[-1].detail["FailureReason"] == "AlgorithmError: See job logs"


def test_the_name_of_a_processing_job_is_taken_for_good(
    aws: LocalAws, processes: ActedProcesses
) -> None:
    arn = aws.sagemaker.create_processing_job(**processing_request())["ProcessingJobArn"]
    processes.next().end()
    aws.finished_processing_job("job")

    refusal = refused(aws.sagemaker.create_processing_job, **processing_request())

    assert refusal == (
        "ResourceInUse",
        "Job name must be unique within an AWS account and region, and a job with this name "
        f"already exists ({arn})",
    )


def test_a_processing_job_can_be_stopped(aws: LocalAws, processes: ActedProcesses) -> None:
    aws.sagemaker.create_processing_job(**processing_request())
    process = processes.next()

    aws.sagemaker.stop_processing_job(ProcessingJobName="job")

    assert process.ended.wait(5)
    job = aws.finished_processing_job("job")
    assert job["ProcessingJobStatus"] == "Stopped"
    assert "FailureReason" not in job
    statuses = [event.detail["ProcessingJobStatus"] for event in aws.events]
    assert statuses[-2:] == ["Stopping", "Stopped"]
    code, message = refused(aws.sagemaker.stop_processing_job, ProcessingJobName="job")
    assert (code, "in status Stopped" in message) == ("ValidationException", True)


def test_a_processing_job_over_its_runtime_is_stopped(
    aws: LocalAws, processes: ActedProcesses
) -> None:
    limit = {"MaxRuntimeInSeconds": 1}
    aws.sagemaker.create_processing_job(**processing_request(StoppingCondition=limit))
    process = processes.next()

    job = aws.finished_processing_job("job")

    assert process.ended.wait(5)
    assert job["ProcessingJobStatus"] == "Stopped"
    assert (job["ProcessingEndTime"] - job["ProcessingStartTime"]).total_seconds() >= 1


def test_processing_jobs_are_listed_with_those_of_automl_jobs(
    aws: LocalAws, processes: ActedProcesses
) -> None:
    aws.sagemaker.create_auto_ml_job_v2(**automl_request("parent"))
    automl = processes.next()
    automl.tell("step_started", kind="processing", name="parent-db-1", details={})
    eventually(lambda: len(aws.events) == 1)
    aws.sagemaker.create_processing_job(**processing_request("own"))
    own = processes.next()
    own.tell("finished", exit_message=None)
    own.end()
    aws.finished_processing_job("own")

    def names(**request: Any) -> list[str]:
        answer = aws.sagemaker.list_processing_jobs(**request)
        return [found["ProcessingJobName"] for found in answer["ProcessingJobSummaries"]]

    assert names() == ["parent-db-1", "own"]
    assert names(SortBy="Name") == ["own", "parent-db-1"]
    assert names(StatusEquals="Completed") == ["own"]
    code, message = refused(aws.sagemaker.stop_processing_job, ProcessingJobName="parent-db-1")
    assert (code, "a step of parent" in message) == ("ValidationException", True)
    automl.end()


def test_an_unknown_processing_job_is_not_found(aws: LocalAws) -> None:
    wanted = ("ValidationException", "Could not find requested job with name: none")

    for operation in (aws.sagemaker.describe_processing_job, aws.sagemaker.stop_processing_job):
        assert refused(operation, ProcessingJobName="none") == wanted


def test_a_processing_job_needs_a_role_that_can_be_assumed(aws: LocalAws) -> None:
    request = processing_request(RoleArn=UNTRUSTING_ROLE)

    code, message = refused(aws.sagemaker.create_processing_job, **request)

    assert code == "ValidationException"
    assert message.startswith(f"Could not assume role {UNTRUSTING_ROLE}.")


def test_tags_are_kept_added_and_listed(aws: LocalAws) -> None:
    request = model_request() | {"Tags": [{"Key": "a", "Value": "1"}]}
    arn = aws.sagemaker.create_model(**request)["ModelArn"]

    aws.sagemaker.add_tags(
        ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}]
    )

    tags = aws.sagemaker.list_tags(ResourceArn=arn)["Tags"]
    assert tags == [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}]
    code, _ = refused(aws.sagemaker.list_tags, ResourceArn=arn + "x")
    assert code == "ValidationException"


def test_an_operation_that_is_not_there_is_unknown(aws: LocalAws) -> None:
    code, _ = refused(aws.sagemaker.list_notebook_instances)

    assert code == "UnknownOperationException"


def test_a_fault_of_ours_is_an_internal_failure(
    aws: LocalAws, caplog: pytest.LogCaptureFixture
) -> None:
    aws.service._operations["ListModels"] = lambda request: {"Models": "none"}

    headers = {"X-Amz-Target": "SageMaker.ListModels"}
    status, _, body = asyncio.run(aws.service.handle("POST", "/", headers, b"{}", {}))

    assert (status, json.loads(body)["__type"]) == (500, "InternalFailure")
    assert "ListModels failed" in caplog.text


def test_jobs_that_a_stop_cut_off_are_taken_up_again(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first, second = ActedProcesses(), ActedProcesses()
    with running(home, workers=first) as aws:
        aws.put("train.csv", HEADER)
        aws.put("m.tar.gz", b"model")
        aws.sagemaker.create_model(**model_request())
        aws.sagemaker.create_auto_ml_job_v2(**automl_request("trains"))
        aws.sagemaker.create_transform_job(**transform_request("transforms"))
        aws.sagemaker.create_processing_job(**processing_request("processes"))
        started = [first.next() for _ in range(3)]
        eventually(lambda: all(process.order is not None for process in started))
        [cut_off] = [process for process in started if process.order.name == "trains"]  # type: ignore[union-attr]
        cut_off.tell_candidate("trains-trial-t1-1", 0.5)
        bucket = aws.bucket

    with running(home, bucket, workers=second) as aws:
        aws.service.start()
        orders = {}
        for _ in range(3):
            process = second.next()
            eventually(lambda process=process: process.order is not None)  # type: ignore[misc]
            assert process.order is not None
            orders[process.order.kind] = process
        orders["automl"].tell_candidate("trains-trial-t1-1", 0.9)
        orders["automl"].tell("finished", secondary="Completed")
        orders["transform"].tell("finished")
        orders["processing"].tell("finished", exit_message=None)
        job = aws.finished_automl_job("trains")
        transform = aws.finished_transform_job("transforms")
        processing = aws.finished_processing_job("processes")

    assert job["BestCandidate"]["FinalAutoMLJobObjectiveMetric"]["Value"] == 0.9
    assert transform["TransformJobStatus"] == "Completed"
    assert processing["ProcessingJobStatus"] == "Completed"


def test_a_job_that_is_cut_off_too_often_fails(tmp_path: Path) -> None:
    bucket = None
    for _ in range(3):
        with running(tmp_path, bucket, workers=ActedProcesses()) as aws:
            bucket = aws.bucket
            aws.put("train.csv", HEADER)
            aws.service.start()
            if not aws.sagemaker.list_auto_ml_jobs()["AutoMLJobSummaries"]:
                aws.sagemaker.create_auto_ml_job_v2(**automl_request())

    with running(tmp_path, bucket, workers=ActedProcesses()) as aws:
        aws.service.start()
        job = aws.sagemaker.describe_auto_ml_job_v2(AutoMLJobName="job")

    assert job["AutoMLJobStatus"] == "Failed"
    assert "too many times" in job["FailureReason"]


def test_a_job_that_was_stopping_is_stopped_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path, workers=ActedProcesses()) as aws:
        bucket = aws.bucket
        aws.put("train.csv", HEADER)
        aws.sagemaker.create_auto_ml_job_v2(**automl_request())
    with running(tmp_path, bucket, workers=ActedProcesses()) as aws:
        aws.service._jobs.stop_automl("job")
        aws.service.start()

        job = aws.sagemaker.describe_auto_ml_job_v2(AutoMLJobName="job")

    assert job["AutoMLJobStatus"] == "Stopped"


def test_a_process_far_over_the_runtime_is_ended(
    aws: LocalAws, processes: ActedProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autodrop_local.sagemaker.jobs.GRACE_SECONDS", -0.5)
    limit = {"CompletionCriteria": {"MaxAutoMLJobRuntimeInSeconds": 1}}
    aws.sagemaker.create_auto_ml_job_v2(**automl_request(tabular=limit))
    process = processes.next()
    process.tell_candidate("job-trial-t1-1", 0.9)
    process.tell("step_started", kind="training", name="job-t1-2", details={})

    job = aws.finished_automl_job("job")

    assert process.ended.wait(5)
    assert job["AutoMLJobStatus"] == "Completed"
    assert job["AutoMLJobSecondaryStatus"] == "MaxAutoMLJobRuntimeReached"
    assert job["BestCandidate"]["CandidateName"] == "job-trial-t1-1"
    step = aws.sagemaker.describe_training_job(TrainingJobName="job-t1-2")
    assert step["TrainingJobStatus"] == "Stopped"


def test_unreliable_events_still_come_from_the_same_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(UnreliableEmit, "LONGEST_DELAY", 0.1)
    with running(tmp_path, workers=ActedProcesses(), unreliable_events=True) as aws:
        aws.put("m.tar.gz", b"model")
        for number in range(20):
            aws.sagemaker.create_model(**model_request(f"model-{number}"))
        eventually(lambda: len(aws.events) > 5)

    assert {event.detail_type for event in aws.events} == {"SageMaker Model State Change"}


def test_the_role_of_the_job_reaches_its_process(aws: LocalAws, processes: ActedProcesses) -> None:
    aws.sagemaker.create_auto_ml_job_v2(**automl_request())
    process = processes.next()

    eventually(lambda: process.order is not None)

    assert process.order is not None
    assert process.order.credentials.access_key == ROLE.rpartition("/")[2]
