"""The graph as one HTML page that opens anywhere: no network, and no label can run."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

from model.errors import InputError
from model.records import GraphView, PictureId

_FACE_PX = 64
_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:"
"""Even if something asked for the network, the browser would refuse it."""
_ELSEWHERE = re.compile(
    r"<link\b[^>]*\bhttps?://[^>]*/>|<script\b[^>]*\bsrc=[^>]*>\s*</script>", re.DOTALL
)
_OPTIONS = """{"physics": {"stabilization": {"iterations": 150}},
    "edges": {"smooth": false, "arrows": "to", "font": {"size": 10}},
    "layout": {"improvedLayout": false}}"""


def graph_page(view: GraphView, thumbnail: Callable[[PictureId, int], str]) -> str:
    """The page of a view; says how much of the graph it shows.

    Labels go to the page as JSON and are drawn on a canvas, so they can not become markup. There
    are no titles: the viewer (pyvis 0.3.2) would write some of them into the page as HTML.
    """
    from pyvis.network import Network  # brings IPython along: only who exports a page pays for it

    network = Network(height="90vh", width="100%", directed=True, cdn_resources="in_line")
    for node in view.nodes:
        face = _face(node.picture, thumbnail)
        look = {"shape": "image", "image": face} if face else {"shape": "dot", "size": 12}
        network.add_node(node.id, label=node.label, **look)
    for edge in view.edges:
        network.add_edge(edge.source, edge.target, label=edge.label)
    network.set_options(_OPTIONS)
    page = _ELSEWHERE.sub("", network.generate_html(notebook=False))
    head = (
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        "<title>Knowledge graph</title>"
    )
    return page.replace("<head>", f"<head>{head}", 1).replace("<body>", f"<body>{_words(view)}", 1)


def _words(view: GraphView) -> str:
    shown, every = len(view.nodes), view.total_nodes
    hidden = "" if shown == every else " The most connected ones are drawn; the rest is hidden."
    return (
        "<p>"
        + html.escape(
            f"{shown:,} of {every:,} nodes and {len(view.edges):,} of {view.total_edges:,} "
            f"triplets.{hidden}"
        )
        + "</p>"
    )


def _face(picture: PictureId | None, thumbnail: Callable[[PictureId, int], str]) -> str:
    if picture is None:
        return ""
    try:
        return thumbnail(picture, _FACE_PX)
    except InputError:  # a picture that is gone leaves a plain node
        return ""
