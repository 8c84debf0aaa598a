"""The API with small students, called without a network, or on a port for those who need one."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from model.serving.ollama_api import build_api
from model.serving.students import EnginePool, Students

URL = "http://127.0.0.1:7860"


@contextmanager
def students_in(folder: Path, bundle: Path, names: tuple[str, ...] = ()) -> Iterator[Students]:
    """The students of a workspace: ``shipped`` and copies of it under other names."""
    for name in names:
        shutil.copytree(bundle, folder / name, dirs_exist_ok=True)
    pool = EnginePool()
    yield Students(folder, bundle, pool)
    pool.close()


def client_of(
    students: Students, *, password: str = "", listens_on: str = "127.0.0.1"
) -> TestClient:
    """Calls the API as a program on this machine would."""
    api = build_api(lambda: students, listens_on=listens_on, password=password)
    return TestClient(api, base_url=URL)


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """The address of an ASGI app on a free port of the loopback."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not (server.started and server.servers):
        assert time.monotonic() < deadline, "the server does not start"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(timeout=30)
