"""The SQL of the graph as it is drawn: nodes, their neighbours and the edges between them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from model.knowledge.labels import norm_label, storable
from model.knowledge.triplet_rows import chunks
from model.records import Edge, GraphView, Node, PictureId, TripletId

MAX_EDGES_PER_NODE = 20
"""A view holds at most this many edges for each node it may hold: a page has to draw them."""


def view(db: sqlite3.Connection, focus: str, hops: int, limit: int) -> GraphView:
    """At most ``limit`` nodes within ``hops`` of ``focus`` (or of all), most connected first.

    ``focus`` is a label; if no node has exactly this one, all nodes that contain it are meant.
    """
    (total_nodes,) = db.execute("SELECT COUNT(*) FROM nodes").fetchone()
    (total_edges,) = db.execute("SELECT COUNT(*) FROM triplets").fetchone()
    rows = db.execute("SELECT MIN(relation) FROM triplets GROUP BY norm_relation ORDER BY 1")
    relations = tuple(relation for (relation,) in rows)
    limit = max(0, limit)
    chosen = _around(db, focus, hops, limit) if focus.strip() else _most_connected(db, limit)
    nodes = _nodes(db, chosen)
    edges = _edges(db, chosen, limit * MAX_EDGES_PER_NODE)
    return GraphView(nodes, edges, total_nodes, total_edges, relations)


def labels(db: sqlite3.Connection) -> tuple[str, ...]:
    """The labels of all nodes, most connected first."""
    rows = db.execute("SELECT label FROM nodes ORDER BY degree DESC, id")
    return tuple(row["label"] for row in rows)


def nodes_with_pictures(db: sqlite3.Connection) -> tuple[Node, ...]:
    """All nodes that have a picture."""
    rows = db.execute("SELECT * FROM nodes WHERE picture IS NOT NULL ORDER BY id")
    return tuple(_node(row) for row in rows)


def node_by_picture(db: sqlite3.Connection, picture: PictureId) -> Node | None:
    """The most connected node that has this very picture, or ``None``."""
    row = db.execute(
        "SELECT * FROM nodes WHERE picture = ? ORDER BY degree DESC, id LIMIT 1", (picture,)
    ).fetchone()
    return None if row is None else _node(row)


def _most_connected(db: sqlite3.Connection, limit: int) -> list[int]:
    rows = db.execute("SELECT id FROM nodes ORDER BY degree DESC, id LIMIT ?", (limit,))
    return [row["id"] for row in rows]


def _around(db: sqlite3.Connection, focus: str, hops: int, limit: int) -> list[int]:
    chosen = _seeds(db, focus)[:limit]
    reached, frontier = set(chosen), chosen
    for _ in range(max(0, hops)):
        fresh = [node for node in _neighbours(db, frontier) if node not in reached]
        frontier = fresh[: limit - len(chosen)]
        if not frontier:
            break
        chosen = chosen + frontier
        reached.update(frontier)
    return chosen


def _seeds(db: sqlite3.Connection, focus: str) -> list[int]:
    words = norm_label(storable(focus))
    exact = db.execute("SELECT id FROM nodes WHERE norm_label = ?", (words,)).fetchone()
    if exact is not None:
        return [exact["id"]]
    rows = db.execute(
        "SELECT id FROM nodes WHERE INSTR(norm_label, ?) > 0 ORDER BY degree DESC, id", (words,)
    )
    return [row["id"] for row in rows]


def _neighbours(db: sqlite3.Connection, nodes: Sequence[int]) -> list[int]:
    degrees: dict[int, int] = {}
    for chunk in chunks(nodes):
        marks = ",".join("?" * len(chunk))
        for here, there in (("subject_id", "object_id"), ("object_id", "subject_id")):
            rows = db.execute(
                f"""SELECT DISTINCT n.id, n.degree FROM triplets AS t
                    JOIN nodes AS n ON n.id = t.{there} WHERE t.{here} IN ({marks})""",
                chunk,
            )
            degrees.update((row["id"], row["degree"]) for row in rows)
    return sorted(degrees, key=lambda node: (-degrees[node], node))


def _nodes(db: sqlite3.Connection, chosen: Sequence[int]) -> tuple[Node, ...]:
    found: dict[int, Node] = {}
    for chunk in chunks(chosen):
        marks = ",".join("?" * len(chunk))
        for row in db.execute(f"SELECT * FROM nodes WHERE id IN ({marks})", chunk):
            found[row["id"]] = _node(row)
    return tuple(found[node] for node in chosen)


def _edges(db: sqlite3.Connection, chosen: Sequence[int], limit: int) -> tuple[Edge, ...]:
    inside, edges = set(chosen), list[Edge]()
    for chunk in chunks(chosen):
        marks = ",".join("?" * len(chunk))
        rows = db.execute(
            f"""SELECT id, subject_id, object_id, relation, relation_picture FROM triplets
                WHERE subject_id IN ({marks}) ORDER BY id""",
            chunk,
        )
        for row in rows:
            if row["object_id"] in inside and len(edges) < limit:
                edges.append(_edge(row))
    return tuple(edges)


def _edge(row: sqlite3.Row) -> Edge:
    picture = row["relation_picture"]
    return Edge(
        id=TripletId(row["id"]),
        source=row["subject_id"],
        target=row["object_id"],
        label=row["relation"],
        picture=None if picture is None else PictureId(picture),
    )


def _node(row: sqlite3.Row) -> Node:
    picture = row["picture"]
    return Node(
        id=row["id"],
        label=row["label"],
        picture=None if picture is None else PictureId(picture),
        degree=row["degree"],
    )
