"""What the job's modules need: the Spark container has less than a function."""

from __future__ import annotations

import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy
import polars
import pytest

from autodrop.aws import processing
from autodrop.preparation.running.spark import configure
from autodrop.steps.processing_code import write_library_archive

# What AWS's image lacks, or what the archive of the libraries brings.
BEFORE_LIBRARIES = """
import sys
for name in ("aws_lambda_powertools", "backports", "duckdb", "numpy", "polars", "pyarrow"):
    sys.modules[name] = None
import autodrop.aws.processing, autodrop.preparation.running.spark
"""
WITH_LIBRARIES = """
import sys
for name in ("aws_lambda_powertools", "duckdb", "pandas", "pyarrow"):
    sys.modules[name] = None
import autodrop.aws.objects, autodrop.preparation.running.parts, autodrop.steps.run_settings
"""
Version = namedtuple("Version", "major minor micro")


@pytest.mark.parametrize("program", [BEFORE_LIBRARIES, WITH_LIBRARIES])
def test_the_job_needs_nothing_that_the_container_lacks(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_an_old_python_says_that_it_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", Version(3, 9, 18))

    with pytest.raises(RuntimeError, match=r"needs Python 3.11 or newer.*SparkImageUri"):
        processing.main(["--input", "in", "--output", "out"])


@pytest.mark.slow
def test_the_libraries_of_the_archive_are_those_that_are_installed_here(tmp_path: Path) -> None:
    write_library_archive(tmp_path / "libraries.zip")
    program = f"""
import sys
from autodrop.preparation.running.libraries import Libraries
libraries = Libraries({str(tmp_path / "libraries.zip")!r}, {str(tmp_path / "unpacked")!r})
libraries.use()
libraries.use()
import backports.zstd, numpy, polars
print(polars.Series([1, 2]).to_numpy().sum(), polars.__version__, numpy.__version__)
for module in (backports.zstd, numpy, polars):
    assert module.__file__.startswith({str(tmp_path / "unpacked")!r}), module.__file__
"""

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    said = f"3 {polars.__version__} {numpy.__version__}"
    assert (done.stdout.strip(), done.stderr) == (said, "")


@pytest.mark.parametrize(
    ("heap", "overhead", "expected"),
    [
        ("56032m", "5603m", ("2048m", "59587m")),
        ("1024m", "384m", ("1024m", "384m")),
        ("4g", "1g", ("4g", "1g")),
        (None, None, (None, None)),
    ],
)
def test_the_memory_that_spark_does_not_need_is_the_workers(
    heap: str | None, overhead: str | None, expected: tuple[str | None, str | None]
) -> None:
    conf = FakeConf({"spark.executor.memory": heap, "spark.executor.memoryOverhead": overhead})

    configure(conf)  # type: ignore[arg-type]

    names = ("spark.executor.memory", "spark.executor.memoryOverhead")
    assert tuple(map(conf.get, names)) == expected
    assert conf.get("spark.executorEnv.POLARS_MAX_THREADS") == "1"


class FakeConf:
    """A configuration of Spark without Java."""

    def __init__(self, values: dict[str, str | None]) -> None:
        self.values = values

    def get(self, name: str) -> str | None:
        return self.values.get(name)

    def set(self, name: str, value: str) -> None:
        self.values[name] = value

    def setExecutorEnv(self, name: str, value: str) -> None:  # noqa: N802 - Spark's name
        self.values[f"spark.executorEnv.{name}"] = value
