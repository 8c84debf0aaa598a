"""The students of a workspace with their engines: real ones, made of small bundles."""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.bundles.bundle import TOKENIZER
from model.config import SampleConfig
from model.errors import BundleError, BundleIncompatible, EngineBusy
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


@pytest.mark.parametrize("damage", ["cut off", "another tokenizer"])
def test_a_damaged_student_is_told_in_words_and_loads_once_it_is_repaired(
    students: Students, tiny_student: ImageTokenReasoningLLM, damage: str
) -> None:
    file = students.path(SHIPPED) / TOKENIZER
    text = file.read_text(encoding="utf-8")
    other = json.loads(text)
    other["model"]["vocab"]["zzzz"] = len(tiny_student.tokenizer)  # one token more than embeddings
    file.write_text(text[:2000] if damage == "cut off" else json.dumps(other), encoding="utf-8")
    with pytest.raises(BundleIncompatible, match=r"“shipped” cannot be loaded .*Copy it again"):
        students.engine()
    file.write_text(text, encoding="utf-8")
    assert ask(students.engine()) == "done"
    assert students.status().state == "ready"


# ── engines ─────────────────────────────────────────────────────────────────────────────────────


def saved(student: ImageTokenReasoningLLM, folder: Path, names: str) -> list[Path]:
    """The same student in a folder for each letter."""
    for name in names:
        student.save(folder / name)
    return [folder / name for name in names]


def test_the_engine_that_is_idle_and_was_fetched_longest_ago_makes_room(
    tmp_path: Path, tiny_student: ImageTokenReasoningLLM
) -> None:
    pool = EnginePool(most=2, idle_s=0)
    a, b, c = saved(tiny_student, tmp_path, "abc")
    first, _ = (pool.engine(path, "w").result(LIMIT_S) for path in (a, b))
    last = pool.engine(c, "w").result(LIMIT_S)
    assert [pool.is_loaded(path, "w") for path in (a, b, c)] == [False, True, True]
    with pytest.raises(EngineBusy):
        ask(first)
    assert ask(last) == "done"
    pool.close()


def test_engines_at_work_stay_over_the_limit_until_one_is_idle(
    tmp_path: Path, tiny_student: ImageTokenReasoningLLM
) -> None:
    pool = EnginePool(most=2, idle_s=0.02)
    paths = saved(tiny_student, tmp_path, "ab")
    older, newer = (pool.engine(path, "w").result(LIMIT_S) for path in paths)
    holds = threading.Event(), threading.Event()
    for engine, hold in zip((older, newer), holds, strict=True):
        engine.run(lambda student, hold=hold: hold.wait(LIMIT_S))  # type: ignore[misc]
    prompt = newer.student.prompt([Message("user", "Who?")], room=40)
    answers = [engine.ask(prompt, SampleConfig(max_tokens=3)) for engine in (older, newer)]
    pool._most = 1
    pool.engine(paths[1], "w")
    assert all(pool.is_loaded(path, "w") for path in paths), "both are at work"
    thread = newer._thread
    assert thread is not None
    holds[1].set()
    assert list(answers[1].events())[-1].kind == "done"
    thread.join(LIMIT_S)
    assert [pool.is_loaded(path, "w") for path in paths] == [True, False]
    holds[0].set()
    assert list(answers[0].events())[-1].kind == "done"
    assert ask(older) == "done"
    pool.close()
