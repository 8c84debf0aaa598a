"""What a teacher's probabilities say about a student's tokens, when the two split text differently.

Both sides are laid on the bytes of the answer. A student's token inside one of the teacher's gets a
law of its own: the teacher's alternatives that begin with the bytes already written, without them,
each counted for the student's token that would begin it. Tokens across a border of the teacher's
are only compared as a run, by the probability of all their bytes together.

Source: prefix marginalisation as in Byte-Level Distillation (https://arxiv.org/abs/2604.07466) and
Cross-Tokenizer Likelihood Scoring (https://arxiv.org/abs/2512.14954); runs as in ALM (Minixhofer
et al. 2025, https://arxiv.org/abs/2503.20083).
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from model.learning.anchoring import Entry, anchor
from model.network.text_tokenizer import SPECIAL_TOKENS, TextTokenizer
from model.teachers.base import TokenLogprob

LEAST = 1e-4
"""Alternatives below this probability are counted in the tail: they would cost time only."""
MOST_UNKNOWN = 0.5
"""A law of which more than this share may be missing is not learned."""
OTHERWISE = -1
LONGEST_WORD = 32
"""Tokens back to which the beginning of a word is looked for."""


@dataclass(frozen=True)
class SoftTarget:
    """A law over the student's tokens: some of them with their probability, the rest in ``tail``.

    The probabilities and the tail add up to 1.
    """

    ids: tuple[int, ...]
    chances: tuple[float, ...]
    tail: float


@dataclass(frozen=True)
class Run:
    """Tokens ``start`` to ``end`` of an answer; the teacher's log-probability of their bytes."""

    start: int
    end: int
    logprob: float


@dataclass(frozen=True)
class Guidance:
    """What is known about the tokens of one answer; ``targets`` has a place for each of them."""

    targets: tuple[SoftTarget | None, ...]
    runs: tuple[Run, ...] = ()

    @property
    def guided(self) -> int:
        """Number of tokens with a law."""
        return sum(target is not None for target in self.targets)


class Aligner:
    """Aligns answers with one student's tokens; remembers how it splits words.

    ``same_tokens`` tells that the teacher has the very same tokens: then an alternative is the
    student's token of that text, and nothing needs to be split.
    """

    def __init__(self, tokenizer: TextTokenizer, *, same_tokens: bool = False) -> None:
        self._tokenizer = tokenizer
        self._ids: Mapping[bytes, int] = {}
        if same_tokens:
            spelled = ((tokenizer.token_bytes(n), n) for n in range(len(tokenizer)))
            self._ids = {text: index for text, index in spelled if text}
        self._first = lru_cache(maxsize=200_000)(self._first_token)

    def align(self, text: str, entries: Sequence[TokenLogprob]) -> Guidance:
        """The guidance for the student's tokens of ``text``, from the teacher's for its answer."""
        ids = self._tokenizer.encode(text)
        # a tokenizer that reads a space before every text has one byte more than there is text
        borders = [-1 if self._tokenizer.space_first else 0]
        for index in ids:
            borders.append(borders[-1] + len(self._tokenizer.token_bytes(index)))
        if borders[-1] != len(text.encode()):
            # a special token was spelled out in the answer: its bytes are not those of the text
            return Guidance((None,) * len(ids))
        anchored = anchor(text, entries)
        starts = [entry.start for entry in anchored]
        targets: list[SoftTarget | None] = []
        for place in range(len(ids)):
            number = bisect_right(starts, borders[place]) - 1
            inside = number >= 0 and borders[place + 1] <= anchored[number].end
            usable = inside and anchored[number].clean
            targets.append(self._target(anchored[number], borders, ids, place) if usable else None)
        return Guidance(tuple(targets), tuple(_runs(borders, anchored)))

    def _target(
        self, entry: Entry, borders: Sequence[int], ids: Sequence[int], place: int
    ) -> SoftTarget | None:
        """The law at a token that lies inside ``entry``; ``None`` if too little of it is known."""
        written = entry.text[: borders[place] - entry.start]
        word = self._word_before(ids, place)
        masses: dict[int, float] = {}
        rest = 0.0 if written else entry.tail
        for text, chance in entry.law.items():
            if not text.startswith(written):
                continue
            if chance < LEAST or len(text) == len(written):
                rest += chance
                continue
            # of what was truly written the first token is known, whatever came after it
            index = ids[place] if text == entry.text else self._first(word, text[len(written) :])
            if index is None:
                rest += chance
            elif index != OTHERWISE:
                masses[index] = masses.get(index, 0.0) + chance
        total = sum(masses.values()) + rest
        # what the list does not name may go on from the bytes written, too
        if not masses or (written and entry.tail > MOST_UNKNOWN * total):
            return None
        ranked = sorted(masses.items(), key=lambda item: -item[1])
        return SoftTarget(
            tuple(index for index, _ in ranked),
            tuple(mass / total for _, mass in ranked),
            rest / total,
        )

    def _word_before(self, ids: Sequence[int], place: int) -> tuple[int, ...]:
        """The tokens of the word before a token, back to the space in front of it."""
        for start in range(place - 1, max(-1, place - 1 - LONGEST_WORD), -1):
            if self._tokenizer.token_bytes(ids[start])[:1].isspace():
                return tuple(ids[start:place])
        return tuple(ids[max(0, place - LONGEST_WORD) : place])

    def _first_token(self, word: tuple[int, ...], text: bytes) -> int | None:
        """The student's first token of ``text`` after the tokens ``word``; ``None`` if unknown.

        ``OTHERWISE`` if the student would have written the word with other tokens: then those
        that it did write rule this continuation out.
        """
        if self._ids:
            return self._ids.get(text)
        before = b"".join(self._tokenizer.token_bytes(index) for index in word)
        try:
            spelled = (before + text).decode()
            if self._tokenizer.space_first:
                spelled = spelled.removeprefix(" ")  # which is put there again
            together = self._tokenizer.encode(spelled)
        except UnicodeDecodeError:
            return None
        at = len(word)
        return together[at] if together[at:] and tuple(together[:at]) == word else OTHERWISE


def _runs(borders: Sequence[int], entries: Sequence[Entry]) -> list[Run]:
    """The runs between common borders that hold a token across a border of the teacher's.

    Only those of clean entries without a gap: only their log-probabilities add up.
    """
    runs: list[Run] = []
    place_of = {border: place for place, border in enumerate(borders)}
    number = 0
    while number < len(entries):
        first, end, logprob = number, -1, 0.0
        opens = place_of.get(entries[first].start)
        while opens is not None and number < len(entries) and entries[number].clean:
            if end >= 0 and entries[number].start != end:
                break
            end, logprob = entries[number].end, logprob + entries[number].logprob
            number += 1
            if end in place_of:
                if number - first > 1:
                    closes = place_of[end]
                    runs.append(Run(opens, closes, logprob))
                break
        number = max(number, first + 1)
    return runs


def same_vocabulary(tokenizer: TextTokenizer, tokens: Sequence[str]) -> bool:
    """Whether a teacher's tokens, in the letters of byte-level BPE, begin with the student's.

    Our own special tokens, which a pretrained student got behind its others, do not count.
    """
    described = json.loads(tokenizer.to_json())
    spelled = {index: letters for letters, index in described["model"]["vocab"].items()}
    if len(tokens) < len(spelled):
        return False
    for each in described["added_tokens"]:
        index, content = each["id"], each["content"]
        ours = content in SPECIAL_TOKENS and (index >= len(tokens) or tokens[index] != content)
        if ours and index > max(spelled):
            continue
        if ours or index >= len(tokens):
            return False
        spelled[index] = content
    return all(tokens[index] == letters for index, letters in spelled.items())
