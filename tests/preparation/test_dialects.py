"""Everything that a table may be written in: each file comes back cell for cell."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from backports import zstd

from autodrop.dataset import Reading
from autodrop.errors import Rejected
from autodrop.preparation.prepare import Dropped, Prepared, Work, prepare
from autodrop.settings import parse_settings
from tests.builders import a_drop
from tests.preparation.files import (
    Table,
    prepared,
    refusal,
    rows_of,
    written,
)

pytestmark = pytest.mark.slow

HEADER = ["city", "note", "paid", "left"]
CITIES = ["Köln", "São Paulo", "Malmö", "Besançon"]
NOTES = ["plain", 'he said "hi"', "one, two", "a;b|c\td", "", " spaced ", "C:\\new\\table"]


def customers(*, notes: list[str] = NOTES, cities: list[str] = CITIES, rows: int = 600) -> Table:
    """Return a header and rows."""
    return [
        HEADER,
        *(
            [
                cities[i % len(cities)],
                notes[i % len(notes)],
                f"{i % 83}.{i % 10}",
                "no" if i % 3 else "yes",
            ]
            for i in range(rows)
        ),
    ]


def comes_back(result: Prepared, table: Table, **reading: str | int | None) -> None:
    """Check that a file was read as it was written, and told so."""
    assert list(result.dataset.columns) == table[0]
    assert rows_of(result) == table[1:]
    assert result.dataset.reading == Reading(**reading)  # type: ignore[arg-type]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
def test_delimiters_and_quotes(delimiter: str, quoting: int, tmp_path: Path) -> None:
    content = written(customers(), delimiter=delimiter, quoting=quoting, lineterminator="\n")

    comes_back(prepared(tmp_path, content), customers(), delimiter=delimiter, decimal=".")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_file_without_a_single_quote(delimiter: str, tmp_path: Path) -> None:
    table = customers(notes=["plain", "C:\\new", ""])
    content = "".join(delimiter.join(row) + "\n" for row in table).encode()

    comes_back(prepared(tmp_path, content), table, delimiter=delimiter, decimal=".")


@pytest.mark.parametrize(
    ("line_end", "name"), [("\n", "lf"), ("\r\n", "crlf"), ("\r", "cr")], ids=["lf", "crlf", "cr"]
)
@pytest.mark.parametrize("last", [True, False], ids=["ends", "no final line end"])
def test_line_ends(line_end: str, name: str, last: bool, tmp_path: Path) -> None:
    content = written(customers(), lineterminator=line_end)
    if not last:
        content = content.removesuffix(line_end.encode())

    comes_back(prepared(tmp_path, content), customers(), line_end=name, decimal=".")


def test_line_ends_of_two_kinds(tmp_path: Path) -> None:
    start = written(customers()[:300], lineterminator="\n")
    rest = written(customers()[300:], lineterminator="\r\n")

    comes_back(prepared(tmp_path, start + rest), customers(), line_end="mixed", decimal=".")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("inside", ["\n", "\r\n", "\r"], ids=["lf in", "crlf in", "cr in"])
def test_quoted_line_breaks_become_a_space(line_end: str, inside: str, tmp_path: Path) -> None:
    table = customers(notes=[f"two{inside}lines", f"three{inside}more{inside}lines", "one line"])
    content = written(table, lineterminator=line_end, quoting=csv.QUOTE_ALL)

    result = prepared(tmp_path, content)

    assert rows_of(result) == [[cell.replace(inside, " ") for cell in row] for row in table[1:]]


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("settings", [{}, {"read": {"escape": "backslash"}}], ids=["auto", "set"])
def test_quotes_behind_backslashes(
    delimiter: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    table = customers(notes=['he said "hi"', "C:\\new\\table", 'both \\ and "', "plain"])
    content = written(
        table, delimiter=delimiter, doublequote=False, escapechar="\\", quoting=csv.QUOTE_ALL
    )

    comes_back(
        prepared(tmp_path, content, **settings),
        table,
        delimiter=delimiter,
        escape="backslash",
        line_end="crlf",
        decimal=".",
    )


def test_backslashes_are_characters_where_quotes_are_doubled(tmp_path: Path) -> None:
    table = customers(notes=['he said "hi"', "C:\\new\\table", "\\", "a\\,b"])

    comes_back(prepared(tmp_path, written(table)), table, line_end="crlf", decimal=".")


@pytest.mark.parametrize("escape", ["doubled", "backslash"])
def test_pairs_of_backslashes_are_what_the_settings_say(escape: str, tmp_path: Path) -> None:
    table = customers(notes=["\\\\server\\\\share", "plain"])
    content = written(table, quoting=csv.QUOTE_ALL)

    result = prepared(tmp_path, content, read={"escape": escape})

    note = {"doubled": "\\\\server\\\\share", "backslash": "\\server\\share"}[escape]
    assert {row[1] for row in rows_of(result)} == {note, "plain"}
    assert refusal(tmp_path, content).code == "ESCAPES_UNCLEAR"


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16"),
        ("latin-1", "latin-1"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_encodings(codec: str, name: str, line_end: str, tmp_path: Path) -> None:
    content = written(customers(), lineterminator=line_end).decode().encode(codec)

    comes_back(
        prepared(tmp_path, content),
        customers(),
        encoding=name,
        line_end={"\n": "lf", "\r\n": "crlf"}[line_end],
        decimal=".",
    )


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["unmarked", "marked"])
@pytest.mark.parametrize("settings", [{}, {"read": {"encoding": "utf-16"}}], ids=["auto", "set"])
def test_both_orders_of_utf_16(
    codec: str, mark: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    content = (mark + written(customers(), lineterminator="\n").decode()).encode(codec)

    comes_back(prepared(tmp_path, content, **settings), customers(), encoding="utf-16", decimal=".")


def test_windows_1252_is_told_by_its_signs(tmp_path: Path) -> None:
    table = customers(notes=["„quoted“", "5 €", "it’s – so", "plain"])  # noqa: RUF001
    content = written(table).decode().encode("cp1252")

    comes_back(
        prepared(tmp_path, content), table, encoding="windows-1252", line_end="crlf", decimal="."
    )


@pytest.mark.parametrize(
    ("said", "codec", "name"),
    [
        ("utf8", "utf-8", "utf-8"),
        ("iso-8859-1", "latin-1", "latin-1"),
        ("cp1252", "cp1252", "windows-1252"),
        ("utf-16", "utf-16", "utf-16"),
    ],
)
def test_the_encoding_may_be_said(said: str, codec: str, name: str, tmp_path: Path) -> None:
    content = written(customers(), lineterminator="\n").decode().encode(codec)

    result = prepared(tmp_path, content, read={"encoding": said})

    comes_back(result, customers(), encoding=name, decimal=".")


def test_letters_of_any_script_and_beyond_sixteen_bits(tmp_path: Path) -> None:
    table = customers(cities=["東京", "Москва", "القاهرة", "😀 city", "ñandú"])
    content = written(table, lineterminator="\n").decode()

    for codec in ("utf-8", "utf-16"):
        result = prepared(tmp_path, content.encode(codec))

        comes_back(result, table, encoding=codec, decimal=".")


@pytest.mark.parametrize("before", ["", "\n", "\n\n\n", "\r\n", "  \n", "\t\n \n"])
@pytest.mark.parametrize("after", ["", "\n", "\n\n\n", "\r\n \r\n", "   "])
def test_blank_lines_at_both_ends(before: str, after: str, tmp_path: Path) -> None:
    content = before.encode() + written(customers(), lineterminator="\n") + after.encode()

    result = prepared(tmp_path, content)

    assert rows_of(result) == customers()[1:]
    assert result.dataset.reading.header_line == 1 + before.count("\n")


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
@pytest.mark.parametrize("file", ["bank.csv", "bank.csv.gz", "bank.csv.zst"])
def test_packed_files_are_known_by_their_bytes(
    pack: Callable[[bytes], bytes], file: str, tmp_path: Path
) -> None:
    content = pack(written(customers(), lineterminator="\n"))

    comes_back(
        prepared(tmp_path, content, file),
        customers(),
        compression="gzip" if pack is gzip.compress else "zstd",
        decimal=".",
    )


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
def test_packed_files_that_were_joined_are_one(
    pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    content = written(customers(), lineterminator="\n")

    result = prepared(tmp_path, pack(content[:5_000]) + pack(content[5_000:]))

    assert rows_of(result) == customers()[1:]


def test_packed_utf_16_with_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    table = [[*row[:2], row[2].replace(".", ","), row[3]] for row in customers()]
    content = written(table, delimiter=";", lineterminator="\r\n").decode().encode("utf-16")

    result = prepared(tmp_path, zstd.compress(content))

    comes_back(
        result,
        table,
        compression="zstd",
        encoding="utf-16",
        delimiter=";",
        line_end="crlf",
        decimal=",",
    )
    assert result.dataset.decimal_commas == ("paid",)


def as_parquet(path: Path, select: str) -> Path:
    """Write the answer to a question as a Parquet file."""
    duckdb.sql(f"copy ({select}) to '{path}' (format parquet)")
    return path


def test_a_parquet_file(tmp_path: Path) -> None:
    path = as_parquet(
        tmp_path / "dropped",
        "select case i % 3 when 0 then 'Köln, \"am Rhein\"' when 1 then 'two\nlines' end as city, "
        "i / 8 as share, 0.1 + i as tenth, i % 7 as visits, i % 2 = 0 as member, "
        "date '2025-01-01' + cast(i % 28 as int) as day, if(i % 5 = 0, 'yes', 'no') as y "
        "from range(600) t(i)",
    )
    dropped = Dropped([path], a_drop(file="bank.parquet"), "ad-bank-0123456789ab")

    result = prepare(dropped, parse_settings(), Work(tmp_path))

    assert rows_of(result) == [
        [
            ['Köln, "am Rhein"', "two lines", ""][i % 3],
            str(i / 8),
            str(i + 0.1) if i else "0.1",
            str(i % 7),
            "true" if i % 2 == 0 else "false",
            f"2025-01-{1 + i % 28:02}",
            "yes" if i % 5 == 0 else "no",
        ]
        for i in range(600)
    ]
    assert result.dataset.reading.format == "parquet"


def test_the_parts_of_a_parquet_folder_are_one_table(tmp_path: Path) -> None:
    parts = [
        as_parquet(
            tmp_path / f"part-{n}.parquet",
            f"select i % 9 as visits, i % 11 as months, if(i % 5 = 0, 'yes', 'no') as y "
            f"from range({n * 200}, {n * 200 + 200}) t(i)",
        )
        for n in range(3)
    ]
    dropped = Dropped(parts, a_drop(file="bank.parquet"), "ad-bank-0123456789ab")

    result = prepare(dropped, parse_settings(), Work(tmp_path))

    assert rows_of(result) == [
        [str(i % 9), str(i % 11), "yes" if i % 5 == 0 else "no"] for i in range(600)
    ]


@pytest.mark.parametrize(
    "other",
    [
        "select 2.5 as visits, 'no' as y",
        "select 2 as visits, 'no' as y, 7 as more",
        "select 'no' as y",
        "select 2 as visit, 'no' as y",
    ],
    ids=["another type", "another column", "a column less", "another name"],
)
def test_parts_with_other_columns_are_never_bent_into_one_table(other: str, tmp_path: Path) -> None:
    first = as_parquet(tmp_path / "part-0.parquet", "select 1 as visits, 'yes' as y")
    second = as_parquet(tmp_path / "part-1.parquet", other)

    for parts in ([first, second], [second, first]):
        dropped = Dropped(parts, a_drop(file="bank.parquet"), "ad-bank-0123456789ab")
        with pytest.raises(Exception, match="PARQUET_PARTS_DIFFER"):
            prepare(dropped, parse_settings(), Work(tmp_path))


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_the_header_may_stand_below_other_lines(line_end: str, tmp_path: Path) -> None:
    before = line_end.join(["Customer report", "", '"exported, by J. Doe"', ""])
    content = before.encode() + written(customers(), lineterminator=line_end)

    result = prepared(tmp_path, content, read={"header_line": 4})

    assert rows_of(result) == customers()[1:]
    assert result.dataset.reading.header_line == 4


def test_lines_are_counted_from_the_first_of_the_file_wherever_the_header_is(
    tmp_path: Path,
) -> None:
    table = customers()
    table[100] = ["Köln", "cell\nof\nlines", "unknown", "no"]
    table[200] = ["Köln", "plain", "7", "no", "too much"]
    content = b"\n \nCustomer report\n" + written(table, lineterminator="\n")

    problem = refusal(tmp_path, content, read={"header_line": 4})
    table[200].pop()
    content = b"\n \nCustomer report\n" + written(table, lineterminator="\n")
    result = prepared(tmp_path, content, read={"header_line": 4})

    assert (problem.code, problem.line) == ("RAGGED_ROW", 206)
    (warning,) = (each for each in result.dataset.warnings if each.code == "MIXED_TYPES")
    assert warning.line == 104


@pytest.mark.parametrize("said", ["semicolon", ";", "SEMICOLON"])
def test_the_delimiter_may_be_said(said: str, tmp_path: Path) -> None:
    people = ["Doe, Jane", "Roe, Max"]
    places = ["Paris, France", "Rome, Italy", "Oslo, Norway"]
    table = [
        ["name, first", "city, country", "stays, or not"],
        *([people[i % 2], places[i % 3], ["a, b", "b, c"][i % 5 == 0]] for i in range(600)),
    ]
    content = "".join(";".join(row) + "\n" for row in table).encode()

    assert refusal(tmp_path, content).code == "DIALECT_UNCLEAR"
    comes_back(prepared(tmp_path, content, read={"delimiter": said}), table, delimiter=";")


@pytest.mark.parametrize(
    ("said", "regression"), [("comma", True), (",", True), ("point", False), (".", False)]
)
def test_what_stands_before_decimals_may_be_said(
    said: str, regression: bool, tmp_path: Path
) -> None:
    table = [["x", "y"], *([str(i % 9), f"{1 + i % 4},{100 + i % 5}"] for i in range(600))]
    content = written(table, delimiter=";", lineterminator="\n")

    assert refusal(tmp_path, content).code == "NUMBERS_UNCLEAR"
    result = prepared(tmp_path, content, read={"decimal": said})

    assert rows_of(result) == table[1:]
    assert (result.dataset.target.inferred_type == "regression") is regression
    assert (result.dataset.decimal_commas == ("y",)) is regression


def test_parquet_with_two_columns_of_one_name_is_refused_as_csv_is(tmp_path: Path) -> None:
    path = tmp_path / "dropped"
    path.write_bytes(_with_two_columns_called_x(tmp_path))

    with pytest.raises(Rejected, match="DUPLICATE_COLUMNS: Two columns are called 'xx'"):
        prepare(
            Dropped([path], a_drop(file="bank.parquet"), "ad-bank-0123456789ab"),
            parse_settings(),
            Work(tmp_path),
        )


def _with_two_columns_called_x(folder: Path) -> bytes:
    select = "select range as xx, range + 1 as yy, range % 2 as y from range(600)"
    content = as_parquet(folder / "two.parquet", select).read_bytes()
    # DuckDB writes no such file; both names have two letters, so that nothing else changes.
    assert content.count(b"yy") >= 1
    return content.replace(b"yy", b"xx")


def test_names_that_differ_in_capitals_alone_are_two_columns(tmp_path: Path) -> None:
    select = "select range as xx, range + 1 as yy, range % 2 as y from range(600)"
    content = as_parquet(tmp_path / "two.parquet", select).read_bytes()
    path = tmp_path / "dropped"
    path.write_bytes(content.replace(b"yy", b"XX"))

    result = prepare(
        Dropped([path], a_drop(file="bank.parquet"), "ad-bank-0123456789ab"),
        parse_settings({"keep": ["xx", "XX"]}),
        Work(tmp_path),
    )

    assert result.dataset.columns == ("xx", "XX", "y")


@pytest.mark.parametrize(
    "select",
    [
        "select 'x' as a, 'yes' as y from range(20_000_000)",
        "select repeat('x', 10_000) as a, 'yes' as y from range(100_000)",
    ],
)
def test_a_few_bytes_of_parquet_write_nothing_that_is_too_large(
    select: str, tmp_path: Path
) -> None:
    path = as_parquet(tmp_path / "bomb.parquet", select)
    dropped = Dropped(
        [path], a_drop(file="bomb.parquet"), "ad-bank-0123456789ab", longest=10_000_000
    )
    work = tmp_path / "work"
    work.mkdir()

    with pytest.raises(Rejected, match="TOO_LARGE"):
        prepare(dropped, parse_settings(), Work(work))

    assert path.stat().st_size < 1_000_000
    assert sum(each.stat().st_size for each in work.rglob("*") if each.is_file()) == 0


def test_a_text_that_grows_while_it_is_decoded_stops_at_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "dropped"
    path.write_bytes("x,y\n".encode("latin-1") + "é,1\n".encode("latin-1") * 100_000)
    dropped = Dropped([path], a_drop(), "ad-bank-0123456789ab", longest=450_000)
    work = tmp_path / "work"
    work.mkdir()

    with pytest.raises(Rejected, match="TOO_LARGE"):
        prepare(dropped, parse_settings({"read": {"encoding": "latin-1"}}), Work(work))

    assert sum(each.stat().st_size for each in work.rglob("*") if each.is_file()) <= 450_000
