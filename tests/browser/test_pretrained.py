"""A student on a pretrained model: the form offers it and the run starts on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, expect

from tests.browser.conftest import App, open_tab, visit
from tests.tiny_checkpoints import smollm

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.long]


@pytest.mark.parametrize("width", [1280, 390])
def test_a_folder_with_a_model_becomes_a_student(
    width: int, make_app: Callable[..., App], browser: Browser, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    folder = smollm(tmp_path / "tiny-smollm")
    found = visit(browser, make_app().url, width)
    page = found.page
    open_tab(page, "Distill")
    expect(page.locator("#distill-decoder")).to_be_hidden()
    page.get_by_label("On a pretrained model").check()
    expect(page.locator("#distill-student")).to_be_hidden()
    box = page.locator("#distill-decoder input, #distill-decoder textarea").first
    box.fill(str(tmp_path))
    box.press("Tab")
    expect(page.locator("#distill-budget")).to_contain_text("There is no model in")
    box.fill(str(folder))
    box.press("Tab")
    expect(page.locator("#distill-budget")).to_contain_text("speaks already")
    for name, value in (("prompts", 16), ("steps", 3)):
        number = page.locator(f"#distill-{name} input[type=number]").first
        number.fill(str(value))
        number.press("Tab")
    page.locator("#distill-start").click()
    expect(page.locator("#distill-chat")).to_be_visible(timeout=300_000)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    assert not found.faults
    assert not found.strangers
