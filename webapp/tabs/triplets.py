"""Triplets: three pictures — what, action, result — with their labels, saved to the graph."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.config import SampleConfig
from model.errors import GraphError, InputError, ReasonerError
from model.records import ROLES, PictureId, Role, Triplet, TripletDraft, TripletId, Turn
from webapp.backend import Backend, Door
from webapp.formatting import error_html, note_html, question_about, triplet_words
from webapp.proposal_panel import build_proposals
from webapp.redraws import Redraws
from webapp.saved_triplets import SavedTriplets, build_saved, show_saved
from webapp.slots import Slot, draw_slot, filled, picture_of
from webapp.triplet_list import example_row, list_value, triplet_list
from webapp.widgets import CALM, QUIET, Wire, bind, event_number

ALIKE = 0.7
"""From this similarity on an imagined picture counts as the known one."""
BLURRED = 0.5
"""Below this similarity fewer than half of the imagined pictures are right (113 of validation)."""
_NEW = "Save to graph"
_EDITED = "Save changes"


@dataclass(frozen=True)
class TripletsTab:
    """What other tabs link to: the slots, the buttons that lead away, and the reload."""

    slots: tuple[Slot, ...]
    ask: Any
    see: Any
    last_saved: Any
    saved: SavedTriplets
    changed: Any
    form_parts: list[Any]
    reload: Wire


@dataclass(frozen=True)
class _Form:
    """The buttons and lines under the slots."""

    save: Any
    predict: Any
    ask: Any
    clear: Any
    note: Any
    see: Any
    prediction: Any


def build(door: Door, *, multi_user: bool = False) -> TripletsTab:
    """Draw the tab inside the current one, and wire it.

    ``multi_user``: teachers' addresses come from the operator, so there is no field for one.
    """
    changed, editing, last_saved = gr.State(0), gr.State(None), gr.State("")
    with gr.Row(elem_classes="itr-columns", equal_height=False):
        with gr.Column(scale=7, min_width=320, elem_classes="itr-panel"):
            with gr.Row(elem_classes="itr-slots", equal_height=False):
                slots = tuple(draw_slot(door, role) for role in ROLES)
            form = _draw_form()
            build_proposals(door, changed, multi_user=multi_user)
            gr.HTML("<h2 class='itr-heading'>Examples</h2>")
            examples = triplet_list("Examples to try", "examples", "itr-examples")
        with gr.Column(scale=4, min_width=300, elem_classes="itr-panel"):
            saved = build_saved(door, changed)
    _wire_form(door, slots, form, (changed, editing, last_saved))
    parts = [part for slot in slots for part in slot.parts]
    form_parts = [form.note, form.see, form.prediction, form.save, editing]
    whole = [*parts, *form_parts]
    examples.pick(bind(door, take_example, event=True), None, whole, **QUIET)
    saved.cards.edit(bind(door, edit_saved, event=True), None, whole, **QUIET)
    form.clear.click(clear, None, whole, queue=False, **QUIET)
    reload = Wire(bind(door, show_all), saved.reload.inputs, [examples, *saved.reload.outputs])
    return TripletsTab(slots, form.ask, form.see, last_saved, saved, changed, form_parts, reload)


def _draw_form() -> _Form:
    with gr.Row(elem_classes="itr-row itr-actions"):
        save = gr.Button(_NEW, variant="primary", elem_id="save-triplet", min_width=130)
        predict = gr.Button("What will happen?", elem_id="predict-result", min_width=150)
        ask = gr.Button("Ask about it", elem_id="ask-triplet", min_width=120)
        clear = gr.Button("Clear", elem_id="clear-triplet", min_width=80)
    with gr.Row(elem_classes="itr-row itr-undo-bar"):
        note = gr.HTML("", elem_id="triplet-note")
        see = gr.Button(
            "See it in the graph", size="sm", visible=False, elem_id="see-triplet", min_width=150
        )
    prediction = gr.HTML("", elem_id="prediction")
    return _Form(save, predict, ask, clear, note, see, prediction)


def _wire_form(door: Door, slots: tuple[Slot, ...], form: _Form, states: tuple[Any, ...]) -> None:
    changed, editing, last_saved = states
    labels = [slot.label for slot in slots]
    pictures = [slot.picture for slot in slots]
    saving = {
        "fn": bind(door, save),
        "inputs": [*labels, *pictures, editing, changed],
        "outputs": [form.note, form.see, form.save, editing, changed, last_saved],
        **CALM,
    }
    form.save.click(
        **saving,
        api_name="add_triplet",
        api_description="Save a triplet of three labels: what, action, result.",
    )
    for label in labels:
        label.submit(**saving, api_visibility="private")
    form.predict.click(
        bind(door, predict),
        [pictures[0], labels[0], slots[0].seen, pictures[1], labels[1], slots[1].seen],
        [form.prediction],
        **QUIET,
    )


def show_all(backend: Backend, query: str, order: str, offset: int) -> tuple[Any, ...]:
    """Everything that the tab shows when the page is opened.

    Inputs: query, order, offset
    Outputs: examples, cards, offset, count, previous, following
    """
    from_examples = [example_row(backend, n, one) for n, one in enumerate(backend.examples())]
    return (
        list_value(from_examples, "No examples came with this installation.", pick="Try"),
        *show_saved(backend, query, order, offset),
    )


def save(
    backend: Backend,
    subject: str,
    relation: str,
    result: str,
    what_picture: str,
    action_picture: str,
    result_picture: str,
    editing: tuple[int, int] | None,
    changed: int,
) -> tuple[Any, ...]:
    """Save the triplet in the slots, as a new one or over the one being edited.

    Inputs: three labels, three pictures, editing, changed
    Outputs: note, see, save, editing, changed, last_saved
    """
    draft = TripletDraft(
        subject,
        relation,
        result,
        picture_of(what_picture),
        picture_of(action_picture),
        picture_of(result_picture),
    )
    try:
        stored = _stored(backend, draft, editing)
    except (InputError, GraphError) as exc:
        return error_html(str(exc)), gr.Button(visible=False), *[gr.skip()] * 4
    return (
        note_html(f"Saved {triplet_words(stored)}."),
        gr.Button(visible=True),
        gr.Button(_NEW),
        None,
        changed + 1,
        stored.subject,
    )


def _stored(backend: Backend, draft: TripletDraft, editing: tuple[int, int] | None) -> Triplet:
    if editing is None:
        return backend.add_triplet(draft)
    triplet, version = editing
    return backend.edit_triplet(TripletId(triplet), draft, version)


def _filled_form(
    backend: Backend, draft: TripletDraft | Triplet, words: str, editing: tuple[int, int] | None
) -> tuple[Any, ...]:
    """The values of all slots and of the form: note, see, prediction, save, editing."""
    pictures = (draft.subject_picture, draft.relation_picture, draft.object_picture)
    labels = (draft.subject, draft.relation, draft.object)
    slots = [part for n in range(len(ROLES)) for part in filled(backend, pictures[n], labels[n])]
    return (
        *slots,
        note_html(words),
        gr.Button(visible=False),
        "",
        gr.Button(_NEW if editing is None else _EDITED),
        editing,
    )


def take_example(backend: Backend, event: gr.EventData) -> tuple[Any, ...]:
    """Fill the slots with an example.

    Inputs: examples.pick (id: its place)
    Outputs: all slots, note, see, prediction, save, editing
    """
    examples, place = backend.examples(), event_number(event, "id")
    if not 0 <= place < len(examples):
        raise InputError(f"There is no example {place}; there are {len(examples)}.")
    return _filled_form(backend, examples[place].draft, "", None)


def edit_saved(backend: Backend, event: gr.EventData) -> tuple[Any, ...]:
    """Put a saved triplet back into the slots, to change it.

    Inputs: cards.edit (id)
    Outputs: all slots, note, see, prediction, save, editing
    """
    triplet = backend.triplet(TripletId(event_number(event, "id")))
    words = f"Editing {triplet_words(triplet)}. Save the changes, or clear to leave it as it is."
    return _filled_form(backend, triplet, words, (triplet.id, triplet.version))


def clear() -> tuple[Any, ...]:
    """Empty the slots.

    Outputs: all slots, note, see, prediction, save, editing
    """
    slot = (None, "", "", gr.Button(visible=False), "", "")
    return (*slot * len(ROLES), "", gr.Button(visible=False), "", gr.Button(_NEW), None)


def question_in_chat(
    pictures: Sequence[str], labels: Sequence[str]
) -> tuple[list[str], tuple[Role, ...], str]:
    """The pictures that the slots hold, their roles, and a first question about them.

    Raises: InputError if there is neither a picture nor a label to ask about.
    """
    held = [(role, picture) for role, picture in zip(ROLES, pictures, strict=True) if picture]
    roles: tuple[Role, ...] = tuple(role for role, _ in held)
    subject, relation, _ = (label.strip() for label in labels)
    if "what" in roles and "result" in roles:
        return [picture for _, picture in held], roles, "What happened here?"
    if relation and (subject or "what" in roles):
        shown = [picture for role, picture in held if role == "what"]
        return shown, (), question_about(subject, relation, shown=not subject)
    if held:
        return [held[0][1]], (), "What is this?"
    raise InputError("There is nothing to ask about. Add a picture or take an example first.")


def predict(
    backend: Backend,
    what_picture: str,
    what_label: str,
    what_seen: str,
    action_picture: str,
    action_label: str,
    action_seen: str,
) -> Iterator[str]:
    """Let the student say what comes out, from what and action alone.

    Inputs: picture, label and sight of what; the same of action
    Outputs: prediction
    """
    subject, relation = what_label or what_seen, action_label or action_seen
    try:
        if not relation.strip() or not (what_picture or subject.strip()):
            raise InputError(
                "A prediction needs a what (picture or label) and an action (label, or a picture "
                "that the student knows)."
            )
        shown = (PictureId(what_picture),) if what_picture else ()
        # A name, where there is one, also finds the facts of the graph; a picture alone may not.
        turn = Turn("user", question_about(subject, relation, shown=not subject.strip()), shown)
        answer = backend.answer([turn], SampleConfig())
    except ReasonerError as exc:
        yield error_html(str(exc))
        return
    text, stats, redraws = "", "", Redraws()
    try:
        for event in answer.events():
            if event.kind == "error":
                yield error_html(event.text)
                return
            text += event.text if event.kind == "token" else ""
            if event.stats:
                stats = f"{event.stats.student} · {event.stats.weights_hash[:6]}"
            if redraws.due():
                yield prediction_html(text, "")
                redraws.drawn()
    finally:
        answer.cancel()
    yield prediction_html(text, stats)
    yield prediction_html(text, stats, _nearest(backend, turn))


def _nearest(backend: Backend, turn: Turn) -> str:
    """The known picture that is most like what the student imagines; empty if there is none."""
    try:
        found = backend.expect(turn)
        face = backend.thumbnail(found.picture, 144) if found else ""
    except ReasonerError as exc:
        return f"<p class='itr-muted'>{html.escape(str(exc))}</p>"
    if found is None:
        return ""
    if found.similarity < BLURRED:
        return "<p class='itr-muted'>It imagines no known picture clearly.</p>"
    how = "just like" if found.similarity >= ALIKE else "something like"
    label = html.escape(found.label)
    return (
        f"<figure class='itr-nearest'><img src='{html.escape(face)}' alt='{label}' width='72' "
        f"height='72'><figcaption>It imagines {how} this known picture: <b>{label}</b> "
        f"<span class='itr-muted itr-num'>{found.similarity:.2f}</span></figcaption></figure>"
    )


def prediction_html(text: str, stats: str, nearest: str = "") -> str:
    """What the student expects, with the weights that said so and the ``nearest`` known picture."""
    return (
        "<div class='itr-prediction' role='status'><span class='itr-role-result'>"
        "<span class='itr-mark-result'></span> The student expects</span>"
        f"<p>{html.escape(text.strip()) or '…'}</p>{nearest}"
        f"<span class='itr-muted itr-num'>{html.escape(stats)}</span></div>"
    )
