"""One of the three places of an image triplet: a picture, its label, and what the student sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.errors import InputError, ReasonerError
from model.records import PictureId, Role
from webapp.backend import Backend, Door
from webapp.formatting import error_html, muted_html, role_heading, role_question
from webapp.widgets import QUIET, bind, served, uploaded

SURE, UNSURE = 0.8, 0.4
"""From here on the student says what it sees; below the second it only guesses."""
_PLACEHOLDERS: dict[Role, str] = {"what": "egg", "action": "heat", "result": "fried egg"}


@dataclass(frozen=True)
class Slot:
    """The components of one place. ``picture`` and ``seen`` are states: an id and a label."""

    role: Role
    image: Any
    picture: Any
    label: Any
    suggestion: Any
    seen: Any
    note: Any

    @property
    def parts(self) -> list[Any]:
        """What ``filled`` sets, in its order."""
        return [self.image, self.picture, self.label, self.suggestion, self.seen, self.note]


def draw_slot(door: Door, role: Role) -> Slot:
    """Draw a place and wire what happens inside it."""
    with gr.Column(min_width=180, elem_classes=["itr-slot", f"itr-slot-{role}"]):
        gr.HTML(role_heading(role))
        slot = Slot(
            role=role,
            image=_draw_image(role),
            picture=gr.State(""),
            label=gr.Textbox(
                label=role_question(role),
                placeholder=f"e.g. {_PLACEHOLDERS[role]}",
                max_length=120,
                elem_id=f"label-{role}",
            ),
            suggestion=gr.Button(visible=False, size="sm", elem_id=f"suggest-{role}"),
            seen=gr.State(""),
            note=gr.HTML("", elem_id=f"note-{role}"),
        )
    taken = slot.image.input(
        bind(door, take_picture),
        [slot.image],
        [slot.image, slot.picture, slot.suggestion, slot.seen, slot.note],
        preprocess=False,
        **QUIET,
    )
    taken.then(
        bind(door, see_picture),
        [slot.picture, slot.label],
        [slot.suggestion, slot.seen, slot.note],
        **QUIET,
    )
    slot.suggestion.click(
        accept_suggestion, [slot.seen], [slot.label, slot.suggestion], queue=False, **QUIET
    )
    return slot


def _draw_image(role: Role) -> Any:
    return gr.Image(
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard", "webcam"],
        height=190,
        show_label=False,
        label=f"Picture of the {role}",
        alt_text=f"The picture of the {role}",
        placeholder="Drop a picture, or click",
        buttons=[],
        elem_id=f"slot-{role}",
    )


def take_picture(backend: Backend, payload: Any) -> tuple[Any, ...]:
    """Store the picture that was put into a slot; words under the slot if it cannot be used.

    Inputs: slot.image (raw)
    Outputs: slot.image, slot.picture, slot.suggestion, slot.seen, slot.note
    """
    hidden = gr.Button(visible=False)
    try:
        path = uploaded(payload)
        if path is None:
            return gr.skip(), "", hidden, "", ""
        picture = backend.add_picture(path)
    except InputError as exc:
        return None, "", hidden, "", error_html(str(exc))
    return gr.skip(), picture, hidden, "", muted_html("The student is looking…")


def see_picture(backend: Backend, picture: str, label: str) -> tuple[Any, ...]:
    """Offer what the student sees in the picture as a label.

    Inputs: slot.picture, slot.label
    Outputs: slot.suggestion, slot.seen, slot.note
    """
    if not picture:
        return gr.Button(visible=False), "", gr.skip()
    try:
        description = backend.describe(PictureId(picture))
    except ReasonerError as exc:
        return gr.Button(visible=False), "", muted_html(str(exc))
    if not description.familiar:
        return gr.Button(visible=False), "", muted_html(description.sentence)
    words = f"The student {sureness(description.confidence)}: {description.label}"
    words = f"{words} · {description.confidence:.0%}"
    offered = description.label.strip().lower() != (label or "").strip().lower()
    return (
        gr.Button(words, visible=offered),
        description.label,
        "" if offered else muted_html(words),
    )


def sureness(confidence: float) -> str:
    """How sure the student is, in words."""
    if confidence >= SURE:
        return "sees"
    return "thinks it sees" if confidence >= UNSURE else "guesses"


def accept_suggestion(seen: str) -> tuple[Any, ...]:
    """Take the student's word as the label.

    Inputs: slot.seen
    Outputs: slot.label, slot.suggestion
    """
    return seen, gr.Button(visible=False)


def filled(backend: Backend, picture: PictureId | None, label: str) -> list[Any]:
    """The values of ``Slot.parts`` that show a picture and its label."""
    shown = served(backend.picture_path(picture)) if picture else None
    return [shown, picture or "", label, gr.Button(visible=False), "", ""]


def picture_of(value: str) -> PictureId | None:
    """The id that a slot's state holds; an empty one means no picture."""
    return PictureId(value) if value else None
