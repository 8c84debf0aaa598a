"""What a teacher is asked to find triplets in a text or a picture, and how its answer is read.

Nothing a teacher says is trusted: the answer is looked through for whole triplets, whether it is
the JSON that was asked for, stands in a fence, or is cut off in the middle.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from string import Template
from typing import Any

from model import paths
from model.errors import InputError
from model.knowledge.labels import clean_draft
from model.records import ROLES, PictureId, TripletDraft
from model.teachers.base import Question

UNSAID = 0.5
"""The confidence of a triplet whose teacher gives none that can be read."""
UNSEEN = 0.3
"""The most for a triplet whose things do not stand in the text that was read."""
NOT_IN_TEXT = "The text does not name it: the teacher may have made it up."
_LABEL = {"type": "string"}
_PARTS = {"subject": _LABEL, "relation": _LABEL, "object": _LABEL}


def _schema(**more: Any) -> dict[str, Any]:
    parts = {**_PARTS, **more, "confidence": {"type": "number"}}
    triplet = {"type": "object", "properties": parts, "required": list(parts)}
    return {
        "type": "object",
        "properties": {"triplets": {"type": "array", "items": triplet}},
        "required": ["triplets"],
    }


TEXT_SCHEMA = _schema()
PICTURE_SCHEMA = _schema(shows={"type": "string", "enum": list(ROLES)})


@dataclass(frozen=True)
class Found:
    """The triplets of one answer, and how many entries of it could not be used.

    ``readable`` tells an empty list from an answer that is no list at all.
    """

    drafts: tuple[TripletDraft, ...]
    unusable: int
    readable: bool


def text_question(piece: str) -> Question:
    """Asks for the triplets of a piece of text."""
    return Question(_prompt("triplets_text.txt").substitute(text=piece))


def picture_question(picture: bytes) -> Question:
    """Asks for the triplets that a picture (PNG or JPEG) shows."""
    return Question(_prompt("triplets_picture.txt").substitute(), (picture,))


def from_text(answer: str, piece: str, *, author: str, origin: str) -> Found:
    """The triplets of an answer about a piece of text.

    One whose subject or object shares no word with the piece counts ``UNSEEN`` at most, and its
    note says why.
    """
    known = _words(piece)

    def draft(entry: dict[str, Any]) -> TripletDraft:
        confidence, note = _confidence(entry), ""
        ends = (_label(entry, "subject"), _label(entry, "object"))
        if not all(_words(label) & known for label in ends):
            confidence, note = min(confidence, UNSEEN), NOT_IN_TEXT
        return TripletDraft(
            ends[0], _label(entry, "relation"), ends[1], source="text", note=note,
            confidence=confidence, author=author, origin=origin,
        )  # fmt: skip

    return _found(answer, draft)


def from_picture(answer: str, picture: PictureId, *, author: str, origin: str) -> Found:
    """The triplets of an answer about a picture, which takes the place that the teacher names."""

    def draft(entry: dict[str, Any]) -> TripletDraft:
        what, action, result = (picture if entry.get("shows") == role else None for role in ROLES)
        return TripletDraft(
            _label(entry, "subject"), _label(entry, "relation"), _label(entry, "object"),
            what, action, result, source="picture", confidence=_confidence(entry),
            author=author, origin=origin,
        )  # fmt: skip

    return _found(answer, draft)


def _found(answer: str, draft: Callable[[dict[str, Any]], TripletDraft]) -> Found:
    drafts, unusable, readable = [], 0, False
    for listed in _lists(answer):
        readable = True
        for entry in listed:
            try:
                drafts.append(clean_draft(draft(entry if isinstance(entry, dict) else {})))
            except InputError:
                unusable += 1
    return Found(tuple(drafts), unusable, readable)


def _lists(answer: str) -> Iterator[list[Any]]:
    """Every list of triplets in the answer; a triplet that stands alone is a list of one.

    Objects are looked for from every opening brace on, so that a list whose end is missing gives
    what is complete, and words around it do not matter.
    """
    decoder, at = json.JSONDecoder(), answer.find("{")
    while at >= 0:
        value, end = _object(decoder, answer, at)
        if isinstance(value.get("triplets"), list):
            yield value["triplets"]
        elif value.keys() >= _PARTS.keys():
            yield [value]
        at = answer.find("{", end)


def _object(decoder: json.JSONDecoder, answer: str, at: int) -> tuple[dict[str, Any], int]:
    """The object that begins at a brace, and where it ends; an empty one if it is not whole."""
    try:
        value, end = decoder.raw_decode(answer, at)
    except (ValueError, RecursionError):
        return {}, at + 1
    return value, end


def _label(entry: dict[str, Any], part: str) -> str:
    value = entry.get(part)
    return value if isinstance(value, str) else ""


def _confidence(entry: dict[str, Any]) -> float:
    value = entry.get("confidence")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return UNSAID
    return round(float(value), 3) if 0 <= value <= 1 else UNSAID


def _words(text: str) -> set[str]:
    """The words of a text without endings, so that “eggs” is found where “egg” stands."""
    return {word[:-1] if len(word) > 3 and word.endswith("s") else word
            for word in re.findall(r"\w+", text.lower())}  # fmt: skip


@lru_cache
def _prompt(name: str) -> Template:
    return Template((paths.ASSETS / "prompts" / name).read_text("utf-8").strip())
