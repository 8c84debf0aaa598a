"""Two students and a model on Ollama answer ten prompts; the export is valid, the link reopens.

Blind, three sides are voted on before anybody is named.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page, expect

from model.bundles.bundle import Card
from model.model import ImageTokenReasoningLLM
from model.paths import SHIPPED_BUNDLE, students
from tests.browser.conftest import PROJECT, App, open_tab, visit, wait_for_student
from tests.json_schema import faults
from tests.ollama_server import OllamaServer

pytestmark = [pytest.mark.browser, pytest.mark.slow]
RUN_LIMIT_MS = 300_000
SCHEMA = PROJECT / "assets" / "comparison.schema.json"


def _second_student(workspace: Path) -> None:
    """The shipped student with a little noise in its weights: somebody else, as quick."""
    student = ImageTokenReasoningLLM.load_from_bundle(SHIPPED_BUNDLE)
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in student.parameters():
            weight += 0.1 * weight.std() * torch.randn_like(weight) if weight.ndim > 1 else 0.0
    student.card = Card(name="Noisy student", origin="made for a test")
    student.save(students(workspace) / "noisy")


def _choose(page: Page, side: str, words: str) -> None:
    page.locator(f"#compare-side-{side} input").click()
    page.get_by_role("option", name=re.compile(words)).first.click()


def _export(page: Page, kind: str) -> Path:
    with page.expect_download() as download:
        page.locator(f"#compare-export-{kind}").click()
    return Path(download.value.path())


def test_two_students_and_a_teacher_are_compared_exported_and_reopened(
    make_app: Callable[..., App], browser: Browser
) -> None:
    with OllamaServer() as server:
        app = make_app()
        _second_student(app.workspace)
        seen = visit(browser, app.url)
        page = seen.page
        wait_for_student(page)
        open_tab(page, "Compare")
        page.locator("#compare-ollama button").first.click()
        page.locator("#compare-address input, #compare-address textarea").first.fill(server.url)
        page.locator("#compare-find").click()
        expect(page.locator("#compare-status")).to_contain_text("llama3.2:1b")
        expect(page.locator("#compare-side-b input")).to_have_value(re.compile("Noisy student"))
        _choose(page, "c", "llama3.2:1b on the server")
        page.get_by_label("Ten plain prompts").check()
        page.locator("#compare-run").click()
        expect(page.locator("#compare-report")).to_contain_text(
            "Is it more than chance?", timeout=RUN_LIMIT_MS
        )
        expect(page.locator("#compare-progress")).to_contain_text("30 of 30 answers")
        for side in "abc":
            expect(page.locator(f"#compare-{side} .itr-answer-card")).to_have_count(10)

        document = json.loads(_export(page, "json").read_text(encoding="utf-8"))
        assert faults(document, json.loads(SCHEMA.read_text(encoding="utf-8"))) == []
        assert [side["kind"] for side in document["sides"]] == ["student", "student", "ollama"]
        hashes = {row["answers"][0]["weights_hash"] for row in document["rows"]}
        assert hashes == {document["sides"][0]["weights_hash"]}
        assert document["sides"][0]["weights_hash"] != document["sides"][1]["weights_hash"]
        assert "row,side" in _export(page, "csv").read_text(encoding="utf-8")
        assert "<svg" in _export(page, "html").read_text(encoding="utf-8")

        assert document["id"] in page.url
        page.reload()
        expect(page.get_by_role("tab", name="Compare", exact=True)).to_have_attribute(
            "aria-selected", "true"
        )
        expect(page.locator("#compare-report")).to_contain_text("Is it more than chance?")
        expect(page.locator("#compare-c")).to_contain_text("llama3.2:1b")
        assert not seen.faults
        assert not seen.strangers
        page.close()


def _inside(page: Page, width: int) -> None:
    """Every pane is wholly on the screen, and the page cannot be pushed sideways."""
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    for side in "abc":
        box = page.locator(f"#compare-{side}").bounding_box()
        assert box is not None, side
        assert box["x"] >= 0, side
        assert box["x"] + box["width"] <= width, side
        assert box["width"] >= 200, side


def test_blind_answers_are_voted_on_before_anybody_is_named(
    make_app: Callable[..., App], browser: Browser, tmp_path: Path
) -> None:
    app = make_app()
    _second_student(app.workspace)
    seen = visit(browser, app.url)
    page = seen.page
    wait_for_student(page)
    open_tab(page, "Compare")
    expect(page.locator("#compare-side-b input")).to_have_value(re.compile("Noisy student"))
    _choose(page, "c", "Built-in oracle")
    page.locator("#compare-prompts textarea").fill(
        "What happens if I heat an egg?\nWhat happens if I saw a tree?"
    )
    page.get_by_label("Blind: hide who is who").check()
    page.locator("#compare-run").click()

    panes = [page.locator(f"#compare-{side}") for side in "abc"]
    names = ("Noisy student", "oracle", "Shipped", "tok/s")
    for prompt in (1, 2):
        expect(page.locator("#compare-vote-words")).to_contain_text(f"Prompt {prompt} of 2")
        expect(page.locator("#compare-progress")).to_contain_text("6 of 6", timeout=RUN_LIMIT_MS)
        shown = " ".join(pane.inner_text() for pane in panes)
        assert not [name for name in names if name.lower() in shown.lower()]
        expect(page.locator("#compare-report")).to_be_empty()
        listed = page.locator("#compare-earlier input").input_value().split(", ")[0].split(" · ")
        assert listed == sorted(listed), "the list is not in the order of the letters"
        _inside(page, 1280)
        page.screenshot(path=tmp_path / f"blind-{prompt}.png", full_page=True)
        page.locator("#compare-vote-1").click()  # B is best

    expect(page.locator("#compare-voting")).to_be_hidden()
    for pane in panes:
        expect(pane).to_contain_text("2 of 2 answered")
    together = " ".join(pane.inner_text() for pane in panes)
    assert "Noisy student" in together
    assert "oracle" in together
    winner = page.locator("#compare-b .itr-pane-head b").inner_text()
    page.locator("#compare-elo button").first.click()
    board = page.locator("#compare-board tbody tr")
    expect(board).to_have_count(3)
    expect(board.first).to_contain_text(winner)
    expect(board.first.locator("[data-label=votes]")).to_have_text("2")
    _inside(page, 1280)
    page.screenshot(path=tmp_path / "named-1280.png", full_page=True)

    narrow = visit(browser, page.url, width=390, height=844)
    expect(narrow.page.locator("#compare-c")).to_contain_text("2 of 2 answered")
    _inside(narrow.page, 390)
    narrow.page.screenshot(path=tmp_path / "named-390.png", full_page=True)
    assert not seen.faults + narrow.faults
    assert not seen.strangers + narrow.strangers
    narrow.page.close()
    page.close()
