"""`report.html`: the summary for people, from the answer in three sentences to every number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autodrop.results import charts
from autodrop.results.charts import Chart
from autodrop.results.html import (
    NOT_AVAILABLE,
    Content,
    Html,
    Kind,
    facts,
    html,
    name,
    table,
    tag,
    with_code,
)
from autodrop.results.page import page
from autodrop.results.words import (
    count,
    headline,
    interval,
    metric_meaning,
    metric_name,
    milliseconds,
    number,
    of_hundred,
    percent,
    rows,
    seconds,
    several,
    signed,
    size,
    time,
)

# The level of an answer in a word, and how it looks.
_QUALITY = {
    "strong": ("Yes, it is strong", "good"),
    "fair": ("Fairly good", "good"),
    "weak": ("Only weakly", "care"),
    "none": ("No better than the baseline", "bad"),
    "unknown": ("Cannot be said", ""),
}
_COMPARISON = {
    "better": ("Yes, better", "good"),
    "same": ("About the same", ""),
    "worse": ("No, worse", "bad"),
    "unknown": ("Nothing to compare", ""),
}
_TRUST = {
    "yes": ("Yes", "good"),
    "caution": ("With caution", "care"),
    "unknown": ("Not known", ""),
}
_CHANGES = {"better": "good", "worse": "bad", "same": ""}
# A matrix of more classes comes after the confusions that matter, and folded.
_WIDEST_MATRIX = 12
_SHADES = 7
# Below this, curves of precision and recall lie on the axes.
_LEAST_F1 = 0.01
_TIMINGS = {
    "prepare_seconds": "Prepare",
    "queue_seconds": "Wait and start",
    "training_seconds": "Train (Autopilot)",
    "model_seconds": "Create the model",
    "transform_seconds": "Batch transform",
    "results_seconds": "Write results",
    "total_seconds": "Total",
}


@dataclass(frozen=True)
class _Section:
    """A part of the page.

    Attributes:
        id: Where links lead to.
        short: In the list of contents.
        title: Heading.
        content: What stands below it.
        charts: Those in it.
    """

    id: str
    short: str
    title: str
    content: Content
    charts: Sequence[Chart] = field(default=())


def report_page(summary: Mapping[str, Any]) -> str:
    """Return the whole page for a summary of schema version 2."""
    sections = list(_sections(summary))
    body = html(
        tag(
            "header",
            tag("h1", name(summary["dataset"])),
            tag("p", _lead(summary), class_="lead"),
        ),
        tag(
            "main",
            _verdict(summary),
            _numbers(summary),
            tag(
                "nav",
                tag("ul", [tag("li", tag("a", s.short, href=f"#{s.id}")) for s in sections]),
                aria_label="Contents",
            ),
            [tag("section", tag("h2", s.title), s.content, id=s.id) for s in sections],
            id="content",
        ),
        tag("footer", tag("p", _made_by(summary))),
    )
    data = {
        "charts": charts.specs(chart for each in sections for chart in each.charts),
        "thresholds": summary["held_out"]["thresholds"] or [],
        "start": _own_threshold(summary["held_out"]),
    }
    return page(f"{summary['dataset']}: {headline(summary['headline'])}", body, data)


# ------------------------------------------------------------------ the first screen


def _lead(summary: Mapping[str, Any]) -> Content:
    positive = summary["positive_class"]
    kind = {"binary": "one of two classes", "multiclass": "a class", "regression": "a number"}
    return (
        "Predicts ",
        tag("strong", name(summary["target"])),
        f" ({kind[summary['problem_type']]}",
        None if positive is None else (", positive is ", name(positive)),
        f") from {several(summary['features'], 'column')}. "
        f"Completed {time(summary['completed_at'])}.",
    )


def _verdict(summary: Mapping[str, Any]) -> Html:
    verdict = summary["verdict"]
    checks: list[Content] = []
    agreement = summary["agreement"]
    # Without an interval nobody knows.
    if agreement is not None and agreement["held_out"]["low"] is not None:
        checks.append(
            f"Autopilot's own {agreement['metric']} "
            f"{'disagrees with' if agreement['disagrees'] else 'agrees with'} the held-out rows."
        )
    warnings, _ = _by_level(summary["warnings"])
    if warnings:
        n = len(warnings)
        what = "Read the warning" if n == 1 else f"Read the {n} warnings"
        checks.append(tag("a", what, href="#warnings"))
    comparison = summary["comparison"]
    return tag(
        "div",
        _answer("Is it good?", verdict["quality"], _QUALITY, tag("p", _in_plain_words(summary))),
        _answer(
            "Is it better than before?",
            verdict["comparison"],
            _COMPARISON,
            None
            if comparison is None
            else tag("p", tag("a", "See what changed", href="#comparison")),
        ),
        _answer(
            "Can I trust it?",
            verdict["trust"],
            _TRUST,
            tag("ul", [tag("li", each) for each in checks]) if checks else None,
        ),
        class_="verdict",
    )


def _in_plain_words(summary: Mapping[str, Any]) -> Content:
    """Return what the headline metric means for a row, without the name of a metric."""
    held_out = summary["held_out"]
    metrics = held_out["metrics"]
    first = held_out["headline_metric"]
    value = _value(metrics, first) if first is not None else None
    if value is None or summary["verdict"]["quality"]["level"] == "unknown":
        return None
    if first == "roc_auc":
        return (
            "Of two rows, one ",
            name(summary["positive_class"]),
            f" and one not, it ranks the right one first {of_hundred(value)} times out of 100.",
        )
    if first == "accuracy":
        return f"It is right about {of_hundred(value)} rows out of 100."
    off = {round(q["share"], 2): q["absolute"] for q in held_out["error_quantiles"] or []}
    if 0.5 in off and 0.9 in off:
        return (
            f"Half of its predictions are off by at most {number(off[0.5])}, nine of ten by at "
            f"most {number(off[0.9])}."
        )
    return None


def _answer(
    question: str,
    answer: Mapping[str, str],
    words: Mapping[str, tuple[str, str]],
    more: Content = None,
) -> Html:
    word, look = words.get(answer["level"], (answer["level"], ""))
    return tag(
        "div",
        tag("h2", question),
        tag("p", word, class_="word"),
        tag("p", answer["text"]),
        more,
        class_=f"answer {look}".rstrip(),
    )


def _numbers(summary: Mapping[str, Any]) -> Html:
    held_out = summary["held_out"]
    first = held_out["headline_metric"]
    metric = held_out["metrics"].get(first) if first is not None else None
    cards: list[tuple[str, Content, Content]] = []
    if first is not None and metric is not None:
        between = interval(metric)
        base = number(metric["baseline"])
        cards = [
            (
                metric_name(first),
                number(metric["value"]),
                f"95 % interval {between}" if between else "no interval",
            ),
            (
                "Without a model",
                base,
                {"rmse": "always the mean", "roc_auc": "guessing"}.get(
                    first, "always the most frequent class"
                ),
            ),
        ]
    cards += [
        (
            "Rows",
            count(summary["rows"]),
            f"{count(summary['split']['train_rows'])} to train, {count(held_out['rows'])} held out",
        ),
        (
            "Best of",
            count(len(summary["candidates"])),
            (
                "candidate: " if len(summary["candidates"]) == 1 else "candidates: ",
                name(summary["best_candidate"]["algorithm"] or "see the leaderboard"),
            ),
        ),
    ]
    return tag(
        "dl",
        [
            tag(
                "div",
                tag("dt", title),
                tag("dd", value if value is not None else NOT_AVAILABLE, class_="value"),
                tag("dd", beside, class_="beside"),
            )
            for title, value, beside in cards
        ],
        class_="numbers",
    )


# ------------------------------------------------------------------ the sections


def _sections(summary: Mapping[str, Any]) -> Iterator[_Section]:
    held_out = summary["held_out"]
    yield _metrics(summary)
    if summary["problem_type"] == "binary":
        yield _ranking(held_out, str(summary["positive_class"]))
        yield _threshold(held_out, str(summary["positive_class"]))
    if summary["problem_type"] == "multiclass":
        yield _classes(held_out)
    if summary["problem_type"] == "regression":
        yield _errors(held_out, str(summary["target"]))
    yield _drivers(summary["importance"])
    yield _mistakes(summary["mistakes"])
    yield _segments(summary)
    yield _leaderboard(summary)
    yield _comparison(summary)
    yield _warnings(summary["warnings"])
    yield _run(summary)


def _metrics(summary: Mapping[str, Any]) -> _Section:
    held_out = summary["held_out"]
    how = held_out["interval"]
    columns = {
        "Metric": Kind.TEXT,
        "Held-out rows": Kind.NUMBER,
        "Without a model": Kind.NUMBER,
        "Autopilot's validation": Kind.NUMBER,
        _unseen("Picture"): Kind.TEXT,
    }
    found = [
        (
            (metric_name(key), tag("span", metric_meaning(key), class_="meaning")),
            _with_interval(metric),
            number(metric["baseline"]),
            number(metric["validation"]),
            charts.strip(key, metric),
        )
        for key, metric in held_out["metrics"].items()
    ]
    agreement = summary["agreement"]
    return _Section(
        "metrics",
        "Metrics",
        f"On {rows(held_out['rows'])} that the model has never seen",
        (
            tag(
                "p",
                f"Below each value its {100 * how['level']:.0f} % interval. ",
                tag(
                    "span",
                    "In the pictures: the value with its interval in blue, in orange what one "
                    "scores without a model. ",
                    class_="of-pictures",
                ),
                f"Intervals: {how['method']}, {count(how['replicates'])} replicates."
                if how["replicates"]
                else f"Intervals: {how['method']}.",
                class_="note",
            ),
            table("Metrics on held-out rows", columns, found),
            None if agreement is None else tag("p", agreement["sentence"]),
        ),
    )


def _ranking(held_out: Mapping[str, Any], positive: str) -> _Section:
    curves = held_out["curves"] or {}
    metrics = held_out["metrics"]
    found: list[Chart] = []
    if curves.get("roc"):
        found.append(charts.roc(curves["roc"], number(_value(metrics, "roc_auc"))))
    point = _only_point(curves.get("precision_recall"))
    if curves.get("precision_recall") and point is None:
        base = metrics.get("average_precision", {}).get("baseline")
        found.append(charts.precision_recall(curves["precision_recall"], base))
    if curves.get("calibration"):
        found.append(charts.calibration(curves["calibration"], of=f"of {positive}"))
    if held_out["scores"]:
        found.append(charts.scores(held_out["scores"], positive))
    if curves.get("gain"):
        found.append(charts.gain(curves["gain"]))
    if curves.get("lift"):
        found.append(charts.lift(curves["lift"]))
    return _Section(
        "curves",
        "Curves",
        "How well it tells the classes apart",
        (
            _why_not_all_curves(held_out, positive, point) if found else None,
            tag("div", [each.figure() for each in found], class_="grid")
            if found
            else _absent("the curves", "the model gives no probabilities"),
        ),
        found,
    )


def _only_point(curve: Mapping[str, Any] | None) -> tuple[float, float, float] | None:
    """Return recall, precision and threshold where any row is found; None if there are several.

    So it is with one positive row, and with positive rows that all have the same probability.
    """
    if curve is None:
        return None
    points = zip(curve["recall"], curve["precision"], curve["threshold"], strict=True)
    found = [point for point in points if point[0] > 0]
    return found[0] if len(found) == 1 else None


def _why_not_all_curves(
    held_out: Mapping[str, Any], positive: str, point: tuple[float, float, float] | None
) -> Content:
    """Return why curves are missing that people look for; nothing where there are all."""
    if _classes_held_out(held_out) == 1:
        return tag(
            "p",
            _all_of_one(held_out, positive),
            ", so there is nothing to tell apart, and no ROC curve to draw.",
            class_="absent",
        )
    if point is None:
        return None
    recall, precision, cut = point
    return tag(
        "p",
        "Precision and recall have one point, which makes no curve: from a probability of "
        f"{number(cut)} on, {percent(recall)} of the positive rows are found, and "
        f"{percent(precision)} of the flagged rows are right.",
        class_="absent",
    )


def _threshold(held_out: Mapping[str, Any], positive: str) -> _Section:
    found = held_out["thresholds"] or []
    is_one = _classes_held_out(held_out) == 1
    best = max((each["f1"] or 0.0 for each in found), default=0.0)
    chart = charts.thresholds(found) if best >= _LEAST_F1 and not is_one else None
    other: Content = None
    if chart is not None:
        other = chart.figure(lone=True)
    elif found and not is_one:
        other = tag(
            "p",
            f"F1 is at most {number(best)} at any threshold, so precision and recall by threshold "
            "are not drawn: one of them is next to nothing everywhere.",
            class_="absent",
        )
    elif found:
        other = tag(
            "p",
            _all_of_one(held_out, positive),
            ", so precision and recall by threshold say nothing, and are not drawn.",
            class_="absent",
        )
    return _Section(
        "decisions",
        "Decisions",
        "What its decisions cost",
        (
            tag("h3", "The labels that it gives"),
            _own_labels(held_out, positive),
            _matrix(held_out["confusion_matrix"]),
            _at_thresholds(held_out),
            tag("div", tag("h3", "With another threshold"), _slider(positive), class_="on-screen")
            if found
            else None,
            other,
        ),
        [chart] if chart is not None else [],
    )


def _classes_held_out(held_out: Mapping[str, Any]) -> int:
    """Return of how many of two classes there is a held-out row; 2 where it is not known."""
    counts = next(iter(held_out["thresholds"] or []), None)
    if counts is None:
        return 2
    positives = counts["true_positives"] + counts["false_negatives"]
    return 1 if positives in (0, held_out["rows"]) else 2


def _all_of_one(held_out: Mapping[str, Any], positive: str) -> Content:
    counts = held_out["thresholds"][0]
    is_positive = counts["true_positives"] + counts["false_negatives"] > 0
    return ("Every held-out row is " if is_positive else "No held-out row is ", name(positive))


def _own_threshold(held_out: Mapping[str, Any]) -> float | None:
    """Return from which probability on the model says the positive label, where it is not 0.5."""
    own: float | None = held_out.get("label_threshold")
    return None if own is None or number(own) == number(0.5) else own


def _own_labels(held_out: Mapping[str, Any], positive: str) -> Content:
    own = _own_threshold(held_out)
    if own is None:
        return None
    return tag(
        "p",
        "The model's labels follow its own threshold: it says ",
        name(positive),
        f" from a probability of about {number(own)} on, not 0.5.",
    )


def _at_thresholds(held_out: Mapping[str, Any]) -> Content:
    """Return the metrics of labels at 0.5 and at the best F1 beside those of the model's labels."""
    half, best = held_out["at_half"], held_out["at_best_f1"]
    if half is None and best is None:
        return None
    sets = [("The model's labels", held_out["metrics"])]
    if half is not None:
        sets.append((f"At {number(half['threshold'])}", half["metrics"]))
    if best is not None:
        sets.append((f"At {number(best['threshold'])}, the best F1", best["metrics"]))
    names = (half or best)["metrics"]
    flatters = (
        " The threshold of the best F1 was found on these very rows, which flatters it a little."
    )
    return (
        tag("h3", "At three thresholds" if half and best else "At another threshold"),
        tag(
            "p",
            f"Below each value its 95 % interval.{flatters if best is not None else ''}",
            class_="note",
        ),
        table(
            "Metrics of labels by threshold",
            {"Metric": Kind.TEXT, **{title: Kind.NUMBER for title, _ in sets}},
            [
                (metric_name(key), *(_with_interval(metrics.get(key)) for _, metrics in sets))
                for key in names
            ],
        ),
    )


def _slider(positive: str) -> Html:
    def cell(key: str, *, is_right: bool = False) -> Html:
        return tag("td", data_cell=key, class_="number right" if is_right else "number")

    return tag(
        "div",
        tag(
            "label",
            "Call a row ",
            name(positive),
            " from this probability on",
            for_="threshold-input",
        ),
        tag("input", type="range", min=0, max=0, step=1, id="threshold-input"),
        tag("output", for_="threshold-input", aria_live="polite"),
        tag(
            "table",
            tag("caption", "Confusion matrix at this threshold"),
            tag(
                "thead",
                tag(
                    "tr",
                    tag("td"),
                    tag("th", "Flagged", scope="col", class_="number"),
                    tag("th", "Not flagged", scope="col", class_="number"),
                ),
            ),
            tag(
                "tbody",
                tag(
                    "tr",
                    tag("th", "Truth is ", name(positive), scope="row"),
                    cell("true_positives", is_right=True),
                    cell("false_negatives"),
                ),
                tag(
                    "tr",
                    tag("th", "Truth is not", scope="row"),
                    cell("false_positives"),
                    cell("true_negatives", is_right=True),
                ),
            ),
            class_="matrix",
        ),
        id="threshold",
        class_="slider",
        hidden=True,
    )


def _classes(held_out: Mapping[str, Any]) -> _Section:
    classes = held_out["classes"] or []
    found: list[Chart] = []
    if classes:
        found.append(charts.f1_by_class(classes, _class_table(classes)))
    calibration = (held_out["curves"] or {}).get("calibration")
    if calibration:
        found.append(charts.calibration(calibration, of="of the predicted class"))
    matrix = held_out["confusion_matrix"]
    many = matrix is None or len(matrix["labels"]) > _WIDEST_MATRIX
    folded = tag("details", tag("summary", "The whole confusion matrix"), _matrix(matrix))
    parts: list[Content] = [
        (tag("h3", "Confusion matrix"), _matrix(matrix)) if not many else None,
        tag("h3", "The largest confusions"),
        _confusions(held_out["largest_confusions"]),
        folded if many and matrix is not None else None,
    ]
    return _Section(
        "classes",
        "Classes",
        "Which classes it knows, and which it confuses",
        (
            tag("div", [each.figure() for each in found], class_="grid") if found else None,
            parts,
        ),
        found,
    )


def _class_table(classes: Sequence[Mapping[str, Any]]) -> Html:
    return table(
        "Classes",
        {
            "Class": Kind.TEXT,
            "Rows": Kind.NUMBER,
            "Predicted": Kind.NUMBER,
            "Precision": Kind.NUMBER,
            "Recall": Kind.NUMBER,
            "F1": Kind.NUMBER,
            "ROC AUC": Kind.NUMBER,
        },
        [
            (
                name(each["label"]),
                count(each["rows"]),
                count(each["predicted"]),
                percent(each["precision"]),
                percent(each["recall"]),
                number(each["f1"]),
                number(each["roc_auc"]),
            )
            for each in classes
        ],
    )


def _confusions(found: Sequence[Mapping[str, Any]] | None) -> Html:
    if not found:
        return (
            _absent("the confusions") if found is None else tag("p", "None: every label is right.")
        )
    return table(
        "The largest confusions",
        {
            "Truth": Kind.TEXT,
            "Predicted": Kind.TEXT,
            "Rows": Kind.NUMBER,
            "of that truth": Kind.NUMBER,
        },
        [
            (name(e["truth"]), name(e["prediction"]), count(e["rows"]), percent(e["share"]))
            for e in found
        ],
    )


def _matrix(matrix: Mapping[str, Any] | None) -> Html:
    """Return the confusion matrix, each row shaded by its shares."""
    if matrix is None:
        return _absent("the confusion matrix", "there are too many classes to read one")
    labels, counts = matrix["labels"], matrix["counts"]
    head = tag(
        "tr",
        tag("th", "Truth ↓ predicted →", scope="col"),
        [tag("th", name(label), scope="col", class_="number") for label in labels],
    )
    body = []
    for i, (label, row) in enumerate(zip(labels, counts, strict=True)):
        total = sum(row)
        cells = []
        for j, n in enumerate(row):
            share = n / total if total else 0
            shade = f" s{max(1, round(share * _SHADES))}" if n else ""
            shown = tag("small", percent(share)) if n and len(labels) <= _WIDEST_MATRIX else None
            look = f"number{shade}{' right' if i == j else ''}"
            cells.append(tag("td", count(n), shown, class_=look))
        body.append(tag("tr", tag("th", name(label), scope="row"), cells))
    return tag(
        "div",
        tag(
            "table",
            tag("caption", "Confusion matrix: rows by truth and prediction"),
            tag("thead", head),
            tag("tbody", body),
            class_="matrix",
        ),
        class_="wide",
        role="region",
        tabindex=0,
        aria_label="Confusion matrix",
    )


def _errors(held_out: Mapping[str, Any], target: str) -> _Section:
    found: list[Chart] = []
    if held_out["predicted_vs_actual"]:
        found.append(charts.predicted_vs_actual(held_out["predicted_vs_actual"], target))
    if held_out["residuals"]:
        found.append(charts.residuals(held_out["residuals"]))
    if held_out["error_quantiles"]:
        found.append(charts.error_quantiles(held_out["error_quantiles"]))
    if held_out["error_by_prediction"]:
        found.append(charts.error_by_prediction(held_out["error_by_prediction"]))
    return _Section(
        "errors",
        "Errors",
        "How far off it is, and where",
        tag("div", [each.figure() for each in found], class_="grid") if found else _absent("they"),
        found,
    )


def _drivers(found: Mapping[str, Any] | None) -> _Section:
    title = "What drives the model"
    if found is None or not found["features"]:
        return _Section(
            "drivers",
            "Drivers",
            title,
            _absent(
                "the importance of the columns", "the best candidate has no explainability report"
            ),
        )
    if not any(each["value"] for each in found["features"]):
        columns = found["features"]
        sentence = (
            ("The importance of the only column, ", name(columns[0]["name"]), ", is 0: ")
            if len(columns) == 1
            else f"The importance of all {count(len(columns))} columns is 0: "
        )
        return _Section(
            "drivers",
            "Drivers",
            title,
            tag(
                "p",
                sentence,
                "what the model says does not depend on it."
                if len(columns) == 1
                else "what the model says does not depend on any of them.",
            ),
        )
    chart = charts.importance(found)
    return _Section(
        "drivers",
        "Drivers",
        title,
        (
            tag(
                "p",
                f"Measured on {rows(found['rows'])}. " if found["rows"] is not None else None,
                "Importance is what the model uses, not what causes the target.",
                class_="note",
            ),
            chart.figure(lone=True),
        ),
        [chart],
    )


def _mistakes(found: Mapping[str, Any] | None) -> _Section:
    title = "Mistakes worth looking at"
    if found is None:
        reason = "the model gives no probabilities"
        return _Section("mistakes", "Mistakes", title, _absent("they", reason))
    if not found["rows"]:
        return _Section("mistakes", "Mistakes", title, tag("p", "None was made."))
    is_regression = found["kind"] == "worst_residuals"
    last = "Prediction minus truth" if is_regression else "Its probability"
    return _Section(
        "mistakes",
        "Mistakes",
        title,
        (
            tag(
                "p",
                "The rows that are farthest off. "
                if is_regression
                else "The model was surest of these, and wrong. ",
                "Often a label in the data is wrong, or something is missing that people know. Row "
                "numbers begin at 0 below the header, as in predictions.csv.",
                class_="note",
            ),
            table(
                title,
                {"Row": Kind.TEXT, "Truth": Kind.TEXT, "Predicted": Kind.TEXT, last: Kind.NUMBER},
                [
                    (
                        tag("span", str(each["row"]), class_="whole"),
                        name(each["truth"]),
                        name(each["prediction"]),
                        signed(each["error"]) if is_regression else percent(each["probability"]),
                    )
                    for each in found["rows"]
                ],
            ),
        ),
    )


def _segments(summary: Mapping[str, Any]) -> _Section:
    title = "Where it does better and worse"
    found = summary["segments"]
    if not found:
        content = (
            _absent("performance by segment")
            if found is None
            else tag("p", "There is no categorical column to look at.")
        )
        return _Section("segments", "Segments", title, content)
    of_target = {
        "binary": "Share that is positive",
        "multiclass": None,
        "regression": f"Mean {summary['target']}",
    }[summary["problem_type"]]
    return _Section(
        "segments",
        "Segments",
        title,
        (
            tag(
                "p",
                "By the values of the main categorical columns, with 95 % intervals. A value is "
                "marked when the interval of the first metric leaves out the figure for all rows.",
                class_="note",
            ),
            [_segment(each, of_target, summary) for each in found],
        ),
    )


def _segment(
    found: Mapping[str, Any], of_target: str | None, summary: Mapping[str, Any]
) -> Content:
    names = list(found["values"][0]["metrics"]) if found["values"] else []
    is_share = summary["problem_type"] == "binary"
    columns = {"Value": Kind.TEXT, "Rows": Kind.NUMBER}
    if of_target is not None:
        columns[of_target] = Kind.NUMBER
    columns["Beside all rows"] = Kind.TEXT
    columns |= {metric_name(each): Kind.NUMBER for each in names}
    found_rows = []
    for each in found["values"]:
        row: list[Content] = [name(each["value"]), count(each["rows"])]
        if of_target is not None:
            row.append(percent(each["target"]) if is_share else number(each["target"]))
        row.append(_beside_all(each, names, summary["held_out"]["metrics"]))
        row += [_with_interval(each["metrics"].get(key)) for key in names]
        found_rows.append(row)
    explained = found["explained_share"]
    other = found["other_rows"]
    return (
        tag("h3", name(found["column"])),
        None
        if explained is None
        else tag("p", f"Explains {percent(explained)} of the target by itself.", class_="note"),
        table(f"By {found['column']}", columns, found_rows),
        tag("p", f"Other values: {rows(other)}.", class_="note") if other else None,
    )


def _beside_all(
    segment: Mapping[str, Any], names: Sequence[str], overall: Mapping[str, Any]
) -> Content:
    if segment["differs"] is None:
        return tag("span", "too few rows to say", class_="absent")
    if not segment["differs"] or not names:
        return "no clear difference"
    here, there = segment["metrics"][names[0]]["value"], _value(overall, names[0])
    if here is None or there is None:
        return "differs"
    is_better = (here > there) == (overall[names[0]]["better"] == "higher")
    return _mark("better" if is_better else "worse", "good" if is_better else "bad")


def _leaderboard(summary: Mapping[str, Any]) -> _Section:
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
    found, measured = [], []
    for each in candidates:
        values = {(metric["name"], metric["set"]): metric["value"] for metric in each["metrics"]}
        found.append(
            (
                str(each["rank"]),
                name(each["name"]),
                None if each["algorithm"] is None else name(each["algorithm"]),
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
    return _Section(
        "leaderboard",
        "Leaderboard",
        "The candidates",
        (
            tag(
                "p",
                "Ranked by Autopilot on its own validation rows, by its own names. The best one "
                "was scored on the held-out rows above.",
                class_="note",
            ),
            table(
                "Leaderboard",
                {
                    "Rank": Kind.TEXT,
                    "Candidate": Kind.TEXT,
                    "Algorithm": Kind.TEXT,
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


def _on(sets: set[str]) -> str:
    return f" ({next(iter(sets)).lower()})" if len(sets) == 1 else ""


def _because(reason: str | None) -> Content:
    return None if not reason else f": {reason}"


def _comparison(summary: Mapping[str, Any]) -> _Section:
    title = "Beside the previous run"
    found = summary["comparison"]
    if found is None:
        content: Content = tag("p", "There is no earlier completed run of this dataset.")
        return _Section("comparison", "Comparison", title, content)
    metrics = [
        (
            metric_name(key),
            _with_interval(each["previous"]),
            _with_interval(each["current"]),
            signed(each["difference"]),
            None
            if each["low"] is None or each["high"] is None
            else f"{signed(each['low'])} to {signed(each['high'])}",
            None
            if each["level"] is None
            else _mark(
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
            {_unseen("What"): Kind.TEXT, "Previous": Kind.TEXT, "This": Kind.TEXT},
            [
                ("Run", found["run_id"], summary["run_id"]),
                ("Completed", time(found["completed_at"]), time(summary["completed_at"])),
                ("Rows", count(found["rows"]), count(summary["rows"])),
                ("Columns", count(found["columns"]), count(summary["columns"])),
                (
                    "Best candidate",
                    _named(found["best_candidate"]["name"]),
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
    return _Section("comparison", "Comparison", title, content)


def _data_changes(data: Mapping[str, Any] | None) -> Content:
    if data is None:
        return _absent("the changes in the data", "a profile of the columns is gone")
    items: list[Content] = []
    for key, words in (("columns_added", "New columns: "), ("columns_removed", "Gone columns: ")):
        if data[key]:
            items.append((words, _listed(data[key]), "."))
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


def _warnings(found: Sequence[Mapping[str, Any]]) -> _Section:
    warnings, notes = _by_level(found)
    short = f"Warnings ({len(warnings)})" if warnings else "Warnings"
    return _Section(
        "warnings",
        short if warnings or not notes else f"Notes ({len(notes)})",
        "Warnings, and what to do about them",
        (
            tag("ul", [_finding(each) for each in warnings], class_="warnings")
            if warnings
            else tag("p", "There are none."),
            (
                tag("h3", "Good to know"),
                tag("ul", [_finding(each) for each in notes], class_="warnings notes"),
            )
            if notes
            else None,
        ),
    )


def _by_level(
    found: Sequence[Mapping[str, Any]],
) -> tuple[list[Mapping[str, Any]], list[Mapping[str, Any]]]:
    """Return the warnings and the notes; what has no level is a warning."""
    notes = [each for each in found if each.get("level") == "note"]
    return [each for each in found if each.get("level") != "note"], notes


def _finding(found: Mapping[str, Any]) -> Html:
    place: list[Content] = []
    if found["line"] is not None:
        place.append(f", line {count(found['line'])}")
    if found["column"] is not None:
        place.append((", column ", name(found["column"])))
    return tag(
        "li",
        tag("p", tag("code", found["code"]), place),
        tag("p", with_code(found["message"])),
        tag("p", with_code(found["remedy"]), class_="remedy") if found["remedy"] else None,
    )


def _run(summary: Mapping[str, Any]) -> _Section:
    source, split, files = summary["source"], summary["split"], summary["files"]
    bytes_of = source.get("size")
    return _Section(
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
                        ("Candidate notebook", _uri(summary["notebooks"]["candidate_definition"])),
                        ("Data notebook", _uri(summary["notebooks"]["data_exploration"])),
                    ],
                ),
            ),
            class_="grid",
        ),
    )


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


def _made_by(summary: Mapping[str, Any]) -> str:
    return (
        f"Made by autodrop {summary['versions']['autodrop']} from summary.json. This page holds "
        "aggregates and the mistakes shown above, fetches nothing, and prints."
    )


# ------------------------------------------------------------------ small things


def _value(metrics: Mapping[str, Any], key: str) -> float | None:
    value: float | None = metrics.get(key, {}).get("value")
    return value


def _with_interval(metric: Mapping[str, Any] | None) -> Content:
    if metric is None or metric["value"] is None:
        return None
    between = interval(metric)
    return (number(metric["value"]), None if between is None else tag("small", between))


def _mark(text: str, look: str) -> Html:
    return tag("span", text, class_=f"tag is-{look}" if look else "tag")


def _unseen(text: str) -> Html:
    """Return a text for screen readers only."""
    return tag("span", text, class_="unseen")


def _listed(names: Sequence[str]) -> Content:
    return [(", " if i else None, name(each)) for i, each in enumerate(names)]


def _named(text: str | None) -> Content:
    return None if text is None else name(text)


def _uri(uri: str | None) -> Content:
    return None if uri is None else tag("code", uri)


def _absent(what: str, why: str | None = None) -> Html:
    """Return that something is not available; `they` are what the heading names."""
    sentence = (
        f"{'Not' if what == 'they' else f'{what[0].upper()}{what[1:]}: not'} available"
        f"{f', because {why}' if why else ''}."
    )
    return tag("p", sentence, class_="absent")
