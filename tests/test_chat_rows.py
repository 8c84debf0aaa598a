from __future__ import annotations

from pathlib import Path

from model.knowledge.store import Store
from model.records import Fact, TripletId, Turn


def test_a_chat_keeps_the_way_to_every_fact(tmp_path: Path) -> None:
    way = (TripletId(1), TripletId(2))
    fact = Fact(TripletId(2), "seedling", "wait", "tree", 0.85, 2, way)
    store = Store(tmp_path / "workspace.db")
    chat = store.new_chat()
    store.save_chat(chat.id, [Turn("assistant", "A tree.", facts=(fact,))])
    assert store.latest_chat().turns[0].facts == (fact,)
    store.close()
