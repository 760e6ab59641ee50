"""Where the command works: a stack on AWS, or the local AWS of this directory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import boto3
from botocore.exceptions import ClientError

from autodrop.aws.bucket import S3Bucket
from autodrop.aws.composition import CLIENT_CONFIG
from autodrop.aws.ledger import DynamoLedger
from autodrop.aws.sagemaker import SageMakerJobs
from autodrop.sagemaker_jobs import AutoMLJob, Candidate, ProcessingJob, TransformJob
from autodrop_cli.problems import BAD_USAGE, Problem, in_sentences

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client

    from autodrop_local.local_aws import LocalAws

DEFAULT_STACK = "autodrop"
LOCAL_STACK = "autodrop-local"
_POLL_SECONDS_LOCAL = 1.0
_POLL_SECONDS_AWS = 10.0


class Jobs(Protocol):
    """What the command asks of SageMaker."""

    def describe_processing_job(self, name: str) -> ProcessingJob | None:
        """Return the processing job, or None when there is none."""

    def stop_processing_job(self, name: str) -> None:
        """Ask the job to stop; content when it is not there or has ended."""

    def describe_automl_job(self, name: str) -> AutoMLJob | None:
        """Return the job, or None when there is none."""

    def list_candidates(self, name: str) -> Sequence[Candidate]:
        """Return all candidates of the job."""

    def stop_automl_job(self, name: str) -> None:
        """Ask the job to stop; content when it is not there."""

    def describe_transform_job(self, name: str) -> TransformJob | None:
        """Return the transform job, or None when there is none."""

    def delete_model(self, name: str) -> bool:
        """Delete the model; return False when there was none."""


@dataclass(frozen=True)
class Connection:
    """One deployed autodrop.

    Attributes:
        place: What it is, for people: `stack autodrop in eu-central-1`, `the local AWS`.
        options: How to reach it again in a suggested command, with a leading space.
        is_local: Whether it is a local AWS.
        bucket_name: The data bucket.
        bucket: The same, as an adapter.
        ledger: The runs.
        sagemaker: Jobs and models.
        s3: For uploads, whose version id the adapter does not tell.
        poll_seconds: How often to look while waiting.
    """

    place: str
    options: str
    is_local: bool
    bucket_name: str
    bucket: S3Bucket
    ledger: DynamoLedger
    sagemaker: Jobs
    s3: S3Client
    poll_seconds: float

    def uri(self, key: str) -> str:
        """Return the `s3://` URI of `key`."""
        return f"s3://{self.bucket_name}/{key}"


def connect(stack: str | None, *, local: bool) -> Connection:
    """Return the autodrop to work with.

    Args:
        stack: Name of a stack on AWS.
        local: Take the local AWS.

    With neither, it is the stack in AUTODROP_STACK, else the local AWS that is running in this
    directory, else the stack `autodrop`; a local AWS that is stopped is said to be so.

    Raises:
        Problem: It is not there, not complete or does not answer.
    """
    if stack and local:
        raise Problem("Use either --stack or --local, not both.", BAD_USAGE)
    named = stack or (None if local else os.environ.get("AUTODROP_STACK"))
    with in_sentences():
        if named:
            return _on_aws(named, f" --stack {named}" if stack else "")
        running = find_local()
        if running is not None:
            return _on_local(running, " --local" if local else "")
        if local:
            raise Problem(
                f"No local AWS is running in {local_home()}: start one with `autodrop local start`."
            )
        if local_home().is_dir() and _can_run_locally():
            raise Problem(
                f"The local AWS of {local_home()} is not running: start it with `autodrop local "
                "start`, or name a stack on AWS with --stack."
            )
        return _on_aws(DEFAULT_STACK, "")


def local_home() -> Path:
    """Return the folder of the local AWS: AUTODROP_HOME, else `.autodrop` where we are."""
    return Path(os.environ.get("AUTODROP_HOME") or ".autodrop")


def find_local() -> LocalAws | None:
    """Return the local AWS that is running here, or None; also when it is not even installed."""
    home = local_home()
    if not home.is_dir():
        return None
    if not _can_run_locally():
        return None
    from autodrop_local.local_aws import find_running

    return find_running(home)


def _can_run_locally() -> bool:
    """Return whether the `[local]` extra is installed."""
    try:
        import autodrop_local.local_aws  # noqa: F401
    except ImportError:
        return False
    return True


def stack_outputs(cloudformation: CloudFormationClient, stack: str) -> dict[str, str]:
    """Return the outputs of a stack.

    Raises:
        NoSuchStack: There is none of that name.
    """
    try:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except ClientError as error:
        told = error.response["Error"]
        if told.get("Code") == "ValidationError" and "does not exist" in told.get("Message", ""):
            raise NoSuchStack(stack) from error
        raise
    if not found:
        raise NoSuchStack(stack)
    return {
        each["OutputKey"]: each["OutputValue"]
        for each in found[0].get("Outputs", [])
        if "OutputKey" in each and "OutputValue" in each
    }


class NoSuchStack(Exception):
    """CloudFormation knows no stack of this name."""


def _on_aws(stack: str, options: str) -> Connection:
    # boto3 itself reads AWS_DEFAULT_REGION only; Lambda and the AWS CLI go by AWS_REGION first.
    session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
    place = f"stack {stack} in {session.region_name or 'no region'}"
    missing = (
        f"There is no {place}. Deploy it with `sam deploy`, name another one with --stack, "
        "or start a local AWS with `autodrop local start`."
    )
    return _connection(session, {}, stack, place, options, missing)


def _on_local(running: LocalAws, options: str) -> Connection:
    missing = "The local AWS runs, but autodrop is not deployed on it: `autodrop local start`."
    session, arguments = _local_session(running.environment())
    return _connection(
        session, arguments, LOCAL_STACK, "the local AWS", options, missing, is_local=True
    )


def _local_session(environment: Mapping[str, str]) -> tuple[boto3.Session, dict[str, Any]]:
    from botocore.config import Config
    from botocore.session import Session as BotocoreSession

    # A profile that the user has chosen for AWS may not even exist, and a proxy is for elsewhere.
    nothing: Any = {
        "profile": (None, None, None, None),
        "config_file": (None, None, os.devnull, None),
        "credentials_file": (None, None, os.devnull, None),
    }
    session = boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment.get("AWS_REGION") or environment["AWS_DEFAULT_REGION"],
        botocore_session=BotocoreSession(session_vars=nothing),
    )
    return session, {
        "endpoint_url": environment["AWS_ENDPOINT_URL"],
        "verify": environment.get("AWS_CA_BUNDLE"),
        "config": CLIENT_CONFIG.merge(Config(proxies={})),
    }


def _connection(
    session: boto3.Session,
    arguments: Mapping[str, Any],
    stack: str,
    place: str,
    options: str,
    missing: str,
    *,
    is_local: bool = False,
) -> Connection:
    arguments = {"config": CLIENT_CONFIG, **arguments}
    try:
        outputs = stack_outputs(session.client("cloudformation", **arguments), stack)
    except NoSuchStack as error:
        raise Problem(missing) from error
    try:
        bucket, table = outputs["DataBucketName"], outputs["LedgerTableName"]
    except KeyError as error:
        raise Problem(
            f"In {place}, the output {error} is missing: it is not an autodrop stack, or its "
            "deployment has not finished."
        ) from error
    s3 = session.client("s3", **arguments)
    return Connection(
        place=place,
        options=options,
        is_local=is_local,
        bucket_name=bucket,
        bucket=S3Bucket(s3, bucket),
        ledger=DynamoLedger(session.resource("dynamodb", **arguments).Table(table)),
        sagemaker=SageMakerJobs(session.client("sagemaker", **arguments)),
        s3=s3,
        poll_seconds=_POLL_SECONDS_LOCAL if is_local else _POLL_SECONDS_AWS,
    )
