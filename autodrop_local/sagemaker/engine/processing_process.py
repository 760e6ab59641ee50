"""A processing job, in a process of its own: inputs in, the container runs, outputs out.

https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from autodrop_local.sagemaker.engine import spark_container
from autodrop_local.sagemaker.engine.failure import JobFailedError
from autodrop_local.sagemaker.engine.orders import Order, Tell
from autodrop_local.sagemaker.engine.spark_container import (
    MAX_MESSAGE,
    Container,
    ContainerExitError,
    Submission,
)
from autodrop_local.sagemaker.objects import Location, ObjectError, Objects

SEE_LOGS = "AlgorithmError: See job logs for more information"


def run(order: Order, objects: Objects, tell: Tell) -> None:
    """Does the job.

    Raises:
        JobFailedError: for a reason that the user can act on.
    """
    request, container = order.request, Container(Path(order.work))
    submission = Submission.of(request["AppSpecification"])
    java = spark_container.java_home(os.environ)
    outputs = (request.get("ProcessingOutputConfig") or {}).get("Outputs", [])
    try:
        for given in request.get("ProcessingInputs") or []:
            _download(given["S3Input"], container, objects, order)
        for given in outputs:
            container.path(given["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
        try:
            spark_container.run(submission, container, java, environment(order, container))
        except ContainerExitError as error:
            tell("failed", reason=SEE_LOGS, exit_message=str(error))
            return
        exit_message = _exit_message(container)
        for given in outputs:
            _upload(given["S3Output"], container, objects)
    except ObjectError as error:
        raise JobFailedError(
            f"ClientError: {error}. Make sure that the bucket exists and that the job's role may "
            "read the inputs and write the outputs."
        ) from error
    tell("finished", exit_message=exit_message)


def environment(order: Order, container: Container) -> dict[str, str]:
    """The job's own variables, and those with which AWS's SDKs reach the local AWS as its role."""
    place, credentials = order.place, order.credentials
    own = order.request.get("Environment") or {}
    variables = {
        **{name: container.translated(value) for name, value in own.items()},
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": place.region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": place.endpoint,
        "AWS_REGION": place.region,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.token,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    if place.ca_bundle is not None and urlsplit(place.endpoint).scheme == "https":
        variables["AWS_CA_BUNDLE"] = str(place.ca_bundle)
    return variables


def _download(source: dict[str, Any], container: Container, objects: Objects, order: Order) -> None:
    folder, uri = container.path(source["LocalPath"]), source["S3Uri"]
    folder.mkdir(parents=True, exist_ok=True)
    found = objects.listed(uri)
    if not found:
        bucket, role = Location.of(uri).bucket, order.request["RoleArn"]
        raise JobFailedError(
            f'ClientError: No S3 objects found under S3 URL "{uri}" given in input data source. '
            "Please ensure that the bucket exists in the selected region "
            f"({order.place.region}), that objects exist under that S3 prefix, and that the role "
            f'"{role}" has "s3:ListBucket" permissions on bucket "{bucket}".'
        )
    for where in found:
        path = folder / local_name(uri, where)
        path.parent.mkdir(parents=True, exist_ok=True)
        objects.download(where, path)


def local_name(uri: str, where: Location) -> PurePosixPath:
    """What an object below a prefix is called in the folder of the input.

    >>> local_name("s3://b/runs/1/job", Location("b", "runs/1/job/code/a.py"))
    PurePosixPath('code/a.py')
    >>> local_name("s3://b/runs/1/job.json", Location("b", "runs/1/job.json"))
    PurePosixPath('job.json')

    Raises:
        JobFailedError: it cannot be the name of a file there.
    """
    prefix = Location.of(uri).key
    if not where.key.startswith(prefix.rstrip("/") + "/"):
        prefix = prefix.rpartition("/")[0]
    below = PurePosixPath(where.key[len(prefix) :].lstrip("/"))
    if ".." in below.parts:
        raise JobFailedError(f"ClientError: The key of {where.uri} cannot be a file's path.")
    return below


def _upload(target: dict[str, Any], container: Container, objects: Objects) -> None:
    folder = container.path(target["LocalPath"])
    for path in _files(folder):
        below = path.relative_to(folder).parts
        objects.upload(path, Location.of(target["S3Uri"]).below(*below))


def _files(folder: Path) -> Iterator[Path]:
    """The files below a folder; SageMaker does not follow links either."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink():
            continue
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def _exit_message(container: Container) -> str | None:
    try:
        with container.message.open("rb") as file:
            first = file.read(MAX_MESSAGE)
    except OSError:
        return None
    try:
        # the last character may have been cut in two
        return codecs.getincrementaldecoder("utf-8")().decode(first) or None
    except UnicodeDecodeError:
        raise JobFailedError("ClientError: /opt/ml/output/message is not UTF-8.") from None
