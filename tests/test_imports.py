"""The rules of the house: who may import whom, and how large a file may grow."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
SOURCES = sorted(
    [*PROJECT.glob("model/**/*.py"), *PROJECT.glob("webapp/**/*.py"), PROJECT / "app.py"]
)
HEAVY = {"torch", "transformers", "torchvision", "accelerate", "safetensors.torch"}

TORCH_FREE = (
    "model/records.py",
    "model/graph_records.py",
    "model/export_records.py",
    "model/compare_records.py",
    "model/comparing/",
    "model/feedback_records.py",
    "model/precision_records.py",
    "model/serving/precision.py",
    "model/prompt_records.py",
    "model/speed_records.py",
    "model/bundles/exporting.py",
    "model/bundles/hub_transfer.py",
    "model/errors.py",
    "model/config.py",
    "model/knobs.py",
    "model/paths.py",
    "model/workspace.py",
    "model/visitors.py",
    "model/microworld/",
    "model/knowledge/",
    "model/teachers/",
    "model/jobs/jobs.py",
    "model/jobs/child.py",
    "model/jobs/vote_jobs.py",
    "model/serving/feedback.py",
    "model/serving/given_answers.py",
    "model/serving/judging.py",
    "model/serving/settings_chooser.py",
    "model/bundles/bundle.py",
    "model/serving/students.py",
    "model/serving/ollama_",
    "model/learning/budget.py",
    "model/learning/curriculum.py",
    "model/learning/collecting.py",
    "model/learning/trial.py",
    "model/learning/run_collector.py",
    "model/learning/prompt_file.py",
    "model/learning/graph_prompts.py",
    "model/prompt_workspace.py",
    "webapp/",
    "app.py",
)
ONLY_IN = {
    "sqlite3": (
        "model/knowledge/store.py",
        "model/knowledge/database.py",
        "model/knowledge/migrations.py",
        "_rows.py",
    ),
    "requests": (
        "model/teachers/wire.py",
        "model/bundles/ollama_deploy.py",
        "model/bundles/hub.py",
    ),
    "huggingface_hub": (
        "model/bundles/hub.py",
        "model/bundles/hub_card.py",
        "model/bundles/checkpoints.py",
    ),
    "subprocess": ("model/jobs/",),
    "gradio": ("webapp/", "app.py"),
}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _name(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def _imports(path: Path, *, at_import: bool = False) -> Iterator[str]:
    """Modules that a file imports; with ``at_import`` only those loaded together with it."""
    tree = _tree(path)
    skipped: set[ast.AST] = set()
    if at_import:
        for node in ast.walk(tree):
            lazy = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
            checking = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            if lazy or checking:
                skipped.update(ast.walk(node))
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{_name(path)} imports relatively"
            yield node.module or ""


def _starts(module: str, packages: set[str] | tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_every_file_keeps_to_its_room(path: Path) -> None:
    name = _name(path)
    for module in _imports(path):
        for package, homes in ONLY_IN.items():
            if _starts(module, (package,)):
                assert any(name.startswith(home) or name.endswith(home) for home in homes), (
                    f"{name} imports {module}"
                )
        if name.startswith("webapp/") and _starts(module, ("model",)):
            allowed = (
                "model.records",
                "model.graph_records",
                "model.export_records",
                "model.compare_records",
                "model.feedback_records",
                "model.precision_records",
                "model.prompt_records",
                "model.speed_records",
                "model.errors",
                "model.config",
            )
            assert _starts(module, allowed), f"{name} imports {module}"
        if name.startswith("model/"):
            assert not _starts(module, ("webapp", "app", "tests", "benchmarks")), name
        if name.startswith("model/network/"):
            known = ("model.config", "model.network", "model.errors")
            assert not _starts(module, ("model",)) or _starts(module, known), f"{name}: {module}"
            assert not _starts(module, ("os", "pathlib", "io", "shutil")), f"{name}: {module}"


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if _name(path).startswith(TORCH_FREE)], ids=_name
)
def test_torch_free_files_import_nothing_heavy(path: Path) -> None:
    name = _name(path)
    for module in _imports(path, at_import=True):
        assert not _starts(module, HEAVY), f"{name} imports {module}"


def test_the_environment_is_read_in_two_places_only() -> None:
    readers = {
        _name(path)
        for path in SOURCES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv")
    }
    assert readers <= {"model/paths.py", "app.py"}


def test_importing_the_workspace_and_the_page_imports_no_torch() -> None:
    code = (
        "import sys, model.workspace, model.visitors, model.serving.ollama_api, webapp.ui\n"
        f"print([name for name in {sorted(HEAVY)} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400, "over 400 lines: two nouns in one file"
    for node in ast.walk(_tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or 0) - node.lineno + 1
            assert length <= 80, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", SOURCES, ids=_name)
def test_no_broad_except_outside_the_boundaries(path: Path) -> None:
    # the page, a run's process, the thread that answers everybody, and the one that loads
    # students for it: somebody waits for what each of them has to say
    boundaries = {
        "webapp/widgets.py",
        "model/jobs/worker.py",
        "model/serving/engine.py",
        "model/serving/students.py",
    }
    for node in ast.walk(_tree(path)):
        if not isinstance(node, ast.ExceptHandler) or _name(path) in boundaries:
            continue
        caught = ast.unparse(node.type) if node.type else ""
        last = node.body[-1]
        passes_on = isinstance(last, ast.Raise) and last.exc is None
        assert passes_on or caught not in ("", "Exception", "BaseException"), _name(path)
