"""One Spark for all tests here."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator

import pytest
from autodrop.preparation.spark_engine import Spark
from pyspark.sql import SparkSession

from autodrop_local.sagemaker.engine.spark_container import java_home


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    """Spark on two threads. As in the container, a path without a scheme is none of a file."""
    folder = tmp_path_factory.mktemp("spark")
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["JAVA_HOME"] = str(java_home(os.environ))
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", "2g")
        .config("spark.hadoop.fs.defaultFS", "hdfs-of-the-cluster:///")
        .config("spark.local.dir", str(folder / "local"))
        .config("spark.sql.warehouse.dir", f"file://{folder / 'warehouse'}")
        # Java code for a few hundred rows takes longer to compile than to do without.
        .config("spark.sql.codegen.wholeStage", "false")
        .config("spark.sql.codegen.factoryMode", "NO_CODEGEN")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield Spark(session, shuffles=2)
    session.stop()
