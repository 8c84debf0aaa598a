"""The test server keeps to the protocol: held against recorded pairs of a genuine Ollama server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.ollama_server import OllamaServer
from tests.ollama_setup import Faults, Model

CAPTURES = Path(__file__).parent / "captures"
MODELS = (
    Model("student:latest"),
    Model("tinytext:latest"),
    Model("tinyvlm:latest", ("completion", "vision")),
    Model("studentembed:latest", ("embedding",)),
)
SAME_BODY = (
    "version",
    "ps_empty",
    "root_head",
    "notfound_path",
    "method_not_allowed",
    "bad_host_header",
    "err_unknown_model_chat",
    "err_unknown_model_generate",
    "err_unknown_model_embed",
    "err_unknown_model_show",
    "err_no_model_chat",
    "err_no_model_generate",
    "err_no_model_show",
    "err_empty_body_chat",
    "err_bad_json_chat",
    "chat_images_on_text_model",
    "vlm_chat_image_data_url_prefix",
    "vlm_tinyvlm_chat_image_corrupt",
    "generate_bad_option_type",
    "embedmodel_generate",
    "embed_one",
)
SAME_KEYS = (
    "tags_some",
    "chat_nostream",
    "chat_logprobs",
    "chat_unload",
    "chat_format_schema",
    "generate_nostream",
    "vlm_chat_image",
    "embedmodel_embed_dims",
)


@pytest.fixture(scope="module")
def server() -> Iterator[OllamaServer]:
    with OllamaServer(MODELS) as running:
        yield running


def load(name: str) -> dict[str, Any]:
    capture: dict[str, Any] = json.loads((CAPTURES / f"{name}.json").read_text())
    return capture


def replay(server: OllamaServer, capture: dict[str, Any]) -> requests.Response:
    asked = capture["request"]
    raw = asked.get("raw_body", "")
    data = json.dumps(asked["json"]) if asked.get("json") is not None else raw
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Content-Type": "application/json", **asked.get("headers", {})}
        return session.request(
            asked["method"], server.url + asked["path"], data=data, headers=headers, timeout=5
        )


def content_type(headers: list[list[str]]) -> str:
    return next((value for name, value in headers if name == "Content-Type"), "")


@pytest.mark.parametrize("name", SAME_BODY)
def test_reply_is_the_recorded_one(server: OllamaServer, name: str) -> None:
    capture = load(name)
    reply = replay(server, capture)
    recorded = capture["response"]
    assert reply.status_code == recorded["status"]
    assert reply.headers.get("Content-Type", "") == content_type(recorded["headers"])
    assert reply.text == recorded["raw_body"]


@pytest.mark.parametrize("name", SAME_KEYS)
def test_reply_has_the_recorded_keys_in_their_order(server: OllamaServer, name: str) -> None:
    capture = load(name)
    reply = replay(server, capture)
    recorded = capture["response"]
    assert reply.status_code == recorded["status"]
    assert reply.headers["Content-Type"] == content_type(recorded["headers"])
    assert shape(reply.json()) == shape(json.loads(recorded["raw_body"]))


@pytest.mark.parametrize("name", ["chat_stream", "chat_logprobs_stream"])
def test_stream_has_the_recorded_lines(server: OllamaServer, name: str) -> None:
    capture = load(name)
    reply = replay(server, capture)
    ours = [shape(json.loads(line)) for line in reply.text.splitlines()]
    recorded = capture["response"]["raw_body"].splitlines()
    assert reply.headers["Content-Type"] == content_type(capture["response"]["headers"])
    assert reply.headers["Transfer-Encoding"] == "chunked"
    assert ours[0] == shape(json.loads(recorded[0]))
    assert ours[-1] == shape(json.loads(recorded[-1]))


def test_show_has_the_recorded_keys(server: OllamaServer) -> None:
    capture = load("vlm_show")
    ours = replay(server, capture).json()
    recorded = json.loads(capture["response"]["raw_body"])
    assert ours.keys() == recorded.keys()
    assert ours["capabilities"] == recorded["capabilities"]
    assert ours["details"].keys() == recorded["details"].keys()


def test_equal_questions_have_equal_answers_and_others_differ(server: OllamaServer) -> None:
    def ask(text: str) -> str:
        body = {"model": "student", "stream": False, "messages": [{"content": text}]}
        capture = {"request": {"method": "POST", "path": "/api/chat", "json": body}}
        answer: str = replay(server, capture).json()["message"]["content"]
        return answer

    answers = [ask(f"How do I {verb} bread?") for verb in ("bake", "cut", "store", "buy")]
    assert ask("How do I bake bread?") == answers[0]
    assert len(set(answers)) == 4


def test_a_busy_server_is_busy_as_often_as_it_is_told() -> None:
    capture = load("chat_nostream")
    with OllamaServer(MODELS, faults=Faults(busy_next=2)) as busy:
        assert [replay(busy, capture).status_code for _ in range(3)] == [503, 503, 200]


def shape(value: Any) -> Any:
    """The keys of an object in their order, and the kinds of the values; numbers are one kind."""
    if isinstance(value, dict):
        return [(key, shape(inner)) for key, inner in value.items() if key != "parent_model"]
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return "number" if isinstance(value, (int, float)) else type(value).__name__
