"""Take the README's pictures of the running app: ``python -m tests.browser.take_pictures``.

The real app in a fresh folder: a short run with the built-in teacher is made first, so that every
tab has something to show. Name tabs to take only theirs. Takes a few minutes, and waits
``--patience`` seconds for any one thing.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from PIL import Image
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.browser import conftest
from tests.browser.conftest import ANSWERED, FLAGS, PROJECT, App, open_tab, visit, wait_for_student
from tests.browser.find_chromium import chromium

FOLDER = PROJECT / "docs" / "pictures"
EXAMPLES = PROJECT / "assets" / "examples"
SIZE = (1280, 860)
MOST_BYTES = 120_000
COLOURS = (192, 128, 96, 64, 48, 32)
NUMBERS = {"prompts": 48, "steps": 30, "batch-size": 8}
"""Of the run that is shown."""


def save(picture: bytes, name: str) -> Path:
    """Write a screenshot as a PNG with as many colours as fit into the limit."""
    shot = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in COLOURS:
        small = io.BytesIO()
        shot.quantize(colours, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
        if small.tell() <= MOST_BYTES:
            break
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name}.png"
    path.write_bytes(small.getvalue())
    return path


def show(page: Page, name: str, top: Locator | None = None) -> None:
    """Scroll to the part that matters, and take the picture."""
    if top is None:
        page.evaluate("window.scrollTo(0, 0)")
    else:
        top.evaluate(
            "part => window.scrollBy(0, part.getBoundingClientRect().top - 64)"
        )  # below what sticks
    page.mouse.move(0, 0)
    page.evaluate("document.activeElement?.blur()")
    page.wait_for_timeout(500)
    path = save(page.screenshot(), name)
    size_kb = path.stat().st_size / 1000
    sys.stdout.write(f"{path.relative_to(PROJECT)}  {size_kb:.0f} kB\n")


def start_run(page: Page) -> None:
    """Begin a small run with the built-in teacher."""
    open_tab(page, "Distill")
    page.get_by_label("Tiny, from scratch").check()
    page.get_by_role("button", name="Advanced").click()
    for name, value in NUMBERS.items():
        box = page.locator(f"#distill-{name} input[type=number]").first
        box.fill(str(value))
        box.press("Tab")
    page.locator("#distill-name input, #distill-name textarea").first.fill("kitchen school")
    page.locator("#distill-start").click()
    expect(page.locator("#distill-run")).to_contain_text("train loss")


def triplets(page: Page) -> None:
    """An example in the slots, with what the student expects to come of it."""
    open_tab(page, "Triplets")
    page.locator("#examples .itr-card-main").first.click()
    expect(page.locator("#slot-result img").first).to_be_visible()
    page.locator("#predict-result").click()
    expect(page.locator("#prediction img").first).to_be_visible()
    show(page, "triplets")


def graph(page: Page) -> None:
    """What lies around the egg."""
    open_tab(page, "Graph")
    page.locator("#graph-search input, #graph-search textarea").first.fill("egg")
    page.locator("#graph-search .submit-button").click()
    expect(page.locator(".itr-graph-words")).to_contain_text("around “egg”")
    expect(page.locator("#node-head h3")).to_have_text("egg")
    page.wait_for_timeout(3000)  # pictures of the nodes are drawn as they come
    show(page, "graph", page.locator("#graph-search"))


def chat(page: Page) -> None:
    """Two questions about a picture, and the facts that were used."""
    open_tab(page, "Chat")
    picture = EXAMPLES / "egg-heat-what.png"
    page.locator("#chat-input input[type=file]").set_input_files(str(picture))
    expect(page.locator("#chat-input .thumbnail-item")).to_have_count(1)
    box = page.locator("#chat-input textarea")
    log = page.locator("#chat-log")
    for number, question in enumerate(("What is this?", "What happens if I heat it?"), start=1):
        box.fill(question)
        box.press("Enter")
        page.wait_for_function(ANSWERED, arg=number)
    expect(log).to_contain_text("fried egg")
    show(page, "chat")


def wait_for_run(page: Page) -> None:
    """Open the run, and stay until its student is there."""
    open_tab(page, "Distill")
    expect(page.locator("#distill-chat")).to_be_visible()


def distill(page: Page) -> None:
    """The run when it is done."""
    wait_for_run(page)
    show(page, "distill", page.locator("#distill-run"))


def compare(page: Page) -> None:
    """Two students and the oracle on drawn questions."""
    wait_for_run(page)
    page.locator("#distill-compare").click()
    expect(page.locator("#compare-side-b input")).to_have_value(re.compile("kitchen school"))
    page.locator("#compare-side-c input").click()
    page.get_by_role("option", name="Built-in oracle").first.click()
    page.get_by_label("Micro-world questions").check()
    count = page.locator("#compare-questions input[type=number]").first
    count.fill("8")
    count.press("Tab")
    page.locator("#compare-run").click()
    expect(page.locator("#compare-progress")).to_contain_text("24 of 24 answers · done")
    show(page, "compare", page.locator("#compare-progress"))


PICTURES = {part.__name__: part for part in (triplets, graph, chat, distill, compare)}


def main() -> int:
    """Take the pictures; 0 when they are there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "tabs", nargs="*", choices=[*PICTURES, []], metavar="TAB", help=" ".join(PICTURES)
    )
    parser.add_argument("--patience", type=float, default=180.0, help="seconds (%(default)s)")
    options = parser.parse_args()
    patience, wanted = options.patience, options.tabs or list(PICTURES)
    conftest.LIMIT_S = patience
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        playwright = stack.enter_context(sync_playwright())
        expect.set_options(timeout=patience * 1000)
        app = App(Path(folder) / "workspace")
        stack.callback(app.stop)
        app.start()
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = visit(browser, f"{app.url}/?__theme=light", *SIZE).page
        page.set_default_timeout(patience * 1000)
        wait_for_student(page)
        if {"distill", "compare"} & set(wanted):
            start_run(page)
        for name in wanted:
            PICTURES[name](page)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
