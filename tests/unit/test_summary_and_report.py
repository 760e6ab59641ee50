"""`summary.json` and `report.html`: the right numbers, and names that are only names."""

from __future__ import annotations

import json
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from autodrop.dataset import Dataset
from autodrop.findings import Finding
from autodrop.results.candidates import autopilot_record
from autodrop.results.metrics import Metrics
from autodrop.results.predictions import Scored
from autodrop.results.report_page import report_page
from autodrop.results.summary import headline, held_out_metrics, summarise
from autodrop.run import RunState
from autodrop.sagemaker_jobs import Objective
from autodrop.settings import ProblemType
from tests.builders import NOON, a_candidate, a_dataset, a_job, a_run, a_transform

ATTACK = "<script>alert(1)</script>"
VOID = {"meta", "link", "br", "hr", "img", "input"}
F1 = Objective("F1", 0.61234, "Maximize")
BINARY = Scored(
    rows=[0, 1, 2, 3],
    carried={},
    truth=["no", "yes", "no", "yes"],
    predicted=["no", "yes", "yes", "yes"],
    probabilities={
        "no": np.array([0.9, 0.2, 0.4, 0.3]),
        "yes": np.array([0.1, 0.8, 0.6, 0.7]),
    },
)


class Page(HTMLParser):
    """Reads a page, and complains about tags that are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def a_summary(
    dataset: Dataset | None = None,
    scored: Scored = BINARY,
    kind: ProblemType = ProblemType.BINARY,
    objective: Objective | None = F1,
    **job: Any,
) -> dict[str, Any]:
    """Return the summary of a run that started at noon."""
    dataset = dataset or a_dataset()
    best = a_candidate("best", objective)
    record = autopilot_record(
        a_job(
            "Completed",
            best_candidate=best,
            **{"ended_at": NOON + timedelta(minutes=10), "problem_type": kind, **job},
        ),
        [a_candidate("worse"), best],
        [],
    )
    metrics, matrix = held_out_metrics(dataset, kind, scored)
    run = a_run(state=RunState.PREPARED, at=NOON)
    transform = a_transform("Completed", started_at=NOON, ended_at=NOON + timedelta(minutes=3))
    now = NOON + timedelta(minutes=20)
    return summarise(run, dataset, record, transform, kind, metrics, matrix, now)


def test_the_summary_is_json() -> None:
    summary = a_summary()

    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_the_summary_says_what_was_done() -> None:
    summary = a_summary()

    assert summary["schema_version"] == 1
    assert summary["run_id"] == a_run().run_id
    assert (summary["rows"], summary["columns"], summary["features"]) == (600, 3, 2)
    assert (summary["target"], summary["problem_type"]) == ("y", "binary")
    assert summary["positive_class"] == "yes"
    assert summary["split"] == {
        "method": "random",
        "test_fraction": 0.2,
        "seed": 200,
        "train_rows": 500,
        "test_rows": 100,
    }
    assert summary["best_candidate"]["name"] == "best"
    assert [each["name"] for each in summary["candidates"]] == ["best", "worse"]
    assert summary["objective"]["value"] == 0.61234
    folder = f"s3://data-bucket/{a_run().folder.results}"
    assert summary["files"]["report"] == f"{folder}report.html"


def test_metrics_of_the_held_out_rows_are_in_the_summary() -> None:
    held_out = a_summary()["held_out"]

    assert held_out["metrics"]["roc_auc"] == 1.0
    assert held_out["metrics"]["accuracy"] == 0.75
    assert held_out["confusion_matrix"] == {"labels": ["no", "yes"], "counts": [[1, 1], [0, 2]]}


def test_the_score_of_the_positive_class_is_its_own_probability() -> None:
    no_is_positive = a_dataset(positive="no")

    assert a_summary(no_is_positive)["held_out"]["metrics"]["roc_auc"] == 1.0
    assert a_summary(no_is_positive)["held_out"]["metrics"]["recall"] == 0.5


def test_probabilities_of_other_classes_only_leave_no_ranking_metrics() -> None:
    assert BINARY.probabilities is not None
    scored = Scored(
        BINARY.rows,
        {},
        BINARY.truth,
        BINARY.predicted,
        {"no": BINARY.probabilities["no"]},
    )

    assert a_summary(scored=scored)["held_out"]["metrics"]["roc_auc"] is None


def test_what_autopilot_resolved_goes_before_what_we_guessed() -> None:
    summary = a_summary(kind=ProblemType.MULTICLASS)

    assert summary["problem_type"] == "multiclass"
    assert summary["positive_class"] is None
    assert "f1_macro" in summary["held_out"]["metrics"]


def test_a_regression_has_no_confusion_matrix() -> None:
    scored = Scored([0, 1], {}, ["1", "2"], ["1.5", "2"], None)

    summary = a_summary(scored=scored, kind=ProblemType.REGRESSION)

    assert summary["held_out"]["confusion_matrix"] is None
    assert summary["held_out"]["metrics"]["mae"] == 0.25


def test_a_confusion_matrix_that_nobody_can_read_is_left_out() -> None:
    many = [str(i) for i in range(51)]
    scored = Scored(list(range(51)), {}, many, many, None)

    summary = a_summary(scored=scored, kind=ProblemType.MULTICLASS)

    assert summary["held_out"]["confusion_matrix"] is None
    assert summary["held_out"]["metrics"]["accuracy"] == 1


def test_every_step_has_its_seconds() -> None:
    assert a_summary()["timings"] == {
        "prepare_seconds": 0.0,
        "queue_seconds": 0.0,
        "training_seconds": 600.0,
        # The transform was created before the job ended, says its clock: that took no time.
        "model_seconds": 0.0,
        "transform_seconds": 180.0,
        "results_seconds": 1020.0,
        "total_seconds": 1200.0,
    }


def test_a_time_that_sagemaker_does_not_tell_is_none() -> None:
    timings = a_summary(ended_at=None)["timings"]

    assert timings["training_seconds"] is None
    assert timings["model_seconds"] is None
    assert timings["total_seconds"] == 1200.0


def test_warnings_of_the_data_and_of_autopilot_are_together() -> None:
    dataset = a_dataset(warnings=(Finding("TARGET_MISSING", "3 rows have no target."),))

    summary = a_summary(dataset, partial_failures=("No explainability report.",))

    assert summary["warnings"] == [
        {"code": "TARGET_MISSING", "message": "3 rows have no target."},
        {"code": "AUTOPILOT_PARTIAL_FAILURE", "message": "No explainability report."},
    ]


@pytest.mark.parametrize(
    ("kind", "metrics", "expected"),
    [
        (ProblemType.BINARY, {"roc_auc": 0.95321}, "roc_auc 0.9532 on 8,238 held-out rows"),
        (
            ProblemType.BINARY,
            {"roc_auc": None, "accuracy": 0.9},
            "accuracy 0.9 on 8,238 held-out rows",
        ),
        (ProblemType.MULTICLASS, {"accuracy": 1.0}, "accuracy 1 on 8,238 held-out rows"),
        (ProblemType.REGRESSION, {"rmse": 12.3456}, "rmse 12.35 on 8,238 held-out rows"),
        (ProblemType.REGRESSION, {"rmse": None}, "8,238 held-out rows scored"),
    ],
)
def test_the_headline_is_the_metric_that_people_look_at_first(
    kind: ProblemType, metrics: Metrics, expected: str
) -> None:
    assert headline(kind, metrics, 8238) == expected


def test_the_report_is_whole_html_without_script_and_fetches_nothing() -> None:
    page = Page(report_page(a_summary()))

    assert page.tags[0] == "html"
    assert {"title", "h1", "table"} <= set(page.tags)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not {"src", "href", "onload", "onclick"} & set(page.attributes)


def test_the_report_has_the_numbers_of_the_summary() -> None:
    text = " ".join(Page(report_page(a_summary())).texts)

    assert "roc_auc 1 on 100 held-out rows" in text
    assert "0.6123" in text
    assert "0.75" in text


def test_a_name_that_looks_like_html_is_only_a_name() -> None:
    dataset = a_dataset(
        target=ATTACK,
        classes=((ATTACK, 400), ("</td>&amp;\"'", 200)),
        positive=ATTACK,
        name=ATTACK,
        source={"bucket": "b", "key": f"inbox/{ATTACK}/x.csv", "version_id": None, "size": 1},
        warnings=(Finding("W", ATTACK),),
    )
    labels = [ATTACK, "</td>&amp;\"'"]
    scored = Scored([0, 1], {}, labels, labels, None)

    html = report_page(a_summary(dataset, scored, objective=Objective(ATTACK, 1.0)))

    page = Page(html)
    assert "script" not in page.tags
    assert "".join(page.texts).count(ATTACK) >= 6
    assert "</td>&amp;\"'" in page.texts


def test_what_is_not_known_is_called_so() -> None:
    text = Page(report_page(a_summary(objective=None, ended_at=None))).texts

    assert "not available" in text
    assert "None" not in text


@pytest.mark.parametrize(
    ("scored", "kind"),
    [
        (Scored([0, 1], {}, ["1", "2"], ["1.5", "2"], None), ProblemType.REGRESSION),
        (Scored([0, 1], {}, ["a", "b"], ["a", "a"], None), ProblemType.MULTICLASS),
        (Scored([0, 1], {}, ["no", "no"], ["no", "no"], None), ProblemType.BINARY),
    ],
)
def test_every_kind_of_problem_has_a_report(scored: Scored, kind: ProblemType) -> None:
    assert Page(report_page(a_summary(scored=scored, kind=kind))).texts
