"""Edits of the graph by table row, arrow or button: each says what it did, or why it did not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from model.errors import GraphError, InputError
from model.records import TripletDraft, TripletId
from webapp.backend import Backend
from webapp.edit_conflict import draft_of, save_draft
from webapp.formatting import error_html, note_html, triplet_words
from webapp.graph_focus import current_view
from webapp.widgets import event_number


def tell_edit(action: Callable[[], str], changed: int) -> tuple[str, int]:
    """Note and count of changes after an edit; a refused one is told and changes nothing."""
    try:
        return note_html(action()), changed + 1
    except (InputError, GraphError) as exc:
        return error_html(str(exc)), changed


def _row_words(event: gr.EventData) -> dict[str, Any]:
    """The fields of a table row; a confidence or a note only if the row has one."""
    data = dict(event._data or {})
    words: dict[str, Any] = {k: str(data.get(k, "")) for k in ("subject", "relation", "object")}
    if "note" in data:
        words["note"] = str(data["note"])
    if "confidence" in data:
        words["confidence"] = confidence_of(data["confidence"])
    return words


def confidence_of(value: Any) -> float:
    """A confidence (0–1) out of what a person wrote in per cent. Raises: InputError."""
    try:
        percent = float(value)
    except (TypeError, ValueError):
        percent = -1.0
    if not 0 <= percent <= 100:
        told = str(value)[:20]
        raise InputError(f"The confidence is “{told}”. Write a number from 0 to 100 %.")
    return percent / 100


def add_row(backend: Backend, event: gr.EventData, changed: int) -> tuple[Any, ...]:
    """Add a triplet of words.

    Inputs: table.create (subject, relation, object, confidence, note), changed
    Outputs: note, changed
    """

    def action() -> str:
        draft = TripletDraft(**_row_words(event))
        return f"Added {triplet_words(backend.add_triplet(draft))}."

    return tell_edit(action, changed)


def save_row(backend: Backend, event: gr.EventData, changed: int) -> tuple[Any, ...]:
    """Save changed words; the pictures stay, and an edit by somebody else is not overwritten.

    Inputs: table.save (id, version, subject, relation, object, confidence, note), changed
    Outputs: note, changed, and the parts of the conflict box
    """
    version = event_number(event, "version")
    try:
        old = backend.triplet(TripletId(event_number(event, "id")))
        draft = draft_of(old, **_row_words(event))
    except (InputError, GraphError) as exc:
        return error_html(str(exc)), changed, *[gr.skip()] * 3
    return save_draft(backend, old.id, version, draft, changed)


def remove_row(backend: Backend, event: gr.EventData, changed: int) -> tuple[Any, ...]:
    """Delete a triplet; *Undo* brings it back.

    Inputs: table.remove or facts.remove (id), changed
    Outputs: note, changed
    """

    def action() -> str:
        triplet = backend.triplet(TripletId(event_number(event, "id")))
        backend.delete_triplet(triplet.id)
        return f"Deleted {triplet_words(triplet)}. Undo brings it back."

    return tell_edit(action, changed)


def connect_nodes(
    backend: Backend,
    event: gr.EventData,
    search: str,
    hops: float,
    chips: Sequence[str],
    listed: Sequence[str],
    changed: int,
) -> tuple[Any, ...]:
    """Add the triplet of an arrow that was drawn from one node to another.

    Inputs: canvas.connect (from, to: numbers of nodes; relation), search, hops, chips, listed,
        changed
    Outputs: note, changed
    """
    data = dict(event._data or {})

    def action() -> str:
        view, _ = current_view(backend, search, hops, chips or listed)
        labels = {node.id: node.label for node in view.nodes}
        ends = [labels.get(event_number(event, name)) for name in ("from", "to")]
        if ends[0] is None or ends[1] is None:
            raise GraphError("One of the two is no longer in the drawing. Draw the arrow again.")
        draft = TripletDraft(ends[0], str(data.get("relation", "")), ends[1])
        return f"Added {triplet_words(backend.add_triplet(draft))}."

    return tell_edit(action, changed)


def undo_edit(backend: Backend, changed: int) -> tuple[Any, ...]:
    """Take the last edit back.

    Inputs: changed
    Outputs: note, changed
    """
    return tell_edit(backend.undo, changed)


def redo_edit(backend: Backend, changed: int) -> tuple[Any, ...]:
    """Make the edit again that was taken back.

    Inputs: changed
    Outputs: note, changed
    """
    return tell_edit(backend.redo, changed)


def add_examples(backend: Backend, changed: int) -> tuple[Any, ...]:
    """Save every example that came with the project.

    Inputs: changed
    Outputs: note, changed
    """
    examples = backend.examples()

    def action() -> str:
        for example in examples:
            backend.add_triplet(example.draft)
        return f"Added {len(examples)} examples."

    return tell_edit(action, changed)
