"""Prompts that a person typed: one per line, and an answer after a tab if they have one."""

from __future__ import annotations

from collections.abc import Iterable

from model.prompt_records import OwnPrompt


def own_prompts(text: str | None) -> tuple[str, ...]:
    """The lines of a text as prompts, without empty and repeated ones."""
    return tuple(pair.text for pair in own_pairs(text))


def own_pairs(text: str | None) -> tuple[OwnPrompt, ...]:
    """The lines of a text as prompts with their answers; a repeated one counts once."""
    pairs: dict[str, OwnPrompt] = {}
    for line in (text or "").splitlines():
        prompt, _, answer = line.partition("\t")
        pair = OwnPrompt(prompt.strip(), _unfolded(answer.strip()))
        if pair.text and not (pair.text in pairs and pairs[pair.text].answer):
            pairs[pair.text] = pair
    return tuple(pairs.values())


def as_lines(pairs: Iterable[OwnPrompt]) -> str:
    """The counterpart of ``own_pairs``: an answer of several lines stands on one."""
    return "\n".join(
        f"{pair.text}\t{_folded(pair.answer)}" if pair.answer else pair.text for pair in pairs
    )


def _folded(answer: str) -> str:
    lines = answer.replace("\\", "\\\\").replace("\t", "    ").splitlines()
    return "\\n".join(lines)


def _unfolded(answer: str) -> str:
    parts = answer.split("\\\\")
    return "\\".join(part.replace("\\n", "\n") for part in parts)
