"""Edits of the graph by table row or button: each says what it did, or why it was refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from model.errors import GraphError, InputError
from model.records import TripletDraft, TripletId
from webapp.backend import Backend
from webapp.formatting import error_html, note_html, triplet_words
from webapp.widgets import event_number


def _edit(action: Callable[[], str], changed: int) -> tuple[str, int]:
    """Note and count of changes after an edit; a refused one is told and changes nothing."""
    try:
        return note_html(action()), changed + 1
    except (InputError, GraphError) as exc:
        return error_html(str(exc)), changed


def _row_words(event: gr.EventData) -> tuple[str, str, str]:
    data = dict(event._data or {})
    subject, relation, result = (str(data.get(k, "")) for k in ("subject", "relation", "object"))
    return subject, relation, result


def add_row(backend: Backend, event: gr.EventData, changed: int) -> tuple[Any, ...]:
    """Add a triplet of words.

    Inputs: table.create (subject, relation, object), changed
    Outputs: note, changed
    """
    draft = TripletDraft(*_row_words(event))
    return _edit(lambda: f"Added {triplet_words(backend.add_triplet(draft))}.", changed)


def save_row(backend: Backend, event: gr.EventData, changed: int) -> tuple[Any, ...]:
    """Save changed words; the pictures stay, and an edit by somebody else is not overwritten.

    Inputs: table.save (id, version, subject, relation, object), changed
    Outputs: note, changed
    """
    version = event_number(event, "version")

    def action() -> str:
        old = backend.triplet(TripletId(event_number(event, "id")))
        subject, relation, result = _row_words(event)
        draft = TripletDraft(
            subject, relation, result, *old.pictures, source=old.source, note=old.note
        )
        return f"Saved {triplet_words(backend.edit_triplet(old.id, draft, version))}."

    return _edit(action, changed)


def remove_row(backend: Backend, event: gr.EventData, changed: int) -> tuple[Any, ...]:
    """Delete a triplet; *Undo* brings it back.

    Inputs: table.remove or facts.remove (id), changed
    Outputs: note, changed
    """

    def action() -> str:
        triplet = backend.triplet(TripletId(event_number(event, "id")))
        backend.delete_triplet(triplet.id)
        return f"Deleted {triplet_words(triplet)}. Undo brings it back."

    return _edit(action, changed)


def undo_edit(backend: Backend, changed: int) -> tuple[Any, ...]:
    """Take the last edit back.

    Inputs: changed
    Outputs: note, changed
    """
    return _edit(backend.undo, changed)


def redo_edit(backend: Backend, changed: int) -> tuple[Any, ...]:
    """Make the edit again that was taken back.

    Inputs: changed
    Outputs: note, changed
    """
    return _edit(backend.redo, changed)


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

    return _edit(action, changed)
