"""Laws over a student's tokens, worked out by hand from a teacher's that splits differently."""

from __future__ import annotations

import math

import pytest

from model.learning.alignment import Aligner, Guidance, same_vocabulary
from model.network.text_tokenizer import TextTokenizer, simple_tokenizer
from model.teachers.base import TokenLogprob
from model.teachers.logprobs import read_logprobs
from tests.ollama_logprobs import merged, plain_entries
from tests.small import make_tokenizer

BYTES = simple_tokenizer()
MICRO = make_tokenizer()


def words(*texts: str) -> TextTokenizer:
    """A tokenizer that has these words as tokens, as far as merges reach."""
    return TextTokenizer.train([text for text in texts for _ in range(9)], 400)


def say(token: str, **law: float) -> TokenLogprob:
    """An entry; the law's keys stand for words with a space in front of them."""
    top = {f" {word}": chance for word, chance in law.items()}
    return TokenLogprob(
        token, math.log(top[token]), tuple((w, math.log(c)) for w, c in top.items())
    )


def law(guidance: Guidance, place: int, tokenizer: TextTokenizer) -> dict[bytes, float]:
    target = guidance.targets[place]
    assert target is not None
    assert sum(target.chances) + target.tail == pytest.approx(1.0)
    named = zip(target.ids, target.chances, strict=True)
    return {tokenizer.token_bytes(index): chance for index, chance in named}


def test_a_byte_level_student_gets_the_law_of_every_byte() -> None:
    """p(" the")=.5, p(" to")=.3, p(" a")=.1: after " " the first letter is t with 8/9 …"""
    entries = [say(" the", the=0.5, to=0.3, a=0.1)]
    guidance = Aligner(BYTES).align(" the", entries)
    assert law(guidance, 0, BYTES) == pytest.approx({b" ": 0.9})
    assert law(guidance, 1, BYTES) == pytest.approx({b"t": 8 / 9, b"a": 1 / 9})
    assert law(guidance, 2, BYTES) == pytest.approx({b"h": 5 / 8, b"o": 3 / 8})
    assert law(guidance, 3, BYTES) == pytest.approx({b"e": 1.0})
    assert guidance.runs == ()


def test_the_same_split_gives_the_teachers_own_law() -> None:
    tokenizer = words(" egg", " pan", " fry")
    entries = [say(" fry", fry=0.6, egg=0.2, pan=0.1), say(" egg", egg=0.7, pan=0.3)]
    guidance = Aligner(tokenizer).align(" fry egg", entries)
    assert law(guidance, 0, tokenizer) == pytest.approx({b" fry": 0.6, b" egg": 0.2, b" pan": 0.1})
    first, second = guidance.targets
    assert first is not None
    assert second is not None
    assert first.tail == pytest.approx(0.1)
    assert second.tail == pytest.approx(1e-6, abs=1e-6)


def test_alternatives_with_the_same_first_token_are_added_up() -> None:
    tokenizer = words(" egg")
    entries = [TokenLogprob(" egg", math.log(0.4), ((" egg", math.log(0.4)),
                                                    (" egg!", math.log(0.2))))]  # fmt: skip
    guidance = Aligner(tokenizer).align(" egg", entries)
    assert law(guidance, 0, tokenizer) == pytest.approx({b" egg": 0.6})


def test_an_alternative_that_ends_where_the_student_stands_goes_to_the_tail() -> None:
    """The teacher may have stopped after " t": what would have come next is unknown."""
    entries = [say(" to", to=0.6, t=0.3)]
    guidance = Aligner(BYTES).align(" to", entries)
    target = guidance.targets[2]
    assert target is not None
    assert law(guidance, 2, BYTES) == pytest.approx({b"o": 2 / 3})
    assert target.tail == pytest.approx(1 / 3)


def test_a_law_of_which_too_little_is_known_is_not_learned() -> None:
    """After the bytes " q" only 0.1 is known, and the unlisted 0.6 may begin so, too."""
    entries = [say(" qi", a=0.3, qi=0.1)]
    guidance = Aligner(BYTES).align(" qi", entries)
    assert guidance.targets[0] is not None
    assert guidance.targets[2] is None


def test_what_the_student_would_have_split_otherwise_is_ruled_out() -> None:
    """Having written " pan" and not " pans", the student cannot go on with "s"."""
    tokenizer = words(" pan", " pans", " hot")
    entries = [
        say(" pan", pan=0.9, hot=0.1),
        TokenLogprob(" hot", math.log(0.5), ((" hot", math.log(0.5)), ("s", math.log(0.4)))),
    ]
    assert tokenizer.encode(" pan hot") == [*tokenizer.encode(" pan"), *tokenizer.encode(" hot")]
    assert len(tokenizer.encode(" pans")) == 1
    guidance = Aligner(tokenizer).align(" pan hot", entries)
    assert law(guidance, 1, tokenizer) == pytest.approx({b" hot": 0.5 / 0.6})


def test_tokens_across_a_border_are_a_run_with_the_sum_of_the_log_probabilities() -> None:
    tokenizer = words(" fried", " egg")
    entries = read_logprobs(plain_entries([" fr", "ied", " egg"], 20))
    guidance = Aligner(tokenizer).align(" fried egg", entries)
    assert guidance.targets[0] is None
    assert guidance.targets[1] is not None
    (run,) = guidance.runs
    assert (run.start, run.end) == (0, 1)
    assert run.logprob == pytest.approx(2 * math.log(0.6))


def test_a_run_over_an_unreliable_entry_is_not_learned() -> None:
    tokenizer = words(" fried", " egg")
    told = plain_entries([" egg", " f", "ri", "ed", " egg"], 20)
    guidance = Aligner(tokenizer).align(" egg fried egg", read_logprobs(merged(told, 1)))
    assert guidance.runs == ()
    assert [target is not None for target in guidance.targets] == [True, False, True]


def test_every_law_is_a_law_whatever_the_split() -> None:
    tokenizer = MICRO
    text = "If you heat an egg, it becomes a fried egg. Käse 🍳 schmilzt."
    for size in (1, 2, 3, 5, 8):
        tokens = [text[at : at + size] for at in range(0, len(text), size)]
        guidance = Aligner(tokenizer).align(text, read_logprobs(plain_entries(tokens, 20)))
        assert len(guidance.targets) == len(tokenizer.encode(text))
        assert guidance.guided or guidance.runs
        for place, target in enumerate(guidance.targets):
            if target is not None:
                assert sum(target.chances) + target.tail == pytest.approx(1.0)
                assert tokenizer.encode(text)[place] in target.ids


def test_equal_vocabularies_take_the_short_road_to_the_same_laws() -> None:
    tokenizer = words(" egg", " pan", " fry")
    entries = [say(" fry", fry=0.6, egg=0.2, pan=0.1), say(" egg", egg=0.7, pan=0.3)]
    long = Aligner(tokenizer).align(" fry egg", entries)
    short = Aligner(tokenizer, same_tokens=True).align(" fry egg", entries)
    assert short == long


def test_a_vocabulary_is_recognised_as_the_students_own_or_not() -> None:
    spelled = {index: letters for letters, index in MICRO._tokenizer.get_vocab().items()}
    tokens = [spelled[index] for index in range(len(spelled))]
    assert same_vocabulary(MICRO, tokens)
    assert same_vocabulary(MICRO, [*tokens, "<pad2>"])
    assert not same_vocabulary(MICRO, tokens[:-1])
    assert not same_vocabulary(MICRO, [*tokens[:-2], tokens[-1], tokens[-2]])
    assert not same_vocabulary(MICRO, ())


def test_an_answer_that_spells_a_special_token_is_learned_from_its_text() -> None:
    text = "a <|im_end|> b"
    guidance = Aligner(BYTES).align(text, read_logprobs(plain_entries([text], 20)))
    assert guidance.guided == 0
    assert len(guidance.targets) == len(BYTES.encode(text))
