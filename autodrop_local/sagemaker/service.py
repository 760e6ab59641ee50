"""The SageMaker API: one handler for every operation, over jobs, models and tags."""

from __future__ import annotations

import asyncio
import csv
import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from autodrop_local.sagemaker import automl, processing, steps, transforms
from autodrop_local.sagemaker.api import listing, rules, shapes
from autodrop_local.sagemaker.errors import ApiError, in_use, invalid, not_found
from autodrop_local.sagemaker.events import EmittedEvent, UnreliableEmit, model_event
from autodrop_local.sagemaker.headers import header
from autodrop_local.sagemaker.jobs import Jobs
from autodrop_local.sagemaker.objects import Location, ObjectError, Objects
from autodrop_local.sagemaker.ports import Place, RoleCredentials
from autodrop_local.sagemaker.state import (
    QUOTA_STATUSES,
    AutoMLJob,
    Members,
    Model,
    State,
    StepJob,
    TransformJob,
)
from autodrop_local.sagemaker.workers import WorkerSource, processes_of_jobs

CONTENT_TYPE = "application/x-amz-json-1.1"
HEADER_BYTES = 1 << 20
DEFAULT_PAGE = 10
MAX_TAGS = 50

logger = logging.getLogger(__name__)


class SageMakerService:
    """A SageMaker for one account in one region."""

    def __init__(
        self,
        *,
        home: Path,
        endpoint: str,
        ca_bundle: Path | None,
        region: str,
        account_id: str,
        emit: Callable[[EmittedEvent], None],
        credentials_for_role: Callable[[str], RoleCredentials],
        automl_job_quota: int = 4,
        unreliable_events: bool = False,
        workers: WorkerSource | None = None,
    ) -> None:
        folder = home / "sagemaker"
        self._place = Place(region, account_id, endpoint, ca_bundle)
        self._state = State(folder)
        self._emit = UnreliableEmit(emit) if unreliable_events else emit
        self._credentials_for_role = credentials_for_role
        self._quota = automl_job_quota
        self._jobs = Jobs(
            home=folder,
            state=self._state,
            place=self._place,
            emit=self._emit,
            credentials_for_role=credentials_for_role,
            workers=workers or processes_of_jobs(folder),
        )
        self._operations: dict[str, Callable[[Members], Members]] = {
            "CreateAutoMLJobV2": self._create_automl_job,
            "DescribeAutoMLJobV2": self._describe_automl_job,
            "ListCandidatesForAutoMLJob": self._list_candidates,
            "ListAutoMLJobs": self._list_automl_jobs,
            "StopAutoMLJob": self._stop_automl_job,
            "CreateModel": self._create_model,
            "DescribeModel": self._describe_model,
            "DeleteModel": self._delete_model,
            "ListModels": self._list_models,
            "CreateTransformJob": self._create_transform_job,
            "DescribeTransformJob": self._describe_transform_job,
            "StopTransformJob": self._stop_transform_job,
            "ListTransformJobs": self._list_transform_jobs,
            "CreateProcessingJob": self._create_processing_job,
            "DescribeProcessingJob": self._describe_processing_job,
            "StopProcessingJob": self._stop_processing_job,
            "ListProcessingJobs": self._list_processing_jobs,
            "DescribeTrainingJob": self._describe_training_job,
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
        }

    def start(self) -> None:
        """Takes up the jobs that were running when the host was last stopped."""
        self._jobs.start()

    def stop(self) -> None:
        """Ends the processes of all jobs."""
        self._jobs.stop()

    async def handle(
        self,
        method: str,  # noqa: ARG002 - the host's signature for every service
        path: str,  # noqa: ARG002
        headers: dict[str, str],
        body: bytes,
        query: dict[str, Any],  # noqa: ARG002
    ) -> tuple[int, dict[str, str], bytes]:
        """The answer to one request: status, headers and body. Never raises."""
        lowered = {name.lower(): value for name, value in headers.items()}
        target = lowered.get("x-amz-target", "")
        # in a thread, for some operations read S3 at the very endpoint that is being served here
        status, members = await asyncio.to_thread(self._answered, target.rpartition(".")[2], body)
        content = json.dumps(members).encode() if members is not None else b""
        answer_headers = {"Content-Type": CONTENT_TYPE}
        if status != 200:
            answer_headers["x-amzn-ErrorType"] = str((members or {}).get("__type", ""))
        return status, answer_headers, content

    def _answered(self, operation: str, body: bytes) -> tuple[int, Members | None]:
        try:
            return 200, self._respond(operation, body)
        except ApiError as error:
            answer = {"__type": error.code, "message": error.message}
            # the modelled errors of SageMaker spell their member with a capital letter
            return error.status, {**answer, "Message": error.message}
        except Exception:
            logger.exception("%s failed", operation)
            return 500, {
                "__type": "InternalFailure",
                "message": f"{operation} failed; see the log.",
            }

    def _respond(self, operation: str, body: bytes) -> Members:
        handler = self._operations.get(operation)
        if handler is None:
            raise ApiError(
                "UnknownOperationException",
                f"The operation {operation or '(none)'} is not available here.",
            )
        members = handler(shapes.request(operation, body))
        problems = shapes.response_problems(operation, members)
        if problems:
            raise RuntimeError(f"{operation} answered against the model: {problems}")
        return members

    # AutoML jobs

    def _create_automl_job(self, request: Members) -> Members:
        rules.check_automl_job(request)
        name = request["AutoMLJobName"]
        self._refuse_taken_automl_name(name)
        objects = self._as_role(request["RoleArn"])
        self._check_header(request, objects)
        now = time.time()
        job = AutoMLJob(
            name=name,
            arn=self._place.arn("automl-job", name),
            request={key: value for key, value in request.items() if key != "Tags"},
            created=now,
            modified=now,
            tags=_tag_map(request.get("Tags", [])),
        )
        with self._state.lock:
            self._refuse_taken_automl_name(name)
            self._check_quota()
            self._state.automl_jobs.put(job)
        self._jobs.run_automl(job)
        return {"AutoMLJobArn": job.arn}

    def _refuse_taken_automl_name(self, name: str) -> None:
        if self._state.automl_jobs.get(name) is not None:
            raise in_use(
                f"Resource Already Exists: Auto ML Job with name {name} already exists. "
                "Choose a different name."
            )

    def _check_quota(self) -> None:
        active = sum(job.status in QUOTA_STATUSES for job in self._state.automl_jobs.all())
        if active >= self._quota:
            raise ApiError(
                "ResourceLimitExceeded",
                "The account-level service limit 'Number of concurrent AutoML jobs' is "
                f"{self._quota} AutoML Jobs, with current utilization of {active} AutoML Jobs "
                "and a request delta of 1 AutoML Jobs. Please use AWS Service Quotas to request "
                "an increase for this quota.",
            )

    def _check_header(self, request: Members, objects: Objects) -> None:
        """Refuses a target that is not in the header, as AWS does during the call.

        What the role may not read fails the job later, with a reason.
        """
        target = request["AutoMLProblemTypeConfig"]["TabularJobConfig"]["TargetAttributeName"]
        for channel in request["AutoMLJobInputDataConfig"]:
            if "parquet" in channel.get("ContentType", ""):
                continue
            try:
                found = objects.of_source(channel["DataSource"]["S3DataSource"])
                first = objects.head(found[0], HEADER_BYTES) if found else None
            except (ObjectError, ValueError, KeyError, IndexError):
                continue
            if first is None:
                continue
            try:
                names = header(first, channel.get("CompressionType") == "Gzip")
            except (ValueError, csv.Error):
                continue
            if target not in names:
                raise invalid(f"Target attribute name {target} does not exist in header.")

    def _automl_job(self, request: Members) -> AutoMLJob:
        name = request["AutoMLJobName"]
        job = self._state.automl_jobs.get(name)
        if job is None:
            raise not_found(f"Amazon SageMaker can't find an AutoML job called {name}.")
        return job

    def _describe_automl_job(self, request: Members) -> Members:
        return automl.described(self._automl_job(request))

    def _list_candidates(self, request: Members) -> Members:
        keys: dict[str, Callable[[Members], Any]] = {
            "CreationTime": lambda found: found["CreationTime"],
            "Status": lambda found: found["CandidateStatus"],
            "FinalObjectiveMetricValue": automl.objective_value,
        }
        found = [
            candidate
            for candidate in self._automl_job(request).candidates
            if request.get("StatusEquals", candidate["CandidateStatus"])
            == candidate["CandidateStatus"]
            and request.get("CandidateNameEquals", candidate["CandidateName"])
            == candidate["CandidateName"]
        ]
        found = listing.ordered(
            found,
            keys[request.get("SortBy", "CreationTime")],
            request.get("SortOrder", "Ascending"),
        )
        return _page("Candidates", found, request, DEFAULT_PAGE)

    def _list_automl_jobs(self, request: Members) -> Members:
        keys: dict[str, Callable[[Members], Any]] = {
            "Name": lambda found: found["AutoMLJobName"],
            "CreationTime": lambda found: found["CreationTime"],
            "Status": lambda found: found["AutoMLJobStatus"],
        }
        found = listing.matching(
            map(automl.summary, self._state.automl_jobs.all()),
            request,
            "AutoMLJobName",
            "AutoMLJobStatus",
        )
        found = listing.ordered(
            found, keys[request.get("SortBy", "Name")], request.get("SortOrder", "Descending")
        )
        return _page("AutoMLJobSummaries", found, request, DEFAULT_PAGE)

    def _stop_automl_job(self, request: Members) -> Members:
        job = self._automl_job(request)
        _refuse_ended("AutoML job", job.status)
        self._jobs.stop_automl(job.name)
        return {}

    # models

    def _create_model(self, request: Members) -> Members:
        rules.check_model(request)
        name = request["ModelName"]
        arn = self._place.arn("model", name)
        self._refuse_taken_model_name(name, arn)
        self._check_model_data(request)
        model = Model(
            name=name,
            arn=arn,
            request={key: value for key, value in request.items() if key != "Tags"},
            created=time.time(),
            tags=_tag_map(request.get("Tags", [])),
        )
        with self._state.lock:
            self._refuse_taken_model_name(name, arn)
            self._state.models.put(model)
        self._emit(model_event(model))
        return {"ModelArn": arn}

    def _refuse_taken_model_name(self, name: str, arn: str) -> None:
        if self._state.models.get(name) is not None:
            raise invalid(f'Cannot create already existing model "{arn}".')

    def _check_model_data(self, request: Members) -> None:
        role = request["ExecutionRoleArn"]
        objects = self._as_role(role)
        for container in rules.model_containers(request):
            uri = container.get("ModelDataUrl")
            if uri is None:
                continue
            try:
                objects.check(Location.of(uri))
            except ObjectError as error:
                if error.absent:
                    raise invalid(f"Could not find model data at {uri}.") from None
                raise invalid(
                    f"Could not access model data at {uri}. Please ensure that the role "
                    f'"{role}" exists and that its trust relationship policy allows the action '
                    '"sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". Also '
                    'ensure that the role has "s3:GetObject" permissions and that the object is '
                    f"located in {self._place.region}."
                ) from None

    def _model(self, request: Members) -> Model:
        name = request["ModelName"]
        model = self._state.models.get(name)
        if model is None:
            raise invalid(f'Could not find model "{self._place.arn("model", name)}".')
        return model

    def _describe_model(self, request: Members) -> Members:
        model = self._model(request)
        return {
            **model.request,
            "ModelArn": model.arn,
            "CreationTime": model.created,
            "EnableNetworkIsolation": model.request.get("EnableNetworkIsolation", False),
        }

    def _delete_model(self, request: Members) -> Members:
        model = self._model(request)
        self._state.models.remove(model.name)
        self._emit(model_event(model))
        return {}

    def _list_models(self, request: Members) -> Members:
        keys: dict[str, Callable[[Members], Any]] = {
            "Name": lambda found: found["ModelName"],
            "CreationTime": lambda found: found["CreationTime"],
        }
        summaries = [
            {"ModelName": model.name, "ModelArn": model.arn, "CreationTime": model.created}
            for model in self._state.models.all()
        ]
        found = listing.ordered(
            listing.matching(summaries, request, "ModelName", None),
            keys[request.get("SortBy", "CreationTime")],
            request.get("SortOrder", "Descending"),
        )
        return _page("Models", found, request, DEFAULT_PAGE)

    # transform jobs

    def _create_transform_job(self, request: Members) -> Members:
        rules.check_transform_job(request)
        model = self._model(request)
        self._as_role(model.request["ExecutionRoleArn"])
        name = request["TransformJobName"]
        arn = self._place.arn("transform-job", name)
        now = time.time()
        job = TransformJob(
            name=name,
            arn=arn,
            request={key: value for key, value in request.items() if key != "Tags"},
            created=now,
            modified=now,
            tags=_tag_map(request.get("Tags", [])),
        )
        with self._state.lock:
            if self._state.transform_jobs.get(name) is not None:
                raise _taken(arn)
            self._state.transform_jobs.put(job)
        self._jobs.run_transform(job)
        return {"TransformJobArn": arn}

    def _transform_job(self, request: Members) -> TransformJob:
        name = request["TransformJobName"]
        job = self._state.transform_jobs.get(name)
        if job is None:
            raise not_found(f"Could not find requested job with name: {name}")
        return job

    def _describe_transform_job(self, request: Members) -> Members:
        return transforms.described(self._transform_job(request))

    def _stop_transform_job(self, request: Members) -> Members:
        job = self._transform_job(request)
        _refuse_ended("transform job", job.status)
        self._jobs.stop_transform(job.name)
        return {}

    def _list_transform_jobs(self, request: Members) -> Members:
        keys: dict[str, Callable[[Members], Any]] = {
            "Name": lambda found: found["TransformJobName"],
            "CreationTime": lambda found: found["CreationTime"],
            "Status": lambda found: found["TransformJobStatus"],
        }
        found = listing.ordered(
            listing.matching(
                map(transforms.summary, self._state.transform_jobs.all()),
                request,
                "TransformJobName",
                "TransformJobStatus",
            ),
            keys[request.get("SortBy", "CreationTime")],
            request.get("SortOrder", "Descending"),
        )
        return _page("TransformJobSummaries", found, request, DEFAULT_PAGE)

    # processing jobs, those of AutoML jobs among them

    def _create_processing_job(self, request: Members) -> Members:
        rules.check_processing_job(request)
        self._as_role(request["RoleArn"])
        name = request["ProcessingJobName"]
        arn = self._place.arn("processing-job", name)
        now = time.time()
        job = StepJob(
            name=name,
            arn=arn,
            kind="processing",
            created=now,
            modified=now,
            tags=_tag_map(request.get("Tags", [])),
            request={key: value for key, value in request.items() if key != "Tags"},
        )
        with self._state.lock:
            if self._state.processing_jobs.get(name) is not None:
                raise _taken(arn)
            self._state.processing_jobs.put(job)
        self._jobs.run_processing(job)
        return {"ProcessingJobArn": arn}

    def _processing_job(self, request: Members) -> StepJob:
        name = request["ProcessingJobName"]
        job = self._state.processing_jobs.get(name)
        if job is None:
            # not the ResourceNotFound of the service model: AWS's own controller for Kubernetes
            # knows a job that is not there by this code and text
            raise invalid(f"Could not find requested job with name: {name}")
        return job

    def _describe_processing_job(self, request: Members) -> Members:
        return steps.described(self._processing_job(request), self._place)

    def _stop_processing_job(self, request: Members) -> Members:
        job = self._processing_job(request)
        _refuse_ended("processing job", job.status)
        if job.request is None:
            raise invalid(
                f"{job.name} is a step of {job.automl_job}; only that can be stopped here."
            )
        self._jobs.stop_processing(job.name)
        return {}

    def _list_processing_jobs(self, request: Members) -> Members:
        keys: dict[str, Callable[[Members], Any]] = {
            "Name": lambda found: found["ProcessingJobName"],
            "CreationTime": lambda found: found["CreationTime"],
            "Status": lambda found: found["ProcessingJobStatus"],
        }
        found = listing.ordered(
            listing.matching(
                map(processing.summary, self._state.processing_jobs.all()),
                request,
                "ProcessingJobName",
                "ProcessingJobStatus",
            ),
            keys[request.get("SortBy", "CreationTime")],
            request.get("SortOrder", "Ascending"),
        )
        return _page("ProcessingJobSummaries", found, request, DEFAULT_PAGE)

    # training jobs of AutoML jobs

    def _describe_training_job(self, request: Members) -> Members:
        job = self._state.training_jobs.get(request["TrainingJobName"])
        if job is None:
            raise not_found("Requested resource not found.")
        return steps.described(job, self._place)

    # tags

    def _add_tags(self, request: Members) -> Members:
        rules.check_tags(request["Tags"])
        with self._state.lock:
            collection, found = self._tagged(request["ResourceArn"])
            tags = {**(found.tags or {}), **_tag_map(request["Tags"])}
            if len(tags) > MAX_TAGS:
                raise invalid(f"A resource can have at most {MAX_TAGS} tags.")
            collection.put(_with_tags(found, tags))
        return {"Tags": _tag_list(tags)}

    def _list_tags(self, request: Members) -> Members:
        _, found = self._tagged(request["ResourceArn"])
        return _page("Tags", _tag_list(found.tags), request, MAX_TAGS)

    def _tagged(self, arn: str) -> tuple[Any, AutoMLJob | Model | TransformJob | StepJob]:
        kind, _, name = arn.rpartition(":")[2].partition("/")
        collections: dict[str, Any] = {
            "automl-job": self._state.automl_jobs,
            "model": self._state.models,
            "transform-job": self._state.transform_jobs,
            "training-job": self._state.training_jobs,
            "processing-job": self._state.processing_jobs,
        }
        found = collections[kind].get(name) if kind in collections else None
        if found is None:
            raise invalid(f"Could not find resource {arn}.")
        return collections[kind], found

    def _as_role(self, role: str) -> Objects:
        """S3 as the execution role.

        Raises:
            ApiError: SageMaker may not assume the role.
        """
        try:
            credentials = self._credentials_for_role(role)
        except Exception:  # noqa: BLE001 - the host's own exceptions, whatever they are
            raise invalid(
                f"Could not assume role {role}. Please ensure that the role exists and allows "
                "principal 'sagemaker.amazonaws.com' to assume the role."
            ) from None
        return Objects.connect(self._place, credentials)


def _page(member: str, found: list[Members], request: Members, size: int) -> Members:
    shown, token = listing.page(found, request, size)
    return {member: shown} | ({"NextToken": token} if token else {})


def _taken(arn: str) -> ApiError:
    return in_use(
        "Job name must be unique within an AWS account and region, and a job with this name "
        f"already exists ({arn})"
    )


def _refuse_ended(what: str, status: str) -> None:
    if status in ("Completed", "Failed", "Stopped"):
        raise invalid(f"The request was rejected because the {what} is in status {status}.")


def _tag_map(tags: list[Members]) -> Members:
    return {tag["Key"]: tag["Value"] for tag in tags}


def _tag_list(tags: Members | None) -> list[Members]:
    return [{"Key": key, "Value": value} for key, value in (tags or {}).items()]


def _with_tags(
    found: AutoMLJob | Model | TransformJob | StepJob, tags: Members
) -> AutoMLJob | Model | TransformJob | StepJob:
    return replace(found, tags=tags)
