"""A teacher's entries are found in its answer by their text, and distrusted when they lie."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from model.learning.anchoring import anchor
from model.teachers.base import TokenLogprob
from model.teachers.logprobs import read_logprobs
from tests.ollama_logprobs import merged, plain_entries

CAPTURES = Path(__file__).parent / "captures"


def told(*tokens: str) -> list[TokenLogprob]:
    return read_logprobs(plain_entries(tokens, 20))


def captured(name: str) -> tuple[str, list[TokenLogprob]]:
    body = json.loads((CAPTURES / f"{name}.json").read_text())["response"]["raw_body"]
    value = json.loads(body)
    return value["response"], read_logprobs(value["logprobs"])


def spans(text: str, entries: list[TokenLogprob]) -> list[tuple[int, int]]:
    return [(entry.start, entry.end) for entry in anchor(text, entries)]


def test_entries_cover_the_answer_in_bytes() -> None:
    assert spans("Käse ist gut", told("Käse", " ist", " gut")) == [(0, 5), (5, 9), (9, 13)]


def test_space_stripped_from_the_answer_lies_before_its_first_byte() -> None:
    assert spans("Fry it.", told(" Fry", " it", ".", "\n")) == [(-1, 3), (3, 6), (6, 7)]
    assert spans("Fry", told(" ", " ", "Fry")) == [(0, 3)]


def test_a_thought_in_front_is_passed_over() -> None:
    entries = told("I", " fry", " it", ".", "\n\n", "Fry", " it", ".")
    assert spans("Fry it.", entries) == [(0, 3), (3, 6), (6, 7)]


def test_a_lost_entry_leaves_a_gap_and_the_rest_is_found_again() -> None:
    entries = told("One", " egg", " and", " two", " eggs")
    lost = [*entries[:2], *entries[3:]]
    assert spans("One egg and two eggs", lost) == [(0, 3), (3, 7), (11, 15), (15, 20)]


def test_a_lost_entry_after_a_thought_is_found_too() -> None:
    entries = told("Hm", ",", " One", "...", "One", " egg", " and", " two", " eggs")
    lost = [*entries[:6], *entries[7:]]
    found = spans("One egg and two eggs", lost)
    assert found == [(0, 3), (3, 7), (11, 15), (15, 20)]


def test_entries_of_another_answer_are_not_forced_onto_this_one() -> None:
    assert spans("Boil water.", told("Xyz", " qrs", "!")) == []
    assert anchor("", told("a")) == []
    assert anchor("a", []) == []


def test_a_clean_entry_tells_the_whole_law() -> None:
    (entry,) = anchor("egg", told("egg"))
    assert entry.clean
    assert entry.law[b"egg"] == pytest.approx(0.6)
    assert entry.law[b" the"] == pytest.approx(0.06)
    assert entry.tail == pytest.approx(0.1)


def test_a_merged_entry_is_not_clean() -> None:
    entries = read_logprobs(merged(plain_entries(["a", "\u00e9", "x", "!"], 20), 1))
    found = anchor("a\u00e9x!", entries)
    assert [entry.clean for entry in found] == [True, False, True]
    assert [(entry.start, entry.end) for entry in found] == [(0, 1), (1, 4), (4, 5)]


def test_an_entry_that_a_stop_word_trimmed_is_not_clean() -> None:
    """Recorded: " th" with the log-probability of " the"."""
    text, entries = captured("generate_stop")
    listed = TokenLogprob(" th", entries[1].logprob, ((" the", entries[1].logprob), (" a", -3.0)))
    assert [entry.clean for entry in anchor(text, [entries[0], listed])] == [False, False]


def test_recorded_entries_are_clean_and_their_laws_are_laws() -> None:
    text, entries = captured("generate_top_logprobs_20")
    found = anchor(text, entries)
    assert b"".join(entry.text for entry in found) == text.encode()
    for entry in found:
        assert entry.clean
        assert sum(entry.law.values()) + entry.tail == pytest.approx(1.0)
        assert 0.2 < entry.tail < 0.8


def test_a_token_drawn_from_outside_the_list_is_added_to_the_law() -> None:
    top = ((" a", math.log(0.5)), (" b", math.log(0.3)))
    (entry,) = anchor(" c".strip(), [TokenLogprob(" c", math.log(0.01), top)])
    assert entry.law == pytest.approx({b" a": 0.5, b" b": 0.3, b" c": 0.01})
    assert entry.tail == pytest.approx(0.19)
    (strange,) = anchor("\u00e9", [TokenLogprob("\u00e9", math.log(0.01), top)])
    assert not strange.clean


def test_control_tokens_and_broken_pieces_are_counted_in_the_tail() -> None:
    top = (("egg", math.log(0.5)), ("", math.log(0.2)), ("\ufffd", math.log(0.2)))
    (entry,) = anchor("egg", [TokenLogprob("egg", math.log(0.5), top)])
    assert entry.law == pytest.approx({b"egg": 0.5})
    assert entry.tail == pytest.approx(0.5)


def test_entries_without_alternatives_are_not_clean() -> None:
    """Recorded: logprobs without top_logprobs."""
    text, entries = captured("generate_stop")
    assert [entry.clean for entry in anchor(text, entries)] == [False, False]
