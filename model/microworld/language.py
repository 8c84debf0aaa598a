"""The words of the micro-world: one exact answer for every content, several ways to ask for it.

Answers are short whole sentences. A label of the tables has its own grammar; any other label, such
as a person may have typed, gets an article by its letters.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from model.microworld.blocks import COLOURS, Block, BlockAction, Scene
from model.microworld.everyday import actions, things

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


def listing(parts: Sequence[str]) -> str:
    """“a”, “a and b”, “a, b and c”."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


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


# ── blocks ──────────────────────────────────────────────────────────────────────────────────────


def block_label(block: Block) -> str:
    """“large red square”."""
    return f"{block.size} {block.colour} {block.shape}"


def block_relation(action: BlockAction) -> str:
    """The action as a relation of the graph: “paint blue”, “reshape into a star”, “grow”."""
    if action.verb == "reshape":
        return f"reshape into a {action.value}"
    return f"{action.verb} {action.value}".strip()


def describe_answer(scene: Scene) -> str:
    """“There is a large red square and a small blue star.” In reading order."""
    if not scene.blocks:
        return "There is nothing."
    return f"There is {listing([noun(block_label(block)) for _, block in scene.blocks])}."


def block_action_answer(action: BlockAction) -> str:
    """“This picture shows painting something blue.”"""
    gerund = {"paint": "painting", "grow": "growing", "shrink": "shrinking"}.get(action.verb)
    gerund = gerund or {"reshape": "reshaping", "remove": "removing", "add": "adding"}[action.verb]
    ending = f" into a {action.value}" if action.verb == "reshape" else f" {action.value}".rstrip()
    return f"This picture shows {gerund} something{ending}."


def change_answer(before: Scene, action: BlockAction) -> str:
    """“The large red square was painted blue.”"""
    if action.verb == "add":
        assert action.block is not None
        return f"{noun(block_label(action.block)).capitalize()} was added."
    block = before.at(action.cell)
    assert block is not None
    ending = {
        "paint": f"was painted {action.value}",
        "grow": "grew",
        "shrink": "shrank",
        "reshape": f"became a {action.value}",
        "remove": "was removed",
    }[action.verb]
    return f"The {block_label(block)} {ending}."


# ── from a sentence back to a label ─────────────────────────────────────────────────────────────


def label_of(sentence: str) -> str:
    """The label in a naming sentence: “This is an egg.” → “egg”; else all of it."""
    text = sentence.strip().rstrip(".")
    if text.startswith("This picture shows "):
        doing = text.removeprefix("This picture shows ")
        by_gerund = {action.gerund: label for label, action in actions().items()}
        if doing in by_gerund:
            return by_gerund[doing]
        verbs = {"painting": "paint", "growing": "grow", "shrinking": "shrink", "adding": "add"}
        verbs |= {"reshaping": "reshape", "removing": "remove"}
        gerund, _, rest = doing.partition(" something")
        return f"{verbs.get(gerund, gerund)}{rest}"
    for opening in ("This is ", "These are ", "There is ", "There are "):
        if text.startswith(opening):
            return without_article(text.removeprefix(opening))
    return text


def without_article(phrase: str) -> str:
    """“an egg” → “egg”."""
    first, _, rest = phrase.strip().partition(" ")
    articles = ("a", "an", "the", "some", "my", "this", "these")
    return rest.strip() if rest and first.lower() in articles else phrase.strip()
