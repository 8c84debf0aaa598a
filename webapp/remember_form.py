"""“Remember this”: an answer as a triplet that the person looks at, corrects and saves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import gradio as gr

from model.errors import GraphError, InputError, ReasonerError
from model.records import ROLES, AnswerStats, Chat, PictureId, TripletDraft, Turn
from webapp.backend import Backend, Door
from webapp.config_form import picked
from webapp.formatting import error_html, note_html, triplet_words
from webapp.remember import triplet_from
from webapp.widgets import QUIET, bind

FACE_PX = 128
_SHOWS = [("what", "what"), ("action", "action"), ("result", "result"), ("leave out", "")]
_GONE = "That answer is no longer there. Reload the page to see the newest."


@dataclass(frozen=True)
class RememberForm:
    """The form's components; ``changed`` counts what it saved, ``last_saved`` is its subject."""

    panel: Any
    subject: Any
    relation: Any
    object: Any
    faces: Any
    shows: Any
    draft: Any
    note: Any
    see: Any
    save: Any
    cancel: Any
    changed: Any
    last_saved: Any

    @property
    def filled(self) -> list[Any]:
        """What ``on_remember`` sets, in its order."""
        words = [self.subject, self.relation, self.object]
        return [self.panel, *words, self.faces, self.shows, self.draft, self.note, self.see]


def draw_remember() -> RememberForm:
    """Draw the form, hidden until an answer is to be remembered."""
    with gr.Column(
        visible=False, elem_id="chat-remember", elem_classes="itr-panel itr-remember"
    ) as panel:
        gr.HTML("<h2>Remember this</h2>")
        faces = gr.HTML("", elem_id="remember-pictures")
        subject = _draw_label("● What it is", "what")
        relation = _draw_label("▲ What is done", "action")
        made = _draw_label("■ What comes out", "result")
        shows = gr.Radio(_SHOWS, label="The picture shows", visible=False, elem_id="remember-shows")
        with gr.Row(elem_classes="itr-row itr-actions"):
            save = gr.Button(
                "Save to graph",
                variant="primary",
                size="sm",
                min_width=110,
                elem_id="remember-save",
            )
            cancel = gr.Button("Cancel", size="sm", min_width=80, elem_id="remember-cancel")
    note = gr.HTML("", elem_id="remember-note")
    see = gr.Button("See it in the graph", size="sm", visible=False, elem_id="remember-see")
    draft, changed, last = gr.State(None), gr.State(0), gr.State("")
    return RememberForm(
        panel, subject, relation, made, faces, shows, draft, note, see, save, cancel, changed, last
    )


def _draw_label(label: str, role: str) -> Any:
    return gr.Textbox(label=label, max_length=120, elem_id=f"remember-{role}")


def wire_remember(door: Door, form: RememberForm, remember: Any, chat: Any) -> None:
    """Open the form at the event ``remember`` (index), and save or close it."""
    opened = remember(bind(door, on_remember, event=True), [chat], form.filled, **QUIET)
    opened.then(None, js=_TO_FORM, **QUIET)
    words = [form.subject, form.relation, form.object]
    saving: dict[str, Any] = {
        "fn": bind(door, on_save),
        "inputs": [*words, form.shows, form.draft, form.changed],
        "outputs": [form.panel, form.note, form.see, form.changed, form.last_saved],
        **QUIET,
    }
    form.save.click(**saving)
    for field in words:
        field.submit(**saving)
    form.cancel.click(
        lambda: (gr.Column(visible=False), ""), None, [form.panel, form.note], queue=False, **QUIET
    )


_TO_FORM = """() => {
    const form = document.querySelector('#chat-remember');
    if (!form) return;
    const fields = [...form.querySelectorAll('input[type=text], textarea')];
    const field = fields.find(each => !each.value) || fields[0];
    if (window.innerWidth <= 720) form.scrollIntoView({block: 'center'});
    if (field) field.focus({preventScroll: true});
}"""


def on_remember(backend: Backend, click: gr.EventData, chat: Chat | None) -> tuple[Any, ...]:
    """Open the form with what the answer and its question tell.

    Inputs: the message's number (event), chat
    Outputs: panel, subject, relation, object, faces, shows, draft, note, see
    """
    number, turns = picked(click, "index"), chat.turns if chat else ()
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < len(turns):
        raise InputError(_GONE)
    if turns[number].role != "assistant":
        raise InputError(_GONE)
    question = _question_before(turns, number)
    draft = triplet_from(question, turns[number], _author(turns[number].stats))
    draft = _named(backend, draft)
    shown = _held(draft)
    one = shown[0][0] if len(shown) == 1 else None
    return (
        gr.Column(visible=True),
        draft.subject,
        draft.relation,
        draft.object,
        _faces_html(backend, shown),
        gr.Radio(value=one or "", visible=one is not None),
        draft,
        "",
        gr.Button(visible=False),
    )


def on_save(
    backend: Backend,
    subject: str,
    relation: str,
    result: str,
    shows: str | None,
    draft: TripletDraft | None,
    changed: int,
) -> tuple[Any, ...]:
    """Save the form as a triplet that came from the chat.

    Inputs: subject, relation, object, shows, draft, changed
    Outputs: panel, note, see, changed, last_saved
    """
    draft = draft or TripletDraft("", "", "", source="chat", origin="chat")
    draft = replace(draft, subject=subject, relation=relation, object=result)
    try:
        stored = backend.add_triplet(_placed(draft, shows or ""))
    except (InputError, GraphError) as exc:
        return gr.skip(), error_html(str(exc)), gr.skip(), gr.skip(), gr.skip()
    said = f"Saved {triplet_words(stored)}."
    return (
        gr.Column(visible=False),
        note_html(said),
        gr.Button(visible=True),
        changed + 1,
        stored.subject,
    )


# ── inside ──────────────────────────────────────────────────────────────────────────────────────


def _question_before(turns: Sequence[Turn], number: int) -> Turn | None:
    """The question of an answer; one without pictures has those that it points back to."""
    asked = [turn for turn in turns[:number] if turn.role == "user"]
    return asked[-1] if asked else None


def _author(stats: AnswerStats | None) -> str:
    return f"{stats.student} {stats.weights_hash[:6]}" if stats else "student"


def _named(backend: Backend, draft: TripletDraft) -> TripletDraft:
    """The draft with the student's name for a thing that is shown and not named."""
    if draft.subject or not draft.subject_picture:
        return draft
    try:
        seen = backend.describe(draft.subject_picture)
    except ReasonerError:
        return draft  # the person names it
    return replace(draft, subject=seen.label if seen.familiar else "")


def _held(draft: TripletDraft) -> list[tuple[str, PictureId]]:
    """The draft's pictures with their places."""
    pictures = (draft.subject_picture, draft.relation_picture, draft.object_picture)
    return [(role, each) for role, each in zip(ROLES, pictures, strict=True) if each]


def _placed(draft: TripletDraft, shows: str) -> TripletDraft:
    """The draft with its one picture where the person put it; several stay where they are."""
    held = _held(draft)
    if len(held) != 1:
        return draft
    what, action, result = (held[0][1] if role == shows else None for role in ROLES)
    return replace(draft, subject_picture=what, relation_picture=action, object_picture=result)


def _faces_html(backend: Backend, shown: Sequence[tuple[str, PictureId]]) -> str:
    """The pictures that are saved, too."""
    drawn = []
    for role, picture in shown:
        try:
            source = backend.thumbnail(picture, FACE_PX)
        except InputError:
            continue
        drawn.append(f'<img class="itr-thumb" src="{escape(source)}" alt="picture of the {role}">')
    return f'<div class="itr-thumbs">{"".join(drawn)}</div>' if drawn else ""
