"""The texts from which the shipped tokenizer learns: the micro-world and common words."""

from __future__ import annotations

from collections.abc import Iterator

from model.microworld.everyday import actions, things
from model.microworld.oracle import KINDS, example
from model.paths import ASSETS

SENTENCES_PER_KIND = 400
LABEL_REPEATS = 100
"""Often enough that every word of the tables is one token."""


def tokenizer_corpus() -> Iterator[str]:
    """Yield the corpus; always the same.

    Words of the list are repeated the more often the earlier they stand, as in real text.
    """
    words = (ASSETS / "words.txt").read_text(encoding="utf-8").split()
    for rank, word in enumerate(words):
        repeats = 1 + 600 // (rank + 20)
        for form in (f" {word}", f"{word.capitalize()} {word}, {word}."):
            yield from [form] * repeats
    for label in (*things(), *actions()):
        yield from [f" {label}"] * LABEL_REPEATS
    for kind in KINDS:
        for index in range(SENTENCES_PER_KIND):
            drawn = example("train", index, kind)
            yield f"{drawn.question}\n{drawn.answer}"
            yield "\n".join(" | ".join(fact) for fact in drawn.facts)
