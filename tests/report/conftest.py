"""Chromium, without a network, and what to know of a page in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_WIDTHS = {"desktop": (1280, 900), "phone": (390, 844)}


@dataclass
class Shown:
    """A page in the browser, and all that it has asked for and complained about."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def serious(self) -> list[tuple[str, str]]:
        """Return what axe finds serious or critical: the rule, and the first element."""
        found: dict[str, Any] = Axe().run(self.page).response
        return [
            (each["id"], each["nodes"][0]["html"])
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
        ]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than the screen."""
        width: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Return a browser; skips where there is none, and fails where one is expected."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        if os.environ.get("AUTODROP_EXPECT_CHROMIUM") == "1":
            pytest.fail("AUTODROP_EXPECT_CHROMIUM is 1, and there is no Chromium on the PATH.")
        pytest.skip("There is no Chromium on the PATH: apt-get install chromium")
    with sync_playwright() as driver:
        # The sandbox of Chromium does not work for root, as whom CI runs.
        browser = driver.chromium.launch(executable_path=path, chromium_sandbox=os.geteuid() != 0)
        yield browser
        browser.close()


@pytest.fixture
def show(chromium: Browser, tmp_path: Path) -> Iterator[Callable[..., Shown]]:
    """Return a function that opens a page from a file, as somebody does who got it by mail."""
    contexts = []

    def open_page(html: str, scheme: Any = "light", size: str = "desktop", **more: Any) -> Shown:
        file = tmp_path / "report.html"
        file.write_bytes(html.encode())
        width, height = _WIDTHS[size]
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, **more
        )
        contexts.append(context)
        shown = Shown(context.new_page())
        shown.page.on("request", lambda request: shown.requests.append(request.url))
        shown.page.on("console", lambda message: shown.complaints.append(message.text))
        shown.page.on("pageerror", lambda error: shown.complaints.append(str(error)))
        shown.page.on("dialog", lambda dialog: shown.complaints.append(dialog.message))
        shown.page.goto(file.as_uri())
        return shown

    yield open_page
    for each in contexts:
        each.close()
