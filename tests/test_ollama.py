"""An Ollama server as a teacher: whole answers only, and a clear sentence for all that fails."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from model.errors import (
    TeacherError,
    TeacherModelMissing,
    TeacherReplyInvalid,
    TeacherTimeout,
    TeacherUnavailable,
)
from model.teachers.base import Question
from model.teachers.logprobs import pack, read_logprobs, unpack
from model.teachers.ollama import OllamaTeacher
from tests.ollama_server import OllamaServer
from tests.ollama_setup import DEFAULT_MODELS, Faults, Model
from tests.raw_server import RawServer, reply

CAPTURES = Path(__file__).parent / "captures"
TEXT_MODEL = "llama3.2:1b"
HELLO = Question("How do I fry an egg?")
PNG = b"\x89PNG\r\n\x1a\n and some picture"
THINKER = Model("qwen3:0.6b", ("completion", "thinking"))


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer() as running:
        yield running


def teacher_of(server: OllamaServer | RawServer, model: str = TEXT_MODEL) -> OllamaTeacher:
    return OllamaTeacher(model, server.url, read_timeout_s=10)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def capture_reply(name: str) -> bytes:
    response = json.loads((CAPTURES / f"{name}.json").read_text())["response"]
    headers = [pair for pair in response["headers"] if pair[0] != "Content-Length"]
    body = response["raw_body"].encode()
    if not any(pair[0] == "Transfer-Encoding" for pair in headers):
        headers.append(["Content-Length", str(len(body))])
    return reply(response["status"], response["reason"], headers, body)


def captured(name: str, piece: int = 0) -> RawServer:
    """A server that gives the recorded models, and one recorded reply to every chat."""

    def script(head: bytes) -> Sequence[bytes]:
        if b"/api/chat" not in head:
            return [capture_reply("tags_some")]
        whole = capture_reply(name)
        return [whole[at : at + piece] for at in range(0, len(whole), piece)] if piece else [whole]

    return RawServer(script)


def stream_reply(*contents: str, done: bool = True) -> bytes:
    lines = [{"message": {"content": content}, "done": False} for content in contents]
    if done:
        lines.append({"message": {"content": ""}, "done": True, "done_reason": "stop"})
    body = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()
    return reply(200, "OK", [["Transfer-Encoding", "chunked"]], body)


# ── answers ─────────────────────────────────────────────────────────────────────────────────────


def test_answer_is_whole_and_says_how_it_came_about(server: OllamaServer) -> None:
    answer = teacher_of(server).answer(HELLO, max_tokens=64)
    assert "egg" in answer.text
    assert answer.stopped_by == "stop"
    assert answer.model == TEXT_MODEL
    assert answer.tokens > 3
    assert answer.duration_s == pytest.approx(3.67, abs=0.01)


def test_stream_gives_the_answer_in_pieces(server: OllamaServer) -> None:
    teacher = teacher_of(server)
    pieces = list(teacher.stream(HELLO))
    assert len(pieces) > 3
    assert "".join(pieces).strip() == teacher.answer(HELLO).text


def test_answer_at_the_token_limit_says_so(server: OllamaServer) -> None:
    answer = teacher_of(server).answer(HELLO, max_tokens=2)
    assert (answer.stopped_by, answer.tokens) == ("length", 2)


def test_settings_system_and_format_reach_the_server(server: OllamaServer) -> None:
    schema = {"type": "object", "properties": {"prompts": {"type": "array"}}}
    question = Question("Write 3 prompts about “bread”.", system="Be brief.")
    answer = teacher_of(server).answer(
        question, temperature=0.2, max_tokens=500, seed=7, format=schema
    )
    body = server.chats()[0]
    assert body["options"] == {"temperature": 0.2, "num_predict": 500, "seed": 7}
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert body["format"] == schema
    assert len(json.loads(answer.text)["prompts"]) == 3


def test_pictures_go_as_bare_base64(server: OllamaServer) -> None:
    teacher_of(server, "moondream").answer(Question("What is it?", pictures=(PNG, PNG)))
    images = server.chats()[0]["messages"][0]["images"]
    assert [base64.b64decode(image, validate=True) for image in images] == [PNG, PNG]


def test_letters_split_between_tcp_reads_arrive_whole() -> None:
    words = ("Käse ", "über ", "🍳 ", "パン", ".")
    whole = stream_reply(*words)
    pieces = [whole[at : at + 1] for at in range(len(whole))]
    with RawServer(lambda head: pieces if b"/api/chat" in head else [_no_tags()]) as server:
        assert list(teacher_of(server).stream(HELLO)) == list(words)


def test_four_threads_share_one_teacher(server: OllamaServer) -> None:
    teacher = teacher_of(server)
    questions = [Question(f"How do I cook dish number{index}?") for index in range(24)]
    with ThreadPoolExecutor(4) as pool:
        together = [answer.text for answer in pool.map(teacher.answer, questions)]
    assert together == [teacher.answer(question).text for question in questions]
    assert len(set(together)) == 24


def test_closing_a_stream_early_ends_the_work_on_the_server(server: OllamaServer) -> None:
    server.faults.token_delay_s = 0.02
    server.answer = lambda messages: "word " * 500
    pieces = teacher_of(server).stream(HELLO, max_tokens=500)
    next(pieces)
    pieces.close()
    deadline = time.monotonic() + 10
    while server.disconnects == 0 and time.monotonic() < deadline:
        threading.Event().wait(0.01)
    assert server.disconnects == 1


# ── thinking ────────────────────────────────────────────────────────────────────────────────────


def test_thinking_models_are_told_not_to_and_others_are_not_asked() -> None:
    with OllamaServer([THINKER, *DEFAULT_MODELS]) as server:
        teacher_of(server, "qwen3:0.6b").answer(HELLO)
        teacher_of(server).answer(HELLO)
        assert [body.get("think") for body in server.chats()] == [False, None]


def test_thinking_is_no_part_of_the_answer() -> None:
    lines = [
        {"message": {"content": "", "thinking": "Hm, eggs."}, "done": False},
        {"message": {"content": "Fry it."}, "done": False},
        {"message": {"content": ""}, "done": True},
    ]
    body = "\n".join(map(json.dumps, lines)).encode()
    whole = reply(200, "OK", [["Transfer-Encoding", "chunked"]], body)
    with RawServer(lambda head: [whole if b"/api/chat" in head else _no_tags()]) as server:
        assert teacher_of(server).answer(HELLO).text == "Fry it."


def test_thinking_that_leaves_no_answer_is_named() -> None:
    lines = [
        {"message": {"content": "", "thinking": "Hm."}, "done": False},
        {"message": {"content": ""}, "done": True, "done_reason": "length", "eval_count": 64},
    ]
    body = "\n".join(map(json.dumps, lines)).encode()
    whole = reply(200, "OK", [["Transfer-Encoding", "chunked"]], body)
    server = RawServer(lambda head: [whole if b"/api/chat" in head else _no_tags()])
    with server, pytest.raises(TeacherReplyInvalid, match="64 tokens went into thinking"):
        teacher_of(server).answer(HELLO)


def test_a_server_that_minds_think_is_asked_again_without_it() -> None:
    old = Faults(think_unknown=True, tags_capabilities=False, show_capabilities=False)
    with OllamaServer(faults=old) as server:
        teacher = teacher_of(server)
        teacher.answer(HELLO)
        teacher.answer(HELLO)
        assert [body.get("think") for body in server.chats()] == [False, None, None]


# ── everything that goes wrong ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Faults(cut_after=2), TeacherReplyInvalid, "cut off after"),
        (Faults(drop_after=2), TeacherUnavailable, "broke off"),
        (Faults(error_after=2), TeacherReplyInvalid, "model runner has unexpectedly stopped"),
        (Faults(malformed_line=True), TeacherReplyInvalid, "malformed line"),
        (Faults(empty_answer=True), TeacherReplyInvalid, "is empty: 0 letters"),
        (Faults(busy_next=1), TeacherUnavailable, "busy .503.*Try again later"),
        (Faults(refuse=True), TeacherUnavailable, "broke off"),
    ],
)
def test_an_incomplete_answer_is_an_error(
    fault: Faults, kind: type[TeacherError], words: str
) -> None:
    with OllamaServer(faults=fault) as server, pytest.raises(kind, match=words):
        teacher_of(server).answer(HELLO)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (400, b'{"error":"invalid options"}', TeacherError, "invalid options"),
        (401, b'{"error":"unauthorized"}', TeacherUnavailable, "ollama signin"),
        (403, b"", TeacherUnavailable, "refuses this client .403."),
        (404, b"404 page not found", TeacherUnavailable, "does not know Ollama's addresses"),
        (429, b'{"error":"slow down"}', TeacherUnavailable, "429: slow down"),
        (500, b'{"error":"out of memory"}', TeacherUnavailable, "500: out of memory"),
        (502, b"<html>Bad Gateway</html>", TeacherUnavailable, "502"),
        (301, b"", TeacherUnavailable, "sends us elsewhere"),
    ],
)
def test_every_refusal_is_told_in_words(
    server: OllamaServer, status: int, body: bytes, kind: type[TeacherError], words: str
) -> None:
    server.faults.replies["/api/chat"] = (status, body)
    with pytest.raises(TeacherError, match=words) as caught:
        teacher_of(server).answer(HELLO)
    assert type(caught.value) is kind


def test_a_missing_model_is_named_with_the_command_that_gets_it(server: OllamaServer) -> None:
    with pytest.raises(TeacherModelMissing, match="`ollama pull nosuch`"):
        teacher_of(server, "nosuch").answer(HELLO)


def test_a_model_that_cannot_see_or_chat_is_named(server: OllamaServer) -> None:
    with pytest.raises(TeacherError, match=r"“llama3\.2:1b” cannot see pictures"):
        teacher_of(server).answer(Question("What is it?", pictures=(PNG,)))
    with pytest.raises(TeacherError, match="made for something else"):
        teacher_of(server, "all-minilm").answer(HELLO)


def test_no_model_chosen_is_said_before_anything_is_sent(server: OllamaServer) -> None:
    with pytest.raises(TeacherError, match="No teacher model is chosen"):
        teacher_of(server, "").answer(HELLO)
    assert server.chats() == []


def test_silence_longer_than_the_limit_is_a_timeout(server: OllamaServer) -> None:
    server.faults.first_byte_delay_s = 5
    teacher = OllamaTeacher(TEXT_MODEL, server.url, read_timeout_s=0.2)
    with pytest.raises(TeacherTimeout, match=r"sent nothing for 0\.2 s"):
        teacher.answer(HELLO)


def test_silence_in_the_middle_of_an_answer_is_a_timeout(server: OllamaServer) -> None:
    server.faults.token_delay_s = 5
    teacher = OllamaTeacher(TEXT_MODEL, server.url, read_timeout_s=0.2)
    with pytest.raises(TeacherTimeout, match=r"sent nothing for 0\.2 s"):
        teacher.answer(HELLO)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("err_unknown_model_chat", "does not have the model"),
        ("err_cloud_model_disabled", "ollama cloud is disabled"),
        ("vlm_tinyvlm_chat_image", "Chunk not found"),
        ("vlm_tinyvlm_chat_image_corrupt", "could not read a picture"),
        ("vlm_chat_image_data_url_prefix", "could not read a picture"),
        ("chat_images_on_text_model", "cannot see pictures"),
        ("invalid_utf8_output_chat_seed2_stream1", "cut off after 0 letters"),
        ("token_repeat_abort_stream", "cut off"),
        ("chat_unload", "is empty"),
        ("bad_host_header", "refuses this client"),
    ],
)
def test_recorded_failures_are_told_in_words(name: str, words: str) -> None:
    with captured(name) as server, pytest.raises(TeacherError, match=words):
        teacher_of(server, "student").answer(HELLO)


@pytest.mark.parametrize("piece", [0, 1, 7])
@pytest.mark.parametrize("name", ["chat_stream", "invalid_utf8_output_chat_seed1_stream1"])
def test_recorded_streams_are_read_however_they_are_split(name: str, piece: int) -> None:
    body = json.loads((CAPTURES / f"{name}.json").read_text())["response"]["raw_body"]
    spoken = "".join(json.loads(line)["message"]["content"] for line in body.splitlines())
    with captured(name, piece) as server:
        answer = teacher_of(server, "student").answer(HELLO)
    assert answer.text == spoken.strip()
    assert answer.stopped_by == "length"


# ── status ──────────────────────────────────────────────────────────────────────────────────────


def test_status_lists_the_models_and_what_they_can_do(server: OllamaServer) -> None:
    status = OllamaTeacher(address=server.url).status()
    assert status.reachable
    assert (
        status.message == f"Ollama 0.33.0-rc2 answers at {server.url} with 2 models that can chat."
    )
    assert (status.address, status.version) == (server.url, "0.33.0-rc2")
    seen = [(model.name, model.sees_pictures, model.can_chat) for model in status.models]
    assert seen == [
        ("llama3.2:1b", False, True),
        ("moondream:latest", True, True),
        ("all-minilm:latest", False, False),
    ]
    assert all(model.digest and model.size_bytes for model in status.models)


def test_status_asks_an_older_server_for_each_models_capabilities() -> None:
    with OllamaServer(faults=Faults(tags_capabilities=False)) as server:
        models = OllamaTeacher(address=server.url).status().models
    assert [model.sees_pictures for model in models] == [False, True, False]
    assert [model.can_chat for model in models] == [True, True, False]


def test_status_leaves_open_what_an_old_server_does_not_say() -> None:
    old = Faults(tags_capabilities=False, show_capabilities=False)
    with OllamaServer(faults=old) as server:
        models = OllamaTeacher(address=server.url).status().models
    assert [model.sees_pictures for model in models] == [None, None, None]
    assert [model.can_chat for model in models] == [True, True, False]


def test_status_of_a_server_without_models_says_how_to_get_one() -> None:
    with OllamaServer(models=()) as server:
        status = OllamaTeacher(address=server.url).status()
    assert status.reachable
    assert "0 models" in status.message
    assert "ollama pull" in status.message


def test_status_with_nothing_there_names_address_and_remedy() -> None:
    port = free_port()
    status = OllamaTeacher(address=f"127.0.0.1:{port}").status()
    assert not status.reachable
    assert status.message == (
        f"No Ollama server answers at http://127.0.0.1:{port}. Start it with `ollama serve`, "
        "or write the address of the machine it runs on."
    )


def test_status_of_an_address_that_is_none_says_so() -> None:
    status = OllamaTeacher(address="ftp://somewhere").status()
    assert not status.reachable
    assert "ftp://somewhere" in status.message


def test_status_of_another_kind_of_server_says_so() -> None:
    page = reply(200, "OK", [["Content-Type", "text/html"]], b"<html>hello</html>")
    with RawServer(lambda head: [page]) as server:
        status = OllamaTeacher(address=server.url).status()
    assert not status.reachable
    assert "is not an Ollama server" in status.message


def test_status_of_a_silent_server_ends_within_its_limit() -> None:
    with RawServer(lambda head: [], hold=True) as server:
        status = OllamaTeacher(address=server.url).status()
        assert server.url in status.message
    assert not status.reachable


@pytest.mark.parametrize(
    "body",
    [
        b'{"models":null}',
        b'{"models":{"a":1}}',
        b'{"models":[null,{"name":5,"size":"big","details":[],"capabilities":"all"}]}',
        b"{}",
    ],
)
def test_status_survives_odd_lists_of_models(server: OllamaServer, body: bytes) -> None:
    server.faults.replies["/api/tags"] = (200, body)
    assert OllamaTeacher(address=server.url).status().reachable


# ── the name of an answer ───────────────────────────────────────────────────────────────────────


def test_answer_key_changes_with_everything_the_answer_depends_on(server: OllamaServer) -> None:
    teacher = teacher_of(server)

    def key(question: Question = HELLO, **changes: Any) -> str:
        settings: dict[str, Any] = {"temperature": 0.7, "max_tokens": 64, "seed": 0, **changes}
        return teacher.answer_key(question, **settings)

    keys = [
        key(),
        key(Question("How do I boil an egg?")),
        key(Question(HELLO.text, system="Be brief.")),
        key(Question(HELLO.text, pictures=(PNG,))),
        key(temperature=0.8),
        key(max_tokens=65),
        key(seed=1),
        key(format={"type": "object"}),
    ]
    assert len(set(keys)) == len(keys)
    assert key() == keys[0]
    assert key(temperature=0.7, seed=0) == teacher_of(server).answer_key(
        HELLO, temperature=0.7, max_tokens=64, seed=0
    )


def test_answer_key_follows_the_models_digest_not_its_name() -> None:
    def key(model: Model, name: str) -> str:
        with OllamaServer([model]) as server:
            return teacher_of(server, name).answer_key(
                HELLO, temperature=0.7, max_tokens=64, seed=0
            )

    first = key(Model("tutor:latest"), "tutor")
    assert first == key(Model("tutor:latest"), "tutor:latest")
    assert first != key(Model("tutor:latest", version=2), "tutor")


def test_answer_key_asks_for_the_digest_once(server: OllamaServer) -> None:
    teacher = teacher_of(server)
    for seed in range(5):
        teacher.answer_key(HELLO, temperature=0.7, max_tokens=64, seed=seed)
    assert [request.path for request in server.requests] == ["/api/tags"]


def test_answer_key_without_a_server_goes_by_name_and_address() -> None:
    def key(address: str) -> str:
        teacher = OllamaTeacher(TEXT_MODEL, address)
        return teacher.answer_key(HELLO, temperature=0.7, max_tokens=64, seed=0)

    here, there = f"127.0.0.1:{free_port()}", "ftp://nowhere"
    assert key(here) == key(here)
    assert key(here) != key(there)


def _no_tags() -> bytes:
    return reply(200, "OK", [["Content-Type", "application/json"]], b'{"models":[]}')


# ── log-probabilities ───────────────────────────────────────────────────────────────────────────


def test_logprobs_come_with_the_answer_only_when_asked_for(server: OllamaServer) -> None:
    teacher = teacher_of(server)
    told = teacher.answer(HELLO, top_logprobs=5)
    assert "".join(each.token for each in told.logprobs) == told.text
    assert all(len(each.top) == 5 and each.top[0][0] == each.token for each in told.logprobs)
    assert server.chats()[-1]["top_logprobs"] == 5
    assert teacher.answer(HELLO).logprobs == ()
    assert "logprobs" not in server.chats()[-1]


def test_a_server_that_gives_no_logprobs_still_gives_the_text(server: OllamaServer) -> None:
    with_them = teacher_of(server).answer(HELLO, top_logprobs=20)
    server.faults.no_logprobs = True
    without = teacher_of(server).answer(HELLO, top_logprobs=20)
    assert without.text == with_them.text
    assert without.logprobs == ()


def test_recorded_logprobs_are_read_as_they_were_told() -> None:
    with captured("chat_logprobs_stream") as server:
        answer = teacher_of(server, "student").answer(HELLO, top_logprobs=2)
    assert answer.text == "5"
    assert [each.token for each in answer.logprobs] == [" ", " ", "5"]
    assert answer.logprobs[0].top == ((" " * 2, -1.0168312788009644), (" ", -2.8517661094665527))


def test_the_logprobs_of_a_thought_are_not_those_of_the_answer() -> None:
    pair = {"logprob": -0.5, "top_logprobs": []}
    lines = [
        {
            "message": {"content": "", "thinking": "Hm."},
            "done": False,
            "logprobs": [{"token": "Hm.", **pair}],
        },
        {"message": {"content": "Fry."}, "done": False, "logprobs": [{"token": "Fry.", **pair}]},
        {"message": {"content": ""}, "done": True},
    ]
    body = "\n".join(map(json.dumps, lines)).encode()
    whole = reply(200, "OK", [["Transfer-Encoding", "chunked"]], body)
    with RawServer(lambda head: [whole if b"/api/chat" in head else _no_tags()]) as server:
        answer = teacher_of(server).answer(HELLO, top_logprobs=20)
    assert [each.token for each in answer.logprobs] == ["Fry."]


@pytest.mark.parametrize(
    "told",
    [
        None,
        {},
        [None, 3, []],
        [{"token": 3, "logprob": -1}],
        [{"token": "a", "logprob": "-1"}],
        [{"token": "a", "logprob": float("nan")}],
        [{"token": "a", "logprob": float("-inf")}],
        [{"token": "a", "logprob": 2.5}],
        [{"logprob": -1}],
    ],
)
def test_malformed_logprobs_are_left_out(told: Any) -> None:
    assert read_logprobs(told) == []


def test_half_a_surrogate_pair_is_a_broken_character() -> None:
    (entry,) = read_logprobs(json.loads('[{"token": "a\\ud83d", "logprob": -1}]'))
    assert entry.token == "a\ufffd"


def test_what_is_packed_comes_back_whole(server: OllamaServer) -> None:
    answer = teacher_of(server).answer(HELLO, top_logprobs=20)
    back, asked = unpack(answer.text, pack(answer, asked=True))
    assert asked
    assert back.text == answer.text
    assert (back.stopped_by, back.tokens, back.model) == (
        answer.stopped_by,
        answer.tokens,
        answer.model,
    )
    for mine, theirs in zip(back.logprobs, answer.logprobs, strict=True):
        assert mine.token == theirs.token
        assert mine.logprob == pytest.approx(theirs.logprob, abs=1e-4)
        assert [word for word, _ in mine.top] == [word for word, _ in theirs.top]


def test_vocabulary_is_told_by_a_server_that_knows_it_and_else_empty(server: OllamaServer) -> None:
    assert teacher_of(server).vocabulary().tokens == ()
    facts = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": ["a", "Ġb"]}
    server.faults.replies["/api/show"] = (200, json.dumps({"model_info": facts}).encode())
    assert teacher_of(server).vocabulary().tokens == ("a", "Ġb")
    facts["tokenizer.ggml.model"] = "llama"
    server.faults.replies["/api/show"] = (200, json.dumps({"model_info": facts}).encode())
    assert teacher_of(server).vocabulary().tokens == ()
    server.faults.refuse = True
    assert teacher_of(server).vocabulary().tokens == ()
