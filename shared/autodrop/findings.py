"""What is worth knowing about a file: errors end its run, warnings go on and into the report."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

_LONGEST_EXAMPLE = 60
WARNING = "warning"
NOTE = "note"
# Whether a finding is a reason to doubt the model or its metrics, which is what a warning says. A
# note tells what was done, or what the file is like, where the model is as good as it can be. What
# is not here is a warning: a new code is rather doubted too much than too little. A call says so
# itself where it depends on how much was found.
LEVELS = {
    # Done for the user, without a loss for the model.
    "IDENTIFIER": NOTE,
    "DECIMAL_COMMAS": NOTE,
    "LINE_BREAKS_REPLACED": NOTE,
    "UNNAMED_COLUMN": NOTE,
    # Nothing is learned from it, and nothing wrong either.
    "EMPTY_COLUMN": NOTE,
    "CONSTANT_COLUMN": NOTE,
    # What else could be done with the column.
    "DATES": NOTE,
    "FREE_TEXT": NOTE,
}


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
        level: `WARNING` or `NOTE`; that of its code in `LEVELS` where none is given.
    """

    code: str
    message: str
    remedy: str = ""
    line: int | None = None
    column: str | None = None
    example: str | None = None
    level: str = ""

    def __post_init__(self) -> None:
        if not self.level:
            object.__setattr__(self, "level", LEVELS.get(self.code, WARNING))

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, written: dict[str, Any]) -> Finding:
        """Return the finding that `to_json` wrote, also before there were levels."""
        return cls(**written)


def shortened(text: str, longest: int = _LONGEST_EXAMPLE) -> str:
    """Return `text` on one line and in at most `longest` characters."""
    line = " ".join(text[: 4 * longest].split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def counted(number: int, what: str, many: str = "") -> str:
    """Return a number of things: `1 row`, `1,200 rows`; `many` where an s alone is wrong."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {many or what + 's'}"


def exactly(cell: str) -> str:
    """Return a cell with its blanks, if it is short and on one line; else it is shortened."""
    return cell if len(cell) <= _LONGEST_EXAMPLE and cell.isprintable() else shortened(cell)


def quoted(name: str) -> str:
    """Return a column name or a cell as it is named in a message, blanks around it included."""
    return repr(exactly(name))
