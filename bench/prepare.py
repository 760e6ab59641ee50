"""How long preparation takes, and how much memory: the bank-marketing file repeated to a size.

python -m bench.prepare --megabytes 100
"""

from __future__ import annotations

import argparse
import gzip
import resource
import tempfile
import time
from pathlib import Path

from autodrop.naming import Drop
from autodrop.preparation.prepare import prepare
from autodrop.settings import parse_settings
from bench.demo import EXAMPLE


def main() -> None:
    """Prepare the file once and print megabytes, rows, seconds and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=100)
    size = parser.parse_args().megabytes * 1_000_000
    packed = (EXAMPLE / "bank-additional-full.csv.gz").read_bytes()
    header, _, rows = gzip.decompress(packed).partition(b"\n")
    drop = Drop("bench", "inbox/bank/bank.csv", "v1", "v1", size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bank.csv")
        with path.open("wb") as file:
            file.write(header + b"\n")
            while file.tell() < size:
                file.write(rows)
        started = time.perf_counter()
        prepared = prepare(path, drop, "ad-bank-0123456789ab", parse_settings(), Path(folder))
        seconds = time.perf_counter() - started
        megabytes = path.stat().st_size / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    count = prepared.dataset.rows
    print(f"{megabytes:.1f} MB, {count:,} rows: {seconds:.1f} s, {peak:.0f} MB at most")


if __name__ == "__main__":
    main()
