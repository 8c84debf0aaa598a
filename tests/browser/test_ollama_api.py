"""Page and Ollama's API on one port, as a person with a browser and a client finds them."""

from __future__ import annotations

from collections.abc import Callable

import ollama
import pytest
import requests
from playwright.sync_api import Browser, expect

from tests.browser.conftest import App, visit, wait_for_student

pytestmark = [pytest.mark.browser, pytest.mark.slow]
ASKED = [{"role": "user", "content": "What happens if I heat an egg?"}]


def test_the_page_is_still_there_and_a_client_is_answered_beside_it(
    browser: Browser, make_app: Callable[..., App]
) -> None:
    app = make_app()
    seen = visit(browser, app.url)
    wait_for_student(seen.page)
    with ollama.Client(app.url, trust_env=False) as client:
        assert [model.model for model in client.list().models] == ["shipped:latest"]
        answer = client.chat("shipped", ASKED).message.content
    assert answer == "If you heat an egg, you get a fried egg."
    # what a page of a stranger would send
    evil = {"Origin": "http://evil.example.com"}
    assert requests.get(f"{app.url}/api/tags", headers=evil, timeout=30).status_code == 403
    seen.page.reload()
    seen.page.locator("#header").wait_for()
    assert not seen.faults
    seen.page.close()


def test_a_password_is_asked_for_by_page_and_api(
    browser: Browser, make_app: Callable[..., App]
) -> None:
    app = make_app("--auth", "ann:secret")
    assert requests.get(f"{app.url}/api/tags", timeout=30).status_code == 401
    known = requests.get(f"{app.url}/api/tags", auth=("ann", "secret"), timeout=30)
    assert known.json()["models"][0]["name"] == "shipped:latest"
    page = browser.new_page()
    page.goto(app.url)
    expect(page.locator("input[type=password]")).to_be_visible()
    expect(page.locator("#header")).to_have_count(0)
    page.locator("input").first.fill("ann")
    page.locator("input[type=password]").fill("secret")
    page.locator("button").last.click()
    expect(page.locator("#header")).to_be_visible()
    page.close()


def test_the_api_can_be_left_out(make_app: Callable[..., App]) -> None:
    app = make_app("--no-ollama-api")
    assert requests.get(f"{app.url}/api/tags", timeout=30).status_code == 404
    page = requests.get(app.url, timeout=30)
    assert page.headers["Content-Type"].startswith("text/html")
