"""Copies the records of a text to the training, test and truth files, byte by byte.

No parser: a record is a line, and a byte that stands in no cell separates its cells. Whoever
writes such lines has quoted and put on one line what needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from autodrop.preparation.spelling import spelled
from autodrop.preparation.splits import ASIDE, BY_RULE, TRAIN, Rule

_BLOCK = 4 * 1024 * 1024
_COMMA, _LINE_FEED = ord(","), ord("\n")
# A byte that UTF-8 never has.
_NO_TEXT = 0xFF

Bytes = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Lines:
    """A text of one record a line.

    Attributes:
        path: The text.
        separator: The byte between cells.
        names: The columns.
        header_lines: Lines before the first record.
        are_marked: Whether the first cell of each line says where the record goes, as in `splits`;
            without, all go by the rule.
    """

    path: Path
    separator: int
    names: Sequence[str]
    header_lines: int
    are_marked: bool


@dataclass(frozen=True)
class Columns:
    """Where each column goes, by positions in the order of the file.

    Attributes:
        features: Into training and test.
        carried: Into the truth, with the row's number.
        target: Into training and truth.
    """

    features: tuple[int, ...]
    carried: tuple[int, ...]
    target: int

    @property
    def training(self) -> tuple[int, ...]:
        """The columns of the training file."""
        return tuple(sorted((*self.features, self.target)))


@dataclass(frozen=True)
class Parts:
    """What was written.

    Attributes:
        train: With header and target.
        test: Without header and target.
        truth: With header: row number, carried columns, target.
        train_rows: Rows in `train`.
        test_rows: Rows in `test` and `truth`.
        model_train: As `train`, with codes for the target; None where nobody asked for it.
    """

    train: Path
    test: Path
    truth: Path
    train_rows: int
    test_rows: int
    model_train: Path | None = None


@dataclass(frozen=True)
class Codes:
    """One byte for either label of the target, as both stand in a line.

    Attributes:
        ones: The label whose code is `1`.
        zeros: The label whose code is `0`.
    """

    ones: bytes
    zeros: bytes


def route(
    lines: Lines,
    columns: Columns,
    rule: Rule | None,
    folder: Path,
    *,
    only_test: bool = False,
    codes: Codes | None = None,
) -> Parts:
    """Write the three files into `folder`, rows in the order of the text.

    Args:
        lines: The text.
        columns: Where its columns go.
        rule: What decides about records that are not marked.
        folder: Where the files go.
        only_test: Whether to leave the training file alone: all records are held out.
        codes: What a copy of the training file has for the labels; without, there is none.
    """
    train_rows = test_rows = 0
    paths = [folder / name for name in ("train_data.csv", "test_data.csv", "truth.csv")]
    model = None if codes is None else folder / "model_train_data.csv"
    with ExitStack() as files:
        source = files.enter_context(lines.path.open("rb"))
        train = None if only_test else files.enter_context(paths[0].open("wb"))
        test = files.enter_context(paths[1].open("wb"))
        truth = files.enter_context(paths[2].open("wb"))
        coded = None if model is None else files.enter_context(model.open("wb"))
        for file in filter(None, (train, coded)):
            file.write(spelled([lines.names[i] for i in columns.training]).encode())
        named = [lines.names[i] for i in (*columns.carried, columns.target)]
        truth.write(spelled(["row", *named]).encode())
        for _ in range(lines.header_lines):
            source.readline()
        row = 0
        for cells in _cut(blocks_of_lines(source), lines):
            trains, tests = cells.sides(columns.target, rule)
            if train is not None:
                training = cells.taken(trains, columns.training)
                train.write(training)
                if coded is not None and codes is not None:
                    coded.write(
                        cells.coded(training, trains, columns.training, columns.target, codes)
                    )
            test.write(cells.taken(tests, columns.features))
            _write_truth(truth, cells, tests, columns, row)
            row += cells.rows
            train_rows += int(trains.sum())
            test_rows += int(tests.sum())
    return Parts(paths[0], paths[1], paths[2], train_rows, test_rows, model)


def _write_truth(
    truth: BinaryIO, cells: _Block, tests: npt.NDArray[np.bool_], columns: Columns, first: int
) -> None:
    numbers = (np.flatnonzero(tests) + first).tolist()
    order = (*columns.carried, columns.target)
    if tuple(sorted(order)) == order:
        rest = cells.taken(tests, order).split(b"\n")
    else:
        taken = [cells.taken(tests, (i,)).split(b"\n") for i in order]
        rest = [b",".join(row) for row in zip(*taken, strict=True)]
    truth.write(b"".join(b"%d,%b\n" % each for each in zip(numbers, rest, strict=False)))


class _Block:
    """Some whole lines, and where their cells end."""

    def __init__(self, block: bytes, lines: Lines) -> None:
        self._bytes: Bytes = np.frombuffer(bytearray(block), dtype=np.uint8)
        width = len(lines.names) + lines.are_marked
        ends = np.flatnonzero((self._bytes == lines.separator) | (self._bytes == _LINE_FEED))
        if len(ends) % width:
            raise AssertionError("a line has another number of cells")
        self._ends: Positions = ends.reshape(-1, width)
        if not (self._bytes[self._ends[:, -1]] == _LINE_FEED).all():
            raise AssertionError("a line has another number of cells")
        self._marks = int(lines.are_marked)
        self._separator = lines.separator
        self.rows = len(self._ends)
        self._starts = np.empty(self.rows, dtype=np.int64)
        self._starts[:1] = 0
        self._starts[1:] = self._ends[:-1, -1] + 1

    def sides(
        self, target: int, rule: Rule | None
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Return which lines train and which are held out."""
        if not self._marks:
            assert rule is not None  # noqa: S101 - lines without marks come with a rule
            trains = rule(self._cells(target))
            return trains, ~trains
        marks = self._bytes[self._starts]
        usable = marks != ord(ASIDE)
        trains = marks == ord(TRAIN)
        undecided = np.flatnonzero(marks == ord(BY_RULE))
        if len(undecided) and rule is not None:
            trains[undecided] = rule(self._cells(target, undecided))
        return trains, usable & ~trains

    def taken(self, rows: npt.NDArray[np.bool_], columns: Sequence[int]) -> bytes:
        """Return some columns, in the order of the file, of some rows as comma-separated lines."""
        at = np.flatnonzero(rows)
        if not len(at):
            return b""
        places = [i + self._marks for i in columns]
        out = self._bytes
        runs = _runs(places)
        # Cells beside each other are copied together: what separates them becomes a comma.
        if self._separator != _COMMA:
            for first, last in runs:
                out[self._ends[at, first:last].ravel()] = _COMMA
                out[self._ends[at, last]] = _COMMA
        out[self._ends[at, places[-1]]] = _LINE_FEED
        begins = np.stack([self._begins(at, first) for first, _ in runs], axis=1).ravel()
        ends = np.stack([self._ends[at, last] + 1 for _, last in runs], axis=1).ravel()
        # What lies side by side is copied at once, such as the rows between two that are left out.
        borders = begins[1:] != ends[:-1]
        starts = begins[np.concatenate(([True], borders))].tolist()
        stops = ends[np.concatenate((borders, [True]))].tolist()
        whole = out.tobytes()
        return b"".join([whole[i:j] for i, j in zip(starts, stops, strict=True)])

    def coded(
        self,
        lines: bytes,
        rows: npt.NDArray[np.bool_],
        columns: Sequence[int],
        target: int,
        codes: Codes,
    ) -> bytes:
        """Return `lines`, which are what `taken` gives, with codes for the labels of the target."""
        at = np.flatnonzero(rows)
        if not len(at):
            return lines
        # Counted from the end of its line, a label ends before all cells of later columns.
        lengths, behind = np.zeros(len(at), np.int64), np.zeros(len(at), np.int64)
        for first, last in _runs([i + self._marks for i in columns], target + self._marks + 1):
            length = self._ends[at, last] + 1 - self._begins(at, first)
            lengths += length
            if first > target + self._marks:
                behind += length
        ends = np.cumsum(lengths) - behind - 1
        place = target + self._marks
        widths = self._ends[at, place] - self._begins(at, place)
        out: Bytes = np.frombuffer(bytearray(lines), dtype=np.uint8)
        is_one = _hold(out, ends, widths, codes.ones)
        if not (is_one | _hold(out, ends, widths, codes.zeros)).all():
            raise AssertionError("a line has another label")
        # A label has a byte at least: its last one becomes the code, the others go.
        out[ends - 1] = np.where(is_one, ord("1"), ord("0"))
        for i in range(2, max(len(codes.ones), len(codes.zeros)) + 1):
            out[ends[widths >= i] - i] = _NO_TEXT
        return out.tobytes().replace(bytes([_NO_TEXT]), b"")

    def _begins(self, rows: Positions, place: int) -> Positions:
        return self._starts[rows] if place == 0 else self._ends[rows, place - 1] + 1

    def _cells(self, column: int, rows: Positions | None = None) -> Sequence[bytes]:
        at = np.arange(self.rows) if rows is None else rows
        return _Cells(self, at, column + self._marks)

    def cell(self, row: int, place: int) -> bytes:
        """Return one cell as it is spelled."""
        begin = self._starts[row] if place == 0 else self._ends[row, place - 1] + 1
        return self._bytes[begin : self._ends[row, place]].tobytes()


class _Cells(Sequence[bytes]):
    """The cells of one column, cut out when somebody looks."""

    def __init__(self, block: _Block, rows: Positions, place: int) -> None:
        self._block, self._rows, self._place = block, rows, place

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> bytes:  # type: ignore[override]
        return self._block.cell(self._rows[index], self._place)

    def __iter__(self) -> Iterator[bytes]:
        return (self._block.cell(row, self._place) for row in self._rows)


def _hold(text: Bytes, ends: Positions, widths: Positions, label: bytes) -> npt.NDArray[np.bool_]:
    """Return which cells of a text hold a label."""
    found: npt.NDArray[np.bool_] = widths == len(label)
    for i, byte in enumerate(reversed(label), 1):
        found &= text.take(ends - i, mode="clip") == byte
    return found


def _cut(blocks: Iterator[bytes], lines: Lines) -> Iterator[_Block]:
    """Yield the blocks with their cells found; those of the next one while one is in use."""
    with ThreadPoolExecutor(max_workers=1) as ahead:
        waiting: Future[_Block] | None = None
        for block in blocks:
            following = ahead.submit(_Block, block, lines)
            if waiting is not None:
                yield waiting.result()
            waiting = following
        if waiting is not None:
            yield waiting.result()


def _runs(places: Sequence[int], begins: int | None = None) -> list[tuple[int, int]]:
    """Return the first and last of each run of neighbours; one place begins a run of its own.

    >>> _runs([0, 1, 2, 5, 7, 8])
    [(0, 2), (5, 5), (7, 8)]
    >>> _runs([0, 1, 2], begins=1)
    [(0, 0), (1, 2)]
    """
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and runs[-1][1] == place - 1 and place != begins:
            runs[-1] = (runs[-1][0], place)
        else:
            runs.append((place, place))
    return runs


def blocks_of_lines(source: BinaryIO) -> Iterator[bytes]:
    """Yield the rest of a file in blocks of whole lines; the last line may lack its end."""
    kept = b""
    while chunk := source.read(_BLOCK):
        cut = chunk.rfind(b"\n") + 1
        if not cut:
            kept += chunk
            continue
        yield kept + chunk[:cut]
        kept = chunk[cut:]
    if kept:
        yield kept + b"\n"
