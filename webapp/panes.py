"""Two students answer the same prompts at their own pace; one reader sees both come."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from model.config import SampleConfig
from model.errors import ReasonerError
from model.records import PictureId, StudentId, Turn
from webapp.backend import Backend
from webapp.chat_format import YIELD_EVERY_S, Draft, fold
from webapp.open_answers import OpenAnswers

_WAIT_S = 0.05


@dataclass(frozen=True)
class Pane:
    """One student's answers so far, in the order of the prompts; ``None``: not begun."""

    student: StudentId
    drafts: tuple[Draft | None, ...]
    finished: bool = False


@dataclass(frozen=True)
class Questions:
    """What both students are asked."""

    prompts: tuple[str, ...]
    picture: PictureId | None
    settings: SampleConfig

    def turn(self, number: int) -> Turn:
        """One prompt as the only turn of a conversation."""
        pictures = (self.picture,) if self.picture else ()
        return Turn("user", self.prompts[number], pictures)


_News = tuple[int, int, Draft]
"""Pane number, prompt number, and the answer so far."""


def race(
    backend: Backend, students: Sequence[StudentId], questions: Questions, answers: OpenAnswers
) -> Iterator[tuple[str, tuple[Pane, ...]]]:
    """The token for stopping, with the panes: at once, at most 12 times a second, and at the end.

    Every pane has a thread of its own, so a slow student does not hold up the other. A
    ``ReasonerError`` becomes the words of that answer; the pane goes on with the next prompt.
    Leaving the loop cancels what is under way.
    """
    panes = tuple(Pane(student, (None,) * len(questions.prompts)) for student in students)
    news: queue.SimpleQueue[_News] = queue.SimpleQueue()
    with answers.work() as token, ThreadPoolExecutor(len(panes)) as pool:
        work = [
            pool.submit(_answer_all, backend, pane.student, number, questions, answers, token, news)
            for number, pane in enumerate(panes)
        ]
        try:
            yield token, panes
            for seen in _watched(panes, news, work):
                yield token, seen
        finally:
            answers.cancel(token)
        for future in work:
            future.result()


def _watched(
    panes: tuple[Pane, ...], news: queue.SimpleQueue[_News], work: Sequence[Future[None]]
) -> Iterator[tuple[Pane, ...]]:
    """The panes after every piece of news, paced; ends when all threads have ended."""
    shown_at = float("-inf")
    shown = panes
    while True:
        over = [future.done() for future in work]
        for number, item, draft in _waiting(news):
            panes = _put(panes, number, _said(panes[number], item, draft))
        for number, ended in enumerate(over):
            if ended and not panes[number].finished:
                panes = _put(panes, number, replace(panes[number], finished=True))
        now = time.monotonic()
        if panes is not shown and (all(over) or now - shown_at >= YIELD_EVERY_S):
            shown, shown_at = panes, now
            yield panes
        if all(over):
            return


def _waiting(news: queue.SimpleQueue[_News]) -> Iterator[_News]:
    """All news that are there; waits a moment for the first."""
    try:
        yield news.get(timeout=_WAIT_S)
        while True:
            yield news.get_nowait()
    except queue.Empty:
        return


def _put(panes: tuple[Pane, ...], number: int, pane: Pane) -> tuple[Pane, ...]:
    return (*panes[:number], pane, *panes[number + 1 :])


def _said(pane: Pane, item: int, draft: Draft) -> Pane:
    return replace(pane, drafts=(*pane.drafts[:item], draft, *pane.drafts[item + 1 :]))


def _answer_all(
    backend: Backend,
    student: StudentId,
    number: int,
    questions: Questions,
    answers: OpenAnswers,
    token: str,
    news: queue.SimpleQueue[_News],
) -> None:
    for item in range(len(questions.prompts)):
        if answers.is_stopped(token):
            return
        draft = Draft()
        try:
            answer = backend.answer([questions.turn(item)], questions.settings, student)
            answers.attach(token, answer)
            for draft in fold(answer.events()):
                news.put((number, item, draft))
        except ReasonerError as exc:
            news.put((number, item, replace(draft, error=str(exc))))
