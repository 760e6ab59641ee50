"""Writes `tests/data/bad` and `tests/data/good`: `python -m tests.data.make_bad_files`.

A bad file is called after the code that it shows, in small letters: `ragged_row.csv`, or
`ragged_row-row_names.csv` where a code has several causes. Beside it may be the settings that it is
dropped with (`ragged_row.yaml`), and the user's own test file (`ragged_row.test.csv`). A settings
file alone is bad by itself.

All of them begin as a good table, with which nothing is wrong: `churn`, `umsatz` or `sensors`.
"""

from __future__ import annotations

import csv
import gzip
import io
import random
import zipfile
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import yaml
from backports import zstd

FOLDER = Path(__file__).parent
# Enough for 500 to train on and a fifth to test on.
ROWS = 640
Table = list[list[str]]
Files = dict[str, bytes]


def main() -> None:
    """Write all files anew."""
    for name, content in {**good_files(), **bad_files()}.items():
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def good_files() -> Files:
    """Return the good files by their names."""
    return {
        "good/churn.csv": written(churn()),
        "good/umsatz.csv": written(umsatz(), delimiter=";"),
        "good/sensors.csv": written(sensors()),
    }


def bad_files() -> Files:
    """Return the bad files by their names."""
    groups = (
        no_tables,
        unpacked_sizes,
        encodings,
        dialects,
        damaged_rows,
        headers,
        parquet_files,
        row_counts,
        targets,
        features,
        numbers,
        splits,
        own_test_files,
        settings_for_columns,
        settings_files,
    )
    return {f"bad/{name}": content for group in groups for name, content in group().items()}


def churn(rows: int = ROWS) -> Table:
    """Return the customers of a telephone company; who has left is to be predicted."""
    dice = random.Random(1)
    table = [["plan", "months", "fee", "churned"]]
    for _ in range(rows):
        plan = ("basic", "family", "business")[_below(dice, 3)]
        leaves = dice.random() < (0.4 if plan == "basic" else 0.2)
        fee = 9 + 90 * dice.random()
        table.append([plan, str(1 + _below(dice, 48)), f"{fee:.2f}", "yes" if leaves else "no"])
    return table


def umsatz(rows: int = ROWS) -> Table:
    """Return the sales of German shops, as a till exports them; to be predicted: complaints."""
    dice = random.Random(2)
    table = [["Filiale", "Menge", "Gewicht", "Reklamation"]]
    for _ in range(rows):
        weight = f"{50 * dice.random():.2f}".replace(".", ",")
        complains = "ja" if dice.random() < 0.3 else "nein"
        shop = ("Aachen", "Bonn", "Essen")[_below(dice, 3)]
        table.append([shop, str(1 + _below(dice, 90)), weight, complains])
    return table


def sensors(rows: int = ROWS) -> Table:
    """Return what a machine measures every ten minutes; to be predicted: whether it fails."""
    dice = random.Random(3)
    table = [["measured_at", "machine", "heat", "failed"]]
    for i in range(rows):
        at = datetime(2025, 3, 1) + timedelta(minutes=10 * i)
        failed = "1" if dice.random() < 0.25 else "0"
        machine = "ABCDEFGHIJKL"[_below(dice, 12)]
        table.append([at.isoformat(sep=" "), machine, f"{20 + 60 * dice.random():.1f}", failed])
    return table


def no_tables() -> Files:
    """Return what people drop instead of a table."""
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as archive:
        archive.writestr(zipfile.ZipInfo("[Content_Types].xml"), "<Types/>")
        archive.writestr(zipfile.ZipInfo("xl/worksheets/sheet1.xml"), "<worksheet/>")
    packed = gzip.compress(written(churn()), mtime=0)
    prose = (
        b"It was a bright cold day in April, and the clocks were striking thirteen.\n"
        b"Winston Smith, his chin nuzzled into his breast in an effort to escape the vile wind,\n"
        b"slipped quickly through the glass doors of Victory Mansions, though not quickly enough\n"
        b"to prevent a swirl of gritty dust from entering along with him.\n\n"
        b"The hallway smelt of boiled cabbage and old rag mats.\n"
        b"At one end of it a coloured poster, too large for indoor display, hung there.\n"
    )
    return {
        "empty_file.csv": b"",
        "empty_file-blank_lines.csv": b"\n \n\t\n\n",
        "empty_file-header_line.csv": written(churn(20)),
        "empty_file-header_line.yaml": said(read={"header_line": 30}),
        "not_a_table-login_page.csv": (
            b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n"
            b"<body>Your session has expired, please sign in again.</body></html>\n"
        ),
        "not_a_table-json_lines.csv": b'{"age": 41, "y": "no"}\n{"age": 52, "y": "yes"}\n',
        "not_a_table-workbook.xlsx": book.getvalue(),
        "not_a_table-broken_off.csv.gz": packed[: len(packed) // 2],
        "not_a_table-packed_twice.csv.gz": gzip.compress(packed, mtime=0),
        "not_a_table-broken_off.parquet": b"PAR1" + bytes(200),
        "not_a_table-nul_byte.csv": edited(churn(20), at_line(7, "basic,\0\0,19.90,no")),
        "not_a_table-prose.txt": prose,
        "not_a_table-one_word_a_line.txt": "".join(f"{row[0]}\n" for row in churn(50)).encode(),
        "not_a_table-open_quote.csv": b'"plan,months,fee,churned\nbasic,3,19.90,no\n',
    }


def unpacked_sizes() -> Files:
    """Return what is small when packed only."""
    story = "The customer called again. " * 300_000
    table = [["plan", "months", "notes", "churned"], *(row[:] for row in churn()[1:])]
    table[3][2] = story
    return {
        # Too large for the megabyte that the test allows.
        "too_large.csv.zst": zstd.compress(written(churn()) * 200),
        "row_too_long.csv.zst": zstd.compress(written(table)),
    }


def encodings() -> Files:
    """Return texts whose letters are not certain."""
    cities = ["Köln", "Düsseldorf", "Nürnberg", "Münster"]
    table = [["city", *churn()[0]], *([cities[i % 4], *row] for i, row in enumerate(churn()[1:]))]
    plain = written(table[:40])
    joined = plain + written(table[40:60]).decode().encode("latin-1")
    russian = "город,отток\n" + "Москва,да\nПермь,нет\n" * 20  # noqa: RUF001
    return {
        # An editor saved it as UTF-8 with a mark, then a program added lines of its own.
        "not_utf8-added_lines.csv": b"\xef\xbb\xbf" + joined,
        "not_utf8-by_setting.csv": plain.decode().encode("latin-1"),
        "not_utf8-by_setting.yaml": said(read={"encoding": "utf-8"}),
        "encoding_unclear-two_encodings.csv": joined,
        "encoding_unclear-windows_1251.csv": russian.encode("cp1251"),
        "encoding_unclear-dos.csv": plain.decode().encode("cp850"),
        "encoding_unclear-control_characters.csv": plain.decode().encode("latin-1")
        + b"\x81rhus,basic,3,19.90,no\n",
        "encoding_unclear-utf_32.csv": plain.decode().encode("utf-32"),
        "wrong_encoding-mark.csv": plain.decode().encode("utf-16"),
        "wrong_encoding-mark.yaml": said(read={"encoding": "latin-1"}),
        "wrong_encoding-odd_length.csv": plain.decode().encode("utf-16")[:-1],
    }


def dialects() -> Files:
    """Return tables that can be read in more than one way, or in none."""
    people = ["Doe, Jane", "Roe, Max", "Poe, Ann", "Loe, Tom"]
    places = ["Paris, France", "Rome, Italy", "Oslo, Norway"]
    names = "".join(f"{people[i % 4]};{places[i % 3]}\n" for i in range(60))
    share = "".join(
        rf"\\\\server\\in\\{i}.txt,{i % 7},{'yes' if i % 3 else 'no'}" + "\n" for i in range(60)
    )
    dump = "".join(
        [
            f'"{i}","said \\"hi\\" {i % 9}",{i % 4 or chr(92) + "N"},"{"yn"[i % 2]}"\n'
            for i in range(60)
        ]
    )
    return {
        "dialect_unclear.csv": f"name, first name;city, country\n{names}".encode(),
        "escapes_unclear-pairs.csv": f"path,size,y\n{share}".encode(),
        "escapes_unclear-database_dump.csv": f'"id","note","n","y"\n{dump}'.encode(),
        "preamble.csv": edited(
            churn(30),
            before(1, "Customer report", "Exported 2025-03-01 by J. Doe", ""),
        ),
        "preamble-header_line.csv": edited(churn(30), before(1, "Customer report", "March")),
        "preamble-header_line.yaml": said(read={"header_line": 2}),
    }


def damaged_rows() -> Files:
    """Return tables with rows that are none."""
    return {
        "ragged_row-comma_in_text.csv": edited(churn(60), at_line(31, "basic, new,3,19.90,no")),
        "ragged_row-broken_off.csv": written(churn(60))[:-9] + b"\nbasic,3,19.90,no\n" * 30,
        "ragged_row-row_names.csv": edited(
            [row if i == 0 else [f"row {i}", *row] for i, row in enumerate(churn(60))],
        ),
        "footer-source.csv": edited(churn(60), after(61, "Source: customer system")),
        "footer-after_blank_line.csv": edited(churn(60), after(61, "", "Average,22.4")),
        "footer-total.csv": edited(churn(60), after(61, "Total,1420,,")),
        "multiple_tables-other_columns.csv": written(churn(60))
        + b"\n"
        + written([row[:3] for row in churn(60)]),
        "multiple_tables-same_columns.csv": written(churn())
        + b"\nregion,visits,spent,member\n"
        + b"north,3,18.25,no\n" * 9,
        "bad_quotes-inside.csv": edited(churn(60), at_line(12, '"the "big" plan",3,19.90,no')),
        "bad_quotes-never_closed.csv": edited(churn(60), at_line(12, '"basic,3,19.90,no')),
        "bad_quotes-closed_later.csv": edited(
            churn(60), at_line(12, '"basic,3,19.90,no'), at_line(40, 'basic",3,19.90,no')
        ),
        "csv_unclear-spaces_before_quotes.csv": written(churn(60), quoting=csv.QUOTE_ALL).replace(
            b'","', b'", "'
        ),
        "csv_unclear-return_twice.csv": written(churn(60))
        .replace(b"\n", b"\r\n")
        .replace(b"yes\r\n", b"yes\r\r\n"),
        "bad_line_end.csv": edited(churn(60), at_line(12, "basic,3\r,19.90,no")),
        "header_repeated.csv": written(churn(320)) + written(churn()[:1] + churn()[321:]),
    }


def headers() -> Files:
    """Return tables whose first row names no columns, or names them badly."""
    wide = [f"day {i}" for i in range(2_000)]
    twice = [["plan", "fee", "fee", "churned"], *churn(30)[1:]]
    unnamed = [["", *churn()[0][1:]], *churn()[1:]]
    return {
        "no_header-only_numbers.csv": written(
            [[str(i), f"{i / 7:.2f}", str(i % 2)] for i in range(30)]
        ),
        "no_header-first_row_is_data.csv": written([row[:2] + row[3:] for row in churn()[1:]]),
        "duplicate_columns.csv": written(twice),
        "too_many_columns.csv": written([[*wide, "sold_out"], ["0"] * 2_000 + ["no"]]),
        "unnamed_column.csv": written(unnamed),
    }


def parquet_files() -> Files:
    """Return Parquet files, and a folder of parts."""
    start, rest = churn(20), [churn(40)[0], *churn(40)[21:]]
    return {
        "parquet_parts_differ/part-0.parquet": as_parquet(start),
        "parquet_parts_differ/part-1.parquet": as_parquet([row[1:] for row in rest]),
        "nested_column.parquet": as_parquet(churn(20), "[months, fee] as history, churned"),
        "not_a_table-single_column.parquet": as_parquet(churn(20), "churned"),
    }


def row_counts() -> Files:
    """Return tables without enough rows."""
    return {
        "no_rows.csv": written(churn(0)),
        "too_few_rows.csv": written(churn(60)),
        "too_few_rows-without_target.csv": written(column_set(churn(520), 3, "", range(200, 220))),
        "small_test_set.csv": written(churn(540)),
    }


def targets() -> Files:
    """Return tables whose target is none."""
    table = churn()
    codes = [f"C-{7919 * i % 100_003:05}" for i in range(ROWS)]
    amounts = [f"{10 + 7919 * i % 100_003 / 7:.2f}" for i in range(ROWS)]
    texts = [f"about {7919 * (i - i % 4 // 3) % 997} EUR" for i in range(ROWS)]
    return {
        "target_not_found.csv": written(churn(30)),
        "target_not_found.yaml": said(target="chured"),
        "target_empty.csv": written(column_set(table, 3, "")),
        "target_constant.csv": written(column_set(table, 3, "no")),
        "target_unique.csv": written(with_column(table, "ticket", codes)),
        "target_unique-counts_up.csv": written(with_column(table, "row_id", _counted(ROWS))),
        "target_not_binary.csv": written(table),
        "target_not_binary.yaml": said(target="plan", problem_type="binary"),
        "target_not_numeric.csv": written(table),
        "target_not_numeric.yaml": said(problem_type="regression"),
        "target_not_multiclass.csv": written(table),
        "target_not_multiclass.yaml": said(problem_type="multiclass"),
        "target_mixed.csv": written(
            column_set(with_column(table, "paid", amounts), 4, "on request", (7, 80, 333))
        ),
        "target_too_many_classes.csv": written(with_column(table, "paid", texts)),
        "target_too_many_classes-few_rows_each.csv": written(
            with_column(table, "address", [f"{1 + i % 160} Main Street" for i in range(ROWS)])
        ),
        "target_too_many_classes-numbers.csv": written(
            with_column(table, "points", [str(100 + 7919 * i % 997) for i in range(ROWS)])
        ),
        "target_too_many_classes-numbers.yaml": said(problem_type="multiclass"),
        "target_class_too_small.csv": written(
            column_set(column_set(table, 3, "no"), 3, "yes", (99,))
        ),
        "positive_class_not_found.csv": written(table),
        "positive_class_not_found.yaml": said(positive_class="Yes"),
        "target_missing.csv": written(column_set(churn(700), 3, "", range(40, 70))),
        "classes_unbalanced.csv": written(
            column_set(column_set(table, 3, "no"), 3, "yes", range(5, 640, 60))
        ),
        "class_too_small.csv": written(column_set(table, 3, "moved", (99,))),
        "class_too_small-all.csv": written(
            with_column(table, "shop", [f"shop {i % 64}" for i in range(ROWS)])
        ),
        "label_spellings.csv": written(
            column_set(column_set(table, 3, "Yes", range(7, 60)), 3, " no", (300, 301))
        ),
    }


def features() -> Files:
    """Return tables whose columns are not what a model learns from."""
    table = churn()
    customers = [f"K{7919 * i % 100_003:05}" for i in range(ROWS)]
    left = ["L" if row[3] == "yes" else "stays" for row in table[1:]]
    emails = [
        f"Dear team, since {1 + i % 28} March my line is down, please call {i % 13} back."
        for i in range(ROWS)
    ]
    broken = column_set(table, 0, "family\nplus", (9, 10, 200))
    return {
        "features_constant.csv": written(
            [["plan", "churned"], *(["basic", row[3]] for row in table[1:])]
        ),
        "no_features-identifiers.csv": written(
            [[name, row[3]] for name, row in zip(["customer", *customers], table, strict=True)]
        ),
        "identifier.csv": written(
            [[name, *row] for name, row in zip(["customer", *customers], table, strict=True)]
        ),
        "duplicate_rows.csv": written([*table, *table[100:150]]),
        "empty_column.csv": written(column_set(table, 0, "")),
        "constant_column.csv": written(column_set(table, 0, "basic")),
        "copy_of_target.csv": written(
            [["status", *table[0]], *([row[3], *row] for row in table[1:])]
        ),
        "gives_target_away.csv": written(
            [[name, *row] for name, row in zip(["exit", *left], table, strict=True)]
        ),
        "free_text.csv": written(
            [[name, *row] for name, row in zip(["complaint", *emails], table, strict=True)]
        ),
        "line_breaks_replaced.csv": written(broken),
        "dates.csv": written([sensors()[0], *([row[0][:10], *row[1:]] for row in sensors()[1:])]),
    }


def numbers() -> Files:
    """Return tables whose numbers are not plainly numbers."""
    table, german = churn(), umsatz()
    pound = [f"{1 + i % 9},{100 + 7 * i % 900}" for i in range(ROWS)]
    euro = [f"{1 + i % 9}.{100 + 7 * i % 900}" for i in range(ROWS)]
    account = [f"9007{199254740000 + 7 * (i % 300) + i % 2:012}" for i in range(ROWS)]
    both = [f"{1000 + 13 * i % 9000:,}.50" for i in range(ROWS)]
    return {
        "numbers_unclear-comma.csv": written(with_first(table, "income", pound)),
        "numbers_unclear-point.csv": written(with_first(german, "Umsatz", euro), delimiter=";"),
        "decimal_commas.csv": written(german, delimiter=";"),
        "thousands_separators.csv": written(with_first(table, "income", both)),
        "mixed_types-texts.csv": written(column_set(table, 1, "unknown", (3, 50, 410, 411))),
        "mixed_types-comma_and_point.csv": written(column_set(table, 2, "19,90", (3, 50, 410))),
        "infinite_numbers.csv": written(column_set(table, 2, "inf", (3, 50))),
        "huge_numbers.csv": written(column_set(table, 2, "1e999", (3, 50))),
        "inexact_numbers.csv": written(with_first(table, "account", account)),
    }


def splits() -> Files:
    """Return tables that cannot be split as the settings ask for."""

    def dated(form: Callable[[int], str]) -> bytes:
        rows = enumerate(sensors()[1:])
        return written([sensors()[0], *([form(i), *row[1:]] for i, row in rows)])

    by_time = said(split={"method": "time", "column": "measured_at"})
    by_plan = said(split={"method": "group", "column": "plan"})
    texts = column_set(sensors(), 2, "ERR", range(600, 640))
    return {
        "split_impossible-one_group.csv": written(column_set(churn(), 0, "basic")),
        "split_impossible-one_group.yaml": by_plan,
        "split_impossible-one_time.csv": dated(lambda i: "2025-03-01"),
        "split_impossible-one_time.yaml": by_time,
        "split_impossible-large_groups.csv": written(churn()),
        "split_impossible-large_groups.yaml": by_plan,
        "split_by_target.csv": written(churn()),
        "split_by_target.yaml": said(split={"method": "group", "column": "churned"}),
        "split_needs_classes.csv": written(churn()),
        "split_needs_classes.yaml": said(target="fee", split={"method": "stratified"}),
        "time_unreadable.csv": dated(lambda i: f"{i // 144 + 1} March, {i % 144 // 6} h"),
        "time_unreadable.yaml": by_time,
        "time_unclear-day_or_month.csv": dated(lambda i: f"0{i % 9 + 1}/0{i % 7 + 1}/2025"),
        "time_unclear-day_or_month.yaml": by_time,
        "time_unclear-day_and_month.csv": dated(
            lambda i: f"{i % 28 + 1}/03/2025" if i < 300 else f"04/{i % 28 + 1}/2025"
        ),
        "time_unclear-day_and_month.yaml": by_time,
        "time_unclear-year.csv": dated(
            lambda i: f"2025-03-{i % 28 + 1}" if i < 300 else f"{i % 28 + 1}.04.2025"
        ),
        "time_unclear-year.yaml": by_time,
        "time_unclear-offsets.csv": dated(
            lambda i: f"2025-03-{i % 28 + 1} 08:00:00+0{1 + (i > 300)}:00"
        ),
        "time_unclear-offsets.yaml": by_time,
        "text_among_numbers.csv": written(texts),
        "text_among_numbers.yaml": by_time,
        "bad_settings-nothing_held_out.csv": written(churn()),
        "bad_settings-nothing_held_out.yaml": said(split={"test_fraction": 0.001}),
    }


def own_test_files() -> Files:
    """Return tables that come with a test file of the user's own."""
    fewer = [row[1:] for row in churn(30)]
    return {
        "test_file_differs-lacks_column.csv": written(churn()),
        "test_file_differs-lacks_column.test.csv": written(fewer),
        "test_file_differs-another_column.csv": written([row[1:] for row in churn()]),
        "test_file_differs-another_column.test.csv": written(churn(30)),
        "test_file_too_small.csv": written(churn()),
        "test_file_too_small.test.csv": written(churn(9)),
    }


def settings_for_columns() -> Files:
    """Return settings that do not fit the columns."""
    table = written(churn(30))
    return {
        "ignored_column_not_found.csv": table,
        "ignored_column_not_found.yaml": said(ignore=["email"]),
        "kept_column_not_found.csv": table,
        "kept_column_not_found.yaml": said(keep=["post code"]),
        "split_column_not_found.csv": table,
        "split_column_not_found.yaml": said(split={"method": "group", "column": "household"}),
        "target_ignored.csv": table,
        "target_ignored.yaml": said(target="churned", ignore=["churned"]),
        "no_features-ignored.csv": table,
        "no_features-ignored.yaml": said(ignore=["plan", "months", "fee"]),
    }


def settings_files() -> Files:
    """Return settings that are none."""
    return {
        "bad_settings-not_yaml.yaml": b"target: churned\nsplit: {method: time\n",
        "bad_settings-set_twice.yaml": b"target: churned\nignore: [plan]\ntarget: fee\n",
        "bad_settings-no_settings.yaml": b"- churned\n- plan\n",
        "bad_settings-unknown.yaml": b"traget: churned\n",
        "bad_settings-unknown_in_group.yaml": b"split:\n  fraction: 0.2\n",
        "bad_settings-not_allowed.yaml": b"split:\n  test_fraction: 20\n",
        "bad_settings-no_group.yaml": b"split: random\n",
        "bad_settings-boolean.yaml": b"positive_class: yes\n",
        "bad_settings-objective_alone.yaml": b"objective: AUC\n",
        "bad_settings-objective.yaml": b"problem_type: regression\nobjective: AUC\n",
        "bad_settings-positive_class.yaml": (b"problem_type: multiclass\npositive_class: gold\n"),
        "bad_settings-kept_and_ignored.yaml": b"keep: [plan]\nignore: [plan]\n",
        "bad_settings-no_split_column.yaml": b"split:\n  method: group\n",
        "bad_settings-split_column_alone.yaml": b"split:\n  column: plan\n",
    }


def written(table: Iterable[Iterable[str]], **dialect: Any) -> bytes:
    """Return a table as CSV."""
    text = io.StringIO()
    csv.writer(text, **{"lineterminator": "\n", **dialect}).writerows(table)
    return text.getvalue().encode()


def edited(table: Table, *edits: Callable[[list[str]], None]) -> bytes:
    """Return a table as CSV whose lines somebody has edited by hand."""
    lines = written(table).decode().split("\n")
    for edit in edits:
        edit(lines)
    return "\n".join(lines).encode()


def at_line(line: int, text: str) -> Callable[[list[str]], None]:
    """Return the edit that writes over a 1-based line."""

    def edit(lines: list[str]) -> None:
        lines[line - 1] = text

    return edit


def before(line: int, *texts: str) -> Callable[[list[str]], None]:
    """Return the edit that inserts lines before a 1-based line."""

    def edit(lines: list[str]) -> None:
        lines[line - 1 : line - 1] = texts

    return edit


def after(line: int, *texts: str) -> Callable[[list[str]], None]:
    """Return the edit that inserts lines after a 1-based line."""
    return before(line + 1, *texts)


def column_set(table: Table, column: int, cell: str, rows: Iterable[int] | None = None) -> Table:
    """Return the table with `cell` in some 0-based data rows of a column, or in all."""
    changed = set(range(len(table)) if rows is None else rows)
    return [
        [cell if i - 1 in changed and i and at == column else old for at, old in enumerate(row)]
        for i, row in enumerate(table)
    ]


def with_column(table: Table, name: str, cells: Iterable[str]) -> Table:
    """Return the table with another column, the last."""
    return [[*row, cell] for row, cell in zip(table, [name, *cells], strict=True)]


def with_first(table: Table, name: str, cells: Iterable[str]) -> Table:
    """Return the table with another column, the first."""
    return [[cell, *row] for row, cell in zip(table, [name, *cells], strict=True)]


def as_parquet(table: Table, columns: str = "*") -> bytes:
    """Return a table as Parquet, with the types that DuckDB finds."""
    with TemporaryDirectory() as folder:
        source, target = Path(folder, "table.csv"), Path(folder, "table.parquet")
        source.write_bytes(written(table))
        duckdb.sql(
            f"copy (select {columns} from read_csv('{source}')) to '{target}' (format parquet)"
        )
        return target.read_bytes()


def said(**settings: Any) -> bytes:
    """Return settings as YAML."""
    return yaml.safe_dump(settings, sort_keys=False).encode()


def _below(dice: random.Random, end: int) -> int:
    # Of all that `random` has, only this method gives the same in every version of Python.
    return int(dice.random() * end)


def _counted(rows: int) -> list[str]:
    return [str(i) for i in range(1, rows + 1)]


if __name__ == "__main__":
    main()
