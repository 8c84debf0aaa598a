"""The facts that an answer leaned on: under the answer, and beside the chat with their way.

Labels are escaped here wherever they go into markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from html import escape

from model.errors import GraphError, InputError
from model.records import Fact, PictureId, Triplet, TripletId
from webapp.answer_path import paths_html, paths_of
from webapp.backend import Backend

FACE_PX = 56
_NOTHING = (
    '<p class="itr-muted">Facts from the graph that an answer uses appear here, heaviest first, '
    "with the way that leads to them.</p>"
)


def why_html(backend: Backend, facts: Sequence[Fact], answer: int = -1) -> str:
    """The ways to the facts as a drawing, and the facts; ``answer`` is the message's number."""
    if not facts:
        return _NOTHING
    paths = paths_of(facts, partial(_stored, backend))
    drawing = paths_html(paths, partial(_face, backend))
    return f'<div data-shown="{int(answer)}">{drawing}{facts_html(facts)}</div>'


def facts_html(facts: Sequence[Fact]) -> str:
    """The facts that an answer leaned on, heaviest first, each with its hop and weight."""
    rows = "".join(_row(fact, meter=True) for fact in _ranked(facts))
    return f'<ol class="itr-facts">{rows}</ol>' if facts else _NOTHING


def used_html(facts: Sequence[Fact], answer: int, *, unfolded: bool) -> str:
    """The facts under an answer, folded; nothing if it used none."""
    if not facts:
        return ""
    many = "1 fact" if len(facts) == 1 else f"{len(facts)} facts"
    rows = "".join(_row(fact, meter=False) for fact in _ranked(facts))
    return (
        f'<details class="itr-used" data-answer="{int(answer)}"{" open" if unfolded else ""}>'
        f'<summary>Used {many}</summary><ol class="itr-facts">{rows}</ol></details>'
    )


def weight(value: float) -> str:
    """A weight between 0 and 1 in two digits, without the zero: ``.71``."""
    return f"{value:.2f}".removeprefix("0")


def _ranked(facts: Sequence[Fact]) -> list[Fact]:
    return sorted(facts, key=lambda fact: -fact.weight)


def _row(fact: Fact, *, meter: bool) -> str:
    bar = (
        f'<progress class="itr-meter" max="1" value="{fact.weight:.3f}" aria-label="weight">'
        "</progress>"
    )
    words = escape(f"{fact.subject} {fact.relation} {fact.object}")
    return (
        f'<li class="itr-fact"><button type="button" class="itr-fact-words" '
        f'data-triplet="{int(fact.triplet)}" title="Show in the graph" '
        f'aria-label="Show in the graph: {words}">'
        f'<span class="itr-role-what">{escape(fact.subject)}</span> '
        f'<span class="itr-role-action">—{escape(fact.relation)}→</span> '
        f'<span class="itr-role-result">{escape(fact.object)}</span></button>'
        f'<span class="itr-num"><span class="itr-muted">hop {int(fact.hop)}</span> '
        f"{weight(fact.weight)}</span>{bar if meter else ''}</li>"
    )


def _stored(backend: Backend, triplet: TripletId) -> Triplet | None:
    try:
        return backend.triplet(triplet)
    except GraphError:
        return None


def _face(backend: Backend, picture: PictureId) -> str:
    try:
        return backend.thumbnail(picture, FACE_PX)
    except InputError:
        return ""
