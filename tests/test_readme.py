"""What the documents claim is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import app
from model.microworld import everyday

PROJECT = Path(__file__).resolve().parent.parent
README = (PROJECT / "README.md").read_text(encoding="utf-8")
GUIDES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]


def _blocks(language: str) -> list[str]:
    """The fenced blocks of a language; those without one for an empty name."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.S | re.M)
    return [text for name, text in fences if name == language]


def _tree() -> list[str]:
    """Paths named in the README's tree, indented names below their folder."""
    text = next(block for block in _blocks("") if "app.py" in block)
    found, folder = [], ""
    for line in text.splitlines():
        if not line.strip():
            continue
        names = re.split(r"\s{2,}", line.strip())[0].split()
        indented = line.startswith("  ")
        if not indented:
            folder = names[0] if names[0].endswith("/") else ""
        found += [f"{folder if indented else ''}{name}" for name in names]
    return found


def test_every_path_of_the_tree_is_on_disk_and_every_folder_is_in_the_tree() -> None:
    named = _tree()
    assert len(named) > 20
    assert [path for path in named if not (PROJECT / path).exists()] == []
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=False
    ).stdout.split()
    rooms = {f"{path.split('/')[0]}/" for path in tracked if "/" in path}
    rooms |= {"/".join(p.split("/")[:2]) + "/" for p in tracked if re.match(r"model/\w+/", p)}
    assert {room for room in rooms if not room.startswith(".")} <= set(named)


@pytest.mark.slow
@pytest.mark.parametrize("code", _blocks("python"))
def test_python_of_the_readme_runs(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "egg" in done.stdout


def test_make_commands_exist() -> None:
    makefile = (PROJECT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"make (\w+)", README)):
        if target not in ("a", "it"):
            assert re.search(rf"^{target}:", makefile, re.M), target


def test_the_options_table_names_every_option() -> None:
    options = vars(app.parse_options([]))
    for name in options:
        shown = "no-browser" if name == "browser" else name.replace("_", "-")
        assert f"`--{shown}" in README, shown


def test_links_inside_the_documents_lead_somewhere() -> None:
    for guide in GUIDES:
        for target in re.findall(r"\]\((?!http)([^)#]+)", guide.read_text(encoding="utf-8")):
            assert (guide.parent / target).exists(), f"{guide.name} → {target}"


def test_the_numbers_of_the_world_are_those_of_its_tables() -> None:
    assert f"{len(everyday.things())} everyday things" in README
    assert f"{len(everyday.actions())} actions" in README


def test_modules_named_in_commands_exist() -> None:
    for guide in GUIDES:
        for name in re.findall(r"python -m ([\w.]+)", guide.read_text(encoding="utf-8")):
            assert (PROJECT / (name.replace(".", "/") + ".py")).is_file(), f"{guide.name}: {name}"


def test_requirements_are_bounded_or_have_a_floor() -> None:
    for line in (PROJECT / "requirements.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            assert re.search(r">=", line), line
