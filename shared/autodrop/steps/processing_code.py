"""The program that a processing job runs: this package, and a script that starts it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

# The same as `processing/prepare_large.py`, which is not deployed: a test holds the two together.
SCRIPT = b'''"""What the Spark container runs when a dropped file is too large for a function."""

from autodrop.preparation.running.job import main

main()
'''
# ZIP knows no time before this one. Any will do, as long as the archive is always the same.
_NO_TIME = (1980, 1, 1, 0, 0, 0)


@cache
def package_archive() -> bytes:
    """Return the package `autodrop` as it is installed here, as a ZIP for Python's path.

    The same code gives the same bytes: two functions that write it do not disturb each other.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, source in _sources(files("autodrop"), "autodrop"):
            archive.writestr(zipfile.ZipInfo(name, _NO_TIME), source)
    return content.getvalue()


def _sources(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for each in sorted(folder.iterdir(), key=lambda found: found.name):
        path = f"{name}/{each.name}"
        if each.is_dir():
            yield from _sources(each, path)
        elif each.name.endswith(".py"):
            yield path, each.read_bytes()
