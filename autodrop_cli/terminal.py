"""What may be printed, and where.

Everything that comes out of S3, the ledger or an error message is somebody else's text: `plain`
makes it harmless, and no console here reads markup.
"""

from __future__ import annotations

import io
import sys
import unicodedata
from contextlib import suppress

from rich.console import Console

# Line and paragraph separators, private use and lone surrogates, beside control and format
# characters: ESC, BEL, C1 codes, the marks that turn the direction of writing.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
# Nobody knows how wide a pager or an editor is: this fits into most, and holds a run's name whole.
_REDIRECTED_WIDTH = 120


def plain(text: object) -> str:
    r"""Return `text` on one line, without characters that a terminal would obey.

    `"a\x1b[31mb\nc"` becomes `"a[31mb c"`.
    """
    spaced = str(text).replace("\r\n", " ").replace("\n", " ").replace("\t", " ")
    return "".join(each for each in spaced if unicodedata.category(each) not in _INVISIBLE)


def open_console(*, stderr: bool = False) -> Console:
    """Return a console on standard output or error that takes every text literally.

    Where the stream is not a terminal it writes neither colours nor control characters, also when
    the environment asks for colours.
    """
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        # A file name or label that the terminal's encoding lacks is shown with `?`.
        with suppress(io.UnsupportedOperation):
            stream.reconfigure(errors="replace")
    if stream.isatty():
        return Console(file=stream, markup=False, emoji=False, highlight=False)
    return Console(
        file=stream,
        markup=False,
        emoji=False,
        highlight=False,
        force_terminal=False,
        color_system=None,
        width=_REDIRECTED_WIDTH,
    )


def duration(seconds: float) -> str:
    """Return a time span in the two largest units: `4 s`, `1 min 05 s`, `2 h 03 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def size(count: int) -> str:
    """Return a number of bytes for people: `12 bytes`, `5.8 MB`."""
    if count < 1000:
        return f"{count} bytes"
    amount = float(count)
    for unit in ("kB", "MB", "GB"):
        amount /= 1000
        if amount < 1000 or unit == "GB":
            break
    return f"{amount:,.1f} {unit}"
