"""The micro-world's oracle: any number of questions with the one right answer to each.

An example is a pure function of its split, number and kind. Its name, such as
``test/17/everyday-name``, is all that has to be kept of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from model.errors import InputError
from model.microworld import blocks_questions, everyday_questions, language, reading
from model.microworld.conditions import Conditions, conditions_of
from model.microworld.everyday import outcomes
from model.microworld.example import FactWords, Item
from model.microworld.hops import hop
from model.microworld.small_talk import small_talk_item, talk_answer
from model.microworld.splits import seed_of

PICTURE_PX = 96

KINDS: dict[str, float] = {
    "everyday-name": 0.12,
    "everyday-action": 0.04,
    "everyday-explain": 0.09,
    "everyday-predict-picture": 0.09,
    "everyday-predict-words": 0.06,
    "everyday-predict-fact": 0.10,
    "everyday-chain": 0.05,
    "everyday-hop": 0.08,
    "everyday-unknown": 0.02,
    "blocks-describe": 0.08,
    "blocks-look": 0.04,
    "blocks-action": 0.02,
    "blocks-inverse": 0.06,
    "blocks-explain": 0.03,
    "blocks-event": 0.04,
    "blocks-predict": 0.02,
    "blocks-after": 0.02,
    "chat": 0.04,
}
"""Every kind of question and its share of a mixed set."""

_MAKERS: dict[str, Callable[[random.Random, int, Conditions], Item]] = {
    "everyday-name": everyday_questions.name,
    "everyday-action": everyday_questions.action,
    "everyday-explain": everyday_questions.explain,
    "everyday-predict-picture": everyday_questions.predict_picture,
    "everyday-predict-words": everyday_questions.predict_words,
    "everyday-predict-fact": everyday_questions.predict_fact,
    "everyday-chain": everyday_questions.chain,
    "everyday-hop": hop,
    "everyday-unknown": everyday_questions.unknown,
    "blocks-describe": blocks_questions.describe,
    "blocks-look": blocks_questions.look,
    "blocks-action": blocks_questions.action,
    "blocks-inverse": blocks_questions.inverse,
    "blocks-explain": blocks_questions.explain,
    "blocks-event": blocks_questions.event,
    "blocks-predict": blocks_questions.predict,
    "blocks-after": blocks_questions.after,
    "chat": lambda rng, _, __: small_talk_item(rng),
}


@dataclass(frozen=True)
class Example(Item):
    """One question and its one right answer, with its kind and its name."""

    kind: str = ""
    spec: str = ""


def example(
    split: str, index: int, kind: str | None = None, *, size_px: int = PICTURE_PX
) -> Example:
    """The example with this number; the same on every machine. Without ``kind``, kinds are mixed.

    Pictures are RGB, ``size_px`` wide and high.

    Raises: InputError if the split or the kind is unknown or the number negative.
    """
    if kind is None:
        pick = random.Random(seed_of(split, index, "any"))
        kind = pick.choices(tuple(KINDS), tuple(KINDS.values()))[0]
    maker = _MAKERS.get(kind)
    if maker is None:
        raise InputError(
            f"There is no kind “{kind}” of question; choose one of: {', '.join(KINDS)}."
        )
    item = maker(random.Random(seed_of(split, index, kind)), size_px, conditions_of(split))
    return Example(**vars(item), kind=kind, spec=f"{split}/{index}/{kind}")


def from_spec(spec: str, *, size_px: int = PICTURE_PX) -> Example:
    """The example with this name.

    Raises: InputError if the name is not ``split/number/kind`` or one of them is unknown.
    """
    split, _, rest = spec.partition("/")
    number, _, kind = rest.partition("/")
    if not number.isdecimal() or not kind:
        raise InputError(f"“{spec}” names no example; names look like test/17/everyday-name.")
    return example(split, int(number), kind, size_px=size_px)


def kind_of(spec: str) -> str:
    """The kind of question that the example with this name asks, without drawing it."""
    return spec.rpartition("/")[2]


def answer_text(question: str, facts: Sequence[FactWords] = ()) -> str | None:
    """The right answer to a question that a person typed without a picture, if it is understood.

    Facts come before what is true in daily life. A step that is understood but neither in the
    facts nor in the tables is answered by the sentence that the student uses when it does not
    know. Small talk and chains of steps are understood, too. None: not understood.
    """
    talk = talk_answer(question)
    if talk is not None:
        return talk
    steps = reading.steps(question, [relation for _, relation, _ in facts])
    if not steps:
        return None
    known = {(s.lower(), r.lower()): o for s, r, o in facts}
    results: list[str] = []
    for step in steps:
        subject = step.thing or (results[-1] if results else "")
        found = known.get((subject.lower(), step.relation)) or result_of(subject, step.relation)
        if found is None:
            return language.DO_NOT_KNOW
        results.append(found)
    if len(results) > 1:
        return language.chain_answer(results)
    return language.predict_answer(steps[0].thing, steps[0].relation, results[0])


def result_of(subject: str, relation: str) -> str | None:
    """What comes of doing this to that, in the tables or in the world of blocks; else None."""
    return outcomes().get((subject, relation)) or reading.block_result(subject, relation)
