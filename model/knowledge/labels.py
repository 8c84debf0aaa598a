"""What may stand in a triplet: labels are checked and compared here, and nowhere else."""

from __future__ import annotations

import dataclasses
import functools
import re
import unicodedata

from model.errors import InputError
from model.records import TripletDraft

MAX_LABEL = 120
"""Characters of the longest label."""
MAX_NOTE = 2000
"""Characters of the longest note."""
MAX_ORIGIN = 300
"""Characters of the longest source, author or origin."""

_PLACES = ("what", "action", "result")
_INVISIBLE = {"Cf", "Mn", "Me", "Zs", "Zl", "Zp"}
_REMEMBERED = 65_536
"""Labels whose check and comparison are not done again: those of an import come many times."""


# ── checking ────────────────────────────────────────────────────────────────────────────────────


@functools.lru_cache(_REMEMBERED)
def clean_label(text: str, place: str) -> str:
    """A label as it is stored: no outer white space, and single spaces inside.

    ``place`` is what the page calls it: what, action or result. Markup and quotes are kept as
    they were typed: whoever shows a label escapes it.

    Raises: InputError if nothing visible is left, if it is too long, or if it holds characters
    that no text has.
    """
    label = " ".join(text.split())
    if len(label) > MAX_LABEL:
        raise InputError(
            f"The {place} is {len(label):,} characters long; the limit is {MAX_LABEL}. Shorten it."
        )
    if label and label.isascii() and label.isprintable():
        return label
    if all(unicodedata.category(character) in _INVISIBLE for character in label):
        raise InputError(f"The {place} has no words. Name it in 1 to {MAX_LABEL} characters.")
    for position, character in enumerate(label, start=1):
        if unicodedata.category(character) in {"Cc", "Cs"}:
            raise InputError(
                f"The {place} holds a control character (U+{ord(character):04X}) at position "
                f"{position}. Delete it and type the words again."
            )
    return label


def storable(text: str) -> str:
    """Text that UTF-8 can hold: half a surrogate pair, as in a cut-off answer, becomes “?”."""
    return text.encode("utf-8", "replace").decode("utf-8")


def clean_draft(draft: TripletDraft) -> TripletDraft:
    """A draft that can be stored: its labels, note, confidence and where it came from.

    Raises: InputError naming every one of what, action and result that is missing, or the first
    part that cannot be used.
    """
    texts = (draft.subject, draft.relation, draft.object)
    if not all(map(str.strip, texts)):
        raise InputError(_missing(texts))
    labels = tuple(
        clean_label(_short(text, at), at) for text, at in zip(texts, _PLACES, strict=True)
    )
    cleaned = clean_notes(draft)
    if labels == texts and cleaned == (draft.note, draft.source, draft.author, draft.origin):
        return draft
    return dataclasses.replace(
        draft,
        subject=labels[0],
        relation=labels[1],
        object=labels[2],
        note=cleaned[0],
        source=cleaned[1],
        author=cleaned[2],
        origin=cleaned[3],
    )


def clean_notes(draft: TripletDraft) -> tuple[str, str, str, str]:
    """Note, source, author and origin of a draft as they are stored; its confidence is checked.

    Raises: InputError naming the first that cannot be used.
    """
    if not 0.0 <= draft.confidence <= 1.0:  # not a number is refused, too
        raise InputError(
            f"The confidence is {draft.confidence:g}; it must lie between 0 and 1 (or 0 % and "
            "100 %). Correct it, or leave it empty for 1."
        )
    return (
        _clean_text(draft.note, "note", MAX_NOTE),
        _clean_text(draft.source, "source", MAX_ORIGIN),
        _clean_text(draft.author, "author", MAX_ORIGIN),
        _clean_text(draft.origin, "origin", MAX_ORIGIN),
    )


def _missing(texts: tuple[str, str, str]) -> str:
    missing = [place for place, text in zip(_PLACES, texts, strict=True) if not text.strip()]
    listed = " and ".join(missing) if len(missing) < 3 else "what, action and result"
    verb = "has" if len(missing) == 1 else "have"
    return (
        f"{listed.capitalize()} {verb} no words: {len(missing)} of 3 labels missing. "
        "Name what it is before, what is done, and what comes out."
    )


def _short(text: str, place: str) -> str:
    # a label of many megabytes is refused without being cut into words or remembered
    if len(text) > 100 * MAX_LABEL:
        raise InputError(
            f"The {place} is {len(text):,} characters long; the limit is {MAX_LABEL}. Shorten it."
        )
    return text


def _clean_text(text: str, name: str, longest: int) -> str:
    if not text:
        return text
    if len(text) > longest:
        raise InputError(
            f"The {name} is {len(text):,} characters long; the limit is {longest:,}. Shorten it."
        )
    if text.isascii() and text.isprintable() and text[0] != " " and text[-1] != " ":
        return text
    # a NUL would end the text for every tool that is written in C
    return storable(text.strip()).replace("\0", "\ufffd")


# ── comparing ───────────────────────────────────────────────────────────────────────────────────


@functools.lru_cache(_REMEMBERED)
def norm_label(label: str) -> str:
    """What two labels have in common if they mean the same node: case and spacing do not count."""
    if label.isascii():
        return " ".join(label.lower().split())
    return " ".join(unicodedata.normalize("NFC", label).casefold().split())


_ARTICLES = {"a", "an", "the"}


@functools.lru_cache(_REMEMBERED)
def sense_key(label: str) -> str:
    """What two labels have in common if they may mean the same thing, or "" if nothing is left.

    Punctuation, accents, articles and the plural do not count: “The Fried-Eggs” and “fried egg”
    have one key. Two nodes with one key are proposed for merging; nobody merges them unasked.
    """
    plain = norm_label(label)
    if not plain.isascii():
        folded = unicodedata.normalize("NFKD", plain)
        plain = "".join(each for each in folded if not unicodedata.combining(each))
    words = [word for word in re.split(r"[\W_]+", plain.replace("'", "")) if word]
    telling = [word for word in words if word not in _ARTICLES] or words
    return " ".join(_singular(word) for word in telling)


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ses", "xes", "zes", "ches", "shes", "oes")):
        return word[:-2]
    return word[:-1]
