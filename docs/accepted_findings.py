"""What checkov and bandit say of autodrop and what stays as it is, and why."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

_FILE = Path(__file__).with_suffix(".yaml")


@dataclass(frozen=True)
class Finding:
    """What a tool says: `where` is `type.LogicalId` of checkov, a path of bandit."""

    tool: str
    check: str
    where: str


@dataclass(frozen=True)
class Accepted:
    """A check whose findings stay as they are in some places.

    Attributes:
        tool: `checkov` or `bandit`.
        check: Its name for the check.
        asks: What the check asks for, in a few words.
        where: The places, as shell patterns.
        reason: Why it stays so.
        kept_by: Tests that fail when the reason is no longer true.
    """

    tool: str
    check: str
    asks: str
    where: tuple[str, ...]
    reason: str
    kept_by: tuple[str, ...] = ()

    def covers(self, finding: Finding, pattern: str) -> bool:
        """Return whether a finding is one of these, in the places of one pattern."""
        same = (finding.tool, finding.check) == (self.tool, self.check)
        return same and fnmatchcase(finding.where, pattern)


def accepted_findings() -> list[Accepted]:
    """Return the entries of `accepted_findings.yaml`, in order."""
    entries = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return [
        Accepted(**{key: tuple(v) if isinstance(v, list) else v for key, v in entry.items()})
        for entry in entries
    ]


def unexplained(findings: Collection[Finding], accepted: Collection[Accepted]) -> list[Finding]:
    """Return the findings that no entry covers."""
    return [
        finding
        for finding in findings
        if not any(entry.covers(finding, place) for entry in accepted for place in entry.where)
    ]


def gone(findings: Collection[Finding], accepted: Collection[Accepted]) -> list[tuple[str, str]]:
    """Return the check and the place of all that is accepted and that no tool finds any more."""
    return [
        (entry.check, place)
        for entry in accepted
        for place in entry.where
        if not any(entry.covers(finding, place) for finding in findings)
    ]
