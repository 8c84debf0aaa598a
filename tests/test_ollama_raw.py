"""A server shows its template and continues texts; what is no answer is an error in words."""

from __future__ import annotations

import json

import pytest

from model.errors import TeacherModelMissing, TeacherReplyInvalid
from model.teachers.base import CompletesRaw, Question
from model.teachers.builtin import BuiltinTeacher
from model.teachers.ollama import OllamaTeacher
from tests.ollama_server import OllamaServer
from tests.ollama_setup import Faults


def test_the_template_is_shown_with_the_system_message() -> None:
    with OllamaServer() as server:
        teacher = OllamaTeacher("llama3.2:1b", server.url)
        text = teacher.rendered(Question("Hello", system="Be brief."))
    assert text.startswith("<|im_start|>system\nBe brief.<|im_end|>")
    assert "<|im_start|>user\nHello<|im_end|>" in text


def test_a_text_is_continued_raw_with_the_options_asked_for() -> None:
    with OllamaServer() as server:
        teacher = OllamaTeacher("llama3.2:1b", server.url)
        said = teacher.complete(
            "Once upon", temperature=1.0, max_tokens=5, seed=3, stop=["<|im_end|>"]
        )
        body = server.requests[-1].json
    assert said.text
    assert said.stopped_by == "length"
    assert said.tokens == 5
    assert body["raw"] is True
    assert body["options"] == {
        "temperature": 1.0, "num_predict": 5, "seed": 3, "top_p": 1.0, "stop": ["<|im_end|>"],
    }  # fmt: skip


@pytest.mark.parametrize(
    "reply", [{"done": False}, {"done": True, "response": " "}, {"done": True}]
)
def test_a_continuation_without_words_or_end_is_none(reply: dict[str, object]) -> None:
    faults = Faults(replies={"/api/generate": (200, json.dumps(reply).encode())})
    with OllamaServer(faults=faults) as server:
        teacher = OllamaTeacher("llama3.2:1b", server.url)
        with pytest.raises(TeacherReplyInvalid, match="continued a text with 0 letters"):
            teacher.complete("a", temperature=1.0, max_tokens=5, seed=0, stop=[])


def test_a_server_that_shows_no_template_says_so() -> None:
    faults = Faults(replies={"/api/chat": (200, b'{"message":{"content":"Hi"},"done":true}')})
    with OllamaServer(faults=faults) as server:
        teacher = OllamaTeacher("llama3.2:1b", server.url)
        with pytest.raises(TeacherReplyInvalid, match=r"0\.11\.5 or newer"):
            teacher.rendered(Question("Hello"))


def test_a_missing_model_is_told_apart() -> None:
    with OllamaServer() as server, pytest.raises(TeacherModelMissing):
        OllamaTeacher("nobody", server.url).rendered(Question("Hello"))


def test_only_some_teachers_continue_texts() -> None:
    assert isinstance(OllamaTeacher("a"), CompletesRaw)
    assert not isinstance(BuiltinTeacher(), CompletesRaw)
