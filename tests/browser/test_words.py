"""From a text to triplets, and from an answer to the graph: what only a browser can show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model.config import ReadingConfig
from model.graph_records import ReadingJob, ReadingMatter
from model.knowledge.pictures import Pictures
from model.knowledge.store import Store
from model.records import Fact, TeacherModel, TeacherStatus, TripletDraft
from model.serving.proposing import Proposing
from tests.fakes import FakeBackend
from tests.ollama_server import OllamaServer
from webapp.ui import build_app, launch_options

pytestmark = [pytest.mark.browser, pytest.mark.slow]
playwright_api = pytest.importorskip("playwright.sync_api")
expect = playwright_api.expect

HOSTILE = '"><img src=x onerror="window.hacked=1">${window.hacked=2}{{constructor}}`'
NARROW = {"width": 390, "height": 844}
WIDE = {"width": 1280, "height": 900}
LEAVING = ("AbortError", "errored out")
"""What Gradio itself reports when a page is left while a stream is open."""
STEPS = "Heat the egg to get a fried egg. Then water the seed to get a seedling."


class TaughtBackend(FakeBackend):
    """The backend in memory with genuine readings, and answers that lead over two hops."""

    def __init__(self, folder: Path, server: OllamaServer) -> None:
        super().__init__(folder, delay_s=0.0)
        self.server = server
        self.store = Store(folder / "workspace.db")
        self.reading = Proposing(self.store, Pictures(folder / "pictures"), lambda _: server.url)
        self.first = self.triplets("fried egg").items[0]
        self.second = self.add_triplet(TripletDraft("fried egg", "eat", "full stomach"))
        self.hostile = self.add_triplet(TripletDraft("fried egg", HOSTILE, HOSTILE + "2"))

    def propose(self, matter: ReadingMatter, config: ReadingConfig) -> ReadingJob:
        return self.reading.start(matter, config)

    def teacher_status(self, teacher: str, address: str = "") -> TeacherStatus:
        models = (TeacherModel("llama3.2:1b", sees_pictures=False, thinks=False),)
        return TeacherStatus(True, "Connected.", self.server.url, "0.33.0", models)

    def _facts(self, text: str) -> list[Fact]:
        if "heat" not in text:
            return []
        first, second, hostile = self.first.id, self.second.id, self.hostile.id
        return [
            Fact(first, "egg", "heat", "fried egg", 1.0),
            Fact(second, "fried egg", "eat", "full stomach", 0.85, 2, (first, second)),
            Fact(hostile, "fried egg", HOSTILE, HOSTILE + "2", 0.4, 2),
        ]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, TaughtBackend]]:
    with OllamaServer() as server:
        backend = TaughtBackend(tmp_path_factory.mktemp("page"), server)
        app = build_app(lambda _: backend)
        app.queue(max_size=32)
        _, address, _ = app.launch(prevent_thread_lock=True, quiet=True, **launch_options())
        yield address, backend
        app.close()
        backend.store.close()


@pytest.fixture
def page(browser: Any, site: tuple[str, TaughtBackend]) -> Iterator[Any]:
    """A page that fails the test for a console error or a label that ran."""
    address, backend = site
    backend.chats.clear()
    tab = browser.new_page(viewport=WIDE)
    tab.set_default_timeout(30_000)
    troubles: list[str] = []

    def trouble(words: str) -> None:
        if not any(known in words for known in LEAVING):
            troubles.append(words)

    tab.on("pageerror", lambda error: trouble(str(error)))
    tab.on("console", lambda line: line.type == "error" and trouble(line.text))
    tab.goto(address + "?__theme=light")
    expect(tab.locator("#examples .itr-card-main").first).to_be_visible()
    yield tab
    assert tab.evaluate("window.hacked") is None
    tab.close()
    assert troubles == []


def _open_panel(page: Any) -> None:
    page.get_by_role("button", name="From a text, a document or a picture").click()
    expect(page.locator("#proposals-text textarea")).to_be_visible()


def _choose_teacher(page: Any) -> None:
    page.locator("#proposals-teacher input").click()
    page.get_by_role("option").filter(has_text="llama3.2:1b").click()


def _ask(page: Any, question: str = "What happens if I heat an egg and eat it?") -> None:
    page.click("#tab-chat-button")
    page.locator("#chat-input textarea").fill(question)
    page.locator("#chat-input textarea").press("Enter")
    expect(page.locator("#chat-log .itr-remember-this").last).to_be_visible()


def test_lines_are_accepted_edited_and_rejected_by_keyboard_alone(
    page: Any, site: tuple[str, TaughtBackend]
) -> None:
    _open_panel(page)
    page.locator("#proposals-text textarea").fill(
        f"rice · boil · cooked rice\nrice · burn · charcoal\n{HOSTILE} · b · c\nrice · steep · tea"
    )
    page.locator("#proposals-read").focus()
    page.keyboard.press("Enter")
    rows = page.locator(".itr-proposal")
    expect(rows).to_have_count(4)
    expect(page.locator("#proposals-status")).to_contain_text("Read by rule: 4 triplets")
    rows.nth(0).locator(".itr-act-accept").focus()
    page.keyboard.press("Enter")
    expect(rows.nth(0).locator(".itr-act-accept")).to_have_attribute("aria-pressed", "true")
    expect(rows.nth(0).locator(".itr-act-accept")).to_be_focused()
    rows.nth(1).locator(".itr-act-reject").focus()
    page.keyboard.press("Space")
    rows.nth(3).locator(".itr-act-edit").focus()
    page.keyboard.press("Enter")
    for _ in range(2):
        page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("rice water")
    page.keyboard.press("Enter")
    expect(page.locator(".itr-proposal-count")).to_contain_text("2 accepted · 1 open")
    page.locator(".itr-save-accepted").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#proposals-note")).to_contain_text("Saved 2 triplets")
    expect(rows).to_have_count(1)
    expect(page.locator("#saved-list")).to_contain_text("rice water")
    _, backend = site
    total = backend.triplets().total
    page.click("#proposals-undo")
    expect(page.locator("#proposals-note")).to_contain_text("Undone")
    assert backend.triplets().total == total - 2


def test_a_teacher_reads_sentences_and_can_be_stopped(
    page: Any, site: tuple[str, TaughtBackend]
) -> None:
    _, backend = site
    _open_panel(page)
    _choose_teacher(page)
    page.locator("#proposals-text textarea").fill(STEPS)
    page.click("#proposals-read")
    expect(page.locator(".itr-proposal")).to_have_count(2)
    expect(page.locator("#proposals-status")).to_contain_text("Read by llama3.2:1b: 2 triplets")
    backend.server.faults.first_byte_delay_s = 30.0
    try:
        page.locator("#proposals-text textarea").fill(f"{STEPS} Once more.")
        page.click("#proposals-read")
        expect(page.locator("#proposals-status")).to_contain_text("llama3.2:1b reads piece 1 of 1")
        page.click("#proposals-stop")
        expect(page.locator("#proposals-status")).to_contain_text("Stopped")
    finally:
        backend.server.faults.first_byte_delay_s = 0.0


def test_a_fact_under_an_answer_lights_its_hop_and_its_edge(
    page: Any, site: tuple[str, TaughtBackend]
) -> None:
    _, backend = site
    _ask(page)
    facts = page.locator("#chat-log .itr-used button")
    expect(facts).to_have_count(3)
    facts.nth(1).focus()
    hop = page.locator(f'#chat-why .itr-hop.itr-lit[data-triplet="{backend.second.id}"]')
    expect(hop).to_be_visible()
    facts.nth(0).hover()
    expect(hop).to_have_count(0)
    first = f'#chat-why .itr-hop.itr-lit[data-triplet="{backend.first.id}"]'
    expect(page.locator(first).first).to_be_visible()
    facts.nth(1).focus()
    page.keyboard.press("Enter")
    expect(page.locator(".itr-graph-words")).to_contain_text("around “fried egg”")


def test_a_thing_of_the_way_is_asked_about_by_keyboard(page: Any) -> None:
    _ask(page)
    expect(page.locator("#chat-why .itr-stop")).to_have_count(6)
    page.locator("#chat-why .itr-stop", has_text="full stomach").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#chat-log")).to_contain_text("What is full stomach?")


def test_an_answer_is_remembered_on_a_phone_or_left_with_escape(page: Any) -> None:
    page.set_viewport_size(NARROW)
    _ask(page)
    page.locator("#chat-log .itr-remember-this").last.click()
    expect(page.locator("#remember-what textarea, #remember-what input")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#chat-remember")).to_be_hidden()
    page.locator("#chat-log .itr-remember-this").last.click()
    made = page.locator("#remember-result textarea, #remember-result input")
    expect(page.locator("#chat-remember")).to_be_in_viewport()
    expect(made).to_have_value("fried egg")
    made.fill("omelette")
    made.press("Enter")
    expect(page.locator("#remember-note")).to_contain_text("Saved egg → heat → omelette")
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    page.click("#remember-see")
    expect(page.locator(".itr-graph-words")).to_contain_text("around “egg”")
