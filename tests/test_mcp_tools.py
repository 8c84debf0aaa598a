"""What programs may do over MCP: look things up, and nothing else."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest

import app
from model.records import TripletDraft
from tests.fakes import FakeBackend
from webapp.mcp_tools import MCP_PATH, mcp_refusal, offer_tools
from webapp.open_endpoints import OPEN
from webapp.ui import build_app

PACKAGE = importlib.util.find_spec("mcp") is not None


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    backend = FakeBackend(tmp_path)
    backend.add_triplet(TripletDraft("rusty key", "oil", "smooth key"))
    return backend


def _with_package(monkeypatch: pytest.MonkeyPatch, *, there: bool) -> None:
    spec = ModuleSpec("mcp", None) if there else None
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, package=None: spec)


def test_a_missing_package_is_told_with_the_command_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _with_package(monkeypatch, there=False)
    with pytest.raises(SystemExit) as ended:
        app.parse_options(["--mcp"])
    assert ended.value.code == 2
    assert 'pip install "gradio[mcp]"' in capsys.readouterr().err
    assert app.parse_options([]).mcp is False


@pytest.mark.parametrize(
    ("multi_user", "auth", "word"), [(True, "", "--multi-user"), (False, "me:secret", "--auth")]
)
def test_who_cannot_be_told_apart_is_not_let_in(
    multi_user: bool, auth: str, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_package(monkeypatch, there=True)
    assert word in mcp_refusal(multi_user=multi_user, auth=auth)
    assert mcp_refusal(multi_user=False, auth="") == ""


def test_the_environment_turns_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_package(monkeypatch, there=True)
    monkeypatch.setenv("ITR_MCP", "1")
    assert app.parse_options([]).mcp is True
    assert app.parse_options(["--no-mcp"]).mcp is False


def test_only_reading_endpoints_are_described_and_the_page_keeps_all(backend: FakeBackend) -> None:
    page = build_app(lambda request: backend)
    before = page.get_api_info()["named_endpoints"]
    assert {"/add_triplet", "/start_run"} <= set(before)
    offer_tools(page)
    assert set(page.get_api_info()["named_endpoints"]) == {f"/{name}" for name in OPEN}
    assert set(page.get_api_info(all_endpoints=True)["named_endpoints"]) >= set(before)


@pytest.fixture
def address(backend: FakeBackend) -> Iterator[str]:
    page = build_app(lambda request: backend)
    offer_tools(page)
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, mcp_server=True)
    yield url.rstrip("/") + MCP_PATH
    page.close()


async def _called(address: str, name: str, arguments: dict[str, Any]) -> tuple[list[str], Any]:
    """The tools of a server, and the reply of one; by the protocol's own client."""
    from mcp import ClientSession  # not among what the tests need: see the marks below
    from mcp.client.streamable_http import streamablehttp_client

    async with (
        streamablehttp_client(address) as (reading, writing, _),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        tools = (await session.list_tools()).tools
        assert all(tool.description for tool in tools)
        return [tool.name for tool in tools], await session.call_tool(name, arguments)


@pytest.mark.skipif(not PACKAGE, reason='pip install "gradio[mcp]"')
def test_a_client_finds_what_it_asks_for(address: str) -> None:
    tools, reply = asyncio.run(_called(address, "find_triplets", {"words": "rusty", "limit": 5}))
    assert sorted(tools) == sorted(OPEN)
    assert not reply.isError
    assert "smooth key" in str(reply.content)


@pytest.mark.skipif(not PACKAGE, reason='pip install "gradio[mcp]"')
@pytest.mark.parametrize("name", ["on_save", "add_triplet", "on_start", "start_run"])
def test_a_client_cannot_write(address: str, name: str, backend: FakeBackend) -> None:
    before = backend.triplets("").total
    _, reply = asyncio.run(_called(address, name, {}))
    assert reply.isError
    assert "Unknown tool" in str(reply.content)
    assert backend.triplets("").total == before
