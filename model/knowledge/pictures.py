"""The one decoder of pictures, and the folder where the decoded ones are kept.

Whatever a person uploads, everything else in the program sees the same thing: an upright RGB
picture without transparency, at most 1024 px a side, stored as PNG under the hash of its bytes.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import re
import struct
import uuid
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps, features

from model.errors import InputError, ReasonerError
from model.records import PictureId

Source = Path | bytes | Image.Image

MAX_MEGAPIXELS = 40
MAX_BYTES = 25_000_000
MIN_SIDE_PX = 4
STORED_SIDE_PX = 1024
"""Larger pictures are scaled down to this longest side."""
FORMATS = ("PNG", "JPEG", "MPO", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF")
"""What is opened. Not all that Pillow knows: some of its formats start other programs."""

_BROKEN = (OSError, ValueError, SyntaxError, TypeError, LookupError, EOFError, ArithmeticError,
           AttributeError, struct.error, Image.DecompressionBombError)  # fmt: skip
"""What Pillow's readers raise on damaged files."""


# ── decoding ────────────────────────────────────────────────────────────────────────────────────


def decode(source: Source) -> Image.Image:
    """Any picture as upright RGB: transparency on white, first frame, at most 1024 px a side.

    The caps of 25 MB and 40 megapixels are checked before pixels are unpacked.

    Raises: InputError if it is no picture, damaged, or outside the caps.
    """
    picture = source if isinstance(source, Image.Image) else _open(_read(source))
    _check_size(*picture.size)
    try:
        # A JPEG can be unpacked at an eighth of its size; other formats ignore the hint.
        picture.draft("RGB", (STORED_SIDE_PX, STORED_SIDE_PX))
        picture.load()
        return _flat(_small(_upright(_eight_bits(picture))))
    except MemoryError as error:
        raise InputError(
            f"There is not enough memory to open the picture ({picture.width}×{picture.height} "
            "px). Make it smaller and upload it again."
        ) from error
    except _BROKEN as error:
        raise InputError(
            f"The picture is damaged or cut off ({error or type(error).__name__}). "
            "Save it again as PNG or JPEG and upload that."
        ) from error


def _read(source: Path | bytes) -> bytes:
    try:
        size = len(source) if isinstance(source, bytes) else source.stat().st_size
        if size > MAX_BYTES:
            raise InputError(
                f"The picture file is {size / 1e6:.0f} MB; the limit is {MAX_BYTES / 1e6:.0f} MB. "
                "Make it smaller and upload it again."
            )
        data = source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:
        raise InputError(
            f"The picture file cannot be read ({error.strerror or error}). Upload it again."
        ) from error
    if not data:
        raise InputError("The picture file is empty (0 bytes). Upload it again.")
    return data


def _open(data: bytes) -> Image.Image:
    # Not Image.open: it refuses large pictures without saying how large they are.
    Image.init()
    for name in FORMATS:
        if name not in Image.OPEN:
            continue
        factory, accept = Image.OPEN[name]
        if accept is not None and accept(data[:16]) is not True:
            continue
        try:
            return factory(BytesIO(data), "")
        except _BROKEN as error:
            raise InputError(
                f"The picture is damaged: it begins like {name}, but its head cannot be read "
                f"({len(data):,} bytes). Save it again as PNG or JPEG and upload that."
            ) from error
    raise InputError(_why_no_picture(data))


def _why_no_picture(data: bytes) -> str:
    head = data[:2000].lower()
    if b"<svg" in head:
        return "This is an SVG drawing, which has no pixels. Export it as PNG and upload that."
    if head[4:8] == b"ftyp" and head[8:11] in (b"hei", b"hev", b"mif"):
        return "HEIC photos cannot be read here. Export the photo as JPEG and upload that."
    return (
        f"This file is not a picture, whatever its name says ({len(data):,} bytes). "
        "Upload a PNG, JPEG, WebP, GIF, BMP or TIFF file."
    )


def _check_size(width: int, height: int) -> None:
    megapixels = width * height / 1e6
    if megapixels > MAX_MEGAPIXELS:
        raise InputError(
            f"The picture is {width}×{height} px, {megapixels:.0f} megapixels; the limit is "
            f"{MAX_MEGAPIXELS}. Make it smaller and upload it again."
        )
    scale = min(1.0, STORED_SIDE_PX / max(width, height, 1))
    if min(width, height) * scale < MIN_SIDE_PX:
        raise InputError(
            f"The picture is {width}×{height} px; each side needs {MIN_SIDE_PX} px or more, also "
            f"after the longer one is scaled to {STORED_SIDE_PX} px. Upload a larger or less "
            "narrow one."
        )


def _eight_bits(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith(("I", "F")):
        values = picture.convert("F")
        high = max(float(edge) for edge in values.getextrema() if not isinstance(edge, tuple))
        if high <= 1.0:
            white = 1.0
        else:
            white = next((full for full in (255.0, 65535.0) if high <= full), high)
        return values.point(lambda value: value * (255.0 / white)).convert("L")
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except _BROKEN:
        return picture  # an unreadable note about the orientation does not spoil the picture


def _small(picture: Image.Image) -> Image.Image:
    picture.thumbnail((STORED_SIDE_PX, STORED_SIDE_PX), Image.Resampling.LANCZOS)
    return picture


def _flat(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, picture).convert("RGB")


def packed(source: Source) -> bytes:
    """Any picture as the PNG that is kept of it. Raises: InputError as ``decode``."""
    buffer = BytesIO()
    decode(source).save(buffer, "PNG")
    return buffer.getvalue()


# ── keeping ─────────────────────────────────────────────────────────────────────────────────────


class Pictures:
    """The pictures of a workspace: a folder of PNG files named by their hash."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # Per instance: a cache on the method would keep every workspace alive.
        self._thumbnail = functools.lru_cache(maxsize=1024)(self._make_thumbnail)

    def add(self, source: Source) -> PictureId:
        """Check, decode and keep a picture; the same picture has the same id.

        Raises: InputError as ``decode``; ReasonerError if the disk does not take it.
        """
        return self.add_all([source])[0]

    def add_all(self, sources: Iterable[Source]) -> list[PictureId]:
        """Keep many pictures, waiting once for the disk instead of once for each.

        Raises: InputError as ``decode``; ReasonerError if the disk does not take them.
        """
        return self.add_packed(map(packed, sources))

    def add_packed(self, pngs: Iterable[bytes]) -> list[PictureId]:
        """Keep many pictures that ``packed`` made. Raises: ReasonerError as ``add_all``."""
        added, files = [], dict[Path, bytes]()
        for data in pngs:
            picture = PictureId(hashlib.sha256(data).hexdigest())
            added.append(picture)
            path = self._folder / f"{picture}.png"
            if not path.exists():
                files[path] = data
        try:
            if files:
                self._folder.mkdir(parents=True, exist_ok=True)
                _write_whole(files)
        except OSError as error:
            size = sum(len(data) for data in files.values()) / 1e6
            what = "The picture" if len(files) == 1 else f"{len(files)} pictures"
            raise ReasonerError(
                f"{what} ({size:.1f} MB) could not be stored in {self._folder}: "
                f"{error.strerror or error}. Free some space and upload again."
            ) from error
        return added

    def path(self, picture: PictureId) -> Path:
        """The stored PNG. Raises: InputError if there is no such picture in the workspace."""
        path = self._folder / f"{picture}.png"
        if not re.fullmatch(r"[0-9a-f]{64}", picture) or not path.is_file():
            raise InputError(
                f"There is no picture “{picture[:12]}” in this workspace. Upload it again."
            )
        return path

    def thumbnail(self, picture: PictureId, size_px: int = 64) -> str:
        """The picture as a small ``data:`` URI, its longer side ``size_px`` (8–512).

        Raises: InputError if there is no such picture in the workspace, or its file is damaged.
        """
        return self._thumbnail(picture, max(8, min(512, size_px)))

    def _make_thumbnail(self, picture: PictureId, size_px: int) -> str:
        small = decode(self.path(picture))
        small.thumbnail((size_px, size_px), Image.Resampling.LANCZOS)
        kind = "WEBP" if features.check("webp") else "PNG"
        buffer = BytesIO()
        small.save(buffer, kind, quality=80)
        text = base64.b64encode(buffer.getvalue()).decode("ascii")
        return f"data:image/{kind.lower()};base64,{text}"


def _write_whole(files: Mapping[Path, bytes]) -> None:
    # A crash leaves a whole file under its name, or none.
    unfinished = {path: path.with_name(f".{uuid.uuid4().hex}.tmp") for path in files}
    together = len(files) > 1 and hasattr(os, "sync")
    try:
        for path, data in files.items():
            with unfinished[path].open("wb") as file:
                file.write(data)
                if not together:
                    file.flush()
                    os.fsync(file.fileno())
        if together:
            os.sync()
        for path, written in unfinished.items():
            written.replace(path)
    finally:
        for written in unfinished.values():
            written.unlink(missing_ok=True)
    if os.name == "posix":  # Windows cannot open folders
        for parent in {path.parent for path in files}:
            folder = os.open(parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
