"""What every test gets: its own folders, one thread, no way out to the network."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.pop("OLLAMA_HOST", None)

import pytest

LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest comes first; of two processes one takes the browser, one file by file.

    Two browsers at once would take longer than one after the other on two cores; one of them
    waits for its app half of the time, and leaves a core for the rest.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    in_browser = {item.path for item in items if item.get_closest_marker("browser")}
    items.sort(key=lambda item: (item.path not in in_browser, item.path not in slow))
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            group = "browser" if item.path in in_browser else item.path.stem
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def own_workspace(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the workspace of the person who runs it."""
    monkeypatch.setenv("ITR_WORKSPACE", str(tmp_path / "workspace"))


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to any other host fails at once, with words."""
    connect: Callable[..., Any] = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> Any:
        outside = isinstance(address, tuple) and address[0] not in LOOPBACK
        if outside and self.family in (socket.AF_INET, socket.AF_INET6):
            raise OSError(f"tests may not reach {address[0]}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def tiny_student() -> Any:
    """A student with random weights and pairwise different widths; tests must not train it."""
    from tests.small import make_student

    return make_student(seed=0)
