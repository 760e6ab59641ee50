"""What is worth knowing about a file: errors end its run, warnings go on and into the report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

_LONGEST_EXAMPLE = 60


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        code: Stable upper-case name.
        message: What is so, in a sentence.
        remedy: What the user can do about it.
        line: 1-based line of the file where it shows first, when it has a place.
        column: Column name, when it has one.
        example: A cell that shows it, shortened. For the user's eyes, never for a log.
    """

    code: str
    message: str
    remedy: str = ""
    line: int | None = None
    column: str | None = None
    example: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, written: dict[str, Any]) -> Finding:
        """Return the finding that `to_json` wrote."""
        return cls(**written)


def shortened(text: str, longest: int = _LONGEST_EXAMPLE) -> str:
    """Return `text` on one line and in at most `longest` characters."""
    line = " ".join(text[: 4 * longest].split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def counted(number: int, what: str) -> str:
    """Return a number of things: `1 row`, `1,200 rows`."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def quoted(name: str) -> str:
    """Return a column name or a cell as it is named in a message."""
    return repr(shortened(name))
