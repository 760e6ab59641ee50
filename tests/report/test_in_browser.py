"""The pages in Chromium: nothing fetched, no complaint, charts drawn, for everybody to read."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FloatRect

from autodrop.results.index_page import index_page
from autodrop.results.report_page import report_page
from autodrop.results.words import number
from tests.report import examples
from tests.report.conftest import Shown
from tests.report.test_what_pages_say import changed, of_one_class

pytestmark = pytest.mark.e2e

Show = Callable[..., Shown]

PAGES: dict[str, Callable[[], str]] = {
    "report-binary": lambda: report_page(examples.binary()),
    "report-3-classes": lambda: report_page(examples.multiclass(3)),
    "report-30-classes": lambda: report_page(examples.multiclass(30)),
    "report-regression": lambda: report_page(examples.regression()),
    "report-unbalanced": lambda: report_page(examples.unbalanced()),
    "report-nothing-learned": lambda: report_page(examples.hopeless()),
    "report-attacked": lambda: report_page(examples.attacked()),
    "report-one-class": lambda: report_page(of_one_class()),
    "dataset": lambda: index_page("bank-marketing", examples.index_runs()),
    "dataset-one-run": lambda: index_page("bank-marketing", examples.index_runs(1)),
    "dataset-rejected": lambda: index_page(
        "bank-marketing", [run for run in examples.index_runs() if run["state"] == "REJECTED"]
    ),
    "dataset-empty": lambda: index_page("bank-marketing", []),
}
MAIN = ("report-binary", "report-3-classes", "report-30-classes", "report-regression", "dataset")
# What `AUTODROP_SCREENSHOTS=docs/images` keeps, and how many pixels of it.
KEPT = {
    ("report-binary", "light"): 1530,
    ("report-binary", "dark"): 900,
    ("report-binary", "phone"): 1300,
    ("report-3-classes", "light"): 1700,
    ("report-30-classes", "light"): 1900,
    ("report-regression", "light"): 1900,
    ("dataset", "light"): 1200,
}
LOOKS = {
    "light": ("light", "desktop"),
    "dark": ("dark", "desktop"),
    "phone": ("light", "phone"),
}


@pytest.mark.parametrize(
    ("name", "look"),
    [(name, look) for name in MAIN for look in LOOKS]
    + [(name, "phone") for name in PAGES if name not in MAIN],
)
def test_every_page_is_whole_in_every_look(
    name: str, look: str, show: Show, tmp_path: Path
) -> None:
    shown = show(PAGES[name](), *LOOKS[look])

    assert shown.requests == [shown.page.url]
    assert shown.complaints == []
    plots = shown.page.locator(".plot")
    assert shown.page.locator(".plot svg path, .plot svg rect").count() > 0 or not plots.count()
    assert shown.page.locator(".plot > div > svg").count() == plots.count()
    assert shown.serious() == []
    assert shown.overflow() <= 0
    shown.page.screenshot(path=tmp_path / "whole.png", full_page=True)
    if (kept := os.environ.get("AUTODROP_SCREENSHOTS")) and (name, look) in KEPT:
        width = shown.page.viewport_size["width"] if shown.page.viewport_size else 0
        clip: FloatRect = {"x": 0, "y": 0, "width": width, "height": KEPT[name, look]}
        shown.page.screenshot(path=Path(kept) / f"{name}-{look}.png", full_page=True, clip=clip)


@pytest.mark.parametrize("name", MAIN)
def test_every_page_prints_in_light_colours_with_its_charts(
    name: str, show: Show, tmp_path: Path
) -> None:
    shown = show(PAGES[name](), "dark")

    shown.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    shown.page.emulate_media(media="print")

    colour = "getComputedStyle(document.body).backgroundColor"
    assert shown.page.evaluate(colour) == "rgb(255, 255, 255)"
    # No number of a chart is written in the light ink of the dark look.
    inks = shown.page.evaluate(
        "[...document.querySelectorAll('.plot text')].map(e => e.getAttribute('fill'))"
    )
    assert not {"#e7eaef", "#a9b3bf"} & set(inks)
    pdf = shown.page.pdf(path=tmp_path / "page.pdf", format="A4")
    assert pdf.startswith(b"%PDF")
    assert shown.complaints == []


def test_names_that_are_html_do_nothing(show: Show) -> None:
    shown = show(PAGES["report-attacked"]())

    assert shown.complaints == []
    assert shown.page.locator("script").count() == 3
    assert examples.ATTACK.partition("<!--")[0] in shown.page.locator("h1 + p").inner_text()


def test_a_script_that_is_not_ours_would_not_run(show: Show) -> None:
    html = report_page(examples.binary()).replace(
        "</main>", "<script>document.title = 'taken'</script></main>"
    )

    shown = show(html)

    assert shown.page.title() != "taken"
    assert any("Content Security Policy" in each for each in shown.complaints)


def test_without_scripts_every_number_is_in_an_open_table(show: Show) -> None:
    shown = show(report_page(examples.binary()), java_script_enabled=False)

    tables = shown.page.locator("figure details table")
    assert tables.count() == shown.page.locator(".plot").count()
    assert all(table.is_visible() for table in tables.all())


def test_a_chart_is_read_with_the_keyboard(show: Show) -> None:
    shown = show(report_page(examples.binary()))

    plot = shown.page.locator("[data-chart=calibration]")
    plot.focus()
    for _ in range(3):
        plot.press("ArrowRight")

    spoken = shown.page.locator("#spoken").inner_text()
    bin_ = examples.binary()["held_out"]["curves"]["calibration"][2]
    assert "Observed:" in spoken
    assert f"{bin_['rows']:,} rows" in spoken


def test_another_threshold_shows_its_own_confusions(show: Show) -> None:
    shown = show(report_page(examples.binary()))
    found = examples.binary()["held_out"]["thresholds"]

    shown.page.locator("#threshold-input").press("End")

    cell = shown.page.locator("[data-cell=true_positives]")
    assert cell.inner_text() == f"{found[-1]['true_positives']:,}"
    assert f"{found[-1]['flagged']:,} rows are flagged" in shown.page.locator("output").inner_text()


def at_threshold(**counts: int) -> dict[str, Any]:
    """Return a row of the table of thresholds with these counts and what follows from them."""
    tp, fp, fn = (
        counts.get(name, 0) for name in ("true_positives", "false_positives", "false_negatives")
    )
    tn = 2_400 - tp - fp - fn
    return {
        "threshold": 0.25,
        "flagged": tp + fp,
        "flagged_share": (tp + fp) / 2_400,
        "precision": tp / (tp + fp) if tp + fp else None,
        "recall": tp / (tp + fn) if tp + fn else None,
        "specificity": None,
        "f1": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None,
        "accuracy": (tp + tn) / 2_400,
        "mcc": None,
        "true_positives": tp,
        "false_positives": fp,
        "false_negatives": fn,
        "true_negatives": tn,
    }


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (
            {"false_negatives": 1},
            "From a probability of 0.25 on, no row is flagged. The only positive row is missed "
            "(recall 0 %). Accuracy >99.9 %, F1 0.",
        ),
        (
            {"true_positives": 1},
            "From a probability of 0.25 on, 1 row is flagged (<0.1 % of all). It is right "
            "(precision 100 %). The only positive row is found (recall 100 %). Accuracy 100 %, "
            "F1 1.",
        ),
        (
            {"false_positives": 4},
            "From a probability of 0.25 on, 4 rows are flagged (0.167 % of all). None of them is "
            "right (precision 0 %). There is no positive row to be found. Accuracy 99.8 %.",
        ),
        (
            {"true_positives": 300, "false_positives": 100, "false_negatives": 100},
            "From a probability of 0.25 on, 400 rows are flagged (16.7 % of all). 75 % of them "
            "are right (precision). Of the 400 rows that are positive, 75 % are found (recall). "
            "Accuracy 91.7 %, F1 0.75.",
        ),
    ],
)
def test_the_slider_speaks_in_sentences(counts: dict[str, int], said: str, show: Show) -> None:
    summary = changed(examples.binary(), held_out={"thresholds": [at_threshold(**counts)]})

    shown = show(report_page(summary))

    assert shown.page.locator("output").inner_text() == said
    assert shown.complaints == []


def test_the_slider_starts_at_the_models_own_threshold(show: Show) -> None:
    summary = changed(examples.binary(), held_out={"label_threshold": 0.2512})

    shown = show(report_page(summary))

    assert "From a probability of 0.25 on" in shown.page.locator("output").inner_text()


@pytest.mark.parametrize(
    "value", [0, -0.0193, 0.957, 1e-7, -3.6e-6, 999.99, 48213.4, 2.9889e9, 3.107e13, 2.7e15]
)
def test_charts_write_numbers_as_the_tables_do(value: float, show: Show) -> None:
    summary = copy.deepcopy(examples.regression())
    summary["held_out"]["error_quantiles"][0]["absolute"] = value

    shown = show(report_page(summary))
    plot = shown.page.locator("[data-chart=error-quantiles]")
    plot.focus()
    plot.press("ArrowRight")

    spoken = shown.page.locator("#spoken").text_content() or ""
    assert f"Off by at most: {number(value)}," in spoken


def test_long_names_are_cut_so_that_they_stay_different(show: Show) -> None:
    summary = copy.deepcopy(examples.binary())
    names = [f"a_very_long_name_without_a_space_that_goes_on_and_on_{i}" for i in range(7)]
    names.append("a_very_long_name_that_is_another_but_goes_on_and_on_6")
    for each, name in zip(summary["importance"]["features"], names, strict=True):
        each["name"] = name

    shown = show(report_page(summary))

    labels = shown.page.locator("[data-chart=importance] svg text").evaluate_all(
        "all => all.filter(e => e.querySelector('title'))"
        ".map(e => [e.firstChild.textContent, e.querySelector('title').textContent])"
    )
    assert [whole for _, whole in labels] == names
    assert len({short for short, _ in labels}) == len(names)
    assert all(len(short) < 35 for short, _ in labels)


@pytest.mark.parametrize(
    ("pattern", "looks"),
    [
        ("product family {} with a long label name", "{} "),
        ("a name with much before what differs, which is {} and much behind it as well", " {}"),
        ("only_the_very_end_of_this_long_name_differs_{}", "_{}"),
    ],
)
def test_what_is_different_in_long_names_is_not_cut_out(
    pattern: str, looks: str, show: Show
) -> None:
    summary = copy.deepcopy(examples.multiclass(3))
    numbers = ("07", "31", "44")
    for each, two in zip(summary["held_out"]["classes"], numbers, strict=True):
        each["label"] = pattern.format(two)

    shown = show(report_page(summary))

    labels = shown.page.locator("[data-chart=classes] svg text").all_text_contents()
    for two in numbers:
        assert sum(looks.format(two) in each for each in labels) == 1


def test_a_table_that_is_too_wide_says_so(show: Show) -> None:
    wide = (
        "[...document.querySelectorAll('.wide')]"
        ".filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)"
    )
    said = "[...document.querySelectorAll('.hint')].filter(e => !e.hidden)"

    for size in ("desktop", "phone"):
        shown = show(report_page(examples.binary()), size=size)
        shown.page.wait_for_timeout(100)
        found = shown.page.evaluate(f"{wide}.map(e => e.getAttribute('aria-label'))")
        hints = shown.page.evaluate(
            f"{said}.map(e => e.nextElementSibling.getAttribute('aria-label'))"
        )
        assert hints == found
        # The first table is whole at a glance, and so is the leaderboard on a desktop.
        assert "Metrics on held-out rows" not in found
        assert size == "phone" or "Leaderboard" not in found


def test_paper_holds_every_column_and_nothing_to_move(show: Show) -> None:
    shown = show(report_page(examples.binary()))

    shown.page.set_viewport_size({"width": 690, "height": 1000})
    shown.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    shown.page.emulate_media(media="print")

    assert not shown.page.locator("#threshold").is_visible()
    assert not shown.page.get_by_text("With another threshold", exact=True).is_visible()
    assert shown.page.get_by_text("Their other metrics").is_visible()
    assert shown.overflow() <= 0
    cut = "[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth + 1)"
    assert shown.page.evaluate(f"{cut}.map(e => e.getAttribute('aria-label'))") == []
    shown.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not shown.page.locator("details.folded").first.evaluate("e => e.open")


def test_charts_follow_when_night_falls_and_the_window_shrinks(show: Show) -> None:
    shown = show(report_page(examples.regression()))
    ink = "document.querySelector('.plot text').getAttribute('fill')"
    by_day = shown.page.evaluate(ink)

    shown.page.emulate_media(color_scheme="dark")
    shown.page.set_viewport_size({"width": 390, "height": 844})
    shown.page.wait_for_function(
        "document.querySelector('.plot svg').getBoundingClientRect().width < 390"
    )

    assert shown.page.evaluate(ink) != by_day
    assert shown.overflow() <= 0


def test_links_of_the_dataset_page_lead_below_its_folder(show: Show) -> None:
    runs = examples.index_runs()
    runs[1] |= {"report": "javascript:alert(1)/../../x.html"}

    shown = show(index_page("bank-marketing", runs))

    folder = shown.page.url.rpartition("/")[0]
    links = shown.page.evaluate("[...document.querySelectorAll('main a')].map(a => a.href)")
    assert f"{folder}/{runs[2]['run_id']}/results/report.html" in links
    assert all(each.startswith("file:///") for each in links)
