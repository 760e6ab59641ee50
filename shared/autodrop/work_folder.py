"""The folder that one invocation works in, and the end of its disk."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from autodrop.errors import OutOfRoom

_FULL = (errno.ENOSPC, errno.EDQUOT)


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


@contextmanager
def within_room() -> Iterator[None]:
    """Raise one error for every way in which the disk or the memory ends inside the block.

    Raises:
        OutOfRoom: There is no space left on the device, or the memory is too small.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise OutOfRoom("The disk is full: there is no room for what is unpacked.") from error
    except MemoryError as error:
        raise OutOfRoom("There is too little memory, or disk beside it, for this file.") from error
