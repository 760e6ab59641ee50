"""What a processing job runs: prepares the ordered file and leaves parts and `outcome.json`.

Only what every Python has is imported above: an old one shall say that it is too old, and the
libraries that the container lacks are unpacked first.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autodrop.preparation.running.libraries import Libraries

if TYPE_CHECKING:
    from autodrop.errors import Rejected
    from autodrop.preparation.examining import Dropped
    from autodrop.processors import Processors

_OLDEST = (3, 11)
# Unpacked, a file takes its size once as text, once or twice as parts.
_TIMES_UNPACKED = 4
# Larger than in a function: there are fewer requests to S3, and the memory is there.
_BLOCK_BYTES = 32 * 1024 * 1024


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare a file, with `--input` and `--output` as the places of the job's folders.

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
    code = asked.input / "code"
    # Beside the output, so that it is on the volume that was made large enough.
    volume = asked.output.parent
    libraries = Libraries(str(code / "libraries.zip"), str(volume / "libraries"))
    libraries.use()
    order = json.loads((code / "order.json").read_text(encoding="utf-8"))
    outcome = _on_spark(order, libraries, asked.output, volume)
    written = json.dumps(outcome, ensure_ascii=False)
    target = asked.output / "outcome" / "outcome.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(written, encoding="utf-8")


def _on_spark(
    order: Mapping[str, Any], libraries: Libraries, output: Path, volume: Path
) -> dict[str, Any]:
    from pyspark import SparkConf, SparkContext

    from autodrop.preparation.running.spark import SparkProcessors, configure

    conf = configure(SparkConf().setAppName(f"autodrop {order['run_id']}"))
    context = SparkContext(conf=conf)
    try:
        return prepared(order, SparkProcessors(context, libraries), output, volume)
    finally:
        context.stop()


def prepared(
    order: Mapping[str, Any], processors: Processors, output: Path, volume: Path
) -> dict[str, Any]:
    """Return the content of `outcome.json`; the parts are below `output` then.

    Args:
        order: What `order.json` holds.
        processors: Who works on the blocks, on any number of instances.
        output: Where the folders of the parts are or will be, on all of them.
        volume: A folder beside it for what is not to stay.
    """
    from autodrop.errors import NotFound, Rejected
    from autodrop.preparation.examining import Work
    from autodrop.preparation.running.parts import prepare_in_parts
    from autodrop.processors import Threads
    from autodrop.settings import parse_settings

    folder = volume / "work"
    folder.mkdir(parents=True)
    settings = {key: value for key, value in order["settings"].items() if value is not None}
    free = shutil.disk_usage(folder).free
    try:
        dropped = _dropped(order, longest=order["instances"] * free // _TIMES_UNPACKED)
        if order["instances"] > 1 and _is_unpacked_by_one(dropped):
            # What the driver unpacks lies on its own disk, where other instances cannot see it.
            processors = Threads()
        work = Work(folder, processors, _BLOCK_BYTES)
        found = prepare_in_parts(
            dropped, parse_settings(settings), work, output, volume / "incomplete"
        )
    except Rejected as refusal:
        return {"rejected": _as_json(refusal)}
    except NotFound:
        from autodrop.naming import Drop
        from autodrop.steps.run_settings import file_gone

        return {"rejected": _as_json(file_gone(Drop(**order["drop"])))}
    finally:
        shutil.rmtree(folder)
    return {
        "dataset": found.dataset.to_json(),
        "profile": found.profile,
        "probe": None if found.plan is None else found.plan.to_json(),
        "parts": found.parts,
    }


def _dropped(order: Mapping[str, Any], *, longest: int) -> Dropped:
    """Return the ordered file where it lies in S3.

    Raises:
        NotFound: It is not there any more.
    """
    from autodrop.aws.objects import S3Object
    from autodrop.naming import Drop
    from autodrop.preparation.examining import Dropped

    drop, test_file = Drop(**order["drop"]), order["test_file"]
    version_id = None if drop.is_folder else drop.version_id
    return Dropped(
        paths=[S3Object.find(drop.bucket, key, version_id) for key in order["files"]],
        drop=drop,
        run_id=order["run_id"],
        test_path=test_file and S3Object.find(drop.bucket, test_file),
        longest=longest,
    )


def _is_unpacked_by_one(dropped: Dropped) -> bool:
    """Return whether a file is a single stream, or one that is made a text first."""
    from autodrop.preparation.reading.parquet import is_parquet
    from autodrop.preparation.reading.storage import stored
    from autodrop.preparation.reading.text import compression_of

    files = [dropped.paths[0], *([] if dropped.test_path is None else [dropped.test_path])]
    return any(is_parquet(each) or compression_of(each) for each in map(stored, files))


def _as_json(refusal: Rejected) -> dict[str, Any]:
    others = [each.to_json() for each in refusal.others]
    return {**refusal.finding.to_json(), "others": others}
