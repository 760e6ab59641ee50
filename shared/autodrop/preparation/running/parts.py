"""A prepared file in parts, each written by the machine that has read its block."""

from __future__ import annotations

import errno
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import numpy as np

from autodrop.dataset import Dataset
from autodrop.preparation.examining import Dropped, Work
from autodrop.preparation.prepare import Decided, Rows, decide, with_sizes
from autodrop.preparation.splitting.probe_rows import (
    Mask,
    Positions,
    positives,
    probed_class,
    write_probe,
)
from autodrop.preparation.splitting.routing import ModelCells, Source, Task, headers, write_block
from autodrop.probe import ProbePlan
from autodrop.settings import Settings

TRAIN, TEST, TRUTH = "train", "test", "truth"
MODEL_TRAIN, MODEL_TEST = "model-train", "model-test"
OUTCOME = "outcome"
# Nothing reads a folder in which this lies.
EMPTY_MARK = "_empty"


@dataclass(frozen=True)
class PreparedParts:
    """What preparation has written in parts.

    Attributes:
        dataset: Everything that was found and decided.
        profile: The content of `profile.json`.
        plan: What the rows of the probe are for; None without a probe.
        parts: How many parts there are of each folder.
    """

    dataset: Dataset
    profile: dict[str, Any]
    plan: ProbePlan | None
    parts: Mapping[str, int]


@dataclass(frozen=True)
class Part:
    """What one machine tells of the parts of a block.

    Attributes:
        train_rows: Rows that train.
        test_rows: Rows that are held out.
        test_bytes: Bytes of these as the model reads them.
        positives: A bit for each held-out row: whether it is of the class that is asked about.
        folders: Where it has parts.
    """

    train_rows: int
    test_rows: int
    test_bytes: int
    positives: bytes
    folders: Sequence[str]


@dataclass(frozen=True)
class PartWriter:
    """Writes the parts of a block below a folder that every machine has.

    Whoever does it again writes the same bytes under the same names, so a task may be repeated.

    Attributes:
        source: The rows.
        model_train: What the model learns otherwise, None for nothing.
        model_test: What the model scores otherwise.
        train_header: The first line of training parts.
        truth_header: The first line of the truth's parts.
        output: Where the folders of the parts are.
        staging: Where parts are that are not complete yet.
        label: The class that is asked about; None for none.
    """

    source: Source
    model_train: ModelCells | None
    model_test: ModelCells | None
    train_header: bytes
    truth_header: bytes
    output: str
    staging: str
    label: str | None

    def __call__(self, task: Task) -> Part:
        """Write the parts of a block, and return what is in them."""
        written = write_block(self.source, self.model_train, self.model_test, task)
        self._mark_unused_folders()
        folders = []
        for folder, header, content in (
            (TRAIN, self.train_header, written.train),
            (TEST, b"", written.test),
            (TRUTH, self.truth_header, written.truth),
            (MODEL_TRAIN, self.train_header, written.model_train),
            (MODEL_TEST, b"", written.model_test),
        ):
            if content:
                folders.append(folder)
                self._write(f"{folder}/part-{task.number:05}.csv", header + content)
        read = written.test if self.model_test is None else written.model_test
        bits = b""
        if self.label is not None:
            bits = np.packbits(positives(written.truth, self.label)).tobytes()
        return Part(written.train_rows, written.test_rows, len(read), bits, folders)

    def _mark_unused_folders(self) -> None:
        """See to it that no folder of this machine's output is empty: docs/aws.md."""
        unused = [OUTCOME]
        unused += [MODEL_TRAIN] * (self.model_train is None)
        unused += [MODEL_TEST] * (self.model_test is None)
        for name in unused:
            leave_a_mark(Path(self.output) / name)

    def _write(self, name: str, content: bytes) -> None:
        """Write a part that is either complete or not there."""
        target = Path(self.output) / name
        for folder in (target.parent, Path(self.staging)):
            folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=self.staging, delete=False) as file:
            file.write(content)
        complete = Path(file.name)
        try:
            complete.replace(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # The folder of an output is a volume of its own.
            beside = target.with_name(f".{complete.name}")
            shutil.copyfile(complete, beside)
            beside.replace(target)
            complete.unlink()


@dataclass(frozen=True)
class _WrittenParts:
    """Held-out rows that lie in parts on other machines: read again from the blocks.

    Attributes:
        rows: Their blocks.
        parts: What was written of each.
        model_test: What the model scores otherwise.
        work: Who reads them.
    """

    rows: Rows
    parts: Sequence[Part]
    model_test: ModelCells | None
    work: Work

    @property
    def size(self) -> int:
        """Their bytes as the model reads them."""
        return sum(part.test_bytes for part in self.parts)

    def positives(self, label: str) -> Mask:  # noqa: ARG002 - the parts were asked about it
        """Return which of them are of the class that is asked about."""
        return np.concatenate(
            [
                np.unpackbits(
                    np.frombuffer(part.positives, dtype=np.uint8), count=part.test_rows
                ).view(np.bool_)
                for part in self.parts
            ]
        )

    def lines(self, positions: Positions) -> tuple[Sequence[str], Sequence[str]]:
        """Return the lines of some of them, as the model reads them and of the truth."""
        asked: list[tuple[Task, Positions]] = []
        ends = list(accumulate((part.test_rows for part in self.parts), initial=0))
        borders = np.searchsorted(positions, ends)
        for i, task in enumerate(self.rows.tasks):
            chosen = positions[borders[i] : borders[i + 1]] - ends[i]
            if len(chosen):
                asked.append((task, chosen))
        test: list[str] = []
        truth: list[str] = []
        read = partial(_lines_of_block, self.rows.source, self.model_test)
        for some_test, some_truth in self.work.processors.map(read, asked):
            test += some_test
            truth += some_truth
        return test, truth


def _lines_of_block(
    source: Source, model_test: ModelCells | None, asked: tuple[Task, Positions]
) -> tuple[list[str], list[str]]:
    """Return some held-out rows of a block by their positions among all of these."""
    task, positions = asked
    written = write_block(source, None, model_test, task)
    test = (written.test if model_test is None else written.model_test).split(b"\n")
    truth = written.truth.split(b"\n")
    return (
        [test[i].decode() for i in positions.tolist()],
        [truth[i].decode() for i in positions.tolist()],
    )


def prepare_in_parts(
    dropped: Dropped, settings: Settings, work: Work, output: Path, staging: Path
) -> PreparedParts:
    """Read a dropped file, judge it, split it, and write each block into parts of its own.

    What comes back from the processors are counts only, and the rows of the probe.

    Args:
        dropped: The file.
        settings: All settings of the run.
        work: Where and by whom it is prepared.
        output: Where the folders of the parts are, on every machine.
        staging: A folder beside it, for parts that are not complete.

    Raises:
        Rejected: The file cannot be used; `others` holds what else was found.
    """
    decided = decide(dropped, settings, work)
    writer = _writer(decided, output, staging)
    parts = [
        list(work.processors.map(replace(writer, source=rows.source), rows.tasks))
        for rows in decided.all_rows
    ]
    counted = [part for some in parts for part in some]
    dataset = with_sizes(
        decided, sum(part.train_rows for part in counted), sum(part.test_rows for part in counted)
    )
    held_out = _WrittenParts(decided.test, parts[-1], writer.model_test, work)
    folder = output / (TEST if writer.model_test is None else MODEL_TEST)
    folder.mkdir(parents=True, exist_ok=True)
    profile = decided.examined.profile
    plan = write_probe(dataset, profile, held_out, folder)
    dataset = replace(dataset, parts=True, probe_rows=0 if plan is None else plan.rows)
    listed = Counter(name for part in counted for name in part.folders)
    return PreparedParts(dataset, profile, plan, dict(listed))


def _writer(decided: Decided, output: Path, staging: Path) -> PartWriter:
    dataset = decided.dataset
    cells = ModelCells.of(dataset)
    train_header, truth_header = headers(dataset.columns, decided.columns)
    return PartWriter(
        decided.train.source,
        cells if dataset.has_model_train else None,
        cells if dataset.has_model_test else None,
        train_header,
        truth_header,
        str(output),
        str(staging),
        probed_class(dataset),
    )


def leave_a_mark(folder: Path) -> None:
    """Put a file into a folder that has none."""
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        if not any(folder.iterdir()):
            (folder / EMPTY_MARK).touch(exist_ok=False)
