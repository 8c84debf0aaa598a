"""What the test server's models say: deterministic, varied, and learnable by a small student."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

Message = Mapping[str, Any]

STOP_WORDS = re.compile(
    "a|an|and|are|as|at|be|by|can|do|does|explain|for|from|give|happens|how|i|in|is|it|its|me|of|on|"
    "one|or|please|should|show|so|tell|that|the|then|this|to|two|sentences|was|what|when|where|"
    "which|who|why|will|with|would|you|your"
)
OPENINGS = (
    "It begins with {a}.",
    "First look at the {a}.",
    "The {a} matters most.",
    "Take the {a} slowly.",
    "Everything turns on the {a}.",
)
ENDINGS = (
    "After that comes the {b}.",
    "Then the {b} follows.",
    "Keep the {b} close by.",
    "The {b} shows that it is done.",
)
ASPECTS = (
    "first steps",
    "tools",
    "common mistakes",
    "timing",
    "safety",
    "care",
    "signs of success",
    "materials",
    "order of work",
    "small repairs",
    "storage",
    "cleaning",
)
PROMPTS = (
    "What should a beginner know about {it}?",
    "How do I recognise that {it} went wrong?",
    "Name three things to prepare before {it}.",
    "Why does the order matter in {it}?",
    "What happens when {it} is done too fast?",
    "Explain {it} to a child in two sentences.",
    "Which step of {it} takes the longest?",
    "Give one tip that makes {it} easier.",
    "What can replace a missing tool for {it}?",
    "How do experts check {it} at the end?",
    "Compare a good and a bad way of {it}.",
    "When should {it} be put off until tomorrow?",
)
PEOPLE = (
    "a beginner who has never tried it",
    "a teacher who prepares a lesson",
    "a retired engineer with much time",
    "a parent of three small children",
    "a student on a tight budget",
    "a professional who wants to be faster",
)
MOMENTS = ("", "in winter", "for two people", "outdoors", "with little money")


def plain_answer(messages: Sequence[Message]) -> str:
    """One or two sentences made of the question's own words, so that a student can learn how.

    The first word of the question picks the opening, its last one the ending.
    """
    question = str(messages[-1].get("content", "")) if messages else ""
    if messages and messages[-1].get("images"):
        question += f" picture {_digest(json.dumps(messages[-1]['images'])) % 97}"
    words = [
        word for word in re.findall(r"\w+", question.lower()) if not STOP_WORDS.fullmatch(word)
    ]
    a, b = (words[0], words[-1]) if words else ("question", "answer")
    kind = question.partition(" ")[0].lower()
    opening = OPENINGS[_digest(kind) % len(OPENINGS)].format(a=a)
    ending = ENDINGS[_digest(b) % len(ENDINGS)].format(b=b)
    return opening if a == b else f"{opening} {ending}"


def structured_answer(
    messages: Sequence[Message], schema: Mapping[str, Any] | str, seed: int
) -> str:
    """JSON that follows an object schema of strings and lists of strings; another seed, another."""
    asked = str(messages[-1].get("content", "")) if messages else ""
    quoted = re.search(r"“([^”]*)”", asked)
    topic = quoted.group(1) if quoted else "the task"
    properties = schema.get("properties", {}) if isinstance(schema, Mapping) else {"answer": {}}
    number = re.search(r"\b(\d{1,2})\b", asked)
    count = int(number.group(1)) if number else 8
    chosen = random.Random(_digest(f"{asked}/{seed}"))
    value: dict[str, Any] = {}
    if "triplets" in properties:
        return json.dumps({"triplets": triplets_in(messages)})
    for name, kind in properties.items():
        if kind.get("type") != "array":
            value[name] = plain_answer(messages)
        elif name == "prompts":
            value[name] = [_prompt(topic, chosen) for _ in range(count)]
        elif name == "personas":
            value[name] = list(PEOPLE[:count])
        else:
            value[name] = [
                f"the {aspect} of {topic}" for aspect in chosen.sample(ASPECTS, min(count, 12))
            ]
    return json.dumps(value)


def chatml(messages: Sequence[Message]) -> str:
    """The messages as a model with this template reads them."""
    turns = (f"<|im_start|>{each['role']}\n{each['content']}<|im_end|>\n" for each in messages)
    return "".join(turns) + "<|im_start|>assistant\n"


def made_up_turn(text: str, seed: int) -> str:
    """What the model writes where a user's turn has begun; elsewhere an answer."""
    quoted = re.search(r"“([^”]*)”", text)
    if not text.endswith("<|im_start|>user\n"):
        return plain_answer([{"role": "user", "content": text}])
    return _prompt(quoted.group(1) if quoted else "the task", random.Random(f"turn {seed}"))


def triplets_in(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """What stands in the text as “Heat the egg to get a fried egg.”; of a picture one triplet."""
    asked = str(messages[-1].get("content", "")) if messages else ""
    if messages and messages[-1].get("images"):
        return [_triplet("egg", "heat", "fried egg", 0.8, shows="result")]
    steps = re.findall(r"(\w+) the ([\w ]+?) to get (?:an? )?([\w ]+)", asked)
    return [_triplet(thing, verb.lower(), made, 0.9) for verb, thing, made in steps]


def _triplet(thing: str, verb: str, made: str, confidence: float, **more: str) -> dict[str, Any]:
    parts = {"subject": thing, "relation": verb, "object": made, **more}
    return {**parts, "confidence": confidence}


def split_tokens(text: str) -> list[str]:
    """Pieces of at most eight letters that join to the text, a word's space at its start."""
    return re.findall(r"\s*\S{1,8}|\s+$", text)


def _prompt(topic: str, chosen: random.Random) -> str:
    thing = f"{topic} {chosen.choice(MOMENTS)}".strip()
    return chosen.choice(PROMPTS).format(it=thing)


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")
