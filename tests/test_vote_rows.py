"""Answers, votes and updates outlive the app, and a vote that was taken back teaches nothing."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.config import SampleConfig
from model.errors import InputError
from model.feedback_records import (
    AnswerId,
    BeforeAfter,
    GivenAnswer,
    UpdateFigures,
    Vote,
)
from model.knowledge import vote_rows
from model.knowledge.store import Store
from model.records import AnswerStats, PictureId, StudentId, Turn

SHIPPED = StudentId("shipped")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "workspace.db")
    yield opened
    opened.close()


def given(name: str, base: str = "b0", made: float = 0.0) -> GivenAnswer:
    return GivenAnswer(
        id=AnswerId(name),
        question=Turn("user", f"What is {name}?"),
        said=Turn("assistant", f"{name} is a thing.", stats=AnswerStats(3, 1.0, 0.1, "w0", "s")),
        prompt=(1, 2, *name.split()[0].encode()),
        thinking=True,
        tokens=(4, 5),
        logprobs=(-0.5, -1.25),
        settings=SampleConfig(temperature=0.5, seed=3),
        student=SHIPPED,
        base=base,
        weights="w0",
        chosen={"use_graph": False},
        propensity=0.25,
        created_at=made or 1.0,
    )


def thumb(name: str, reward: float) -> Vote:
    return Vote(0, AnswerId(name), "thumb", reward)


def save(store: Store, *names: str) -> None:
    for name in names:
        store.save_answer(given(name))


def test_an_answer_comes_back_as_it_was_given(store: Store, tmp_path: Path) -> None:
    store.save_answer(given("egg"))
    store.close()
    again = Store(tmp_path / "workspace.db")
    assert again.given_answer(AnswerId("egg")) == given("egg")
    again.close()
    with pytest.raises(ValueError, match="closed"):
        store.given_answer(AnswerId("egg"))


def test_unvoted_answers_are_forgotten_oldest_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vote_rows, "UNVOTED_KEPT", 2)
    store.save_answer(given("voted", made=1.0))
    store.save_vote(thumb("voted", 1.0))
    for number, name in enumerate(("old", "newer", "newest"), start=2):
        store.save_answer(given(name, made=float(number)))
    with pytest.raises(InputError, match="no longer kept"):
        store.given_answer(AnswerId("old"))
    assert store.given_answer(AnswerId("voted")).tokens == (4, 5)
    assert store.given_answer(AnswerId("newer")).created_at == 3.0


def test_the_last_vote_on_an_answer_counts(store: Store) -> None:
    save(store, "egg")
    store.save_vote(thumb("egg", 1.0))
    store.save_vote(thumb("egg", -1.0))
    assert [vote.reward for vote in store.new_votes("b0")] == [-1.0]
    assert store.marks([AnswerId("egg")])[AnswerId("egg")].reward == -1.0


def test_a_vote_taken_back_is_gone_and_a_learned_one_is_withdrawn(store: Store) -> None:
    save(store, "egg", "corn")
    store.save_vote(thumb("egg", 1.0))
    store.save_vote(thumb("corn", 1.0))
    assert store.withdraw_votes(AnswerId("egg")) == 0
    update = store.queue_update(SHIPPED, "b0", 1)
    assert update is not None
    assert update.votes == 1
    assert not store.marks([AnswerId("corn")])[AnswerId("corn")].learned, "only looked at"
    store.change_update(update.id, state="kept", adapter="1.safetensors")
    assert store.marks([AnswerId("corn")])[AnswerId("corn")].learned
    assert store.withdraw_votes(AnswerId("corn")) == 1
    assert store.learned_votes("b0", 10) == ()
    assert store.marks([AnswerId("corn")])[AnswerId("corn")].reward == 0.0


def test_votes_of_another_base_do_not_count(store: Store) -> None:
    store.save_answer(given("egg", base="b0"))
    store.save_answer(given("corn", base="b1"))
    store.save_vote(thumb("egg", 1.0))
    store.save_vote(thumb("corn", 1.0))
    assert [vote.answer for vote in store.new_votes("b1")] == ["corn"]
    assert store.queue_update(SHIPPED, "b1", 2) is None


def test_a_pair_vote_is_marked_at_the_kept_answer_and_withdrawn_with_either(store: Store) -> None:
    save(store, "egg", "corn")
    store.save_vote(Vote(0, AnswerId("egg"), "pair", 1.0, rejected=AnswerId("corn")))
    assert store.marks([AnswerId("egg")])[AnswerId("egg")].reward == 1.0
    assert store.withdraw_votes(AnswerId("corn")) == 0
    assert store.new_votes("b0") == ()


def test_the_same_words_ten_times_count_once(store: Store) -> None:
    for number in range(10):
        save(store, f"egg {number}")
        store.save_vote(thumb(f"egg {number}", 1.0))
    assert store.count_new_votes("b0") == 1
    assert store.queue_update(SHIPPED, "b0", 2) is None
    seen = given("egg of a picture")
    asked = dataclasses.replace(seen.question, pictures=(PictureId("p1"),))
    store.save_answer(dataclasses.replace(seen, question=asked))
    store.save_vote(thumb("egg of a picture", 1.0))
    assert store.count_new_votes("b0") == 2, "about a picture it is another answer"


def test_one_update_at_a_time_takes_all_new_votes(store: Store) -> None:
    save(store, "a", "b", "c")
    for name in ("a", "b"):
        store.save_vote(thumb(name, 1.0))
    first = store.queue_update(SHIPPED, "b0", 2)
    assert first is not None
    assert first.parent is None
    store.save_vote(thumb("c", -1.0))
    assert store.queue_update(SHIPPED, "b0", 1) is None, "the first has not ended"
    store.change_update(first.id, state="kept", adapter="1.safetensors", weights="w1")
    second = store.queue_update(SHIPPED, "b0", 1)
    assert second is not None
    assert second.parent == first.id
    assert [vote.answer for vote in store.votes_of(second.id)] == ["c"]


def test_a_failed_update_gives_its_votes_back(store: Store) -> None:
    save(store, "a")
    store.save_vote(thumb("a", 1.0))
    update = store.queue_update(SHIPPED, "b0", 1)
    assert update is not None
    assert store.new_votes("b0") == ()
    store.fail_update(update.id, reason="no memory")
    assert len(store.new_votes("b0")) == 1
    assert store.updates("b0")[0].reason == "no memory"


def test_votes_that_failed_wait_for_another_vote(store: Store) -> None:
    save(store, "a", "b")
    store.save_vote(thumb("a", 1.0))
    update = store.queue_update(SHIPPED, "b0", 1)
    assert update is not None
    store.fail_update(update.id, finished_at=time.time() + 1)
    assert store.queue_update(SHIPPED, "b0", 1) is None, "they would fail again at once"
    store.save_vote(dataclasses.replace(thumb("b", 1.0), created_at=time.time() + 2))
    assert store.queue_update(SHIPPED, "b0", 1) is not None


def test_undo_takes_back_what_was_built_on_it_and_leaves_what_was_before(store: Store) -> None:
    made = []
    for name in ("a", "b", "c"):
        save(store, name)
        store.save_vote(thumb(name, 1.0))
        update = store.queue_update(SHIPPED, "b0", 1)
        assert update is not None
        store.change_update(update.id, state="kept", adapter=f"{name}.safetensors")
        made.append(update.id)
    assert [each.id for each in store.undo_update(made[1])] == made[1:]
    active = store.active_update("b0")
    assert active is not None
    assert active.adapter == "a.safetensors"
    assert [vote.answer for vote in store.learned_votes("b0", 10)] == ["a"]
    store.change_update(made[0], adapter="")  # let go of, as old files are
    assert store.active_update("b0") is None


def test_an_update_whose_ground_was_undone_is_not_kept_and_its_votes_go_on(store: Store) -> None:
    made = []
    for name in ("a", "b"):
        save(store, name)
        store.save_vote(thumb(name, 1.0))
        update = store.queue_update(SHIPPED, "b0", 1)
        assert update is not None
        store.change_update(update.id, state="running")
        made.append(update.id)
        if name == "a":
            assert store.keep_update(update.id, None, adapter="a.safetensors")
    store.undo_update(made[0])
    assert not store.keep_update(made[1], made[0], adapter="b.safetensors", finished_at=9.0)
    failed = store.update(made[1])
    assert (failed.state, failed.adapter) == ("failed", "")
    assert "undone meanwhile" in failed.reason
    again = store.queue_update(SHIPPED, "b0", 1)
    assert again is not None, "the votes need not wait for another one"
    assert [vote.answer for vote in store.votes_of(again.id)] == ["b"]
    assert not store.keep_update(again.id, None, adapter="c.safetensors"), "it does not run yet"
    store.change_update(again.id, state="running")
    assert store.keep_update(again.id, None, adapter="c.safetensors")
    assert store.update(again.id).state == "kept"


def test_figures_and_samples_come_back(store: Store) -> None:
    save(store, "a")
    store.save_vote(thumb("a", 1.0))
    update = store.queue_update(SHIPPED, "b0", 1)
    assert update is not None
    figures = UpdateFigures(canary_before=0.9, canary_after=0.88, kl=0.03, steps=24)
    samples = (BeforeAfter(Turn("user", "What?"), "egg", "an egg"),)
    store.change_update(update.id, figures=figures, samples=samples)
    found = store.update(update.id)
    assert (found.figures, found.samples) == (figures, samples)
    assert found.figures.forgotten == pytest.approx(0.02)


def test_replay_and_policies_are_kept(store: Store) -> None:
    store.save_replay("b0", {0: {"question": "a"}, 1: {"question": "b"}})
    store.save_replay("b0", {1: {"question": "c"}})
    store.save_replay("b1", {0: {"question": "d"}})
    assert [lesson["question"] for lesson in store.replay("b0")] == ["a", "c"]
    assert store.policy("settings") is None
    store.save_policy("settings", b"\x00\x01")
    store.save_policy("settings", b"\x02")
    assert store.policy("settings") == b"\x02"
