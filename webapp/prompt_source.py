"""The second step of the Distill form: where the prompts of a run come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from model.config import DistillConfig
from webapp.backend import Backend, Door
from webapp.config_form import draw_knobs
from webapp.prompt_file import as_lines, own_pairs
from webapp.widgets import QUIET, bind

SOURCES = [
    ("Micro-world", "microworld"),
    ("A topic", "topic"),
    ("My graph", "graph"),
    ("My own prompts", "own"),
]
TEACHERS = [
    ("Built-in micro-world", "builtin"),
    ("Ollama server", "ollama"),
    ("None: my answers", "none"),
]
_ANSWERED_BY = {
    "builtin": ("microworld", "topic", "graph", "own"),
    "ollama": ("topic", "graph", "own"),
    "none": ("graph", "own"),
}
FILES = [".txt", ".csv", ".tsv", ".jsonl", ".json"]


@dataclass(frozen=True)
class PromptSource:
    """The fields of the second step."""

    source: gr.Radio
    topic: gr.Textbox
    own: gr.Textbox
    upload: gr.UploadButton
    number: gr.Number


def draw_source() -> PromptSource:
    """Draw the fields inside the current panel."""
    source = gr.Radio(SOURCES, value="microworld", show_label=False, elem_id="distill-source")
    topic = gr.Textbox(
        label="Topic", placeholder="bread baking", visible=False, elem_id="distill-topic"
    )
    own = gr.Textbox(
        label="Prompts, one per line",
        info="An answer of your own goes behind a tab; prompts without one are asked.",
        lines=5,
        max_lines=12,
        visible=False,
        elem_id="distill-own",
    )
    upload = gr.UploadButton(
        "Add from a file (txt, csv, tsv, jsonl)",
        file_types=FILES,
        size="sm",
        visible=False,
        elem_id="distill-upload",
    )
    (number,) = draw_knobs(DistillConfig, ("prompts",), "distill")
    return PromptSource(source, topic, own, upload, number)


def wire_source(door: Door, prompts: PromptSource) -> None:
    """Show the fields of the chosen source, and read files into the list."""
    prompts.source.change(
        bind(door, on_source),
        [prompts.source],
        [prompts.topic, prompts.own, prompts.upload, prompts.number],
        **QUIET,
    )
    prompts.upload.upload(
        bind(door, on_upload), [prompts.upload, prompts.own], [prompts.own], **QUIET
    )


def sources_for(teacher: str, source: str) -> Any:
    """The sources whose prompts a teacher can answer; keeps the choice if it is one of them."""
    able = _ANSWERED_BY.get(teacher, ())
    value = source if source in able else next(iter(able), source)
    return gr.update(choices=[each for each in SOURCES if each[1] in able], value=value)


def on_source(backend: Backend, source: str) -> tuple[Any, Any, Any, Any]:
    """Show the fields of one source of prompts.

    Inputs: prompt source
    Outputs: topic, own prompts, upload, number of prompts
    """
    own = gr.update(visible=source == "own")
    return gr.update(visible=source == "topic"), own, own, gr.update(visible=source != "own")


def on_upload(backend: Backend, file: str | None, text: str) -> str:
    """Add the prompts of a file, with their answers, to those that are typed already.

    Inputs: file, own prompts
    Outputs: own prompts
    """
    if not file:
        return text
    added = as_lines(backend.read_prompts(Path(file)))
    return as_lines(own_pairs(f"{text or ''}\n{added}"))
