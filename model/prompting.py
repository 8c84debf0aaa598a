"""Lays out a question for a student: facts, turns and pictures as one sequence with slots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PIL import Image

from model.bundles.graph_facts import HEADER
from model.errors import InputError
from model.network.graph_tokens import WeighedFact, subgraph
from model.network.image_tokenizer import Message, Prompt, layout, to_pixels
from model.network.text_tokenizer import GRAPH, THINK

if TYPE_CHECKING:
    from model.model import ImageTokenReasoningLLM


def lay_out(
    student: ImageTokenReasoningLLM,
    messages: Sequence[Message],
    images: Sequence[Image.Image],
    facts: Sequence[str],
    graph: Sequence[WeighedFact],
    *,
    room: int,
    think: bool,
) -> Prompt:
    """See ``ImageTokenReasoningLLM.prompt``. Raises: InputError if the last turn does not fit."""
    config, tokenizer = student.config, student.tokenizer
    opening = [tokenizer.id(THINK)] if think and config.thinks else []
    limit = config.decoder.max_position_embeddings - room
    patches = config.vision.num_patches
    told = subgraph(tokenizer, messages[-1].text, graph) if config.graph_tokens else None
    system = facts_turn(facts, config.graph_tokens if told else 0)
    # what the conversation is told to begin with stays, however many turns are left out
    first = next((n for n, each in enumerate(messages) if each.speaker != "system"), 0)
    for start in range(first, len(messages)):
        kept = messages[start:]
        if kept[0].speaker != "user" and len(kept) > 1:
            continue
        ahead = messages[:first]
        ids = layout(tokenizer, [*system, *ahead, *kept], patches, chat=config.chat) + opening
        if len(ids) <= limit:
            later = len(images) - sum(m.pictures for m in kept)
            shown = [*images[: sum(m.pictures for m in ahead)], *images[later:]]
            pixels = to_pixels(shown, config.vision.image_size)
            return Prompt(tuple(ids), pixels, bool(opening), told)
    raise InputError(
        f"The question is {len(ids)} tokens long with its pictures and facts; the student "
        f"reads at most {limit}. Shorten it or send fewer pictures."
    )


def facts_turn(facts: Sequence[str], slots: int) -> list[Message]:
    """The turn that tells facts, in words and as so many graph tokens; none if nothing is told.

    Graph tokens stand before the first line. Without them the ids are those of the lines alone.
    """
    if not (facts or slots):
        return []
    ahead = f"{HEADER}\n{GRAPH * slots}" if slots else ""
    lines = facts if slots else (HEADER, *facts)
    return [Message("system", "\n".join(lines), ahead=ahead)]
