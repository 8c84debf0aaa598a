"""What a person can say of an answer, as buttons under it: plain values, no Gradio.

Words that a person or a model wrote are escaped here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from model.feedback_records import AnswerId, Mark
from model.records import Turn

Marks = Mapping[AnswerId, Mark]

_THUMB = (
    '<svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true" fill="none" '
    'stroke="currentColor" stroke-width="1.8" stroke-linejoin="round">'
    '<path d="M3.5 10.5h3.5v9.5H3.5z"/><path d="M7 11.5l3.7-7.7c1.7-.2 2.8 1.1 2.5 2.8L12.6 10h5.6'
    'c1.4 0 2.4 1.2 2.1 2.6l-1.2 5.6c-.2 1.1-1.1 1.8-2.2 1.8H7"/></svg>'
)


def vote_html(turn: Turn, number: int, marks: Marks) -> str:
    """Thumbs, a better answer and the teacher's judgement; nothing for an answer not kept."""
    answer = AnswerId(turn.stats.answer) if turn.stats else AnswerId("")
    mark = marks.get(answer)
    if mark is None:
        return ""
    thumbs = "".join(
        _thumb(number, way, words, pressed=mark.reward * sign > 0)
        for way, words, sign in (("up", "Good answer", 1), ("down", "Bad answer", -1))
    )
    return (
        '<div class="itr-vote" role="group" aria-label="What do you think of this answer?">'
        f"{thumbs}{_text_button('better', number, 'Better answer')}"
        f"{_text_button('judge', number, 'Ask the teacher')}{_said(mark)}</div>"
    )


def rival_html(turn: Turn, number: int, marks: Marks) -> str:
    """The answer that was there before, to keep one of the two; nothing if there is none."""
    earlier = marks.get(AnswerId(turn.earlier)) if turn.earlier else None
    if earlier is None or turn.stats is None or not turn.stats.answer:
        return ""
    return (
        '<div class="itr-rival" role="group" aria-label="Which answer is better?">'
        f"<p>Before, it said: <q>{escape(earlier.text)}</q></p>"
        f"{_text_button('keep', number, 'Keep the earlier one', 'earlier')}"
        f"{_text_button('keep', number, 'Keep this one', 'this')}</div>"
    )


def answers_of(turns: Sequence[Turn]) -> list[AnswerId]:
    """The answers of a conversation that a person may vote on, earlier ones included."""
    kept = [turn.stats.answer for turn in turns if turn.stats and turn.stats.answer]
    return [AnswerId(name) for name in (*kept, *(turn.earlier for turn in turns if turn.earlier))]


def _thumb(number: int, way: str, words: str, *, pressed: bool) -> str:
    told = f"{words}: take it back" if pressed else words
    return (
        f'<button type="button" class="itr-thumb-{way}" data-vote="{number}" data-way="{way}" '
        f'aria-pressed="{"true" if pressed else "false"}" title="{told}" aria-label="{told}">'
        f"{_THUMB}</button>"
    )


def _text_button(kind: str, number: int, words: str, which: str = "") -> str:
    which = f' data-which="{which}"' if which else ""
    return f'<button type="button" data-{kind}="{number}"{which}>{words}</button>'


def _said(mark: Mark) -> str:
    words = []
    if mark.judge:
        words.append(f"{mark.judge}: {'right' if mark.reward > 0 else 'wrong'}")
    if mark.better:
        words.append(f"better: {mark.better}")
    if mark.learned:
        words.append("learned")
    return f'<span class="itr-muted">{escape(" · ".join(words))}</span>' if words else ""
