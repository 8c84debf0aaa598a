"""What the page costs a browser: ``python -m benchmarks.page``.

Opens the app's page in Chromium, then asks its student in the chat, in turns with the same page as
Gradio would have it: there every listener hands its state to all of its outputs, even where no
progress is shown. Times are those that the page's main thread was at work, by Chromium's own
counter, so they hold on a busy machine. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright

from app import make_door
from benchmarks.decoding import machine
from model.visitors import Visitors
from tests.browser.conftest import ANSWERED, FLAGS
from tests.browser.find_chromium import chromium
from webapp.ui import build_app, launch_options

SIZE: Any = {"width": 1280, "height": 900}
LIMIT_MS = 180_000
ANSWERS = 3
QUESTION = "What happens if I heat an egg?"
CALM_MS = 2000
"""What the page still does after the last thing that was waited for."""


@dataclass(frozen=True)
class Cost:
    """Seconds of the main thread: to open the page, and for one answer."""

    opening_s: float
    answer_s: float


def work_s(session: CDPSession) -> float:
    """Seconds that the main thread has worked so far."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in metrics if each["name"] == "TaskDuration"))


def visit(browser: Browser, address: str) -> Cost:
    """Open the page in a browser that has seen nothing of it, and ask."""
    page = browser.new_page(viewport=SIZE)
    page.set_default_timeout(LIMIT_MS)
    session = page.context.new_cdp_session(page)
    session.send("Performance.setTimeDomain", {"timeDomain": "threadTicks"})
    session.send("Performance.enable")
    page.goto(address)
    page.locator("#examples .itr-card-main").first.wait_for()
    page.wait_for_timeout(CALM_MS)
    opened = work_s(session)
    page.locator("#tab-chat-button").click()
    page.locator("#chat-new").click()
    page.wait_for_timeout(CALM_MS)
    before = work_s(session)
    for count in range(1, ANSWERS + 1):
        ask(page, count)
    answered = work_s(session)
    page.close()
    return Cost(opened, (answered - before) / ANSWERS)


def ask(page: Page, count: int) -> None:
    """Send the question as the page's ``count``-th, and wait for the figures of its answer."""
    box = page.locator("#chat-input textarea")
    box.fill(QUESTION)
    box.press("Enter")
    page.wait_for_function(ANSWERED, arg=count)
    page.wait_for_timeout(CALM_MS)


def measure(browser: Browser, folder: Path, rounds: int) -> dict[str, Any]:
    """Visit the page in turns with and without what Gradio does for hidden progress."""
    visitors = Visitors(folder, multi_user=False)
    page = build_app(make_door(visitors))
    page.queue()
    calm = {number: fn.show_progress_on for number, fn in page.fns.items()}
    _, address, _ = page.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    visitors.workspace().prepare()
    costs: dict[str, list[Cost]] = {"ours": [], "gradio": []}
    for number in range(rounds + 1):
        for name, found in costs.items():
            for each, fn in page.fns.items():
                fn.show_progress_on = calm[each] if name == "ours" else (calm[each] or None)
            page.config = page.get_config_file()
            cost = visit(browser, address)
            if number:  # the first visit fills the workspace
                found.append(cost)
    page.close()
    visitors.close()
    return figures(costs["ours"], costs["gradio"])


def figures(ours: list[Cost], gradio: list[Cost]) -> dict[str, Any]:
    """Medians of both, and their ratios."""
    table: dict[str, Any] = {}
    for part in ("opening_s", "answer_s"):
        mine = statistics.median(getattr(cost, part) for cost in ours)
        theirs = statistics.median(getattr(cost, part) for cost in gradio)
        table |= {part: mine, f"{part}_gradio": theirs, f"{part}_ratio": mine / theirs}
    return {name: round(value, 3) for name, value in table.items()}


def main() -> int:
    """Print what the page costs; 0 if there was a browser."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--rounds", type=int, default=3, help="visits of each (%(default)s)")
    options = parser.parse_args()
    path = chromium()
    if path is None:
        sys.stderr.write("There is no Chromium here: run `make browser`.\n")
        return 1
    print(machine())
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        print(json.dumps(measure(browser, Path(folder) / "workspace", options.rounds)))
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
