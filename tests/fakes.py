"""A backend in memory: the whole page runs on it without torch, network or waiting."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from model.comparing.comparing import Comparing
from model.config import SHIPPED_STUDENT, DistillConfig, SampleConfig
from model.errors import BundleNotFound, InputError
from model.records import (
    Answer,
    AnswerStats,
    Budget,
    Chat,
    ChatId,
    Description,
    Event,
    Expectation,
    Fact,
    Metric,
    PictureId,
    RunId,
    RunInfo,
    RunSample,
    StudentId,
    StudentInfo,
    StudentStatus,
    TeacherModel,
    TeacherStatus,
    Turn,
)
from tests.fake_compare import fake_comparing
from tests.fake_exports import FakeExports
from tests.fake_feedback import FakeFeedback
from tests.fake_graph import FakeGraph
from tests.fake_hub import FakeHub
from tests.fake_precisions import FakePrecisions
from tests.fake_prompts import FakePrompts
from tests.fake_proposals import FakeProposals
from tests.fake_runs import FakeRuns, fake_budget
from tests.fake_sources import FakeSources
from tests.fake_speeds import FakeSpeeds


class FakeAnswer:
    """Streams prepared words; a cancel is heard before the next word."""

    def __init__(self, text: str, facts: Sequence[Fact], stats: AnswerStats, delay_s: float):
        self.text, self.facts, self.stats, self.delay_s = text, facts, stats, delay_s
        self.cancelled = threading.Event()

    def events(self) -> Iterator[Event]:
        for fact in self.facts:
            yield Event("source", fact=fact)
        said = 0
        for word in self.text.split(" "):
            if self.cancelled.wait(self.delay_s):
                break
            yield Event("token", text=(" " if said else "") + word)
            said += 1
        stopped_by = "cancelled" if self.cancelled.is_set() else "end"
        yield Event(
            "stats", stats=dataclasses.replace(self.stats, tokens=said, stopped_by=stopped_by)
        )
        yield Event("done")

    def cancel(self) -> None:
        self.cancelled.set()


class FakeBackend(FakeGraph, FakeProposals, FakePrompts):
    """Fulfils ``webapp.backend.Backend``. Tests set ``fail_next`` or ``next_text`` and look inside.

    ``seeded`` fills the graph with the examples; ``run_s`` is how long a run takes on ``clock``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        seeded: bool = True,
        delay_s: float = 0.01,
        run_s: float = 20.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(folder, clock)
        FakePrompts.__init__(self)
        self.delay_s = delay_s
        self.fakes = FakeRuns(clock, run_s)
        self.leaving = FakeExports(folder)
        self.compared = fake_comparing(self, folder)
        self.votes = FakeFeedback(clock)
        self.weights = FakePrecisions()
        self.speed = FakeSpeeds(folder)
        self.on_hub = FakeHub()
        self.elsewhere = FakeSources(self)
        self.chats: dict[ChatId, tuple[Turn, ...]] = {}
        self.answers: list[FakeAnswer] = []
        self.asked: list[tuple[tuple[Turn, ...], SampleConfig, StudentId | None]] = []
        self.next_text = ""
        self.ollama_up = True
        self.ready = StudentStatus("ready", None)
        self.current = StudentId(SHIPPED_STUDENT)
        self.made = {self.current: self._info(self.current, "shipped", "created with the project")}
        if seeded:
            for example in self.examples():
                self.add_triplet(example.draft)
            self.history.clear()

    # the student
    def student(self) -> StudentStatus:
        if self.ready.state == "ready" and self.ready.info is None:
            return StudentStatus("ready", self.made[self.current])
        return self.ready

    def students(self) -> Sequence[StudentInfo]:
        for row in list(self.fakes.rows.values()):
            if row.student and row.student not in self.made:
                self.made[row.student] = self._info(row.student, row.name, f"run {row.id}")
        return sorted(self.made.values(), key=lambda info: -info.created_at)

    def use_student(self, student: StudentId) -> None:
        self.students()
        if student not in self.made:
            raise BundleNotFound(f"There is no student “{student}”. Choose one from the list.")
        self.current = student

    def delete_student(self, student: StudentId) -> None:
        if student == SHIPPED_STUDENT:
            raise InputError("The student that came with the project cannot be deleted.")
        self.made.pop(student, None)
        if self.current == student:
            self.current = StudentId(SHIPPED_STUDENT)

    def comparing(self) -> Comparing:
        return self.compared

    def feedback(self) -> FakeFeedback:
        return self.votes

    def exports(self) -> FakeExports:
        return self.leaving

    def sources(self) -> FakeSources:
        return self.elsewhere

    def hub(self) -> FakeHub:
        return self.on_hub

    def precisions(self) -> FakePrecisions:
        return self.weights

    def speeds(self) -> FakeSpeeds:
        return self.speed

    def expect(self, turn: Turn) -> Expectation | None:
        self._maybe_fail()
        for row in self.examples():
            if row.draft.object_picture and row.draft.subject in turn.text:
                return Expectation(row.draft.object, row.draft.object_picture, 0.91)
        return None

    def describe(self, picture: PictureId) -> Description:
        self._maybe_fail()
        self.picture_path(picture)
        for row in self.examples():
            draft = row.draft
            for label, seen in (
                (draft.subject, draft.subject_picture),
                (draft.relation, draft.relation_picture),
                (draft.object, draft.object_picture),
            ):
                if seen == picture:
                    return Description(label, f"This is a {label}.", 0.97)
        return Description("something new", "This is something new.", 0.31)

    def answer(
        self, turns: Sequence[Turn], settings: SampleConfig, student: StudentId | None = None
    ) -> Answer:
        self._maybe_fail()
        self.asked.append((tuple(turns), settings, student))
        facts = self._facts(turns[-1].text) if settings.use_graph else []
        text = self.next_text or "This is a small answer about what you asked."
        if facts and not self.next_text:
            text = f"It becomes a {facts[0].object}."
        info = self.made[student or self.current]
        stats = AnswerStats(0, 412.0, 0.09, info.weights_hash, info.name)
        if student is None:
            given = Turn("assistant", text, facts=tuple(facts), stats=stats)
            stats = dataclasses.replace(stats, answer=self.votes.keep_answer(given))
        answer = FakeAnswer(text, facts, stats, self.delay_s)
        self.answers.append(answer)
        self.next_text = ""
        return answer

    # chats
    def latest_chat(self) -> Chat:
        if not self.chats:
            return self.new_chat()
        last = list(self.chats)[-1]
        return Chat(last, self.chats[last])

    def new_chat(self) -> Chat:
        name = ChatId(f"chat-{len(self.chats) + 1}")
        self.chats[name] = ()
        return Chat(name, ())

    def chat(self, chat: ChatId) -> Chat:
        return Chat(chat, self.chats.get(chat, ()))

    def save_chat(self, chat: ChatId, turns: Sequence[Turn]) -> None:
        self.chats.pop(chat, None)
        self.chats[chat] = tuple(turns)

    # teachers and runs
    def teacher_status(self, teacher: str, address: str = "") -> TeacherStatus:
        if teacher == "builtin":
            model = TeacherModel("micro-world", sees_pictures=True)
            return TeacherStatus(True, "The built-in teacher is here.", models=(model,))
        address = address or "http://127.0.0.1:11434"
        if not self.ollama_up:
            words = f"No Ollama server answers at {address}. Start it with “ollama serve”."
            return TeacherStatus(False, words, address)
        models = (
            TeacherModel("llama3.2:1b", 1_321_098_329, "1.2B", "Q8_0", False, False),
            TeacherModel("llava:7b", 4_733_363_377, "7B", "Q4_0", True, False),
        )
        return TeacherStatus(True, "Connected.", address, "0.12.11", models)

    def budget(self, config: DistillConfig) -> Budget:
        return fake_budget(config)

    def start_run(self, config: DistillConfig) -> RunId:
        self._maybe_fail()
        return self.fakes.start(config)

    def pause_run(self, run: RunId) -> None:
        self.fakes.get(run)
        self.fakes.change(run, state="paused")

    def resume_run(self, run: RunId) -> None:
        self.fakes.get(run)
        self.fakes.change(run, state="running")

    def stop_run(self, run: RunId, *, keep: bool) -> None:
        self.fakes.stop(run, keep)

    def delete_run(self, run: RunId) -> None:
        self.fakes.get(run)
        del self.fakes.rows[run]

    def runs(self) -> Sequence[RunInfo]:
        return [self.fakes.get(run) for run in reversed(list(self.fakes.rows))]

    def run(self, run: RunId) -> RunInfo:
        return self.fakes.get(run)

    def metrics(self, run: RunId, points: int = 500) -> Sequence[Metric]:
        return self.fakes.metrics(run, points)

    def samples(self, run: RunId, last: int = 8) -> Sequence[RunSample]:
        return self.fakes.samples(run, last)

    def run_log(self, run: RunId) -> str:
        return f"run {run}: step {self.fakes.get(run).step}\n"

    def command(self, config: DistillConfig) -> str:
        return f"python -m model.jobs.worker --prompts {config.prompts} --steps {config.steps}"

    # inside
    def _facts(self, text: str) -> list[Fact]:
        words = set(text.lower().replace("?", " ").split())
        return [
            Fact(row.id, row.subject, row.relation, row.object, 0.71)
            for row in self.rows.values()
            if row.subject in words and row.relation in words
        ][:4]

    def _info(self, student: StudentId, name: str, origin: str) -> StudentInfo:
        weights = hashlib.sha256(student.encode()).hexdigest()
        return StudentInfo(
            student, name, "tiny", 5_100_000, 10_400_000, weights, self.clock(), origin=origin
        )
