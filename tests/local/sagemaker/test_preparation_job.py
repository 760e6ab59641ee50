"""The processing job that prepares large files, as the local SageMaker runs it.

What the script itself does is not the matter here: another one stands in for it.
"""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace

import pytest

from autodrop.aws.sagemaker import SageMakerJobs
from autodrop.aws.spark_image import spark_image
from autodrop.requests import ProcessingSetup, processing_code_uri, processing_job_request
from autodrop.steps.processing_code import SCRIPT, package_archive
from tests.builders import a_run
from tests.local.sagemaker.stage import BUCKET, REGION, ROLE, LocalAws

pytestmark = pytest.mark.e2e

STAND_IN = """
import json, sys
from pathlib import Path

from autodrop.aws.objects import S3Object

def main():
    _, input_folder, _, output_folder = sys.argv[1:]
    given, made = Path(input_folder), Path(output_folder)
    drop = json.loads((given / "code" / "order.json").read_text())["drop"]
    text = S3Object.find(drop["bucket"], drop["key"]).read(0, 99).decode()
    for part in ("train", "test", "truth", "model-train"):
        (made / part / "part-00000.csv").write_text(text)
    (made / "outcome" / "outcome.json").write_text(json.dumps({"bytes": len(text)}))
"""


def with_stand_in(archive: bytes) -> bytes:
    """Return the package with the stand-in as its `autodrop.aws.processing`."""
    changed = io.BytesIO()
    name = "autodrop/aws/processing.py"
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as packed,
        zipfile.ZipFile(changed, "w") as written,
    ):
        for each in packed.namelist():
            if each != name:
                written.writestr(each, packed.read(each))
        written.writestr(name, STAND_IN)
    return changed.getvalue()


def test_our_request_runs_our_script_and_leaves_its_outputs_where_they_belong(
    real_aws: LocalAws,
) -> None:
    run = a_run()
    run = replace(run, drop=replace(run.drop, bucket=BUCKET, key="inbox/bank/bank.csv"))
    drop, folder = run.drop, run.folder
    order = {
        "drop": {
            "bucket": drop.bucket,
            "key": drop.key,
            "version": drop.version,
            "version_id": drop.version_id,
            "size": drop.size,
        }
    }
    real_aws.put(drop.key, "x,y\n1,2\n")
    real_aws.put(folder.processing_code("autodrop.zip"), with_stand_in(package_archive()))
    real_aws.put(folder.processing_code("prepare_large.py"), SCRIPT)
    real_aws.put(folder.processing_code("order.json"), json.dumps(order))
    setup = ProcessingSetup(spark_image(REGION), "ml.m5.4xlarge")
    jobs = SageMakerJobs(real_aws.sagemaker)

    jobs.create_processing_job(processing_job_request(run, setup, ROLE))
    real_aws.finished_processing_job(run.run_id)

    job = jobs.describe_processing_job(run.run_id)
    assert job is not None
    assert (job.status, job.input_uri) == ("Completed", processing_code_uri(run)), job.reason
    written = real_aws.bucket.objects
    for part in ("train", "test", "truth", "model-input/train"):
        assert written[f"{folder.prefix}{part}/part-00000.csv"] == b"x,y\n1,2\n"
    assert not [key for key in written if key.startswith(f"{folder.prefix}model-input/test")]
    assert json.loads(written[folder.outcome]) == {"bytes": 8}


def test_a_job_that_nobody_has_started_is_not_there(real_aws: LocalAws) -> None:
    jobs = SageMakerJobs(real_aws.sagemaker)

    assert jobs.describe_processing_job("ad-none-0123456789ab") is None
    jobs.stop_processing_job("ad-none-0123456789ab")
