"""A real Chromium against the real app in a process of its own; nothing is mocked."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest
import requests
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.find_chromium import chromium

PROJECT = Path(__file__).resolve().parent.parent.parent
LIMIT_S = 180.0
LEAVING = ("AbortError", "errored out", "ERR_ABORTED")
"""What Gradio itself reports when a page is left while a stream is open."""
ANSWERED = "count => (document.querySelector('#chat-log')?.innerText.split('tok/s').length) > count"
"""Whether the chat shows the figures of more than so many answers."""
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class App:
    """The app as a person starts it; it may be killed and started again on the same workspace."""

    workspace: Path
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    log: IO[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.workspace.mkdir(parents=True, exist_ok=True)
        if self.log is not None:
            self.log.close()
        self.log = open(self.workspace.with_suffix(".log"), "ab")  # noqa: SIM115 - closed in stop
        command = [sys.executable, "app.py", "--port", str(self.port), "--no-browser"]
        self.process = subprocess.Popen(
            [*command, "--workspace", str(self.workspace), *self.options],
            cwd=PROJECT,
            env={**os.environ, **self.environment},
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            try:
                if requests.get(self.url, timeout=5).status_code in (200, 401):
                    return
            except (requests.ConnectionError, requests.Timeout):
                time.sleep(0.05)
            assert self.process.poll() is None, self.workspace.with_suffix(".log").read_text()
        raise AssertionError(f"no page after {LIMIT_S} s")

    def kill(self) -> None:
        """As the plug is pulled: no goodbye."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=30)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)
        if self.log is not None:
            self.log.close()


@pytest.fixture
def make_app(tmp_path: Path) -> Iterator[Callable[..., App]]:
    apps: list[App] = []

    def start(*options: str, **environment: str) -> App:
        app = App(tmp_path / f"workspace{len(apps)}", options, environment)
        apps.append(app)
        app.start()
        return app

    yield start
    for app in apps:
        app.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=60_000)  # a busy machine is slow, not wrong
    path = chromium()
    assert path, "the browser tests need a Chromium: run `make browser`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page with what went wrong on it."""

    page: Page
    faults: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


def visit(browser: Browser, url: str, width: int = 1280, height: int = 900) -> Visit:
    """Open a page that notes console errors and requests to any other host."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(60_000)
    found = Visit(page)

    def on_request(address: str) -> None:
        if address.startswith("http") and not address.startswith("http://127.0.0.1"):
            found.strangers.append(address)

    def on_fault(words: str) -> None:
        if not any(known in words for known in LEAVING):
            found.faults.append(words)

    page.on("request", lambda request: on_request(request.url))
    page.on("pageerror", lambda error: on_fault(str(error)))
    page.on("console", lambda line: on_fault(line.text) if line.type == "error" else None)
    page.goto(url)
    page.locator("#header").wait_for()
    return found


def open_tab(page: Page, name: str) -> None:
    """Choose one of the five tabs."""
    page.get_by_role("tab", name=name, exact=True).click()


def wait_for_student(page: Page) -> None:
    """Until the header no longer says that the student is being loaded."""
    page.wait_for_function(
        "() => { const chip = document.querySelector('#header-student');"
        " return chip && !chip.innerText.includes('loading') && chip.innerText.includes('·'); }",
        timeout=LIMIT_S * 1000,
    )
