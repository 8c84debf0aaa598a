"""The graph as a whole: its figures in one line, and the nodes that may be the same thing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.errors import GraphError
from model.graph_records import DuplicatePair, GraphStatistics
from model.records import Node
from webapp.backend import Backend, Door
from webapp.graph_edits import tell_edit
from webapp.theme import ASSETS
from webapp.widgets import QUIET, Wire, bind, event_number

MOST_PAIRS = 20
FACE_PX = 64


@dataclass(frozen=True)
class DuplicateList:
    """The proposals: a folded box whose title counts them, and the pairs inside."""

    box: Any
    pairs: Any


def draw_figures() -> Any:
    """The line of figures, empty."""
    return gr.HTML("", elem_id="graph-figures", elem_classes="itr-num")


def draw_duplicates() -> DuplicateList:
    """Draw the proposals, hidden until there are any."""
    with gr.Accordion(
        "Duplicates proposed", open=False, visible=False, elem_id="graph-duplicates"
    ) as box:
        pairs = gr.HTML(
            value={"pairs": []},
            html_template="<ul class='itr-list' aria-label='Duplicates proposed'></ul>",
            js_on_load=(ASSETS / "duplicate_list.js").read_text(encoding="utf-8"),
            apply_default_css=False,
            elem_id="duplicate-pairs",
        )
    return DuplicateList(box, pairs)


def wire_overview(
    door: Door, figures: Any, proposed: DuplicateList, note: Any, changed: Any
) -> Wire:
    """Wire the proposals; returns what renews figures and proposals."""
    renew = Wire(bind(door, overview), [], [figures, proposed.box, proposed.pairs])
    proposed.pairs.merge(bind(door, merge_pair, event=True), [changed], [note, changed], **QUIET)
    proposed.pairs.apart(bind(door, keep_apart, event=True), [changed], [note, changed], **QUIET)
    return renew


def overview(backend: Backend) -> tuple[Any, ...]:
    """Figures and proposals as they are now.

    Outputs: figures, box, pairs
    """
    statistics = backend.graph_statistics()
    pairs = backend.duplicates(MOST_PAIRS)
    count = max(statistics.duplicates, len(pairs))
    return (
        f"<p class='itr-muted itr-graph-figures'>{figures_words(statistics)}</p>",
        gr.Accordion(label=f"Duplicates proposed ({count:,})", visible=bool(pairs)),
        {"pairs": [_pair(backend, pair) for pair in pairs]},
    )


def figures_words(statistics: GraphStatistics) -> str:
    """``12,480 nodes · 50,000 edges · 12 relations · 3 components · 2 duplicates proposed``."""
    named = (
        (statistics.nodes, "node"),
        (statistics.edges, "edge"),
        (statistics.relations, "relation"),
        (statistics.components, "component"),
        (statistics.duplicates, "duplicate"),
    )
    words = [f"{count:,} {name}{'' if count == 1 else 's'}" for count, name in named]
    return " · ".join(words) + " proposed"


def _pair(backend: Backend, pair: DuplicatePair) -> dict[str, Any]:
    """A proposal as the browser draws it; the node with more facts is the one to keep."""
    keep, other = (pair.first, pair.second)
    if other.degree > keep.degree:
        keep, other = other, keep
    return {
        "keep": _side(backend, keep),
        "other": _side(backend, other),
        "why": f"{pair.why} · {pair.score:.0%} alike",
    }


def _side(backend: Backend, node: Node) -> dict[str, Any]:
    face = backend.thumbnail(node.picture, FACE_PX) if node.picture else None
    return {"id": node.id, "label": node.label, "degree": node.degree, "picture": face}


def merge_pair(backend: Backend, event: gr.EventData, changed: int) -> tuple[Any, ...]:
    """Merge two nodes that were proposed.

    Inputs: pairs.merge (keep, other), changed
    Outputs: note, changed
    """
    return tell_edit(
        lambda: backend.merge_nodes(event_number(event, "keep"), [event_number(event, "other")]),
        changed,
    )


def keep_apart(backend: Backend, event: gr.EventData, changed: int) -> tuple[Any, ...]:
    """Leave two nodes apart for good.

    Inputs: pairs.apart (keep, other), changed
    Outputs: note, changed
    """

    def edit() -> str:
        first, second = event_number(event, "keep"), event_number(event, "other")
        if first == second:
            raise GraphError("A node cannot be kept apart from itself. Reload the page.")
        backend.refuse_duplicate(first, second)
        return "Kept apart. These two are not proposed again."

    return tell_edit(edit, changed)
