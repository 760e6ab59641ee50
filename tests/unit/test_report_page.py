"""The pages as text: every number, names that are only names, and what is not known called so."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodrop.results
from autodrop.results.html import Html, Kind, html, json_for_html, name, table, tag
from autodrop.results.index_page import index_page
from autodrop.results.page import ECHARTS
from autodrop.results.report_page import report_page
from autodrop.results.words import milliseconds, number, percent, seconds, signed, size, time
from tests.report import examples

ASSETS = Path(autodrop.results.__file__).parent / "assets"
VOID = {"meta", "input"}
SUMMARIES: dict[str, Callable[[], dict[str, Any]]] = {
    "binary": examples.binary,
    "unbalanced": examples.unbalanced,
    "hopeless": examples.hopeless,
    "attacked": examples.attacked,
    "3 classes": lambda: examples.multiclass(3),
    "30 classes": lambda: examples.multiclass(30),
    "regression": examples.regression,
}


class Page(HTMLParser):
    """Reads a page, and complains about tags that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    @property
    def data(self) -> Any:
        return json.loads(self.scripts[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)
        elif self.open and self.open[-1] != "style":
            self.texts.append(data)


def without(summary: dict[str, Any], *path: str) -> dict[str, Any]:
    """Return a copy of the summary with null at `path`."""
    copy: dict[str, Any] = json.loads(json.dumps(summary))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = None
    return copy


@pytest.mark.parametrize("kind", SUMMARIES)
def test_every_kind_of_summary_has_a_whole_page_that_fetches_nothing(kind: str) -> None:
    page = Page(report_page(SUMMARIES[kind]()))

    assert page.tags[0] == "html"
    assert not {"link", "img", "iframe", "object", "base", "form"} & set(page.tags)
    assert not any(key in ("src", "style", "srcset") for key, _ in page.attributes)
    assert not any(key.startswith("on") for key, _ in page.attributes)
    links = {value for key, value in page.attributes if key == "href"}
    assert all(link is not None and link.startswith(("#", "./")) for link in links)
    assert "None" not in page.texts


@pytest.mark.parametrize("kind", SUMMARIES)
def test_every_chart_has_a_label_and_a_table(kind: str) -> None:
    text = report_page(SUMMARIES[kind]())

    page = Page(text)
    drawn = [value for key, value in page.attributes if key == "data-chart"]
    assert sorted(page.data["charts"]) == sorted(str(each) for each in drawn)
    assert page.tags.count("figure") == len(drawn) == text.count("<details open><summary>The n")
    labels = [value for key, value in page.attributes if key == "aria-label"]
    assert all(labels)


def test_the_first_screen_answers_the_three_questions() -> None:
    summary = examples.binary()

    text = Page(report_page(summary)).text

    for said in (
        "Is it good? Yes, it is strong",
        "Is it better than before? Yes, better",
        "Can I trust it? With caution",
        *(answer["text"] for answer in summary["verdict"].values()),
        "Of two rows, one yes and one not, it ranks the right one first 92 times out of 100.",
        "Read the 2 warnings",
    ):
        assert said in text


def test_metrics_stand_beside_their_interval_baseline_and_validation() -> None:
    summary = examples.binary()
    f1 = summary["held_out"]["metrics"]["f1"]

    text = Page(report_page(summary)).text

    assert (
        f"{number(f1['value'])} {number(f1['low'])} to {number(f1['high'])} 0 "
        f"{number(f1['validation'])}" in text
    )


def test_warnings_have_their_place_and_remedy() -> None:
    text = Page(report_page(examples.binary())).text

    assert "KNOWN_TOO_LATE , line 1, column duration" in text
    assert "Leave it out with ignore: [duration]" in text


def test_the_comparison_tells_what_changed_in_the_data() -> None:
    text = Page(report_page(examples.binary())).text

    assert "New columns: balance ." in text
    assert "Gone columns: previous ." in text
    assert "campaign was text, is numeric now." in text
    assert "within noise" in text


def test_importance_is_called_what_it_is() -> None:
    assert "SHAP values from Autopilot" in Page(report_page(examples.binary())).text
    assert "Permutation importance" in Page(report_page(examples.multiclass(3))).text


def test_many_classes_show_their_largest_confusions_and_fold_the_matrix() -> None:
    few, many = (Page(report_page(examples.multiclass(n))).text for n in (3, 30))

    assert "The whole confusion matrix" not in few
    assert many.index("The largest confusions") < many.index("The whole confusion matrix")


def test_rows_of_mistakes_are_numbers_to_look_for() -> None:
    mistake = examples.regression()["mistakes"]["rows"][0]

    assert f" {mistake['row']} " in Page(report_page(examples.regression())).text


@pytest.mark.parametrize(
    "path",
    [
        ("importance",),
        ("mistakes",),
        ("segments",),
        ("comparison",),
        ("agreement",),
        ("completed_at",),
        ("comparison", "data"),
        ("held_out", "headline_metric"),
        ("held_out", "curves"),
        ("held_out", "curves", "roc"),
        ("held_out", "curves", "calibration"),
        ("held_out", "thresholds"),
        ("held_out", "scores"),
        ("held_out", "at_half"),
        ("held_out", "at_best_f1"),
        ("held_out", "confusion_matrix"),
        ("held_out", "metrics", "roc_auc", "value"),
        ("held_out", "metrics", "roc_auc", "low"),
        ("held_out", "metrics", "roc_auc", "baseline"),
        ("best_candidate", "algorithm"),
        ("timings", "training_seconds"),
    ],
)
def test_whatever_was_not_measured_is_called_not_available(path: tuple[str, ...]) -> None:
    page = Page(report_page(without(examples.binary(), *path)))

    assert "not available" in page.text
    assert "None" not in page.texts


def test_without_a_scored_row_of_a_class_there_are_still_pages() -> None:
    summary = without(examples.multiclass(3), "held_out", "classes")
    for key in ("curves", "largest_confusions", "confusion_matrix"):
        summary["held_out"][key] = None

    assert "The confusions: not available" in Page(report_page(summary)).text


def test_a_name_that_looks_like_html_is_only_a_name() -> None:
    text = report_page(examples.attacked())

    page = Page(text)
    # As many as a harmless page has: the data, the library and ours.
    assert page.tags.count("script") == 3
    assert "".join(page.texts).count(examples.ATTACK) >= 10
    assert "</td>&amp;\"'" in page.texts
    assert examples.ATTACK in page.data["charts"]["importance"]["names"] or any(
        examples.ATTACK in series["name"] for series in page.data["charts"]["scores"]["series"]
    )


def test_the_policy_allows_our_scripts_and_nothing_else() -> None:
    page = Page(report_page(examples.binary()))

    policy = next(v for k, v in page.attributes if k == "content" and v and "default-src" in v)
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    scripts = policy.partition("script-src")[2].partition(";")[0]
    assert scripts.count("sha256-") == 2
    assert "unsafe" not in scripts


def test_the_chart_library_is_the_one_that_the_readme_names() -> None:
    content = (ASSETS / ECHARTS).read_bytes()

    assert sha256(content).hexdigest() in (ASSETS / "README.md").read_text()
    assert len(content) < 1_100_000
    assert "Apache License" in (ASSETS / "echarts-LICENSE.txt").read_text()
    # Neither would be at home in a script element.
    assert b"</script" not in content.lower()
    assert b"<!--" not in content


def test_the_dataset_page_leads_to_reports_and_reasons() -> None:
    runs = examples.index_runs()

    page = Page(index_page("bank-marketing", runs))

    links = [value for key, value in page.attributes if key == "href"]
    assert f"./{runs[1]['run_id']}/results/report.html" in links
    rejected = next(run for run in runs if run["state"] == "REJECTED")
    assert f"./{rejected['run_id']}/failure.json" in links
    assert "RAGGED_ROW : Line 17 has 4 cells instead of 5." in page.text
    assert "14 runs: 1 training, 11 completed, 1 failed, 1 rejected." in page.text


def test_runs_of_another_metric_are_not_on_the_same_chart() -> None:
    runs = examples.index_runs()
    runs[4]["metric"] = {"name": "rmse", "value": 40.0, "low": 1, "high": 2, "better": "lower"}

    page = Page(index_page("bank-marketing", runs))

    assert len(page.data["charts"]["history"]["series"][0]["points"]) == 10
    assert "RMSE 40" in page.text


def test_a_dataset_whose_files_were_all_rejected_has_a_page_of_reasons() -> None:
    runs = [run for run in examples.index_runs() if run["state"] == "REJECTED"]

    page = Page(index_page("bank-marketing", runs))

    assert "1 run: 1 rejected. There is no result yet." in page.text
    assert "RAGGED_ROW : Line 17 has 4 cells instead of 5." in page.text
    assert "figure" not in page.tags
    # Nothing was counted or measured.
    assert not [title for title in ("Rows", "95 % interval") if title in page.text]


def test_a_result_that_was_deleted_is_no_link_but_still_told() -> None:
    runs = [run | {"metric": None, "report": None, "rows": None} for run in examples.index_runs(1)]

    page = Page(index_page("bank-marketing", runs))

    assert f"{runs[0]['headline']}, deleted since" in page.text
    assert "1 run: 1 completed." in page.text
    assert "figure" not in page.tags


def test_a_dataset_without_runs_has_a_page_that_says_so() -> None:
    assert "There are none yet." in Page(index_page("bank-marketing", [])).text


@given(st.text(), st.text())
def test_whatever_a_text_is_it_stays_a_text(text: str, other: str) -> None:
    parser = Page(html(tag("p", text, title=other), name(text)))

    assert parser.tags == ["p", "bdi"]


@given(st.recursive(st.text() | st.integers(), lambda each: st.lists(each), max_leaves=5))
def test_json_in_a_page_is_the_same_json(value: object) -> None:
    text = json_for_html(value)

    assert json.loads(text) == value
    assert "<" not in text
    assert text.isascii()


def test_html_is_escaped_once() -> None:
    assert html("a < b", Html("<br>"), None, ["&"]) == "a &lt; b<br>&amp;"
    assert tag("td", "<", class_="n", hidden=False, open=True) == '<td class="n" open>&lt;</td>'
    assert name("") == "<bdi>(empty)</bdi>"
    assert "not available" in table("T", {"A": Kind.TEXT, "B": Kind.NUMBER}, [("a", None)])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (number(0.95261), "0.9526"),
        (number(0.5), "0.5"),
        (number(0), "0"),
        (number(12.3456), "12.35"),
        (number(48_213.4), "48,213"),
        (number(1.6172e10), "16.17\u00a0billion"),
        (number(0.00001234), "1.234\u00a0\u00d7\u00a010⁻⁵"),
        (number(None), None),
        (signed(0.0123), "+0.0123"),
        (signed(-4.5), "\u22124.5"),
        (signed(0.0), "0"),
        (percent(0.0934), "9.34 %"),
        (percent(0.0002), "<0.1 %"),
        (percent(0.9999), ">99.9 %"),
        (percent(1.0), "100 %"),
        (percent(0.0), "0 %"),
        (seconds(0.352), "0.35 s"),
        (seconds(59.6), "1 min 00 s"),
        (seconds(7_380), "2 h 03 min"),
        (milliseconds(0.0021), "2.1 ms"),
        (size(12), "12 bytes"),
        (size(5_834_924), "5.8 MB"),
        (time("2026-11-25T01:06:00+01:00"), "25 Nov 2026, 00:06 UTC"),
    ],
)
def test_numbers_are_written_for_people(said: str | None, expected: str | None) -> None:
    assert said == expected


def test_runs_about_another_target_are_told_apart_and_not_on_the_same_chart() -> None:
    runs = [run | {"target": "city"} for run in examples.index_runs(3)]
    runs[1]["target"] = "plan"

    page = Page(index_page("bank-marketing", runs))

    assert len(page.data["charts"]["history"]["series"][0]["points"]) == 2
    assert "for city" in page.text
    assert "Target" in page.text


def test_a_single_result_is_not_the_best_so_far() -> None:
    page = Page(index_page("bank-marketing", examples.index_runs(1)))

    assert "The newest result is ROC AUC" in page.text
    assert "best so far" not in page.text


def test_a_newest_result_within_the_noise_of_the_one_before_is_not_called_the_best() -> None:
    newest, before = examples.index_runs(2)
    newest["metric"] |= {"value": 0.93, "low": 0.92, "high": 0.94}
    before["metric"] |= {"value": 0.929, "low": 0.919, "high": 0.939}

    near = Page(index_page("bank-marketing", [newest, before])).text
    before["metric"] |= {"value": 0.9, "low": 0.89, "high": 0.91}
    far = Page(index_page("bank-marketing", [newest, before])).text
    newest["metric"] |= {"value": 0.8, "low": 0.79, "high": 0.81}
    worse = Page(index_page("bank-marketing", [newest, before])).text

    assert "0.93, about the same as the best before, 0.929 on" in near
    assert "0.93, the best so far." in far
    assert "0.8, not as good as the best so far, 0.9 on" in worse


def test_values_of_which_nothing_can_be_said_come_last_and_folded() -> None:
    summary = copy.deepcopy(examples.binary())
    rare, common = summary["segments"][0], summary["segments"][1]
    for value in rare["values"]:
        value["differs"] = None
    common["values"][0]["differs"] = None

    page = Page(report_page(summary)).text

    assert page.index(f"By {common['column']}") < page.index(f"By {rare['column']}")
    assert "1 value with too few rows to say" in page
    assert f"{len(rare['values'])} values with too few rows to say" in page


@pytest.mark.parametrize(("recall", "said"), [(0.11, "higher Recall"), (0.01, "lower Recall")])
def test_a_segment_is_said_to_be_higher_or_lower_and_never_good(recall: float, said: str) -> None:
    summary = copy.deepcopy(examples.binary())
    summary["held_out"]["metrics"]["recall"]["value"] = 0.05
    value = summary["segments"][0]["values"][0]
    value["metrics"] = {"recall": {"value": recall, "low": recall, "high": recall}}
    value["differs"] = True
    summary["segments"] = [summary["segments"][0] | {"values": [value]}]

    page = report_page(summary)

    section = page[page.index('id="segments"') : page.index('id="leaderboard"')]
    assert said in section
    assert "is-good" not in section


def test_numbers_among_the_mistakes_are_written_as_all_others() -> None:
    summary = copy.deepcopy(examples.regression())
    summary["mistakes"]["rows"][0] |= {"truth": "893361.0", "prediction": "726913.875"}
    summary["mistakes"]["rows"][1] |= {"truth": "nan", "prediction": "1e999"}

    page = Page(report_page(summary)).text

    assert "893,361" in page
    assert "726,914" in page
    assert "726913.875" not in page
    assert "1e999" in page


def test_the_axis_of_importance_begins_at_zero_where_no_interval_goes_beyond() -> None:
    axis = Page(report_page(examples.regression())).data["charts"]["importance"]["x"]

    assert axis["min"] == 0
    assert 81_200 <= axis["max"] <= 1.12 * 81_200


def asked(**more: Any) -> dict[str, Any]:
    """Return a summary whose model was asked what drives it."""
    names = ("duration", "job", examples.ATTACK, *(f"column {i}" for i in range(8)))
    features = [
        {
            "name": name,
            "importance": 0.3 / (i + 1) ** 2,
            "low": 0.3 / (i + 1) ** 2 - 0.05,
            "high": 0.3 / (i + 1) ** 2 + 0.05,
            "direction": "by_value" if i == 1 else "rises",
            "effect": {
                "of": "yes",
                "is_numeric": i != 1,
                "grid": ["", "nurse"] if i == 1 else ["0", "10"],
                "mean": [0.2, 0.4],
                "curves": [[0.1, 0.3], [0.3, 0.5]],
            },
        }
        for i, name in enumerate(names)
    ]
    drivers = {
        "metric": "roc_auc",
        "rows": 60,
        "repeats": 5,
        "curve_rows": 2,
        "not_asked": 0,
        "features": features,
        "dominant": {"name": "duration", "of_importance": 0.7, "of_skill": 0.6},
        **more,
    }
    return {**examples.binary(), "drivers": drivers, "drivers_missing": None}


def test_the_model_s_own_answer_comes_before_autopilot_s_report() -> None:
    page = Page(report_page(asked()))

    assert "Is duration known at the time of the prediction?" in page.text
    assert "measured on 60 rows that were held out, in 5 repeats" in page.text
    assert list(page.data["charts"]).index("drivers") < list(page.data["charts"]).index(
        "importance"
    )
    assert page.data["charts"]["drivers"]["low"][0] == pytest.approx(0.25)


def test_every_interval_and_zero_are_inside_the_picture_of_importance() -> None:
    chart = Page(report_page(asked())).data["charts"]["drivers"]

    assert chart["x"]["min"] <= min(*chart["low"], 0)
    assert chart["x"]["max"] >= max(chart["high"])


def test_every_column_has_its_curves_and_says_where_they_go() -> None:
    page = Page(report_page(asked()))

    effects = [page.data["charts"][f"effect-{i}"] for i in range(11)]
    assert effects[0]["grid"] == [0, 10]
    assert effects[1]["x"]["categories"] == ["(empty)", "nurse"]
    assert {tuple(each["y"][end] for end in ("min", "max")) for each in effects} == {(0, 1)}
    assert "Probability of yes: goes up with it." in page.text
    assert "Probability of yes: highest for nurse, lowest for (empty)." in page.text
    assert "5 more columns" in page.text


def test_columns_that_were_not_asked_about_are_counted() -> None:
    text = Page(report_page(asked(not_asked=37))).text

    assert "for the 11 columns that go best with the target; 37 others were not asked about" in text


def test_without_the_model_s_answer_the_page_says_why() -> None:
    summary = {**examples.binary(), "drivers": None, "drivers_missing": "its rows are too long"}

    assert "The model itself was not asked, because its rows are too long." in (
        Page(report_page(summary)).text
    )
