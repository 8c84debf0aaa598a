"""Write the example triplets of the page: ``python -m model.scripts.make_examples``.

Twelve image triplets in ``assets/examples/``: nine of daily life and three of blocks.
"""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from model.microworld import everyday
from model.microworld.blocks import Block, BlockAction, Scene, apply
from model.microworld.blocks_pictures import draw_action, draw_scene
from model.microworld.blocks_words import block_relation, scene_label
from model.paths import ASSETS

EXAMPLES = ASSETS / "examples"
SIDE_PX = 256
COLOURS_PER_PICTURE = 128
CENTRE = 4

EVERYDAY = (
    ("egg", "heat"),
    ("seed", "water"),
    ("seedling", "wait"),
    ("tree", "saw"),
    ("caterpillar", "wait"),
    ("corn", "heat"),
    ("snowman", "heat"),
    ("grapes", "press"),
    ("sheep", "shear"),
)
BLOCKS = (
    BlockAction("paint", Block("square", "red", "large"), "blue"),
    BlockAction("resize", Block("star", "yellow", "small"), "large"),
    BlockAction("reshape", Block("circle", "green", "large"), "triangle"),
)


def _save(folder: Path, words: tuple[str, str, str], pictures: list[Image.Image]) -> dict[str, str]:
    """Write the three pictures of a triplet; return its row for the index."""
    subject, relation, result = words
    slug = f"{subject}-{relation}".replace(" ", "-")
    row = {"name": f"{subject} · {relation} · {result}", "subject": subject}
    row |= {"relation": relation, "object": result}
    for role, picture in zip(("what", "action", "result"), pictures, strict=True):
        row[role] = f"{slug}-{role}.png"
        few = picture.quantize(COLOURS_PER_PICTURE, dither=Image.Dither.NONE)
        few.save(folder / row[role], optimize=True)
    return row


def write_examples(folder: Path) -> list[dict[str, str]]:
    """Write every example's pictures and ``triplets.json`` into a folder; return the rows."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for subject, relation in EVERYDAY:
        result = everyday.outcomes()[subject, relation]
        pictures = [
            everyday.picture(subject, SIDE_PX),
            everyday.picture(relation, SIDE_PX, action=True),
            everyday.picture(result, SIDE_PX),
        ]
        rows.append(_save(folder, (subject, relation, result), pictures))
    for action in BLOCKS:
        before = Scene(((CENTRE, action.block),))
        after = apply(before, action)
        words = (scene_label(before), block_relation(action), scene_label(after))
        pictures = [
            draw_scene(before, None, SIDE_PX),
            draw_action(action, SIDE_PX),
            draw_scene(after, None, SIDE_PX),
        ]
        rows.append(_save(folder, words, pictures))
    text = json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    (folder / "triplets.json").write_text(text, "utf-8")
    return rows


def main() -> None:
    """Write the examples into ``assets/examples/``."""
    rows = write_examples(EXAMPLES)
    size = sum(path.stat().st_size for path in EXAMPLES.iterdir())
    print(f"{len(rows)} triplets, {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
