"""The best weights of a run so far, by its held-out answers, and when to seek no better ones."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import nn

from model.learning.training import learning_state, restore


class Best:
    """The weights at the lowest validation loss, in a file, so that a resumed run has them, too.

    ``patience`` is how many steps without gain are borne; 0 bears any number.
    """

    def __init__(self, path: Path, patience: int = 0) -> None:
        self._path, self._patience = path, patience
        self.loss, self.step = math.inf, 0
        if path.exists():
            kept = torch.load(path, map_location="cpu", weights_only=True)
            self.loss, self.step = float(kept["loss"]), int(kept["step"])

    def hear(self, model: nn.Module, step: int, loss: float) -> None:
        """Take note of a validation; the weights are kept if there was none better."""
        if loss >= self.loss:
            return
        self.loss, self.step = loss, step
        draft = self._path.with_name(f".{self._path.name}.draft")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"model": learning_state(model), "loss": loss, "step": step}, draft)
        draft.replace(self._path)

    def no_more_to_gain(self, step: int) -> bool:
        """Whether patience is at its end."""
        return bool(self._patience and self.step and step - self.step >= self._patience)

    def put_back(self, model: nn.Module) -> bool:
        """Give a model the best weights; False if none were kept."""
        if not self._path.exists():
            return False
        restore(model, torch.load(self._path, map_location="cpu", weights_only=True)["model"])
        return True
