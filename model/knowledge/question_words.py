"""The words of a question, and how they may name a thing or a step."""

from __future__ import annotations

import re

LONGEST_LABEL = 6
"""Words of the longest label that is looked for in a question."""
ENDING = 4
"""Letters that a form of a word may have more than its root: heat, heats, heated, heating."""
_LITTLE = (
    "a an and are as at be been by can did do does for from get had happen happens has have how "
    "i if in into is it its me my of on or so take tell than that the their them then there "
    "these they this to was we were what when where which who will with would you your"
)
LITTLE_WORDS = frozenset(_LITTLE.split())
"""Words that stand in every question and name nothing."""


def words(text: str) -> list[str]:
    """The words of a text in lower case, without marks."""
    return re.findall(r"[^\W_]+(?:[-'][^\W_]+)*", text.lower())


def phrases(text: str) -> list[str]:
    """Every run of words in the text that may be a label, longest first, plurals made single."""
    found: dict[str, None] = {}
    tokens = words(text)
    for length in range(min(LONGEST_LABEL, len(tokens)), 0, -1):
        for start in range(len(tokens) - length + 1):
            phrase = " ".join(tokens[start : start + length])
            found[phrase] = None
            if phrase.endswith("s"):
                found[phrase[:-1]] = None
    return list(found)


def root(word: str) -> str:
    """What the forms of a word begin with: the word without a silent e (bake, baking)."""
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


def is_form(token: str, word: str) -> bool:
    """Whether a token of a question is a word or one of its forms."""
    start = root(word)
    return token == word or (token.startswith(start) and len(token) - len(start) <= ENDING)
