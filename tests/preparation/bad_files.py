"""What is said of each file below `tests/data/bad`.

`python -m tests.preparation.bad_files` writes `tests/data/bad/messages.txt` anew, with which
`test_every_code.py` compares: whoever changes a sentence sees it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from autodrop.errors import Rejected
from autodrop.findings import NOTE, Finding
from autodrop.preparation.prepare import Dropped, Work, prepare
from autodrop.settings import Settings, parse_settings
from autodrop.settings_file import read_settings_file
from tests.builders import a_drop

FOLDER = Path(__file__).parent.parent / "data" / "bad"
MESSAGES = FOLDER / "messages.txt"
# The most bytes that a file may have unpacked, where that is what the file shows.
LONGEST = {"too_large.csv.zst": 1_000_000}
_BESIDE = (".yaml", ".test.csv")


@dataclass(frozen=True)
class Said:
    """What preparation says of a file.

    Attributes:
        refusal: Why it is rejected, if it is.
        findings: All that was found; the refusal comes first.
    """

    refusal: Rejected | None
    findings: Sequence[Finding]


def names() -> list[str]:
    """Return the bad files by their names; one of settings alone is a file, too."""
    every = sorted(path.name for path in FOLDER.iterdir() if path != MESSAGES)
    tables = [name for name in every if not name.endswith(_BESIDE)]
    return sorted([*tables, *_settings_alone(every, tables)])


def code_of(name: str) -> str:
    """Return the code that a file is called after."""
    return name.partition(".")[0].partition("-")[0].upper()


def said_of(name: str, folder: Path) -> Said:
    """Return what preparation says of a bad file, with its work in `folder`."""
    path = FOLDER / name
    try:
        settings = settings_of(name)
        if path.suffix == ".yaml":
            return Said(None, ())
        test_file = FOLDER / f"{_stem(name)}.test.csv"
        dropped = Dropped(
            sorted(path.iterdir()) if path.is_dir() else [path],
            a_drop(file=name),
            "ad-bank-0123456789ab",
            test_path=test_file if test_file.exists() else None,
            longest=LONGEST.get(name, 1_000_000_000),
        )
        return Said(None, prepare(dropped, settings, Work(folder)).dataset.warnings)
    except Rejected as refusal:
        return Said(refusal, (refusal.finding, *refusal.others))


def paragraph(name: str, said: Said) -> str:
    """Return what is said of a file, to be read."""
    lines = [f"{name}{'' if said.refusal else ' is prepared'}"]
    for finding in said.findings:
        level = " (note)" if finding.level == NOTE else ""
        place = [f"line {finding.line}"] * (finding.line is not None)
        place += [f"column {finding.column}"] * (finding.column is not None)
        place += [f"such as {finding.example!r}"] * (finding.example is not None)
        lines += [
            f"  {', '.join([finding.code + level, *place])}",
            f"    {finding.message}",
            f"    {finding.remedy}",
        ]
    return "\n".join(lines)


def expected() -> dict[str, str]:
    """Return the paragraphs of `messages.txt` by the names of their files."""
    paragraphs = MESSAGES.read_text(encoding="utf-8").rstrip("\n").split("\n\n")
    return {each.partition("\n")[0].split(" ")[0]: each for each in paragraphs}


def main() -> None:
    """Write `messages.txt`."""
    written = []
    for name in names():
        with TemporaryDirectory() as folder:
            written.append(paragraph(name, said_of(name, Path(folder))))
    MESSAGES.write_text("\n\n".join(written) + "\n", encoding="utf-8")


def settings_of(name: str) -> Settings:
    """Return the settings that a bad file is dropped with."""
    path = FOLDER / f"{_stem(name)}.yaml"
    if not path.exists():
        return parse_settings()
    return parse_settings(read_settings_file(path.read_bytes(), "autodrop.yaml"))


def _stem(name: str) -> str:
    return name.partition(".")[0]


def _settings_alone(every: Sequence[str], tables: Sequence[str]) -> list[str]:
    stems = {_stem(name) for name in tables}
    return [name for name in every if name.endswith(".yaml") and _stem(name) not in stems]


if __name__ == "__main__":
    main()
