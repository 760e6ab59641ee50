"""What could read the dropped file: seconds, memory and strictness of each candidate.

    python -m bench.engines --megabytes 500 --runs 3
    python -m bench.engines --strictness

An engine is measured only if it can be imported. One that is not among the project's packages is
measured with the interpreter of another environment: `--python polars=/path/to/bin/python`.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import importlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

PROJECT = Path(__file__).parent.parent
EXAMPLE = PROJECT / "examples" / "bank-marketing" / "bank-additional-full.csv.gz"
TARGET = "y"
TASKS = ("read", "count", "split")
BLOCK = 1 << 20
ROWS_AT_ONCE = 50_000
LONGEST_CELL = 10_000_000
# By default 16 of the longest lines, which leaves the counts without memory. Not a whole multiple
# of the longest line, and the reader may give up on a file whose lines are that long.
BUFFER = 2 * LONGEST_CELL
# Every fifth row is held out. A fixed rule costs every engine the same, a random one would not.
EVERY = 5
SHOWN = 44

Cells = list[list[str | None]]
Counts = Counter[tuple[int, str, str]]


def module(name: str) -> Any:
    """Return a module that this interpreter may lack, untyped for the same reason."""
    return importlib.import_module(name)


def header_of(path: Path) -> list[str]:
    """Return the names in the first row."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        return next(csv.reader(text))


class Engine(Protocol):
    """One candidate. What a task returns is the same for all engines, or the task went wrong."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The modules that it imports, itself first."""

    def read(self, path: Path) -> int:
        """Return the bytes of all cells, header left out."""

    def count(self, path: Path) -> int:
        """Return how many distinct (column, cell, class of the target) there are."""

    def split(self, path: Path, training: Path, testing: Path) -> None:
        """Write every fifth row to `testing`, the others to `training`, both with the header."""

    def cells(self, path: Path) -> Cells:
        """Return the data rows of a small file, or raise what the engine raises."""


class DuckDB:
    """The strict reader, with the memory and the threads that a function would give it."""

    needs = ("duckdb",)
    at_once: int | None = None

    def _view(self, path: Path) -> tuple[Any, list[str]]:
        names = [f"c{i}" for i in range(len(header_of(path)))]
        connection = module("duckdb").connect(
            config={"memory_limit": "256MB", "threads": 2, "temp_directory": str(path.parent)}
        )
        columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
        connection.execute(
            f"CREATE VIEW cells AS SELECT * FROM read_csv('{path}', all_varchar = true, "  # noqa: S608
            "auto_detect = false, strict_mode = true, header = true, delim = ',', "
            f"""quote = '"', escape = '"', max_line_size = {LONGEST_CELL}, """
            f"buffer_size = {BUFFER}, "
            f"columns = {{{columns}}}, force_not_null = [{', '.join(names)}])"
        )
        return connection, names

    def read(self, path: Path) -> int:
        """Sum the lengths of each column."""
        connection, names = self._view(path)
        lengths = ", ".join(f"sum(strlen({name}))" for name in names)
        return int(sum(connection.sql(f"SELECT {lengths} FROM cells").fetchone()))  # noqa: S608

    def count(self, path: Path) -> int:
        """Count all columns in one scan, or `at_once` of them in each of several."""
        connection, names = self._view(path)
        target = names[header_of(path).index(TARGET)]
        found = 0
        for first in range(0, len(names), self.at_once or len(names)):
            some = names[first : first + (self.at_once or len(names))]
            # The target is part of every set; beside itself it is a set of its own.
            sets = ", ".join(
                f"({target})" if name == target else f"({name}, {target})" for name in some
            )
            told = ", ".join(dict.fromkeys([*some, target]))
            query = f"SELECT {told}, count(*) FROM cells GROUP BY GROUPING SETS ({sets})"  # noqa: S608
            found += len(connection.sql(query).fetchall())
        return found

    def split(self, path: Path, training: Path, testing: Path) -> None:
        """Write with two COPY: one file each, the rows in file order."""
        connection, names = self._view(path)
        renamed = ", ".join(
            f'{name} AS "{told}"' for name, told in zip(names, header_of(path), strict=True)
        )
        numbered = "(SELECT *, row_number() OVER () AS n FROM cells)"
        for part, condition in ((training, "<>"), (testing, "=")):
            connection.execute(
                f"COPY (SELECT {renamed} FROM {numbered} WHERE n % {EVERY} {condition} 0) "  # noqa: S608
                f"TO '{part}' (FORMAT csv, HEADER)"
            )

    def cells(self, path: Path) -> Cells:
        """Return the rows of the view."""
        connection, _ = self._view(path)
        return [list(row) for row in connection.sql("SELECT * FROM cells").fetchall()]


class DuckDBInParts(DuckDB):
    """The same with eight columns a scan: a set of groups of its own takes memory per column."""

    at_once = 8

    def read(self, path: Path) -> int:
        """Do what the other does: not measured again."""
        raise NotImplementedError

    def split(self, path: Path, training: Path, testing: Path) -> None:
        """Do what the other does: not measured again."""
        raise NotImplementedError


class Polars:
    """The lazy scan and the streaming engine."""

    needs = ("polars",)

    def _scan(self, path: Path) -> Any:
        return module("polars").scan_csv(
            path,
            infer_schema=False,
            empty_string_is_null=False,
            extra_columns="raise",
            missing_columns="raise",
        )

    def read(self, path: Path) -> int:
        """Sum the lengths of each column."""
        pl = module("polars")
        lengths = self._scan(path).select(pl.all().str.len_bytes().cast(pl.Int64).sum())
        return int(sum(lengths.collect(engine="streaming").row(0)))

    def count(self, path: Path) -> int:
        """Count all columns in one plan, so that the file can be scanned once."""
        pl = module("polars")
        scan = self._scan(path)
        groups = [
            scan.group_by(list(dict.fromkeys([name, TARGET]))).agg(pl.len())
            for name in header_of(path)
        ]
        return sum(each.height for each in pl.collect_all(groups, engine="streaming"))

    def split(self, path: Path, training: Path, testing: Path) -> None:
        """Write both files in one plan."""
        pl = module("polars")
        scan = self._scan(path).with_row_index("n")
        held_out = (pl.col("n") % EVERY) == EVERY - 1
        sinks = [
            scan.filter(rows).drop("n").sink_csv(part, lazy=True)
            for part, rows in ((training, ~held_out), (testing, held_out))
        ]
        pl.collect_all(sinks, engine="streaming")

    def cells(self, path: Path) -> Cells:
        """Return the rows of the scan."""
        return [list(row) for row in self._scan(path).collect(engine="streaming").rows()]


class PyArrow:
    """The streaming reader in blocks of 1 MB."""

    needs = ("pyarrow", "numpy")

    def _batches(self, path: Path) -> Any:
        reading, pa = module("pyarrow.csv"), module("pyarrow")
        names = header_of(path)
        return reading.open_csv(
            path,
            read_options=reading.ReadOptions(block_size=BLOCK),
            parse_options=reading.ParseOptions(newlines_in_values=True),
            convert_options=reading.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
            ),
        )

    def read(self, path: Path) -> int:
        """Sum the lengths of each column of each batch."""
        compute = module("pyarrow.compute")
        with self._batches(path) as batches:
            return sum(
                compute.sum(compute.binary_length(column)).as_py() or 0
                for batch in batches
                for column in batch.columns
            )

    def count(self, path: Path) -> int:
        """Encode cell and class of each batch, count the pairs of codes, add up over batches."""
        pa = module("pyarrow")
        counts: Counts = Counter()
        with self._batches(path) as batches:
            for batch in batches:
                target = batch.column(TARGET).dictionary_encode()
                classes = target.dictionary.to_pylist()
                codes = target.indices.to_numpy()
                for position, column in enumerate(batch.columns):
                    encoded = column.dictionary_encode()
                    words = encoded.dictionary.to_pylist()
                    pairs = encoded.indices.to_numpy() * len(classes) + codes
                    for found in pa.array(pairs).value_counts().to_pylist():
                        word, label = divmod(found["values"], len(classes))
                        counts[position, words[word], classes[label]] += found["counts"]
        return len(counts)

    def split(self, path: Path, training: Path, testing: Path) -> None:
        """Filter each batch twice."""
        reading, np, pa = module("pyarrow.csv"), module("numpy"), module("pyarrow")
        options = reading.WriteOptions(quoting_style="needed", quoting_header="needed")
        done = 0
        with (
            self._batches(path) as batches,
            reading.CSVWriter(training, batches.schema, write_options=options) as train,
            reading.CSVWriter(testing, batches.schema, write_options=options) as test,
        ):
            for batch in batches:
                held_out = np.arange(done, done + batch.num_rows) % EVERY == EVERY - 1
                train.write_batch(batch.filter(pa.array(~held_out)))
                test.write_batch(batch.filter(pa.array(held_out)))
                done += batch.num_rows

    def cells(self, path: Path) -> Cells:
        """Return the rows of all batches."""
        with self._batches(path) as batches:
            columns = [column.to_pylist() for column in batches.read_all().columns]
        return [list(row) for row in zip(*columns, strict=True)]


class Bytes:
    """Positions of line ends and delimiters, by NumPy: knows no quotes, so it only splits."""

    needs = ("numpy",)

    def _blocks(self, path: Path) -> Iterator[Any]:
        """Yield whole lines as arrays of bytes, header left out."""
        np = module("numpy")
        with path.open("rb") as file:
            file.readline()
            rest = b""
            while read := file.read(BLOCK):
                whole, found, after = read.rpartition(b"\n")
                if found:
                    yield np.frombuffer(rest + whole + found, dtype=np.uint8)
                    rest = after
                else:
                    rest += read
            if rest:
                yield np.frombuffer(rest + b"\n", dtype=np.uint8)

    def read(self, path: Path) -> int:
        """Add up what is between the positions, after a look that all lines are as wide."""
        np = module("numpy")
        width = len(header_of(path))
        total = 0
        for block in self._blocks(path):
            ends = np.flatnonzero((block == ord("\n")) | (block == ord(",")))
            lines = np.flatnonzero(block[ends] == ord("\n"))
            if (np.diff(lines, prepend=-1) != width).any():
                raise ValueError("a line has another number of cells")
            total += int(np.diff(ends, prepend=-1).sum()) - len(ends)
        return total

    def count(self, path: Path) -> int:
        """Not what it is for."""
        raise NotImplementedError

    def split(self, path: Path, training: Path, testing: Path) -> None:
        """Copy lines as they are."""
        np = module("numpy")
        done = 0
        with path.open("rb") as file:
            header = file.readline()
        with training.open("wb") as train, testing.open("wb") as test:
            train.write(header)
            test.write(header)
            for block in self._blocks(path):
                lengths = np.diff(np.flatnonzero(block == ord("\n")), prepend=-1)
                held_out = np.arange(done, done + len(lengths)) % EVERY == EVERY - 1
                mask = np.repeat(held_out, lengths)
                test.write(block[mask].tobytes())
                train.write(block[~mask].tobytes())
                done += len(lengths)

    def cells(self, path: Path) -> Cells:
        """Not what it is for."""
        raise NotImplementedError


class Pandas:
    """The C engine in chunks, all cells as text."""

    needs = ("pandas",)

    def _read(self, path: Path, **more: Any) -> Any:
        return module("pandas").read_csv(
            path, dtype=str, keep_default_na=False, engine="c", low_memory=True, **more
        )

    def _chunks(self, path: Path) -> Iterator[Any]:
        with self._read(path, chunksize=ROWS_AT_ONCE) as chunks:
            yield from chunks

    def read(self, path: Path) -> int:
        """Sum the lengths of each column of each chunk."""
        return sum(
            sum(map(len, chunk[name])) for chunk in self._chunks(path) for name in chunk.columns
        )

    def count(self, path: Path) -> int:
        """Group each column of each chunk and add up over chunks."""
        counts: Counts = Counter()
        for chunk in self._chunks(path):
            for position, name in enumerate(chunk.columns):
                sizes = chunk.groupby([chunk[name].rename("cell"), TARGET]).size()
                for (cell, label), found in sizes.items():
                    counts[position, cell, label] += found
        return len(counts)

    def split(self, path: Path, training: Path, testing: Path) -> None:
        """Filter each chunk twice."""
        header = True
        with training.open("w", newline="") as train, testing.open("w", newline="") as test:
            for chunk in self._chunks(path):
                held_out = chunk.index % EVERY == EVERY - 1
                chunk[~held_out].to_csv(train, index=False, header=header)
                chunk[held_out].to_csv(test, index=False, header=header)
                header = False

    def cells(self, path: Path) -> Cells:
        """Return the rows, what pandas fills up as None."""
        table = self._read(path)
        return [
            [cell if isinstance(cell, str) else None for cell in row] for row in table.to_numpy()
        ]


class CSV:
    """Python's csv module, strict: what has read the file so far."""

    needs = ()

    def _rows(self, path: Path) -> Iterator[list[str]]:
        csv.field_size_limit(LONGEST_CELL)
        with path.open(encoding="utf-8-sig", newline="") as text:
            rows = csv.reader(text, strict=True)
            next(rows)
            yield from rows

    def read(self, path: Path) -> int:
        """Sum the lengths of the cells."""
        return sum(sum(map(len, row)) for row in self._rows(path))

    def count(self, path: Path) -> int:
        """Turn some rows into columns and count the pairs."""
        position = header_of(path).index(TARGET)
        counts: list[Counter[tuple[str, str]]] = [Counter() for _ in header_of(path)]
        rows = self._rows(path)
        while some := list(islice(rows, ROWS_AT_ONCE)):
            columns = list(zip(*some, strict=True))
            for counter, column in zip(counts, columns, strict=True):
                counter.update(zip(column, columns[position], strict=True))
        return sum(map(len, counts))

    def split(self, path: Path, training: Path, testing: Path) -> None:
        """Write row by row."""
        header = header_of(path)
        with training.open("w", newline="") as train, testing.open("w", newline="") as test:
            writers = [csv.writer(file, lineterminator="\n") for file in (train, test)]
            for writer in writers:
                writer.writerow(header)
            for number, row in enumerate(self._rows(path)):
                writers[number % EVERY == EVERY - 1].writerow(row)

    def cells(self, path: Path) -> Cells:
        """Return the rows; blank lines are rows without cells."""
        return [list(row) for row in self._rows(path)]


ENGINES: dict[str, Callable[[], Engine]] = {
    "duckdb": DuckDB,
    "duckdb-8": DuckDBInParts,
    "polars": Polars,
    "pyarrow": PyArrow,
    "bytes": Bytes,
    "pandas": Pandas,
    "csv": CSV,
}
NOT_STRICT = ("bytes", "duckdb-8")


@dataclass(frozen=True)
class Case:
    """A small file.

    Attributes:
        name: What is odd about it.
        content: Its bytes.
        wanted: The cells that a careful person reads in it, None if that person refuses it.
    """

    name: str
    content: bytes
    wanted: Cells | None


LONG = "z" * 3_000_000
CASES = (
    Case("plain", b"a,b\n1,x\n2,y\n", [["1", "x"], ["2", "y"]]),
    Case("no line end after the last row", b"a,b\n1,x\n2,y", [["1", "x"], ["2", "y"]]),
    Case("CRLF", b"a,b\r\n1,x\r\n2,y\r\n", [["1", "x"], ["2", "y"]]),
    Case("mixed line ends", b"a,b\n1,x\r\n2,y\n3,z\r\n", [["1", "x"], ["2", "y"], ["3", "z"]]),
    Case("lone CR as line end", b"a,b\r1,x\r2,y\r", [["1", "x"], ["2", "y"]]),
    Case("lone CR within a cell", b"a,b\n1,x\rx\n2,y\n", None),
    Case("quoted newline", b'a,b\n1,"x\nx"\n2,y\n', [["1", "x\nx"], ["2", "y"]]),
    Case("doubled quote", b'a,b\n1,"x""x"\n2,y\n', [["1", 'x"x'], ["2", "y"]]),
    Case("backslash before a quote", b'a,b\n1,"x\\"x"\n2,y\n', None),
    Case("quote within an unquoted cell", b'a,b\n1,x"x\n2,y\n', [["1", 'x"x'], ["2", "y"]]),
    Case("text after a closing quote", b'a,b\n1,"x"x\n2,y\n', None),
    Case("space after a closing quote", b'a,b\n1,"x" \n2,y\n', None),
    Case("space before an opening quote", b'a,b\n1, "x"\n2,y\n', [["1", ' "x"'], ["2", "y"]]),
    Case("unterminated quote", b'a,b\n1,"x\n2,y\n', None),
    Case("too few cells", b"a,b\n1,x\n2\n3,z\n", None),
    Case("too many cells", b"a,b\n1,x\n2,y,y\n3,z\n", None),
    Case("one trailing delimiter", b"a,b\n1,x\n2,y,\n3,z\n", None),
    Case("a trailing delimiter on all rows", b"a,b\n1,x,\n2,y,\n3,z,\n", None),
    Case("blank line", b"a,b\n1,x\n\n2,y\n", [["1", "x"], ["2", "y"]]),
    Case("blank line with spaces", b"a,b\n1,x\n  \n2,y\n", None),
    Case("NUL byte", b"a,b\n1,x\0x\n2,y\n", [["1", "x\0x"], ["2", "y"]]),
    Case("invalid UTF-8", b"a,b\n1,x\xe9x\n2,y\n", None),
    Case("empty cell", b"a,b\n1,\n2,y\n", [["1", ""], ["2", "y"]]),
    Case("empty quoted cell", b'a,b\n1,""\n2,y\n', [["1", ""], ["2", "y"]]),
    Case("spaces around cells", b"a,b\n 1 , x \n2,y\n", [[" 1 ", " x "], ["2", "y"]]),
    Case("NA and NULL", b"a,b\nNA,NULL\n2,y\n", [["NA", "NULL"], ["2", "y"]]),
    Case("byte order mark", b"\xef\xbb\xbfa,b\n1,x\n2,y\n", [["1", "x"], ["2", "y"]]),
    Case("cell of 3 MB", f"a,b\n1,{LONG}\n2,y\n".encode(), [["1", LONG], ["2", "y"]]),
    Case("quoted cell of 3 MB", f'a,b\n1,"{LONG}"\n2,y\n'.encode(), [["1", LONG], ["2", "y"]]),
)

# What an engine's writer makes of cells that can be spelled in several ways.
SPELLINGS = b'a,b,y\r\n"1","x",\r\n"","x,x","say ""hi"""\r\n 2 ,"x ",z\r\n'


def shown(cells: Cells) -> str:
    """Return cells as one short line, long ones cut."""
    told = repr([[cell if cell is None or len(cell) < 99 else "z…" for cell in r] for r in cells])
    return told.replace(", ", ",")


def outcomes(engine: Engine, folder: Path) -> dict[str, list[str]]:
    """Return per case a verdict and what happened: the cells, or the error."""
    told = {}
    for number, case in enumerate(CASES):
        path = folder / f"{number}.csv"
        path.write_bytes(case.content)
        try:
            cells = engine.cells(path)
        except Exception as error:  # noqa: BLE001 - what it raises is what is measured
            verdict = "refuses" if case.wanted is None else "REFUSES"
            told[case.name] = [verdict, type(error).__name__]
        else:
            # What csv and others say of a blank line: that it has no cells. The caller skips it.
            cells = [row for row in cells if row]
            if case.wanted is None:
                ragged = any(len(row) != 2 for row in cells)
                verdict = "tells" if ragged else "ACCEPTS"
            else:
                verdict = "reads" if cells == case.wanted else "OTHER"
            told[case.name] = [verdict, shown(cells)]
    path, training, testing = (folder / name for name in ("odd.csv", "train.csv", "test.csv"))
    path.write_bytes(SPELLINGS)
    try:
        engine.split(path, training, testing)
        told["written"] = ["", repr(training.read_bytes())[2:-1]]
    except Exception as error:  # noqa: BLE001 - what it raises is what is measured
        told["written"] = ["", type(error).__name__]
    return told


def child(name: str, task: str, path: Path) -> dict[str, Any]:
    """Do one thing in this process.

    Returns:
        For a task the seconds without the import, the answer, and the peak memory in MB with it.
        For "strictness" the outcomes.
    """
    engine = ENGINES[name]()
    try:
        versions = [getattr(module(each), "__version__", "") for each in engine.needs]
    except ImportError as error:
        return {"missing": str(error)}
    version = versions[0] if versions else sys.version.split()[0]
    if task == "strictness":
        return {"version": version, "outcomes": outcomes(engine, path)}
    answer: int | str
    started = time.perf_counter()
    try:
        if task == "split":
            training, testing = path.with_name("train.csv"), path.with_name("test.csv")
            engine.split(path, training, testing)
            answer = training.stat().st_size + testing.stat().st_size
        else:
            answer = engine.read(path) if task == "read" else engine.count(path)
    except NotImplementedError:
        return {"version": version}
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"version": version, "seconds": seconds, "answer": answer, "peak": peak}


def run(name: str, task: str, path: Path, pythons: dict[str, str]) -> dict[str, Any]:
    """Return what `child` returns, from a process of its own."""
    python = pythons.get(name, sys.executable)
    done = subprocess.run(
        [python, "-m", "bench.engines", "--child", name, task, path],
        check=False,
        capture_output=True,
        text=True,
        cwd=PROJECT,
        # Another environment must not see this one's packages, nor the other way round.
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return {"missing": lines[-1] if lines else f"ended with {done.returncode}"}
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def build(path: Path, size: int) -> None:
    """Write the bank-marketing file repeated to a size, its header once."""
    header, _, rows = gzip.decompress(EXAMPLE.read_bytes()).partition(b"\n")
    with path.open("wb") as file:
        file.write(header + b"\n")
        while file.tell() < size:
            file.write(rows)


def measure(names: Iterable[str], size: int, runs: int, pythons: dict[str, str]) -> None:
    """Print a row per task and engine: seconds, MB a second, peak memory and the answer."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bank.csv")
        build(path, size)
        megabytes = path.stat().st_size / 1e6
        print(f"{megabytes:.1f} MB, {runs} runs, in seconds: least, median, most")
        print(
            f"{'':<7}{'':<17}{'least':>7}{'median':>8}{'most':>7}{'MB/s':>7}{'peak MB':>9}  answer"
        )
        for task in TASKS:
            for name in names:
                told = [run(name, task, path, pythons) for _ in range(runs)]
                label = f"{task:<7}{name + ' ' + told[0].get('version', ''):<17}"
                if "seconds" not in told[0]:
                    print(label, told[0].get("missing", "does not do this"), flush=True)
                    continue
                seconds = sorted(each["seconds"] for each in told)
                median = statistics.median(seconds)
                peak = max(each["peak"] for each in told)
                print(
                    f"{label}{seconds[0]:>7.1f}{median:>8.1f}{seconds[-1]:>7.1f}"
                    f"{megabytes / median:>7.0f}{peak:>9.0f}  {told[0]['answer']:,}",
                    flush=True,
                )


def strictness(names: Sequence[str], pythons: dict[str, str]) -> None:
    """Print what each engine does with each case, first as a table of words, then in full.

    "reads" and "refuses" are what a careful person does too, "tells" a row with another number
    of cells, which the caller can refuse; words in capitals are what that person does not.
    """
    told: dict[str, dict[str, list[str]]] = {}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            answer = run(name, "strictness", Path(folder), pythons)
        if "outcomes" in answer:
            told[f"{name} {answer['version']}"] = answer["outcomes"]
        else:
            print(f"{name}: {answer['missing']}")
    width = max(len(case.name) for case in CASES) + 2
    print((" " * width + "".join(f"{name:<16}" for name in told)).rstrip())
    for case in CASES:
        words = "".join(f"{each[case.name][0]:<16}" for each in told.values())
        print(f"{case.name:<{width}}{words}".rstrip())
    for case in CASES:
        content = repr(case.content)[2:-1]
        print(f"\n{case.name}: {content if len(content) < 99 else content[:SHOWN] + '…'}")
        for name, each in told.items():
            print(f"  {name:<16}{each[case.name][1]}")
    print(f"\nwritten back: {repr(SPELLINGS)[2:-1]}")
    for name, each in told.items():
        print(f"  {name:<16}{each['written'][1]}")


def main() -> None:
    """Measure the engines, or show how strict they are."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--python", action="append", default=[], metavar="ENGINE=PATH")
    parser.add_argument("--strictness", action="store_true")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, task, path = options.child
        print(json.dumps(child(name, task, Path(path))))
        return
    pythons = dict(each.split("=", 1) for each in options.python)
    if options.strictness:
        # The byte splitter knows no quotes, and how many columns are counted changes no cell.
        strictness([each for each in options.engines if each not in NOT_STRICT], pythons)
    else:
        measure(options.engines, options.megabytes * 1_000_000, options.runs, pythons)


if __name__ == "__main__":
    main()
