"""The micro-world: the same everywhere, true to its tables, and right in every sentence."""

from __future__ import annotations

import json
import random
from itertools import pairwise

import pytest
from PIL import Image, ImageStat

from model.errors import InputError
from model.microworld import everyday, inventions, language
from model.microworld.conditions import SPLITS
from model.microworld.oracle import KINDS, answer_text, example, from_spec
from model.microworld.small_talk import small_talk, unknown_questions
from model.microworld.splits import seed_of, world_hash
from model.paths import ASSETS
from model.records import Fact, TripletId

EXAMPLES = ASSETS / "examples"


# ── tables and pictures ─────────────────────────────────────────────────────────────────────────


def test_there_are_hundreds_of_steps_and_each_has_one_result() -> None:
    rows = everyday.triplets()
    assert len(everyday.things()) >= 300
    assert len({row.relation for row in rows}) >= 40
    assert len(rows) >= 500
    assert len({(row.subject, row.relation) for row in rows}) == len(rows)


def test_every_label_of_a_triplet_has_a_picture_of_its_own() -> None:
    for row in everyday.triplets():
        assert {row.subject, row.object} <= set(everyday.things())
        assert row.relation in everyday.actions()
    assert len(set(everyday.emojis())) == len(everyday.emojis())
    pictures = {everyday.picture(label, 48).tobytes() for label in everyday.things()}
    pictures |= {everyday.picture(label, 48, action=True).tobytes() for label in everyday.actions()}
    assert len(pictures) == len(everyday.emojis())


def test_chains_go_from_result_to_thing_and_never_return() -> None:
    for length in (2, 3, 4):
        found = everyday.chains(length)
        assert found
        for chain in found:
            assert all(a.object == b.subject for a, b in pairwise(chain))
            assert len({step.subject for step in chain}) == length


def test_an_unknown_label_is_told_apart_in_words() -> None:
    with pytest.raises(InputError, match="no everyday picture of “unicorn”"):
        everyday.picture("unicorn")


def test_the_atlas_stays_small() -> None:
    files = [path for style in everyday.STYLES for path in everyday.atlas_files(style)]
    assert sum(path.stat().st_size for path in files) <= 4_000_000


def test_the_two_styles_draw_every_thing_differently() -> None:
    for label in everyday.things():
        noto, fluent = (everyday.picture(label, 48, style=style) for style in everyday.STYLES)
        assert noto.tobytes() != fluent.tobytes(), label


def test_the_world_is_as_large_as_it_says() -> None:
    assert len(everyday.things()) >= 300
    assert len(everyday.actions()) >= 40
    assert len(everyday.triplets()) >= 500


def test_a_drawn_thing_is_visible_on_every_background() -> None:
    rng = random.Random(3)
    for label in ("cloud", "salt", "bone", "egg", "steam", "coconut"):
        for _ in range(10):
            picture = everyday.draw(label, rng)
            assert (picture.mode, picture.size) == ("RGB", (96, 96))
            deviation = ImageStat.Stat(picture.convert("L")).stddev[0]
            assert deviation > 3, f"{label} cannot be told from its background"


def test_pictures_of_one_thing_differ_every_time() -> None:
    rng = random.Random(4)
    drawn = [everyday.draw("egg", rng).tobytes() for _ in range(12)]
    assert len(set(drawn)) >= 9


# ── seeds and splits ────────────────────────────────────────────────────────────────────────────


def test_no_two_splits_share_a_seed() -> None:
    seeds = [
        seed_of(split, index, kind)
        for split in SPLITS
        for index in range(300)
        for kind in (*KINDS, "any")
    ]
    assert len(set(seeds)) == len(seeds)
    assert {seed_of(split, 7, "chat") & 15 for split in SPLITS} == set(range(len(SPLITS)))


def test_seeds_are_the_same_on_every_machine() -> None:
    assert seed_of("train", 0, "chat") == 8902093580110019376
    assert len(world_hash()) == 12


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_an_example_is_a_function_of_its_name(kind: str) -> None:
    for index in range(3):
        first = example("validation", index, kind)
        second = from_spec(first.spec)
        assert (first.question, first.answer, first.facts) == (
            second.question,
            second.answer,
            second.facts,
        )
        assert [p.tobytes() for p in first.pictures] == [p.tobytes() for p in second.pictures]


def test_mixed_examples_are_named_by_their_kind() -> None:
    kinds = set()
    for index in range(120):
        drawn = example("test", index)
        kinds.add(drawn.kind)
        assert from_spec(drawn.spec).answer == drawn.answer
    assert len(kinds) >= 10


@pytest.mark.parametrize(
    "spec", ["", "test", "test/x/chat", "dev/1/chat", "test/1/", "test/1/nonsense", "test/-1/chat"]
)
def test_a_wrong_name_of_an_example_is_refused(spec: str) -> None:
    with pytest.raises(InputError):
        from_spec(spec)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_roles_and_labels_name_every_picture(kind: str) -> None:
    for index in range(30):
        drawn = example("train", index, kind)
        assert len(drawn.labels) == len(drawn.pictures)
        assert len(drawn.roles) in (0, len(drawn.pictures))
        assert drawn.question
        assert drawn.answer.endswith((".", "!", "?"))


# ── words ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("label", "phrase"),
    [
        ("egg", "an egg"),
        ("fried egg", "a fried egg"),
        ("ice cream", "an ice cream"),
        ("grapes", "grapes"),
        ("water", "water"),
        ("old bike", "an old bike"),
        ("dax", "a dax"),
        ("glass", "a glass"),
        ("tools", "tools"),
    ],
)
def test_nouns_have_the_right_article(label: str, phrase: str) -> None:
    assert language.noun(label) == phrase


def test_the_article_of_the_table_fits_the_first_letter() -> None:
    for thing in everyday.things().values():
        if thing.article:
            assert (thing.article == "an") == (thing.label[0] in "aeiou"), thing.label


def test_answers_are_whole_sentences() -> None:
    assert language.name_answer("fried egg") == "This is a fried egg."
    assert language.name_answer("grapes") == "These are grapes."
    assert language.action_answer("cut") == "This picture shows cutting."
    explained = language.explain_answer("egg", "heat", "fried egg")
    assert explained == "The egg was heated and became a fried egg."
    assert language.explain_answer("cow", "milk", "milk") == "The cow was milked and gave milk."
    waited = language.explain_answer("egg", "wait", "hatching chick")
    assert waited == "Time passed and the egg became a hatching chick."
    grapes = language.explain_answer("grapes", "press", "wine")
    assert grapes == "The grapes were pressed and became wine."
    assert language.chain_answer(["seedling", "tree"]) == "First you get a seedling, then a tree."


def test_labels_are_read_back_from_their_sentences() -> None:
    for label in everyday.things():
        assert language.label_of(language.name_answer(label)) == label
    for label in everyday.actions():
        assert language.label_of(language.action_answer(label)) == label


def test_a_fact_line_is_the_one_that_answers_show() -> None:
    fact = Fact(TripletId(1), "egg", "heat", "fried egg", 1.0)
    assert language.fact_line("egg", "heat", "fried egg") == fact.line


# ── answers ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "kind",
    [
        "everyday-predict-words",
        "everyday-predict-fact",
        "everyday-chain",
        "blocks-predict",
        "chat",
    ],
)
def test_the_reader_of_typed_questions_agrees_with_the_oracle(kind: str) -> None:
    for index in range(150):
        drawn = example("train", index, kind)
        if not drawn.pictures:
            assert answer_text(drawn.question, drawn.facts) == drawn.answer, drawn.spec


def test_an_invented_fact_is_answered_from_the_fact() -> None:
    facts = (("egg", "wait", "scarf"), ("egg", "heat", "snowman"))
    said = answer_text("What happens if I heat an egg?", facts)
    assert said == "If you heat an egg, you get a snowman."
    contradictions = 0
    for index in range(60):
        drawn = example("test", index, "everyday-predict-fact")
        for subject, relation, result in drawn.facts:
            if drawn.answer == language.predict_answer(subject, relation, result):
                known = everyday.outcomes().get((subject, relation))
                contradictions += known != result
    assert contradictions >= 20


def test_no_two_facts_of_a_question_contradict_each_other() -> None:
    for kind in KINDS:
        for index in range(60):
            steps = [fact[:2] for fact in example("train", index, kind).facts]
            assert len(set(steps)) == len(steps)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("what happens when i heat the egg", "If you heat an egg, you get a fried egg."),
        ("I press the grapes. What do I get?", "If you press grapes, you get wine."),
        (
            "What happens to a caterpillar if I wait?",
            "If you wait, a caterpillar becomes a butterfly.",
        ),
        (
            "I water a seed, then wait. What do I get?",
            "First you get a seedling, then a tree.",
        ),
        (
            "What happens if I paint a large red square blue?",
            "If you paint a large red square blue, you get a large blue square.",
        ),
        ("What happens if I paint a large red square red?", language.DO_NOT_KNOW),
        ("What happens if I shear an egg?", language.DO_NOT_KNOW),
        ("Who won the World Cup?", language.DO_NOT_KNOW),
        ("HELLO", "Hello! Show me a picture or ask me about a step."),
        ("The quick brown fox", None),
        ("What happens if I heat it?", None),
        ("", None),
    ],
)
def test_typed_questions_get_their_answer(question: str, answer: str | None) -> None:
    assert answer_text(question) == answer


def test_a_person_may_use_their_own_words_for_facts() -> None:
    facts = (("Rusty bike", "polish", "shiny bike"),)
    said = answer_text("What do I get if I polish the rusty bike?", facts)
    assert said == "If you polish a rusty bike, you get a shiny bike."


def test_a_thing_and_an_action_that_tests_join_are_never_joined_in_training() -> None:
    for index in range(150):
        drawn = example("new-pair", index, "everyday-predict-fact")
        answering = [fact for fact in drawn.facts if drawn.answer == language.predict_answer(*fact)]
        assert any(inventions.is_new_pair(*fact[:2]) for fact in answering)
    for kind in ("everyday-predict-fact", "everyday-predict-words", "everyday-explain"):
        for index in range(150):
            facts = example("train", index, kind).facts
            assert not any(inventions.is_new_pair(*fact[:2]) for fact in facts)


@pytest.mark.parametrize(("split", "hops"), [("train", {1, 2}), ("hop", {3})])
def test_a_hop_is_as_long_as_its_split_says_and_its_facts_lead_there(
    split: str, hops: set[int]
) -> None:
    lengths = set()
    for index in range(80):
        drawn = example(split, index, "everyday-hop")
        asked = drawn.answer.removeprefix("The ").split(" is ")[0].split(" of the ")
        known = {(subject, relation): result for subject, relation, result in drawn.facts}
        at = drawn.labels[0] if drawn.labels else drawn.question.split(" of the ")[-1].rstrip("?")
        for relation in reversed(asked):
            at = known[at, relation]
        assert drawn.answer.endswith(f" is {at}.")
        assert drawn.thought.endswith(f"| {at}.")
        lengths.add(len(asked))
    assert lengths == hops


def test_a_thought_leads_to_the_result_that_the_answer_names() -> None:
    for index in range(60):
        drawn = example("train", index, "everyday-predict-picture")
        if drawn.outcome:
            assert drawn.thought.endswith(f"| {drawn.outcome}.")
            assert language.noun(drawn.outcome) in drawn.answer


def test_there_is_enough_small_talk() -> None:
    assert len(small_talk()) >= 25
    assert len(unknown_questions()) >= 60


# ── examples on disk ────────────────────────────────────────────────────────────────────────────


def test_the_examples_on_disk_match_the_table() -> None:
    rows = json.loads((EXAMPLES / "triplets.json").read_text("utf-8"))
    assert len(rows) >= 12
    known = [row for row in rows if row["subject"] in everyday.things()]
    assert len(known) == 9
    for row in known:
        assert everyday.outcomes()[row["subject"], row["relation"]] == row["object"]
    for row in rows:
        for role in ("what", "action", "result"):
            with Image.open(EXAMPLES / row[role]) as picture:
                assert picture.size == (256, 256)
    assert sum(path.stat().st_size for path in EXAMPLES.iterdir()) <= 1_000_000


def test_two_pictures_ask_for_a_step_only_where_there_is_one() -> None:
    ways = {(row.subject, row.object): row.relation for row in everyday.only_ways()}
    assert len(ways) == len(everyday.only_ways()) > 300
    for index in range(60):
        drawn = example("test", index, "everyday-explain")
        if len(drawn.pictures) == 2:
            subject, relation, object = drawn.thought.rstrip(".").split(" | ")
            assert ways[subject, object] == relation
