"""Comparisons as plain values: who is asked what, what was said, and what it comes to.

A comparison is stored, exported and reopened as the JSON of these records; the format is written
down in ``assets/comparison.schema.json``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NewType

from model.config import SampleConfig
from model.errors import ConfigError
from model.knobs import check_limits, knob
from model.records import PictureId, Role

ComparisonId = NewType("ComparisonId", str)
SideId = NewType("SideId", str)
"""Who answers: a student's id, ``BUILTIN_SIDE``, or ``OLLAMA`` and the name of a model."""

BUILTIN_SIDE = SideId("teacher:builtin")
OLLAMA = "ollama:"
LETTERS = ("A", "B", "C")
MOST_PROMPTS = 500
PROMPT_SETS = ("typed", "ten", "microworld")


# ── what is compared ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class CompareConfig:
    """Two or three sides, what they are asked, and how their answers are drawn and judged.

    ``answers`` are the right ones to typed ``prompts``, in their order; empty where none is known.
    """

    sides: tuple[str, ...] = ()
    address: str = knob("", "address of the server; empty means OLLAMA_HOST")
    prompt_set: Literal["typed", "ten", "microworld"] = knob(
        "typed",
        "typed: your own; ten: ten plain ones; microworld: drawn, with one right answer each",
        choices=PROMPT_SETS,
    )
    prompts: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    pictures: tuple[PictureId, ...] = ()
    questions: int = knob(20, "micro-world questions", min=1, max=MOST_PROMPTS, unit="questions")
    judge: str = knob("", "model on the server that judges the answers; empty asks nobody")
    blind: bool = knob(False, "hide who is who until you have voted")
    sampling: SampleConfig = field(default_factory=SampleConfig)

    def __post_init__(self) -> None:
        check_limits(self)
        if not 2 <= len(self.sides) <= len(LETTERS):
            raise ConfigError(
                f"{len(self.sides)} sides are chosen; a comparison has two or three. "
                "Choose them from the lists."
            )
        if len(set(self.sides)) < len(self.sides):
            raise ConfigError("The same one is chosen twice. Choose another one to compare with.")
        if self.prompt_set == "typed" and not self.prompts:
            raise ConfigError("There are 0 prompts. Write at least one, each on its own line.")
        if len(self.prompts) > MOST_PROMPTS:
            raise ConfigError(
                f"There are {len(self.prompts)} prompts; at most {MOST_PROMPTS} are compared."
            )


@dataclass(frozen=True)
class SideInfo:
    """One side as it is known before it answers. ``weights_hash`` of a teacher is its digest."""

    id: SideId
    kind: Literal["student", "ollama", "builtin"]
    name: str
    weights_hash: str = ""
    parameters: int = 0
    size_bytes: int = 0
    sees_pictures: bool | None = None


@dataclass(frozen=True)
class CompareTask:
    """One prompt. ``answer`` is the right one, if known; ``spec`` names a drawn question."""

    prompt: str
    pictures: tuple[PictureId, ...] = ()
    roles: tuple[Role, ...] = ()
    facts: tuple[str, ...] = ()
    answer: str = ""
    spec: str = ""


# ── what was said ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class AnswerScores:
    """How one answer does against its reference; None where a score has no meaning.

    ``nats`` is what the side itself gives the reference, over ``reference_tokens`` of its own
    tokens; ``right_attributes`` of ``attributes`` were told of drawn blocks.
    """

    exact: bool | None = None
    agrees: bool | None = None
    rouge_l: float | None = None
    right_attributes: int = 0
    attributes: int = 0
    nats: float | None = None
    reference_tokens: int = 0
    reference_bytes: int = 0


@dataclass(frozen=True)
class SideAnswer:
    """One answer as far as it has come; the weights are those that the call itself named."""

    text: str = ""
    thought: str = ""
    facts: tuple[str, ...] = ()
    weights_hash: str = ""
    tokens: int = 0
    tokens_per_s: float = 0.0
    first_token_s: float = 0.0
    stopped_by: str = ""
    error: str = ""
    finished: bool = False
    scores: AnswerScores = field(default_factory=AnswerScores)

    @property
    def counts(self) -> bool:
        """Whether it is a whole answer that may be measured."""
        return self.finished and not self.error and self.stopped_by != "cancelled"


@dataclass(frozen=True)
class CompareRow:
    """One prompt with the answer of every side, in their order; None: not begun.

    ``reference`` is what answers are scored against: the right answer, else a teacher's.
    """

    task: CompareTask
    answers: tuple[SideAnswer | None, ...]
    reference: str = ""


# ── what it comes to ────────────────────────────────────────────────────────────────────────────

MeasureName = Literal[
    "exact",
    "attributes",
    "rouge_l",
    "agreement",
    "win_rate",
    "loss",
    "perplexity",
    "bits_per_byte",
    "tokens_per_s",
    "first_token_s",
]


@dataclass(frozen=True)
class Measure:
    """One figure of one side with its 95 % interval, over ``n`` prompts."""

    name: MeasureName
    side: int
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True)
class Difference:
    """How much more ``second`` has of a measure than ``first``, on the same ``n`` prompts.

    ``p`` is how often chance alone would give such a difference, by the named test.
    """

    name: MeasureName
    first: int
    second: int
    value: float
    low: float
    high: float
    p: float
    test: Literal["McNemar, exact", "paired bootstrap"]
    n: int


@dataclass(frozen=True)
class Verdict:
    """What the judge said about two answers, asked in both orders; no winner: a tie."""

    row: int
    first: int
    second: int
    winner: int | None


Best = Literal["A", "B", "C", "tie", "bad"]
"""A person's vote on one prompt: the letter of the best answer, all alike, or all bad."""


@dataclass(frozen=True)
class Vote:
    """One vote with the names of the sides that were voted on, in the order of the letters."""

    row: int
    best: Best
    sides: tuple[str, ...]
    created_at: float = 0.0


@dataclass(frozen=True)
class Rating:
    """One line of the Elo board, with a 95 % bootstrap interval."""

    name: str
    elo: float
    low: float
    high: float
    votes: int


ComparisonState = Literal["running", "done", "stopped", "failed", "interrupted"]


@dataclass(frozen=True)
class Comparison:
    """Everything about one comparison, under way or over.

    ``reference`` says in words what answers are scored against. A stored one that is still
    "running" although nobody works on it was interrupted.
    """

    id: ComparisonId
    created_at: float
    config: CompareConfig
    sides: tuple[SideInfo, ...]
    rows: tuple[CompareRow, ...]
    state: ComparisonState = "running"
    stage: str = ""
    message: str = ""
    reference: str = ""
    seconds: float = 0.0
    measures: tuple[Measure, ...] = ()
    differences: tuple[Difference, ...] = ()
    verdicts: tuple[Verdict, ...] = ()

    @property
    def answered(self) -> int:
        """How many answers are complete."""
        return sum(a is not None and a.finished for row in self.rows for a in row.answers)

    @property
    def asked(self) -> int:
        """How many answers there will be."""
        return len(self.rows) * len(self.sides)

    def answers(self, side: int) -> list[SideAnswer | None]:
        """The answers of one side, in the order of the prompts."""
        return [row.answers[side] for row in self.rows]


@dataclass(frozen=True)
class ComparisonHead:
    """A comparison as lists show it."""

    id: ComparisonId
    created_at: float
    title: str
    state: ComparisonState


ReportKind = Literal["json", "csv", "html"]
