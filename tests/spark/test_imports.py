"""What the job's modules need: the Spark container has less than a function."""

from __future__ import annotations

import subprocess
import sys
from collections import namedtuple

import pytest

from autodrop.preparation import large

WITHOUT = """
import sys
for name in ("backports.zstd", "boto3", "duckdb", "pandas", "pyarrow"):
    sys.modules[name] = None
import autodrop.preparation.large_prepare
"""
Version = namedtuple("Version", "major minor micro")


def test_the_job_needs_nothing_that_the_container_lacks() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_an_old_python_says_that_it_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", Version(3, 9, 18))

    with pytest.raises(RuntimeError, match=r"needs Python 3.11 or newer.*SparkImageUri"):
        large.main(["--input", "in", "--output", "out"])
