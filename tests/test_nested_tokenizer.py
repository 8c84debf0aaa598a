"""A student's tokenizer that is the beginning of its teacher's."""

from __future__ import annotations

import json

import pytest

from model.errors import ConfigError
from model.learning.alignment import Aligner, same_vocabulary
from model.learning.nested_tokenizer import nested_tokenizer
from model.network.text_tokenizer import SPECIAL_TOKENS, TextTokenizer
from model.teachers.base import TeacherVocabulary, TokenLogprob
from tests.small import make_tokenizer

TEXT = "The red block stands on the green one, I think. Heat the egg 42 times! Ünïcode → ✓"


@pytest.fixture(scope="module")
def teacher() -> TextTokenizer:
    return make_tokenizer(900)


@pytest.fixture(scope="module")
def told(teacher: TextTokenizer) -> TeacherVocabulary:
    described = json.loads(teacher.to_json())
    tokens = {index: token for token, index in described["model"]["vocab"].items()}
    merges = tuple(" ".join(pair) for pair in described["model"]["merges"])
    return TeacherVocabulary(tuple(tokens[n] for n in range(len(tokens))), merges, "qwen2")


def _borders(tokenizer: TextTokenizer, text: str) -> list[int]:
    ends, place = [], 0
    for index in tokenizer.encode(text):
        place += len(tokenizer.token_bytes(index))
        ends.append(place)
    return ends


@pytest.mark.parametrize("size", [300, 400, 600])
def test_no_token_crosses_a_border_of_the_teacher_s(
    size: int, teacher: TextTokenizer, told: TeacherVocabulary
) -> None:
    student = nested_tokenizer(told, size)
    assert len(student) == size
    assert student.id(SPECIAL_TOKENS[3]) == 3
    ours, theirs = _borders(student, TEXT), _borders(teacher, TEXT)
    assert set(theirs) < set(ours)
    assert student.decode(student.encode(TEXT)) == TEXT


def test_every_token_inside_gets_a_law(teacher: TextTokenizer, told: TeacherVocabulary) -> None:
    student = nested_tokenizer(told, 400)
    text = "The red block stands on the green one."
    spelled = [teacher.token_bytes(index).decode() for index in teacher.encode(text)]
    entries = [TokenLogprob(each, -0.1, ((each, -0.1), (" x", -3.0))) for each in spelled]
    guidance = Aligner(student).align(text, entries)
    assert not guidance.runs, "nothing crosses"
    assert guidance.guided == len(student.encode(text))


def test_the_whole_vocabulary_is_the_teacher_s_own(
    teacher: TextTokenizer, told: TeacherVocabulary
) -> None:
    whole = nested_tokenizer(told, 65_536)
    assert whole.encode(TEXT) == teacher.encode(TEXT)
    assert same_vocabulary(whole, told.tokens)


def test_our_marks_behind_a_checkpoint_s_tokens_do_not_make_it_another(
    told: TeacherVocabulary, teacher: TextTokenizer
) -> None:
    described = json.loads(teacher.to_json())
    described["added_tokens"] = []
    bare = {t: n for n, t in enumerate(told.tokens[len(SPECIAL_TOKENS) :])}
    described["model"]["vocab"] = bare
    pretrained = TextTokenizer.from_foreign_json(json.dumps(described))
    assert len(pretrained) == len(bare) + len(SPECIAL_TOKENS)
    spare = tuple(f"[PAD{n}]" for n in range(40))
    assert same_vocabulary(pretrained, tuple(bare))
    assert same_vocabulary(pretrained, (*bare, *spare)), "rows that the teacher does not use"
    assert not same_vocabulary(pretrained, (*tuple(bare)[1:], "x"))


def test_a_teacher_that_does_not_tell_is_told_in_words(told: TeacherVocabulary) -> None:
    with pytest.raises(ConfigError, match="tells 0 tokens and 0 merges"):
        nested_tokenizer(TeacherVocabulary(), 400)
    with pytest.raises(ConfigError, match="splits texts as “tekken”"):
        nested_tokenizer(TeacherVocabulary(told.tokens, told.merges, "tekken"), 400)
