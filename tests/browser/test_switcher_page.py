"""The student switcher in a real browser: eight bits, the Hub and back, a model on a server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.conftest import App, open_tab, visit, wait_for_student
from tests.hub_server import TOKEN, HubServer
from tests.ollama_server import OllamaServer
from tests.openai_server import OpenAIServer

pytestmark = [pytest.mark.browser, pytest.mark.slow]
playwright_api = pytest.importorskip("playwright.sync_api")
expect = playwright_api.expect
LONG_MS = 240_000
"""For what loads a student again."""


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with HubServer() as running:
        yield running


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, hub: HubServer) -> Iterator[App]:
    settings = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_OFFLINE": "0"}
    running = App(tmp_path_factory.mktemp("switcher") / "workspace", environment=settings)
    running.start()
    yield running
    running.stop()


@pytest.fixture
def page(browser: Any, app: App) -> Iterator[Any]:
    """The page with the switcher open; it fails the test for whatever went wrong on it."""
    found = visit(browser, app.url)
    wait_for_student(found.page)
    found.page.locator("#header-student").click()
    yield found.page
    found.page.close()
    assert found.faults == []
    assert found.strangers == []


def fold(page: Any, part: str, name: str) -> None:
    page.locator(part).get_by_role("button", name=name).first.click()


def fill(page: Any, part: str, words: str) -> None:
    page.locator(f"{part} textarea, {part} input").first.fill(words)


def narrow_is_wide_enough(page: Any) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_student_goes_to_the_hub_and_back(page: Any, hub: HubServer) -> None:
    fold(page, "#hub", "Hugging Face")
    fill(page, "#hub-repo", "egg")
    page.locator("#hub-push").click()
    expect(page.locator("#hub-progress")).to_contain_text(
        "me/egg is on the Hub (private)", timeout=LONG_MS
    )
    assert hub.repos["me/egg"].private
    page.locator("#hub-push").click()
    expect(page.locator("#hub-progress")).to_contain_text("already", timeout=LONG_MS)
    fill(page, "#hub-source", "me/egg")
    page.locator("#hub-pull").click()
    expect(page.locator("#hub-progress")).to_contain_text("is among your students", timeout=LONG_MS)
    expect(page.locator("#switcher-list label")).to_have_count(2)
    expect(page.locator("#switcher-list")).to_contain_text("from the Hub, me/egg")
    narrow_is_wide_enough(page)


def test_int8_is_remembered_and_servers_of_both_protocols_answer_in_the_chat(page: Any) -> None:
    fold(page, "#precision", "Precision of the weights")
    page.locator("#precision-choice").get_by_text("int8 (8 bits)").click()
    expect(page.locator("#header-student")).to_contain_text("int8")
    fold(page, "#sources", "A model on a server")
    with OllamaServer(answer=lambda messages: "It boils over.") as server:
        use_server(page, server.url, "2 models that can chat", "llama3.2:1b", "llama3.2:1b")
        assert "It boils over." in answered(page, "What happens if I heat milk?", server.url)
    page.locator("#header-student").click()
    with OpenAIServer() as server:
        found = "OpenAI-compatible server answers"
        use_server(page, f"{server.url}/v1", found, "OpenAI-compatible", "student")
        assert "A fried egg." in answered(page, "What happens if I heat an egg?", server.url)


def use_server(page: Any, address: str, found: str, name: str, used: str) -> None:
    """Look for models at an address, and let one of them answer."""
    fill(page, "#source-address", address)
    page.locator("#source-look").click()
    expect(page.locator("#source-note")).to_contain_text(found)
    narrow_is_wide_enough(page)
    page.locator("#source-add").click()
    expect(page.locator("#source-note")).to_contain_text("is in the list above")
    page.locator("#switcher-list label", has_text=name).click()
    page.locator("#switcher-use").click()
    expect(page.locator("#header-student")).to_contain_text(used)


def answered(page: Any, question: str, address: str) -> str:
    """What the chat shows once the server has answered; it names who did."""
    open_tab(page, "Chat")
    box = page.locator("#chat-input textarea")
    box.fill(question)
    box.press("Enter")
    log = page.locator("#chat-log")
    expect(log).to_contain_text(f"at {address}", timeout=LONG_MS)
    return str(log.inner_text())
