"""A student leaves the app in a real browser: as a ZIP, and to a server with its parity table."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import App, visit, wait_for_student
from tests.ollama_server import OllamaServer

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.long]
playwright_api = pytest.importorskip("playwright.sync_api")
expect = playwright_api.expect
LONG_MS = 240_000
"""For what loads a student twice and lets both copies answer."""


@pytest.fixture
def exporting(browser: Any, make_app: Callable[..., App]) -> Iterator[Any]:
    """The page with the export panel open; it fails the test for whatever went wrong on it."""
    found = visit(browser, make_app().url)
    page = found.page
    wait_for_student(page)
    page.locator("#header-student").click()
    page.locator("#export").get_by_role("button", name="Export to Ollama").click()
    expect(page.locator("#export-preview")).to_contain_text("leaves with its eyes")
    yield page
    page.close()
    assert found.faults == []
    assert found.strangers == []


def test_a_student_is_written_downloaded_and_pushed(exporting: Any, tmp_path: Path) -> None:
    exporting.locator("#export-name textarea, #export-name input").first.fill("taken-along")
    exporting.locator("#export-write").click()
    expect(exporting.locator("#export-progress")).to_contain_text("taken-along.zip")
    expect(exporting.locator("#export-cancel")).to_be_hidden()
    with exporting.expect_download() as waiting:
        exporting.locator("#export-file a").first.click()
    packed = tmp_path / "export.zip"
    waiting.value.save_as(packed)
    with zipfile.ZipFile(packed) as archive:
        names = set(archive.namelist())
        assert archive.testzip() is None
    assert {f"taken-along/{name}" for name in ("model.gguf", "mmproj.gguf", "Modelfile")} <= names

    with OllamaServer() as server:
        exporting.locator("#export-address textarea, #export-address input").first.fill(server.url)
        exporting.locator("#export-push").click()
        expect(exporting.locator("#export-progress")).to_contain_text(
            "ollama run taken-along", timeout=LONG_MS
        )
        table = exporting.locator("#export-parity table")
        rows = table.locator("tbody tr")
        expect(rows).to_have_count(5)
        expect(rows.nth(0)).to_contain_text("the template")
        expect(rows.nth(4)).to_contain_text("+ 3 pictures")
        expect(table.locator("tbody")).not_to_contain_text("✗")
        assert "taken-along:latest" in server.blobs.made
