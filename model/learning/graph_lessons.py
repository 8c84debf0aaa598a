"""Graph tokens learn to tell the decoder what the facts tell; decoder and tower stay as they are.

Lessons are questions whose answer is in the facts: about steps and about ties of people. First,
as for image tokens, there is a dense target that needs no decoder: the first half of the tokens
looks at the words of the fact that answers, or of the first of two, the second half at those of the
second. Then the answers count, too. More than half of these lessons show the facts as graph tokens
alone, the others in words, too; facts in words alone would teach graph tokens nothing.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.knowledge.told_facts import told_facts
from model.learning.examples import IGNORE, Batch, EncodedLesson, Lesson, collate, encode_lesson
from model.microworld.example import FactWords
from model.microworld.language import fact_line
from model.microworld.oracle import example
from model.microworld.splits import seed_of
from model.microworld.talks import TALKS, talk
from model.model import ImageTokenReasoningLLM
from model.network.graph_tokens import GraphTokens, SubgraphBatch, pad_subgraphs
from model.network.text_tokenizer import PAD, TextTokenizer

GRAPH_TOKENS = 8
WORDS_WEIGHT = 0.5
FIRST_LESSON = 40_000_000
PICTURES = 0.25
_TOKENS_ALONE = 0.6
_THINKING = 0.6
_IN_WORDS = {"talk-facts": 0.6, "talk-ties": 0.4}
_WITH_PICTURES = {"everyday-predict-fact": 0.4, "everyday-hop": 0.6}
_LESSONS_APART = 256


def add_graph_tokens(student: ImageTokenReasoningLLM, count: int = GRAPH_TOKENS) -> None:
    """Give a student graph tokens that know nothing yet."""
    student.config = replace(student.config, graph_tokens=count)
    student.graph_tokens = GraphTokens(student.config.decoder.hidden_size, count)


@dataclass(frozen=True)
class Told:
    """A lesson with its graph, and the facts on the way to its answer in their order."""

    lesson: Lesson
    way: tuple[FactWords, ...]


def way_to(thought: str, facts: Sequence[FactWords]) -> tuple[FactWords, ...]:
    """The facts that a thought notes, in the order in which it does."""
    at = {fact: thought.find(f"{fact_line(*fact)}.") for fact in facts}
    return tuple(sorted((fact for fact in at if at[fact] >= 0), key=at.__getitem__))


def told(
    lesson: Lesson, facts: Sequence[FactWords], labels: Sequence[str], thought: str
) -> Told | None:
    """A lesson with the facts that are found for it; None if none are."""
    found = told_facts(lesson.question, list(facts), labels)
    if not found:
        return None
    lines = tuple(fact.line for fact in found)
    return Told(replace(lesson, facts=lines, graph=tuple(found)), way_to(thought, facts))


def draw_told(
    student: ImageTokenReasoningLLM, index: int, kind: str, rng: random.Random
) -> Told | None:
    """The lesson with this number, from the training part of the world."""
    if kind in TALKS:
        drawn = talk(index, kind, student.config.vision.image_size)
        turn = rng.choice(drawn.turns)
        question, answer, thought = turn.question, turn.answer, turn.thought
        roles: tuple[str, ...] = ()
        pictures, facts, labels = drawn.pictures, drawn.facts, drawn.labels
    else:
        one = example("train", index, kind)
        question, answer, thought, roles = one.question, one.answer, one.thought, one.roles
        pictures, facts, labels = one.pictures, one.facts, one.labels
    kept = thought if rng.random() < _THINKING else None
    lesson = Lesson(question, answer, pictures, roles, thought=kept)
    return told(lesson, facts, labels, thought)


def looked_at(tokenizer: TextTokenizer, way: Sequence[FactWords], count: int) -> list[list[int]]:
    """The tokens that each graph token is to look at; nothing where nothing is to be told.

    Each half stands for a fact: subject, relation, the first token of the object, its others.
    """
    half = count // 2
    wanted: list[list[int]] = [[] for _ in range(count)]
    for place, (subject, relation, object_) in enumerate(way[:2]):
        spelled = tokenizer.encode(f" {object_}")
        parts = [
            tokenizer.encode(f" {subject}"),
            tokenizer.encode(f" {relation}"),
            spelled[:1],
            spelled[1:] or spelled,
        ]
        for part, ids in enumerate(parts[:half]):
            wanted[place * half + part] = sorted(set(ids))
    return wanted


@dataclass(frozen=True)
class GraphBatch:
    """Lessons with their subgraphs; ``words_NKW`` holds the tokens that each graph token is to
    look at, filled up with IGNORE."""

    lessons: Batch
    graphs: SubgraphBatch
    words_NKW: Tensor

    @property
    def tokens(self) -> int:
        """Number of tokens, padding included."""
        return self.lessons.tokens

    def to(self, device: torch.device) -> GraphBatch:
        """The same batch on another device."""
        return GraphBatch(
            self.lessons.to(device), self.graphs.to(device), self.words_NKW.to(device)
        )


def graph_batch(
    step: int, size: int, student: ImageTokenReasoningLLM, seed: int = 0, pictures: float = PICTURES
) -> GraphBatch:
    """The lessons of one step, all with pictures or none, all with facts in words or none.

    So they are of about one length and hold little padding. ``pictures`` is the share of steps
    with pictures.
    """
    rng = random.Random(seed_of("train", step, f"graph tokens {seed}"))
    kinds = _WITH_PICTURES if rng.random() < pictures else _IN_WORDS
    alone = rng.random() < _TOKENS_ALONE
    encoded: list[EncodedLesson] = []
    wanted: list[list[list[int]]] = []
    index = FIRST_LESSON + seed * 100_000_000 + step * _LESSONS_APART
    while len(encoded) < size:
        kind = rng.choices(tuple(kinds), tuple(kinds.values()))[0]
        drawn = draw_told(student, index, kind, rng)
        index += 1
        if drawn is None:
            continue
        lesson = replace(drawn.lesson, facts=()) if alone else drawn.lesson
        encoded.append(encode_lesson(student, lesson))
        wanted.append(looked_at(student.tokenizer, drawn.way, student.config.graph_tokens))
    longest = max(len(ids) for each in wanted for ids in each) or 1
    words_NKW = torch.full((size, student.config.graph_tokens, longest), IGNORE)
    for row, each in enumerate(wanted):
        for token, ids in enumerate(each):
            words_NKW[row, token, : len(ids)] = torch.tensor(ids, dtype=torch.long)
    graphs = pad_subgraphs([one.graph for one in encoded if one.graph is not None])
    return GraphBatch(collate(encoded, student.tokenizer.id(PAD)), graphs, words_NKW)


def words_loss(attention_NKX: Tensor, graphs: SubgraphBatch, words_NKW: Tensor) -> Tensor:
    """How little graph tokens look at the words of the facts that answer, in nats.

    The embedding of a word is not the vector that this word is likeliest after, so likeness in the
    decoder's output, as for image tokens, would pull mixtures of words away from words.
    """
    told_NK = (words_NKW != IGNORE).any(-1)
    if not bool(told_NK.any()):
        return attention_NKX.sum() * 0.0
    ids_NX = graphs.ids_BFPT.flatten(1)
    wanted_NKX = (ids_NX[:, None, :, None] == words_NKW[:, :, None, :]).any(-1)
    seen_NK = (attention_NKX * wanted_NKX).sum(-1)
    return -seen_NK[told_NK].clamp(min=1e-6).log().mean()


class GraphReading(nn.Module):
    """Graph tokens, taught through a decoder that does not learn; or at first without it."""

    def __init__(self, student: ImageTokenReasoningLLM, *, words_alone: bool = False) -> None:
        """With ``words_alone`` only what graph tokens look at counts, which is much cheaper."""
        super().__init__()
        self._words_alone = words_alone
        assert student.graph_tokens is not None
        self.graph_tokens = student.graph_tokens
        student.requires_grad_(False)
        self.graph_tokens.requires_grad_(True)
        self._frozen = (student,)  # no part of this module

    def forward(self, batch: GraphBatch) -> Tensor:
        """Loss of the answers' tokens and of what graph tokens look at, in nats."""
        student, lessons = self._frozen[0], batch.lessons
        words = student.model.embed_tokens
        attention_NKX = self.graph_tokens.attention(words, batch.graphs)
        unseen = words_loss(attention_NKX, batch.graphs, batch.words_NKW)
        if self._words_alone:
            return unseen
        graph_NKD = self.graph_tokens.mixture(words, batch.graphs, attention_NKX)
        with torch.no_grad():
            image_NID = student.projector(student.vision_tower(lessons.pixels_NCHW))
        hidden_BSD = student.model(student.embed(lessons.ids_BS, image_NID, graph_NKD))
        keep_BS = lessons.labels_BS != IGNORE
        logits_KV = student.model.logits(hidden_BSD[keep_BS])
        said = F.cross_entropy(logits_KV.float(), lessons.labels_BS[keep_BS])
        return said + WORDS_WEIGHT * unseen
