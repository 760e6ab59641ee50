"""A transform job, in a process of its own: objects in, one `.out` object each.

https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from autodrop_local.sagemaker.engine import filters, inference
from autodrop_local.sagemaker.engine.failure import JobFailedError
from autodrop_local.sagemaker.engine.filters import FilterRangeError, Positions
from autodrop_local.sagemaker.engine.inference import BadRecordError, Container, csv_line
from autodrop_local.sagemaker.engine.orders import Order, Tell
from autodrop_local.sagemaker.objects import Location, ObjectError, Objects

DEFAULT_PAYLOAD_MB = 6
RECORDS_AT_ONCE = 20_000
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Settings:
    """How a transform job reads, calls and writes."""

    lines: bool
    single_record: bool
    max_payload: int | None
    assemble_lines: bool
    gzipped: bool
    input_filter: Positions
    output_filter: Positions
    join: bool

    @classmethod
    def of(cls, request: dict[str, Any]) -> Settings:
        """The settings of a request, with AWS's defaults.

        Raises:
            JobFailedError: the container does not take or give this content type.
        """
        given, wanted = request["TransformInput"], request["TransformOutput"]
        _check_text_csv("content type", given.get("ContentType", "text/csv"))
        _check_text_csv("accept type", wanted.get("Accept", "text/csv"))
        split = given.get("SplitType", "None")
        if split not in ("None", "Line"):
            raise JobFailedError(f"ClientError: SplitType {split} does not fit text/csv.")
        payload = request.get("MaxPayloadInMB", DEFAULT_PAYLOAD_MB)
        processing = request.get("DataProcessing", {})
        return cls(
            lines=split == "Line",
            single_record=request.get("BatchStrategy") == "SingleRecord",
            max_payload=payload * MEGABYTE if payload else None,
            assemble_lines=wanted.get("AssembleWith", "None") == "Line",
            gzipped=given.get("CompressionType") == "Gzip",
            input_filter=filters.parse(processing.get("InputFilter", "$")),
            output_filter=filters.parse(processing.get("OutputFilter", "$")),
            join=processing.get("JoinSource") == "Input",
        )


def run(order: Order, objects: Objects, tell: Tell) -> None:
    """Does the job.

    Raises:
        JobFailedError: for a reason that the user can act on.
    """
    try:
        _transform(order, objects)
    except ObjectError as error:
        raise JobFailedError(
            f"ClientError: {error}. Make sure that the object exists and that the model's role "
            "may read the model and the input and write the output."
        ) from error
    tell("finished")


def _transform(order: Order, objects: Objects) -> None:
    settings, work = Settings.of(order.request), Path(order.work)
    source = order.request["TransformInput"]["DataSource"]["S3DataSource"]
    found = objects.of_source(source)
    if not found:
        raise JobFailedError(f"ClientError: No S3 objects found under {source['S3Uri']}.")
    container = _container(order, objects, work)
    for where in found:
        path = work / "output"
        with objects.stream(where) as stream, path.open("wb") as output:
            transform_file(stream, output, container, settings, where.uri)
        objects.upload(path, out_location(order.request, where))


def out_location(request: dict[str, Any], where: Location) -> Location:
    """Where the output of an input object goes: below the output path, as it was below its folder.

    >>> source = {"S3DataSource": {"S3Uri": "s3://b/in/test.csv", "S3DataType": "S3Prefix"}}
    >>> request = {"TransformInput": {"DataSource": source}}
    >>> request["TransformOutput"] = {"S3OutputPath": "s3://b/results/"}
    >>> out_location(request, Location("b", "in/test.csv")).uri
    's3://b/results/test.csv.out'
    """
    source = request["TransformInput"]["DataSource"]["S3DataSource"]
    folder = ""
    if source["S3DataType"] == "S3Prefix":
        folder = Location.of(source["S3Uri"]).key.rpartition("/")[0]
    below = where.key.removeprefix(folder).lstrip("/")
    return Location.of(request["TransformOutput"]["S3OutputPath"]).below(f"{below}.out")


def _container(order: Order, objects: Objects, work: Path) -> Container:
    if len(order.containers) != 1 or not order.containers[0].get("ModelDataUrl"):
        raise JobFailedError(
            "ClientError: Only models with one container and its model data can be run here."
        )
    given = order.containers[0]
    path = work / "model.tar.gz"
    objects.download(Location.of(given["ModelDataUrl"]), path)
    environment = {**given.get("Environment", {}), **order.request.get("Environment", {})}
    return inference.load(path, work / "model", environment)


def transform_file(
    stream: IO[bytes], output: IO[bytes], container: Container, settings: Settings, name: str
) -> None:
    """Writes the predictions for one object.

    Raises:
        JobFailedError: it is empty, or has a record that cannot be served.
    """
    source: Iterable[bytes] = stream
    if settings.gzipped:
        source = gzip.GzipFile(fileobj=stream)
    done = 0
    try:
        for batch in _batches(source, settings):
            bodies = _responses(batch, container, settings)
            if settings.single_record:
                output.write(b"".join(_assembled(body, settings) for body in bodies))
            else:
                output.write(_assembled("\n".join(bodies), settings))
            done += len(batch)
    except BadRecordError as error:
        where = (
            f"record {done + error.position + 1}"
            if error.position is not None
            else (f"a record after the first {done}")
        )
        raise _bad_record(name, where, error.problem) from None
    except (FilterRangeError, csv.Error) as error:
        raise _bad_record(name, f"a record after the first {done}", str(error)) from None
    except UnicodeDecodeError:
        raise _bad_record(name, f"a record after the first {done}", "not UTF-8") from None
    except (EOFError, gzip.BadGzipFile):
        raise JobFailedError(f"ClientError: {name} is not a whole gzip file.") from None
    if not done:
        raise JobFailedError(f"ClientError: {name} is empty: there is nothing to transform.")


def _batches(source: Iterable[bytes], settings: Settings) -> Iterator[list[bytes]]:
    """The payloads: lines up to the size limit, or the whole object without a SplitType."""
    if not settings.lines:
        lines = list(source)
        _check_size(sum(map(len, lines)), settings)
        if lines:
            yield lines
        return
    batch: list[bytes] = []
    size = 0
    for line in _lines(source):
        _check_size(len(line), settings)
        full = settings.max_payload is not None and size + len(line) > settings.max_payload
        if batch and (full or len(batch) >= RECORDS_AT_ONCE):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch


def _lines(source: Iterable[bytes]) -> Iterator[bytes]:
    """Records split at every newline, wherever it is; empty ones carry nothing."""
    return (line for line in source if line.strip(b"\r\n"))


def _check_size(size: int, settings: Settings) -> None:
    if settings.max_payload is not None and size > settings.max_payload:
        raise JobFailedError(
            f"ClientError: A record or payload of {size} bytes is larger than MaxPayloadInMB "
            f"({settings.max_payload // MEGABYTE})."
        )


def _responses(batch: list[bytes], container: Container, settings: Settings) -> list[str]:
    """One CSV line per record: the prediction, joined and filtered as asked for."""
    text = b"".join(batch).decode("utf-8")
    if settings.lines:
        rows = [row for line in batch for row in csv.reader([line.decode("utf-8")], strict=True)]
    else:
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    predictions = container.respond([settings.input_filter.of(row) for row in rows])
    if settings.join:
        predictions = [row + prediction for row, prediction in zip(rows, predictions, strict=True)]
    return [csv_line(settings.output_filter.of(fields)) for fields in predictions]


def _assembled(body: str, settings: Settings) -> bytes:
    return (body + "\n" if settings.assemble_lines else body).encode("utf-8")


def _bad_record(name: str, where: str, problem: str) -> JobFailedError:
    return JobFailedError(
        "ClientError: 400 BadRequest. The model could not serve a record of "
        f"{name}: {where}: {problem}. No output was written for this object."
    )


def _check_text_csv(what: str, value: str) -> None:
    if value.partition(";")[0].strip() != "text/csv":
        raise JobFailedError(f"ClientError: 415 The model does not support the {what} {value}.")
