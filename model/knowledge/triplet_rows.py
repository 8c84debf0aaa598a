"""The SQL of triplets and their nodes; every function works inside the caller's transaction.

A node exists as long as a triplet touches it. Its label is the first spelling that was stored,
until somebody edits it; its picture is that of the oldest triplet that shows it.
"""

from __future__ import annotations

import dataclasses
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from model.errors import GraphError, StaleEditError
from model.knowledge.labels import norm_label, storable
from model.records import PictureId, Triplet, TripletDraft, TripletId, TripletPage

Value = TypeVar("Value", int, str)

_JOINED = """FROM triplets AS t
    JOIN nodes AS s ON s.id = t.subject_id
    JOIN nodes AS o ON o.id = t.object_id"""
_TRIPLETS = f"""SELECT t.id, s.label AS subject, t.relation, o.label AS object, t.subject_picture,
    t.relation_picture, t.object_picture, t.source, t.note, t.version, t.created_at {_JOINED}"""
_ORDERS = {
    "newest": "t.id DESC",
    "oldest": "t.id",
    "name": "s.norm_label, t.norm_relation, o.norm_label, t.id",
}
MAX_WORDS = 16
"""Words of a search that count; the rest of a pasted page does not."""
_CHUNK = 500
"""Values in one ``IN (…)``: older SQLite versions take at most 999."""


@dataclass(frozen=True)
class Change:
    """What an edit did to one triplet: ``None`` stands for not being there."""

    before: Triplet | None
    after: Triplet | None


def words_of(triplet: Triplet | TripletDraft) -> str:
    """A triplet as it is named in messages."""
    return f"“{triplet.subject} · {triplet.relation} · {triplet.object}”"


# ── reading ─────────────────────────────────────────────────────────────────────────────────────


def find(db: sqlite3.Connection, triplet: TripletId) -> Triplet | None:
    """One triplet, or ``None``."""
    row = db.execute(f"{_TRIPLETS} WHERE t.id = ?", (triplet,)).fetchone()
    return None if row is None else _triplet(row)


def get(db: sqlite3.Connection, triplet: TripletId) -> Triplet:
    """One triplet. Raises: GraphError if it is not there."""
    found = find(db, triplet)
    if found is None:
        raise GraphError(
            f"Triplet number {triplet} is no longer in the graph; somebody deleted it. "
            "Undo brings a deleted triplet back."
        )
    return found


def same_words(db: sqlite3.Connection, draft: TripletDraft) -> Triplet | None:
    """The stored triplet with the same three labels, case aside."""
    row = db.execute(
        f"{_TRIPLETS} WHERE s.norm_label = ? AND t.norm_relation = ? AND o.norm_label = ?",
        (norm_label(draft.subject), norm_label(draft.relation), norm_label(draft.object)),
    ).fetchone()
    return None if row is None else _triplet(row)


def page(db: sqlite3.Connection, query: str, limit: int, offset: int, order: str) -> TripletPage:
    """Triplets in which every word of ``query`` occurs, and how many there are in all."""
    if order not in _ORDERS:
        raise ValueError(f"order is {order!r}; it must be one of {', '.join(_ORDERS)}")
    words = norm_label(storable(query)).split()[:MAX_WORDS]
    patterns = [f"%{_escaped(word)}%" for word in words]
    one_word = r"""(s.norm_label LIKE ? ESCAPE '\' OR t.norm_relation LIKE ? ESCAPE '\'
                    OR o.norm_label LIKE ? ESCAPE '\')"""
    where = "WHERE " + " AND ".join([one_word] * len(patterns)) if patterns else ""
    values: list[str | int] = [pattern for pattern in patterns for _ in range(3)]
    (total,) = db.execute(f"SELECT COUNT(*) {_JOINED} {where}", values).fetchone()
    rows = db.execute(
        f"{_TRIPLETS} {where} ORDER BY {_ORDERS[order]} LIMIT ? OFFSET ?",
        [*values, max(0, limit), max(0, offset)],
    )
    return TripletPage(tuple(_triplet(row) for row in rows), total)


def about(db: sqlite3.Connection, labels: Sequence[str], limit: int) -> tuple[Triplet, ...]:
    """Triplets whose subject or object is one of the labels; those that join two come first."""
    nodes: set[int] = set()
    for norms in chunks(sorted({norm_label(label) for label in labels})):
        marks = ",".join("?" * len(norms))
        found = db.execute(f"SELECT id FROM nodes WHERE norm_label IN ({marks})", norms)
        nodes.update(row["id"] for row in found)
    hits: dict[int, int] = {}
    for chunk in chunks(sorted(nodes)):
        marks = ",".join("?" * len(chunk))
        for end in ("subject_id", "object_id"):
            for row in db.execute(f"SELECT id FROM triplets WHERE {end} IN ({marks})", chunk):
                hits[row["id"]] = hits.get(row["id"], 0) + 1
    best = sorted(hits, key=lambda triplet: (-hits[triplet], -triplet))[: max(0, limit)]
    return tuple(get(db, TripletId(triplet)) for triplet in best)


def chunks(values: Sequence[Value]) -> Iterator[Sequence[Value]]:
    """The values in pieces that fit into one ``IN (…)``."""
    return (values[start : start + _CHUNK] for start in range(0, len(values), _CHUNK))


# ── writing ─────────────────────────────────────────────────────────────────────────────────────


def add(db: sqlite3.Connection, draft: TripletDraft, version: int) -> Change:
    """Store a cleaned draft; the same words again only bring new pictures or a new note."""
    known = same_words(db, draft)
    if known is not None:
        merged = _merged(known, draft, version)
        if merged != known:
            put(db, merged)
        return Change(known, merged)
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'triplets'").fetchone()
    fresh = _triplet_of(
        draft, TripletId(1 if row is None else row["seq"] + 1), version, time.time()
    )
    spelled = dataclasses.replace(
        fresh, subject=_spelling(db, draft.subject), object=_spelling(db, draft.object)
    )
    put(db, spelled)
    return Change(None, get(db, spelled.id))


def edit(
    db: sqlite3.Connection, triplet: TripletId, draft: TripletDraft, seen: int, version: int
) -> Change:
    """Replace a triplet by a cleaned draft, if it is still the version that was ``seen``.

    Raises: StaleEditError with the newer words; GraphError if it is gone, or if another triplet
    has these words already.
    """
    known = get(db, triplet)
    if known.version != seen:
        raise StaleEditError(
            f"Somebody else changed this triplet (number {triplet}) in the meantime: it is now "
            f"{words_of(known)}. Nothing was overwritten; look at it and make your change again."
        )
    twin = same_words(db, draft)
    if twin is not None and twin.id != triplet:
        raise GraphError(
            f"{words_of(twin)} is already in the graph as number {twin.id}. "
            "Edit that triplet, or delete one of the two."
        )
    after = _triplet_of(draft, triplet, version, known.created_at)
    put(db, after)
    return Change(known, get(db, triplet))


def put(db: sqlite3.Connection, triplet: Triplet) -> None:
    """Write a triplet under its own id, with the spelling of its labels; ``refresh`` follows."""
    subject, object_ = _node(db, triplet.subject), _node(db, triplet.object)
    db.execute(
        """INSERT INTO triplets (id, subject_id, relation, norm_relation, object_id,
               subject_picture, relation_picture, object_picture, source, note, version,
               created_at, updated_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (id) DO UPDATE SET subject_id = excluded.subject_id,
               relation = excluded.relation, norm_relation = excluded.norm_relation,
               object_id = excluded.object_id, subject_picture = excluded.subject_picture,
               relation_picture = excluded.relation_picture,
               object_picture = excluded.object_picture, source = excluded.source,
               note = excluded.note, version = excluded.version, updated_at = excluded.updated_at
        """,
        (
            triplet.id,
            subject,
            triplet.relation,
            norm_label(triplet.relation),
            object_,
            *triplet.pictures,
            triplet.source,
            triplet.note,
            triplet.version,
            triplet.created_at,
            time.time(),
        ),
    )


def remove(db: sqlite3.Connection, triplet: TripletId) -> None:
    """Delete a triplet; ``refresh`` follows."""
    db.execute("DELETE FROM triplets WHERE id = ?", (triplet,))


def refresh(db: sqlite3.Connection, labels: Iterable[str]) -> None:
    """Bring picture and degree of nodes up to date, and drop those that no triplet touches."""
    for norm in sorted({norm_label(label) for label in labels}):
        row = db.execute("SELECT id FROM nodes WHERE norm_label = ?", (norm,)).fetchone()
        if row is None:
            continue
        node = row["id"]
        (degree,) = db.execute(
            """SELECT (SELECT COUNT(*) FROM triplets WHERE subject_id = :node)
                    + (SELECT COUNT(*) FROM triplets WHERE object_id = :node)""",
            {"node": node},
        ).fetchone()
        if degree == 0:
            db.execute("DELETE FROM nodes WHERE id = ?", (node,))
            continue
        face = db.execute(
            """SELECT id, subject_picture AS picture FROM triplets
                   WHERE subject_id = :node AND subject_picture IS NOT NULL
               UNION ALL SELECT id, object_picture FROM triplets
                   WHERE object_id = :node AND object_picture IS NOT NULL
               ORDER BY 1 LIMIT 1""",
            {"node": node},
        ).fetchone()
        picture = None if face is None else face["picture"]
        db.execute("UPDATE nodes SET degree = ?, picture = ? WHERE id = ?", (degree, picture, node))


def _merged(known: Triplet, draft: TripletDraft, version: int) -> Triplet:
    pictures = (
        draft.subject_picture or known.subject_picture,
        draft.relation_picture or known.relation_picture,
        draft.object_picture or known.object_picture,
    )
    note = draft.note or known.note
    if pictures == known.pictures and note == known.note:
        return known
    return dataclasses.replace(
        known,
        subject_picture=pictures[0],
        relation_picture=pictures[1],
        object_picture=pictures[2],
        note=note,
        version=version,
    )


def _triplet_of(
    draft: TripletDraft, triplet: TripletId, version: int, created_at: float
) -> Triplet:
    return Triplet(
        id=triplet,
        subject=draft.subject,
        relation=draft.relation,
        object=draft.object,
        subject_picture=draft.subject_picture,
        relation_picture=draft.relation_picture,
        object_picture=draft.object_picture,
        source=draft.source,
        note=draft.note,
        version=version,
        created_at=created_at,
    )


def _spelling(db: sqlite3.Connection, label: str) -> str:
    row = db.execute(
        "SELECT label FROM nodes WHERE norm_label = ?", (norm_label(label),)
    ).fetchone()
    return label if row is None else str(row["label"])


def _node(db: sqlite3.Connection, label: str) -> int:
    db.execute(
        """INSERT INTO nodes (label, norm_label) VALUES (?, ?)
           ON CONFLICT (norm_label) DO UPDATE SET label = excluded.label
           WHERE label <> excluded.label""",
        (label, norm_label(label)),
    )
    row = db.execute("SELECT id FROM nodes WHERE norm_label = ?", (norm_label(label),)).fetchone()
    return int(row["id"])


def _escaped(word: str) -> str:
    return word.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")


def _triplet(row: sqlite3.Row) -> Triplet:
    return Triplet(
        id=TripletId(row["id"]),
        subject=row["subject"],
        relation=row["relation"],
        object=row["object"],
        subject_picture=_picture(row["subject_picture"]),
        relation_picture=_picture(row["relation_picture"]),
        object_picture=_picture(row["object_picture"]),
        source=row["source"],
        note=row["note"],
        version=row["version"],
        created_at=row["created_at"],
    )


def _picture(value: str | None) -> PictureId | None:
    return None if value is None else PictureId(value)
