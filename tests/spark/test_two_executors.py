"""A file prepared by two executors comes out as from a single process, byte for byte."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from pyspark import SparkContext

from autodrop.errors import Rejected
from autodrop.preparation.prepare import Dropped, Prepared, Work, prepare
from autodrop.preparation.running.libraries import Libraries
from autodrop.preparation.running.parts import (
    EMPTY_MARK,
    MODEL_TEST,
    MODEL_TRAIN,
    OUTCOME,
    TEST,
    TRAIN,
    TRUTH,
    Part,
    PartWriter,
    PreparedParts,
    prepare_in_parts,
)
from autodrop.preparation.running.spark import SparkProcessors
from autodrop.preparation.splitting.routing import Task
from autodrop.probe import PROBE_FILE
from autodrop.processors import Processors
from autodrop.settings import parse_settings
from tests.builders import a_drop
from tests.preparation import bad_files

pytestmark = [
    pytest.mark.slow,
    # PySpark leaves the sockets by which results come to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

DATA = Path("tests/data")
BLOCK_BYTES = 6_000


@pytest.fixture(scope="session")
def spark(context: SparkContext) -> SparkProcessors:
    return SparkProcessors(context)


def rows(count: int = 700, *, seed: int = 0) -> list[str]:
    """Return lines of a table with a group, a time, quotes, line breaks and missing targets."""
    texts = ['"said ""hi"""', '"two\nlines"', "plain", "", "7"]
    return [
        "shop,day,note,paid,left",
        *(
            f"s{(i * 7 + seed) % 43},2024-{i % 12 + 1:02}-{i % 28 + 1:02},{texts[i % 5]},"
            f"{i * 37 % 1009}.5,{'' if i % 61 == 3 else 'no' if (i + seed) % 3 else 'yes'}"
            for i in range(count)
        ),
    ]


def text(lines: list[str], line_end: str = "\n") -> bytes:
    return (line_end.join(lines) + line_end).encode()


FILES: dict[str, tuple[Callable[[], bytes], dict[str, Any]]] = {
    "good/churn.csv": ((DATA / "good" / "churn.csv").read_bytes, {}),
    "good/umsatz.csv": ((DATA / "good" / "umsatz.csv").read_bytes, {}),
    "bad/decimal_commas.csv": ((DATA / "bad" / "decimal_commas.csv").read_bytes, {}),
    "bad/mixed_types-texts.csv": ((DATA / "bad" / "mixed_types-texts.csv").read_bytes, {}),
    "quoted": (lambda: text(rows()), {}),
    "Windows line ends": (lambda: text([row.replace("\n", " ") for row in rows()], "\r\n"), {}),
    "UTF-16": (lambda: text(rows()).decode().encode("utf-16"), {}),
    **{
        method: (lambda: text(rows()), {"split": {"method": method, **column}})
        for method, column in {
            "stratified": {},
            "hash": {},
            "group": {"column": "shop"},
            "time": {"column": "day"},
        }.items()
    },
}


def prepared(folder: Path, content: bytes, said: dict[str, Any], own: bytes | None) -> Prepared:
    return prepare(dropped(folder, content, own), parse_settings(said), Work(work(folder, "one")))


def in_parts(
    folder: Path, content: bytes, said: dict[str, Any], own: bytes | None, by: Processors
) -> PreparedParts:
    where = Work(work(folder, "spark"), by, BLOCK_BYTES)
    return prepare_in_parts(
        dropped(folder, content, own),
        parse_settings(said),
        where,
        folder / "output",
        folder / "staging",
    )


def work(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def dropped(folder: Path, content: bytes, own: bytes | None) -> Dropped:
    (folder / "dropped").write_bytes(content)
    if own is not None:
        (folder / "own").write_bytes(own)
    test_path = None if own is None else folder / "own"
    return Dropped([folder / "dropped"], a_drop(), "ad-bank-0123456789ab", test_path)


def joined(output: Path, name: str, *, header: bool) -> bytes:
    """Return the parts of a folder one after the other, with one header."""
    parts = [path.read_bytes() for path in sorted((output / name).glob("part-*.csv"))]
    if not header:
        return b"".join(parts)
    return b"".join([parts[0], *(part.partition(b"\n")[2] for part in parts[1:])])


def is_the_same(folder: Path, found: PreparedParts, expected: Prepared) -> None:
    output = folder / "output"
    assert replace(found.dataset, parts=False) == expected.dataset
    assert found.dataset.parts
    assert found.profile == expected.profile
    assert found.plan == expected.plan
    assert joined(output, TRAIN, header=True) == expected.train.read_bytes()
    assert joined(output, TEST, header=False) == expected.test.read_bytes()
    assert joined(output, TRUTH, header=True) == expected.truth.read_bytes()
    for name, path in ((MODEL_TRAIN, expected.model_train), (MODEL_TEST, expected.model_test)):
        if path is None:
            assert [each.name for each in (output / name).iterdir()] == [EMPTY_MARK]
        else:
            assert joined(output, name, header=name == MODEL_TRAIN) == path.read_bytes()
    assert expected.probe is not None
    read = TEST if expected.model_test is None else MODEL_TEST
    assert (output / read / PROBE_FILE).read_bytes() == expected.probe.read_bytes()
    assert [path.name for path in (output / OUTCOME).iterdir()] == [EMPTY_MARK]
    assert list((folder / "staging").iterdir()) == []


def numbers(output: Path, name: str) -> list[str]:
    return sorted(path.name for path in (output / name).glob("part-*.csv"))


@pytest.mark.parametrize("name", FILES)
def test_two_executors_write_what_one_process_writes(
    name: str, tmp_path: Path, spark: SparkProcessors
) -> None:
    content, said = FILES[name]

    found = in_parts(tmp_path, content(), said, None, spark)

    is_the_same(tmp_path, found, prepared(tmp_path, content(), said, None))
    output = tmp_path / "output"
    assert len(numbers(output, TRAIN)) > 1
    assert numbers(output, TEST) == numbers(output, TRUTH)


def test_two_executors_hold_out_a_test_file_of_one_s_own(
    tmp_path: Path, spark: SparkProcessors
) -> None:
    content, own = text(rows()), text(rows(90, seed=1), "\r\n")

    found = in_parts(tmp_path, content, {}, own, spark)

    is_the_same(tmp_path, found, prepared(tmp_path, content, {}, own))
    assert found.dataset.split.method == "file"


@pytest.mark.parametrize(
    "name",
    [
        "bad_quotes-never_closed.csv",
        "duplicate_columns.csv",
        "footer-total.csv",
        "header_repeated.csv",
        "multiple_tables-other_columns.csv",
        "not_utf8-added_lines.csv",
        "numbers_unclear-comma.csv",
        "ragged_row-comma_in_text.csv",
        "target_mixed.csv",
    ],
)
def test_two_executors_refuse_a_file_with_the_same_findings_on_the_same_lines(
    name: str, tmp_path: Path, spark: SparkProcessors
) -> None:
    content = (DATA / "bad" / name).read_bytes()
    with pytest.raises(Rejected) as alone:
        prepared(tmp_path, content, {}, None)

    with pytest.raises(Rejected) as together:
        in_parts(tmp_path, content, {}, None, spark)

    assert together.value.finding == alone.value.finding
    assert together.value.others == alone.value.others
    assert bad_files.code_of(name) == together.value.code


@dataclass(frozen=True)
class FailsOnce:
    """A writer of parts whose first try of every block fails when its parts are there."""

    write: PartWriter
    folder: Path

    def __call__(self, task: Task) -> Part:
        part = self.write(task)
        mark = self.folder / str(task.number)
        if not mark.exists():
            mark.touch()
            raise RuntimeError("the machine went away")
        return part


@dataclass(frozen=True)
class Unreliable:
    """Executors that fail once at every block that they write."""

    spark: SparkProcessors
    folder: Path

    def map(self, work: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        if isinstance(work, PartWriter):
            work = FailsOnce(work, self.folder)
        return self.spark.map(work, items)


def test_a_task_that_fails_is_repeated_and_no_row_is_there_twice(
    tmp_path: Path, spark: SparkProcessors
) -> None:
    content = text(rows())
    (tmp_path / "failed").mkdir()

    found = in_parts(tmp_path, content, {}, None, Unreliable(spark, tmp_path / "failed"))

    is_the_same(tmp_path, found, prepared(tmp_path, content, {}, None))
    assert len(list((tmp_path / "failed").iterdir())) > 1


def test_both_executors_work_and_each_in_a_process_of_its_own(spark: SparkProcessors) -> None:
    results = list(spark.map(parent_process, range(40)))

    assert [item for item, _ in results] == list(range(40))
    executors = {executor for _, executor in results}
    assert len(executors) == 2
    assert os.getpid() not in executors


def parent_process(item: int) -> tuple[int, int]:
    """Return the item, and who started the process that works on it."""
    return item, os.getppid()


def test_an_executor_unpacks_the_libraries_that_it_lacks(
    tmp_path: Path, context: SparkContext
) -> None:
    from zipfile import ZipFile

    with ZipFile(tmp_path / "libraries.zip", "w") as archive:
        archive.writestr("any/only_in_the_archive/__init__.py", "ANSWER = 42")
    libraries = Libraries(str(tmp_path / "libraries.zip"), str(tmp_path / "unpacked"))

    assert list(SparkProcessors(context, libraries).map(answer, range(8))) == [42] * 8


def answer(_item: int) -> int:
    """Return what only a library holds that is not installed."""
    import only_in_the_archive  # type: ignore[import-not-found]

    value: int = only_in_the_archive.ANSWER
    return value
