"""Thumbs in a real browser: eight of them change the next answer, and undo brings the old one back.

The student has random weights and is small: what is tested is the way from a click to other words,
not what they say.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import App, open_tab, visit, wait_for_student
from tests.small import make_student

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.long]
LEARN_LIMIT_MS = 600_000
LAST_ANSWER = """() => {
    const said = [...document.querySelectorAll('#chat-log .bot.message')];
    return said.length ? said[said.length - 1].innerText.split(/[\\d,]+ tok\\/s/)[0].trim() : '';
}"""
ANSWERED = "count => document.querySelectorAll('#chat-log [data-way=up]').length > count"


def _ask(page: Page, question: str) -> str:
    """Send a question and wait until its answer can be voted on; returns its words."""
    thumbs = page.locator("#chat-log [data-way=up]").count()
    box = page.locator("#chat-input textarea")
    box.fill(question)
    box.press("Enter")
    page.wait_for_function(ANSWERED, arg=thumbs, timeout=LEARN_LIMIT_MS)
    return str(page.evaluate(LAST_ANSWER))


def _vote_down(page: Page, number: int) -> None:
    """Press the thumb of the newest answer with the keyboard, and see that it holds."""
    thumb = page.locator("#chat-log [data-way=down]").nth(number)
    thumb.focus()
    thumb.press("Enter")
    expect(page.locator("#chat-log [data-way=down]").nth(number)).to_have_attribute(
        "aria-pressed", "true"
    )


def test_eight_thumbs_change_the_next_answer_and_undo_brings_the_old_one_back(
    make_app: Callable[..., App], browser: Browser, tmp_path: Path
) -> None:
    make_student(seed=0).save(tmp_path / "student")
    app = make_app("--student", str(tmp_path / "student"))
    seen = visit(browser, app.url)
    page = seen.page
    wait_for_student(page)
    open_tab(page, "Chat")
    asked = "What is number nine?"
    before = _ask(page, asked)
    chip = page.locator("#header-student")
    untaught = chip.inner_text().split("·")[-1].strip()
    for number in range(8):
        _ask(page, f"What is number {number}?")
        _vote_down(page, number + 1)
    news = page.locator("#chat-learning")
    expect(news).to_contain_text("learned from 8 votes", timeout=LEARN_LIMIT_MS)
    expect(chip).not_to_contain_text(untaught)
    wait_for_student(page)
    taught = chip.inner_text().split("·")[-1].strip()

    after = _ask(page, asked)
    assert after != before, "the next answer of this kind is another one"

    app.kill()  # votes, adapter and chart outlive the app
    app.start()
    page.goto(app.url)
    wait_for_student(page)
    open_tab(page, "Chat")
    expect(chip).to_contain_text(taught)
    expect(news).to_contain_text("learned from 8 votes")
    page.get_by_role("button", name="Learning from votes").click()
    expect(page.locator("#votes-body")).to_contain_text("known questions")
    page.locator("#votes-body summary").first.click()
    expect(page.locator("#votes-body")).to_contain_text("before:")

    news.get_by_role("button", name=re.compile("Undo")).click()
    expect(page.locator("#votes-body")).to_contain_text("undone")
    expect(chip).to_contain_text(untaught)
    assert _ask(page, asked) == before, "same seed, same text"
    assert not seen.strangers
    page.close()
