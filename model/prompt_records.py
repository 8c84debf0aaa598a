"""What a run asks and gets, and what a try of a teacher shows: plain records, as ``records.py``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from model.records import PictureId, Role

PromptState = Literal["waiting", "answered", "failed", "left out", "dropped"]
PROMPT_STATES: tuple[PromptState, ...] = ("waiting", "answered", "failed", "left out", "dropped")
"""left out: there is an answer, but a filter found fault with it; dropped: a person did."""


@dataclass(frozen=True)
class OwnPrompt:
    """A person's own prompt, with their own answer if they have one."""

    text: str
    answer: str = ""


@dataclass(frozen=True)
class PromptDraft:
    """One prompt of a run before it is asked.

    ``spec`` names a drawn micro-world example. ``facts`` are lines that teacher and student read
    before they answer. An ``answer`` that is given already is not asked for.
    """

    text: str
    pictures: tuple[PictureId, ...] = ()
    roles: tuple[Role, ...] = ()
    facts: tuple[str, ...] = ()
    spec: str = ""
    origin: str = ""
    answer: str | None = None


@dataclass(frozen=True)
class RunPrompt:
    """One prompt of a run with what became of it.

    ``reason`` says why it failed or was left out; ``given`` tells an answer that a person wrote or
    a graph knows from one of the teacher.
    """

    n: int
    draft: PromptDraft
    state: PromptState
    answer: str = ""
    reason: str = ""
    given: bool = False


@dataclass(frozen=True)
class PromptPage:
    """Some prompts of a run, how many match, and how many there are in each state."""

    items: tuple[RunPrompt, ...]
    total: int
    counts: dict[PromptState, int] = field(default_factory=dict)


@dataclass(frozen=True)
class TeacherCheck:
    """One thing that a try found out; ``ok`` is ``None`` for what makes no difference here."""

    name: str
    ok: bool | None
    words: str


@dataclass(frozen=True)
class Trial:
    """What a teacher did when it was tried, and what a run with it would take.

    ``minutes`` and ``answer_tokens`` are those of the whole run, from the speed that was seen;
    0 where the teacher could not be asked.
    """

    checks: tuple[TeacherCheck, ...]
    prompt: str = ""
    answer: str = ""
    tokens_per_s: float = 0.0
    answer_tokens: int = 0
    minutes: float = 0.0
    advice: str = ""

    @property
    def ready(self) -> bool:
        """Whether nothing speaks against a start."""
        return all(check.ok is not False for check in self.checks)
