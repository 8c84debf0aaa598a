"""How the shipped student is taught: dense targets in the right places, no lesson twice."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
import torch

from model.config import DecoderConfig, StudentConfig, TrainConfig, VisionConfig
from model.learning.recipe import (
    ANSWERING,
    MASTERING,
    PARTS,
    READING,
    DrawnAhead,
    Parts,
    answer_batch,
    lesson_of,
    shown_by_name,
    task_of,
)
from model.learning.saying import Saying, saying_batch, unlikeness
from model.learning.sight import (
    FIELDS,
    SPREADING,
    Sight,
    cell_targets,
    in_grey,
    sight_batch,
    signs,
)
from model.learning.training import Signal, StepReport, fit
from model.learning.tutor import Task, Tutor, last_patches, tutor_batch
from model.microworld.blocks import Block, Scene
from model.microworld.blocks_pictures import draw_scene
from model.microworld.blocks_words import placed_label
from model.microworld.oracle import KINDS, example
from model.microworld.talks import TALKS
from model.model import ImageTokenReasoningLLM
from model.network.text_tokenizer import RESULT
from tests.small import make_tokenizer


def _student(seed: int = 0) -> ImageTokenReasoningLLM:
    """A small student whose pictures have two patches to a cell's side, as the shipped one's."""
    tokenizer = make_tokenizer()
    decoder = DecoderConfig(
        vocab_size=len(tokenizer),
        hidden_size=48,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=640,
    )
    vision = VisionConfig(
        image_size=48,
        patch_size=8,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        embedding_size=24,
    )
    torch.manual_seed(seed)
    return ImageTokenReasoningLLM(StudentConfig(decoder, vision, thinks=True), tokenizer)


def _ids(batch: Parts) -> list[list[list[int]]]:
    return [part.lessons.ids_BS.tolist() for part in batch.parts]


def _losses(model: torch.nn.Module, batch: object, steps: int, rate: float) -> list[float]:
    losses: list[float] = []

    def on_step(report: StepReport) -> Signal:
        losses.append(report.loss)
        return "go"

    config = TrainConfig(steps=steps, learning_rate=rate)
    fit(model, lambda step: batch, lambda net, given: net(given), config, on_step)
    return losses


def test_cells_are_told_by_their_lower_and_their_upper_block() -> None:
    red, star = Block("square", "red", "large"), Block("star", "blue", "small", "hollow")
    cells_CF = cell_targets(Scene(((4, red), (4, star), (8, star))))
    assert cells_CF.shape == (9, len(FIELDS))
    assert cells_CF[4].tolist() == [1, 0, 1, 0, 4, 2, 1]
    assert cells_CF[8].tolist() == [4, 2, 0, 1, 0, -100, -100]
    assert cells_CF[0].tolist() == [0, -100, -100, -100, 0, -100, -100]


def test_the_last_patch_of_a_cell_is_its_lower_right_one() -> None:
    assert last_patches(6) == [7, 9, 11, 19, 21, 23, 31, 33, 35]
    assert last_patches(3) == list(range(9))


def test_dense_targets_stand_at_image_tokens_and_compare_with_the_picture_before() -> None:
    student = _student()
    drawn = example("train", 5, "blocks-inverse")
    task = task_of(student, drawn, random.Random(1), thinking=1.0)
    batch = tutor_batch(student, [task])
    assert len(batch.cells_KF) == 18
    for row, position in batch.cells_at_K2.tolist():
        assert batch.lessons.ids_BS[row, position] == student.image_id
    before, after = (cell_targets(scene) for scene in drawn.scenes if scene)
    assert torch.equal(batch.cells_KF, torch.cat([before, after]))
    assert torch.equal(batch.before_KF[9:], before)
    assert (batch.before_KF[:9] == -100).all()


def test_image_tokens_are_asked_for_the_words_of_what_they_show() -> None:
    student = _student()
    words = student.tokenizer
    thing = example("train", 3, "everyday-name")
    blocks = example("train", 5, "blocks-describe")
    tasks = [task_of(student, one, random.Random(1), thinking=0.0) for one in (thing, blocks)]
    batch = tutor_batch(student, tasks)
    side = student.config.vision.image_size // student.config.vision.patch_size
    patches = last_patches(side)
    assert batch.words_at_P2.tolist() == [[n, patch] for n in (0, 1) for patch in patches]
    scene = blocks.scenes[0]
    assert scene is not None
    said = [thing.labels[0]] * 9 + [placed_label(scene, cell) for cell in range(9)]
    for row, label in zip(batch.words_PW.tolist(), said, strict=True):
        assert {token for token in row if token != -100} == set(words.encode(f" {label}"))


def test_an_outcome_is_imagined_at_the_result_token() -> None:
    student = _student()
    task = shown_by_name(student, random.Random(2))
    assert task.lesson.ids[-1] == student.tokenizer.id(RESULT)
    batch = tutor_batch(student, [task, Task(task.lesson)])
    assert batch.outcome_at_R2.tolist() == [[0, len(task.lesson.ids) - 1]]
    assert (batch.lessons.labels_BS == -100).all(), "nothing is said"


def test_seeing_is_learned_from_dense_targets() -> None:
    student = _student(3)
    batch = sight_batch(0, 20, student.config.vision.image_size)
    assert (len(batch.signs_N), len(batch.cells_NCF), batch.tokens) == (12, 6, 20)
    assert int(batch.signs_N.max()) < len(signs())
    losses = _losses(Sight(student), batch, 60, 1e-2)
    assert losses[-1] < losses[0] / 2


def test_every_patch_learns_to_tell_what_it_shows() -> None:
    student = _student(5)
    size = student.config.vision.image_size
    batch = sight_batch(0, 20, size, plan=SPREADING)
    sight = Sight(student)
    sight.every_patch = True
    losses = _losses(sight, batch, 60, 1e-2)
    assert losses[-1] < losses[0] / 2


def test_unlikeness_by_hand() -> None:
    embed_VD = torch.eye(4) * 2
    image_PD = torch.tensor([[1.0, 1.0, 0.0, 0.0]])  # normed: √2, √2, 0, 0
    likely = 2 * 2**0.5 - math.log(2 * math.exp(2 * 2**0.5) + 2)
    both, one = torch.tensor([[0, 1]]), torch.tensor([[0, -100]])
    expected = -(likely + math.log(2)), -likely
    found = [float(unlikeness(image_PD, words, embed_VD)) for words in (both, one)]
    assert found == pytest.approx(expected, abs=1e-5)


def test_the_projector_learns_to_say_what_patches_show() -> None:
    student = _student(6)
    batch = saying_batch(0, 12, student)
    assert batch.tokens == 12
    assert len(batch.words_PW) == 12 * 9
    embedded = student.model.embed_tokens.weight.clone()
    losses = _losses(Saying(student), batch, 60, 1e-2)
    assert losses[-1] < losses[0] * 0.7
    assert torch.equal(student.model.embed_tokens.weight, embedded)


def test_a_grey_scene_asks_for_everything_but_colours() -> None:
    batch = sight_batch(0, 20, 48, plan=replace(SPREADING, colour_blind=1.0))
    assert (batch.cells_NCF[..., (1, 5)] == -100).all()
    assert (batch.cells_NCF[..., 0] > 0).any()
    scene = draw_scene(Scene(((4, Block("star", "red", "large")),)), random.Random(0), 48)
    red, green, blue = in_grey(scene, random.Random(0)).split()
    assert red.tobytes() == green.tobytes() == blue.tobytes()


def test_the_decoder_learns_answers_cells_and_outcomes_together() -> None:
    student = _student(4)
    rng = random.Random(0)
    kinds = ("blocks-inverse", "everyday-predict-words", "everyday-predict-fact")
    drawn = [example("train", index, kind) for kind in kinds for index in range(3)]
    tasks = [task_of(student, one, rng, 0.5) for one in drawn] + [shown_by_name(student, rng)]
    batch = tutor_batch(student, tasks)
    tower = {name: value.clone() for name, value in student.vision_tower.state_dict().items()}
    losses = _losses(Tutor(student), batch, 40, 5e-3)
    assert losses[-1] < losses[0] / 2
    for name, value in student.vision_tower.state_dict().items():
        assert torch.equal(value, tower[name]), "the tower is frozen"


def test_every_kind_of_question_is_asked_and_no_lesson_twice() -> None:
    assert set(ANSWERING.weights) - set(TALKS) == set(KINDS)
    assert set(MASTERING.weights) == set(KINDS) | set(TALKS)
    assert set(READING.weights) < set(KINDS) | set(TALKS)
    student = _student()
    first, second = answer_batch(0, student, READING), answer_batch(1, student, READING)
    again, other = answer_batch(0, student, READING), answer_batch(0, student, READING, seed=1)
    assert _ids(first) == _ids(again)
    assert _ids(first) != _ids(second)
    assert _ids(first) != _ids(other)
    assert len(first.parts) == PARTS


def test_a_thought_is_in_the_lesson_only_when_it_is_asked_for() -> None:
    drawn = example("train", 1, "everyday-hop")
    assert lesson_of(drawn).thought is None
    assert lesson_of(drawn, think=True).thought == drawn.thought != ""


def test_batches_drawn_ahead_are_those_drawn_at_once() -> None:
    student = _student()

    def make(step: int) -> Parts:
        return answer_batch(step, student, READING)

    ahead = DrawnAhead(make, 4, workers=1)
    for step in (2, 3):
        assert _ids(ahead(step)) == _ids(make(step))


def test_one_drawing_style_can_be_learned_alone() -> None:
    batch = sight_batch(0, 20, 48, style="noto")
    mixed = sight_batch(0, 20, 48)
    assert torch.equal(batch.signs_N, mixed.signs_N)
    assert not torch.equal(batch.pixels_NCHW, mixed.pixels_NCHW), "the mixed ones are both styles"
