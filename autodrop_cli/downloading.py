"""Bringing the files of a run here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from autodrop.run import Run, RunState
from autodrop_cli.connection import Connection
from autodrop_cli.problems import Problem
from autodrop_cli.terminal import plain

# Also what Windows would read as a drive, a stream or a separator.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f:\\<>"|?*]')


def download_results(connection: Connection, run: Run, folder: Path) -> Sequence[Path]:
    """Write the files below the run's `results/` (or its `failure.json`) into `folder`.

    Returns:
        The files written, in the order of their keys.

    Raises:
        Problem: There is nothing, or a key that leads out of `folder`; nothing is written then.
    """
    if run.state is RunState.COMPLETED:
        prefix = run.folder.results
        keys = [key for key in connection.bucket.list(prefix) if not key.endswith("/")]
    else:
        prefix = run.folder.prefix
        keys = [run.folder.failure] if connection.bucket.exists(run.folder.failure) else []
    if not keys:
        raise Problem(f"There is nothing to download in {connection.uri(prefix)}.")
    folder.mkdir(parents=True, exist_ok=True)
    targets = [place_inside(folder, key.removeprefix(prefix)) for key in keys]
    for key, target in zip(keys, targets, strict=True):
        target.parent.mkdir(parents=True, exist_ok=True)
        connection.bucket.download(key, target)
    return targets


def download_report(connection: Connection, run: Run, target: Path) -> None:
    """Write the report of a completed run to `target`.

    Raises:
        Problem: There is none.
    """
    key = run.folder.result("report.html")
    if not connection.bucket.exists(key):
        raise Problem(f"The run has no report: {connection.uri(key)} is not there.")
    connection.bucket.download(key, target)


def place_inside(folder: Path, relative_key: str) -> Path:
    """Return where an object goes below `folder`.

    Raises:
        Problem: The key leads out of `folder`, or is no path that every system can have.
    """
    parts = relative_key.split("/")
    place = folder.joinpath(*PurePosixPath(relative_key).parts)
    bad_part = any(part in ("", ".", "..") or _UNSAFE.search(part) for part in parts)
    # Resolved, because a link in `folder` may lead elsewhere.
    if bad_part or not place.resolve().is_relative_to(folder.resolve()):
        raise Problem(
            f"Not downloaded, because of an object with an unsafe name: {plain(relative_key)}"
        )
    return place
