"""In which precision the students of a workspace answer, and what that costs and brings.

Importing this file imports no torch. Bundles stay as they are: the decoder's matrices are brought
to eight bits when an engine is made, for the steps that write; questions are read with full ones.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from model.bundles.bundle import read_bundle
from model.errors import BundleIncompatible, ConfigError
from model.knowledge.store import Store
from model.precision_records import PRECISIONS, Precision, PrecisionFigures, PrecisionReport
from model.records import StudentId
from model.serving.students import Students

if TYPE_CHECKING:
    from model.model import ImageTokenReasoningLLM
    from model.network.text_generation import Decoder
    from model.serving.engine import Engine

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
        return PrecisionReport(weights_hash, full, small)

    def measure(self, student: StudentId) -> PrecisionReport:
        """Measure a student in both precisions, and keep the figures; takes seconds.

        Raises: BundleError, ConfigError where int8 does not work.
        """
        _check_int8()
        report = measured(self._students.path(student))
        self._store.set_setting(f"{_SETTING} {report.weights_hash}", json.dumps(asdict(report)))
        return report


def loaded_engine(
    path: Path, precision: Precision, weights_hash: str = "", adapter: Path | None = None
) -> Engine:
    """The engine of a bundle; the student's name tells when it answers in eight bits.

    ``weights_hash`` is that of the weights with the ``adapter``, if there is one.

    Raises: BundleError, also for a student whose decoder cannot be brought to eight bits.
    """
    # torch is heavy: whoever loads a student pays for it
    from model.bundles.adapter_file import apply_adapter, read_tensors
    from model.model import ImageTokenReasoningLLM
    from model.network.decoding import fused_refusal
    from model.serving.engine import Engine

    student = ImageTokenReasoningLLM.load_from_bundle(path)
    bundle_hash = read_bundle(path).weights_hash
    if adapter is not None:
        apply_adapter(student, read_tensors(adapter, bundle_hash))
    if precision == "int8":
        refusal = fused_refusal(student.model)
        if refusal:
            raise BundleIncompatible(
                f"{student.card.name} cannot answer in int8: {refusal}. Choose full precision."
            )
        student.card = replace(student.card, name=f"{student.card.name}, int8")
    return Engine(student, weights_hash or bundle_hash, int8=precision == "int8")


def rounded(student: ImageTokenReasoningLLM) -> ImageTokenReasoningLLM:
    """A copy whose decoder holds the numbers that eight bits leave of its matrices.

    Tokens are looked up in the rounded table, too, where the engine keeps the full one: its loss is
    no better than that of the student that answers.
    """
    import torch

    from model.network.fused_step import quantised

    copied = copy.deepcopy(student)
    with torch.no_grad():
        for weight in copied.model.parameters():
            if weight.ndim == 2:
                whole, scale = quantised(weight.detach().numpy())
                weight.copy_(torch.from_numpy(whole * scale[:, None]))
    return copied


def measured(path: Path, *, held_out: int = HELD_OUT, rounds: int = ROUNDS) -> PrecisionReport:
    """Loss, size and speed of a bundle in full and in eight bits, timed in turns.

    Raises: BundleError.
    """
    from model.learning.evaluation import mean_loss
    from model.learning.recipe import lesson_of
    from model.microworld.oracle import example
    from model.model import ImageTokenReasoningLLM

    student = ImageTokenReasoningLLM.load_from_bundle(path)
    lessons = [lesson_of(example("validation", index)) for index in range(held_out)]
    losses = [mean_loss(one, lessons) for one in (student, rounded(student))]
    writings = [Writing(student.model, int8=int8) for int8 in (False, True)]
    speeds = speeds_in_turns(writings, rounds)
    full, small = (
        PrecisionFigures(writing.nbytes, round(speed, 1), round(loss, 4))
        for writing, speed, loss in zip(writings, speeds, losses, strict=True)
    )
    return PrecisionReport(read_bundle(path).weights_hash, full, small)


class Writing:
    """Called, it writes ``rows`` answers at a time and tells tokens per second."""

    def __init__(
        self, decoder: Decoder, *, int8: bool, rows: int = 1, tokens: int = TOKENS
    ) -> None:
        from model.network.fused_step import FusedStep
        from model.network.text_generation import KVCache

        cache = KVCache(decoder.config, rows, tokens, decoder.embed_tokens.weight.dtype)
        self._step = FusedStep(decoder, cache, int8=int8)
        self._rows, self._tokens = rows, tokens
        self.nbytes = self._step.nbytes
        """Bytes of weights that are read for a token."""

    def __call__(self) -> float:
        """Greedy answers from nothing, as long as they may be."""
        ids = list(range(self._rows))
        started = time.perf_counter()
        for position in range(self._tokens):
            scores_BV = self._step(ids, [position] * self._rows)
            ids = scores_BV.argmax(-1).tolist()
        return self._rows * self._tokens / (time.perf_counter() - started)


def speeds_in_turns(writings: Sequence[Callable[[], float]], rounds: int) -> list[float]:
    """The median of each of several rates, taken in turns, so that other work hits all alike."""
    for writing in writings:
        writing()  # the first time is slow for reasons of its own
    taken = [[writing() for writing in writings] for _ in range(rounds)]
    return [statistics.median(rates) for rates in zip(*taken, strict=True)]


def _check_int8() -> None:
    if importlib.util.find_spec("numba") is None:
        raise ConfigError(
            "int8 needs compiled steps, and Numba is not installed. Install it with “pip install "
            "numba”, or stay in full precision."
        )
