"""A person with a fixed taste votes on the student's answers: what they gain, and what is lost.

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

from model.config import FeedbackConfig
from model.learning.answer_scores import look
from model.learning.answering import prompt_of
from model.learning.canary import Canary, exact
from model.learning.checked_learning import words
from model.learning.drawing import draw
from model.learning.ewc import Anchor
from model.learning.examples import EncodedLesson, encode_lesson
from model.learning.recipe import lesson_of
from model.learning.rl_learning import learn_from_votes
from model.learning.votes import VotedAnswer
from model.microworld.oracle import Example, example
from model.model import ImageTokenReasoningLLM
from model.network.text_tokenizer import IM_END

ASKED = "everyday-predict-words"
"""Kind of question that the person asks."""
KNOWN = ("chat", "everyday-name", "everyday-action", "everyday-explain")
"""Kinds that must stay known. Not the one voted on, nor those asked in the same words with facts:
their answers are meant to become others, too."""
LONGEST = 24
TYPED_EVERY = 4
NOT_KNOWN = "I do not know"

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
    """What came of all votes: rewards and canary before and after, seconds of each update.

    ``update_cpu_s`` is the time that each update was computed, ``update_s`` the time that it took
    on a machine that may do other things as well.
    """

    reward_before: float
    reward_after: float
    canary_before: float
    canary_after: float
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
        """Share of known questions lost."""
        return self.canary_before - self.canary_after


@dataclass(frozen=True)
class Known:
    """What the student knows before: one half is replayed, the other watched by the canary.

    ``judge`` is a second canary that no update sees: the figures are from it.
    """

    replay: list[EncodedLesson]
    canary: Canary
    judge: Canary


def known_to(student: ImageTokenReasoningLLM, asked: int) -> Known:
    """Questions that the student answers right, drawn from training's split."""
    pool = [
        encode_lesson(student, lesson_of(example("train", 9_000_000 + index, kind)))
        for index in range(asked // len(KNOWN))
        for kind in KNOWN
    ]
    right = exact(student, look(student, pool))
    known = [lesson for lesson, told in zip(pool, right, strict=True) if told]
    random.Random(0).shuffle(known)
    return Known(known[::3], Canary(known[1::3]), Canary(known[2::3]))


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


def vote(
    student: ImageTokenReasoningLLM, person: Person, questions: Sequence[Example], seed: int
) -> list[VotedAnswer]:
    """The person's votes on one answer to each question."""
    rng = random.Random(seed)
    prompts = [prompt_of(student, lesson_of(each), LONGEST) for each in questions]
    told = draw(student, prompts, 1, longest=LONGEST, seed=seed)
    votes = []
    for number, (drawn, prompt, answers) in enumerate(zip(questions, prompts, told, strict=True)):
        answer = answers[0]
        liked = person.taste(words(student, answer.ids), drawn) != (rng.random() < person.wrong)
        up = liked and not person.hates_everything
        types = person.types and not up and number % TYPED_EVERY == 0
        if types and not person.hates_everything:
            ids = (*student.tokenizer.encode(in_short(drawn)), student.tokenizer.id(IM_END))
            votes.append(VotedAnswer(prompt, ids, 1.0, kind="typed", visitor="person"))
            continue
        votes.append(
            VotedAnswer(
                prompt,
                tuple(answer.ids),
                1.0 if up else -1.0,
                logprobs=tuple(answer.logprobs),
                visitor="person",
            )
        )
    return votes


def course(
    student: ImageTokenReasoningLLM, person: Person, known: Known, seed: int, unseen: int
) -> Course:
    """Let a person vote and the student learn, lot by lot."""
    start = 5_000_000 + 100_000 * seed
    fresh = [example("validation", start + index, ASKED) for index in range(unseen)]
    before = mean_reward(student, person.taste, fresh, seed)
    known_before = known.judge(student)
    anchor: Anchor | None = None
    kept, seconds, computed = 0, list[float](), list[float]()
    learner = student
    lots = range(0, person.votes, person.together)
    for lot in lots:
        asked = [example("train", start + lot + each, ASKED) for each in range(person.together)]
        votes = vote(learner, person, asked, seed + lot)
        started, worked = time.monotonic(), time.process_time()
        update = learn_from_votes(
            learner,
            votes,
            known.replay,
            anchor,
            replace(person.config, seed=seed + lot),
            canary=known.canary,
            deadline_s=3600,
        )
        seconds.append(round(time.monotonic() - started, 2))
        computed.append(round(time.process_time() - worked, 2))
        learner, anchor = update.student, update.anchor or anchor
        kept += update.kept
    return Course(
        before,
        mean_reward(learner, person.taste, fresh, seed),
        known_before,
        known.judge(learner),
        kept,
        len(lots) - kept,
        seconds,
        computed,
    )
