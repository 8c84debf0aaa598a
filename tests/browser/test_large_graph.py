"""Fifty thousand triplets in a real browser and the real app: brought in, found, mended, taken."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import App, open_tab, visit

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.long]
playwright_api = pytest.importorskip("playwright.sync_api")
expect = playwright_api.expect

ROWS, PARTS = 50_000, 16_000
ACTIONS = ("weld", "bend", "drill", "coat", "sand", "bolt", "trim", "rinse", "pack", "ship", "mend")
PLACE = """label => {
    const holder = document.querySelector('.itr-canvas');
    const {network} = holder, box = holder.getBoundingClientRect();
    const id = network.body.data.nodes.get().find(node => node.label === label).id;
    const at = network.canvasToDOM(network.getPosition(id));
    return [box.x + at.x, box.y + at.y];
}"""


def row(number: int) -> tuple[str, str, str]:
    """No two numbers give the same triplet: the object of a part differs with every round."""
    part, turn = number % PARTS, number // PARTS
    made = "depot" if part % 40 == 0 and turn == 0 else f"part {(3 * part + 17 * turn + 1) % PARTS}"
    return f"part {part}", ACTIONS[(part + turn) % len(ACTIONS)], made


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "parts.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(("what", "action", "result"))
        lines.writerows(row(number) for number in range(ROWS))
        lines.writerow(("part 1", "", "part 2"))
    return path


def told(page: Any, words: str) -> None:
    expect(page.locator("#graph-note")).to_contain_text(words)


def drawn(page: Any, words: str) -> None:
    expect(page.locator(".itr-graph-words")).to_contain_text(words)
    expect(page.locator("#graph-canvas .itr-stage")).to_have_attribute("aria-busy", "false")


def bring_in(page: Any, table: Path) -> None:
    page.get_by_role("button", name="Import and export").click()
    page.locator("#graph-import input[type=file]").set_input_files(table)
    expect(page.locator("#import-told")).to_contain_text("50,001 rows")
    expect(page.locator("#import-told")).to_contain_text("Row 50,002")
    page.locator("#import-go").press("Enter")
    told(page, "Imported: 50,000 added, 1 left out.")


def search_by_keyboard(page: Any, label: str) -> None:
    page.locator("#graph-figures").click()
    page.keyboard.press("/")
    page.keyboard.press("Control+a")
    page.keyboard.type(label)
    page.keyboard.press("Enter")
    expect(page.locator("#node-head h3")).to_have_text(label)
    drawn(page, f"around “{label}”")


def narrow_down(page: Any) -> None:
    """The hub has more neighbours than are drawn; the actions that are asked for come anyway."""
    search_by_keyboard(page, "depot")
    drawn(page, "Showing 300 of")
    choice = page.locator("#graph-relation-list input")
    choice.fill("weld")
    choice.press("Enter")
    drawn(page, "only weld")
    labels = "document.querySelector('.itr-canvas').network.body.data.edges.get().map(e => e.label)"
    assert set(page.evaluate(labels)) == {"weld"}
    page.click("#graph-all")
    drawn(page, "Showing 300 of")


def mend(page: Any) -> int:
    """Edit, merge, split and delete by keyboard; returns how many edits that were."""
    search_by_keyboard(page, "part 7")
    page.locator("#node-facts").get_by_role("button", name="Open: part 7 →").first.press("Enter")
    action = page.locator("#triplet-action").get_by_role("textbox")
    action.fill("polish")
    action.press("Enter")
    told(page, "Saved part 7 → polish")
    page.locator("#node-form button").first.press("Enter")
    other = page.locator("#node-other").get_by_role("textbox")
    other.fill("part 11")
    other.press("Enter")
    told(page, "Merged “part 11” into “part 7”")
    expect(page.locator("#node-head")).to_contain_text("leading on")
    page.locator("#node-moved input").first.check()
    moved = page.locator("#node-moved-label").get_by_role("textbox")
    moved.fill("spare part")
    moved.press("Enter")
    told(page, "Split “spare part” off “part 7”")
    search_by_keyboard(page, "spare part")
    page.locator("#node-delete").press("Enter")
    told(page, "Deleted “spare part” (1 triplet).")
    expect(page.locator("#node-head")).to_contain_text("Click a picture")
    return 4


def focus_by_mouse(page: Any) -> None:
    search_by_keyboard(page, "part 8")
    page.locator(".itr-canvas").scroll_into_view_if_needed()
    page.wait_for_timeout(600)  # the drawing glides into its place
    x, y = page.evaluate(PLACE, "part 25")  # 3 · 8 + 1
    page.mouse.click(x, y)
    expect(page.locator("#node-head h3")).to_have_text("part 25")


def take_away(page: Any, kind: str) -> Path:
    with page.expect_download() as caught:
        page.click(f"#export-{kind}")
    assert caught.value.suggested_filename == f"graph.{kind}"
    return Path(caught.value.path())


def test_fifty_thousand_triplets_are_handled_in_the_page(
    browser: Any, make_app: Callable[..., App], table: Path, tmp_path: Path
) -> None:
    seen = visit(browser, make_app().url)
    page = seen.page
    open_tab(page, "Graph")
    drawn(page, "Showing")
    bring_in(page, table)
    expect(page.locator("#graph-figures")).to_contain_text("50,5")
    narrow_down(page)
    focus_by_mouse(page)
    edits = mend(page)
    page.screenshot(path=tmp_path / "wide.png", full_page=True)
    lines = take_away(page, "csv").read_text(encoding="utf-8").splitlines()
    assert "part 25" in lines[-1] or len(lines) > ROWS
    assert take_away(page, "jsonl").read_text(encoding="utf-8").count("\n") == len(lines) - 1
    assert take_away(page, "graphml").stat().st_size > 5e6
    assert take_away(page, "zip").read_bytes().startswith(b"PK")
    assert "of 50," in take_away(page, "html").read_text(encoding="utf-8")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=tmp_path / "narrow.png", full_page=True)
    for words in ("deleted", "split", "merged", "changed")[:edits]:
        page.locator("#graph-undo").press("Enter")
        told(page, f"Undone: {words}")
    page.locator("#graph-undo").press("Enter")
    told(page, "Undone: added 50,000 and updated 0 triplets from parts.csv.")
    expect(page.locator("#graph-figures")).not_to_contain_text("50,5")
    assert (seen.faults, seen.strangers) == ([], [])
