"""A SageMaker service and an S3 on one loopback port, and processes that tests act out."""

from __future__ import annotations

import asyncio
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
from botocore.config import Config

from autodrop_local.sagemaker.engine.orders import Order
from autodrop_local.sagemaker.events import EmittedEvent
from autodrop_local.sagemaker.ports import RoleCredentials
from autodrop_local.sagemaker.service import SageMakerService

REGION = "us-east-1"
ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/execution"
BLIND_ROLE = f"arn:aws:iam::{ACCOUNT}:role/blind"
UNTRUSTING_ROLE = f"arn:aws:iam::{ACCOUNT}:role/untrusting"
BUCKET = "drops"
PATIENCE = 10.0

Answer = tuple[int, dict[str, str], bytes]

DENIED = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Bucket:
    """The few S3 operations that jobs use, over objects in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._parts: dict[str, dict[int, bytes]] = {}

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: bytes) -> Answer:
        key = path.partition(f"/{BUCKET}")[2].lstrip("/")
        if not path.startswith(f"/{BUCKET}"):
            return 404, {}, b"<Error><Code>NoSuchBucket</Code></Error>"
        if method == "GET" and "list-type" in query:
            return self._list(query.get("prefix", [""])[0])
        if method == "POST" and "uploads" in query:
            self._parts[key] = {}
            return 200, {}, (f"<R><UploadId>{len(self._parts)}</UploadId></R>").encode()
        if method == "PUT" and "partNumber" in query:
            self._parts[key][int(query["partNumber"][0])] = body
            return 200, {"ETag": '"part"'}, b""
        if method == "POST":
            parts = self._parts.pop(key)
            self.objects[key] = b"".join(parts[number] for number in sorted(parts))
            return 200, {}, b"<CompleteMultipartUploadResult></CompleteMultipartUploadResult>"
        if method == "PUT":
            self.objects[key] = body
            return 200, {"ETag": '"whole"'}, b""
        if key not in self.objects:
            return 404, {}, b"<Error><Code>NoSuchKey</Code></Error>"
        return 200, {"ETag": '"whole"'}, self.objects[key]

    def part(self, answer: Answer, first: int, last: int) -> Answer:
        """The answer to a request for some bytes of an object."""
        status, headers, content = answer
        if status != 200:
            return answer
        if not content:
            return 416, {}, b"<Error><Code>InvalidRange</Code></Error>"
        return 206, headers, content[first : last + 1]

    def _list(self, prefix: str) -> Answer:
        keys = sorted(key for key in self.objects if key.startswith(prefix))
        found = "".join(
            f"<Contents><Key>{key}</Key><Size>{len(self.objects[key])}</Size></Contents>"
            for key in keys
        )
        body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>"
        return 200, {}, body.encode()


@dataclass
class LocalAws:
    """The emulated account, seen from outside."""

    home: Path
    endpoint: str
    bucket: Bucket
    service: SageMakerService
    events: list[EmittedEvent]
    sagemaker: Any = field(init=False)

    def __post_init__(self) -> None:
        self.sagemaker = boto3.client(
            "sagemaker",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="caller",
            aws_secret_access_key="secret",
            config=Config(retries={"max_attempts": 0}, parameter_validation=False),
        )

    def put(self, key: str, content: str | bytes) -> str:
        self.bucket.objects[key] = content.encode() if isinstance(content, str) else content
        return f"s3://{BUCKET}/{key}"

    def text(self, uri: str) -> str:
        return self.bucket.objects[uri.removeprefix(f"s3://{BUCKET}/")].decode()

    def finished_automl_job(self, name: str, patience: float = 300) -> dict[str, Any]:
        return _awaited(
            lambda: self.sagemaker.describe_auto_ml_job_v2(AutoMLJobName=name),
            "AutoMLJobStatus",
            patience,
        )

    def finished_transform_job(self, name: str, patience: float = 300) -> dict[str, Any]:
        return _awaited(
            lambda: self.sagemaker.describe_transform_job(TransformJobName=name),
            "TransformJobStatus",
            patience,
        )

    def finished_processing_job(self, name: str, patience: float = 300) -> dict[str, Any]:
        return _awaited(
            lambda: self.sagemaker.describe_processing_job(ProcessingJobName=name),
            "ProcessingJobStatus",
            patience,
        )


def _awaited(
    describe: Callable[[], dict[str, Any]], status: str, patience: float
) -> dict[str, Any]:
    limit = time.monotonic() + patience
    while True:
        found = describe()
        if found[status] in ("Completed", "Failed", "Stopped"):
            return found
        assert time.monotonic() < limit, f"still {found[status]} after {patience} s"
        time.sleep(0.1)


class ActedProcess:
    """A job's process that a test acts out."""

    def __init__(self) -> None:
        self.order: Order | None = None
        self.ended = threading.Event()
        self._told: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def give(self, order: Order) -> None:
        self.order = order

    def messages(self) -> Iterator[dict[str, Any]]:
        while (message := self._told.get(timeout=PATIENCE)) is not None:
            yield message

    def end(self) -> None:
        self.ended.set()
        self._told.put(None)

    def tell(self, subject: str, /, **members: Any) -> None:
        self._told.put({"subject": subject, **members})

    def tell_candidate(self, name: str, value: float, metric: str = "AUC") -> None:
        self.tell("candidate", candidate=candidate(name, value, metric))


class ActedProcesses:
    """Hands out processes that a test acts out."""

    def __init__(self) -> None:
        self._taken: queue.Queue[ActedProcess] = queue.Queue()

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def take(self) -> ActedProcess:
        process = ActedProcess()
        self._taken.put(process)
        return process

    def next(self) -> ActedProcess:
        """The process of the job that was started next."""
        return self._taken.get(timeout=PATIENCE)

    def others(self) -> int:
        """How many processes were started that the test has not seen yet."""
        return self._taken.qsize()


def candidate(name: str, value: float, metric: str = "AUC", created: float = 1.0) -> dict[str, Any]:
    """A finished candidate as a process tells of it."""
    return {
        "CandidateName": name,
        "FinalAutoMLJobObjectiveMetric": {
            "Type": "Maximize",
            "MetricName": metric,
            "Value": value,
            "StandardMetricName": metric,
        },
        "ObjectiveStatus": "Succeeded",
        "CandidateSteps": [],
        "CandidateStatus": "Completed",
        "InferenceContainers": [
            {"Image": "image", "ModelDataUrl": f"s3://{BUCKET}/m.tar.gz", "Environment": {}}
        ],
        "CreationTime": created,
        "EndTime": created + 1,
        "LastModifiedTime": created + 1,
        "CandidateProperties": {"CandidateMetrics": []},
    }


def automl_request(name: str = "job", uri: str = f"s3://{BUCKET}/train.csv", **changes: Any) -> Any:
    """A request for an AutoML job; `tabular` changes members of its TabularJobConfig."""
    tabular = {"TargetAttributeName": "y", **changes.pop("tabular", {})}
    return {
        "AutoMLJobName": name,
        "AutoMLJobInputDataConfig": [
            {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
        "AutoMLProblemTypeConfig": {"TabularJobConfig": tabular},
        "RoleArn": ROLE,
        **changes,
    }


def transform_request(name: str = "job", model: str = "model", **changes: Any) -> Any:
    """A request for a transform job over `test.csv`."""
    return {
        "TransformJobName": name,
        "ModelName": model,
        "TransformInput": {
            "DataSource": {
                "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/test.csv"}
            },
            "ContentType": "text/csv",
            "SplitType": "Line",
        },
        "TransformOutput": {
            "S3OutputPath": f"s3://{BUCKET}/results",
            "Accept": "text/csv",
            "AssembleWith": "Line",
        },
        "TransformResources": {"InstanceType": "ml.m5.4xlarge", "InstanceCount": 1},
        **changes,
    }


SPARK_IMAGE = (
    f"173754725891.dkr.ecr.{REGION}.amazonaws.com/sagemaker-spark-processing:3.5-cpu-py312-v1.3"
)


def processing_request(name: str = "job", *arguments: str, **changes: Any) -> Any:
    """A request for a processing job that runs `code/script.py`; it has one input and one output.

    `source` and `target` change members of the input and of the output.
    """
    source = {
        "S3Uri": f"s3://{BUCKET}/code",
        "LocalPath": "/opt/ml/processing/input/job",
        "S3DataType": "S3Prefix",
        "S3InputMode": "File",
        **changes.pop("source", {}),
    }
    target = {
        "S3Uri": f"s3://{BUCKET}/out",
        "LocalPath": "/opt/ml/processing/output/train",
        "S3UploadMode": "EndOfJob",
        **changes.pop("target", {}),
    }
    words = arguments or ("--output", "/opt/ml/processing/output/train")
    return {
        "ProcessingJobName": name,
        "AppSpecification": {
            "ImageUri": SPARK_IMAGE,
            "ContainerEntrypoint": ["smspark-submit", "/opt/ml/processing/input/job/script.py"],
            "ContainerArguments": list(words),
        },
        "ProcessingInputs": [{"InputName": "job", "S3Input": source}],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "train", "S3Output": target}]},
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": 1,
                "InstanceType": "ml.m5.4xlarge",
                "VolumeSizeInGB": 30,
            }
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "RoleArn": ROLE,
        **changes,
    }


def model_request(name: str = "model", uri: str = f"s3://{BUCKET}/m.tar.gz") -> Any:
    """A request for a model with one container."""
    return {
        "ModelName": name,
        "Containers": [{"Image": "image", "ModelDataUrl": uri, "Environment": {}}],
        "ExecutionRoleArn": ROLE,
    }


def eventually(holds: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Returns when something holds; fails when it does not within some seconds."""
    limit = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.01)


def is_running(process: int) -> bool:
    """Return whether there is such a process, and it has not ended."""
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def credentials_for(role: str) -> RoleCredentials:
    if role == UNTRUSTING_ROLE:
        raise PermissionError("sts:AssumeRole")
    return RoleCredentials(role.rpartition("/")[2], "secret", "token")


@contextmanager
def running(home: Path, bucket: Bucket | None = None, **settings: Any) -> Iterator[LocalAws]:
    """A service in `home` behind a server, until the end of the block."""
    bucket = bucket or Bucket()
    events: list[EmittedEvent] = []
    server = _Server(("127.0.0.1", 0), BaseHTTPRequestHandler)
    endpoint = f"http://127.0.0.1:{server.server_port}"
    service = SageMakerService(
        home=home,
        endpoint=endpoint,
        ca_bundle=None,
        region=REGION,
        account_id=ACCOUNT,
        emit=events.append,
        credentials_for_role=credentials_for,
        **settings,
    )
    server.RequestHandlerClass = _handler(service, bucket)
    thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
    thread.start()
    try:
        yield LocalAws(home, endpoint, bucket, service, events)
    finally:
        service.stop()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: Any) -> None:
        """Says nothing of clients that were ended in the middle of a request."""


def _handler(service: SageMakerService, bucket: Bucket) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = _plain(self.rfile.read(size), self.headers.get("Content-Encoding", ""))
            parts = urlsplit(self.path)
            query = parse_qs(parts.query, keep_blank_values=True)
            if "x-amz-target" in self.headers:
                status, headers, content = asyncio.run(
                    service.handle(self.command, parts.path, dict(self.headers), body, query)
                )
            elif "Credential=blind/" in self.headers.get("Authorization", ""):
                status, headers, content = 403, {}, DENIED
            else:
                answer = bucket.answer(self.command, parts.path, query, body)
                if "Range" in self.headers:
                    first, last = self.headers["Range"].removeprefix("bytes=").split("-")
                    answer = bucket.part(answer, int(first), int(last))
                status, headers, content = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_HEAD = answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    return Handler


def _plain(body: bytes, encoding: str) -> bytes:
    """The body without the chunks of botocore's trailing checksums."""
    if "aws-chunked" not in encoding:
        return body
    plain = b""
    while body:
        line, _, rest = body.partition(b"\r\n")
        size = int(re.match(rb"[0-9a-fA-F]+", line)[0], 16)  # type: ignore[index]
        if not size:
            break
        plain, body = plain + rest[:size], rest[size + 2 :]
    return plain
