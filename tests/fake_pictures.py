"""The picture side of the backend in memory: drawn shapes instead of photographs."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, UnidentifiedImageError

from model.errors import InputError, ReasonerError
from model.records import ExampleTriplet, PictureId, TripletDraft

EXAMPLES = (
    ("egg", "heat", "fried egg"),
    ("seed", "water", "seedling"),
    ("water", "freeze", "ice"),
    ("milk", "wait", "cheese"),
    ("corn", "heat", "popcorn"),
    ("red square", "paint", "blue square"),
)
_COLOURS = ("#c2410c", "#1d4ed8", "#15803d", "#7e22ce", "#b45309", "#0e7490", "#be123c")


def draw_thing(label: str, size_px: int = 128) -> Image.Image:
    """A picture that stands for a label: always the same one, different for different labels."""
    number = int(hashlib.sha256(label.encode()).hexdigest(), 16)
    picture = Image.new("RGB", (size_px, size_px), "#f8fafc")
    pen, edge = ImageDraw.Draw(picture), size_px // 5
    box = (edge, edge, size_px - edge, size_px - edge)
    colour = _COLOURS[number % len(_COLOURS)]
    shape = (number // 7) % 3
    if shape == 0:
        pen.ellipse(box, fill=colour)
    elif shape == 1:
        pen.rectangle(box, fill=colour)
    else:
        middle = size_px // 2
        pen.polygon([(middle, edge), (box[2], box[3]), (edge, box[3])], fill=colour)
    pen.text((4, 4), label[:14], fill="#334155")
    return picture


class FakePictures:
    """Pictures in a folder. A test sets ``fail_next`` to make the next call fail in these words."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fail_next: ReasonerError | None = None
        self._examples = self._draw_examples()

    def add_picture(self, source: Path | Image.Image) -> PictureId:
        self._maybe_fail()
        try:
            picture = source if isinstance(source, Image.Image) else Image.open(source)
            picture = picture.convert("RGB")
        except (UnidentifiedImageError, OSError) as exc:
            raise InputError(
                "The file is not a picture that can be read. Save it as PNG or JPEG and try again."
            ) from exc
        return self._stored(picture)

    def picture_path(self, picture: PictureId) -> Path:
        path = self.folder / f"{picture}.png"
        if not path.exists():
            raise InputError("The picture is no longer there. Add it again.")
        return path

    def thumbnail(self, picture: PictureId, size_px: int = 64) -> str:
        with Image.open(self.picture_path(picture)) as full:
            full.thumbnail((size_px, size_px))
            buffer = io.BytesIO()
            full.save(buffer, "PNG")
        return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()

    def examples(self) -> Sequence[ExampleTriplet]:
        return self._examples

    def _draw_examples(self) -> Sequence[ExampleTriplet]:
        return [
            ExampleTriplet(
                f"{subject} · {relation}",
                TripletDraft(
                    subject,
                    relation,
                    made,
                    self._stored(draw_thing(subject)),
                    self._stored(draw_thing(relation)),
                    self._stored(draw_thing(made)),
                    source="examples",
                ),
            )
            for subject, relation, made in EXAMPLES
        ]

    def _stored(self, picture: Image.Image) -> PictureId:
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        name = PictureId(hashlib.sha256(buffer.getvalue()).hexdigest())
        # One write per name: another thread may be reading the picture just now.
        if not (self.folder / f"{name}.png").exists():
            (self.folder / f"{name}.png").write_bytes(buffer.getvalue())
        return name

    def _maybe_fail(self) -> None:
        if self.fail_next is not None:
            failure, self.fail_next = self.fail_next, None
            raise failure
