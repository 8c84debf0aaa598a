"""Every tab of the real app, wide and narrow, light and dark, and for many visitors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.browser.conftest import App, open_tab, visit, wait_for_student

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TABS = ("Triplets", "Graph", "Chat", "Distill", "Compare")
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
SERIOUS = ("critical", "serious")
FILLED = "id => (document.getElementById(id)?.innerText || '').trim().length > 40"


def test_no_tab_is_empty_cut_off_at_fault_or_a_barrier(
    make_app: Callable[..., App], browser: Browser
) -> None:
    """Barriers: what people meet who cannot see or point, as axe finds them."""
    app = make_app()
    found: dict[str, list[str]] = {}
    for width, height, theme in ((1280, 900, "light"), (390, 844, "dark")):
        seen = visit(browser, f"{app.url}/?__theme={theme}", width, height)
        page = seen.page
        expect(page.locator("#examples .itr-card-main").first).to_be_visible()
        wait_for_student(page)
        for name in TABS:
            open_tab(page, name)
            page.wait_for_function(FILLED, arg=f"tab-{name.lower()}")
            beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert beyond <= 0, f"{name} is {beyond} px wider than {width} px"
            found |= {
                f"{name}, {theme}: {violation['id']}": _targets(violation)
                for violation in Axe().run(page, options=AXE).response["violations"]
                if violation["impact"] in SERIOUS
            }
        assert not seen.faults
        assert not seen.strangers
        page.close()
    assert not found


def _targets(violation: dict[str, Any]) -> list[str]:
    return [str(node["target"]) for node in violation["nodes"]][:3]


def test_visitors_of_a_shared_app_have_their_own_graphs(
    make_app: Callable[..., App], browser: Browser
) -> None:
    app = make_app("--multi-user")
    ann, ben = browser.new_context(), browser.new_context()
    pages = []
    for context in (ann, ben):
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(app.url)
        expect(page.locator("#saved-list .itr-card-main").first).to_be_visible()
        pages.append(page)
    first, second = pages
    for role, label in (("what", "secret lamp"), ("action", "polish"), ("result", "mirror")):
        first.locator(f"#label-{role} input, #label-{role} textarea").first.fill(label)
    first.locator("#save-triplet").click()
    expect(first.locator("#saved-list")).to_contain_text("secret lamp")
    for page in pages:
        page.reload()
        expect(page.locator("#saved-list .itr-card-main").first).to_be_visible()
    expect(first.locator("#saved-list")).to_contain_text("secret lamp")
    expect(second.locator("#saved-list")).not_to_contain_text("secret lamp")
    ann.close()
    ben.close()
