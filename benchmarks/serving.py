"""What the page costs beside the engine: ``python -m benchmarks.serving``.

Starts the app in a process of its own with a fresh folder, one workspace for each visitor, and lets
so many clients ask it at once as the page asks: the chat endpoint, streaming, each client in the
conversation of its own visitor. In turns with that, the bare engine is asked the same questions
with the same facts in this process. Tokens of the app are those of the answers that it stored.

A third contestant says what of that is Gradio's own: a bare chat page whose answers take no time at
all, asked by the same clients. ``bare_gradio_vs_engine`` is the most that any page could have here.

Every round brings new questions, so nothing is read from what earlier rounds left. Clients take CPU
time, too: where cores are few or shared, ``cpu_vs_engine``, the engine's CPU time for a token
through that of the app's process, says more than the ratio of rates. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests
import torch
from gradio_client import Client
from gradio_client.client import Job

from benchmarks.decoding import machine
from benchmarks.startup import BROWSER, PROJECT, free_port
from model import paths
from model.config import SampleConfig
from model.knowledge.store import Store
from model.microworld.oracle import example
from model.network.image_tokenizer import Message
from model.records import Chat, Turn
from model.serving.engine import Engine
from model.serving.students import EnginePool
from model.workspace import Workspace

KINDS = ("everyday-predict-words", "everyday-chain")
"""Questions in words alone."""
SETTINGS = SampleConfig()
START_S = 300.0
LOOK_EVERY_S = 0.01
WAITING = "itr-note"
"""Marks a line of the app itself, such as “thinking…”, among the messages."""
BARE = """
import sys, gradio as gr
ANSWER = "If you heat an egg, you get a fried egg. If you peel it, you get an egg without a shell."
def chat(asked):
    question = {"role": "user", "content": asked["text"]}
    for part in (1, 2, 3):
        said = ANSWER[: len(ANSWER) * part // 3]
        yield [question, {"role": "assistant", "content": said}], None
with gr.Blocks() as page:
    shown, asked = gr.Chatbot(), gr.MultimodalTextbox()
    asked.submit(chat, asked, [shown, asked], api_name="chat", concurrency_limit=None)
page.queue(default_concurrency_limit=None)
page.launch(server_port=int(sys.argv[1]), quiet=True, ssr_mode=False)
"""
"""A chat page of Gradio alone: each answer is there at once, and redrawn three times."""


@dataclass(frozen=True)
class Served:
    """One round of one of the two: what was said, how long it took all, and its CPU time."""

    tokens: int
    seconds: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Tokens per second of all answers together."""
        return self.tokens / self.seconds


def questions(round_number: int, clients: int) -> list[str]:
    """A question for each client; other rounds have others."""
    first = round_number * clients
    return [
        example("test", number, KINDS[number % len(KINDS)]).question
        for number in range(first, first + clients)
    ]


class BareEngine:
    """The engine alone, in this process, asked with the facts that the app would find."""

    def __init__(self, folder: Path) -> None:
        self._pool = EnginePool()
        self._workspace = Workspace(folder, pool=self._pool)
        student = self._workspace.served().engine().student
        # what is read to find the facts must not help the answers that are timed
        self._engine = Engine(student, "bare")
        self._student = student

    def round(self, asked: Sequence[str]) -> Served:
        """Ask everything at once and read every answer to its end."""
        prompts = [
            self._student.prompt(
                [Message("user", words)],
                facts=self._facts(words),
                room=SETTINGS.max_tokens,
                think=SETTINGS.think,
            )
            for words in asked
        ]
        started, cpu = time.perf_counter(), time.process_time()
        answers = [self._engine.ask(prompt, SETTINGS) for prompt in prompts]
        stats = [event.stats for each in answers for event in each.events() if event.stats]
        seconds = time.perf_counter() - started
        return Served(sum(each.tokens for each in stats), seconds, time.process_time() - cpu)

    def _facts(self, words: str) -> list[str]:
        answer = self._workspace.answer([Turn("user", words)], SampleConfig(max_tokens=1))
        return [event.fact.line for event in answer.events() if event.fact]

    def close(self) -> None:
        """End both engines."""
        self._engine.close()
        self._pool.close()
        self._workspace.close()


class Page:
    """A page in a process of its own; ``command`` is given the port behind it."""

    def __init__(self, *command: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [sys.executable, *command, str(port)],
            cwd=PROJECT,
            env={**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._watched = psutil.Process(self._process.pid)
        self._peak = 0
        self._ended = threading.Event()

    def __enter__(self) -> Page:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                if requests.get(self.url, headers=BROWSER, timeout=30).ok:
                    threading.Thread(target=self._watch, daemon=True).start()
                    return self
            except requests.RequestException:
                time.sleep(0.1)
        self._process.kill()
        raise SystemExit(f"The page does not answer at {self.url}.")

    def __exit__(self, *fault: object) -> None:
        self._ended.set()
        self._process.terminate()
        self._process.wait(timeout=60)

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            self._peak = max(self._peak, self._watched.memory_info().rss)

    @property
    def peak_mb(self) -> float:
        """The most memory that the process held."""
        return self._peak / 1e6

    def cpu_s(self) -> float:
        """CPU time that the process has taken."""
        times = self._watched.cpu_times()
        return float(times.user + times.system)


def chats(folder: Path) -> list[Chat]:
    """The conversation of every visitor of an app that was closed."""
    found = []
    for each in (folder / "visitors").iterdir():
        store = Store(paths.database(each))
        found.append(store.latest_chat())
        store.close()
    return found


@dataclass
class Visitor:
    """A browser's place: the page's client, and what it saw of its answers.

    ``most_updates`` holds for each answer the most redraws within one second.
    """

    client: Client
    first_s: list[float] = field(default_factory=list)
    most_updates: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def ask(self, question: str) -> None:
        """Ask on the page and follow the answer to its end."""
        started = time.perf_counter()
        first, shown = math.inf, list[float]()
        try:
            job = self.client.submit({"text": question, "files": []}, api_name="/chat")
            for update in _updates(job):
                now = time.perf_counter() - started
                if _begun(update):
                    first = min(first, now)
                    shown.append(now)
            job.result()  # raises what went wrong
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is counted and told
            self.errors.append(f"{type(fault).__name__}: {fault}")
            return
        if math.isinf(first):
            self.errors.append(f"no answer to: {question}")
            return
        self.first_s.append(first)
        self.most_updates.append(
            max(sum(start <= each < start + 1 for each in shown) for start in shown)
        )


def _updates(job: Job) -> Iterator[tuple[Any, ...]]:
    """What the page is told, as it comes.

    Iterating over the job itself looks a thousand times a second: fifty clients fill a core.
    """
    seen, ended = 0, False
    while not ended:
        ended = job.done()
        come = job.outputs()[seen:]
        yield from come
        seen += len(come)
        time.sleep(LOOK_EVERY_S)


def _begun(update: tuple[Any, ...]) -> bool:
    """Whether the page shows some of the answer."""
    last = update[0][-1] if isinstance(update[0], list) and update[0] else {}
    return last.get("role") == "assistant" and WAITING not in json.dumps(last)


def visitors_of(page: Page, clients: int) -> list[Visitor]:
    """So many browsers' places on a page."""
    patient = {"timeout": START_S}
    return [Visitor(Client(page.url, verbose=False, httpx_kwargs=patient)) for _ in range(clients)]


def page_round(
    page: Page, visitors: Sequence[Visitor], asked: Sequence[str]
) -> tuple[float, float]:
    """All visitors ask at once; seconds until the last answer ended, and the page's CPU time."""
    started, cpu = time.perf_counter(), page.cpu_s()
    with ThreadPoolExecutor(len(visitors)) as pool:
        list(pool.map(lambda pair: pair[0].ask(pair[1]), zip(visitors, asked, strict=True)))
    return time.perf_counter() - started, page.cpu_s() - cpu


def tokens_of_rounds(chats: Sequence[Chat], rounds: int) -> list[int]:
    """Tokens of the last so many answers of every conversation, by round."""
    answers = [[turn.stats for turn in chat.turns if turn.stats][-rounds:] for chat in chats]
    return [sum(each[at].tokens for each in answers if at < len(each)) for at in range(rounds)]


def measure(clients: int, rounds: int) -> dict[str, Any]:
    """Let engine, app and bare Gradio take turns; print each round."""
    bare_rounds, app_rounds, gradio_rounds = [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bare = BareEngine(folder / "bare")
        app_command = ("app.py", "--no-browser", "--multi-user", "--workspace", f"{folder / 'app'}")
        with Page(*app_command, "--port") as app, Page("-c", BARE) as gradio:
            visitors, others = visitors_of(app, clients), visitors_of(gradio, clients)
            # the first question of a visitor fills their graph, and compiles the steps
            warm_s, _ = page_round(app, visitors, questions(0, clients))
            page_round(gradio, others, questions(0, clients))
            bare.round(questions(0, clients))
            print(f"{clients} first visits: {warm_s:.1f} s", flush=True)
            errors = [fault for visitor in visitors for fault in visitor.errors]
            for visitor in visitors:
                visitor.first_s, visitor.most_updates, visitor.errors = [], [], []
            for number in range(1, rounds + 1):
                asked = questions(number, clients)
                bare_rounds.append(bare.round(asked))
                app_rounds.append(page_round(app, visitors, asked))
                gradio_rounds.append(page_round(gradio, others, asked))
                print(f"round {number}: bare {bare_rounds[-1].rate:.0f} tokens/s", flush=True)
            bare.close()
        tokens = tokens_of_rounds(chats(folder / "app"), rounds)
    # answers as long as the app's, had they taken no time
    ideal = [Served(n, *times) for n, times in zip(tokens, gradio_rounds, strict=True)]
    served = [Served(n, *times) for n, times in zip(tokens, app_rounds, strict=True)]
    errors += [fault for visitor in [*visitors, *others] for fault in visitor.errors]
    for fault in sorted(set(errors)):
        print(f"{errors.count(fault)} × {fault}")
    firsts = sorted(each for visitor in visitors for each in visitor.first_s)
    updates = [each for visitor in visitors for each in visitor.most_updates]
    return _figures(bare_rounds, served) | {
        "bare_gradio_vs_engine": round(
            statistics.median(g.rate / b.rate for g, b in zip(ideal, bare_rounds, strict=True)), 3
        ),
        "first_visits_s": round(warm_s, 1),
        "ttft_ms_p50": round(1000 * firsts[len(firsts) // 2]) if firsts else None,
        "ttft_ms_p95": round(1000 * firsts[int(0.95 * len(firsts))]) if firsts else None,
        "updates_in_a_second_most": max(updates, default=0),
        "errors": len(errors),
        "peak_rss_mb": round(app.peak_mb),
    }


def _figures(bare: Sequence[Served], app: Sequence[Served]) -> dict[str, Any]:
    pairs = list(zip(bare, app, strict=True))
    return {
        "tokens_per_s": round(statistics.median(each.rate for each in app), 1),
        "engine_tokens_per_s": round(statistics.median(each.rate for each in bare), 1),
        "vs_engine": round(statistics.median(a.rate / b.rate for b, a in pairs), 3),
        "cpu_vs_engine": round(
            statistics.median((b.cpu_s / b.tokens) / (a.cpu_s / a.tokens) for b, a in pairs), 3
        ),
        "tokens": sum(each.tokens for each in app),
        "engine_tokens": sum(each.tokens for each in bare),
    }


def main() -> None:
    """Print the rounds, then all figures as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="six clients, one round")
    options = parser.parse_args()
    clients, rounds = (6, 1) if options.quick else (options.clients, options.rounds)
    torch.set_num_threads(1)
    figures = {"machine": machine(), "clients": clients, "rounds": rounds}
    figures |= measure(clients, rounds)
    for name, value in figures.items():
        print(f"{name:<22}{value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
