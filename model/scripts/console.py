"""What the scripts share: the workspace's options, a bar of progress, Ctrl-C as a wish."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from model import paths
from model.errors import BundleNotFound, ReasonerError
from model.records import StudentId, StudentInfo
from model.serving.students import EnginePool
from model.workspace import Workspace

INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""


def add_workspace_options(parser: argparse.ArgumentParser) -> None:
    """Let a script work in the workspace of the app."""
    parser.add_argument(
        "--workspace",
        type=Path,
        default=paths.default_workspace(),
        help="data directory of the app (%(default)s)",
    )
    parser.add_argument(
        "--shipped",
        type=Path,
        default=paths.SHIPPED_BUNDLE,
        help="bundle that is called “shipped” (%(default)s)",
    )


class OpenWorkspace:
    """The workspace of a script, closed at the end with its engines."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._pool = EnginePool()
        self._workspace = Workspace(options.workspace, shipped=options.shipped, pool=self._pool)

    def __enter__(self) -> Workspace:
        return self._workspace

    def __exit__(self, *fault: object) -> None:
        self._pool.close()
        self._workspace.close()


def in_workspace(options: argparse.Namespace, work: Callable[[Workspace], int]) -> int:
    """The exit code of ``work``; 1, with words on stderr, if it cannot be done."""
    try:
        with OpenWorkspace(options) as workspace:
            return work(workspace)
    except (ReasonerError, OSError) as error:
        print(f"{error}", file=sys.stderr)
        return 1


def find_student(workspace: Workspace, wanted: str) -> StudentInfo:
    """A student by its id, its name, or the first letters of its weights' hash.

    Raises: BundleNotFound if there is none, or more than one.
    """
    students = workspace.students()
    found = [info for info in students if info.id == StudentId(wanted)] or [
        info
        for info in students
        if info.name == wanted or (len(wanted) >= 6 and info.weights_hash.startswith(wanted))
    ]
    if len(found) == 1:
        return found[0]
    known = ", ".join(info.id for info in students)
    raise BundleNotFound(f"{len(found)} students are called “{wanted}”. Choose one of: {known}.")


def bar(done: int, of: int, words: str = "") -> None:
    """Draw how far the work has come, on stderr, so that stdout stays free for results."""
    share = done / max(of, 1)
    end = "\n" if done >= of else ""
    print(f"\r{'█' * round(24 * share):░<24} {done}/{of} {words:<40}", end=end, file=sys.stderr,
          flush=True)  # fmt: skip


def write_json(values: Any, out: Path | None) -> None:
    """Print values as one line of JSON, and write them to a file if there is one."""
    print(json.dumps(values, ensure_ascii=False))
    if out is not None:
        text = json.dumps(values, indent=1, ensure_ascii=False) + "\n"
        out.write_text(text, encoding="utf-8")


class Interrupt:
    """Ctrl-C as a wish: the step under way ends, and what was done is kept."""

    def __init__(self) -> None:
        self.asked = False
        signal.signal(signal.SIGINT, self._ask)

    def _ask(self, number: int, frame: object) -> None:
        self.asked = True
