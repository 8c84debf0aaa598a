"""The live side of the Distill tab: the selected run, its curve, samples, log, and all runs.

Everything here is read from the store on each tick, so a reload or a second browser shows the
same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from model.errors import InputError
from model.records import RunId
from webapp.backend import Backend, Door
from webapp.config_form import picked
from webapp.prompt_browser import PromptBrowser, draw_browser, wire_browser
from webapp.run_curves import CHARTS, PLOT_COLOURS
from webapp.run_format import no_run_html
from webapp.run_view import RUNS_SHOWN, view
from webapp.widgets import QUIET, bind, say

TICK_S = 1.0
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
    retry: gr.Button
    look: gr.Button
    reopen: gr.Button
    use_settings: gr.Button
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
    chart: gr.Radio
    beside: gr.Dropdown
    sample: gr.HTML
    gallery: gr.HTML
    log: gr.Textbox
    history: gr.HTML
    note: gr.Textbox
    browser: PromptBrowser

    @property
    def inputs(self) -> list[Any]:
        """What a view of the panel depends on."""
        curve = [self.smooth, self.log_scale, self.chart, self.beside]
        return [self.selected, self.seen, self.limit, *curve]

    @property
    def outputs(self) -> list[Any]:
        """What a view of the panel fills, in the order of ``View``."""
        buttons = [self.pause, self.resume, self.keep, self.discard]
        prompts = [self.retry, self.look, self.reopen, self.use_settings]
        after = [self.delete, self.chat_with, self.compare_with]
        curve = [self.curve, self.plot, self.plot_note]
        shown = [self.sample, self.gallery, self.log, self.history, self.note, self.beside]
        head = [self.selected, self.seen, self.timer, self.head]
        return [*head, *buttons, *prompts, *after, *curve, *shown]


def draw_panel() -> RunPanel:
    """Draw the live side in the current column."""
    with gr.Column(elem_classes=["itr-panel", "itr-live"]):
        head = gr.HTML(no_run_html(), elem_id="distill-run")
        with gr.Row(elem_classes="itr-actions"):
            pause = _button("Pause", "distill-pause")
            resume = _button("Resume", "distill-resume", variant="primary")
            keep = _button("Stop and keep", "distill-keep")
            look = _button("Look through", "distill-look", variant="primary")
            discard = _button("Discard", "distill-discard")
            retry = _button("Ask failed ones again", "distill-retry")
            chat_with = _button("Chat with the result", "distill-chat", variant="primary")
            compare_with = _button("Compare with the one before", "distill-compare")
            reopen = _button("Change and train again", "distill-reopen")
            use_settings = _button("Use these settings", "distill-use-settings")
            delete = _button("Delete run", "distill-delete")
        with gr.Column(visible=False, elem_classes="itr-confirm", elem_id="distill-confirm") as ask:
            words = gr.HTML()
            with gr.Row():
                yes = gr.Button("Yes", variant="stop", size="sm", elem_id="distill-confirm-yes")
                no = gr.Button("No, keep it", size="sm", elem_id="distill-confirm-no")
        with gr.Column(visible=False, elem_classes="itr-curve") as curve:
            plot = _draw_plot()
            gr.HTML("<h3 class='itr-heading'>Now</h3>")
            sample = gr.HTML(elem_id="distill-sample")
            folded = _draw_folded()
    browser = draw_browser()
    with gr.Column(elem_classes=["itr-panel", "itr-runs"]):
        gr.HTML("<h3 class='itr-heading'>Runs</h3>")
        history = gr.HTML(elem_id="distill-history", js_on_load=_ON_LOAD)
    return RunPanel(
        selected=gr.State(None),
        seen=gr.State(None),
        limit=gr.State(RUNS_SHOWN),
        question=gr.State(None),
        timer=gr.Timer(TICK_S, active=False),
        head=head,
        pause=pause,
        resume=resume,
        keep=keep,
        discard=discard,
        retry=retry,
        look=look,
        reopen=reopen,
        use_settings=use_settings,
        delete=delete,
        chat_with=chat_with,
        compare_with=compare_with,
        confirm=ask,
        confirm_words=words,
        confirm_yes=yes,
        confirm_no=no,
        curve=curve,
        **plot,
        sample=sample,
        **folded,
        history=history,
        browser=browser,
    )


def _button(words: str, elem_id: str, **more: Any) -> gr.Button:
    return gr.Button(words, size="sm", visible=False, elem_id=elem_id, min_width=90, **more)


def _draw_folded() -> dict[str, Any]:
    """What is below the newest sample: a note, the older samples, the log."""
    note = gr.Textbox(
        label="Note",
        placeholder="What you tried with this run, and how it went",
        lines=1,
        max_lines=4,
        max_length=2000,
        elem_id="distill-note",
    )
    with gr.Accordion("Samples over time", open=False):
        gallery = gr.HTML(elem_id="distill-gallery")
    with gr.Accordion("Log", open=False):
        log = gr.Textbox(
            show_label=False, lines=8, max_lines=16, interactive=False, elem_id="distill-log"
        )
    return {"note": note, "gallery": gallery, "log": log}


def _draw_plot() -> dict[str, Any]:
    chart = gr.Radio(
        CHARTS, value="loss", show_label=False, container=False, elem_id="distill-chart"
    )
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
    beside = gr.Dropdown(
        [("no other run", "")],
        value="",
        label="Draw beside",
        visible=False,
        # the run that was chosen may be deleted, or selected itself, before the page hears of it
        allow_custom_value=True,
        elem_id="distill-beside",
    )
    return {
        "plot": plot,
        "plot_note": note,
        "smooth": smooth,
        "log_scale": log_scale,
        "chart": chart,
        "beside": beside,
    }


def wire_panel(door: Door, panel: RunPanel) -> None:
    """Connect ticks, buttons and the list of runs."""
    redraw: dict[str, Any] = {"inputs": panel.inputs, "outputs": panel.outputs, **QUIET}
    panel.timer.tick(
        bind(door, on_tick, polled=True), concurrency_limit=None, trigger_mode="once", **redraw
    )
    gr.on(None, bind(door, on_load), None, panel.outputs, **QUIET)
    curve = [panel.smooth, panel.log_scale, panel.chart, panel.beside]
    gr.on([widget.input for widget in curve], bind(door, on_tick), **redraw)
    simple = (
        (panel.pause, on_pause),
        (panel.resume, on_resume),
        (panel.keep, on_keep),
        (panel.retry, on_retry),
        (panel.reopen, on_reopen),
    )
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
    gr.on(
        [panel.note.blur, panel.note.submit],
        bind(door, on_note),
        [panel.selected, panel.note],
        None,
        **QUIET,
    )
    wire_browser(door, panel.browser, panel.selected, panel.look, [panel.retry, panel.reopen])
    panel.confirm_no.click(bind(door, on_no), None, [panel.question, panel.confirm], **QUIET)
    panel.confirm_yes.click(
        bind(door, on_yes),
        [panel.question, *panel.inputs],
        [panel.question, panel.confirm, *panel.outputs],
        **QUIET,
    )


# ── handlers ────────────────────────────────────────────────────────────────────────────────────


def on_tick(
    backend: Backend, selected: RunId | None, seen: Any, limit: int, *curve: Any
) -> tuple[Any, ...]:
    """Read the selected run again and send what changed.

    Inputs: panel.inputs
    Outputs: panel.outputs
    """
    return view(backend, selected, seen, limit, *curve)


def on_started(
    backend: Backend, selected: RunId | None, seen: Any, limit: int, *curve: Any
) -> tuple[Any, ...]:
    """Show the run that was just started, or nothing new if it was refused.

    Inputs: panel.inputs
    Outputs: panel.outputs
    """
    return view(backend, selected, None, limit, *curve)


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


def on_retry(backend: Backend, selected: RunId | None, *rest: Any) -> tuple[Any, ...]:
    """Ask the failed prompts again. Inputs and outputs: the panel's."""
    run = backend.retry_failed(_chosen(selected))
    if run != selected:
        say("The failed prompts are asked again in a copy of the run.", title="Asking")
    return view(backend, run, *rest)


def on_reopen(backend: Backend, selected: RunId | None, *rest: Any) -> tuple[Any, ...]:
    """Copy the run so that its prompts can be changed. Inputs and outputs: the panel's."""
    return view(backend, backend.reopen_run(_chosen(selected)), *rest)


def on_note(backend: Backend, selected: RunId | None, note: str) -> None:
    """Keep what the person wrote about the run.

    Inputs: selected run, note
    """
    if selected is not None:
        backend.note_run(selected, note or "")


def on_history(
    backend: Backend,
    click: gr.EventData,
    selected: RunId | None,
    seen: Any,
    limit: int,
    *curve: Any,
) -> tuple[Any, ...]:
    """Select the run that was clicked, or list older ones.

    Inputs: the run or “more” (event), panel.inputs
    Outputs: limit, confirm, panel.outputs
    """
    if picked(click, "more"):
        limit += 2 * RUNS_SHOWN
    run = picked(click, "run")
    chosen = next((info.id for info in backend.runs() if info.id == run), selected)
    shown = view(backend, chosen, None, limit, *curve)
    return (limit, gr.update(visible=False), *shown)


def on_ask(backend: Backend, selected: RunId | None, *, kind: str) -> tuple[Any, ...]:
    """Ask before a run is thrown away.

    Inputs: selected run
    Outputs: question, confirm, its words, its yes button
    """
    run = backend.run(_chosen(selected))
    name = f"“{escape(run.name)}”"
    asked = "Discard", f"End {name} and throw away what was learned? The teacher's answers stay."
    if kind == "delete":
        asked = "Delete run", f"Delete {name} with its curve, samples and log? Its student stays."
    yes, words = asked
    return (kind, run.id), gr.update(visible=True), f"<p>{words}</p>", gr.update(value=yes)


def on_no(backend: Backend) -> tuple[None, Any]:
    """Leave the run as it is. Outputs: question, confirm."""
    return None, gr.update(visible=False)


def on_yes(backend: Backend, question: tuple[str, RunId] | None, *shown: Any) -> tuple[Any, ...]:
    """Do what was asked about, to the run that was asked about, whichever is selected by now.

    Inputs: question, panel.inputs
    Outputs: question, confirm, panel.outputs
    """
    kind, run = question or ("", None)
    if run and kind == "delete":
        backend.delete_run(run)
    elif run and kind == "discard":
        backend.stop_run(run, keep=False)
    return (None, gr.update(visible=False), *view(backend, *shown))


def _chosen(run: RunId | None) -> RunId:
    if run is None:
        raise InputError("No run is selected. Choose one from the list of runs.")
    return run
