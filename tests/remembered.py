"""Preparation that a process does once per file: in a world it is one call among many.

What it comes to depends on nothing but its arguments, so whoever calls it again gets the same
files and the same answer; `tests/handlers/test_whole_journey.py` holds it to that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from autodrop.errors import Rejected
from autodrop.preparation.examining import Dropped
from autodrop.preparation.prepare import Prepared, Work, prepare
from autodrop.settings import Settings


@dataclass(frozen=True)
class _Answer:
    prepared: Prepared
    files: Mapping[str, bytes]
    folder: Path


_answers: dict[str, _Answer | Rejected] = {}


def prepare_once(dropped: Dropped, settings: Settings, work: Work) -> Prepared:
    """Return what `prepare` returns, and write what it writes.

    Raises:
        Rejected: `prepare` raises it.
    """
    key = hashlib.sha256(repr(_content([dropped, settings])).encode()).hexdigest()
    if key not in _answers:
        try:
            prepared = prepare(dropped, settings, work)
        except Rejected as problem:
            _answers[key] = problem
            raise
        paths = {
            field.name: path
            for field in fields(prepared)
            if isinstance(path := getattr(prepared, field.name), Path)
        }
        files = {name: path.read_bytes() for name, path in paths.items()}
        _answers[key] = _Answer(prepared, files, work.folder)
        return prepared
    answer = _answers[key]
    if isinstance(answer, Rejected):
        raise answer.with_traceback(None)
    moved: dict[str, Any] = {}
    for name, content in answer.files.items():
        moved[name] = work.folder / getattr(answer.prepared, name).relative_to(answer.folder)
        moved[name].parent.mkdir(parents=True, exist_ok=True)
        moved[name].write_bytes(content)
    return replace(answer.prepared, **moved)


def _content(value: Any) -> Any:
    """Return what decides on the answer: of files what they hold, not where they lie."""
    if isinstance(value, Path):
        return hashlib.sha256(value.read_bytes()).hexdigest()
    if is_dataclass(value):
        return [_content(getattr(value, field.name)) for field in fields(value)]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_content(item) for item in value]
    return value
