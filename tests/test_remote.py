"""A model on an Ollama server answers in a student's place, with the app's facts and pictures."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from model.compare_records import CompareConfig
from model.config import SampleConfig
from model.errors import BundleNotFound, ConfigError, TeacherError
from model.records import REMOTE, Answer, Event, TripletDraft, Turn
from model.serving.students import SHIPPED
from model.workspace import Workspace
from tests.ollama_server import OllamaServer
from tests.ollama_setup import Faults
from tests.openai_server import OpenAIServer
from tests.small import picture


@pytest.fixture
def server() -> Iterator[OllamaServer]:
    with OllamaServer(answer=lambda messages: "A fried egg comes of it.") as running:
        yield running


@pytest.fixture(scope="module")
def shipped(tiny_student: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shipped") / "student"
    tiny_student.save(path)
    return path


@pytest.fixture
def workspace(shipped: Path, tmp_path: Path) -> Iterator[Workspace]:
    made = Workspace(tmp_path / "workspace", shipped=shipped)
    made._store.set_setting("examples", "none")  # the everyday world's pictures take seconds
    made.add_triplet(TripletDraft("egg", "heat", "fried egg"))
    yield made
    made.close()


def model_of(server: OllamaServer, *, sees: bool = False) -> str:
    return next(model.name for model in server.models if ("vision" in model.capabilities) == sees)


def heard(answer: Answer) -> list[Event]:
    return list(answer.events())


def test_an_added_model_answers_with_the_facts_found_here(
    workspace: Workspace, server: OllamaServer
) -> None:
    source = workspace.sources().add(server.url, model_of(server))
    workspace.use_student(source)
    info = workspace.student().info
    assert info is not None
    assert (info.id, info.preset) == (source, REMOTE)
    asked = [Turn("user", "What happens if I heat an egg?")]
    events = heard(workspace.answer(asked, SampleConfig(max_tokens=20, seed=3)))
    kinds = [event.kind for event in events]
    assert kinds[0] == "source"
    assert kinds[-2:] == ["stats", "done"]
    assert "".join(e.text for e in events if e.kind == "token") == "A fried egg comes of it."
    (body,) = server.chats()
    assert body["messages"][0] == {"role": "system", "content": "Facts:\negg | heat | fried egg"}
    assert body["options"] == {"temperature": 0, "num_predict": 20, "seed": 3}
    stats = events[-2].stats
    assert stats is not None
    assert stats.student == f"{model_of(server)} at {server.url}"
    assert stats.weights_hash == info.weights_hash != ""


def test_pictures_are_sent_along(workspace: Workspace, server: OllamaServer) -> None:
    source = workspace.sources().add(server.url, model_of(server, sees=True))
    shown = workspace.add_picture(picture("red"))
    settings = SampleConfig(use_graph=False)
    heard(workspace.answer([Turn("user", "What is this?", (shown,))], settings, source))
    (body,) = server.chats()
    (sent,) = body["messages"][-1]["images"]
    assert base64.b64decode(sent) == workspace.picture_path(shown).read_bytes()


def test_a_server_of_openais_protocol_answers_in_the_chat(workspace: Workspace) -> None:
    with OpenAIServer() as vllm:
        status = workspace.teacher_status("ollama", f"{vllm.url}/v1")
        assert "OpenAI-compatible" in status.message
        source = workspace.sources().add(f"{vllm.url}/v1", "student")
        workspace.use_student(source)
        info = workspace.student().info
        assert info is not None
        assert info.origin == f"on the OpenAI-compatible server at {vllm.url}"
        asked = [Turn("user", "What happens if I heat an egg?")]
        events = heard(workspace.answer(asked, SampleConfig(max_tokens=20, seed=3)))
        assert "".join(e.text for e in events if e.kind == "token") == "A fried egg."
        (body,) = vllm.chats
    assert body["messages"][0]["content"] == "Facts:\negg | heat | fried egg"
    (failed,) = heard(workspace.answer(asked, SampleConfig(use_graph=False)))
    assert failed.kind == "error"
    assert vllm.url in failed.text


def test_sources_of_both_kinds_stand_side_by_side_in_compare(
    workspace: Workspace, server: OllamaServer
) -> None:
    with OpenAIServer() as vllm:
        sides = (
            workspace.sources().add(server.url, model_of(server)),
            workspace.sources().add(vllm.url, "student"),
        )
        config = CompareConfig(sides, prompts=("What happens if I heat an egg?",))
        *_, last = workspace.comparing().states(workspace.comparing().start(config))
    (row,) = last.rows
    said = [answer.text for answer in row.answers if answer is not None]
    assert said == ["A fried egg comes of it.", "A fried egg."]
    assert server.chats()[0]["messages"][0]["content"] == vllm.chats[0]["messages"][0]["content"]


def test_a_source_is_asked_beside_a_student(workspace: Workspace, server: OllamaServer) -> None:
    """As in Compare: the choice in the header stays what it was."""
    source = workspace.sources().add(server.url, model_of(server))
    asked = [Turn("user", "Who are you?")]
    settings = SampleConfig(max_tokens=3)
    theirs = heard(workspace.answer(asked, settings, source))
    ours = heard(workspace.answer(asked, settings, SHIPPED))
    assert theirs[-2].stats.student != ours[-2].stats.student  # type: ignore[union-attr]
    assert workspace.student().info.id == SHIPPED  # type: ignore[union-attr]


def test_choosing_a_student_again_ends_the_detour(
    workspace: Workspace, server: OllamaServer
) -> None:
    source = workspace.sources().add(server.url, model_of(server))
    workspace.use_student(source)
    workspace.use_student(SHIPPED)
    heard(workspace.answer([Turn("user", "Who are you?")], SampleConfig(max_tokens=2)))
    assert server.chats() == []
    assert [info.id for info in workspace.students()] == [SHIPPED, source]


def test_the_same_model_is_listed_once_and_can_be_removed(
    workspace: Workspace, server: OllamaServer
) -> None:
    for _ in range(2):
        source = workspace.sources().add(server.url, model_of(server))
    assert len(workspace.students()) == 2
    workspace.use_student(source)
    workspace.delete_student(source)
    assert [info.id for info in workspace.students()] == [SHIPPED]
    assert workspace.student().info.id == SHIPPED  # type: ignore[union-attr]
    with pytest.raises(BundleNotFound, match="no source"):
        workspace.answer([Turn("user", "Hello")], SampleConfig(), source)


def test_no_server_and_no_model_are_told(workspace: Workspace, server: OllamaServer) -> None:
    with pytest.raises(TeacherError, match="No Ollama server answers"):
        workspace.sources().add("127.0.0.1:9", "any")
    with pytest.raises(ConfigError, match="no model “nobody”"):
        workspace.sources().add(server.url, "nobody")
    assert len(workspace.students()) == 1


def test_a_server_that_is_gone_ends_the_answer_in_words(
    workspace: Workspace, server: OllamaServer
) -> None:
    source = workspace.sources().add(server.url, model_of(server))
    server.__exit__()
    (event,) = heard(workspace.answer([Turn("user", "Hi")], SampleConfig(use_graph=False), source))
    assert event.kind == "error"
    assert server.url in event.text


def test_a_cancel_ends_the_answer_at_once(workspace: Workspace) -> None:
    with OllamaServer(faults=Faults(first_byte_delay_s=20.0)) as slow:
        source = workspace.sources().add(slow.url, model_of(slow))
        answer = workspace.answer([Turn("user", "Hi")], SampleConfig(use_graph=False), source)
        answer.cancel()
        answer.cancel()
        events = heard(answer)
    assert [event.kind for event in events] == ["stats", "done"]
    assert events[0].stats.stopped_by == "cancelled"  # type: ignore[union-attr]


def test_visitors_of_a_shared_app_reach_the_operators_server_only(
    shipped: Path, tmp_path: Path, server: OllamaServer
) -> None:
    shared = Workspace(tmp_path, shipped=shipped, teacher_address="127.0.0.1:9")
    with pytest.raises(TeacherError, match=r"127\.0\.0\.1:9"):
        shared.sources().add(server.url, model_of(server))
    assert server.requests == []
    shared.close()
