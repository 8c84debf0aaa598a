from __future__ import annotations

from model.config import FeedbackConfig
from model.learning.checked_learning import learn_from_checker, words
from model.learning.drawing import draw
from model.model import ImageTokenReasoningLLM
from model.network.image_tokenizer import Message

NO_DEADLINE = float("inf")


def test_answers_that_the_judge_likes_become_more_frequent(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    """The judge likes an early end: a random student hardly ever gives one."""
    asked = ("Hello", "Who are you?")
    prompts = [tiny_student.prompt([Message("user", text)], room=8) for text in asked]

    def short(number: int, text: str) -> float:
        return 1.0 - len(text) / 10

    update = learn_from_checker(
        tiny_student,
        prompts,
        short,
        [],
        None,
        FeedbackConfig(steps=12, learning_rate=2e-2, rank=2, votes_per_step=8, kl_weight=0.0),
        canary=lambda _: 1.0,
        deadline_s=NO_DEADLINE,
        longest=6,
    )
    assert update.kept
    assert update.figures.kl > 0

    def mean_reward(student: ImageTokenReasoningLLM) -> float:
        told = draw(student, prompts, 16, longest=6, seed=99)
        rewards = [short(0, words(student, each.ids)) for answers in told for each in answers]
        return sum(rewards) / len(rewards)

    before, after = mean_reward(tiny_student), mean_reward(update.student)
    assert after > before + 0.1
