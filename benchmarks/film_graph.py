"""An invented graph of films as large as MetaQA's, and questions of one to three hops about it.

Names are made up, and so are the phrases: a relation is said in several ways, and a question joins
phrases freely, so most longer test questions are worded as no training question is. Topics of the
test are topics of no training question. Where a hop undoes the one before it, what was left two
hops ago is no answer: “films with the director of [X]” are other films.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

ROLES = ("directed_by", "written_by", "starred_actors")
TRAITS = ("release_year", "in_language", "has_genre", "has_tags", "has_rating", "has_votes")

_NAMES = {
    "directed_by": ("the director of", "who directed", "the maker behind", "the one who shot"),
    "written_by": ("the writer of", "who wrote", "the screenwriter of", "the author behind"),
    "starred_actors": ("the actors in", "who starred in", "the cast of", "who acted in"),
    "release_year": ("the release year of", "when they released", "the year of"),
    "in_language": ("the language of", "which language is spoken in", "the tongue of"),
    "has_genre": ("the genre of", "what kind of film is", "which genre describes"),
    "has_tags": ("the words that describe", "the tags of", "the topics of"),
    "has_rating": ("the rating of", "how good people find", "the popular opinion of"),
    "has_votes": ("how famous is", "the fame of", "how many voted for"),
}
_FILMS = {
    "directed_by": ("the films directed by", "movies that were made by", "pictures shot by"),
    "written_by": ("the films written by", "movies with a script of", "stories penned by"),
    "starred_actors": ("the films starring", "movies with the actor", "what was played in by"),
    "has_tags": ("the films described by", "movies about", "films tagged as"),
}
_SAME = {
    "directed_by": ("the films that share a director with", "other movies by the director of"),
    "written_by": ("the films that share a writer with", "other movies by the screenwriter of"),
    "starred_actors": ("the films that share actors with", "other movies with the cast of"),
}
_OPENINGS = ("", "tell me ", "please name ", "do you know ", "i want to know ", "can you say ")
_CLOSINGS = ("", "?", " please", " ?")
Step = tuple[str, bool]
"""A relation, and whether it is followed backwards."""


@dataclass(frozen=True)
class FilmWorld:
    """The graph: its triples and, for each step, where it leads from every node."""

    triples: tuple[tuple[str, str, str], ...]
    leads: dict[Step, dict[str, tuple[str, ...]]]
    films: tuple[str, ...]


def film_world(seed: int, films: int = 16_000) -> FilmWorld:
    """A graph of about eight triples for each film; people work on several films."""
    rng = random.Random(f"films {seed}")
    titles = [f"{_name(rng, 2)} {number}" for number in range(films)]
    people = {
        role: [f"{_name(rng, 3)} {role[0]}{number}" for number in range(count)]
        for role, count in zip(ROLES, (films // 3, films // 2, films // 2), strict=True)
    }
    # one in five writers directs, too, as in life
    people["written_by"][::5] = people["directed_by"][: len(people["written_by"][::5])]
    people["written_by"] = people["written_by"][: films // 2]
    values = {
        "release_year": [str(year) for year in range(1930, 2026)],
        "in_language": [f"{_name(rng, 1)}ish" for _ in range(40)],
        "has_genre": [f"{_name(rng, 1)} film" for _ in range(24)],
        "has_tags": [f"{_name(rng, 2)} tag{number}" for number in range(films // 4)],
        "has_rating": ["poor", "fair", "good", "great", "famous"],
        "has_votes": ["unknown", "little known", "well known", "very well known"],
    }
    triples: set[tuple[str, str, str]] = set()
    for title in titles:
        for role, most in zip(ROLES, (1, 2, 4), strict=True):
            for _ in range(rng.randint(1, most)):
                triples.add((title, role, _pick(rng, people[role])))
        for trait, share in zip(TRAITS, (0.95, 0.5, 0.6, 0.8, 0.3, 0.3), strict=True):
            for _ in range(rng.choice((1, 2, 3)) if trait == "has_tags" else 1):
                if rng.random() < share:
                    triples.add((title, trait, _pick(rng, values[trait])))
    leads: dict[Step, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    ordered = sorted(triples)
    for subject, relation, object_ in ordered:
        leads[relation, False][subject].append(object_)
        leads[relation, True][object_].append(subject)
    fixed = {step: {n: tuple(to) for n, to in found.items()} for step, found in leads.items()}
    return FilmWorld(tuple(ordered), fixed, tuple(titles))


def follow(world: FilmWorld, topic: str, steps: tuple[Step, ...]) -> set[str]:
    """Where the steps lead from a topic; a step that undoes the one before it does not go back."""
    before: set[str] = set()
    here = {topic}
    for number, (relation, backwards) in enumerate(steps):
        lead = world.leads[relation, backwards]
        reached = {end for node in here for end in lead.get(node, ())}
        if number and steps[number - 1] == (relation, not backwards):
            reached -= before
        before, here = here, reached
    return here


def film_questions(
    world: FilmWorld, hops: int, count: int, seed: int, test: bool
) -> list[tuple[str, str, set[str], tuple[Step, ...]]]:
    """Text, topic, answers and steps of ``count`` questions; every seventh topic is the test's."""
    rng = random.Random(f"questions {seed} {hops} {test}")
    found = []
    tops = {
        step: [node for node in lead if (_mark(node) % 7 == 0) == test]
        for step, lead in world.leads.items()
    }
    while len(found) < count:
        steps, phrase = _shape(rng, hops)
        topic = rng.choice(tops[steps[0]])
        answers = follow(world, topic, steps)
        if 0 < len(answers) <= 200:
            text = f"{rng.choice(_OPENINGS)}{phrase} [{topic}]{rng.choice(_CLOSINGS)}"
            found.append((text, topic, answers, steps))
    return found


def write_films(world: FilmWorld, folder: Path, train: int, test: int, seed: int) -> None:
    """Write ``kb.tsv``, ``train.tsv`` (all hops mixed) and ``test-1.tsv`` to ``test-3.tsv``."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "kb.tsv", ["\t".join(triple) for triple in world.triples])
    lines = []
    for hops in (1, 2, 3):
        lines += [_line(q) for q in film_questions(world, hops, train // 3, seed, False)]
        tested = film_questions(world, hops, test, seed, True)
        _write(folder / f"test-{hops}.tsv", [_line(q) for q in tested])
    random.Random(seed).shuffle(lines)
    _write(folder / "train.tsv", lines)


def _shape(rng: random.Random, hops: int) -> tuple[tuple[Step, ...], str]:
    """The steps of a question and its words up to the topic."""
    role = rng.choice(ROLES)
    last = rng.choice((*ROLES, *TRAITS[:4]))
    if hops == 1:
        if rng.random() < 0.5:
            name = rng.choice(tuple(_NAMES))
            return ((name, False),), rng.choice(_NAMES[name])
        name = rng.choice(tuple(_FILMS))
        return ((name, True),), rng.choice(_FILMS[name])
    if hops == 2:
        if rng.random() < 0.4:
            return ((role, False), (role, True)), rng.choice(_SAME[role])
        words = f"{rng.choice(_NAMES[last])} {rng.choice(_FILMS[role])}"
        return ((role, True), (last, False)), words
    if rng.random() < 0.25:
        words = f"{rng.choice(_FILMS[role])} people who also worked as {role.split('_')[0]} "
        words += rng.choice(("together with", "side by side with"))
        return ((role, True), (role, False), (role, True)), words
    if last == role:
        last = rng.choice(TRAITS[:4])
    words = f"{rng.choice(_NAMES[last])} {rng.choice(_SAME[role])}"
    return ((role, False), (role, True), (last, False)), words


def _line(question: tuple[str, str, set[str], tuple[Step, ...]]) -> str:
    text, _, answers, _ = question
    return f"{text}\t{'|'.join(sorted(answers))}"


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _pick(rng: random.Random, names: list[str]) -> str:
    """A name; early ones are more frequent, as famous people are."""
    return names[int(len(names) * rng.random() ** 1.6)]


def _name(rng: random.Random, syllables: int) -> str:
    parts = (rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(syllables + 1))
    return "".join(parts).capitalize()


def _mark(label: str) -> int:
    """A number that depends on the label alone."""
    return sum((place + 1) * ord(letter) for place, letter in enumerate(label))
