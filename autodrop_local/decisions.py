"""What the local AWS allowed or denied a role: every distinct decision once, as a line of JSON."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_MAX_BYTES = 10_000_000
_MOST_REMEMBERED = 100_000


@dataclass(frozen=True)
class Decision:
    """One decision about a call of a role.

    Attributes:
        role: The role's name.
        action: What was to be done, such as `s3:GetObject`.
        resource: The ARN that it was judged against, or `*`.
        context: The condition keys of the request, as far as AWS sets them for the action.
        allowed: Whether it was allowed.
        statement: The Sid of the statement of the role that allowed or denied it; empty where no
            statement applied, or where it has no Sid.
    """

    role: str
    action: str
    resource: str
    context: Mapping[str, Any] = field(default_factory=dict)
    allowed: bool = True
    statement: str = ""


class DecisionLog:
    """Where decisions are kept: a file that does not grow beyond 10 MB, and the one before it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._written: set[str] = set()

    def record(self, decision: Decision) -> None:
        """Writes the decision unless this host has written the same before; from any thread."""
        line = json.dumps(asdict(decision), sort_keys=True, default=str)
        with self._lock:
            if line in self._written:
                return
            if len(self._written) >= _MOST_REMEMBERED:
                self._written.clear()
            self._written.add(line)
            if self._path.exists() and self._path.stat().st_size >= _MAX_BYTES:
                self._path.replace(self._path.with_suffix(".1.jsonl"))
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")


def read_decisions(path: Path) -> Sequence[Decision]:
    """The decisions in a log's file, oldest first; none when there is no file yet."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [Decision(**json.loads(line)) for line in lines]
