from __future__ import annotations

import pytest

from model.knowledge.triplet_lines import MOST_PROBLEMS, read_lines

EGG = ("egg", "heat", "fried egg")


def words(text: str) -> list[tuple[str, str, str]]:
    return [(d.subject, d.relation, d.object) for d in read_lines(text, "notes").drafts]


@pytest.mark.parametrize(
    "line",
    [
        "egg · heat · fried egg",
        "egg -> heat -> fried egg",
        "egg → heat → fried egg",
        "egg => heat => fried egg",
        "egg | heat | fried egg",
        "| egg | heat | fried egg |",
        "egg, heat, fried egg",
        'egg,heat,"fried egg"',
        "egg; heat; fried egg",
        "egg\theat\tfried egg",
        "egg —heat→ fried egg",
        "egg -- heat -> fried egg",
        "- egg · heat · fried egg",
        "12. egg · heat · fried egg",
        "   egg ·  heat  · fried   egg ",
    ],
)
def test_a_line_of_every_known_form_is_a_triplet(line: str) -> None:
    assert words(line) == [EGG]


def test_a_line_of_arrows_goes_on() -> None:
    assert words("dough -> bake -> bread -> toast -> toasted bread") == [
        ("dough", "bake", "bread"),
        ("bread", "toast", "toasted bread"),
    ]


def test_names_with_hyphens_stay_whole() -> None:
    assert words("two-pin plug · take-off · bare wire") == [
        ("two-pin plug", "take-off", "bare wire")
    ]


@pytest.mark.parametrize(
    "line",
    [
        "First heat the pan, then add the egg, and at last the salt.",
        "one, two",
        "a · b",
        "a · · c",
        "egg -> heat",
        "a -> b -> c -> d",
        "you take the egg out of its box, heat, fried egg",
    ],
)
def test_a_line_of_another_form_is_told_with_its_number(line: str) -> None:
    found = read_lines(f"\n{line}\n", "notes")
    assert found.drafts == ()
    assert (found.lines, found.bad_lines) == (1, 1)
    assert found.problems[0].row == 2


def test_headings_and_rules_of_tables_are_no_lines() -> None:
    table = "# Eggs\n\n| what | action | result |\n|---|---|---|\n| egg | heat | fried egg |\n```\n"
    found = read_lines(table, "eggs.md")
    assert [d.object for d in found.drafts] == ["fried egg"]
    assert found.bad_lines == 0


def test_every_draft_says_where_it_stood_and_who_wrote_it() -> None:
    (draft,) = read_lines("\negg · heat · fried egg", "eggs.txt").drafts
    assert (draft.origin, draft.author, draft.source) == ("eggs.txt, line 2", "you", "text")
    assert draft.confidence == 1.0


def test_the_same_triplet_counts_once_whatever_its_case() -> None:
    found = read_lines("egg · heat · fried egg\nEgg · HEAT · Fried  Egg\n", "notes")
    assert len(found.drafts) == 1
    assert found.bad_lines == 0


def test_a_label_that_cannot_be_stored_is_told() -> None:
    found = read_lines(f"egg · heat · {'x' * 121}", "notes")
    assert "121 characters" in found.problems[0].words


def test_a_long_bad_text_gives_few_problems_and_all_counts() -> None:
    found = read_lines("word\n" * 50_000, "notes")
    assert (found.lines, found.bad_lines) == (50_000, 50_000)
    assert len(found.problems) == MOST_PROBLEMS


@pytest.mark.parametrize("hostile", [" " * 200_000 + "x", "-" * 200_000, "→" * 100_001, "," * 9999])
def test_a_hostile_line_is_read_in_no_time_and_gives_nothing(hostile: str) -> None:
    assert read_lines(hostile, "notes").drafts == ()


def test_markup_stays_the_words_that_it_is() -> None:
    assert words("<b>egg</b> · ${heat} · {{x}}") == [("<b>egg</b>", "${heat}", "{{x}}")]
