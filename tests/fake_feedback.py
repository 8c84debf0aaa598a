"""Votes in memory: the page's half of learning from votes runs on it without torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from model.errors import InputError
from model.feedback_records import (
    AnswerId,
    FeedbackStatus,
    Mark,
    RewardPoint,
    Update,
    UpdateFigures,
    UpdateId,
)
from model.records import StudentId, Turn


class FakeFeedback:
    """Fulfils ``FeedbackBackend``. ``given`` holds the answers; tests call ``learn``."""

    needed = 8

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.given: dict[AnswerId, Turn] = {}
        self.noted: dict[AnswerId, Mark] = {}
        self.rows: list[Update] = []
        self.fresh = 0
        self.judged: list[tuple[AnswerId, str, str]] = []

    def keep_answer(self, turn: Turn) -> str:
        name = AnswerId(f"answer-{len(self.given) + 1}")
        assert turn.stats is not None
        self.given[name] = replace(turn, stats=replace(turn.stats, answer=name))
        return name

    def learn(self, state: str = "kept") -> Update:
        figures = UpdateFigures(0.95, 0.942, 120, 0.03, 0.4, 0.2, 0.6, 24, 31.0)
        made = Update(
            UpdateId(len(self.rows) + 1), StudentId("shipped"), "b0", None, state, self.fresh,  # type: ignore[arg-type]
            figures=figures, created_at=self.clock(), finished_at=self.clock(),
            reason="Known questions fell." if state == "refused" else "",
        )  # fmt: skip
        self.rows.insert(0, made)
        self.fresh = 0
        return made

    def vote(self, answer: AnswerId, reward: float) -> None:
        self._note(answer, reward=reward, better="", judge="")

    def better(self, answer: AnswerId, words: str) -> None:
        if not words.strip():
            raise InputError("The better answer is empty. Write what it should have said.")
        self._note(answer, reward=0.0, better=words.strip())

    def prefer(self, kept: AnswerId, dropped: AnswerId) -> Turn:
        self._note(kept, reward=1.0)
        return self.given[kept]

    def judge(self, answer: AnswerId, teacher: str, model: str = "", address: str = "") -> Mark:
        self.judged.append((answer, teacher, model))
        self._note(answer, reward=-1.0, judge=model or teacher)
        return self.noted[answer]

    def take_back(self, answer: AnswerId) -> bool:
        self.noted.pop(answer, None)
        self.fresh -= 1
        return False

    def marks(self, answers: Sequence[AnswerId]) -> Mapping[AnswerId, Mark]:
        return {
            each: self.noted.get(each, Mark(self.given[each].text))
            for each in answers
            if each in self.given
        }

    def status(self) -> FeedbackStatus:
        active = next((row.id for row in self.rows if row.state == "kept"), None)
        learning = any(row.state in ("queued", "running") for row in self.rows)
        votes = self.fresh + sum(row.votes for row in self.rows)
        points = (RewardPoint(4, 0.5, 0.15, 0.85), RewardPoint(max(votes, 5), 0.75, 0.3, 0.95))
        return FeedbackStatus(
            self.fresh, self.needed, learning, votes, tuple(self.rows), active,
            points if votes else (),
        )  # fmt: skip

    def undo(self, update: UpdateId) -> Sequence[Update]:
        found = [row for row in self.rows if row.id == update and row.state == "kept"]
        if not found:
            raise InputError("Only an update that was kept can be undone. Reload the page.")
        self.rows = [replace(r, state="undone") if r.id == update else r for r in self.rows]
        return found

    def keep_as_student(self, name: str = "") -> StudentId:
        return StudentId("shipped")

    def _note(self, answer: AnswerId, **values: object) -> None:
        if answer not in self.given:
            raise InputError("This answer is no longer kept. Ask again, then vote.")
        if answer not in self.noted:
            self.fresh += 1
        mark = Mark(self.given[answer].text)
        self.noted[answer] = replace(mark, **values)  # type: ignore[arg-type]
