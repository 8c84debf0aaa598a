"""What is told about learning from votes: a line under the chat, and the panel beside it.

Everything is read from the store, so a reload or a second browser shows the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.errors import InputError
from model.feedback_records import FeedbackStatus, UpdateId
from webapp.backend import Backend, Door
from webapp.votes_format import news_html, panel_html
from webapp.widgets import QUIET, bind, event_number, say

TICK_S = 1.0
BUILT_IN = "built-in teacher"
_ON_LOAD = """
element.addEventListener('click', event => {
    const button = event.target.closest('[data-undo]');
    if (button) trigger('undo', {id: Number(button.dataset.undo)});
});
"""


@dataclass(frozen=True)
class VotePanel:
    """The components; ``learned`` changes with the weights that answer."""

    news: Any
    body: Any
    teacher: Any
    keep: Any
    timer: Any
    seen: Any
    learned: Any

    @property
    def outputs(self) -> list[Any]:
        """What a view fills, in the order of ``panel_view``."""
        return [self.news, self.body, self.keep, self.timer, self.seen, self.learned]


def draw_news() -> Any:
    """The line under the chat that tells where learning stands."""
    return gr.HTML("", elem_id="chat-learning", js_on_load=_ON_LOAD)


def draw_votes(news: Any) -> VotePanel:
    """Draw the fold beside the chat."""
    with gr.Accordion("Learning from votes", open=False, elem_id="chat-votes"):
        body = gr.HTML("", elem_id="votes-body", js_on_load=_ON_LOAD)
        keep = gr.Button(
            "Keep as a student", size="sm", visible=False, elem_id="votes-keep", min_width=140
        )
        teacher = gr.Dropdown(
            [BUILT_IN],
            value=BUILT_IN,
            allow_custom_value=True,
            label="Who judges when asked",
            info="the built-in teacher, or the name of a model on the Ollama server",
            elem_id="votes-teacher",
        )
    timer = gr.Timer(TICK_S, active=False)
    return VotePanel(news, body, teacher, keep, timer, gr.State(None), gr.State(""))


def wire_panel(door: Door, panel: VotePanel, load: Callable[..., Any]) -> None:
    """Show where learning stands at first and while it goes on; undo, keep."""
    view = bind(door, panel_view, polled=True)
    for trigger in (load, panel.timer.tick):
        trigger(view, [panel.seen], panel.outputs, **QUIET)
    load(bind(door, judges, polled=True), None, [panel.teacher], **QUIET)
    undo = bind(door, on_undo, event=True)
    for part in (panel.news, panel.body):
        part.undo(undo, None, panel.outputs, **QUIET)
    panel.keep.click(bind(door, on_keep_student), None, None, **QUIET)


def panel_view(backend: Backend, seen: tuple[Any, ...] | None) -> tuple[Any, ...]:
    """All outputs of the panel; what ``seen`` says is on the page already is skipped.

    Inputs: seen
    Outputs: news, body, keep, timer, seen, learned
    """
    status = backend.feedback().status()
    mark = _mark(status)
    if seen == mark:
        return tuple([gr.skip()] * 6)
    _announce(status, seen)
    waits = status.learning or status.new_votes >= status.needed
    return (
        news_html(status),
        panel_html(status, backend.thumbnail),
        gr.Button(visible=status.active is not None),
        gr.Timer(active=waits),
        mark,
        str(status.active or ""),
    )


def judges(backend: Backend) -> Any:
    """Who can be asked to judge: the built-in teacher, and the models of Ollama if it is there.

    Outputs: teacher
    """
    models = [model.name for model in backend.teacher_status("ollama").models if model.can_chat]
    return gr.Dropdown(choices=[BUILT_IN, *models])


def on_undo(backend: Backend, click: gr.EventData) -> tuple[Any, ...]:
    """Take an update back.

    Inputs: the update's number (event)
    Outputs: news, body, keep, timer, seen, learned
    """
    undone = backend.feedback().undo(UpdateId(event_number(click, "id")))
    votes = sum(update.votes for update in undone)
    say(f"The student answers as it did before those {votes} votes.", title="Undone")
    return panel_view(backend, None)


def on_keep_student(backend: Backend) -> None:
    """Write what answers now as a student of its own."""
    kept = backend.feedback().keep_as_student()
    found = next((info for info in backend.students() if info.id == kept), None)
    if found is None:
        raise InputError("The student could not be kept. Free some space and try again.")
    say(f"Kept as “{found.name}”. Compare it, or export it, from the list of students.")


def _mark(status: FeedbackStatus) -> tuple[Any, ...]:
    """What the panel depends on; equal marks look the same."""
    rows = tuple((update.id, update.state) for update in status.updates)
    return (status.new_votes, status.votes, status.active, rows)


def _announce(status: FeedbackStatus, seen: tuple[Any, ...] | None) -> None:
    """Tell that an update ended which the page saw under way."""
    before = dict(seen[3]) if seen else {}
    for update in status.updates:
        if before.get(update.id) not in ("queued", "running") or update.state == "running":
            continue
        if update.state == "kept":
            say(f"Learned from {update.votes} votes. The next answer knows.", title="Learned")
        elif update.state in ("refused", "failed"):
            say(update.reason, title="Not learned")
