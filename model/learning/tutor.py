"""What the shipped student learns from in its decoder: answers, and dense targets beside them.

An answer of ten tokens says little about forty image tokens. So image tokens are also asked to
resemble the words of what they show, before the decoder reads them: what it has learned about
words, to find and to copy them, then holds for pictures, too. The decoder is asked, at the last
image token of every cell and halfway up, what the cell holds and what it held in the picture
before; and at ``<|result|>`` which thing's picture comes out. So it learns to compare pictures
place by place, long before answers alone would teach it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from model.learning.examples import IGNORE, Batch, EncodedLesson, collate
from model.learning.saying import unlikeness, word_ids
from model.learning.sight import FIELDS, cell_targets, reading_loss
from model.microworld import blocks, blocks_words, everyday
from model.model import ImageTokenReasoningLLM
from model.network.text_tokenizer import PAD, RESULT

WORDS_WEIGHT = 0.3
CELL_WEIGHT = 0.3
OUTCOME_WEIGHT = 0.3
_SHARPNESS = 12.0
"""How much one step of cosine counts among the pictures of all things."""


@dataclass(frozen=True)
class Task:
    """An encoded lesson, the scene and the label of each picture, and the thing that comes of it.

    A scene is None for a picture of something else; a label is empty where nothing can be said.
    """

    lesson: EncodedLesson
    scenes: tuple[blocks.Scene | None, ...] = ()
    outcome: int | None = None
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class TutorBatch:
    """Lessons with dense targets: at (row, position) ``cells_at_K2`` what cells hold and held
    before, at ``outcome_at_R2`` the number of the thing that comes out; at (picture, patch)
    ``words_at_P2`` the tokens of the words for it, filled up with IGNORE."""

    lessons: Batch
    cells_at_K2: Tensor
    cells_KF: Tensor
    before_KF: Tensor
    outcome_at_R2: Tensor
    outcome_R: Tensor
    words_at_P2: Tensor
    words_PW: Tensor

    @property
    def tokens(self) -> int:
        """Number of tokens, padding included."""
        return self.lessons.tokens

    def to(self, device: torch.device) -> TutorBatch:
        """The same batch on another device."""
        return TutorBatch(
            self.lessons.to(device),
            self.cells_at_K2.to(device),
            self.cells_KF.to(device),
            self.before_KF.to(device),
            self.outcome_at_R2.to(device),
            self.outcome_R.to(device),
            self.words_at_P2.to(device),
            self.words_PW.to(device),
        )


def with_result(student: ImageTokenReasoningLLM, lesson: EncodedLesson) -> EncodedLesson:
    """The question alone, ending in ``<|result|>``: nothing is said, a picture is imagined."""
    ids = (*lesson.ids[: lesson.answer_at], student.tokenizer.id(RESULT))
    return EncodedLesson(ids, ((len(ids), len(ids)),), lesson.pixels_NCHW)


def last_patches(side: int) -> list[int]:
    """The last patch of every cell in reading order, for a tower of ``side`` × ``side`` patches."""
    per = side // blocks.GRID
    return [
        (row * per + per - 1) * side + column * per + per - 1
        for row in range(blocks.GRID)
        for column in range(blocks.GRID)
    ]


def _patch_words(task: Task, patches: Sequence[int]) -> list[tuple[int, int, str]]:
    """What the last patch of every cell shows, in words: (picture, patch, words)."""
    words = []
    for number in range(len(task.lesson.pixels_NCHW)):
        scene = task.scenes[number] if number < len(task.scenes) else None
        label = task.labels[number] if number < len(task.labels) else ""
        for cell, patch in enumerate(patches):
            said = blocks_words.placed_label(scene, cell) if scene else label
            if said:
                words.append((number, patch, said))
    return words


def tutor_batch(student: ImageTokenReasoningLLM, tasks: Sequence[Task]) -> TutorBatch:
    """Pad lessons to one length and find the places of their dense targets."""
    vision = student.config.vision
    patches = last_patches(vision.image_size // vision.patch_size)
    unset_CF = torch.full((blocks.CELLS, len(FIELDS)), IGNORE)
    at: list[tuple[int, int]] = []
    cells, before, outcome_at, outcomes = [], [], [], []
    words_at: list[tuple[int, int]] = []
    words: list[str] = []
    pictures = 0
    for row, task in enumerate(tasks):
        slots = [i for i, token in enumerate(task.lesson.ids) if token == student.image_id]
        earlier_CF = unset_CF
        for number, scene in enumerate(task.scenes):
            if scene is None:
                continue
            cells_CF = cell_targets(scene)
            at += [(row, slots[number * vision.num_patches + patch]) for patch in patches]
            cells.append(cells_CF)
            before.append(earlier_CF)
            earlier_CF = cells_CF
        for number, patch, said in _patch_words(task, patches):
            words_at.append((pictures + number, patch))
            words.append(said)
        pictures += len(task.lesson.pixels_NCHW)
        if task.outcome is not None:
            outcome_at.append((row, len(task.lesson.ids) - 1))
            outcomes.append(task.outcome)
    empty_KF = torch.zeros(0, len(FIELDS), dtype=torch.long)
    return TutorBatch(
        lessons=collate([task.lesson for task in tasks], student.tokenizer.id(PAD)),
        cells_at_K2=torch.tensor(at, dtype=torch.long).view(-1, 2),
        cells_KF=torch.cat(cells) if cells else empty_KF,
        before_KF=torch.cat(before) if before else empty_KF,
        outcome_at_R2=torch.tensor(outcome_at, dtype=torch.long).view(-1, 2),
        outcome_R=torch.tensor(outcomes, dtype=torch.long),
        words_at_P2=torch.tensor(words_at, dtype=torch.long).view(-1, 2),
        words_PW=word_ids(student.tokenizer, words),
    )


class Tutor(nn.Module):
    """The student with the heads that only its training needs; the tower is frozen."""

    def __init__(self, student: ImageTokenReasoningLLM) -> None:
        super().__init__()
        self.student = student
        width = student.config.decoder.hidden_size
        self.cell_head = nn.Linear(width, sum(FIELDS))
        self.before_head = nn.Linear(width, sum(FIELDS))
        student.vision_tower.requires_grad_(False)
        pictures = [
            everyday.picture(label, student.config.vision.image_size) for label in _things()
        ]
        self.register_buffer("things_TE", student.picture_embeddings(pictures).clone(), False)

    def forward(self, batch: TutorBatch) -> Tensor:
        """Loss of the answers' tokens and of the dense targets, in nats."""
        student, lessons = self.student, batch.lessons
        with torch.no_grad():
            patches_NPM = student.vision_tower(lessons.pixels_NCHW)
        image_NID = student.projector(patches_NPM)
        hidden_BSD, halfway_BSD = student.model.states(student.embed(lessons.ids_BS, image_NID))
        keep_BS = lessons.labels_BS != IGNORE
        loss: Tensor = hidden_BSD.new_zeros((), dtype=torch.float32)
        if bool(keep_BS.any()):
            logits_KV = student.model.logits(hidden_BSD[keep_BS])
            loss = loss + F.cross_entropy(logits_KV.float(), lessons.labels_BS[keep_BS])
        if len(batch.words_PW):
            pictures_P, patches_P = batch.words_at_P2.T
            embed_VD = student.model.embed_tokens.weight
            unlike = unlikeness(image_NID[pictures_P, patches_P], batch.words_PW, embed_VD)
            loss = loss + WORDS_WEIGHT * unlike
        if len(batch.cells_KF):
            rows_K, positions_K = batch.cells_at_K2.T
            at_KD = halfway_BSD[rows_K, positions_K]
            reading = reading_loss(self.cell_head(at_KD), batch.cells_KF)
            comparing = reading_loss(self.before_head(at_KD), batch.before_KF)
            loss = loss + CELL_WEIGHT * (reading + comparing)
        if len(batch.outcome_R):
            assert student.picture_heads is not None
            rows_R, positions_R = batch.outcome_at_R2.T
            imagined_RE = student.picture_heads.result(hidden_BSD[rows_R, positions_R])
            things_TE = self.get_buffer("things_TE")
            scores_RT = _SHARPNESS * imagined_RE.float() @ things_TE.T
            loss = loss + OUTCOME_WEIGHT * F.cross_entropy(scores_RT, batch.outcome_R)
        return loss


def _things() -> tuple[str, ...]:
    return tuple(everyday.things())
