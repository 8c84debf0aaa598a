"""Models on servers that answer in a student's place, with the app's facts and pictures.

Importing this file imports no torch. A source is known by an id that holds address and model, so
that whatever takes a student's id takes a source's, too.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass

from model.bundles.graph_facts import HEADER
from model.config import SampleConfig
from model.errors import BundleNotFound, ConfigError, TeacherError
from model.knowledge.store import Store
from model.records import REMOTE, AnswerStats, Event, Fact, StudentId, StudentInfo
from model.serving.event_queue import until_ended
from model.teachers.base import Question
from model.teachers.servers import ServerProtocol, server_status, server_teacher

_SETTING, _CURRENT = "sources", "source"
_MARKS = ("ollama:", "openai:")
_SERVERS = {"ollama": "Ollama server", "openai": "OpenAI-compatible server"}


@dataclass(frozen=True)
class Source:
    """One model of one server, as it was when it was added."""

    address: str
    model: str
    digest: str = ""
    size_bytes: int = 0
    added_at: float = 0.0
    protocol: ServerProtocol = "ollama"

    @property
    def id(self) -> StudentId:
        """What it goes by among the students."""
        return StudentId(f"{self.protocol}:{self.address}#{self.model}")

    def info(self) -> StudentInfo:
        """What lists show of it."""
        return StudentInfo(
            id=self.id,
            name=self.model,
            preset=REMOTE,
            parameters=0,
            size_bytes=self.size_bytes,
            weights_hash=self.digest.removeprefix("sha256:"),
            created_at=self.added_at,
            origin=f"on the {_SERVERS[self.protocol]} at {self.address}",
        )

    def answer(
        self, text: str, pictures: Sequence[bytes], facts: tuple[Fact, ...], settings: SampleConfig
    ) -> RemoteAnswer:
        """Ask the server; the facts go along as the system message that exported students read."""
        lines = [HEADER, *(fact.line for fact in facts)] if facts else []
        question = Question(text, tuple(pictures), "\n".join(lines))
        return RemoteAnswer(self, question, facts, settings)


class RemoteAnswer:
    """An answer that comes from a server; fulfils ``records.Answer``."""

    def __init__(
        self,
        source: Source,
        question: Question,
        facts: tuple[Fact, ...],
        settings: SampleConfig,
    ) -> None:
        self._source, self._facts = source, facts
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._started = time.monotonic()
        self._first_at = 0.0
        self._pieces = 0
        work = (question, settings)
        threading.Thread(target=self._ask, args=work, name="remote", daemon=True).start()

    def events(self) -> Iterator[Event]:
        """Yield events until ``done`` or ``error``."""
        yield from (Event("source", fact=fact) for fact in self._facts)
        yield from until_ended(self._events.get)

    def cancel(self) -> None:
        """End the answer now; the connection is closed when the server's next piece comes."""
        if not self._cancelled.is_set():
            self._cancelled.set()
            self._end(self._stats(self._pieces, "cancelled"))

    def _ask(self, question: Question, settings: SampleConfig) -> None:
        source = self._source
        teacher = server_teacher(source.model, source.address, source.protocol)
        pieces = teacher.stream(
            question,
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            seed=settings.seed,
        )
        try:
            with closing(pieces):
                while not self._cancelled.is_set():
                    piece = next(pieces)
                    self._first_at = self._first_at or time.monotonic()
                    self._pieces += 1
                    self._events.put(Event("token", piece))
        except StopIteration as end:
            stopped_by = "length" if end.value.stopped_by == "length" else "end"
            if not self._cancelled.is_set():
                self._end(self._stats(end.value.tokens or self._pieces, stopped_by))
        except TeacherError as error:
            self._events.put(Event("error", str(error)))

    def _end(self, stats: AnswerStats) -> None:
        self._events.put(Event("stats", stats=stats))
        self._events.put(Event("done"))

    def _stats(self, tokens: int, stopped_by: str) -> AnswerStats:
        now = time.monotonic()
        first_at = self._first_at or now
        busy = max(now - first_at, 1e-6)
        return AnswerStats(
            tokens=tokens,
            tokens_per_s=(tokens - 1) / busy if tokens > 1 else 0.0,
            first_token_s=first_at - self._started,
            weights_hash=self._source.digest.removeprefix("sha256:"),
            student=f"{self._source.model} at {self._source.address}",
            stopped_by=stopped_by,  # type: ignore[arg-type]
        )


class Sources:
    """The sources of one workspace, kept in its settings, and which of them answers, if any."""

    def __init__(self, store: Store, address_of: Callable[[str], str]) -> None:
        """``address_of`` turns a wished address into the one that may be called."""
        self._store, self._address_of = store, address_of

    def all(self) -> list[Source]:
        """Every source, the newest first."""
        rows = json.loads(self._store.setting(_SETTING) or "[]")
        return sorted((Source(**row) for row in rows), key=lambda source: -source.added_at)

    def find(self, student: str | None) -> Source | None:
        """The source of this id, or None if it is a student's. Raises: BundleNotFound."""
        if not student or not student.startswith(_MARKS):
            return None
        found = next((source for source in self.all() if source.id == student), None)
        if found is None:
            raise BundleNotFound(
                f"There is no source “{student.partition(':')[2]}” any more. Choose another one "
                "in the header."
            )
        return found

    @property
    def current(self) -> Source | None:
        """The source that answers instead of a student."""
        chosen = self._store.setting(_CURRENT)
        return next((source for source in self.all() if source.id == chosen), None)

    def use(self, student: str) -> bool:
        """Let a source answer, or, for a student's id, none; says whether it is a source."""
        source = self.find(student)
        self._store.set_setting(_CURRENT, source.id if source else "")
        return source is not None

    def add(self, address: str, model: str) -> StudentId:
        """Add a model of a server that answers now. Raises: TeacherError, ConfigError."""
        status = server_status(self._address_of(address))
        if not status.reachable:
            raise TeacherError(status.message)
        known = next((one for one in status.models if one.name == model), None)
        if known is None or not known.can_chat:
            raise ConfigError(
                f"{status.address} has no model “{model}” that can chat, among "
                f"{len(status.models)}. Choose one from its list."
            )
        source = Source(
            status.address,
            known.name,
            known.digest,
            known.size_bytes,
            time.time(),
            status.protocol,
        )
        self._save([one for one in self.all() if one.id != source.id] + [source])
        return source.id

    def remove(self, student: str) -> bool:
        """Forget a source; says whether it was one. The model stays on its server."""
        source = self.find(student)
        if source is not None:
            self._save([one for one in self.all() if one.id != source.id])
        return source is not None

    def _save(self, sources: Sequence[Source]) -> None:
        self._store.set_setting(_SETTING, json.dumps([asdict(source) for source in sources]))
