"""Every picture comes out upright, flat and small; what is no picture is refused in words."""

from __future__ import annotations

import base64
import struct
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from model.errors import InputError, ReasonerError
from model.knowledge.pictures import Pictures, decode
from model.records import PictureId

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def halves(size: tuple[int, int] = (40, 20)) -> Image.Image:
    """Red on the left, blue on the right."""
    picture = Image.new("RGB", size, RED)
    picture.paste(BLUE, (size[0] // 2, 0, size[0], size[1]))
    return picture


def encoded(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def huge_png(width: int, height: int) -> bytes:
    """The head of a PNG of any size; its pixels are missing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


def near(one: object, other: tuple[int, int, int], within: int = 12) -> bool:
    assert isinstance(one, tuple)
    return all(abs(a - b) <= within for a, b in zip(one, other, strict=True))


# ── what comes out ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_every_format_gives_the_same_picture(kind: str) -> None:
    picture = decode(encoded(halves((64, 32)), kind))
    assert (picture.mode, picture.size) == ("RGB", (64, 32))
    assert near(picture.getpixel((4, 4)), RED)
    assert near(picture.getpixel((60, 28)), BLUE)


def test_picture_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = decode(encoded(halves(), "JPEG", exif=exif, quality=95))
    assert picture.size == (20, 40)
    assert near(picture.getpixel((10, 3)), RED)
    assert near(picture.getpixel((10, 36)), BLUE)
    assert not picture.getexif()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_unreadable_exif_does_not_spoil_the_picture() -> None:
    data = encoded(halves(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 40)
    assert decode(data).size == (40, 20)


def test_transparency_becomes_white() -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    half = Image.new("LA", (8, 8), (0, 128))
    palette = halves((8, 8)).quantize(2)
    index = palette.getpixel((0, 0))
    assert decode(encoded(clear)).getpixel((4, 4)) == (255, 255, 255)
    assert near(decode(encoded(half)).getpixel((4, 4)), (127, 127, 127), 2)
    keyed = decode(encoded(palette, "PNG", transparency=index))
    assert keyed.getpixel((0, 0)) == (255, 255, 255)
    assert near(keyed.getpixel((7, 7)), BLUE)


def test_animation_gives_its_first_frame() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (GREEN, RED, BLUE)]
    for kind in ("GIF", "WEBP", "PNG"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
        assert near(decode(data).getpixel((8, 8)), GREEN), kind


def test_cmyk_and_sixteen_bit_become_rgb() -> None:
    assert near(decode(encoded(halves().convert("CMYK"), "JPEG")).getpixel((4, 4)), RED, 40)
    for mode in ("I;16", "I"):
        deep = Image.new(mode, (8, 8), 65535 // 2)
        deep.putpixel((0, 0), 65535)
        picture = decode(encoded(deep, "TIFF"))
        assert near(picture.getpixel((4, 4)), (127, 127, 127), 2), mode
    assert decode(Image.new("F", (8, 8), 1.0)).getpixel((1, 1)) == (255, 255, 255)
    assert decode(Image.new("1", (8, 8), 1)).getpixel((1, 1)) == (255, 255, 255)
    assert decode(Image.new("I;16", (8, 8), 0)).getpixel((1, 1)) == (0, 0, 0)


def test_large_picture_is_scaled_down_and_keeps_its_shape() -> None:
    for kind in ("JPEG", "PNG"):
        assert decode(encoded(halves((4000, 2000)), kind)).size == (1024, 512)


def test_given_picture_is_left_as_it_was() -> None:
    given = halves((2048, 1024))
    assert decode(given).size == (1024, 512)
    assert given.size == (2048, 1024)


# ── what is refused ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty (0 bytes)"),
        (b"hello, I am a text" * 20, "not a picture, whatever its name says (360 bytes)"),
        (b'<?xml version="1.0"?><svg xmlns="x"/>', "SVG drawing"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 50, "HEIC"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a picture"),
        (huge_png(20_000, 20_000), "20000×20000 px, 400 megapixels; the limit is 40"),
        (huge_png(9_000, 9_000), "9000×9000 px, 81 megapixels"),
        (huge_png(100, 100), "damaged or cut off"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 30, "begins like PNG"),
        (encoded(halves((200, 200)), "JPEG")[:700], "damaged"),
        (encoded(Image.effect_noise((200, 200), 80))[:9000], "damaged or cut off"),
        (encoded(Image.new("RGB", (3, 50))), "3×50 px"),
        (encoded(Image.new("RGB", (5, 4000))), "5×4000 px"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_picture_is_refused_with_its_number(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(InputError) as caught:
            decode(source)
        assert said in str(caught.value)


def size_or_refusal(data: bytes) -> tuple[int, int] | str:
    try:
        return decode(data).size
    except InputError as error:
        return str(error)


@pytest.mark.filterwarnings("ignore:Truncated File Read")
def test_every_cut_of_a_picture_is_refused_or_whole() -> None:
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF"):
        data = encoded(halves((24, 24)), kind)
        for end in range(0, len(data), max(1, len(data) // 40)):
            came_out = size_or_refusal(data[:end])
            assert came_out == (24, 24) or "picture" in str(came_out), (kind, end)


def test_file_over_the_cap_or_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "big.png"
    with path.open("wb") as file:
        file.truncate(26_000_000)
    with pytest.raises(InputError, match="is 26 MB; the limit is 25 MB"):
        decode(path)
    with pytest.raises(InputError, match="cannot be read"):
        decode(tmp_path / "none.png")


# ── keeping ─────────────────────────────────────────────────────────────────────────────────────


def test_same_picture_has_the_same_id_whatever_its_format(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path / "pictures")
    ids = {pictures.add(encoded(halves(), kind)) for kind in ("PNG", "BMP", "TIFF")}
    ids.add(pictures.add(halves()))
    assert len(ids) == 1
    (picture,) = ids
    assert [each.name for each in (tmp_path / "pictures").iterdir()] == [f"{picture}.png"]
    assert decode(pictures.path(picture)).tobytes() == halves().tobytes()


def test_refused_picture_leaves_no_file(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path / "pictures")
    with pytest.raises(InputError):
        pictures.add(b"text")
    assert not (tmp_path / "pictures").exists()


@pytest.mark.parametrize("name", ["a" * 64, "../../etc/passwd", "", "A" * 64, "a" * 64 + "\n"])
def test_unknown_id_is_refused(tmp_path: Path, name: str) -> None:
    pictures = Pictures(tmp_path)
    for act in (pictures.path, pictures.thumbnail):
        with pytest.raises(InputError, match="no picture"):
            act(PictureId(name))


def test_folder_that_cannot_be_written_is_said_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReasonerError, match="could not be stored"):
        Pictures(tmp_path / "file").add(halves())


def test_thumbnail_is_a_small_picture_in_a_uri(tmp_path: Path) -> None:
    pictures = Pictures(tmp_path)
    picture = pictures.add(halves((400, 200)))
    head, body = pictures.thumbnail(picture, 64).split(",")
    assert head in {"data:image/webp;base64", "data:image/png;base64"}
    small = Image.open(BytesIO(base64.b64decode(body)))
    assert small.size == (64, 32)
    assert near(small.convert("RGB").getpixel((4, 4)), RED, 30)
    assert len(body) < 4000
    assert pictures.thumbnail(picture, 64) is pictures.thumbnail(picture, 64)
