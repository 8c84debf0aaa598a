"""A teacher as judge of two answers, asked in both orders, because judges favour a place."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import combinations

from model.compare_records import CompareRow, Verdict
from model.errors import ReasonerError, TeacherReplyInvalid
from model.paths import ASSETS
from model.teachers.base import Question, Teacher

JUDGE_PROMPT = ASSETS / "prompts" / "compare_judge.txt"
FORMAT = {
    "type": "object",
    "properties": {"better": {"type": "string", "enum": ["1", "2", "tie"]}},
    "required": ["better"],
}
_PLACES = {"1": 0, "2": 1, "tie": None}


class Judge:
    """Asks one teacher about pairs of answers. Its pictures stay with the sides: it reads words."""

    def __init__(self, teacher: Teacher) -> None:
        self._teacher = teacher

    def verdict(self, question: str, reference: str, answers: tuple[str, str]) -> int | None:
        """Which answer is better, 0 or 1, in both orders; None if the judge is not of one mind.

        Raises: TeacherError.
        """
        if answers[0].strip() == answers[1].strip():
            return None
        forwards = self._better(question, reference, answers)
        backwards = self._better(question, reference, (answers[1], answers[0]))
        turned = None if backwards is None else 1 - backwards
        return forwards if forwards == turned else None

    def _better(self, question: str, reference: str, answers: tuple[str, str]) -> int | None:
        known = f"\nA right answer:\n{reference}\n" if reference else ""
        asked = JUDGE_PROMPT.read_text(encoding="utf-8").format(
            question=question, reference=known, first=answers[0], second=answers[1]
        )
        said = self._teacher.answer(
            Question(asked), temperature=0.0, max_tokens=32, format=FORMAT
        ).text
        try:
            return _PLACES[str(json.loads(said)["better"])]
        except (ValueError, KeyError, TypeError) as error:
            raise TeacherReplyInvalid(
                f"The judge answered “{said[:60]}” instead of 1, 2 or tie. Choose a larger model."
            ) from error


def judged(
    judge: Judge,
    rows: Sequence[CompareRow],
    progress: Callable[[int, int], None],
    stopped: Callable[[], bool],
) -> tuple[tuple[Verdict, ...], str]:
    """The verdicts on every pair of whole answers, and the first reason why one is missing."""
    pairs = [
        (number, first, second)
        for number, row in enumerate(rows)
        for first, second in combinations(range(len(row.answers)), 2)
        if all((found := row.answers[side]) and found.counts for side in (first, second))
    ]
    verdicts, fault = list[Verdict](), ""
    for done, (number, first, second) in enumerate(pairs):
        if stopped():
            break
        progress(done, len(pairs))
        row = rows[number]
        texts = tuple(
            found.text if (found := row.answers[side]) else "" for side in (first, second)
        )
        try:
            better = judge.verdict(row.task.prompt, row.task.answer, (texts[0], texts[1]))
        except ReasonerError as error:
            fault = fault or f"{len(pairs)} pairs were to be judged; one was not: {error}"
            continue
        winner = None if better is None else (first, second)[better]
        verdicts.append(Verdict(number, first, second, winner))
    return tuple(verdicts), fault
