"""The line at the top that is always there: the mark, the student, the teacher, light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from model.config import SHIPPED_STUDENT
from model.records import StudentId, StudentStatus
from webapp.backend import Backend, Door
from webapp.export_panel import ExportPanel, draw_export, wire_export
from webapp.formatting import error_html, file_size, muted_html, note_html, student_words
from webapp.hub_panel import HubPanel, draw_hub, wire_hub
from webapp.precision_panel import PrecisionPanel, draw_precision, wire_precision
from webapp.source_panel import SourcePanel, draw_sources, wire_sources
from webapp.speed_panel import SpeedPanel, draw_speed, wire_speed
from webapp.widgets import QUIET, Wire, bind

_WORDMARK = (
    "<h1 class='itr-wordmark'><span class='itr-mark' aria-hidden='true'>"
    "<span class='itr-mark-what'></span><span class='itr-mark-action'></span>"
    "<span class='itr-mark-result'></span></span>Image-Token Reasoning</h1>"
)
_STEPS = (
    ("example", "triplets", "Try an example"),
    ("graph", "graph", "See it in the graph"),
    ("ask", "chat", "Ask about it"),
    ("distill", "distill", "Distil a student"),
    ("compare", "compare", "Compare"),
)


@dataclass(frozen=True)
class Header:
    """What other tabs link to: the chip of the student and the clock that watches it load."""

    student: Any
    watch: Any
    reload: Wire
    teacher: Wire


@dataclass(frozen=True)
class _Switcher:
    panel: Any
    students: Any
    note: Any
    use: Any
    delete: Any
    really: Any
    close: Any
    sources: SourcePanel
    precision: PrecisionPanel
    speed: SpeedPanel
    export: ExportPanel
    hub: HubPanel


def build_header(door: Door, *, multi_user: bool = False) -> Header:
    """Draw the header and the switcher under it, and wire both."""
    with gr.Row(elem_id="header", elem_classes="itr-header"):
        gr.HTML(_WORDMARK)
        student = gr.Button(
            "student …", size="sm", elem_id="header-student", elem_classes="itr-chip", scale=0
        )
        teacher = gr.Button(
            "teacher …", size="sm", elem_id="header-teacher", elem_classes="itr-chip", scale=0
        )
        gr.Button("◐", size="sm", elem_id="theme-toggle", elem_classes="itr-chip", scale=0)
    switcher = _draw_switcher(multi_user)
    gr.HTML(tour_html(), elem_id="tour", js_on_load=None)
    watch = gr.Timer(1.0, active=False)
    status = Wire(bind(door, show_student, polled=True), [], [student, watch])
    status.pull(watch.tick)
    asked = Wire(bind(door, show_teacher, polled=True), [], [teacher])
    asked.pull(teacher.click)
    opened = [switcher.panel, switcher.students, switcher.note, switcher.really]
    student.click(bind(door, open_switcher), None, opened, **QUIET)
    switcher.close.click(lambda: gr.Column(visible=False), None, [switcher.panel], **QUIET)
    switcher.use.click(
        bind(door, use_student), [switcher.students], [switcher.panel, student, watch], **QUIET
    )
    switcher.delete.click(
        bind(door, ask_to_delete), [switcher.students], [switcher.note, switcher.really], **QUIET
    )
    switcher.students.input(
        lambda: ("", gr.Button(visible=False)), None, [switcher.note, switcher.really], **QUIET
    )
    switcher.really.click(
        bind(door, delete_student),
        [switcher.students],
        [*opened, student, watch],
        **QUIET,
    )
    wire_sources(door, switcher.sources, opened, open_switcher)
    wire_precision(door, switcher.precision, switcher.students, (student, watch), show_student)
    wire_speed(door, switcher.speed, switcher.students)
    wire_export(door, switcher.export, switcher.students)
    wire_hub(door, switcher.hub, switcher.students, opened, open_switcher)
    return Header(student, watch, status, asked)


def _draw_switcher(multi_user: bool) -> _Switcher:
    with gr.Column(visible=False, elem_id="switcher", elem_classes="itr-panel") as panel:
        gr.HTML("<h2 class='itr-heading'>Students</h2>")
        students = gr.Radio(
            [], label="Students", show_label=False, elem_id="switcher-list",
            elem_classes="itr-choices",
        )  # fmt: skip
        note = gr.HTML("", elem_id="switcher-note")
        with gr.Row(elem_classes="itr-row itr-actions"):
            use = gr.Button("Use this student", variant="primary", elem_id="switcher-use")
            delete = gr.Button("Delete …", elem_id="switcher-delete")
            really = gr.Button(
                "Delete for good", variant="stop", visible=False, elem_id="switcher-really"
            )
            close = gr.Button("Close", elem_id="switcher-close")
        sources = draw_sources()
        precision = draw_precision()
        speed = draw_speed()
        export = draw_export(multi_user=multi_user)
        hub = draw_hub(multi_user=multi_user)
    folds = (sources, precision, speed, export, hub)
    return _Switcher(panel, students, note, use, delete, really, close, *folds)


def tour_html() -> str:
    """The strip for a first visit; the browser ticks the steps and remembers that it was closed."""
    steps = "".join(
        f"<li><button type='button' data-step='{name}' data-tab='{tab}' data-number='{number}' "
        f"data-words='{words}'><span class='itr-tick'>{number}</span>{words}</button></li>"
        for number, (name, tab, words) in enumerate(_STEPS, start=1)
    )
    return (
        f"<nav class='itr-tour' aria-label='First steps'><ol>{steps}</ol>"
        "<button type='button' class='itr-dismiss' aria-label='Close the first steps'>×</button>"
        "</nav>"
    )


def chip_of(status: StudentStatus) -> Any:
    """The student's chip: its name, size and hash, and whether it is ready."""
    words = student_words(status.info) if status.info else "no student"
    if status.precision == "int8":
        words = f"{words} · int8"
    if status.state == "loading":
        words = f"{words} · loading…" if status.info else "student · loading…"
    if status.state == "failed":
        words = f"{words} · failed"
    return gr.Button(words, elem_classes=["itr-chip", f"itr-chip-{status.state}"])


def show_student(backend: Backend) -> tuple[Any, ...]:
    """Which student answers now.

    Outputs: student, watch
    """
    status = backend.student()
    return chip_of(status), gr.Timer(active=status.state == "loading")


def show_teacher(backend: Backend) -> Any:
    """Whether an Ollama server is there; else the built-in teacher answers.

    Outputs: teacher
    """
    status = backend.teacher_status("ollama")
    if status.reachable:
        count = len(status.models)
        words = f"Ollama · {count} {'model' if count == 1 else 'models'}"
        return gr.Button(words, elem_classes=["itr-chip", "itr-chip-ready"])
    return gr.Button("built-in teacher · no Ollama", elem_classes=["itr-chip", "itr-chip-plain"])


def open_switcher(backend: Backend) -> tuple[Any, ...]:
    """Show the list of students, with the one in use chosen.

    Outputs: panel, students, note, really
    """
    status = backend.student()
    choices = [
        (f"{student_words(info)} · {file_size(info.size_bytes)} · {info.origin}", info.id)
        for info in backend.students()
    ]
    failed = error_html(status.message) if status.state == "failed" else ""
    few = muted_html("Distil a student, and it stands here beside this one.")
    return (
        gr.Column(visible=True),
        gr.Radio(choices=choices, value=status.info.id if status.info else None),
        failed or (few if len(choices) == 1 else ""),
        gr.Button(visible=False),
    )


def use_student(backend: Backend, student: str | None) -> tuple[Any, ...]:
    """Let another student answer; it loads while the page goes on.

    Inputs: students
    Outputs: panel, student, watch
    """
    if student:
        backend.use_student(StudentId(student))
    return gr.Column(visible=False), *show_student(backend)


def _name_of(backend: Backend, student: str) -> str:
    return next((info.name for info in backend.students() if info.id == student), student)


def ask_to_delete(backend: Backend, student: str | None) -> tuple[Any, ...]:
    """Ask once more before a student is deleted: there is no way back.

    Inputs: students
    Outputs: note, really
    """
    if not student:
        return error_html("No student is chosen. Choose one from the list."), gr.skip()
    if student == SHIPPED_STUDENT:
        words = "This student came with the project and stays. Choose one that you made."
        return error_html(words), gr.Button(visible=False)
    words = f"Delete {_name_of(backend, student)} for good? Its weights cannot be brought back."
    return note_html(words), gr.Button(visible=True)


def delete_student(backend: Backend, student: str | None) -> tuple[Any, ...]:
    """Delete a student for good.

    Inputs: students
    Outputs: panel, students, note, really, student, watch
    """
    name = _name_of(backend, student or "")
    backend.delete_student(StudentId(student or ""))
    panel, students, _, really = open_switcher(backend)
    return (panel, students, note_html(f"Deleted {name}."), really, *show_student(backend))
