"""What votes are about: those known questions do not count against an update, all others do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from zlib import crc32

import pytest

from model.learning import canary as canary_module
from model.learning import vote_lessons
from model.learning.answer_scores import SeenLesson
from model.learning.contested import Contested, contested, likeness
from model.learning.vote_lessons import (
    CANARY_POOL,
    CANARY_QUESTIONS,
    known_of,
    replay_lessons,
    replayed,
)
from model.microworld.oracle import KINDS, Example, example, kind_of
from model.model import ImageTokenReasoningLLM

KNOWN = [
    *[(f"What happens when I {verb} an egg?", "predict") for verb in ("heat", "peel", "cut")],
    *[(f"What is {where}?", "look") for where in ("on the left", "on the right", "above")],
    *[("Hello", "chat"), ("Good morning", "chat"), ("Who owns this?", "hop")],
]
COCONUT = "What happens when I open a coconut?"


def _voted(*questions: str) -> list[tuple[str, str]]:
    """Questions whose answer, the same to all, was voted down."""
    return [(question, "Zzz.") for question in questions]


def test_likeness_is_the_share_of_words_that_both_have() -> None:
    assert likeness("What is this?", "what IS that") == 2 / 4
    assert likeness("Hello", "Good morning") == 0
    assert likeness("?!", "") == 0
    # a contraction and a word with a hyphen are one word each: 1 of 3 are in both
    assert likeness("Don't re-heat", "don't heat") == 1 / 3


def test_a_voted_question_is_of_the_kind_that_reads_most_like_it() -> None:
    # what, happens, when and I of 10 words are in both
    assert likeness(COCONUT, KNOWN[0][0]) == 4 / 10
    assert contested(_voted(*[COCONUT] * 8), KNOWN).kinds == {"predict"}


def test_kinds_that_are_asked_in_the_same_words_are_all_meant() -> None:
    twins = [*KNOWN, ("What happens when I dry a fish?", "fact")]
    # a is in both, too: 5 of 9 words; 4 of 10 is too much less
    assert contested(_voted(*[COCONUT] * 8), twins).kinds == {"fact"}
    twins = [*KNOWN, ("What happens when I dry fish?", "fact")]
    assert contested(_voted(*[COCONUT] * 16), twins).kinds == {"fact", "predict"}


def test_a_vote_leaves_out_a_sixteenth_of_the_known_questions_at_most() -> None:
    known = [*KNOWN, *[(f"Tell me story number {n}", "story") for n in range(7)]]  # 16 questions
    # predict is three of them, so that three votes are needed
    assert contested(_voted(*[COCONUT] * 2), known).kinds == frozenset()
    assert contested(_voted(*[COCONUT] * 3), known).kinds == {"predict"}
    # half of each vote goes to the twin, which is one of 17: 2 / 2 ≥ 16 / 17, 5 / 2 < 3 · 16 / 17
    twins = [*known, ("What happens when I dry fish?", "fact")]
    assert contested(_voted(COCONUT), twins).kinds == frozenset()
    assert contested(_voted(*[COCONUT] * 2), twins).kinds == {"fact"}
    assert contested(_voted(*[COCONUT] * 5), twins).kinds == {"fact"}
    assert contested(_voted(*[COCONUT] * 6), twins).kinds == {"fact", "predict"}


def test_a_question_like_none_is_of_no_kind() -> None:
    assert contested(_voted("Where do trains sleep?"), KNOWN).kinds == frozenset()
    assert contested([], KNOWN) == Contested()
    assert contested(_voted("", "💥" * 1000), KNOWN).kinds == frozenset()
    assert contested(_voted(COCONUT), []).kinds == frozenset()


def test_half_of_the_known_questions_count_whatever_is_voted_on() -> None:
    everything = [question for question, _ in KNOWN] * 4
    about = contested(_voted(*everything, COCONUT), KNOWN)
    # predict has most votes and three of the nine questions; look would make it six
    assert about.kinds == {"predict", "hop"}
    left = Counter(kind in about.kinds for _, kind in KNOWN)
    assert left[False] >= len(KNOWN) / 2


def test_of_questions_of_no_kind_those_like_the_voted_ones_do_not_count() -> None:
    asked = ["How do I boil rice?", "How do I boil beans?", "Who was Ada?", "Where is Rome?"]
    about = Contested(("How do I boil eggs?",))
    assert about.free(asked) == [2, 3]
    assert about.free(asked[:3]) == [0, 2], "two of three count; the first comes before its equal"
    assert Contested().free(asked) == [0, 1, 2, 3]
    assert about.free([]) == []


@pytest.mark.parametrize("kind", ["everyday-predict-words", "everyday-name", "blocks-look"])
def test_eight_votes_on_a_kind_leave_it_out_of_the_canary_and_others_in(
    tiny_student: ImageTokenReasoningLLM, kind: str
) -> None:
    voted = [example("train", 500 + number, kind).question for number in range(8)]
    known = known_of(tiny_student, (), _voted(*voted))
    assert kind in known.about.kinds
    assert sum(KINDS[each] for each in known.about.kinds) < 0.5
    assert len(known.canary) >= 100
    assert known.left_out > 0


def test_one_slip_of_a_thumb_leaves_every_known_question_in(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    for asked in ("What is this?", COCONUT):
        known = known_of(tiny_student, (), _voted(asked))
        assert known.left_out == 0
        assert len(known.canary) == CANARY_QUESTIONS


def test_more_questions_are_drawn_only_to_stand_in_for_those_left_out(
    tiny_student: ImageTokenReasoningLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = list[int]()

    def counted(split: str, index: int) -> Example:
        drawn.append(index)
        return example(split, index)

    monkeypatch.setattr(vote_lessons, "example", counted)
    known_of(tiny_student, (), ())
    assert drawn == list(range(CANARY_QUESTIONS))
    drawn.clear()
    known_of(tiny_student, (), _voted(*[COCONUT] * 8))
    assert drawn == list(range(CANARY_POOL))


TRACES = [(f"Pruning hints regarding {plant}", "In spring.") for plant in "abcdefghij"]
TRACES += [(f"Who wrote book {number}?", "Nobody knows.") for number in range(40)]


def test_teachers_answers_are_asked_or_replayed_and_never_both(
    tiny_student: ImageTokenReasoningLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    # one third of the traces, by a hash of the question, is for the canary
    aside = {question for question, _ in TRACES if crc32(question.encode()) % 3 == 0}
    monkeypatch.setattr(vote_lessons, "exact", lambda student, seen: [True] * len(seen))
    again = {
        each["question"] for each in replay_lessons(tiny_student, TRACES) if "spec" not in each
    }
    assert again == {question for question, _ in TRACES} - aside
    known = known_of(tiny_student, TRACES, ())
    assert len(known.canary) == CANARY_QUESTIONS + len(aside)
    assert known.left_out == 0


def test_each_kind_is_replayed_as_often_as_any_other_and_thinks_half_of_the_time(
    tiny_student: ImageTokenReasoningLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vote_lessons, "exact", lambda student, seen: [True] * len(seen))
    lessons = replay_lessons(tiny_student, ())
    told = Counter((kind_of(each["spec"]), each["think"]) for each in lessons)
    assert told == {(kind, think): 4 for kind in KINDS for think in (False, True)}


def test_teachers_answers_to_what_was_voted_on_do_not_count_and_others_do(
    tiny_student: ImageTokenReasoningLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    aside = [question for question, _ in TRACES if crc32(question.encode()) % 3 == 0]
    alike = [question for question in aside if "Pruning" in question]
    assert 0 < len(alike) < len(aside) / 2, "otherwise half of them would count all the same"
    # 3 of 5 words are those of the voted question, which is of no kind of the micro-world
    known = known_of(tiny_student, TRACES, _voted("Pruning hints regarding roses"))
    assert known.left_out == len(alike)
    assert len(known.canary) == CANARY_QUESTIONS + len(aside) - len(alike)
    _answers_otherwise("Pruning", monkeypatch)
    assert known.canary(tiny_student) == 1.0
    _answers_otherwise("Who wrote", monkeypatch)
    asked = CANARY_QUESTIONS + len(aside) - len(alike)
    assert known.canary(tiny_student) == pytest.approx(1 - (len(aside) - len(alike)) / asked)


def _answers_otherwise(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every student answers questions with these words wrong, and all others right."""

    def exact(student: ImageTokenReasoningLLM, seen: Sequence[SeenLesson]) -> list[bool]:
        return [words not in student.tokenizer.decode(each.lesson.ids) for each in seen]

    monkeypatch.setattr(canary_module, "exact", exact)


def test_what_votes_ask_for_is_no_forgetting_and_everything_else_is(
    tiny_student: ImageTokenReasoningLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = ("What happens when I phone a friend?", "They answer.")
    nobody, known = (
        known_of(tiny_student, [trace] * 3, _voted(*[COCONUT] * times)) for times in (0, 8)
    )
    assert len(nobody.canary) in (CANARY_QUESTIONS, CANARY_QUESTIONS + 3)
    assert nobody.left_out == 0
    _answers_otherwise("What happens when I", monkeypatch)
    assert nobody.canary(tiny_student) < 0.99
    assert known.canary(tiny_student) == 1.0
    _answers_otherwise("What is in the picture", monkeypatch)
    assert known.canary(tiny_student) < 0.99, "all thumbs down must not reach other kinds"


def test_old_answers_to_what_was_voted_on_are_not_replayed(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    specs = [f"train/{number}/{kind}" for kind in ("chat", "blocks-look") for number in range(3)]
    lessons: list[dict[str, object]] = [{"spec": spec, "think": False} for spec in specs]
    lessons += [{"question": asked, "answer": "Yes."} for asked in ("How do I boil rice?", "Who?")]
    about = Contested(("How do I boil beans?",), frozenset({"blocks-look"}))
    told = [
        tiny_student.tokenizer.decode(each.ids)
        for each in replayed(tiny_student, lessons, (), about)
    ]
    assert len(told) == 4
    assert "Who?" in told[3]
    assert len(replayed(tiny_student, lessons, (), Contested())) == 8
    assert replay_lessons(tiny_student, ()) == [], "random weights know nothing"
