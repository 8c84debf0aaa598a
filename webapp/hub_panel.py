"""Hugging Face: a student goes to the Hub with its card, another comes from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.errors import ReasonerError
from model.export_records import ExportJob
from model.records import StudentId
from webapp.backend import Backend, Door
from webapp.export_format import progress_html
from webapp.formatting import error_html, muted_html
from webapp.widgets import CALM, QUIET, bind


@dataclass(frozen=True)
class HubPanel:
    """The parts of the panel, in the order in which they are drawn."""

    why_not: Any
    repo: Any
    licence: Any
    private: Any
    again: Any
    push: Any
    source: Any
    revision: Any
    pull: Any
    progress: Any
    cancel: Any


def draw_hub(*, multi_user: bool = False) -> HubPanel:
    """Draw the panel inside the current block; a shared app does not show it."""
    with gr.Accordion("Hugging Face", open=False, elem_id="hub", visible=not multi_user):
        why_not = gr.HTML(elem_id="hub-why", elem_classes="itr-optional")
        with gr.Row(equal_height=False):
            repo = gr.Textbox(
                label="Push the chosen student as",
                placeholder="owner/name",
                elem_id="hub-repo",
                min_width=220,
            )
            licence = gr.Textbox(
                label="Licence",
                placeholder="apache-2.0",
                info="Empty names none.",
                elem_id="hub-licence",
                min_width=160,
            )
        with gr.Row():
            private = gr.Checkbox(True, label="Private", elem_id="hub-private", min_width=160)
            again = gr.Checkbox(
                label="Add to it if it is there", elem_id="hub-again", min_width=220
            )
        push = gr.Button("Push", elem_id="hub-push")
        with gr.Row(equal_height=False):
            source = gr.Textbox(
                label="Load from the Hub",
                placeholder="owner/name",
                info="A student, or a small Llama such as SmolLM2-135M.",
                elem_id="hub-source",
                min_width=220,
            )
            revision = gr.Textbox(
                label="Revision",
                info="Empty takes the newest.",
                elem_id="hub-revision",
                min_width=160,
            )
        pull = gr.Button("Load", elem_id="hub-pull")
        progress = gr.HTML(elem_id="hub-progress", elem_classes="itr-optional")
        cancel = gr.Button("Cancel", visible=False, elem_id="hub-cancel")
    return HubPanel(
        why_not, repo, licence, private, again, push, source, revision, pull, progress, cancel
    )


def wire_hub(
    door: Door,
    panel: HubPanel,
    students: Any,
    opened: list[Any],
    open_switcher: Callable[[Backend], tuple[Any, ...]],
) -> None:
    """Wire the panel to the list of students, which ``open_switcher`` fills into ``opened``."""
    shown = [panel.progress, panel.cancel]
    students.change(bind(door, on_open), None, [panel.why_not], **QUIET)
    panel.push.click(
        bind(door, on_push),
        [students, panel.repo, panel.private, panel.again, panel.licence],
        shown,
        **CALM,
        api_name="push_to_hub",
        trigger_mode="once",
    )
    pulled = panel.pull.click(
        bind(door, on_pull),
        [panel.source, panel.revision],
        shown,
        **CALM,
        api_name="load_from_hub",
        trigger_mode="once",
    )
    pulled.then(bind(door, open_switcher), None, opened, **QUIET)
    panel.cancel.click(bind(door, on_cancel), None, None, queue=False, **QUIET)


def on_open(backend: Backend) -> str:
    """What is in the way of a push, before the click.

    Outputs: why_not
    """
    return muted_html(backend.hub().why_not())


def on_push(
    backend: Backend, student: str | None, repo: str, private: bool, again: bool, licence: str
) -> Iterator[tuple[Any, Any]]:
    """Send the student with its card.

    Inputs: students, repo, private, again, licence
    Outputs: progress, cancel
    """
    if not student:
        yield error_html("No student is chosen. Choose one from the list."), gr.skip()
        return
    yield from _follow(
        lambda: backend.hub().push(
            StudentId(student),
            repo or "",
            private=bool(private),
            again=bool(again),
            licence=licence or "",
        )
    )


def on_pull(backend: Backend, source: str, revision: str) -> Iterator[tuple[Any, Any]]:
    """Fetch a student and add it to the list.

    Inputs: source, revision
    Outputs: progress, cancel
    """
    yield from _follow(lambda: backend.hub().pull(source or "", revision or ""))


def on_cancel(backend: Backend) -> None:
    """Stop what is under way; its listener shows how it ended."""
    backend.hub().cancel()


def _follow(start: Callable[[], ExportJob]) -> Iterator[tuple[Any, Any]]:
    """The panel after each step of a transfer. Leaving the page lets it finish."""
    try:
        job = start()
    except ReasonerError as exc:
        yield error_html(str(exc)), gr.skip()
        return
    last = "Asking the Hub"
    yield progress_html(last, 0.0), gr.Button(visible=True)
    for step in job.events():
        if step.kind == "error":
            yield error_html(step.words), gr.Button(visible=False)
        elif step.kind == "done":
            yield progress_html(last, 1.0), gr.Button(visible=False)
        else:
            last = step.words
            yield progress_html(step.words, step.share), gr.skip()
