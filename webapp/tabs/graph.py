"""Graph: the triplets as a drawing and as an editable table, searched, walked and corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.errors import GraphError
from model.records import GraphView, TripletId
from webapp.backend import Backend, Door
from webapp.formatting import error_html, range_words
from webapp.graph_edits import (
    add_examples,
    add_row,
    redo_edit,
    remove_row,
    save_row,
    undo_edit,
)
from webapp.graph_view import drawing, graph_canvas
from webapp.node_panel import NodePanel, clicked_label, draw_panel, panel_of
from webapp.triplet_list import triplet_row, triplet_table
from webapp.widgets import QUIET, Wire, bind, event_number

MOST_NODES = 300
PAGE = 25
MOST_CHIPS = 30
_EMPTY = (
    "<div class='itr-empty'><h2>The graph is empty</h2><p>Every triplet that is saved becomes an "
    "arrow here: from what there was to what came out.</p></div>"
)


@dataclass(frozen=True)
class GraphTab:
    """What other tabs link to: search and light, the panel, the reload and the count of changes."""

    search: Any
    lit: Any
    panel: NodePanel
    changed: Any
    first_step: Any
    reload: Wire


@dataclass(frozen=True)
class _View:
    """The controls that say what is seen, and the parts that show it."""

    search: Any
    hops: Any
    relations: Any
    lit: Any
    offset: Any
    canvas: Any
    note: Any
    full: Any
    empty: Any
    table: Any
    count: Any
    previous: Any
    following: Any

    @property
    def asked(self) -> list[Any]:
        """The inputs of ``show``, but for the selected node."""
        return [self.search, self.hops, self.relations, self.lit, self.offset]

    @property
    def shown(self) -> list[Any]:
        """The outputs of ``show``, but for the panel."""
        return [
            self.canvas,
            self.relations,
            self.full,
            self.empty,
            self.table,
            self.offset,
            self.count,
            self.previous,
            self.following,
        ]


def build(door: Door) -> GraphTab:
    """Draw the tab inside the current one, and wire it."""
    changed, lit, offset = gr.State(0), gr.State([]), gr.State(0)
    with gr.Column(visible=False, elem_classes="itr-panel itr-first") as empty:
        gr.HTML(_EMPTY)
        with gr.Row(elem_classes="itr-row itr-centre"):
            examples = gr.Button("Add the examples", variant="primary", elem_id="graph-examples")
            first_step = gr.Button("Save a triplet of your own", elem_id="graph-first-step")
    with gr.Column(elem_classes="itr-graph") as full:
        search, hops, relations, everything = _draw_toolbar()
        note = gr.HTML("", elem_id="graph-note")
        with gr.Row(elem_classes="itr-columns", equal_height=False):
            with gr.Column(scale=7, min_width=320, elem_classes="itr-panel itr-canvas-panel"):
                canvas = graph_canvas("graph-canvas")
            with gr.Column(scale=3, min_width=280, elem_classes="itr-panel"):
                panel = draw_panel()
        with gr.Column(elem_classes="itr-panel"):
            table, undo, redo, count, previous, following = _draw_table()
    view = _View(
        search, hops, relations, lit, offset, canvas, note, full, empty,
        table, count, previous, following,
    )  # fmt: skip
    reload = Wire(
        bind(door, show), [*view.asked, panel.selected], [*view.shown, note, *panel.parts]
    )
    _wire_view(door, view, panel, reload, everything)
    _wire_edits(door, view, panel, changed, (undo, redo, examples))
    reload.pull(changed.change)
    return GraphTab(search, lit, panel, changed, first_step, reload)


def _draw_toolbar() -> tuple[Any, ...]:
    with gr.Row(elem_classes="itr-row itr-toolbar"):
        search = gr.Textbox(
            label="Search", placeholder="Search a thing  ( / )", show_label=False,
            submit_btn=True, scale=4, min_width=180, elem_id="graph-search",
        )  # fmt: skip
        everything = gr.Button("Show all", size="sm", min_width=96, elem_id="graph-all", scale=0)
        hops = gr.Slider(
            1, 4, value=2, step=1, label="Hops around it",
            scale=2, min_width=160, elem_id="graph-hops",
        )  # fmt: skip
    relations = gr.CheckboxGroup(
        [], label="Only these actions", show_label=False, container=False,
        elem_id="graph-relations", elem_classes="itr-chips",
    )  # fmt: skip
    return search, hops, relations, everything


def _draw_table() -> tuple[Any, ...]:
    with gr.Row(elem_classes="itr-row itr-table-head"):
        gr.HTML("<h2 class='itr-heading'>Triplets</h2>")
        undo = gr.Button("Undo", size="sm", min_width=80, scale=0, elem_id="graph-undo")
        redo = gr.Button("Redo", size="sm", min_width=80, scale=0, elem_id="graph-redo")
    table = triplet_table("graph-table")
    with gr.Row(elem_classes="itr-row itr-pager"):
        previous = gr.Button("‹ Previous", size="sm", elem_id="table-previous", min_width=80)
        count = gr.HTML("", elem_id="table-count", elem_classes="itr-num")
        following = gr.Button("Next ›", size="sm", elem_id="table-next", min_width=80)
    return table, undo, redo, count, previous, following


def _wire_view(door: Door, view: _View, panel: NodePanel, reload: Wire, everything: Any) -> None:
    start = view.search.submit(
        lambda: ([], 0, "", ""),
        None,
        [view.lit, view.offset, view.note, panel.selected],
        queue=False,
        **QUIET,
    )
    reload.pull(start.then)
    cleared = everything.click(
        lambda: ("", [], [], 0, "", ""),
        None,
        [view.search, view.lit, view.relations, view.offset, view.note, panel.selected],
        queue=False,
        **QUIET,
    )
    reload.pull(cleared.then)
    reload.pull(view.hops.change, trigger_mode="always_last")
    reload.pull(view.relations.input)
    for button, step in ((view.previous, -PAGE), (view.following, PAGE)):
        turned = button.click(
            lambda at, step=step: max(0, at + step), [view.offset], [view.offset],
            queue=False, **QUIET,
        )  # fmt: skip
        reload.pull(turned.then)
    picked = view.canvas.pick(
        bind(door, pick, event=True),
        [view.search, view.hops],
        [view.lit, *panel.parts],
        **QUIET,
    )
    relight = bind(door, redraw)
    picked.then(relight, view.asked[:4], [view.canvas], **QUIET)
    lit = panel.facts.pick(light_fact, None, [view.lit], queue=False, **QUIET)
    lit.then(relight, view.asked[:4], [view.canvas], **QUIET)
    shown = view.table.show(
        bind(door, show_row, event=True), None, [view.search, view.lit, *panel.parts], **QUIET
    )
    reload.pull(shown.then)


def _wire_edits(
    door: Door, view: _View, panel: NodePanel, changed: Any, buttons: tuple[Any, Any, Any]
) -> None:
    undo, redo, examples = buttons
    ends = [view.note, changed]
    for trigger, handler in (
        (view.table.create, add_row),
        (view.table.save, save_row),
        (view.table.remove, remove_row),
        (panel.facts.remove, remove_row),
    ):
        trigger(bind(door, handler, event=True), [changed], ends, **QUIET)
    for button, plain in ((undo, undo_edit), (redo, redo_edit), (examples, add_examples)):
        button.click(bind(door, plain), [changed], ends, **QUIET)


def focus_of(backend: Backend, words: str) -> str:
    """The label that a search means: itself, or the first label that contains it.

    Raises: GraphError if no label does.
    """
    words = words.strip()
    if not words or backend.graph(words, hops=1, limit=1).nodes:
        return words
    for triplet in backend.triplets(words, limit=20).items:
        for label in (triplet.subject, triplet.object):
            if words.lower() in label.lower():
                return label
        return triplet.subject
    raise GraphError(
        f"Nothing in the graph is called “{words}”. Search for another word, or show all."
    )


def show(
    backend: Backend,
    search: str,
    hops: float,
    relations: Sequence[str],
    lit: Sequence[int],
    offset: int,
    selected: str,
) -> tuple[Any, ...]:
    """Everything that the tab shows.

    Inputs: search, hops, relations, lit, offset, selected
    Outputs: canvas, relations, full, empty, table, offset, count, previous, following, note, panel
    """
    words = ""
    try:
        focus = focus_of(backend, search or "")
    except GraphError as exc:
        words, focus = str(exc), ""
    view = backend.graph(focus, hops=int(hops), limit=MOST_NODES)
    chips = list(view.relations[:MOST_CHIPS])
    chosen = [relation for relation in relations or [] if relation in chips]
    table = table_values(backend, "" if words else search or "", offset)
    is_empty = view.total_edges == 0
    return (
        drawing(backend, view, focus=focus, relations=chosen, lit=_ids(lit)),
        gr.CheckboxGroup(choices=chips, value=chosen, visible=len(chips) > 1),
        gr.Column(visible=not is_empty),
        gr.Column(visible=is_empty),
        *table,
        error_html(words) if words else gr.skip(),
        *panel_of(backend, selected or focus),
    )


def _ids(numbers: Sequence[int]) -> list[TripletId]:
    return [TripletId(number) for number in numbers or []]


def table_values(backend: Backend, query: str, offset: int) -> tuple[Any, ...]:
    """One page of the table: rows, offset, count and the two buttons of the pager."""
    page = backend.triplets(query.strip(), limit=PAGE, offset=offset)
    if not page.items and page.total:
        offset = (page.total - 1) // PAGE * PAGE
        page = backend.triplets(query.strip(), limit=PAGE, offset=offset)
    words = range_words(offset, len(page.items), page.total)
    many = page.total > PAGE
    return (
        {"rows": [triplet_row(backend, item) for item in page.items]},
        offset,
        f"<p class='itr-muted'>{words}</p>",
        gr.Button(interactive=offset > 0, visible=many),
        gr.Button(interactive=offset + PAGE < page.total, visible=many),
    )


def redraw(
    backend: Backend, search: str, hops: float, relations: Sequence[str], lit: Sequence[int]
) -> dict[str, Any]:
    """The drawing alone, with other triplets lit.

    Inputs: search, hops, relations, lit
    Outputs: canvas
    """
    view, focus = _current_view(backend, search, hops)
    return drawing(backend, view, focus=focus, relations=relations or (), lit=_ids(lit))


def _current_view(backend: Backend, search: str, hops: float) -> tuple[GraphView, str]:
    try:
        focus = focus_of(backend, search or "")
    except GraphError:
        focus = ""
    return backend.graph(focus, hops=int(hops), limit=MOST_NODES), focus


def pick(backend: Backend, event: gr.EventData, search: str, hops: float) -> tuple[Any, ...]:
    """Select what was clicked in the drawing.

    Inputs: canvas.pick (node or edge), search, hops
    Outputs: lit, panel
    """
    view, _ = _current_view(backend, search, hops)
    label, lit = clicked_label(backend, view, dict(event._data or {}))
    return lit, *panel_of(backend, label)


def light_fact(event: gr.EventData) -> list[int]:
    """Light the arrow of a fact in the panel.

    Inputs: facts.pick (id)
    Outputs: lit
    """
    return [event_number(event, "id")]


def show_row(backend: Backend, event: gr.EventData) -> tuple[Any, ...]:
    """Bring the triplet of a table row into the drawing.

    Inputs: table.show (id)
    Outputs: search, lit, panel
    """
    triplet = backend.triplet(TripletId(event_number(event, "id")))
    return triplet.subject, [triplet.id], *panel_of(backend, triplet.subject)
