"""The guides are run: every Python block (the README's by its own test), every command's help."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
GUIDES = [
    PROJECT / "README.md",
    PROJECT / "CONTRIBUTING.md",
    *sorted((PROJECT / "docs").glob("*.md")),
]
OWN_TESTS = ("README.md", "OLLAMA.md")
"""Guides whose Python is run elsewhere: the second one's needs a running app."""
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)


def _blocks(guide: Path, language: str) -> list[str]:
    text = guide.read_text(encoding="utf-8")
    return [code for name, code in FENCE.findall(text) if name == language]


def _commands() -> list[tuple[str, list[str]]]:
    """Modules and options of all `python -m` lines of the guides, continued lines joined."""
    found: dict[str, set[str]] = {}
    for guide in GUIDES:
        for block in _blocks(guide, "bash"):
            for line in block.replace("\\\n", " ").splitlines():
                match = re.search(r"python -m (\S+)(.*)", line)
                if match:
                    words = match[2].split()
                    verbs = [w for w in words[:1] if re.fullmatch(r"[a-z]+", w)]
                    name = " ".join([match[1], *verbs])
                    options = re.findall(r"--[\w-]+", match[2])
                    found.setdefault(name, set()).update(options)
    return [(name, sorted(options)) for name, options in sorted(found.items())]


@pytest.mark.slow
@pytest.mark.parametrize(
    "guide",
    [guide for guide in GUIDES if guide.name not in OWN_TESTS],
    ids=lambda guide: guide.name,
)
def test_python_of_the_guides_runs_in_order_in_a_fresh_folder(guide: Path, tmp_path: Path) -> None:
    code = "\n".join(_blocks(guide, "python"))
    if not code:
        pytest.skip("no Python in this guide")
    (tmp_path / "assets").symlink_to(PROJECT / "assets")
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(PROJECT)!r})\n{code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), _commands(), ids=lambda part: str(part)[:40])
def test_commands_of_the_guides_know_their_options(name: str, options: list[str]) -> None:
    words = [sys.executable, "-m", *name.split(), "--help"]
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for option in options:
        assert option in done.stdout, f"{name} {option}"


def test_the_guides_name_only_files_that_exist() -> None:
    for guide in GUIDES:
        text = FENCE.sub("", guide.read_text(encoding="utf-8"))
        for path in re.findall(
            r"`((?:model|webapp|benchmarks|tests|docs|assets|\.github)/[\w./-]+)`", text
        ):
            assert (PROJECT / path).exists(), f"{guide.name} names {path}"


def _sketch() -> str:
    text = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return text.partition("## The first sketch, item by item\n")[2].partition("\n## ")[0]


def test_every_item_of_the_first_sketch_has_its_line_and_every_file_named_there_exists() -> None:
    sketch = _sketch()
    named = [word for word in re.findall(r"`([^`\s]+)`", sketch) if re.search(r"/|\.\w+$", word)]
    assert len(named) > 50
    assert [path for path in named if not (PROJECT / path).exists()] == []
    for kind in ("Components", "Scripts", "Documents", "Tests", "Next steps"):
        rows = sketch.partition(f"**{kind}**")[2].partition("\n**")[0]
        items = [line.split("|")[1:-1] for line in rows.splitlines() if line.startswith("| ")][1:]
        assert len(items) >= 4, kind
        assert all(len(item) == 2 and item[0].strip() and item[1].strip() for item in items)


def test_every_tab_has_a_picture_that_is_small() -> None:
    tabs = {path.stem for path in (PROJECT / "webapp" / "tabs").glob("*.py")} - {"__init__"}
    assert len(tabs) == 5
    for name in tabs:
        picture = PROJECT / "docs" / "pictures" / f"{name}.png"
        assert picture.stat().st_size <= 120_000, name
