"""An answer on its way into the conversation, as frames of the Chat tab."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from model.config import SampleConfig
from model.errors import BundleError, ReasonerError
from model.feedback_records import AnswerId
from model.records import Chat, Fact, Turn
from webapp.backend import Backend
from webapp.chat_format import (
    Draft,
    Markup,
    Message,
    example_questions,
    examples_html,
    fold,
    messages,
    note,
)
from webapp.fact_list import why_html
from webapp.open_answers import OpenAnswers
from webapp.redraws import Redraws, pause_s
from webapp.vote_buttons import answers_of

LOADING_POLL_S = 0.25
NOT_EDITING = -1
_HTML_PROPS = gr.HTML(render=False, js_on_load=None).get_config()


@dataclass(frozen=True)
class Frame:
    """One state of the tab; a field left out stays as it is on the page."""

    log: Any = None
    chat: Any = None
    token: Any = None
    composer: Any = None
    roles: Any = None
    why: Any = None
    examples: Any = None
    editing: Any = None
    banner: Any = None

    def outputs(self) -> tuple[Any, ...]:
        """The fields in the order of the outputs."""
        fields = (self.log, self.chat, self.token, self.composer, self.roles, self.why)
        more = (self.examples, self.editing, self.banner)
        return tuple(gr.skip() if value is None else value for value in (*fields, *more))


def stream(
    backend: Backend,
    answers: OpenAnswers,
    chat: Chat,
    settings: SampleConfig,
    *,
    sent: bool = False,
    earlier: str = "",
) -> Iterator[tuple[Any, ...]]:
    """Answer the last turn of ``chat``: frames while it comes, and always the final one.

    However this ends (stop, closed page, error), the answer is cancelled and what was said is
    kept. ``sent``: the question came from the composer, which is emptied. ``earlier`` is the id of
    an answer to the same question; if this one differs, the person may keep one of the two.
    """
    asked = conversation(backend, chat.turns)
    draft = Draft()
    with answers.work() as token:
        yield _first_frame(backend, asked, chat, token, sent)
        try:
            backend.save_chat(chat.id, chat.turns)
            for words in _until_ready(backend, lambda: answers.is_stopped(token)):
                yield Frame(log=log_value([*asked, note(words)])).outputs()
            shown, redraws = draft, Redraws(lambda: pause_s(answers.count))
            for draft in _drafts(backend, answers, token, chat, settings):
                # the figures come with the last frame
                begun = draft.stats is None and (draft.text or draft.thought)
                if begun and redraws.due():
                    yield _draft_frame(backend, asked, draft, draft.facts != shown.facts)
                    redraws.drawn()
                    shown = draft
        except ReasonerError as exc:
            draft = replace(draft, error=str(exc))
        finally:
            if draft.text:
                chat = _answered(backend, chat, _beside(backend, draft.turn(), earlier))
                backend.save_chat(chat.id, chat.turns)
        yield _last_frame(backend, chat, draft)


def _drafts(
    backend: Backend, answers: OpenAnswers, token: str, chat: Chat, settings: SampleConfig
) -> Iterator[Draft]:
    """The answer as it grows; none if it was stopped while the student was still loading."""
    if answers.is_stopped(token):  # asking would wait for the student
        return
    answer = backend.answer(chat.turns, settings)
    answers.attach(token, answer)
    yield from fold(answer.events())


def _first_frame(
    backend: Backend, asked: list[Message], chat: Chat, token: str, sent: bool
) -> tuple[Any, ...]:
    busy: dict[str, Any] = {"submit_btn": False, "stop_btn": True}
    if sent:
        busy["value"] = {"text": "", "files": []}
    return Frame(
        log=visible([*asked, note("thinking…")]),
        chat=chat,
        token=token,
        composer=gr.update(**busy),
        roles=() if sent else None,
        why=why_html(backend, ()),
        examples=gr.update(visible=False),
        editing=NOT_EDITING,
        banner=gr.update(visible=False),
    ).outputs()


def _draft_frame(
    backend: Backend, asked: list[Message], draft: Draft, more_facts: bool
) -> tuple[Any, ...]:
    said = messages((draft.turn(),), _no_picture, len(asked))
    why = why_html(backend, draft.facts, len(asked)) if more_facts else None
    return Frame(log=log_value([*asked, *said]), why=why).outputs()


def _last_frame(backend: Backend, chat: Chat, draft: Draft) -> tuple[Any, ...]:
    shown = conversation(backend, chat.turns)
    if draft.error:
        shown.append(note(draft.error, "error"))
    elif not draft.text:
        stopped = draft.stats is None or draft.stats.stopped_by == "cancelled"
        words = "Stopped before the first word." if stopped else "The student said nothing."
        shown.append(note(words))
    return Frame(
        log=log_value(shown),
        chat=chat,
        composer=gr.update(submit_btn=True, stop_btn=False),
        why=why_html(backend, draft.facts, len(chat.turns) - 1),
    ).outputs()


def conversation(backend: Backend, turns: Sequence[Turn]) -> list[Message]:
    """The turns as messages, each answer with what was thought of it."""
    marks = backend.feedback().marks(answers_of(turns))
    return messages(turns, backend.thumbnail, marks=marks)


def newest(backend: Backend, chat: Chat | None) -> Chat:
    """The conversation of a page with what was added to it since, as by another tab.

    It stays as the page holds it if the stored one does not begin with these turns.
    """
    if chat is None:
        return backend.latest_chat()
    stored = backend.chat(chat.id)
    return stored if stored.turns[: len(chat.turns)] == chat.turns else chat


def _answered(backend: Backend, chat: Chat, answer: Turn) -> Chat:
    """The conversation with the answer to its last question; what another tab said meanwhile
    stays."""
    stored, question = backend.chat(chat.id).turns, chat.turns[-1]
    places = [n for n, turn in enumerate(stored, start=1) if turn == question]
    turns, place = (stored, places[-1]) if places else (chat.turns, len(chat.turns))
    return Chat(chat.id, (*turns[:place], answer, *turns[place:]))


def _beside(backend: Backend, turn: Turn, earlier: str) -> Turn:
    """The turn, and the answer that was there before if it said something else."""
    if not earlier or turn.stats is None or not turn.stats.answer:
        return turn
    before = backend.feedback().marks([AnswerId(earlier)]).get(AnswerId(earlier))
    differs = before is not None and before.text != turn.text
    return replace(turn, earlier=earlier) if differs else turn


def whole(backend: Backend, chat: Chat) -> tuple[Any, ...]:
    """The frame of a conversation at rest: its turns, or the example questions."""
    shown = conversation(backend, chat.turns)
    if chat.turns and chat.turns[-1].role == "user":
        shown.append(note("This question has no answer yet. Ask it again with ↻."))
    first = ""
    if not chat.turns:
        first = examples_html(example_questions(backend.examples()), backend.thumbnail)
    return Frame(
        log=gr.update(value=log_value(shown), visible=bool(chat.turns)),
        chat=chat,
        token="",
        composer=gr.update(submit_btn=True, stop_btn=False),
        why=why_html(backend, last_facts(chat.turns), len(chat.turns) - 1),
        examples=gr.update(value=first, visible=not chat.turns),
        editing=NOT_EDITING,
        banner=gr.update(visible=False),
    ).outputs()


def _until_ready(backend: Backend, stopped: Callable[[], bool]) -> Iterator[str]:
    """Words to show while the student loads, each once. Raises BundleError if it cannot be."""
    shown = ""
    while (status := backend.student()).state == "loading":
        if stopped():
            return
        words = status.message or "Loading the student…"
        if words != shown:
            yield words
        shown = words
        time.sleep(LOADING_POLL_S)
    if status.state == "failed":
        raise BundleError(
            status.message or "The student could not be loaded. Choose another one in the header."
        )


def visible(shown: Sequence[Message]) -> Any:
    """An update that shows the log with these messages."""
    return gr.update(value=log_value(shown), visible=True)


def log_value(shown: Sequence[Message]) -> list[dict[str, Any]]:
    """The messages in the form that ``gr.Chatbot`` takes."""
    return [
        {"role": message.role, "content": [_block(block) for block in message.blocks]}
        for message in shown
    ]


def _block(block: str | Markup) -> Any:
    if isinstance(block, str):
        return block
    return {
        "type": "component",
        "component": "html",
        "value": block.html,
        "constructor_args": {},
        "props": {**_HTML_PROPS, "value": block.html},
    }


def last_facts(turns: Sequence[Turn]) -> Sequence[Fact]:
    """The facts of the conversation's last answer."""
    return turns[-1].facts if turns and turns[-1].role == "assistant" else ()


def _no_picture(picture: Any, size_px: int) -> str:
    raise AssertionError("a student's answer holds no pictures")
