"""Reads questions that a person typed: which things, which actions, in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from model.errors import InputError
from model.microworld.blocks import COLOURS, SHAPES, Verb, changed
from model.microworld.blocks_words import read_block
from model.microworld.everyday import actions
from model.microworld.language import WAIT, without_article
from model.microworld.small_talk import plain

_PRONOUNS = ("it", "them", "this", "these", "that")
_ENDING = r"(?:what (?:happens|will happen|do i get|will i get|comes out|is the result))"
_DOING = (
    re.compile(rf"{_ENDING}(?: next)? (?:if|when) (?:i|you|we) (?P<doing>.+)"),
    re.compile(rf"(?:if|when) (?:i|you|we) (?P<doing>.+?),? (?:then )?{_ENDING}"),
    re.compile(rf"(?:i|we) (?P<doing>.+?)[.;,]? (?:and )?{_ENDING}"),
)
_WAITING = (
    re.compile(r"what happens to (?P<thing>.+?) (?:if|when) i wait"),
    re.compile(r"what (?:do|does|will) (?P<thing>.+?) become (?:if|when) i wait"),
    re.compile(rf"i have (?P<thing>.+?) and (?:i )?wait[.;,]? {_ENDING}"),
)
_TOLD = re.compile(r"(?:this is|these are) (?P<thing>[^.]+)\. (?P<rest>.+)")
_THEN = re.compile(r",? (?:and )?then (?:i )?")


@dataclass(frozen=True)
class Step:
    """An action and the thing it is done to; an empty thing is the result of the step before."""

    thing: str
    relation: str


def steps(question: str, relations: Iterable[str] = ()) -> tuple[Step, ...]:
    """The steps that a question names, in order; empty if it is not understood.

    ``relations`` are actions besides those of the tables, such as those of a graph.
    """
    text = re.sub(r"\s+", " ", plain(question))
    told = _TOLD.fullmatch(text)
    given = without_article(told["thing"]) if told else ""
    text = told["rest"] if told else text
    for pattern in _WAITING:
        match = pattern.fullmatch(text)
        if match:
            thing = without_article(match["thing"])
            return (Step(given if thing in _PRONOUNS else thing, WAIT),)
    match = next((m for pattern in _DOING if (m := pattern.fullmatch(text))), None)
    if match is None:
        return ()
    verbs = sorted({*actions(), *(r.lower() for r in relations)}, key=len, reverse=True)
    parts = _THEN.split(match["doing"])
    found = [_step(part.strip(" ,."), verbs) for part in parts]
    whole = tuple(step for step in found if step)
    if len(whole) < len(found) or (not whole[0].thing and not given):
        return ()
    return (Step(whole[0].thing or given, whole[0].relation), *whole[1:])


def _step(phrase: str, verbs: list[str]) -> Step | None:
    """“heat the egg” → (egg, heat); “paint it blue” → (it, paint blue)."""
    if phrase == WAIT:
        return Step("", WAIT)
    waiting = re.fullmatch(r"(?:take|have) (.+) and wait", phrase)
    if waiting:
        return Step(without_article(waiting[1]), WAIT)
    block = _block_step(phrase)
    if block:
        return block
    verb = next((verb for verb in verbs if phrase.startswith(f"{verb} ")), None)
    return _made(phrase.removeprefix(verb), verb) if verb else None


def _made(what: str, relation: str) -> Step:
    thing = without_article(what)
    return Step("" if thing in _PRONOUNS else thing, relation)


def _block_step(phrase: str) -> Step | None:
    """An action on a block: its value stands behind the block."""
    painted = re.fullmatch(rf"paint (.+) ({'|'.join(COLOURS)})", phrase)
    if painted:
        return _made(painted[1], f"paint {painted[2]}")
    reshaped = re.fullmatch(rf"(?:reshape|turn) (.+) into an? ({'|'.join(SHAPES)})", phrase)
    if reshaped:
        return _made(reshaped[1], f"reshape into a {reshaped[2]}")
    sized = re.fullmatch(r"(grow|shrink) (.+)", phrase)
    return _made(sized[2], sized[1]) if sized else None


def block_result(label: str, relation: str) -> str | None:
    """The label of a block after an action; None if it is no block, or nothing would change."""
    block = read_block(label)
    word, _, value = relation.partition(" ")
    sizes = {"grow": "large", "shrink": "small"}
    verb: Verb = "resize" if word in sizes else "paint" if word == "paint" else "reshape"
    if block is None or word not in (*sizes, "paint", "reshape"):
        return None
    try:
        return changed(block, verb, sizes.get(word, value.removeprefix("into a "))).label
    except InputError:
        return None
