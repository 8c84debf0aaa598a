from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from model.config import SampleConfig, TrainConfig
from model.learning.examples import (
    IGNORE,
    Batch,
    Lesson,
    answer_loss,
    collate,
    encode_lesson,
)
from model.learning.recipe import READING, DrawnAhead, answer_batch
from model.learning.sight import Sight, sight_batch, signs
from model.learning.training import Signal, StepReport, fit, learning_rate
from model.model import ImageTokenReasoningLLM
from model.network.image_tokenizer import Message
from model.network.text_tokenizer import PAD
from tests.small import make_student, picture

LESSONS = [
    Lesson("What is this?", f"This is {colour}.", (picture(colour),))
    for colour in ("red", "green", "blue", "white")
]


def _batches(student: ImageTokenReasoningLLM) -> list[Batch]:
    encoded = [encode_lesson(student, lesson) for lesson in LESSONS]
    pad = student.tokenizer.id(PAD)
    return [collate(encoded[:2], pad), collate(encoded[2:], pad), collate(encoded, pad)]


def _go(report: StepReport) -> Signal:
    return "go"


def test_only_the_answer_is_learned() -> None:
    student = make_student()
    lesson = encode_lesson(student, LESSONS[0])
    batch = collate([lesson], student.tokenizer.id(PAD))
    learned = batch.labels_BS[0][batch.labels_BS[0] != IGNORE].tolist()
    assert learned == list(lesson.ids[lesson.answer_at :])
    first = int((batch.labels_BS[0] != IGNORE).nonzero()[0])
    assert first == lesson.answer_at - 1, "the position before the first token predicts it"
    assert student.tokenizer.decode(learned) == "This is red."


def test_loss_is_the_mean_over_answer_tokens() -> None:
    student = make_student()
    batch = _batches(student)[2]
    with torch.inference_mode():
        logits = student(batch.ids_BS, batch.pixels_NCHW)
        chances = logits.log_softmax(-1)
        total = [
            -chances[row, at, label]
            for row in range(len(batch.ids_BS))
            for at, label in enumerate(batch.labels_BS[row])
            if label != IGNORE
        ]
        expected = torch.stack(total).mean()
        torch.testing.assert_close(answer_loss(student, batch), expected)


def test_it_learns_to_tell_four_pictures_apart() -> None:
    student = make_student(seed=1)
    batches = _batches(student)
    config = TrainConfig(steps=120, learning_rate=5e-3)
    losses: list[float] = []

    def on_step(report: StepReport) -> Signal:
        losses.append(report.loss)
        return "go"

    fit(student, lambda step: batches[2], answer_loss, config, on_step)
    assert losses[-1] < 0.1 < losses[0]
    for lesson in LESSONS:
        prompt = student.prompt([Message("user", lesson.question, 1)], lesson.images, room=20)
        said = "".join(student.pieces(prompt, SampleConfig(max_tokens=20)))
        assert said == lesson.answer


@pytest.mark.parametrize("signal", ["pause", "stop"])
def test_resumed_equals_uninterrupted(tmp_path: Path, signal: Signal) -> None:
    config = TrainConfig(steps=9, learning_rate=1e-3, checkpoint_every_s=0)

    def run(path: Path, stop_at: int | None) -> tuple[ImageTokenReasoningLLM, list[float]]:
        student = make_student(seed=2)
        batches, losses = _batches(student), []

        def on_step(report: StepReport) -> Signal:
            losses.append(report.loss)
            return signal if report.step == stop_at else "go"

        fit(student, lambda step: batches[step % 3], answer_loss, config, on_step, path)
        return student, losses

    whole, whole_losses = run(tmp_path / "whole.pt", None)
    _, first_losses = run(tmp_path / "parts.pt", 4)
    resumed, last_losses = run(tmp_path / "parts.pt", None)
    assert first_losses + last_losses == pytest.approx(whole_losses, abs=1e-6)
    for mine, theirs in zip(resumed.parameters(), whole.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_a_half_written_checkpoint_is_never_read(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    (tmp_path / ".checkpoint.pt.draft").write_bytes(b"half")
    student = make_student()
    batches = _batches(student)
    config = TrainConfig(steps=2)
    result = fit(student, lambda step: batches[0], answer_loss, config, _go, path)
    assert result.step == 2
    assert path.exists()
    assert not (tmp_path / ".checkpoint.pt.draft").exists()


def test_the_rate_rises_then_falls_to_its_end() -> None:
    config = TrainConfig(steps=100, learning_rate=1.0e-2, warmup=0.1, final_rate=0.1)
    rates = [learning_rate(config, step) for step in range(100)]
    assert rates[0] == pytest.approx(1e-3)
    assert rates[9] == pytest.approx(1e-2)
    assert max(rates) == pytest.approx(1e-2)
    assert rates[55] == pytest.approx(0.55e-2, rel=0.01)
    assert rates[-1] == pytest.approx(1e-3, rel=0.05)


def test_norms_and_biases_are_not_decayed() -> None:
    class Still(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.matrix = nn.Parameter(torch.ones(2, 2))
            self.bias = nn.Parameter(torch.ones(2))

    class Nothing:
        tokens = 1

        def to(self, device: torch.device) -> Nothing:
            return self

    def no_gradient(model: nn.Module, batch: Nothing) -> Tensor:
        return sum((p * 0).sum() for p in model.parameters())  # type: ignore[return-value]

    still = Still()
    config = TrainConfig(steps=1, learning_rate=0.1, weight_decay=0.5, warmup=0)
    fit(still, lambda step: Nothing(), no_gradient, config, _go)
    torch.testing.assert_close(still.matrix, torch.full((2, 2), 1 - 0.1 * 0.5))
    torch.testing.assert_close(still.bias, torch.ones(2))


def test_batches_drawn_ahead_are_those_drawn_at_once() -> None:
    student = make_student()

    def make(step: int) -> Batch:
        return answer_batch(step, student, READING)

    ahead = DrawnAhead(make, 4, workers=1)
    for step in (2, 3):
        torch.testing.assert_close(ahead(step).ids_BS, make(step).ids_BS)


def test_seeing_is_learned_from_dense_targets() -> None:
    student = make_student(seed=3)
    sight = Sight(student)
    batch = sight_batch(0, 20, student.config.vision.image_size)
    assert len(batch.things_N) == 12
    assert int(batch.things_N.max()) < len(signs())
    losses: list[float] = []

    def on_step(report: StepReport) -> Signal:
        losses.append(report.loss)
        return "go"

    config = TrainConfig(steps=60, learning_rate=1e-2)
    fit(sight, lambda step: batch, lambda model, given: model(given), config, on_step)
    assert losses[-1] < losses[0] / 2
