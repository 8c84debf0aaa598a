"""The whole main job in a real browser: teach a triplet, ask, distil, talk to the result."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import ANSWERED, App, open_tab, visit, wait_for_student
from tests.ollama_server import OllamaServer

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EXAMPLES = Path(__file__).resolve().parent.parent.parent / "assets" / "examples"
RUN_LIMIT_MS = 300_000
KILLED = ("net::ERR", "network error", "Failed to fetch")
"""What a page says of the app that was killed under it; which of them depends on the moment."""
POINTS = """() => [...document.querySelectorAll('#distill-plot svg .mark-line path')]
    .map(path => (path.getAttribute('d') || '').split(/[ML]/).length - 1)
    .reduce((sum, count) => sum + count, 0)"""
"""The vertices of the plot's lines."""


def _upload(page: Page, role: str, picture: Path, label: str) -> None:
    page.locator(f"#slot-{role} input[type=file]").set_input_files(str(picture))
    expect(page.locator(f"#slot-{role} img").first).to_be_visible()
    page.locator(f"#label-{role} input, #label-{role} textarea").first.fill(label)


def _ask(page: Page, question: str) -> str:
    """Send a message and wait for the answer with its figures."""
    box = page.locator("#chat-input textarea")
    box.fill(question)
    before = page.locator("#chat-log").inner_text() if page.locator("#chat-log").count() else ""
    box.press("Enter")
    page.wait_for_function(ANSWERED, arg=len(before.split("tok/s")), timeout=RUN_LIMIT_MS)
    return page.locator("#chat-log").inner_text().split(question)[-1]


def _points(page: Page) -> int:
    """Points of the curves as they are drawn."""
    return int(page.evaluate(f"({POINTS})()"))


def _wait_for_points(page: Page, more_than: int) -> int:
    page.wait_for_function(f"least => ({POINTS})() > least", arg=more_than, timeout=RUN_LIMIT_MS)
    return _points(page)


def _losses(page: Page) -> float:
    """The training loss that the run's panel shows."""
    found = re.search(r"train loss\s+([0-9.]+)", page.locator("#distill-run").inner_text(), re.I)
    assert found, page.locator("#distill-run").inner_text()
    return float(found.group(1))


def _number(page: Page, name: str, value: int) -> None:
    page.locator(f"#distill-{name} input[type=number]").first.fill(str(value))
    page.locator(f"#distill-{name} input[type=number]").first.press("Tab")


def _finish(page: Page) -> None:
    expect(page.locator("#distill-chat")).to_be_visible(timeout=RUN_LIMIT_MS)


def _choose_tiny_run(page: Page, *, prompts: int, steps: int) -> None:
    page.get_by_label("Tiny, from scratch").check()
    _number(page, "steps", steps)
    page.locator("#distill-prompts input[type=number]").first.fill(str(prompts))
    page.locator("#distill-prompts input[type=number]").first.press("Tab")
    page.get_by_role("button", name=re.compile("Advanced")).click()
    page.locator("#distill-batch-size input[type=number]").first.fill("8")
    page.locator("#distill-batch-size input[type=number]").first.press("Tab")


def test_teach_ask_distil_and_ask_the_new_student(
    make_app: Callable[..., App], browser: Browser
) -> None:
    app = make_app()
    seen = visit(browser, app.url)
    page = seen.page
    wait_for_student(page)

    # a triplet that the everyday world does not know: the answer can only come from the graph
    _upload(page, "what", EXAMPLES / "egg-heat-what.png", "egg")
    _upload(page, "action", EXAMPLES / "tree-saw-action.png", "saw")
    _upload(page, "result", EXAMPLES / "corn-heat-result.png", "popcorn")
    page.locator("#save-triplet").click()
    expect(page.locator("#triplet-note")).to_contain_text(re.compile("saved", re.I))

    page.locator("#see-triplet").click()
    expect(page.get_by_role("tab", name="Graph", exact=True)).to_have_attribute(
        "aria-selected", "true"
    )
    row = page.locator("tr", has_text="saw").filter(has_text="egg")
    expect(row.first).to_be_visible()

    open_tab(page, "Chat")
    answer = _ask(page, "What happens if I saw an egg?")
    assert "popcorn" in answer.lower()
    assert "popcorn" in page.locator("#chat-why").inner_text()

    open_tab(page, "Distill")
    _choose_tiny_run(page, prompts=24, steps=24)
    page.locator("#distill-start").click()
    first = _wait_for_points(page, 3)
    early = _losses(page)

    page.reload()
    page.locator("#header").wait_for()
    open_tab(page, "Distill")
    assert _wait_for_points(page, first) > first, "the curve goes on after a reload"

    other = visit(browser, app.url)
    open_tab(other.page, "Distill")
    assert _wait_for_points(other.page, first) > first, "a second browser sees the same run"
    other.page.close()

    _finish(page)
    assert _losses(page) < early
    page.locator("#distill-chat").click()
    wait_for_student(page)
    expect(page.locator("#header-student")).to_contain_text("microworld")
    assert _ask(page, "What is this?")
    assert not seen.faults
    assert not seen.strangers
    page.close()


def test_distil_from_an_ollama_server_through_crashes(
    make_app: Callable[..., App], browser: Browser
) -> None:
    with OllamaServer() as server:
        app = make_app()
        seen = visit(browser, app.url)
        page = seen.page
        open_tab(page, "Distill")
        page.get_by_label("Ollama server").check()
        page.locator("#distill-address input, #distill-address textarea").first.fill(server.url)
        page.locator("#distill-check").click()
        expect(page.locator("#distill-teacher-status")).to_contain_text("llama3.2:1b")
        page.get_by_label("A topic").check()
        page.locator("#distill-topic input, #distill-topic textarea").first.fill("bread baking")
        _choose_tiny_run(page, prompts=16, steps=600)
        page.locator("#distill-start").click()
        _wait_for_points(page, 3)

        app.kill()  # the worker goes on without the app
        app.start()
        page.goto(app.url)
        page.locator("#header").wait_for()
        open_tab(page, "Distill")
        before = _wait_for_points(page, 3)

        page.locator("#distill-pause").click()
        expect(page.locator("#distill-resume")).to_be_visible(timeout=RUN_LIMIT_MS)
        before = _points(page)
        page.locator("#distill-resume").click()
        assert _wait_for_points(page, before) > before
        page.locator("#distill-keep").click()
        _finish(page)
        assert len(server.chats()) >= 16

        page.locator("#distill-chat").click()
        wait_for_student(page)
        assert _ask(page, "Explain bread baking in two sentences.")
        assert not [fault for fault in seen.faults if not any(sign in fault for sign in KILLED)]
        page.close()
