"""What is known about the node or the triplet that was clicked in the drawing."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.errors import GraphError
from model.records import GraphView, Node, PictureId, Triplet, TripletId
from webapp.backend import Backend
from webapp.node_edits import NodeForm, draw_form, form_of
from webapp.triplet_list import list_value, triplet_list, triplet_row

MOST_FACTS = 30
FACE_PX = 160
_HINT = "Click a picture or an arrow to see what is known about it."


@dataclass(frozen=True)
class NodePanel:
    """The components of the panel; ``selected`` is the state with the label that is shown."""

    selected: Any
    head: Any
    ask: Any
    facts: Any
    form: NodeForm

    @property
    def parts(self) -> list[Any]:
        """What ``panel_of`` sets, in its order."""
        return [self.selected, self.head, self.ask, self.facts, *self.form.parts]


def draw_panel() -> NodePanel:
    """Draw the panel, empty."""
    selected = gr.State("")
    head = gr.HTML(f"<p class='itr-empty'>{_HINT}</p>", elem_id="node-head")
    ask = gr.Button("Ask about this", size="sm", visible=False, elem_id="node-ask")
    form = draw_form()
    facts = triplet_list("Facts about the selected node", "node-facts", "itr-saved")
    return NodePanel(selected, head, ask, facts, form)


def find_node(backend: Backend, label: str) -> tuple[Node | None, GraphView]:
    """A node by its label with the facts around it; ``None`` if no node is called so."""
    view = backend.graph(label, hops=1) if label else GraphView((), (), 0, 0)
    return next((n for n in view.nodes if n.label.lower() == label.lower()), None), view


def panel_of(backend: Backend, label: str, *, kept: bool = False) -> tuple[Any, ...]:
    """The values of ``NodePanel.parts`` for a node; a hint if there is none of this name.

    With ``kept`` half-typed words of the form stay: it is the node that was shown already.
    """
    node, view = find_node(backend, label)
    if node is None:
        hint = f"<p class='itr-empty'>{_HINT}</p>"
        return "", hint, gr.Button(visible=False), list_value([]), *form_of(None, ())
    outward = [edge.id for edge in view.edges if edge.source == node.id]
    inward = [edge.id for edge in view.edges if edge.target == node.id]
    ids = list(dict.fromkeys([*outward, *inward]))
    facts = [backend.triplet(triplet) for triplet in ids[:MOST_FACTS]]
    rows = [_fact_row(backend, fact, outward) for fact in facts]
    return (
        node.label,
        _head_html(backend, node, len(outward), len(inward), facts),
        gr.Button(visible=True),
        list_value(rows, pick="Open", edit="Pictures", remove="Delete"),
        *form_of(node, facts, kept=kept),
    )


def _fact_row(backend: Backend, fact: Triplet, outward: list[TripletId]) -> dict[str, Any]:
    way = "leads on" if fact.id in outward else "leads here"
    return triplet_row(backend, fact, note=f"{way} · from {fact.source}")


def _head_html(
    backend: Backend, node: Node, outward: int, inward: int, facts: list[Triplet]
) -> str:
    face = ""
    if node.picture:
        source = backend.thumbnail(node.picture, FACE_PX)
        face = f"<img class='itr-face' src='{html.escape(source)}' alt=''>"
    sources = ", ".join(sorted({fact.source for fact in facts}))
    seen = outward + inward
    more = f" The first {MOST_FACTS} are listed." if max(seen, node.degree) > MOST_FACTS else ""
    counted = f"{outward} leading on, {inward} leading here"
    if node.degree > seen:
        # A hub has more neighbours than a view holds: what is counted there would be too few.
        counted = f"{node.degree:,} facts"
    return (
        f"<div class='itr-node'>{face}<h3>{html.escape(node.label)}</h3>"
        f"<p class='itr-muted'>{counted} · from {html.escape(sources) or 'nowhere'}.{more}</p>"
        "</div>"
    )


def clicked_label(backend: Backend, view: GraphView, data: dict[str, Any]) -> tuple[str, list[int]]:
    """The label to select and the triplets to light after a click on a node or an edge.

    Raises: GraphError if the click names nothing that is drawn.
    """
    edge = next((e for e in view.edges if e.id == data.get("edge")), None)
    if edge is not None:
        return backend.triplet(edge.id).subject, [edge.id]
    node = next((n for n in view.nodes if n.id == data.get("node")), None)
    if node is None:
        raise GraphError("What was clicked is no longer in the graph. The drawing was renewed.")
    return node.label, []


def node_question(backend: Backend, label: str) -> tuple[str, PictureId | None]:
    """A first question about a node, and its picture if it has one.

    Raises: GraphError if no node is called so any more.
    """
    node, _ = find_node(backend, label)
    if node is None:
        raise GraphError(f"“{label}” is no longer in the graph. Choose another node.")
    return ("What is this?" if node.picture else f"What is {node.label}?"), node.picture
