"""How the database came to its present shape: a list that is only ever appended to.

A migration that was released is never edited: a workspace from any earlier version is brought to
the present one by the functions that it has not seen yet, each in a transaction of its own.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable

from model.errors import ReasonerError

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


def m008_graph_log(db: sqlite3.Connection) -> None:
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


MIGRATIONS: tuple[Migration, ...] = (
    m001_triplets,
    m002_runs,
    m003_traces,
    m004_chats,
    m008_graph_log,
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
