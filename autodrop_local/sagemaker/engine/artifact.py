"""The `model.tar.gz` of a candidate: an AutoGluon predictor trimmed for inference, and a note.

The note (`autodrop-model.json`) says what a predictor does not: the columns of a record in their
order and what they hold, the classes, and where the positive class begins.
"""

from __future__ import annotations

import json
import tarfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from autodrop_local.sagemaker.engine.failure import JobFailedError
from autodrop_local.sagemaker.engine.metrics import Classes
from autodrop_local.sagemaker.engine.table import Column

NOTE = "autodrop-model.json"
PREDICTOR = "predictor"
FAST_COMPRESSION = 1


@dataclass(frozen=True)
class Artifact:
    """What a model needs besides the predictor to serve records."""

    model: str
    problem_type: str
    columns: tuple[Column, ...]
    classes: Classes | None

    def written(self) -> str:
        """The note as JSON."""
        return json.dumps(asdict(self), indent=2)

    @classmethod
    def of(cls, text: str) -> Artifact:
        """The note back from JSON."""
        members: dict[str, Any] = json.loads(text)
        classes = members["classes"]
        return cls(
            model=members["model"],
            problem_type=members["problem_type"],
            columns=tuple(Column(**column) for column in members["columns"]),
            classes=Classes(tuple(classes["labels"]), classes["threshold"]) if classes else None,
        )


def pack(predictor: Path, artifact: Artifact, target: Path) -> None:
    """Writes a `model.tar.gz` of a saved predictor."""
    note = target.with_suffix(".note")
    note.write_text(artifact.written(), encoding="utf-8")
    with tarfile.open(target, "w:gz", compresslevel=FAST_COMPRESSION) as archive:
        archive.add(note, NOTE)
        archive.add(predictor, PREDICTOR)
    note.unlink()


def unpack(source: Path, folder: Path) -> Artifact:
    """Unpacks a `model.tar.gz` into a folder; the predictor is then at `folder / PREDICTOR`.

    Raises:
        JobFailedError: it is not one that this SageMaker made.
    """
    try:
        with tarfile.open(source, "r:gz") as archive:
            archive.extractall(folder, filter="data")
        return Artifact.of((folder / NOTE).read_text(encoding="utf-8"))
    except (tarfile.TarError, OSError, EOFError, ValueError, KeyError, TypeError):
        raise JobFailedError(
            "ClientError: The model data is not a model that this local SageMaker made."
        ) from None
