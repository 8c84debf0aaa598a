"""As much of JSON Schema 2020-12 as our schema uses; any other keyword is refused, not ignored."""

from __future__ import annotations

from typing import Any

KINDS: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}
SAYS_NOTHING = {"description", "title", "$schema", "$id", "$defs"}


def faults(value: Any, schema: Any, root: Any = None, at: str = "$") -> list[str]:
    """Where a value breaks a schema, and how; empty if it is valid."""
    root = schema if root is None else root
    found: list[str] = []
    for keyword, wanted in schema.items():
        if keyword in SAYS_NOTHING:
            continue
        found += _CHECKS[keyword](value, wanted, schema, root, at)
    return found


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, KINDS[kind])


def _reference(value: Any, wanted: str, schema: Any, root: Any, at: str) -> list[str]:
    return faults(value, root["$defs"][wanted.removeprefix("#/$defs/")], root, at)


def _type(value: Any, wanted: Any, schema: Any, root: Any, at: str) -> list[str]:
    kinds = wanted if isinstance(wanted, list) else [wanted]
    fine = any(_is(value, kind) for kind in kinds)
    return [] if fine else [f"{at} is {value!r}, not {' or '.join(kinds)}"]


def _properties(value: Any, wanted: Any, schema: Any, root: Any, at: str) -> list[str]:
    held = value if isinstance(value, dict) else {}
    return [
        fault
        for key, inner in wanted.items()
        if key in held
        for fault in faults(held[key], inner, root, f"{at}.{key}")
    ]


def _additional(value: Any, wanted: bool, schema: Any, root: Any, at: str) -> list[str]:
    extra = set(value if isinstance(value, dict) else {}) - set(schema["properties"])
    return [] if wanted else [f"{at} has {key} besides" for key in sorted(extra)]


def _items(value: Any, wanted: Any, schema: Any, root: Any, at: str) -> list[str]:
    held = value if isinstance(value, list) else []
    return [f for n, each in enumerate(held) for f in faults(each, wanted, root, f"{at}[{n}]")]


def _any_of(value: Any, wanted: Any, schema: Any, root: Any, at: str) -> list[str]:
    tried = [faults(value, each, root, at) for each in wanted]
    # the alternative that fits the furthest tells best what is wrong
    return [] if [] in tried else max(tried, key=lambda found: len(found[0].partition(" ")[0]))


def _limit(fine: Any, words: str, kind: Any = object) -> Any:
    """A check of values of one kind; other kinds are the business of ``type``."""

    def check(value: Any, wanted: Any, schema: Any, root: Any, at: str) -> list[str]:
        return (
            []
            if not isinstance(value, kind) or fine(value, wanted)
            else [f"{at} is {value!r}, {words} {wanted!r}"]
        )

    return check


_CHECKS: dict[str, Any] = {
    "$ref": _reference,
    "type": _type,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "anyOf": _any_of,
    "const": _limit(lambda value, wanted: value == wanted, "not"),
    "enum": _limit(lambda value, wanted: value in wanted, "none of"),
    "required": _limit(lambda value, names: set(names) <= set(value), "which lacks some of", dict),
    "minimum": _limit(lambda value, least: value >= least, "below", (int, float)),
    "maximum": _limit(lambda value, most: value <= most, "above", (int, float)),
    "minItems": _limit(lambda value, least: len(value) >= least, "fewer than", list),
    "maxItems": _limit(lambda value, most: len(value) <= most, "more than", list),
}
