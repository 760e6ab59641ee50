"""`report.html`: the summary for people: one file, no script, nothing fetched, names escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
.wide { overflow-x: auto; }
th, td { border-bottom: 1px solid #8886; padding: .3rem .8rem .3rem 0; text-align: left; }
th[scope=row] { font-weight: normal; }
td.number { font-variant-numeric: tabular-nums; text-align: right; }
.headline { font-size: 1.4rem; }
"""

_TIMINGS = {
    "prepare_seconds": "Prepare",
    "queue_seconds": "Wait and start",
    "training_seconds": "Train (Autopilot)",
    "model_seconds": "Create the model",
    "transform_seconds": "Batch transform",
    "results_seconds": "Write results",
    "total_seconds": "Total",
}


def report_page(summary: Mapping[str, Any]) -> str:
    """Return the whole page for a summary of schema version 1."""
    title = f"{summary['dataset']}: {summary['headline']}"
    held_out = summary["held_out"]
    split = summary["split"]
    best = summary["best_candidate"]
    objective = best["objective"] or {"metric": "objective", "value": None}
    facts = [
        ("Run", summary["run_id"]),
        ("File", f"s3://{summary['source']['bucket']}/{summary['source']['key']}"),
        ("Rows", f"{summary['rows']:,}"),
        ("Columns", f"{summary['columns']:,}"),
        ("Target", f"{summary['target']} ({summary['problem_type']})"),
        ("Positive class", summary["positive_class"]),
        ("Training rows", f"{split['train_rows']:,}"),
        ("Held-out rows", f"{split['test_rows']:,} ({split['method']}, seed {split['seed']})"),
        ("Best candidate", best["name"]),
        (f"Its {objective['metric']} in validation", _number(objective["value"])),
    ]
    sections = [
        _section("What was done", _table((), [fact for fact in facts if fact[1] is not None])),
        _section(
            "On held-out rows",
            _table(("Metric", "Value"), [(n, _number(v)) for n, v in held_out["metrics"].items()]),
        ),
        _confusion(held_out["confusion_matrix"]),
        _section("Candidates", _leaderboard(summary["candidates"])),
        _warnings(summary["warnings"]),
        _section(
            "Time",
            _table(
                ("Step", "Seconds"),
                [(_TIMINGS[n], _number(v)) for n, v in summary["timings"].items()],
            ),
        ),
        _section("Notebooks", _table((), [(n, u) for n, u in summary["notebooks"].items()])),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(str(summary['dataset']))}</h1>\n"
        f'<p class="headline">{escape(summary["headline"])}</p>\n'
        + "\n".join(section for section in sections if section)
        + "\n</main>\n</body>\n</html>\n"
    )


def _section(title: str, content: str) -> str:
    return f'<h2>{escape(title)}</h2>\n<div class="wide">{content}</div>'


def _leaderboard(candidates: Sequence[Mapping[str, Any]]) -> str:
    return _table(
        ("Rank", "Candidate", "Status", "Objective", "Value", "Seconds"),
        [
            (
                str(each["rank"]),
                each["name"],
                each["status"],
                each["objective_metric"],
                _number(each["objective_value"]),
                _number(each["training_seconds"]),
            )
            for each in candidates
        ],
    )


def _confusion(matrix: Mapping[str, Any] | None) -> str:
    if matrix is None:
        return ""
    labels = matrix["labels"]
    rows = [
        (label, *(f"{count:,}" for count in counts))
        for label, counts in zip(labels, matrix["counts"], strict=True)
    ]
    return _section(
        "Confusion matrix", _table(("Truth \\ prediction", *(str(each) for each in labels)), rows)
    )


def _warnings(warnings: Sequence[Mapping[str, str]]) -> str:
    if not warnings:
        return ""
    return _section("Warnings", _table((), [(each["code"], each["message"]) for each in warnings]))


def _table(header: Sequence[str], rows: Iterable[Sequence[str | None]]) -> str:
    """Return a table; without a header it is a list of facts, whose values read as text."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th>'
        + "".join(_cell(value, aligned=bool(header)) for value in values)
        + "</tr>\n"
        for name, *values in rows
    )
    return (
        f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"
    )


def _cell(text: str | None, *, aligned: bool) -> str:
    shown = "not available" if text is None else str(text)
    is_number = aligned and shown.replace(",", "").replace(".", "").lstrip("-").isdigit()
    return f"<td{' class=number' if is_number else ''}>{escape(shown)}</td>"


def _number(value: float | None) -> str | None:
    if value is None:
        return None
    if abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.4f}" if 0.001 <= abs(value) < 1 else f"{value:,.4g}"
