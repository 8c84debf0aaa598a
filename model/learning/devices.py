"""Several processes that train one model together, one for each device; mostly there is only one.

The first process has the data and the say: it hands every process its share of a step's batch and
tells all of them whether to go on. So a teacher is asked by one process only, and a batch needs no
more than to be cut into shares.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from accelerate import Accelerator, PartialState
from accelerate.utils import (
    DistributedDataParallelKwargs,
    InitProcessGroupKwargs,
    broadcast_object_list,
)
from torch import Tensor

from model.errors import ConfigError

AnyBatch = TypeVar("AnyBatch")
Share = tuple[Any, float]
"""A part of a batch, and the weight of its loss in the mean over all processes."""
PATIENCE = timedelta(days=7)
"""How long the others wait for the first process, which may wait for a teacher."""


@dataclass(frozen=True)
class SharedBatches(Generic[AnyBatch]):
    """Batches that can be cut into shares for several processes.

    ``whole`` gives a step's batch; ``shares`` gives it as so many parts, the weighted mean of whose
    losses is its loss.
    """

    whole: Callable[[int], AnyBatch]
    shares: Callable[[int, int], Sequence[Share]]

    def __call__(self, step: int) -> AnyBatch:
        """The batch of a step."""
        return self.whole(step)


def processes() -> int:
    """How many processes train together."""
    return int(PartialState(timeout=PATIENCE).num_processes)


def announce(word: str) -> None:
    """Say to the other processes what comes next; to be called by the first one only."""
    if processes() > 1:
        broadcast_object_list([word])


def await_word() -> str:
    """What comes next, as the first process announces it."""
    heard = [""]
    broadcast_object_list(heard)
    return heard[0]


class Team:
    """The processes of one training loop."""

    def __init__(self, *, on_cpu: bool = False) -> None:
        # pictures and heads are not part of every batch: their weights then get no gradient
        unused = DistributedDataParallelKwargs(find_unused_parameters=True)
        self.accelerator = Accelerator(
            cpu=on_cpu,
            kwargs_handlers=[unused, InitProcessGroupKwargs(timeout=PATIENCE)],
        )
        self.count = self.accelerator.num_processes
        self.first = self.accelerator.is_main_process

    def share(self, batches: Callable[[int], AnyBatch], step: int) -> Share | None:
        """This process's part of a step's batch, or None if the first one gave up.

        Raises: whatever ``batches`` raises, in the first process. ConfigError if they cannot be
            cut into shares.
        """
        if self.count == 1:
            return batches(step), 1.0
        if not self.first:
            dealt: list[Any] = [None] * self.count
            broadcast_object_list(dealt)
            return dealt[self.accelerator.process_index]  # type: ignore[no-any-return]
        dealt = [None] * self.count
        try:
            dealt = list(self._cut(batches, step))
        finally:
            broadcast_object_list(dealt)  # nothing, if there was a fault: then all leave the loop
        return dealt[0]  # type: ignore[no-any-return]

    def _cut(self, batches: Callable[[int], AnyBatch], step: int) -> Sequence[Share]:
        if not isinstance(batches, SharedBatches):
            raise ConfigError(
                f"These batches cannot be shared among {self.count} processes. Train with one."
            )
        return batches.shares(step, self.count)

    def mean(self, loss: Tensor) -> float:
        """The mean of a loss over all processes."""
        if self.count == 1:
            return float(loss.detach())
        return float(self.accelerator.reduce(loss.detach(), "mean"))

    def agree(self, ask: Callable[[], Any]) -> Any:
        """What the first process answers, told to all of them."""
        if self.count == 1:
            return ask()
        answer = [ask() if self.first else None]
        broadcast_object_list(answer)
        return answer[0]
