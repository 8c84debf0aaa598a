"""Compare students, models on Ollama and the built-in oracle without a browser.

    python -m model.scripts.compare_models shipped builtin --set microworld --questions 50
    python -m model.scripts.compare_models shipped ollama:llama3.2:1b --set ten --out result.json

The same comparison as the page's Compare tab, in the same workspace: it appears in the page's list.
The JSON follows assets/comparison.schema.json. Ctrl-C keeps what was answered.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from model.compare_records import (
    BUILTIN_SIDE,
    LETTERS,
    OLLAMA,
    PROMPT_SETS,
    CompareConfig,
    Comparison,
    ReportKind,
)
from model.comparing.report import WORDS, figure, names_of
from model.config import SampleConfig
from model.scripts.console import (
    INTERRUPTED,
    Interrupt,
    add_workspace_options,
    bar,
    find_student,
    in_workspace,
)
from model.workspace import Workspace

_DRAWN = ("temperature", "max_tokens", "seed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare; 0 when it is done, 1 when it cannot be, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    return in_workspace(options, lambda workspace: _compare(workspace, options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="compare_models",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "sides",
        nargs="+",
        metavar="SIDE",
        help="two or three of: a student's id, name or weights hash; builtin; ollama:MODEL",
    )
    parser.add_argument("--set", choices=PROMPT_SETS, default="ten", help="what is asked")
    parser.add_argument("--prompt", action="append", default=[], help="a prompt; may be repeated")
    parser.add_argument("--prompts", type=Path, help=".txt, .csv or .jsonl file of prompts")
    parser.add_argument("--image", type=Path, action="append", default=[], help="goes with each")
    parser.add_argument("--questions", type=int, default=CompareConfig.questions)
    parser.add_argument("--address", default="", help="of the Ollama server; empty: OLLAMA_HOST")
    parser.add_argument("--judge", default="", help="model on Ollama that judges the answers")
    for item in fields(SampleConfig):
        if item.name in _DRAWN:
            parser.add_argument(
                f"--{item.name.replace('_', '-')}",
                type=type(item.default),
                default=item.default,
                help=f"{item.metadata['help']} (%(default)s)",
            )
    parser.add_argument("--no-graph", action="store_true", help="students get no facts")
    parser.add_argument("--out", type=Path, help="JSON file; without one it goes to stdout")
    parser.add_argument("--csv", type=Path, help="also write every answer as CSV")
    parser.add_argument("--html", type=Path, help="also write a report as HTML")
    add_workspace_options(parser)
    return parser


def _config(workspace: Workspace, options: argparse.Namespace) -> CompareConfig:
    pairs = [(prompt, "") for prompt in options.prompt]
    if options.prompts is not None:
        pairs += workspace.comparing().read_prompts(options.prompts)
    return CompareConfig(
        sides=tuple(_side(workspace, side) for side in options.sides),
        address=options.address,
        prompt_set="typed" if pairs else options.set,
        prompts=tuple(prompt for prompt, _ in pairs),
        answers=tuple(answer for _, answer in pairs) if any(a for _, a in pairs) else (),
        pictures=tuple(workspace.add_picture(path) for path in options.image),
        questions=options.questions,
        judge=options.judge,
        sampling=SampleConfig(
            use_graph=not options.no_graph,
            **{name: getattr(options, name) for name in _DRAWN},
        ),
    )


def _side(workspace: Workspace, words: str) -> str:
    if words == "builtin":
        return BUILTIN_SIDE
    return words if words.startswith(OLLAMA) else find_student(workspace, words).id


def _compare(workspace: Workspace, options: argparse.Namespace) -> int:
    comparing, interrupt = workspace.comparing(), Interrupt()
    comparison = comparing.start(_config(workspace, options))
    for state in comparing.states(comparison):
        bar(state.answered, state.asked, state.stage)
        if interrupt.asked:
            comparing.stop(comparison)
    print(file=sys.stderr)
    for line in summary(state):
        print(line, file=sys.stderr)
    targets: dict[ReportKind, Path | None] = {
        "json": options.out,
        "csv": options.csv,
        "html": options.html,
    }
    for kind, target in targets.items():
        if target is not None:
            shutil.copyfile(comparing.export(comparison, kind), target)
    if options.out is None:
        print(comparing.export(comparison, "json").read_text(encoding="utf-8"), end="")
    return INTERRUPTED if interrupt.asked else int(state.state != "done")


def summary(comparison: Comparison) -> list[str]:
    """The measures as lines of text, a column for every side."""
    names = names_of(comparison)
    lines = [f"{'':<16}" + "".join(f"{name[:34]:>36}" for name in names)]
    found = {(measure.name, measure.side): measure for measure in comparison.measures}
    for name, (heading, _, _) in WORDS.items():
        cells = [found.get((name, side)) for side in range(len(names))]
        if any(cells):
            words = [
                f"{figure(m.name, m.value)} [{figure(m.name, m.low)}, {figure(m.name, m.high)}]"
                if m
                else "–"
                for m in cells
            ]
            lines.append(f"{heading:<16}" + "".join(f"{word:>36}" for word in words))
    for each in comparison.differences:
        if each.p < 0.05:
            pair = f"{LETTERS[each.second]} − {LETTERS[each.first]}"
            lines.append(
                f"{WORDS[each.name][0]}, {pair}: {each.value:+.3f} "
                f"[{each.low:.3f}, {each.high:.3f}], p = {each.p:.3f} ({each.test})"
            )
    return [*lines, comparison.message] if comparison.message else lines


if __name__ == "__main__":
    sys.exit(main())
