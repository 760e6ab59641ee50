"""What a reader of the pages is told where the data are few, odd, huge or tiny."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from autodrop.results import charts
from autodrop.results.html import html, with_code
from autodrop.results.index_page import index_page
from autodrop.results.report_page import report_page
from autodrop.results.words import number
from tests.builders import NOON
from tests.report import examples
from tests.unit.test_report_page import Page


def text_of(summary: dict[str, Any]) -> str:
    return Page(report_page(summary)).text


def changed(summary: dict[str, Any], **sections: Any) -> dict[str, Any]:
    """Return a copy with these fields put into these sections."""
    found = copy.deepcopy(summary)
    for section, more in sections.items():
        found[section] = found[section] | more if isinstance(more, dict) else more
    return found


def of_one_class() -> dict[str, Any]:
    """Return a summary in which no held-out row is positive."""
    summary = copy.deepcopy(examples.binary())
    held_out = summary["held_out"]
    for name in ("roc", "precision_recall", "gain", "lift"):
        held_out["curves"][name] = None
    held_out["at_best_f1"] = None
    for each in held_out["thresholds"]:
        each["false_positives"] += each["true_positives"]
        each["true_negatives"] += each["false_negatives"]
        each |= {"true_positives": 0, "false_negatives": 0, "recall": None, "f1": 0.0}
    return summary


# ------------------------------------------------------------------ pictures of metrics


def ends(svg: object) -> list[float]:
    """Return where the marks of a picture begin, without its track."""
    return [float(each) for each in re.findall(r' x="([\d.]+)"', str(svg))][1:]


def a_metric(value: float, low: float, high: float, base: float, better: str) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "baseline": base, "better": better}


def test_the_picture_of_a_tiny_error_tells_it_from_its_baseline() -> None:
    found = charts.strip("rmse", a_metric(3.6e-06, 3.4e-06, 4e-06, 1.9e-05, "lower"))

    range_, baseline, value = ends(found)
    assert range_ < value < 30
    assert baseline > 90


def test_what_is_at_most_1_has_a_picture_that_ends_at_1() -> None:
    assert charts.scale("accuracy", [0.2, 1.0000000000000002], better="higher") == (0.0, 1.0)
    assert charts.scale("mcc", [0.5, 1.0000000000000002], better="higher") == (-1.0, 1.0)
    assert charts.scale("r2", [0.9, -0.3], better="higher") == (-0.3, 1.0)
    assert charts.scale("r2", [-0.01, -825.0], better="higher") == (-1.0, 1.0)


def test_an_error_of_nothing_at_all_still_has_a_picture() -> None:
    assert ends(charts.strip("mae", a_metric(0.0, 0.0, 0.0, 0.0, "lower")))


# ------------------------------------------------------------------ few rows, one class


def test_with_one_class_there_is_a_sentence_in_the_place_of_curves() -> None:
    page = Page(report_page(of_one_class()))

    assert "thresholds" not in page.data["charts"]
    assert "No held-out row is yes , so there is nothing to tell apart" in page.text
    assert "precision and recall by threshold say nothing" in page.text


def test_a_curve_of_one_point_is_told_and_not_drawn() -> None:
    summary = copy.deepcopy(examples.binary())
    summary["held_out"]["curves"]["precision_recall"] = {
        "recall": [0.0, 0.0, 1.0],
        "precision": [0.0, 0.0, 0.25],
        "threshold": [0.9, 0.8, 0.0312],
    }

    page = Page(report_page(summary))

    assert "precision-recall" not in page.data["charts"]
    assert (
        "from a probability of 0.0312 on, 100 % of the positive rows are found, and 25 % of the "
        "flagged rows are right." in page.text
    )


def test_where_no_threshold_is_any_good_no_empty_chart_is_drawn() -> None:
    summary = copy.deepcopy(examples.binary())
    for each in summary["held_out"]["thresholds"]:
        each["f1"] = min(each["f1"] or 0.0, 0.00085)

    page = Page(report_page(summary))

    assert "thresholds" not in page.data["charts"]
    assert "F1 is at most 8.5 \u00d7 10⁻⁴ at any threshold" in page.text
    assert "With another threshold" in page.text


def test_without_a_best_threshold_nothing_is_said_of_it() -> None:
    assert "The threshold of the best F1" not in text_of(of_one_class())
    assert "The threshold of the best F1" in text_of(examples.binary())


def test_columns_of_no_importance_have_a_sentence_and_no_chart() -> None:
    summary = copy.deepcopy(examples.binary())
    for each in summary["importance"]["features"]:
        each["value"] = 0.0

    page = Page(report_page(summary))

    assert "importance" not in page.data["charts"]
    assert "The importance of all 8 columns is 0" in page.text
    summary["importance"]["features"] = summary["importance"]["features"][:1]
    assert "The importance of the only column, duration , is 0" in text_of(summary)


def test_one_column_is_no_plural() -> None:
    assert "from 1 column. Completed" in text_of(changed(examples.binary(), features=1))


# ------------------------------------------------------------------ words for people


def test_nearly_all_rows_are_not_all_rows() -> None:
    summary = copy.deepcopy(examples.multiclass(3))
    summary["held_out"]["metrics"]["accuracy"]["value"] = 2399 / 2400

    assert "It is right about more than 99 rows out of 100." in text_of(summary)


def test_the_title_has_the_words_of_people_for_the_metric() -> None:
    page = report_page(changed(examples.binary(), headline="roc_auc 0.9182 on 8,238 held-out rows"))

    assert "<title>bank-marketing: ROC AUC 0.9182 on 8,238 held-out rows</title>" in page


def test_a_number_looks_the_same_wherever_it_stands() -> None:
    summary = copy.deepcopy(examples.regression())
    summary["held_out"]["metrics"]["mse"] |= {"value": 2_988_809_922.0, "baseline": 3.107e10}

    text = text_of(summary)

    assert "2.989 billion" in text
    assert "31.07 billion" in text
    assert "2,988,809,922" not in text


def test_what_stands_between_backticks_is_code_and_nothing_else() -> None:
    assert html(with_code("add `keep: [<id>]` or not")) == (
        "add <code>keep: [&lt;id&gt;]</code> or not"
    )
    assert html(with_code("a ` alone, <b>")) == "a ` alone, &lt;b&gt;"


def test_warnings_show_their_settings_as_code() -> None:
    page = report_page(examples.binary())

    assert "<code>ignore: [duration]</code>" in page
    assert "`" not in page.partition("<main")[2].partition("<script")[0]


# ------------------------------------------------------------------ fields that may be there


def test_notes_stand_apart_from_warnings_under_a_quieter_heading() -> None:
    summary = copy.deepcopy(examples.binary())
    summary["warnings"][0]["level"] = "note"
    summary["warnings"][1]["level"] = "warning"

    text = text_of(summary)

    assert "Warnings (1)" in text
    assert "Read the warning" in text
    assert text.index("KNOWN_TOO_LATE") < text.index("Good to know")
    assert text.index("Good to know") < text.index("DUPLICATE_ROWS")


def test_with_notes_only_nobody_is_sent_to_warnings() -> None:
    summary = copy.deepcopy(examples.binary())
    for each in summary["warnings"]:
        each["level"] = "note"

    text = text_of(summary)

    assert "Notes (2)" in text
    assert "Read the" not in text
    assert "There are none." in text


@pytest.mark.parametrize(
    ("split", "said"),
    [
        ({"file": "june <test>.csv"}, "test file june <test>.csv : 32,950 rows to train"),
        ({"file": None}, "random, seed 200: 32,950 rows to train"),
        ({"file": None, "method": "file"}, "test file: 32,950 rows to train"),
    ],
)
def test_a_test_file_of_the_user_is_named(split: dict[str, Any], said: str) -> None:
    assert said in text_of(changed(examples.binary(), split=split))


def test_a_threshold_of_the_models_own_is_told_beside_its_labels() -> None:
    page = Page(report_page(changed(examples.binary(), held_out={"label_threshold": 0.38173})))

    assert "The model's labels follow its own threshold: it says yes from a probability of " in (
        page.text
    )
    assert "about 0.3817 on, not 0.5." in page.text
    assert page.data["start"] == 0.38173


@pytest.mark.parametrize("threshold", [None, 0.5, 0.50001])
def test_a_threshold_of_one_half_is_not_spoken_of(threshold: float | None) -> None:
    page = Page(report_page(changed(examples.binary(), held_out={"label_threshold": threshold})))

    assert "its own threshold" not in page.text
    assert page.data["start"] is None


# ------------------------------------------------------------------ tables


def test_the_first_table_of_candidates_is_narrow_and_the_rest_is_folded() -> None:
    text = report_page(examples.binary())

    leaderboard = text.partition('id="leaderboard"')[2].partition("</section>")[0]
    first = leaderboard.partition("</table>")[0]
    assert first.count('<th scope="col"') == 7
    for title in ("Training", "Latency", "Status"):
        assert title in first


# ------------------------------------------------------------------ runs over time


def history(times: Sequence[datetime], values: Sequence[float], **metric: Any) -> dict[str, Any]:
    """Return what is drawn of runs at these times."""
    [run, *_] = [each for each in examples.index_runs() if each["metric"]]
    runs = [
        run
        | {
            "created_at": at.isoformat(),
            "metric": run["metric"] | {"value": value, "low": None, "high": None} | metric,
        }
        for at, value in zip(times, values, strict=True)
    ]
    drawn: dict[str, Any] = Page(index_page("bank", runs[::-1])).data["charts"]["history"]
    return drawn


def test_the_axis_of_a_metric_ends_where_the_metric_does() -> None:
    times = [NOON, NOON + timedelta(days=9)]

    drawn = history(times, [0.3, 0.99])
    assert (drawn["y"]["min"], drawn["y"]["max"]) == (0.0, 1.0)
    near = history(times, [0.93, 0.95], low=0.9, high=0.97)["y"]
    assert 0.85 < near["min"] <= 0.9
    assert near["max"] == 1.0 or 0.97 <= near["max"] < 1.0
    errors = history(times, [12.0, 900.0], name="rmse", better="lower")["y"]
    assert errors["min"] == 0.0
    assert errors["max"] >= 900


@pytest.mark.parametrize(
    "apart", [timedelta(seconds=1), timedelta(minutes=7), timedelta(hours=9), timedelta(days=30)]
)
def test_the_marks_of_time_are_few_and_none_says_the_same_twice(apart: timedelta) -> None:
    drawn = history([NOON + i * apart for i in range(5)], [0.9] * 5)

    said = [label for _, label in drawn["x"]["ticks"]]
    assert 1 <= len(said) <= 6
    assert len(set(said)) == len(said)
    assert all(drawn["x"]["min"] <= at <= drawn["x"]["max"] for at, _ in drawn["x"]["ticks"])


def test_one_run_has_its_own_mark() -> None:
    drawn = history([NOON], [0.9])

    assert [label for _, label in drawn["x"]["ticks"]] == [f"{NOON:%H:%M}"]
    assert f"{NOON:%b %Y}" in drawn["x"]["name"]
    assert drawn["y"]["max"] <= 1.0


def test_the_axes_of_calibration_have_round_marks() -> None:
    bins = [
        {"from": 0.0, "to": 0.04, "rows": 9, "predicted": 0.02, "observed": 0.01}
        | {"low": 0.0, "high": 0.0431}
    ]

    end = charts.calibration(bins, of="of yes").spec["x"]["max"]
    assert number(100 * end / 4) == "1.5"


def test_what_cannot_be_said_is_not_said_in_plain_words_either() -> None:
    summary = copy.deepcopy(examples.binary())
    summary["verdict"]["quality"] = {"level": "unknown", "text": "That cannot be said: too few."}
    summary["agreement"]["held_out"] = {"value": 0.5, "low": None, "high": None}

    page = report_page(summary)

    assert "Cannot be said" in page
    assert "times out of 100" not in page
    assert "agrees with the held-out rows" not in page
