"""A model on a server as one more student: looked up by address, added to the list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.errors import ReasonerError
from webapp.backend import Backend, Door
from webapp.formatting import error_html, note_html
from webapp.widgets import QUIET, bind


@dataclass(frozen=True)
class SourcePanel:
    """The parts of the panel, in the order in which they are drawn."""

    address: Any
    look: Any
    models: Any
    add: Any
    note: Any


def draw_sources() -> SourcePanel:
    """Draw the panel inside the current block."""
    with gr.Accordion("A model on a server", open=False, elem_id="sources"):
        address = gr.Textbox(
            label="Address",
            placeholder="http://127.0.0.1:11434",
            info="Ollama, vLLM, llama.cpp or LM Studio. Empty means OLLAMA_HOST, else this "
            "computer. Questions go there with the facts found here and with your pictures.",
            elem_id="source-address",
        )
        look = gr.Button("Look what is there", elem_id="source-look")
        models = gr.Dropdown([], label="Model", visible=False, elem_id="source-models")
        add = gr.Button("Add to the list", visible=False, elem_id="source-add")
        note = gr.HTML(elem_id="source-note", elem_classes="itr-optional")
    return SourcePanel(address, look, models, add, note)


def wire_sources(
    door: Door,
    panel: SourcePanel,
    opened: list[Any],
    open_switcher: Callable[[Backend], tuple[Any, ...]],
) -> None:
    """Wire the panel; ``open_switcher`` fills the list of students into ``opened``."""
    panel.look.click(
        bind(door, on_look), [panel.address], [panel.models, panel.add, panel.note], **QUIET
    )
    added = panel.add.click(
        bind(door, on_add), [panel.address, panel.models], [panel.note], **QUIET
    )
    added.then(bind(door, open_switcher), None, opened, **QUIET)


def on_look(backend: Backend, address: str) -> tuple[Any, Any, str]:
    """Which models a server has.

    Inputs: address
    Outputs: models, add, note
    """
    status = backend.teacher_status("ollama", (address or "").strip())
    names = [model.name for model in status.models if model.can_chat]
    first = names[0] if names else None
    words = note_html(status.message) if status.reachable else error_html(status.message)
    shown = bool(names)
    return gr.Dropdown(names, value=first, visible=shown), gr.Button(visible=shown), words


def on_add(backend: Backend, address: str, model: str | None) -> str:
    """Add a model to the list of students.

    Inputs: address, models
    Outputs: note
    """
    try:
        backend.sources().add((address or "").strip(), model or "")
    except ReasonerError as exc:
        return error_html(str(exc))
    return note_html(f"{model} is in the list above. Choose it there to let it answer.")
