"""The SQL of the graph as it is drawn: nodes, their neighbours and the edges between them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Sequence

from model.knowledge.labels import norm_label, storable
from model.knowledge.live_rows import picture_of
from model.knowledge.search_rows import FEW, nodes_with
from model.records import Edge, Node, PictureId, TripletId

MAX_EDGES_PER_NODE = 20
"""A view holds at most this many edges for each node it may hold: a page has to draw them."""
_THESE = "(SELECT value FROM json_each(?))"
_OF_RELATIONS = f"(? IS NULL OR +norm_relation IN {_THESE})"
"""Takes the list of relations twice; with a plus, as the ends of a triplet are the better index."""


def around(
    db: sqlite3.Connection, focus: str, hops: int, limit: int, relations: Collection[str] = ()
) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    """At most ``limit`` nodes within ``hops`` of ``focus`` (or of all), most connected first.

    ``focus`` is a label; if no node has exactly this one, all nodes that contain it are meant.
    The edges are those between the nodes. With ``relations`` only triplets of these count.
    """
    limit = max(0, limit)
    # NULL stands for every relation
    only = json.dumps([norm_label(storable(word)) for word in relations]) if relations else None
    if focus.strip():
        chosen = _near(db, focus, hops, limit, only)
    elif only is not None:
        chosen = _joined_by(db, only, limit)
    else:
        chosen = _most_connected(db, limit)
    return _nodes(db, chosen), _edges(db, chosen, limit * MAX_EDGES_PER_NODE, only)


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


def _joined_by(db: sqlite3.Connection, only: str, limit: int) -> list[int]:
    """Nodes with a triplet of the relations, chosen so that what is drawn has arrows."""
    rare = db.execute(
        f"""SELECT COUNT(*) <= {FEW} FROM
            (SELECT 1 FROM triplets WHERE norm_relation IN {_THESE} LIMIT {FEW + 1})""",
        (only,),
    ).fetchone()[0]
    if rare:
        rows = db.execute(
            f"""SELECT s.id, o.id FROM triplets AS t
                CROSS JOIN nodes AS s ON s.id = t.subject_id
                CROSS JOIN nodes AS o ON o.id = t.object_id
                WHERE t.norm_relation IN {_THESE}
                ORDER BY s.degree + o.degree DESC, t.id LIMIT ?""",
            (only, limit * MAX_EDGES_PER_NODE),
        )
        return list(dict.fromkeys(node for pair in rows for node in pair))[:limit]
    # common ones are met soon on the way down from the hubs; half of the room is for their ends
    rows = db.execute(
        f"""SELECT id FROM nodes AS n WHERE
                EXISTS (SELECT 1 FROM triplets AS t
                    WHERE t.subject_id = n.id AND +t.norm_relation IN {_THESE})
                OR EXISTS (SELECT 1 FROM triplets AS t
                    WHERE t.object_id = n.id AND +t.norm_relation IN {_THESE})
            ORDER BY degree DESC, id LIMIT ?""",
        (only, only, limit - limit // 2),
    )
    return _grown([row["id"] for row in rows], db, 1, limit, only)


def _near(db: sqlite3.Connection, focus: str, hops: int, limit: int, only: str | None) -> list[int]:
    return _grown(_seeds(db, focus, limit), db, hops, limit, only)


def _grown(
    chosen: list[int], db: sqlite3.Connection, hops: int, limit: int, only: str | None
) -> list[int]:
    reached, frontier = set(chosen), chosen
    for _ in range(max(0, hops)):
        wanted = limit - len(chosen)
        found = _neighbours(db, frontier, wanted + len(reached), only)
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


def _neighbours(
    db: sqlite3.Connection, nodes: Sequence[int], limit: int, only: str | None
) -> list[int]:
    ids = json.dumps(nodes)
    rows = db.execute(
        f"""SELECT id FROM nodes WHERE id IN (
                SELECT object_id FROM triplets WHERE subject_id IN {_THESE} AND {_OF_RELATIONS}
                UNION
                SELECT subject_id FROM triplets WHERE object_id IN {_THESE} AND {_OF_RELATIONS})
            ORDER BY degree DESC, id LIMIT ?""",
        (ids, only, only, ids, only, only, limit),
    )
    return [row["id"] for row in rows]


def _nodes(db: sqlite3.Connection, chosen: Sequence[int]) -> tuple[Node, ...]:
    rows = db.execute(f"SELECT * FROM nodes WHERE id IN {_THESE}", (json.dumps(chosen),))
    found = {row["id"]: node_of(row) for row in rows}
    return tuple(found[node] for node in chosen)


def _edges(
    db: sqlite3.Connection, chosen: Sequence[int], limit: int, only: str | None
) -> tuple[Edge, ...]:
    ids = json.dumps(chosen)
    rows = db.execute(
        f"""SELECT id, subject_id, object_id, relation, relation_picture FROM triplets
            WHERE subject_id IN {_THESE} AND +object_id IN {_THESE} AND {_OF_RELATIONS}
            ORDER BY id LIMIT ?""",
        (ids, ids, only, only, limit),
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
