"""A person with a fixed taste votes on the student's answers: what they gain, and what is lost.

The student is guarded as in the app: what votes ask to change is left out of canary and replay.
What was forgotten is judged on other questions, the same ones before and after.

Two persons: the *curt* one likes answers of at most three words, votes on everything and types
every fourth time what they would rather have read; the *careful* one only votes, and likes a right
answer or a plain “I do not know” better than a wrong guess. Rewards are shares of liked answers.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from model.config import FeedbackConfig
from model.jobs.vote_worker import REMEMBERED
from model.learning.answering import prompt_of
from model.learning.canary import Canary
from model.learning.checked_learning import words
from model.learning.drawing import draw
from model.learning.ewc import Anchor
from model.learning.examples import encode_lesson
from model.learning.recipe import lesson_of
from model.learning.rl_learning import learn_from_votes
from model.learning.vote_lessons import known_of, replay_lessons, replayed
from model.learning.votes import VotedAnswer
from model.microworld.oracle import Example, example
from model.model import ImageTokenReasoningLLM
from model.network.text_tokenizer import IM_END

ASKED = "everyday-predict-words"
"""Kind of question that the person asks."""
JUDGED = ("chat", "everyday-name", "everyday-action", "everyday-explain", "blocks-look")
"""Kinds that must stay known. Not the one voted on, nor those asked in the same words with facts or
a picture: their answers are meant to become others, too."""
JUDGED_FROM = 9_000_000
"""Number of the first question that judges; canary and replay are drawn from the first numbers."""
LONGEST = 24
TYPED_EVERY = 4
DEADLINE_S = 3600.0
"""Long enough that figures do not depend on the machine."""
NOT_KNOWN = "I do not know"

Lessons = list[dict[str, Any]]
Taste = Callable[[str, Example], bool]


def curt(said: str, drawn: Example) -> bool:
    """Likes at most three words."""
    return 0 < len(said.split()) <= 3


def careful(said: str, drawn: Example) -> bool:
    """Likes what is right, and an honest word rather than a guess."""
    return said == drawn.answer or said.startswith(NOT_KNOWN)


def in_short(drawn: Example) -> str:
    """What the curt person would rather have read."""
    for before in ("you get ", "becomes "):
        if before in drawn.answer:
            return drawn.answer.partition(before)[2]
    return "No idea."


@dataclass(frozen=True)
class Person:
    """Who votes: on how many answers, how often against their own taste, and how updates run."""

    taste: Taste = curt
    votes: int = 200
    together: int = 100
    wrong: float = 0.0
    types: bool = True
    hates_everything: bool = False
    config: FeedbackConfig = field(default_factory=FeedbackConfig)


@dataclass(frozen=True)
class Course:
    """What came of all votes: rewards and known questions before and after, seconds of each update.

    ``known_before`` and ``known_after`` are the shares of the judge's questions answered right.
    ``update_cpu_s`` is the time that each update was computed, ``update_s`` the time that it took
    on a machine that may do other things as well.
    """

    reward_before: float
    reward_after: float
    known_before: float
    known_after: float
    kept: int
    refused: int
    update_s: list[float]
    update_cpu_s: list[float]

    @property
    def gain(self) -> float:
        """Rise of the mean reward on questions that nobody voted on."""
        return self.reward_after - self.reward_before

    @property
    def forgotten(self) -> float:
        """Share of the judge's questions lost."""
        return self.known_before - self.known_after


@dataclass(frozen=True)
class Kept:
    """What must stay known: the ``lessons`` of the replay, and a ``judge`` that no update sees."""

    lessons: Lessons
    judge: Canary


def kept_of(student: ImageTokenReasoningLLM, judged: int) -> Kept:
    """The replay that the app would choose, and ``judged`` fixed questions, known or not."""
    questions = [
        example("validation", JUDGED_FROM + index, JUDGED[index % len(JUDGED)])
        for index in range(judged)
    ]
    judge = Canary([encode_lesson(student, lesson_of(each)) for each in questions])
    return Kept(replay_lessons(student, ()), judge)


def mean_reward(
    student: ImageTokenReasoningLLM, taste: Taste, questions: Sequence[Example], seed: int
) -> float:
    """Share of liked answers, one drawn for each question."""
    prompts = [prompt_of(student, lesson_of(each), LONGEST) for each in questions]
    told = draw(student, prompts, 1, longest=LONGEST, seed=seed)
    return statistics.mean(
        float(taste(words(student, answers[0].ids), each))
        for each, answers in zip(questions, told, strict=True)
    )


@dataclass(frozen=True)
class Asked:
    """A vote with the question and the answer that it is about."""

    question: str
    said: str
    vote: VotedAnswer

    @property
    def asks_for_another(self) -> bool:
        """Whether the answer is meant to become another one."""
        return self.vote.kind == "typed" or self.vote.reward < 0


def vote(
    student: ImageTokenReasoningLLM, person: Person, questions: Sequence[Example], seed: int
) -> list[Asked]:
    """The person's votes on one answer to each question."""
    rng = random.Random(seed)
    prompts = [prompt_of(student, lesson_of(each), LONGEST) for each in questions]
    told = draw(student, prompts, 1, longest=LONGEST, seed=seed)
    votes = []
    for number, (drawn, prompt, answers) in enumerate(zip(questions, prompts, told, strict=True)):
        answer = answers[0]
        said = words(student, answer.ids)
        liked = person.taste(said, drawn) != (rng.random() < person.wrong)
        up = liked and not person.hates_everything
        types = person.types and not up and number % TYPED_EVERY == 0
        if types and not person.hates_everything:
            ids = (*student.tokenizer.encode(in_short(drawn)), student.tokenizer.id(IM_END))
            voted = VotedAnswer(prompt, ids, 1.0, kind="typed", visitor="person")
        else:
            voted = VotedAnswer(
                prompt,
                tuple(answer.ids),
                1.0 if up else -1.0,
                logprobs=tuple(answer.logprobs),
                visitor="person",
            )
        votes.append(Asked(drawn.question, said, voted))
    return votes


def course(
    student: ImageTokenReasoningLLM, person: Person, kept: Kept, seed: int, unseen: int
) -> Course:
    """Let a person vote and the student learn, lot by lot."""
    start = 5_000_000 + 100_000 * seed
    fresh = [example("validation", start + index, ASKED) for index in range(unseen)]
    lots = range(0, person.votes, person.together)
    pupil = Pupil(student, kept.lessons, person.config)
    for lot in lots:
        asked = [example("train", start + lot + each, ASKED) for each in range(person.together)]
        pupil.learn(vote(pupil.student, person, asked, seed + lot), seed + lot)
    return Course(
        mean_reward(student, person.taste, fresh, seed),
        mean_reward(pupil.student, person.taste, fresh, seed),
        kept.judge(student),
        kept.judge(pupil.student),
        pupil.updates,
        len(lots) - pupil.updates,
        pupil.update_s,
        pupil.update_cpu_s,
    )


class Pupil:
    """A student that learns from lots of votes as the app lets it: with what it learned before."""

    def __init__(
        self, student: ImageTokenReasoningLLM, lessons: Lessons, config: FeedbackConfig
    ) -> None:
        self.student, self._lessons, self._config = student, lessons, config
        self._first = student
        self.updates, self.update_s, self.update_cpu_s = 0, list[float](), list[float]()
        self._anchor: Anchor | None = None
        self._earlier: list[Asked] = []

    def learn(self, votes: Sequence[Asked], seed: int) -> None:
        """One update from new votes; it may be refused."""
        started, worked = time.monotonic(), time.process_time()
        earlier = self._earlier[-REMEMBERED:]
        changed = [
            (each.question, each.said) for each in (*earlier, *votes) if each.asks_for_another
        ]
        known = known_of(self.student, (), changed)
        liked = [each.vote for each in earlier if each.vote.reward > 0]
        update = learn_from_votes(
            self.student,
            [each.vote for each in votes],
            replayed(self.student, self._lessons, liked, known.about),
            self._anchor,
            replace(self._config, seed=seed),
            canary=known.canary,
            deadline_s=DEADLINE_S,
            first=(lambda: self._first) if self.updates else None,
        )
        self.update_s.append(round(time.monotonic() - started, 2))
        self.update_cpu_s.append(round(time.process_time() - worked, 2))
        self.student, self._anchor = update.student, update.anchor or self._anchor
        if update.kept:
            self.updates += 1
            self._earlier += votes
