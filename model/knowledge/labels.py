"""What may stand in a triplet: labels are checked and compared here, and nowhere else."""

from __future__ import annotations

import dataclasses
import unicodedata

from model.errors import InputError
from model.records import TripletDraft

MAX_LABEL = 120
"""Characters of the longest label."""
MAX_NOTE = 2000
"""Characters of the longest note."""

_INVISIBLE = {"Cf", "Mn", "Me", "Zs", "Zl", "Zp"}


def clean_label(text: str, place: str) -> str:
    """A label as it is stored: no outer white space, and single spaces inside.

    ``place`` is what the page calls it: what, action or result. Markup and quotes are kept as
    they were typed: whoever shows a label escapes it.

    Raises: InputError if nothing visible is left, if it is too long, or if it holds characters
    that no text has.
    """
    label = " ".join(text.split())
    if all(unicodedata.category(character) in _INVISIBLE for character in label):
        raise InputError(f"The {place} has no words. Name it in 1 to {MAX_LABEL} characters.")
    if len(label) > MAX_LABEL:
        raise InputError(
            f"The {place} is {len(label):,} characters long; the limit is {MAX_LABEL}. Shorten it."
        )
    for position, character in enumerate(label, start=1):
        if unicodedata.category(character) in {"Cc", "Cs"}:
            raise InputError(
                f"The {place} holds a control character (U+{ord(character):04X}) at position "
                f"{position}. Delete it and type the words again."
            )
    return label


def norm_label(label: str) -> str:
    """What two labels have in common if they mean the same node: case and spacing do not count."""
    return " ".join(unicodedata.normalize("NFC", label).casefold().split())


def storable(text: str) -> str:
    """Text that UTF-8 can hold: half a surrogate pair, as in a cut-off answer, becomes “?”."""
    return text.encode("utf-8", "replace").decode("utf-8")


def clean_draft(draft: TripletDraft) -> TripletDraft:
    """A draft whose three labels and note can be stored.

    Raises: InputError naming every one of what, action and result that is missing, or the first
    that cannot be used.
    """
    words = {"what": draft.subject, "action": draft.relation, "result": draft.object}
    missing = [place for place, text in words.items() if not text.strip()]
    if missing:
        listed = " and ".join(missing) if len(missing) < 3 else "what, action and result"
        verb = "has" if len(missing) == 1 else "have"
        raise InputError(
            f"{listed.capitalize()} {verb} no words: {len(missing)} of 3 labels missing. "
            "Name what it is before, what is done, and what comes out."
        )
    if len(draft.note) > MAX_NOTE:
        raise InputError(
            f"The note is {len(draft.note):,} characters long; the limit is {MAX_NOTE:,}. "
            "Shorten it."
        )
    labels = [clean_label(text, place) for place, text in words.items()]
    return dataclasses.replace(
        draft,
        subject=labels[0],
        relation=labels[1],
        object=labels[2],
        note=storable(draft.note.strip()),
    )
