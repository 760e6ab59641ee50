"""The text of a file of any size, as blocks that are read at the same time.

Every block but the first begins where the quotes before it say that a record does. That is a guess:
a block is believed only when all before it were read by Python's strict `csv` to the end of a
record exactly where they end. So the blocks together are read as the whole would be.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from itertools import pairwise
from operator import or_
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar

from autodrop.errors import Rejected
from autodrop.preparation.dialect import LONGEST_ROW, SAMPLE_BYTES, Dialect, Record
from autodrop.preparation.reading import (
    Table,
    bad_record,
    csv_unclear,
    looks_like_header,
    ragged_rows,
    row_pattern,
    second_table,
    space_before_quote,
    spaced_quote,
    swallowed,
    swallowed_lines,
    too_long,
)
from autodrop.preparation.text import (
    HighBytes,
    Look,
    TextFile,
    check_format,
    codec_of,
    compression_of,
    encoding_of,
    high_bytes,
    leading_blank_lines,
    line_end_of,
    line_end_translation,
    look,
    marked_encoding,
    not_a_table,
    start_of,
    unused_bytes,
    wrong_encoding,
)

BLOCK_BYTES = 64 * 1024 * 1024
_CHUNK = 1024 * 1024
_DECODED, _TRANSLATED = "decoded", "text"
_TAIL = 256 * 1024
_ROWS_AT_ONCE = 2_000
_UNEXPECTED_END = "unexpected end of data"
_ESCAPED = re.compile(rb'\\[\s\S]|["\n]')
_PLAIN = re.compile(rb'["\n]')

Item = TypeVar("Item")
Result = TypeVar("Result")


class Parallel(Protocol):
    """Does some work on each of many items at the same time; results in the order of the items."""

    def __call__(self, work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
        """Return the results."""


@dataclass(frozen=True)
class Span:
    """The bytes of a file from `start` to `end`."""

    path: str
    start: int
    end: int

    @property
    def size(self) -> int:
        """How many bytes these are."""
        return self.end - self.start


@dataclass(frozen=True)
class LargeText:
    """A dropped file as text.

    Attributes:
        text: What is known of it; its path holds the beginning only.
        spans: All of it in order, each span whole lines.
        looks: What was counted in each span.
    """

    text: TextFile
    spans: tuple[Span, ...]
    looks: tuple[Look, ...]


@dataclass(frozen=True)
class Block:
    """Some records that are read together.

    Attributes:
        number: Its place among the blocks.
        spans: Where its bytes are.
        line: Lines of the text before it.
        after_blank: Whether the line before it is blank.
    """

    number: int
    spans: tuple[Span, ...]
    line: int
    after_blank: bool

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return sum(span.size for span in self.spans)


@dataclass(frozen=True)
class Output:
    """How the rows of a block are written: as lines of part, row in the part, line, and cells.

    Attributes:
        folder: Where the parts go; None only checks.
        separator: Stands between cells, and in none.
        end: Stands behind a row, and in no cell.
    """

    folder: str | None
    separator: str = ""
    end: str = ""


@dataclass
class BlockRows:
    """What was read in a block. Lines are those of the whole text, and 1-based.

    Attributes:
        rows: Rows as wide as the table.
        spaces: Bytes of lines of nothing but spaces.
        ragged: How many rows have which other number of cells.
        first_ragged: The first of them.
        blank_before: Whether a blank line comes before it.
        good_after: Whether a row as wide as the table comes after it.
        error: What stopped the reading, and the line of the record that did.
        too_long: The line of a row that is longer than engines read.
        spaced: Lines of rows with a cell that begins with spaces and a quote.
        swallowed: The line of a row that holds others, and the lines of its cell.
        second_header: The line of what looks like another header, and its cells.
    """

    rows: int = 0
    spaces: int = 0
    ragged: Counter[int] = field(default_factory=Counter)
    first_ragged: Record | None = None
    blank_before: bool = False
    good_after: bool = False
    error: tuple[int, str] | None = None
    too_long: int | None = None
    spaced: list[int] = field(default_factory=list)
    swallowed: tuple[int, int] | None = None
    second_header: tuple[int, list[str]] | None = None

    @property
    def is_cut(self) -> bool:
        """Whether the block ended inside a quoted cell."""
        return self.error is not None and self.error[1] == _UNEXPECTED_END


@dataclass(frozen=True)
class Rows:
    """All rows of a text, written in parts.

    Attributes:
        folder: Where the parts are: the number of each is its name.
        rows: How many rows each has.
        separator: Stands between cells.
        end: Stands behind a row.
        spaces: Bytes of lines of nothing but spaces, which were left out.
        second_header: The line of what looks like another header, and its cells.
    """

    folder: Path
    rows: tuple[int, ...]
    separator: str
    end: str
    spaces: int
    second_header: tuple[int, list[str]] | None


def open_large_text(
    path: Path,
    file_name: str,
    folder: Path,
    parallel: Parallel,
    unpack: Callable[[Path, str], Path],
    *,
    encoding: str | None = None,
    header_line: int = 1,
    block_bytes: int = BLOCK_BYTES,
) -> LargeText:
    """Return a dropped file as text, as `text.open_text` does for a smaller one.

    Args:
        path: The dropped file.
        file_name: What it was called when it was dropped, for messages.
        folder: Where copies go.
        parallel: Does the work on all blocks.
        unpack: Gives the unpacked copy of a file packed with `gzip` or `zstd`.
        encoding: What the settings say; None finds it out.
        header_line: The line of the dropped file on which the text begins.
        block_bytes: About how many bytes are read together.

    Raises:
        Rejected: `EMPTY_FILE`, `NOT_A_TABLE`, `TOO_LARGE`, `NOT_UTF8`, `ENCODING_UNCLEAR` or
            `WRONG_ENCODING`.
    """
    compression = compression_of(path)
    if compression is not None:
        path = unpack(path, compression)
    check_format(start_of(path), file_name)
    marked = marked_encoding(path)
    spans = _spans(path, 3 if marked is not None and marked[0] == "utf-8" else 0, block_bytes)
    looks = parallel(_looked_at, spans)
    found = _together(looks, spans[0])

    def high() -> HighBytes:
        return reduce(or_, parallel(_high_bytes, spans))

    name, _ = encoding_of(path, file_name, encoding, marked, found.not_utf8_line, high)
    if name != "utf-8":
        spans, looks = _decoded(path, name, file_name, folder, parallel, block_bytes)
        found = _together(looks, spans[0])
    if found.nul_line is not None:
        raise not_a_table(f"{file_name} has a NUL byte", line=found.nul_line)
    blank = leading_blank_lines(Path(spans[0].path), spans[0].start)
    if blank.size:
        spans = _without(spans, blank.size)
        looks = [_looked_at(spans[0]), *looks[len(looks) - len(spans) + 1 :]]
    if line_end_translation(found) is not None:
        target = folder / _TRANSLATED
        target.mkdir()
        copies = parallel(partial(_translated, found=found, folder=target), _numbered(spans))
        spans, looks = [span for span, _ in copies], [seen for _, seen in copies]
    skipped = blank.lines
    if header_line - 1 > skipped:
        spans = _without(spans, _bytes_of_lines(spans, header_line - 1 - skipped))
        looks = [*map(_looked_at, spans[:1]), *looks[len(looks) - len(spans) + 1 :]]
        skipped = header_line - 1
    total = _together(looks, spans[0]) if spans else Look()
    beginning = folder / "beginning"
    beginning.write_bytes(_head(spans, SAMPLE_BYTES + 2 * LONGEST_ROW))
    text = TextFile(
        path=beginning,
        encoding=name,
        compression=compression,
        line_end=found.line_end,
        skipped=skipped,
        size=sum(span.size for span in spans),
        lines=total.lines,
        quotes=total.quotes,
        backslashes=total.backslashes,
        escapes=total.escapes,
        commas=total.commas,
        breakers=total.breakers,
        separator=unused_bytes(total.used, 1)[0],
    )
    return LargeText(text, tuple(spans), tuple(looks))


def drop_copies(folder: Path) -> None:
    """Delete the copies of a text that were made in a folder; what begins it stays."""
    for copy in (_DECODED, _TRANSLATED):
        shutil.rmtree(folder / copy, ignore_errors=True)


def other_escapes(text: LargeText, parallel: Parallel) -> bool:
    """Return whether a backslash stands before something else than a quote or a backslash."""
    return any(parallel(_other_escapes, text.spans))


def blocks_of(text: LargeText, dialect: Dialect, parallel: Parallel) -> list[Block]:
    """Return the text as blocks of records, as far as its quotes tell."""
    if dialect.escape == "doubled":
        quotes = [seen.quotes for seen in text.looks]
    else:
        quotes = parallel(_open_quotes, text.spans)
    blocks: list[Block] = []
    current: list[Span] = []
    first_line = line = inside = 0
    for span, seen, count in zip(text.spans, text.looks, quotes, strict=True):
        at, lines = _record_end(span, dialect) if inside else (span.start, 0)
        if at is None:
            current.append(span)
        else:
            head = replace(span, end=at)
            current += [head] * (head.size > 0)
            if current:
                blocks.append(_block(blocks, current, first_line))
            current, first_line = [replace(span, start=at)], line + lines
        line += seen.lines
        inside = (inside + count) % 2
    if current:
        blocks.append(_block(blocks, current, first_line))
    return blocks


def can_be_read(text: LargeText, dialect: Dialect, width: int, parallel: Parallel) -> bool:
    """Return whether all rows have the same number of cells in this dialect."""
    read = _read(text, dialect, width, parallel, Output(None))
    return not any(each.error or each.ragged or each.too_long for each in read)


def write_rows(text: LargeText, table: Table, folder: Path, parallel: Parallel) -> Rows:
    """Write all rows of a table in parts: lines of part, row in the part, line, and cells.

    Args:
        text: The text.
        table: What it begins like.
        folder: A new folder for the parts.
        parallel: Does the work on all blocks.

    Raises:
        Rejected: `RAGGED_ROW`, `BAD_QUOTES`, `BAD_LINE_END`, `ROW_TOO_LONG`, `FOOTER`,
            `MULTIPLE_TABLES` or `CSV_UNCLEAR`.
    """
    used = reduce(or_, (seen.used for seen in text.looks), frozenset[int]())
    separator, end = map(chr, unused_bytes(used, 2))
    folder.mkdir()
    output = Output(str(folder), separator, end)
    read = _read(text, table.dialect, table.width, parallel, output)
    _check(read, table)
    return Rows(
        folder=folder,
        rows=tuple(each.rows for each in read),
        separator=separator,
        end=end,
        spaces=sum(each.spaces for each in read),
        second_header=next((each.second_header for each in read if each.second_header), None),
    )


def with_tail(text: LargeText, table: Table, folder: Path) -> Table:
    """Return the table with a path to the last bytes of its text, for who looks only there."""
    taken: list[bytes] = []
    left = _TAIL
    for span in reversed(text.spans):
        part = replace(span, start=max(span.start, span.end - left))
        with _opened([part]) as file:
            taken.insert(0, file.read())
        left -= part.size
        if left <= 0:
            break
    tail = folder / "end"
    tail.write_bytes(b"".join(taken))
    return replace(table, text=replace(table.text, path=tail, size=tail.stat().st_size))


def refusal_of_second_header(rows: Rows, table: Table) -> Rejected | None:
    """Return the refusal of a text in which another table begins, if one seems to."""
    return rows.second_header and second_table(table, *rows.second_header)


def _spans(path: Path, skip: int, size: int, line_end: bytes | None = None) -> list[Span]:
    """Return a file in spans of whole lines, each about as large."""
    length = path.stat().st_size
    starts = [skip]
    with path.open("rb") as file:
        if line_end is None:
            file.seek(skip)
            start = file.read(_CHUNK)
            line_end = b"\r" if b"\r" in start and b"\n" not in start else b"\n"
        while (at := starts[-1] + size) < length:
            end = _after_line(file, at, line_end)
            if end >= length:
                break
            starts.append(end)
    return [Span(str(path), *each) for each in pairwise([*starts, length])]


def _after_line(file: BinaryIO, at: int, line_end: bytes) -> int:
    """Return where the next line begins, at or after a byte."""
    width = len(line_end)
    at -= at % width
    while True:
        file.seek(at)
        window = file.read(_CHUNK)
        found = window.find(line_end)
        while found % width and found >= 0:
            found = window.find(line_end, found + 1)
        if found >= 0:
            end = at + found + width
            file.seek(end)
            # A line feed behind a carriage return belongs to it.
            return end + (line_end == b"\r" and file.read(1) == b"\n")
        if len(window) < _CHUNK:
            return at + len(window)
        at += _CHUNK


def _looked_at(span: Span) -> Look:
    return look(Path(span.path), span.start, span.end)


def _high_bytes(span: Span) -> HighBytes:
    return high_bytes(Path(span.path), span.start, span.end)


def _together(looks: Sequence[Look], first: Span) -> Look:
    """Return what was counted in all spans of a text."""
    lines = [0]
    for seen in looks:
        lines.append(lines[-1] + seen.lines)

    def place(found: Iterable[int | None]) -> int | None:
        return next(
            (before + line for before, line in zip(lines, found, strict=False) if line is not None),
            None,
        )

    returns, pairs = sum(each.returns for each in looks), sum(each.pairs for each in looks)
    return Look(
        lines=lines[-1],
        returns=returns,
        pairs=pairs,
        quotes=sum(each.quotes for each in looks),
        backslashes=sum(each.backslashes for each in looks),
        escapes=any(each.escapes for each in looks),
        commas=any(each.commas for each in looks),
        breakers=any(each.breakers for each in looks),
        nul_line=place(each.nul_line for each in looks),
        not_utf8_line=place(each.not_utf8_line for each in looks),
        line_end=line_end_of(Path(first.path), first.start, lines[-1], returns, pairs),
        used=reduce(or_, (each.used for each in looks), frozenset[int]()),
    )


def _decoded(
    path: Path, encoding: str, file_name: str, folder: Path, parallel: Parallel, size: int
) -> tuple[list[Span], list[Look]]:
    """Return copies in UTF-8 of a file's spans.

    Raises:
        Rejected: `WRONG_ENCODING`.
    """
    codec, skip, line_end = codec_of(path, encoding), 0, None
    if codec == "utf-16":
        skip, codec = 2, "utf-16-le" if start_of(path)[:2] == b"\xff\xfe" else "utf-16-be"
    if codec in ("utf-16-le", "utf-16-be"):
        line_end = "\n".encode(codec)
    target = folder / _DECODED
    target.mkdir()
    spans = _spans(path, skip, size, line_end)
    copies = parallel(partial(_decoded_span, codec=codec, folder=target), _numbered(spans))
    lines = 0
    for copy, seen in copies:
        if copy is None:
            raise wrong_encoding(file_name, encoding, lines + seen.lines + 1)
        lines += seen.lines
    return [copy for copy, _ in copies if copy is not None], [seen for _, seen in copies]


def _numbered(spans: Sequence[Span]) -> list[tuple[int, Span]]:
    return list(enumerate(spans))


def _decoded_span(numbered: tuple[int, Span], codec: str, folder: Path) -> tuple[Span | None, Look]:
    """Return a copy in UTF-8; without one, the lines before what cannot be decoded."""
    number, span = numbered
    target = folder / f"{number:06d}"
    lines = 0
    with _opened([span]) as source, target.open("w", encoding="utf-8", newline="") as file:
        decoder = codecs.getincrementaldecoder(codec)()
        try:
            while chunk := source.read(4 * _CHUNK):
                text = decoder.decode(chunk)
                lines += text.count("\n")
                file.write(text)
            file.write(decoder.decode(b"", final=True))
        except UnicodeError:
            return None, Look(lines=lines)
    copy = Span(str(target), 0, target.stat().st_size)
    return copy, _looked_at(copy)


def _translated(numbered: tuple[int, Span], found: Look, folder: Path) -> tuple[Span, Look]:
    """Return a copy with line feeds at the ends of the lines."""
    number, span = numbered
    target = folder / f"{number:06d}"
    translate = line_end_translation(found)
    with _opened([span]) as source, target.open("wb") as file:
        kept = b""
        while chunk := source.read(4 * _CHUNK):
            whole = kept + chunk
            kept = b"\r" if whole.endswith(b"\r") else b""
            body = whole[: len(whole) - len(kept)]
            file.write(translate(body) if translate else body)
        file.write(translate(kept) if translate else kept)
    copy = Span(str(target), 0, target.stat().st_size)
    return copy, _looked_at(copy)


def _without(spans: Sequence[Span], size: int) -> list[Span]:
    """Return spans without their first bytes."""
    return list(_divided(spans, size)[1])


def _divided(spans: Sequence[Span], size: int) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """Return the first bytes of some spans, and the rest."""
    first, rest = [], []
    for span in spans:
        taken = min(size, span.size)
        size -= taken
        first.append(replace(span, end=span.start + taken))
        rest.append(replace(span, start=span.start + taken))
    return tuple(s for s in first if s.size), tuple(s for s in rest if s.size)


def _bytes_of_lines(spans: Sequence[Span], lines: int) -> int:
    with _opened(spans) as file:
        return sum(len(file.readline()) for _ in range(lines))


def _head(spans: Sequence[Span], size: int) -> bytes:
    with _opened(spans) as file:
        return file.read(size)


def _other_escapes(span: Span) -> bool:
    """Return whether a backslash stands before something else than a quote or a backslash."""
    kept = b""
    with _opened([span]) as file:
        while chunk := file.read(4 * _CHUNK):
            rest = (kept + chunk).replace(b"\\\\", b"").replace(b'\\"', b"")
            kept = b"\\" if rest.endswith(b"\\") else b""
            if b"\\" in rest[: len(rest) - len(kept)]:
                return True
    return bool(kept)


def _open_quotes(span: Span) -> int:
    """Return how many quotes have no backslash before them."""
    count, kept = 0, b""
    with _opened([span]) as file:
        while chunk := file.read(4 * _CHUNK):
            rest = (kept + chunk).replace(b"\\\\", b"")
            kept = b"\\" if rest.endswith(b"\\") else b""
            count += rest[: len(rest) - len(kept)].replace(b'\\"', b"").count(b'"')
    return count


def _record_end(span: Span, dialect: Dialect) -> tuple[int | None, int]:
    """Return where a record ends that began before, and the lines until there."""
    signs = _PLAIN if dialect.escape == "doubled" else _ESCAPED
    inside, lines, at = True, 0, span.start
    with _opened([span]) as file:
        # A line is read whole, so that nothing is cut that belongs together.
        for line in file:
            inside ^= sum(found[0] == b'"' for found in signs.finditer(line)) % 2 == 1
            at += len(line)
            lines += 1
            if not inside:
                return at, lines
    return None, lines


def _block(before: Sequence[Block], spans: Sequence[Span], line: int) -> Block:
    after_blank = bool(before) and _ends_blank(before[-1].spans[-1])
    return Block(len(before), tuple(spans), line, after_blank)


def _ends_blank(span: Span) -> bool:
    with _opened([replace(span, start=max(span.start, span.end - 4096))]) as file:
        return not file.read().removesuffix(b"\n").rpartition(b"\n")[2].strip()


def _read(
    text: LargeText, dialect: Dialect, width: int, parallel: Parallel, output: Output
) -> list[BlockRows]:
    """Read all blocks; where one ends inside a record, that one again with the next.

    The result is listed by the numbers of the blocks. One that was read with another has no rows.
    """
    work = partial(_rows_of, dialect=dialect, width=width, output=output)
    blocks = blocks_of(text, dialect, parallel)
    read = dict(zip(blocks, parallel(work, blocks), strict=True))
    while True:
        failed = next((i for i, each in enumerate(blocks) if read[each].error), None)
        if failed is None or blocks[failed] is blocks[-1] or not read[blocks[failed]].is_cut:
            break
        first, second = blocks[failed : failed + 2]
        if output.folder is not None:
            Path(output.folder, part_name(second.number)).unlink()
        both = replace(first, spans=(*first.spans, *second.spans))
        blocks[failed : failed + 2] = [both]
        read[both] = parallel(work, [both])[0]
    by_number = {each.number: read[each] for each in blocks}
    return [by_number.get(number, BlockRows()) for number in range(blocks[-1].number + 1)]


def part_name(number: int) -> str:
    """Return the name of the file with the rows of a block."""
    return f"{number:06d}"


def _rows_of(block: Block, dialect: Dialect, width: int, output: Output) -> BlockRows:
    """Read a block of records, and write its rows."""
    # The library's limit of 131,072 characters is a process-wide setting.
    csv.field_size_limit(2 * LONGEST_ROW)
    found = BlockRows()
    whole_row = row_pattern(dialect, width)
    spaced = space_before_quote("\n")
    separator, start = output.separator, f"{block.number}{output.separator}"
    after_blank, is_header = block.after_blank, block.number == 0
    first_line = block.line + 1
    lines: list[str] = []
    with ExitStack() as files:
        text = io.TextIOWrapper(
            io.BufferedReader(files.enter_context(_Bytes(block.spans)), _CHUNK),
            encoding="utf-8",
            newline="\n",
        )
        target = None
        if output.folder is not None:
            path = Path(output.folder, part_name(block.number))
            target = files.enter_context(path.open("w", encoding="utf-8", newline=""))
        reader = csv.reader(
            text,
            delimiter=dialect.delimiter,
            strict=True,
            doublequote=dialect.escape == "doubled",
            escapechar=None if dialect.escape == "doubled" else "\\",
        )
        try:
            for cells in reader:
                line, first_line = first_line, block.line + reader.line_num + 1
                if len(cells) != width:
                    record = Record(line, first_line - 1, cells)
                    if record.is_blank:
                        found.spaces += sum(len(cell.encode()) for cell in cells)
                        after_blank = True
                        continue
                    if found.first_ragged is None:
                        found.first_ragged, found.blank_before = record, after_blank
                        found.good_after = False
                    found.ragged[len(cells)] += 1
                    after_blank = False
                    continue
                found.good_after = True
                if first_line - line > 1 and whole_row and found.swallowed is None:
                    over = swallowed_lines(cells, whole_row)
                    found.swallowed = (line, over) if over else None
                if after_blank:
                    if found.second_header is None and looks_like_header(cells, width):
                        found.second_header = line, cells
                    after_blank = False
                if is_header:
                    is_header = False
                    continue
                row = separator.join(cells)
                if '"' in row and any(map(spaced.match, cells)):
                    found.spaced.append(line)
                if len(row) > LONGEST_ROW // 4 and len(row.encode()) > LONGEST_ROW:
                    found.too_long = line
                    break
                lines.append(f"{start}{found.rows}{separator}{line}{separator}{row}")
                found.rows += 1
                if len(lines) == _ROWS_AT_ONCE and target is not None:
                    target.write(output.end.join(lines) + output.end)
                    lines.clear()
        except csv.Error as error:
            found.error = first_line, str(error)
        if target is not None and lines:
            target.write(output.end.join(lines) + output.end)
    found.spaced = _spaced_lines(block, found.spaced, dialect)
    return found


def _spaced_lines(block: Block, lines: Sequence[int], dialect: Dialect) -> list[int]:
    """Return the first of some lines on which the spaces and the quote stand in no quotes."""
    if not lines:
        return []
    asked, spaced = set(lines), space_before_quote(dialect.delimiter)
    with _opened(block.spans) as file:
        for number, line in enumerate(file, block.line + 1):
            if number in asked and spaced.search(line.decode()):
                return [number]
    return []


def _check(read: Sequence[BlockRows], table: Table) -> None:
    """Check that all blocks could be read, and hold rows as wide as the table only.

    Raises:
        Rejected: What is wrong first, as `reading.diagnosed` tells it.
    """
    ragged: Counter[int] = Counter()
    first: Record | None = None
    good_after = blank_before = False
    for each in read:
        if first is None:
            first, blank_before = each.first_ragged, each.blank_before
            good_after = first is not None and each.good_after
        else:
            good_after = good_after or each.rows > 0
        ragged += each.ragged
        if first is None and each.too_long is not None:
            raise too_long(table.line_of(each.too_long))
        if first is None and each.error is not None:
            raise bad_record(table, *each.error)
        if each.error is not None or each.too_long is not None:
            break
    if first is not None:
        raise ragged_rows(table, first, ragged, good_after=good_after, blank_before=blank_before)
    if spaced := [line for each in read for line in each.spaced]:
        unclear = csv_unclear(table)
        # That looked at the beginning of the text only.
        raise unclear if unclear.line is not None else spaced_quote(table, spaced[0])
    for each in read:
        if each.swallowed is not None:
            raise swallowed(table, *each.swallowed)


def _opened(spans: Sequence[Span]) -> io.BufferedReader:
    return io.BufferedReader(_Bytes(spans), _CHUNK)


class _Bytes(io.RawIOBase):
    """The bytes of some spans, one behind the other."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self._left = list(reversed(spans))
        self._file: io.FileIO | None = None
        self._size = 0

    def readable(self) -> bool:
        """Return that this can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read as much as there is at once."""
        while not self._size:
            self._close_file()
            if not self._left:
                return 0
            span = self._left.pop()
            self._file = io.FileIO(span.path)
            self._file.seek(span.start)
            self._size = span.size
        assert self._file is not None  # noqa: S101 - there are bytes left in it
        count = self._file.readinto(memoryview(buffer)[: self._size])
        self._size -= count
        return count

    def close(self) -> None:
        """Close the file that is open."""
        self._close_file()
        super().close()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None
