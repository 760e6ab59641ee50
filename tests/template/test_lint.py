"""cfn-lint on the template as SAM translates it.

cfn-lint itself stopped translating in 1.54, and so misses what SAM makes of a wrong property.
"""

from __future__ import annotations

import json
from typing import Any

import pytest


@pytest.mark.slow
def test_the_translated_template_has_no_errors_and_no_warnings(
    translated: dict[str, Any],
) -> None:
    # Not above: whoever leaves this test out need not wait for it.
    from cfnlint.api import ManualArgs, lint

    # No rule is ignored. Informational ones (`I`) are off, as they are by default.
    findings = lint(json.dumps(translated), config=ManualArgs(regions=["us-east-1"]))

    assert [f"{each.rule.id} {each.path}: {each.message}" for each in findings] == []
