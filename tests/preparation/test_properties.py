"""Any table in any dialect comes back cell for cell, and no damaged file is read otherwise."""

from __future__ import annotations

import csv
import gzip
import io
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from backports import zstd
from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from autodrop.errors import Rejected
from autodrop.preparation.cells.kinds import no_label
from autodrop.preparation.cells.spelling import on_one_line
from autodrop.preparation.prepare import Prepared, Work, prepare
from autodrop.settings import parse_settings
from tests.preparation.files import Table, cells, dropped

pytestmark = pytest.mark.slow

ROWS = 60
LEAST_ROWS = 20
# What a file in a dialect that is said can still be refused for: what it holds.
OF_THE_CELLS = {
    "DUPLICATE_COLUMNS",
    "FEATURES_CONSTANT",
    "HEADER_REPEATED",
    "NO_FEATURES",
    "NO_HEADER",
    "NUMBERS_UNCLEAR",
    "TARGET_MIXED",
    "TARGET_TOO_MANY_CLASSES",
}
ODD_CELLS = [
    "",
    " ",
    "NA",
    "null",
    "007",
    "1e5",
    "inf",
    "1,5",
    "1.5",
    "1,234",
    "1.234,56",
    "2024-01-05",
    " x ",
    "\t",
    '"',
    '""',
    "'",
    "\\",
    '\\"',
    "\\\\",
    'say "hi"',
    "#",
    "a;b,c|d\te",
    "=1+1",
    "Total",
]
NAMES = ["plan", "x y", "naïve", "a, b", 'q "r"', "n; m", "tab\there", "p|q", "\\n", "1"]
LABELS = [["yes", "no"], ["a b", 'c "d"', "é"], ["1", "2", "3"], ["1,5", "2,5"], [";", "|"]]
BEYOND_LATIN = "漢字😀Жñ\u2028\u0085"


@dataclass(frozen=True)
class Written:
    """A table in a dialect.

    Attributes:
        table: Header and rows.
        content: The file.
        read: The settings that say its dialect.
        refusals: What it can be refused for although its dialect is said.
    """

    table: Table
    content: bytes
    read: dict[str, Any]
    refusals: set[str]


@st.composite
def files(draw: st.DrawFn) -> Written:
    """Return tables in dialects."""
    codec = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1", "cp1252"]))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]))
    delimiter = draw(st.sampled_from(",;\t|"))
    line_end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    escape = draw(st.sampled_from(["doubled", "backslash"]))
    table = draw(tables(codec, line_breaks=quoting == csv.QUOTE_ALL))
    text = io.StringIO(newline="")
    dialect: dict[str, Any] = {
        "delimiter": delimiter,
        "quoting": quoting,
        "lineterminator": line_end,
        "doublequote": escape == "doubled",
        "escapechar": None if escape == "doubled" else "\\",
    }
    csv.writer(text, **dialect).writerows(table)
    body = text.getvalue()
    body = draw(st.sampled_from([body, body, body.removesuffix(line_end), body + 2 * line_end]))
    body = draw(st.sampled_from(["", "", "", line_end, 3 * line_end])) + body
    content = body.encode(codec)
    pack = draw(st.sampled_from([None, None, None, gzip.compress, zstd.compress]))
    return Written(
        table,
        content if pack is None else pack(content),
        {
            "delimiter": delimiter,
            "escape": escape,
            "encoding": {"utf-8-sig": "utf-8", "cp1252": "windows-1252"}.get(codec, codec),
            "decimal": "point",
        },
        # Outside of quotes, nobody agrees on what a backslash does.
        OF_THE_CELLS | (set() if quoting == csv.QUOTE_ALL else {"ESCAPES_UNCLEAR"})
        if escape == "backslash"
        else OF_THE_CELLS,
    )


@st.composite
def tables(draw: st.DrawFn, codec: str, *, line_breaks: bool) -> Table:
    """Return tables whose cells an encoding has, with a target in any column."""
    letters = "abcXYZ 0123456789.,;|\t\"'\\-_éß§:#@&<>%()=+*~^"
    if codec.startswith("utf"):
        letters += BEYOND_LATIN
    if line_breaks:
        letters += "\n\r"
    any_cell = st.sampled_from(ODD_CELLS) | st.text(letters, max_size=8)
    width = draw(st.integers(2, 5))
    target = draw(st.integers(0, width - 1))
    pools = [draw(st.lists(any_cell, min_size=2, max_size=7)) for _ in range(width)]
    pools[target] = draw(st.sampled_from(LABELS))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=width, max_size=width, unique=True))
    names[target] = "target"
    # Columns of all lengths beside each other, so that rows are seldom the same.
    return [
        names,
        *(
            [pool[(i * (j + 1) + i // 7) % len(pool)] for j, pool in enumerate(pools)]
            for i in range(ROWS)
        ),
    ]


@given(file=files(), is_said=st.booleans())
@settings(max_examples=120)
def test_any_table_in_any_dialect_comes_back_cell_for_cell_or_is_refused(
    file: Written, is_said: bool
) -> None:
    with TemporaryDirectory() as folder:
        result = read(file.content, Path(folder), file.read if is_said else {})

        event(f"{'said' if is_said else 'not said'}: {outcome(result)}")
        if isinstance(result, Prepared):
            comes_back(result, file.table)
        elif is_said:
            assert result.code in file.refusals


GOOD = [
    ["city", "note", "paid", "left"],
    *(
        [
            ["Köln", "Paris", "Roma"][i % 3],
            ["plain", 'he said "hi"', "one, two", "a;b", "", "two\nlines"][i % 6],
            f"{i % 17}.{i % 10}",
            "no" if i % 3 else "yes",
        ]
        for i in range(ROWS)
    ),
]


PIECES = [b'"', b'""', b'"\n', b'",', b',"', b",", b";", b"\n", b"\n\n", b"   \n", b"\r", b"\\"]
PIECES += [b" ", b"x", b"\xff", b"\0"]


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a good file to which something happened."""
    text = io.StringIO(newline="")
    csv.writer(
        text,
        delimiter=draw(st.sampled_from(",;")),
        lineterminator=draw(st.sampled_from(["\n", "\r\n"])),
        quoting=draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    ).writerows(GOOD)
    content = text.getvalue().encode(draw(st.sampled_from(["utf-8", "utf-8", "latin-1"])))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content) - 1))
        before, after = content[:at], content[at:]
        piece = draw(st.sampled_from(PIECES))
        gone = draw(st.integers(1, 30))
        end_of_line = after.find(b"\n") + 1
        content = draw(
            st.sampled_from(
                [
                    before + after[gone:],
                    before + piece + after,
                    before + piece + after[len(piece) :],
                    before + after[:end_of_line] + content[before.rfind(b"\n") + 1 :],
                    content[: max(at, 200)],
                ]
            )
        )
    return content


@given(content=damaged())
@settings(max_examples=200)
@example(content=b'a,b,y\n1,2,no\n3,"4,yes\n' * 20)
@example(content=b"a,b,y\n" + b'"x"y,2,no\n1,2,yes\n' * 20)
@example(content=b"a,b,y\n" + b'x"y",2,no\n1,2,yes\n' * 20)
@example(content=b"a,b,y\n" + b'x, "2",no\n1,2,yes\n' * 20)
@example(content=b"a,b,y\n" + b'"x" ,2,no\n1,2,yes\n' * 20)
@example(content=b"a,b,y\n" + b"x,2,no,\n1,2,yes,\n" * 20)
@example(content=b"a,b,y\n" + b"x,2,no\n1,2,yes\n" * 20 + b"1,2,yes,")
@example(content=b"a,b,y\n" + b"x,2,no\n1,2,yes\n" * 20 + b'"')
def test_a_damaged_file_is_refused_or_read_as_a_strict_reader_reads_it(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        result = read(content, Path(folder), {})

        event(outcome(result))
        if isinstance(result, Prepared):
            comes_back(result, strictly_read(content, result))


@given(content=st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
@settings(max_examples=120)
def test_bytes_of_any_kind_are_refused(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        result = read(content, Path(folder), {})

        event(outcome(result))
        assert isinstance(result, Rejected)


def read(content: bytes, folder: Path, said: dict[str, Any]) -> Prepared | Rejected:
    """Prepare a file that may be small."""
    wanted = parse_settings({"read": said, "split": {"test_fraction": 0.3}})
    try:
        return prepare(dropped(folder, content), wanted, Work(folder), min_rows=LEAST_ROWS)
    except Rejected as problem:
        return problem


def outcome(result: Prepared | Rejected) -> str:
    """Return what became of a file, in a word."""
    return "read" if isinstance(result, Prepared) else result.code


def comes_back(result: Prepared, table: Table) -> None:
    """Check that the three files hold the cells of a table, each on one line."""
    header, *rows = [[on_one_line(cell) for cell in row] for row in table]
    dataset = result.dataset
    unnamed = [f"unnamed_{place}" for place in range(1, len(header) + 1)]
    header = [name if name.strip() else unnamed[i] for i, name in enumerate(header)]
    assert list(dataset.columns) == header
    assert dataset.rows == len(rows)
    target = header.index(dataset.target.column)
    features = [header.index(name) for name in dataset.features]
    carried = [i for i in range(len(header)) if i not in (*features, target)]
    truth = cells(result.truth)
    out = [int(row[0]) for row in truth[1:]]
    trained = [i for i, row in enumerate(rows) if not no_label(row[target]) and i not in set(out)]

    def of(row: list[str], columns: list[int]) -> list[str]:
        return [row[i] for i in columns]

    assert cells(result.train) == [
        of(row, sorted([*features, target])) for row in (header, *(rows[i] for i in trained))
    ]
    assert cells(result.test) == [of(rows[i], features) for i in out]
    assert truth == [
        ["row", *of(header, [*carried, target])],
        *([str(i), *of(rows[i], [*carried, target])] for i in out),
    ]
    assert len(out) == dataset.split.test_rows


def strictly_read(content: bytes, result: Prepared) -> Table:
    """Return the rows of a file as Python's csv module reads them, less those that are blank."""
    reading = result.dataset.reading
    codec = {"utf-8": "utf-8-sig", "windows-1252": "cp1252"}.get(reading.encoding, reading.encoding)
    rows = csv.reader(
        io.StringIO(content.decode(codec), newline=""),
        delimiter=reading.delimiter,
        doublequote=reading.escape == "doubled",
        escapechar=None if reading.escape == "doubled" else "\\",
        strict=True,
    )
    return [row for row in rows if len(row) > 1 or "".join(row).strip()]
