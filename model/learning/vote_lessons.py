"""Stored votes as what the student learns from, and the known answers that it must not lose."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from model.errors import InputError
from model.feedback_records import AnswerId, GivenAnswer, Vote
from model.knowledge.pictures import Pictures, decode
from model.learning.answer_scores import answered, look
from model.learning.canary import Canary, exact
from model.learning.contested import Contested, contested
from model.learning.examples import EncodedLesson, Lesson, encode_lesson
from model.learning.recipe import lesson_of
from model.learning.spillover import spilled_on
from model.learning.votes import VotedAnswer
from model.microworld.oracle import KINDS, example, from_spec, kind_of
from model.model import ImageTokenReasoningLLM, Prompt
from model.network.image_tokenizer import to_pixels

log = logging.getLogger(__name__)

CANARY_QUESTIONS = 120
"""Fresh questions of the micro-world that are asked before and after: a fall of 1 point is one."""
CANARY_POOL = 200
"""Questions that they are taken from; at least half of these are not about what was voted on."""
CANARY_SPILLED = 48
"""Questions asked beside them that votes may change without meaning to."""
CANARY_TRACES = 40
REPLAYED_EACH = 8
"""Questions of each kind of the micro-world: a rare kind is forgotten as soon as a common one."""
REPLAYED_SPILLED = 96
REPLAYED_TRACES = 96
KNOWS = 0.05
"""A student that answers fewer of a source's questions was not taught it, and need not keep it."""
TRACES_ASIDE = 3
"""Every so many-th of the teachers' answers is a canary, the others are replayed."""

AnswerOf = Callable[[AnswerId], GivenAnswer]


# ── votes ───────────────────────────────────────────────────────────────────────────────────────


def voted_answers(
    student: ImageTokenReasoningLLM,
    votes: Sequence[Vote],
    answer_of: AnswerOf,
    pictures: Pictures,
) -> list[VotedAnswer]:
    """Stored votes with their answers as the student read and wrote them.

    One whose answer or picture is gone is left out.
    """
    found = list[VotedAnswer]()
    for vote in votes:
        try:
            found.append(_voted(student, vote, answer_of, pictures))
        except InputError as error:
            log.warning("vote %d is left out: %s", vote.id, error)
    return found


def _voted(
    student: ImageTokenReasoningLLM, vote: Vote, answer_of: AnswerOf, pictures: Pictures
) -> VotedAnswer:
    given = answer_of(vote.answer)
    typed = vote.kind == "typed"
    rejected = answer_of(vote.rejected).tokens if vote.rejected else None
    return VotedAnswer(
        prompt=prompt_of(student, given, pictures),
        answer_ids=typed_tokens(student, given, vote.words) if typed else given.tokens,
        reward=vote.reward,
        kind=vote.kind,
        logprobs=() if typed else given.logprobs,
        rejected_ids=rejected,
        settings=given.chosen.get("settings", {}),
        propensity=given.propensity,
        weights_hash=given.weights,
    )


def contested_answers(votes: Sequence[Vote], answer_of: AnswerOf) -> list[tuple[str, str]]:
    """The questions of votes that ask for another answer (down, one of two, typed), with the old.

    A thumb up asks that things stay as they are.
    """
    found = list[tuple[str, str]]()
    for vote in votes:
        if vote.reward < 0 or vote.kind in ("pair", "typed"):
            with suppress(InputError):  # the answer is gone
                given = answer_of(vote.rejected or vote.answer)
                found.append((given.question.text, given.said.text))
    return found


def prompt_of(student: ImageTokenReasoningLLM, given: GivenAnswer, pictures: Pictures) -> Prompt:
    """The prompt of an answer that was given. Raises: InputError if a picture is gone."""
    images = [decode(pictures.path(picture)) for picture in given.question.pictures]
    pixels_NCHW = to_pixels(images, student.config.vision.image_size)
    return Prompt(given.prompt, pixels_NCHW, given.thinking)


def typed_tokens(
    student: ImageTokenReasoningLLM, given: GivenAnswer, words: str
) -> tuple[int, ...]:
    """A typed answer in the place of the given one, after the thought that came before that."""
    thought = given.tokens
    if given.thinking and student.end_of_thought in thought:
        thought = thought[: thought.index(student.end_of_thought) + 1]
    elif given.thinking:
        thought = (student.end_of_thought,)
    else:
        thought = ()
    tokenizer = student.tokenizer
    return (*thought, *tokenizer.encode(words), tokenizer.id(student.config.chat.end))


# ── known answers ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Known:
    """What must not be forgotten: ``canary`` asks it. ``about`` says what does not count.

    ``left_out`` counts the known questions that the canary would ask, had nobody voted.
    """

    canary: Canary
    about: Contested
    left_out: int


def known_of(
    student: ImageTokenReasoningLLM,
    traces: Sequence[tuple[str, str]],
    voted: Sequence[tuple[str, str]],
) -> Known:
    """Fresh questions of the micro-world, and some teachers' answers, to be asked before and after.

    ``traces`` are questions in words with their answers; those not chosen here may be replayed.
    What ``voted`` are about, questions with the answers that votes ask to change, is left out: an
    update that does what the votes ask for must not count as forgetting. Where it may spill over,
    more is asked.
    """
    # only if something is left out are there more to be taken instead
    drawn_at = range(CANARY_POOL if voted else CANARY_QUESTIONS)
    pool = [example("validation", number) for number in drawn_at]
    about = contested(voted, [(each.question, each.kind) for each in pool])
    drawn = [each for each in pool if each.kind not in about.kinds][:CANARY_QUESTIONS]
    drawn += spilled_on("validation", about, CANARY_SPILLED)
    aside = [trace for trace in traces if _aside(trace)]
    free = about.free([question for question, _ in aside])
    lessons = [lesson_of(each) for each in drawn]
    lessons += [Lesson(*aside[place]) for place in free[:CANARY_TRACES]]
    left_out = sum(each.kind in about.kinds for each in pool[:CANARY_QUESTIONS])
    left_out += len({*range(len(aside[:CANARY_TRACES]))} - {*free})
    return Known(Canary(list(_encoded(student, lessons))), about, left_out)


def replay_lessons(
    student: ImageTokenReasoningLLM, traces: Sequence[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Known answers to learn again, as JSON values; none of what the student was never taught."""
    specs = [(n, example("train", n, kind).spec) for n in range(REPLAYED_EACH) for kind in KINDS]
    told = [trace for trace in traces if not _aside(trace)][:REPLAYED_TRACES]
    found = list[dict[str, Any]]()
    sources: list[list[dict[str, Any]]] = [
        [{"spec": spec, "think": bool(number % 2)} for number, spec in specs],
        [{"question": question, "answer": answer} for question, answer in told],
    ]
    for lessons in sources:
        plain = [{**lesson, "think": False} for lesson in lessons]
        encoded = list(_encoded(student, [lesson_from_json(each) for each in plain]))
        right = exact(student, look(student, encoded))
        if right and sum(right) / len(right) >= KNOWS:
            found += lessons
    return found


def lesson_from_json(values: Mapping[str, Any]) -> Lesson:
    """A lesson that ``replay_lessons`` named. Raises: InputError if its spec names no example."""
    if "spec" in values:
        return lesson_of(from_spec(values["spec"]), think=values["think"])
    return Lesson(values["question"], values["answer"])


def replayed(
    student: ImageTokenReasoningLLM,
    lessons: Sequence[Mapping[str, Any]],
    liked: Sequence[VotedAnswer],
    about: Contested,
) -> list[EncodedLesson]:
    """The lessons of the replay laid out, and the answers that were liked before.

    Lessons that the votes are ``about`` are left out: they would teach the old answers again. Where
    these may spill over, lessons are added.
    """
    drawn = [
        each for each in lessons if "spec" in each and kind_of(each["spec"]) not in about.kinds
    ]
    told = [each for each in lessons if "spec" not in each]
    free = [told[place] for place in about.free([each["question"] for each in told])]
    # a student that has no lesson of the micro-world was never taught it
    near = spilled_on("train", about, REPLAYED_SPILLED) if drawn else []
    again = [lesson_from_json(each) for each in [*drawn, *free]]
    # thoughts are asked for half of the time, but only where there are some
    again += [lesson_of(e, think=bool(e.thought and n % 2)) for n, e in enumerate(near)]
    known = _encoded(student, again)
    return [*known, *(answered(vote.prompt, vote.answer_ids) for vote in liked)]


def _encoded(student: ImageTokenReasoningLLM, lessons: Sequence[Lesson]) -> Iterator[EncodedLesson]:
    for lesson in lessons:
        try:
            yield encode_lesson(student, lesson)
        except InputError as error:  # too long for this student
            log.info("a known answer is left out: %s", error)


def _aside(trace: tuple[str, str]) -> bool:
    return crc32(trace[0].encode()) % TRACES_ASIDE == 0
