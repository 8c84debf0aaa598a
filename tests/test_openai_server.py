"""Models behind OpenAI's protocol: found, asked with pictures, and their failures told in words."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.errors import (
    TeacherError,
    TeacherModelMissing,
    TeacherReplyInvalid,
    TeacherUnavailable,
)
from model.model import ImageTokenReasoningLLM
from model.serving.ollama_api import build_api
from model.teachers.base import Question
from model.teachers.ollama import OllamaTeacher
from model.teachers.openai_chat import read_events
from model.teachers.openai_server import OpenAITeacher
from model.teachers.servers import server_status, teacher_at
from tests.ollama_api_client import served, students_in
from tests.ollama_server import OllamaServer
from tests.openai_server import OpenAIServer, chunk, told
from tests.raw_server import RawServer

ASKED = Question("What comes of it?", (b"\x89PNG one", b"\xff\xd8 two"), "Facts:\na | b | c")


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def teacher(server: OpenAIServer, model: str = "student") -> OpenAITeacher:
    return OpenAITeacher(model, server.url, read_timeout_s=10)


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_a_server_is_found_with_and_without_its_path(server: OpenAIServer, end: str) -> None:
    status = server_status(server.url + end)
    assert (status.reachable, status.protocol) == (True, "openai")
    assert [model.name for model in status.models] == ["student"]
    assert status.address == server.url
    assert isinstance(teacher_at("student", server.url + end), OpenAITeacher)
    assert teacher_at("student", server.url + end).answer(Question("Hi")).text == "A fried egg."


def test_a_server_that_speaks_both_is_taken_for_ollama() -> None:
    with OllamaServer() as both:
        assert server_status(both.url).protocol == "ollama"
        assert isinstance(teacher_at("llama3.2:1b", both.url), OllamaTeacher)


def test_nobody_at_the_address_is_told_in_ollamas_words() -> None:
    status = server_status("127.0.0.1:9")
    assert not status.reachable
    assert "ollama serve" in status.message


def test_facts_pictures_and_settings_go_along(server: OpenAIServer) -> None:
    pieces = teacher(server).stream(ASKED, temperature=0.5, max_tokens=7, seed=3)
    assert list(pieces) == ["A fried", " egg", "."]
    (body,) = server.chats
    system, user = body["messages"]
    assert system == {"role": "system", "content": "Facts:\na | b | c"}
    png, jpeg, words = user["content"]
    assert words == {"type": "text", "text": "What comes of it?"}
    head, _, data = png["image_url"]["url"].partition(",")
    assert (head, base64.b64decode(data)) == ("data:image/png;base64", b"\x89PNG one")
    assert jpeg["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert (body["temperature"], body["max_tokens"], body["seed"]) == (0.5, 7, 3)


def test_the_whole_answer_has_its_length_and_its_end(server: OpenAIServer) -> None:
    answer = teacher(server).answer(Question("Hi"))
    assert (answer.text, answer.tokens, answer.stopped_by) == ("A fried egg.", 4, "stop")
    server.events = told(("Too long",), "length")
    assert teacher(server).answer(Question("Hi")).stopped_by == "length"


def test_a_schema_and_log_probabilities_are_asked_for_and_read(server: OpenAIServer) -> None:
    other = {"token": "B", "logprob": -1.5}
    entry = {"token": "A", "logprob": -0.5, "top_logprobs": [other]}
    first = chunk({"content": "A"}).replace(
        '"logprobs": null', f'"logprobs": {{"content": [{entry!s}]}}'.replace("'", '"')
    )
    server.events = [first, chunk({}, "stop"), "data: [DONE]\n\n"]
    answer = teacher(server).answer(Question("Hi"), format={"type": "object"}, top_logprobs=5)
    assert [(each.token, each.logprob, each.top) for each in answer.logprobs] == [
        ("A", -0.5, (("B", -1.5),))
    ]
    (body,) = server.chats
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert (body["logprobs"], body["top_logprobs"]) == (True, 5)


def test_thinking_is_left_out(server: OpenAIServer) -> None:
    thoughts = [chunk({"reasoning_content": "Hm."}), chunk({"reasoning": "So."})]
    server.events = [*thoughts, *told(("Yes.",))]
    assert teacher(server).answer(Question("Hi")).text == "Yes."
    server.events = [*thoughts, chunk({}, "length"), "data: [DONE]\n\n"]
    with pytest.raises(TeacherReplyInvalid, match="empty"):
        teacher(server).answer(Question("Hi"))


def test_events_are_put_together_from_any_pieces() -> None:
    stream = (
        b': hello\r\n\r\nevent: x\ndata: {"a": "\xc3\xa9"}\r\n\r\ndata:{"b":1}\n\ndata: [DONE]\n'
    )
    for size in (1, 3, 1000):
        parts = [stream[at : at + size] for at in range(0, len(stream), size)]
        assert list(read_events(parts)) == [{"a": "é"}, {"b": 1}]
    assert list(read_events([b'data: {"a":1}'])) == [{"a": 1}]


@pytest.mark.parametrize(
    ("events", "words"),
    [
        (told()[:3], "cut off after 11 letters"),
        ([], "cut off after 0 letters"),
        ([chunk({"content": "A"}), 'data: {"error": {"message": "out of memory"}}\n\n'], "memory"),
        (["data: {nonsense\n\n"], "malformed"),
        (["<html>hello</html>\n"], "malformed"),
        (told(("",)), "empty"),
    ],
)
def test_a_broken_stream_is_no_answer(events: list[str], words: str) -> None:
    with OpenAIServer(events=events) as server, pytest.raises(TeacherReplyInvalid, match=words):
        teacher(server).answer(Question("Hi"))


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (404, '{"message": "The model `x` does not exist."}', TeacherModelMissing, "from its list"),
        (404, "404 page not found", TeacherUnavailable, "under /v1"),
        (401, "", TeacherUnavailable, "wants a key"),
        (400, '{"error": {"message": "not a multimodal model"}}', TeacherError, "pictures"),
        (500, "image input is not supported - provide the mmproj", TeacherError, "pictures"),
        (400, '{"error": "maximum context length is 1024"}', TeacherError, "too long"),
        (422, "", TeacherError, "no reason"),
        (503, "loading", TeacherUnavailable, "busy"),
        (302, "", TeacherUnavailable, "under /v1"),
        (500, "CUDA", TeacherUnavailable, "Look at its log"),
    ],
)
def test_a_refusal_says_what_helps(
    status: int, body: str, kind: type[TeacherError], words: str
) -> None:
    with OpenAIServer(status=status, body=body) as server:
        with pytest.raises(kind, match=words) as told_error:
            teacher(server, "x").answer(Question("Hi"))
        assert "ollama pull" not in str(told_error.value)


def test_what_is_no_such_server_is_not_taken_for_one() -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
    with RawServer(lambda head: [page]) as other:
        status = server_status(other.url)
    assert not status.reachable
    assert "not an Ollama server" in status.message


def test_a_key_in_ollama_host_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    with OpenAIServer(key="s3cret") as server:
        assert not server_status(server.url).reachable
        monkeypatch.setenv("OLLAMA_HOST", server.url.replace("://", "://s3cret@"))
        for address in ("", server.url):
            status = server_status(address)
            assert status.reachable
            assert "s3cret" not in f"{status}"
        assert teacher_at("student", "").answer(Question("Hi")).text == "A fried egg."


@pytest.mark.slow
def test_the_app_itself_answers_as_such_a_server(
    tiny_student: ImageTokenReasoningLLM, tmp_path: Path
) -> None:
    """Two roads: the same greedy answer over OpenAI's protocol and over Ollama's."""
    tiny_student.save(tmp_path / "bundle")
    with (
        students_in(tmp_path / "students", tmp_path / "bundle") as students,
        served(build_api(lambda: students, listens_on="127.0.0.1")) as url,
    ):
        how = {"temperature": 0.0, "max_tokens": 8, "seed": 0}
        ours = OpenAITeacher("shipped", url, read_timeout_s=120)
        assert "shipped" in ours.status().models[0].name
        theirs = OllamaTeacher("shipped", url, read_timeout_s=120)
        question = Question("What is this?", system="Facts:\negg | heat | fried egg")
        assert ours.answer(question, **how).text == theirs.answer(question, **how).text  # type: ignore[arg-type]
