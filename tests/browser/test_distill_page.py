"""Try a teacher, collect, look through the answers, change some, train, and look at the curves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import App, open_tab, visit
from tests.ollama_server import OllamaServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.long]
RUN_LIMIT_MS = 300_000


def fill_form(page: Page, url: str) -> None:
    """A small run from an Ollama server whose answers wait to be looked through."""
    page.get_by_label("Ollama server").check()
    page.locator("#distill-address input, #distill-address textarea").first.fill(url)
    page.locator("#distill-check").click()
    expect(page.locator("#distill-teacher-status")).to_contain_text("llama3.2:1b")
    page.get_by_label("A topic").check()
    page.locator("#distill-topic input, #distill-topic textarea").first.fill("bread baking")
    page.get_by_label("Tiny, from scratch").check()
    for name, value in (("prompts", "12"), ("steps", "6")):
        box = page.locator(f"#distill-{name} input[type=number]").first
        box.fill(value)
        box.press("Tab")
    page.get_by_label("Let me look at the answers first").check()


def row(page: Page, n: int) -> str:
    return f"#distill-prompt-list [data-n='{n}']"


def test_a_teacher_is_tried_and_its_answers_are_looked_through(
    make_app: Callable[..., App], browser: Browser, tmp_path: Path
) -> None:
    with OllamaServer() as server:
        app = make_app()
        seen = visit(browser, app.url)
        page = seen.page
        open_tab(page, "Distill")
        fill_form(page, server.url)

        page.locator("#distill-try").click()
        trial = page.locator("#distill-trial")
        expect(trial).to_contain_text("Ready to start.", timeout=RUN_LIMIT_MS)
        expect(trial).to_contain_text("gives logprobs")

        page.locator("#distill-start").click()
        expect(page.locator("#distill-look")).to_be_visible(timeout=RUN_LIMIT_MS)
        page.locator("#distill-look").click()
        expect(page.locator(f"{row(page, 0)} .itr-prompt-answer")).to_be_visible()
        page.locator(f"{row(page, 0)} .itr-act-edit").click()
        page.locator(f"{row(page, 0)} textarea").nth(1).fill("<b>my own</b> words")
        page.locator(f"{row(page, 0)} .itr-act-save").click()
        expect(page.locator(row(page, 0))).to_contain_text("<b>my own</b> words")
        page.locator(f"{row(page, 1)} .itr-act-remove").click()
        expect(page.locator(row(page, 1))).to_contain_text("dropped")
        page.screenshot(path=str(tmp_path / "look.png"), full_page=True)

        page.locator("#distill-resume").click()
        expect(page.locator("#distill-chat")).to_be_visible(timeout=RUN_LIMIT_MS)
        expect(page.locator("#distill-run")).to_contain_text("11 of 11 answers")
        page.locator("#distill-chart").get_by_label("Learning rate").check()
        expect(page.locator("#distill-plot")).to_contain_text("learning rate")
        page.locator("#distill-note textarea, #distill-note input").first.fill("six steps only")
        page.locator("#distill-note textarea, #distill-note input").first.blur()
        page.reload()
        page.locator("#header").wait_for()
        open_tab(page, "Distill")
        expect(page.locator("#distill-history")).to_contain_text("six steps only")

        page.locator("#distill-use-settings").click()
        expect(page.locator("#distill-topic input, #distill-topic textarea").first).to_have_value(
            "bread baking"
        )
        page.locator("#distill-save-settings").click()
        with page.expect_download() as download:
            page.locator("#distill-settings-file").click()
        saved = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
        assert saved["settings"]["after_collecting"] == "look"
        page.screenshot(path=str(tmp_path / "trained.png"), full_page=True)
        assert not seen.faults
        assert not seen.strangers
        page.close()

        narrow = visit(browser, app.url, width=390, height=844).page
        open_tab(narrow, "Distill")
        narrow.get_by_text("Prompts and answers").click()
        expect(narrow.locator(row(narrow, 0))).to_be_visible()
        wide = "() => document.documentElement.scrollWidth <= window.innerWidth"
        assert narrow.evaluate(wide), "nothing is wider than the screen"
        narrow.screenshot(path=str(tmp_path / "narrow.png"), full_page=True)
        narrow.close()
