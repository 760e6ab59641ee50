"""The folder that one invocation works in."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def empty_work_folder(place: Path) -> Iterator[Path]:
    """Return `place` as an empty folder, and remove it at the end.

    Nobody else may work there. Lambda keeps `/tmp` when it kills a function that is out of time or
    memory; what that one left would fill the disk of all that come after it.
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
    """
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
