"""Four files that cost a reader in different ways, of any size.

    python -m bench.shapes --megabytes 500

The same seed makes the same bytes, and a larger file begins with the smaller one. Files are kept in
`.autodrop/bench`; nothing is held in memory but the rows of one block.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).parent.parent
EXAMPLE = PROJECT / "examples" / "bank-marketing" / "bank-additional-full.csv.gz"
CACHE = PROJECT / ".autodrop" / "bench"
TARGET = "y"
SEED = 20
WIDE_COLUMNS = 1_000

Blocks = Iterator[bytes]

_SYLLABLES = ("ba", "co", "du", "fel", "gi", "ho", "kar", "lim", "mo", "pre", "sto", "tu", "vi")
_REGIONS = ("north", "east", "south", "west", "centre", "islands")


def repeated() -> Blocks:
    """Yield the bank-marketing file: 21 columns, the same 41,188 rows again and again."""
    header, _, rows = gzip.decompress(EXAMPLE.read_bytes()).partition(b"\n")
    yield header + b"\n"
    while True:
        yield rows


def hardly() -> Blocks:
    """Yield an id, a time, 15 measurements of three precisions, a short text, a region, a class.

    Two measurements lack one cell in fifty, one row in a hundred has no region.
    """
    measurements = ",".join(f"m{number:02}" for number in range(15))
    yield f"id,time,{measurements},note,region,{TARGET}\n".encode()
    numbers = ",".join(["%.2f"] * 5 + ["%.6f"] * 5 + ["%.16g"] * 5)
    words = _vocabulary(3_000)
    rows = 10_000
    for block, random in enumerate(_generators(1)):
        values = random.normal(50, 20, (rows, 15))
        values[:, 5:] /= 100
        values[:, [3, 8]] = np.where(random.random((rows, 2)) < 0.02, np.nan, values[:, [3, 8]])
        first = np.datetime64("2021-01-01T00:00:00") + block * rows * 7
        times = (first + 7 * np.arange(rows)).astype(str)
        picked = random.integers(len(words), size=(rows, 7)).tolist()
        region = random.choice((*_REGIONS, ""), rows, p=[0.165] * 6 + [0.01])
        likely = values[:, 0] + random.normal(0, 20, rows) > 60
        yield "".join(
            f"C{block * rows + number:010},{times[number]}Z,"
            f"{(numbers % tuple(row)).replace('nan', '')},"
            f"{' '.join(words[i] for i in picked[number])},{region[number]},{int(likely[number])}\n"
            for number, row in enumerate(values.tolist())
        ).encode()


def wide() -> Blocks:
    """Yield 1,000 columns of numbers, whole ones and of two precisions in turn, and a class."""
    names = ",".join(f"x{number:04}" for number in range(WIDE_COLUMNS))
    yield f"{names},{TARGET}\n".encode()
    form = ",".join(("%d", "%.3f", "%.8f", "%.3f")[i % 4] for i in range(WIDE_COLUMNS)) + ",%d\n"
    rows = 500
    for random in _generators(2):
        values = random.normal(0, 100, (rows, WIDE_COLUMNS))
        likely = values[:, 1] + random.normal(0, 100, rows) > 0
        yield "".join(
            form % (*row, label)
            for row, label in zip(values.tolist(), likely.tolist(), strict=True)
        ).encode()


def text() -> Blocks:
    """Yield long free texts with quotes, commas and line breaks, five short columns, a class.

    No line of a text has as many commas as a row: autodrop would refuse it as a quote that was
    never closed.
    """
    yield f"ticket,opened,channel,title,body,rating,{TARGET}\n".encode()
    words, sentences = _vocabulary(8_000), _sentences(20_000)
    rows = 5_000
    for block, random in enumerate(_generators(3)):
        lengths = np.minimum(random.geometric(1 / 8, rows), 120)
        picked = random.integers(len(sentences), size=lengths.sum())
        bodies = [
            "\n".join(sentences[i] for i in some)
            for some in np.split(picked, np.cumsum(lengths)[:-1])
        ]
        titles = random.integers(len(words), size=(rows, 4)).tolist()
        opened = np.datetime64("2023-01-01") + random.integers(700, size=rows)
        channel = random.choice(("mail", "phone", "chat"), rows)
        rating = random.integers(1, 6, rows)
        likely = (rating + random.normal(0, 2, rows) > 3).astype(int)
        yield "".join(
            f"{block * rows + number},{opened[number]},{channel[number]},"
            f"{' '.join(words[i] for i in titles[number])},"
            f'"{bodies[number]}",'
            f"{rating[number]},{likely[number]}\n"
            for number in range(rows)
        ).encode()


SHAPES: dict[str, Callable[[], Blocks]] = {
    "repeated": repeated,
    "hardly": hardly,
    "wide": wide,
    "text": text,
}


def shaped_file(shape: str, megabytes: int) -> Path:
    """Return a file of a shape, written when it is not there yet.

    Args:
        shape: One of `SHAPES`.
        megabytes: Its least size in millions of bytes; it ends with a whole row, up to a block
            of rows later.

    Raises:
        SystemExit: When the disk has no room for the file and two copies of it.
    """
    path = CACHE / f"{shape}-{megabytes}.csv"
    if path.exists():
        return path
    CACHE.mkdir(parents=True, exist_ok=True)
    if megabytes * 3_000_000 > shutil.disk_usage(CACHE).free:
        raise SystemExit(f"There is no room for {megabytes:,} MB three times.")
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        blocks = SHAPES[shape]()
        while file.tell() < megabytes * 1_000_000:
            file.write(next(blocks))
    unfinished.rename(path)
    return path


def _generators(shape: int) -> Iterator[np.random.Generator]:
    """Yield one generator per block, so that a block does not depend on those before it."""
    return (np.random.default_rng((SEED, shape, block)) for block in count())


def _vocabulary(size: int) -> list[str]:
    random = np.random.default_rng((SEED, 0))
    return [
        "".join(random.choice(_SYLLABLES, length))
        for length in random.integers(1, 5, size).tolist()
    ]


def _sentences(size: int) -> list[str]:
    """Return sentences as they stand within quotes: up to three commas, a doubled quote or none."""
    random = np.random.default_rng((SEED, 4))
    vocabulary = _vocabulary(8_000)
    sentences = []
    for length in random.integers(8, 25, size).tolist():
        words = [vocabulary[i] for i in random.integers(len(vocabulary), size=length)]
        for place in random.integers(length - 1, size=random.integers(4)):
            words[place] = words[place].rstrip(",") + ","
        if random.random() < 1 / 3:
            words[-1] = f'""{words[-1]}""'
        sentences.append(" ".join(words) + ".")
    return sentences


def main() -> None:
    """Write the files and print where they are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--shape", choices=SHAPES, action="append")
    asked = parser.parse_args()
    for shape in asked.shape or SHAPES:
        path = shaped_file(shape, asked.megabytes)
        print(f"{path} {path.stat().st_size / 1e6:,.1f} MB")


if __name__ == "__main__":
    main()
