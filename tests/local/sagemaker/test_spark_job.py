"""Processing jobs that really run Spark."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from autodrop_local.sagemaker.engine.orders import Order
from autodrop_local.sagemaker.workers import Forks, Workers
from tests.local.sagemaker.stage import BUCKET, LocalAws, eventually, is_running, processing_request
from tests.local.sagemaker.test_processing_process import order_of

pytestmark = pytest.mark.e2e

COUNTS = """
import json, sys
from pathlib import Path

import boto3
from pyspark.sql import SparkSession, functions
from shouting import shout

source, output = sys.argv[1:]
spark = SparkSession.builder.appName("counts").getOrCreate()
rows = spark.read.csv("file://" + source, header=True)
cities = rows.withColumn("city", functions.udf(shout)("city")).groupBy("city").count()
cities.coalesce(1).write.mode("append").csv("file://" + output, header=True)
where = spark.sparkContext.uiWebUrl, spark.sparkContext.master
found = boto3.client("s3").get_object(Bucket="drops", Key="spark/code/data.csv")["ContentLength"]
Path(output, "outcome.json").write_text(json.dumps([rows.count(), found, *where]))
spark.stop()
"""

FORGETS_THE_SCHEME = """
import sys
from pyspark.sql import SparkSession

SparkSession.builder.getOrCreate().read.csv(sys.argv[1]).show()
"""

NEVER_ENDS = """
import json, os, time
import boto3
from pyspark.sql import SparkSession

spark = SparkSession.builder.getOrCreate()
java = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()
boto3.client("s3").put_object(Bucket="drops", Key="pids", Body=json.dumps([os.getpid(), java]))
time.sleep(600)
"""

NEVER_ENDS_EITHER = """
import os, time
import boto3

boto3.client("s3").put_object(Bucket="drops", Key="pid", Body=str(os.getpid()))
time.sleep(600)
"""


def test_a_script_reads_and_writes_with_spark(real_aws: LocalAws) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packages:
        packages.writestr("shouting.py", "def shout(text): return text.upper()")
    data = "city,n\n" + "Köln,1\nAachen,2\n" * 500
    real_aws.put("spark/code/job.zip", archive.getvalue())
    real_aws.put("spark/code/script.py", COUNTS)
    real_aws.put("spark/code/data.csv", data)
    folder, output = "/opt/ml/processing/input/job", "/opt/ml/processing/output/train"
    request = processing_request(
        "spark-counts",
        f"{folder}/data.csv",
        output,
        source={"S3Uri": f"s3://{BUCKET}/spark/code"},
        target={"S3Uri": f"s3://{BUCKET}/spark/out/"},
    )
    app = request["AppSpecification"]
    app["ContainerEntrypoint"][1:1] = ["--py-files", f"{folder}/job.zip"]

    real_aws.sagemaker.create_processing_job(**request)
    job = real_aws.finished_processing_job("spark-counts")

    assert job["ProcessingJobStatus"] == "Completed", log(real_aws, "spark-counts")
    written = {key: value for key, value in real_aws.bucket.objects.items() if "spark/out/" in key}
    [part] = [value for key, value in written.items() if key.startswith("spark/out/part-")]
    assert sorted(csv.reader(part.decode().splitlines()[1:])) == [
        ["AACHEN", "500"],
        ["KÖLN", "500"],
    ]
    outcome = json.loads(written["spark/out/outcome.json"])
    assert outcome == [1000, len(data.encode()), None, "local[*]"]


def log(aws: LocalAws, name: str) -> str:
    return (aws.home / "sagemaker" / "logs" / f"processing-{name}.log").read_text()


def test_a_path_without_a_scheme_is_not_a_file_of_the_job(real_aws: LocalAws) -> None:
    real_aws.put("bare/script.py", FORGETS_THE_SCHEME)
    source = {"S3Uri": f"s3://{BUCKET}/bare"}
    path = "/opt/ml/processing/input/job/script.py"

    real_aws.sagemaker.create_processing_job(**processing_request("bare", path, source=source))
    job = real_aws.finished_processing_job("bare")

    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert "returned non-zero exit status 1." in job["ExitMessage"]
    assert 'No FileSystem for scheme "hdfs-of-the-cluster"' in log(real_aws, "bare")


def test_a_job_that_is_stopped_takes_its_java_with_it(real_aws: LocalAws) -> None:
    real_aws.put("long/script.py", NEVER_ENDS)
    source = {"S3Uri": f"s3://{BUCKET}/long"}
    real_aws.sagemaker.create_processing_job(**processing_request("long", source=source))
    eventually(lambda: "pids" in real_aws.bucket.objects, 60)
    processes = json.loads(real_aws.bucket.objects["pids"])

    real_aws.sagemaker.stop_processing_job(ProcessingJobName="long")

    assert real_aws.finished_processing_job("long")["ProcessingJobStatus"] == "Stopped"
    eventually(lambda: not any(map(is_running, processes)))
    eventually(lambda: not (real_aws.home / "sagemaker" / "work" / "processing-long").exists())


@pytest.mark.parametrize("source", [Workers, Forks])
def test_the_programs_of_a_job_do_not_outlive_their_host(
    source: type, aws: LocalAws, tmp_path: Path
) -> None:
    aws.put("code/script.py", NEVER_ENDS_EITHER)
    order = replace(
        order_of(aws, processing_request(), tmp_path / "work"), log=str(tmp_path / "log")
    )
    script = (
        "import sys, time; from pathlib import Path\n"
        f"from {Order.__module__} import Order\n"
        f"from {source.__module__} import {source.__name__} as Source\n"
        f"worker = Source(Path({str(tmp_path)!r})).take()\n"
        "worker.give(Order.of(sys.stdin.buffer.readline()))\n"
        "time.sleep(60)\n"
    )
    host = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, env=os.environ)
    assert host.stdin is not None
    host.stdin.write(order.written())
    host.stdin.close()
    eventually(lambda: "pid" in aws.bucket.objects, 60)
    program = int(aws.bucket.objects["pid"])
    assert is_running(program)

    host.kill()
    host.wait()

    eventually(lambda: not is_running(program))
