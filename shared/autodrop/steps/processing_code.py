"""The program that a processing job runs: this package, and a script that starts it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path

from autodrop.preparation.running.libraries import ANY_PYTHON, own_python

# The same as `processing/prepare_large.py`, which is not deployed: a test holds the two together.
SCRIPT = b'''"""What the Spark container runs when a dropped file is too large for a function."""

from autodrop.aws.processing import main

main()
'''
# Polars has one compiled module for all versions of Python.
_FOR_ANY_PYTHON = ("polars", "_polars_runtime_32")
# Of these the container has another version or none. Where its Python is not the function's, NumPy
# is the container's, and what is packed with zstd cannot be unpacked.
_FOR_OWN_PYTHON = ("numpy", "numpy.libs", "backports")
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


def write_library_archive(target: Path) -> None:
    """Write the libraries that the Spark container lacks, as they are installed here, as a ZIP.

    They are taken from this function's own packages: nothing is fetched from anywhere, and a job
    works with what the tests were run with. docs/aws.md says what the container has.
    """
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for place, names in ((ANY_PYTHON, _FOR_ANY_PYTHON), (own_python(), _FOR_OWN_PYTHON)):
            for folder in filter(None, map(_installed, names)):
                for path in sorted(folder.rglob("*")):
                    if path.is_file() and "__pycache__" not in path.parts:
                        name = f"{place}/{folder.name}/{path.relative_to(folder)}"
                        archive.write(path, name)


def _installed(name: str) -> Path | None:
    """Return the folder of a package, or of libraries beside one; None where there is none."""
    package, _, libraries = name.partition(".")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations)))
    if libraries:
        folder = folder.with_name(name)
    return folder if folder.is_dir() else None


def _sources(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for each in sorted(folder.iterdir(), key=lambda found: found.name):
        path = f"{name}/{each.name}"
        if each.is_dir():
            yield from _sources(each, path)
        elif each.name.endswith(".py"):
            yield path, each.read_bytes()
