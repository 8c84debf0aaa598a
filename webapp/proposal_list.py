"""Proposed triplets as a list in which each is accepted, edited or rejected.

What is decided lives in the browser until it is saved; ``assets/proposal_list.js`` draws it and
puts the words in as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from model.errors import InputError
from model.records import TripletDraft
from webapp.backend import Backend
from webapp.theme import ASSETS

FACE_PX = 80
_STALE = "These are no longer the proposals that are listed. Look at the list, then save again."


@dataclass(frozen=True)
class Proposed:
    """The proposals that are listed, by their place, and the places that were dealt with."""

    reading: str = ""
    drafts: tuple[TripletDraft, ...] = ()
    gone: frozenset[int] = frozenset()


def proposal_list(elem_id: str) -> Any:
    """The list. Event ``save`` carries ``reading``, ``rows`` (n and three words) and ``rejected``.

    A function and not a subclass of gr.HTML, because Gradio writes a ``.pyi`` beside subclasses.
    """
    return gr.HTML(
        value=list_value_of(Proposed(), {}, busy=False),
        html_template=(
            "<div class='itr-proposal-bar' hidden>"
            "<span class='itr-proposal-count itr-muted' aria-live='polite'></span>"
            "<button type='button' class='itr-accept-all'>Accept all</button>"
            "<button type='button' class='itr-reject-all'>Reject all</button>"
            "<button type='button' class='itr-save-accepted'></button></div>"
            "<ul class='itr-list itr-proposals' aria-label='Proposed triplets'></ul>"
        ),
        js_on_load=(ASSETS / "proposal_list.js").read_text(encoding="utf-8"),
        apply_default_css=False,
        elem_id=elem_id,
    )


def faces(backend: Backend, drafts: Sequence[TripletDraft]) -> dict[str, str]:
    """Small versions of the pictures in the drafts, by the picture's id."""
    held = {
        picture
        for draft in drafts
        for picture in (draft.subject_picture, draft.relation_picture, draft.object_picture)
        if picture
    }
    return {picture: backend.thumbnail(picture, FACE_PX) for picture in held}


def list_value_of(proposed: Proposed, shown: dict[str, str], *, busy: bool) -> dict[str, Any]:
    """The value of the list; ``busy`` while more may come."""
    rows = [
        {
            "n": n,
            "subject": draft.subject,
            "relation": draft.relation,
            "object": draft.object,
            "confidence": draft.confidence,
            "origin": draft.origin,
            "note": draft.note,
            "pictures": [
                shown.get(picture) if picture else None
                for picture in (
                    draft.subject_picture,
                    draft.relation_picture,
                    draft.object_picture,
                )
            ],
        }
        for n, draft in enumerate(proposed.drafts)
        if n not in proposed.gone
    ]
    return {"reading": proposed.reading, "rows": rows, "busy": busy}


def accepted(proposed: Proposed, data: dict[str, Any]) -> tuple[list[TripletDraft], Proposed]:
    """The drafts that a person accepted, with their edits, and the proposals that remain.

    The data come from the browser. Raises: InputError if they are not about the listed proposals.
    """
    rows, rejected = data.get("rows"), data.get("rejected")
    if data.get("reading") != proposed.reading or not isinstance(rows, list):
        raise InputError(_STALE)
    taken: dict[int, TripletDraft] = {}
    for row in rows:
        n = _listed(proposed, row.get("n") if isinstance(row, dict) else None)
        if n is None:
            raise InputError(_STALE)
        taken[n] = _edited(proposed.drafts[n], row)
    refused = [_listed(proposed, n) for n in rejected] if isinstance(rejected, list) else []
    gone = proposed.gone | taken.keys() | {n for n in refused if n is not None}
    return list(taken.values()), replace(proposed, gone=gone)


def _listed(proposed: Proposed, n: Any) -> int | None:
    """The place that the browser names, if a proposal is listed there."""
    if not isinstance(n, int) or isinstance(n, bool) or n in proposed.gone:
        return None
    return n if 0 <= n < len(proposed.drafts) else None


def _edited(draft: TripletDraft, row: dict[str, Any]) -> TripletDraft:
    """The draft with the words of a row; whoever changed them is its author, and is sure."""
    words = [str(row.get(part, "")) for part in ("subject", "relation", "object")]
    if words == [draft.subject, draft.relation, draft.object]:
        return draft
    subject, relation, result = words
    return replace(
        draft, subject=subject, relation=relation, object=result,
        author="you", confidence=1.0, note="", origin=f"{draft.origin}, edited",
    )  # fmt: skip
