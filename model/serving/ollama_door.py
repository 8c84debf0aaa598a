"""Page and API on one port: which of them a request is for."""

from __future__ import annotations

from typing import Any

OURS = ("/api/", "/v1/")


class OllamaDoor:
    """ASGI middleware that sends requests for Ollama's addresses to the API, others to the page.

    Both live at ``/``: whoever asks for HTML there, as browsers do, gets the page; clients of
    Ollama, ``curl`` and health checks get “Ollama is running”.
    """

    def __init__(self, app: Any, *, api: Any) -> None:
        self._page, self._api = app, api

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on to one of the two."""
        ours = scope["type"] == "http" and is_for_the_api(scope)
        await (self._api if ours else self._page)(scope, receive, send)


def is_for_the_api(scope: Any) -> bool:
    """Whether a request is one of an Ollama client's."""
    path: str = scope["path"]
    if path.startswith(OURS):
        return True
    if path != "/" or scope["method"] not in ("GET", "HEAD"):
        return False
    wanted = b",".join(value for name, value in scope["headers"] if name == b"accept")
    return b"text/html" not in wanted
