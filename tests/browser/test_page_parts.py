"""The page in a real browser, on the backend in memory: what only a browser can show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from model.records import TripletDraft
from tests.fakes import FakeBackend
from webapp.ui import build_app, launch_options

pytestmark = [pytest.mark.browser, pytest.mark.slow]
playwright_api = pytest.importorskip("playwright.sync_api")
expect = playwright_api.expect

HOSTILE = '"><img src=x onerror="window.hacked=1">${window.hacked=2}{{constructor}}`'
LEAVING = ("AbortError", "errored out")
"""What Gradio itself reports when a page is left while a stream is open."""
WIDE = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    backend = FakeBackend(tmp_path_factory.mktemp("page"), delay_s=0.0)
    backend.add_triplet(TripletDraft(HOSTILE, HOSTILE, HOSTILE + "2", source=HOSTILE))
    app = build_app(lambda _: backend)
    app.queue(max_size=32)
    _, address, _ = app.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    yield address
    app.close()


@pytest.fixture
def page(browser: Any, site: str) -> Iterator[Any]:
    """A page that fails the test for a console error or a request to another host."""
    tab = browser.new_page(viewport=WIDE)
    tab.set_default_timeout(30_000)
    troubles: list[str] = []

    def trouble(words: str) -> None:
        if not any(known in words for known in LEAVING):
            troubles.append(words)

    tab.on("pageerror", lambda error: trouble(str(error)))
    tab.on("console", lambda line: line.type == "error" and trouble(line.text))
    tab.on("request", lambda sent: _own(sent.url, site) or troubles.append(sent.url))
    opened(tab, site)
    yield tab
    tab.close()
    assert troubles == []


def _own(url: str, site: str) -> bool:
    return url.startswith((site, "data:", "blob:"))


def opened(tab: Any, site: str, query: str = "?__theme=light") -> None:
    tab.goto(site + query)
    expect(tab.locator("#examples .itr-card-main").first).to_be_visible()


def test_hostile_labels_run_nowhere(page: Any) -> None:
    expect(page.locator("#saved-list")).to_contain_text("window.hacked=1")
    page.click("#tab-graph-button")
    expect(page.locator("#graph-canvas canvas")).to_be_visible()
    page.locator("#graph-table tr", has_text="hacked").get_by_role("button", name="Show").click()
    expect(page.locator("#node-head h3")).to_contain_text("onerror")
    page.locator("#node-facts .itr-act-edit").first.click()
    expect(page.locator("#label-what textarea")).to_have_value(HOSTILE)
    page.click("#ask-triplet")
    expect(page.locator("#chat-input textarea")).to_be_visible()
    assert page.evaluate("window.hacked") is None


def test_an_example_is_saved_and_found_in_the_graph(page: Any) -> None:
    page.locator("#examples .itr-card-main").first.click()
    expect(page.locator("#label-result textarea")).to_have_value("fried egg")
    page.fill("#label-result textarea", "omelette")
    page.click("#save-triplet")
    page.click("#see-triplet")
    expect(page.locator(".itr-graph-words")).to_contain_text("around “egg”")
    expect(page.locator("#node-facts")).to_contain_text("omelette")


def test_a_row_is_edited_by_keyboard_alone(page: Any) -> None:
    page.click("#tab-graph-button")
    row = page.locator("#graph-table tr", has_text="seedling")
    row.get_by_role("button", name="Edit").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("sprout")
    page.keyboard.press("Enter")
    expect(page.locator("#graph-note")).to_contain_text("Saved seed → water → ")
    page.click("#graph-undo")
    expect(page.locator("#graph-note")).to_contain_text("Undone")


def test_typing_in_the_table_outlives_an_update(page: Any) -> None:
    """The table was drawn anew by a late update and wiped the words that were being typed."""
    page.click("#tab-graph-button")
    page.locator(".itr-add-row input").first.fill("half a wo")
    page.locator("#graph-table tr", has_text="popcorn").get_by_role("button", name="Edit").click()
    edited = page.locator(".itr-edit-row:not(.itr-add-row) input").first
    edited.fill("sweetco")
    page.click("#tab-triplets-button")
    page.click("#tab-graph-button")
    page.locator("#graph-relations label", has_text="heat").click()
    expect(page.locator(".itr-graph-words")).to_contain_text("only heat")
    expect(page.locator(".itr-add-row input").first).to_have_value("half a wo")
    expect(edited).to_have_value("sweetco")
    page.keyboard.press("Escape")


def test_the_drawing_keeps_its_places_when_the_graph_grows(page: Any) -> None:
    page.click("#tab-graph-button")
    expect(page.locator("#graph-canvas canvas")).to_be_visible()
    page.evaluate("document.querySelector('#graph-canvas canvas').dataset.mine = 'yes'")
    for place, word in enumerate(("flour", "mix", "dough")):
        page.locator(".itr-add-row input").nth(place).fill(word)
    page.locator(".itr-add-row input").nth(2).press("Enter")
    expect(page.locator("#graph-note")).to_contain_text("Added flour → mix → dough")
    expect(page.locator(".itr-add-row input").first).to_have_value("")
    assert page.evaluate("document.querySelector('#graph-canvas canvas').dataset.mine") == "yes"


def test_theme_and_tour_outlive_a_reload(page: Any, site: str) -> None:
    page.click("#theme-toggle")
    page.locator("#examples .itr-card-main").first.click()
    expect(page.locator("#tour [data-step=example]")).to_have_class("itr-done")
    page.click("#tour .itr-dismiss")
    opened(page, site, "")
    assert page.evaluate("document.body.classList.contains('dark')")
    expect(page.locator("#tour")).to_be_hidden()
