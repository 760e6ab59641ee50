"""`template.yaml` as it is written, and as SAM translates it; no network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from docs.translated_template import translate, written_template
from tests.network import no_network as no_network

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    """Return the template as it is written, intrinsic functions as mappings."""
    return written_template()


@pytest.fixture(scope="session")
def translated(template: dict[str, Any]) -> dict[str, Any]:
    """Return the template as CloudFormation gets it, code already uploaded."""
    return translate(template)


@pytest.fixture(scope="session")
def resources(translated: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return all translated resources by logical id."""
    found: dict[str, dict[str, Any]] = translated["Resources"]
    return found
