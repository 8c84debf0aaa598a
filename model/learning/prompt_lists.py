"""Lists of prompts in what a teacher wrote: JSON, JSON in a fence or cut off, numbered lines."""

from __future__ import annotations

import json
import re
from typing import Any

_LIST_MARK = re.compile(r"^(?:[-*•]|\d{1,3}[.)])\s+")


def read_list(text: str, key: str) -> list[str]:
    """The strings under a key of a JSON answer, also from one in a fence or cut off at its end."""
    start = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
    if start < 0:
        return []
    value: Any
    try:
        value, _ = json.JSONDecoder().raw_decode(text[start:])
    except ValueError:
        value = _strings_of_cut_list(text[start:])
    if isinstance(value, dict):
        value = value.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def read_lines(text: str) -> list[str]:
    """The lines with a number or another list mark; remarks around them are no prompts."""
    lines = (line.strip() for line in text.splitlines())
    return [cleaned(line) for line in lines if _LIST_MARK.match(line)]


def cleaned(text: str) -> str:
    """One line without list marks and quotes around it."""
    line = _LIST_MARK.sub("", " ".join(text.split()))
    return line.strip("\"“”' ") if line[:1] in "\"“'" else line


def _strings_of_cut_list(text: str) -> list[str]:
    """The complete strings of a list whose end is missing."""
    inside = text[text.find("[") + 1 :] if "[" in text else ""
    quoted = re.findall(r'"(?:[^"\\\n]|\\.)*"', inside)
    found = []
    for item in quoted:
        try:
            found.append(str(json.loads(item)))
        except ValueError:
            continue
    return found
