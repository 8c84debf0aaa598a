"""An update that may go wrong: learned on a copy, watched, and kept only if nothing was lost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from model.config import FeedbackConfig, TrainConfig
from model.learning.adapters import (
    Adapter,
    adapted_layers,
    adapter_of,
    effective_weights,
    weakened,
    with_adapter,
    with_fresh_adapter,
)
from model.learning.answer_scores import SeenLesson, answered, look, score
from model.learning.drawing import draw
from model.learning.ewc import Anchor, fisher_information
from model.learning.examples import EncodedLesson
from model.learning.training import AnyBatch, StepReport, fit
from model.model import ImageTokenReasoningLLM, Prompt
from model.records import Signal

LONGEST_SAMPLE = 48
"""Tokens of an answer that is drawn to see which weights matter."""
LOOK_EVERY = 4
"""Steps after which it is looked how far the copy moved."""
STRENGTHS = (1.0, 0.75, 0.5, 0.25)
"""How much of what was learned is put on, until the known questions stay known."""


@dataclass(frozen=True)
class FeedbackFigures:
    """What an update did. Shares lie in [0, 1], ``kl`` and ``loss`` are in nats.

    ``kl`` is the mean divergence from the student before, for a token of the judged answers;
    ``reward_before`` and ``reward_after`` are the mean reward of the judged answers, weighted by
    how likely the student before and after is to give them.
    """

    votes: int = 0
    steps: int = 0
    seconds: float = 0.0
    loss: float = 0.0
    kl: float = 0.0
    canary_before: float = 0.0
    canary_after: float = 0.0
    reward_before: float = 0.0
    reward_after: float = 0.0

    @property
    def forgetting(self) -> float:
        """Share of the canary's questions that the update lost."""
        return self.canary_before - self.canary_after


@dataclass(frozen=True)
class FeedbackUpdate:
    """How an update ended. ``student`` is the changed copy if it was ``kept``, else the old one.

    ``adapter`` put on the old student gives the new one; ``anchor`` is to be handed to the next
    update. Both are ``None`` unless it was kept. ``reason`` says in words why.
    """

    student: ImageTokenReasoningLLM
    kept: bool
    reason: str
    figures: FeedbackFigures
    adapter: Adapter | None = None
    anchor: Anchor | None = None


@dataclass
class Watch:
    """The limits of one update: time, distance, somebody's wish, and losses that are no numbers.

    ``far`` says whether the copy moved as far as it may.
    """

    deadline_s: float
    cancelled: Callable[[], bool]
    started: float
    far: Callable[[], bool] = lambda: False
    loss: float = 0.0
    steps: int = 0
    canary_s: float = 0.0

    def on_step(self, report: StepReport) -> Signal:
        """Note a step; asks to stop when a limit is reached."""
        self.loss, self.steps = report.loss, report.step
        out_of_time = self.seconds + self.canary_s + report.seconds > self.deadline_s
        if out_of_time or self.cancelled() or not self.finite:
            return "stop"
        return "stop" if report.step % LOOK_EVERY == 0 and self.far() else "go"

    @property
    def seconds(self) -> float:
        """Time since the update began."""
        return time.monotonic() - self.started

    @property
    def finite(self) -> bool:
        """Whether the last loss was a number."""
        return math.isfinite(self.loss)


class GuardedUpdate:
    """One update on a copy of ``student``: ``fit`` the copy, then ``finish`` judges it.

    The student itself is never touched. The ``anchor`` of the update before moves to where the
    student is now; importance is measured on what ``replay`` begins with. With ``first``, what that
    student knew counts as well, so that the losses of several updates do not add up.
    """

    def __init__(
        self,
        student: ImageTokenReasoningLLM,
        replay: Sequence[EncodedLesson],
        anchor: Anchor | None,
        config: FeedbackConfig,
        *,
        canary: Callable[[ImageTokenReasoningLLM], float],
        deadline_s: float,
        cancelled: Callable[[], bool],
        first: ImageTokenReasoningLLM | None = None,
    ) -> None:
        self.student, self.config, self.canary = student, config, canary
        self.replay = look(student, replay) if config.replayed_per_step else []
        self.watch = Watch(deadline_s, cancelled, time.monotonic())
        samples = list(replay)[: config.fisher_samples]
        self.canary_before = canary(student)
        self.canary_first = canary(first) if first is not None else self.canary_before
        self.watch.canary_s = self.watch.seconds
        self.learner = with_fresh_adapter(student, config.rank, config.seed)
        self.anchor = anchor
        if config.ewc_weight and samples:
            here = anchor_at(self.learner, samples, config.seed)
            self.anchor = here if anchor is None else anchor.moved(here, config.fisher_decay)

    def fit(
        self,
        batches: Callable[[int], AnyBatch],
        loss_fn: Callable[[ImageTokenReasoningLLM, AnyBatch], Tensor],
        moved: Callable[[ImageTokenReasoningLLM], float] | None = None,
    ) -> None:
        """Teach the copy until the steps are done or a limit is reached.

        ``moved`` tells how many nats a token the copy is from the student before.
        """
        if moved is not None:
            self.watch.far = lambda: moved(self.learner) >= self.config.most_kl
        training = TrainConfig(
            steps=self.config.steps,
            learning_rate=self.config.learning_rate,
            weight_decay=0.0,
            seed=self.config.seed,
        )
        # so few steps are not worth a move to a GPU, and answers are drawn on the CPU in between
        fit(
            self.learner,
            batches,
            loss_fn,  # type: ignore[arg-type]
            training,
            self.watch.on_step,
            on_cpu=True,
        )

    def pull(self) -> Tensor:
        """What moving away from the anchor costs the copy now. A scalar."""
        if self.anchor is None or not self.config.ewc_weight:
            return torch.zeros(())
        return self.config.ewc_weight * self.anchor.penalty(effective_weights(self.learner))

    def refuse(self, reason: str) -> FeedbackUpdate:
        """The update that did not happen."""
        return FeedbackUpdate(self.student, False, reason, self._figures(self.canary_before))

    def finish(
        self, figures: Callable[[ImageTokenReasoningLLM], dict[str, float]]
    ) -> FeedbackUpdate:
        """Judge the copy: it is kept if its loss is a number and the canary fell little enough.

        Fell, that is, below the student before and below the first one. Where it fell too far,
        less and less of what was learned is tried before giving up.
        ``figures`` measures the changed student for the fields of ``FeedbackFigures``.
        """
        if self.watch.cancelled():
            return self.refuse("Stopped before it was done; nothing was changed.")
        if not self.watch.finite:
            return self.refuse("The loss was not a number any more; nothing was changed.")
        whole = adapter_of(self.learner)
        known = max(self.canary_before, self.canary_first)
        for strength in STRENGTHS:
            adapter = weakened(whole, strength)
            changed = with_adapter(self.student, adapter)
            after = self.canary(changed)
            if after >= known - self.config.canary_drop - 1e-9:
                told = self._figures(after, **figures(changed))
                part = "" if strength == 1 else f", at {strength:.0%} of what it learned"
                reason = f"Learned from {told.votes} votes in {told.steps} steps{part}."
                return FeedbackUpdate(changed, True, reason, told, adapter, self.anchor)
        told = self._figures(after, **figures(changed))
        since = "" if known == self.canary_before else " that the first student knew"
        reason = (
            f"Known questions fell from {known:.1%}{since} to {after:.1%} right; at most "
            f"{self.config.canary_drop:.1%} may be lost, so nothing was changed."
        )
        return FeedbackUpdate(self.student, False, reason, told)

    def _figures(self, canary_after: float, **more: float) -> FeedbackFigures:
        return FeedbackFigures(
            steps=self.watch.steps,
            seconds=self.watch.seconds,
            loss=self.watch.loss,
            canary_before=self.canary_before,
            canary_after=canary_after,
            **more,  # type: ignore[arg-type]
        )


def anchor_at(
    learner: ImageTokenReasoningLLM, lessons: Sequence[EncodedLesson], seed: int
) -> Anchor:
    """Where the adapted weights are, and how much each matters to answers the student gives now.

    One answer is drawn for the prompt of each lesson; ``learner`` wears adapters.
    """
    prompts = [Prompt(each.ids[: each.answer_at], each.pixels_NCHW) for each in lessons]
    answers = draw(learner, prompts, 1, longest=LONGEST_SAMPLE, seed=seed)
    seen = look(
        learner, [answered(p, told[0].ids) for p, told in zip(prompts, answers, strict=True)]
    )
    layers = adapted_layers(learner)
    weights = {name: layer.base.weight for name, layer in layers.items()}
    for tensor in weights.values():
        tensor.requires_grad_(True)

    def log_likelihood(sample: SeenLesson) -> Tensor:
        return score(learner, [sample]).total_B.sum()

    fisher = fisher_information(weights, seen, log_likelihood)
    for tensor in weights.values():
        tensor.requires_grad_(False)
    here = {name: tensor.detach() for name, tensor in effective_weights(learner).items()}
    return Anchor(here, fisher)
