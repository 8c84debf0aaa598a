"""What happens when a person votes on an answer: thumbs, better words, one of two, a judgement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from model.config import SampleConfig
from model.errors import InputError
from model.feedback_records import AnswerId
from model.records import Chat, Turn
from webapp.backend import Backend, Door
from webapp.chat_stream import conversation, log_value, newest
from webapp.config_form import picked
from webapp.formatting import error_html
from webapp.vote_panel import BUILT_IN, VotePanel, panel_view
from webapp.widgets import QUIET, bind, say

ANOTHER_TEMPERATURE = 0.7
"""How freely another answer is drawn where the likeliest one was given already."""
LONGEST_TYPED = 2000
_GONE = "That answer is no longer there. Reload the page to see the newest."


@dataclass(frozen=True)
class BetterForm:
    """The form for a better answer; ``answer`` holds the id of the one that it replaces."""

    panel: Any
    text: Any
    save: Any
    cancel: Any
    note: Any
    answer: Any


@dataclass(frozen=True)
class VoteLinks:
    """What votes change on the page: the conversation, and what is told about learning."""

    log: Any
    chat: Any
    votes: VotePanel
    better: BetterForm


def draw_better() -> BetterForm:
    """Draw the form, hidden until somebody knows better."""
    with gr.Column(visible=False, elem_id="better-panel", elem_classes="itr-panel") as panel:
        text = gr.Textbox(
            label="What should it have said?",
            elem_id="better-text",
            lines=2,
            max_lines=6,
            max_length=LONGEST_TYPED,
        )
        note = gr.HTML("", elem_id="better-note")
        with gr.Row(elem_classes="itr-row itr-actions"):
            save = gr.Button(
                "Teach this", variant="primary", size="sm", min_width=110, elem_id="better-save"
            )
            cancel = gr.Button("Cancel", size="sm", min_width=80, elem_id="better-cancel")
    return BetterForm(panel, text, save, cancel, note, gr.State(""))


_BACK = """() => {
    const voted = window.itrVoted && document.querySelector(window.itrVoted);
    const lost = !document.activeElement || document.activeElement === document.body;
    if (voted && lost) voted.focus({preventScroll: true});
}"""
"""Thumbs are drawn anew with their state; the keyboard stays where it was."""
_TO_TEXT = "() => document.querySelector('#better-text textarea')?.focus({preventScroll: true})"


def wire_votes(door: Door, why: Any, links: VoteLinks) -> None:
    """Wire the events ``vote``, ``judge``, ``keep`` and ``better`` of ``why``, and the form."""
    told, form = links.votes.outputs, links.better
    changed = [links.log, *told]
    vote, keep = bind(door, on_vote, event=True), bind(door, on_keep, event=True)
    voted = why.vote(vote, [links.chat], changed, **QUIET)
    # no other listener may write the chat: what was said meanwhile would vanish
    kept = why.keep(keep, [links.chat], [links.chat, *changed], **QUIET)
    judge = bind(door, on_judge, event=True)
    judged = why.judge(judge, [links.chat, links.votes.teacher], told, **QUIET)
    # a judgement takes its time: draw the conversation that the page holds when it is there
    judged = judged.success(bind(door, on_judged), [links.chat], [links.log], **QUIET)
    for done in (voted, kept, judged):
        done.then(None, js=_BACK, **QUIET)
    opened = [form.panel, form.text, form.note, form.answer]
    why.better(bind(door, on_better, event=True), [links.chat], opened, **QUIET).then(
        None, js=_TO_TEXT, **QUIET
    )
    saving: dict[str, Any] = {
        "fn": bind(door, on_save_better),
        "inputs": [form.answer, form.text, links.chat],
        "outputs": [form.panel, form.note, *changed],
        **QUIET,
    }
    form.save.click(**saving)
    form.text.submit(**saving)
    form.cancel.click(lambda: gr.Column(visible=False), None, [form.panel], queue=False, **QUIET)


# ── handlers ────────────────────────────────────────────────────────────────────────────────────


def on_vote(backend: Backend, click: gr.EventData, chat: Chat | None) -> tuple[Any, ...]:
    """A thumb up or down; pressing it again takes it back.

    Inputs: the message's number and the way (event), chat
    Outputs: log, what is told about learning
    """
    chat, turn = _answer(backend, chat, picked(click, "index"))
    answer, reward = _id(turn), {"up": 1.0, "down": -1.0}.get(str(picked(click, "way")), 0.0)
    feedback = backend.feedback()
    mark = feedback.marks([answer]).get(answer)
    if mark is not None and mark.reward * reward > 0:
        if feedback.take_back(answer):
            say("It was learned from already. Undo the update to unlearn it.", title="Taken back")
    else:
        feedback.vote(answer, reward)
    return _shown(backend, chat)


def on_keep(backend: Backend, click: gr.EventData, chat: Chat | None) -> tuple[Any, ...]:
    """Keep one of two answers to the same question; it stands in the conversation.

    Inputs: the message's number and which is kept (event), chat
    Outputs: chat, log, what is told about learning
    """
    number = picked(click, "index")
    chat, turn = _answer(backend, chat, number)
    if not turn.earlier:
        raise InputError("One of the two answers was kept already.")
    stored = backend.chat(chat.id).turns or chat.turns
    if stored[number : number + 1] != (turn,):  # another tab changed it
        raise InputError(_GONE)
    chat = Chat(chat.id, stored)
    if chat.turns[-1].role == "user":  # its answer would be stored over the choice
        raise InputError("An answer is still under way. Wait for it, then choose.")
    here, earlier = _id(turn), AnswerId(turn.earlier)
    if picked(click, "which") == "earlier":
        kept = backend.feedback().prefer(earlier, here)
    else:
        backend.feedback().prefer(here, earlier)
        kept = replace(turn, earlier="")
    chat = Chat(chat.id, (*chat.turns[:number], kept, *chat.turns[number + 1 :]))
    backend.save_chat(chat.id, chat.turns)
    return chat, *_shown(backend, chat)


def on_judge(
    backend: Backend, click: gr.EventData, chat: Chat | None, teacher: str | None
) -> tuple[Any, ...]:
    """Let the chosen teacher judge an answer.

    Inputs: the message's number (event), chat, teacher
    Outputs: what is told about learning
    """
    _, turn = _answer(backend, chat, picked(click, "index"))
    if (teacher or BUILT_IN) == BUILT_IN:
        backend.feedback().judge(_id(turn), "builtin")
    else:
        backend.feedback().judge(_id(turn), "ollama", str(teacher))
    return panel_view(backend, None)


def on_judged(backend: Backend, chat: Chat | None) -> Any:
    """Show what the teacher said.

    Inputs: chat
    Outputs: log
    """
    return log_value(conversation(backend, newest(backend, chat).turns))


def on_better(backend: Backend, click: gr.EventData, chat: Chat | None) -> tuple[Any, ...]:
    """Open the form for a better answer, with the words that were said.

    Inputs: the message's number (event), chat
    Outputs: panel, text, note, answer
    """
    _, turn = _answer(backend, chat, picked(click, "index"))
    mark = backend.feedback().marks([_id(turn)]).get(_id(turn))
    words = (mark.better if mark else "") or turn.text
    return gr.Column(visible=True), words, "", _id(turn)


def on_save_better(backend: Backend, answer: str, words: str, chat: Chat | None) -> tuple[Any, ...]:
    """Keep the better answer, to be learned.

    Inputs: answer, text, chat
    Outputs: panel, note, log, what is told about learning
    """
    try:
        backend.feedback().better(AnswerId(answer), words)
    except InputError as exc:
        skipped = [gr.skip()] * (1 + len(panel_view(backend, None)))
        return gr.skip(), error_html(str(exc)), *skipped
    return gr.Column(visible=False), "", *_shown(backend, chat)


def another_draw(backend: Backend, settings: SampleConfig, before: Turn | None) -> SampleConfig:
    """Settings that lead to other words, if these would say the same as ``before`` again.

    They would if the same weights take the likeliest words.
    """
    status = backend.student()
    if before is None or before.stats is None or status.info is None or settings.temperature:
        return settings
    if before.stats.weights_hash != status.info.weights_hash or not before.stats.answer:
        return settings
    seed = sum(before.stats.answer.encode())  # another one at every try
    return replace(settings, temperature=ANOTHER_TEMPERATURE, seed=seed)


# ── inside ──────────────────────────────────────────────────────────────────────────────────────


def _answer(backend: Backend, chat: Chat | None, number: Any) -> tuple[Chat, Turn]:
    """The conversation and its answer of this number. Raises: InputError if there is none."""
    chat = newest(backend, chat) if chat else None
    turns: Sequence[Turn] = chat.turns if chat else ()
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(turns):
        raise InputError(_GONE)
    turn = turns[number]
    if chat is None or turn.stats is None or not turn.stats.answer:
        raise InputError(_GONE)
    return chat, turn


def _id(turn: Turn) -> AnswerId:
    assert turn.stats is not None
    return AnswerId(turn.stats.answer)


def _shown(backend: Backend, chat: Chat | None) -> tuple[Any, ...]:
    return on_judged(backend, chat), *panel_view(backend, None)
