from __future__ import annotations

import gzip
import io
from typing import Any

import pytest

from autodrop_local.sagemaker.engine.failure import JobFailedError
from autodrop_local.sagemaker.engine.inference import Container
from autodrop_local.sagemaker.engine.transform_process import (
    Settings,
    out_location,
    transform_file,
)
from autodrop_local.sagemaker.objects import Location
from tests.local.sagemaker.stage import transform_request
from tests.local.sagemaker.test_inference import BINARY, REGRESSION, Echo

LABEL = Container(BINARY, Echo(binary=True), ("predicted_label", "probabilities"))
NUMBER = Container(REGRESSION, Echo(binary=False), ("predicted_label",))


def output(content: str | bytes, container: Container = NUMBER, **changes: Any) -> str:
    request = transform_request()
    request["TransformInput"] |= changes.pop("given", {})
    request["TransformOutput"] |= changes.pop("wanted", {})
    written = io.BytesIO()
    source = io.BytesIO(content.encode() if isinstance(content, str) else content)
    transform_file(source, written, container, Settings.of({**request, **changes}), "s3://b/in.csv")
    return written.getvalue().decode()


def test_each_line_is_a_record_and_order_is_kept() -> None:
    assert output("1,a\r\n2,b\n3,c") == "1\n2\n3\n"


def test_without_assembling_results_follow_each_other_without_a_break() -> None:
    wanted = {"AssembleWith": "None"}

    assert output("1,a\n2,b\n", wanted=wanted, BatchStrategy="SingleRecord") == "12"


def test_small_payloads_give_the_same_lines() -> None:
    rows = "".join(f"{n},{'x' * 1000}\n" for n in range(3000))

    assert output(rows, MaxPayloadInMB=1) == output(rows) == "".join(f"{n}\n" for n in range(3000))


def test_a_record_larger_than_a_payload_fails() -> None:
    with pytest.raises(JobFailedError, match="larger than MaxPayloadInMB"):
        output("1," + "x" * (1 << 20), MaxPayloadInMB=1)


def test_gzip_input_is_unpacked() -> None:
    packed = gzip.compress(b"1,a\n")

    assert output(packed, given={"CompressionType": "Gzip"}) == "1\n"
    with pytest.raises(JobFailedError, match="gzip"):
        output(b"1,a\n", given={"CompressionType": "Gzip"})


def test_joined_rows_are_the_whole_input_and_then_the_prediction() -> None:
    processing = {
        "InputFilter": "$[2:]",
        "JoinSource": "Input",
        "OutputFilter": "$[0,1,-2,-1]",
    }

    joined = output('7,"no, yes",0.25,a\n', LABEL, DataProcessing=processing)

    assert joined == '7,"no, yes",<=50K,"[0.75, 0.25]"\n'


def test_an_output_filter_alone_applies_to_the_prediction() -> None:
    assert output("0.25,a\n", LABEL, DataProcessing={"OutputFilter": "$[1]"}) == '"[0.75, 0.25]"\n'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("1,a\n2\n3,c\n", r"record 2: expected 2 columns, received 1"),
        ("1,a\nword,b\n", "column x holds a value that is not a number"),
        ("", "is empty"),
        ("\n\n", "is empty"),
        (b"1,\xff\n", "not UTF-8"),
        ('1,"broken\nfield"\n', "s3://b/in.csv"),
    ],
)
def test_one_bad_record_fails_the_job(content: str | bytes, reason: str) -> None:
    with pytest.raises(JobFailedError, match=reason):
        output(content)


def test_a_filter_outside_the_record_fails_the_job() -> None:
    with pytest.raises(JobFailedError, match="index 5 is outside a record"):
        output("1,a\n", DataProcessing={"InputFilter": "$[5]"})


@pytest.mark.parametrize(
    "changes",
    [
        {"given": {"ContentType": "application/json"}},
        {"wanted": {"Accept": "application/json"}},
        {"given": {"SplitType": "RecordIO"}},
    ],
)
def test_only_csv_is_served(changes: dict[str, Any]) -> None:
    with pytest.raises(JobFailedError):
        output("1,a\n", **changes)


@pytest.mark.parametrize(
    ("source", "key", "out"),
    [
        ("s3://b/in/test.csv", "in/test.csv", "s3://b/results/test.csv.out"),
        ("s3://b/in/", "in/a/test.csv", "s3://b/results/a/test.csv.out"),
        ("s3://b/in/te", "in/test.csv", "s3://b/results/test.csv.out"),
        ("s3://b", "test.csv", "s3://b/results/test.csv.out"),
    ],
)
def test_outputs_are_named_after_their_inputs(source: str, key: str, out: str) -> None:
    request = {
        "TransformInput": {
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}}
        },
        "TransformOutput": {"S3OutputPath": "s3://b/results/"},
    }

    assert out_location(request, Location("b", key)).uri == out
