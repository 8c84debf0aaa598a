"""The drawing of the knowledge graph: a component of the page, and the values that it draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Any

import gradio as gr

from model.records import Edge, GraphView, TripletId
from webapp.backend import Backend
from webapp.theme import ASSETS, VIS_NETWORK

NODE_PX = 64
NOTHING: dict[str, Any] = {"nodes": [], "edges": [], "lit": [], "focus": "", "words": ""}

_BUTTONS = (
    ("join", "Connect", "Draw arrows: drag from one node to another", " aria-pressed='false'"),
    ("fit", "Fit", "Show the whole drawing", ""),
    ("closer", "+", "Zoom in", ""),
    ("farther", "−", "Zoom out", ""),
    ("freeze", "Freeze", "Keep every node where it is", " aria-pressed='true'"),
    ("whole", "Full screen", "Fill the screen with the drawing", " aria-pressed='false'"),
    ("keep", "PNG", "Save the drawing as a picture", ""),
)
_LEGEND = (
    "<p class='itr-legend'><span class='itr-mark-what'></span>starts "
    "<span class='itr-mark-result'></span>comes out <span class='itr-mark-both'></span>both</p>"
)
_FORM = (
    "<div class='itr-connect' role='dialog' aria-label='A new arrow' hidden>"
    "<p><b class='itr-connect-from'></b> → <b class='itr-connect-to'></b></p>"
    "<input class='itr-input' maxlength='120' placeholder='action'"
    " aria-label='Action of the new arrow'>"
    "<button type='button' class='itr-connect-add'>Add</button>"
    "<button type='button' class='itr-connect-leave'>Cancel</button></div>"
)
_SCRIPTS = ("graph_layout.js", "graph.js", "graph_tools.js")


def graph_canvas(elem_id: str) -> Any:
    """The graph as pictures and arrows.

    Event ``pick`` carries the ``node`` or ``edge`` clicked, ``connect`` the nodes ``from`` and
    ``to`` and the ``relation`` of an arrow that was drawn by hand. What the browser sends is only
    a number; a listener looks it up and may not trust it. A function and not a subclass of
    gr.HTML, because Gradio writes a ``.pyi`` beside subclasses.
    """
    buttons = "".join(
        f"<button type='button' class='itr-{name}' title='{about}' aria-label='{about}'{more}>"
        f"{word}</button>"
        for name, word, about, more in _BUTTONS
    )
    return gr.HTML(
        value=NOTHING,
        html_template=(
            "<div class='itr-stage' aria-busy='true'>"
            f"<div class='itr-canvas-tools'>{buttons}</div>{_FORM}"
            "<p class='itr-loading'>Loading …</p>"
            "<div class='itr-canvas' role='img' tabindex='0' aria-label='Knowledge graph'></div>"
            f"<div class='itr-canvas-foot itr-muted'>{_LEGEND}"
            "<p class='itr-graph-words' aria-live='polite'></p></div></div>"
        ),
        head=f'<script src="/gradio_api/file={VIS_NETWORK}"></script>',
        js_on_load="\n".join((ASSETS / name).read_text(encoding="utf-8") for name in _SCRIPTS),
        apply_default_css=False,
        elem_id=elem_id,
    )


def drawing(
    backend: Backend,
    view: GraphView,
    *,
    focus: str = "",
    relations: Collection[str] = (),
    lit: Collection[TripletId] = (),
) -> dict[str, Any]:
    """The value of the canvas; ``relations`` are those that ``view`` was asked for.

    With them, a node that no arrow touches is left out.
    """
    edges = list(view.edges)
    touched = {edge.source for edge in edges} | {edge.target for edge in edges}
    shown = [node for node in view.nodes if not relations or node.id in touched]
    starts = {edge.source for edge in edges}
    ends = {edge.target for edge in edges}
    nodes = [
        {
            "id": node.id,
            "label": node.label,
            "degree": node.degree,
            "picture": backend.thumbnail(node.picture, NODE_PX) if node.picture else None,
            "side": _side(node.id in starts, node.id in ends),
        }
        for node in shown
    ]
    return {
        "nodes": nodes,
        "edges": _drawn_edges(edges),
        "lit": list(lit),
        "focus": focus,
        "words": shown_words(len(nodes), view.total_nodes, focus, relations),
    }


def _side(starts: bool, ends: bool) -> str:
    """Whether a node is only ever a what, only ever a result, or both."""
    if starts == ends:
        return "both"
    return "what" if starts else "result"


def _drawn_edges(edges: list[Edge]) -> list[dict[str, Any]]:
    """Edges with a bend where several join the same two nodes, so that no label hides another."""
    seen: Counter[tuple[int, int]] = Counter()
    many = Counter((min(e.source, e.target), max(e.source, e.target)) for e in edges)
    drawn = []
    for edge in edges:
        pair = (min(edge.source, edge.target), max(edge.source, edge.target))
        place, seen[pair] = seen[pair], seen[pair] + 1
        bend = 0.0 if many[pair] == 1 else (place // 2 + 1) * 0.18 * (1 if place % 2 else -1)
        if edge.source > edge.target:
            bend = -bend
        drawn.append(
            {
                "id": edge.id,
                "from": edge.source,
                "to": edge.target,
                "label": edge.label,
                "bend": round(bend, 2),
            }
        )
    return drawn


def shown_words(shown: int, total: int, focus: str = "", relations: Collection[str] = ()) -> str:
    """How much of the graph is drawn, in words: ``showing 300 of 12,480 nodes around “egg”``."""
    if total == 0:
        return ""
    amount = (
        f"Showing all {total:,} nodes"
        if shown == total
        else f"Showing {shown:,} of {total:,} nodes"
    )
    around = f" around “{focus}”" if focus else ""
    only = f", only {', '.join(sorted(relations))}" if relations else ""
    return f"{amount}{around}{only}."
