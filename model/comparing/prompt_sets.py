"""What is asked in a comparison: typed prompts, the ten plain ones, drawn questions, or a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

from model.compare_records import MOST_PROMPTS, CompareConfig, CompareTask
from model.errors import InputError
from model.knowledge.pictures import Pictures
from model.microworld.oracle import example
from model.paths import ASSETS

TEN_PROMPTS = ASSETS / "prompts" / "compare_prompts.txt"
SPLIT = "validation"
MOST_BYTES = 4_000_000
ARROW = " => "
"""Stands in a line of text between a prompt and its right answer."""
Pair = tuple[str, str]
"""A prompt and its right answer, which may be empty."""


def ten_prompts() -> tuple[str, ...]:
    """The prompts that every student can be asked, one a line in ``assets/prompts``."""
    return tuple(TEN_PROMPTS.read_text(encoding="utf-8").split("\n")[:-1])


def tasks_of(config: CompareConfig, pictures: Pictures) -> tuple[CompareTask, ...]:
    """What the sides are asked; pictures of drawn questions are stored on the way."""
    if config.prompt_set == "microworld":
        return tuple(drawn_task(number, pictures) for number in range(config.questions))
    prompts = ten_prompts() if config.prompt_set == "ten" else config.prompts
    answers = (*config.answers, *[""] * len(prompts)) if config.prompt_set == "typed" else ()
    answers = answers or ("",) * len(prompts)
    return tuple(
        CompareTask(prompt, config.pictures, answer=answer)
        for prompt, answer in zip(prompts, answers, strict=False)
    )


def drawn_task(number: int, pictures: Pictures) -> CompareTask:
    """A question of the part of the micro-world that no training sees."""
    drawn = example(SPLIT, number)
    return CompareTask(
        drawn.question,
        tuple(pictures.add(picture) for picture in drawn.pictures),
        drawn.roles,
        tuple(" | ".join(fact) for fact in drawn.facts),
        drawn.answer,
        drawn.spec,
    )


def read_prompts(path: Path) -> tuple[Pair, ...]:
    """The prompts of a file, with their right answers where it has them.

    ``.txt``: one a line, its answer after ``=>``. ``.csv`` and ``.jsonl``: columns or keys
    ``prompt`` and ``answer``.

    Raises: InputError if it is too large, no text, has no prompt, or too many.
    """
    if path.stat().st_size > MOST_BYTES:
        raise InputError(
            f"{path.name} has {path.stat().st_size:,} bytes; the limit is {MOST_BYTES:,}."
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not a text in UTF-8. Save it as one.") from error
    readers = {".csv": _from_table, ".jsonl": _from_json_lines}
    read = readers.get(path.suffix.lower(), _from_lines)
    pairs = tuple((prompt.strip(), answer.strip()) for prompt, answer in read(text))
    pairs = tuple(pair for pair in pairs if pair[0])
    if not pairs:
        raise InputError(f"{path.name} has 0 prompts. Write one a line.")
    if len(pairs) > MOST_PROMPTS:
        raise InputError(f"{path.name} has {len(pairs)} prompts; at most {MOST_PROMPTS} are asked.")
    return pairs


def _from_lines(text: str) -> Iterator[Pair]:
    for line in text.splitlines():
        prompt, _, answer = line.partition(ARROW)
        yield prompt, answer


def _from_table(text: str) -> Iterator[Pair]:
    rows = csv.DictReader(io.StringIO(text))
    if "prompt" not in (rows.fieldnames or ()):
        raise InputError("The table has no column “prompt”. Name its columns prompt and answer.")
    try:
        yield from ((row["prompt"] or "", row.get("answer") or "") for row in rows)
    except csv.Error as error:
        raise InputError(f"The table cannot be read in line {rows.line_num}: {error}.") from error


def _from_json_lines(text: str) -> Iterator[Pair]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            raise InputError(f"Line {number} is not JSON: {error}.") from error
        if not isinstance(value, dict) or not isinstance(value.get("prompt"), str):
            raise InputError(f'Line {number} has no “prompt”. Write {{"prompt": "…"}}.')
        yield value["prompt"], str(value.get("answer") or "")
