"""Reading a request's JSON as Ollama does, and refusing it in the same words.

Ollama is written in Go, and clients have learned what Go says about a wrong type or a stray letter.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any

from model.serving.ollama_refusals import Refused

LARGEST_BODY = 128 * 2**20
_GO_KINDS: dict[type, str] = {
    bool: "bool",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
_GO_TYPES = {
    "string": "string",
    "bool": "bool",
    "number": "int",
    "array": "[]api.Message",
    "object": "map[string]interface {}",
}
_STRAY = {
    "Expecting property name": "looking for beginning of object key string",
    "Expecting value": "looking for beginning of value",
    "Illegal trailing comma": "looking for beginning of object key string",
    "Expecting ':'": "after object key",
    "Expecting ','": "after object key:value pair",
    "Invalid control character": "in string literal",
    "Invalid \\escape": "in string escape code",
}
_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"[-+]?(?:\d+\.?\d*(?:ns|us|µs|ms|s|m|h))+|[-+]?0")
_BASE64 = re.compile(r"[A-Za-z0-9+/\r\n]*")
FOR_EVER_S = 1e10


def parse_object(data: bytes) -> dict[str, Any]:
    """The JSON object of a request; what follows it is not read. Raises: Refused."""
    if not data.strip():
        raise Refused(400, "missing request body")
    text = data.decode("utf-8", "replace").lstrip(" \t\r\n")
    try:
        value, _ = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        raise Refused(400, _in_go_words(error)) from error
    except RecursionError as error:
        raise Refused(400, "exceeded max depth") from error
    if not isinstance(value, dict):
        kind = _GO_KINDS.get(type(value), "null")
        raise Refused(400, f"json: cannot unmarshal {kind} into Go value of type api.Request")
    return value


def _in_go_words(error: json.JSONDecodeError) -> str:
    if error.pos >= len(error.doc) or error.msg.startswith("Unterminated"):
        return "unexpected EOF"
    words = next((go for ours, go in _STRAY.items() if error.msg.startswith(ours)), "in literal")
    at = error.pos
    while at < len(error.doc) - 1 and error.doc[at] in " \t\r\n":
        at += 1
    return f"invalid character {error.doc[at]!r} {words}"


class Body:
    """The fields of a request, each checked for its type when it is read."""

    def __init__(self, values: Mapping[str, Any], struct: str) -> None:
        """``struct`` is Go's name of the request, which its complaints begin with."""
        self.values, self._struct = values, struct

    def text(self, name: str) -> str:
        """A string, empty if it is missing."""
        return str(self._read(name, "string", ""))

    def flag(self, name: str, default: bool = False) -> bool:
        """A boolean."""
        return bool(self._read(name, "bool", default))

    def number(self, name: str) -> int:
        """A whole number, 0 if it is missing."""
        return int(self._read(name, "number", 0))

    def items(self, name: str) -> list[Any]:
        """An array, empty if it is missing."""
        return list(self._read(name, "array", []))

    def table(self, name: str) -> dict[str, Any]:
        """An object, empty if it is missing."""
        return dict(self._read(name, "object", {}))

    def has(self, name: str) -> bool:
        """Whether a field is there and says something."""
        return self.values.get(name) not in (None, "", [], {})

    def _read(self, name: str, wanted: str, default: Any) -> Any:
        value = self.values.get(name)
        if value is None:
            return default
        kind = _GO_KINDS[type(value)]
        if kind != wanted:
            raise self.wrong_type(name, kind, _GO_TYPES[wanted])
        return value

    def wrong_type(self, name: str, kind: str, wanted: str) -> Refused:
        """The refusal of a value of another type, as Go words it."""
        field = f"{self._struct}.{name}"
        return Refused(
            400, f"json: cannot unmarshal {kind} into Go struct field {field} of type {wanted}"
        )

    # ── fields with forms of their own ──────────────────────────────────────────────────────────

    def pictures(self, name: str = "images") -> list[bytes]:
        """Pictures as bare base64. Raises: Refused, also for a ``data:`` prefix."""
        return [base64_bytes(each) for each in self._strings(name)]

    def _strings(self, name: str) -> list[str]:
        found = self.items(name)
        for value in found:
            if not isinstance(value, str):
                kind = _GO_KINDS.get(type(value), "null")
                raise self.wrong_type(name, kind, "string")
        return found

    def keep_alive_s(self) -> float | None:
        """Seconds to stay loaded, negative or “-1” for ever; None if nothing is said."""
        value = self.values.get("keep_alive")
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise self.wrong_type("keep_alive", _GO_KINDS[type(value)], "api.Duration")
        seconds = duration_s(value) if isinstance(value, str) else float(value)
        return FOR_EVER_S if seconds < 0 else seconds

    def top_logprobs(self) -> int:
        """How many alternatives are wanted for every token. Raises: Refused outside 0–20."""
        wanted = self.number("top_logprobs")
        if not 0 <= wanted <= 20:
            raise Refused(400, "top_logprobs must be between 0 and 20")
        return wanted

    def think(self) -> bool | None:
        """Whether to think first; None if nothing is said. Raises: Refused."""
        value = self.values.get("think")
        if value is None or isinstance(value, bool):
            return value
        if value in ("low", "medium", "high", "max"):
            return True
        raise Refused(
            400,
            f"invalid think value: {json.dumps(value)} "
            '(must be "high", "medium", "low", "max", true, or false)',
        )

    def schema(self) -> dict[str, Any] | None:
        """The JSON schema that the answer must fulfil, or None for any text. Raises: Refused."""
        value = self.values.get("format")
        if value is None or value == "":
            return None
        if value == "json":
            return {"type": "object"}
        if isinstance(value, dict):
            return value
        # Go quotes what it got as a string of JSON
        shown = json.dumps(json.dumps(value))
        raise Refused(
            500, f'invalid format: {shown}; expected "json" or a valid JSON Schema object'
        )


def duration_s(text: str) -> float:
    """Seconds of a duration as Go writes it: ``5m``, ``1h30m``, ``-1``. Raises: Refused."""
    cleaned = text.strip()
    if re.fullmatch(r"-?\d+", cleaned):
        return float(cleaned)
    if not _DURATION.fullmatch(cleaned):
        raise Refused(400, f'time: invalid duration "{text}"')
    parts = re.findall(r"(\d+\.?\d*)(ns|us|µs|ms|s|m|h)", cleaned)
    seconds = sum(float(number) * _UNITS_S[unit] for number, unit in parts)
    return -seconds if cleaned.startswith("-") else seconds


def base64_bytes(text: str) -> bytes:
    """The bytes of standard base64, padding included. Raises: Refused with the byte at fault."""
    bare = text.rstrip("=\r\n")
    fault = _BASE64.match(bare)
    assert fault is not None  # the pattern matches the empty string, too
    at = fault.end()
    if at == len(bare):
        try:
            return base64.b64decode(text, validate=False)
        except binascii.Error:
            at = len(text)
    raise Refused(400, f"illegal base64 data at input byte {at}")
