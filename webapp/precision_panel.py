"""The choice between full and eight-bit weights, and what each costs and brings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.errors import ReasonerError
from model.precision_records import PrecisionFigures, PrecisionReport
from model.records import StudentId
from webapp.backend import Backend, Door
from webapp.formatting import error_html, file_size, muted_html, note_html
from webapp.widgets import CALM, QUIET, bind

CHOICES = [("full (32 bits)", "full"), ("int8 (8 bits)", "int8")]


@dataclass(frozen=True)
class PrecisionPanel:
    """The parts of the panel, in the order in which they are drawn."""

    precision: Any
    measure: Any
    note: Any


def draw_precision() -> PrecisionPanel:
    """Draw the panel inside the current block."""
    with gr.Accordion("Precision of the weights", open=False, elem_id="precision"):
        precision = gr.Radio(
            CHOICES,
            value="full",
            label="Students answer in",
            info="int8 reads a quarter of the bytes for each token, which is faster on a CPU, and "
            "rounds the weights. Files stay as they are.",
            elem_id="precision-choice",
        )
        note = gr.HTML(elem_id="precision-note", elem_classes="itr-optional")
        measure = gr.Button("Measure both", elem_id="precision-measure")
    return PrecisionPanel(precision, measure, note)


def wire_precision(
    door: Door,
    panel: PrecisionPanel,
    students: Any,
    chip: tuple[Any, Any],
    show_student: Callable[[Backend], tuple[Any, ...]],
) -> None:
    """Wire the panel to the list of students and to the chip, whose look ``show_student`` tells."""

    def on_choice(backend: Backend, precision: str, student: str | None) -> tuple[Any, ...]:
        """Let students answer in another precision.

        Inputs: precision, students
        Outputs: precision, note, student, watch
        """
        return *choose(backend, precision, student), *show_student(backend)

    panel.precision.input(
        bind(door, on_choice),
        [panel.precision, students],
        [panel.precision, panel.note, *chip],
        **QUIET,
    )
    students.change(bind(door, on_student), [students], [panel.precision, panel.note], **QUIET)
    panel.measure.click(
        bind(door, on_measure),
        [students],
        [panel.note],
        api_name="measure_precision",
        **CALM,
        trigger_mode="once",
    )


def choose(backend: Backend, precision: str, student: str | None) -> tuple[Any, str]:
    """The choice after a click, and words about it: a refused one stays where it was."""
    precisions = backend.precisions()
    try:
        precisions.use(precision)
    except ReasonerError as exc:
        return precisions.current, error_html(str(exc))
    return on_student(backend, student)


def on_student(backend: Backend, student: str | None) -> tuple[Any, str]:
    """What is known of the chosen student.

    Inputs: students
    Outputs: precision, note
    """
    precisions = backend.precisions()
    report = None
    if student:
        try:
            report = precisions.report(StudentId(student))
        except ReasonerError as exc:
            return precisions.current, error_html(str(exc))
    return precisions.current, report_html(report) if report else muted_html("Not measured yet.")


def on_measure(backend: Backend, student: str | None) -> Iterator[str]:
    """Loss on held-out answers, size and speed, in both precisions.

    Inputs: students
    Outputs: note
    """
    if not student:
        yield error_html("No student is chosen. Choose one from the list.")
        return
    yield note_html("Measuring loss, size and speed in both, in turns…")
    try:
        yield report_html(backend.precisions().measure(StudentId(student)))
    except ReasonerError as exc:
        yield error_html(str(exc))


def report_html(report: PrecisionReport) -> str:
    """Both precisions side by side."""
    head = "".join(
        f"<th scope='col'>{name}</th>" for name in ("precision", "size", "speed", "loss, held out")
    )
    rows = _row("full", report.full) + _row("int8", report.int8)
    caption = (
        "Measured on this machine: the decoder's weights, one answer at a time, loss in nats per "
        f"token; weights {report.weights_hash[:6]}"
    )
    return (
        f"<table class='itr-table'><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _row(name: str, figures: PrecisionFigures) -> str:
    cells = (
        name,
        file_size(figures.weight_bytes),
        f"{figures.tokens_per_s:,.0f} tok/s",
        f"{figures.loss:.4f}",
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
