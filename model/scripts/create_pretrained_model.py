"""Distil a student without a browser: ``python -m model.scripts.create_pretrained_model``.

The same run as the page's *Start*, in the same workspace: it appears in the page's list, every
answer of the teacher is kept, and the same command after Ctrl-C goes on where it stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import logging
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from accelerate import Accelerator

from model import paths
from model.config import DistillConfig
from model.errors import ReasonerError
from model.jobs.jobs import unfinished_or_new
from model.jobs.run_log import StoreRunLog
from model.jobs.worker import run_in_this_process
from model.knowledge.store import Store
from model.learning.knowledge_transfer import Progress
from model.learning.prompt_file import read_prompt_file

TEACHERS = ("builtin", "ollama", "none")
USUAL_TOPIC = "everyday procedures: cooking, repair, plant care and assembly"


def parse_options() -> tuple[argparse.Namespace, DistillConfig]:
    """The command line; options are made from the fields of ``DistillConfig``."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workspace", type=Path, default=paths.default_workspace())
    parser.add_argument("--out", type=Path, help="also copy the finished bundle here")
    parser.add_argument(
        "--own-file", type=Path, help="prompts, with answers or without: txt, csv, tsv, json, jsonl"
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu"), default="auto", help="auto takes a GPU if there is one"
    )
    for item in dataclasses.fields(DistillConfig):
        name = "--" + item.name.replace("_", "-")
        if item.name in ("own_prompts", "own_answers"):
            words = f"{item.name[4:-1].replace('_', ' ')} of yours; may be repeated"
            parser.add_argument(name, action="append", default=[], help=words)
            continue
        if item.name == "teacher":
            words = "builtin, ollama, none, or the name of a model on the Ollama server (builtin)"
            parser.add_argument(name, default=item.default, help=words)
            continue
        limits = item.metadata
        kind: dict[str, Any] = {"type": type(item.default), "default": item.default}
        if isinstance(item.default, bool):
            kind["type"] = _yes
        if limits["choices"]:
            kind["choices"] = limits["choices"]
        unit = f" {limits['unit']}" if limits["unit"] else ""
        parser.add_argument(name, help=f"{limits['help']} (%(default)s{unit})", **kind)
    options = parser.parse_args()
    return options, config_of(options)


def config_of(options: argparse.Namespace) -> DistillConfig:
    """The options as settings; short commands mean what they most likely mean.

    Another teacher than those known is a model on the Ollama server. Without any prompts such a
    one is asked about procedures. Raises: ConfigError, InputError.
    """
    values = {item.name: getattr(options, item.name) for item in dataclasses.fields(DistillConfig)}
    if options.teacher not in TEACHERS:
        values |= {"teacher": "ollama", "teacher_model": options.teacher}
    if options.own_file:
        pairs = read_prompt_file(options.own_file)
        missing = [""] * (len(values["own_prompts"]) - len(values["own_answers"]))
        values["own_prompts"] = [*values["own_prompts"], *(pair.text for pair in pairs)]
        values["own_answers"] = [*values["own_answers"], *missing, *(pair.answer for pair in pairs)]
    if values["own_prompts"] and values["prompt_source"] == "microworld":
        values |= {"prompt_source": "own", "prompts": max(4, len(values["own_prompts"]))}
    elif values["teacher"] == "ollama" and values["prompt_source"] == "microworld":
        values |= {"prompt_source": "topic", "topic": values["topic"] or USUAL_TOPIC}
    values["own_prompts"] = tuple(values["own_prompts"])
    values["own_answers"] = tuple(values["own_answers"]) if any(values["own_answers"]) else ()
    return DistillConfig(**values)


def _yes(word: str) -> bool:
    if word.lower() in ("true", "yes", "on", "1"):
        return True
    if word.lower() in ("false", "no", "off", "0"):
        return False
    raise argparse.ArgumentTypeError(f"“{word}” is neither yes nor no.")


class ConsoleRunLog(StoreRunLog):
    """A run log that also draws a line with the run's figures."""

    def progress(self, progress: Progress) -> None:
        """Write the figures to the store and to the terminal."""
        super().progress(progress)
        done = progress.step / max(progress.steps, 1)
        bar = "█" * round(24 * done)
        loss = f"{progress.train_loss:.3f}" if progress.train_loss is not None else "–"
        held = f"{progress.validation_loss:.3f}" if progress.validation_loss is not None else "–"
        print(
            f"\r{bar:░<24} {progress.step}/{progress.steps}  loss {loss}  validation {held}  "
            f"{progress.tokens_per_s:,.0f} tokens/s  {progress.remaining_s or 0:.0f} s left ",
            end="",
            flush=True,
        )


def main() -> int:
    """Distil; 0 when there is a student, 1 when there is none, 130 after Ctrl-C."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        options, config = parse_options()
        if config.teacher == "ollama" and not config.address:
            config = replace(config, address=paths.ollama_host())
        if options.device == "cpu":
            Accelerator(cpu=True)  # settles it for the whole process: a GPU would be taken else
        store = Store(paths.database(options.workspace))
        run = unfinished_or_new(store, config)
        print(f"run {run.id} in {options.workspace}")
        run = run_in_this_process(options.workspace, run.id, ConsoleRunLog)
    except ReasonerError as error:
        print(f"{error}", file=sys.stderr)
        return 1
    print()
    if run.student is None:
        print(run.message or f"The run is {run.state}.", file=sys.stderr)
        return 130 if run.state in ("paused", "interrupted") else 1
    bundle = paths.students(options.workspace) / run.student
    if options.out:
        shutil.copytree(bundle, options.out, dirs_exist_ok=True)
        bundle = options.out
    figures = {
        "student": run.student,
        "bundle": str(bundle),
        "answers": run.answers,
        "failed_answers": run.failed_answers,
        "train_loss": run.train_loss,
        "validation_loss": run.validation_loss,
        "bytes": sum(file.stat().st_size for file in bundle.iterdir()),
    }
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
