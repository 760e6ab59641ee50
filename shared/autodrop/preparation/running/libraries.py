"""Libraries that a cluster's machines lack: unpacked from an archive on each of them.

Only what every Python has is imported here: this is what makes the rest importable. Compiled
modules cannot be imported from a ZIP.
"""

from __future__ import annotations

import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

# Folders of the archive: what any Python can import, and what only the version can that built it.
ANY_PYTHON = "any"


def own_python() -> str:
    """Return the folder of the archive for what only this version of Python can import."""
    return f"cp{sys.version_info.major}{sys.version_info.minor}"


@dataclass(frozen=True)
class Libraries:
    """An archive of libraries, and where it is unpacked.

    Attributes:
        archive: The archive, at the same place on every machine.
        folder: Where its content is to be, on every machine.
    """

    archive: str
    folder: str

    def use(self) -> None:
        """Make the libraries importable, before others of the same names.

        Whoever comes first unpacks them; who unpacks at the same time changes nothing.
        """
        folder = Path(self.folder)
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            unpacked = Path(mkdtemp(dir=folder.parent))
            with zipfile.ZipFile(self.archive) as packed:
                packed.extractall(unpacked)
            try:
                unpacked.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
        for name in (ANY_PYTHON, own_python()):
            place = str(folder / name)
            if place not in sys.path:
                sys.path.insert(0, place)
