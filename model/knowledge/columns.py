"""What the columns of other people's tables mean, and how a row becomes a triplet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from model.errors import InputError
from model.knowledge.labels import clean_draft
from model.records import PictureId, TripletDraft

ReadRow = tuple[int, TripletDraft | str]
"""The number of a row, from 1, and its draft or in words why there is none."""
FindPicture = Callable[[str], PictureId | None]
"""From what a table calls a picture to its id. Raises: InputError if there is none."""
EXPORTED = (
    "subject",
    "relation",
    "object",
    "note",
    "confidence",
    "author",
    "source",
    "origin",
    "subject_picture",
    "relation_picture",
    "object_picture",
)
"""The columns of an exported table: fields of a triplet."""
PICTURES = EXPORTED[-3:]
LABELS = EXPORTED[:3]

_NAMES = {
    "subject": "subject what head thing before start from s h subj subject_label entity1",
    "relation": "relation action predicate edge rel verb r p relationship property label type "
    "relation_type",
    "object": "object result tail target after end to o t obj object_label entity2",
    "note": "note notes comment comments remark description",
    "confidence": "confidence score weight probability certainty",
    "author": "author who creator created_by by",
    "source": "source",
    "origin": "origin provenance reference",
    "subject_picture": "subject_picture what_picture subject_image what_image before_image",
    "relation_picture": "relation_picture action_picture relation_image action_image",
    "object_picture": "object_picture result_picture object_image result_image after_image",
}
_FIELD_OF = {name: field for field, names in _NAMES.items() for name in names.split()}
_LONGEST_NAME = 60
"""Characters of a file's name that are kept as the origin of a triplet."""


def fields_of(names: Sequence[str]) -> tuple[str | None, ...]:
    """The field that each column stands for; None for columns that mean nothing here.

    ``source`` is the subject in tables of edges (source, target), and else where a row comes from.
    """
    wanted = ["_".join(name.strip().lower().replace("-", " ").split()) for name in names]
    fields = [_FIELD_OF.get(name) for name in wanted]
    if "source" in fields and "subject" not in fields:
        fields[fields.index("source")] = "subject"
    seen: set[str] = set()
    once: list[str | None] = []
    for field in fields:  # of two columns with one meaning the first counts
        once.append(None if field in seen else field)
        seen.update([field] if field else [])
    return tuple(once)


def draft_of(values: Mapping[str, str], name: str, row: int, picture: FindPicture) -> TripletDraft:
    """A checked draft of a row's fields; ``name`` is that of the file.

    Raises: InputError in words if the row cannot become a triplet.
    """
    what, action, result = (
        picture(values[each]) if values.get(each) else None for each in PICTURES
    )
    return clean_draft(
        TripletDraft(
            values.get("subject", ""),
            values.get("relation", ""),
            values.get("object", ""),
            what,
            action,
            result,
            source=values.get("source") or "file",
            note=values.get("note", ""),
            confidence=_confidence(values.get("confidence", "")),
            author=values.get("author", ""),
            origin=values.get("origin") or f"{name[:_LONGEST_NAME]}, row {row}",
        )
    )


def _confidence(text: str) -> float:
    plain = text.strip()
    if not plain:
        return 1.0
    share = plain.endswith("%")
    try:
        value = float(plain.rstrip("% ").replace(",", "."))
    except ValueError:
        raise InputError(
            f"The confidence is “{plain[:20]}”; it must be a number between 0 and 1, or 0 % to "
            "100 %. Correct it, or leave it empty for 1."
        ) from None
    return value / 100 if share else value
