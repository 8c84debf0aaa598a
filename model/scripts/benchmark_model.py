"""How fast a student answers: the ten prompts one by one, then all at once.

    python -m model.scripts.benchmark_model
    python -m model.scripts.benchmark_model my-student --repeats 5 --out speed.json

The last line of stdout is JSON. Ctrl-C ends after the answer under way, with the figures so far.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.config import SampleConfig
from model.errors import ReasonerError
from model.records import Answer, AnswerStats, StudentId, Turn
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
    if options.repeats < 1:
        raise ReasonerError(f"--repeats is {options.repeats}; the smallest is 1.")
    info = find_student(workspace, options.student)
    settings = SampleConfig(max_tokens=options.max_tokens)
    prompts, interrupt = workspace.comparing().ten_prompts(), Interrupt()

    def ask(prompt: str) -> Answer:
        return workspace.answer([Turn("user", prompt)], settings, StudentId(info.id))

    started = time.monotonic()
    first = _read(ask(prompts[0]))
    load_s = time.monotonic() - started
    one_by_one: list[AnswerStats] = []
    asked = list(prompts) * options.repeats
    for number, prompt in enumerate(asked):
        if interrupt.asked:
            break
        one_by_one.append(_read(ask(prompt)))
        bar(number + 1, len(asked), "one by one")
    started = time.monotonic()
    together = [_read(answer) for answer in [ask(prompt) for prompt in prompts]]
    wall_s = time.monotonic() - started
    figures = {
        "student": info.id,
        "weights_hash": first.weights_hash,
        "parameters": info.parameters,
        "size_bytes": info.size_bytes,
        "load_and_first_answer_s": round(load_s, 3),
        "prompts": len(prompts),
        "repeats": options.repeats,
        "one_by_one": spread(one_by_one),
        "all_at_once": {
            "seconds": round(wall_s, 3),
            "tokens_per_s": round(sum(s.tokens for s in together) / wall_s, 1),
            "answers_per_s": round(len(together) / wall_s, 2),
            "first_token_s_p50": round(_middle([s.first_token_s for s in together]), 4),
        },
        "peak_memory_mb": round(_peak_bytes() / 1e6),
        "machine": {"processor": platform.machine(), "python": platform.python_version()},
    }
    _print(figures)
    write_json(figures, options.out)
    return INTERRUPTED if interrupt.asked else 0


def spread(answers: Sequence[AnswerStats]) -> dict[str, float]:
    """Middle and slow end of speed and first token over answers; zeros without any."""
    firsts = sorted(each.first_token_s for each in answers)
    speeds = sorted(each.tokens_per_s for each in answers if each.tokens_per_s)
    slow = firsts[min(len(firsts) - 1, int(0.95 * len(firsts)))] if firsts else 0.0
    return {
        "answers": len(answers),
        "tokens": sum(each.tokens for each in answers),
        "tokens_per_s_p50": round(_middle(speeds), 1),
        "tokens_per_s_slowest": round(speeds[0], 1) if speeds else 0.0,
        "first_token_s_p50": round(_middle(firsts), 4),
        "first_token_s_p95": round(slow, 4),
    }


def _middle(values: Sequence[float]) -> float:
    return statistics.median(values) if values else 0.0


def _read(answer: Answer) -> AnswerStats:
    """Read an answer to its end. Raises: ReasonerError if it breaks off."""
    stats: AnswerStats | None = None
    for event in answer.events():
        if event.kind == "error":
            raise ReasonerError(event.text)
        stats = event.stats or stats
    assert stats is not None, "every whole answer has its figures"
    return stats


def _peak_bytes() -> int:
    """The most memory that the process held, 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    # Linux counts in kilobytes, macOS in bytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _print(figures: dict[str, Any]) -> None:
    for name, value in figures.items():
        rows = value.items() if isinstance(value, dict) else [("", value)]
        for key, each in rows:
            print(f"{name if not key else f'{name}, {key}':<34}{each}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
