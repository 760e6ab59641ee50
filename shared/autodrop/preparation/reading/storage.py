"""Where the bytes of a dropped file lie: on this machine, or where every machine can read them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_CHUNK = 8 * 1024 * 1024


class Stored(Protocol):
    """The bytes of a file, of which any part can be read; it can be sent to other machines."""

    @property
    def size(self) -> int:
        """How many bytes there are."""

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from `start` to before `end`, fewer where the file ends before."""


@dataclass(frozen=True)
class LocalFile:
    """A file on the disk of a machine."""

    path: str

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return Path(self.path).stat().st_size

    def read(self, start: int, end: int) -> bytes:
        """Return some of the bytes."""
        with Path(self.path).open("rb") as file:
            file.seek(start)
            return file.read(end - start)


def stored(file: Path | Stored) -> Stored:
    """Return what reads a file."""
    return LocalFile(str(file)) if isinstance(file, Path) else file


def on_disk(file: Path | Stored, target: Path) -> Path:
    """Return where a file lies on this machine's disk: copied to `target` if it is elsewhere."""
    if isinstance(file, Path):
        return file
    if isinstance(file, LocalFile):
        return Path(file.path)
    with target.open("wb") as copy:
        for start in range(0, file.size, _CHUNK):
            copy.write(file.read(start, start + _CHUNK))
    return target
