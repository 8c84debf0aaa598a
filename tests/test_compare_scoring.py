from __future__ import annotations

import pytest

from model.comparing.scoring import attributes_told, plain, rouge_l, score
from model.microworld.oracle import example, from_spec


@pytest.mark.parametrize(
    ("said", "reference", "f1"),
    [
        ("police kill the gunman", "police killed the gunman", 0.75),  # Lin 2004
        ("the gunman kill police", "police killed the gunman", 0.5),
        ("It becomes a fried egg.", "it becomes a FRIED egg", 1.0),
        ("egg", "a fried egg", 2 * 1 / 4),
        ("", "", 1.0),
        ("", "egg", 0.0),
        ("…!", "egg", 0.0),
    ],
)
def test_rouge_l_agrees_with_worked_values(said: str, reference: str, f1: float) -> None:
    assert rouge_l(said, reference) == pytest.approx(f1)
    assert rouge_l(reference, said) == pytest.approx(f1)


def test_case_and_punctuation_do_not_change_what_is_said() -> None:
    assert plain("  It is an Egg!") == plain("it is an egg")
    assert plain("It is an egg") != plain("It is a leg")


def test_exact_is_word_for_word_and_agreement_is_not() -> None:
    found = score("an egg", "An egg.", "An egg.", "An egg.", "")
    assert (found.exact, found.agrees, found.rouge_l) == (False, True, 1.0)
    assert found.reference_bytes == 7


def test_what_is_not_known_is_not_scored() -> None:
    found = score("an egg", "", "", None, "")
    assert (found.exact, found.agrees, found.rouge_l, found.attributes) == (None, None, None, 0)


@pytest.mark.parametrize("kind", ["blocks-describe", "blocks-inverse"])
def test_the_right_answer_tells_every_attribute(kind: str) -> None:
    for index in range(20):
        drawn = example("validation", index, kind)
        right, of = attributes_told(drawn.answer, drawn)
        assert right == of > 0
        assert attributes_told("I do not know.", drawn) == (0, of)


def test_a_wrong_colour_costs_one_attribute() -> None:
    drawn = next(
        drawn
        for index in range(50)
        if "red" in (drawn := example("validation", index, "blocks-describe")).answer
    )
    right, of = attributes_told(drawn.answer.replace("red", "blue", 1), drawn)
    assert right == of - 1


def test_everyday_questions_have_no_attributes() -> None:
    drawn = example("validation", 0, "everyday-name")
    assert attributes_told(drawn.answer, drawn) == (0, 0)
    assert score(drawn.answer, drawn.answer, drawn.answer, None, drawn.spec).exact is True
    assert from_spec(drawn.spec).answer == drawn.answer
