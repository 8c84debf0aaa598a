"""Real photographs for a test of "I have not seen anything like this"; none is kept here.

They are read from two published Python packages, installed or as wheels in a folder:

    pip download --no-deps --only-binary :all: -d workspace/photos scikit-image scikit-learn

(about 23 MB; nothing needs to be installed). ``python -m benchmarks.photos`` says which were found.
Only pictures are listed whose free terms the package states: public domain, CC0, no known
restrictions, and CC BY 2.0 (china, flower). No student is ever trained on them.
"""

from __future__ import annotations

import io
import json
import random
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

WHEELS = Path(__file__).resolve().parent.parent / "workspace" / "photos"
FILES = {
    "skimage": (
        *("data/astronaut.png", "data/brick.png", "data/camera.png", "data/cell.png"),
        *("data/chelsea.png", "data/clock_motion.png", "data/coffee.png", "data/coins.png"),
        *("data/grass.png", "data/gravel.png", "data/hubble_deep_field.jpg", "data/ihc.png"),
        *("data/retina.jpg", "data/rocket.jpg", "data/text.png"),
    ),
    "sklearn": ("datasets/images/china.jpg", "datasets/images/flower.jpg"),
}
"""Where the photographs lie inside their packages."""
NAMEABLE = frozenset({"chelsea", "clock_motion", "coffee", "coins", "flower", "rocket"})
"""A cat, a clock, coffee, coins, a flower, a rocket: to name one of these is no invention."""
WHOLE_PX = 512


def _found(folder: Path) -> Iterator[tuple[str, bytes]]:
    """(name, file) of every photograph, from an installed package or else from a wheel."""
    for package, paths in FILES.items():
        spec = find_spec(package)
        if spec and spec.origin:
            home = Path(spec.origin).parent
            yield from ((Path(p).stem, (home / p).read_bytes()) for p in paths)
            continue
        # The wheels are named scikit_image-… and scikit_learn-….
        wheels = sorted(folder.glob(f"scikit_{package[2:]}-*.whl"))
        if wheels:
            with zipfile.ZipFile(wheels[-1]) as wheel:
                yield from ((Path(p).stem, wheel.read(f"{package}/{p}")) for p in paths)


def _crop(photo: Image.Image, rng: random.Random) -> Image.Image:
    """A square of 0.4 to 1 of the shorter side, from anywhere."""
    side = round(min(photo.size) * rng.uniform(0.4, 1.0))
    left, top = rng.randint(0, photo.width - side), rng.randint(0, photo.height - side)
    return photo.crop((left, top, left + side, top + side))


def photographs(
    folder: Path = WHEELS, crops: int = 11, seed: int = 0
) -> Iterator[tuple[str, Image.Image]]:
    """Every photograph as (name, RGB picture): first whole, then ``crops`` random squares of it.

    17 photographs give 204 pictures, each at most 512 px wide and high; the same ``seed`` gives the
    same crops. Nothing comes if neither the packages nor their wheels in ``folder`` are there.
    """
    for name, file in _found(folder):
        photo = Image.open(io.BytesIO(file)).convert("RGB")
        rng = random.Random(f"{seed}/{name}")
        for number in range(crops + 1):
            part = photo.copy() if number == 0 else _crop(photo, rng)
            part.thumbnail((WHOLE_PX, WHOLE_PX))
            yield name, part


def main() -> None:
    names = [name for name, _ in photographs()]
    counts = {name: names.count(name) for name in dict.fromkeys(names)}
    for name, count in counts.items():
        print(f"{name:20} {count:3} pictures{'  may be named' if name in NAMEABLE else ''}")
    if not names:
        print(f"No photographs: put the two wheels into {WHEELS} (see the top of this file).")
    print(json.dumps({"photographs": len(counts), "pictures": len(names)}))


if __name__ == "__main__":
    main()
