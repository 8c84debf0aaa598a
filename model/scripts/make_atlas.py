"""Draw every picture of the everyday table into one atlas.

``python -m model.scripts.make_atlas FONT``, where FONT is the file of Noto Color Emoji with bitmap
glyphs (``NotoColorEmoji.ttf``). The atlas is committed, so this runs only when
``assets/everyday_things.tsv`` changes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFont

from model.microworld.everyday import ATLAS_INDEX, ATLAS_MASK, ATLAS_PICTURE, TILE_PX, emojis

BITMAP_PX = 109
"""The only size at which the font's bitmaps can be loaded."""
COLUMNS = 12
COLOURS = 256
MASK_LEVELS = 17
"""One palette and few levels of transparency: half of the bytes, and no visible loss."""
MARGIN_PX = 2


def _drawn(emoji: str, font: ImageFont.FreeTypeFont, ground: str) -> Image.Image:
    canvas = Image.new("RGB", (4 * BITMAP_PX, 2 * BITMAP_PX), ground)
    ImageDraw.Draw(canvas).text((BITMAP_PX, 30), emoji, font=font, embedded_color=True)
    return canvas


def render(emoji: str, font: ImageFont.FreeTypeFont) -> Image.Image:
    """One emoji, cropped and centred in a transparent tile.

    It is drawn on black and on white: drawn on a transparent ground, its edges would darken.

    Raises: SystemExit if the font has no single picture for it.
    """
    on_black, on_white = _drawn(emoji, font, "black"), _drawn(emoji, font, "white")
    mask = ImageChops.invert(ImageChops.subtract(on_white, on_black).getchannel("G"))
    canvas = Image.merge("RGBa", (*on_black.split(), mask)).convert("RGBA")
    box = mask.getbbox()
    if box is None or box[2] - box[0] > 1.5 * BITMAP_PX:
        raise SystemExit(f"The font draws {emoji!r} as nothing or as several pictures.")
    glyph = canvas.crop(box)
    scale = (TILE_PX - 2 * MARGIN_PX) / max(glyph.size)
    size = (max(1, round(glyph.width * scale)), max(1, round(glyph.height * scale)))
    glyph = glyph.resize(size, Image.Resampling.LANCZOS)
    tile = Image.new("RGBA", (TILE_PX, TILE_PX))
    tile.paste(glyph, ((TILE_PX - size[0]) // 2, (TILE_PX - size[1]) // 2))
    return tile


def make_atlas(font_path: Path) -> tuple[Image.Image, dict[str, list[int]]]:
    """The atlas, RGBA, and the left and top pixel of every emoji in it."""
    font = ImageFont.truetype(str(font_path), BITMAP_PX)
    names = emojis()
    rows = -(-len(names) // COLUMNS)
    atlas = Image.new("RGBA", (COLUMNS * TILE_PX, rows * TILE_PX))
    places: dict[str, list[int]] = {}
    for number, emoji in enumerate(names):
        left, top = number % COLUMNS * TILE_PX, number // COLUMNS * TILE_PX
        atlas.paste(render(emoji, font), (left, top))
        places[emoji] = [left, top]
    return atlas, places


def save(atlas: Image.Image) -> None:
    """Write colours and transparency as two small PNGs."""
    mask = atlas.getchannel("A")
    colours = Image.new("RGB", atlas.size, "white")
    colours.paste(atlas.convert("RGB"), mask=mask.point([0] + [255] * 255))
    few = colours.quantize(COLOURS, Image.Quantize.MEDIANCUT, 3, dither=Image.Dither.NONE)
    few.save(ATLAS_PICTURE, optimize=True)
    step = 255 / (MASK_LEVELS - 1)
    levels = mask.point([round(round(value / step) * step) for value in range(256)])
    levels.quantize(MASK_LEVELS).save(ATLAS_MASK, optimize=True)


def main() -> None:
    """Write the atlas and its index into ``assets/``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("font", type=Path, help="path of NotoColorEmoji.ttf")
    atlas, places = make_atlas(parser.parse_args().font)
    save(atlas)
    ATLAS_INDEX.write_text(json.dumps(places, ensure_ascii=False, indent=0) + "\n", "utf-8")
    size = sum(path.stat().st_size for path in (ATLAS_PICTURE, ATLAS_MASK, ATLAS_INDEX))
    print(f"{len(places)} pictures, {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
