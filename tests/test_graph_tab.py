from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from model.config import DistillConfig
from model.errors import GraphError, RunError
from model.records import StudentStatus, TripletDraft
from tests.fake_pictures import EXAMPLES
from tests.fakes import FakeBackend
from webapp.graph_edits import (
    add_examples,
    add_row,
    connect_nodes,
    redo_edit,
    remove_row,
    save_row,
    undo_edit,
)
from webapp.graph_focus import MOST_NODES, focus_of
from webapp.graph_table import PAGE
from webapp.graph_view import drawing, shown_words
from webapp.header import ask_to_delete, delete_student, open_switcher, show_student, show_teacher
from webapp.node_panel import node_question, panel_of
from webapp.tabs.graph import MOST_CHIPS, open_fact, pick, redraw, show, show_row
from webapp.ui import build_app, compare_with_before, launch_options, light_triplet, see_fact

HOSTILE = '"><img src=x onerror=alert(1)>${alert(2)}{{x}}`'


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    return FakeBackend(tmp_path)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    backend = FakeBackend(tmp_path_factory.mktemp("page"))
    return build_app(lambda _: backend)


def click(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def shown(backend: FakeBackend, search: str = "", **more: Any) -> dict[str, Any]:
    names = ("canvas", "relations", "listed", "full", "empty", "table", "offset", "count",
             "previous", "page", "following", "note", "selected", "head", "ask", "facts", "node",
             "form", "label", "moved", "action", "result", "other", "moved_label")  # fmt: skip
    chosen = more.get("relations", ())
    values = show(
        backend, search, 2, chosen, chosen, more.get("lit", ()), 0, "newest", more.get("node", "")
    )
    return dict(zip(names, values, strict=True))


def test_every_triplet_is_drawn_as_an_arrow_with_its_pictures(backend: FakeBackend) -> None:
    canvas = shown(backend)["canvas"]
    assert len(canvas["edges"]) == len(EXAMPLES)
    assert {edge["label"] for edge in canvas["edges"]} == {relation for _, relation, _ in EXAMPLES}
    assert all(node["picture"].startswith("data:image/") for node in canvas["nodes"])
    assert canvas["words"] == "Showing all 12 nodes."


def test_a_node_says_whether_it_starts_or_comes_out(backend: FakeBackend) -> None:
    backend.add_triplet(TripletDraft("fried egg", "eat", "full belly"))
    sides = {node["label"]: node["side"] for node in shown(backend)["canvas"]["nodes"]}
    assert (sides["egg"], sides["fried egg"], sides["full belly"]) == ("what", "both", "result")


def test_two_arrows_between_the_same_nodes_are_bent_apart(backend: FakeBackend) -> None:
    backend.add_triplet(TripletDraft("egg", "fry", "fried egg"))
    backend.add_triplet(TripletDraft("fried egg", "cool", "egg"))
    edges = shown(backend, "egg")["canvas"]["edges"]
    # A bend is seen from its own start, so an arrow back with the same sign lies on the other side.
    sides = {edge["bend"] if edge["from"] < edge["to"] else -edge["bend"] for edge in edges}
    assert len(sides) == len(edges) == 3


def test_a_search_shows_what_lies_around_and_what_is_hidden(backend: FakeBackend) -> None:
    canvas = shown(backend, "EGG")["canvas"]
    assert {node["label"] for node in canvas["nodes"]} == {"egg", "fried egg"}
    assert canvas["words"] == "Showing 2 of 12 nodes around “EGG”."
    assert shown_words(300, 12_480, "egg") == "Showing 300 of 12,480 nodes around “egg”."


def test_a_search_for_a_part_of_a_word_finds_the_first_label_with_it(backend: FakeBackend) -> None:
    assert focus_of(backend, "popc") == "popcorn"
    assert focus_of(backend, "  ") == ""
    with pytest.raises(GraphError, match="Nothing in the graph is called “zebra”"):
        focus_of(backend, "zebra")


def test_a_search_without_a_hit_says_so_and_shows_everything(backend: FakeBackend) -> None:
    page = shown(backend, "<zebra>")
    assert "called “&lt;zebra&gt;”" in page["note"]
    assert len(page["canvas"]["nodes"]) == 12
    assert len(page["table"]["rows"]) == len(EXAMPLES)


def test_chips_keep_only_the_chosen_actions(backend: FakeBackend) -> None:
    page = shown(backend, relations=["heat", "no longer there"])
    assert {edge["label"] for edge in page["canvas"]["edges"]} == {"heat"}
    assert page["relations"].value == ["heat"]
    assert "only heat" in page["canvas"]["words"]


def test_chosen_actions_are_found_beyond_what_is_drawn_without_them(tmp_path: Path) -> None:
    backend = FakeBackend(tmp_path, seeded=False)
    for number in range(MOST_NODES):
        backend.add_triplet(TripletDraft(f"a{number}", "wait", f"b{number}"))
    backend.add_triplet(TripletDraft("seed", "water", "seedling"))
    assert "seed" not in {node["label"] for node in shown(backend)["canvas"]["nodes"]}
    canvas = shown(backend, relations=["water"])["canvas"]
    assert {node["label"] for node in canvas["nodes"]} == {"seed", "seedling"}
    seed = canvas["edges"][0]["from"]
    _, label, *_ = pick(backend, click(node=seed), "", 2, ["water"], [])
    assert label == "seed", "a node that only the choice brought can be clicked"


def test_a_choice_of_actions_that_are_all_gone_is_let_go(backend: FakeBackend) -> None:
    page = shown(backend, relations=["no longer there"])
    assert page["relations"].value == []
    assert len(page["canvas"]["nodes"]) == 12


def test_many_actions_become_a_list_that_can_be_searched(backend: FakeBackend) -> None:
    for number in range(MOST_CHIPS):
        backend.add_triplet(TripletDraft("egg", f"do {number}", f"thing {number}"))
    page = shown(backend, relations=["do 7"])
    assert (page["relations"].visible, page["listed"].visible) == (False, True)
    assert len(page["listed"].choices) == MOST_CHIPS + 5
    assert {edge["label"] for edge in page["canvas"]["edges"]} == {"do 7"}


def test_an_arrow_drawn_by_hand_becomes_a_triplet(backend: FakeBackend) -> None:
    numbers = {node.label: node.id for node in backend.graph().nodes}
    ends = {"from": numbers["egg"], "to": numbers["ice"], "relation": "deep freeze"}
    note, changed = connect_nodes(backend, click(**ends), "", 2, [], [], 0)
    assert "Added egg → deep freeze → ice." in note
    assert changed == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"from": 1, "to": 9999, "relation": "x"}, "no longer in the drawing"),
        ({"from": 1, "to": 2, "relation": " "}, "The action has no label"),
        ({"from": "<b>", "to": 2, "relation": "x"}, "named no triplet"),
        ({}, "named no triplet"),
    ],
)
def test_a_made_up_arrow_is_refused(backend: FakeBackend, data: Any, words: str) -> None:
    note, changed = connect_nodes(backend, click(**data), "", 2, [], [], 4)
    assert words in note
    assert changed == 4


def test_a_fact_of_the_panel_is_opened_and_lit(backend: FakeBackend) -> None:
    row = backend.triplets().items[0]
    lit, opened, box, head, *fields = open_fact(backend, click(id=row.id))
    assert lit == [row.id]
    assert opened == {"id": row.id, "version": row.version}
    assert box.visible
    assert "From examples" in head
    assert fields == [row.subject, row.relation, row.object, 100, ""]


def test_a_large_graph_is_cut_and_says_so(tmp_path: Path) -> None:
    backend = FakeBackend(tmp_path, seeded=False)
    for number in range(MOST_NODES):
        backend.add_triplet(TripletDraft(f"a{number}", "wait", f"b{number}"))
    page = shown(backend)
    assert len(page["canvas"]["nodes"]) == MOST_NODES
    assert page["canvas"]["words"] == f"Showing {MOST_NODES} of {2 * MOST_NODES} nodes."
    assert len(page["table"]["rows"]) == PAGE
    assert page["following"].interactive


def test_an_empty_graph_offers_a_first_step(tmp_path: Path) -> None:
    backend = FakeBackend(tmp_path, seeded=False)
    page = shown(backend)
    assert (page["empty"].visible, page["full"].visible) == (True, False)
    note, changed = add_examples(backend, 0)
    assert changed == 1
    assert f"Added {len(EXAMPLES)} examples." in note
    assert shown(backend)["full"].visible


def test_a_click_on_a_picture_shows_its_facts(backend: FakeBackend) -> None:
    view = backend.graph()
    egg = next(node for node in view.nodes if node.label == "egg")
    lit, label, head, ask, facts, *rest = pick(backend, click(node=egg.id), "", 2, [], [])
    assert rest[-8] is None, "no triplet is open"
    assert (lit, label) == ([], "egg")
    assert "1 leading on, 0 leading here · from examples." in head
    assert ask.visible
    assert facts["rows"][0]["object"] == "fried egg"


def test_a_click_on_an_arrow_lights_it(backend: FakeBackend) -> None:
    edge = backend.graph().edges[1]
    lit, label, *rest = pick(backend, click(edge=edge.id), "", 2, [], [])
    assert lit == [edge.id]
    assert rest[-8] == {"id": edge.id, "version": 1}
    assert label == backend.triplet(edge.id).subject
    assert redraw(backend, "", 2, [], [], lit)["lit"] == [edge.id]


@pytest.mark.parametrize(
    "data", [{}, {"node": 9999}, {"edge": "x"}, {"node": "<b>"}, {"node": None}]
)
def test_a_made_up_click_on_the_drawing_is_refused(backend: FakeBackend, data: Any) -> None:
    with pytest.raises(GraphError, match="no longer in the graph"):
        pick(backend, click(**data), "", 2, [], [])


def test_a_node_that_is_gone_leaves_a_hint(backend: FakeBackend) -> None:
    selected, head, ask, facts, *form = panel_of(backend, "zebra")
    assert selected == ""
    assert "Click a picture" in head
    assert not ask.visible
    assert facts["rows"] == []
    assert form[0] is None


def test_labels_are_escaped_wherever_they_meet_html(backend: FakeBackend) -> None:
    backend.add_triplet(TripletDraft(HOSTILE, HOSTILE, HOSTILE + "2", source=HOSTILE))
    page = shown(backend, HOSTILE)
    assert page["canvas"]["focus"] == HOSTILE
    for markup in (page["head"], page["count"]):
        assert "<img" not in markup
    assert "&lt;img" in page["head"]
    note, _ = add_row(backend, click(subject=HOSTILE, relation="x", object="y"), 0)
    assert "<img" not in note


def test_a_row_is_added_changed_deleted_and_brought_back(backend: FakeBackend) -> None:
    note, changed = add_row(backend, click(subject="bread", relation="toast", object="toast"), 0)
    assert "Added bread → toast → toast." in note
    row = backend.triplets().items[0]
    words = {"subject": "bread", "relation": "toast", "object": "toasted bread"}
    _, changed, *_ = save_row(backend, click(id=row.id, version=row.version, **words), changed)
    assert backend.triplet(row.id).object == "toasted bread"
    _, changed = remove_row(backend, click(id=row.id), changed)
    assert backend.triplets().total == len(EXAMPLES)
    _, changed = undo_edit(backend, changed)
    assert backend.triplet(row.id).object == "toasted bread"
    _, changed = redo_edit(backend, changed)
    assert backend.triplets().total == len(EXAMPLES)
    assert changed == 5


def test_changed_words_keep_the_pictures_and_the_source(backend: FakeBackend) -> None:
    row = backend.triplets(order="oldest").items[0]
    words = {"subject": "egg", "relation": "heat", "object": "omelette"}
    save_row(backend, click(id=row.id, version=row.version, **words), 0)
    after = backend.triplet(row.id)
    assert after.pictures == row.pictures
    assert after.source == row.source


@pytest.mark.parametrize(
    ("handler", "data", "words"),
    [
        (add_row, {"subject": "egg"}, "The action has no label"),
        (save_row, {"id": 1, "version": 1, "subject": "egg"}, "The action has no label"),
        (
            save_row,
            {
                "id": 1,
                "version": 1,
                "subject": "a",
                "relation": "b",
                "object": "c",
                "confidence": "very",
            },
            "The confidence is “very”",
        ),
        (save_row, {"id": 999, "version": 1}, "no longer in the graph"),
        (
            add_row,
            {"subject": "a", "relation": "b", "object": "c", "confidence": "nan"},
            "0 to 100",
        ),
        (remove_row, {"id": 999}, "no longer in the graph"),
    ],
)
def test_a_refused_edit_is_told_and_counts_as_no_change(
    backend: FakeBackend, handler: Any, data: dict[str, Any], words: str
) -> None:
    note, changed, *_ = handler(backend, click(**data), 4)
    assert words in note
    assert "itr-error" in note
    assert changed == 4


def test_nothing_to_undo_is_said_beside_the_button(backend: FakeBackend) -> None:
    note, changed = undo_edit(backend, 0)
    assert "nothing to undo" in note
    assert changed == 0


def test_a_row_is_brought_into_the_drawing(backend: FakeBackend) -> None:
    row = backend.triplets().items[0]
    search, lit, selected, *_ = show_row(backend, click(id=row.id))
    assert (search, lit, selected) == (row.subject, [row.id], row.subject)


def test_a_question_about_a_node_goes_with_its_picture(backend: FakeBackend) -> None:
    question, picture = node_question(backend, "egg")
    assert question == "What is this?"
    assert picture == backend.examples()[0].draft.subject_picture
    backend.add_triplet(TripletDraft("bread", "toast", "toasted bread"))
    assert node_question(backend, "bread") == ("What is bread?", None)
    with pytest.raises(GraphError, match="“zebra” is no longer"):
        node_question(backend, "zebra")


def test_drawing_an_empty_view_is_no_special_case(tmp_path: Path) -> None:
    backend = FakeBackend(tmp_path, seeded=False)
    assert drawing(backend, backend.graph())["nodes"] == []


def test_the_header_watches_a_student_until_it_is_ready(backend: FakeBackend) -> None:

    info = backend.students()[0]
    backend.ready = StudentStatus("loading", info)
    chip, watch = show_student(backend)
    assert "loading" in chip.value
    assert watch.active
    backend.ready = StudentStatus("ready", info)
    chip, watch = show_student(backend)
    assert info.short_hash in chip.value
    assert not watch.active


def test_the_header_says_when_no_ollama_answers(backend: FakeBackend) -> None:
    assert show_teacher(backend).value == "Ollama · 2 models"
    backend.ollama_up = False
    assert show_teacher(backend).value == "built-in teacher · no Ollama"


def test_a_failed_student_tells_why_in_the_switcher(backend: FakeBackend) -> None:

    backend.ready = StudentStatus("failed", None, "The weights <are> truncated.")
    assert "The weights &lt;are&gt; truncated." in open_switcher(backend)[2]


def test_the_students_that_are_left_are_listed_after_a_delete(backend: FakeBackend) -> None:
    backend.made["old"] = backend._info("old", "older", "run 1")  # type: ignore[index,arg-type]
    question, really = ask_to_delete(backend, "old")
    assert "Delete older for good?" in question
    assert really.visible
    _, students, note, really, *_ = delete_student(backend, "old")
    assert not really.visible
    assert [value for _, value in students.choices] == ["shipped"]
    assert "Deleted older." in note


def test_the_shipped_student_is_not_offered_for_deletion(backend: FakeBackend) -> None:
    words, really = ask_to_delete(backend, "shipped")
    assert "stays" in words
    assert not really.visible


def test_a_run_without_a_student_cannot_be_compared(backend: FakeBackend) -> None:

    run = backend.start_run(DistillConfig())
    with pytest.raises(RunError, match="made no student yet"):
        compare_with_before(backend, run)
    backend.stop_run(run, keep=True)
    _, left, right = compare_with_before(backend, run)
    assert (left.value, right.value) == ("shipped", f"from-{run}")


def test_large_files_are_taken_unless_many_visitors_share_the_disk() -> None:
    assert launch_options()["max_file_size"] == "500mb"
    assert launch_options(multi_user=True)["max_file_size"] == "25mb"


def test_no_listener_without_progress_hands_its_state_to_its_outputs(app: Any) -> None:
    """The page would look for each of them in its whole tree, at every change of the state."""
    hidden = [fn for fn in app.fns.values() if fn.targets and fn.show_progress == "hidden"]
    assert len(hidden) > 200
    assert [fn.name for fn in hidden if fn.show_progress_on != []] == []


def test_the_page_offers_its_useful_events_by_name(app: Any) -> None:
    named = app.get_api_info()["named_endpoints"]
    assert "/add_triplet" in named
    labels = [item["label"] for item in named["/add_triplet"]["parameters"]]
    assert labels == ["What is it?", "What is done?", "What comes out?"]


def test_the_page_is_launched_closed_and_from_this_host_alone() -> None:
    options = launch_options()
    assert options["strict_cors"] is True
    assert options["show_error"] is False
    assert options["run_history"] is False
    assert options["enable_monitoring"] is False
    assert "http" not in " ".join(options["theme"]._stylesheets)
    assert "http://" not in options["head"]
    assert "https://" not in options["head"]


def test_a_fact_of_an_answer_lights_its_edge_and_leads_to_it(backend: FakeBackend) -> None:
    row = backend.triplets("fried egg").items[0]
    assert light_triplet(backend, click(triplet=row.id)) == [row.id]
    assert see_fact(backend, click(triplet=row.id))[1:] == ("egg", [row.id])
    with pytest.raises(GraphError):
        see_fact(backend, click(triplet=999))
    with pytest.raises(GraphError):
        light_triplet(backend, click(triplet="<b>"))
