"""How a checkpoint writes conversations, found out by letting its own template write one.

A template is a program. What we need of it are four strings: what stands before a turn, behind it,
at the beginning, and which token ends an answer. They are cut out of what it writes for a
conversation of markers, and taken only if they write that conversation again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.config import ChatFormat

TOKENIZER_CONFIG, TEMPLATE = "tokenizer_config.json", "chat_template.jinja"
_ASKED, _SAID, _ASKED_AGAIN = "⟦asked⟧", "⟦said⟧", "⟦asked again⟧"


def read_chat_format(folder: Path, tokens: Sequence[str], first_token: str = "") -> ChatFormat:
    """The format of a checkpoint with these special tokens.

    One without a template that we understand gets headings in plain words: new marks would mean
    nothing to it. ``first_token`` is what its tokenizer puts before a text. A folder that names no
    end of a text gets ChatML, whose tokens are new to it.
    """
    settings = _settings(folder / TOKENIZER_CONFIG)
    bos, eos = (_token(settings.get(name)) for name in ("bos_token", "eos_token"))
    if eos not in tokens:
        return ChatFormat()
    found = _from_template(_template(folder, settings), bos, eos, tokens)
    return found or ChatFormat(
        bos=first_token, eos=eos, opening="### {role}:\n", closing=f"{eos}\n\n", end=eos
    )


def _settings(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}


def _token(value: Any) -> str:
    """A token's text; older files hold it in a record."""
    return str((value.get("content") if isinstance(value, dict) else value) or "")


def _template(folder: Path, settings: dict[str, Any]) -> str:
    """The checkpoint's template; where it has several, the one named default."""
    file = folder / TEMPLATE
    if file.is_file():
        return file.read_text(encoding="utf-8")
    found = settings.get("chat_template") or ""
    if isinstance(found, list):
        found = {each["name"]: each["template"] for each in found}.get("default", "")
    return str(found)


def _from_template(template: str, bos: str, eos: str, tokens: Sequence[str]) -> ChatFormat | None:
    """The format that writes what the template writes, or None if it takes more than four strings.

    A system message that the template adds by itself is left out.
    """
    pieces = _written(template, bos, eos) if template else None
    if pieces is None:
        return None
    before, to_answer, to_question, last = pieces
    ends = [token for token in tokens if token and to_question.startswith(token)]
    if not ends:
        return None
    end = max(ends, key=len)
    rest = to_answer.removeprefix(end)
    opening = rest.lstrip()
    closing = end + rest[: len(rest) - len(opening)]
    # SmolLM2 calls the mark of a turn its beginning; it stands there once
    begins = bos if bos and before.startswith(bos) and not opening.startswith(bos) else ""
    found = ChatFormat(begins, eos, opening.replace("assistant", "{role}"), closing, end)
    fits = (
        found.open("user") != found.open("assistant")
        and to_answer == last == closing + found.open("assistant")
        and to_question == closing + found.open("user")
        and before.endswith(found.open("user"))
    )
    return found if fits else None


def _written(template: str, bos: str, eos: str) -> list[str] | None:
    """What a template writes around the turns of a conversation, or None if it cannot."""
    # somebody else's program: it runs in the sandbox that transformers runs it in, too
    from jinja2 import TemplateError
    from jinja2.ext import loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    environment.globals["raise_exception"] = _refuse
    environment.globals["strftime_now"] = lambda form: "26 Jul 2024"
    messages = [
        {"role": "user", "content": _ASKED},
        {"role": "assistant", "content": _SAID},
        {"role": "user", "content": _ASKED_AGAIN},
    ]
    try:
        text = environment.from_string(template).render(
            messages=messages, bos_token=bos, eos_token=eos, add_generation_prompt=True
        )
    except (TemplateError, ValueError, TypeError, KeyError):
        return None
    pieces = [text]
    for mark in (_ASKED, _SAID, _ASKED_AGAIN):
        head, _, tail = pieces.pop().partition(mark)
        pieces += [head, tail]
    return pieces if all(mark not in "".join(pieces) for mark in (_ASKED, _SAID)) else None


def _refuse(message: str) -> None:
    raise ValueError(message)
