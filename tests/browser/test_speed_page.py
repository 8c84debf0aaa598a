"""The button that measures this machine, in a real browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import App, visit, wait_for_student

pytestmark = [pytest.mark.browser, pytest.mark.slow]
playwright_api = pytest.importorskip("playwright.sync_api")
expect = playwright_api.expect
LONG_MS = 240_000


def test_a_click_measures_this_machine_and_the_report_can_be_taken_along(
    browser: Any, make_app: Callable[..., App]
) -> None:
    found = visit(browser, make_app().url)
    page = found.page
    wait_for_student(page)
    page.locator("#header-student").click()
    page.locator("#speed").get_by_role("button", name="Speed on this machine").first.click()
    page.locator("#speed-measure").click()
    expect(page.locator("#speed-note")).to_contain_text("10 answers at once", timeout=LONG_MS)
    expect(page.locator("#speed-stop")).to_be_hidden()
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    with page.expect_download(timeout=LONG_MS) as download:
        page.locator("#speed-save").click()
    report = json.loads(Path(download.value.path()).read_text())
    assert report["one_by_one"]["tokens_per_s_p50"] > 0
    assert report["weights_hash"][:6] in page.locator("#speed-note").inner_text()
    page.close()
    assert found.faults == []
    assert found.strangers == []
