"""Export to Ollama: what would leave, its ZIP, and the push to a server with the comparison."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.config import ExportConfig
from model.errors import InputError, ReasonerError
from model.export_records import ExportJob, ExportPreview, ExportStep, ParityRow
from model.records import StudentId
from webapp.backend import Backend, Door
from webapp.export_format import parity_html, preview_html, progress_html
from webapp.formatting import error_html, muted_html
from webapp.widgets import CALM, QUIET, bind, knob_widget, served

KNOBS = ("name", "precision", "fact_tokens", "licence")


@dataclass(frozen=True)
class ExportPanel:
    """The parts of the panel, in the order in which they are drawn."""

    form: list[Any]
    preview: Any
    write: Any
    address: Any
    overwrite: Any
    push: Any
    progress: Any
    cancel: Any
    file: Any
    table: Any


def draw_export(*, multi_user: bool = False) -> ExportPanel:
    """Draw the panel inside the current block. On a shared app there is no push."""
    with gr.Accordion("Export to Ollama", open=False, elem_id="export"):
        form = [
            knob_widget(ExportConfig, name, elem_id=f"export-{name.replace('_', '-')}")
            for name in KNOBS
        ]
        preview = gr.HTML(elem_id="export-preview")
        write = gr.Button("Write for Ollama", variant="primary", elem_id="export-write")
        with gr.Column(visible=not multi_user):
            address = gr.Textbox(
                label="Ollama server",
                placeholder="http://127.0.0.1:11434",
                info="Empty means OLLAMA_HOST, else this computer.",
                elem_id="export-address",
            )
            overwrite = gr.Checkbox(
                label="Replace it if the server has a model of this name",
                elem_id="export-overwrite",
            )
            push = gr.Button("Push to Ollama and compare", elem_id="export-push")
        progress = gr.HTML(elem_id="export-progress", elem_classes="itr-optional")
        cancel = gr.Button("Cancel", visible=False, elem_id="export-cancel")
        file = gr.File(
            label="The folder as ZIP", visible=False, interactive=False, elem_id="export-file"
        )
        table = gr.HTML(elem_id="export-parity", elem_classes="itr-optional")
    return ExportPanel(
        form, preview, write, address, overwrite, push, progress, cancel, file, table
    )


def wire_export(door: Door, panel: ExportPanel, students: Any) -> None:
    """Wire the panel to the list in which a student is chosen."""
    chosen = [students, *panel.form]
    gr.on(
        [students.change, *[widget.change for widget in panel.form]],
        bind(door, on_form),
        chosen,
        [panel.preview],
        trigger_mode="always_last",
        **QUIET,
    )
    shown = [panel.progress, panel.file, panel.table, panel.cancel]
    panel.write.click(bind(door, on_write), chosen, shown, **CALM, api_name="export_student")
    panel.push.click(
        bind(door, on_push),
        [panel.address, panel.overwrite, *chosen],
        shown,
        **CALM,
        api_name="push_student",
    )
    panel.cancel.click(bind(door, on_cancel), None, None, queue=False, **QUIET)


def _config(form: tuple[Any, ...]) -> ExportConfig:
    name, precision, fact_tokens, licence = form
    return ExportConfig(
        name=(name or "").strip(),
        precision=precision,
        fact_tokens=int(fact_tokens or 0),
        licence=(licence or "").strip(),
    )


def _student(student: str | None) -> StudentId:
    if not student:
        raise InputError("No student is chosen. Choose one from the list.")
    return StudentId(student)


def on_form(backend: Backend, student: str | None, *form: Any) -> str:
    """What would leave, or what is in the way, before the click.

    Inputs: students, form
    Outputs: preview
    """
    if not student:
        return muted_html("Choose a student from the list.")
    try:
        preview: ExportPreview = backend.exports().preview(_student(student), _config(form))
    except ReasonerError as exc:
        return error_html(str(exc))
    return preview_html(preview)


def on_write(backend: Backend, student: str | None, *form: Any) -> Iterator[tuple[Any, ...]]:
    """Write the folder and offer it as a ZIP.

    Inputs: students, form
    Outputs: progress, file, table, cancel
    """
    try:
        job = backend.exports().export(_student(student), _config(form))
    except ReasonerError as exc:
        yield error_html(str(exc)), gr.skip(), gr.skip(), gr.skip()
        return
    yield from _follow(job)


def on_push(
    backend: Backend, address: str, overwrite: bool, student: str | None, *form: Any
) -> Iterator[tuple[Any, ...]]:
    """Push the student, then show its answers beside the server's.

    Inputs: address, overwrite, students, form
    Outputs: progress, file, table, cancel
    """
    try:
        job = backend.exports().push(
            _student(student), _config(form), (address or "").strip(), overwrite=bool(overwrite)
        )
    except ReasonerError as exc:
        yield error_html(str(exc)), gr.skip(), gr.skip(), gr.skip()
        return
    yield from _follow(job)


def on_cancel(backend: Backend) -> None:
    """Stop what is under way; its listener shows how it ended."""
    backend.exports().cancel()


def _follow(job: ExportJob) -> Iterator[tuple[Any, ...]]:
    """The panel after each step of an export. Leaving the page lets it finish."""
    rows: list[ParityRow] = []
    last = ExportStep("step")
    yield progress_html("Starting", 0.0), gr.File(visible=False), "", gr.Button(visible=True)
    for step in job.events():
        if step.kind in ("done", "error"):
            words = error_html(step.words) if step.kind == "error" else ""
            ending = words or progress_html(last.words, 1.0)
            yield ending, gr.skip(), parity_html(rows), gr.Button(visible=False)
            return
        last = step
        if step.row is not None:
            rows.append(step.row)
        file = gr.File(value=served(step.path), visible=True) if step.path else gr.skip()
        yield progress_html(step.words, step.share), file, parity_html(rows), gr.skip()
