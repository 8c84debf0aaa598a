"""REINFORCE on the micro-world's event task: what was done between two pictures?

An answer is parsed and executed. Its reward is 1 if it leads to the last picture, else minus the
share of the true distance that is left, at least -1, as in TRANCE (Hong et al. 2021), where that
brought 1.9 points.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace

from model.config import FeedbackConfig
from model.learning.answering import prompt_of
from model.learning.checked_learning import learn_from_checker, words
from model.learning.drawing import draw
from model.learning.recipe import lesson_of
from model.learning.vote_lessons import known_of, replay_lessons, replayed
from model.microworld.oracle import Example, example
from model.microworld.scoring import scene_distance, score_event
from model.model import ImageTokenReasoningLLM, Prompt

KIND = "blocks-event"
LONGEST = 56


def reward(said: str, drawn: Example) -> float:
    """1 for what leads to the last picture, less the farther from it."""
    before, after = drawn.scenes[0], drawn.scenes[-1]
    assert before is not None
    assert after is not None
    score = score_event(said, before, after)
    if score.strict:
        return 1.0
    return -min(1.0, score.distance / max(1, scene_distance(before, after)))


def event_gain(
    student: ImageTokenReasoningLLM, *, questions: int, unseen: int, steps: int
) -> dict[str, object]:
    """Accuracy and mean reward on unseen questions, after minus before."""
    asked = [example("train", 7_000_000 + index, KIND) for index in range(questions)]
    fresh = [example("validation", 7_000_000 + index, KIND) for index in range(unseen)]

    def prompts(drawn: Sequence[Example]) -> list[Prompt]:
        return [prompt_of(student, lesson_of(each), LONGEST) for each in drawn]

    def measured(learner: ImageTokenReasoningLLM) -> tuple[float, float]:
        told = draw(learner, prompts(fresh), 1, longest=LONGEST, seed=0, temperature=0.0)
        rewards = [
            reward(words(learner, answers[0].ids), each)
            for answers, each in zip(told, fresh, strict=True)
        ]
        return statistics.mean(r == 1.0 for r in rewards), statistics.mean(rewards)

    before = measured(student)
    known = known_of(student, (), [(each.question, "") for each in asked])
    update = learn_from_checker(
        student,
        prompts(asked),
        lambda number, said: reward(said, asked[number]),
        replayed(student, replay_lessons(student, ()), (), known.about),
        None,
        replace(FeedbackConfig(), steps=steps, votes_per_step=16),
        canary=known.canary,
        deadline_s=3600,
        longest=LONGEST,
    )
    after = measured(update.student)
    print(
        f"events: exact {before[0]:.3f} → {after[0]:.3f}, reward {before[1]:+.3f} → {after[1]:+.3f}"
    )
    return {
        "event_reinforce_gain": round(after[0] - before[0], 4),
        "event_reward_gain": round(after[1] - before[1], 4),
        "event_update": update.reason,
    }
