"""Learning from thumbs: what a person gains, what is forgotten, and the same code elsewhere.

``python -m benchmarks.feedback`` prints every piece as JSON when it is there, tables, and all
figures as its last line; ``--quick`` does a small form of everything, ``--only taste,bandit`` some
parts. With ``--out FILE`` the pieces are kept, and a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

from benchmarks.cartpole import PpoConfig, cartpole
from benchmarks.digits import digits
from benchmarks.events import event_gain
from benchmarks.ledger import Figures, Ledger
from benchmarks.settings_bandit import settings_bandit
from benchmarks.simulated_person import Course, Kept, Person, careful, course, kept_of
from model.bundles.bundle import read_bundle
from model.config import FeedbackConfig, SettingsPolicyConfig
from model.model import ImageTokenReasoningLLM
from model.paths import SHIPPED_BUNDLE


@dataclass(frozen=True)
class Size:
    """How much is done: 5 seeds and 200 votes, or a minute's worth."""

    seeds: int = 5
    votes: int = 200
    together: int = 100
    unseen: int = 100
    judged: int = 200
    control_seeds: int = 1
    bandit_seeds: int = 5
    config: FeedbackConfig = field(default_factory=FeedbackConfig)
    event_questions: int = 64
    event_steps: int = 48
    rounds: int = 1000
    cartpole: PpoConfig = field(default_factory=PpoConfig)
    cartpole_seeds: int = 3
    digit_epochs: int = 12
    digit_seeds: int = 2


QUICK = Size(
    seeds=1,
    votes=16,
    together=16,
    unseen=16,
    judged=48,
    control_seeds=1,
    bandit_seeds=1,
    config=FeedbackConfig(steps=4, fisher_samples=2, replayed_per_step=4),
    event_questions=4,
    event_steps=1,
    rounds=200,
    cartpole=PpoConfig(steps=10_240),
    cartpole_seeds=1,
    digit_epochs=2,
    digit_seeds=1,
)


class Feedback:
    """The parts of the benchmark, on one student. What ``ledger`` holds is not measured again."""

    def __init__(self, bundle: Path, size: Size, ledger: Ledger) -> None:
        self.size, self.ledger, self.bundle = size, ledger, bundle
        self.weights = read_bundle(bundle).weights_hash

    @cached_property
    def student(self) -> ImageTokenReasoningLLM:
        """The student that everything is measured on."""
        return ImageTokenReasoningLLM.load_from_bundle(self.bundle)

    @cached_property
    def kept(self) -> Kept:
        """What the student must not forget, looked up once."""
        kept = kept_of(self.student, self.size.judged)
        print(f"{len(kept.lessons)} lessons replayed, {len(kept.judge)} that judge", flush=True)
        return kept

    def courses(self, name: str, person: Person, seeds: int) -> list[Course]:
        """The courses of a person, with a line of the table."""
        size = self.size
        person = replace(person, votes=size.votes, together=size.together)
        about = (self.weights, person_told(person), size.unseen, size.judged)

        def measure(seed: int) -> Figures:
            return asdict(course(self.student, person, self.kept, seed, size.unseen))

        found = [
            Course(**self.ledger.once(f"{name}, seed {seed}", about, partial(measure, seed)))
            for seed in range(seeds)
        ]
        print(
            f"{name:28} reward {mean(found, 'reward_before'):.3f} → "
            f"{mean(found, 'reward_after'):.3f}  forgotten {mean(found, 'forgotten'):+.3f}  "
            f"kept {sum(each.kept for each in found)}, refused "
            f"{sum(each.refused for each in found)}",
            flush=True,
        )
        return found

    def taste(self) -> Figures:
        """A person with a fixed taste: what they gain, and how long an update takes."""
        found = self.courses("curt, types every fourth", self._person(), self.size.seeds)
        voter = replace(self._person(), taste=careful, types=False)
        voting = self.courses("careful, votes only", voter, self.size.control_seeds)
        return {
            "reward_gain": mean(found, "gain"),
            "reward_gain_seeds": [round(each.gain, 4) for each in found],
            "reward_gain_thumbs_only": mean(voting, "gain"),
            "forgetting_with_guard": mean(found, "forgotten"),
            "update_s": round(statistics.median(s for each in found for s in each.update_s), 2),
            "update_cpu_s": round(
                statistics.median(s for each in found for s in each.update_cpu_s), 2
            ),
        }

    def controls(self) -> Figures:
        """Forgetting without EWC, without replay, without both; the canary's guard is off."""
        told: Figures = {}
        free = replace(self.size.config, canary_drop=1.0)
        for key, config in {
            "forgetting_no_guard": free,
            "forgetting_ewc_off": replace(free, ewc_weight=0.0),
            "forgetting_replay_off": replace(free, replayed_per_step=0),
            "forgetting_both_off": replace(free, ewc_weight=0.0, replayed_per_step=0),
        }.items():
            person = replace(self._person(), config=config)
            told[key] = mean(self.courses(key, person, self.size.control_seeds), "forgotten")
        return told

    def troublemakers(self) -> Figures:
        """A person who is wrong one time in five, and one who only ever votes down."""
        seeds = self.size.control_seeds
        noisy = self.courses("one vote in five is wrong", replace(self._person(), wrong=0.2), seeds)
        hater = replace(self._person(), hates_everything=True, types=False)
        # a point is two of the judge's questions: one course cannot tell
        hating = self.courses("everything voted down", hater, self.size.seeds)
        return {
            "noisy_votes_gain": mean(noisy, "gain"),
            "adversary_forgotten": mean(hating, "forgotten"),
            "adversary_forgotten_seeds": [round(each.forgotten, 4) for each in hating],
            "adversary_kept_out": mean(hating, "forgotten") <= 0.01,
        }

    def events(self) -> Figures:
        """REINFORCE on events."""
        size = self.size
        sizes = (size.event_questions, size.unseen, size.event_steps)
        return self.ledger.once(
            "events",
            (self.weights, FeedbackConfig(), sizes),
            lambda: event_gain(
                self.student,
                questions=size.event_questions,
                unseen=size.unseen,
                steps=size.event_steps,
            ),
        )

    def bandit(self) -> Figures:
        """The settings policy beside LinUCB."""
        about = (
            SettingsPolicyConfig(),
            seeds := self.size.bandit_seeds,
            rounds := self.size.rounds,
        )
        return self.ledger.once("bandit", about, lambda: settings_bandit(seeds, rounds))

    def digits(self) -> Figures:
        """EWC and replay on permuted digits."""
        about = (seeds := self.size.digit_seeds, epochs := self.size.digit_epochs)
        return self.ledger.once("digits", about, lambda: digits(seeds, epochs))

    def cartpole(self) -> Figures:
        """Policy and value on CartPole."""
        about = (seeds := self.size.cartpole_seeds, config := self.size.cartpole)
        return self.ledger.once("cartpole", about, lambda: cartpole(seeds, config))

    def _person(self) -> Person:
        return Person(config=self.size.config)


def person_told(person: Person) -> str:
    """A person in words that are the same in every process: functions have addresses."""
    return repr(replace(person, taste=person.taste.__name__))  # type: ignore[arg-type]


def mean(courses: list[Course], name: str) -> float:
    """Mean of a figure over courses."""
    return round(statistics.mean(getattr(each, name) for each in courses), 4)


PARTS: dict[str, Callable[[Feedback], Figures]] = {
    "bandit": Feedback.bandit,
    "digits": Feedback.digits,
    "cartpole": Feedback.cartpole,
    "taste": Feedback.taste,
    "controls": Feedback.controls,
    "troublemakers": Feedback.troublemakers,
    "events": Feedback.events,
}


def main() -> None:
    """Print the pieces as they come, tables, and JSON as the last line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, default=SHIPPED_BUNDLE)
    parser.add_argument("--only", default=",".join(PARTS), help="parts, with commas between")
    parser.add_argument("--seeds", type=int, help="seeds of the simulated person (default 5)")
    parser.add_argument("--votes", type=int, help="votes of the simulated person (default 200)")
    parser.add_argument("--quick", action="store_true", help="a small form, in about a minute")
    parser.add_argument("--out", type=Path, help="keep pieces here, and go on where it stopped")
    options = parser.parse_args()
    size = QUICK if options.quick else Size()
    if options.seeds:
        size = replace(size, seeds=options.seeds)
    if options.votes:
        size = replace(size, votes=options.votes)
    feedback = Feedback(options.bundle, size, Ledger(options.out))
    told: Figures = {}
    for name in options.only.split(","):
        told |= PARTS[name](feedback)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
