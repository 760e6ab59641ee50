"""The settings of a run: those of the stack, of the dataset's file, and of the dropped object."""

from __future__ import annotations

from collections.abc import Mapping

from autodrop.errors import NotFound, Rejected
from autodrop.naming import Drop
from autodrop.ports import Services
from autodrop.settings import Settings, parse_settings, settings_from_metadata
from autodrop.settings_file import MOST_BYTES, read_settings_file


def read_settings(services: Services, drop: Drop, metadata: Mapping[str, str]) -> Settings:
    """Return all settings of a drop; later ones win.

    Args:
        services: Everything outside.
        drop: The upload.
        metadata: What came with it.

    Raises:
        Rejected: A setting cannot be used, or is above the stack's ceiling.
    """
    try:
        content = services.bucket.read(drop.settings_key, MOST_BYTES + 1)
    except NotFound:
        said = {}
    else:
        said = read_settings_file(content, f"s3://{drop.bucket}/{drop.settings_key}")
    settings = parse_settings(services.default_settings, said, settings_from_metadata(metadata))
    services.ceilings.check_settings(settings)
    return settings


def file_gone(drop: Drop) -> Rejected:
    """Return how a file is rejected that is no longer there."""
    return Rejected(
        "FILE_GONE",
        f"{drop.shown_name} was deleted before it could be read.",
        "Drop the file again and leave it there until the run has ended.",
    )
