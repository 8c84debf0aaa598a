"""Comparisons without torch or a server: the real ones, whose sides are made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from model.compare_records import BUILTIN_SIDE, OLLAMA, CompareTask, SideId, SideInfo
from model.comparing.comparing import Comparing
from model.comparing.contestants import Contestant, Loss, TeacherSide
from model.comparing.judge import Judge
from model.config import SampleConfig
from model.errors import BundleNotFound
from model.knowledge.pictures import Pictures
from model.knowledge.store import Store
from model.records import Answer, StudentId, StudentInfo, Turn
from model.teachers.base import Question, TeacherAnswer
from model.teachers.builtin import BuiltinTeacher


class Answers(Protocol):
    """What the fake sides need of a backend."""

    made: dict[StudentId, StudentInfo]

    def answer(
        self, turns: Sequence[Turn], settings: SampleConfig, student: StudentId | None = None
    ) -> Answer: ...


class FakeSide:
    """A student of the fake backend; every text costs it a nat a letter, a token a word."""

    def __init__(self, backend: Answers, info: StudentInfo) -> None:
        self.backend, self.student = backend, info
        self.info = SideInfo(
            SideId(info.id), "student", info.name, info.weights_hash, info.parameters, 9_000_000
        )

    def answer(self, task: CompareTask, sampling: SampleConfig) -> Answer:
        turn = Turn("user", task.prompt, task.pictures, task.roles)
        return self.backend.answer([turn], sampling, self.student.id)

    def losses(self, tasks: Sequence[CompareTask], texts: Sequence[str]) -> list[Loss]:
        return [Loss(float(len(text)), len(text.split())) for text in texts]


class ScriptedTeacher(BuiltinTeacher):
    """Says the same to everything, or judges by ``says``."""

    name = "ollama"

    def __init__(self, says: str) -> None:
        self.says = says
        self.asked: list[str] = []

    def answer(self, question: Question, **settings: object) -> TeacherAnswer:  # type: ignore[override]
        self.asked.append(question.text)
        return TeacherAnswer(self.says, tokens=len(self.says.split()))


class FakeSides:
    """Finds the students of the fake backend, the real oracle, and models that say one thing."""

    def __init__(self, backend: Answers, pictures: Pictures) -> None:
        self.backend, self.pictures = backend, pictures
        self.verdict = '{"better": "1"}'

    def contestant(self, side: SideId, address: str) -> Contestant:
        if side == BUILTIN_SIDE:
            info = SideInfo(side, "builtin", "built-in oracle", "c0ffee00")
            return TeacherSide(info, BuiltinTeacher(), self.pictures)
        if side.startswith(OLLAMA):
            info = SideInfo(side, "ollama", side.removeprefix(OLLAMA), "0llama00")
            return TeacherSide(info, ScriptedTeacher("A teacher's words."), self.pictures)
        if side not in self.backend.made:
            raise BundleNotFound(f"There is no student “{side}”. Choose one from the list.")
        return FakeSide(self.backend, self.backend.made[StudentId(side)])

    def judge(self, model: str, address: str) -> Judge:
        return Judge(ScriptedTeacher(self.verdict))


class FakeShelf:
    """The fake backend's pictures as the real code asks for them."""

    def __init__(self, backend: Any) -> None:
        self.add, self.path = backend.add_picture, backend.picture_path


def fake_comparing(backend: Any, folder: Path) -> Comparing:
    """The comparisons of a fake backend, in a store below its folder."""
    pictures: Any = FakeShelf(backend)
    store = Store(folder / "compared.db")
    return Comparing(store, pictures, FakeSides(backend, pictures), folder / "exports")
