"""Graph: the triplets as a drawing and as an editable table, searched, walked and corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.errors import GraphError
from model.records import TripletId
from webapp.backend import Backend, Door
from webapp.edit_conflict import ConflictBox, draw_conflict, keep_newer, use_mine
from webapp.formatting import error_html
from webapp.graph_edits import (
    add_examples,
    add_row,
    connect_nodes,
    redo_edit,
    remove_row,
    save_row,
    undo_edit,
)
from webapp.graph_exchange import build_exchange
from webapp.graph_focus import MOST_HOPS, current_view, focus_of, graph_around
from webapp.graph_overview import draw_duplicates, draw_figures, wire_overview
from webapp.graph_table import GraphTable, draw_table, table_values, wire_table
from webapp.graph_view import drawing, graph_canvas
from webapp.node_edits import wire_form
from webapp.node_panel import NodePanel, clicked_label, draw_panel, panel_of
from webapp.triplet_editor import (
    TripletEditor,
    delete_opened,
    draw_editor,
    editor_of,
    renew_opened,
    save_opened,
)
from webapp.widgets import QUIET, Wire, bind, event_number

MOST_CHIPS = 30
_EMPTY = (
    "<div class='itr-empty'><h2>The graph is empty</h2><p>Every triplet that is saved becomes an "
    "arrow here: from what there was to what came out.</p></div>"
)


@dataclass(frozen=True)
class GraphTab:
    """What other tabs link to: search and light, the panel, the reloads and the count of changes.

    ``reload`` draws the tab; ``overview`` counts the graph and looks for duplicates.
    """

    search: Any
    lit: Any
    panel: NodePanel
    changed: Any
    first_step: Any
    reload: Wire
    overview: Wire


@dataclass(frozen=True)
class _Bar:
    """The line of figures and of what the last edit did, with *Undo*; it stays in view."""

    figures: Any
    note: Any
    undo: Any
    redo: Any
    conflict: ConflictBox


@dataclass(frozen=True)
class _View:
    """The controls that say what is seen, and the parts that show it."""

    search: Any
    everything: Any
    hops: Any
    chips: Any
    listed: Any
    lit: Any
    canvas: Any
    full: Any
    empty: Any
    table: GraphTable

    @property
    def drawn(self) -> list[Any]:
        """What says which part of the graph is drawn."""
        return [self.search, self.hops, self.chips, self.listed]

    @property
    def asked(self) -> list[Any]:
        """The inputs of ``redraw``."""
        return [*self.drawn, self.lit]

    @property
    def shown(self) -> list[Any]:
        """The outputs of ``show``, but for the note and the panel."""
        return [self.canvas, self.chips, self.listed, self.full, self.empty, *self.table.parts]


def build(door: Door) -> GraphTab:
    """Draw the tab inside the current one, and wire it."""
    changed, lit = gr.State(0), gr.State([])
    bar = _draw_bar()
    with gr.Column(visible=False, elem_classes="itr-panel itr-first") as empty:
        gr.HTML(_EMPTY)
        with gr.Row(elem_classes="itr-row itr-centre"):
            examples = gr.Button("Add the examples", variant="primary", elem_id="graph-examples")
            first_step = gr.Button("Save a triplet of your own", elem_id="graph-first-step")
    with gr.Column(elem_classes="itr-graph") as full:
        search, everything, hops, chips, listed = _draw_toolbar()
        with gr.Row(elem_classes="itr-columns", equal_height=False):
            with gr.Column(scale=7, min_width=320, elem_classes="itr-panel itr-canvas-panel"):
                canvas = graph_canvas("graph-canvas")
            with gr.Column(scale=3, min_width=280, elem_classes="itr-panel"):
                editor, panel, proposed = draw_editor(), draw_panel(), draw_duplicates()
        with gr.Column(elem_classes="itr-panel"):
            table = draw_table()
    with gr.Column(elem_classes="itr-panel itr-exchange"):
        build_exchange(door, bar.note, changed)
    view = _View(search, everything, hops, chips, listed, lit, canvas, full, empty, table)
    reload = Wire(
        bind(door, show),
        [*view.asked, table.offset, table.order, panel.selected],
        [*view.shown, bar.note, *panel.parts],
        busy="#graph-canvas .itr-stage",
    )
    overview = wire_overview(door, bar.figures, proposed, bar.note, changed)
    _wire_view(door, view, bar, panel, editor, reload)
    _wire_edits(door, view, bar, panel, changed, examples)
    wire_form(door, panel.form, bar.note, changed, bar.conflict.parts, panel.selected, search)
    _wire_editor(door, bar, editor, changed)
    reload.pull(changed.change)
    overview.pull(changed.change)
    return GraphTab(search, lit, panel, changed, first_step, reload, overview)


def _draw_bar() -> _Bar:
    with gr.Column(elem_classes="itr-edit-bar", elem_id="graph-bar"):
        with gr.Row(elem_classes="itr-row itr-edit-line"):
            with gr.Column(elem_classes="itr-edit-words", min_width=120):
                figures = draw_figures()
                note = gr.HTML("", elem_id="graph-note")
            undo = gr.Button("Undo", size="sm", min_width=72, scale=0, elem_id="graph-undo")
            redo = gr.Button("Redo", size="sm", min_width=72, scale=0, elem_id="graph-redo")
        conflict = draw_conflict()
    return _Bar(figures, note, undo, redo, conflict)


def _draw_toolbar() -> tuple[Any, ...]:
    with gr.Row(elem_classes="itr-row itr-toolbar"):
        search = gr.Textbox(
            label="Search", placeholder="Search a thing  ( / )", show_label=False,
            submit_btn=True, scale=4, min_width=180, elem_id="graph-search",
        )  # fmt: skip
        everything = gr.Button("Show all", size="sm", min_width=96, elem_id="graph-all", scale=0)
        hops = gr.Slider(
            1, MOST_HOPS, value=2, step=1, label="Hops around it",
            scale=2, min_width=160, elem_id="graph-hops",
        )  # fmt: skip
    chips = gr.CheckboxGroup(
        [], label="Only these actions", show_label=False, container=False,
        elem_id="graph-relations", elem_classes="itr-chips",
    )  # fmt: skip
    listed = gr.Dropdown(
        [], multiselect=True, visible=False, label="Only these actions (type to search)",
        elem_id="graph-relation-list",
    )  # fmt: skip
    return search, everything, hops, chips, listed


def _wire_view(
    door: Door, view: _View, bar: _Bar, panel: NodePanel, editor: TripletEditor, reload: Wire
) -> None:
    start = [view.lit, view.table.offset, bar.note, panel.selected]
    searched = view.search.submit(lambda: ([], 0, "", ""), None, start, queue=False, **QUIET)
    reload.pull(searched.then)
    cleared = view.everything.click(
        lambda: ("", [], [], [], 0, "", ""),
        None,
        [view.search, view.chips, view.listed, *start],
        queue=False,
        **QUIET,
    )
    reload.pull(cleared.then)
    reload.pull(view.hops.change, trigger_mode="always_last")
    reload.pull(view.chips.input)
    reload.pull(view.listed.input)
    wire_table(view.table, reload)
    relight = bind(door, redraw)
    picked = view.canvas.pick(
        bind(door, pick, event=True),
        view.drawn,
        [view.lit, *panel.parts, *editor.parts],
        **QUIET,
    )
    opened = panel.facts.pick(
        bind(door, open_fact, event=True), None, [view.lit, *editor.parts], **QUIET
    )
    for lit in (picked, opened):
        lit.then(relight, view.asked, [view.canvas], **QUIET)
    shown = view.table.rows.show(
        bind(door, show_row, event=True),
        None,
        [view.search, view.lit, *panel.parts, *editor.parts],
        **QUIET,
    )
    reload.pull(shown.then)


def _wire_edits(
    door: Door, view: _View, bar: _Bar, panel: NodePanel, changed: Any, examples: Any
) -> None:
    ends = [bar.note, changed]
    stale = [*ends, *bar.conflict.parts]
    rows = view.table.rows
    for trigger, handler in (
        (rows.create, add_row),
        (rows.remove, remove_row),
        (panel.facts.remove, remove_row),
    ):
        trigger(bind(door, handler, event=True), [changed], ends, **QUIET)
    rows.save(bind(door, save_row, event=True), [changed], stale, **QUIET)
    view.canvas.connect(
        bind(door, connect_nodes, event=True), [*view.drawn, changed], ends, **QUIET
    )
    for button, plain in (
        (bar.undo, undo_edit),
        (bar.redo, redo_edit),
        (examples, add_examples),
    ):
        button.click(bind(door, plain), [changed], ends, **QUIET)
    conflict = bar.conflict
    conflict.mine.click(bind(door, use_mine), [conflict.pending, changed], stale, **QUIET)
    conflict.newer.click(bind(door, keep_newer), [changed], stale, **QUIET)


def _wire_editor(door: Door, bar: _Bar, editor: TripletEditor, changed: Any) -> None:
    ends = [bar.note, changed]
    saving = ([editor.opened, *editor.fields, changed], [*ends, *bar.conflict.parts])
    fields = (editor.what, editor.action, editor.result)
    for trigger in (editor.save.click, *(field.submit for field in fields)):
        trigger(bind(door, save_opened), *saving, **QUIET)
    editor.delete.click(bind(door, delete_opened), [editor.opened, changed], ends, **QUIET)
    editor.close.click(bind(door, close_editor), None, editor.parts, **QUIET)
    renew = Wire(bind(door, renew_opened), [editor.opened], editor.parts)
    renew.pull(changed.change)


def show(
    backend: Backend,
    search: str,
    hops: float,
    chips: Sequence[str],
    listed: Sequence[str],
    lit: Sequence[int],
    offset: int,
    order: str,
    selected: str,
) -> tuple[Any, ...]:
    """Everything that the tab shows.

    Inputs: search, hops, chips, listed, lit, offset, order, selected
    Outputs: canvas, chips, listed, full, empty, the table's parts, note, the panel's parts
    """
    words = ""
    try:
        focus = focus_of(backend, search or "")
    except GraphError as exc:
        words, focus = str(exc), ""
    view = graph_around(backend, focus, hops, chips or listed)
    few = len(view.relations) <= MOST_CHIPS
    known = set(view.relations)
    chosen = [relation for relation in chips or listed or [] if relation in known]
    if not chosen and (chips or listed):  # the last triplet of what was chosen is gone
        view = graph_around(backend, focus, hops, ())
    is_empty = view.total_edges == 0
    return (
        drawing(backend, view, focus=focus, relations=chosen, lit=_ids(lit)),
        *_relation_choices(view.relations, chosen, few),
        gr.Column(visible=not is_empty),
        gr.Column(visible=is_empty),
        *table_values(backend, "" if words else search or "", offset, order),
        error_html(words) if words else gr.skip(),
        *panel_of(backend, selected or focus, kept=bool(selected)),
    )


def _relation_choices(relations: Sequence[str], chosen: list[str], few: bool) -> tuple[Any, Any]:
    """Chips for a few relations, a list that can be searched for many."""
    choices = list(relations)
    return (
        gr.CheckboxGroup(
            choices=choices if few else [],
            value=chosen if few else [],
            visible=few and len(choices) > 1,
        ),
        gr.Dropdown(
            choices=[] if few else choices,
            value=[] if few else chosen,
            visible=not few,
            multiselect=True,
        ),
    )


def _ids(numbers: Sequence[int]) -> list[TripletId]:
    return [TripletId(number) for number in numbers or []]


def redraw(
    backend: Backend,
    search: str,
    hops: float,
    chips: Sequence[str],
    listed: Sequence[str],
    lit: Sequence[int],
) -> dict[str, Any]:
    """The drawing alone, with other triplets lit.

    Inputs: search, hops, chips, listed, lit
    Outputs: canvas
    """
    view, focus = current_view(backend, search, hops, chips or listed)
    return drawing(backend, view, focus=focus, relations=chips or listed or (), lit=_ids(lit))


def pick(
    backend: Backend,
    event: gr.EventData,
    search: str,
    hops: float,
    chips: Sequence[str],
    listed: Sequence[str],
) -> tuple[Any, ...]:
    """Select what was clicked in the drawing; an arrow opens its triplet.

    Inputs: canvas.pick (node or edge), search, hops, chips, listed
    Outputs: lit, the panel's parts, the editor's parts
    """
    view, _ = current_view(backend, search, hops, chips or listed)
    label, lit = clicked_label(backend, view, dict(event._data or {}))
    return lit, *panel_of(backend, label), *editor_of(backend, lit[0] if lit else None)


def open_fact(backend: Backend, event: gr.EventData) -> tuple[Any, ...]:
    """Open a fact of the panel and light its arrow.

    Inputs: facts.pick (id)
    Outputs: lit, the editor's parts
    """
    triplet = event_number(event, "id")
    return [triplet], *editor_of(backend, triplet)


def show_row(backend: Backend, event: gr.EventData) -> tuple[Any, ...]:
    """Bring the triplet of a table row into the drawing, and open it.

    Inputs: table.show (id)
    Outputs: search, lit, the panel's parts, the editor's parts
    """
    triplet = backend.triplet(TripletId(event_number(event, "id")))
    panel = panel_of(backend, triplet.subject)
    return triplet.subject, [triplet.id], *panel, *editor_of(backend, triplet.id)


def close_editor(backend: Backend) -> tuple[Any, ...]:
    """Close the triplet that is open; what was typed and not saved is let go.

    Outputs: the editor's parts
    """
    return editor_of(backend, None)
