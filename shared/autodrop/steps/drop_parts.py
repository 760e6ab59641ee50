"""The Parquet parts of a folder that was dropped."""

from __future__ import annotations

from collections.abc import Mapping

from autodrop.errors import Rejected
from autodrop.naming import Drop
from autodrop.ports import Services


def parts_of(services: Services, drop: Drop) -> Mapping[str, int]:
    """Return the keys of the parts, in order, with their sizes in bytes."""
    sizes = services.bucket.sizes(drop.parts_prefix)
    return {key: size for key, size in sizes.items() if key.endswith(".parquet")}


def no_parts(drop: Drop) -> Rejected:
    """Return how a folder is rejected that holds no parts."""
    return Rejected(
        "NOT_A_TABLE",
        f"The folder {drop.shown_name} holds no Parquet files.",
        "Drop a CSV file, a Parquet file, or a folder of Parquet files.",
    )
