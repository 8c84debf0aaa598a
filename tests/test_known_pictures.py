from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from PIL import Image

from model.knowledge.pictures import Pictures
from model.knowledge.store import Store
from model.records import TripletDraft
from model.serving.engine import Engine
from model.serving.known_pictures import KnownPictures


class ColourEyes:
    """A student whose embedding of a picture is its colour, as a unit vector."""

    def picture_embeddings(self, images: Sequence[Image.Image]) -> torch.Tensor:
        colours = torch.tensor([image.convert("RGB").getpixel((2, 2)) for image in images])
        return torch.nn.functional.normalize(colours.float(), dim=-1)


class AtOnce:
    """An engine that does what it is asked where it is asked."""

    weights_hash = "colours"

    def run(self, work: Callable[[Any], Any]) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(work(ColourEyes()))
        return done


def plain(colour: tuple[int, int, int]) -> Image.Image:
    return Image.new("RGB", (32, 32), colour)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "workspace.db")
    yield store
    store.close()


def test_look_alikes_are_the_nearest_known_pictures_and_no_others(
    store: Store, tmp_path: Path
) -> None:
    pictures = Pictures(tmp_path / "pictures")
    seen = {
        "tomato": pictures.add(plain((250, 20, 20))),
        "brick": pictures.add(plain((200, 90, 60))),
        "sky": pictures.add(plain((20, 20, 250))),
    }
    engine = cast(Engine, AtOnce())
    known = KnownPictures(store, pictures)
    asked = pictures.add(plain((255, 0, 0)))
    assert known.look_alikes(engine, asked) == []
    for label, picture in seen.items():
        store.add_triplet(TripletDraft(label, "is", f"a {label}", subject_picture=picture))
    found = known.look_alikes(engine, asked)
    labels = {node.id: node.label for node in store.nodes_with_pictures()}
    assert [labels[node] for node in found] == ["tomato", "brick"]
    assert known.look_alikes(engine, asked, most=1) == found[:1]
