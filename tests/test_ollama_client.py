"""Programs that were written for Ollama, unchanged, on the app's API over a real port."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import ollama
import pytest

from model.config import DistillConfig
from model.knowledge.store import Store
from model.learning import collecting
from model.learning.knowledge_transfer import Distillation
from model.model import ImageTokenReasoningLLM
from model.paths import SHIPPED_BUNDLE
from model.serving.ollama_api import build_api
from model.serving.ollama_options import MOST_TOKENS
from model.serving.students import Students
from model.teachers.base import Question
from model.teachers.ollama import OllamaTeacher
from tests.ollama_api_client import served, students_in
from tests.small import make_student
from tests.test_logprob_distillation import Notes

EGG = SHIPPED_BUNDLE.parent / "examples" / "egg-heat-what.png"
HEAT = [{"role": "user", "content": "What happens if I heat an egg?"}]
LIMIT_S = 120.0


@pytest.fixture(scope="module")
def students(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Students]:
    with students_in(tmp_path_factory.mktemp("students"), SHIPPED_BUNDLE) as found:
        yield found


@pytest.fixture(scope="module")
def url(students: Students) -> Iterator[str]:
    with served(build_api(lambda: students, listens_on="127.0.0.1")) as url:
        yield url


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[ollama.Client]:
    with ollama.Client(url, trust_env=False) as client:
        yield client


def test_it_lists_and_shows_the_student(client: ollama.Client) -> None:
    listed = client.list().models
    assert [model.model for model in listed] == ["shipped:latest"]
    shown = client.show("shipped")
    assert "vision" in (shown.capabilities or [])
    assert (shown.modelinfo or {})["llama.context_length"] == 1024
    assert "<|im_start|>" in (shown.template or "")


def test_it_chats_streamed_and_whole(client: ollama.Client) -> None:
    whole = client.chat("shipped", HEAT)
    assert whole.message.content == "If you heat an egg, you get a fried egg."
    assert (whole.done_reason, whole.done) == ("stop", True)
    assert min(whole.total_duration or 0, whole.eval_duration or 0, whole.eval_count or 0) > 0
    pieces = list(client.chat("shipped", HEAT, stream=True))
    assert len(pieces) > 5
    assert "".join(piece.message.content or "" for piece in pieces) == whole.message.content


def test_it_shows_pictures(client: ollama.Client) -> None:
    message = {"role": "user", "content": "What is this?", "images": [str(EGG)]}
    assert client.chat("shipped", [message]).message.content == "This is an egg."
    described = client.generate("shipped", "What is this?", images=[EGG.read_bytes()])
    assert described.response == "This is an egg."


def test_it_asks_for_a_form(client: ollama.Client) -> None:
    schema = {"type": "object", "properties": {"egg": {"type": "boolean"}}, "required": ["egg"]}
    answer = client.chat("shipped", HEAT, format=schema)
    assert isinstance(json.loads(answer.message.content or "")["egg"], bool)


def test_it_generates_with_logprobs(client: ollama.Client) -> None:
    told = client.generate(
        "shipped", "What is an egg?", logprobs=True, top_logprobs=3, options={"num_predict": 4}
    )
    entries: Any = told.logprobs
    assert "".join(entry.token for entry in entries) == told.response
    assert all(len(entry.top_logprobs) == 3 for entry in entries)
    assert told.eval_count == 4


def test_it_embeds_and_sees_what_is_loaded(client: ollama.Client) -> None:
    told = client.embed("shipped", ["an egg", "a leaf"])
    assert [len(vector) for vector in told.embeddings] == [256, 256]
    assert [model.model for model in client.ps().models] == ["shipped:latest"]


def test_it_is_refused_as_by_ollama(client: ollama.Client) -> None:
    with pytest.raises(ollama.ResponseError, match="model 'nosuch' not found") as refused:
        client.chat("nosuch", HEAT)
    assert refused.value.status_code == 404


def test_many_clients_are_answered_in_one_batch_as_each_alone(client: ollama.Client) -> None:
    def ask(verb: str) -> str:
        question = f"What happens if I {verb} an egg?"
        answer = client.chat("shipped", [{"role": "user", "content": question}])
        return answer.message.content or ""

    verbs = ["heat", "cut", "wash", "peel", "boil", "paint"]
    alone = [ask(verb) for verb in verbs]
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(ask, verbs)) == alone


@pytest.mark.parametrize("stream", [True, False])
def test_hanging_up_ends_the_work(
    students: Students, url: str, monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    """The answer would go on for 512 tokens; it is cancelled when its reader is gone."""
    engine = students.engine()
    cancelled, under_way, drawn = threading.Event(), threading.Event(), list[int]()
    real = engine.ask

    def ask(*args: Any, **more: Any) -> Any:
        answer = real(*args, **more)
        stop = answer.cancel

        def cancel() -> None:
            drawn.append(len(answer.ids))
            stop()
            cancelled.set()

        answer.cancel = cancel  # type: ignore[method-assign]
        under_way.set()
        return answer

    monkeypatch.setattr(engine, "ask", ask)
    # no end of the answer may be drawn
    monkeypatch.setattr(engine.student, "end_ids", frozenset[int]())
    options = {"num_predict": -1, "temperature": 1.0, "seed": 1}
    body = json.dumps({"model": "shipped", "prompt": "x", "stream": stream, "options": options})
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=LIMIT_S) as line:
        head = f"POST /api/generate HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n\r\n"
        line.sendall(head.encode() + body.encode())
        assert under_way.wait(LIMIT_S)
        if stream:
            assert line.recv(1)
    assert cancelled.wait(LIMIT_S)
    assert drawn[0] < MOST_TOKENS


def test_the_teacher_knows_what_it_can_do(url: str) -> None:
    status = OllamaTeacher(address=url).status()
    assert status.reachable
    (model,) = status.models
    assert (model.name, model.sees_pictures, model.thinks) == ("shipped:latest", True, True)


def test_one_app_teaches_another(
    students: Students, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "FIRST_PAUSE_S", 0.0)
    teacher = OllamaTeacher("shipped", url, read_timeout_s=LIMIT_S)
    questions = [Question(f"What happens if I {verb} an egg?") for verb in
                 ("heat", "cut", "wash", "peel", "boil", "paint", "drop", "cool")]  # fmt: skip
    config = DistillConfig(
        teacher="ollama",
        teacher_model="shipped",
        prompt_source="topic",
        topic="eggs",
        prompts=8,
        steps=12,
        batch_size=4,
        learning_rate=3e-3,
        temperature=0.0,
        max_answer_tokens=24,
    )
    store, notes = Store(tmp_path / "workspace.db"), Notes()
    learner = ImageTokenReasoningLLM(make_student(seed=5).config, make_student(seed=5).tokenizer)
    run = Distillation(learner, teacher, questions, replace(config), store, notes)
    result = run.run(tmp_path / "checkpoint.pt")
    store.close()
    assert (result.ended, run.note) == ("done", "")
    for series in ("cross-entropy", "logprobs"):
        curve = notes.curve(series)
        assert curve[-1] < curve[0], series
    own = students.engine().student.generate(questions[0].text, max_tokens=24)
    assert teacher.answer(questions[0], temperature=0.0, max_tokens=24).text == own
