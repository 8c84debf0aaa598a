"""How the database came to its present shape: a list that is only ever appended to.

A migration that was released is never edited: a workspace from any earlier version is brought to
the present one by the functions that it has not seen yet, each in a transaction of its own.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from model.errors import ReasonerError
from model.knowledge.labels import sense_key
from model.knowledge.m011_rows import m011_votes

Migration = Callable[[sqlite3.Connection], None]


def m001_triplets(db: sqlite3.Connection) -> None:
    """Nodes, triplets, the list of edits for undo, and the clock that numbers versions."""
    db.execute(
        """CREATE TABLE nodes (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            label TEXT NOT NULL,
            norm_label TEXT NOT NULL UNIQUE,
            picture TEXT,
            degree INTEGER NOT NULL DEFAULT 0)"""
    )
    db.execute("CREATE INDEX nodes_by_degree ON nodes (degree DESC, id)")
    db.execute("CREATE INDEX nodes_by_picture ON nodes (picture) WHERE picture IS NOT NULL")
    db.execute(
        """CREATE TABLE triplets (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            subject_id INTEGER NOT NULL REFERENCES nodes (id),
            relation TEXT NOT NULL,
            norm_relation TEXT NOT NULL,
            object_id INTEGER NOT NULL REFERENCES nodes (id),
            subject_picture TEXT,
            relation_picture TEXT,
            object_picture TEXT,
            source TEXT NOT NULL,
            note TEXT NOT NULL,
            version INTEGER NOT NULL,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL,
            UNIQUE (subject_id, norm_relation, object_id))"""
    )
    db.execute("CREATE INDEX triplets_by_object ON triplets (object_id)")
    db.execute(
        """CREATE TABLE edits (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            words TEXT NOT NULL,
            before TEXT NOT NULL,
            after TEXT NOT NULL,
            undone INTEGER NOT NULL DEFAULT 0,
            at REAL NOT NULL)"""
    )
    db.execute("CREATE TABLE clock (tick INTEGER NOT NULL)")
    db.execute("INSERT INTO clock (tick) VALUES (0)")


def m002_runs(db: sqlite3.Connection) -> None:
    """Runs, their curves, samples and the prompts that got no answer."""
    db.execute(
        """CREATE TABLE runs (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL,
            state TEXT NOT NULL,
            config TEXT NOT NULL,
            created_at REAL NOT NULL,
            started_at REAL,
            finished_at REAL,
            step INTEGER NOT NULL DEFAULT 0,
            steps INTEGER NOT NULL DEFAULT 0,
            answers INTEGER NOT NULL DEFAULT 0,
            failed_answers INTEGER NOT NULL DEFAULT 0,
            prompts INTEGER NOT NULL DEFAULT 0,
            stage TEXT NOT NULL DEFAULT '',
            message TEXT NOT NULL DEFAULT '',
            student TEXT,
            tokens_per_s,
            remaining_s,
            train_loss,
            validation_loss,
            request TEXT,
            pid INTEGER,
            heartbeat_at REAL)"""
    )
    db.execute(
        """CREATE TABLE metrics (
            id INTEGER PRIMARY KEY,
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            step INTEGER NOT NULL,
            series TEXT NOT NULL,
            value NOT NULL,
            at REAL NOT NULL)"""
    )
    db.execute("CREATE INDEX metrics_by_run ON metrics (run, series, step, id)")
    db.execute(
        """CREATE TABLE samples (
            id INTEGER PRIMARY KEY,
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            step INTEGER NOT NULL,
            prompt TEXT NOT NULL,
            teacher_answer TEXT NOT NULL,
            student_answer TEXT NOT NULL,
            pictures TEXT NOT NULL)"""
    )
    db.execute("CREATE INDEX samples_by_run ON samples (run, id)")
    db.execute(
        """CREATE TABLE failures (
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            key TEXT NOT NULL,
            reason TEXT NOT NULL,
            PRIMARY KEY (run, key))"""
    )


def m003_traces(db: sqlite3.Connection) -> None:
    """The teachers' answers, kept under the hash of everything that they depend on."""
    db.execute(
        """CREATE TABLE traces (
            key TEXT PRIMARY KEY,
            question TEXT NOT NULL,
            answer TEXT NOT NULL,
            model TEXT NOT NULL,
            created_at REAL NOT NULL)"""
    )


def m004_chats(db: sqlite3.Connection) -> None:
    """Conversations with their turns, and the small settings of a workspace."""
    db.execute(
        """CREATE TABLE chats (
            id TEXT PRIMARY KEY,
            created_at REAL NOT NULL,
            updated_at REAL NOT NULL)"""
    )
    db.execute(
        """CREATE TABLE turns (
            chat TEXT NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
            n INTEGER NOT NULL,
            turn TEXT NOT NULL,
            PRIMARY KEY (chat, n))"""
    )
    db.execute("CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL)")


def m005_provenance(db: sqlite3.Connection) -> None:
    """How sure a triplet is, who made it, and where it came from."""
    db.execute("ALTER TABLE triplets ADD COLUMN confidence REAL NOT NULL DEFAULT 1.0")
    db.execute("ALTER TABLE triplets ADD COLUMN author TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE triplets ADD COLUMN origin TEXT NOT NULL DEFAULT ''")


def m006_changes(db: sqlite3.Connection) -> None:
    """What an edit changed lies in rows, not in JSON: an edit may touch a million triplets."""
    old = db.execute("SELECT id, words, before, after, undone, at FROM edits").fetchall()
    db.execute("DROP TABLE edits")
    db.execute(
        """CREATE TABLE edits (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            words TEXT NOT NULL,
            undone INTEGER NOT NULL DEFAULT 0,
            at REAL NOT NULL,
            first_added INTEGER,
            last_added INTEGER,
            renamed_from TEXT,
            renamed_to TEXT)"""
    )
    db.execute(
        """CREATE TABLE changes (
            edit INTEGER NOT NULL REFERENCES edits (id) ON DELETE CASCADE,
            side TEXT NOT NULL,
            id INTEGER NOT NULL,
            subject TEXT NOT NULL,
            relation TEXT NOT NULL,
            object TEXT NOT NULL,
            subject_picture TEXT,
            relation_picture TEXT,
            object_picture TEXT,
            source TEXT NOT NULL,
            note TEXT NOT NULL,
            version INTEGER NOT NULL,
            created_at REAL NOT NULL,
            confidence REAL NOT NULL DEFAULT 1.0,
            author TEXT NOT NULL DEFAULT '',
            origin TEXT NOT NULL DEFAULT '',
            PRIMARY KEY (edit, side, id)) WITHOUT ROWID"""
    )
    for edit, words, before, after, undone, at in old:
        db.execute(
            "INSERT INTO edits (id, words, undone, at) VALUES (?, ?, ?, ?)",
            (edit, words, undone, at),
        )
        for side, text in (("before", before), ("after", after)):
            rows: list[dict[str, Any] | None] = json.loads(text)
            db.executemany(
                """INSERT INTO changes (edit, side, id, subject, relation, object,
                       subject_picture, relation_picture, object_picture, source, note, version,
                       created_at)
                   VALUES (:edit, :side, :id, :subject, :relation, :object, :subject_picture,
                       :relation_picture, :object_picture, :source, :note, :version, :created_at)
                """,
                [{**row, "edit": edit, "side": side} for row in rows if row is not None],
            )


def m007_finding(db: sqlite3.Connection) -> None:
    """Indexes that keep search, relations, faces and likely duplicates quick at a million rows."""
    db.execute("CREATE INDEX triplets_by_relation ON triplets (norm_relation)")
    db.execute(
        """CREATE INDEX triplets_by_subject_picture ON triplets (subject_id, id)
           WHERE subject_picture IS NOT NULL"""
    )
    db.execute(
        """CREATE INDEX triplets_by_object_picture ON triplets (object_id, id)
           WHERE object_picture IS NOT NULL"""
    )
    db.execute("ALTER TABLE nodes ADD COLUMN sense TEXT NOT NULL DEFAULT ''")
    labels = db.execute("SELECT label, id FROM nodes").fetchall()
    db.executemany(
        "UPDATE nodes SET sense = ? WHERE id = ?", [(sense_key(label), id) for label, id in labels]
    )
    db.execute("CREATE INDEX nodes_by_sense ON nodes (sense) WHERE sense <> ''")
    db.execute(
        """CREATE TABLE refused_pairs (
            first TEXT NOT NULL,
            second TEXT NOT NULL,
            PRIMARY KEY (first, second)) WITHOUT ROWID"""
    )
    db.execute(
        """CREATE VIRTUAL TABLE node_words USING fts5 (norm_label, content = 'nodes',
           content_rowid = 'id', tokenize = 'trigram case_sensitive 1')"""
    )
    db.execute("INSERT INTO node_words (node_words) VALUES ('rebuild')")
    added = "INSERT INTO node_words (rowid, norm_label) VALUES (new.id, new.norm_label);"
    gone = (
        "INSERT INTO node_words (node_words, rowid, norm_label) "
        "VALUES ('delete', old.id, old.norm_label);"
    )
    db.execute(f"CREATE TRIGGER node_added AFTER INSERT ON nodes BEGIN {added} END")
    db.execute(f"CREATE TRIGGER node_gone AFTER DELETE ON nodes BEGIN {gone} END")
    db.execute(
        f"CREATE TRIGGER node_renamed AFTER UPDATE OF norm_label ON nodes BEGIN {gone} {added} END"
    )


def m008_trace_details(db: sqlite3.Connection) -> None:
    """What came with a teacher's answer: why it ended, and its log-probabilities."""
    db.execute("CREATE TABLE trace_details (key TEXT PRIMARY KEY, details BLOB NOT NULL)")


def m009_graph_log(db: sqlite3.Connection) -> None:
    """What happened to nodes and triplets, in order, for those who keep the graph in memory.

    Triggers write it, so it misses no edit, undo or import; its newest part is kept. A row says
    that something came (1) or went (-1): a node with its label, or a triplet with its relation.
    """
    db.execute(
        """CREATE TABLE graph_log (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            sign INTEGER NOT NULL,
            id INTEGER NOT NULL,
            subject INTEGER,
            words TEXT NOT NULL,
            object INTEGER)"""
    )
    log = "INSERT INTO graph_log (sign, id, subject, words, object) VALUES"
    for table, row, columns in (
        ("nodes", "{0}.id, NULL, {0}.norm_label, NULL", "norm_label"),
        (
            "triplets",
            "{0}.id, {0}.subject_id, {0}.norm_relation, {0}.object_id",
            "subject_id, norm_relation, object_id",
        ),
    ):
        came, went = f"{log} (1, {row.format('new')});", f"{log} (-1, {row.format('old')});"
        db.execute(f"CREATE TRIGGER {table}_came AFTER INSERT ON {table} BEGIN {came} END")
        db.execute(f"CREATE TRIGGER {table}_went AFTER DELETE ON {table} BEGIN {went} END")
        db.execute(
            f"""CREATE TRIGGER {table}_changed AFTER UPDATE OF {columns} ON {table}
                WHEN ({row.format("old")}) IS NOT ({row.format("new")})
                BEGIN {went} {came} END"""
        )
    db.execute(
        """CREATE TRIGGER graph_log_trimmed AFTER INSERT ON graph_log WHEN new.seq % 1024 = 0
           BEGIN DELETE FROM graph_log WHERE seq <= new.seq - 65536; END"""
    )


def m010_prompts(db: sqlite3.Connection) -> None:
    """What a run asks, row by row, so that a person can look through it before it is learned."""
    db.execute(
        """CREATE TABLE prompts (
            run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
            n INTEGER NOT NULL,
            text TEXT NOT NULL,
            spec TEXT NOT NULL,
            pictures TEXT NOT NULL,
            roles TEXT NOT NULL,
            facts TEXT NOT NULL,
            origin TEXT NOT NULL,
            key TEXT NOT NULL DEFAULT '',
            answer TEXT,
            left_out TEXT NOT NULL DEFAULT '',
            dropped INTEGER NOT NULL DEFAULT 0,
            PRIMARY KEY (run, n)) WITHOUT ROWID"""
    )
    db.execute("CREATE INDEX prompts_by_key ON prompts (run, key)")
    db.execute("ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE runs ADD COLUMN collected INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE runs ADD COLUMN prompt_notes TEXT NOT NULL DEFAULT '[]'")


def m012_comparisons(db: sqlite3.Connection) -> None:
    """Comparisons as documents, and the votes on them, which outlive them on the board."""
    db.execute(
        """CREATE TABLE comparisons (
            id TEXT PRIMARY KEY,
            created_at REAL NOT NULL,
            title TEXT NOT NULL,
            state TEXT NOT NULL,
            document TEXT NOT NULL)"""
    )
    db.execute(
        """CREATE TABLE comparison_votes (
            comparison TEXT NOT NULL,
            row INTEGER NOT NULL,
            best TEXT NOT NULL,
            sides TEXT NOT NULL,
            created_at REAL NOT NULL,
            PRIMARY KEY (comparison, row))"""
    )


MIGRATIONS: tuple[Migration, ...] = (
    m001_triplets,
    m002_runs,
    m003_traces,
    m004_chats,
    m005_provenance,
    m006_changes,
    m007_finding,
    m008_trace_details,
    m009_graph_log,
    m010_prompts,
    m011_votes,
    m012_comparisons,
)


def migrate(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Bring a database to the present shape; returns the names of what was applied.

    The connection is in autocommit mode (``isolation_level=None``). A migration that fails leaves
    the database as it was before it.

    Raises: ReasonerError if a newer version of the program has written the database.
    """
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at REAL NOT NULL)"
    )
    seen = {name for (name,) in connection.execute("SELECT name FROM migrations")}
    unknown = sorted(seen - {migration.__name__ for migration in MIGRATIONS})
    if unknown:
        raise ReasonerError(
            f"This workspace was written by a newer version of the program ({len(unknown)} unknown "
            f"change: {', '.join(unknown)}). Update the program, or choose another workspace."
        )
    fresh = [migration for migration in MIGRATIONS if migration.__name__ not in seen]
    for migration in fresh:
        _apply(connection, migration)
    return tuple(migration.__name__ for migration in fresh)


def _apply(connection: sqlite3.Connection, migration: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        migration(connection)
        row = (migration.__name__, time.time())
        connection.execute("INSERT INTO migrations (name, applied_at) VALUES (?, ?)", row)
    except BaseException:
        connection.rollback()
        raise
    connection.execute("COMMIT")
