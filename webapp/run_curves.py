"""The curves of a run as tables to be drawn: losses, the learning rate or speeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from model.records import Metric

CHARTS = [("Loss", "loss"), ("Learning rate", "rate"), ("Speed", "speed")]
OTHER = "other run"
_SHOWN = {"rate": ("learning rate",), "speed": ("student tokens/s", "teacher tokens/s")}
_TITLES = {"loss": "loss", "rate": "learning rate", "speed": "tokens/s"}
_BESIDE = ("train", "validation")
"""What is drawn of another run beside this one."""
_SMOOTHING = 0.9
"""Share of the running mean that a new point leaves as it is."""
PLOT_COLOURS = {
    "train": "#0d9488",
    "validation": "#d97706",
    "cross-entropy": "#5eead4",
    "logprobs": "#6366f1",
    "train, text alone": "#94a3b8",
    "validation, text alone": "#b45370",
    "learning rate": "#6366f1",
    "student tokens/s": "#0d9488",
    "teacher tokens/s": "#d97706",
    f"train, {OTHER}": "#94a3b8",
    f"validation, {OTHER}": "#b45370",
}


@dataclass(frozen=True)
class CurveChoice:
    """What a person wants to see of the curves; ``beside`` is another run."""

    smooth: bool = False
    log: bool = False
    chart: str = "loss"
    beside: str | None = None

    @property
    def title(self) -> str:
        """What the vertical axis is called."""
        name = _TITLES.get(self.chart, "loss")
        return f"{name} (log₁₀)" if self.log else name


def chosen_points(
    own: Iterable[Metric], other: Iterable[Metric], choice: CurveChoice
) -> list[tuple[str, int, float]]:
    """Series, step and value of what a chart shows of a run, and of the one beside it."""
    shown = _SHOWN.get(choice.chart)
    beside = {series for names in _SHOWN.values() for series in names}
    kept = [each for each in own if (each.series in shown if shown else each.series not in beside)]
    more = [each for each in other if each.series in (shown or _BESIDE)]
    return [(each.series, each.step, each.value) for each in kept] + [
        (f"{each.series}, {OTHER}", each.step, each.value) for each in more
    ]


def plot_table(
    points: Sequence[tuple[str, int, float]], *, smooth: bool, log: bool
) -> tuple[dict[str, list[object]], str]:
    """Columns step, loss and series, and words about points that cannot be drawn.

    ``smooth`` replaces all series but validations by their running means. ``log`` takes log10 of
    the values; a loss of 0 has none and is left out, as are values that are not numbers.
    """
    steps: list[object] = []
    losses: list[object] = []
    series: list[object] = []
    left_out = 0
    for name, group in groupby(sorted(points), key=lambda point: point[0]):
        found = [(step, value) for _, step, value in group]
        fine = [(s, v) for s, v in found if math.isfinite(v) and (v > 0 or not log)]
        left_out += len(found) - len(fine)
        values = [value for _, value in fine]
        if smooth and not name.startswith("validation"):
            values = running_mean(values)
        steps += [step for step, _ in fine]
        losses += [math.log10(value) if log else value for value in values]
        series += [name] * len(fine)
    words = f"{left_out} points are not drawn: their loss is not a number." if left_out else ""
    return {"step": steps, "loss": losses, "series": series}, words


def running_mean(values: Sequence[float], keep: float = _SMOOTHING) -> list[float]:
    """Exponential mean of the values so far; the first ones are not pulled towards zero."""
    means: list[float] = []
    total = weight = 0.0
    for value in values:
        total, weight = keep * total + (1 - keep) * value, keep * weight + (1 - keep)
        means.append(total / weight)
    return means
