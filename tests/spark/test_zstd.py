"""What unpacks zstd in the container, and what is said when it does not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from autodrop.preparation.spark_engine import Spark
from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.sql import SparkSession

from autodrop.duckdb_engine import CannotRead


def test_a_spark_without_a_library_for_zstd_does_not_call_the_file_damaged(
    tmp_path: Path,
) -> None:
    engine = Spark(cast("SparkSession", SparkWithoutZstd()))

    with pytest.raises(Py4JError, match="no zstd-jni"):
        engine.unpack_zstd(tmp_path / "packed", tmp_path / "plain", 100)


def test_a_damaged_file_is_called_so(spark: Spark, tmp_path: Path) -> None:
    packed = tmp_path / "packed"
    packed.write_bytes(b"(\xb5/\xfd, and nothing that belongs to it")

    with pytest.raises(CannotRead):
        spark.unpack_zstd(packed, tmp_path / "plain", 100)


class SparkWithoutZstd:
    """A session whose Java has no native code for zstd."""

    def __init__(self) -> None:
        self.conf = SimpleNamespace(set=lambda name, value: None)
        self.sparkContext = SimpleNamespace(
            _gateway=SimpleNamespace(new_array=lambda kind, size: []), _jvm=Java()
        )


class Java:
    """Any class of Java, by its name."""

    def __init__(self, name: str = "") -> None:
        self._name = name

    def __getattr__(self, name: str) -> Java:
        return Java(f"{self._name}.{name}")

    def __call__(self, *arguments: Any) -> Java:
        if self._name.endswith("ZstdInputStream"):
            raise Py4JError("UnsatisfiedLinkError: no zstd-jni")
        return self
