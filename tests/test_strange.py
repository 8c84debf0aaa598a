"""Pictures of nothing known: varied, repeatable, split for an honest test, far from the world."""

from __future__ import annotations

import random
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import photos
from model.errors import InputError
from model.microworld import strange
from model.microworld.strange import (
    HELD_OUT_KINDS,
    STRANGE_KINDS,
    TRAINED_KINDS,
    Painter,
    draw_strange,
)
from model.microworld.strange_tools import camera


@pytest.mark.parametrize("kind", STRANGE_KINDS)
def test_a_kind_is_an_rgb_picture_of_the_asked_size_that_its_seed_repeats(kind: str) -> None:
    for size_px in (48, 96):
        first = draw_strange(random.Random(5), size_px, [kind])
        again = draw_strange(random.Random(5), size_px, [kind])
        assert (first.mode, first.size) == ("RGB", (size_px, size_px))
        assert first.tobytes() == again.tobytes()


@pytest.mark.parametrize("kind", STRANGE_KINDS)
def test_no_two_pictures_of_a_kind_are_the_same_and_few_are_nearly_blank(kind: str) -> None:
    pictures = [draw_strange(random.Random(seed), 64, [kind]) for seed in range(20)]
    assert len({picture.tobytes() for picture in pictures}) == 20
    blank = sum(float(np.asarray(picture).std()) < 4 for picture in pictures)
    assert blank <= 2


def test_kinds_of_the_test_are_never_trained() -> None:
    assert not set(TRAINED_KINDS) & set(HELD_OUT_KINDS)
    assert set(TRAINED_KINDS) | set(HELD_OUT_KINDS) == set(STRANGE_KINDS)
    assert (len(TRAINED_KINDS), len(HELD_OUT_KINDS)) == (19, 10)


def _counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Replace every painter by one that counts how often its kind is drawn."""
    counts: Counter[str] = Counter()

    def counting(kind: str) -> Painter:
        def paint(rng: random.Random, size_px: int) -> Image.Image:
            counts[kind] += 1
            return Image.new("RGB", (size_px, size_px))

        return paint

    painters = {kind: counting(kind) for kind in STRANGE_KINDS}
    monkeypatch.setattr(strange, "STRANGE_KINDS", painters)
    return counts


def test_without_a_choice_every_trained_kind_comes_up_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts, rng = _counted(monkeypatch), random.Random(1)
    for _ in range(400):
        draw_strange(rng, 32)
    assert set(counts) == set(TRAINED_KINDS)
    assert min(counts.values()) >= 5  # 400 / 19 is 21


def test_only_the_chosen_kinds_come_up(monkeypatch: pytest.MonkeyPatch) -> None:
    counts, rng = _counted(monkeypatch), random.Random(1)
    for _ in range(60):
        draw_strange(rng, 32, HELD_OUT_KINDS[:3])
    assert set(counts) == set(HELD_OUT_KINDS[:3])


def test_drawing_leaves_other_chance_alone() -> None:
    random.seed(3)
    np.random.seed(3)
    before = (random.getstate(), np.random.get_state()[1].tolist())
    for seed in range(40):
        draw_strange(random.Random(seed), 48, tuple(STRANGE_KINDS))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


@pytest.mark.parametrize("kinds", [["room", "unicorn"], []])
def test_a_kind_that_does_not_exist_is_refused_with_those_that_do(kinds: list[str]) -> None:
    with pytest.raises(InputError, match=r"kind.*Take some of: room, kitchen"):
        draw_strange(random.Random(0), 96, kinds)


def test_a_picture_too_small_to_show_anything_is_refused() -> None:
    with pytest.raises(InputError, match="at least 32 pixels a side, not 31"):
        draw_strange(random.Random(0), 31)


def test_a_cheap_camera_adds_little_to_a_plain_picture() -> None:
    plain = Image.new("RGB", (96, 96), (128, 128, 128))
    shots = [np.asarray(camera(plain, random.Random(seed)), np.float32) for seed in range(30)]
    assert all(shot.shape == (96, 96, 3) for shot in shots)
    assert all(60 < shot.mean() < 150 for shot in shots)
    # Uniform noise of ±9 grey values at most, a tint of 14 % and corners darker by 30 %.
    assert all(shot.std() < 30 for shot in shots)


def test_photographs_come_from_a_wheel_whole_and_in_crops_that_the_seed_repeats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "find_spec", lambda package: None)
    monkeypatch.setattr(photos, "FILES", {"skimage": ("data/sea.png", "data/fog.png")})
    assert list(photos.photographs(tmp_path)) == []
    with zipfile.ZipFile(tmp_path / "scikit_image-0.1-none-any.whl", "w") as wheel:
        for name in ("sea", "fog"):
            with wheel.open(f"skimage/data/{name}.png", "w") as file:
                draw_strange(random.Random(name), 100, ["water"]).save(file, "PNG")
    found = list(photos.photographs(tmp_path, crops=3))
    assert [name for name, _ in found] == ["sea"] * 4 + ["fog"] * 4
    assert found[0][1].size == (100, 100)
    assert all(40 <= part.width == part.height <= 100 for _, part in found)
    again = [part.tobytes() for _, part in photos.photographs(tmp_path, crops=3)]
    assert again == [part.tobytes() for _, part in found]
    other = [part.tobytes() for _, part in photos.photographs(tmp_path, crops=3, seed=1)]
    assert (other[0], other[4]) == (again[0], again[4])
    assert other[1] != again[1]
