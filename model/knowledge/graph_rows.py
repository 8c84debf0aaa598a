"""The SQL of the graph as it is drawn: nodes, their neighbours and the edges between them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from model.knowledge.labels import norm_label, storable
from model.knowledge.live_rows import picture_of
from model.knowledge.search_rows import nodes_with
from model.records import Edge, Node, PictureId, TripletId

MAX_EDGES_PER_NODE = 20
"""A view holds at most this many edges for each node it may hold: a page has to draw them."""
_THESE = "(SELECT value FROM json_each(?))"


def around(
    db: sqlite3.Connection, focus: str, hops: int, limit: int
) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    """At most ``limit`` nodes within ``hops`` of ``focus`` (or of all), most connected first.

    ``focus`` is a label; if no node has exactly this one, all nodes that contain it are meant.
    The edges are those between the nodes.
    """
    limit = max(0, limit)
    chosen = _near(db, focus, hops, limit) if focus.strip() else _most_connected(db, limit)
    return _nodes(db, chosen), _edges(db, chosen, limit * MAX_EDGES_PER_NODE)


def labels(db: sqlite3.Connection) -> tuple[str, ...]:
    """The labels of all nodes, most connected first."""
    rows = db.execute("SELECT label FROM nodes ORDER BY degree DESC, id")
    return tuple(row["label"] for row in rows)


def nodes_with_pictures(db: sqlite3.Connection) -> tuple[Node, ...]:
    """All nodes that have a picture."""
    rows = db.execute("SELECT * FROM nodes WHERE picture IS NOT NULL ORDER BY id")
    return tuple(node_of(row) for row in rows)


def node_by_picture(db: sqlite3.Connection, picture: PictureId) -> Node | None:
    """The most connected node that has this very picture, or ``None``."""
    row = db.execute(
        "SELECT * FROM nodes WHERE picture = ? ORDER BY degree DESC, id LIMIT 1", (picture,)
    ).fetchone()
    return None if row is None else node_of(row)


def _most_connected(db: sqlite3.Connection, limit: int) -> list[int]:
    rows = db.execute("SELECT id FROM nodes ORDER BY degree DESC, id LIMIT ?", (limit,))
    return [row["id"] for row in rows]


def _near(db: sqlite3.Connection, focus: str, hops: int, limit: int) -> list[int]:
    chosen = _seeds(db, focus, limit)
    reached, frontier = set(chosen), chosen
    for _ in range(max(0, hops)):
        wanted = limit - len(chosen)
        found = _neighbours(db, frontier, wanted + len(reached))
        frontier = [node for node in found if node not in reached][:wanted]
        if not frontier:
            break
        chosen = chosen + frontier
        reached.update(frontier)
    return chosen


def _seeds(db: sqlite3.Connection, focus: str, limit: int) -> list[int]:
    words = norm_label(storable(focus))
    exact = db.execute("SELECT id FROM nodes WHERE norm_label = ?", (words,)).fetchone()
    if exact is not None:
        return [exact["id"]][:limit]
    some, value = nodes_with(words)
    rows = db.execute(
        f"SELECT id FROM nodes WHERE id IN ({some}) ORDER BY degree DESC, id LIMIT ?",
        (value, limit),
    )
    return [row["id"] for row in rows]


def _neighbours(db: sqlite3.Connection, nodes: Sequence[int], limit: int) -> list[int]:
    ids = json.dumps(nodes)
    rows = db.execute(
        f"""SELECT id FROM nodes WHERE id IN (
                SELECT object_id FROM triplets WHERE subject_id IN {_THESE}
                UNION SELECT subject_id FROM triplets WHERE object_id IN {_THESE})
            ORDER BY degree DESC, id LIMIT ?""",
        (ids, ids, limit),
    )
    return [row["id"] for row in rows]


def _nodes(db: sqlite3.Connection, chosen: Sequence[int]) -> tuple[Node, ...]:
    rows = db.execute(f"SELECT * FROM nodes WHERE id IN {_THESE}", (json.dumps(chosen),))
    found = {row["id"]: node_of(row) for row in rows}
    return tuple(found[node] for node in chosen)


def _edges(db: sqlite3.Connection, chosen: Sequence[int], limit: int) -> tuple[Edge, ...]:
    ids = json.dumps(chosen)
    rows = db.execute(
        f"""SELECT id, subject_id, object_id, relation, relation_picture FROM triplets
            WHERE subject_id IN {_THESE} AND +object_id IN {_THESE} ORDER BY id LIMIT ?""",
        (ids, ids, limit),
    )
    return tuple(_edge(row) for row in rows)


def _edge(row: sqlite3.Row) -> Edge:
    return Edge(
        id=TripletId(row["id"]),
        source=row["subject_id"],
        target=row["object_id"],
        label=row["relation"],
        picture=picture_of(row["relation_picture"]),
    )


def node_of(row: sqlite3.Row) -> Node:
    """The record of a row of nodes."""
    return Node(row["id"], row["label"], picture_of(row["picture"]), row["degree"])
