"""Files of other writers as tables."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autodrop.duckdb_engine import DuckDB
from autodrop.results.records import NotRecords, load


def loaded(contents: list[str], header: list[str] | int) -> list[list[str]]:
    """Return the rows of the table."""
    with TemporaryDirectory() as name:
        paths = []
        for i, content in enumerate(contents):
            paths.append(Path(name) / str(i))
            paths[-1].write_bytes(content.encode())
        given = header if isinstance(header, int) else None
        with DuckDB(Path(name)) as engine:
            rows, first = load(engine, "found", ["*"], lambda: paths, given)
            found = [list(row) for row in engine.query("select * from found")] if rows else []
        assert first == ([] if isinstance(header, int) else header)
        assert len(found) == rows
        # Nothing but the files that were there.
        assert {each.name for each in Path(name).iterdir()} - {"spill"} == {p.name for p in paths}
    return found


def read_by_python(content: str) -> list[list[str]]:
    """Return the records that are not blank lines."""
    return [record for record in csv.reader(io.StringIO(content, newline="")) if record]


@pytest.mark.slow
@given(st.text(alphabet="ab,\"\n\r '", max_size=14))
@example('"a" ,b\n')
@example("a,b,\n")
@example('a"b,c\n')
@example('"a"b,c\n')
@example('a,"b\n')
@example("a,b\n\n\nc,d\n")
@example("a,b\r\nc,d\r\n")
@example('""\n')
@example('a,"b""c\n"\n')
@settings(max_examples=150, deadline=None)
def test_any_file_has_the_records_that_python_reads(content: str) -> None:
    theirs = read_by_python(content)
    width = len(theirs[0]) if theirs else 2

    if {len(record) for record in theirs} <= {width}:
        assert loaded([content], width) == theirs
    else:
        with pytest.raises(NotRecords):
            loaded([content], width)


def test_files_are_one_after_the_other_and_may_repeat_the_header() -> None:
    files = ["row,y\n0,a\n", "", "\n", "row,y\n", "1,b\n", "row,y\n2,c"]

    assert loaded(files, ["row", "y"]) == [["0", "a"], ["1", "b"], ["2", "c"]]


def test_a_long_cell_is_a_cell() -> None:
    assert loaded([f'a,"{"x" * 3_000_000}"\n'], 2) == [["a", "x" * 3_000_000]]


def test_the_first_record_is_that_of_the_first_file_with_any(tmp_path: Path) -> None:
    for name, content in (("0", ""), ("1", "\n"), ("2", "a,b\nc,d\n")):
        (tmp_path / name).write_text(content)

    with DuckDB(tmp_path) as engine:
        assert load(engine, "found", ["*"], lambda: sorted(tmp_path.iterdir())) == (1, ["a", "b"])
        assert load(engine, "none", ["*"], list) == (0, [])
