"""A person's own prompts in a file: plain text, a table, or JSON lines, with or without answers."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from model.errors import InputError
from model.prompt_records import OwnPrompt

MOST_PROMPTS = 10_000
MOST_FILE_BYTES = 5_000_000
LONGEST_ANSWER = 8_000
KINDS = (".txt", ".csv", ".tsv", ".jsonl", ".json")
PROMPT_NAMES = ("prompt", "question", "instruction", "input", "text", "prompts")
ANSWER_NAMES = ("answer", "response", "output", "completion")


def read_prompt_file(file: Path) -> tuple[OwnPrompt, ...]:
    """The prompts of a file, each once, with the answers that stand beside them.

    ``.txt`` has a prompt per line, and an answer after a tab; tables take the columns that are
    called so, or the first two; JSON lines take the usual names, and chats in ``messages``.

    Raises: InputError if the file cannot be read, is too big, or holds no prompt; it names the row.
    """
    size = file.stat().st_size
    if size > MOST_FILE_BYTES:
        raise InputError(
            f"The file is {size / 1e6:.1f} MB; the largest allowed is "
            f"{MOST_FILE_BYTES / 1e6:.0f} MB. Split it and add a part."
        )
    kind = file.suffix.lower()
    if kind not in KINDS:
        raise InputError(f"“{file.suffix}” files are not read. Use one of: {', '.join(KINDS)}.")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as exc:
        raise InputError("The file is not UTF-8 text. Save it as UTF-8 and add it again.") from exc
    reading = {".txt": _lines, ".csv": _table, ".tsv": _tabs}.get(kind, _json)
    prompts: dict[str, OwnPrompt] = {}
    for found in reading(text):
        prompt = OwnPrompt(" ".join(found.text.split()), found.answer.strip()[:LONGEST_ANSWER])
        # of a prompt that comes twice the one with an answer is kept
        if prompt.text and not (prompt.text in prompts and prompts[prompt.text].answer):
            prompts[prompt.text] = prompt
    if not prompts:
        raise InputError("There are 0 prompts in the file. Write one prompt per line.")
    if len(prompts) > MOST_PROMPTS:
        raise InputError(
            f"The file has {len(prompts):,} prompts; at most {MOST_PROMPTS:,} fit in a run."
        )
    return tuple(prompts.values())


def _lines(text: str) -> Iterator[OwnPrompt]:
    for line in text.splitlines():
        prompt, _, answer = line.partition("\t")
        yield OwnPrompt(prompt, answer)


def _tabs(text: str) -> Iterator[OwnPrompt]:
    return _table(text, delimiter="\t")


def _table(text: str, delimiter: str = ",") -> Iterator[OwnPrompt]:
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if any(row)]
    except csv.Error as exc:
        raise InputError(f"The table cannot be read: {exc}. Save it as plain CSV.") from exc
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    named = [head.index(name) for name in PROMPT_NAMES if name in head]
    if not named:
        prompt, answer, rows = 0, 1, rows
    else:
        prompt, rows = named[0], rows[1:]
        answer = next((head.index(name) for name in ANSWER_NAMES if name in head), len(head))
    for row in rows:
        yield OwnPrompt(_cell(row, prompt), _cell(row, answer))


def _cell(row: list[str], column: int) -> str:
    return row[column] if column < len(row) else ""


def _json(text: str) -> Iterator[OwnPrompt]:
    """JSON lines, or one list of the same objects."""
    stripped = text.lstrip()
    if stripped.startswith("["):
        yield from (_entry(value, n) for n, value in enumerate(_parsed(stripped, 1), 1))
        return
    for n, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield _entry(_parsed(line, n), n)


def _parsed(text: str, row: int) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise InputError(
            f"Row {row} is not JSON ({exc}). Write one object per line, such as "
            '{"prompt": "…", "answer": "…"}.'
        ) from exc


def _entry(value: Any, row: int) -> OwnPrompt:
    if isinstance(value, str):
        return OwnPrompt(value)
    if isinstance(value, Mapping):
        turns = value.get("messages")
        if isinstance(turns, list):
            return OwnPrompt(_said(turns, "user"), _said(turns, "assistant"))
        prompt = next((value[name] for name in PROMPT_NAMES if value.get(name)), "")
        answer = next((value[name] for name in ANSWER_NAMES if value.get(name)), "")
        if isinstance(prompt, str) and prompt.strip() and isinstance(answer, str):
            return OwnPrompt(prompt, answer)
    raise InputError(
        f"Row {row} has no prompt. Give each row a “prompt”, and an “answer” if you have one."
    )


def _said(turns: list[Any], role: str) -> str:
    """The first turn of a role."""
    for turn in turns:
        if isinstance(turn, Mapping) and turn.get("role") == role:
            return str(turn.get("content") or "")
    return ""
