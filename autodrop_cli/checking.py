"""A file looked at on this machine, exactly as `prepare_dataset` would; no AWS is asked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from autodrop.dataset import Dataset
from autodrop.errors import Rejected
from autodrop.findings import Finding, counted
from autodrop.naming import COMPLETE_MARK, INBOX, Drop, RunFolder, run_id, test_file_names
from autodrop.outcome import to_json
from autodrop.preparation.prepare import Dropped, Examined, Prepared, Work, examine, prepare
from autodrop.preparation.reading.dialect import NAMES
from autodrop.settings import Settings, parse_settings
from autodrop.settings_file import read_settings_file
from autodrop.work_folder import within_room
from autodrop_cli.dropping import default_dataset
from autodrop_cli.problems import BAD_USAGE, Problem
from autodrop_cli.terminal import plain

# A file that unpacks to more is meant to fill the disk.
_MOST_TIMES = 50
_ALWAYS_UNPACKED = 2_000_000_000
# As often a file lies on the disk while it is looked at.
_COPIES = 4


@dataclass(frozen=True)
class LocalFile:
    """A file, or a folder of Parquet parts, that is looked at as if it was dropped.

    Attributes:
        path: Where it is.
        settings: What `--config` and `--target` say.
        min_rows: The fewest usable rows.
    """

    path: Path
    settings: Settings
    min_rows: int

    @property
    def dropped(self) -> Dropped:
        """The file in the form in which a drop comes; its version is no upload's.

        Raises:
            Rejected: `PARTS_INCOMPLETE`, or `NOT_A_TABLE` for a folder without parts.
        """
        name = self.path.name
        parts = self._parts()
        size = sum(part.stat().st_size for part in parts)
        drop = Drop("", f"{INBOX}{default_dataset(name)}/{name}", "local", None, size)
        return Dropped(parts, drop, run_id(drop), self._test_path(), _longest(size))

    def _parts(self) -> list[Path]:
        if not self.path.is_dir():
            return [self.path]
        if not (self.path / COMPLETE_MARK).exists():
            raise Rejected(
                "PARTS_INCOMPLETE",
                f"The folder {self.path.name} is not marked as complete.",
                f"Put an empty file {COMPLETE_MARK} into it when all parts are there.",
            )
        parts = sorted(self.path.glob("*.parquet"))
        if not parts:
            raise Rejected(
                "NOT_A_TABLE",
                f"The folder {self.path.name} holds no Parquet files.",
                "Drop a CSV file, a Parquet file, or a folder of Parquet files.",
            )
        return parts

    def _test_path(self) -> Path | None:
        beside = (self.path.with_name(name) for name in test_file_names(self.path.name))
        return next((path for path in beside if path.is_file()), None)


def _longest(size: int) -> int:
    """Return how many bytes a file of this size may unpack to on this machine."""
    room = shutil.disk_usage(gettempdir()).free // _COPIES
    return min(max(_ALWAYS_UNPACKED, size * _MOST_TIMES), room)


def look_at(path: Path, config: Path | None, target: str | None, min_rows: int) -> LocalFile:
    """Return the file with the settings that hold for it.

    Raises:
        Problem: The file or the settings file is not there.
        Rejected: `BAD_SETTINGS`.
    """
    for each in filter(None, (path, config)):
        if not each.exists():
            raise Problem(f"There is no file {each}.", BAD_USAGE)
    said = {} if config is None else read_settings_file(config.read_bytes(), str(config))
    own = {} if target is None else {"target": target}
    return LocalFile(path, parse_settings(said, own), min_rows)


def check_file(file: LocalFile) -> Examined:
    """Return what is found in the file.

    Raises:
        Rejected: It cannot be used.
        OutOfRoom: The disk is full, or the memory too small.
    """
    with TemporaryDirectory(prefix="autodrop-") as folder, within_room():
        return examine(file.dropped, file.settings, Work(Path(folder)), min_rows=file.min_rows)


def prepare_file(file: LocalFile, to: Path) -> Dataset:
    """Write what the run folder would hold into `to`, and return what is in `dataset.json`.

    Raises:
        Rejected: The file cannot be used; nothing is written.
        OutOfRoom: The disk is full, or the memory too small.
    """
    to.mkdir(parents=True, exist_ok=True)
    # Beside what is written: moving files there costs nothing.
    with TemporaryDirectory(prefix=".autodrop-", dir=to) as folder, within_room():
        prepared = prepare(file.dropped, file.settings, Work(Path(folder)), min_rows=file.min_rows)
        for path, place in _places(prepared):
            (to / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, to / place)
    run_folder = RunFolder("")
    if prepared.plan is not None:
        (to / run_folder.probe_plan).parent.mkdir(exist_ok=True)
        (to / run_folder.probe_plan).write_bytes(to_json(prepared.plan.to_json()))
    (to / run_folder.profile).write_bytes(to_json(prepared.profile))
    (to / run_folder.dataset).write_bytes(to_json(prepared.dataset.to_json()))
    return prepared.dataset


def _places(prepared: Prepared) -> Iterator[tuple[Path, str]]:
    folder = RunFolder("")
    yield prepared.train, folder.train
    yield prepared.test, folder.test
    yield prepared.truth, folder.truth
    if prepared.model_train is not None:
        yield prepared.model_train, folder.model_train
    if prepared.model_test is not None:
        yield prepared.model_test, folder.model_test
    if prepared.probe is not None:
        dataset = prepared.dataset
        yield prepared.probe, dataset.probe_key.removeprefix(dataset.folder.prefix)


def rejection_json(problem: Rejected) -> dict[str, Any]:
    """Return a rejection for machines."""
    return {
        "usable": False,
        "error": problem.finding.to_json(),
        "others": [each.to_json() for each in problem.others],
    }


def examined_json(examined: Examined) -> dict[str, Any]:
    """Return a usable file for machines."""
    table, verdict, facts = examined.table, examined.verdict, examined.facts
    target = verdict.target
    return {
        "usable": True,
        "rows": facts.rows,
        "rows_without_target": facts.target_missing,
        "columns": list(table.names),
        "target": {
            "column": target.column,
            "reason": target.reason,
            "problem_type": str(target.inferred_type),
            "positive_class": target.positive_class,
        },
        "features": list(verdict.features),
        "identifiers": list(verdict.identifiers),
        "reading": {
            "format": "parquet" if table.is_parquet else "csv",
            "encoding": table.text.encoding,
            "compression": table.text.compression,
            "delimiter": table.dialect.delimiter,
            "escape": table.dialect.escape,
            "line_end": table.text.line_end,
            "decimal": verdict.decimal,
        },
        "warnings": [each.to_json() for each in verdict.warnings],
        "profile": examined.profile,
    }


def render_rejection(problem: Rejected) -> Iterator[RenderableType]:
    """Yield why a file cannot be used."""
    yield Text.assemble(("REJECTED", "bold yellow"), f": {problem.code}")
    yield Text(plain(problem.message))
    yield Text(plain(problem.remedy))
    place = [
        f"{name} {plain(value)}"
        for name, value in (
            ("line", problem.line),
            ("column", problem.column),
            ("such as", problem.example),
        )
        if value is not None
    ]
    if place:
        yield Text(", ".join(place), style="dim")
    if problem.others:
        yield Text("")
        yield _findings(problem.others)


def render_examined(examined: Examined, name: str) -> Iterator[RenderableType]:
    """Yield what is in a usable file: a line or two, its columns, and what was found."""
    table, verdict, facts = examined.table, examined.verdict, examined.facts
    reading = "Parquet" if table.is_parquet else _csv_words(examined)
    yield Text.assemble(
        ("USABLE", "bold green"),
        f": {plain(name)}, {counted(facts.rows, 'row')}, {counted(table.width, 'column')}, "
        f"{reading}",
    )
    target = verdict.target
    about = str(target.inferred_type)
    if target.positive_class is not None:
        about += f", positive class {target.positive_class}"
    yield Text(plain(f"Target {target.column} ({about}). {target.reason}"))
    yield Text("")
    yield _columns(examined)
    if verdict.warnings:
        yield Text("")
        yield _findings(verdict.warnings)


def _csv_words(examined: Examined) -> str:
    text, dialect = examined.table.text, examined.table.dialect
    words = [f"{NAMES[dialect.delimiter]}-separated", text.encoding]
    if text.compression:
        words.append(text.compression)
    if examined.verdict.decimal == ",":
        words.append("decimal commas")
    return ", ".join(words)


def _columns(examined: Examined) -> Table:
    verdict = examined.verdict
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("column", "role", "type"):
        shown.add_column(heading)
    for heading in ("missing", "distinct", "min", "mean", "max", "target explained"):
        shown.add_column(heading, justify="right")
    for column in examined.profile["columns"]:
        name = column["name"]
        role = "feature" if name in verdict.features else "kept out"
        if name in verdict.identifiers:
            role = "identifier"
        if name == verdict.target.column:
            role = "target"
        share = column.get("target", {}).get("explained_share")
        shown.add_row(
            plain(name)[:40],
            role,
            column["type"].replace("_", " "),
            f"{column['missing']:,}",
            f"{column['distinct']:,}",
            *(_number(column.get(each)) for each in ("min", "mean", "max")),
            "" if share is None else f"{share:.1%}",
        )
    return shown


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _findings(findings: Sequence[Finding]) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_lines=False)
    shown.add_column("level")
    shown.add_column("code", no_wrap=True)
    shown.add_column("line", justify="right")
    shown.add_column("what, and what to do", overflow="fold")
    for each in findings:
        example = "" if each.example is None else f" Such as {each.example!r}."
        shown.add_row(
            each.level,
            each.code,
            "" if each.line is None else f"{each.line:,}",
            plain(f"{each.message}{example} {each.remedy}"),
        )
    return shown


def written_lines(to: Path, dataset: Dataset) -> Iterator[str]:
    """Yield what to say about what was written."""
    split = dataset.split
    yield (
        f"{counted(split.train_rows, 'row')} to train on and {split.test_rows:,} to test on "
        f"({split.method}) are in {plain(to)}"
    )
    if dataset.has_model_train or dataset.has_model_test:
        yield "The model gets the copies in model-input/, with some cells written otherwise."


def dataset_json(dataset: Dataset) -> Mapping[str, Any]:
    """Return a prepared file for machines."""
    return {"usable": True, **dataset.to_json()}
