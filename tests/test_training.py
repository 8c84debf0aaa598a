from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

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
from model.learning.training import Signal, StepReport, fit, learning_rate
from model.model import ImageTokenReasoningLLM
from model.network.image_tokenizer import Message
from model.network.text_tokenizer import PAD, THINK
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


@pytest.mark.parametrize(("signal", "optimizer"), [("pause", "adamw"), ("stop", "muon")])
def test_resumed_equals_uninterrupted(
    tmp_path: Path, signal: Signal, optimizer: Literal["adamw", "muon"]
) -> None:
    config = TrainConfig(steps=9, learning_rate=1e-3, checkpoint_every_s=0, optimizer=optimizer)

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


def test_bfloat16_learns_nearly_the_same() -> None:
    exact = TrainConfig(steps=10, learning_rate=1e-3)
    curves = []
    for config in (exact, replace(exact, precision="bfloat16")):
        student, losses = make_student(seed=2), []
        batches = _batches(student)

        def on_step(report: StepReport, losses: list[float] = losses) -> Signal:
            losses.append(report.loss)
            return "go"

        fit(student, lambda step, given=batches: given[2], answer_loss, config, on_step)  # type: ignore[misc]
        curves.append(losses)
    assert curves[1] == pytest.approx(curves[0], rel=0.05)


def test_a_thought_is_learned_before_its_answer_by_a_student_that_thinks() -> None:
    student = make_student()
    lesson = replace(LESSONS[0], thought="it is red.")
    plain = encode_lesson(student, lesson)
    assert plain.ids == encode_lesson(student, LESSONS[0]).ids, "this one has not learned to think"
    student.config = replace(student.config, thinks=True)
    thoughtful = encode_lesson(student, lesson)
    assert thoughtful.ids[thoughtful.answer_at - 1] == student.tokenizer.id(THINK)
    learned = thoughtful.ids[thoughtful.answer_at :]
    end = learned.index(student.end_of_thought)
    assert student.tokenizer.decode(learned[:end]) == "it is red."
    assert learned[end + 1 :] == plain.ids[plain.answer_at :]
