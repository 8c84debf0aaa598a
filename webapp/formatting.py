"""Numbers, names and small pieces of HTML as the page shows them; every text is escaped here."""

from __future__ import annotations

import html

from model.records import Role, StudentInfo, Triplet, TripletDraft

_QUESTIONS: dict[Role, str] = {
    "what": "What is it?",
    "action": "What is done?",
    "result": "What comes out?",
}


def short_number(value: float) -> str:
    """A count in at most four signs: ``950``, ``5.1M``."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.1f}".removesuffix(".0") + letter
    return f"{value:.0f}"


def file_size(size_bytes: float) -> str:
    """A size on disk, in decimal units: ``10.4 MB``."""
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size_bytes >= size:
            return f"{size_bytes / size:.1f} {unit}"
    return f"{size_bytes:.0f} B"


def student_words(info: StudentInfo) -> str:
    """A student in one line: name, size and the first letters of its weights' hash."""
    size = short_number(info.parameters) if info.parameters else ""
    return " · ".join(part for part in (info.name, size, info.short_hash) if part)


def triplet_words(triplet: Triplet | TripletDraft) -> str:
    """A triplet as it is read: ``egg → heat → fried egg``."""
    return f"{triplet.subject} → {triplet.relation} → {triplet.object}"


def question_about(subject: str, relation: str, *, shown: bool) -> str:
    """Ask what comes of an action; a thing that is shown is not named.

    >>> question_about("red square", "paint blue", shown=False)
    'What happens if I paint the red square blue?'
    """
    subject, (verb, _, rest) = subject.strip(), relation.strip().partition(" ")
    if verb == "wait" and not rest:
        return f"What happens{'' if shown else f' to the {subject}'} if I wait?"
    many = subject.endswith("s") and not subject.endswith(("ss", "us", "is"))
    thing = ("them" if many else "it") if shown else f"the {subject}"
    return f"What happens if I {' '.join(part for part in (verb, thing, rest) if part)}?"


def role_heading(role: Role) -> str:
    """The head of a slot: the role's shape and its word."""
    return (
        f"<h3 class='itr-slot-head itr-role-{role}'><span class='itr-mark-{role}'></span>"
        f"{role}</h3>"
    )


def role_question(role: Role) -> str:
    """What a slot's label answers: ``What is it?``."""
    return _QUESTIONS[role]


def error_html(words: str) -> str:
    """A sentence about what went wrong, to stand beside its cause; nothing for no words."""
    return f"<p class='itr-error' role='alert'>{html.escape(words)}</p>" if words else ""


def note_html(words: str) -> str:
    """A sentence that is announced to screen readers; nothing for no words."""
    return f"<p class='itr-note' role='status'>{html.escape(words)}</p>" if words else ""


def muted_html(words: str) -> str:
    """A quiet line; nothing for no words."""
    return f"<p class='itr-muted'>{html.escape(words)}</p>" if words else ""


def range_words(offset: int, shown: int, total: int) -> str:
    """Which part of a list is seen: ``9–16 of 12,480 triplets``, or how many there are in all."""
    if shown == total:
        return f"{total:,} {'triplet' if total == 1 else 'triplets'}"
    return f"{offset + 1:,}–{offset + shown:,} of {total:,} triplets"
