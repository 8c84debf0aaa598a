"""The page as an MCP server: programs with a language model may look things up, and change nothing.

Gradio makes a tool of every described endpoint, also of those that write. So with MCP only the
reading ones stay described; the page calls all of them as before.
"""

from __future__ import annotations

import importlib.util

import gradio as gr

from webapp.open_endpoints import OPEN

MCP_PATH = "/gradio_api/mcp/"
INSTALL = 'pip install "gradio[mcp]"'


def mcp_refusal(*, multi_user: bool, auth: str) -> str:
    """Why the page cannot be an MCP server with these options, and the remedy; empty if it can."""
    if multi_user:
        return "--mcp does not go with --multi-user: every call would come from a new visitor"
    if auth:
        return "--mcp does not go with --auth: its clients cannot tell a name and a password"
    if importlib.util.find_spec("mcp") is None:
        return f"--mcp needs a package that is not installed; get it with: {INSTALL}"
    return ""


def offer_tools(page: gr.Blocks) -> None:
    """Leave only the reading endpoints to be described, before the page is launched."""
    for listener in page.fns.values():
        if listener.api_visibility == "public" and listener.api_name not in OPEN:
            listener.api_visibility = "undocumented"
