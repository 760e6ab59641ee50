"""What a processing job does: prepares the file in its input and leaves `outcome.json`.

Only what every Python has is imported above: an old one shall say that it is too old.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodrop.errors import Rejected
    from autodrop.naming import Drop

_OLDEST = (3, 11)
# Nothing reads a folder in which this lies.
EMPTY_MARK = "_empty"
# Unpacked, a file takes its size once as rows, once as parts, and room for what Spark spills.
_TIMES_UNPACKED = 4
# What one task of a shuffle gets, about.
_SHUFFLE_BYTES = 32 * 1024 * 1024
_MOST_SHUFFLES = 2_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare a file, told by `--input` and `--output` where the job's folders are.

    Raises:
        RuntimeError: The container's Python is too old.
    """
    if sys.version_info[:2] < _OLDEST:
        raise RuntimeError(
            f"autodrop needs Python {'.'.join(map(str, _OLDEST))} or newer, but this container has "
            f"{sys.version.split()[0]}. Set the stack's parameter SparkImageUri to a newer image."
        )
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args(arguments)
    outcome = asked.output / "outcome" / "outcome.json"
    outcome.parent.mkdir(parents=True, exist_ok=True)
    written = json.dumps(prepared(asked.input, asked.output), ensure_ascii=False)
    outcome.write_text(written, encoding="utf-8")
    leave_no_folder_empty(asked.output)


def leave_no_folder_empty(output: Path) -> None:
    """Put a file into every folder of the output that has none: docs/aws.md, Processing jobs."""
    for folder in output.iterdir():
        if folder.is_dir() and not any(folder.iterdir()):
            (folder / EMPTY_MARK).touch()


def prepared(source: Path, output: Path) -> dict[str, Any]:
    """Return the content of `outcome.json`; the parts are below `output` then.

    Args:
        source: Holds `code/order.json` and `data`; may hold `test` with the user's own test file.
        output: Where the folders of the parts are or will be.
    """
    from pyspark.sql import SparkSession

    from autodrop.errors import Rejected
    from autodrop.naming import Drop
    from autodrop.preparation.examining import Dropped
    from autodrop.preparation.large_prepare import prepare_large
    from autodrop.preparation.spark_engine import Spark
    from autodrop.settings import parse_settings

    order = json.loads((source / "code" / "order.json").read_text(encoding="utf-8"))
    drop = Drop(**order["drop"])
    said = {key: value for key, value in order["settings"].items() if value is not None}
    # Beside the output, so that it is on the volume that was made large enough.
    folder = output.parent / "work"
    folder.mkdir(parents=True)
    test_files = sorted((source / "test").glob("*"))
    dropped = Dropped(
        paths=paths_of(drop, source / "data"),
        drop=drop,
        run_id=order["run_id"],
        test_path=test_files[0] if test_files else None,
        longest=shutil.disk_usage(folder).free // _TIMES_UNPACKED,
    )
    session = SparkSession.builder.appName(f"autodrop {order['run_id']}").getOrCreate()
    try:
        size = sum(path.stat().st_size for path in dropped.paths)
        cores = session.sparkContext.defaultParallelism
        shuffles = min(max(2 * cores, size // _SHUFFLE_BYTES), _MOST_SHUFFLES)
        found = prepare_large(
            Spark(session, shuffles), dropped, parse_settings(said), folder, output
        )
    except Rejected as refusal:
        return {"rejected": _told(refusal)}
    finally:
        session.stop()
        shutil.rmtree(folder)
    return {
        "dataset": found.dataset.to_json(),
        "profile": found.profile,
        "probe": None if found.plan is None else found.plan.to_json(),
    }


def paths_of(drop: Drop, folder: Path) -> list[Path]:
    """Return the dropped file among the job's input, or the parts of a folder by their names.

    SageMaker gives all objects whose keys begin like the dropped one's, such as `sales.csv.bak`.

    Raises:
        FileNotFoundError: It is not there.
    """
    if not drop.is_folder:
        path = folder / drop.file_name
        if not path.is_file():
            raise FileNotFoundError(f"{drop.file_name} is not in the job's input")
        return [path]
    parts = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith((".", "_"))
    )
    if not parts:
        raise FileNotFoundError(f"there are no parts of {drop.shown_name} in the job's input")
    return parts


def _told(refusal: Rejected) -> dict[str, Any]:
    others = [each.to_json() for each in refusal.others]
    return {**refusal.finding.to_json(), "others": others}
