"""From a question and its answer to a triplet, by rule: what “Remember this” begins with.

The rules know the usual ways to ask what comes out and to say it. What they do not find stays
empty, and the person fills it in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from model.records import Fact, PictureId, Role, TripletDraft, Turn

LONGEST_QUOTE = 160
"""Letters of a question that are kept as a triplet's origin."""
_ARTICLES = ("a", "an", "the", "some", "my", "your", "this", "these", "one")
_POINTERS = ("it", "this", "these", "them", "that")
_ASKED_DOING = re.compile(r"\b(?:if|when) (?:i|you|we) ([^?.,]+)|^i ([^?.,]+)\.", re.IGNORECASE)
_ASKED_WAITING = re.compile(
    r"\bhappens? (?:to|with) ([^?.,]+?) (?:if|when) (?:i|you|we) wait", re.IGNORECASE
)
_GOT = re.compile(
    r"(?:\byou (?:will )?(?:get|have|make|obtain)|\bbecomes?|\bbecame|\bturns? into|\bturned into|"
    r"\bit is now|\bcomes out is) ([^.!?,;]+)",
    re.IGNORECASE,
)
_DONE = re.compile(r"^the ([^.!?,;]+?) (?:was|were) ([a-z-]+) and ", re.IGNORECASE)
_NAMED = re.compile(r"^(?:this is|these are|there is|that is|it is) ([^.!?,;]+)", re.IGNORECASE)


def triplet_from(question: Turn | None, answer: Turn, student: str = "") -> TripletDraft:
    """The triplet that an answer tells, with the question's pictures in their places.

    The words of question and answer come first; the answer's facts fill in what they do not say.
    """
    asked = question.text if question else ""
    chain = re.search(r"\bthen\b", asked.lower()) is not None  # its last step is its last fact
    subject, relation = ("", "") if chain else _doing(asked)
    made = "" if chain else _object(answer.text)
    done = _DONE.search(answer.text.strip())
    if done and not relation:
        subject, relation = _bare(done[1]), done[2].lower()
    named = _NAMED.search(answer.text.strip())
    if named and not relation and not made:
        subject = _bare(named[1])
    fact = _fact_for(answer.facts, subject, relation, made)
    if fact is not None:
        subject, relation, made = fact.subject, fact.relation, fact.object
    what, action, result = _pictures(question)
    return TripletDraft(
        subject, relation, made, what, action, result, source="chat",
        author=student, origin=f"chat: {asked[:LONGEST_QUOTE]}".strip(),
    )  # fmt: skip


def _doing(asked: str) -> tuple[str, str]:
    """The thing and the action of a question about an outcome; empty what it does not name."""
    waiting = _ASKED_WAITING.search(asked)
    if waiting:
        return _bare(waiting[1]), "wait"
    doing = _ASKED_DOING.search(asked)
    if not doing:
        return "", ""
    words = (doing[1] or doing[2]).split()
    if len(words) < 2 or words[0].lower() == "wait":
        return "", words[0].lower()
    if words[-1].lower() in _POINTERS or words[1].lower() == "it":
        rest = [word for word in words[1:] if word.lower() not in _POINTERS]
        return "", " ".join([words[0].lower(), *rest])
    return _bare(" ".join(words[1:])), words[0].lower()


def _object(said: str) -> str:
    """What comes out, of a sentence that says so: the last thing that it says."""
    found = _GOT.findall(said)
    return _bare(found[-1]) if found else ""


def _fact_for(facts: Sequence[Fact], subject: str, relation: str, made: str) -> Fact | None:
    """The heaviest fact that says the same; without words to compare, that of the last hop."""
    if not (subject or relation or made):
        return max(facts, key=lambda fact: (fact.hop, fact.weight), default=None)
    for fact in sorted(facts, key=lambda fact: (-fact.weight, -fact.hop)):
        said = (subject, fact.subject), (relation, fact.relation), (made, fact.object)
        # “paint the red square blue” was read as a thing “red square blue” that is painted
        if all(_agree(words, label) for words, label in said):
            return fact
    return None


def _agree(words: str, label: str) -> bool:
    """Whether words say the same as a label or nothing, or one goes on where the other ends."""
    told, known = words.lower(), label.lower()
    return not told or told == known or told.startswith(f"{known} ") or known.startswith(f"{told} ")


def _bare(phrase: str) -> str:
    """A phrase without the article at its front and the space around it."""
    words = phrase.split()
    return " ".join(words[1:] if len(words) > 1 and words[0].lower() in _ARTICLES else words)


def _pictures(
    question: Turn | None,
) -> tuple[PictureId | None, PictureId | None, PictureId | None]:
    """The question's pictures by role; one without roles shows the thing there was before."""
    if question is None or not question.pictures:
        return None, None, None
    if len(question.roles) == len(question.pictures):
        held: dict[Role, PictureId] = dict(zip(question.roles, question.pictures, strict=True))
        return held.get("what"), held.get("action"), held.get("result")
    return question.pictures[0], None, None
