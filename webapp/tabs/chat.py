"""Chat: ask the student in words and pictures, watch the answer come, see the facts it used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from model.config import SampleConfig
from model.errors import InputError, ReasonerError
from model.records import Chat, Role, Turn
from webapp.backend import Backend, Door
from webapp.chat_format import ExampleQuestion, example_questions, note
from webapp.chat_stream import (
    NOT_EDITING,
    Frame,
    conversation,
    last_facts,
    newest,
    stream,
    visible,
    whole,
)
from webapp.config_form import config_from, draw_knobs, picked
from webapp.fact_list import facts_html, why_html
from webapp.node_panel import node_question
from webapp.open_answers import OpenAnswers
from webapp.remember_form import RememberForm, draw_remember, wire_remember
from webapp.theme import ASSETS
from webapp.vote_events import VoteLinks, another_draw, draw_better, wire_votes
from webapp.vote_panel import VotePanel, draw_news, draw_votes
from webapp.widgets import CALM, QUIET, bind, served

KNOBS = ("temperature", "max_tokens", "seed", "use_graph", "think", "choose")
MORE_KNOBS = ("retrieval", "top_k", "top_p", "min_p", "repetition_penalty")


@dataclass(frozen=True)
class ChatTab:
    """What other tabs may reach: the composer with its roles, the conversation, and its facts.

    ``why`` has the events ``light`` and ``see`` (triplet) for the graph.
    """

    composer: gr.MultimodalTextbox
    pending_roles: gr.State
    log: gr.Chatbot
    chat: gr.State
    new_chat: gr.Button
    why: gr.HTML
    remember: RememberForm
    votes: VotePanel


def build(door: Door) -> ChatTab:
    """Draw the tab inside the current one, and wire it."""
    answers = OpenAnswers()
    chat, token, roles = gr.State(None), gr.State(""), gr.State(())
    editing = gr.State(NOT_EDITING)
    with gr.Row(elem_classes="itr-chat", equal_height=False):
        with gr.Column(scale=3, min_width=320, elem_classes="itr-chat-main"):
            examples = gr.HTML(elem_id="chat-examples", js_on_load=None)
            log = _draw_log()
            better = draw_better()
            banner, cancel = _draw_banner()
            composer = _draw_composer()
            news = draw_news()
        with gr.Column(scale=1, min_width=260, elem_classes="itr-chat-side"):
            new_chat = gr.Button("New chat", elem_id="chat-new", size="sm")
            remember = draw_remember()
            gr.HTML("<h2>Why</h2>")
            why = gr.HTML(facts_html(()), elem_id="chat-why", js_on_load=_script())
            settings = _draw_settings()
            votes = draw_votes(news)
    frame = [log, chat, token, composer, roles, why, examples, editing, banner]
    streamed: dict[str, Any] = {
        "outputs": frame,
        "concurrency_limit": None,
        "trigger_mode": "once",
        **CALM,
    }
    composer.submit(
        bind(door, partial(on_send, answers=answers)),
        [composer, chat, token, roles, editing, *settings],
        api_name="chat",
        api_description="Ask the student in words and pictures; streams the conversation.",
        **streamed,
    )
    private = {**streamed, "api_visibility": "private"}
    state = [chat, token, *settings]
    log.retry(bind(door, partial(on_retry, answers=answers)), state, **private)
    edit = bind(door, partial(on_edit, answers=answers), event=True)
    why.edit(edit, [chat, token], frame, **QUIET)
    cancel.click(bind(door, on_cancel_edit), None, frame, **QUIET)
    asked = bind(door, partial(on_example, answers=answers), event=True)
    why.example(asked, state, **private)
    about = bind(door, partial(on_ask, answers=answers), event=True)
    why.ask(about, state, **private)
    chosen = bind(door, on_select, event=True)
    for trigger in (log.select, why.show):
        trigger(chosen, [chat], [why], **QUIET)
    wire_remember(door, remember, why.remember, chat)
    wire_votes(door, why, VoteLinks(log, chat, votes, better))
    composer.stop(
        bind(door, partial(on_stop, answers=answers)), [token], None, queue=False, **QUIET
    )
    fresh = bind(door, partial(on_new, answers=answers))
    gr.on([new_chat.click, log.clear], fresh, [token], frame, **QUIET)
    gr.on(None, bind(door, on_load), None, frame, **QUIET)
    return ChatTab(composer, roles, log, chat, new_chat, why, remember, votes)


def _script() -> str:
    return (ASSETS / "chat.js").read_text(encoding="utf-8")


def _draw_log() -> gr.Chatbot:
    return gr.Chatbot(
        elem_id="chat-log",
        label="Conversation",
        show_label=False,
        container=False,
        height="58vh",
        min_height=320,
        visible=False,
        buttons=["copy"],
        layout="bubble",
        latex_delimiters=[],
        allow_file_downloads=False,
        feedback_options=None,
    )


def _draw_banner() -> tuple[gr.Row, gr.Button]:
    with gr.Row(visible=False, elem_classes="itr-editing", elem_id="chat-editing") as banner:
        gr.HTML("<p>Editing a question. Sending it drops what came after it.</p>")
        cancel = gr.Button("Cancel", size="sm", scale=0, elem_id="chat-cancel-edit")
    return banner, cancel


def _draw_composer() -> gr.MultimodalTextbox:
    return gr.MultimodalTextbox(
        elem_id="chat-input",
        elem_classes="itr-composer",
        label="Message to the student",
        show_label=False,
        placeholder="What happens if I …",
        file_types=["image"],
        file_count="multiple",
        sources=["upload"],
        lines=1,
        max_lines=8,
        max_plain_text_length=8000,
    )


def _draw_settings() -> list[Any]:
    with gr.Accordion("Settings", open=False, elem_id="chat-settings"):
        plain = draw_knobs(SampleConfig, KNOBS, "chat")
        with gr.Accordion("More", open=False):
            more = draw_knobs(SampleConfig, MORE_KNOBS, "chat")
    return [*plain, *more]


# ── handlers ────────────────────────────────────────────────────────────────────────────────────


def on_send(
    backend: Backend,
    message: dict[str, Any] | None,
    chat: Chat | None,
    token: str,
    roles: Sequence[Role],
    editing: int,
    *settings: Any,
    answers: OpenAnswers,
) -> Iterator[tuple[Any, ...]]:
    """Send what is in the composer and stream the answer. An edited question replaces its old
    self, and what came after it is dropped.

    Inputs: composer, chat, token, pending roles, editing, the settings' knobs
    Outputs: the frame
    """
    _refuse_second(answers, token)
    chat = newest(backend, chat)
    try:
        turn = _user_turn(backend, message or {}, tuple(roles or ()))
        config = _settings(settings)
    except ReasonerError as exc:
        shown = [*conversation(backend, chat.turns), note(str(exc), "error")]
        yield Frame(log=visible(shown), chat=chat, examples=gr.update(visible=False)).outputs()
        return
    kept = chat.turns[:editing] if _question(chat, editing) else chat.turns
    yield from stream(backend, answers, Chat(chat.id, (*kept, turn)), config, sent=True)


def on_retry(
    backend: Backend, chat: Chat | None, token: str, *settings: Any, answers: OpenAnswers
) -> Iterator[tuple[Any, ...]]:
    """Ask the last question again; where the same words would come again, others are drawn.

    Inputs: chat, token, the settings' knobs
    Outputs: the frame
    """
    _refuse_second(answers, token)
    turns = list((chat or backend.latest_chat()).turns)
    later = newest(backend, chat).turns[len(turns) :]
    if any(turn.role == "user" for turn in later):  # asking again would delete these questions
        raise InputError("This conversation went on elsewhere. Reload the page, then ask again.")
    before: Turn | None = None
    while turns and turns[-1].role == "assistant":
        before = before or turns[-1]
        turns.pop()
    if chat is None or not turns:
        raise InputError("There is no question to ask again. Write one, then send it.")
    config = another_draw(backend, _settings(settings), before)
    earlier = before.stats.answer if before and before.stats else ""
    yield from stream(backend, answers, Chat(chat.id, tuple(turns)), config, earlier=earlier)


def on_edit(
    backend: Backend, click: gr.EventData, chat: Chat | None, token: str, *, answers: OpenAnswers
) -> tuple[Any, ...]:
    """Put an earlier question back into the composer.

    Inputs: the message's number (event), chat, token
    Outputs: the frame
    """
    _refuse_second(answers, token)
    number = picked(click, "index")
    turn = _question(chat, number)
    if turn is None:
        raise InputError("That message is no longer there. Reload the page to see the newest.")
    files = [served(backend.picture_path(picture)) for picture in turn.pictures]
    return Frame(
        composer={"text": turn.text, "files": files},
        roles=turn.roles,
        editing=number,
        banner=gr.update(visible=True),
    ).outputs()


def on_cancel_edit(backend: Backend) -> tuple[Any, ...]:
    """Leave the question as it was.

    Outputs: the frame
    """
    empty = {"text": "", "files": []}
    hidden = gr.update(visible=False)
    return Frame(composer=empty, roles=(), editing=NOT_EDITING, banner=hidden).outputs()


def on_example(
    backend: Backend,
    click: gr.EventData,
    chat: Chat | None,
    token: str,
    *settings: Any,
    answers: OpenAnswers,
) -> Iterator[tuple[Any, ...]]:
    """Ask one of the example questions.

    Inputs: the example's number (event), chat, token, the settings' knobs
    Outputs: the frame
    """
    number = picked(click, "example")
    questions = example_questions(backend.examples())
    if not isinstance(number, int) or not 0 <= number < len(questions):
        return
    _refuse_second(answers, token)
    chosen: ExampleQuestion = questions[number]
    chat = newest(backend, chat)
    turn = Turn("user", chosen.text, chosen.pictures, chosen.roles)
    asked = Chat(chat.id, (*chat.turns, turn))
    yield from stream(backend, answers, asked, _settings(settings))


def on_ask(
    backend: Backend,
    click: gr.EventData,
    chat: Chat | None,
    token: str,
    *settings: Any,
    answers: OpenAnswers,
) -> Iterator[tuple[Any, ...]]:
    """Ask about a thing on the way to an answer.

    Inputs: the thing's label (event), chat, token, the settings' knobs
    Outputs: the frame
    """
    _refuse_second(answers, token)
    question, picture = node_question(backend, str(picked(click, "label", "")))
    chat = newest(backend, chat)
    turn = Turn("user", question, (picture,) if picture else ())
    yield from stream(backend, answers, Chat(chat.id, (*chat.turns, turn)), _settings(settings))


def on_stop(backend: Backend, token: str, *, answers: OpenAnswers) -> None:
    """Stop the answer under way within one step.

    Inputs: token
    """
    answers.cancel(token)


def on_new(backend: Backend, token: str, *, answers: OpenAnswers) -> tuple[Any, ...]:
    """Begin an empty conversation; an answer under way is stopped and kept in the old one.

    Inputs: token
    Outputs: the frame
    """
    answers.cancel(token)
    if not answers.wait_closed(token):  # its last frame would put the old conversation back
        raise InputError("The answer is still being stopped. Try again in a moment.")
    return whole(backend, backend.new_chat())


def on_load(backend: Backend) -> tuple[Any, ...]:
    """Show the conversation that was written to last.

    Outputs: the frame
    """
    return whole(backend, backend.latest_chat())


def on_select(backend: Backend, event: gr.EventData, chat: Chat | None) -> str:
    """Show the facts of the answer that was clicked, or of the last one.

    Inputs: the message's index (event), chat
    Outputs: why
    """
    turns, index = chat.turns if chat else (), picked(event, "index")
    if isinstance(index, int) and 0 <= index < len(turns) and turns[index].role == "assistant":
        return why_html(backend, turns[index].facts, index)
    return why_html(backend, last_facts(turns), len(turns) - 1)


# ── inside ──────────────────────────────────────────────────────────────────────────────────────


def _user_turn(backend: Backend, message: dict[str, Any], roles: tuple[Role, ...]) -> Turn:
    text, files = str(message.get("text") or "").strip(), message.get("files") or []
    if not text and not files:
        raise InputError("The message is empty. Write a question or add a picture, then send.")
    pictures = tuple(backend.add_picture(Path(file)) for file in files)
    return Turn("user", text, pictures, roles if len(roles) == len(pictures) else ())


def _question(chat: Chat | None, number: Any) -> Turn | None:
    turns = chat.turns if chat else ()
    if not isinstance(number, int) or not 0 <= number < len(turns):
        return None
    return turns[number] if turns[number].role == "user" else None


def _settings(values: Sequence[Any]) -> SampleConfig:
    return config_from(SampleConfig, (*KNOBS, *MORE_KNOBS), values)


def _refuse_second(answers: OpenAnswers, token: str) -> None:
    if answers.is_open(token):
        raise InputError("An answer is still under way. Stop it first, then ask again.")
