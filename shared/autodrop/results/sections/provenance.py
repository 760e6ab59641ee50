"""Where the model comes from: leaderboard, the run before, times and files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

from autodrop.results.html import Content, Kind, facts, name, table, tag, with_code
from autodrop.results.sections.section import (
    Section,
    absent,
    listed,
    location,
    mark,
    named,
    unseen,
    with_interval,
)
from autodrop.results.words import (
    count,
    metric_name,
    milliseconds,
    number,
    rows,
    seconds,
    signed,
    size,
    time,
)

_CHANGES = {"better": "good", "worse": "bad", "same": ""}


_TIMINGS = {
    "prepare_seconds": "Prepare",
    "queue_seconds": "Wait and start",
    "training_seconds": "Train (Autopilot)",
    "model_seconds": "Create the model",
    "transform_seconds": "Batch transform",
    "results_seconds": "Write results",
    "total_seconds": "Total",
}


def leaderboard_section(summary: Mapping[str, Any]) -> Section:
    """Return the candidates, the best first."""
    candidates = summary["candidates"]
    metrics = list(
        dict.fromkeys(
            (metric["name"], metric["set"]) for each in candidates for metric in each["metrics"]
        )
    )
    objective = next(
        (each["objective_metric"] for each in candidates if each["objective_metric"]), "Objective"
    )
    # What Autopilot repeats among the metrics has a column of its own.
    metrics = [
        each
        for each in metrics
        if each != (objective, "Validation") and each[0] != "InferenceLatency"
    ]
    algorithms = {each["algorithm"] for each in candidates}
    # The same word in every line tells nobody which is which.
    is_one = len(algorithms) == 1
    found: list[tuple[Content, ...]] = []
    measured = []
    for each in candidates:
        values = {(metric["name"], metric["set"]): metric["value"] for metric in each["metrics"]}
        found.append(
            (
                str(each["rank"]),
                name(each["name"]),
                *([] if is_one else [named(each["algorithm"])]),
                number(each["objective_value"]),
                seconds(each["training_seconds"]),
                milliseconds(each["inference_latency_seconds"]),
                (each["status"], _because(each["failure_reason"])),
            )
        )
        measured.append((str(each["rank"]), *(number(values.get(key)) for key in metrics)))
    sets = {of for _, of in metrics}
    titles = {
        metric: metric[0] if len(sets) == 1 else f"{metric[0]} ({metric[1].lower()})"
        for metric in metrics
    }
    return Section(
        "leaderboard",
        "Leaderboard",
        "The candidates",
        (
            tag(
                "p",
                "Ranked by Autopilot on its own validation rows, by its own names. The best one "
                "was scored on the held-out rows above.",
                _all_of(algorithms) if len(candidates) > 1 else None,
                class_="note",
            ),
            table(
                "Leaderboard",
                {
                    "Rank": Kind.TEXT,
                    "Candidate": Kind.TEXT,
                    **({} if is_one else {"Algorithm": Kind.TEXT}),
                    f"{objective} (validation)": Kind.NUMBER,
                    "Training": Kind.NUMBER,
                    "Latency": Kind.NUMBER,
                    "Status": Kind.TEXT,
                },
                found,
            ),
            tag(
                "details",
                tag("summary", f"Their other metrics{_on(sets)}"),
                table(
                    "Other metrics of the candidates",
                    {"Rank": Kind.TEXT, **{titles[key]: Kind.NUMBER for key in metrics}},
                    measured,
                ),
                class_="folded",
                open=True,
            )
            if metrics
            else None,
        ),
    )


def _all_of(algorithms: Set[str | None]) -> Content:
    if len(algorithms) > 1 or None in algorithms:
        return None
    return (" All of them are made by ", name(next(iter(algorithms))), ".")


def _on(sets: set[str]) -> str:
    return f" ({next(iter(sets)).lower()})" if len(sets) == 1 else ""


def _because(reason: str | None) -> Content:
    return None if not reason else f": {reason}"


def comparison_section(summary: Mapping[str, Any]) -> Section:
    """Return the run before beside this one, and what changed in the data."""
    title = "Beside the previous run"
    found = summary["comparison"]
    if found is None:
        content: Content = tag("p", "There is no earlier completed run of this dataset.")
        return Section("comparison", "Comparison", title, content)
    metrics = [
        (
            metric_name(key),
            with_interval(each["previous"]),
            with_interval(each["current"]),
            signed(each["difference"]),
            None
            if each["low"] is None or each["high"] is None
            else f"{signed(each['low'])} to {signed(each['high'])}",
            None
            if each["level"] is None
            else mark(
                {"same": "within noise"}.get(each["level"], each["level"]),
                _CHANGES.get(each["level"], ""),
            ),
        )
        for key, each in found["metrics"].items()
    ]
    content = (
        tag("p", found["sentence"]),
        table(
            "The two runs",
            {unseen("What"): Kind.TEXT, "Previous": Kind.TEXT, "This": Kind.TEXT},
            [
                ("Run", found["run_id"], summary["run_id"]),
                ("Completed", time(found["completed_at"]), time(summary["completed_at"])),
                ("Rows", count(found["rows"]), count(summary["rows"])),
                ("Columns", count(found["columns"]), count(summary["columns"])),
                (
                    "Best candidate",
                    named(found["best_candidate"]["name"]),
                    name(summary["best_candidate"]["name"]),
                ),
            ],
        ),
        table(
            "Metrics of the two runs",
            {
                "Metric": Kind.TEXT,
                "Previous": Kind.NUMBER,
                "This": Kind.NUMBER,
                "Difference": Kind.NUMBER,
                "95 % interval": Kind.NUMBER,
                "Which is": Kind.TEXT,
            },
            metrics,
        )
        if metrics
        else tag("p", "The runs have no metric in common."),
        tag("h3", "What changed in the data"),
        _data_changes(found["data"]),
    )
    return Section("comparison", "Comparison", title, content)


def _data_changes(data: Mapping[str, Any] | None) -> Content:
    if data is None:
        return absent("the changes in the data", "a profile of the columns is gone")
    items: list[Content] = []
    for key, words in (("columns_added", "New columns: "), ("columns_removed", "Gone columns: ")):
        if data[key]:
            items.append((words, listed(data[key]), "."))
    items += [
        (name(each["column"]), f" was {each['before']}, is {each['after']} now.")
        for each in data["types_changed"]
    ]
    items += [
        (
            name(each["column"]),
            f": {each['sentence'][:1].lower()}{each['sentence'][1:]}",
            tag("span", f" Distance {number(each['distance'])} of 1.", class_="reading"),
        )
        for each in data["distributions"]
    ]
    if not items:
        return tag("p", "Nothing to speak of: the same columns, with much the same values.")
    return tag("ul", [tag("li", each) for each in items])


def run_section(summary: Mapping[str, Any]) -> Section:
    """Return what was done with what, and where its files are."""
    source, split, files = summary["source"], summary["split"], summary["files"]
    notebooks = summary["notebooks"]
    bytes_of = source.get("size")
    return Section(
        "run",
        "Run and files",
        "The run, and where the files are",
        tag(
            "div",
            tag(
                "div",
                tag("h3", "What was done"),
                facts(
                    "What was done",
                    [
                        ("Run", tag("code", summary["run_id"])),
                        (
                            "File",
                            (
                                tag("code", f"s3://{source['bucket']}/{source['key']}"),
                                None if bytes_of is None else f" ({size(bytes_of)})",
                            ),
                        ),
                        ("Rows, columns", f"{count(summary['rows'])}, {count(summary['columns'])}"),
                        (
                            "Target",
                            (name(summary["target"]), ": ", with_code(summary["target_reason"])),
                        ),
                        (
                            "Split",
                            (
                                _split(split),
                                f": {rows(split['train_rows'])} to train, "
                                f"{count(split['test_rows'])} held out",
                            ),
                        ),
                        ("Best candidate", name(summary["best_candidate"]["name"])),
                        *_labels_of_the_model(summary["model_labels"]),
                    ],
                ),
                tag("h3", "Time"),
                facts("Time", [(_TIMINGS[k], seconds(v)) for k, v in summary["timings"].items()]),
            ),
            tag(
                "div",
                tag("h3", "Files"),
                facts(
                    "Files",
                    [
                        ("Beside this page", _links(files)),
                        ("Folder", tag("code", files["folder"])),
                        ("All runs", tag("code", files["index"])),
                        (
                            "Candidate notebook",
                            location(notebooks["candidate_definition"]),
                        ),
                        ("Data notebook", location(notebooks["data_exploration"])),
                    ],
                ),
            ),
            class_="grid",
        ),
    )


def _labels_of_the_model(
    labels: Mapping[str, str] | None,
) -> Iterator[tuple[str, Content]]:
    if labels is not None:
        known = [(f"{code} for ", name(label)) for code, label in labels.items()]
        yield "The model says", (known[0], " and ", known[1])


def _split(split: Mapping[str, Any]) -> Content:
    if split.get("file") is not None:
        return ("test file ", name(split["file"]))
    if split["method"] == "file":
        return "test file"
    return f"{split['method']}, seed {split['seed']}"


def _links(files: Mapping[str, str | None]) -> Content:
    """Return links to the files in the same folder, which work in S3 and in a downloaded one."""
    uris = [files[key] for key in ("predictions", "predictions_parquet", "leaderboard", "summary")]
    links = [
        tag("a", each, href=f"./{each}")
        for each in (uri.rpartition("/")[2] for uri in uris if uri is not None)
    ]
    return [(", " if i else None, link) for i, link in enumerate(links)]
