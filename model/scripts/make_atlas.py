"""Draw every picture of the everyday table into an atlas, once in each style.

``python -m model.scripts.make_atlas FONT FLUENT``, where FONT is the file of Noto Color Emoji with
bitmap glyphs (``NotoColorEmoji.ttf``) and FLUENT the unpacked package ``@iconify-json/fluent-emoji-
flat``. The atlases are committed, so this runs only when ``assets/everyday_things.tsv`` changes.
It needs the Chromium and the playwright of the tests, which draw the SVG.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFont
from playwright.sync_api import sync_playwright

from model.microworld.everyday import ATLAS_COLUMNS, TILE_PX, Style, atlas_files, emojis

BITMAP_PX = 109
"""The only size at which the font's bitmaps can be loaded."""
COLOURS = 256
MASK_LEVELS = 17
"""One palette and few levels of transparency: half of the bytes, and no visible loss."""
MARGIN_PX = 2


def _drawn(emoji: str, font: ImageFont.FreeTypeFont, ground: str) -> Image.Image:
    canvas = Image.new("RGB", (4 * BITMAP_PX, 2 * BITMAP_PX), ground)
    ImageDraw.Draw(canvas).text((BITMAP_PX, 30), emoji, font=font, embedded_color=True)
    return canvas


def _tile(glyph: Image.Image) -> Image.Image:
    """An RGBA drawing, cropped and centred in a transparent tile."""
    box = glyph.getchannel("A").getbbox()
    glyph = glyph.crop(box)
    scale = (TILE_PX - 2 * MARGIN_PX) / max(glyph.size)
    size = (max(1, round(glyph.width * scale)), max(1, round(glyph.height * scale)))
    glyph = glyph.resize(size, Image.Resampling.LANCZOS)
    tile = Image.new("RGBA", (TILE_PX, TILE_PX))
    tile.paste(glyph, ((TILE_PX - size[0]) // 2, (TILE_PX - size[1]) // 2))
    return tile


def noto_tiles(font_path: Path) -> list[Image.Image]:
    """Every emoji of the tables as the font draws it.

    It is drawn on black and on white: drawn on a transparent ground, its edges would darken.

    Raises: SystemExit if the font has no single picture for an emoji.
    """
    font = ImageFont.truetype(str(font_path), BITMAP_PX)
    tiles = []
    for emoji in emojis():
        on_black, on_white = _drawn(emoji, font, "black"), _drawn(emoji, font, "white")
        mask = ImageChops.invert(ImageChops.subtract(on_white, on_black).getchannel("G"))
        box = mask.getbbox()
        if box is None or box[2] - box[0] > 1.5 * BITMAP_PX:
            raise SystemExit(f"The font draws {emoji!r} as nothing or as several pictures.")
        tiles.append(_tile(Image.merge("RGBa", (*on_black.split(), mask)).convert("RGBA")))
    return tiles


def _codes(emoji: str) -> tuple[str, str]:
    """How the package may name an emoji: by all its code points, or without variation selectors."""
    points = [f"{ord(letter):x}" for letter in emoji]
    return "-".join(points), "-".join(point for point in points if point != "fe0f")


def fluent_tiles(package: Path, chromium: str) -> list[Image.Image]:
    """Every emoji of the tables, drawn from the package's SVG.

    Raises: SystemExit if the package has no picture for an emoji.
    """
    names = json.loads((package / "chars.json").read_text("utf-8"))
    icons = json.loads((package / "icons.json").read_text("utf-8"))
    side = icons["width"]
    tiles = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        page = browser.new_page(viewport={"width": 2 * TILE_PX, "height": 2 * TILE_PX})
        for emoji in emojis():
            name = next((names[code] for code in _codes(emoji) if code in names), None)
            if name not in icons["icons"]:
                raise SystemExit(f"The package has no picture for {emoji!r}.")
            body = icons["icons"][name]["body"]
            page.set_content(
                "<style>*{margin:0}</style>"
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * TILE_PX}" '
                f'height="{2 * TILE_PX}" viewBox="0 0 {side} {side}">{body}</svg>'
            )
            picture = page.screenshot(omit_background=True)
            tiles.append(_tile(Image.open(io.BytesIO(picture)).convert("RGBA")))
        browser.close()
    return tiles


def save(tiles: list[Image.Image], style: Style) -> int:
    """Write colours and transparency of an atlas as two small PNGs; returns their bytes."""
    rows = -(-len(tiles) // ATLAS_COLUMNS)
    atlas = Image.new("RGBA", (ATLAS_COLUMNS * TILE_PX, rows * TILE_PX))
    for number, tile in enumerate(tiles):
        place = (number % ATLAS_COLUMNS * TILE_PX, number // ATLAS_COLUMNS * TILE_PX)
        atlas.paste(tile, place)
    mask = atlas.getchannel("A")
    colours = Image.new("RGB", atlas.size, "white")
    colours.paste(atlas.convert("RGB"), mask=mask.point([0] + [255] * 255))
    few = colours.quantize(COLOURS, Image.Quantize.MEDIANCUT, 3, dither=Image.Dither.NONE)
    step = 255 / (MASK_LEVELS - 1)
    levels = mask.point([round(round(value / step) * step) for value in range(256)])
    files = atlas_files(style)
    few.save(files[0], optimize=True)
    levels.quantize(MASK_LEVELS).save(files[1], optimize=True)
    return sum(file.stat().st_size for file in files)


def main() -> None:
    """Write the atlases into ``assets/``."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("font", type=Path, help="path of NotoColorEmoji.ttf")
    parser.add_argument("fluent", type=Path, help="folder of @iconify-json/fluent-emoji-flat")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="path of a browser")
    options = parser.parse_args()
    size = save(noto_tiles(options.font), "noto")
    size += save(fluent_tiles(options.fluent, options.chromium), "fluent")
    print(f"{len(emojis())} pictures in two styles, {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
