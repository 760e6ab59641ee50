"""An empty autodrop on moto."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from tests.cli.stage import Stage


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Return an autodrop without runs."""
    # Colours that somebody's environment asks for must not reach a file.
    monkeypatch.setenv("FORCE_COLOR", "1")
    with mock_aws():
        yield Stage()


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    """Return a small file to drop."""
    path = tmp_path / "iris.csv"
    path.write_bytes(b"a,b,y\n1,2,yes\n3,4,no\n")
    return path
