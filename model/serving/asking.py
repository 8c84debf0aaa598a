"""What the students of a workspace are asked: what they see, what they answer, what they expect.

Importing this file imports no torch; whoever asks waits until a student is in memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from model.config import RetrievalConfig, SampleConfig
from model.errors import InputError
from model.knowledge.graph_memory import GraphMemory
from model.knowledge.graph_rag import retrieve
from model.knowledge.pictures import Pictures, decode
from model.knowledge.store import Store
from model.microworld.language import UNFAMILIAR, label_of
from model.records import (
    Answer,
    AnswerStats,
    Description,
    Event,
    Expectation,
    Fact,
    PictureId,
    StudentId,
    Turn,
)
from model.serving.feedback import Feedback
from model.serving.follow_up import in_one_turn
from model.serving.known_pictures import KnownPictures
from model.serving.remote import Source
from model.serving.students import Students

if TYPE_CHECKING:
    from model.serving.engine import Engine

SURE_ENOUGH = 0.5
"""Below this the student's name for a picture is not used to look facts up."""
WHAT_IS_IT = "What is this?"
_ORDINALS = ("first", "second", "third")
_WHAT_NOW = "Teach me with a triplet, or ask about another picture."


class SaidAnswer:
    """An answer that needs no decoding: the app's own words, with the weights that led to them."""

    def __init__(self, text: str, stats: AnswerStats) -> None:
        self._events = (Event("token", text), Event("stats", stats=stats), Event("done"))

    def events(self) -> Iterator[Event]:
        """The words, the figures, the end."""
        return iter(self._events)

    def cancel(self) -> None:
        """Nothing is under way."""


class Asking:
    """Asks the students of one workspace, with its graph and its pictures at hand."""

    def __init__(
        self,
        store: Store,
        pictures: Pictures,
        students: Students,
        graph_is_filled: Callable[[], None],
        feedback: Feedback,
    ) -> None:
        """``graph_is_filled`` returns once the examples are in the graph.

        ``feedback`` keeps the answers of the current student, so that a vote on them can teach.
        """
        self._feedback = feedback
        self._store, self._pictures, self._students = store, pictures, students
        self._graph_is_filled = graph_is_filled
        self.known_pictures = KnownPictures(store, pictures)
        self._memory = GraphMemory(store)

    def prepare(self) -> None:
        """Read the graph before the first question does."""
        self._graph_is_filled()
        self._memory.prepare()

    def describe(self, picture: PictureId) -> Description:
        """What the student sees in a picture, and how sure it is."""
        engine = self._students.engine()
        if self._strangers(engine, (picture,)):
            return Description("", UNFAMILIAR, 0.0, familiar=False)
        sentence, sure = self._look(engine, picture)
        return Description(label_of(sentence), sentence, sure)

    def answer(
        self, turns: Sequence[Turn], settings: SampleConfig, student: StudentId | None = None
    ) -> Answer:
        """Answer the last turn; says so instead if one of its pictures is like nothing known.

        Raises: InputError, EngineBusy, BundleError.
        """
        if not turns or turns[-1].role != "user":
            raise InputError("There is no question to answer. Type one first.")
        # the student is in memory from here on, so its network may be imported
        from model.network.image_tokenizer import Message

        started = time.monotonic()
        turn = in_one_turn(turns)
        chosen = self._feedback.choose(turn, settings) if settings.choose and not student else None
        settings = chosen.settings if chosen else settings
        engine = self._students.engine(student, taught=chosen is None or chosen.taught)
        strangers = self._strangers(engine, turn.pictures)
        if strangers:
            text = _refusal(strangers[0], len(turn.pictures))
            return SaidAnswer(text, _no_decoding(engine, time.monotonic() - started))
        facts = self._facts(turn, engine, settings) if settings.use_graph else ()
        message = Message("user", turn.text, len(turn.pictures), turn.roles)
        images = [decode(self._pictures.path(picture)) for picture in turn.pictures]
        lines = [fact.line for fact in facts]
        room, think = settings.max_tokens, settings.think
        prompt = engine.student.prompt(
            [message], images, lines, graph=facts, room=room, think=think
        )
        answer = engine.ask(prompt, settings, facts)
        return self._feedback.recorded(answer, turn, chosen) if student is None else answer

    def answer_elsewhere(
        self, turns: Sequence[Turn], settings: SampleConfig, source: Source
    ) -> Answer:
        """Let a model on a server answer the last turn, with the facts found here.

        The app's own student still names the pictures, so that facts about them are found.
        Raises: InputError, EngineBusy, BundleError.
        """
        if not turns or turns[-1].role != "user":
            raise InputError("There is no question to answer. Type one first.")
        turn = in_one_turn(turns)
        facts = self._facts(turn, self._students.engine(), settings) if settings.use_graph else ()
        pictures = [self._pictures.path(picture).read_bytes() for picture in turn.pictures]
        return source.answer(turn.text, pictures, facts, settings)

    def expect(self, turn: Turn) -> Expectation | None:
        """The known picture that is most like what the student imagines as the outcome.

        None if the student does not imagine pictures, or none is known.
        """
        from model.network.image_tokenizer import Message

        engine = self._students.engine()
        if engine.student.picture_heads is None or self._strangers(engine, turn.pictures):
            return None
        self._graph_is_filled()
        message = Message("user", turn.text, len(turn.pictures), turn.roles)
        images = [decode(self._pictures.path(picture)) for picture in turn.pictures]
        prompt = engine.student.prompt([message], images)
        return self.known_pictures.nearest(engine, lambda student: student.imagine(prompt))

    def _strangers(self, engine: Engine, pictures: Sequence[PictureId]) -> list[int]:
        """Which of the pictures are like nothing the student has seen; those of the graph never."""
        asked = [n for n, p in enumerate(pictures) if self._store.node_by_picture(p) is None]
        if not asked:
            return []
        images = [decode(self._pictures.path(pictures[number])) for number in asked]
        scores = engine.run(lambda student: student.familiarity(images)).result()
        line = engine.student.card.familiar_threshold
        return [number for number, score in zip(asked, scores, strict=True) if score < line]

    def _facts(self, turn: Turn, engine: Engine, settings: SampleConfig) -> tuple[Fact, ...]:
        """The facts that a question leans on; pictures count under the names they have.

        One that the student cannot name counts as the known pictures that it looks like.
        """
        self._graph_is_filled()
        labels, look_alikes = list[str](), list[int]()
        for picture in turn.pictures:
            name = self._name(picture, engine)
            if name:
                labels.append(name)
            else:
                look_alikes += self.known_pictures.look_alikes(engine, picture)
        config = RetrievalConfig(settings.retrieval, settings.facts, settings.hops)
        with self._memory.current() as graph:
            return tuple(retrieve(graph, turn.text, labels, look_alikes, config))

    def _name(self, picture: PictureId, engine: Engine) -> str:
        node = self._store.node_by_picture(picture)
        if node is not None:
            return node.label
        sentence, sure = self._look(engine, picture)
        return label_of(sentence) if sure >= SURE_ENOUGH else ""

    def _look(self, engine: Engine, picture: PictureId) -> tuple[str, float]:
        image = decode(self._pictures.path(picture))
        return engine.run(lambda student: student.describe(image, WHAT_IS_IT)).result()


def _refusal(number: int, pictures: int) -> str:
    which = f" The {_ORDINALS[number]} picture is new to me."
    many = 1 < pictures <= len(_ORDINALS)
    return f"{UNFAMILIAR}{which if many else ''} {_WHAT_NOW}"


def _no_decoding(engine: Engine, seconds: float) -> AnswerStats:
    return AnswerStats(
        tokens=0,
        tokens_per_s=0.0,
        first_token_s=seconds,
        weights_hash=engine.weights_hash,
        student=engine.student.card.name,
    )
