"""Prompts from a person's own graph: single steps, ways of two steps, and pictures.

Each carries the facts that answer it among some that do not, so that a teacher who has never heard
of them can answer, and the student learns to read. The answer that the graph itself gives is known,
too: with it nobody has to be asked.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from model.errors import InputError
from model.knowledge.labels import norm_label
from model.learning.prompt_pool import PromptPool, dropped_notes
from model.microworld import language
from model.microworld.everyday import actions
from model.prompt_records import PromptDraft
from model.records import PictureId, Role, Triplet

SAMPLED = 20_000
"""Triplets of a large graph that prompts are made of."""
BESIDE = 3
"""Facts beside those that answer a prompt."""
FROM_GRAPH = "from the graph"

Neighbours = Callable[[str], Sequence[Triplet]]
"""The triplets around a label."""


@dataclass(frozen=True)
class GraphPrompts:
    """Prompts with the graph's own answers, and what a person should know about them."""

    drafts: tuple[PromptDraft, ...]
    notes: tuple[str, ...] = ()


def graph_prompts(
    triplets: Iterable[Triplet],
    neighbours: Neighbours,
    count: int,
    *,
    seed: int,
    with_pictures: bool,
) -> GraphPrompts:
    """Up to ``count`` prompts, every kind in turn; the same for the same graph and seed.

    ``with_pictures`` also asks about the pictures of image triplets: for teachers who see.

    Raises: InputError if the graph has no triplet.
    """
    chosen = _sample(triplets, seed)
    if not chosen:
        raise InputError("The graph has 0 triplets. Add some, or choose another source of prompts.")
    pool = PromptPool(count)
    drafts: list[PromptDraft] = []
    pictures = 0
    for draft in _drafts(chosen, neighbours, seed, with_pictures):
        if pool.full:
            break
        # the same words may ask about other pictures, which the pool does not look at
        if draft.pictures or pool.take([draft.text]):
            drafts.append(draft)
            pictures += bool(draft.pictures)
        if len(drafts) >= count:
            break
    notes = [f"{len(drafts)} prompts come from {len(chosen)} triplets, {pictures} with pictures."]
    if len(drafts) < count:
        notes.append(f"There are {len(drafts)} prompts instead of {count}: the graph has no more.")
    return GraphPrompts(tuple(drafts), (*notes, *dropped_notes(pool.dropped)))


def facts_system(facts: Sequence[str], system: str) -> str:
    """What a teacher is told before a prompt that goes with facts."""
    if not facts:
        return system
    told = "Answer in one or two sentences, and only from these facts:\n" + "\n".join(facts)
    return f"{system}\n{told}".strip()


def _sample(triplets: Iterable[Triplet], seed: int) -> list[Triplet]:
    """At most ``SAMPLED`` triplets, each equally likely, in an order drawn by chance."""
    draw = random.Random(seed)
    kept: list[Triplet] = []
    for number, triplet in enumerate(triplets):
        if number < SAMPLED:
            kept.append(triplet)
        elif (place := draw.randrange(number + 1)) < SAMPLED:
            kept[place] = triplet
    draw.shuffle(kept)
    return kept


def _drafts(
    triplets: Sequence[Triplet], neighbours: Neighbours, seed: int, with_pictures: bool
) -> Iterator[PromptDraft]:
    """One prompt of each kind for each triplet in turn."""
    for triplet in triplets:
        draw = random.Random(f"{seed}/{triplet.id}")
        around = list(neighbours(triplet.subject))
        if with_pictures:
            yield from _pictured(triplet, draw)
        yield _step(triplet, around, draw)
        further = [
            each
            for each in neighbours(triplet.object)
            if norm_label(each.subject) == norm_label(triplet.object)
            and norm_label(each.object) != norm_label(triplet.subject)
        ]
        if further and _is_action(triplet.relation):
            second = draw.choice(further)
            if _is_action(second.relation):
                yield _way(triplet, second, around, draw)


def _step(triplet: Triplet, around: Sequence[Triplet], draw: random.Random) -> PromptDraft:
    subject, relation, made = triplet.subject, triplet.relation, triplet.object
    if _is_action(relation):
        text = language.predict_question(draw, subject, relation)
        answer = language.predict_answer(subject, relation, made)
    else:
        text = f"What do the facts say about {subject} and “{relation}”?"
        answer = f"{subject} {relation} {made}.".capitalize()
    facts = _facts([triplet], around, draw)
    return PromptDraft(text, facts=facts, origin=_origin(triplet), answer=answer)


def _way(
    first: Triplet, second: Triplet, around: Sequence[Triplet], draw: random.Random
) -> PromptDraft:
    steps = [(first.subject, first.relation), (first.object, second.relation)]
    return PromptDraft(
        language.chain_question(draw, steps),
        facts=_facts([first, second], around, draw),
        origin=f"{_origin(first)} · {second.relation} · {second.object}",
        answer=language.chain_answer([first.object, second.object]),
    )


def _pictured(triplet: Triplet, draw: random.Random) -> Iterator[PromptDraft]:
    """What a thing is, and what happened between two pictures."""
    what, made = triplet.subject_picture, triplet.object_picture
    if what:
        yield _seen(triplet, draw.choice(language.ASK_NAME), [("what", what)],
                    language.name_answer(triplet.subject))  # fmt: skip
    if what and made and triplet.relation in actions():
        yield _seen(
            triplet,
            draw.choice(language.ASK_STEP),
            [("what", what), ("result", made)],
            language.explain_answer(triplet.subject, triplet.relation, triplet.object),
        )


def _seen(
    triplet: Triplet, text: str, shown: Sequence[tuple[Role, PictureId]], answer: str
) -> PromptDraft:
    # one picture alone is asked about as in a chat, without its place in a triplet
    roles = tuple(role for role, _ in shown) if len(shown) > 1 else ()
    pictures = tuple(picture for _, picture in shown)
    return PromptDraft(text, pictures, roles, origin=_origin(triplet), answer=answer)


def _facts(
    needed: Sequence[Triplet], around: Sequence[Triplet], draw: random.Random
) -> tuple[str, ...]:
    """The facts that are needed among some of their neighbours, in an order drawn by chance."""
    known = {each.id for each in needed}
    others = [each for each in around if each.id not in known]
    listed = [*needed, *draw.sample(others, min(BESIDE, len(others)))]
    draw.shuffle(listed)
    return tuple(language.fact_line(each.subject, each.relation, each.object) for each in listed)


def _is_action(relation: str) -> bool:
    """Whether a relation is something that is done: “heat”, not “is a kind of” or “contains”."""
    first = relation.split(" ")[0].lower()
    if relation in actions():
        return True
    states = {
        "is",
        "are",
        "has",
        "have",
        "was",
        "were",
        "of",
        "in",
        "on",
        "at",
        "needs",
        "contains",
    }
    return first not in states and not (first.endswith("s") and not first.endswith("ss"))


def _origin(triplet: Triplet) -> str:
    return f"{FROM_GRAPH}: {triplet.subject} · {triplet.relation} · {triplet.object}"
