"""Every tab of the real app, wide and narrow, light and dark, and for many visitors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.browser.conftest import App, open_tab, visit, wait_for_student

pytestmark = [pytest.mark.browser, pytest.mark.slow]
TABS = ("Triplets", "Graph", "Chat", "Distill", "Compare")
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}
SERIOUS = ("critical", "serious")


def test_no_tab_is_empty_cut_off_or_at_fault(
    make_app: Callable[..., App], browser: Browser, tmp_path: Path
) -> None:
    app = make_app()
    for width, height in ((1280, 900), (390, 844)):
        for theme in ("light", "dark"):
            seen = visit(browser, f"{app.url}/?__theme={theme}", width, height)
            page = seen.page
            expect(page.locator("#examples .itr-card-main").first).to_be_visible()
            wait_for_student(page)
            for name in TABS:
                open_tab(page, name)
                panel = page.locator(f"[role=tabpanel]#tab-{name.lower()}, #tab-{name.lower()}")
                expect(panel.first).to_be_visible()
                assert len(panel.first.inner_text().strip()) > 40, f"{name} says nothing"
                page.screenshot(path=tmp_path / f"{name}-{width}-{theme}.png")
                beyond = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert beyond <= 0, f"{name} is {beyond} px wider than {width} px"
            assert not seen.faults
            assert not seen.strangers
            page.close()


def test_no_serious_barrier_for_people_who_cannot_see_or_point(
    make_app: Callable[..., App], browser: Browser
) -> None:
    app = make_app()
    found: dict[str, list[str]] = {}
    for theme in ("light", "dark"):
        page = visit(browser, f"{app.url}/?__theme={theme}").page
        expect(page.locator("#examples .itr-card-main").first).to_be_visible()
        wait_for_student(page)
        for name in TABS:
            open_tab(page, name)
            filled = "id => (document.getElementById(id)?.innerText || '').length > 40"
            page.wait_for_function(filled, arg=f"tab-{name.lower()}")
            for violation in Axe().run(page, options=AXE).response["violations"]:
                if violation["impact"] in SERIOUS:
                    targets = [str(node["target"]) for node in violation["nodes"]][:3]
                    found[f"{name}, {theme}: {violation['id']}"] = targets
        page.close()
    assert not found


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


def test_a_password_is_asked_for(make_app: Callable[..., App], browser: Browser) -> None:
    app = make_app("--auth", "me:secret")
    page = browser.new_page()
    page.goto(app.url)
    expect(page.locator("input[type=password]")).to_be_visible()
    expect(page.locator("#header")).to_have_count(0)
    page.locator("input").first.fill("me")
    page.locator("input[type=password]").fill("secret")
    page.locator("button").last.click()
    expect(page.locator("#header")).to_be_visible()
    page.close()
