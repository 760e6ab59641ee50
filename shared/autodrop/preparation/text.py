"""The bytes of a dropped file as plain text: UTF-8, one kind of line end, header first.

Streams; memory does not grow with the file. A file that is such a text already is used as it is.
"""

from __future__ import annotations

import codecs
import gzip
import re
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from autodrop.errors import Rejected
from autodrop.preparation.cells import RECORD_BREAKERS

TOO_LARGE = "TOO_LARGE"
_CHUNK = 4 * 1024 * 1024
_NO_END = 1 << 62
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
_BREAKERS = tuple(character.encode() for character in RECORD_BREAKERS)
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
# Bytes that no text holds: one of them can separate cells without any quoting.
_UNUSED = (0x1F, 0x01, 0x02, 0x03, 0x04)


@dataclass(frozen=True)
class TextFile:
    """A dropped file as text.

    Attributes:
        path: UTF-8 without a byte-order mark, records end with a line feed.
        encoding: What the dropped file was encoded with.
        compression: `gzip`, `zstd` or None.
        line_end: What ended its lines: `lf`, `crlf`, `cr` or `mixed`.
        skipped: Lines of the dropped file before the first line of `path`.
        size: Bytes of `path`.
        lines: Line feeds in it.
        quotes: Double quotes in it.
        backslashes: Backslashes in it.
        escapes: Whether a backslash stands before a double quote.
        commas: Whether there is one.
        breakers: Whether a character other than the line feed would break a record in two.
        separator: A byte that does not occur in it.
    """

    path: Path
    encoding: str
    compression: str | None
    line_end: str
    skipped: int
    size: int
    lines: int
    quotes: int
    backslashes: int
    escapes: bool
    commas: bool
    breakers: bool
    separator: int


def is_parquet(path: Path) -> bool:
    """Return whether a file is Parquet: it begins and ends with `PAR1`."""
    with path.open("rb") as file:
        start = file.read(4)
        if start != _PARQUET or path.stat().st_size < 12:
            return False
        file.seek(-4, 2)
        return file.read() == _PARQUET


def open_text(
    path: Path, file_name: str, folder: Path, *, encoding: str | None = None, longest: int
) -> TextFile:
    """Return a dropped file as text; where it is not yet, a copy in `folder` is.

    Args:
        path: The dropped file.
        file_name: What it was called when it was dropped, for messages.
        folder: Where copies go.
        encoding: What the settings say; None finds it out.
        longest: The most bytes that it may have unpacked.

    Raises:
        Rejected: `EMPTY_FILE`, `NOT_A_TABLE`, `TOO_LARGE`, `NOT_UTF8`, `ENCODING_UNCLEAR` or
            `WRONG_ENCODING`.
    """
    compression = compression_of(path)
    unpacked = path if compression is None else folder / "unpacked"
    if compression is not None:
        unpack(path, compression, unpacked, file_name, longest)
    check_format(start_of(unpacked), file_name)
    marked = marked_encoding(unpacked)
    found = look(unpacked, marked[1] if marked == _UTF8_MARK else 0)
    name, mark = encoding_of(
        unpacked, file_name, encoding, marked, found.not_utf8_line, lambda: high_bytes(unpacked)
    )
    if name != "utf-8":
        decoded = folder / "decoded"
        _decode(unpacked, name, decoded, file_name)
        _discard(unpacked, path)
        unpacked, mark = decoded, 0
        found = look(decoded, 0)
    if found.nul_line is not None:
        raise not_a_table(f"{file_name} has a NUL byte", line=found.nul_line)
    skipped = leading_blank_lines(unpacked, mark)
    translate = line_end_translation(found)
    if mark or skipped.size or translate is not None:
        plain = folder / "text"
        _copy(unpacked, plain, mark + skipped.size, translate)
        _discard(unpacked, path)
        unpacked = plain
        found = replace(look(plain, 0), line_end=found.line_end)
    return TextFile(
        path=unpacked,
        encoding=name,
        compression=compression,
        line_end=found.line_end,
        skipped=skipped.lines,
        size=unpacked.stat().st_size,
        lines=found.lines,
        quotes=found.quotes,
        backslashes=found.backslashes,
        escapes=found.escapes,
        commas=found.commas,
        breakers=found.breakers,
        separator=unused_bytes(found.used, 1)[0],
    )


def _discard(copy: Path, dropped: Path) -> None:
    """Remove a copy that is no longer needed: a function's disk is small."""
    if copy != dropped:
        copy.unlink()


def without_lines(text: TextFile, blank: frozenset[int], folder: Path) -> TextFile:
    """Return the text with nothing in the lines of these 1-based numbers, a copy in `folder`."""
    path = folder / "compact"
    with text.path.open("rb") as source, path.open("wb") as target:
        target.writelines(
            b"\n" if number in blank else line for number, line in enumerate(source, 1)
        )
    found = look(path, 0)
    return replace(text, path=path, size=path.stat().st_size, lines=found.lines)


def from_line(text: TextFile, line: int, folder: Path) -> TextFile:
    """Return the text from a 1-based line of the dropped file on, as a copy in `folder`."""
    before = line - 1 - text.skipped
    if before <= 0:
        return text
    path = folder / "body"
    with text.path.open("rb") as source, path.open("wb") as target:
        for _ in range(before):
            if not source.readline():
                break
        while chunk := source.read(_CHUNK):
            target.write(chunk)
    found = look(path, 0)
    return replace(
        text,
        path=path,
        skipped=line - 1,
        size=path.stat().st_size,
        lines=found.lines,
        quotes=found.quotes,
        backslashes=found.backslashes,
        escapes=found.escapes,
        commas=found.commas,
        breakers=found.breakers,
    )


@dataclass(frozen=True)
class Look:
    """What one pass over the bytes counts."""

    lines: int = 0
    returns: int = 0
    pairs: int = 0
    quotes: int = 0
    backslashes: int = 0
    escapes: bool = False
    commas: bool = False
    breakers: bool = False
    nul_line: int | None = None
    not_utf8_line: int | None = None
    line_end: str = "lf"
    used: frozenset[int] = frozenset()


def look(path: Path, skip: int, end: int | None = None) -> Look:
    """Return what is counted in the bytes of a file, or in those from `skip` to `end`."""
    lines = returns = pairs = quotes = backslashes = 0
    escapes = commas = breakers = False
    nul_line = not_utf8_line = None
    decoder = codecs.getincrementaldecoder("utf-8")()
    used: set[int] = set()
    last = b""
    for chunk in _chunks(path, skip, end):
        begun = decoder.getstate()[0]
        is_ascii = chunk.isascii()
        if not_utf8_line is None and (begun or not is_ascii):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                not_utf8_line = lines + (begun + chunk)[: error.start].count(b"\n") + 1
                decoder.reset()
        # What may stand on the border of two chunks: \r\n, \" and characters of three bytes.
        border = last[-2:] + chunk[:2]
        if nul_line is None and b"\0" in chunk:
            nul_line = lines + chunk.count(b"\n", 0, chunk.index(b"\0")) + 1
        lines += chunk.count(b"\n")
        if b"\r" in chunk:
            returns += chunk.count(b"\r")
            pairs += chunk.count(b"\r\n")
        if last.endswith(b"\r") and chunk.startswith(b"\n"):
            pairs += 1
        if b'"' in chunk:
            quotes += chunk.count(b'"')
        if b"\\" in chunk:
            backslashes += chunk.count(b"\\")
            escapes = escapes or b'\\"' in chunk
        escapes = escapes or b'\\"' in border
        commas = commas or b"," in chunk
        if not breakers:
            ascii_only = is_ascii and border.isascii()
            breakers = any(
                each in chunk or each in border
                for each in _BREAKERS
                if len(each) == 1 or not ascii_only
            )
        used.update(byte for byte in _UNUSED if byte in chunk)
        last = chunk
    if not_utf8_line is None and decoder.getstate()[0]:
        not_utf8_line = lines + 1
    return Look(
        lines=lines,
        returns=returns,
        pairs=pairs,
        quotes=quotes,
        backslashes=backslashes,
        escapes=escapes,
        commas=commas,
        breakers=breakers,
        nul_line=nul_line,
        not_utf8_line=not_utf8_line,
        line_end=line_end_of(path, skip, lines, returns, pairs),
        used=frozenset(used),
    )


def line_end_of(path: Path, skip: int, lines: int, returns: int, pairs: int) -> str:
    """Return what ends the lines of a text with so many line feeds and carriage returns."""
    if not returns:
        return "lf"
    if lines == 0 or (returns > pairs and _first_line_end(path, skip) == b"\r"):
        return "cr"
    if lines == pairs:
        return "crlf"
    return "mixed" if pairs else "lf"


def _first_line_end(path: Path, skip: int) -> bytes:
    for chunk in _chunks(path, skip):
        if found := re.search(rb"\r\n|[\r\n]", chunk):
            return found[0]
    return b""


def line_end_translation(found: Look) -> Callable[[bytes], bytes] | None:
    """Return what makes a line feed of every line end, or None where nothing is to be done."""
    if found.line_end == "cr":
        # Swapped, not replaced: a line feed inside a quoted cell stays a character of that cell.
        return lambda chunk: chunk.replace(b"\r\n", b"\n").translate(_SWAPPED)
    if found.pairs:
        return lambda chunk: chunk.replace(b"\r\n", b"\n")
    return None


def _copy(
    source: Path, target: Path, skip: int, translate: Callable[[bytes], bytes] | None
) -> None:
    with target.open("wb") as file:
        kept = b""
        for chunk in _chunks(source, skip):
            # A pair of \r and \n must not be cut in two.
            whole = kept + chunk
            kept = b"\r" if translate and whole.endswith(b"\r") else b""
            body = whole[: len(whole) - len(kept)]
            file.write(translate(body) if translate else body)
        # The last line end may have been cut in two.
        file.write(b"\n" if kept else b"")


@dataclass(frozen=True)
class SkippedLines:
    """Blank lines at the beginning: their bytes and their number."""

    size: int
    lines: int


def leading_blank_lines(path: Path, skip: int) -> SkippedLines:
    """Return how much of the beginning is blank lines."""
    size = lines = 0
    with path.open("rb") as file:
        file.seek(skip)
        while True:
            block = file.read(_CHUNK)
            blank = re.match(rb"(?:[ \t]*(?:\r\n|\r|\n))*", block)
            end = blank.end() if blank else 0
            lines += len(re.findall(rb"\r\n|\r|\n", block[:end]))
            size += end
            if end < len(block) or not block:
                return SkippedLines(size, lines)


def compression_of(path: Path) -> str | None:
    """Return `gzip`, `zstd` or None."""
    start = start_of(path)
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
    path: Path,
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
    start = start_of(path)
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


def marked_encoding(path: Path) -> tuple[str, int] | None:
    """Return the encoding that a mark at the beginning names, with the bytes of the mark."""
    start = start_of(path)
    if start.startswith(codecs.BOM_UTF8):
        return _UTF8_MARK
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", 2
    return None


def start_of(path: Path) -> bytes:
    """Return the first bytes of a file."""
    with path.open("rb") as file:
        return file.read(4096)


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


def high_bytes(path: Path, start: int = 0, end: int | None = None) -> HighBytes:
    """Return what the bytes beyond ASCII look like in a file, or from `start` to `end` of it."""
    found = HighBytes()
    for chunk in _chunks(path, start, end):
        if chunk.isascii():
            continue
        runs = _HIGH.findall(chunk)
        found |= HighBytes(
            frozenset(chunk.translate(None, delete=bytes(range(0x80)))),
            len(runs),
            sum(len(run) >= _LONG_RUN for run in runs),
            any(map(_is_utf8, runs)),
            bool(_OLD_LETTERS.search(chunk)),
        )
    return found


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


def _decode(path: Path, encoding: str, target: Path, file_name: str) -> None:
    decoder = codecs.getincrementaldecoder(codec_of(path, encoding))()
    lines = 0
    with target.open("w", encoding="utf-8", newline="") as file_out:
        try:
            for chunk in _chunks(path, 0):
                text = decoder.decode(chunk)
                lines += text.count("\n")
                file_out.write(text)
            file_out.write(decoder.decode(b"", final=True))
        except UnicodeError:
            raise wrong_encoding(file_name, encoding, lines + 1) from None


def codec_of(path: Path, encoding: str) -> str:
    """Return what Python calls the encoding of a file, in which order its bytes stand included."""
    if encoding != "utf-16":
        return _CODECS[encoding]
    start = start_of(path)
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


def unused_bytes(used: frozenset[int], count: int) -> list[int]:
    """Return bytes that are in no cell.

    Raises:
        Rejected: `NOT_A_TABLE`, there are not so many.
    """
    unused = [byte for byte in _UNUSED if byte not in used]
    if len(unused) < count:
        raise not_a_table("The file holds control characters")
    return unused[:count]


def _chunks(path: Path, skip: int, end: int | None = None) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(skip)
        left = _NO_END if end is None else end - skip
        while chunk := file.read(min(_CHUNK, left)):
            left -= len(chunk)
            yield chunk


def not_a_table(what: str, *, line: int | None = None) -> Rejected:
    """Return the refusal of a file that is something else than a table."""
    return Rejected(
        "NOT_A_TABLE",
        f"{what}, not a table of comma-separated values.",
        "Drop a CSV file (UTF-8): a header in the first row, one record a line, "
        "two columns or more.",
        line=line,
    )
