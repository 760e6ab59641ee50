"""The one place where real adapters are chosen and the environment is read."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import gettempdir

import boto3
from botocore.config import Config

from autodrop import VERSION
from autodrop.aws.bucket import S3Bucket
from autodrop.aws.ledger import DynamoLedger
from autodrop.aws.messages import DefaultEventBus, SnsOutcomeTopic
from autodrop.aws.sagemaker import SageMakerJobs
from autodrop.aws.spark_image import spark_image
from autodrop.ceilings import Ceilings
from autodrop.ports import Services
from autodrop.requests import ProcessingSetup

CLIENT_CONFIG = Config(
    # Together less than the shortest function timeout: a call that hangs must not take it along.
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=3,
    read_timeout=15,
    user_agent_extra=f"autodrop/{VERSION}",
)


@cache
def services() -> Services:
    """Return the services of this function, built from its environment on first use.

    Raises:
        KeyError: The environment lacks a variable that the template sets.
    """
    return services_from(os.environ)


def services_from(environ: Mapping[str, str]) -> Services:
    """Return services on real AWS adapters for an environment as `template.yaml` sets it.

    Raises:
        KeyError: A variable is missing.
    """
    bucket = environ["DATA_BUCKET"]
    sagemaker = boto3.client("sagemaker", config=CLIENT_CONFIG)
    return Services(
        bucket=S3Bucket(boto3.client("s3", config=CLIENT_CONFIG), bucket),
        ledger=DynamoLedger(
            boto3.resource("dynamodb", config=CLIENT_CONFIG).Table(environ["LEDGER_TABLE"])
        ),
        sagemaker=SageMakerJobs(sagemaker),
        events=DefaultEventBus(boto3.client("events", config=CLIENT_CONFIG)),
        topic=SnsOutcomeTopic(
            boto3.client("sns", config=CLIENT_CONFIG), environ["OUTCOME_TOPIC_ARN"]
        ),
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
        execution_role_arn=environ["SAGEMAKER_ROLE_ARN"],
        default_settings=json.loads(environ["DEFAULT_SETTINGS"]),
        max_dataset_bytes=int(environ["MAX_LAMBDA_DATASET_BYTES"]),
        ceilings=Ceilings.from_json(json.loads(environ["CEILINGS"])),
        processing=ProcessingSetup(
            image_uri=environ["SPARK_IMAGE_URI"] or spark_image(sagemaker.meta.region_name),
            instance_type=environ["PROCESSING_INSTANCE_TYPE"],
            most_instances=int(environ["MAX_PROCESSING_INSTANCES"]),
        ),
        work_folder=_work_folder(environ),
    )


def _work_folder(environ: Mapping[str, str]) -> Path:
    """Return a folder of this execution environment alone, the same in all of its invocations.

    On AWS nobody else has this `/tmp`; on a local AWS all workers share one, each with a log stream
    of its own.
    """
    environment = environ.get("AWS_LAMBDA_LOG_STREAM_NAME") or str(os.getpid())
    return Path(gettempdir()) / f"autodrop-{sha256(environment.encode()).hexdigest()[:12]}"
