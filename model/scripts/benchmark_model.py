"""How fast a student answers: the ten prompts one by one, then all at once.

    python -m model.scripts.benchmark_model
    python -m model.scripts.benchmark_model my-student --repeats 5 --out speed.json

The page measures the same under the student's name, “Speed on this machine”. The last line of
stdout is JSON. Ctrl-C ends after the answer under way, with the figures so far.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from model.config import SampleConfig
from model.errors import ReasonerError
from model.scripts.console import (
    INTERRUPTED,
    Interrupt,
    add_workspace_options,
    bar,
    find_student,
    in_workspace,
    write_json,
)
from model.workspace import Workspace


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure; 0 when it is done, 1 when it cannot be, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    return in_workspace(options, lambda workspace: _benchmark(workspace, options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchmark_model",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "student", nargs="?", default="shipped", help="id, name or weights hash (%(default)s)"
    )
    parser.add_argument("--repeats", type=int, default=3, help="times that each prompt is asked")
    parser.add_argument("--max-tokens", type=int, default=SampleConfig.max_tokens)
    parser.add_argument("--out", type=Path, help="also write the JSON here")
    add_workspace_options(parser)
    return parser


def _benchmark(workspace: Workspace, options: argparse.Namespace) -> int:
    info = find_student(workspace, options.student)
    speeds = workspace.speeds()
    test, interrupt = speeds.start(info.id, options.repeats, options.max_tokens), Interrupt()
    for progress in test.progress():
        bar(progress.done, progress.of, progress.words)
        if interrupt.asked:
            test.cancel()
    report = test.report()
    if report is None:
        raise ReasonerError("Stopped before the first answer was there.")
    speeds.keep(report)
    figures = asdict(report)
    _print(figures)
    write_json(figures, options.out)
    return INTERRUPTED if interrupt.asked else 0


def _print(figures: dict[str, Any]) -> None:
    for name, value in figures.items():
        rows = value.items() if isinstance(value, dict) else [("", value)]
        for key, each in rows:
            print(f"{name if not key else f'{name}, {key}':<34}{each}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
