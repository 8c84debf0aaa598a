"""The students of a workspace with their engines: real ones, made of small bundles."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.config import SampleConfig
from model.errors import BundleError
from model.model import ImageTokenReasoningLLM
from model.network.image_tokenizer import Message
from model.serving.engine import Engine
from model.serving.students import SHIPPED, EnginePool, Students

LIMIT_S = 30.0


@pytest.fixture
def students(tmp_path: Path, tiny_student: ImageTokenReasoningLLM) -> Iterator[Students]:
    tiny_student.save(tmp_path / "shipped")
    pool = EnginePool()
    yield Students(tmp_path / "students", tmp_path / "shipped", pool)
    pool.close()


def ask(engine: Engine) -> str:
    """How a short answer of an engine ends."""
    prompt = engine.student.prompt([Message("user", "Who?")], room=40)
    return [event.kind for event in engine.ask(prompt, SampleConfig(max_tokens=3)).events()][-1]


def test_a_student_that_the_full_disk_does_not_take_is_told_in_words(
    students: Students, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(learner: ImageTokenReasoningLLM, path: Path) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ImageTokenReasoningLLM, "save", full)
    with pytest.raises(BundleError, match=r"“eggs” cannot .* \(No space left .*Make room"):
        students.keep_taught(SHIPPED, "eggs", "taught by 3 votes")
    assert ask(students.engine()) == "done", "the engine answers on"
