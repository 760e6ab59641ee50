"""The bytes of a dropped file as plain text: UTF-8, one kind of line end, header first.

A text is looked at span by span and never copied: each span is decoded when it is read.
"""

from __future__ import annotations

import codecs
import gzip
import re
import sys
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from itertools import pairwise
from operator import add, or_
from pathlib import Path
from typing import BinaryIO, cast

from autodrop.errors import Rejected
from autodrop.preparation.cells.kinds import RECORD_BREAKERS
from autodrop.preparation.reading.storage import LocalFile, Stored, on_disk
from autodrop.processors import Processors

TOO_LARGE = "TOO_LARGE"
# What batch transform is given of a row at most.
LONGEST_ROW = 6 * 1024 * 1024
# What is done once a block costs little then, and two blocks fit into the memory of a function.
BLOCK_BYTES = 4 * 1024 * 1024
_CHUNK = 4 * 1024 * 1024
# Where a line ends is looked for in so many bytes at first: all that is read may come from far.
_WINDOW = 64 * 1024
# Of a longer line, only the end is looked at to tell whether it is blank.
_TAIL = 4096
_LONGEST_LINE = 2 * LONGEST_ROW
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_DAMAGED = (gzip.BadGzipFile, zlib.error, EOFError)
# What people drop instead of a table, by how it starts.
_OTHER_FORMATS = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"SQLite format 3", "a database"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Obj\x01", "an Avro file"),
    (b"ORC", "an ORC file"),
    (b"ARROW1", "an Arrow file"),
)
_PARQUET = b"PAR1"
# A column may be called {a}; in JSON a quoted name, another bracket or nothing comes next.
_JSON = re.compile(rb"\[?\s*\{\s*[\"}]")
_BREAKERS = tuple(each.encode() for each in RECORD_BREAKERS if each != "\r")
_SIGNS = b'\n\r"\\\0' + b"".join(each for each in _BREAKERS if len(each) == 1)
_ORDINARY = bytes(byte for byte in range(256) if byte not in _SIGNS)
_BLANK_LINES = re.compile(rb"(?:[ \t]*\n)*")
# Bytes that Windows-1252 does not use; Latin-1 has control characters there and up to 0x9f.
_NOT_IN_1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")
_C1 = bytes(range(0x80, 0xA0))
_HIGH = re.compile(rb"[\x80-\xff]+")
# In Western European text, letters beyond ASCII stand alone or in pairs, seldom in threes.
_LONG_RUN = 3
_MOST_LONG_RUNS = 0.4
# What Windows-1252 has as signs, or as capital letters inside a word of small ones, are letters in
# the encodings of DOS and of old Macs.
_OLD_LETTERS = re.compile(
    rb"[A-Za-z][\x80-\x84\x86-\x89\x8b\x8d\x8f\x90\x93-\x95\x98\x9b\x9d][A-Za-z]"
    rb"|[a-z][\x8a\x8c\x8e\x9f][a-z]"
)
_SWAPPED = bytes.maketrans(b"\r\n", b"\n\r")
_UTF8_MARK = ("utf-8", 3)
_CODECS = {
    "utf-8": "utf-8",
    "utf-16": "utf-16",
    "latin-1": "latin-1",
    "windows-1252": "cp1252",
}


@dataclass(frozen=True)
class Span:
    """Whole lines of a file, as bytes from `start` to `end`.

    Attributes:
        file: The file.
        start: Its first byte.
        end: Behind its last byte.
        first: The first byte of interest once it is decoded.
        last: Behind the last of these; None for all that follow.
    """

    file: Stored
    start: int
    end: int
    first: int = 0
    last: int | None = None

    def read(self) -> bytes:
        """Return the bytes of the file, not decoded."""
        return self.file.read(self.start, self.end)


@dataclass(frozen=True)
class Look:
    """What is counted in the bytes of a span.

    Attributes:
        size: Bytes.
        lines: Line feeds.
        returns: Carriage returns.
        pairs: Carriage returns before a line feed.
        quotes: Double quotes.
        backslashes: Backslashes.
        escapes: Whether a backslash stands before a double quote.
        breakers: Whether a character other than line feed and carriage return would break a record.
        nul_line: The 1-based line of the first NUL.
        not_utf8_line: The line of the first bytes that are not UTF-8.
        ends_blank: Whether the last line is blank.
    """

    size: int = 0
    lines: int = 0
    returns: int = 0
    pairs: int = 0
    quotes: int = 0
    backslashes: int = 0
    escapes: bool = False
    breakers: bool = False
    nul_line: int | None = None
    not_utf8_line: int | None = None
    ends_blank: bool = False

    def __add__(self, other: Look) -> Look:
        def place(mine: int | None, theirs: int | None) -> int | None:
            return mine if mine is not None or theirs is None else self.lines + theirs

        return Look(
            self.size + other.size,
            self.lines + other.lines,
            self.returns + other.returns,
            self.pairs + other.pairs,
            self.quotes + other.quotes,
            self.backslashes + other.backslashes,
            self.escapes or other.escapes,
            self.breakers or other.breakers,
            place(self.nul_line, other.nul_line),
            place(self.not_utf8_line, other.not_utf8_line),
            other.ends_blank,
        )


def look(data: bytes) -> Look:
    """Return what is counted in some bytes that are whole lines."""
    is_ascii = data.isascii()
    not_utf8_line = None
    if not is_ascii:
        try:
            data.decode()
        except UnicodeDecodeError as error:
            not_utf8_line = data.count(b"\n", 0, error.start) + 1
    signs = data.translate(None, delete=_ORDINARY)
    returns, backslashes = signs.count(b"\r"), signs.count(b"\\")
    return Look(
        size=len(data),
        lines=signs.count(b"\n"),
        returns=returns,
        pairs=data.count(b"\r\n") if returns else 0,
        quotes=signs.count(b'"'),
        backslashes=backslashes,
        escapes=backslashes > 0 and b'\\"' in data,
        breakers=any(
            each in (signs if len(each) == 1 else data)
            for each in _BREAKERS
            if len(each) == 1 or not is_ascii
        ),
        nul_line=data.count(b"\n", 0, data.index(b"\0")) + 1 if b"\0" in signs else None,
        not_utf8_line=not_utf8_line,
        ends_blank=not data[-_TAIL:].removesuffix(b"\n").rpartition(b"\n")[2].strip(),
    )


@dataclass(frozen=True)
class Decoding:
    """How the bytes of a file become UTF-8 with a line feed behind every line.

    Attributes:
        codec: What Python calls the encoding; None for UTF-8.
        line_end: `lf`, `crlf`, `cr` or `mixed`.
    """

    codec: str | None = None
    line_end: str = "lf"

    def decode(self, data: bytes) -> bytes:
        """Return the text of some bytes.

        Raises:
            UnicodeError: They are in another encoding.
        """
        if self.codec is not None:
            data = data.decode(self.codec).encode()
        if self.line_end == "lf":
            return data
        data = data.replace(b"\r\n", b"\n")
        # Swapped, not replaced: a line feed inside a quoted cell stays a character of that cell.
        return data.translate(_SWAPPED) if self.line_end == "cr" else data


@dataclass(frozen=True)
class Text:
    """A dropped file as text: UTF-8 without a mark, a line feed behind every line.

    Attributes:
        spans: All of it in order, whole lines each.
        looks: What is counted in each of them, decoded.
        decoding: How their bytes become text.
        encoding: What the dropped file was encoded with.
        compression: `gzip`, `zstd` or None.
        skipped: Lines of the dropped file before the first line of the text.
    """

    spans: tuple[Span, ...]
    looks: tuple[Look, ...] = field(repr=False)
    decoding: Decoding = Decoding()
    encoding: str = "utf-8"
    compression: str | None = None
    skipped: int = 0

    @cached_property
    def total(self) -> Look:
        """What is counted in all of it."""
        return reduce(add, self.looks, Look())

    @property
    def line_end(self) -> str:
        """What ended the lines of the dropped file: `lf`, `crlf`, `cr` or `mixed`."""
        return self.decoding.line_end

    @property
    def breakers(self) -> bool:
        """Whether a character other than the line feed would break a record in two."""
        return self.total.breakers or self.total.returns > 0

    def __reduce__(self) -> tuple[type[Text], tuple[object, ...]]:
        """Leave behind, on the way to another machine, what only the one that cuts it needs."""
        kept = ((), (self.total,), self.decoding, self.encoding, self.compression, self.skipped)
        return Text, kept

    def read(self, span: Span) -> bytes:
        """Return the text of a span."""
        return self.decoding.decode(span.read())[span.first : span.last]

    def beginning(self, size: int) -> bytes:
        """Return the first bytes of the text, and those to the end of that line."""
        start = b""
        for span in self.spans:
            start += self.read(span)
            if len(start) > size:
                cut = start.find(b"\n", size - 1, size + LONGEST_ROW)
                return start[: cut + 1 or size + LONGEST_ROW]
        return start

    def end(self, size: int) -> bytes:
        """Return the last bytes of the text."""
        end = b""
        for span in reversed(self.spans):
            end = self.read(span) + end
            if len(end) >= size:
                break
        return end[-size:]

    def without_lines(self, lines: int) -> Text:
        """Return the text without its first lines."""
        spans, looks, left = list(self.spans), list(self.looks), lines
        while left and spans:
            if looks[0].lines <= left and len(spans) > 1:
                left -= looks.pop(0).lines
                spans.pop(0)
                continue
            data, at = self.read(spans[0]), 0
            for _ in range(left):
                at = data.find(b"\n", at) + 1 or len(data)
            spans[0] = replace(spans[0], first=spans[0].first + at)
            looks[0] = look(data[at:])
            break
        return replace(self, spans=tuple(spans), looks=tuple(looks), skipped=self.skipped + lines)


def open_text(
    file: Stored,
    file_name: str,
    folder: Path,
    processors: Processors,
    *,
    encoding: str | None = None,
    longest: int,
    block_bytes: int = BLOCK_BYTES,
) -> Text:
    """Return a dropped file as text; only a packed one is copied, unpacked, to `folder`.

    Args:
        file: The dropped file.
        file_name: What it was called when it was dropped, for messages.
        folder: Where copies go.
        processors: Who looks at the spans.
        encoding: What the settings say; None finds it out.
        longest: The most bytes that it may have unpacked.
        block_bytes: About how many bytes a span has.

    Raises:
        Rejected: `EMPTY_FILE`, `NOT_A_TABLE`, `TOO_LARGE`, `NOT_UTF8`, `ENCODING_UNCLEAR` or
            `WRONG_ENCODING`.
    """
    compression = compression_of(file)
    if compression is not None:
        packed = on_disk(file, folder / "packed")
        unpack(packed, compression, folder / "unpacked", file_name, longest)
        file = LocalFile(str(folder / "unpacked"))
    check_format(start_of(file), file_name)
    marked = marked_encoding(file)
    is_utf8_marked = marked == _UTF8_MARK
    spans = cut(file, _UTF8_MARK[1] if is_utf8_marked else 0, block_bytes)
    looks = list(processors.map(_look_at, [(Decoding(), span) for span in spans]))
    total = reduce(add, looks, Look())
    name, _ = encoding_of(
        file,
        file_name,
        encoding,
        marked,
        total.not_utf8_line,
        lambda: reduce(or_, processors.map(_high_bytes, spans), HighBytes()),
    )
    decoding = Decoding()
    if name != "utf-8":
        spans, decoding = _decoded_spans(file, name, block_bytes)
        looks = _decoded_looks(decoding, spans, processors, file_name, name)
        total = reduce(add, looks, Look())
        if total.size > longest:
            raise too_large(longest)
    if total.nul_line is not None:
        raise not_a_table(f"{file_name} has a NUL byte", line=total.nul_line)
    line_end = _line_end(total, decoding, spans)
    if line_end != "lf":
        decoding = replace(decoding, line_end=line_end)
        looks = list(processors.map(_look_at, [(decoding, span) for span in spans]))
    text = Text(tuple(spans), tuple(looks), decoding, name, compression)
    return text.without_lines(_leading_blank_lines(text))


def _look_at(task: tuple[Decoding, Span]) -> Look:
    decoding, span = task
    return look(decoding.decode(span.read())[span.first : span.last])


def _high_bytes(span: Span) -> HighBytes:
    return high_bytes(span.read())


def _decoded_spans(file: Stored, name: str, block_bytes: int) -> tuple[list[Span], Decoding]:
    codec, skip, line_end = codec_of(file, name), 0, None
    if codec == "utf-16":
        skip, codec = 2, "utf-16-le" if start_of(file)[:2] == codecs.BOM_UTF16_LE else "utf-16-be"
    if codec in ("utf-16-le", "utf-16-be"):
        line_end = "\n".encode(codec)
    return cut(file, skip, block_bytes, line_end), Decoding(codec)


def _decoded_looks(
    decoding: Decoding, spans: Sequence[Span], processors: Processors, file_name: str, name: str
) -> list[Look]:
    """Return what is counted in spans once they are decoded.

    Raises:
        Rejected: `WRONG_ENCODING`.
    """
    looks: list[Look] = []
    lines = 0
    for seen, lines_before_error in processors.map(
        _decoded_look, [(decoding, span) for span in spans]
    ):
        if lines_before_error is not None:
            raise wrong_encoding(file_name, name, lines + lines_before_error + 1)
        lines += seen.lines
        looks.append(seen)
    return looks


def _decoded_look(task: tuple[Decoding, Span]) -> tuple[Look, int | None]:
    """Return what is counted in a span; where it cannot be decoded, the lines before that."""
    decoding, span = task
    data = span.read()
    try:
        return look(decoding.decode(data)), None
    except UnicodeDecodeError as error:
        return Look(), data[: error.start].decode(decoding.codec or "utf-8", "ignore").count("\n")


def _line_end(total: Look, decoding: Decoding, spans: Sequence[Span]) -> str:
    """Return what ends the lines of a text."""
    if not total.returns:
        return "lf"
    if total.lines == 0:
        return "cr"
    if total.returns > total.pairs:
        for span in spans:
            if found := re.search(rb"\r\n|[\r\n]", decoding.decode(span.read())):
                if found[0] == b"\r":
                    return "cr"
                break
    if total.lines == total.pairs:
        return "crlf"
    return "mixed" if total.pairs else "lf"


def _leading_blank_lines(text: Text) -> int:
    """Return how many lines at the beginning are blank."""
    lines = 0
    for span in text.spans:
        data = text.read(span)
        blank = _BLANK_LINES.match(data)
        end = blank.end() if blank else 0
        lines += data.count(b"\n", 0, end)
        if end < len(data):
            break
    return lines


def cut(file: Stored, skip: int, size: int, line_end: bytes | None = None) -> list[Span]:
    """Return a file in spans of whole lines, each about as large.

    Args:
        file: The file.
        skip: Bytes at the beginning that belong to no span.
        size: About how many bytes a span has.
        line_end: What is behind a line; None finds it out from the beginning.
    """
    length = file.size
    starts = [skip]
    if line_end is None:
        start = file.read(skip, skip + _CHUNK)
        line_end = b"\r" if b"\r" in start and b"\n" not in start else b"\n"
    while (at := starts[-1] + size) < length:
        end = _after_line(file, at, line_end)
        if end >= length:
            break
        starts.append(end)
    return [Span(file, *ends) for ends in pairwise([*starts, max(length, skip)])]


def _after_line(file: Stored, at: int, line_end: bytes) -> int:
    """Return where the next line begins, at or after a byte.

    Behind `_LONGEST_LINE` bytes without a line end, that is where a character begins: no row is so
    long, and none is to fill the memory.
    """
    width = len(line_end)
    at -= at % width
    limit, size = at + _LONGEST_LINE, _WINDOW
    while True:
        window = file.read(at, at + size)
        found = window.find(line_end)
        while found % width and found >= 0:
            found = window.find(line_end, found + 1)
        if found >= 0:
            end = at + found + width
            # A line feed behind a carriage return belongs to it.
            return end + (line_end == b"\r" and file.read(end, end + 1) == b"\n")
        if len(window) < size:
            return at + len(window)
        at, size = at + size, min(4 * size, _CHUNK)
        if at >= limit:
            rest = file.read(at, at + 4)
            return at + next((i for i, byte in enumerate(rest) if byte & 0xC0 != 0x80), 0)


def compression_of(file: Stored) -> str | None:
    """Return `gzip`, `zstd` or None."""
    start = start_of(file)
    if start.startswith(_GZIP):
        return "gzip"
    return "zstd" if start.startswith(_ZSTD) else None


def unpack(path: Path, compression: str, target: Path, file_name: str, longest: int) -> None:
    """Write a packed file's content to `target`.

    Raises:
        Rejected: `NOT_A_TABLE` for a damaged file, `TOO_LARGE` for more than `longest` bytes.
    """
    opened, damaged = _packed(path, compression)
    size = 0
    with closing(opened) as packed, target.open("wb") as file:
        try:
            while chunk := packed.read(_CHUNK):
                size += len(chunk)
                if size > longest:
                    raise too_large(longest)
                file.write(chunk)
        except damaged:
            raise damaged_archive(file_name, compression, size) from None


def _packed(path: Path, compression: str) -> tuple[BinaryIO, tuple[type[Exception], ...]]:
    """Return a packed file opened, and what reading it raises where it is damaged."""
    if compression == "gzip":
        return cast("BinaryIO", gzip.open(path)), _DAMAGED
    # Not above: the Spark container has no such package, and unpacks with Spark's own.
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    return cast("BinaryIO", zstd.open(path)), (*_DAMAGED, zstd.ZstdError)


def damaged_archive(file_name: str, compression: str, size: int) -> Rejected:
    """Return the refusal of a packed file of which only the first `size` bytes can be read."""
    return Rejected(
        "NOT_A_TABLE",
        f"{file_name} is a damaged {compression} file: it breaks off after {size:,} unpacked "
        "bytes.",
        "Pack the file again, or upload it again if the upload was cut short.",
    )


def too_large(longest: int) -> Rejected:
    """Return the refusal of a file that unpacks to more than `longest` bytes."""
    return Rejected(
        TOO_LARGE,
        f"The file is too large to be prepared: the limit is {longest / 1e6:,.0f} MB unpacked.",
        "Drop it unpacked, so that its size is known before it is read, or drop a sample of the "
        "rows.",
    )


def check_format(start: bytes, file_name: str) -> None:
    """Check that a file does not begin like something else than a text.

    Raises:
        Rejected: `EMPTY_FILE` or `NOT_A_TABLE`.
    """
    if not start.strip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe"):
        raise Rejected(
            "EMPTY_FILE",
            f"{file_name} is empty.",
            "Drop a CSV file with a header in its first row and at least 500 rows of data.",
        )
    for magic, what in _OTHER_FORMATS:
        # A column may be called ORC or BZh; what follows in such a file is no text.
        if start.startswith(magic) and (len(magic) > 3 or not start.isascii() or b"\0" in start):
            raise not_a_table(f"{file_name} is {what}")
    if start.startswith(_PARQUET) and b"\0" in start:
        raise not_a_table(f"{file_name} is a damaged Parquet file")
    if start.startswith((_GZIP, _ZSTD)):
        raise not_a_table(f"{file_name} is compressed twice")
    head = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if head.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise not_a_table(f"{file_name} is a web page or XML document")
    if _JSON.match(head):
        raise not_a_table(f"{file_name} is a JSON document")
    if head.startswith(b"{\\rtf"):
        raise not_a_table(f"{file_name} is a rich-text document")


def encoding_of(
    file: Stored,
    file_name: str,
    wanted: str | None,
    marked: tuple[str, int] | None,
    not_utf8_line: int | None,
    high: Callable[[], HighBytes],
) -> tuple[str, int]:
    """Return the encoding and the bytes of its mark at the beginning.

    Raises:
        Rejected: The bytes do not say it, or contradict what the settings say.
    """
    start = start_of(file)
    if marked is not None and wanted not in (None, marked[0]):
        raise Rejected(
            "WRONG_ENCODING",
            f"The setting `read.encoding` is {wanted}, but {file_name} says at its beginning that "
            f"it is {marked[0]}.",
            "Leave out `read.encoding`.",
        )
    if start.startswith((b"\xff\xfe\x00\x00", b"\x00\x00\xfe\xff")):
        raise Rejected(
            "ENCODING_UNCLEAR",
            f"{file_name} is encoded as UTF-32.",
            "Save the file with the encoding UTF-8 and drop it again.",
        )
    if marked is not None and marked != _UTF8_MARK:
        return marked
    if wanted in ("latin-1", "windows-1252", "utf-16"):
        return wanted, 0
    if wanted is None and marked is None and _looks_like_utf16(start):
        return "utf-16", 0
    if not_utf8_line is None:
        return marked or ("utf-8", 0)
    if wanted == "utf-8" or marked is not None:
        raise _not_utf8(not_utf8_line)
    return _single_byte_encoding(high(), file_name, not_utf8_line), 0


def marked_encoding(file: Stored) -> tuple[str, int] | None:
    """Return the encoding that a mark at the beginning names, with the bytes of the mark."""
    start = start_of(file)
    if start.startswith(codecs.BOM_UTF8):
        return _UTF8_MARK
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", 2
    return None


def start_of(file: Stored) -> bytes:
    """Return the first bytes of a file."""
    return file.read(0, 4096)


def _looks_like_utf16(start: bytes) -> bool:
    """Return whether every other byte is a zero, as in Western text encoded as UTF-16."""
    even, odd = start[0::2].count(0), start[1::2].count(0)
    return len(start) >= 8 and max(even, odd) > 0.4 * len(start) / 2 and min(even, odd) == 0


@dataclass(frozen=True)
class HighBytes:
    """What the bytes beyond ASCII look like in a text that is not UTF-8.

    Attributes:
        used: Which there are.
        runs: How often some stand side by side.
        long_runs: How often more than two do.
        multibyte: Whether some of these runs are UTF-8.
        old: Whether some look like the letters of DOS or of old Macs.
    """

    used: frozenset[int] = frozenset()
    runs: int = 0
    long_runs: int = 0
    multibyte: bool = False
    old: bool = False

    def __or__(self, other: HighBytes) -> HighBytes:
        return HighBytes(
            self.used | other.used,
            self.runs + other.runs,
            self.long_runs + other.long_runs,
            self.multibyte or other.multibyte,
            self.old or other.old,
        )


def high_bytes(data: bytes) -> HighBytes:
    """Return what the bytes beyond ASCII look like in some bytes."""
    if data.isascii():
        return HighBytes()
    runs = _HIGH.findall(data)
    return HighBytes(
        frozenset(data.translate(None, delete=bytes(range(0x80)))),
        len(runs),
        sum(len(run) >= _LONG_RUN for run in runs),
        any(map(_is_utf8, runs)),
        bool(_OLD_LETTERS.search(data)),
    )


def _single_byte_encoding(found: HighBytes, file_name: str, wrong: int) -> str:
    """Return what the bytes of a file that is not UTF-8 can be.

    Raises:
        Rejected: More than one thing, or nothing that is read here.
    """
    if found.multibyte:
        raise Rejected(
            "ENCODING_UNCLEAR",
            f"{file_name} is UTF-8 in some places, but line {wrong} is not: it can be a damaged "
            "UTF-8 file or a Windows-1252 file.",
            "Save the file with the encoding UTF-8, or set `read.encoding` to what it is.",
            line=wrong,
        )
    if found.old or found.long_runs > _MOST_LONG_RUNS * found.runs:
        raise Rejected(
            "ENCODING_UNCLEAR",
            f"{file_name} is not UTF-8 (line {wrong}), and its letters can be Windows-1252 or "
            "those of another encoding, such as Windows-1251, Shift-JIS, GBK, DOS or Mac Roman.",
            "Save the file with the encoding UTF-8, or set `read.encoding` to windows-1252 or "
            "latin-1 if it is that.",
            line=wrong,
        )
    if found.used & _NOT_IN_1252:
        raise Rejected(
            "ENCODING_UNCLEAR",
            f"{file_name} is neither UTF-8 (line {wrong}) nor Windows-1252; as Latin-1 it would "
            "hold control characters.",
            "Save the file with the encoding UTF-8, or set `read.encoding` to latin-1 if it is "
            "that.",
            line=wrong,
        )
    return "windows-1252" if found.used & set(_C1) else "latin-1"


def _is_utf8(run: bytes) -> bool:
    try:
        run.decode()
    except UnicodeDecodeError:
        return False
    return True


def codec_of(file: Stored, encoding: str) -> str:
    """Return what Python calls the encoding of a file, in which order its bytes stand included."""
    if encoding != "utf-16":
        return _CODECS[encoding]
    start = start_of(file)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a mark: the zeros of Western letters are on the right in little endian.
    return "utf-16-le" if start[1::2].count(0) >= start[0::2].count(0) else "utf-16-be"


def wrong_encoding(file_name: str, encoding: str, line: int) -> Rejected:
    """Return the refusal of a file that is not in the encoding that it is said to be in."""
    return Rejected(
        "WRONG_ENCODING",
        f"{file_name} cannot be read as {encoding} after line {line}.",
        "Save the file with the encoding UTF-8, or correct `read.encoding`.",
        line=line,
    )


def _not_utf8(line: int) -> Rejected:
    return Rejected(
        "NOT_UTF8",
        f"Line {line} is not UTF-8.",
        "Save the file with the encoding UTF-8, or set `read.encoding` to what it is.",
        line=line,
    )


def not_a_table(what: str, *, line: int | None = None) -> Rejected:
    """Return the refusal of a file that is something else than a table."""
    return Rejected(
        "NOT_A_TABLE",
        f"{what}, not a table of comma-separated values.",
        "Drop a CSV file (UTF-8): a header in the first row, one record a line, "
        "two columns or more.",
        line=line,
    )
