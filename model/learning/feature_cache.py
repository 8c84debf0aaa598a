"""Features of frozen eyes, kept on disk: a picture passes through the backbone once.

A run looks at every picture in every epoch. With frozen eyes of 90 million weights that would be
nearly all of its work, and always with the same result.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from model.network.backbones import PretrainedTower


class FeatureCache:
    """``tower.features`` with a folder of float16 arrays in front of it.

    A picture is known by its pixels, a backbone by its weights: a folder may serve several.
    """

    def __init__(self, tower: PretrainedTower, folder: Path) -> None:
        if not tower.frozen:
            raise ValueError("the features of a backbone that learns cannot be kept")
        self.folder = folder
        self.misses = 0
        self._features = tower.features
        self._weights = _digest_of(tower)
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, pixels_NCHW: Tensor) -> Tensor:
        """Patch vectors of the backbone, computed only for pictures that are new."""
        paths = [self.folder / f"{self._key(pixels)}.npy" for pixels in pixels_NCHW]
        new = {path: number for number, path in enumerate(paths) if not path.exists()}
        if new:
            self.misses += len(new)
            computed = self._features(pixels_NCHW[list(new.values())]).detach()
            for path, features_PM in zip(new, computed, strict=True):
                _write(path, features_PM.cpu().half().numpy())
        kept = np.stack([np.load(path) for path in paths]) if paths else None
        if kept is None:
            return self._features(pixels_NCHW)
        return torch.from_numpy(kept).to(pixels_NCHW.device, torch.float32)

    def _key(self, pixels_CHW: Tensor) -> str:
        digest = hashlib.sha256(self._weights)
        digest.update(pixels_CHW.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:32]


def keep_features(tower: PretrainedTower, folder: Path) -> FeatureCache:
    """Make a tower look its features up before it computes them."""
    cache = FeatureCache(tower, folder)
    tower.features = cache  # type: ignore[method-assign]
    return cache


def _digest_of(tower: PretrainedTower) -> bytes:
    digest = hashlib.sha256(str(tower.config).encode())
    for tensor in tower.backbone.state_dict().values():
        digest.update(tensor.cpu().contiguous().numpy().tobytes())
    return digest.digest()


def _write(path: Path, features_PM: np.ndarray) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    with open(draft, "wb") as file:
        np.save(file, features_PM)
    draft.replace(path)
