"""What stands in the source files."""

from __future__ import annotations

import ast
from functools import cache

from tests.template.conftest import ROOT


@cache
def names_of_tests() -> frozenset[str]:
    """Return the names of all tests."""
    return frozenset(
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    )
