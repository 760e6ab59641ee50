"""The end of the disk or of the memory is told from a file that is damaged."""

from __future__ import annotations

import errno
from pathlib import Path

import duckdb
import pytest

from autodrop.duckdb_engine import DuckDB, TooManyGroups
from autodrop.errors import OutOfRoom, Rejected
from autodrop.preparation.reading.parquet import to_text
from autodrop.work_folder import within_room

pytestmark = pytest.mark.slow

ROWS = 50_000
# More than fits into the memory that the engine has.
MANY = "select md5(i::varchar) as a, md5((i + 1)::varchar) as b from range(5000000) t(i) order by a"


def parquet(path: Path, select: str) -> Path:
    """Write the answer to a question as a Parquet file."""
    duckdb.sql(f"copy ({select}) to '{path}' (format parquet, compression zstd)")
    return path


def limited(folder: Path) -> DuckDB:
    """Return an engine that may put hardly anything on the disk."""
    engine = DuckDB(folder)
    engine.statement("set max_temp_directory_size = '1MB'")
    return engine


def test_a_full_disk_is_python_s_own_error(tmp_path: Path) -> None:
    with DuckDB(tmp_path) as engine, pytest.raises(OSError, match="No space left") as caught:
        engine.write_lines(f"select i::varchar from range({ROWS}) t(i)", Path("/dev/full"))

    assert caught.value.errno == errno.ENOSPC


def test_a_disk_that_cannot_take_what_the_memory_does_not_hold_is_a_lack_of_memory(
    tmp_path: Path,
) -> None:
    with limited(tmp_path) as engine:
        with pytest.raises(TooManyGroups):
            engine.query(f"create temp table t as {MANY}")
        with pytest.raises(TooManyGroups):
            engine.statement(f"create temp table t as {MANY}")


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), OSError(errno.EDQUOT, "quota"), TooManyGroups()]
)
def test_every_end_of_the_room_is_one_error(error: Exception) -> None:
    with pytest.raises(OutOfRoom), within_room():
        raise error


def test_another_error_of_the_disk_stays_what_it_is() -> None:
    with pytest.raises(PermissionError), within_room():
        raise PermissionError(errno.EACCES, "no")


def test_a_parquet_file_on_a_full_disk_is_not_damaged(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a", f"select i as x, i as y from range({ROWS}) t(i)")
    (tmp_path / "parquet.csv").symlink_to("/dev/full")

    with pytest.raises(OSError, match="No space left"):
        to_text([path], "a.parquet", tmp_path, 1 << 40)


@pytest.mark.parametrize(
    ("select", "longest"),
    [
        (f"select i * 7919 as x, i * 104729 as y from range({ROWS}) t(i)", 16 * ROWS - 1000),
        # A value that repeats takes no room in the file, but in the text.
        (f"select 1 as x, 2 as y from range({ROWS}) t(i)", 2 * ROWS - 1),
    ],
    ids=["unpacked pages", "as many cells"],
)
@pytest.mark.parametrize("parts", [1, 2])
def test_a_parquet_file_that_is_too_large_unpacked_is_not_unpacked(
    select: str, longest: int, parts: int, tmp_path: Path
) -> None:
    paths = [parquet(tmp_path / f"part-{i}", select) for i in range(parts)]
    assert sum(path.stat().st_size for path in paths) < longest

    with pytest.raises(Rejected) as caught:
        to_text(paths, "a.parquet", tmp_path, longest * parts)

    assert caught.value.code == "TOO_LARGE"
    assert not (tmp_path / "parquet.csv").exists()


def test_of_a_parquet_file_that_says_that_it_is_too_large_no_row_is_read(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a", f"select i as x, i % 7 as y from range({ROWS}) t(i)")
    content = path.read_bytes()
    path.write_bytes(content[:4] + bytes(200) + content[204:])

    with pytest.raises(Rejected) as caught:
        to_text([path], "a.parquet", tmp_path, ROWS)

    # Not a damaged file: its rows are, but not what it says at its end.
    assert caught.value.code == "TOO_LARGE"


def test_a_parquet_file_that_fits_is_read(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a", f"select i as x, i % 7 as y from range({ROWS}) t(i)")

    text = to_text([path], "a.parquet", tmp_path, 20 * ROWS)

    assert text.read_bytes().count(b"\n") == ROWS + 1
