from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from model.records import Fact, PictureId, Triplet, TripletDraft, TripletId
from tests.fakes import FakeBackend
from webapp.answer_path import MOST_PATHS, Hop, paths_html, paths_of
from webapp.fact_list import used_html, why_html

HOSTILE = '"><img src=x onerror=alert(1)>${alert(2)}{{x}}`'


def fact(number: int, words: str, weight: float, hop: int = 1, path: tuple[int, ...] = ()) -> Fact:
    subject, relation, made = words.split(" · ")
    told = tuple(TripletId(each) for each in path)
    return Fact(TripletId(number), subject, relation, made, weight, hop, told)


def nothing(triplet: TripletId) -> Triplet | None:
    return None


def stored(rows: Mapping[int, str]) -> dict[TripletId, Triplet]:
    return {
        TripletId(number): Triplet(
            TripletId(number), *words.split(" · "), None, None, None, "you", "", 1, 0.0
        )
        for number, words in rows.items()
    }


def steps(path: tuple[Hop, ...]) -> list[str]:
    return [f"{hop.start.label} {'>' if hop.forward else '<'}{hop.relation} {hop.end.label}"
            for hop in path]  # fmt: skip


SEED = fact(1, "seed · water · seedling", 1.0)
TREE = fact(2, "seedling · wait · tree", 0.85, 2)
WOOD = fact(3, "tree · saw · wood", 0.7, 3)


def test_a_path_that_is_told_is_followed_hop_by_hop() -> None:
    facts = [SEED, fact(3, "tree · saw · wood", 0.7, 3, (1, 2, 3)), TREE]
    (path,) = paths_of(facts, nothing)
    assert steps(path) == ["seed >water seedling", "seedling >wait tree", "tree >saw wood"]


def test_a_path_may_lead_over_triplets_that_are_no_facts_of_the_answer() -> None:
    rows = stored({1: "seed · water · seedling", 2: "seedling · wait · tree"})
    (path,) = paths_of([fact(2, "seedling · wait · tree", 0.85, 2, (1, 2))], rows.get)
    assert steps(path) == ["seed >water seedling", "seedling >wait tree"]


def test_facts_without_a_path_are_chained() -> None:
    (path,) = paths_of([WOOD, SEED, TREE], nothing)
    assert [hop.triplet for hop in path] == [1, 2, 3]


def test_a_path_over_a_deleted_triplet_falls_back_to_chaining() -> None:
    facts = [SEED, fact(2, "seedling · wait · tree", 0.85, 2, (99, 2))]
    (path,) = paths_of(facts, nothing)
    assert [hop.triplet for hop in path] == [1, 2]


def test_a_step_against_the_arrow_is_drawn_so() -> None:
    facts = [
        fact(1, "Ada · wrote · notes", 1.0),
        fact(2, "Bob · wrote · notes", 0.8, 2, (1, 2)),
    ]
    (path,) = paths_of(facts, nothing)
    assert steps(path) == ["Ada >wrote notes", "notes <wrote Bob"]
    back = [fact(1, "Ada · wrote · notes", 1.0), fact(2, "Ada · born in · London", 0.8, 2, (1, 2))]
    assert steps(paths_of(back, nothing)[0]) == ["notes <wrote Ada", "Ada >born in London"]


def test_ways_come_heaviest_first_and_the_part_of_one_is_none() -> None:
    other = fact(4, "egg · heat · fried egg", 0.9)
    paths = paths_of([SEED, TREE, other], nothing)
    assert [[hop.triplet for hop in path] for path in paths] == [[4], [1, 2]]


def test_the_same_thing_in_another_spelling_joins() -> None:
    facts = [fact(1, "seed · water · Seedling", 1.0), fact(2, "seedling · wait · tree", 0.8, 2)]
    assert len(paths_of(facts, nothing)) == 1


def test_a_thing_that_comes_from_itself_is_a_way_too() -> None:
    (path,) = paths_of([fact(1, "water · stir · water", 1.0)], nothing)
    assert steps(path) == ["water >stir water"]


def test_no_facts_no_way() -> None:
    assert paths_of([], nothing) == []
    assert paths_html([], lambda _: "") == ""


def test_every_thing_of_the_drawing_asks_and_every_hop_can_be_lit() -> None:
    markup = paths_html(paths_of([SEED, TREE], nothing), lambda _: "")
    assert markup.count("data-ask=") == 3
    assert [f'data-triplet="{n}"' in markup for n in (1, 2, 3)] == [True, True, False]
    assert "2 hops" in markup


def test_more_ways_than_fit_are_counted() -> None:
    facts = [fact(n, f"a{n} · b · c{n}", 1 / n) for n in range(1, MOST_PATHS + 3)]
    markup = paths_html(paths_of(facts, nothing), lambda _: "")
    assert markup.count("<ol") == MOST_PATHS
    assert "and 2 more ways" in markup


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    return FakeBackend(tmp_path, delay_s=0.0)


def test_hostile_labels_are_words_in_the_drawing_and_in_the_lists(backend: FakeBackend) -> None:
    row = backend.add_triplet(TripletDraft(HOSTILE, HOSTILE, HOSTILE))
    bad = Fact(row.id, HOSTILE, HOSTILE, HOSTILE, 0.5)
    for markup in (why_html(backend, [bad], 3), used_html([bad], 3, unfolded=True)):
        assert "<img src=x" not in markup
        assert 'data-ask=""' not in markup
        assert "&lt;img src=x" in markup


def test_why_shows_the_pictures_of_the_way_and_which_answer_it_is_about(
    backend: FakeBackend,
) -> None:
    row = backend.triplets("fried egg").items[0]
    known = Fact(row.id, row.subject, row.relation, row.object, 0.7)
    markup = why_html(backend, [known], 5)
    assert 'data-shown="5"' in markup
    assert markup.count("data:image/") == 2


def test_a_fact_whose_triplet_or_picture_is_gone_is_still_told(backend: FakeBackend) -> None:
    row = backend.add_triplet(TripletDraft("a", "b", "c", PictureId("gone")))
    known = Fact(row.id, "a", "b", "c", 0.7)
    assert "data-ask" in why_html(backend, [known])
    backend.delete_triplet(row.id)
    assert "data-ask" in why_html(backend, [known])


def test_the_facts_under_an_answer_come_by_weight_with_their_hop() -> None:
    markup = used_html([TREE, SEED], 4, unfolded=False)
    assert markup.index("seedling</span>") < markup.index("tree</span>")
    assert ["hop 1" in markup, "hop 2" in markup, "Used 2 facts" in markup] == [True] * 3
    assert 'data-answer="4"' in markup
    assert "<details open" not in markup.replace('data-answer="4" ', "")
    assert used_html([], 4, unfolded=True) == ""
