"""“Try it”: ask the teacher one question before a run, and say what the run would take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from model.errors import ReasonerError
from model.prompt_records import TeacherCheck, Trial
from webapp.backend import Backend, Door
from webapp.distill_form import form_config
from webapp.formatting import error_html, short_number
from webapp.run_format import duration
from webapp.widgets import QUIET, bind

_MARKS = {True: ("✓", "ok"), False: ("!", "bad"), None: ("·", "open")}


@dataclass(frozen=True)
class TrialPanel:
    """What a try finds out, and the buttons to try and to start."""

    found: gr.HTML
    button: gr.Button
    start: gr.Button


def draw_trial() -> TrialPanel:
    """Draw them in the current column."""
    found = gr.HTML(elem_id="distill-trial", elem_classes="itr-optional")
    with gr.Row(elem_classes="itr-row"):
        button = gr.Button("Try it", min_width=110, elem_id="distill-try")
        start = gr.Button("Start", variant="primary", min_width=110, elem_id="distill-start")
    return TrialPanel(found, button, start)


# In the page, at once: from the server it could come late, and take a newer result away. Fields
# that began hidden tell `change` more than once (Gradio 6.31), so the values are compared.
_FORGET = """(...values) => {
    const found = values.pop();
    const now = JSON.stringify(values);
    if (now === window.itrTried) return found;
    window.itrTried = now;
    return '';
}"""


def wire_trial(door: Door, panel: TrialPanel, form: Sequence[Any]) -> None:
    """Try what the form says; what was found is forgotten once the form changes."""
    panel.button.click(
        bind(door, on_try),
        list(form),
        [panel.found],
        api_name="try_teacher",
        show_progress="minimal",
    )
    changed = [widget.change for widget in form]
    gr.on(changed, None, [*form, panel.found], [panel.found], js=_FORGET, **QUIET)


def on_try(backend: Backend, *form: Any) -> str:
    """Ask the teacher of the form one question.

    Inputs: the form
    Outputs: what was found
    """
    try:
        return trial_html(backend.try_teacher(form_config(form)))
    except ReasonerError as exc:
        return error_html(str(exc))


def trial_html(trial: Trial) -> str:
    """The checks, the sample, and what the run would take; nobody's words become markup."""
    rows = "".join(_check(check) for check in trial.checks)
    sample = (
        f"<dl class='itr-trial-sample'><dt>prompt</dt><dd>{escape(trial.prompt)}</dd>"
        f"<dt>answer</dt><dd>{escape(trial.answer)}</dd></dl>"
        if trial.answer
        else ""
    )
    verdict = "Ready to start." if trial.ready else "A run would fail: see above."
    speed = f"{short_number(trial.tokens_per_s)} tok/s" if trial.tokens_per_s else "–"
    figures = (
        "<dl class='itr-figures'>"
        f"<div><dt>teacher</dt><dd>{speed}</dd></div>"
        f"<div><dt>answer tokens</dt><dd>{short_number(trial.answer_tokens)}</dd></div>"
        f"<div><dt>time</dt><dd>about {duration(trial.minutes * 60)}</dd></div></dl>"
        f"<p class='itr-advice'>{escape(trial.advice)}</p>"
        if trial.ready
        else ""
    )
    return (
        f"<div class='itr-trial' role='status'><ul class='itr-checks'>{rows}</ul>{sample}"
        f"<p class='itr-trial-verdict'>{verdict}</p>{figures}</div>"
    )


def _check(check: TeacherCheck) -> str:
    mark, kind = _MARKS[check.ok]
    return (
        f"<li class='itr-check itr-check-{kind}'><span aria-hidden='true'>{mark}</span> "
        f"<b>{escape(check.name)}</b> {escape(check.words)}</li>"
    )
