"""Does the exported student say what the app's says? The same prompts, token by token.

Prompts go to the server raw, as the app lays them out; one more row compares what the server's
template makes of a question.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image

from model.bundles.ollama_bundle import Recipe
from model.bundles.ollama_deploy import OllamaDeploy
from model.config import ChatFormat, SampleConfig
from model.errors import TeacherError
from model.export_records import ParityRow

if TYPE_CHECKING:
    from model.model import ImageTokenReasoningLLM
    from model.network.image_tokenizer import Message

LONGEST = 32
"""Tokens of an answer that are compared."""
TEMPLATE_ROW = "the template"


@dataclass(frozen=True)
class Probe:
    """A question that both are asked."""

    words: str
    images: tuple[Image.Image, ...] = ()
    roles: tuple[str, ...] = ()


def compare(
    student: ImageTokenReasoningLLM, server: OllamaDeploy, recipe: Recipe, probes: Sequence[Probe]
) -> Iterator[ParityRow]:
    """One row for the template, then one for each probe, as they are answered.

    A probe that the server fails at is a row, too; it says why. Raises: TeacherError or DeployError
    if the server does not render the template.
    """
    yield _template_row(server, recipe, student.config.chat)
    for probe in probes:
        yield _row(student, server, recipe, probe)


def _messages(recipe: Recipe, probe: Probe) -> list[Message]:
    from model.network.image_tokenizer import Message

    system = [Message("system", recipe.system)] if recipe.system else []
    return [*system, Message("user", probe.words, len(probe.images), probe.roles)]


def prompt_text(messages: Sequence[Message], chat: ChatFormat) -> str:
    """A conversation as a raw prompt: pictures are ``[img-0]``, ``[img-1]``, …; no BOS."""
    from model.network.image_tokenizer import segments

    pieces = segments(messages, chat=chat)
    joined = [f"[img-{number}]{piece}" for number, piece in enumerate(pieces[1:])]
    return pieces[0].removeprefix(chat.bos) + "".join(joined)


def _template_row(server: OllamaDeploy, recipe: Recipe, chat: ChatFormat) -> ParityRow:
    probe = Probe("What is this?")
    ours = prompt_text(_messages(recipe, probe), chat)
    theirs = server.rendered(recipe.name, probe.words, recipe.system)
    same = theirs.removesuffix("<think>") == ours
    return ParityRow(TEMPLATE_ROW, 0, ours, theirs, 1, int(same), None)


def _row(
    student: ImageTokenReasoningLLM, server: OllamaDeploy, recipe: Recipe, probe: Probe
) -> ParityRow:
    messages = _messages(recipe, probe)
    facts = recipe.system.splitlines()[1:]  # without the header, which the student adds
    prompt = student.prompt(messages[-1:], probe.images, facts, room=LONGEST)
    drawn = list(student.tokens(prompt, SampleConfig(max_tokens=LONGEST)))
    drawn = [(index, chance) for index, chance in drawn if index not in student.end_ids]
    ours = student.tokenizer.decode([index for index, _ in drawn])
    pictures = [_base64_png(image) for image in probe.images]
    pieces = [student.tokenizer.decode([index]) for index, _ in drawn]
    count = len(probe.images)
    try:
        reply = server.complete(
            recipe.name, prompt_text(messages, student.config.chat), pictures, LONGEST
        )
    except TeacherError as error:
        return ParityRow(probe.words, count, ours, f"no answer: {error}", len(drawn), 0, None)
    theirs = str(reply.get("response", ""))
    if not reply.get("done"):
        theirs += " … (broke off)"
    same, gap = _same_start(pieces, [chance for _, chance in drawn], reply.get("logprobs"))
    if theirs == ours:
        same = len(drawn)
    return ParityRow(probe.words, count, ours, theirs, len(drawn), same, gap)


def _same_start(
    pieces: Sequence[str], chances: Sequence[float], entries: Any
) -> tuple[int, float | None]:
    """How many tokens agree from the first on, and the largest gap among them, in nats."""
    gaps: list[float] = []
    listed = entries if isinstance(entries, list) else []
    for piece, chance, entry in zip(pieces, chances, listed, strict=False):
        if not isinstance(entry, dict) or entry.get("token") != piece:
            break
        gaps.append(abs(chance - float(entry.get("logprob", 0.0))))
    return len(gaps), max(gaps) if gaps else None


def _base64_png(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()
