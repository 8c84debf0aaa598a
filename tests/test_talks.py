"""Conversations: every answer follows from the facts, the picture, or daily life."""

from __future__ import annotations

import itertools

import pytest

from model.learning.examples import Lesson, collate, encode_conversation, encode_lesson
from model.microworld import inventions, language
from model.microworld.blocks_chance import replayed
from model.microworld.blocks_words import (
    describe_answer,
    difference_note,
    place_answer,
    read_steps,
)
from model.microworld.everyday import outcomes, things
from model.microworld.oracle import answer_text
from model.microworld.talks import MOST_TURNS, TALKS, talk
from tests.small import make_student as small_student


@pytest.mark.parametrize("kind", sorted(TALKS))
def test_a_conversation_is_a_function_of_its_number(kind: str) -> None:
    for index in range(5):
        first, second = talk(index, kind, 48), talk(index, kind, 48)
        assert first.turns == second.turns
        assert first.facts == second.facts
        assert [p.tobytes() for p in first.pictures] == [p.tobytes() for p in second.pictures]
        assert 1 <= len(first.turns) <= MOST_TURNS


def test_answers_about_facts_are_the_oracles_own() -> None:
    for index in range(200):
        drawn = talk(index, "talk-facts", 48)
        for turn in drawn.turns:
            noted = turn.thought.rstrip(".").split(" | ")
            expected = answer_text(turn.question, drawn.facts)
            if turn.answer == language.DO_NOT_KNOW:
                assert noted[2] == "?"
                assert expected in (turn.answer, None), "a verb of no table is not understood"
            else:
                assert expected == turn.answer
                assert tuple(noted) in drawn.facts


def test_facts_of_a_conversation_never_say_two_things_about_one_step() -> None:
    for index in range(300):
        steps = [fact[:2] for fact in talk(index, "talk-facts", 48).facts]
        assert len(set(steps)) == len(steps)
        assert not any(inventions.is_new_pair(*step) for step in steps)


def test_ties_lead_from_the_thing_to_the_answer() -> None:
    for index in range(100):
        drawn = talk(index, "talk-ties", 48)
        for turn in drawn.turns:
            path = [tuple(line.split(" | ")) for line in turn.thought.rstrip(".").split(". ")]
            assert set(path) <= set(drawn.facts)
            assert all(first[2] == then[0] for first, then in itertools.pairwise(path))
            assert turn.answer.endswith(f"is {path[-1][2]}.")


def test_daily_life_is_told_as_the_tables_have_it() -> None:
    for index in range(50):
        for turn in talk(index, "talk-life", 48).turns:
            assert answer_text(turn.question) == turn.answer


def test_a_thing_is_named_and_its_outcomes_are_its_own() -> None:
    for index in range(100):
        drawn = talk(index, "talk-thing", 48)
        names = [turn.answer for turn in drawn.turns if turn.question in language.ASK_NAME]
        assert len(names) == 1
        label = language.label_of(names[0])
        assert label in things()
        told = {fact[:2]: fact[2] for fact in drawn.facts}
        for turn in drawn.turns:
            noted = tuple(turn.thought.rstrip(".").split(" | "))
            if len(noted) == 3 and noted[0] == label and noted[2] != "?":
                step = (noted[0], noted[1])
                assert (told.get(step) or outcomes()[step]) == noted[2]


def test_a_scene_is_described_as_it_is() -> None:
    for index in range(30):
        drawn = talk(index, "talk-scene", 48)
        scene = drawn.scenes[0]
        assert scene is not None
        assert describe_answer(scene) in {turn.answer for turn in drawn.turns}


def test_a_change_is_told_with_its_note_and_places_are_as_they_were_and_are() -> None:
    for index in range(60):
        drawn = talk(index, "talk-change", 48)
        before, after = drawn.scenes
        assert before is not None
        assert after is not None
        (told,) = [turn for turn in drawn.turns if turn.thought]
        assert told.thought == difference_note(before, after)
        steps = read_steps(told.answer)
        assert steps
        assert replayed(before, steps) == after
        for turn in drawn.turns:
            if turn is told:
                continue
            was = turn.question.endswith("before?")
            scene, verb = (before, "was") if was else (after, "is")
            answers = {place_answer(scene, cell, was=was) for cell in range(9)}
            assert turn.answer in answers
            assert verb in turn.answer


def test_notes_of_a_change_tell_what_was_done() -> None:
    for index in range(30):
        for turn in talk(index, "talk-notes", 48).turns:
            assert read_steps(turn.answer), turn.answer
            assert ", then " in turn.question


def test_a_conversation_of_one_turn_is_the_lesson() -> None:
    student = small_student()
    lesson = Lesson("What is this?", "This is an egg.", facts=("egg | heat | fried egg",))
    alone, turn = encode_lesson(student, lesson), encode_conversation(student, [lesson])
    assert (alone.ids, alone.learned) == (turn.ids, turn.learned)


def test_every_answer_of_a_conversation_is_learned_and_nothing_else() -> None:
    student = small_student()
    lessons = [Lesson("What is this?", "An egg."), Lesson("And that?", "A hen.")]
    encoded = encode_conversation(student, lessons)
    said = [student.tokenizer.decode(encoded.ids[start:end]) for start, end in encoded.learned]
    assert said == ["An egg.", "A hen."]
    labels_BS = collate([encoded], 0).labels_BS
    assert int((labels_BS >= 0).sum()) == sum(end - start for start, end in encoded.learned)
