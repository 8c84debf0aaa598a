"""The plain records of how fast a student answers on this machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SpeedProgress:
    """How far the measuring has come, and in words what is being asked."""

    done: int
    of: int
    words: str


@dataclass(frozen=True)
class AnswerSpeeds:
    """Middle and slow end over answers that were asked one by one; zeros without any."""

    answers: int
    tokens: int
    tokens_per_s_p50: float
    tokens_per_s_slowest: float
    first_token_s_p50: float
    first_token_s_p95: float


@dataclass(frozen=True)
class TogetherSpeed:
    """All prompts asked at once; ``tokens_per_s`` is of all answers together."""

    seconds: float
    tokens_per_s: float
    answers_per_s: float
    first_token_s_p50: float


@dataclass(frozen=True)
class Machine:
    """Where it was measured; ``load`` is the work waiting for its cores then, 0 if unknown."""

    processor: str
    cores: int
    load: float
    python: str


@dataclass(frozen=True)
class SpeedReport:
    """What was measured of one student; not ``whole`` if it was stopped early.

    ``all_at_once`` is missing then. ``measured_at`` is in seconds since 1970.
    """

    student: str
    name: str
    weights_hash: str
    parameters: int
    size_bytes: int
    load_and_first_answer_s: float
    prompts: int
    repeats: int
    one_by_one: AnswerSpeeds
    all_at_once: TogetherSpeed | None
    peak_memory_mb: int
    machine: Machine
    measured_at: float
    whole: bool
