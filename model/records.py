"""The plain records that cross every border of the program: no torch, no files, no SQL.

Ids are opaque strings or integers; pictures travel as ``PictureId`` and are turned into a path by
whoever needs the bytes. All times are seconds since the epoch, UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NewType, Protocol

from model.config import DistillConfig
from model.precision_records import Precision

PictureId = NewType("PictureId", str)
"""SHA-256 of the stored PNG, hex: equal pictures have equal ids."""
TripletId = NewType("TripletId", int)
RunId = NewType("RunId", str)
StudentId = NewType("StudentId", str)
ChatId = NewType("ChatId", str)

Role = Literal["what", "action", "result"]
ROLES: tuple[Role, ...] = ("what", "action", "result")
"""The three places of an image triplet: subject, relation and object as pictures."""


# ── triplets and the graph ──────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class TripletDraft:
    """A triplet as a person wrote it, before it is checked and stored."""

    subject: str
    relation: str
    object: str
    subject_picture: PictureId | None = None
    relation_picture: PictureId | None = None
    object_picture: PictureId | None = None
    source: str = "you"
    note: str = ""
    confidence: float = 1.0
    author: str = ""
    origin: str = ""
    """Where it came from, in words: a file and its row, a teacher's model, a picture's id."""


@dataclass(frozen=True)
class Triplet:
    """One stored edge of the knowledge graph: subject · relation · object, with its pictures."""

    id: TripletId
    subject: str
    relation: str
    object: str
    subject_picture: PictureId | None
    relation_picture: PictureId | None
    object_picture: PictureId | None
    source: str
    note: str
    version: int
    created_at: float
    confidence: float = 1.0
    author: str = ""
    origin: str = ""

    @property
    def pictures(self) -> tuple[PictureId | None, PictureId | None, PictureId | None]:
        """The pictures of what, action and result, in this order."""
        return (self.subject_picture, self.relation_picture, self.object_picture)


@dataclass(frozen=True)
class TripletPage:
    """Some of the triplets, and how many there are in all."""

    items: tuple[Triplet, ...]
    total: int


@dataclass(frozen=True)
class Node:
    """A thing in the graph; the label is its identity, the picture its face."""

    id: int
    label: str
    picture: PictureId | None
    degree: int


@dataclass(frozen=True)
class Edge:
    """A triplet as it is drawn: from the subject's node to the object's."""

    id: TripletId
    source: int
    target: int
    label: str
    picture: PictureId | None


@dataclass(frozen=True)
class GraphView:
    """The part of the graph that is drawn, and the size of the whole."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    total_nodes: int
    total_edges: int
    relations: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fact:
    """A triplet that an answer leaned on, and how much (0–1)."""

    triplet: TripletId
    subject: str
    relation: str
    object: str
    weight: float
    hop: int = 1
    path: tuple[TripletId, ...] = ()
    """The triplets that lead from what the question names to this one, itself the last."""

    @property
    def line(self) -> str:
        """The fact as the student reads it."""
        return f"{self.subject} | {self.relation} | {self.object}"


@dataclass(frozen=True)
class ExampleTriplet:
    """A ready-made image triplet that a newcomer can try with one click."""

    name: str
    draft: TripletDraft


REMOTE = "ollama"
"""The preset of a model that answers from an Ollama server in a student's place."""


# ── the student and its answers ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class StudentInfo:
    """A bundle on disk: what it is called and which weights it holds."""

    id: StudentId
    name: str
    preset: str
    parameters: int
    size_bytes: int
    weights_hash: str
    created_at: float
    parent: StudentId | None = None
    origin: str = ""

    @property
    def short_hash(self) -> str:
        """The first six letters of the weights' SHA-256, as shown beside answers."""
        return self.weights_hash[:6]


@dataclass(frozen=True)
class StudentStatus:
    """Which student answers now, and whether it is ready to."""

    state: Literal["loading", "ready", "failed"]
    info: StudentInfo | None
    message: str = ""
    precision: Precision = "full"


@dataclass(frozen=True)
class Description:
    """What the student sees in a picture, and how sure it is (0–1); nothing if it is unfamiliar."""

    label: str
    sentence: str
    confidence: float
    familiar: bool = True


@dataclass(frozen=True)
class Expectation:
    """The known picture that is most like an imagined one; ``similarity`` is their cosine."""

    label: str
    picture: PictureId
    similarity: float


@dataclass(frozen=True)
class Turn:
    """One message of a chat. ``roles`` names the pictures of a triplet, or is empty.

    ``thought`` is what the student wrote before its answer. ``earlier`` is the id of the answer
    in whose place this one was asked for, until one of them was kept.
    """

    role: Literal["user", "assistant"]
    text: str
    pictures: tuple[PictureId, ...] = ()
    roles: tuple[Role, ...] = ()
    facts: tuple[Fact, ...] = ()
    stats: AnswerStats | None = None
    thought: str = ""
    earlier: str = ""


@dataclass(frozen=True)
class AnswerStats:
    """How an answer came about: speed, and the very weights that gave it.

    ``answer`` is the id under which its tokens are kept for a vote, if they are. ``chosen`` says
    in words which settings were chosen for it, and why.
    """

    tokens: int
    tokens_per_s: float
    first_token_s: float
    weights_hash: str
    student: str
    stopped_by: Literal["end", "length", "stop", "cancelled"] = "end"
    answer: str = ""
    chosen: str = ""


@dataclass(frozen=True)
class Event:
    """One step of a streamed answer; a reader shows them in the order in which they come.

    ``thought`` is text of the reasoning before the answer, ``token`` text of the answer itself.
    """

    kind: Literal["thought", "token", "source", "stats", "done", "error"]
    text: str = ""
    fact: Fact | None = None
    stats: AnswerStats | None = None


class Answer(Protocol):
    """An answer under way. Reading it does not own the model; anyone may call ``cancel``."""

    def events(self) -> Iterator[Event]:
        """Yield events until ``done`` or ``error``; ends within one step after ``cancel``."""
        ...

    def cancel(self) -> None:
        """Stop the answer within one decoding step."""
        ...


@dataclass(frozen=True)
class Chat:
    """A conversation with its turns, oldest first."""

    id: ChatId
    turns: tuple[Turn, ...]


# ── teachers and runs ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class TeacherModel:
    """A model that a teacher offers. ``None`` means the server does not say."""

    name: str
    size_bytes: int = 0
    parameter_size: str = ""
    quantization: str = ""
    sees_pictures: bool | None = None
    thinks: bool | None = None
    can_chat: bool = True
    digest: str = ""


@dataclass(frozen=True)
class TeacherStatus:
    """Whether a teacher can be reached, in words and with the list of its models.

    ``protocol`` is what a server speaks: Ollama's, or OpenAI's as vLLM and llama.cpp do.
    """

    reachable: bool
    message: str
    address: str = ""
    version: str = ""
    models: tuple[TeacherModel, ...] = ()
    protocol: Literal["ollama", "openai"] = "ollama"


Signal = Literal["go", "pause", "stop"]
"""What a run is asked to do after a step."""

RunState = Literal[
    "queued", "running", "collected", "paused", "interrupted", "done", "failed", "cancelled"
]
"""collected: the answers are there and wait to be looked through; interrupted: the worker died.
Both can be resumed like a paused run."""
OPEN_STATES: frozenset[str] = frozenset({"queued", "running", "collected", "paused", "interrupted"})


@dataclass(frozen=True)
class RunInfo:
    """A distillation run as its row in the store says."""

    id: RunId
    name: str
    state: RunState
    config: DistillConfig
    created_at: float
    finished_at: float | None = None
    step: int = 0
    steps: int = 0
    answers: int = 0
    failed_answers: int = 0
    prompts: int = 0
    stage: str = ""
    message: str = ""
    student: StudentId | None = None
    tokens_per_s: float = 0.0
    remaining_s: float | None = None
    train_loss: float | None = None
    validation_loss: float | None = None
    note: str = ""
    """What a person wrote about the run."""
    collected: bool = False
    """Whether the answers were collected to be looked through before the training."""
    prompt_notes: tuple[str, ...] = ()
    """How the prompts came about, and what was left out."""


Series = Literal[
    "train",
    "validation",
    "cross-entropy",
    "logprobs",
    "learning rate",
    "student tokens/s",
    "teacher tokens/s",
    "train, text alone",
    "validation, text alone",
]
"""Curves of a run. The loss is made of cross-entropy and logprobs where the teacher gives these;
"text alone" is the same run without them, trained to see what they bring."""


@dataclass(frozen=True)
class Metric:
    """One point of a curve."""

    step: int
    series: Series
    value: float
    at: float


@dataclass(frozen=True)
class RunSample:
    """What teacher and student said to the same prompt at a step of a run."""

    step: int
    prompt: str
    teacher_answer: str
    student_answer: str
    pictures: tuple[PictureId, ...] = ()


@dataclass(frozen=True)
class Budget:
    """What can be expected of a run before it starts."""

    answer_tokens: int
    wanted_tokens: int
    minutes: float
    memory_mb: float
    advice: str
    warnings: tuple[str, ...] = field(default=())
