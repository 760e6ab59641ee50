"""What the service remembers: frozen records, each kept as one JSON file."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

Members = dict[str, Any]

TERMINAL = ("Completed", "Failed", "Stopped")
QUOTA_STATUSES = ("InProgress", "Stopping")


class Record(Protocol):
    """What a collection can keep."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str:
        """The resource's name, unique without regard to case."""


@dataclass(frozen=True)
class AutoMLJob:
    """An AutoML job and its candidates; times are seconds since the epoch."""

    name: str
    arn: str
    request: Members
    created: float
    modified: float
    status: str = "InProgress"
    secondary: str = "Starting"
    ended: float | None = None
    failure_reason: str | None = None
    partial_reasons: tuple[str, ...] = ()
    candidates: tuple[Members, ...] = ()
    best: str | None = None
    artifacts: Members | None = None
    resolved: Members | None = None
    tags: Members | None = None
    attempts: int = 1


@dataclass(frozen=True)
class Model:
    """A model, as it was created."""

    name: str
    arn: str
    request: Members
    created: float
    tags: Members | None = None


@dataclass(frozen=True)
class TransformJob:
    """A transform job."""

    name: str
    arn: str
    request: Members
    created: float
    modified: float
    status: str = "InProgress"
    started: float | None = None
    ended: float | None = None
    failure_reason: str | None = None
    tags: Members | None = None
    attempts: int = 1


@dataclass(frozen=True)
class StepJob:
    """A training or processing job.

    `automl_job` names the AutoML job that it is a step of; a job of the user's has a `request`.
    """

    name: str
    arn: str
    kind: str
    created: float
    modified: float
    status: str = "InProgress"
    ended: float | None = None
    failure_reason: str | None = None
    automl_job: str | None = None
    details: Members | None = None
    tags: Members | None = None
    request: Members | None = None
    started: float | None = None
    exit_message: str | None = None
    attempts: int = 1


R = TypeVar("R", bound=Record)


class Collection(Generic[R]):
    """Records of one type, looked up by name without regard to case, kept in a folder.

    Every change is on disk, whole, before the call returns.
    """

    def __init__(self, folder: Path, record: type[R]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._records = {loaded.name.lower(): loaded for loaded in _load(folder, record)}

    def get(self, name: str) -> R | None:
        """The record of that name, if there is one."""
        return self._records.get(name.lower())

    def all(self) -> list[R]:
        """Every record, oldest name first in no particular order."""
        with self._lock:
            return list(self._records.values())

    def put(self, record: R) -> R:
        """Keeps a record in place of the one with its name, and returns it."""
        path = self._path(record.name)
        partial = path.with_suffix(f".{threading.get_ident()}.partial")
        partial.write_text(json.dumps(asdict(record)), encoding="utf-8")
        with self._lock:
            partial.replace(path)
            self._records[record.name.lower()] = record
        return record

    def remove(self, name: str) -> None:
        """Forgets a record; content when there is none."""
        with self._lock:
            self._path(name).unlink(missing_ok=True)
            self._records.pop(name.lower(), None)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name.lower()}.json"


def _load(folder: Path, record: type[R]) -> Iterator[R]:
    known = {field.name for field in fields(record)}
    for path in sorted(folder.glob("*.json")):
        members = json.loads(path.read_text(encoding="utf-8"))
        yield record(
            **{
                name: tuple(value) if isinstance(value, list) else value
                for name, value in members.items()
                if name in known
            }
        )


class State:
    """All collections under one folder."""

    def __init__(self, home: Path) -> None:
        self.automl_jobs = Collection(home / "automl-jobs", AutoMLJob)
        self.models = Collection(home / "models", Model)
        self.transform_jobs = Collection(home / "transform-jobs", TransformJob)
        self.training_jobs = Collection(home / "training-jobs", StepJob)
        self.processing_jobs = Collection(home / "processing-jobs", StepJob)
        self.lock = threading.RLock()

    def steps(self, kind: str) -> Collection[StepJob]:
        """The collection of step jobs of a kind, `training` or `processing`."""
        return self.training_jobs if kind == "training" else self.processing_jobs
