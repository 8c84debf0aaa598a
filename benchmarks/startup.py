"""How long a person waits: ``python -m benchmarks.startup``.

Starts the app and a bare one-button Gradio app in turns, each in a fresh process and the app with a
fresh workspace, and measures the time from the start of the process to a page that answers. Then
asks the app's student one question and measures the time to its first word.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests

PROJECT = Path(__file__).resolve().parent.parent
ROUNDS = 5
LIMIT_S = 120
BROWSER = {"Accept": "text/html"}
"""Others than browsers are told that Ollama's API is running, which is no page."""
BARE = """
import sys, gradio as gr
with gr.Blocks() as page:
    gr.Button("press")
page.launch(server_port=int(sys.argv[1]), quiet=True, ssr_mode=False)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def seconds_to_page(command: list[str], port: int) -> float:
    """Start a process, wait until its page answers with its config, and end it."""
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"}
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        cwd=PROJECT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while time.monotonic() - started < LIMIT_S:
            try:
                if requests.get(f"http://127.0.0.1:{port}/", headers=BROWSER, timeout=5).ok:
                    return time.monotonic() - started
            except requests.ConnectionError:
                time.sleep(0.01)
        raise SystemExit(f"no page after {LIMIT_S} s: {' '.join(command)}")
    finally:
        process.terminate()
        process.wait(timeout=30)


def app_seconds() -> float:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "app.py", "--port", str(port), "--workspace", folder]
        return seconds_to_page([*command, "--no-browser"], port)


def bare_seconds() -> float:
    port = free_port()
    return seconds_to_page([sys.executable, "-c", BARE, str(port)], port)


def torch_before_page() -> int:
    """1 if torch is imported by the time the page is drawn, else 0."""
    code = (
        "import sys, tempfile; from pathlib import Path\n"
        "import app\n"
        "from model.visitors import Visitors\n"
        "from webapp.ui import build_app, launch_options\n"
        "visitors = Visitors(Path(tempfile.mkdtemp()), multi_user=False)\n"
        "visitors.workspace(); build_app(app.make_door(visitors)); launch_options()\n"
        "print(int('torch' in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    return int(done.stdout.split()[-1])


def first_token_seconds() -> tuple[float, float]:
    """From a cold process: seconds until the student is ready, and then to its first word."""
    code = """
import sys, tempfile, time
started = time.monotonic()
from pathlib import Path
from model.config import SampleConfig
from model.records import Turn
from model.workspace import Workspace
workspace = Workspace(Path(tempfile.mkdtemp()))
while workspace.student().state == "loading":
    time.sleep(0.01)
ready = time.monotonic() - started
asked = time.monotonic()
turn = Turn("user", "What happens if I heat an egg?")
times = [time.monotonic() - asked for event in workspace.answer([turn], SampleConfig()).events()
         if event.kind == "token"]
workspace.close()
print(ready, times[0])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    ready, first = done.stdout.split()[-2:]
    return float(ready), float(first)


def main() -> None:
    app, bare = [], []
    for number in range(ROUNDS):
        app.append(app_seconds())
        bare.append(bare_seconds())
        print(f"round {number + 1}: app {app[-1]:.2f} s, bare Gradio {bare[-1]:.2f} s", flush=True)
    ready, first = first_token_seconds()
    ratio = statistics.median(app) / statistics.median(bare)
    print(f"\n{'page ready':<28}{statistics.median(app):8.2f} s  (median of {ROUNDS})")
    print(f"{'bare Gradio page ready':<28}{statistics.median(bare):8.2f} s")
    print(f"{'ratio':<28}{ratio:8.2f}")
    print(f"{'student ready (cold)':<28}{ready:8.2f} s")
    print(f"{'first word after a question':<28}{first:8.2f} s")
    figures = {
        "page_ready_vs_bare_gradio": round(ratio, 3),
        "page_ready_s": round(statistics.median(app), 2),
        "bare_gradio_s": round(statistics.median(bare), 2),
        "torch_imported_before_page": torch_before_page(),
        "student_ready_s": round(ready, 2),
        "first_token_s": round(first, 3),
        "cpu_count": os.cpu_count(),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
