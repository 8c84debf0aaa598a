"""The words of daily life: one exact answer for every content, several ways to ask for it.

The words of blocks are in ``blocks_words``. Answers are short whole sentences. A label of the
tables has its own grammar; any other label, such as a person may have typed, gets an article by
its letters.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from model.microworld.blocks import COLOURS
from model.microworld.blocks_words import listing, read_scene, relation_of
from model.microworld.everyday import actions, things

UNFAMILIAR = "I have not seen anything like this."
DO_NOT_KNOW = "I do not know that yet. Show me a picture or teach me a triplet."
WAIT = "wait"
"""The one action that is done to nothing: the thing changes by itself."""

ASK_ANYTHING = ("What is this?", "What's this?", "What do you see?", "What is in the picture?")
ASK_NAME = (*ASK_ANYTHING, "Name this.", "Tell me what this is.", "What does the picture show?")
ASK_ACTION = (*ASK_ANYTHING, "What is being done?", "Which action is this?", "What is done here?")
ASK_SCENE = (*ASK_ANYTHING, "What does the picture show?", "Describe the picture.")
ASK_TRIPLET = (
    "What happened here?",
    "What was done?",
    "Explain these pictures.",
    "Tell me what happened.",
    "Explain this triplet.",
)
ASK_STEP = (
    "Which step turned the first into the second?",
    "What was done?",
    "What happened here?",
    "What happened between the pictures?",
    "Which step is missing?",
)
ASK_CHANGE = (
    "What changed?",
    "What happened here?",
    "What was done?",
    "Which step turned the first into the second?",
    "What is different now?",
)
ASK_STEPS = (
    *("What happened here?", "What was done?", "Explain these pictures.", "What changed?"),
    *("Which steps turned the first into the second?", "What happened between the pictures?"),
)
ASK_RESULT = ("What will happen?", "What do I get?", "What comes out?", "What is the result?")


def fact_line(subject: str, relation: str, object: str) -> str:
    """A fact as the student reads it; the same as ``records.Fact.line``."""
    return f"{subject} | {relation} | {object}"


# ── grammar ─────────────────────────────────────────────────────────────────────────────────────


def plural(label: str) -> bool:
    """Whether a label is spoken of as many; unknown labels are judged by their last letters."""
    known = things().get(label)
    return known.plural if known else label.endswith("s") and not label.endswith(("ss", "us", "is"))


def noun(label: str) -> str:
    """The label with its indefinite article: “an egg”, “grapes”, “water”."""
    known = things().get(label)
    if known:
        return f"{known.article} {label}".strip()
    if plural(label):
        return label
    return f"{'an' if label[:1].lower() in 'aeiou' else 'a'} {label}"


def pronoun(label: str) -> str:
    """It or them."""
    return "them" if plural(label) else "it"


def act(relation: str, what: str) -> str:
    """The action applied to a phrase: “heat an egg”, “paint it blue”, “reshape it into a star”."""
    verb, _, rest = relation.partition(" ")
    if (verb == "paint" and rest in COLOURS) or (verb == "reshape" and rest.startswith("into ")):
        return f"{verb} {what} {rest}"
    return f"{relation} {what}"


# ── answers about everyday things ───────────────────────────────────────────────────────────────


def name_answer(label: str) -> str:
    """“This is an egg.”"""
    return f"{'These are' if plural(label) else 'This is'} {noun(label)}."


def action_answer(label: str) -> str:
    """“This picture shows heating.”"""
    return f"This picture shows {actions()[label].gerund}."


def explain_answer(subject: str, relation: str, object: str) -> str:
    """“The egg was heated and became a fried egg.”"""
    action = actions()[relation]
    if relation == WAIT:
        return f"Time passed and the {subject} became {noun(object)}."
    verb = "were" if plural(subject) else "was"
    return f"The {subject} {verb} {action.past} and {action.outcome} {noun(object)}."


def predict_answer(subject: str, relation: str, object: str) -> str:
    """“If you heat an egg, you get a fried egg.” Works for any labels."""
    if relation == WAIT:
        verb = "become" if plural(subject) else "becomes"
        return f"If you wait, {noun(subject)} {verb} {noun(object)}."
    return f"If you {act(relation, noun(subject))}, you get {noun(object)}."


def chain_answer(results: Sequence[str]) -> str:
    """“First you get a seedling, then a tree.”"""
    return f"First you get {noun(results[0])}{''.join(f', then {noun(r)}' for r in results[1:])}."


# ── questions about everyday things ─────────────────────────────────────────────────────────────


def predict_question(rng: random.Random, subject: str, relation: str) -> str:
    """Ask in words what comes of an action."""
    if relation == WAIT:
        what = rng.choice((noun(subject), f"the {subject}"))
        verb = "do" if plural(subject) else "does"
        return rng.choice(
            (
                f"What happens to {what} if I wait?",
                f"What {verb} {what} become if I wait?",
                f"I have {what} and wait. What do I get?",
            )
        )
    return _ask_outcome(rng, act(relation, rng.choice((noun(subject), f"the {subject}"))))


def predict_shown_question(rng: random.Random, subject: str, relation: str) -> str:
    """Ask what comes of an action with a thing that is in the picture and not named."""
    if relation == WAIT:
        return rng.choice(
            ("What happens if I wait?", "What do I get if I wait?", "I wait. What happens?")
        )
    shown = "these" if plural(subject) else "this"
    return _ask_outcome(rng, act(relation, rng.choice((pronoun(subject), pronoun(subject), shown))))


def predict_told_question(rng: random.Random, subject: str, relation: str) -> str:
    """Ask about a thing in a picture that the student is told the name of."""
    told = name_answer(subject)
    return f"{told} {predict_shown_question(rng, subject, relation)}"


def _ask_outcome(rng: random.Random, doing: str) -> str:
    return rng.choice(
        (
            f"What happens if I {doing}?",
            f"What happens if I {doing}?",
            f"What do I get if I {doing}?",
            f"What happens when I {doing}?",
            f"I {doing}. What happens?",
            f"I {doing}. What do I get?",
            f"If I {doing}, what do I get?",
        )
    )


def chain_question(rng: random.Random, steps: Sequence[tuple[str, str]]) -> str:
    """Ask what comes of several (thing, relation) steps, one after the other."""
    (first, relation), later = steps[0], steps[1:]
    start = f"take {noun(first)} and wait" if relation == WAIT else act(relation, noun(first))
    rest = "".join(
        f", then {'wait' if verb == WAIT else act(verb, pronoun(thing))}" for thing, verb in later
    )
    doing = start + rest
    return rng.choice(
        (
            f"I {doing}. What do I get?",
            f"What do I get if I {doing}?",
            f"What happens if I {doing}?",
        )
    )


# ── from a sentence back to a label ─────────────────────────────────────────────────────────────


def label_of(sentence: str) -> str:
    """The label in a naming sentence: “This is an egg.” → “egg”; else all of it.

    Of blocks it is what they are, not where: “large red square and small blue star”.
    """
    text = sentence.strip().rstrip(".")
    blocks = read_scene(f"{text}.")
    if blocks:
        return listing([block.label for _, block in blocks])
    if text.startswith("This picture shows "):
        doing = text.removeprefix("This picture shows ")
        by_gerund = {action.gerund: label for label, action in actions().items()}
        return by_gerund.get(doing) or relation_of(f"{text}.") or doing
    for opening in ("This is ", "These are ", "There is ", "There are "):
        if text.startswith(opening):
            return without_article(text.removeprefix(opening))
    return text


def without_article(phrase: str) -> str:
    """“an egg” → “egg”."""
    first, _, rest = phrase.strip().partition(" ")
    articles = ("a", "an", "the", "some", "my", "this", "these")
    return rest.strip() if rest and first.lower() in articles else phrase.strip()
