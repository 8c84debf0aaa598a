"""The saved triplets beside the form: search, order, page through, edit, delete and undo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.records import TripletId
from webapp.backend import Backend, Door
from webapp.formatting import note_html, range_words, triplet_words
from webapp.triplet_list import list_value, triplet_list, triplet_row
from webapp.widgets import QUIET, Wire, bind, event_number

PAGE = 8
ORDERS = [("Newest first", "newest"), ("Oldest first", "oldest"), ("By name", "name")]
_EMPTY = "Nothing saved yet. Put three pictures on the left, or take an example, and save it."
_NOTHING_FOUND = "No triplet holds these words."


@dataclass(frozen=True)
class SavedTriplets:
    """What the tab links to: the list's events, the reload, and the count of changes."""

    cards: Any
    changed: Any
    reload: Wire


def build_saved(door: Door, changed: Any) -> SavedTriplets:
    """Draw the list; ``changed`` is the state that counts edits of the graph made in this tab."""
    offset, edit = gr.State(0), gr.State(0)
    gr.HTML("<h2 class='itr-heading'>Saved</h2>")
    with gr.Row(elem_classes="itr-row"):
        query = gr.Textbox(
            placeholder="Search", label="Search the saved triplets", show_label=False,
            scale=3, min_width=120, elem_id="saved-search",
        )  # fmt: skip
        order = gr.Dropdown(
            ORDERS, value="newest", label="Order", show_label=False,
            scale=2, min_width=150, elem_id="saved-order",
        )  # fmt: skip
    with gr.Row(elem_classes="itr-row itr-undo-bar"):
        word = gr.HTML("", elem_id="saved-note")
        undo = gr.Button("Undo", size="sm", visible=False, elem_id="saved-undo", min_width=72)
    cards = triplet_list("Saved triplets", "saved-list", "itr-saved")
    with gr.Row(elem_classes="itr-row itr-pager"):
        previous = gr.Button("‹ Previous", size="sm", elem_id="saved-previous", min_width=80)
        count = gr.HTML("", elem_id="saved-count", elem_classes="itr-num")
        following = gr.Button("Next ›", size="sm", elem_id="saved-next", min_width=80)
    reload = Wire(
        bind(door, show_saved),
        [query, order, offset],
        [cards, offset, count, previous, following],
    )
    for trigger in (query.change, order.change):
        trigger(lambda: 0, None, [offset], queue=False, **QUIET).then(
            reload.listener, reload.inputs, reload.outputs, **QUIET
        )
    for button, step in ((previous, -PAGE), (following, PAGE)):
        turn = button.click(
            lambda at, step=step: max(0, at + step), [offset], [offset], queue=False, **QUIET
        )
        turn.then(reload.listener, reload.inputs, reload.outputs, **QUIET)
    reload.pull(changed.change)
    cards.remove(
        bind(door, delete_saved, event=True), [changed], [changed, word, undo, edit], **QUIET
    )
    undo.click(bind(door, undo_edit), [changed, edit], [changed, word, undo], **QUIET)
    return SavedTriplets(cards, changed, reload)


def show_saved(backend: Backend, query: str, order: str, offset: int) -> tuple[Any, ...]:
    """One page of the saved triplets.

    Inputs: query, order, offset
    Outputs: cards, offset, count, previous, following
    """
    page = backend.triplets(query or "", limit=PAGE, offset=offset, order=order)
    if not page.items and page.total:
        offset = (page.total - 1) // PAGE * PAGE
        page = backend.triplets(query or "", limit=PAGE, offset=offset, order=order)
    value = list_value(
        [triplet_row(backend, item) for item in page.items],
        _NOTHING_FOUND if query else _EMPTY,
        pick="Show in the graph",
        edit="Edit",
        remove="Delete",
    )
    words = f"<p class='itr-muted'>{range_words(offset, len(page.items), page.total)}</p>"
    many = page.total > PAGE
    return (
        value,
        offset,
        words,
        gr.Button(interactive=offset > 0, visible=many),
        gr.Button(interactive=offset + PAGE < page.total, visible=many),
    )


def delete_saved(backend: Backend, event: gr.EventData, changed: int) -> tuple[Any, ...]:
    """Delete a triplet at once, and offer to take that back.

    Inputs: cards.remove (id), changed
    Outputs: changed, word, undo, the number of the edit
    """
    triplet = backend.triplet(TripletId(event_number(event, "id")))
    backend.delete_triplet(triplet.id)
    return (
        changed + 1,
        note_html(f"Deleted {triplet_words(triplet)}."),
        gr.Button(visible=True),
        backend.last_edit(),
    )


def undo_edit(backend: Backend, changed: int, edit: int) -> tuple[Any, ...]:
    """Take this edit of the graph back, if it is still the last one.

    Inputs: changed, the number of the edit
    Outputs: changed, word, undo
    """
    words = backend.undo(edit)
    return changed + 1, note_html(words), gr.Button(visible=False)
