"""Votes choose settings: what was chosen is kept with its chance; liked choices come more often."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.config import SampleConfig
from model.feedback_records import AnswerId, GivenAnswer, Vote
from model.knowledge.store import Store
from model.records import StudentId, Turn
from model.serving.settings_chooser import Chosen, SettingsChooser, learn_settings

QUESTION = Turn("user", "What happens if I heat an egg?")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "workspace.db")
    yield opened
    opened.close()


def keep(store: Store, number: int, chosen: Chosen, reward: float) -> None:
    """An answer that was given with chosen settings, and the vote on it."""
    name = AnswerId(f"a{number}")
    store.save_answer(
        GivenAnswer(
            name,
            QUESTION,
            Turn("assistant", "egg"),
            (number,),
            False,
            (1,),
            (-0.5,),
            chosen.settings,
            StudentId("shipped"),
            "b0",
            "b0",
            chosen.choice,
            chosen.propensity,
        )
    )
    store.save_vote(Vote(0, name, "thumb", reward))


def share_without_graph(chooser: SettingsChooser, draws: int = 200) -> float:
    chosen = [chooser.choose(QUESTION, "b0", SampleConfig()) for _ in range(draws)]
    return sum(not each.settings.use_graph for each in chosen) / draws


def test_what_is_chosen_is_told_with_its_chance(store: Store) -> None:
    chooser = SettingsChooser(store, lambda: random.Random(4))
    chosen = chooser.choose(QUESTION, "b0", SampleConfig(seed=7, max_tokens=9))
    assert (chosen.settings.seed, chosen.settings.max_tokens) == (7, 9), (
        "not the policy's to choose"
    )
    assert 0 < chosen.propensity <= 1
    assert "temperature" in chosen.why
    assert chosen.settings.use_graph == (chosen.choice["settings"]["hops"] > 0)
    assert chooser.choose(QUESTION, "b0", SampleConfig(seed=7, max_tokens=9)) == chosen


def test_liked_choices_come_more_often_and_learning_anew_gives_the_same(store: Store) -> None:
    rng = random.Random(0)
    chooser = SettingsChooser(store, lambda: rng)
    before = share_without_graph(chooser)
    for number in range(48):
        chosen = chooser.choose(QUESTION, "b0", SampleConfig())
        keep(store, number, chosen, -1.0 if chosen.settings.use_graph else 1.0)
    assert learn_settings(store, "b0") == 48
    first = store.policy("settings")
    assert share_without_graph(chooser) > before + 0.1
    learn_settings(store, "b0")
    assert store.policy("settings") == first


def test_answers_whose_settings_nobody_chose_teach_no_policy(store: Store) -> None:
    keep(store, 1, Chosen(SampleConfig(), {}, 1.0, ""), 1.0)
    assert learn_settings(store, "b0") == 0
    assert store.policy("settings") is None
