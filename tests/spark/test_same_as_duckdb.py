"""Spark and DuckDB find the same in a file, say the same of it and split it alike."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb as duckdb_module
import pytest
from autodrop.preparation.large_prepare import prepare_large
from autodrop.preparation.spark_engine import Spark
from backports import zstd

from autodrop.errors import Rejected
from autodrop.findings import Finding
from autodrop.preparation.examining import Dropped
from autodrop.preparation.prepare import Prepared, prepare
from autodrop.probe import PROBE_FILE, ProbePlan
from autodrop.settings import Settings, parse_settings
from tests.builders import a_drop
from tests.preparation.bad_files import FOLDER, LONGEST, code_of, names, settings_of

pytestmark = [
    pytest.mark.e2e,
    # PySpark leaves it to the garbage collector to close its sockets.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

BANK = Path("examples/bank-marketing/bank-additional-full.csv.gz")
# So small that every file is read in several blocks.
BLOCK = 20_000


@dataclass(frozen=True)
class Outcome:
    """What an engine makes of a file."""

    findings: Sequence[Finding]
    dataset: dict[str, Any] | None = None
    profile: dict[str, Any] | None = None
    train: Sequence[str] = ()
    test: Sequence[str] = ()
    truth: Sequence[str] = ()
    model: tuple[Sequence[str], Sequence[str]] = ((), ())
    plan: ProbePlan | None = None
    probe: Sequence[str] = ()

    @property
    def codes(self) -> list[str]:
        """The codes of all findings; the refusal comes first."""
        return [each.code for each in self.findings]


def by_duckdb(dropped: Dropped, settings: Settings, folder: Path, min_rows: int) -> Outcome:
    try:
        found = prepare(dropped, settings, folder, min_rows=min_rows)
    except Rejected as refusal:
        return Outcome([refusal.finding, *refusal.others])
    return Outcome(
        found.dataset.warnings,
        found.dataset.to_json(),
        found.profile,
        lines(found.train),
        lines(found.test),
        lines(found.truth),
        model_lines(found),
        found.plan,
        [] if found.probe is None else lines(found.probe),
    )


def model_lines(found: Prepared) -> tuple[Sequence[str], Sequence[str]]:
    train, test = (
        [] if path is None else lines(path) for path in (found.model_train, found.model_test)
    )
    return train, test


def by_spark(
    spark: Spark, dropped: Dropped, settings: Settings, folder: Path, min_rows: int
) -> Outcome:
    output = folder / "output"
    (folder / "work").mkdir()
    try:
        found = prepare_large(
            spark,
            dropped,
            settings,
            folder / "work",
            output,
            min_rows=min_rows,
            block_bytes=BLOCK,
        )
    except Rejected as refusal:
        return Outcome([refusal.finding, *refusal.others])
    tests, truths = (sorted((output / name).glob("part-*")) for name in ("test", "truth"))
    probes = [path for name in ("test", "model-test") for path in (output / name).glob(PROBE_FILE)]
    assert [part.name for part in tests] == [part.name for part in truths]
    for test, truth in zip(tests, truths, strict=True):
        assert len(lines(test)) == len(lines(truth)) - 1
    return Outcome(
        found.dataset.warnings,
        found.dataset.to_json(),
        found.profile,
        headed(output / "train"),
        [line for part in tests for line in lines(part)],
        headed(output / "truth"),
        (
            headed(output / "model-train"),
            [
                line
                for part in sorted((output / "model-test").glob("part-*"))
                for line in lines(part)
            ],
        ),
        found.plan,
        [line for path in probes for line in lines(path)],
    )


def lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1]


def headed(folder: Path) -> list[str]:
    """Return the lines of parts, of which each begins with the same header, as of one file."""
    parts = [lines(part) for part in sorted(folder.glob("*"))]
    assert len({part[0] for part in parts}) <= 1
    return [*(parts[0][:1] if parts else []), *(line for part in parts for line in part[1:])]


@dataclass(frozen=True)
class Both:
    """Prepares a file with both engines."""

    spark: Spark
    folder: Path

    def __call__(
        self,
        *paths: Path,
        settings: Settings | None = None,
        test_path: Path | None = None,
        longest: int = 1_000_000_000,
        min_rows: int = 510,
    ) -> tuple[Outcome, Outcome]:
        """Return what DuckDB and what Spark make of it; rows are split by hash where not told."""
        asked = settings or parse_settings()
        if asked.split.method in (None, "random", "stratified") and test_path is None:
            asked = replace(asked, split=replace(asked.split, method="hash"))
        dropped = Dropped(
            paths, a_drop(file=paths[0].name), "ad-bank-0123456789ab", test_path, longest
        )
        for name in ("duckdb", "spark"):
            (self.folder / name).mkdir()
        return (
            by_duckdb(dropped, asked, self.folder / "duckdb", min_rows),
            by_spark(self.spark, dropped, asked, self.folder / "spark", min_rows),
        )


@pytest.fixture
def both(spark: Spark, tmp_path: Path) -> Iterator[Both]:
    folder = tmp_path / "both"
    folder.mkdir()
    yield Both(spark, folder)
    spark.session.catalog.clearCache()


def said(findings: Sequence[Finding]) -> list[tuple[Any, ...]]:
    """Return what a user is told; what remains to be done may differ in words."""
    return [(each.code, each.message, each.line, each.column, each.example) for each in findings]


# Where each engine says it in its own words.
OWN_WORDS = ("NESTED_COLUMN", "SPLIT_IMPOSSIBLE")


@pytest.mark.parametrize("name", [name for name in names() if not name.endswith(".yaml")])
def test_a_bad_file_is_found_to_be_as_bad(name: str, both: Both) -> None:
    path = FOLDER / name
    test_path = FOLDER / f"{name.partition('.')[0]}.test.csv"

    duckdb, spark = both(
        *(sorted(path.iterdir()) if path.is_dir() else [path]),
        settings=settings_of(name),
        test_path=test_path if test_path.exists() else None,
        longest=LONGEST.get(name, 1_000_000_000),
    )

    if code_of(name) in OWN_WORDS:
        assert spark.codes == duckdb.codes
    else:
        assert said(spark.findings) == said(duckdb.findings)


def in_csv(rows: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()


WORDS = ("red", "light blue", "grün", "12", "", "3.5", 'say "hi"', "a,b", "two\nlines", " x ", "NA")


def many_kinds(rows: int, seed: int) -> list[list[str]]:
    """Return a table of everything that cells can be."""
    dice = random.Random(seed)
    table = [["id", "when", "what", "amount", "note", "group", "label"]]
    for row in range(rows):
        day = f"{dice.randint(2001, 2024)}-{dice.randint(1, 12):02}-{dice.randint(1, 28):02}"
        amount = dice.choice(
            [f"{dice.gauss(0, 100):.4f}", "", "1e5", "-0.5", f"{dice.randint(0, 9)}"]
        )
        table.append(
            [
                f"k{row}",
                day if dice.random() < 0.95 else "",
                dice.choice(WORDS),
                amount,
                f"{dice.choice(WORDS)} and {dice.random()} {dice.choice(WORDS)}",
                f"g{dice.randint(1, 40)}",
                dice.choice(["yes", "no", "no", "" if dice.random() < 0.3 else "no"]),
            ]
        )
    return table


def plain(text: str) -> bytes:
    return text.encode()


FILES: dict[str, Callable[[], bytes]] = {
    "bank-marketing": lambda: b"".join(gzip.decompress(BANK.read_bytes()).splitlines(True)[:3_000]),
    "quotes-and-line-breaks": lambda: in_csv(many_kinds(1_500, 1)).encode(),
    "semicolons": lambda: in_csv(many_kinds(900, 2), ";").encode(),
    "windows-line-ends": lambda: in_csv(many_kinds(900, 3)).replace("\n", "\r\n").encode(),
    "latin-1": lambda: in_csv(many_kinds(900, 4)).encode("latin-1"),
    "utf-16": lambda: in_csv(many_kinds(900, 5)).encode("utf-16"),
    "byte-order-mark": lambda: b"\xef\xbb\xbf\n\n" + in_csv(many_kinds(900, 6)).encode(),
    "blank-lines": lambda: in_csv(many_kinds(900, 7)).replace('"\n', '"\n\n  \n').encode(),
    "old-mac": lambda: (
        in_csv([[cell.replace("\n", " ") for cell in row] for row in many_kinds(900, 8)])
        .replace("\n", "\r")
        .encode()
    ),
    "backslashes": lambda: in_csv(many_kinds(900, 9)).replace('""', '\\"').encode(),
    "gzip": lambda: gzip.compress(in_csv(many_kinds(900, 10)).encode()),
    "stray-quotes": lambda: (
        in_csv(
            [
                ['12"' if cell == "12" else cell.replace('"', "") for cell in row]
                for row in many_kinds(900, 11)
            ]
        )
        .replace('"12"""', '12"')
        .encode()
    ),
}
SPLITS = {
    "hash": {"method": "hash", "seed": 7, "test_fraction": 0.3},
    "group": {"method": "group", "column": "group"},
    "time": {"method": "time", "column": "when"},
}
BANK_SPLITS = {
    "hash": {"method": "hash"},
    "group": {"method": "group", "column": "day_of_week"},
    "time": {"method": "time", "column": "age"},
}


@pytest.mark.parametrize("method", SPLITS)
@pytest.mark.parametrize("file", FILES)
def test_the_same_rows_are_held_out(file: str, method: str, both: Both, tmp_path: Path) -> None:
    path = tmp_path / f"{file}.csv"
    path.write_bytes(FILES[file]())
    splits = BANK_SPLITS if file == "bank-marketing" else SPLITS
    settings = parse_settings({"split": splits[method]})

    duckdb, spark = both(path, settings=settings, min_rows=30)

    assert spark.codes == duckdb.codes
    assert duckdb.dataset is not None
    assert sorted(spark.train) == sorted(duckdb.train)
    assert spark.test == duckdb.test
    assert spark.truth == duckdb.truth
    assert spark.train == duckdb.train
    assert without_parts(spark.dataset) == without_parts(duckdb.dataset)
    assert approximately(spark.profile) == approximately(duckdb.profile)
    assert len({len(each) for each in (spark.test, spark.truth[1:])}) == 1


def test_a_test_file_of_the_users_own_is_the_test(both: Both, tmp_path: Path) -> None:
    path, test_path = tmp_path / "sales.csv", tmp_path / "sales.test.csv"
    table, held_out = many_kinds(900, 20), many_kinds(100, 21)
    path.write_text(in_csv([row[1:] for row in table]))
    # The same columns in another order, a text among the numbers, and another delimiter.
    for row in held_out[5:15]:
        row[3] = "much"
    test_path.write_text(in_csv([row[:0:-1] for row in held_out], ";"))

    duckdb, spark = both(path, test_path=test_path)

    assert spark.codes == duckdb.codes
    assert (spark.train, spark.test, spark.truth) == (duckdb.train, duckdb.test, duckdb.truth)
    assert without_parts(spark.dataset) == without_parts(duckdb.dataset)
    assert "TEXT_AMONG_NUMBERS" in spark.codes
    assert spark.model == duckdb.model


def test_decimal_commas_are_points_for_the_model(both: Both) -> None:
    duckdb, spark = both(Path("tests/data/good/umsatz.csv"))

    assert spark.model[0]
    assert spark.model == duckdb.model


@pytest.mark.parametrize(
    ("positive", "other"),
    [
        ("ja", "nein"),
        ("0", "1"),
        ("01", "1"),
        ("True", "False"),
        ("=1+1", "<script>"),
        ('say "yes", twice', "it's \\ no"),
        ("a\nb", "1"),
    ],
)
def test_two_classes_are_one_and_zero_for_the_model(
    positive: str, other: str, both: Both, tmp_path: Path
) -> None:
    rows = [["x", "y", "z"], *([str(i % 97), other, "u,v"] for i in range(900))]
    for row in rows[1::4]:
        row[1] = positive
    path = tmp_path / "classes.csv"
    path.write_text(in_csv(rows), encoding="utf-8")
    settings = parse_settings({"target": "y", "positive_class": positive})

    duckdb, spark = both(path, settings=settings)

    assert spark.model == duckdb.model
    codes = [next(csv.reader([line]))[1] for line in spark.model[0][1:]]
    labels = [next(csv.reader([line]))[1] for line in spark.train[1:]]
    assert codes == [str(int(label == positive.replace("\n", " "))) for label in labels]
    assert set(codes) == {"0", "1"}
    assert spark.model[1] == []


def test_ones_and_zeros_need_no_copy_for_the_model(both: Both, tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text("x,y\n" + "".join(f"{i % 97},{int(i % 3 == 0)}\n" for i in range(900)))

    duckdb, spark = both(path)

    assert spark.model == duckdb.model == ([], [])


def test_the_parts_of_a_parquet_folder_are_one_table(both: Both, tmp_path: Path) -> None:
    parts = [tmp_path / f"part [{number}].parquet" for number in (0, 1)]
    for number, part in enumerate(parts):
        rows = f"range({number * 400}, {number * 400 + 400 + number * 9})"
        duckdb_module.sql(
            "select 'k' || range as id, date '2024-01-01' + (range % 90)::int as day, "
            "range % 7 as whole, (range * 37 % 1000) / 8.0 as amount, range % 3 = 0 as flag, "
            "case when range % 5 = 0 then null else 'say \"a,b\"' || chr(10) || range % 4 end "
            f"as note, 'class ' || (range * range % 2) as label from {rows}"
        ).write_parquet(str(part))

    duckdb, spark = both(*parts)

    assert spark.codes == duckdb.codes
    assert (spark.train, spark.test, spark.truth) == (duckdb.train, duckdb.test, duckdb.truth)
    assert approximately(spark.profile) == approximately(duckdb.profile)


def test_a_file_packed_with_zstd_is_unpacked_by_spark(both: Both, tmp_path: Path) -> None:
    path = tmp_path / "sales.csv.zst"
    path.write_bytes(zstd.compress(in_csv(many_kinds(900, 30)).encode()))

    duckdb, spark = both(path)

    assert spark.codes == duckdb.codes
    assert (spark.train, spark.truth) == (duckdb.train, duckdb.truth)


@pytest.mark.parametrize("method", ["random", "stratified"])
def test_methods_that_draw_from_all_rows_together_are_refused(
    method: str, spark: Spark, tmp_path: Path
) -> None:
    settings = parse_settings({"split": {"method": method}})
    dropped = Dropped([Path("tests/data/good/churn.csv")], a_drop(), "ad-bank-0123456789ab")

    with pytest.raises(Rejected, match="SPLIT_TOO_LARGE"):
        prepare_large(spark, dropped, settings, tmp_path, tmp_path / "output")


def without_parts(dataset: dict[str, Any] | None) -> dict[str, Any]:
    assert dataset is not None
    return {key: value for key, value in dataset.items() if key not in ("parts", "files")}


def approximately(profile: dict[str, Any] | None) -> Any:
    """Return a profile with its numbers in few digits, and without what is estimated."""
    assert profile is not None

    def rounded(value: Any) -> Any:
        if isinstance(value, float):
            return float(f"{value:.9g}")
        if isinstance(value, dict):
            return {key: rounded(each) for key, each in value.items()}
        if isinstance(value, list):
            return [rounded(each) for each in value]
        return value

    columns = [
        # Exact where all cells were counted; these are `top_values` then.
        {
            k: v
            for k, v in column.items()
            if "top_values" in column or k not in ("quantiles", "target")
        }
        for column in profile["columns"]
    ]
    return rounded({**profile, "columns": columns})
