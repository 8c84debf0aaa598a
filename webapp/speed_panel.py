"""How fast a student answers here: a button, how far it is, and a small report to take along."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from model.errors import ReasonerError
from model.records import StudentId
from model.speed_records import SpeedProgress, SpeedReport
from webapp.backend import Backend, Door
from webapp.chat_format import milliseconds
from webapp.formatting import error_html, file_size, muted_html, short_number
from webapp.open_answers import OpenAnswers
from webapp.widgets import CALM, FETCH_FILE, QUIET, bind, served

NOBODY = "No student is chosen. Choose one from the list."


@dataclass(frozen=True)
class SpeedPanel:
    """The parts of the panel, in the order in which they are drawn; ``token`` finds its work."""

    note: Any
    measure: Any
    stop: Any
    save: Any
    file: Any
    token: Any

    @property
    def shown(self) -> list[Any]:
        """What changes while a student is measured."""
        return [self.note, self.measure, self.stop, self.save, self.token]


def draw_speed() -> SpeedPanel:
    """Draw the panel inside the current block."""
    with gr.Accordion("Speed on this machine", open=False, elem_id="speed"):
        gr.HTML(
            muted_html("Ten questions one by one, then all at once, asked as the chat asks them.")
        )
        note = gr.HTML(elem_id="speed-note", elem_classes="itr-optional")
        with gr.Row(elem_classes="itr-row itr-actions"):
            measure = gr.Button("Benchmark this machine", elem_id="speed-measure")
            stop = gr.Button("Stop", visible=False, elem_id="speed-stop")
            save = gr.Button("Save as JSON", visible=False, elem_id="speed-save")
        file = gr.DownloadButton("Download", visible=False, elem_id="speed-file")
    return SpeedPanel(note, measure, stop, save, file, gr.State(""))


def wire_speed(door: Door, panel: SpeedPanel, students: Any) -> None:
    """Wire the panel to the list in which a student is chosen."""
    runs = OpenAnswers()
    students.change(bind(door, on_student), [students], [panel.note, panel.save], **QUIET)
    panel.measure.click(
        bind(door, partial(on_measure, runs=runs)),
        [students],
        panel.shown,
        api_name="benchmark",
        api_description="Ten questions one by one, then all at once: how fast a student answers.",
        **CALM,
        trigger_mode="once",
    )
    stop = bind(door, partial(on_stop, runs=runs))
    panel.stop.click(stop, [panel.token], None, queue=False, **QUIET)
    made = panel.save.click(bind(door, on_save), [students], [panel.file], **QUIET)
    made.success(None, [panel.file], None, js=FETCH_FILE, **QUIET)


def on_student(backend: Backend, student: str | None) -> tuple[str, Any]:
    """What was measured of the chosen student before.

    Inputs: students
    Outputs: note, save
    """
    report = backend.speeds().report(StudentId(student)) if student else None
    return report_html(report) if report else "", gr.Button(visible=report is not None)


def on_measure(
    backend: Backend, student: str | None, *, runs: OpenAnswers
) -> Iterator[tuple[Any, ...]]:
    """Measure the chosen student; leaving the page stops it.

    Inputs: students
    Outputs: note, measure, stop, save, token
    """
    if not student:
        yield error_html(NOBODY), gr.skip(), gr.skip(), gr.skip(), gr.skip()
        return
    fault, report = "", None
    with runs.work() as token:
        try:
            run = backend.speeds().start(StudentId(student))
            runs.attach(token, run)
            for progress in run.progress():
                yield progress_html(progress), *_buttons(busy=True), gr.skip(), token
            report = run.report()
        except ReasonerError as exc:
            fault = error_html(str(exc))
    if report is not None:
        backend.speeds().keep(report)
    words = report_html(report) if report else muted_html("Stopped before the first answer.")
    keeps = backend.speeds().report(StudentId(student)) is not None
    yield fault or words, *_buttons(busy=False), gr.Button(visible=keeps), ""


def on_stop(backend: Backend, token: str, *, runs: OpenAnswers) -> None:
    """Stop the measurement under way; what was measured until then is shown.

    Inputs: token
    """
    runs.cancel(token)


def on_save(backend: Backend, student: str | None) -> Any:
    """The last report as a file.

    Inputs: students
    Outputs: file
    """
    path = backend.speeds().export(StudentId(student or ""))
    return gr.DownloadButton(f"Download {path.name}", value=served(path), visible=True)


def _buttons(*, busy: bool) -> tuple[Any, Any]:
    return gr.Button(interactive=not busy), gr.Button(visible=busy)


def progress_html(progress: SpeedProgress) -> str:
    """How far the measuring is."""
    label = f"{progress.words}: {progress.done} of {progress.of}"
    return (
        f"<div role='status'><progress class='itr-progress' max='{progress.of}' "
        f"value='{progress.done}' aria-label='Questions asked'></progress> "
        f"{html.escape(label)}</div>"
    )


def report_html(report: SpeedReport) -> str:
    """The report as a table of a few rows, with the machine and the weights it is about."""
    one, together = report.one_by_one, report.all_at_once
    rows = [
        ("one answer", f"{one.tokens_per_s_p50:,.0f} tok/s", milliseconds(one.first_token_s_p50)),
        (
            f"slowest of {one.answers}",
            f"{one.tokens_per_s_slowest:,.0f} tok/s",
            milliseconds(one.first_token_s_p95),
        ),
    ]
    if together is not None:
        rows.append(
            (
                f"{report.prompts} answers at once",
                f"{together.tokens_per_s:,.0f} tok/s",
                milliseconds(together.first_token_s_p50),
            )
        )
    cells = "".join("<tr>" + "".join(f"<td>{c}</td>" for c in row) + "</tr>" for row in rows)
    head = "".join(f"<th scope='col'>{name}</th>" for name in ("asked", "speed", "first word"))
    caption = html.escape(_caption(report))
    early = "" if report.whole else muted_html("Stopped early: not kept.")
    return (
        f"<div role='status'><table class='itr-table'><caption>{caption}</caption><thead><tr>"
        f"{head}</tr></thead><tbody>{cells}</tbody></table></div>{early}"
    )


def _caption(report: SpeedReport) -> str:
    machine = report.machine
    parts = (
        f"{report.name}, {short_number(report.parameters)}" if report.parameters else report.name,
        f"weights {report.weights_hash[:6]}",
        machine.processor,
        f"{machine.cores} cores, load {machine.load:.1f}",
        f"{file_size(report.peak_memory_mb * 1e6)} memory" if report.peak_memory_mb else "",
    )
    return " · ".join(part for part in parts if part)
