from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.utils import get_upload_folder
from PIL import Image

from model.errors import BundleError, EngineBusy, GraphError, InputError
from model.records import Description, Expectation, TripletDraft
from tests.fake_pictures import EXAMPLES, draw_thing
from tests.fakes import FakeBackend
from webapp.formatting import question_about
from webapp.saved_triplets import PAGE, delete_saved, show_saved, undo_edit
from webapp.slots import accept_suggestion, see_picture, sureness, take_picture
from webapp.tabs.triplets import (
    clear,
    edit_saved,
    predict,
    question_in_chat,
    save,
    show_all,
    take_example,
)

SLOT_PARTS = 6


@pytest.fixture
def backend(tmp_path: Path) -> FakeBackend:
    return FakeBackend(tmp_path, delay_s=0.0)


@pytest.fixture
def upload() -> Any:
    made: list[Path] = []

    def put(name: str, content: bytes | Image.Image) -> dict[str, str]:
        path = Path(get_upload_folder()) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content.save(path)
        made.append(path)
        return {"path": str(path)}

    yield put
    for path in made:
        path.unlink(missing_ok=True)


def click(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def new(backend: FakeBackend, *words: str, editing: Any = None) -> tuple[Any, ...]:
    return save(backend, *words, "", "", "", editing, 0)


def test_a_picture_is_stored_and_described_as_an_offer(backend: FakeBackend, upload: Any) -> None:
    _, picture, suggestion, _, note = take_picture(backend, upload("egg.png", draw_thing("egg")))
    assert backend.picture_path(picture).exists()
    assert not suggestion.visible
    assert "looking" in note
    offer, seen, _ = see_picture(backend, picture, "")
    assert offer.visible
    assert offer.value == "The student sees: egg · 97%"
    assert accept_suggestion(seen)[0] == "egg"


def test_a_label_that_already_says_so_is_not_offered_again(
    backend: FakeBackend, upload: Any
) -> None:
    _, picture, *_ = take_picture(backend, upload("egg2.png", draw_thing("egg")))
    offer, _, note = see_picture(backend, picture, " Egg ")
    assert not offer.visible
    assert "97%" in note


def test_a_file_that_is_no_picture_empties_the_slot_and_says_why(
    backend: FakeBackend, upload: Any
) -> None:
    image, picture, _, _, note = take_picture(backend, upload("bad.png", b"no picture"))
    assert image is None
    assert picture == ""
    assert "Save it as PNG or JPEG" in note
    assert "role='alert'" in note


def test_an_emptied_slot_forgets_its_picture(backend: FakeBackend) -> None:
    _, picture, suggestion, seen, note = take_picture(backend, None)
    assert (picture, seen, note) == ("", "", "")
    assert not suggestion.visible


def test_a_student_that_is_not_ready_leaves_the_label_to_the_person(
    backend: FakeBackend, upload: Any
) -> None:
    _, picture, *_ = take_picture(backend, upload("egg3.png", draw_thing("egg")))
    backend.fail_next = BundleError("The student is still loading. Try again in a moment.")
    offer, seen, note = see_picture(backend, picture, "")
    assert not offer.visible
    assert seen == ""
    assert "still loading" in note


def test_saving_adds_a_triplet_and_counts_the_change(backend: FakeBackend) -> None:
    before = backend.triplets().total
    note, see, _, editing, changed, last = new(backend, "bread", "toast", "toasted bread")
    assert backend.triplets().total == before + 1
    assert "Saved bread → toast → toasted bread." in note
    assert see.visible
    assert (editing, changed, last) == (None, 1, "bread")


def test_a_missing_label_is_named_and_nothing_is_saved(backend: FakeBackend) -> None:
    before = backend.triplets().total
    note, see, *rest = new(backend, "bread", "", "toast")
    assert "The action has no label" in note
    assert not see.visible
    assert all(value == gr.skip() for value in rest)
    assert backend.triplets().total == before


def test_hostile_labels_are_shown_as_words(backend: FakeBackend) -> None:
    note, *_ = new(backend, "<img src=x onerror=alert(1)>", "${alert(1)}", "{{x}}")
    assert "<img" not in note
    assert "&lt;img src=x" in note
    cards = show_saved(backend, "", "newest", 0)[0]
    assert cards["rows"][0]["subject"] == "<img src=x onerror=alert(1)>"


def test_an_example_fills_every_slot(backend: FakeBackend) -> None:
    values = take_example(backend, click(id=1))
    labels = [values[n * SLOT_PARTS + 2] for n in range(3)]
    assert tuple(labels) == EXAMPLES[1]
    assert all(Path(values[n * SLOT_PARTS]).exists() for n in range(3))
    assert values[-1] is None


def test_an_example_that_does_not_exist_is_refused(backend: FakeBackend) -> None:
    with pytest.raises(InputError, match="no example 99"):
        take_example(backend, click(id=99))


def test_editing_replaces_the_triplet_and_keeps_its_id(backend: FakeBackend) -> None:
    first = backend.triplets(order="oldest").items[0]
    values = edit_saved(backend, click(id=first.id))
    assert values[-1] == (first.id, first.version)
    assert values[-2].value == "Save changes"
    note, *_ = new(backend, "egg", "heat", "omelette", editing=values[-1])
    assert "omelette" in note
    assert backend.triplet(first.id).object == "omelette"
    assert backend.triplet(first.id).version == first.version + 1


def test_an_edit_over_somebody_elses_is_refused_in_words(backend: FakeBackend) -> None:
    first = backend.triplets(order="oldest").items[0]
    backend.edit_triplet(first.id, TripletDraft("egg", "heat", "hot egg"), first.version)
    note, *_ = new(backend, "egg", "heat", "omelette", editing=(first.id, first.version))
    assert "was changed meanwhile" in note
    assert backend.triplet(first.id).object == "hot egg"


def test_a_deleted_triplet_comes_back_with_undo(backend: FakeBackend) -> None:
    first = backend.triplets().items[0]
    changed, note, undo, edit = delete_saved(backend, click(id=first.id), 3)
    assert changed == 4
    assert "Deleted" in note
    assert undo.visible
    changed, _, undo = undo_edit(backend, changed, edit)
    assert backend.triplet(first.id) == first
    assert changed == 5
    assert not undo.visible


def test_undo_beside_a_deleted_triplet_takes_nothing_else_back(backend: FakeBackend) -> None:
    first, second, *_ = backend.triplets().items
    *_, edit = delete_saved(backend, click(id=first.id), 0)
    backend.delete_triplet(second.id)
    total = backend.triplets().total
    with pytest.raises(GraphError, match="Something else was changed since"):
        undo_edit(backend, 1, edit)
    assert backend.triplets().total == total
    backend.undo()  # step by step
    undo_edit(backend, 1, edit)
    assert backend.triplet(first.id) == first


def test_clearing_empties_slots_and_leaves_editing(backend: FakeBackend) -> None:
    values = clear()
    assert len(values) == 3 * SLOT_PARTS + 5
    assert values[-1] is None
    assert values[-2].value == "Save to graph"


def test_saved_triplets_come_in_pages_and_a_page_too_far_shows_the_last(
    tmp_path: Path,
) -> None:
    backend = FakeBackend(tmp_path, seeded=False)
    for number in range(PAGE + 3):
        backend.add_triplet(TripletDraft(f"thing {number}", "wait", f"old thing {number}"))
    cards, offset, words, previous, following = show_saved(backend, "", "oldest", 0)
    assert len(cards["rows"]) == PAGE
    assert f"1–{PAGE} of {PAGE + 3}" in words
    assert (previous.interactive, following.interactive) == (False, True)
    cards, offset, _, previous, following = show_saved(backend, "", "oldest", 5 * PAGE)
    assert offset == PAGE
    assert len(cards["rows"]) == 3
    assert (previous.interactive, following.interactive) == (True, False)


def test_an_empty_graph_and_an_empty_search_say_what_to_do(tmp_path: Path) -> None:
    backend = FakeBackend(tmp_path, seeded=False)
    assert "save it" in show_saved(backend, "", "newest", 0)[0]["empty"]
    assert "No triplet holds" in show_saved(backend, "zebra", "newest", 0)[0]["empty"]


def test_opening_the_page_shows_examples_with_pictures(backend: FakeBackend) -> None:
    examples = show_all(backend, "", "newest", 0)[0]
    assert len(examples["rows"]) == len(EXAMPLES)
    assert all(uri.startswith("data:image/") for row in examples["rows"] for uri in row["pictures"])


@pytest.mark.parametrize(
    ("subject", "relation", "shown", "question"),
    [
        ("egg", "heat", False, "What happens if I heat the egg?"),
        ("grapes", "press", True, "What happens if I press them?"),
        ("glass", "break", True, "What happens if I break it?"),
        ("seedling", "wait", True, "What happens if I wait?"),
        ("seedling", "wait", False, "What happens to the seedling if I wait?"),
        ("seed", "water", True, "What happens if I water it?"),
        ("red square", "paint blue", True, "What happens if I paint it blue?"),
    ],
)
def test_a_prediction_asks_about_the_thing_or_about_it(
    subject: str, relation: str, shown: bool, question: str
) -> None:
    assert question_about(subject, relation, shown=shown) == question


def test_a_prediction_streams_and_names_the_weights(backend: FakeBackend) -> None:
    picture = backend.examples()[0].draft.subject_picture
    backend.next_text = "It becomes a <b>fried</b> egg."
    last = list(predict(backend, str(picture), "egg", "", "", "heat", ""))[-1]
    turns, settings, _ = backend.asked[-1]
    assert turns[-1].text == "What happens if I heat the egg?"
    assert turns[-1].pictures == (picture,)
    assert settings.think
    assert "&lt;b&gt;fried&lt;/b&gt; egg." in last
    assert backend.students()[0].short_hash in last


def test_a_prediction_uses_what_the_student_saw_where_no_label_is(backend: FakeBackend) -> None:
    list(predict(backend, "", "", "egg", "some picture", "", "heat"))
    assert backend.asked[-1][0][-1].text == "What happens if I heat the egg?"


def test_a_prediction_without_an_action_says_what_is_missing(backend: FakeBackend) -> None:
    assert "needs a what" in "".join(predict(backend, "", "egg", "", "", "", ""))
    assert not backend.asked


def test_a_busy_student_is_told_in_the_prediction(backend: FakeBackend) -> None:
    backend.fail_next = EngineBusy("12 answers are waiting. Try again in a moment.")
    assert "12 answers are waiting" in "".join(predict(backend, "", "egg", "", "", "heat", ""))


def test_leaving_a_prediction_cancels_the_answer(backend: FakeBackend) -> None:
    stream = predict(backend, "", "egg", "", "", "heat", "")
    next(stream)
    stream.close()
    assert backend.answers[-1].cancelled.is_set()


def test_the_chat_gets_pictures_with_roles_only_when_before_and_after_are_there() -> None:
    labels = ("egg", "heat", "fried egg")
    whole = question_in_chat(("a", "b", "c"), labels)
    assert whole == (["a", "b", "c"], ("what", "action", "result"), "What happened here?")
    named = question_in_chat(("a", "b", ""), labels)
    assert named == (["a"], (), "What happens if I heat the egg?")
    shown = question_in_chat(("a", "b", ""), ("", "heat", ""))
    assert shown == (["a"], (), "What happens if I heat it?")
    assert question_in_chat(("", "b", ""), ("", "", "")) == (["b"], (), "What is this?")
    with pytest.raises(InputError, match="nothing to ask about"):
        question_in_chat(("", "", ""), ("", "", ""))


def test_a_prediction_shows_the_known_picture_that_is_imagined(backend: FakeBackend) -> None:
    draft = backend.examples()[0].draft
    last = list(predict(backend, "", draft.subject, "", "", draft.relation, ""))[-1]
    assert "just like this known picture" in last
    assert f"<b>{draft.object}</b>" in last
    unknown = list(predict(backend, "", "dragon", "", "", "heat", ""))[-1]
    assert "known picture" not in unknown


def test_a_picture_that_is_imagined_dimly_is_not_shown(
    backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = backend.examples()[0].draft.object_picture
    monkeypatch.setattr(backend, "expect", lambda turn: Expectation("soup", picture, 0.49))
    last = list(predict(backend, "", "egg", "", "", "heat", ""))[-1]
    assert "soup" not in last
    assert "no known picture clearly" in last


def test_an_unfamiliar_picture_gets_no_proposal(
    backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "I have not seen anything like this."
    strange = Description("", words, 0.0, familiar=False)
    monkeypatch.setattr(backend, "describe", lambda picture: strange)
    picture = str(backend.examples()[0].draft.subject_picture)
    offer, seen, note = see_picture(backend, picture, "")
    assert (offer.visible, seen) == (False, "")
    assert words in note


@pytest.mark.parametrize(
    ("confidence", "words"), [(0.97, "sees"), (0.6, "thinks it sees"), (0.2, "guesses")]
)
def test_sureness_is_told_in_words(confidence: float, words: str) -> None:
    assert sureness(confidence) == words
