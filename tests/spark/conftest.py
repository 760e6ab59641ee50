"""Two executors of Spark, each a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pyspark
import pytest
from pyspark import SparkConf, SparkContext

from autodrop.preparation.running.spark import configure
from autodrop_local.sagemaker.engine.spark_container import java_home

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkContext]:
    """Return a cluster of two executors with a core each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_HOME", str(java_home({})))
        patch.setenv("SPARK_HOME", str(_spark_home(tmp_path_factory.mktemp("spark"))))
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        conf = configure(SparkConf().setMaster("local-cluster[2,1,1024]").setAppName("tests"))
        conf.set("spark.driver.host", "127.0.0.1").set("spark.driver.bindAddress", "127.0.0.1")
        conf.set("spark.executor.memory", "512m").set("spark.ui.enabled", "false")
        conf.set("spark.ui.showConsoleProgress", "false")
        conf.setExecutorEnv("PYTHONPATH", f"{ROOT / 'shared'}:{ROOT}")
        with SparkContext(conf=conf) as started:
            yield started


def _spark_home(folder: Path) -> Path:
    """Return Spark as it is installed, with a folder of its own for what its executors write."""
    for each in Path(pyspark.__file__).parent.iterdir():
        (folder / each.name).symlink_to(each)
    return folder
