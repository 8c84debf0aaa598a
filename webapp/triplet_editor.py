"""The triplet that was clicked: its words, note and confidence as fields, and where it is from."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.errors import GraphError
from model.records import Triplet, TripletId
from webapp.backend import Backend
from webapp.edit_conflict import draft_of, save_draft
from webapp.formatting import triplet_words
from webapp.graph_edits import tell_edit
from webapp.triplet_list import thumbs


@dataclass(frozen=True)
class TripletEditor:
    """The components of the editor; ``opened`` is the state with the id and version shown."""

    opened: Any
    box: Any
    head: Any
    what: Any
    action: Any
    result: Any
    confidence: Any
    note: Any
    save: Any
    delete: Any
    close: Any

    @property
    def fields(self) -> list[Any]:
        """The fields that a person writes in."""
        return [self.what, self.action, self.result, self.confidence, self.note]

    @property
    def parts(self) -> list[Any]:
        """What ``editor_of`` sets, in its order."""
        return [self.opened, self.box, self.head, *self.fields]


def draw_editor() -> TripletEditor:
    """Draw the editor, hidden until a triplet is clicked."""
    opened = gr.State(None)
    with gr.Column(visible=False, elem_classes="itr-editor", elem_id="triplet-editor") as box:
        head = gr.HTML("")
        what = gr.Textbox(label="What", max_lines=1, elem_id="triplet-what")
        action = gr.Textbox(label="Action", max_lines=1, elem_id="triplet-action")
        result = gr.Textbox(label="Result", max_lines=1, elem_id="triplet-result")
        confidence = gr.Slider(
            0, 100, value=100, step=1, label="Confidence (%)", elem_id="triplet-confidence"
        )
        note = gr.Textbox(label="Note", lines=2, max_lines=6, elem_id="triplet-note")
        with gr.Row(elem_classes="itr-row"):
            save = gr.Button(
                "Save", variant="primary", size="sm", elem_id="triplet-save", min_width=80
            )
            delete = gr.Button("Delete", size="sm", elem_id="triplet-delete", min_width=80)
            close = gr.Button("Close", size="sm", elem_id="triplet-close", min_width=80)
    return TripletEditor(
        opened, box, head, what, action, result, confidence, note, save, delete, close
    )


def editor_of(backend: Backend, triplet: int | None) -> tuple[Any, ...]:
    """The values of ``TripletEditor.parts`` for a triplet; closed for none or one that is gone."""
    found = _find(backend, triplet)
    if found is None:
        return None, gr.Column(visible=False), "", "", "", "", 100, ""
    return (
        {"id": found.id, "version": found.version},
        gr.Column(visible=True),
        _head_html(backend, found),
        found.subject,
        found.relation,
        found.object,
        round(found.confidence * 100),
        found.note,
    )


def _find(backend: Backend, triplet: int | None) -> Triplet | None:
    try:
        return None if triplet is None else backend.triplet(TripletId(triplet))
    except GraphError:
        return None


def _head_html(backend: Backend, triplet: Triplet) -> str:
    faces = "".join(
        f"<img class='itr-thumb' src='{html.escape(face)}' alt=''>"
        for face in thumbs(backend, triplet.pictures)
        if face
    )
    day = time.strftime("%Y-%m-%d %H:%M", time.gmtime(triplet.created_at))
    by = f" by {triplet.author}" if triplet.author else ""
    origin = f" · {triplet.origin}" if triplet.origin else ""
    told = f"From {triplet.source}{by}{origin} · {day} UTC · version {triplet.version}"
    return (
        f"<h3 class='itr-editor-head'>Triplet</h3><div class='itr-thumbs'>{faces}</div>"
        f"<p class='itr-muted itr-editor-origin'>{html.escape(told)}</p>"
    )


def save_opened(
    backend: Backend,
    opened: dict[str, int] | None,
    what: str,
    action: str,
    result: str,
    confidence: float,
    note: str,
    changed: int,
) -> tuple[Any, ...]:
    """Save the fields of the editor.

    Inputs: opened, what, action, result, confidence, note, changed
    Outputs: note, changed, and the parts of the conflict box
    """
    if not opened:
        raise GraphError("No triplet is open. Click an arrow, or “Show” in the table.")
    old = backend.triplet(TripletId(opened["id"]))
    draft = draft_of(
        old,
        subject=what,
        relation=action,
        object=result,
        confidence=confidence / 100,
        note=note or "",
    )
    return save_draft(backend, old.id, opened["version"], draft, changed)


def delete_opened(backend: Backend, opened: dict[str, int] | None, changed: int) -> tuple[Any, ...]:
    """Delete the triplet that is open; *Undo* brings it back.

    Inputs: opened, changed
    Outputs: note, changed
    """

    def edit() -> str:
        triplet = backend.triplet(TripletId((opened or {}).get("id", 0)))
        backend.delete_triplet(triplet.id)
        return f"Deleted {triplet_words(triplet)}. Undo brings it back."

    return tell_edit(edit, changed)


def renew_opened(backend: Backend, opened: dict[str, int] | None) -> tuple[Any, ...]:
    """Show the triplet that is open as it is now; close the editor if it is gone.

    Half-typed words stay as long as nobody changed the triplet itself.

    Inputs: opened
    Outputs: the parts of the editor
    """
    if not opened:
        return (gr.skip(),) * 8
    found = _find(backend, opened["id"])
    if found is not None and found.version == opened["version"]:
        return (gr.skip(),) * 8
    return editor_of(backend, opened["id"])
