"""In which precision the students of a workspace answer, and what that costs and brings.

Importing this file imports no torch. Bundles stay as they are: matrices are brought to eight bits
when a student is loaded.
"""

from __future__ import annotations

import copy
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from model.bundles.bundle import read_bundle
from model.config import SampleConfig
from model.errors import ConfigError
from model.knowledge.store import Store
from model.precision_records import PRECISIONS, Precision, PrecisionFigures, PrecisionReport
from model.records import StudentId
from model.serving.students import Students

if TYPE_CHECKING:
    from model.model import ImageTokenReasoningLLM, Prompt

HELD_OUT = 24
"""Questions whose answers the loss is taken of."""
ROUNDS = 3
TOKENS = 32
_SETTING = "precision"


class Precisions:
    """The choice of one workspace, kept in its settings, with the figures that were measured."""

    def __init__(self, store: Store, students: Students) -> None:
        self._store, self._students = store, students
        saved = store.setting(_SETTING)
        students.precision = next((known for known in PRECISIONS if known == saved), "full")

    @property
    def current(self) -> Precision:
        """How students are loaded from now on."""
        return self._students.precision

    def use(self, precision: str) -> None:
        """Let students answer in this precision. Raises: ConfigError if it does not work here."""
        wanted = next((known for known in PRECISIONS if known == precision), None)
        if wanted is None:
            raise ConfigError(
                f"There is no precision “{precision}”; choose {' or '.join(PRECISIONS)}."
            )
        if wanted == "int8":
            _check_int8()
        self._store.set_setting(_SETTING, wanted)
        self._students.precision = wanted

    def report(self, student: StudentId) -> PrecisionReport | None:
        """What was measured of a student on this machine, if anything. Raises: BundleError."""
        weights_hash = self._students.info(student).weights_hash
        text = self._store.setting(f"{_SETTING} {weights_hash}")
        if not text:
            return None
        values = json.loads(text)
        full, small = (PrecisionFigures(**values[name]) for name in PRECISIONS)
        return PrecisionReport(weights_hash, values["matrices"], full, small)

    def measure(self, student: StudentId) -> PrecisionReport:
        """Measure a student in both precisions, and keep the figures; takes seconds.

        Raises: BundleError, ConfigError where int8 does not work.
        """
        _check_int8()
        report = measured(self._students.path(student))
        self._store.set_setting(f"{_SETTING} {report.weights_hash}", json.dumps(asdict(report)))
        return report


def loaded(path: Path, precision: Precision) -> ImageTokenReasoningLLM:
    """A student ready to answer; its name tells when it does so in eight bits.

    Raises: BundleError.
    """
    # torch is heavy: whoever loads a student pays for it
    from model.model import ImageTokenReasoningLLM
    from model.network.int8 import to_int8
    from model.network.lora import merge_lora

    student = ImageTokenReasoningLLM.load_from_bundle(path)
    if precision == "int8":
        merge_lora(student.model)
        to_int8(student.model)
        student.card = replace(student.card, name=f"{student.card.name}, int8")
    return student


def measured(path: Path, *, held_out: int = HELD_OUT, rounds: int = ROUNDS) -> PrecisionReport:
    """Loss, size and speed of a bundle in full and in eight bits, timed in turns."""
    from model.learning.evaluation import mean_loss
    from model.learning.recipe import lesson_of
    from model.microworld.oracle import example
    from model.model import ImageTokenReasoningLLM
    from model.network.int8 import to_int8, weight_bytes
    from model.network.lora import merge_lora

    full = ImageTokenReasoningLLM.load_from_bundle(path)
    merge_lora(full.model)
    small = copy.deepcopy(full)
    matrices = to_int8(small.model)
    lessons = [lesson_of(example("validation", index)) for index in range(held_out)]
    both = (full, small)
    speeds = speeds_in_turns([_writing(student) for student in both], rounds)
    figures = [
        PrecisionFigures(weight_bytes(student), round(speed, 1), round(loss, 4))
        for student, speed in zip(both, speeds, strict=True)
        for loss in [mean_loss(student, lessons)]
    ]
    return PrecisionReport(read_bundle(path).weights_hash, matrices, *figures)


def speeds_in_turns(writings: Sequence[Callable[[], float]], rounds: int) -> list[float]:
    """The median of each of several rates, taken in turns, so that other work hits all alike."""
    for writing in writings:
        writing()  # the first time is slow for reasons of its own
    taken = [[writing() for writing in writings] for _ in range(rounds)]
    return [statistics.median(rates) for rates in zip(*taken, strict=True)]


def _writing(student: ImageTokenReasoningLLM) -> Callable[[], float]:
    from model.network.image_tokenizer import Message

    prompt = student.prompt([Message("user", "What can you do?")], room=TOKENS)
    return lambda: tokens_per_s(student, prompt, TOKENS)


def tokens_per_s(student: ImageTokenReasoningLLM, prompt: Prompt, tokens: int) -> float:
    """How fast a student writes one answer, its first token left out; its end is passed over."""
    from model.network.text_generation import KVCache, Sampler

    length = len(prompt.ids) + tokens
    cache = KVCache(student.config.decoder, 1, length, student.model.norm.weight.dtype)
    sampler = Sampler(SampleConfig(), sorted(student.end_ids))
    index = sampler.next(student.prefill(prompt, cache, row=0))
    started = time.perf_counter()
    for position in range(len(prompt.ids), length - 1):
        index = sampler.next(student.step([index], [position], cache)[0])
    return (tokens - 1) / (time.perf_counter() - started)


def _check_int8() -> None:
    from model.network.int8 import int8_works_here

    if not int8_works_here():
        raise ConfigError(
            "int8 needs an x86 processor and a PyTorch with FBGEMM; this machine has 0 of the two "
            "or 1. Students answer in full precision here."
        )
