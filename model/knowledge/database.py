"""The SQLite file: a connection per thread, short transactions, and its errors in plain words."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from model.errors import ReasonerError
from model.knowledge.labels import norm_label, sense_key
from model.knowledge.migrations import migrate

Connection = sqlite3.Connection
"""What a transaction hands out."""
BUSY_S = 60.0
"""How long a writer waits for another one before the person is told.

The longest transaction is the import of a million triplets; a run must not fail because of it.
"""

EDIT_S = 10.0
"""How long the edit of a person waits, who would rather be told."""
LOG_BYTES = 64_000_000
"""The log in front of the database is cut back to this size."""
BULK_CACHE_KB = 96_000
"""Memory for pages while very many rows are written; otherwise SQLite's 2 MB are enough."""


class Database:
    """One SQLite file that many threads and processes read and write at the same time.

    Write-ahead logging lets readers go on while somebody writes; ``synchronous=FULL`` makes every
    acknowledged transaction survive ``kill -9`` and a power cut.

    Raises: ReasonerError if the file cannot be opened, is damaged or comes from a newer version.
    """

    def __init__(self, path: Path, *, busy_s: float = BUSY_S) -> None:
        self.path = path
        self._busy_s = busy_s
        self._local = threading.local()
        self._open: list[tuple[threading.Thread, sqlite3.Connection]] = []
        self._guard = threading.Lock()
        self._users = 0
        self._at_length = ""
        self._unused = threading.Condition(self._guard)
        self._closed = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Two processes that create the same file would refuse each other the switch to WAL.
            with FileLock(path.with_name(path.name + ".lock"), timeout=busy_s), self._translated():
                connection = self._connection()
                connection.execute("PRAGMA journal_mode = WAL")
                migrate(connection)
        except Timeout as error:
            raise self._busy(busy_s) from error
        except OSError as error:
            raise ReasonerError(
                f"The workspace {path.parent} cannot be written to ({error.strerror or error}). "
                "Check its permissions and free space, or choose another workspace."
            ) from error
        except BaseException:
            self.close()
            raise

    @contextmanager
    def write(self, wait_s: float = BUSY_S) -> Iterator[sqlite3.Connection]:
        """A transaction that is stored when the block ends, or not at all if it raises.

        Raises: ReasonerError if somebody else writes for longer than ``wait_s``.
        """
        with self._transaction("BEGIN IMMEDIATE", min(wait_s, self._busy_s)) as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str, wait_s: float) -> Iterator[sqlite3.Connection]:
        with self._in_use() as connection, self._translated(wait_s):
            connection.execute(f"PRAGMA busy_timeout = {round(1000 * wait_s)}")
            try:
                connection.execute(begin)
            finally:
                connection.execute(f"PRAGMA busy_timeout = {round(1000 * self._busy_s)}")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.rollback()
                raise

    @contextmanager
    def write_much(self, what: str) -> Iterator[sqlite3.Connection]:
        """As ``write``, with the memory that a million rows need to be stored quickly.

        ``what`` is told to whoever waits for it in vain: “An import is being stored”.
        """
        connection = self._connection()
        connection.execute(f"PRAGMA cache_size = -{BULK_CACHE_KB}")
        mine = False
        try:
            with self.write() as db:
                self._at_length, mine = what, True
                yield db
        finally:
            if mine:
                self._at_length = ""
            connection.execute("PRAGMA cache_size = -2000")

    @contextmanager
    def scratch(self) -> Iterator[sqlite3.Connection]:
        """A transaction for temporary tables of this thread: nobody waits for it."""
        with self._transaction("BEGIN", self._busy_s) as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A snapshot: all statements of the block see the same state of the database."""
        with self._in_use() as connection, self._translated():
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.rollback()

    @contextmanager
    def _in_use(self) -> Iterator[sqlite3.Connection]:
        """This thread's connection, which nobody closes until the block ends."""
        connection = self._connection()
        with self._guard:
            if self._closed:
                raise ValueError(f"The database {self.path} was closed.")
            self._users += 1
        try:
            yield connection
        finally:
            with self._guard:
                self._users -= 1
                self._unused.notify_all()

    def close(self) -> None:
        """Close the connections of all threads once their transactions have ended.

        Nobody may use the database afterwards.
        """
        with self._guard:
            self._closed = True
            # closing a connection that another thread works with would crash the process
            self._unused.wait_for(lambda: self._users == 0, timeout=self._busy_s)
            for _, connection in self._open:
                connection.close()
            self._open.clear()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None and not self._closed:
            return connection
        with self._guard:
            if self._closed:
                raise ValueError(f"The database {self.path} was closed.")
            self._drop_dead_threads()
            with self._translated():
                connection = self._connect()
            self._open.append((threading.current_thread(), connection))
        self._local.connection = connection
        return connection

    def _connect(self) -> sqlite3.Connection:
        # close() may be called by another thread than the one that opened.
        connection = sqlite3.connect(
            self.path, timeout=self._busy_s, isolation_level=None, check_same_thread=False
        )
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
        # what a large import left of the log is given back to the disk
        connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
        for function in (norm_label, sense_key):
            connection.create_function(function.__name__, 1, function, deterministic=True)
        return connection

    def _drop_dead_threads(self) -> None:
        for thread, connection in self._open:
            if not thread.is_alive():
                connection.close()
        self._open = [pair for pair in self._open if pair[0].is_alive()]

    @contextmanager
    def _translated(self, waited_s: float | None = None) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:
            raise  # a mistake in code, not the world's
        except sqlite3.DatabaseError as error:
            waited_s = self._busy_s if waited_s is None else waited_s
            in_words = self._in_words(str(error), waited_s)
            if in_words is None:
                raise
            raise in_words from error

    def _in_words(self, text: str, waited_s: float) -> ReasonerError | None:
        # Texts, not codes: Python 3.10 does not hand SQLite's error codes out.
        if "full" in text or "disk I/O" in text:
            free_mb = shutil.disk_usage(self.path.parent).free / 1e6
            return ReasonerError(
                f"The disk could not take the change: {free_mb:,.0f} MB are free in "
                f"{self.path.parent} ({text}). Free some space and do it again; "
                "nothing was half-written."
            )
        if "locked" in text or "busy" in text:
            return self._busy(waited_s)
        if "malformed" in text or "not a database" in text:
            return ReasonerError(
                f"The database {self.path} is damaged ({text}). Move the file away and start "
                "again; pictures and students lie beside it and are not lost."
            )
        if "no such module" in text or "no such tokenizer" in text:
            return ReasonerError(
                f"This Python comes with SQLite {sqlite3.sqlite_version}, which cannot search text "
                f"({text}). Use a Python whose SQLite is 3.34 or newer and has FTS5."
            )
        if "readonly" in text or "unable to open" in text:
            return ReasonerError(
                f"The database {self.path} cannot be written to ({text}). Check the permissions "
                "of the folder, or choose another workspace."
            )
        return None

    def _busy(self, waited_s: float) -> ReasonerError:
        if self._at_length:
            return ReasonerError(
                f"{self._at_length}; nothing else could be stored for {waited_s:g} seconds. "
                "Nothing of yours was changed: do it again when that is done."
            )
        return ReasonerError(
            f"The database was busy for {waited_s:g} seconds: another program is writing to "
            f"{self.path}. Nothing was changed; try again."
        )
