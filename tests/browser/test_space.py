"""The page as a Hugging Face Space starts it: no home to write to, no network, many visitors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import App, open_tab, visit, wait_for_student

pytestmark = [pytest.mark.browser, pytest.mark.long]
NOWHERE = "http://127.0.0.1:9"
SPACE = {
    "SPACE_ID": "someone/image-token-reasoning",
    "SPACE_HOST": "someone-image-token-reasoning.hf.space",
    "SYSTEM": "spaces",
    "GRADIO_SSR_MODE": "True",
    "HOME": "/proc/nowhere",
    "XDG_CACHE_HOME": "/proc/nowhere/cache",
    "CUDA_VISIBLE_DEVICES": "",
    "HTTP_PROXY": NOWHERE,
    "HTTPS_PROXY": NOWHERE,
    "NO_PROXY": "127.0.0.1,localhost",
}
OF_SPACES = ("ERR_NAME_NOT_RESOLVED", "ERR_INTERNET_DISCONNECTED", "Space not found")
"""On a Space, Gradio itself asks the hub for the frame around the page; here there is none."""
EXAMPLES = Path(__file__).resolve().parent.parent.parent / "assets" / "examples"


def test_a_visitor_of_a_space_teaches_asks_and_distils(
    make_app: Callable[..., App], browser: Browser
) -> None:
    app = make_app(**SPACE)
    seen = visit(browser, app.url)
    page = seen.page
    wait_for_student(page)
    hint = page.locator("#space-hint a")
    expect(hint).to_have_attribute(
        "href", f"https://huggingface.co/spaces/{SPACE['SPACE_ID']}?duplicate=true"
    )

    for role, picture, label in (
        ("what", "egg-heat-what.png", "egg"),
        ("action", "tree-saw-action.png", "saw"),
        ("result", "corn-heat-result.png", "popcorn"),
    ):
        page.locator(f"#slot-{role} input[type=file]").set_input_files(str(EXAMPLES / picture))
        expect(page.locator(f"#slot-{role} img").first).to_be_visible()
        page.locator(f"#label-{role} input, #label-{role} textarea").first.fill(label)
    page.locator("#save-triplet").click()
    expect(page.locator("#triplet-note")).to_contain_text("aved")

    open_tab(page, "Chat")
    page.locator("#chat-input textarea").fill("What happens if I saw an egg?")
    page.locator("#chat-input textarea").press("Enter")
    expect(page.locator("#chat-log")).to_contain_text("tok/s", timeout=180_000)
    expect(page.locator("#chat-why")).to_contain_text("popcorn")

    open_tab(page, "Distill")
    page.get_by_label("Tiny, from scratch").check()
    page.locator("#distill-steps input[type=number]").first.fill("20")
    page.locator("#distill-steps input[type=number]").first.press("Tab")
    page.locator("#distill-start").click()
    expect(page.locator("#distill-chat")).to_be_visible(timeout=300_000)

    other = visit(browser, app.url)  # another visitor, with no cookie
    open_tab(other.page, "Graph")
    # the newest triplets stand first: a shared one would be the first row
    expect(other.page.locator("#graph-table tbody tr").first).to_be_visible()
    row = other.page.locator("tr", has_text="saw").filter(has_text="egg")
    expect(row).to_have_count(0)
    other.page.close()
    ours = [fault for fault in seen.faults if not any(words in fault for words in OF_SPACES)]
    assert not ours
    page.close()
