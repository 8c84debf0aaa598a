"""Start the app: read the options, open the workspace, join it to the page, launch.

The only file that knows both ``model`` and ``webapp``. Options may also be given as environment
variables: ``--port`` is ``ITR_PORT`` and so on; the command line wins.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import socket
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from model import paths
from model.errors import ReasonerError
from model.serving.ollama_api import build_api
from model.serving.ollama_door import OllamaDoor
from model.visitors import Visitors
from webapp.backend import Backend
from webapp.mcp_tools import MCP_PATH, mcp_refusal, offer_tools
from webapp.ui import build_app, launch_options
from webapp.visitor_cookie import COOKIE, VisitorCookie

log = logging.getLogger("app")

FIRST_PORT, LAST_PORT = 7860, 7959
YES = {"1", "true", "yes", "on"}
API_VISITOR = "ollama-api"
MOST_AT_WORK = 160
"""Threads of the page. An open answer holds one until it is there, be it only waiting its turn, and
with Gradio's 40 as many answers would keep everybody's graph and tables waiting, too."""


def from_environment(name: str, default: str = "") -> str:
    """The value of an option's environment variable, or its default."""
    return os.environ.get(f"ITR_{name}", "").strip() or default


def parse_options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line, with the environment as its defaults."""
    on_space = bool(os.environ.get("SPACE_ID"))
    parser = argparse.ArgumentParser(
        description="Teach a small multimodal model a procedure, in the browser.",
        epilog="Every option can also be an environment variable: --port is ITR_PORT, "
        "--multi-user is ITR_MULTI_USER, and so on.",
    )
    host = os.environ.get("GRADIO_SERVER_NAME", "0.0.0.0" if on_space else "127.0.0.1")
    port = os.environ.get("GRADIO_SERVER_PORT", "0")
    parser.add_argument(
        "--host", default=from_environment("HOST", host), help="address to listen on (%(default)s)"
    )
    parser.add_argument(
        "--port",
        type=int,
        default=int(from_environment("PORT", port)),
        help=f"port; 0 takes the first free one from {FIRST_PORT} (%(default)s)",
    )
    parser.add_argument(
        "--workspace",
        type=Path,
        default=paths.default_workspace(),
        help="data directory: database, pictures, runs, students (%(default)s)",
    )
    parser.add_argument(
        "--student",
        type=Path,
        default=Path(from_environment("STUDENT", str(paths.SHIPPED_BUNDLE))),
        help="bundle that answers at first (%(default)s)",
    )
    parser.add_argument(
        "--auth",
        default=from_environment("AUTH"),
        metavar="USER:PASSWORD",
        help="ask for this name and password",
    )
    parser.add_argument(
        "--multi-user",
        action=argparse.BooleanOptionalAction,
        default=from_environment("MULTI_USER", "1" if on_space else "0").lower() in YES,
        help="a workspace of their own for every visitor (default on a Space)",
    )
    parser.add_argument(
        "--browser",
        action=argparse.BooleanOptionalAction,
        default=from_environment("BROWSER", "0" if on_space else "1").lower() in YES,
        help="open the page in the browser (default)",
    )
    parser.add_argument(
        "--ollama-api",
        action=argparse.BooleanOptionalAction,
        default=from_environment("OLLAMA_API"),
        help="answer Ollama's API on the same port (default, but for --multi-user)",
    )
    parser.add_argument(
        "--mcp",
        action=argparse.BooleanOptionalAction,
        default=from_environment("MCP", "0").lower() in YES,
        help="let programs look things up by the Model Context Protocol (%(default)s)",
    )
    options = parser.parse_args(arguments)
    if isinstance(options.ollama_api, str):
        options.ollama_api = (options.ollama_api or str(not options.multi_user)).lower() in YES
    if options.auth and ":" not in options.auth:
        parser.error("--auth wants USER:PASSWORD with a colon between them")
    refusal = mcp_refusal(multi_user=options.multi_user, auth=options.auth) if options.mcp else ""
    if refusal:
        parser.error(refusal)
    return options


def free_port(host: str, wished: int) -> int:
    """``wished`` if it is not 0, else the first port from 7860 on that nobody listens on."""
    if wished:
        return wished
    for port in range(FIRST_PORT, LAST_PORT + 1):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1" if host == "0.0.0.0" else host, port)):
                return port
    raise SystemExit(f"No free port between {FIRST_PORT} and {LAST_PORT}; choose one with --port.")


def make_door(visitors: Visitors) -> Any:
    """Find a visitor's workspace by their cookie, or by their page where cookies are blocked."""

    def door(request: gr.Request) -> Backend:
        visitor = request.cookies.get(COOKIE) or request.session_hash or ""
        return visitors.workspace(visitor)

    return door


def mark_for_gpu() -> bool:
    """On ZeroGPU hardware, mark a function for the GPU; says whether that was done.

    Such a Space does not start without one. Answers do not need it: the student is so small that
    lending a GPU takes longer than answering on the CPU.
    """
    if importlib.util.find_spec("spaces") is None:
        return False
    import spaces  # type: ignore[import-not-found]

    spaces.GPU(duration=10)(torch_device)
    return True


def torch_device() -> str:
    """The name of the device that PyTorch would use."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def layers(options: argparse.Namespace, visitors: Visitors) -> list[Middleware]:
    """What requests pass before they reach the page: Ollama's API first, then the cookie."""
    found = []
    if options.ollama_api:
        # among many visitors, clients of the API are one more, who has the shipped student only
        api = build_api(
            lambda: visitors.workspace(API_VISITOR).served(),
            listens_on=options.host,
            password=options.auth,
        )
        found.append(Middleware(OllamaDoor, api=api))
    if options.multi_user:
        found.append(Middleware(VisitorCookie, framed=bool(os.environ.get("SPACE_ID"))))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the app until it is stopped."""
    options = parse_options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    for noisy in ("httpx", "httpx2", "httpcore"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        visitors = Visitors(
            options.workspace,
            multi_user=options.multi_user,
            shipped=options.student,
            teacher_address=paths.ollama_host(),
        )
        if not options.multi_user:
            visitors.workspace()
    except (ReasonerError, OSError) as error:
        raise SystemExit(f"The workspace {options.workspace} cannot be opened: {error}") from error
    space = os.environ.get("SPACE_ID", "")
    mark_for_gpu()
    page = build_app(make_door(visitors), multi_user=options.multi_user, space=space)
    if options.mcp:
        offer_tools(page)
    page.queue(max_size=64, default_concurrency_limit=16)
    port = free_port(options.host, options.port)
    user, _, password = options.auth.partition(":")
    page.launch(
        server_name=options.host,
        server_port=port,
        auth=(user, password) if user else None,
        prevent_thread_lock=True,
        quiet=True,
        share=False,
        max_threads=MOST_AT_WORK,
        # else Gradio gives its first page three seconds, and a busy machine does not start at all
        _frontend=False,
        allowed_paths=[str(paths.pictures(options.workspace.resolve()))],
        app_kwargs={"middleware": layers(options, visitors)},
        mcp_server=options.mcp,
        **launch_options(multi_user=options.multi_user),
    )
    shown = "127.0.0.1" if options.host == "0.0.0.0" else options.host
    address = f"http://{shown}:{port}"
    log.info("workspace %s", options.workspace.resolve())
    log.info("open %s", address)
    if options.ollama_api:
        log.info("Ollama's API is at the same address: OLLAMA_HOST=%s", address)
    if options.mcp:
        log.info("MCP clients connect to %s%s", address, MCP_PATH)
    if not options.multi_user:
        visitors.workspace().prepare()
    if options.browser:
        webbrowser.open(address)
    try:
        page.block_thread()
    finally:
        visitors.close()


if __name__ == "__main__":
    main()
