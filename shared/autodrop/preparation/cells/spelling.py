"""How a cell is written into the files that Autopilot and batch transform read."""

from __future__ import annotations

from collections.abc import Sequence

from autodrop.preparation.cells.kinds import LINE_BREAK


def on_one_line(cell: str) -> str:
    """Return a cell with a space for each of its line breaks."""
    return LINE_BREAK.sub(" ", cell)


def spelled(cells: Sequence[str]) -> str:
    """Return cells as one record of such a file, its line end included."""
    quoted = [
        '"' + cell.replace('"', '""') + '"' if '"' in cell or "," in cell else cell
        for cell in map(on_one_line, cells)
    ]
    line = ",".join(quoted)
    return f"{line}\n" if line else '""\n'
