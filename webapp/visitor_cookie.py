"""A random name for every visitor of a shared app, so that they find their workspace again."""

from __future__ import annotations

import secrets
from typing import Any

from starlette.requests import cookie_parser

COOKIE = "itr_visitor"
LIFETIME_S = 30 * 24 * 3600


class VisitorCookie:
    """ASGI middleware that sets the cookie with the page itself.

    ``framed`` is for a Space: there the page lies in another site's frame, so the cookie must be
    sent across sites, which browsers allow over HTTPS only.
    """

    def __init__(self, app: Any, *, framed: bool) -> None:
        self._app = app
        self._policy = "SameSite=None; Secure; Partitioned" if framed else "SameSite=Lax"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on; add the cookie to the page's headers where it is missing."""
        if scope["type"] != "http" or scope["path"] != "/" or _visitor(scope):
            await self._app(scope, receive, send)
            return

        async def send_with_cookie(message: Any) -> None:
            if message["type"] == "http.response.start":
                value = f"{COOKIE}={secrets.token_urlsafe(24)}; Path=/; HttpOnly; "
                value += f"Max-Age={LIFETIME_S}; {self._policy}"
                message["headers"] = [*message["headers"], (b"set-cookie", value.encode())]
            await send(message)

        await self._app(scope, receive, send_with_cookie)


def _visitor(scope: Any) -> str:
    for name, value in scope["headers"]:
        if name == b"cookie":
            # as the page's door reads it: the standard library's reader gives up on all cookies
            # at the first odd one, which some other app on this host may have set
            return cookie_parser(value.decode("latin-1")).get(COOKIE, "")
    return ""
