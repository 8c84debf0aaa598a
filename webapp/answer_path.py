"""The way through the graph that led to an answer, hop by hop: plain values, and their markup.

Labels are escaped here, and go into text only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from model.records import Fact, PictureId, Triplet, TripletId

MOST_PATHS = 3
"""Ways that are drawn; more would hide the one that matters."""

LookUp = Callable[[TripletId], Triplet | None]
"""A stored triplet, or ``None`` if it is no longer in the graph."""


@dataclass(frozen=True)
class Stop:
    """A thing on the way, with its picture if it has one."""

    label: str
    picture: PictureId | None = None


@dataclass(frozen=True)
class Hop:
    """One step of the way; ``forward`` if it follows the arrow from subject to object."""

    triplet: TripletId
    start: Stop
    relation: str
    end: Stop
    forward: bool = True


@dataclass(frozen=True)
class _Edge:
    triplet: TripletId
    subject: Stop
    relation: str
    object: Stop


def paths_of(facts: Sequence[Fact], look_up: LookUp) -> list[tuple[Hop, ...]]:
    """The ways that lead to the facts, that to the heaviest fact first; part of another is none.

    A fact that does not say how it was reached is chained to the facts of earlier hops.
    """
    ranked = sorted(facts, key=lambda fact: (-fact.hop, -fact.weight))
    chains: list[tuple[float, tuple[TripletId, ...]]] = []
    for fact in ranked:
        chain = _told(fact, facts, look_up) or _chained(fact, facts)
        if not any(chain == longer[: len(chain)] for _, longer in chains):
            chains.append((fact.weight, chain))
    chains.sort(key=lambda item: -item[0])
    return [_walk([_edge(each, facts, look_up) for each in chain]) for _, chain in chains]


def _told(fact: Fact, facts: Sequence[Fact], look_up: LookUp) -> tuple[TripletId, ...]:
    """The path that the fact brings, if every triplet of it is known."""
    held = {known.triplet for known in facts}
    path = tuple(fact.path)
    whole = bool(path) and all(each in held or look_up(each) is not None for each in path)
    return path if whole else ()


def _chained(fact: Fact, facts: Sequence[Fact]) -> tuple[TripletId, ...]:
    """Back from a fact, at each earlier hop over the heaviest fact that touches it."""
    chain, last = [fact.triplet], fact
    for hop in range(fact.hop - 1, 0, -1):
        ends = {_same(last.subject), _same(last.object)}
        near = [f for f in facts if f.hop == hop and ends & {_same(f.subject), _same(f.object)}]
        if not near:
            break
        # what an earlier step made is a likelier way than what it was made from
        last = max(near, key=lambda f: (_same(f.object) == _same(last.subject), f.weight))
        chain.append(last.triplet)
    return tuple(reversed(chain))


def _edge(triplet: TripletId, facts: Sequence[Fact], look_up: LookUp) -> _Edge:
    stored = look_up(triplet)
    if stored is not None:
        start = Stop(stored.subject, stored.subject_picture)
        return _Edge(triplet, start, stored.relation, Stop(stored.object, stored.object_picture))
    fact = next(known for known in facts if known.triplet == triplet)
    return _Edge(triplet, Stop(fact.subject), fact.relation, Stop(fact.object))


def _walk(edges: Sequence[_Edge]) -> tuple[Hop, ...]:
    """The edges as steps from thing to thing, against the arrow where the way goes so."""
    hops: list[Hop] = []
    here = _first(edges)
    for edge in edges:
        forward = _same(edge.object.label) != here or _same(edge.subject.label) == here
        start, end = (edge.subject, edge.object) if forward else (edge.object, edge.subject)
        hops.append(Hop(edge.triplet, start, edge.relation, end, forward))
        here = _same(end.label)
    return tuple(hops)


def _first(edges: Sequence[_Edge]) -> str:
    """Where the way begins: the end of the first edge that the second does not touch."""
    first = edges[0]
    if len(edges) > 1:
        following = {_same(edges[1].subject.label), _same(edges[1].object.label)}
        if _same(first.subject.label) in following and _same(first.object.label) not in following:
            return _same(first.object.label)
    return _same(first.subject.label)


def _same(label: str) -> str:
    return " ".join(label.casefold().split())


# ── markup ──────────────────────────────────────────────────────────────────────────────────────

Face = Callable[[PictureId], str]
"""A picture as a small ``data:`` URI, or an empty string."""


def paths_html(paths: Sequence[tuple[Hop, ...]], face: Face) -> str:
    """The ways as small drawings, one below the other; its things are buttons that ask."""
    drawn = "".join(
        _path_html(path, face, number) for number, path in enumerate(paths[:MOST_PATHS])
    )
    left = len(paths) - MOST_PATHS
    more = f'<p class="itr-muted">and {left} more ways</p>' if left > 0 else ""
    return f'<div class="itr-paths">{drawn}{more}</div>' if paths else ""


def _path_html(path: tuple[Hop, ...], face: Face, number: int) -> str:
    told = "1 hop" if len(path) == 1 else f"{len(path)} hops"
    first = f"<li>{_stop_html(path[0].start, face, 'what')}</li>"
    rest = "".join(
        f"{_hop_html(hop, place)}<li>{_stop_html(hop.end, face, _side(place, len(path)))}</li>"
        for place, hop in enumerate(path, start=1)
    )
    return f'<ol class="itr-path" aria-label="Way {number + 1}, {told}">{first}{rest}</ol>'


def _side(place: int, hops: int) -> str:
    return "result" if place == hops else "both"


def _stop_html(stop: Stop, face: Face, side: str) -> str:
    source = face(stop.picture) if stop.picture else ""
    picture = f'<img src="{escape(source)}" alt="" width="28" height="28">' if source else ""
    label = escape(stop.label)
    return (
        f'<button type="button" class="itr-stop itr-stop-{side}" data-ask="{label}" '
        f'title="Ask about {label}" aria-label="Ask about {label}">{picture}'
        f'<span class="itr-mark-{side}" aria-hidden="true"></span><span>{label}</span></button>'
    )


def _hop_html(hop: Hop, place: int) -> str:
    arrow, way = ("↓", "leads to") if hop.forward else ("↑", "comes from")
    return (
        f'<li class="itr-hop" data-triplet="{int(hop.triplet)}"><span aria-hidden="true">{arrow}'
        f'</span><span class="itr-hidden">{way}, by</span> '
        f'<span class="itr-role-action">{escape(hop.relation)}</span> '
        f'<span class="itr-muted itr-num">hop {place}</span></li>'
    )
