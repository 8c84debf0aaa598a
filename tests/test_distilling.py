from __future__ import annotations

from pathlib import Path

import pytest

from model.errors import InputError, RunError
from model.model import ImageTokenReasoningLLM
from tests.ollama_server import OllamaServer

PROMPTS = [f"What can be done with {count} eggs?" for count in range(2, 10)]
SHORT = {"steps": 4, "batch_size": 3, "max_answer_tokens": 16, "learn_from": "text"}


@pytest.mark.slow
def test_a_student_is_distilled_by_one_call_and_asked_once(
    tiny_student: ImageTokenReasoningLLM, tmp_path: Path
) -> None:
    with OllamaServer() as server:
        learned = tiny_student.distill_from_ollama(
            PROMPTS, "llama3.2:1b", address=server.url, workspace=tmp_path, **SHORT
        )
        asked = len(server.chats())
        assert asked >= len(PROMPTS)
        again = tiny_student.distill_from_ollama(
            PROMPTS, "llama3.2:1b", address=server.url, workspace=tmp_path, **SHORT
        )
        assert len(server.chats()) == asked, "every answer was kept"
    before, after = (s.state_dict()["model.embed_tokens.weight"] for s in (tiny_student, learned))
    assert not before.equal(after), "the copy learned"
    assert after.equal(again.state_dict()["model.embed_tokens.weight"]), "same answers, same steps"


def test_no_prompts_are_refused(tiny_student: ImageTokenReasoningLLM) -> None:
    with pytest.raises(InputError, match="0 prompts"):
        tiny_student.distill_from_ollama([], "llama3.2:1b")


@pytest.mark.slow
def test_a_server_that_is_not_there_is_told(
    tiny_student: ImageTokenReasoningLLM, tmp_path: Path
) -> None:
    with pytest.raises(RunError):
        tiny_student.distill_from_ollama(
            PROMPTS, "llama3.2:1b", address="http://127.0.0.1:9", workspace=tmp_path, **SHORT
        )
