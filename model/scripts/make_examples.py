"""Write the example triplets of the page: ``python -m model.scripts.make_examples``.

Twelve image triplets in ``assets/examples/``: nine of daily life and three of blocks.
"""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from model.microworld import everyday, language
from model.microworld.blocks import Block, BlockAction, Scene, apply, draw_action, draw_scene
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
    (Block("square", "red", "large"), BlockAction("paint", CENTRE, "blue")),
    (Block("star", "yellow", "small"), BlockAction("grow", CENTRE)),
    (Block("circle", "green", "large"), BlockAction("reshape", CENTRE, "triangle")),
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
    for block, action in BLOCKS:
        before = Scene(((CENTRE, block),))
        after = apply(before, action)
        words = (
            language.block_label(block),
            language.block_relation(action),
            language.block_label(after.blocks[0][1]),
        )
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
