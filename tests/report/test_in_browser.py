"""The pages in Chromium: nothing fetched, no complaint, charts drawn, for everybody to read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import FloatRect

from autodrop.results.index_page import index_page
from autodrop.results.report_page import report_page
from tests.report import examples
from tests.report.conftest import Shown

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
