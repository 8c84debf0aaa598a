"""The notebook is run cell by cell, as a person does, and is kept without outputs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parent.parent
NOTEBOOK = PROJECT / "docs" / "notebooks" / "quickstart.ipynb"
AFTERWARDS = """
assert "egg" in answer
assert "shiny egg" in with_facts
assert ("egg", "polish", "shiny egg") in used
assert "shiny egg" in said
assert finished.state == "done", finished
assert (work / "my-student" / "model.safetensors").exists()
assert (work / "for-ollama" / "Modelfile").exists()
assert comparison.state == "done"
assert comparison.answered == 12
"""


def _cells(kind: str) -> list[dict[str, Any]]:
    notebook = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def test_cells_are_plain_python_without_outputs() -> None:
    cells = _cells("code")
    assert len(cells) >= 8
    for cell in cells:
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        compile("".join(cell["source"]), str(NOTEBOOK), "exec")
    assert len(_cells("markdown")) >= 6


@pytest.mark.slow
def test_every_cell_runs_in_order_in_a_fresh_folder(tmp_path: Path) -> None:
    folder = tmp_path / "docs" / "notebooks"
    folder.mkdir(parents=True)
    for name in ("model", "assets"):
        (tmp_path / name).symlink_to(PROJECT / name)
    code = "\n".join("".join(cell["source"]) for cell in _cells("code"))
    done = subprocess.run(
        [sys.executable, "-c", code + AFTERWARDS], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
