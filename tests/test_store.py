"""The store keeps what it has acknowledged, and takes edits back exactly."""

from __future__ import annotations

import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from model.config import DistillConfig
from model.errors import GraphError, InputError, ReasonerError, RunError, StaleEditError
from model.knowledge import graph_rows
from model.knowledge.store import Store
from model.paths import PROJECT
from model.records import (
    AnswerStats,
    ChatId,
    Fact,
    Metric,
    PictureId,
    RunId,
    RunSample,
    TripletDraft,
    TripletId,
    Turn,
)

EGG = TripletDraft("Egg", "heat", "fried egg")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "workspace.db")
    yield opened
    opened.close()


def words(store: Store) -> set[tuple[str, str, str]]:
    page = store.triplets(limit=10_000)
    return {(each.subject, each.relation, each.object) for each in page.items}


# ── triplets ────────────────────────────────────────────────────────────────────────────────────


def test_same_words_again_update_pictures_instead_of_making_a_twin(store: Store) -> None:
    first = store.add_triplet(EGG)
    again = store.add_triplet(TripletDraft(" EGG ", "Heat", "fried  egg", PictureId("a" * 64)))
    assert again.id == first.id
    assert again.subject_picture == "a" * 64
    assert (again.subject, again.object) == ("Egg", "fried egg")
    assert store.triplets().total == 1
    assert "updated" in store.undo()
    assert store.triplet(first.id).subject_picture is None


def test_unchanged_triplet_is_no_edit(store: Store) -> None:
    first = store.add_triplet(EGG)
    assert store.add_triplet(EGG) == first
    store.undo()
    assert store.triplets().total == 0


@pytest.mark.parametrize(
    ("draft", "said"),
    [
        (TripletDraft("", "heat", "x"), "What has no words"),
        (TripletDraft(" \t", "heat", " "), "What and result have no words: 2 of 3"),
        (TripletDraft("a", "\u200b", "b"), "The action has no words"),
        (TripletDraft("a", "b", "c" * 121), "The result is 121 characters"),
        (TripletDraft("a\x00b", "b", "c"), "control character (U+0000) at position 2"),
        (TripletDraft("a", "b", "c\ud83d"), "control character (U+D83D) at position 2"),
    ],
)
def test_unusable_label_is_refused_by_name(store: Store, draft: TripletDraft, said: str) -> None:
    with pytest.raises(InputError) as caught:
        store.add_triplet(draft)
    assert said in str(caught.value)
    assert store.triplets().total == 0


HOSTILE = [
    "<script>alert(1)</script>",
    "'; DROP TABLE triplets; --",
    '"><img src=x onerror=alert(1)>',
    "100%_\\sure",
    "=cmd|' /C calc'!A0",
    "卵を焼く 🍳 👩‍🍳",
    "\u202egge",
    "x" * 120,
]


def test_hostile_labels_are_stored_verbatim(store: Store) -> None:
    for label in HOSTILE:
        kept = store.add_triplet(TripletDraft(label, label, f"{label}"[:119] + "!"))
        assert (kept.subject, kept.relation) == (label, label)
    assert store.triplets().total == len(HOSTILE)
    assert set(HOSTILE) <= set(store.labels())


def test_wildcards_of_a_search_are_letters(store: Store) -> None:
    store.add_triplet(TripletDraft("100%", "a_b", "c\\d"))
    store.add_triplet(TripletDraft("1000", "axb", "cd"))
    for query in ("100%", "a_b", "\\", "100% a_b"):
        assert store.triplets(query).total == 1, query
    assert store.triplets("'\"").total == 0
    assert store.triplets("\ud83d\x00").total == 0


def test_search_finds_any_case_in_any_place(store: Store) -> None:
    store.add_triplet(TripletDraft("Äpfel", "schälen", "geschälte Äpfel"))
    assert store.triplets("äPF SCHÄL").total == 1
    assert store.triplets("äpfel kochen").total == 0


def test_pages_join_to_the_whole_in_every_order(store: Store) -> None:
    store.add_triplets([TripletDraft(f"n{i % 7}", "r", f"m{i}") for i in range(25)])
    for order in ("newest", "oldest", "name"):
        pages = [store.triplets(limit=10, offset=start, order=order) for start in (0, 10, 20)]
        ids = [each.id for page in pages for each in page.items]
        assert len(ids) == len(set(ids)) == 25
        assert {page.total for page in pages} == {25}


def test_stale_edit_names_the_newer_value(store: Store) -> None:
    seen = store.add_triplet(EGG)
    store.edit_triplet(seen.id, TripletDraft("egg", "boil", "boiled egg"), seen.version)
    with pytest.raises(StaleEditError, match="“egg · boil · boiled egg”"):
        store.edit_triplet(seen.id, TripletDraft("egg", "burn", "ash"), seen.version)
    assert words(store) == {("egg", "boil", "boiled egg")}


def test_undo_does_not_make_an_old_version_valid_again(store: Store) -> None:
    first = store.add_triplet(EGG)
    second = store.edit_triplet(first.id, TripletDraft("egg", "boil", "soup"), first.version)
    store.undo()
    third = store.triplet(first.id)
    store.edit_triplet(first.id, TripletDraft("egg", "freeze", "ice"), third.version)
    for stale in (first, second, third):
        with pytest.raises(StaleEditError):
            store.edit_triplet(first.id, EGG, stale.version)


def test_edit_into_a_twin_is_refused(store: Store) -> None:
    store.add_triplet(EGG)
    other = store.add_triplet(TripletDraft("egg", "boil", "boiled egg"))
    with pytest.raises(GraphError, match="already in the graph as number 1"):
        store.edit_triplet(other.id, EGG, other.version)


def test_missing_triplet_is_said_in_words(store: Store) -> None:
    for act in (store.triplet, store.delete_triplet):
        with pytest.raises(GraphError, match="number 9 is no longer"):
            act(TripletId(9))


def test_list_with_one_bad_line_stores_nothing(store: Store) -> None:
    with pytest.raises(InputError):
        store.add_triplets([EGG, TripletDraft("a", "", "b")])
    assert store.triplets().total == 0


def test_list_naming_a_triplet_twice_is_one_edit(store: Store) -> None:
    store.add_triplets([EGG, TripletDraft("egg", "heat", "Fried egg", note="hot"), EGG])
    assert store.triplets().items[0].note == "hot"
    store.undo()
    assert store.triplets().total == 0
    assert store.labels() == ()
    store.redo()
    assert store.triplets().items[0].note == "hot"


def test_undo_takes_back_the_edit_that_is_meant_or_none(store: Store) -> None:
    assert store.last_edit() == 0
    store.add_triplet(EGG)
    first = store.last_edit()
    store.add_triplet(EGG)
    assert store.last_edit() == first, "the same again is no edit"
    store.add_triplet(TripletDraft("egg", "boil", "boiled egg"))
    second = store.last_edit()
    assert second > first
    with pytest.raises(GraphError, match="step by step in the Graph tab"):
        store.undo(first)
    assert store.triplets().total == 2
    store.undo(second)
    assert store.last_edit() == first
    with pytest.raises(GraphError, match="Something else was changed since"):
        store.undo(second)
    store.redo()
    assert store.last_edit() == second
    store.undo()
    store.delete_triplet(store.triplets().items[0].id)
    assert store.last_edit() > second, "the number of an edit never stands for another one"


def test_nothing_to_undo_or_redo_is_said_in_words(store: Store) -> None:
    with pytest.raises(GraphError, match="0 edits left to undo"):
        store.undo()
    with pytest.raises(GraphError, match="0 edits to redo"):
        store.redo()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_undo_and_redo_equal_a_plain_model(store: Store, seed: int) -> None:
    chance = random.Random(seed)
    now: dict[TripletId, tuple[str, str, str]] = {}
    past: list[dict[TripletId, tuple[str, str, str]]] = []
    future: list[dict[TripletId, tuple[str, str, str]]] = []
    for _ in range(120):
        act = chance.choice(["add", "add", "edit", "delete", "undo", "undo", "redo"])
        label = (chance.choice("abcde"), chance.choice("rs"), chance.choice("abcde"))
        if act in {"undo", "redo"}:
            source, target = (past, future) if act == "undo" else (future, past)
            if source:
                target.append(now)
                now = source.pop()
                store.undo() if act == "undo" else store.redo()
        elif act == "add" and label not in now.values():
            past, future = [*past, now], []
            now = {**now, store.add_triplet(TripletDraft(*label)).id: label}
        elif act == "edit" and now and label not in now.values():
            chosen = chance.choice(sorted(now))
            past, future = [*past, now], []
            version = store.triplet(chosen).version
            now = {**now, store.edit_triplet(chosen, TripletDraft(*label), version).id: label}
        elif act == "delete" and now:
            chosen = chance.choice(sorted(now))
            past, future = [*past, now], []
            store.delete_triplet(chosen)
            now = {key: value for key, value in now.items() if key != chosen}
        check_against(store, now)


def check_against(store: Store, now: dict[TripletId, tuple[str, str, str]]) -> None:
    page = store.triplets(limit=1000)
    assert {each.id: (each.subject, each.relation, each.object) for each in page.items} == now
    degrees: dict[str, int] = {}
    for subject, _, object_ in now.values():
        degrees[subject] = degrees.get(subject, 0) + 1
        degrees[object_] = degrees.get(object_, 0) + 1
    view = store.graph()
    assert {node.label: node.degree for node in view.nodes} == degrees
    assert len(view.edges) == len(now)


# ── the graph ───────────────────────────────────────────────────────────────────────────────────


def test_graph_grows_hop_by_hop_from_its_focus(store: Store) -> None:
    store.add_triplets([TripletDraft(f"n{i}", "next", f"n{i + 1}") for i in range(9)])
    around = store.graph("N4", hops=2)
    assert {node.label for node in around.nodes} == {"n2", "n3", "n4", "n5", "n6"}
    assert around.nodes[0].label == "n4"
    assert (len(around.edges), around.total_nodes, around.total_edges) == (4, 10, 9)
    assert around.relations == ("next",)
    assert store.graph("nowhere").nodes == ()
    assert len(store.graph("n").nodes) == 10


def test_capped_graph_shows_the_most_connected_and_the_true_size(store: Store) -> None:
    store.add_triplets([TripletDraft("hub", "r", f"leaf {i}") for i in range(30)])
    view = store.graph(limit=5)
    assert len(view.nodes) == 5
    assert view.nodes[0].label == "hub"
    assert view.nodes[0].degree == 30
    assert (view.total_nodes, view.total_edges, len(view.edges)) == (31, 30, 4)


def test_nodes_show_their_oldest_picture(store: Store) -> None:
    old, new = PictureId("a" * 64), PictureId("b" * 64)
    first = store.add_triplet(TripletDraft("egg", "heat", "fried egg", subject_picture=old))
    store.add_triplet(TripletDraft("hen", "lay", "egg", object_picture=new))
    node = store.node_by_picture(old)
    assert node is not None
    assert (node.label, node.degree) == ("egg", 2)
    assert store.nodes_with_pictures() == (node,)
    store.delete_triplet(first.id)
    assert [each.picture for each in store.nodes_with_pictures()] == [new]
    assert store.node_by_picture(old) is None


def test_facts_that_join_two_labels_come_first(store: Store) -> None:
    store.add_triplets(
        [EGG, TripletDraft("egg", "boil", "boiled egg"), TripletDraft("sun", "heat", "stone")]
    )
    facts = store.facts_about(["EGG", "fried egg", "unknown"])
    assert [fact.object for fact in facts] == ["fried egg", "boiled egg"]
    assert len(store.facts_about([f"x{i}" for i in range(2000)])) == 0
    assert len(store.facts_about(["egg"], limit=1)) == 1


# ── runs ────────────────────────────────────────────────────────────────────────────────────────


def test_run_comes_back_as_it_was_written(store: Store) -> None:
    config = DistillConfig(prompt_source="own", own_prompts=("a", "b"), steps=7)
    run = store.create_run(config, "mine")
    assert (run.state, run.steps, run.config) == ("queued", 7, config)
    store.update_run(run.id, state="running", train_loss=math.nan, validation_loss=0.0, step=3)
    now = store.run(run.id)
    assert now.train_loss is not None
    assert math.isnan(now.train_loss)
    assert (now.validation_loss, now.step, now.remaining_s) == (0.0, 3, None)


def test_runs_are_listed_newest_first(store: Store) -> None:
    made = [store.create_run(DistillConfig(), str(i)).id for i in range(3)]
    assert [run.id for run in store.runs()] == made[::-1]


def test_unknown_field_of_a_run_is_a_mistake_in_code(store: Store) -> None:
    run = store.create_run(DistillConfig(), "")
    with pytest.raises(ValueError, match="config"):
        store.update_run(run.id, config="{}")
    with pytest.raises(RunError, match="There is no run x"):
        store.update_run(RunId("x"), step=1)


def test_update_spares_a_run_that_has_moved_on(store: Store) -> None:
    run = store.create_run(DistillConfig(), "").id
    store.update_run(run, state="done")
    assert not store.move_run(run, ("running",), state="interrupted")
    assert store.run(run).state == "done"


def test_request_is_handed_out_once(store: Store) -> None:
    run = store.create_run(DistillConfig(), "").id
    assert store.take_request(run) is None
    store.request_run(run, "pause")
    assert (store.run_request(run), store.take_request(run)) == ("pause", "pause")
    assert store.take_request(run) is None
    with pytest.raises(ValueError, match="stop"):
        store.request_run(run, "halt")


def test_curves_keep_zero_and_not_a_number(store: Store) -> None:
    run = store.create_run(DistillConfig(), "").id
    values = [0.0, math.nan, math.inf, -1.5]
    store.add_metrics(run, [Metric(i, "train", value, 1.0) for i, value in enumerate(values)])
    assert repr([point.value for point in store.metrics(run)]) == repr(values)


def test_thinned_curve_keeps_ends_and_extremes_of_each_series(store: Store) -> None:
    run = store.create_run(DistillConfig(), "").id
    curve = [math.sin(i / 50) for i in range(5000)]
    curve[1234], curve[3210], curve[4000] = 90.0, -90.0, math.nan
    store.add_metrics(run, [Metric(i, "train", v, float(i)) for i, v in enumerate(curve)])
    store.add_metrics(run, [Metric(i, "validation", 0.0, 1.0) for i in range(0, 5000, 20)])
    thinned = store.metrics(run, 100)
    train = [point for point in thinned if point.series == "train"]
    validation = [point for point in thinned if point.series == "validation"]
    assert len(train) <= 100
    assert 2 <= len(validation) <= 100
    assert (train[0].step, train[-1].step) == (0, 4999)
    assert {90.0, -90.0} <= {point.value for point in train}
    assert any(math.isnan(point.value) for point in train)
    assert [point.step for point in train] == sorted({point.step for point in train})


def test_deleted_run_takes_its_rows_along_but_not_the_answers(store: Store) -> None:
    run, other = (store.create_run(DistillConfig(), name).id for name in "ab")
    for each in (run, other):
        store.add_metrics(each, [Metric(1, "train", 1.0, 1.0)])
        store.add_samples(each, [RunSample(1, "p", "t", "s\ud83d", (PictureId("a" * 64),))])
        store.add_failure(each, "key", "slow")
    store.save_trace("key", "question", "answer", "builtin")
    store.delete_run(run)
    with pytest.raises(RunError):
        store.run(run)
    assert (store.metrics(run), store.samples(run), store.failures(run)) == ((), (), {})
    assert store.samples(other) == (RunSample(1, "p", "t", "s?", (PictureId("a" * 64),)),)
    assert store.failures(other) == {"key": "slow"}
    assert store.trace("key") == "answer"


def test_first_answer_under_a_key_stays(store: Store) -> None:
    store.save_trace("k", "q", "first", "m")
    store.save_trace("k", "q", "second", "m")
    assert store.traces(["none", "k"]) == {"k": "first"}
    assert store.trace("none") is None


# ── chats and settings ──────────────────────────────────────────────────────────────────────────


def test_chat_comes_back_turn_by_turn(store: Store) -> None:
    fact = Fact(TripletId(1), "egg", "heat", "fried egg", 0.5, 2, (TripletId(7), TripletId(1)))
    stats = AnswerStats(3, 10.0, 0.1, "ab" * 32, "shipped", "cancelled")
    picture = PictureId("c" * 64)
    turns = (
        Turn("user", "what now? \ud83d", (picture,), ("what",)),
        Turn("assistant", "<think>heat</think> fried egg", facts=(fact,), stats=stats),
    )
    chat = store.latest_chat()
    store.save_chat(chat.id, turns)
    assert store.latest_chat().turns == turns
    store.save_chat(chat.id, turns[:1])
    assert store.latest_chat().turns == turns[:1]


def test_new_chat_does_not_pile_up_empty_ones(store: Store) -> None:
    first = store.latest_chat()
    assert store.new_chat().id == first.id
    store.save_chat(first.id, [Turn("user", "hello")])
    second = store.new_chat()
    assert second.id != first.id
    assert store.latest_chat().id == second.id
    assert store.chat(first.id).turns == (Turn("user", "hello"),)
    assert store.chat(ChatId("nobody wrote to it")).turns == ()
    store.save_chat(ChatId("from elsewhere"), [Turn("user", "hi")])
    assert store.chats(1)[0].id == "from elsewhere"
    assert len(store.chats()) == 3


def test_settings_are_kept_when_the_store_is_opened_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db")
    assert store.setting("student") is None
    store.set_setting("student", "one")
    store.set_setting("student", "two")
    store.close()
    again = Store(tmp_path / "a.db")
    assert again.setting("student") == "two"
    again.close()
    assert not (tmp_path / "a.db-wal").exists()


# ── the world ───────────────────────────────────────────────────────────────────────────────────

WRITER = """
import sys
from pathlib import Path
from model.knowledge import graph_rows
from model.knowledge.store import Store
from model.records import TripletDraft
store = Store(Path(sys.argv[1]))
for i in range(100):
    store.add_triplet(TripletDraft(f"n{i}", "r", f"m{i}"))
    sys.stdout.write(f"{i}\\n")
    sys.stdout.flush()
sys.stdin.read()
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
@pytest.mark.parametrize("wait_for", [3, 40])
def test_killed_writer_loses_no_acknowledged_edit(tmp_path: Path, wait_for: int) -> None:
    path = tmp_path / "a.db"
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=PROJECT,
        text=True,
    ) as child:
        assert child.stdout is not None
        told = [int(child.stdout.readline()) for _ in range(wait_for)]
        child.send_signal(signal.SIGKILL)
        told += [int(line) for line in child.stdout if line.endswith("\n")]
    store = Store(path)
    kept = {subject for subject, _, _ in words(store)}
    assert {f"n{i}" for i in told} <= kept
    assert len(kept) - len(told) <= 1
    store.close()


def test_two_threads_write_at_once_without_loss(store: Store) -> None:
    failed: list[Exception] = []

    def write(name: str) -> None:
        try:
            for i in range(40):
                store.add_triplet(TripletDraft(f"{name}{i}", "r", "shared"))
                store.triplets(name)
        except ReasonerError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert store.graph().nodes[0].degree == store.triplets().total == 80


def test_connections_of_ended_threads_are_given_back(store: Store) -> None:
    for _ in range(20):
        thread = threading.Thread(target=store.triplets)
        thread.start()
        thread.join()
    assert len(store._database._open) <= 3


def test_locked_database_is_said_in_words(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db", busy_s=0.05)
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(ReasonerError, match=r"busy for 0.05 seconds"):
        store.add_triplet(EGG)
    other.execute("ROLLBACK")
    other.close()
    assert store.add_triplet(EGG).id == 1
    store.close()


def test_an_edit_during_an_import_is_told_what_it_waits_for(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db", busy_s=0.05)
    refused: list[str] = []

    def edit() -> None:
        with pytest.raises(ReasonerError) as caught:
            store.add_triplet(EGG)
        refused.append(str(caught.value))

    with store._database.write_much("“big.csv” is being imported"):
        thread = threading.Thread(target=edit)
        thread.start()
        thread.join()
    assert refused == [
        "“big.csv” is being imported; nothing else could be stored for 0.05 seconds. "
        "Nothing of yours was changed: do it again when that is done."
    ]
    assert store.add_triplet(EGG).id == 1
    store.close()


def test_full_disk_is_said_in_words_and_leaves_nothing_half_written(store: Store) -> None:
    store.add_triplet(EGG)
    connection = store._database._connection()
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(ReasonerError, match=r"MB are free in .* nothing was half-written"):
        store.add_triplets([TripletDraft(f"n{i}" * 20, "r", f"m{i}" * 20) for i in range(500)])
    connection.execute("PRAGMA max_page_count = 1000000")
    assert words(store) == {("Egg", "heat", "fried egg")}
    store.add_triplet(TripletDraft("a", "b", "c"))


def test_file_that_is_no_database_is_said_in_words(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(b"this is not a database" * 200)
    with pytest.raises(ReasonerError, match="is damaged"):
        Store(path)
    assert path.read_bytes().startswith(b"this is not")


def test_folder_that_cannot_be_made_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReasonerError, match="cannot be written to"):
        Store(tmp_path / "file" / "a.db")


def test_closed_store_refuses_work(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.db")
    store.close()
    with pytest.raises(ValueError, match="closed"):
        store.labels()


def test_a_graph_of_some_relations_is_looked_for_beyond_what_is_drawn(store: Store) -> None:
    store.add_triplets([TripletDraft("hub", "lead", f"n{number}") for number in range(20)])
    store.add_triplets(
        [TripletDraft("seed", "water", "seedling"), TripletDraft("seedling", "wait", "tree")]
    )
    assert "seed" not in {node.label for node in store.graph(limit=5).nodes}
    view = store.graph(limit=5, relations=["WATER"])
    assert {node.label for node in view.nodes} == {"seed", "seedling"}
    assert [edge.label for edge in view.edges] == ["water"], "no other triplet of the two ends"
    assert (view.total_nodes, view.relations) == (24, ("lead", "wait", "water"))
    around = store.graph("tree", hops=3, relations=["wait"])
    assert {node.label for node in around.nodes} == {"tree", "seedling"}
    assert store.graph(relations=["fly"]).nodes == ()


def test_a_common_relation_is_drawn_from_its_hubs_with_arrows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graph_rows, "FEW", 3)
    store.add_triplets([TripletDraft("other", "lead", f"m{number}") for number in range(9)])
    store.add_triplets([TripletDraft("hub", "cut", f"n{number}") for number in range(8)])
    store.add_triplet(TripletDraft("n0", "cut", "part"))
    view = store.graph(limit=4, relations=["cut"])
    assert [node.label for node in view.nodes] == ["hub", "n0", "n1", "n2"]
    assert len(view.edges) == 3
