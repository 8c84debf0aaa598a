"""Two people edited the same thing: the newer value beside the person's own, and both on offer."""

from __future__ import annotations

import dataclasses
import html
from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.errors import GraphError, InputError, StaleEditError
from model.records import Triplet, TripletDraft, TripletId
from webapp.backend import Backend
from webapp.formatting import error_html, note_html, triplet_words


@dataclass(frozen=True)
class StaleTriplet:
    """A refused edit of a triplet: what the person wrote, against the version that is there now."""

    triplet: TripletId
    version: int
    mine: TripletDraft


@dataclass(frozen=True)
class StaleLabel:
    """A refused new label of a node: what the person wrote, and what it is called now."""

    node: int
    seen: str
    mine: str


Conflict = StaleTriplet | StaleLabel


@dataclass(frozen=True)
class ConflictBox:
    """The components of the box; ``pending`` is the state that holds the refused edit."""

    pending: Any
    box: Any
    words: Any
    mine: Any
    newer: Any

    @property
    def parts(self) -> list[Any]:
        """What ``conflict_values`` sets, in its order."""
        return [self.pending, self.box, self.words]


def draw_conflict() -> ConflictBox:
    """Draw the box, hidden until an edit is refused as stale."""
    pending = gr.State(None)
    with gr.Column(visible=False, elem_classes="itr-conflict", elem_id="graph-conflict") as box:
        words = gr.HTML("")
        with gr.Row(elem_classes="itr-row"):
            mine = gr.Button("Use mine", size="sm", elem_id="conflict-mine", min_width=120)
            newer = gr.Button("Keep the newer", size="sm", elem_id="conflict-newer", min_width=120)
    return ConflictBox(pending, box, words, mine, newer)


def conflict_values(backend: Backend, conflict: Conflict | None) -> tuple[Any, ...]:
    """The values of ``ConflictBox.parts``: shown for a conflict, hidden for none."""
    if conflict is None:
        return None, gr.Column(visible=False), ""
    return conflict, gr.Column(visible=True), _conflict_html(backend, conflict)


def _conflict_html(backend: Backend, conflict: Conflict) -> str:
    if isinstance(conflict, StaleLabel):
        rows = [("Label", conflict.seen, conflict.mine)]
    else:
        now = backend.triplet(conflict.triplet)
        rows = [
            (name, old, new)
            for name, old, new in zip(
                ("Triplet", "Confidence", "Note"), _told(now), _told(conflict.mine), strict=True
            )
            if old != new or name == "Triplet"
        ]
    cells = "".join(
        f"<tr><th scope='row'>{name}</th><td>{html.escape(newer)}</td>"
        f"<td>{html.escape(mine)}</td></tr>"
        for name, newer, mine in rows
    )
    return (
        "<p role='alert'><b>Somebody else changed this while you were editing.</b> Your words are "
        "kept here until you choose.</p><table class='itr-conflict-table'><thead><tr><td></td>"
        "<th scope='col'>In the graph now</th><th scope='col'>Yours</th></tr></thead>"
        f"<tbody>{cells}</tbody></table>"
    )


def _told(triplet: Triplet | TripletDraft) -> tuple[str, str, str]:
    return triplet_words(triplet), f"{triplet.confidence:.0%}", triplet.note or "none"


def save_draft(
    backend: Backend, triplet: TripletId, version: int, draft: TripletDraft, changed: int
) -> tuple[Any, ...]:
    """Replace a triplet, or open a conflict if it is no longer the one that was edited.

    Returns: note, changed, and the parts of the conflict box
    """
    try:
        saved = backend.edit_triplet(triplet, draft, version)
    except StaleEditError:
        newer = backend.triplet(triplet)
        conflict = StaleTriplet(triplet, newer.version, draft)
        # The page shows the older value: it is drawn anew although nothing was saved.
        return "", changed + 1, *conflict_values(backend, conflict)
    except (InputError, GraphError) as exc:
        return error_html(str(exc)), changed, *[gr.skip()] * 3
    note = note_html(f"Saved {triplet_words(saved)}.")
    return note, changed + 1, *conflict_values(backend, None)


def save_label(
    backend: Backend, node: int, label: str, seen: str, newer: str, changed: int
) -> tuple[Any, ...]:
    """Rename a node, or open a conflict if it is called ``newer`` by now and not ``seen``.

    Returns: note, changed, and the parts of the conflict box
    """
    try:
        words = backend.rename_node(node, label, seen)
    except StaleEditError:
        conflict = StaleLabel(node, newer, label)
        return "", changed + 1, *conflict_values(backend, conflict)
    except (InputError, GraphError) as exc:
        return error_html(str(exc)), changed, *[gr.skip()] * 3
    return note_html(words), changed + 1, *conflict_values(backend, None)


def use_mine(backend: Backend, conflict: Conflict | None, changed: int) -> tuple[Any, ...]:
    """Save the refused edit over the newer value; *Undo* brings that back.

    Inputs: pending, changed
    Outputs: note, changed, and the parts of the conflict box
    """
    if isinstance(conflict, StaleTriplet):
        return save_draft(backend, conflict.triplet, conflict.version, conflict.mine, changed)
    if isinstance(conflict, StaleLabel):
        mine, seen = conflict.mine, conflict.seen
        return save_label(backend, conflict.node, mine, seen, seen, changed)
    return note_html("There is nothing to choose from any more."), changed, *[gr.skip()] * 3


def keep_newer(backend: Backend, changed: int) -> tuple[Any, ...]:
    """Leave what is in the graph and let the refused edit go.

    Inputs: changed
    Outputs: note, changed, and the parts of the conflict box
    """
    note = note_html("Kept what is in the graph. Your edit was let go.")
    return note, changed + 1, *conflict_values(backend, None)


def draft_of(triplet: Triplet, **changes: Any) -> TripletDraft:
    """A stored triplet as a draft with some fields changed; pictures and provenance stay."""
    names = [field.name for field in dataclasses.fields(TripletDraft)]
    return TripletDraft(**{name: getattr(triplet, name) for name in names} | changes)
