"""The live side of the Distill tab: the selected run, its curve, samples, log, and all runs.

Everything here is read from the store on each tick, so a reload or a second browser shows the
same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr

from model.errors import InputError
from model.records import RunId
from webapp.backend import Backend, Door
from webapp.config_form import picked
from webapp.run_format import no_run_html
from webapp.run_view import RUNS_SHOWN, view
from webapp.widgets import QUIET, bind

TICK_S = 1.0
PLOT_COLOURS = {
    "train": "#0d9488",
    "validation": "#d97706",
    "cross-entropy": "#5eead4",
    "logprobs": "#6366f1",
    "train, text alone": "#94a3b8",
    "validation, text alone": "#b45370",
}

_ON_LOAD = """
element.addEventListener('click', event => {
    const button = event.target.closest('[data-run], [data-more]');
    if (button) trigger('click', {run: button.dataset.run || '', more: button.dataset.more || ''});
});
"""


@dataclass(frozen=True)
class RunPanel:
    """The components of the live side."""

    selected: gr.State
    seen: gr.State
    limit: gr.State
    question: gr.State
    timer: gr.Timer
    head: gr.HTML
    pause: gr.Button
    resume: gr.Button
    keep: gr.Button
    discard: gr.Button
    delete: gr.Button
    chat_with: gr.Button
    compare_with: gr.Button
    confirm: gr.Column
    confirm_words: gr.HTML
    confirm_yes: gr.Button
    confirm_no: gr.Button
    curve: gr.Column
    plot: gr.LinePlot
    plot_note: gr.HTML
    smooth: gr.Checkbox
    log_scale: gr.Checkbox
    sample: gr.HTML
    log: gr.Textbox
    history: gr.HTML

    @property
    def inputs(self) -> list[Any]:
        """What a view of the panel depends on."""
        return [self.selected, self.seen, self.limit, self.smooth, self.log_scale]

    @property
    def outputs(self) -> list[Any]:
        """What a view of the panel fills, in the order of ``View``."""
        buttons = [self.pause, self.resume, self.keep, self.discard]
        after = [self.delete, self.chat_with, self.compare_with]
        shown = [self.curve, self.plot, self.plot_note, self.sample, self.log, self.history]
        return [self.selected, self.seen, self.timer, self.head, *buttons, *after, *shown]


def draw_panel() -> RunPanel:
    """Draw the live side in the current column."""
    with gr.Column(elem_classes=["itr-panel", "itr-live"]):
        head = gr.HTML(no_run_html(), elem_id="distill-run")
        with gr.Row(elem_classes="itr-actions"):
            pause = _button("Pause", "distill-pause")
            resume = _button("Resume", "distill-resume", variant="primary")
            keep = _button("Stop and keep", "distill-keep")
            discard = _button("Discard", "distill-discard")
            chat_with = _button("Chat with the result", "distill-chat", variant="primary")
            compare_with = _button("Compare with the one before", "distill-compare")
            delete = _button("Delete run", "distill-delete")
        with gr.Column(visible=False, elem_classes="itr-confirm", elem_id="distill-confirm") as ask:
            words = gr.HTML()
            with gr.Row():
                yes = gr.Button("Yes", variant="stop", size="sm", elem_id="distill-confirm-yes")
                no = gr.Button("No, keep it", size="sm", elem_id="distill-confirm-no")
        with gr.Column(visible=False, elem_classes="itr-curve") as curve:
            plot, note, smooth, log_scale = _draw_plot()
            gr.HTML("<h3 class='itr-heading'>Now</h3>")
            sample = gr.HTML(elem_id="distill-sample")
            with gr.Accordion("Log", open=False):
                log = gr.Textbox(
                    show_label=False,
                    lines=8,
                    max_lines=16,
                    interactive=False,
                    elem_id="distill-log",
                )
    with gr.Column(elem_classes=["itr-panel", "itr-runs"]):
        gr.HTML("<h3 class='itr-heading'>Runs</h3>")
        history = gr.HTML(elem_id="distill-history", js_on_load=_ON_LOAD)
    return RunPanel(
        selected=gr.State(None),
        seen=gr.State(None),
        limit=gr.State(RUNS_SHOWN),
        question=gr.State(""),
        timer=gr.Timer(TICK_S, active=False),
        head=head,
        pause=pause,
        resume=resume,
        keep=keep,
        discard=discard,
        delete=delete,
        chat_with=chat_with,
        compare_with=compare_with,
        confirm=ask,
        confirm_words=words,
        confirm_yes=yes,
        confirm_no=no,
        curve=curve,
        plot=plot,
        plot_note=note,
        smooth=smooth,
        log_scale=log_scale,
        sample=sample,
        log=log,
        history=history,
    )


def _button(words: str, elem_id: str, **more: Any) -> gr.Button:
    return gr.Button(words, size="sm", visible=False, elem_id=elem_id, min_width=90, **more)


def _draw_plot() -> tuple[gr.LinePlot, gr.HTML, gr.Checkbox, gr.Checkbox]:
    plot = gr.LinePlot(
        x="step",
        y="loss",
        color="series",
        color_map=PLOT_COLOURS,
        color_title=" ",
        height=260,
        tooltip="all",
        show_label=False,
        container=False,
        buttons=[],
        elem_id="distill-plot",
    )
    note = gr.HTML(elem_classes="itr-optional")
    with gr.Row(elem_classes="itr-row"):
        smooth = gr.Checkbox(False, label="Smooth", container=False, elem_id="distill-smooth")
        log_scale = gr.Checkbox(False, label="Log scale", container=False, elem_id="distill-log10")
    return plot, note, smooth, log_scale


def wire_panel(door: Door, panel: RunPanel) -> None:
    """Connect ticks, buttons and the list of runs."""
    redraw: dict[str, Any] = {"inputs": panel.inputs, "outputs": panel.outputs, **QUIET}
    panel.timer.tick(
        bind(door, on_tick, polled=True), concurrency_limit=None, trigger_mode="once", **redraw
    )
    gr.on(None, bind(door, on_load), None, panel.outputs, **QUIET)
    gr.on([panel.smooth.input, panel.log_scale.input], bind(door, on_tick), **redraw)
    simple = ((panel.pause, on_pause), (panel.resume, on_resume), (panel.keep, on_keep))
    for button, handler in simple:
        button.click(bind(door, handler), panel.inputs, panel.outputs, **QUIET)
    panel.history.click(
        bind(door, on_history, event=True),
        panel.inputs,
        [panel.limit, panel.confirm, *panel.outputs],
        **QUIET,
    )
    asking = [panel.question, panel.confirm, panel.confirm_words, panel.confirm_yes]
    for button, kind in ((panel.discard, "discard"), (panel.delete, "delete")):
        button.click(bind(door, partial(on_ask, kind=kind)), [panel.selected], asking, **QUIET)
    panel.confirm_no.click(bind(door, on_no), None, [panel.question, panel.confirm], **QUIET)
    panel.confirm_yes.click(
        bind(door, on_yes),
        [panel.question, *panel.inputs],
        [panel.question, panel.confirm, *panel.outputs],
        **QUIET,
    )


# ── handlers ────────────────────────────────────────────────────────────────────────────────────


def on_tick(
    backend: Backend, selected: RunId | None, seen: Any, limit: int, smooth: bool, log: bool
) -> tuple[Any, ...]:
    """Read the selected run again and send what changed.

    Inputs: panel.inputs
    Outputs: panel.outputs
    """
    return view(backend, selected, seen, limit, smooth, log)


def on_started(
    backend: Backend, selected: RunId | None, seen: Any, limit: int, smooth: bool, log: bool
) -> tuple[Any, ...]:
    """Show the run that was just started, or nothing new if it was refused.

    Inputs: panel.inputs
    Outputs: panel.outputs
    """
    return view(backend, selected, None, limit, smooth, log)


def on_load(backend: Backend) -> tuple[Any, ...]:
    """Attach to the newest open run, or show the newest finished one.

    Outputs: panel.outputs
    """
    return view(backend, None, None, RUNS_SHOWN, False, False)


def on_pause(backend: Backend, selected: RunId | None, *rest: Any) -> tuple[Any, ...]:
    """Pause the selected run. Inputs and outputs: the panel's."""
    backend.pause_run(_chosen(selected))
    return view(backend, selected, *rest)


def on_resume(backend: Backend, selected: RunId | None, *rest: Any) -> tuple[Any, ...]:
    """Go on with the selected run. Inputs and outputs: the panel's."""
    backend.resume_run(_chosen(selected))
    return view(backend, selected, *rest)


def on_keep(backend: Backend, selected: RunId | None, *rest: Any) -> tuple[Any, ...]:
    """End the selected run and keep what was learned. Inputs and outputs: the panel's."""
    backend.stop_run(_chosen(selected), keep=True)
    return view(backend, selected, *rest)


def on_history(
    backend: Backend,
    click: gr.EventData,
    selected: RunId | None,
    seen: Any,
    limit: int,
    smooth: bool,
    log: bool,
) -> tuple[Any, ...]:
    """Select the run that was clicked, or list older ones.

    Inputs: the run or “more” (event), panel.inputs
    Outputs: limit, confirm, panel.outputs
    """
    if picked(click, "more"):
        limit += 2 * RUNS_SHOWN
    run = picked(click, "run")
    chosen = next((info.id for info in backend.runs() if info.id == run), selected)
    shown = view(backend, chosen, None, limit, smooth, log)
    return (limit, gr.update(visible=False), *shown)


def on_ask(backend: Backend, selected: RunId | None, *, kind: str) -> tuple[Any, ...]:
    """Ask before a run is thrown away.

    Inputs: selected run
    Outputs: question, confirm, its words, its yes button
    """
    _chosen(selected)
    if kind == "delete":
        words = "Delete this run with its curve, samples and log? Its student stays."
        return kind, gr.update(visible=True), f"<p>{words}</p>", gr.update(value="Delete run")
    words = "End this run and throw away what was learned? The teacher's answers stay cached."
    return kind, gr.update(visible=True), f"<p>{words}</p>", gr.update(value="Discard")


def on_no(backend: Backend) -> tuple[str, Any]:
    """Leave the run as it is. Outputs: question, confirm."""
    return "", gr.update(visible=False)


def on_yes(backend: Backend, question: str, selected: RunId | None, *rest: Any) -> tuple[Any, ...]:
    """Do what was asked about.

    Inputs: question, panel.inputs
    Outputs: question, confirm, panel.outputs
    """
    run = _chosen(selected)
    if question == "delete":
        backend.delete_run(run)
    elif question == "discard":
        backend.stop_run(run, keep=False)
    return ("", gr.update(visible=False), *view(backend, selected, *rest))


def _chosen(run: RunId | None) -> RunId:
    if run is None:
        raise InputError("No run is selected. Choose one from the list of runs.")
    return run
