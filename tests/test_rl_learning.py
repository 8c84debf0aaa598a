from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from model.config import FeedbackConfig
from model.errors import BundleIncompatible
from model.learning.adapters import adapter_of, with_adapter, with_fresh_adapter
from model.learning.answer_scores import answered, look, totals
from model.learning.canary import Canary
from model.learning.examples import EncodedLesson, Lesson, encode_lesson
from model.learning.guarded_update import LOOK_EVERY, FeedbackUpdate
from model.learning.rl_learning import learn_from_votes
from model.learning.votes import VotedAnswer
from model.model import ImageTokenReasoningLLM, Prompt
from model.network.image_tokenizer import Message
from tests.small import picture

NO_DEADLINE = float("inf")
CONFIG = FeedbackConfig(steps=3, learning_rate=1e-2, rank=2, fisher_samples=2, ewc_weight=1.0)
COLOURS = ("red", "green", "blue", "white", "black", "yellow", "grey", "pink")


def _prompt(student: ImageTokenReasoningLLM, colour: str) -> Prompt:
    return student.prompt([Message("user", "What is this?", 1)], [picture(colour)], room=20)


def _votes(student: ImageTokenReasoningLLM, reward: float = 1.0) -> list[VotedAnswer]:
    votes = []
    for number, colour in enumerate(COLOURS):
        answer = student.tokenizer.encode(f"This is {colour}.")
        votes.append(
            VotedAnswer(
                _prompt(student, colour),
                tuple(answer),
                reward if number % 2 else -reward,
                logprobs=(-1.0,) * len(answer),
                visitor="anna",
            )
        )
    return votes


def _replay(student: ImageTokenReasoningLLM) -> list[EncodedLesson]:
    return [
        encode_lesson(student, Lesson("What is it?", f"It is {colour}.", (picture(colour),)))
        for colour in COLOURS[:3]
    ]


def _gains(
    student: ImageTokenReasoningLLM,
    changed: ImageTokenReasoningLLM,
    votes: Sequence[VotedAnswer],
) -> torch.Tensor:
    seen = look(student, [answered(vote.prompt, vote.answer_ids) for vote in votes])
    return totals(changed, seen) - totals(student, seen)


def test_liked_answers_become_likelier_and_disliked_ones_less(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    student = tiny_student
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    votes = _votes(student)
    update = learn_from_votes(
        student,
        votes,
        _replay(student),
        None,
        replace(CONFIG, steps=12),
        canary=lambda _: 1.0,
        deadline_s=NO_DEADLINE,
    )
    assert update.kept, update.reason
    gain_B = _gains(student, update.student, votes)
    liked = torch.tensor([vote.reward > 0 for vote in votes])
    assert gain_B[liked].mean() > gain_B[~liked].mean() + 0.1
    assert update.figures.reward_after > update.figures.reward_before
    assert update.figures.kl > 0
    for name, tensor in student.state_dict().items():
        assert torch.equal(tensor, before[name]), f"the student that answers lost its {name}"


def test_the_adapter_put_on_the_old_student_gives_the_new_one(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    student = tiny_student
    update = learn_from_votes(
        student, _votes(student), [], None, CONFIG, canary=lambda _: 1.0, deadline_s=NO_DEADLINE
    )
    assert update.adapter is not None
    again = with_adapter(student, update.adapter)
    for name, tensor in update.student.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


def test_an_update_that_costs_known_answers_is_thrown_away(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    student = tiny_student
    told = iter([0.90, 0.70, 0.80, 0.85, 0.88])
    update = learn_from_votes(
        student,
        _votes(student),
        [],
        None,
        CONFIG,
        canary=lambda _: next(told),
        deadline_s=NO_DEADLINE,
    )
    assert not update.kept
    assert update.student is student
    assert update.adapter is None
    assert "90.0%" in update.reason
    assert "88.0%" in update.reason


def test_a_point_may_be_lost(tiny_student: ImageTokenReasoningLLM) -> None:
    told = iter([0.90, 0.89])
    update = learn_from_votes(
        tiny_student,
        _votes(tiny_student),
        [],
        None,
        CONFIG,
        canary=lambda _: next(told),
        deadline_s=NO_DEADLINE,
    )
    assert update.kept
    assert update.figures.forgetting == pytest.approx(0.01)


def test_points_lost_to_mere_dislike_do_not_add_up(tiny_student: ImageTokenReasoningLLM) -> None:
    first = copy.deepcopy(tiny_student)
    votes = _votes(tiny_student)
    disliked = [replace(each, reward=-1.0) for each in votes]

    def learned(votes: Sequence[VotedAnswer], changed: float) -> FeedbackUpdate:
        known = {id(first): 0.92, id(tiny_student): 0.90}
        return learn_from_votes(
            tiny_student,
            votes,
            [],
            None,
            CONFIG,
            canary=lambda student: known.get(id(student), changed),
            deadline_s=NO_DEADLINE,
            first=lambda: first,
        )

    refused = learned(disliked, 0.905)
    assert not refused.kept
    assert "from 92.0% that the first student knew to 90.5%" in refused.reason
    assert learned(disliked, 0.91).kept
    assert learned(votes, 0.905).kept


def test_half_of_it_is_kept_where_all_of_it_costs_too_much(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    votes = _votes(tiny_student)
    whole = learn_from_votes(
        tiny_student, votes, [], None, CONFIG, canary=lambda _: 1.0, deadline_s=NO_DEADLINE
    )
    told = iter([0.90, 0.80, 0.80, 0.90])
    half = learn_from_votes(
        tiny_student, votes, [], None, CONFIG, canary=lambda _: next(told), deadline_s=NO_DEADLINE
    )
    assert half.kept
    assert "50%" in half.reason
    for name, tensor in tiny_student.state_dict().items():
        middle = (tensor + whole.student.state_dict()[name]) / 2
        torch.testing.assert_close(half.student.state_dict()[name], middle)


def test_pairs_and_typed_answers_teach(tiny_student: ImageTokenReasoningLLM) -> None:
    thumbs = _votes(tiny_student)
    pairs = [
        replace(a, kind="pair", reward=1.0, rejected_ids=b.answer_ids)
        for a, b in zip(thumbs[:4], thumbs[4:], strict=True)
    ]
    typed = [replace(vote, kind="typed", reward=1.0, logprobs=()) for vote in thumbs[4:]]
    update = learn_from_votes(
        tiny_student,
        [*pairs, *typed],
        [],
        None,
        replace(CONFIG, steps=8),
        canary=lambda _: 1.0,
        deadline_s=NO_DEADLINE,
    )
    kept = _gains(tiny_student, update.student, pairs)
    rejected = _gains(
        tiny_student,
        update.student,
        [
            replace(p, kind="thumb", answer_ids=p.rejected_ids or (), rejected_ids=None)
            for p in pairs
        ],
    )
    assert kept.mean() > rejected.mean()
    assert _gains(tiny_student, update.student, typed).mean() > 0


def test_a_loss_that_is_no_number_changes_nothing(tiny_student: ImageTokenReasoningLLM) -> None:
    broken = replace(_replay(tiny_student)[0])
    broken.pixels_NCHW.fill_(torch.nan)
    update = learn_from_votes(
        tiny_student,
        _votes(tiny_student),
        [broken],
        None,
        replace(CONFIG, ewc_weight=0.0),
        canary=lambda _: 1.0,
        deadline_s=NO_DEADLINE,
    )
    assert not update.kept
    assert "not a number" in update.reason
    assert update.student is tiny_student


def test_the_anchor_holds_what_known_answers_depend_on(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    votes, replay = _votes(tiny_student), _replay(tiny_student)

    def moved(weight: float) -> float:
        update = learn_from_votes(
            tiny_student,
            votes,
            replay,
            None,
            replace(CONFIG, steps=12, ewc_weight=weight, replay_weight=0.0, hold_weight=0.0),
            canary=lambda _: 1.0,
            deadline_s=NO_DEADLINE,
        )
        assert update.anchor is not None
        after = {
            name: dict(update.student.model.named_parameters())[f"{name}.weight"]
            for name in update.anchor.weights
        }
        return float(update.anchor.penalty(after).detach())

    assert moved(1e6) < 0.5 * moved(1e-6)


def test_an_adapter_of_another_student_is_refused(tiny_student: ImageTokenReasoningLLM) -> None:
    learner = with_fresh_adapter(tiny_student, 2, seed=0)
    adapter = adapter_of(learner)
    name = next(iter(adapter))
    wrong = {**adapter, name: torch.zeros(2, 7)}
    with pytest.raises(BundleIncompatible, match="another shape"):
        with_adapter(tiny_student, wrong)


def test_too_few_votes_teach_nothing(tiny_student: ImageTokenReasoningLLM) -> None:
    student = tiny_student
    votes = _votes(student)[:7]
    update = learn_from_votes(
        student, [*votes, votes[0]], [], None, CONFIG, canary=lambda _: 1.0, deadline_s=NO_DEADLINE
    )
    assert not update.kept
    assert "7 votes" in update.reason, "an answer that was voted on twice counts once"


def test_no_time_means_one_step_and_a_wish_to_stop_means_no_change(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    student = tiny_student
    votes = _votes(student)
    hurried = learn_from_votes(student, votes, [], None, CONFIG, canary=Canary([]), deadline_s=0)
    assert hurried.figures.steps == 1
    stopped = learn_from_votes(
        student,
        votes,
        [],
        None,
        CONFIG,
        canary=Canary([]),
        deadline_s=NO_DEADLINE,
        cancelled=lambda: True,
    )
    assert not stopped.kept
    assert stopped.student is student


def test_an_update_ends_once_the_answers_have_moved_far_enough(
    tiny_student: ImageTokenReasoningLLM,
) -> None:
    votes = _votes(tiny_student)
    steps = {}
    for most in (0.001, 10.0):
        update = learn_from_votes(
            tiny_student,
            votes,
            [],
            None,
            replace(CONFIG, steps=2 * LOOK_EVERY, most_kl=most),
            canary=lambda _: 1.0,
            deadline_s=NO_DEADLINE,
        )
        assert update.figures.kl > 0.001
        steps[most] = update.figures.steps
    assert steps == {0.001: LOOK_EVERY, 10.0: 2 * LOOK_EVERY}
