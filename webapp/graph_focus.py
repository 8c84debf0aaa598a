"""Which part of the graph is looked at: what a search means, and the nodes around it."""

from __future__ import annotations

from collections.abc import Collection

from model.errors import GraphError
from model.records import GraphView
from webapp.backend import Backend

MOST_NODES = 300
MOST_HOPS = 4


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


def current_view(
    backend: Backend, search: str, hops: float, relations: Collection[str] | None = ()
) -> tuple[GraphView, str]:
    """What is drawn for a search, and the label in its middle; all of it if nothing is found.

    With ``relations`` the backend looks for triplets of these, beyond what is drawn now.
    """
    try:
        focus = focus_of(backend, search or "")
    except GraphError:
        focus = ""
    return graph_around(backend, focus, hops, relations), focus


def graph_around(
    backend: Backend, focus: str, hops: float, relations: Collection[str] | None
) -> GraphView:
    """The nodes that are drawn around a label, along some relations or all."""
    return backend.graph(focus, hops=int(hops), limit=MOST_NODES, relations=relations or ())
