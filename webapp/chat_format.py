"""Turns, events and facts as what the chat shows: plain values, no Gradio.

Words that a person or a model wrote are escaped here wherever they go into markup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape

from model.errors import InputError
from model.records import AnswerStats, Event, ExampleTriplet, Fact, PictureId, Role, Turn
from webapp.fact_list import used_html
from webapp.formatting import question_about
from webapp.vote_buttons import Marks, rival_html, vote_html

PICTURE_PX = 224
"""Width of a sent picture in the conversation, in twice the pixels that it takes on the page."""

ROLE_MARKS: dict[Role, str] = {"what": "●", "action": "▲", "result": "■"}


@dataclass(frozen=True)
class Draft:
    """An answer as far as it has come."""

    text: str = ""
    thought: str = ""
    facts: tuple[Fact, ...] = ()
    stats: AnswerStats | None = None
    error: str = ""

    def turn(self) -> Turn:
        """The answer as a turn of the conversation."""
        thought = self.thought.strip()
        return Turn("assistant", self.text, facts=self.facts, stats=self.stats, thought=thought)


def fold(events: Iterable[Event]) -> Iterator[Draft]:
    """The answer after every event. Ends with the events."""
    draft = Draft()
    for event in events:
        if event.kind == "token":
            draft = replace(draft, text=draft.text + event.text)
        elif event.kind == "thought":
            draft = replace(draft, thought=draft.thought + event.text)
        elif event.kind == "source" and event.fact is not None:
            draft = replace(draft, facts=(*draft.facts, event.fact))
        elif event.kind == "stats":
            draft = replace(draft, stats=event.stats)
        elif event.kind == "error":
            draft = replace(draft, error=event.text or "The answer broke off. Ask again.")
        yield draft


def stats_line(stats: AnswerStats) -> str:
    """Speed and weights of an answer: ``412 tok/s · first word 90 ms · a1b2c3 · name``."""
    parts = [
        f"{stats.tokens_per_s:,.0f} tok/s",
        f"first word {milliseconds(stats.first_token_s)}",
        stats.weights_hash[:6],
        stats.student,
        stats.chosen,
    ]
    if stats.stopped_by == "cancelled":
        parts.append("stopped")
    elif stats.stopped_by == "length":
        parts.append("cut at the longest length")
    return " · ".join(part for part in parts if part)


def plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_<>[]#|" else letter for letter in text)


def milliseconds(seconds: float) -> str:
    """A short time for people: ``90 ms`` or ``2.4 s``."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


Thumbnail = Callable[[PictureId, int], str]
"""A stored picture as a small ``data:`` URI, so many pixels wide at most."""


@dataclass(frozen=True)
class Markup:
    """Trusted HTML in a message, unlike plain text, which is Markdown and is sanitised."""

    html: str


@dataclass(frozen=True)
class Message:
    """One message of the conversation: blocks of Markdown text and markup, top to bottom.

    A question is one block of markup, its words escaped; an answer is Markdown.
    """

    role: str
    blocks: tuple[str | Markup, ...]


NO_MARKS: Marks = {}


def messages(
    turns: Sequence[Turn], thumbnail: Thumbnail, first: int = 0, marks: Marks = NO_MARKS
) -> list[Message]:
    """The conversation as it is shown: message *n* is turn *n*, counted from ``first``.

    Answers that have a mark can be voted on.
    """
    last = first + len(turns) - 1
    return [
        _question(turn, number, thumbnail)
        if turn.role == "user"
        else _answer(turn, number, marks, newest=number == last)
        for number, turn in enumerate(turns, start=first)
    ]


def _question(turn: Turn, number: int, thumbnail: Thumbnail) -> Message:
    pictures = _pictures(turn, thumbnail) if turn.pictures else ""
    text = f'<p class="itr-asked">{escape(turn.text)}</p>' if turn.text else ""
    edit = (
        f'<button type="button" class="itr-edit" data-edit="{number}" '
        'title="Edit this question" aria-label="Edit this question">✎</button>'
    )
    return Message("user", (Markup(f'{pictures}<div class="itr-question">{text}{edit}</div>'),))


def _answer(turn: Turn, number: int, marks: Marks, *, newest: bool) -> Message:
    blocks: list[str | Markup] = [thought_block(turn.thought)] if turn.thought else []
    if turn.text:
        blocks.append(turn.text)
    if turn.stats is not None:
        blocks.append(plain(stats_line(turn.stats)))
        blocks.append(_after(turn, number, marks, newest))
    return Message("assistant", tuple(blocks) or ("",))


def _after(turn: Turn, number: int, marks: Marks, newest: bool) -> Markup:
    """What can be done with a finished answer: see its facts, remember it, vote on it."""
    remember = (
        f'<button type="button" class="itr-remember-this" data-remember="{number}">'
        "Remember this</button>"
    )
    used = used_html(turn.facts, number, unfolded=newest)
    rival = rival_html(turn, number, marks)
    vote = vote_html(turn, number, marks)
    return Markup(f'{rival}<div class="itr-after">{used}{vote}{remember}</div>')


def thought_block(thought: str) -> Markup:
    """What the student thought before it answered, folded; a step on each line."""
    steps = "".join(f"<li>{escape(step)}</li>" for step in _steps(thought))
    return Markup(
        '<details class="itr-thought"><summary>What it thought first</summary>'
        f"<ol>{steps}</ol></details>"
    )


def _steps(thought: str) -> list[str]:
    return [step for part in thought.split(". ") if (step := part.strip().rstrip("."))]


def _pictures(turn: Turn, thumbnail: Thumbnail) -> str:
    """The pictures of a turn in a row, with the shapes of their roles if they have some."""
    named = len(turn.roles) == len(turn.pictures)
    shown = []
    for number, picture in enumerate(turn.pictures):
        words = turn.roles[number] if named else f"picture {number + 1}"
        caption = role_mark(turn.roles[number]) if named else ""
        try:
            face = f'<img src="{escape(thumbnail(picture, PICTURE_PX))}" alt="{escape(words)}">'
        except InputError as exc:
            face = f'<span class="itr-error">{escape(str(exc))}</span>'
        shown.append(f'<span class="itr-sent">{face}{caption}</span>')
    return f'<div class="itr-pictures">{"".join(shown)}</div>'


def note(text: str, kind: str = "muted") -> Message:
    """A line of the app itself in the conversation; ``kind`` is muted or error."""
    role = ' role="alert"' if kind == "error" else ""
    words = f'<p class="itr-note itr-{kind}"{role}>{escape(text)}</p>'
    return Message("assistant", (Markup(words),))


def role_mark(role: Role) -> str:
    """A role's shape and name in its colour."""
    return f'<span class="itr-role-{role}">{ROLE_MARKS[role]} {role}</span>'


@dataclass(frozen=True)
class ExampleQuestion:
    """A first question that a newcomer can ask with one click."""

    text: str
    pictures: tuple[PictureId, ...] = ()
    roles: tuple[Role, ...] = ()


def example_questions(examples: Sequence[ExampleTriplet]) -> list[ExampleQuestion]:
    """Up to six questions about ready-made triplets, with and without pictures."""
    questions: list[ExampleQuestion] = []
    for number, example in enumerate(examples[:6]):
        draft = example.draft
        what, action, made = (
            draft.subject_picture,
            draft.relation_picture,
            draft.object_picture,
        )
        kind = number % 3
        if kind == 0 and what and action and made:
            roles: tuple[Role, ...] = ("what", "action", "result")
            questions.append(ExampleQuestion("What happened here?", (what, action, made), roles))
        elif kind == 1 and what:
            text = question_about(draft.subject, draft.relation, shown=True)
            questions.append(ExampleQuestion(text, (what,)))
        elif kind == 2 and made:
            questions.append(ExampleQuestion("What is this?", (made,)))
    return questions


def examples_html(questions: Sequence[ExampleQuestion], thumbnail: Thumbnail) -> str:
    """The empty conversation: what it is for, and the example questions as buttons."""
    buttons = "".join(
        f'<button type="button" class="itr-example" data-example="{number}">'
        f'<span class="itr-example-pictures">{_thumbnails(question, thumbnail)}</span>'
        f"<span>{escape(question.text)}</span></button>"
        for number, question in enumerate(questions)
    )
    return (
        '<div class="itr-chat-empty"><h2>Ask about what you see</h2>'
        "<p>Show the student one or more pictures, or ask in words. "
        "Its answer names the facts of the graph that it used.</p>"
        f'<div class="itr-examples-grid">{buttons}</div></div>'
    )


def _thumbnails(question: ExampleQuestion, thumbnail: Thumbnail) -> str:
    return "".join(
        f'<img src="{escape(thumbnail(picture, 72))}" alt="" width="36" height="36">'
        for picture in question.pictures
    )
