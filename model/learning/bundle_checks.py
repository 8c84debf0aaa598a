"""Whether a bundle is what it says: files, hashes, shapes, words, and the figures in its card."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from model.bundles.bundle import WEIGHTS, Bundle, read_bundle
from model.comparing.significance import wilson
from model.errors import BundleError
from model.learning.evaluation import Measured, evaluate_student
from model.microworld.splits import world_hash
from model.model import ImageTokenReasoningLLM
from model.network.text_tokenizer import BOS, EOS, IM_END, IM_START, PAD

QUESTION = "What happens if I heat an egg?"
LOSS_MARGIN = 0.1
"""How far, as a share, a loss on fewer questions may lie from the card's."""
_WORLD = re.compile(r"micro-world ([0-9a-f]{12})")
_EXACT, _LOSS = "validation exact", "validation loss"


@dataclass(frozen=True)
class Check:
    """One promise of a bundle, and whether it holds; skipped ones say why."""

    name: str
    result: Literal["ok", "failed", "skipped"]
    words: str


def check_bundle(path: Path, questions: int = 100) -> Iterator[Check]:
    """Check one promise after the other; ends early when nothing further can be asked.

    ``questions`` is how many are asked to see whether the card's figures are still true.
    """
    try:
        bundle = read_bundle(path)
    except BundleError as error:
        yield Check("files", "failed", str(error))
        return
    yield Check("files", "ok", "config, weights and tokenizer are there and are understood")
    yield _hash(bundle)
    try:
        student = ImageTokenReasoningLLM.load_from_bundle(path)
    except BundleError as error:
        yield Check("shapes", "failed", str(error))
        return
    yield _shapes(bundle, student)
    yield _finite(student)
    yield _tokenizer(bundle, student)
    yield _generation(student)
    yield from _figures(bundle, student, questions)


def _check(name: str, fine: bool, good: str, bad: str) -> Check:
    return Check(name, "ok" if fine else "failed", good if fine else bad)


def _hash(bundle: Bundle) -> Check:
    with open(bundle.path / WEIGHTS, "rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    found = digest.hexdigest()
    bad = f"the weights have SHA-256 {found[:12]}…, config.json says {bundle.weights_hash[:12]}…"
    return _check("hash", found == bundle.weights_hash, f"SHA-256 {found[:12]}…", bad)


def _shapes(bundle: Bundle, student: ImageTokenReasoningLLM) -> Check:
    count = sum(weight.numel() for weight in student.state_dict().values())
    words = f"{count:,} weights in {len(student.state_dict())} tensors"
    bad = f"{words}; config.json says {bundle.parameters:,}"
    return _check("shapes", count == bundle.parameters, words, bad)


def _finite(student: ImageTokenReasoningLLM) -> Check:
    broken = [
        name
        for name, weight in student.state_dict().items()
        if not bool(torch.isfinite(weight).all())
    ]
    words = f"{len(broken)} tensors hold numbers that are none, first {broken[:1]}"
    return _check("numbers", not broken, "every weight is a number", words)


def _tokenizer(bundle: Bundle, student: ImageTokenReasoningLLM) -> Check:
    tokenizer, size = student.tokenizer, bundle.config.decoder.vocab_size
    try:
        ids = {tokenizer.id(token) for token in (BOS, EOS, PAD, IM_START, IM_END)}
    except ValueError as error:
        return Check("tokenizer", "failed", f"a special token is missing: {error}")
    whole = tokenizer.decode(tokenizer.encode(QUESTION)) == QUESTION
    fits = len(tokenizer) <= size and len(ids) == 5
    bad = f"{len(tokenizer):,} tokens, the decoder has {size:,}; text comes back whole: {whole}"
    return _check("tokenizer", whole and fits, f"{len(tokenizer):,} tokens", bad)


def _generation(student: ImageTokenReasoningLLM) -> Check:
    said = student.generate(QUESTION, max_tokens=48)
    again = student.generate(QUESTION, max_tokens=48)
    good = f"“{QUESTION}” → “{said}”"
    bad = "it says nothing" if not said.strip() else f"the same question gave “{said}”, “{again}”"
    return _check("generation", bool(said.strip()) and said == again, good, bad)


def _figures(bundle: Bundle, student: ImageTokenReasoningLLM, questions: int) -> Iterator[Check]:
    figures = {
        name: value
        for name, value in bundle.card.figures.items()
        if isinstance(value, int | float) and name.startswith("validation")
    }
    if not figures:
        yield Check("figures", "skipped", "the card has no figures that can be measured again")
        return
    world = _WORLD.search(bundle.card.origin)
    if world is None or world.group(1) != world_hash():
        was = f"micro-world {world.group(1)}" if world else "a teacher's own answers"
        yield Check(
            "figures",
            "skipped",
            f"measured on {was}; this version has micro-world {world_hash()}",
        )
        return
    measured = evaluate_student(student, "validation", questions)
    judges: dict[str, Callable[[float, Measured], Check]] = {_EXACT: _exact, _LOSS: _loss}
    for name, value in figures.items():
        if name in judges:
            yield judges[name](float(value), measured)


def _exact(told: float, measured: Measured) -> Check:
    low, high = wilson(measured.exact, measured.questions)
    words = (
        f"the card says {told:.3f}; measured {measured.exact:.3f} on {measured.questions} "
        f"questions, 95 % interval {low:.3f}–{high:.3f}"
    )
    return _check(_EXACT, low <= told <= high, words, words)


def _loss(told: float, measured: Measured) -> Check:
    words = f"the card says {told:.4f}; measured {measured.loss:.4f} on {measured.questions}"
    near = abs(told - measured.loss) <= max(LOSS_MARGIN * measured.loss, 0.02)
    return _check(_LOSS, near, words, words)
